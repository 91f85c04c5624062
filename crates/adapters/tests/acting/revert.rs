//! Prices that are taken back: at every stage, to the base price that is approved then, also where that has changed and where
//! the channel was down for long.

use super::ground::{Shop, at, gate, intent};
use super::{audit_holds, random};
use endcap_adapters::ledger::LedgerOutbox;
use endcap_agent::outbox::{Heard, Held, Known, Message, Patience, Promises, Stage, decide};
use endcap_agent::ports::{Outbox, Outlet};
use endcap_agent::revert::{Scope, Wanted, revert};
use endcap_agent::send::{Round, Sender};
use endcap_govern::Approved;
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::gate::{Action, Gate, Intent};
use endcap_model::{Channel, Currency, GateLimits, Share};
use jiff::SignedDuration;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// How the tills answer.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mood {
    Up,
    Down,
    /// They take what is sent and say nothing.
    Silent,
    /// They take what is sent and cannot be read.
    Unread,
}

/// Tills that keep in memory what they hold, by subject.
#[derive(Clone)]
pub struct Tills {
    holds: Rc<RefCell<BTreeMap<String, (Message, i64)>>>,
    mood: Rc<Cell<Mood>>,
    pub promises: Promises,
}

impl Tills {
    pub fn new(keeps_time: bool) -> Self {
        let promises = Promises { refuses_older: true, reads_back: true, keeps_time, ..Promises::default() };
        Self { holds: Rc::default(), mood: Rc::new(Cell::new(Mood::Up)), promises }
    }

    pub fn prices(&self) -> Vec<i64> {
        self.holds.borrow().values().map(|(_, price)| *price).collect()
    }
}

impl Outlet for Tills {
    fn promises(&self) -> Promises {
        self.promises
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        if self.mood.get() == Mood::Down {
            return Heard::Unreachable;
        }
        let mut holds = self.holds.borrow_mut();
        if holds.get(&message.subject).is_some_and(|(held, _)| held.generation > message.generation) {
            return Heard::Older;
        }
        holds.insert(message.subject.clone(), (message.clone(), intent.get().action.price().unwrap()));
        if self.mood.get() == Mood::Silent { Heard::Silence } else { Heard::Acknowledged { reference: String::new() } }
    }

    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        if self.mood.get() != Mood::Up {
            return Heard::Unread;
        }
        let holds = self.holds.borrow();
        let held = |(held, _): &(Message, i64)| Held {
            generation: Some(held.generation),
            content: held.content.clone(),
            told: None,
        };
        Heard::Holds(holds.get(&message.subject).map(held))
    }

    fn rehearse(&mut self, _: &Message, _: &Intent) -> Result<(), String> {
        Ok(())
    }
}

/// Rounds from a second on, so many seconds apart.
fn send(folder: &Path, tills: &Tills, shop: &Shop, gate: &Gate, (from, rounds, apart): (i64, i64, i64)) -> Round {
    let clock = Cell::new(at(from));
    let now = || clock.get();
    let mut outbox = LedgerOutbox::open(folder, random).unwrap();
    let outlets = BTreeMap::from([(Channel::from("till"), Box::new(tills.clone()) as Box<dyn Outlet>)]);
    let mut sender = Sender::open(gate, Patience::default(), outlets, (&mut outbox, shop), &now, &|_| {}).unwrap();
    let mut all = Round::default();
    for _ in 0..rounds {
        let round = sender.round().unwrap();
        all.sent += round.sent;
        all.settled += round.settled;
        clock.set(clock.get() + SignedDuration::from_secs(apart));
    }
    all
}

fn offered(folder: &Path, tills: &Tills, gate: &Gate, items: usize, begins: i64) {
    let of = |number: usize| {
        let action = Action::StartOffer { offer: format!("p-{number}"), price: 180 };
        let sku = format!("i{number:05}");
        let until = Some(at(begins + 40 * 86_400));
        Intent { from: at(begins), until, limits: gate.hash().clone(), ..intent(&sku, action, at(0)) }
    };
    let decided = decide((0..items).map(of).collect(), &|_| tills.promises, at(0), "planner", &Grounds::default());
    LedgerOutbox::open(folder, random).unwrap().decide(decided, at(0)).unwrap();
}

fn taken_back(folder: &Path, scope: Scope, second: i64) -> (usize, usize) {
    let (by, reason) = (Told::personal("ada"), Told::personal("wrong prices"));
    let wanted = Wanted { scope, by, reason, told: "by a person".to_owned(), at: at(second) };
    let mut outbox = LedgerOutbox::open(folder, random).unwrap();
    let revision = outbox.revise(at(second), &mut |all| revert(&wanted, all)).unwrap();
    (revision.decide.len(), revision.void.len())
}

fn messages(folder: &Path) -> Vec<(Known, Intent)> {
    let all = LedgerOutbox::open(folder, random).unwrap().all().unwrap();
    all.into_iter().filter_map(|(intent, known)| Some((known?, intent))).collect()
}

