//! The Promo Planner page as a regression test: six items, four weeks, its inputs, its six figures, and the same instance
//! under Endcap's optimiser.
//!
//! Source: "Promotional planning as a knapsack" as published: formulas, greedy search, rotation and figures. It gives no
//! input values; those of examples/scenarios/promo-planner.toml are made up, and the expected figures below are its
//! formulas worked out independently (see `by_hand`), not read off the code under test.

use endcap_agent::policies::solve_page;
use endcap_model::Depth;
use endcap_twin::{Page, PageKpis, PageOffer, TwinScenario};
use proptest::prelude::*;
use std::path::Path;

/// price, demand by week, alpha, beta; as in the scenario.
const ITEMS: [(f64, [f64; 4], f64, f64); 6] = [
    (4.99, [620.0, 645.0, 595.0, 670.0], 3.6, -2.2),
    (2.49, [900.0, 936.0, 864.0, 972.0], 4.2, -3.0),
    (6.99, [310.0, 322.0, 298.0, 335.0], 5.1, -3.4),
    (3.29, [420.0, 437.0, 403.0, 454.0], 2.8, -1.6),
    (4.49, [260.0, 270.0, 250.0, 281.0], 4.6, -2.8),
    (9.99, [180.0, 187.0, 173.0, 194.0], 5.6, -4.0),
];
const MARGIN_RATE: f64 = 0.4;
const STEAL_RATE: f64 = 0.2;

