//! Notices on disk: one thing is one notice whoever sees it, answers have their record, and a telling is never doubled, whatever
//! kills who tells.

use super::support::project::Project;
use super::{random, verified, waited};
use crate::on_both;
use endcap_adapters::ledger::{FILE_NAME, Ledger};
use endcap_agent::notices::{
    Judging, Mute, Notice, Receiver, Seen, Sent, Severity, Signal, Step, Terms, after, step, tellings,
};
use endcap_agent::outbox::Heard;
use endcap_govern::audit::Record;
use endcap_model::{Currency, later};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Names the project that a child of this test tells notices of.
const CHILD: &str = "ENDCAP_TEST_NOTICES";

on_both! {
    one_thing_is_one_notice_whichever_program_sees_it,
    an_answer_has_its_record_and_ends_with_what_grows_worse,
    muted_things_are_not_told_and_a_storm_is_one_digest,
    whoever_is_killed_while_telling_doubles_nothing,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn signal(number: usize, money: i64) -> Signal {
    Signal {
        source: "supply".into(),
        kind: "runs_out".into(),
        about: format!("item {number}"),
        sku: Some(number.to_string().as_str().into()),
        place: Some("north".into()),
        text: format!("Item {number} runs out."),
        advice: "Order.".into(),
        money: Some(money),
        floor: None,
        measured: None,
        page: None,
    }
}

fn team(most_per_hour: u32) -> [Receiver; 1] {
    [Receiver { name: "team".into(), from: Severity::Warning, escalations: false, most_per_hour, digest_minutes: 60 }]
}

async fn seen(ledger: &Ledger, to: &[Receiver], signals: &[Signal], now: Timestamp) -> Vec<(Notice, Step)> {
    let seen = Seen { source: "supply", signals, whole: true };
    ledger.revise_notices(to, now, |open| step(open, &seen, &Judging::default(), now)).await.unwrap()
}

async fn make(ledger: &Ledger, to: &[Receiver], now: Timestamp) -> usize {
    let make = ledger.make_tellings(to, now, |receiver, due, traffic, mutes| {
        let terms = Terms { quiet: &[], mutes, currency: Currency::EUR, desk: None };
        tellings(receiver, due, traffic, &terms, now)
    });
    make.await.unwrap()
}

fn one_thing_is_one_notice_whichever_program_sees_it(project: Project) {
    waited(async {
        let path = project.file(FILE_NAME);
        let (first, second) = (Ledger::open(&path, random).await.unwrap(), Ledger::open(&path, random).await.unwrap());
        let signals = [signal(1, 60_000), signal(2, 6_000)];
        assert_eq!(seen(&first, &team(9), &signals, at(0)).await.len(), 2);
        assert_eq!(seen(&second, &team(9), &signals, at(1)).await.len(), 0, "seen again is no step");
        let open = second.open_notices().await.unwrap();
        assert_eq!(open.iter().map(|one| one.times).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(make(&first, &team(9), at(2)).await, 2);
        assert_eq!(make(&second, &team(9), at(2)).await, 0, "nobody is told twice");
        let over = seen(&second, &team(9), &signals[..1], at(30)).await;
        assert_eq!((over.len(), &over[0].1), (1, &Step::Over));
        let again = seen(&second, &team(9), &signals, at(60)).await;
        assert_eq!(again[0].1, Step::Opened, "what comes back is a new notice");
        let (_, steps) = second.notice(&over[0].0.id).await.unwrap().unwrap();
        assert_eq!(steps, [(at(0), Step::Opened), (at(30), Step::Over)]);
        assert_eq!(second.past_notices().await.unwrap().len(), 1);
    });
}

fn an_answer_has_its_record_and_ends_with_what_grows_worse(project: Project) {
    waited(async {
        let path = project.file(FILE_NAME);
        let ledger = Ledger::open(&path, random).await.unwrap();
        let id = seen(&ledger, &[], &[signal(1, 60_000)], at(0)).await[0].0.id.clone();
        assert!(ledger.acknowledge_notice("nothing", ("Ada", "x"), at(1)).await.unwrap().is_none());
        ledger.acknowledge_notice(&id, ("Ada", "I order"), at(1)).await.unwrap().unwrap();
        let mut actions = vec![];
        let read = ledger.each(|content| {
            let record: Record = serde_json::from_slice(content).unwrap();
            assert!(!String::from_utf8_lossy(content).contains("Ada"), "names are personal");
            actions.push(record.entry.action);
            Ok::<_, endcap_adapters::ledger::LedgerError>(())
        });
        read.await.unwrap();
        assert_eq!(actions, ["notice acknowledged"]);
        seen(&ledger, &[], &[signal(1, 600_000)], at(2)).await;
        assert_eq!(ledger.open_notices().await.unwrap()[0].acknowledged, None);
        ledger.close().await;
        assert_eq!(verified(&path).await.unwrap().records, 1);
    });
}

fn muted_things_are_not_told_and_a_storm_is_one_digest(project: Project) {
    waited(async {
        let ledger = Ledger::open(&project.file(FILE_NAME), random).await.unwrap();
        let by = || ("Ada".to_owned(), "known".to_owned());
        let mute = Mute {
            kind: None,
            sku: Some("1".into()),
            place: None,
            from: at(0),
            until: at(60),
            by: by().0,
            reason: by().1,
        };
        ledger.mute_notices(&mute, at(0)).await.unwrap();
        assert_eq!(ledger.mutes(at(1)).await.unwrap(), std::slice::from_ref(&mute));
        let signals: Vec<Signal> = (0..40).map(|number| signal(number, 6_000)).collect();
        seen(&ledger, &team(5), &signals, at(1)).await;
        assert_eq!(make(&ledger, &team(5), at(1)).await, 1);
        let sending = ledger.take_telling(at(1)).await.unwrap().unwrap();
        assert!(sending.telling.digest && sending.telling.steps.len() == 39, "{sending:?}");
        assert!(ledger.take_telling(at(1)).await.unwrap().is_none(), "nobody else takes it meanwhile");
        ledger.settle_telling(&sending.telling.key, &Sent::Again(at(5)), at(1)).await.unwrap();
        assert!(ledger.take_telling(at(4)).await.unwrap().is_none());
        let again = ledger.take_telling(at(5)).await.unwrap().unwrap();
        assert_eq!((again.tries, again.in_doubt), (2, false));
        ledger.settle_telling(&again.telling.key, &Sent::Done, at(5)).await.unwrap();
        assert_eq!(ledger.tellings(9).await.unwrap()[0].state, "done");
        assert!(ledger.mutes(at(60)).await.unwrap().is_empty());
    });
}

fn whoever_is_killed_while_telling_doubles_nothing(project: Project) {
    let kills = if project.is_in_files() { 20_u64 } else { 3 };
    for _ in 0..kills {
        let after = Duration::from_millis(u64::from(random()[0]) / 3);
        killed_after(project.path(), after);
    }
    waited(async {
        let ledger = Ledger::open(&project.file(FILE_NAME), random).await.unwrap();
        tell_all(&ledger, &project.path().join("told"), far()).await;
        let told = fs::read_to_string(project.path().join("told")).unwrap_or_default();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        told.lines().for_each(|key| *times.entry(key).or_default() += 1);
        assert!(times.values().all(|times| *times == 1), "told twice: {times:?}");
        let kept = ledger.tellings(100_000).await.unwrap();
        let unclear = kept.iter().filter(|one| one.state == "unclear").count();
        assert!(kept.iter().all(|one| ["done", "unclear"].contains(&one.state.as_str())), "nothing is forgotten");
        let done =
            kept.iter().filter(|one| one.state == "done").all(|one| times.contains_key(one.telling.key.as_str()));
        assert!(done && !kept.is_empty() && unclear as u64 <= kills, "{} told, {unclear} unclear", kept.len());
        eprintln!(
            "measured: notices | {}, {kills} kills | {} tellings, none doubled, {unclear} that may have arrived were left to people",
            project.kind(),
            kept.len()
        );
    });
}

/// Later than every wait of a telling.
fn far() -> Timestamp {
    later(Timestamp::now(), SignedDuration::from_hours(1))
}

/// Tells what is due until nothing is, as a desk does: what an earlier one may have told is not told again.
async fn tell_all(ledger: &Ledger, file: &Path, now: Timestamp) {
    while let Some(sending) = ledger.take_telling(now).await.unwrap() {
        let heard = if sending.in_doubt {
            Heard::Silence
        } else {
            let mut told = OpenOptions::new().create(true).append(true).open(file).unwrap();
            writeln!(told, "{}", sending.telling.key).unwrap();
            Heard::Acknowledged { reference: String::new() }
        };
        let sent = after(&heard, sending.tries, false, now);
        ledger.settle_telling(&sending.telling.key, &sent, now).await.unwrap();
    }
}

fn killed_after(project: &Path, after: Duration) {
    let told = || fs::metadata(project.join("told")).map_or(0, |file| file.len());
    let before = told();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "notices::a_child_tells_until_it_is_killed", "--ignored", "--nocapture"])
        .env(CHILD, project)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A child takes long to be ready where it has to reach a server: it is killed once it tells.
    for _ in 0..1_000 {
        if told() > before {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "a child of another test"]
fn a_child_tells_until_it_is_killed() {
    let Some(project) = std::env::var_os(CHILD) else { return };
    let project = Path::new(&project);
    waited(async {
        let ledger = Ledger::open(&project.join(FILE_NAME), random).await.unwrap();
        let own = 256 * usize::from(random()[0]) + usize::from(random()[1]);
        for round in 0..100_000_usize {
            let now = Timestamp::now();
            seen(&ledger, &team(u32::MAX), &[signal(own * 100_000 + round, 6_000)], now).await;
            make(&ledger, &team(u32::MAX), now).await;
            tell_all(&ledger, &project.join("told"), now).await;
        }
    });
}