#[test]
fn a_price_is_taken_back_at_every_stage_to_the_base_price_that_is_approved_then() {
    for keeps_time in [false, true] {
        for (mood, rounds, stage) in [
            (Mood::Down, 2, "decided"),
            (Mood::Silent, 2, "sent"),
            (Mood::Unread, 2, "acknowledged"),
            (Mood::Up, 3, "confirmed"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (folder, tills, gate) = (folder.path(), Tills::new(keeps_time), gate());
            offered(folder, &tills, &gate, 1, 0);
            tills.mood.set(mood);
            send(folder, &tills, &Shop::open(), &gate, (0, rounds, 1));
            let before = serde_json::to_value(&messages(folder)[0].0.stage).unwrap();
            assert_eq!(before["stage"], stage, "keeps time: {keeps_time}");
            assert_eq!(taken_back(folder, Scope::Global, 10), (1, 0), "{stage}");
            assert_eq!(taken_back(folder, Scope::Offer("p-2".into()), 10), (0, 0), "another offer is left alone");
            // The base price changes after the decision, and once more while the tills do not answer.
            tills.mood.set(Mood::Down);
            send(folder, &tills, &Shop { base_price: 190, ..Shop::open() }, &gate, (20, 5, 10));
            tills.mood.set(Mood::Up);
            let now = Shop { base_price: 195, ..Shop::open() };
            send(folder, &tills, &now, &gate, (600, 40, 30));
            assert_eq!(tills.prices(), [195], "{stage}, keeps time: {keeps_time}: {:#?}", messages(folder));
            let all = messages(folder);
            let (last, back) = all.iter().max_by_key(|(known, _)| known.message.generation).unwrap();
            assert_eq!((&last.stage, back.action.price()), (&Stage::Confirmed, Some(195)), "{stage}");
            assert!(all.iter().all(|(known, _)| known.stage.is_final()), "{all:#?}");
            audit_holds(folder);
        }
    }
}

#[test]
fn what_has_not_begun_never_does_and_its_end_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, tills, gate) = (folder.path(), Tills::new(false), gate());
    offered(folder, &tills, &gate, 2, 86_400);
    assert_eq!(taken_back(folder, Scope::Offer("p-0".into()), 10), (0, 2), "a beginning and its end");
    assert_eq!(taken_back(folder, Scope::Offer("p-0".into()), 11), (0, 0), "once");
    send(folder, &tills, &Shop::open(), &gate, (86_400, 6, 5));
    assert_eq!(tills.prices(), [180], "the other one began");
    let outbox = LedgerOutbox::open(folder, random).unwrap();
    let void: Vec<String> = outbox.waiting().unwrap().into_iter().filter_map(|one| one.void).collect();
    assert!(void.len() == 2 && void[0].contains("taken back before it began"), "{void:?}");
}

#[test]
fn a_channel_that_is_down_for_days_is_told_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, tills, gate) = (folder.path(), Tills::new(false), gate());
    offered(folder, &tills, &gate, 1, 0);
    send(folder, &tills, &Shop::open(), &gate, (0, 5, 5));
    tills.mood.set(Mood::Down);
    assert_eq!(taken_back(folder, Scope::Channel("till".into()), 60), (1, 0));
    send(folder, &tills, &Shop::open(), &gate, (61, 60, 3_600));
    assert_eq!(tills.prices(), [180], "two and a half days, and nothing is given up");
    tills.mood.set(Mood::Up);
    send(folder, &tills, &Shop::open(), &gate, (61 + 60 * 3_600, 5, 60));
    assert_eq!(tills.prices(), [200]);
}

#[test]
fn thousands_of_prices_are_taken_back_within_a_minute() {
    let items: usize = std::env::var("ENDCAP_REVERTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let all = Share::of_basis_points(10_000_000);
    let limits = GateLimits {
        agent_changes_per_hour_max: 1_000_000,
        category_changes_per_hour_max: 1_000_000,
        skus_per_hour_max: all,
        places_before_reading_max: all,
        revenue_per_day_max: all,
        given_away_per_day_max: i64::MAX,
        ..GateLimits::cautious(Currency::EUR)
    };
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new(limits).unwrap());
    let (folder, tills) = (folder.path(), Tills::new(false));
    offered(folder, &tills, &gate, items, 0);
    let rounds = items as i64 / 20 + 10;
    send(folder, &tills, &Shop::open(), &gate, (0, rounds, 1));
    assert_eq!(tills.prices(), vec![180; items]);
    let began = Instant::now();
    assert_eq!(taken_back(folder, Scope::Global, 20_000), (items, 0));
    let decided = began.elapsed();
    send(folder, &tills, &Shop { base_price: 199, ..Shop::open() }, &gate, (20_001, rounds, 1));
    let took = began.elapsed();
    assert_eq!(tills.prices(), vec![199; items]);
    println!(
        "measured: A5 | {items} prices taken back over one channel, decided, sent, read back and recorded | {:.1} s, of which {:.1} s \
         to decide",
        took.as_secs_f64(),
        decided.as_secs_f64()
    );
    assert!(took.as_secs() < 60, "{took:?}");
}
