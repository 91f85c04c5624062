//! The world with everything on: conservation, docks, transfers under way, expedited orders, sizes, switching, shocks.

use super::*;
use crate::spec::tests::{cell, closure, terms, world_of};
use crate::{CellOrder, CellSpec, Costs, Expedite, Habits, Halo, Law, Logistics, Moment, ShockKind, SizeOf, WriteDown};
use endcap_model::{Depth, Mechanic, Offer, Span, Support, Transfer};
use proptest::prelude::*;

fn under(spec: &WorldSpec, change: impl FnOnce(&mut crate::WorldTerms)) -> WorldSpec {
    let mut terms = spec.terms().clone();
    change(&mut terms);
    WorldSpec::new(terms, spec.cells().to_vec()).unwrap()
}

fn quiet() -> Habits {
    Habits { region_shock_sd: 0.0, dispersion: 1.0, ..Habits::default() }
}

fn calm() -> TwinTerms {
    TwinTerms { shock_sd: 0.0, pull_forward_share: 0.0, substitution_share: 0.0, ..terms() }
}

fn plenty(skus: &[&str], periods: usize, habits: Habits) -> WorldSpec {
    let cells = skus.iter().map(|sku| CellSpec { on_hand: 1_000_000, mean_demand: vec![200.0], ..cell(sku, "x") });
    under(&world_of(cells.collect(), periods), |terms| terms.habits = habits)
}

fn offer(spec: &WorldSpec, sku: &str, periods: std::ops::Range<i32>, depth: f64) -> Offer {
    let start = spec.span().start;
    Offer {
        sku: sku.into(),
        place: "r".into(),
        span: Span { start: start.plus(periods.start), end: start.plus(periods.end) },
        mechanic: Mechanic::Tpr,
        depth: Depth::from_share(depth).unwrap(),
        support: Support::default(),
    }
}

/// Mean pieces sold by cell and period over worlds.
fn mean_sales(spec: &WorldSpec, terms: &TwinTerms, offers: &[Offer], worlds: u64) -> Vec<Vec<f64>> {
    let mut mean = vec![vec![0.0; spec.cells().len()]; spec.span().len()];
    for seed in 0..worlds {
        let mut world = World::new(spec, terms, seed);
        for mean in &mut mean {
            world.step(&Actions { offers: offers.to_vec(), ..Actions::default() }).unwrap();
            mean.iter_mut().zip(&world.books).for_each(|(mean, books)| *mean += books.sold as f64 / worlds as f64);
        }
    }
    mean
}

/// A world in which everything that can happen to pieces happens.
fn busy(life: Option<usize>, transfer_periods: usize) -> WorldSpec {
    let cells = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")].map(|(sku, place)| CellSpec {
        on_hand: 25,
        shelf_life: life,
        pipeline: vec![(Period(20_001), Pieces(7))],
        ..cell(sku, place)
    });
    let spec = under(&world_of(cells.into(), 12), |terms| {
        terms.habits = Habits {
            switch_share: 0.5,
            waiting_share: 0.4,
            rival_offer_probability: 0.3,
            rival_follow_probability: 0.5,
            law: Law::ReferencePrice,
            core_coverage_min: 1.0,
            back_room_share: 0.5,
            ..Habits::default()
        };
        terms.logistics = Logistics {
            late_again_probability: 0.5,
            late_most: 4,
            transfer_periods,
            docks: vec![Dock { place: Some("x".into()), arrivals_most: Some(20), stock_most: Some(60) }],
            expedite: Some(Expedite { lead_time_periods: 1, cost_rate: 0.2 }),
        };
        terms.costs.transfer_cost = 3.0;
        terms.costs.write_down = Some(WriteDown { cover_periods: 0.5, rate: 0.4, after_periods: 0 });
        terms.costs.end_value_rate = Some(0.5);
        terms.shocks = vec![
            Shock { kind: ShockKind::LateDelivery, size: Some(2.0), from: Moment::After(4), ..closure() },
            Shock { kind: ShockKind::SupplyCut, size: Some(0.5), from: Moment::After(6), ..closure() },
        ];
    });
    let halo = Halo { from: "g".into(), to: "g".into(), share: 0.1 };
    spec.with_halos(vec![halo]).unwrap()
}

