//! The audit trail on disk: nothing acknowledged is lost, whatever is changed is found, what is erased is gone.

#[path = "ledger/notary.rs"]
mod notary;
#[path = "ledger/notices.rs"]
mod notices;
#[path = "ledger/postgres.rs"]
mod postgres;
#[path = "ledger/stops.rs"]
mod stops;
#[path = "support/mod.rs"]
mod support;

use endcap_adapters::database::is_kept;
use endcap_adapters::journal::{self, StoredJournal};
use endcap_adapters::ledger::{
    AuditedJournal, Erased, Erasure, FILE_NAME, Ledger, LedgerError, LedgerFault, Move, verify,
};
use endcap_agent::ports::Journal;
use endcap_govern::audit::{Anchors, Entry, Fault, Record, Ruling, Told, Verified, Wrong};
use endcap_govern::ladder::{Alarm, Field, Ladder, Rung};
use endcap_model::{Autonomy, Event, Halt};
use jiff::Timestamp;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::project::Project;

/// Names the ledger that a child of this test appends to.
const CHILD: &str = "ENDCAP_TEST_LEDGER";

on_both! {
    records_come_back_in_order_and_verify_after_reopening,
    a_transaction_that_is_given_up_leaves_nothing,
    two_programs_write_one_trail,
    the_database_refuses_to_change_or_drop_a_record_or_a_checkpoint,
    who_drops_the_triggers_is_found,
    an_erased_value_is_nowhere_and_the_trail_still_verifies,
    what_the_loop_decides_is_recorded_before_it_is_journalled,
    an_event_of_the_journal_that_was_changed_or_dropped_is_found,
    a_hundred_kills_lose_nothing_that_was_acknowledged,
    #[ignore = "a measurement"]
    thousands_of_decisions_a_second_are_kept_for_good,
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    for eight in bytes.chunks_exact_mut(8) {
        eight.copy_from_slice(&RandomState::new().build_hasher().finish().to_be_bytes());
    }
    bytes
}

fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn judged(plan: impl ToString) -> Entry<Told> {
    let mut entry = Entry::new(Told::open("endcap"), "plan judged", Told::open(plan), Ruling::Allowed);
    entry.on_behalf_of = Some(Told::personal("Ada Lovelace"));
    entry
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

async fn verified(path: &Path) -> Result<Verified, LedgerFault> {
    verify(path, &Anchors::default()).await.unwrap()
}

/// A ledger with so many records, closed again.
async fn filled(folder: &Path, records: usize) -> PathBuf {
    let path = folder.join(FILE_NAME);
    let ledger = Ledger::open(&path, random).await.unwrap();
    for plan in 0..records {
        ledger.record(noon(), judged(plan)).await.unwrap();
    }
    ledger.close().await;
    path
}

fn records_come_back_in_order_and_verify_after_reopening(project: Project) {
    waited(async {
        let path = filled(project.path(), 5).await;
        let ledger = Ledger::open(&path, random).await.unwrap();
        assert_eq!(ledger.record(noon(), judged("more")).await.unwrap(), 6);
        let last: Vec<u64> = ledger.last(3).await.unwrap().iter().map(|record| record.sequence).collect();
        assert_eq!(last, [4, 5, 6]);
        assert_eq!(ledger.openings().await.unwrap().len(), 6);
        assert_eq!(ledger.leaves(4).await.unwrap().len(), 4);
        assert_eq!(verified(&path).await.unwrap().records, 6);
    });
}

fn a_transaction_that_is_given_up_leaves_nothing(project: Project) {
    waited(async {
        let path = filled(project.path(), 2).await;
        let ledger = Ledger::open(&path, random).await.unwrap();
        let mut transaction = ledger.begin().await.unwrap();
        let entries = vec![(noon(), judged("a")), (noon(), judged("b"))];
        assert_eq!(ledger.append(&mut transaction, entries).await.unwrap(), [3, 4]);
        drop(transaction);
        assert_eq!(ledger.record(noon(), judged("c")).await.unwrap(), 3);
        assert_eq!(verified(&path).await.unwrap().records, 3);
    });
}

fn two_programs_write_one_trail(project: Project) {
    waited(async {
        let path = project.file(FILE_NAME);
        let ledgers = [Ledger::open(&path, random).await.unwrap(), Ledger::open(&path, random).await.unwrap()];
        let writing = (0..100).map(|at| {
            let ledger = ledgers[at % 2].clone();
            tokio::spawn(async move { ledger.record(noon(), judged(at)).await.unwrap() })
        });
        let mut numbers = futures::future::join_all(writing.collect::<Vec<_>>()).await;
        numbers.sort_by_key(|number| *number.as_ref().unwrap());
        assert!(numbers.into_iter().map(Result::unwrap).eq(1..=100));
        assert_eq!(verified(&path).await.unwrap().records, 100);
    });
}

fn the_database_refuses_to_change_or_drop_a_record_or_a_checkpoint(project: Project) {
    waited(async {
        let path = filled(project.path(), 3).await;
        for statement in [
            "update record set content = 'x' where sequence = 2",
            "delete from record where sequence = 3",
            "insert into record (sequence, content) values (7, 'x')",
            "begin; insert into checkpoint (size, note, at) values (1, 'x', 'x'); delete from checkpoint",
            "begin; insert into checkpoint (size, note, at) values (1, 'x', 'x'); update checkpoint set note = 'y'",
        ] {
            assert!(project.by_hand(FILE_NAME, statement).await.is_err(), "{statement}");
        }
        assert_eq!(verified(&path).await.unwrap().records, 3);
    });
}

fn who_drops_the_triggers_is_found(project: Project) {
    waited(async {
        let changed = |sequence| LedgerFault::Trail(Fault::Record { sequence, what: Wrong::Changed });
        let misplaced =
            |sequence, found| LedgerFault::Trail(Fault::Record { sequence, what: Wrong::Misplaced { found } });
        for (statement, expected) in [
            ("update record set content = replace(content, '\"1\"', '\"9\"') where sequence = 2", changed(2)),
            ("delete from record where sequence = 4", misplaced(4, 5)),
            ("update record set sequence = 99 where sequence = 4", misplaced(4, 5)),
            ("delete from record where sequence = 9", LedgerFault::Tip { tip: 9 }),
        ] {
            let project = project.another();
            let path = filled(project.path(), 9).await;
            project.unguard(FILE_NAME, &["record"]).await;
            project.by_hand(FILE_NAME, statement).await.unwrap();
            assert_eq!(verified(&path).await, Err(expected), "{statement}");
        }
        let path = filled(project.path(), 2).await;
        project.by_hand(FILE_NAME, "update opening set value = 'Bob'").await.unwrap();
        assert!(matches!(verified(&path).await, Err(LedgerFault::Value { .. })));
    });
}

fn an_erased_value_is_nowhere_and_the_trail_still_verifies(project: Project) {
    waited(async {
        let path = filled(project.path(), 50).await;
        let ledger = Ledger::open(&path, random).await.unwrap();
        let mut halted = Entry::new(Told::personal("Grace"), "loop halted", Told::open("loop"), Ruling::Allowed);
        halted.reasons = vec![Told::personal("Ada Lovelace is ill")];
        ledger.record(noon(), halted).await.unwrap();
        assert!(project.traces("Ada Lovelace").await > 0);
        let erasure = |within, reason| Erasure { value: "Ada Lovelace", within, by: "Grace", reason };
        assert!(matches!(
            ledger.erase(erasure(false, "Ada Lovelace asked"), noon()).await,
            Err(LedgerError::KeptAnew("reason"))
        ));
        // A server has a log of changes besides.
        let gone = project.is_in_files();
        let first = ledger.erase(erasure(false, "she asked"), noon()).await.unwrap();
        assert_eq!(first, Erased { values: 50, record: 52, left: 1, gone });
        let second = ledger.erase(erasure(true, "she asked"), noon()).await.unwrap();
        assert_eq!(second, Erased { values: 1, record: 53, left: 0, gone });
        let begun = Instant::now();
        while project.traces("Ada Lovelace").await > 0 {
            // A server keeps what other transactions might still want to see, until they end.
            assert!(!gone && begun.elapsed() < Duration::from_secs(30), "the value is still there");
            project.by_hand(FILE_NAME, "vacuum full opening").await.unwrap();
        }
        assert!(project.traces("Grace").await > 0, "what others said stays");
        assert_eq!(verified(&path).await.unwrap().records, 53);
    });
}

fn what_the_loop_decides_is_recorded_before_it_is_journalled(project: Project) {
    let halt = Halt { by: "Ada Lovelace".into(), reason: "stores are shut".into(), plan: None, forecast: None };
    let mut journal = AuditedJournal::open(project.path(), noon, random).unwrap();
    journal.append(&Event::Ingested { snapshot: "s".into(), rows_read: 1, rows_set_aside: 0 }).unwrap();
    journal.append(&Event::Halted { halt: halt.clone() }).unwrap();
    assert_eq!(journal.read().unwrap().len(), 2);
    assert_eq!(waited(verified(&project.file(FILE_NAME))).unwrap().records, 1);
    waited(project.by_hand(
        FILE_NAME,
        match project.is_in_files() {
            true => "create trigger full before insert on record begin select raise(abort, 'full'); end",
            false => "alter table record add constraint full_up check (sequence < 2)",
        },
    ))
    .unwrap();
    let resumed = Event::Resumed { by: "Ada Lovelace".into(), reason: "stores are open".into(), shadow: true };
    let refused = journal.append(&resumed).unwrap_err();
    assert!(refused.to_string().contains("full"), "{refused}");
    assert_eq!(journal.read().unwrap().len(), 2, "nothing is journalled that left no record");
    let unrecorded = journal.append(&Event::Halted { halt }).unwrap_err();
    assert!(unrecorded.to_string().contains("the stop holds"), "{unrecorded}");
    assert_eq!(journal.read().unwrap().len(), 3, "a stop holds all the same");
}

#[test]
fn a_stop_is_journalled_where_there_is_no_ledger_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let halt = Halt { by: "Ada Lovelace".into(), reason: "stores are shut".into(), plan: None, forecast: None };
    std::fs::write(folder.path().join(FILE_NAME), b"no ledger at all").unwrap();
    let mut journal = AuditedJournal::open(folder.path(), noon, random).unwrap();
    let resumed = Event::Resumed { by: "Ada Lovelace".into(), reason: "stores are open".into(), shadow: true };
    assert!(journal.append(&resumed).is_err());
    assert!(journal.append(&Event::Halted { halt }).is_err());
    assert_eq!(journal.read().unwrap().len(), 1);
}

