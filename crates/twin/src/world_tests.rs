//! The world as a whole: books, pairing, shares and rates.

use super::*;
use crate::spec::tests::{cell, closure, spec_of, terms, world_of};
use crate::{CellSpec, Costs, Habits, Moment, Policy, ShockKind, compare};
use endcap_model::{Depth, Mechanic, Offer, Span, SupplyOrder, Support, Transfer};
use proptest::prelude::*;

fn offer(spec: &WorldSpec, sku: &str, place: &str, days: std::ops::Range<i32>, depth: f64) -> Offer {
    let start = spec.span().start;
    Offer {
        sku: sku.into(),
        place: place.into(),
        span: Span { start: start.plus(days.start), end: start.plus(days.end) },
        mechanic: Mechanic::Tpr,
        depth: Depth::from_share(depth).unwrap(),
        support: Support::default(),
    }
}

fn order(world: &World, cell: usize, quantity: i64) -> SupplyOrder {
    let spec = &world.spec.cells()[cell];
    SupplyOrder {
        place: spec.place.clone(),
        sku: spec.sku.clone(),
        supplier: None,
        order_period: world.period().plus(-1),
        arrives: world.period().plus(world.spec.lead_time_periods() as i32 - 1),
        quantity: Pieces(quantity),
    }
}

/// Cells that never run out.
fn plenty(skus: &[&str], periods: usize, habits: Habits) -> WorldSpec {
    let cells = skus.iter().map(|sku| CellSpec { on_hand: 1_000_000, ..cell(sku, "x") }).collect();
    let spec = world_of(cells, periods);
    let terms = crate::WorldTerms { habits, ..spec.terms().clone() };
    WorldSpec::new(terms, spec.cells().to_vec()).unwrap()
}

/// Pieces sold of each cell, period by period, under these offers.
fn sales(spec: &WorldSpec, terms: &TwinTerms, seed: u64, offers: &[Offer]) -> Vec<Vec<i64>> {
    let mut world = World::new(spec, terms, seed);
    let mut sold = Vec::new();
    while !world.is_over() {
        world.step(&Actions { offers: offers.to_vec(), ..Actions::default() }).unwrap();
        sold.push(world.books.iter().map(|books| books.sold).collect());
    }
    sold
}

fn steady() -> Habits {
    Habits { region_shock_sd: 0.0, dispersion: 1.0, ..Habits::default() }
}

proptest! {
    #[test]
    fn every_piece_of_every_cell_and_period_is_accounted_for(
        seed in 0u64..1000,
        life in prop::option::of(1usize..5),
        days in prop::collection::vec((0i64..40, 0i64..40, 0i64..15, 0u8..60), 12),
    ) {
        let cells = [("a", "x"), ("a", "y"), ("b", "x")].map(|(sku, place)| CellSpec {
            on_hand: 25, shelf_life: life, pipeline: vec![(Period(20_001), Pieces(7)), (Period(19_990), Pieces(2))], ..cell(sku, place)
        });
        let spec = world_of(cells.into(), 12);
        let terms = TwinTerms { late_probability: 0.3, cut_probability: 0.3, cut_share: 0.4, ..terms() };
        let mut world = World::new(&spec, &terms, seed);
        let mut closing = [25; 3];
        let (mut sold, mut waste, mut wanted, mut revenue) = (0, 0, 0, 0);
        for (first, second, moved, depth) in days {
            let seen = world.observe();
            let mut actions = Actions::default();
            actions.orders.extend((first > 0).then(|| order(&world, 0, first)));
            actions.orders.extend((second > 0).then(|| order(&world, 2, second)));
            actions.transfers.extend((moved > 0).then(|| Transfer {
                sku: "a".into(), from: "x".into(), to: "y".into(), period: world.period().plus(-1), quantity: Pieces(moved),
            }));
            actions.offers.push(offer(&spec, "a", "r", 0..12, f64::from(depth) / 100.0));
            world.step(&actions).unwrap();
            for (cell, books) in world.books.iter().enumerate() {
                prop_assert!(books.balance());
                prop_assert_eq!(books.opening, closing[cell], "a period opens with what the last one left");
                prop_assert_eq!(seen.cells[cell].on_hand.0, closing[cell]);
                closing[cell] = books.closing;
                sold += books.sold;
                waste += books.waste;
                wanted += books.wanted;
                revenue += books.sold * world.asked.paid[cell];
            }
            prop_assert_eq!(world.books.iter().map(|books| books.moved).sum::<i64>(), 0);
        }
        let outcome = world.outcome("random");
        prop_assert_eq!((outcome.sold, outcome.waste, outcome.lost), (sold, waste, wanted - sold));
        prop_assert_eq!((outcome.revenue, outcome.left), (revenue, closing.iter().sum::<i64>()));
        prop_assert_eq!(outcome.margin, revenue - 120 * sold);
        if life.is_none() {
            prop_assert_eq!(outcome.waste, 0);
        }
    }
}

