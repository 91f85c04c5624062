//! A shop, a channel that misbehaves, and decisions of people.

use super::memory::Memory;
use endcap_agent::outbox::{
    Decided, Everything, Heard, Held, Known, Message, Promises, Revision, Stage, Voided, decide,
};
use endcap_agent::ports::{Asked, Outlet, Standings};
use endcap_agent::revert::{Scope, Wanted};
use endcap_govern::Approved;
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::gate::{Action, Business, Gate, Inputs, Intent, Permit, Shelf, Standing, Supply};
use endcap_govern::law::{Goods, Market, MarketRules, Offered, PriceHistory, Shown, shipped_markets};
use endcap_govern::stop::{self, Stops};
use endcap_model::{ContentHash, Currency, GateLimits, Share, SnapshotId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

pub fn promises(kind: usize) -> Promises {
    let none = Promises::default();
    let key = Some(SignedDuration::from_hours(1_000));
    [
        Promises { knows_key_for: key, ..none },
        Promises { refuses_second: true, reads_back: true, ..none },
        Promises { refuses_older: true, refuses_second: true, reads_back: true, ..none },
        Promises { reads_back: true, keeps_time: true, ..none },
        Promises { knows_key_for: key, reads_back: true, ..none },
    ][kind]
}

pub fn gate() -> Gate {
    let all = Share::of_basis_points(10_000);
    let limits = GateLimits::cautious(Currency::EUR);
    Gate::new(GateLimits {
        skus_per_hour_max: all,
        places_before_reading_max: all,
        revenue_per_day_max: all,
        moves_per_day_max: 5,
        duplicate_hours: 0,
        ..limits
    })
    .unwrap()
}

/// How things stand.
pub struct Shop {
    stops: RefCell<Stops>,
    pub base_price: Cell<i64>,
    standing: Standing,
}

impl Shop {
    pub fn new() -> Self {
        let long_ago = at(-100 * 86_400);
        let history: PriceHistory = vec![(long_ago, Offered::At(200))].into();
        let goods = Goods { on_sale_since: Some(long_ago), minimum_advertised: Some(0), ..Goods::default() };
        let rules = MarketRules { unit_price: None, ..shipped_markets()["DE"].clone() };
        let standing = Standing {
            currency: Some(Currency::EUR),
            shelf: Shelf {
                base_price: Some(200),
                confirmed_price: Some(200),
                floor: Some(120),
                ceiling: Some(300),
                unit_cost: Some(100),
                pieces_per_day: Some(1),
                generation: 0,
                quarantined: false,
            },
            business: Business { skus: Some(100), places: Some(10), revenue_per_day: Some(10_000_000) },
            supply: Supply { cover_pieces: Some(500), forecast_change_hundredths: Some(0), transferable_pieces: None },
            market: Some(Market { rules, zone: TimeZone::UTC, history, goods }),
            permit: Some(Permit::Allowed),
            ..Standing::default()
        };
        Self { stops: RefCell::default(), base_price: Cell::new(200), standing }
    }

    pub fn stops(&self) -> Stops {
        self.stops.borrow().clone()
    }

    pub fn order(&self, scope: stop::Scope, freeze: bool, now: Timestamp) {
        let stops = self.stops();
        *self.stops.borrow_mut() =
            if freeze { stops.freeze(scope, "ada", now) } else { stops.resume(scope, "ada", now) };
    }
}

impl Standings for Shop {
    fn standing(&self, _: &Asked, _: Timestamp) -> Standing {
        let mut standing = self.standing.clone();
        standing.shelf.base_price = Some(self.base_price.get());
        standing
    }

    fn stops(&self) -> Option<Stops> {
        Some(self.stops())
    }
}

/// Something that somebody decides: prices, offers with their ends, orders; now and then one that limits hold back.
pub fn decided(rng: &mut ChaCha8Rng, promises: Promises, stops: &Stops, now: Timestamp) -> Vec<Decided> {
    let sku = ["milk", "beer"][rng.random_range(0..2)];
    let price = rng.random_range(150..220);
    let action = match rng.random_range(0..5) {
        0 => Action::SetPrice { price },
        1 => Action::SetPrice { price: 60 },
        2 => Action::StartOffer { offer: format!("o{}", rng.random_range(0..2)), price },
        3 => Action::ChangeOffer { offer: "o1".into(), price },
        _ => Action::Order { supplier: "dairy co".into(), pieces: rng.random_range(1..50), unit_cost: 100 },
    };
    let intent = Intent {
        action,
        sku: sku.into(),
        category: "food".into(),
        place: "north".into(),
        channel: "till".into(),
        tenant: "shop".into(),
        agent: "planner".into(),
        currency: Currency::EUR,
        from: now,
        until: Some(now + SignedDuration::from_secs(rng.random_range(600..6_000))),
        generation: 0,
        epoch: stops.epoch(),
        limits: gate().hash().clone(),
        inputs: Inputs { snapshot: SnapshotId::from("s"), known_at: now, quarantined: false, personal_data: false },
        shown: Shown::default(),
    };
    decide(vec![intent], &|_| promises, now, "planner", &Grounds::default())
}

/// Somebody's order to take prices back.
pub fn taken_back(scope: Scope, at: Timestamp) -> Wanted {
    let (by, reason) = (Told::personal("ada"), Told::personal("a wrong price"));
    Wanted { scope, by, reason, told: "by a person".to_owned(), at }
}

/// Somebody's no to whatever waits the longest.
pub fn vetoed(all: &Everything) -> Revision {
    let oldest = all.waiting.iter().find(|one| one.void.is_none());
    let voided = oldest.map(|one| Voided::of(one, Told::personal("ada"), "vetoed", vec![]));
    Revision { void: voided.into_iter().collect(), ..Revision::default() }
}

/// What really happened at the channel.
pub struct Effect {
    pub at: i64,
    pub key: ContentHash,
    pub message: Message,
    pub reverts: bool,
    /// Whether it had left before and only arrived then.
    pub was_late: bool,
}

/// The channel.
pub struct Counterpart {
    promises: Promises,
    rng: ChaCha8Rng,
    holds: BTreeMap<String, Message>,
    pub effects: Vec<Effect>,
    pub late: Vec<(i64, Message, bool)>,
    pub faulty: bool,
    /// What the way back must lead to when it leaves.
    pub base_price: i64,
}

impl Counterpart {
    pub fn new(promises: Promises, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        Self { promises, rng, holds: BTreeMap::new(), effects: vec![], late: vec![], faulty: true, base_price: 200 }
    }

    pub fn outlet<'a>(channel: &'a RefCell<Self>, clock: &'a Cell<i64>) -> Box<dyn Outlet + 'a> {
        Box::new(Wire { channel, clock })
    }

    pub fn let_late_ones_arrive(&mut self, now: i64) {
        let (arrived, late) = std::mem::take(&mut self.late).into_iter().partition(|(when, ..)| *when <= now);
        self.late = late;
        let mut arrived: Vec<(i64, Message, bool)> = arrived;
        arrived.sort();
        for (_, message, reverts) in arrived {
            self.take(&message, reverts, now, true);
        }
    }

    fn take(&mut self, message: &Message, reverts: bool, now: i64, was_late: bool) -> Heard {
        let key = message.key();
        let acknowledged = Heard::Acknowledged { reference: key.short().into() };
        if self.promises.knows_key_for.is_some() && self.effects.iter().any(|effect| effect.key == key) {
            return acknowledged;
        }
        let held = self.holds.get(&message.subject).map(|held| held.generation);
        if self.promises.refuses_second && held == Some(message.generation) {
            return Heard::AlreadyThere;
        }
        if self.promises.refuses_older && held.is_some_and(|held| held > message.generation) {
            return Heard::Older;
        }
        self.holds.insert(message.subject.clone(), message.clone());
        self.effects.push(Effect { at: now, key, message: message.clone(), reverts, was_late });
        acknowledged
    }

    fn fault(&mut self, probability: f64) -> bool {
        let drawn = self.rng.random_bool(probability);
        self.faulty && drawn
    }
}

struct Wire<'a> {
    channel: &'a RefCell<Counterpart>,
    clock: &'a Cell<i64>,
}