proptest! {
    #[test]
    fn pieces_and_money_are_conserved_whatever_happens(
        seed in 0u64..1000,
        life in prop::option::of(2usize..6),
        transfer_periods in 0usize..4,
        days in prop::collection::vec((0i64..60, 0i64..15, 0i64..15, 0u8..60, any::<bool>()), 12),
    ) {
        let spec = busy(life, transfer_periods);
        let terms = TwinTerms { late_probability: 0.4, cut_probability: 0.3, cut_share: 0.4, ..terms() };
        let mut world = World::new(&spec, &terms, seed);
        let (mut came, mut sold, mut waste, mut margin, mut held) = (100, 0, 0, 0, 0);
        for (pieces, there, back, depth, expedite) in days {
            let mut actions = Actions { offers: vec![offer(&spec, "a", 0..12, f64::from(depth) / 100.0)], ..Actions::default() };
            actions.cell_orders.extend((pieces > 0).then_some(CellOrder { cell: (pieces % 4) as usize, pieces, expedite }));
            let period = world.period().plus(-1);
            let moved = |from: &str, to: &str, pieces| Transfer {
                sku: "a".into(), from: from.into(), to: to.into(), period, quantity: Pieces(pieces),
            };
            actions.transfers.extend((there > 0).then(|| moved("x", "y", there)));
            actions.transfers.extend((back > 0).then(|| moved("y", "x", back)));
            world.step(&actions).unwrap();
            for (books, paid) in world.books.iter().zip(&world.asked.paid) {
                prop_assert!(books.balance(), "{books:?}");
                came += books.arrivals;
                sold += books.sold;
                waste += books.waste;
                margin += books.sold * (paid - 120);
                held += books.closing * 120;
            }
            prop_assert!(world.books[0].arrivals + world.books[2].arrivals <= 20, "what a dock takes in");
        }
        let outcome = world.outcome("random");
        prop_assert_eq!(came, sold + waste + outcome.left, "pieces");
        prop_assert_eq!((outcome.sold, outcome.waste, outcome.margin, outcome.supplied), (sold, waste, margin, came));
        let costs = &spec.terms().costs;
        let share = |amount: i64, share: f64| (amount as f64 * share).round_ties_even() as i64;
        let spent = share(held, costs.holding_rate) + outcome.waste_cost + outcome.write_down + outcome.expedite_cost
            + outcome.transfer_cost + 12 * costs.fixed_cost + share(outcome.left * 120, 0.5);
        let funding = share(outcome.discount, costs.vendor_funding_share);
        prop_assert_eq!(outcome.profit, margin + funding - spent, "money");
    }

    #[test]
    fn one_items_actions_move_nothing_of_another_group_with_everything_on(seed in 0u64..200, depth in 0.05f64..0.5) {
        let cells = ["a", "b"].map(|sku| CellSpec { group: sku.into(), on_hand: 300, ..cell(sku, "x") });
        let habits = Habits { waiting_share: 0.3, switch_share: 0.5, rival_offer_probability: 0.2, rival_follow_probability: 0.9, ..Habits::default() };
        let spec = under(&world_of(cells.into(), 8), |terms| terms.habits = habits);
        let run = |offers: Vec<Offer>, order: bool| {
            let terms = TwinTerms { late_probability: 0.3, ..terms() };
            let mut world = World::new(&spec, &terms, seed);
            let mut sold = Vec::new();
            while !world.is_over() {
                let cell_orders = order.then_some(CellOrder { cell: 0, pieces: 9, expedite: false });
                world.step(&Actions { offers: offers.clone(), cell_orders: cell_orders.into_iter().collect(), ..Actions::default() }).unwrap();
                sold.push(world.books[1]);
            }
            sold
        };
        prop_assert_eq!(run(Vec::new(), false), run(vec![offer(&spec, "a", 0..8, depth)], true));
    }
}

#[test]
fn what_does_not_fit_a_dock_waits_and_comes_first() {
    let dock = Dock { place: None, arrivals_most: Some(30), stock_most: None };
    let cells = ["a", "b"].map(|sku| CellSpec { mean_demand: vec![0.0], ..cell(sku, "x") });
    let spec = under(&world_of(cells.into(), 6), |terms| terms.logistics.docks = vec![dock]);
    let terms = calm();
    let mut world = World::new(&spec, &terms, 1);
    let orders = [(0, 60), (1, 20)].map(|(cell, pieces)| CellOrder { cell, pieces, expedite: false });
    let mut arrivals = Vec::new();
    for period in 0..5 {
        let cell_orders = if period == 0 { orders.to_vec() } else { Vec::new() };
        world.step(&Actions { cell_orders, ..Actions::default() }).unwrap();
        arrivals.push((world.books[0].arrivals, world.books[1].arrivals));
    }
    assert_eq!(arrivals, [(0, 0), (23, 7), (23, 7), (14, 6), (0, 0)]);
    assert_eq!(world.observe().cells[0].on_order, Pieces(0));
}