#[test]
fn nothing_is_seen_of_demand_that_was_not_met() {
    let terms = terms();
    let thin = world_of(vec![CellSpec { on_hand: 3, ..cell("a", "x") }], 2);
    let busy = world_of(vec![CellSpec { on_hand: 3, mean_demand: vec![500.0; 7], ..cell("a", "x") }], 2);
    let seen = |spec: &WorldSpec| {
        let mut world = World::new(spec, &terms, 5);
        world.step(&Actions::default()).unwrap();
        world.observe().cells[0]
    };
    let (few, many) = (seen(&thin), seen(&busy));
    assert!(many.on_sale < few.on_sale, "when it ran out, the till tells");
    assert_eq!(few, CellSeen { on_sale: few.on_sale, ..many });
    assert!(few.stocked_out);
}

#[test]
fn unknown_items_places_moments_and_quantities_are_refused_and_leave_the_world_as_it_was() {
    let spec = spec_of(&[("a", "x"), ("b", "y")], 3);
    let terms = terms();
    let mut world = World::new(&spec, &terms, 1);
    let offers = |offer| Actions { offers: vec![offer], ..Actions::default() };
    let orders = |order| Actions { orders: vec![order], ..Actions::default() };
    let good = order(&world, 0, 5);
    let cases = [
        (offers(offer(&spec, "zebra", "x", 0..1, 0.1)), "zebra"),
        (offers(offer(&spec, "a", "moon", 0..1, 0.1)), "moon"),
        (orders(SupplyOrder { sku: "zebra".into(), ..good.clone() }), "zebra"),
        (orders(SupplyOrder { place: "y".into(), ..good.clone() }), "not sold"),
        (orders(SupplyOrder { quantity: Pieces(0), ..good.clone() }), "1 or more"),
        (orders(SupplyOrder { quantity: Pieces(-4), ..good.clone() }), "-4"),
        (orders(SupplyOrder { order_period: world.period(), ..good.clone() }), "send it then"),
    ];
    for (actions, said) in cases {
        let refusal = world.step(&actions).unwrap_err().to_string();
        assert!(refusal.contains(said), "{refusal}");
    }
    let mut untouched = World::new(&spec, &terms, 1);
    for world in [&mut world, &mut untouched] {
        world.step(&orders(good.clone())).unwrap();
        world.step(&Actions::default()).unwrap();
        world.step(&offers(offer(&spec, "zebra", "x", 0..1, 0.1))).unwrap();
        assert_eq!(world.step(&Actions::default()), Err(TwinError::Over));
    }
    assert_eq!(world.outcome("p"), untouched.outcome("p"));
}

