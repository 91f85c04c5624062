//! Each limit refuses alone; nothing outside any limit passes; machines that run away are stopped.

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
        guardrail_read: false,
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

#[test]
fn a_frozen_scope_lets_only_the_way_back_to_base_prices_through() {
    let gate = gate();
    for scope in intent(start(150), &gate).scopes() {
        let freeze = |intent: &mut Intent, standing: &mut Standing| {
            let stops = standing.stops.as_ref().unwrap().freeze(scope.clone(), "ada", at(-1));
            standing.lease = Some(stops.lease(at(0), SignedDuration::from_secs(5)));
            (intent.epoch, standing.stops) = (stops.epoch(), Some(stops));
        };
        assert_eq!(broken(&gate, start(150), freeze), ["stop"], "{scope}");
        let end = Action::EndOffer { offer: "o1".into(), price: 200 };
        assert_eq!(broken(&gate, end, freeze), [""; 0], "{scope}");
    }
    let elsewhere = |_: &mut Intent, standing: &mut Standing| {
        let stops = standing.stops.as_ref().unwrap().freeze(Scope::Category("toys".into()), "ada", at(-1));
        standing.lease = Some(stops.lease(at(0), SignedDuration::from_secs(5)));
        standing.stops = Some(stops);
    };
    assert_eq!(broken(&gate, start(150), elsewhere), [""; 0]);
}

#[test]
fn what_was_decided_before_a_stop_or_in_no_epoch_at_all_is_void() {
    let gate = gate();
    let resumed = |_: &mut Intent, standing: &mut Standing| {
        let stops = standing.stops.as_ref().unwrap();
        let stops = stops.freeze(Scope::Global, "ada", at(-2)).resume(Scope::Global, "ada", at(-1));
        standing.lease = Some(stops.lease(at(0), SignedDuration::from_secs(5)));
        standing.stops = Some(stops);
    };
    assert_eq!(broken(&gate, start(150), resumed), ["stop"]);
    assert_eq!(broken(&gate, start(150), |intent, _| intent.epoch = 1), ["stop"]);
    assert_eq!(broken(&gate, start(150), |_, standing| standing.stops = None), ["stop"]);
}

#[test]
fn without_a_lease_that_holds_nothing_goes_out() {
    let gate = gate();
    assert_eq!(broken(&gate, start(150), |_, standing| standing.lease = None), ["lease"]);
    assert_eq!(broken(&gate, start(150), |_, standing| standing.now = at(5)), ["lease"]);
    let stale = |_: &mut Intent, standing: &mut Standing| {
        standing.stops = Some(standing.stops.as_ref().unwrap().freeze(Scope::Agent("other".into()), "ada", at(0)));
    };
    assert_eq!(broken(&gate, start(150), stale), ["lease"]);
}

#[test]
fn what_is_not_whole_is_refused_before_anything_else() {
    let gate = gate();
    for price in [0, -1, i64::MIN] {
        assert_eq!(broken(&gate, start(price), |_, _| {}), ["shape"]);
    }
    for (action, expected) in [(order(0, 100), 1), (order(1, 0), 1), (order(0, 0), 2), (transfer(-1), 1)] {
        assert_eq!(broken(&gate, action, |_, _| {}), vec!["shape"; expected]);
    }
    assert_eq!(broken(&gate, start(150), |intent, _| intent.agent = " ".into()), ["shape"]);
    assert_eq!(broken(&gate, transfer(1), |intent, _| intent.place = "south".into()), ["shape"]);
    assert_eq!(broken(&gate, start(150), |intent, _| intent.until = Some(intent.from)), ["validity"]);
    let over = |intent: &mut Intent, _: &mut Standing| (intent.from, intent.until) = (at(-9), Some(at(0)));
    assert_eq!(broken(&gate, start(150), over), ["validity"]);
    let other = gate.limits().hash();
    let stricter = limited(|limits| limits.moves_per_day_max = 1);
    assert_eq!(broken(&stricter, start(150), |intent, _| intent.limits = other.clone()), ["limits"]);
}

