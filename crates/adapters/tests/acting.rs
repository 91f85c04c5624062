//! What is decided leaves once, whatever kills the sender: a real outbox on disk, a channel that really keeps what it is sent,
//! and processes that die at every step.

#[path = "acting/backups.rs"]
mod backups;
#[path = "acting/clock.rs"]
mod clock;
#[path = "acting/counterpart.rs"]
mod counterpart;
#[path = "acting/editions.rs"]
mod editions;
#[path = "acting/ground.rs"]
mod ground;
#[path = "acting/revert.rs"]
mod revert;
#[path = "support/mod.rs"]
mod support;

use counterpart::{Counterpart, Faults};
use endcap_adapters::ledger::{FILE_NAME, LedgerOutbox, verify};
use endcap_agent::outbox::{Known, Patience, Promises, Stage, decide};
use endcap_agent::ports::{Outbox, Outlet};
use endcap_agent::send::{Round, Sender, Step};
use endcap_govern::audit::{Anchors, Grounds};
use endcap_govern::gate::Action;
use endcap_govern::stop::Scope;
use endcap_model::Channel;
use ground::{Shop, at, gate, intent};
use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::project::Project;

/// What a child of this test is told: folder, promises, seed, second at which it wakes, step at which it dies.
const CHILD: &str = "ENDCAP_TEST_SENDER";

on_both! {
    what_is_decided_is_sent_read_back_confirmed_and_recorded,
    the_end_of_an_offer_is_decided_with_it_and_leads_to_the_base_price_of_that_day,
    a_changed_offer_takes_its_old_end_with_it,
    a_stop_holds_back_what_was_decided_and_a_message_without_a_decision_never_leaves,
    a_stop_that_is_pressed_between_note_and_wire_is_heeded,
    a_thousand_kills_lose_and_double_nothing,
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    for eight in bytes.chunks_exact_mut(8) {
        eight.copy_from_slice(&RandomState::new().build_hasher().finish().to_be_bytes());
    }
    bytes
}

fn promises(kind: usize) -> Promises {
    let none = Promises::default();
    let key = Some(SignedDuration::from_hours(48));
    [
        Promises { knows_key_for: key, ..none },
        Promises { refuses_second: true, reads_back: true, ..none },
        Promises { refuses_older: true, reads_back: true, ..none },
        Promises { reads_back: true, keeps_time: true, ..none },
        Promises { knows_key_for: key, reads_back: true, refuses_older: true, ..none },
        none,
    ][kind]
}

/// Runs one sender over a folder from a second on, five seconds a round, until nothing is to be done; `watch` may kill it.
fn run(folder: &Path, promises: Promises, faults: Faults, from: i64, shop: &Shop, watch: &dyn Fn(Step)) -> Round {
    let clock = Cell::new(at(from));
    let now = || clock.get();
    let mut outbox = LedgerOutbox::open(folder, random).unwrap();
    let channel: Box<dyn Outlet> = Box::new(Counterpart::open(folder, promises, faults));
    let outlets = BTreeMap::from([(Channel::from("till"), channel)]);
    let gate = gate();
    let mut sender = Sender::open(&gate, Patience::default(), outlets, (&mut outbox, shop), &now, watch).unwrap();
    let mut all = Round::default();
    for _ in 0..200 {
        let round = sender.round().unwrap();
        clock.set(clock.get() + SignedDuration::from_secs(5));
        all.sent += round.sent;
        all.read += round.read;
        all.settled += round.settled;
    }
    all
}

fn decided(folder: &Path, promises: Promises, actions: Vec<(&str, Action)>, now: Timestamp) {
    let intents = actions.into_iter().map(|(sku, action)| intent(sku, action, now)).collect();
    let mut outbox = LedgerOutbox::open(folder, random).unwrap();
    outbox.decide(decide(intents, &|_| promises, now, "planner", &Grounds::default()), now).unwrap();
}

fn messages(folder: &Path, sku: &str) -> Vec<Known> {
    let outbox = LedgerOutbox::open(folder, random).unwrap();
    let shelf = outbox.shelf(&"till".into(), &"north".into(), &sku.into()).unwrap();
    shelf.into_iter().map(|(known, _)| known).collect()
}

fn order(pieces: i64) -> Action {
    Action::Order { supplier: "dairy co".into(), pieces, unit_cost: 100 }
}

fn set(price: i64) -> Action {
    Action::SetPrice { price }
}

fn audit_holds(folder: &Path) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let verified = runtime.block_on(verify(&folder.join(FILE_NAME), &Anchors::default()));
    verified.unwrap().expect("the trail is whole").records
}