impl Outlet for Wire<'_> {
    fn promises(&self) -> Promises {
        self.channel.borrow().promises
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        let (mut channel, now) = (self.channel.borrow_mut(), self.clock.get());
        let reverts = intent.get().action.only_reverts();
        let leads_to = intent.get().action.price();
        assert!(!reverts || leads_to == Some(channel.base_price), "{leads_to:?} is not {}", channel.base_price);
        if channel.fault(0.1) {
            return Heard::Unreachable;
        }
        if channel.fault(0.15) {
            let arrives = now + channel.rng.random_range(0..100);
            channel.late.push((arrives, message.clone(), reverts));
            return Heard::Silence;
        }
        if channel.fault(0.1) {
            return Heard::Silence;
        }
        let heard = channel.take(message, reverts, now, false);
        if channel.fault(0.1) { Heard::Silence } else { heard }
    }

    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        let mut channel = self.channel.borrow_mut();
        if channel.fault(0.2) {
            return Heard::Unread;
        }
        let tells_generation = channel.promises.refuses_older;
        let held = channel.holds.get(&message.subject);
        Heard::Holds(held.map(|held| Held {
            generation: tells_generation.then_some(held.generation),
            content: held.content.clone(),
            told: None,
        }))
    }

    fn rehearse(&mut self, _: &Message, _: &Intent) -> Result<(), String> {
        Ok(())
    }
}

pub fn nothing_is_lost_doubled_or_overtaken(seed: u64, promises: Promises, memory: &Memory, channel: &Counterpart) {
    let mut newest: BTreeMap<&str, &Known> = BTreeMap::new();
    for (known, intent) in memory.messages() {
        let effects = channel.effects.iter().filter(|effect| effect.message == known.message).count();
        let context = format!("seed {seed}, {promises:?}: {effects} effects of {known:?}");
        assert!(known.stage.is_final(), "{context}");
        assert!(effects <= 1, "{context}");
        match known.stage {
            Stage::Confirmed => assert!(effects >= 1, "{context}"),
            Stage::HeldBack { .. } | Stage::Refused { .. } => assert_eq!(effects, 0, "{context}"),
            _ => {}
        }
        assert!(intent.action.price() != Some(60) || effects == 0, "{context}: below its floor");
        newest.insert(&known.message.subject, known);
    }
    for (subject, known) in newest {
        let of_subject = channel.effects.iter().filter(|effect| effect.message.subject == subject);
        let generations: Vec<u64> = of_subject.map(|effect| effect.message.generation).collect();
        assert!(
            generations.is_sorted(),
            "seed {seed}, {promises:?}: an old one came over a newer one: {generations:?}"
        );
        if known.stage == Stage::Confirmed {
            assert_eq!(channel.holds[subject], known.message, "seed {seed}, {promises:?}");
        }
    }
}