#[test]
fn another_currency_than_that_of_place_and_limits_is_refused() {
    let gate = gate();
    assert_eq!(broken(&gate, start(150), |_, standing| standing.currency = None), ["currency"]);
    assert_eq!(broken(&gate, start(150), |_, standing| standing.currency = Some(Currency::DKK)), ["currency"]);
    assert_eq!(broken(&gate, start(150), |intent, _| intent.currency = Currency::JPY), ["currency", "currency"]);
    let dollars = limited(|limits| limits.currency = Currency::USD);
    assert_eq!(broken(&dollars, order(1, 100), |_, _| {}), ["currency"]);
}

#[test]
fn a_price_stays_between_floor_and_ceiling() {
    let gate = gate();
    let floor = |least| move |_: &mut Intent, standing: &mut Standing| standing.shelf.floor = least;
    assert_eq!(broken(&gate, start(150), floor(Some(151))), ["floor"]);
    assert_eq!(broken(&gate, start(150), floor(Some(150))), [""; 0]);
    assert_eq!(broken(&gate, start(150), floor(Some(0))), ["floor"]);
    assert_eq!(broken(&gate, start(150), floor(None)), ["floor"]);
    let ceiling = |most| move |_: &mut Intent, standing: &mut Standing| standing.shelf.ceiling = most;
    assert_eq!(broken(&gate, start(150), ceiling(Some(149))), ["ceiling"]);
    assert_eq!(broken(&gate, start(150), ceiling(Some(150))), [""; 0]);
    assert_eq!(broken(&gate, start(150), ceiling(None)), ["ceiling"]);
}

#[test]
fn a_price_leaves_the_least_margin() {
    let cost = |cost| move |_: &mut Intent, standing: &mut Standing| standing.shelf.unit_cost = cost;
    assert_eq!(broken(&gate(), start(150), cost(Some(150))), [""; 0]);
    assert_eq!(broken(&gate(), start(150), cost(Some(151))), ["margin_rate_min"]);
    assert_eq!(broken(&gate(), start(150), cost(Some(-1))), ["margin_rate_min"]);
    assert_eq!(broken(&gate(), start(150), cost(None)), ["margin_rate_min"]);
    let third = limited(|limits| limits.margin_rate_min = Share::of_basis_points(3333));
    assert_eq!(broken(&third, start(150), cost(Some(100))), [""; 0]);
    assert_eq!(broken(&third, start(150), cost(Some(101))), ["margin_rate_min"]);
}

#[test]
fn an_offer_ends_at_the_approved_base_price_only() {
    let gate = gate();
    for (price, expected) in [(200, vec![]), (201, vec!["base price"]), (199, vec!["base price"])] {
        assert_eq!(broken(&gate, Action::EndOffer { offer: "o1".into(), price }, |_, _| {}), expected);
    }
    let end = Action::EndOffer { offer: "o1".into(), price: 200 };
    assert_eq!(broken(&gate, end, |_, standing| standing.shelf.base_price = None), ["base price"]);
}

#[test]
fn a_price_that_breaks_the_law_of_its_market_is_refused() {
    let gate = gate();
    assert_eq!(broken(&gate, start(150), |_, standing| standing.market = None), ["price law"]);
    assert_eq!(broken(&gate, start(150), |intent, _| intent.shown.unit_price_tenths = Some(3001)), ["unit price"]);
    let crossed = |reference| {
        move |intent: &mut Intent, _: &mut Standing| {
            let reduction = crate::law::Reduction { reference: Some(reference), ..Default::default() };
            intent.shown.reduction = Some(reduction);
        }
    };
    assert_eq!(broken(&gate, start(150), crossed(200)), [""; 0]);
    assert_eq!(broken(&gate, start(150), crossed(210)), ["prior price"]);
}