#[test]
fn an_order_arrives_after_its_lead_time() {
    let spec = spec_of(&[("a", "x")], 4);
    let terms = terms();
    let mut world = World::new(&spec, &terms, 1);
    let actions = Actions { orders: vec![order(&world, 0, 500)], ..Actions::default() };
    world.step(&actions).unwrap();
    assert_eq!(world.books[0].arrivals, 0, "ordered at the end of day -1 with two days of lead time: comes on day 1");
    let seen = world.observe();
    assert_eq!(seen.cells[0].on_order, Pieces(500));
    assert_eq!(seen.pipeline(0).collect::<Vec<_>>(), [(world.period(), Pieces(500))]);
    world.step(&Actions::default()).unwrap();
    assert_eq!(world.books[0].arrivals, 500);
    assert_eq!(world.observe().cells[0].on_order, Pieces(0));
}

#[test]
fn what_is_done_to_one_group_moves_no_draw_of_another() {
    let cells = ["a", "b"].map(|sku| CellSpec { group: sku.into(), on_hand: 10_000, ..cell(sku, "x") });
    let spec = world_of(cells.into(), 20);
    let terms = terms();
    let plain = sales(&spec, &terms, 3, &[]);
    let cut = sales(&spec, &terms, 3, &[offer(&spec, "a", "x", 0..20, 0.4)]);
    let of = |sales: &[Vec<i64>], cell: usize| sales.iter().map(|day| day[cell]).collect::<Vec<_>>();
    assert_eq!(of(&plain, 1), of(&cut, 1));
    assert_ne!(of(&plain, 0), of(&cut, 0));
}

#[test]
fn pull_forward_takes_its_share_of_the_extra_units_from_later_periods() {
    let spec = plenty(&["a"], 60, steady());
    for share in [0.0, 0.3, 0.8] {
        let terms = TwinTerms { pull_forward_share: share, shock_sd: 0.0, ..terms() };
        let deal = [offer(&spec, "a", "x", 3..5, 0.4)];
        let (mut extra, mut later) = (0, 0);
        for seed in 0..400 {
            let (with, without) = (sales(&spec, &terms, seed, &deal), sales(&spec, &terms, seed, &[]));
            extra += (3..5).map(|day| with[day][0] - without[day][0]).sum::<i64>();
            later += (5..60).map(|day| without[day][0] - with[day][0]).sum::<i64>();
        }
        // The household stock begins to be used up on the second day of the deal, so that a little of the shortfall
        // falls inside it: up to `stock_use` of the first day's share.
        let found = later as f64 / extra as f64;
        assert!((found - share).abs() < 0.03 + 0.12 * share, "share {share}: found {found}");
    }
}

#[test]
fn substitution_takes_its_share_of_the_extra_units_from_the_group() {
    let spec = plenty(&["a", "b", "c"], 10, steady());
    for share in [0.0, 0.4] {
        let terms = TwinTerms { pull_forward_share: 0.0, substitution_share: share, shock_sd: 0.0, ..terms() };
        let deal = [offer(&spec, "a", "x", 0..10, 0.3)];
        let (mut extra, mut taken) = (0, 0);
        for seed in 0..600 {
            let (with, without) = (sales(&spec, &terms, seed, &deal), sales(&spec, &terms, seed, &[]));
            extra += (0..10).map(|day| with[day][0] - without[day][0]).sum::<i64>();
            taken += (0..10).flat_map(|day| [1, 2].map(|cell| without[day][cell] - with[day][cell])).sum::<i64>();
        }
        let found = taken as f64 / extra as f64;
        assert!((found - share).abs() < 0.02, "share {share}: found {found}");
    }
}