fn what_is_decided_is_sent_read_back_confirmed_and_recorded(project: Project) {
    let (folder, promises) = (project.path(), promises(2));
    decided(folder, promises, vec![("milk", set(210)), ("beer", order(50))], at(0));
    let round = run(folder, promises, Faults::none(), 0, &Shop::open(), &|_| {});
    assert_eq!((round.sent, round.settled), (2, 2));
    for sku in ["milk", "beer"] {
        let known = messages(folder, sku);
        assert_eq!(known.iter().map(|known| &known.stage).collect::<Vec<_>>(), [&Stage::Confirmed]);
        assert_eq!(
            Counterpart::effects(folder),
            [messages(folder, "milk"), messages(folder, "beer")]
                .concat()
                .iter()
                .map(|known| known.message.key().to_string())
                .collect::<Vec<_>>()
        );
    }
    assert_eq!(audit_holds(folder), 4, "two decisions and two confirmations");
}

fn the_end_of_an_offer_is_decided_with_it_and_leads_to_the_base_price_of_that_day(project: Project) {
    let (folder, promises) = (project.path(), promises(2));
    let start = Action::StartOffer { offer: "easter".into(), price: 150 };
    decided(folder, promises, vec![("milk", start)], at(0));
    run(folder, promises, Faults::none(), 0, &Shop::open(), &|_| {});
    assert_eq!(messages(folder, "milk").len(), 1, "the end waits for its time");
    // Meanwhile people approved a base price of 2.20, a day passes, and everything new is frozen.
    let mut shop = Shop { base_price: 220, ..Shop::open() };
    shop.stops = shop.stops.freeze(Scope::Global, "ada", at(86_000));
    run(folder, promises, Faults::none(), 86_460, &shop, &|_| {});
    let known = messages(folder, "milk");
    assert_eq!(known.iter().map(|known| &known.stage).collect::<Vec<_>>(), [&Stage::Confirmed, &Stage::Confirmed]);
    let outbox = LedgerOutbox::open(folder, random).unwrap();
    let (_, end) = outbox.shelf(&"till".into(), &"north".into(), &"milk".into()).unwrap().pop().unwrap();
    assert_eq!(end.action, Action::EndOffer { offer: "easter".into(), price: 220 });
}

fn a_changed_offer_takes_its_old_end_with_it(project: Project) {
    let (folder, promises) = (project.path(), promises(2));
    decided(folder, promises, vec![("milk", Action::StartOffer { offer: "easter".into(), price: 150 })], at(0));
    run(folder, promises, Faults::none(), 0, &Shop::open(), &|_| {});
    decided(folder, promises, vec![("milk", Action::ChangeOffer { offer: "easter".into(), price: 160 })], at(40_000));
    run(folder, promises, Faults::none(), 86_460, &Shop::open(), &|_| {});
    assert_eq!(messages(folder, "milk").len(), 2, "start and change; the new end is a day after the change");
    run(folder, promises, Faults::none(), 126_460, &Shop::open(), &|_| {});
    assert_eq!(messages(folder, "milk").len(), 3);
}

fn a_stop_holds_back_what_was_decided_and_a_message_without_a_decision_never_leaves(project: Project) {
    let (folder, promises) = (project.path(), promises(2));
    decided(folder, promises, vec![("milk", set(210))], at(0));
    let unknown = Shop { unreadable: true, ..Shop::open() };
    run(folder, promises, Faults::none(), 0, &unknown, &|_| {});
    assert!(!messages(folder, "milk")[0].stage.is_final(), "a stop that cannot be read holds up, and voids nothing");
    let mut frozen = Shop::open();
    frozen.stops = frozen.stops.freeze(Scope::Channel("till".into()), "ada", at(0));
    run(folder, promises, Faults::none(), 2_000, &frozen, &|_| {});
    let Stage::HeldBack { reason } = &messages(folder, "milk")[0].stage else {
        panic!("{:?}", messages(folder, "milk"))
    };
    assert!(reason.contains("ada froze channel till"), "{reason}");

    decided(folder, promises, vec![("beer", set(210))], at(3_000));
    let forged = "update scheduled set intent = replace(intent, '210', '230')";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(project.by_hand(FILE_NAME, forged)).unwrap();
    run(folder, promises, Faults::none(), 3_000, &Shop::open(), &|_| {});
    let Stage::HeldBack { reason } = &messages(folder, "beer")[0].stage else {
        panic!("{:?}", messages(folder, "beer"))
    };
    assert!(reason.contains("tells of no such decision"), "{reason}");
    assert!(Counterpart::effects(folder).is_empty());
}

fn a_stop_that_is_pressed_between_note_and_wire_is_heeded(project: Project) {
    let (folder, promises) = (project.path(), promises(2));
    decided(folder, promises, vec![("milk", set(210)), ("beer", set(210))], at(0));
    let shop = Shop::open();
    let stopping = |step| {
        if step == Step::Noted {
            shop.pressed.set(true);
        }
    };
    run(folder, promises, Faults::none(), 0, &shop, &stopping);
    assert!(Counterpart::effects(folder).is_empty());
    for sku in ["milk", "beer"] {
        assert!(matches!(messages(folder, sku)[0].stage, Stage::HeldBack { .. }), "{:?}", messages(folder, sku));
    }
}