#[test]
fn an_expedited_order_comes_sooner_and_costs_more() {
    let expedite = Expedite { lead_time_periods: 1, cost_rate: 0.25 };
    let spec = under(&world_of(vec![cell("a", "x")], 4), |terms| {
        terms.lead_time_periods = 3;
        terms.logistics.expedite = Some(expedite);
    });
    let terms = calm();
    for (expedite, arrives, cost) in [(true, 0, 300), (false, 2, 0)] {
        let mut world = World::new(&spec, &terms, 1);
        let order = CellOrder { cell: 0, pieces: 10, expedite };
        world.step(&Actions { cell_orders: vec![order], ..Actions::default() }).unwrap();
        let mut came = vec![world.books[0].arrivals];
        while !world.is_over() {
            world.step(&Actions::default()).unwrap();
            came.push(world.books[0].arrivals);
        }
        assert_eq!((came[arrives], came.iter().sum::<i64>()), (10, 10));
        assert_eq!(world.outcome("p").expedite_cost, cost);
    }
}

#[test]
fn a_transfer_is_under_way_for_its_time_and_its_pieces_age() {
    let cells = ["x", "y"].map(|place| CellSpec {
        on_hand: 9,
        mean_demand: vec![0.0],
        shelf_life: Some(3),
        ..cell("a", place)
    });
    let spec = under(&world_of(cells.into(), 6), |terms| terms.logistics.transfer_periods = 2);
    let terms = calm();
    let mut world = World::new(&spec, &terms, 1);
    let transfer = Transfer {
        sku: "a".into(),
        from: "x".into(),
        to: "y".into(),
        period: world.period().plus(-1),
        quantity: Pieces(9),
    };
    world.step(&Actions { transfers: vec![transfer], ..Actions::default() }).unwrap();
    assert_eq!((world.books[0].closing, world.books[1].moved), (0, 0));
    assert_eq!(world.outcome("p").left, 6 + 9, "three of the other store's have expired, nine are under way");
    world.step(&Actions::default()).unwrap();
    world.step(&Actions::default()).unwrap();
    assert_eq!(
        (world.books[1].moved, world.books[1].waste),
        (9, 6 + 3 + 3),
        "two thirds came too old, the rest ends today"
    );
}

#[test]
fn styles_without_their_core_sizes_leave_the_shelf() {
    let sizes = ["s", "m", "l"].map(|size| (size, format!("a/{size}")));
    let habits = Habits { core_coverage_min: 0.6, back_room_share: 0.1, ..quiet() };
    let cells = |m: i64| {
        let on_hand = move |size: &str| if size == "m" { m } else { 1_000_000 };
        sizes.iter().map(move |(size, sku)| CellSpec {
            on_hand: on_hand(size),
            mean_demand: vec![100.0],
            ..cell(sku, "x")
        })
    };
    let of = |(size, sku): &(&str, String)| {
        let size = SizeOf { style: "a".into(), size: (*size).to_owned(), core: *size != "s" };
        (sku.as_str().into(), size)
    };
    let sold = |m: i64| {
        let spec = under(&world_of(cells(m).collect(), 1), |terms| terms.habits = habits);
        let spec = spec.with_sizes(sizes.iter().map(of).collect());
        let sales = mean_sales(&spec, &calm(), &[], 20);
        let terms = calm();
        let state = World::new(&spec, &terms, 1).run_state().unwrap();
        (sales[0][0] + sales[0][2], state)
    };
    let (whole, state) = sold(1_000_000);
    let (broken, broken_state) = sold(0);
    assert!((whole / broken - 10.0).abs() < 0.5, "{whole} {broken}");
    assert_eq!((state.core_coverage, state.fragmentation), (1.0, 0.0));
    assert_eq!((broken_state.core_coverage, broken_state.fragmentation), (0.5, 1.0));
    assert_eq!(broken_state.pieces_per_run, 2_000_000.0);
}

#[test]
fn some_of_those_who_find_a_shelf_empty_take_another_item_of_the_group() {
    let cells = |on_hand| {
        ["a", "b"].map(|sku| CellSpec { on_hand: if sku == "a" { on_hand } else { 100_000 }, ..cell(sku, "x") })
    };
    let habits = Habits { switch_share: 0.4, ..quiet() };
    let spec = |on_hand| under(&world_of(cells(on_hand).into(), 20), |terms| terms.habits = habits);
    let of_b = |on_hand| mean_sales(&spec(on_hand), &calm(), &[], 50).iter().map(|day| day[1]).sum::<f64>() / 20.0;
    let more = of_b(0) - of_b(100_000);
    assert!((more - 4.0).abs() < 0.3, "of ten a day four switch: {more}");
}