#[test]
fn a_price_moves_little_at_once_and_stays_near_its_approved_base() {
    let gate = gate();
    for (price, expected) in
        [(140, vec![]), (139, vec!["price_step_max"]), (260, vec![]), (261, vec!["price_step_max"])]
    {
        assert_eq!(broken(&gate, Action::SetPrice { price }, |_, _| {}), expected, "{price}");
    }
    let came = |confirmed| move |_: &mut Intent, standing: &mut Standing| standing.shelf.confirmed_price = confirmed;
    assert_eq!(broken(&gate, Action::SetPrice { price: 300 }, came(Some(290))), [""; 0]);
    let far = |_: &mut Intent, standing: &mut Standing| {
        (standing.shelf.confirmed_price, standing.shelf.ceiling) = (Some(290), Some(1000));
    };
    assert_eq!(broken(&gate, Action::SetPrice { price: 301 }, far), ["price_walk_max"]);
    let blind = |_: &mut Intent, standing: &mut Standing| standing.shelf.base_price = Some(0);
    assert_eq!(names_starting(&gate, blind), ["price_walk_max"]);
    for unknown in [None, Some(0), Some(-1)] {
        assert_eq!(names_starting(&gate, |_, standing| standing.shelf.confirmed_price = unknown)[0], "price_step_max");
    }
    assert_eq!(broken(&gate, order(10, 130), |_, _| {}), [""; 0]);
    assert_eq!(broken(&gate, order(10, 131), |_, _| {}), ["price_step_max"]);
    assert_eq!(broken(&gate, order(10, 69), |_, _| {}), ["price_step_max"]);
    assert_eq!(broken(&gate, order(10, 100), |_, standing| standing.shelf.unit_cost = None), ["price_step_max"]);
}

fn names_starting(gate: &Gate, change: impl Fn(&mut Intent, &mut Standing)) -> Vec<String> {
    broken(gate, start(150), change)
}

#[test]
fn an_order_is_no_larger_than_orders_and_forecasts_are() {
    let wide = |limits: &mut GateLimits| limits.order_cover_max = Share::of_basis_points(10_000_000);
    let most = limited(|limits| (wide(limits), limits.order_pieces_max = 100).1);
    assert_eq!(broken(&most, order(100, 100), |_, _| {}), [""; 0]);
    assert_eq!(broken(&most, order(101, 100), |_, _| {}), ["order_pieces_max"]);
    assert_eq!(broken(&most, transfer(101), |_, _| {}), ["order_pieces_max"]);
    let value = limited(|limits| limits.order_value_max = 10_000);
    assert_eq!(broken(&value, order(100, 100), |_, _| {}), [""; 0]);
    assert_eq!(broken(&value, order(100, 101), |_, _| {}), ["order_value_max"]);
    assert_eq!(broken(&gate(), order(151, 100), |_, _| {}), ["order_cover_max"]);
    assert_eq!(broken(&gate(), order(1, 100), |_, standing| standing.supply.cover_pieces = None), ["order_cover_max"]);
    assert_eq!(
        broken(&gate(), order(1, 100), |_, standing| standing.supply.cover_pieces = Some(-9)),
        ["order_cover_max"]
    );
    let there = |pieces| move |_: &mut Intent, standing: &mut Standing| standing.supply.transferable_pieces = pieces;
    assert_eq!(broken(&gate(), transfer(10), there(Some(10))), [""; 0]);
    assert_eq!(broken(&gate(), transfer(10), there(Some(9))), ["transferable pieces"]);
    assert_eq!(broken(&gate(), transfer(10), there(None)), ["transferable pieces"]);
}