fn a_thousand_kills_lose_and_double_nothing(project: Project) {
    let wanted: Option<usize> = std::env::var("ENDCAP_KILLS").ok().and_then(|text| text.parse().ok());
    // A process takes longer on a server than on a file: the usual tests kill at some of the steps there.
    let (kills_wanted, every) = match (wanted, project.is_in_files()) {
        (Some(wanted), _) => (wanted, 1),
        (None, true) => (1_000, 1),
        (None, false) => (30, 17),
    };
    let (mut kills, mut worlds, mut decisions, mut slowest) = (0, 0, 0, Duration::ZERO);
    while kills < kills_wanted {
        let (kind, seed) = (worlds % 6, worlds as u64);
        let world = project.another();
        let folder = world.path();
        let mut from = 0;
        for wave in 0..3 {
            let price = 205 + 5 * wave;
            decided(
                folder,
                promises(kind),
                vec![("milk", set(price)), ("beer", order(10 + wave)), ("eggs", set(price))],
                at(from),
            );
            decisions += 3;
            for dies_at in (1 + wave as usize..).step_by(every) {
                from += 130;
                let (died, opened) = child(folder, kind, seed, from, dies_at);
                slowest = slowest.max(opened);
                kills += usize::from(died);
                if !died {
                    break;
                }
            }
            from += 7_200;
        }
        no_effect_is_lost_or_doubled(folder, kind, seed);
        worlds += 1;
    }
    eprintln!(
        "measured: R1 | {}, {kills} kills in {worlds} worlds, {decisions} decisions | none lost, none doubled; slowest \
         restart {slowest:.1?}",
        project.kind()
    );
    assert!(slowest < Duration::from_secs(5), "a sender took {slowest:?} to take up where the last one ended");
}

fn no_effect_is_lost_or_doubled(folder: &Path, kind: usize, seed: u64) {
    let effects = Counterpart::effects(folder);
    for sku in ["milk", "beer", "eggs"] {
        let all = messages(folder, sku);
        assert_eq!(all.len(), 3, "kind {kind}, seed {seed}");
        for known in &all {
            let count = effects.iter().filter(|effect| **effect == known.message.key().to_string()).count();
            let context = format!("kind {kind}, seed {seed}: {count} effects of {known:?}");
            match known.stage {
                Stage::Confirmed => assert_eq!(count, 1, "{context}"),
                Stage::Superseded | Stage::Unclear { .. } => assert!(count <= 1, "{context}"),
                _ => panic!("{context}"),
            }
        }
        if kind < 5 {
            assert_eq!(all.last().unwrap().stage, Stage::Confirmed, "kind {kind}, seed {seed}");
        }
    }
    audit_holds(folder);
}

/// Runs a sender that dies at a step; returns whether it did, and how long it took to be ready.
fn child(folder: &Path, kind: usize, seed: u64, from: i64, dies_at: usize) -> (bool, Duration) {
    let began = Instant::now();
    let told = format!("{}|{kind}|{seed}|{from}|{dies_at}", folder.display());
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_child_sends_until_it_is_killed", "--ignored"])
        .env(CHILD, told)
        .output()
        .unwrap();
    let first = std::fs::read_to_string(folder.join("ready")).ok().and_then(|text| text.parse::<u64>().ok());
    (!done.status.success(), first.map_or(began.elapsed(), Duration::from_micros))
}

#[test]
#[ignore = "the child of a test that kills it"]
fn a_child_sends_until_it_is_killed() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let parts: Vec<&str> = told.split('|').collect();
    let [folder, kind, seed, from, dies_at] = parts[..] else { panic!("{told}") };
    let (folder, kind, from) = (Path::new(folder), kind.parse().unwrap(), from.parse().unwrap());
    let (seed, dies_at): (u64, usize) = (seed.parse().unwrap(), dies_at.parse().unwrap());
    let (began, steps) = (Instant::now(), Cell::new(0));
    let dying = |_: Step| {
        if steps.get() == 0 {
            std::fs::write(folder.join("ready"), began.elapsed().as_micros().to_string()).unwrap();
        }
        steps.set(steps.get() + 1);
        if steps.get() == dies_at {
            std::process::abort();
        }
    };
    // What the channel does is chance as well, but the same in every run of this seed.
    let faults = Faults { seed: seed ^ (dies_at as u64) << 20, dies_after_effect: dies_at % 7 == 3 };
    run(folder, promises(kind), faults, from, &Shop::open(), &dying);
}
