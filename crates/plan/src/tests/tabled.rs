//! Plans from a table that remembers are those from one that does not.

use super::*;

/// A shop after each of some edits: limits, locks, depths, caution and goal.
fn edited() -> Vec<Scenario> {
    let mut scenario = shop().scenario;
    let mut all = vec![scenario.clone()];
    let mut then = |change: &dyn Fn(&mut Scenario)| {
        change(&mut scenario);
        all.push(scenario.clone());
    };
    then(&|s| s.limits.locks.push(lock("s2", Some("b"), Some("104"), 0.1)));
    then(&|s| s.limits.locks.push(lock("s0", None, None, 0.0)));
    then(&|s| s.limits.budget = 900.0);
    then(&|s| s.limits.stockout_probability_max = 0.1);
    then(&|s| s.limits.locks.push(lock("s5", Some("a"), Some("105"), 0.12)));
    then(&|s| s.caution = 1.0);
    then(&|s| s.goal.preset = Preset::MaxRevenue);
    then(&|s| s.objective = Objective::Page);
    all
}

fn sketched(table: &mut Table, shop: &Shop, before: Option<&Sketch>, gap: f64) -> Sketch {
    let settings = solve::Settings { gap, ..settings() };
    match table.sketch(&shop.input(), before.map(|sketch| &sketch.proposal.report), &settings, &|| false).unwrap() {
        Sketched::Plan(sketch) => sketch,
        Sketched::Infeasible { conflict } => panic!("no plan: {conflict:?}"),
    }
}

#[test]
fn what_a_table_remembers_changes_no_plan() {
    let mut shop = shop();
    let mut table = Table::default();
    let mut before: Option<Sketch> = None;
    for scenario in edited() {
        shop.scenario = scenario;
        let after = sketched(&mut table, &shop, before.as_ref(), 1e-3);
        assert_eq!(after, sketched(&mut Table::default(), &shop, before.as_ref(), 1e-3));
        before = Some(after);
    }
}

#[test]
fn a_plan_begun_from_the_one_before_earns_what_one_from_scratch_does() {
    let mut shop = shop();
    let mut table = Table::default();
    let mut before: Option<Sketch> = None;
    for scenario in edited() {
        shop.scenario = scenario;
        let after = sketched(&mut table, &shop, before.as_ref(), 0.0);
        let report = match propose(&shop.input(), &solve::Settings { gap: 0.0, ..settings() }).unwrap() {
            Proposed::Plan(proposal) => proposal.report,
            Proposed::Infeasible { conflict } => panic!("{conflict:?}"),
        };
        assert_eq!(after.proposal.report.status, SolveStatus::Optimal);
        assert_eq!(after.proposal.report.value, report.value);
        before = Some(after);
    }
}

#[test]
fn a_sketch_says_something_of_every_cell() {
    let shop = shop();
    let sketch = sketched(&mut Table::default(), &shop, None, 0.0);
    let report = &sketch.proposal.report;
    let mut cells: Vec<(&Sku, &Place, Period)> =
        report.offers.iter().map(|e| (&e.offer.sku, &e.offer.place, e.offer.span.start)).collect();
    cells.extend(report.rejected.iter().map(|r| (&r.sku, &r.place, r.period)));
    cells.sort();
    let all: Vec<_> = sketch.cover.iter().flat_map(|c| SPAN.iter().map(move |p| (&c.sku, &c.place, p))).collect();
    assert_eq!(cells, all);
}

#[test]
fn stock_falls_by_what_is_sold_until_the_first_delivery() {
    let mut shop = shop();
    shop.states.iter_mut().for_each(|state| state.on_hand = Pieces(200));
    shop.scenario.limits.locks = vec![lock("s0", Some("a"), Some("100"), 0.3)];
    let sketch = sketched(&mut Table::default(), &shop, None, 0.0);
    let of = |sku: &str| sketch.cover.iter().find(|c| c.sku.as_str() == sku && c.place.as_str() == "a").unwrap();
    // Lead time of three: the first two periods live on stock. Demand in both stores of s0: 20 + 23, one more each day.
    let (first, second) = (of("s0").periods[0], of("s0").periods[1]);
    assert_eq!(first.baseline, 20.0 + 23.0 + 2.0);
    let sold = first.baseline * 0.7f64.powf(-2.5);
    assert!((first.left.unwrap() - (400.0 - sold)).abs() < 0.5, "{first:?}");
    assert!((second.left.unwrap() - (first.left.unwrap() - second.baseline)).abs() < 0.5, "{second:?}");
    assert_eq!(of("s0").periods[2].left, None);
    shop.states.iter_mut().for_each(|state| state.on_hand = Pieces(60));
    let short = sketched(&mut Table::default(), &shop, None, 0.0);
    let short = short.cover.iter().find(|c| c.sku.as_str() == "s0" && c.place.as_str() == "a").unwrap();
    assert!(short.periods[0].stockout < 0.5 && short.periods[1].stockout > 0.9, "{short:?}");
}
