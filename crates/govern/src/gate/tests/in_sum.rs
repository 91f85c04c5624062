//! Limits that an intent breaks together with what was sent before.

use super::*;

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
        assert_eq!(tight.admit(&intent, &standing, &mut traffic).unwrap().0.get(), &intent);
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
        standing.guardrail = if read { Guardrail::Clear } else { Guardrail::Unread };
        standing.business.places = places;
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
fn what_went_out_may_go_once_more_and_counts_once() {
    let (gate, mut traffic) = (gate(), Traffic::default());
    let first = intent(start(150), &gate);
    let never = gate.admit_again(&first, &standing(), &traffic).unwrap_err();
    assert_eq!(names(&never), ["duplicate"], "it never went out");
    gate.admit(&first, &standing(), &mut traffic).unwrap();
    assert_eq!(names(&gate.check(&first, &standing(), &traffic)), ["generation", "duplicate"]);
    assert_eq!(gate.admit_again(&first, &standing(), &traffic).unwrap().get(), &first);
    assert_eq!(traffic.len(), 1);
    let other = Intent { generation: 2, ..intent(start(160), &gate) };
    gate.admit(&other, &standing(), &mut traffic).unwrap();
    let overtaken = gate.admit_again(&first, &standing(), &traffic).unwrap_err();
    assert!(names(&overtaken).contains(&"generation"), "{overtaken:?}");
}

#[test]
fn only_pace_and_a_stop_that_cannot_be_read_pass_with_time() {
    let gate = limited(|limits| limits.agent_changes_per_hour_max = 0);
    let slow = gate.check(&intent(start(150), &gate), &standing(), &Traffic::default());
    assert!(!slow.is_empty() && slow.iter().all(passes_with_time));
    let unknown = Standing { stops: None, ..standing() };
    assert!(gate.check(&intent(start(150), &gate), &unknown, &Traffic::default()).iter().all(passes_with_time));
    let usual = super::gate();
    let deep = usual.check(&intent(start(50), &usual), &standing(), &Traffic::default());
    assert!(!deep.is_empty() && !deep.iter().any(passes_with_time));
}