#[test]
fn complements_sell_with_an_offer() {
    let cells = ["a", "b"].map(|sku| CellSpec {
        group: sku.into(),
        on_hand: 1_000_000,
        mean_demand: vec![200.0],
        ..cell(sku, "x")
    });
    let spec = under(&world_of(cells.into(), 4), |terms| terms.habits = quiet());
    let spec = spec.with_halos(vec![Halo { from: "a".into(), to: "b".into(), share: 0.3 }]).unwrap();
    let (with, without) =
        (mean_sales(&spec, &calm(), &[offer(&spec, "a", 0..4, 0.3)], 60), mean_sales(&spec, &calm(), &[], 60));
    let more = |cell: usize| (0..4).map(|day| with[day][cell] - without[day][cell]).sum::<f64>();
    assert!((more(1) / more(0) - 0.3).abs() < 0.02, "{} {}", more(1), more(0));
}

#[test]
fn frequent_offers_teach_shoppers_to_wait_and_none_does_not() {
    let habits = Habits { waiting_share: 0.5, reference_weight: 0.0, reference_carry: 0.8, ..quiet() };
    let spec = plenty(&["a"], 12, habits);
    let sales = mean_sales(&spec, &calm(), &[offer(&spec, "a", 0..3, 0.2), offer(&spec, "a", 6..7, 0.2)], 60);
    let patient = under(&spec, |terms| terms.habits.waiting_share = 0.0);
    let usual = mean_sales(&patient, &calm(), &[offer(&spec, "a", 0..3, 0.2), offer(&spec, "a", 6..7, 0.2)], 60);
    assert!(sales[3][0] < 0.85 * usual[3][0], "after three offers some wait: {} {}", sales[3][0], usual[3][0]);
    assert!(sales[6][0] > 1.1 * usual[6][0], "they buy when it comes: {} {}", sales[6][0], usual[6][0]);
    let never = mean_sales(&spec, &calm(), &[], 60);
    let plain = mean_sales(&patient, &calm(), &[], 60);
    assert_eq!(never, plain);
}

#[test]
fn under_the_reference_price_law_demand_sags_after_an_offer() {
    let habits = Habits { law: Law::ReferencePrice, reference_carry: 0.7, ..quiet() };
    let spec = plenty(&["a"], 6, habits);
    let sales = mean_sales(&spec, &calm(), &[offer(&spec, "a", 0..3, 0.3)], 60);
    let plain = mean_sales(&spec, &calm(), &[], 60);
    assert!(sales[0][0] > 1.3 * plain[0][0] && sales[3][0] < 0.9 * plain[3][0], "{sales:?}");
}

#[test]
fn competitors_attack_take_demand_and_show_their_price() {
    let attack = Shock {
        kind: ShockKind::CompetitorAttack,
        size: Some(0.5),
        from: Moment::On("2024-10-06".into()),
        periods: Some(2),
        ..closure()
    };
    let spec = plenty(&["a"], 6, Habits { rival_elasticity: 1.0, ..quiet() }).with_shocks(vec![attack]).unwrap();
    let sales = mean_sales(&spec, &calm(), &[], 60);
    assert!((sales[2][0] / sales[1][0] - 0.5).abs() < 0.03 && (sales[4][0] / sales[1][0] - 1.0).abs() < 0.03);
    let terms = calm();
    let mut world = World::new(&spec, &terms, 1);
    let mut prices = Vec::new();
    while !world.is_over() {
        world.step(&Actions::default()).unwrap();
        prices.push(world.observe().rival_prices[0]);
    }
    assert_eq!(prices, [1.0, 1.0, 0.5, 0.5, 1.0, 1.0]);
}

#[test]
fn a_break_of_regime_changes_how_shoppers_answer() {
    let broken = Shock { kind: ShockKind::RegimeBreak, size: Some(0.0), from: Moment::After(2), ..closure() };
    let spec = plenty(&["a"], 4, Habits { reference_weight: 0.0, ..quiet() }).with_shocks(vec![broken]).unwrap();
    let sales = mean_sales(&spec, &calm(), &[offer(&spec, "a", 0..4, 0.3)], 60);
    assert!(sales[1][0] > 1.4 * 200.0 && (sales[3][0] / 200.0 - 1.0).abs() < 0.05, "{sales:?}");
}