#[test]
fn hidden_elasticities_lie_around_the_mean_that_the_terms_say() {
    let names: Vec<String> = (0..400).map(|item| format!("sku{item:03}")).collect();
    let cells = names.iter().map(|sku| CellSpec {
        on_hand: 1_000_000,
        group: sku.as_str().into(),
        mean_demand: vec![400.0],
        ..cell(sku, "x")
    });
    let spec = world_of(cells.collect(), 1);
    let terms = TwinTerms { shock_sd: 0.0, ..terms() };
    let deals: Vec<Offer> = names.iter().map(|sku| offer(&spec, sku, "x", 0..1, 0.02)).collect();
    let (mut cut, mut full) = (0, 0);
    for seed in 0..30 {
        cut += sales(&spec, &terms, seed, &deals)[0].iter().sum::<i64>();
        full += sales(&spec, &terms, seed, &[])[0].iter().sum::<i64>();
    }
    let elasticity = (cut as f64 / full as f64).ln() / 0.98f64.ln();
    assert!((elasticity + 2.0).abs() < 0.15, "{elasticity}");
}

#[test]
fn deliveries_are_late_and_cut_at_their_rates() {
    let cells = (0..40).map(|place| CellSpec { mean_demand: vec![0.0], ..cell("a", &format!("p{place:02}")) });
    let spec = world_of(cells.collect(), 103);
    let terms = TwinTerms { late_probability: 0.2, cut_probability: 0.1, cut_share: 0.5, ..terms() };
    let mut world = World::new(&spec, &terms, 9);
    let (mut punctual, mut short, mut came, mut sent) = (0, 0, 0, 0);
    while !world.is_over() {
        let early = world.period().0 < spec.span().end.0 - 3;
        // Each day's orders are told apart by their size: 10,000 on even days, 10 on odd ones.
        let size = if world.period().0 % 2 == 0 { 10_000 } else { 10 };
        let orders: Vec<_> = (0..40).filter(|_| early).map(|cell| order(&world, cell, size)).collect();
        sent += orders.iter().map(|order| order.quantity.0).sum::<i64>();
        world.step(&Actions { orders, ..Actions::default() }).unwrap();
        let due_size = if world.period().0 % 2 == 0 { 10_000 } else { 10 };
        for books in &world.books {
            came += books.arrivals;
            punctual += i64::from(if due_size == 10_000 { books.arrivals >= 5_000 } else { books.arrivals % 100 > 0 });
            short += i64::from(books.arrivals / 5_000 % 2 == 1) + i64::from(matches!(books.arrivals % 100, 5));
        }
    }
    let orders = 40.0 * 100.0;
    assert!((punctual as f64 / orders - 0.8).abs() < 0.02, "on time: {}", punctual as f64 / orders);
    assert!((short as f64 / orders - 0.1).abs() < 0.015, "cut: {}", short as f64 / orders);
    assert!((came as f64 / sent as f64 - 0.95).abs() < 0.01, "{came} of {sent} pieces");
}

#[test]
fn shocks_hit_what_they_name_and_for_their_time() {
    let spec = plenty(&["a", "b"], 6, steady());
    let shock =
        |kind, size| Shock { kind, size, from: Moment::After(2), periods: Some(2), sku: Some("a".into()), ..closure() };
    let terms = TwinTerms { substitution_share: 0.0, ..terms() };
    let plain = sales(&spec, &terms, 4, &[]);
    let shut = sales(&spec.clone().with_shocks(vec![shock(ShockKind::Closure, None)]).unwrap(), &terms, 4, &[]);
    for day in 0..6 {
        assert_eq!(plain[day][1], shut[day][1]);
        assert_eq!(shut[day][0], if (2..4).contains(&day) { 0 } else { plain[day][0] });
    }
    let cut = spec_of(&[("a", "x")], 6).with_shocks(vec![shock(ShockKind::SupplyCut, Some(0.75))]).unwrap();
    let mut world = World::new(&cut, &terms, 4);
    let mut arrivals = Vec::new();
    while !world.is_over() {
        let actions = Actions { orders: vec![order(&world, 0, 100)], ..Actions::default() };
        world.step(&actions).unwrap();
        arrivals.push(world.books[0].arrivals);
    }
    assert_eq!(arrivals, [0, 100, 100, 25, 25, 100], "orders of days 2 and 3 come a day later with a quarter");
}