fn an_event_of_the_journal_that_was_changed_or_dropped_is_found(project: Project) {
    let event = |name: &str| Event::Ingested { snapshot: name.into(), rows_read: 3, rows_set_aside: 1 };
    for tampering in [
        "update journal set event = replace(event, 'b', 'x') where sequence = 2",
        "delete from journal where sequence = 2",
        "update journal set at = 'later' where sequence = 1",
    ] {
        let project = project.another();
        let path = project.file(journal::FILE_NAME);
        for name in ["a", "b", "c"] {
            StoredJournal::open(&path, noon).unwrap().append(&event(name)).unwrap();
        }
        let journal = StoredJournal::open(&path, noon).unwrap();
        assert_eq!(journal.read().unwrap(), ["a", "b", "c"].map(event));
        waited(project.by_hand(journal::FILE_NAME, tampering)).unwrap();
        assert!(journal.read().is_err(), "{tampering}");
    }
}

fn a_hundred_kills_lose_nothing_that_was_acknowledged(project: Project) {
    let mut acknowledged = 0;
    // A process takes longer to be ready where it has to reach a server.
    let (rounds, ready) = if project.is_in_files() { (10_u64, 25) } else { (1, 100) };
    for round in 0..rounds {
        let project = project.another();
        let path = project.file(FILE_NAME);
        for kill in 0..10 {
            let after = Duration::from_millis(u64::from(random()[0]) / 3);
            let told = killed_after(&path, Duration::from_millis(ready) + after);
            acknowledged += told.len();
            if !is_kept(&path) {
                continue;
            }
            waited(async {
                // The next writer finds the file as the kill left it.
                let ledger = Ledger::open(&path, random).await.unwrap();
                ledger.record(noon(), judged("after the kill")).await.unwrap();
                let mut records: Vec<Record> = vec![];
                let read = ledger.each(|content| {
                    records.push(serde_json::from_slice(content).unwrap());
                    Ok::<_, LedgerError>(())
                });
                read.await.unwrap();
                ledger.close().await;
                for (sequence, subject) in &told {
                    let held = serde_json::to_value(&records[*sequence - 1].entry.subject).unwrap();
                    assert_eq!(held, subject.as_str(), "round {round}, kill {kill} after {after:?}: record {sequence}");
                }
                assert_eq!(verified(&path).await.unwrap().records, records.len() as u64, "round {round}, kill {kill}");
            });
        }
    }
    let (kind, kills) = (project.kind(), rounds * 10);
    assert!(acknowledged as u64 > kills * 10, "only {acknowledged} records were acknowledged before the kills");
    eprintln!("measured: R1 | {kind}, {kills} kills | {acknowledged} records were acknowledged, none was lost");
}