#[test]
fn what_was_ordered_within_a_day_counts_towards_the_forecast_cover() {
    let gate = gate();
    let mut traffic = Traffic::default();
    gate.admit(&intent(order(100, 100), &gate), &standing(), &mut traffic).unwrap();
    let more = |pieces| Intent { generation: 2, ..intent(order(pieces, 100), &gate) };
    assert_eq!(names(&gate.check(&more(51), &standing(), &traffic)), ["order_cover_max"]);
    assert_eq!(names(&gate.check(&more(50), &standing(), &traffic)), [""; 0]);
    let mut late = on_day(0);
    late.now = at(86_399);
    late.lease = Some(late.stops.as_ref().unwrap().lease(late.now, SignedDuration::from_secs(5)));
    assert_eq!(names(&gate.check(&more(51), &late, &traffic)), ["order_cover_max"]);
    assert_eq!(names(&gate.check(&more(51), &on_day(1), &traffic)), [""; 0]);
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

#[test]
fn an_item_moves_twice_a_day_and_again_the_next_day() {
    let gate = gate();
    let moved = |price, day| (intent(Action::SetPrice { price }, &gate), on_day(day));
    assert_eq!(run(&gate, [moved(201, 0), moved(202, 0)]), (2, vec![]));
    assert_eq!(run(&gate, [moved(201, 0), moved(202, 0), moved(203, 0)]), (2, vec!["moves_per_day_max".to_owned()]));
    assert_eq!(run(&gate, [moved(201, 0), moved(202, 0), moved(203, 1)]), (3, vec![]));
}

#[test]
fn the_way_back_to_the_base_price_is_held_up_by_no_pace() {
    let tight = limited(|limits| {
        limits.agent_changes_per_hour_max = 1;
        limits.category_changes_per_hour_max = 1;
        limits.moves_per_day_max = 1;
    });
    let mut late = standing();
    late.shelf.confirmed_price = Some(140);
    let mut poisoned = late.clone();
    poisoned.shelf.quarantined = true;
    let end = intent(Action::EndOffer { offer: "o1".into(), price: 200 }, &tight);
    let steps =
        [(intent(start(150), &tight), standing()), (end.clone(), late), (Intent { from: at(99), ..end }, poisoned)];
    let mut traffic = Traffic::default();
    for (generation, (intent, standing)) in (1..).zip(steps) {
        let intent = Intent { generation, ..intent };
        assert_eq!(tight.admit(&intent, &standing, &mut traffic).unwrap().get(), &intent);
    }
    let again = Intent { generation: 9, ..intent(start(151), &tight) };
    let stopped = tight.check(&again, &standing(), &traffic);
    assert_eq!(names(&stopped), ["moves_per_day_max", "agent_changes_per_hour_max", "category_changes_per_hour_max"]);
}

#[test]
fn an_agent_and_a_category_change_so_often_an_hour() {
    let wide = |limits: &mut GateLimits| limits.skus_per_hour_max = Share::of_basis_points(10_000);
    let of = |gate: &Gate, item: usize, seconds: i64| {
        let mut standing = standing();
        standing.now = at(seconds);
        standing.lease = Some(standing.stops.as_ref().unwrap().lease(standing.now, SignedDuration::from_secs(5)));
        (Intent { sku: format!("item {item}").as_str().into(), ..intent(start(190), gate) }, standing)
    };
    let agent = limited(|limits| (wide(limits), limits.agent_changes_per_hour_max = 3).1);
    let (sent, why) = run(&agent, (0..9).map(|item| of(&agent, item, 0)));
    assert_eq!((sent, why), (3, vec!["agent_changes_per_hour_max".to_owned()]));
    let category = limited(|limits| (wide(limits), limits.category_changes_per_hour_max = 3).1);
    let (sent, why) = run(&category, (0..9).map(|item| of(&category, item, 0)));
    assert_eq!((sent, why), (3, vec!["category_changes_per_hour_max".to_owned()]));
    assert_eq!(run(&agent, (0..9).map(|item| of(&agent, item, item as i64 * 1200))).0, 9);
    assert_eq!(run(&agent, (0..9).map(|item| of(&agent, item, item as i64 * 1199))).0, 3);
}

#[test]
fn few_items_change_within_an_hour_but_one_always_may() {
    let of = |gate: &Gate, item: usize, skus| {
        let mut standing = standing();
        standing.business.skus = skus;
        (Intent { sku: format!("item {item}").as_str().into(), ..intent(start(190), gate) }, standing)
    };
    let gate = gate();
    for (skus, most) in [(10_000, 100), (299, 2), (10, 1)] {
        let (sent, why) = run(&gate, (0..200).map(|item| of(&gate, item, Some(skus))));
        assert_eq!((sent, why), (most, vec!["skus_per_hour_max".to_owned()]), "{skus}");
    }
    assert_eq!(run(&gate, [of(&gate, 0, None)]).1, ["skus_per_hour_max"]);
    let twice = [of(&gate, 0, Some(10)), of(&gate, 0, Some(10))];
    assert_eq!(run(&gate, twice.map(|(i, s)| (i, s))).0, 1, "the second is a double, not a second item");
}

#[test]
fn an_item_reaches_few_places_until_its_guardrail_was_read() {
    let gate = gate();
    let at_place = |place: usize, read, places| {
        let mut standing = standing();
        (standing.guardrail_read, standing.business.places) = (read, places);
        (Intent { place: format!("store {place}").as_str().into(), ..intent(start(190), &gate) }, standing)
    };
    let (sent, why) = run(&gate, (0..99).map(|place| at_place(place, false, Some(1_000))));
    assert_eq!((sent, why), (50, vec!["places_before_reading_max".to_owned()]));
    assert_eq!(run(&gate, (0..99).map(|place| at_place(place, true, None))).0, 99);
    assert_eq!(run(&gate, [at_place(0, false, None)]).1, ["places_before_reading_max"]);
    let renamed = (0..99).map(|place| {
        let (mut intent, standing) = at_place(place, false, Some(1_000));
        intent.action = Action::StartOffer { offer: format!("offer {place}"), price: 190 };
        (intent, standing)
    });
    assert_eq!(run(&gate, renamed).0, 50, "another name is no other roll-out");
}

#[test]
fn changes_touch_little_of_the_expected_revenue_in_sum() {
    let gate = gate();
    let of = |item: usize| {
        let mut standing = standing();
        standing.business.revenue_per_day = Some(100_000);
        (Intent { sku: format!("item {item}").as_str().into(), ..intent(start(200), &gate) }, standing)
    };
    let (sent, why) = run(&gate, (0..9).map(of));
    assert_eq!((sent, why), (5, vec!["revenue_per_day_max".to_owned()]));
    for forget in [
        (|standing| standing.business.revenue_per_day = None) as fn(&mut Standing),
        |standing| standing.shelf.pieces_per_day = None,
        |standing| standing.shelf.pieces_per_day = Some(-1),
    ] {
        assert_eq!(broken(&gate, start(200), |_, standing| forget(standing))[0], "revenue_per_day_max");
    }
}

#[test]
fn what_cuts_give_away_is_summed_over_a_day_and_split_cuts_are_caught() {
    let gate = limited(|limits| limits.given_away_per_day_max = 2_000);
    let of = |item: usize, day: i64| {
        (Intent { sku: format!("item {item}").as_str().into(), ..intent(start(190), &gate) }, on_day(day))
    };
    // 10 off at 10 a day, open, so 7 days: 700 each.
    let (sent, why) = run(&gate, (0..9).map(|item| of(item, 0)));
    assert_eq!((sent, why), (2, vec!["given_away_per_day_max".to_owned()]));
    assert_eq!(run(&gate, (0..4).map(|item| of(item, item as i64 / 2))).0, 4);
    let lasting = |seconds: i64| move |intent: &mut Intent, _: &mut Standing| intent.until = Some(at(60 + seconds));
    let one = limited(|limits| limits.given_away_per_day_max = 1_000);
    assert_eq!(
        broken(&one, start(150), |intent, standing| lasting(86_400)(intent, standing)),
        ["given_away_per_day_max"; 0]
    );
    assert_eq!(broken(&gate, start(160), lasting(5 * 86_400)), [""; 0]);
    assert_eq!(broken(&gate, start(160), lasting(5 * 86_400 + 1)), ["given_away_per_day_max"]);
}

#[test]
fn orders_to_one_supplier_are_summed_over_a_day() {
    let gate = limited(|limits| limits.supplier_per_day_max = 20_000);
    let of = |item: usize, day: i64| {
        (Intent { sku: format!("item {item}").as_str().into(), ..intent(order(100, 100), &gate) }, on_day(day))
    };
    let (sent, why) = run(&gate, (0..9).map(|item| of(item, 0)));
    assert_eq!((sent, why), (2, vec!["supplier_per_day_max".to_owned()]));
    assert_eq!(run(&gate, (0..4).map(|item| of(item, item as i64 / 2))).0, 4);
}

#[test]
fn a_price_does_not_go_up_and_down_and_up_again_within_a_week() {
    let gate = gate();
    let days = [210, 205, 210, 205].into_iter().zip(0..);
    let (sent, why) = run(&gate, days.map(|(price, day)| (intent(Action::SetPrice { price }, &gate), on_day(day))));
    assert_eq!((sent, why), (4, vec![]));
    let days = [210, 205, 210, 205, 210].into_iter().zip(0..);
    let (sent, why) = run(&gate, days.map(|(price, day)| (intent(Action::SetPrice { price }, &gate), on_day(day))));
    assert_eq!((sent, why), (4, vec!["reversals_per_week_max".to_owned()]));
    let weeks = [210, 205, 210, 205, 210].into_iter().zip(0..);
    let (sent, _) =
        run(&gate, weeks.map(|(price, week)| (intent(Action::SetPrice { price }, &gate), on_day(7 * week))));
    assert_eq!(sent, 5);
}

#[test]
fn the_same_effect_goes_out_once_and_never_after_a_newer_one() {
    let gate = gate();
    let (first, mut traffic) = (intent(start(190), &gate), Traffic::default());
    gate.admit(&first, &standing(), &mut traffic).unwrap();
    assert_eq!(names(&gate.check(&first, &standing(), &traffic)), ["generation", "duplicate"]);
    let again = Intent { generation: 2, ..first.clone() };
    assert_eq!(names(&gate.check(&again, &standing(), &traffic)), ["duplicate"]);
    let other = Intent { generation: 2, until: None, ..first.clone() };
    assert_eq!(names(&gate.check(&other, &standing(), &traffic)), [""; 0]);
    let older = Intent { generation: 1, ..other };
    assert_eq!(names(&gate.check(&older, &standing(), &traffic)), ["generation"]);
    assert_eq!(broken(&gate, start(190), |_, standing| standing.shelf.generation = 1), ["generation"]);
    let elsewhere = Intent { place: "south".into(), ..first };
    assert_eq!(names(&gate.check(&elsewhere, &standing(), &traffic)), [""; 0]);
}

#[test]
fn a_restart_forgets_nothing_that_was_sent() {
    let gate = gate();
    let mut traffic = Traffic::default();
    assert!(traffic.is_empty());
    for (generation, action) in (1..).zip([start(190), order(100, 100)]) {
        gate.admit(&Intent { generation, ..intent(action, &gate) }, &standing(), &mut traffic).unwrap();
    }
    let text = serde_json::to_string(&traffic).unwrap();
    let read: Traffic = serde_json::from_str(&text).unwrap();
    assert_eq!((&read, read.len()), (&traffic, 2));
    let more = Intent { generation: 3, ..intent(order(51, 100), &gate) };
    assert_eq!(names(&gate.check(&more, &standing(), &read)), ["order_cover_max"]);
}

#[test]
fn doubles_are_remembered_for_the_hours_that_the_limits_name() {
    let gate = limited(|limits| limits.duplicate_hours = 24);
    let steps = |seconds: i64| {
        let mut traffic = Traffic::default();
        let open = Intent { until: None, ..intent(start(190), &gate) };
        gate.admit(&open, &standing(), &mut traffic).unwrap();
        let mut later = standing();
        later.now = at(seconds);
        later.lease = Some(later.stops.as_ref().unwrap().lease(later.now, SignedDuration::from_secs(5)));
        gate.check(&Intent { generation: 2, ..open }, &later, &traffic)
    };
    assert_eq!(names(&steps(86_399)), ["duplicate"]);
    assert_eq!(names(&steps(86_400)), [""; 0]);
}

#[test]
fn nothing_rests_on_quarantined_stale_or_future_data() {
    let gate = gate();
    assert_eq!(broken(&gate, start(190), |intent, _| intent.inputs.quarantined = true), ["quarantine"]);
    assert_eq!(broken(&gate, start(190), |_, standing| standing.shelf.quarantined = true), ["quarantine"]);
    let known = |seconds| move |intent: &mut Intent, _: &mut Standing| intent.inputs.known_at = at(seconds);
    assert_eq!(broken(&gate, start(190), known(-48 * 3600)), ["data_age_hours_max"]);
    assert_eq!(broken(&gate, start(190), known(-48 * 3600 + 1)), [""; 0]);
    assert_eq!(broken(&gate, start(190), known(1)), ["data_age_hours_max"]);
    assert_eq!(broken(&gate, start(190), known(0)), [""; 0]);
}

#[test]
fn a_forecast_that_leapt_orders_nothing_without_a_person() {
    let gate = gate();
    let leapt =
        |change| move |_: &mut Intent, standing: &mut Standing| standing.supply.forecast_change_hundredths = change;
    for action in [order(10, 100), transfer(10)] {
        assert_eq!(broken(&gate, action.clone(), leapt(Some(300))), [""; 0]);
        assert_eq!(broken(&gate, action.clone(), leapt(Some(301))), ["forecast_change_mads_max"]);
        assert_eq!(broken(&gate, action.clone(), leapt(Some(-301))), ["forecast_change_mads_max"]);
        assert_eq!(broken(&gate, action, leapt(None)), ["forecast_change_mads_max"]);
    }
    let with_person = |_: &mut Intent, standing: &mut Standing| {
        (standing.supply.forecast_change_hundredths, standing.approved_by_a_person) = (Some(301), true);
    };
    assert_eq!(broken(&gate, order(10, 100), with_person), [""; 0]);
}

#[test]
fn nothing_goes_out_that_the_policies_do_not_permit() {
    let gate = gate();
    assert_eq!(broken(&gate, start(190), |_, standing| standing.permit = None), ["who may"]);
    let denied = |_: &mut Intent, standing: &mut Standing| standing.permit = Some(Permit::Denied("no role".into()));
    assert_eq!(broken(&gate, start(190), denied), ["who may"]);
}

#[test]
fn limits_out_of_range_make_no_gate() {
    assert!(Gate::new(GateLimits { order_value_max: -1, ..GateLimits::cautious(Currency::EUR) }).is_err());
}

#[test]
fn no_number_that_is_not_whole_reads_as_an_intent() {
    let gate = gate();
    let json = serde_json::to_string(&intent(start(150), &gate)).unwrap();
    assert_eq!(serde_json::from_str::<Intent>(&json).unwrap(), intent(start(150), &gate));
    for price in ["NaN", "1e400", "150.5", "null", "\"150\"", "99999999999999999999", "-0.0"] {
        let wrong = json.replacen("\"price\":150", &format!("\"price\":{price}"), 1);
        assert_ne!(wrong, json);
        assert!(serde_json::from_str::<Intent>(&wrong).is_err(), "{price}");
    }
    assert!(serde_json::from_str::<Intent>(&json.replacen('{', "{\"surprise\":1,", 1)).is_err());
}

proptest! {
    #[test]
    fn no_intent_outside_any_limit_passes(
        price in prop_oneof![1i64..400, any::<i64>()], confirmed in 1i64..400, base in 1i64..400,
        floor in 0i64..300, ceiling in 100i64..500, cost in 0i64..300, pieces_per_day in 0i64..400,
        hours in 0i64..60, quarantined in any::<bool>(), generation in 0u64..3, last in 0u64..3,
    ) {
        let gate = gate();
        let mut intent = intent(start(price), &gate);
        (intent.generation, intent.inputs.quarantined, intent.inputs.known_at) = (generation, quarantined, at(-hours * 3600));
        let mut standing = standing();
        standing.shelf = Shelf {
            base_price: Some(base), confirmed_price: Some(confirmed), floor: Some(floor), ceiling: Some(ceiling),
            unit_cost: Some(cost), pieces_per_day: Some(pieces_per_day), generation: last, quarantined: false,
        };
        let passes = gate.check(&intent, &standing, &Traffic::default()).is_empty();
        let p = price as f64;
        let inside = floor > 0 && price >= floor && price <= ceiling && price >= cost
            && (p - confirmed as f64).abs() <= 0.3 * confirmed as f64 + 1e-9
            && (p - base as f64).abs() <= 0.5 * base as f64 + 1e-9
            && (base - price.min(base)).saturating_mul(pieces_per_day) <= 1_000_000
            && confirmed * pieces_per_day <= 10_000_000
            && !quarantined && hours < 48 && generation > last;
        prop_assert_eq!(passes, inside);
    }

    #[test]
    fn every_fat_finger_is_refused(cents in 100i64..100_000, factor in prop_oneof![Just(100i64), Just(10), Just(1000)]) {
        let gate = gate();
        let mut standing = standing();
        let shelf = &mut standing.shelf;
        (shelf.base_price, shelf.confirmed_price) = (Some(cents), Some(cents));
        (shelf.floor, shelf.ceiling, shelf.unit_cost) = (Some(1), Some(i64::MAX), Some(0));
        for price in [1, cents * factor, cents / factor, -cents, 0, i64::MAX] {
            prop_assert!(!gate.check(&intent(start(price), &gate), &standing, &Traffic::default()).is_empty(), "{}", price);
        }
        let mut empty = standing.clone();
        empty.shelf.floor = None;
        prop_assert!(!gate.check(&intent(start(cents), &gate), &empty, &Traffic::default()).is_empty());
        let mut dear = standing.clone();
        dear.shelf.unit_cost = Some(cents + 1);
        prop_assert!(!gate.check(&intent(start(cents), &gate), &dear, &Traffic::default()).is_empty());
        let yen = Intent { currency: Currency::JPY, ..intent(start(cents), &gate) };
        prop_assert!(!gate.check(&yen, &standing, &Traffic::default()).is_empty());
        for pieces in [1_000_000_000, i64::MAX] {
            prop_assert!(!gate.check(&intent(order(pieces, 100), &gate), &standing, &Traffic::default()).is_empty());
        }
    }

    #[test]
    fn two_repricers_facing_each_other_stay_inside_and_stop_within_three_rounds(
        up in 1.01f64..1.6, down in 0.9f64..1.0, minutes in 1i64..60,
    ) {
        let gate = gate();
        let mut traffic = Traffic::default();
        let mut prices = [200i64, 200];
        let mut moved_in = [0usize; 2];
        for round in 0..10usize {
            for us in 0..2 {
                let wanted = (prices[1 - us] as f64 * [up, down][us]).round() as i64;
                let mut standing = on_day(0);
                standing.now = at(minutes * 60 * round as i64);
                standing.lease = Some(standing.stops.as_ref().unwrap().lease(standing.now, SignedDuration::from_secs(5)));
                standing.shelf.confirmed_price = Some(prices[us]);
                let sku = ["ours", "theirs"][us];
                let intent = Intent { sku: sku.into(), generation: round as u64 + 1, ..intent(Action::SetPrice { price: wanted }, &gate) };
                if gate.admit(&fresh(intent, &standing), &standing, &mut traffic).is_ok() {
                    (prices[us], moved_in[us]) = (wanted, round + 1);
                }
                prop_assert!((120..=300).contains(&prices[us]));
            }
        }
        prop_assert!(moved_in.iter().all(|round| *round <= 3), "{:?}", moved_in);
    }
}

#[test]
fn a_runaway_agent_is_stopped_within_the_window_whatever_it_splits() {
    let gate = gate();
    let mut traffic = Traffic::default();
    let (mut passed, mut given_away) = (0usize, 0i64);
    for change in 0..100_000i64 {
        let mut standing = standing();
        standing.now = at(change / 1_700);
        standing.lease = Some(standing.stops.as_ref().unwrap().lease(standing.now, SignedDuration::from_secs(5)));
        let item = change % 9_973;
        let intent = Intent {
            sku: format!("item {item}").as_str().into(),
            category: format!("category {}", item % 40),
            generation: change as u64 + 1,
            ..intent(start(141 + change % 50), &gate)
        };
        if gate.admit(&fresh(intent, &standing), &standing, &mut traffic).is_ok() {
            passed += 1;
            given_away += (59 - change % 50) * 10 * 7;
        }
    }
    assert!(passed <= 2 * 100, "1 % of 10,000 items an hour, each moving twice, not {passed}");
    assert!(given_away <= gate.limits().given_away_per_day_max, "{given_away}");
}