#[test]
fn a_tampered_feed_shows_what_is_not_so_and_the_world_goes_on() {
    let tampered = Shock {
        kind: ShockKind::TamperedFeed,
        size: Some(10.0),
        from: Moment::After(2),
        periods: Some(1),
        ..closure()
    };
    let honest = plenty(&["a"], 5, quiet());
    let spec = honest.clone().with_shocks(vec![tampered]).unwrap();
    let terms = calm();
    let (mut world, mut truth) = (World::new(&spec, &terms, 1), World::new(&honest, &terms, 1));
    for period in 0..5 {
        let (seen, true_) = (world.observe().cells[0], truth.observe().cells[0]);
        let factor = if period == 2 { 10 } else { 1 };
        assert_eq!((seen.sold.0, seen.on_hand.0), (factor * true_.sold.0, factor * true_.on_hand.0));
        world.step(&Actions::default()).unwrap();
        truth.step(&Actions::default()).unwrap();
    }
    assert_eq!(world.outcome("p"), truth.outcome("p"));
}

#[test]
fn late_deliveries_of_a_shock_come_late() {
    let late =
        Shock { kind: ShockKind::LateDelivery, size: Some(3.0), from: Moment::After(0), periods: Some(1), ..closure() };
    let spec = world_of(vec![cell("a", "x")], 6).with_shocks(vec![late]).unwrap();
    let terms = calm();
    let mut world = World::new(&spec, &terms, 1);
    let mut arrivals = Vec::new();
    while !world.is_over() {
        world
            .step(&Actions {
                cell_orders: vec![CellOrder { cell: 0, pieces: 5, expedite: false }],
                ..Actions::default()
            })
            .unwrap();
        arrivals.push(world.books[0].arrivals);
    }
    assert_eq!(arrivals, [0, 0, 5, 5, 10, 5], "the first order comes three days late, the others on time");
}

#[test]
fn leftovers_above_normal_cover_are_written_down_when_the_offer_ends_or_later() {
    for (after_periods, expected) in [(0, [0, 0, 60_000, 60_000, 60_000]), (2, [0, 0, 0, 0, 60_000])] {
        let write_down = Some(WriteDown { cover_periods: 2.0, rate: 0.5, after_periods });
        let cells = vec![CellSpec { on_hand: 1000, mean_demand: vec![0.0; 7], ..cell("a", "x") }];
        let spec = under(&world_of(cells, 5), |terms| terms.costs = Costs { write_down, ..Costs::default() });
        let terms = calm();
        let mut world = World::new(&spec, &terms, 1);
        let mut written = Vec::new();
        while !world.is_over() {
            world.step(&Actions { offers: vec![offer(&spec, "a", 0..2, 0.2)], ..Actions::default() }).unwrap();
            written.push(world.outcome("p").write_down);
        }
        assert_eq!(written, expected, "half of the cost of a thousand pieces, once");
    }
}

#[test]
fn forecasts_are_scored_against_what_was_wanted_at_two_levels() {
    let cells = ["x", "y"].map(|place| CellSpec { on_hand: 1_000_000, mean_demand: vec![50.0], ..cell("a", place) });
    let spec = under(&world_of(cells.into(), 3), |terms| terms.habits = quiet());
    let terms = calm();
    let mut world = World::new(&spec, &terms, 1);
    let (mut by_place, mut by_item, mut wanted) = (0.0, 0.0, 0.0);
    while !world.is_over() {
        let offers = vec![offer(&spec, "a", 0..3, 0.2)];
        world.step(&Actions { offers, expected: vec![70.0, 90.0], ..Actions::default() }).unwrap();
        let errors = [70.0 - world.books[0].wanted as f64, 90.0 - world.books[1].wanted as f64];
        by_place += errors[0].abs() + errors[1].abs();
        by_item += (errors[0] + errors[1]).abs();
        wanted += (world.books[0].wanted + world.books[1].wanted) as f64;
    }
    let outcome = world.outcome("p");
    assert_eq!(outcome.forecast_error_place, Some(by_place / wanted));
    assert_eq!(outcome.forecast_error_item, Some(by_item / wanted));
    let wrong = Actions { expected: vec![1.0], ..Actions::default() };
    assert!(
        World::new(&spec, &terms, 1).step(&wrong).unwrap_err().to_string().contains("one of 0 or more for every cell")
    );
}