/// Lets a process append until it is killed; returns the numbers and subjects that it acknowledged.
fn killed_after(path: &Path, after: Duration) -> Vec<(usize, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_child_appends_until_it_is_killed", "--ignored", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reading = std::thread::spawn(move || out.lines().map_while(Result::ok).collect::<Vec<String>>());
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    // A line that the kill cut short is no acknowledgement.
    let acknowledged = |line: &String| {
        let (sequence, subject) = line.strip_prefix("kept ")?.strip_suffix(';')?.split_once(' ')?;
        Some((sequence.parse().ok()?, subject.to_owned()))
    };
    reading.join().unwrap().iter().filter_map(acknowledged).collect()
}

#[test]
#[ignore = "the child of a test that kills it"]
fn a_child_appends_until_it_is_killed() {
    let path = PathBuf::from(std::env::var_os(CHILD).expect("names the ledger"));
    waited(async {
        let ledger = Ledger::open(&path, random).await.unwrap();
        let appending = (0..16).map(|task| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let subject = format!("{}-{task}-{number}", std::process::id());
                    let sequence = ledger.record(noon(), judged(&subject)).await.unwrap();
                    println!("kept {sequence} {subject};");
                }
            })
        });
        futures::future::join_all(appending.collect::<Vec<_>>()).await;
    });
}

fn thousands_of_decisions_a_second_are_kept_for_good(project: Project) {
    const DECISIONS: u32 = 20_000;
    const CALLERS: u32 = 64;
    let path = project.file(FILE_NAME);
    waited(async {
        let ledger = Ledger::open(&path, random).await.unwrap();
        let begun = Instant::now();
        let callers = (0..CALLERS).map(|caller| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for number in 0..DECISIONS / CALLERS {
                    ledger.record(noon(), judged(format!("{caller}-{number}"))).await.unwrap();
                }
            })
        });
        futures::future::join_all(callers.collect::<Vec<_>>()).await;
        let rate = f64::from(DECISIONS / CALLERS * CALLERS) / begun.elapsed().as_secs_f64();
        eprintln!(
            "measured: L1 | {}, {CALLERS} callers, each waits until its record is on disk | {rate:.0} decisions a second",
            project.kind()
        );
        assert!(rate >= 2000.0, "{rate:.0} a second");
    });
}

#[test]
fn an_alarm_lowers_the_machine_once_with_a_record_and_never_raises_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join(FILE_NAME), random).await.unwrap();
        let field =
            |category: &str| Field { category: category.into(), channel: "till".into(), action: "start_offer".into() };
        for (category, rung) in [("dairy", Autonomy::Act), ("beer", Autonomy::Propose)] {
            let (by, reasons) = (Told::personal("ada"), vec![]);
            let wanted = Move { field: field(category), by, reasons, at: noon() };
            let rung = Rung { autonomy: rung, since: noon(), because: String::new() };
            let on = |_: &Ladder| Ok::<_, ()>(Ladder::from(vec![(field(category), rung)]));
            ledger.move_to_rung(wanted, on).await.unwrap().unwrap();
        }
        let raise = |alarm, fields: Option<Vec<Field>>| {
            let ledger = &ledger;
            async move { ledger.alarm(fields.as_deref(), alarm, "sales doubled overnight", noon()).await.unwrap() }
        };
        let dairy = vec![(field("dairy"), Autonomy::Propose)];
        assert_eq!(raise(Alarm::Drift, None).await, dairy, "where a person sends already it falls no further");
        assert_eq!(raise(Alarm::Drift, None).await, []);
        assert_eq!(raise(Alarm::MissedCheckpoint, None).await, []);
        let beer = Some(vec![field("beer")]);
        assert_eq!(raise(Alarm::Breach, beer).await, [(field("beer"), Autonomy::Advise)]);
        let unset = Some(vec![field("toys")]);
        assert_eq!(raise(Alarm::Breach, unset).await, [(field("toys"), Autonomy::Halted)]);
        let records = ledger.last(10).await.unwrap();
        let lowered = records.iter().filter(|record| record.entry.action == "autonomy lowered").count();
        assert_eq!(lowered, 3);
        let ladder = ledger.ladder().await.unwrap();
        let because = &ladder.rung(&field("dairy")).unwrap().because;
        assert!(because.contains("sales or forecasts drift") && because.contains("sales doubled"), "{because}");
        ledger.close().await;
    });
}
