//! Limits that an intent can break alone.

use super::*;

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
    assert_eq!(broken(&gate, start(150), |_, standing| standing.stops = None), ["stop unknown"]);
    let end = Action::EndOffer { offer: "o1".into(), price: 200 };
    assert_eq!(broken(&gate, end, resumed), [""; 0], "an offer that was begun before a stop can still end");
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
