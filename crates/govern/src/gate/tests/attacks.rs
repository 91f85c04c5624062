//! What must never get through, however it is made: fat fingers, repricers that face each other, runaway agents.

use super::*;

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

/// What a repricer wants that follows a competitor: a cent below, above its own cost or not.
fn undercut(competitor: i64) -> i64 {
    competitor.saturating_sub(1).max(1)
}

#[test]
fn a_lying_competitor_moves_no_price_out_of_its_bounds_and_stops_whoever_follows_it() {
    let gate = gate();
    type Lie = fn(i64, usize) -> i64;
    let lies: [(&str, Lie); 4] = [
        ("0.01", |_, _| 1),
        ("ten times", |price, _| price * 10),
        ("up and down", |price, round| if round.is_multiple_of(2) { price * 12 / 10 } else { price * 8 / 10 }),
        ("always a little less", |price, _| price * 97 / 100),
    ];
    for (lie, competitor) in lies {
        let (mut traffic, mut price, mut moved_in) = (Traffic::default(), 200_i64, 0);
        for round in 0..50usize {
            let wanted = undercut(competitor(price, round));
            let mut standing = on_day(0);
            standing.now = at(20 * 60 * round as i64);
            standing.lease = Some(standing.stops.as_ref().unwrap().lease(standing.now, SignedDuration::from_secs(5)));
            standing.shelf.confirmed_price = Some(price);
            let action = Action::SetPrice { price: wanted };
            let intent = Intent { generation: round as u64 + 1, ..intent(action, &gate) };
            if gate.admit(&fresh(intent, &standing), &standing, &mut traffic).is_ok() {
                (price, moved_in) = (wanted, round + 1);
            }
            assert!((120..=300).contains(&price), "{lie}: {price}");
        }
        assert!(moved_in <= 3, "{lie}: it followed until round {moved_in}");
        println!(
            "measured: I4 | a competitor at {lie}, 50 rounds | last move in round {moved_in}, price {price} of 120 to 300"
        );
    }
}