fn scenario() -> TwinScenario {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/scenarios/promo-planner.toml"));
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Margin gained, margin stolen, money given away of one offer: lift = base (αd + βd²); (m − dp) lift; γ lift × mean
/// margin of the others; dp lift.
fn by_hand(item: usize, week: usize, depth: f64) -> (f64, f64, f64) {
    let (price, demand, alpha, beta) = ITEMS[item];
    let lift = demand[week] * (alpha * depth + beta * depth * depth);
    let others: f64 = (0..6).filter(|&other| other != item).map(|other| MARGIN_RATE * ITEMS[other].0).sum();
    ((MARGIN_RATE - depth) * price * lift, STEAL_RATE * lift * others / 5.0, depth * price * lift)
}

fn figures_by_hand(calendar: &[PageOffer], rotation: &[PageOffer]) -> PageKpis {
    let sums = |calendar: &[PageOffer]| {
        let parts = calendar.iter().map(|offer| by_hand(offer.item, offer.period, offer.depth.share()));
        parts.fold((0.0, 0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1, sum.2 + part.2))
    };
    let ((gained, stolen, given), (of_rotation, stolen_by_rotation, _)) = (sums(calendar), sums(rotation));
    PageKpis {
        incremental_margin: gained - stolen,
        over_uniform: Some((gained - stolen) / (of_rotation - stolen_by_rotation) - 1.0),
        sku_periods: calendar.len(),
        budget_used: given,
        mean_depth: calendar.iter().map(|offer| offer.depth.share()).sum::<f64>() / calendar.len() as f64,
        cannibalised_share: stolen / gained,
    }
}

fn kept_to(page: &Page, calendar: &[PageOffer]) {
    let terms = page.terms();
    assert!(page.kpis(calendar).budget_used <= terms.budget);
    for period in 0..page.periods() {
        let on_page: Vec<usize> =
            calendar.iter().filter(|offer| offer.period == period).map(|offer| offer.item).collect();
        assert!(on_page.len() <= terms.capacity, "the page is full");
        assert!(on_page.windows(2).all(|pair| pair[0] != pair[1]), "one depth per item and week");
    }
}

#[test]
fn the_six_figures_are_those_of_the_published_formulas() {
    let scenario = scenario();
    let page = scenario.page().unwrap().unwrap();
    let solved = solve_page(&page).unwrap().calendar;
    for calendar in [page.greedy(), page.uniform(), solved] {
        let (found, expected) = (page.kpis(&calendar), figures_by_hand(&calendar, &page.uniform()));
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
        assert!(near(found.incremental_margin, expected.incremental_margin), "{found:?} {expected:?}");
        assert!(near(found.over_uniform.unwrap(), expected.over_uniform.unwrap()), "{found:?} {expected:?}");
        assert_eq!(found.sku_periods, expected.sku_periods);
        assert!(near(found.budget_used, expected.budget_used), "{found:?} {expected:?}");
        assert!(near(found.mean_depth, expected.mean_depth), "{found:?} {expected:?}");
        assert!(near(found.cannibalised_share, expected.cannibalised_share), "{found:?} {expected:?}");
        kept_to(&page, &calendar);
    }
}

#[test]
fn the_rotation_takes_items_in_turn_at_the_shallowest_depth() {
    let scenario = scenario();
    let page = scenario.page().unwrap().unwrap();
    let rotation = page.uniform();
    let shallowest = Depth::from_share(0.15).unwrap();
    assert!(rotation.iter().all(|offer| offer.depth == shallowest));
    assert_eq!(rotation.iter().take(6).map(|offer| offer.item).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn endcaps_optimiser_is_worth_at_least_the_pages_greedy_and_proves_that_nothing_is_worth_more() {
    let scenario = scenario();
    let page = scenario.page().unwrap().unwrap();
    let solved = solve_page(&page).unwrap();
    let (ours, greedy) = (page.kpis(&solved.calendar).incremental_margin, page.kpis(&page.greedy()).incremental_margin);
    assert!(ours >= greedy, "{ours} below {greedy}");
    assert!((solved.bound - ours).abs() < 0.01, "proven: {ours} of {}", solved.bound);
}

/// The best value over all calendars of a page of two items and two weeks, tried one by one.
fn tried_one_by_one(page: &Page) -> f64 {
    let offers: Vec<(PageOffer, f64, f64)> = page.offers().collect();
    (0..1u32 << offers.len())
        .filter_map(|set| {
            let chosen: Vec<_> = (0..offers.len()).filter(|at| set >> at & 1 == 1).map(|at| offers[at]).collect();
            let cells: std::collections::BTreeSet<_> =
                chosen.iter().map(|(offer, ..)| (offer.item, offer.period)).collect();
            let crowded = (0..page.periods())
                .any(|week| chosen.iter().filter(|(offer, ..)| offer.period == week).count() > page.terms().capacity);
            let given: f64 = chosen.iter().map(|(_, _, given)| given).sum();
            let kept = cells.len() == chosen.len() && !crowded && given <= page.terms().budget - 0.01;
            kept.then(|| chosen.iter().map(|(_, value, _)| value).sum())
        })
        .fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_calendar_beats_the_optimisers(
        budget in 50.0f64..1500.0, capacity in 1usize..3, steal_rate in 0.0f64..0.5, alpha in 1.0f64..6.0, price in 2.0f64..9.0,
    ) {
        let mut scenario = scenario();
        let endcap_twin::WorldChoice::Listed(list) = &mut scenario.world else { panic!("the page lists its items") };
        list.items.truncate(2);
        list.items[0].list_price = price;
        list.items.iter_mut().for_each(|item| item.demand.truncate(2));
        scenario.horizon = 2;
        let terms = scenario.page.as_mut().unwrap();
        (terms.budget, terms.capacity, terms.steal_rate) = (budget, capacity, steal_rate);
        terms.lift.get_mut(&"cola-6".into()).unwrap().alpha = alpha;
        let page = scenario.page().unwrap().unwrap();
        let solved = solve_page(&page).unwrap();
        kept_to(&page, &solved.calendar);
        let (ours, best) = (page.kpis(&solved.calendar).incremental_margin, tried_one_by_one(&page));
        prop_assert!(ours >= best - 0.01 && ours <= solved.bound + 0.01, "{ours} of {best}");
        prop_assert!(ours >= page.kpis(&page.greedy()).incremental_margin - 0.01);
    }
}
