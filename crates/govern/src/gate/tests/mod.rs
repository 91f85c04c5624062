//! A world in which everything passes, and intents that are sent into it.

mod alone;
mod attacks;
mod in_sum;

use super::*;
use crate::law::{Content, Goods, Market, Measure, Offered, PriceHistory, shipped_markets, unit_price};
use crate::stop::{Scope, Stops};
use endcap_model::{Currency, Share, SnapshotId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::sync::LazyLock;

const NOW: i64 = 1_750_000_000;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

fn gate() -> Gate {
    Gate::new(GateLimits::cautious(Currency::EUR)).unwrap()
}

fn limited(change: impl Fn(&mut GateLimits)) -> Gate {
    let mut limits = GateLimits::cautious(Currency::EUR);
    change(&mut limits);
    Gate::new(limits).unwrap()
}

/// A price of 2.00 for an item of 500 g in Germany, where 10,000 items sell at 1,000 places.
pub fn standing() -> Standing {
    static STANDING: LazyLock<Standing> = LazyLock::new(made_up);
    STANDING.clone()
}

fn made_up() -> Standing {
    let stops = Stops::default();
    let history: PriceHistory = vec![(at(-100 * 86_400), Offered::At(200))].into();
    let goods = Goods {
        perishable: false,
        on_sale_since: Some(at(-100 * 86_400)),
        content: Some(Content { amount: 500, measure: Measure::Gram }),
        minimum_advertised: Some(0),
    };
    Standing {
        now: at(0),
        lease: Some(stops.lease(at(0), SignedDuration::from_secs(5))),
        stops: Some(stops),
        currency: Some(Currency::EUR),
        shelf: Shelf {
            base_price: Some(200),
            confirmed_price: Some(200),
            floor: Some(120),
            ceiling: Some(300),
            unit_cost: Some(100),
            pieces_per_day: Some(10),
            generation: 0,
            quarantined: false,
        },
        business: Business { skus: Some(10_000), places: Some(1_000), revenue_per_day: Some(100_000_000) },
        supply: Supply {
            cover_pieces: Some(100),
            forecast_change_hundredths: Some(0),
            transferable_pieces: Some(1_000),
        },
        market: Some(Market {
            rules: shipped_markets()["DE"].clone(),
            zone: TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
            history,
            goods,
        }),
        guardrail: Guardrail::Unread,
        veto_until: None,
        approved_by_a_person: false,
        permit: Some(Permit::Allowed),
    }
}

pub fn intent(action: Action, gate: &Gate) -> Intent {
    let unit_price_tenths = action.price().and_then(|price| {
        let market = standing().market.unwrap();
        unit_price(price, market.goods.content.unwrap(), market.rules.unit_price.as_ref().unwrap())
    });
    Intent {
        action,
        sku: "milk".into(),
        category: "dairy".into(),
        place: "north".into(),
        channel: "till".into(),
        tenant: "shop".into(),
        agent: "pricing".into(),
        currency: Currency::EUR,
        from: at(60),
        until: Some(at(60 + 86_400)),
        generation: 1,
        epoch: 0,
        limits: gate.hash().clone(),
        inputs: Inputs {
            snapshot: SnapshotId::from("s"),
            known_at: at(-3600),
            quarantined: false,
            personal_data: false,
        },
        shown: crate::law::Shown { unit_price_tenths, ..Default::default() },
    }
}

fn start(price: i64) -> Action {
    Action::StartOffer { offer: "o1".into(), price }
}

fn order(pieces: i64, unit_cost: i64) -> Action {
    Action::Order { supplier: "dairy co".into(), pieces, unit_cost }
}

fn transfer(pieces: i64) -> Action {
    Action::Transfer { origin: "south".into(), pieces }
}

fn names(breaches: &[Breach]) -> Vec<&str> {
    breaches.iter().map(|breach| breach.limit.as_str()).collect()
}

/// The limits that a changed intent breaks in a changed world.
fn broken(gate: &Gate, action: Action, change: impl Fn(&mut Intent, &mut Standing)) -> Vec<String> {
    let (mut intent, mut standing) = (intent(action, gate), standing());
    change(&mut intent, &mut standing);
    let breaches = gate.check(&intent, &standing, &Traffic::default());
    for breach in &breaches {
        assert!(!breach.found.is_empty() && !breach.allowed.is_empty() && breach.found != breach.allowed, "{breach}");
        assert_eq!(breach.at, intent.describe());
    }
    breaches.into_iter().map(|breach| breach.limit).collect()
}

#[test]
fn the_checks_run_in_the_order_that_the_design_sets() {
    let expected = [
        "stop",
        "lease",
        "shape",
        "price bounds",
        "price law",
        "collar",
        "order size",
        "rate",
        "blast radius",
        "exposure",
        "oscillation",
        "duplicates",
        "data",
        "who may",
    ];
    assert_eq!(Gate::order().collect::<Vec<_>>(), expected);
}

#[test]
fn each_kind_of_intent_passes_inside_every_limit() {
    let gate = gate();
    let end = Action::EndOffer { offer: "o1".into(), price: 200 };
    let change = Action::ChangeOffer { offer: "o1".into(), price: 160 };
    for action in [Action::SetPrice { price: 210 }, start(150), change, end, order(150, 100), transfer(100)] {
        assert_eq!(broken(&gate, action.clone(), |_, _| {}), [""; 0], "{action:?}");
    }
}

#[test]
fn a_breach_says_what_was_found_what_is_allowed_and_where() {
    let gate = gate();
    let breaches = gate.check(&intent(start(130), &gate), &standing(), &Traffic::default());
    let told = breaches.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, ["price_step_max: 70 of 200 at start offer of milk at north in till, allowed 30 %, which is 60"]);
}

/// The world so many days later.
fn on_day(day: i64) -> Standing {
    let mut standing = standing();
    standing.now = at(day * 86_400);
    standing.lease = Some(standing.stops.as_ref().unwrap().lease(standing.now, SignedDuration::from_secs(5)));
    standing
}

/// An intent that is fresh at the time of a standing.
fn fresh(intent: Intent, standing: &Standing) -> Intent {
    let mut intent = intent;
    intent.inputs.known_at = standing.now;
    intent.from = standing.now;
    intent.until = None;
    intent
}

/// Sends intents one by one, each in its own world and with a new generation; tells the limits that stopped the last.
fn run(gate: &Gate, steps: impl IntoIterator<Item = (Intent, Standing)>) -> (usize, Vec<String>) {
    let (mut traffic, mut sent) = (Traffic::default(), 0);
    for (intent, standing) in steps {
        let intent = fresh(Intent { generation: sent as u64 + 1, ..intent }, &standing);
        if let Err(breaches) = gate.admit(&intent, &standing, &mut traffic) {
            return (sent, breaches.into_iter().map(|breach| breach.limit).collect());
        }
        sent += 1;
    }
    (sent, vec![])
}