/// Orders a fixed quantity everywhere every day, and runs one offer or none.
struct Standing {
    name: &'static str,
    offers: Vec<Offer>,
}

impl Policy for Standing {
    fn name(&self) -> &str {
        self.name
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        let orders = seen.keys.iter().map(|key| SupplyOrder {
            place: key.place.clone(),
            sku: key.sku.clone(),
            supplier: None,
            order_period: seen.period.plus(-1),
            arrives: seen.period.plus(1),
            quantity: Pieces(12),
        });
        Actions { offers: self.offers.clone(), orders: orders.collect(), ..Actions::default() }
    }
}

#[test]
fn policies_meet_the_same_worlds_at_any_number_of_threads() {
    let spec = spec_of(&[("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")], 14);
    let terms = TwinTerms { worlds: 6, late_probability: 0.2, ..terms() };
    let deal = offer(&spec, "a", "r", 4..7, 0.3);
    let plain = || -> Box<dyn Policy> { Box::new(Standing { name: "plain", offers: Vec::new() }) };
    let twin = || -> Box<dyn Policy> { Box::new(Standing { name: "twin of plain", offers: Vec::new() }) };
    let bold = || -> Box<dyn Policy> { Box::new(Standing { name: "bold", offers: vec![deal.clone()] }) };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| compare(&spec, &terms, &[&plain, &twin, &bold], &|_, _| {}).unwrap())
    };
    let outcomes = run(1);
    assert_eq!(outcomes, run(2));
    let seeds: Vec<u64> = outcomes.iter().map(|outcome| outcome.seed).collect();
    assert_eq!(seeds[..6], [11, 12, 13, 14, 15, 16]);
    for world in 0..6 {
        let renamed = endcap_model::Outcome { policy: "plain".into(), ..outcomes[6 + world].clone() };
        assert_eq!(outcomes[world], renamed);
        assert_ne!(outcomes[world].profit, outcomes[12 + world].profit);
    }
    assert!(matches!(compare(&spec, &terms, &[&plain, &plain], &|_, _| {}), Err(TwinError::DoubledPolicy(_))));
    assert_eq!(compare(&spec, &terms, &[], &|_, _| {}), Err(TwinError::NoPolicies));
}

#[test]
fn offers_that_cost_money_and_cell_books_agree_on_profit() {
    let costs = Costs { holding_rate: 0.01, fixed_cost: 50, vendor_funding_share: 0.5, ..Costs::default() };
    let cells = ["x", "y"].map(|place| CellSpec { on_hand: 200, ..cell("a", place) });
    let spec = world_of(cells.into(), 3);
    let spec = WorldSpec::new(crate::WorldTerms { costs, ..spec.terms().clone() }, spec.cells().to_vec()).unwrap();
    let terms = terms();
    let mut world = World::new(&spec, &terms, 2);
    let (mut held, mut margin) = (0, 0);
    let deals = [offer(&spec, "a", "r", 0..2, 0.25), offer(&spec, "a", "x", 0..1, 0.1)];
    while !world.is_over() {
        world.step(&Actions { offers: deals.to_vec(), ..Actions::default() }).unwrap();
        held += world.books.iter().map(|books| books.closing * 120).sum::<i64>();
        margin += world.books.iter().zip(&world.asked.paid).map(|(books, paid)| books.sold * (paid - 120)).sum::<i64>();
    }
    let outcome = world.outcome("p");
    assert_eq!(outcome.margin, margin);
    assert_eq!(outcome.discount, outcome.sold_promoted * 50, "the deeper of two offers runs");
    let holding = (held as f64 * 0.01).round_ties_even() as i64;
    let funding = (outcome.discount as f64 * 0.5).round_ties_even() as i64;
    assert_eq!(outcome.profit, margin + funding - holding - 2 * 50, "one item in one region for two days");
}
