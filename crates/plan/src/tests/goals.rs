//! Goals: each weight alone, the presets, the floor on sell-through and the Pareto set.

use super::small::{Tried, assert_optimal, best, example, set_stock, small};
use crate::*;
use endcap_model::*;

fn exact() -> solve::Settings {
    solve::Settings { gap: 0.0, ..solve::Settings::default() }
}

fn preset(preset: Preset) -> Goal {
    Goal { preset, ..Goal::default() }
}

/// Bread is not ordered again; there is more of it than three periods sell. Butter and cream sell more pieces, and for
/// more money, at a discount, but at a loss.
fn with_last_stock() -> super::Shop {
    let mut shop = small();
    let items = Which { skus: vec!["bread".into()], ..Which::default() };
    shop.scenario.run_out = vec![RunOut { items, salvage_share: 0.2, markdowns: vec![] }];
    set_stock(&mut shop, "bread", 250);
    shop.scenario.depths = [0.1, 0.3].map(|share| Depth::from_share(share).unwrap()).to_vec();
    shop.scenario.limits.budget = 1500.0;
    shop.scenario.limits.slots = 2;
    for (response, mean) in shop.lift.responses.iter_mut().zip([-3.4, -1.4, -1.6]) {
        response.own_price = super::estimate(mean, 0.2);
    }
    shop
}

/// Offers on bread take no more than what no later period needs.
fn within_stock(plan: &[Tried], excess: i64) -> bool {
    plan.iter().filter(|tried| tried.is("bread")).map(|tried| tried.choice.worth.stock).sum::<i64>() <= excess
}

/// Stores a1 and a2 sell 35 + 38 + period mod 3 pieces of bread a period; 250 pieces each.
const EXCESS: i64 = 250 - (36 + 37 + 35) + 250 - (39 + 40 + 38);

#[test]
fn every_preset_is_the_best_plan_of_its_goal() {
    let mut shop = with_last_stock();
    for goal in Preset::ALL.into_iter().map(preset) {
        shop.scenario.goal = Goal { sell_through_min: Some(0.75), ..goal };
        let floor = |plan: &[Tried]| {
            let cleared: i64 = plan.iter().map(|tried| tried.choice.worth.outcomes.cleared).sum();
            cleared as f64 >= 0.75 * 500.0 - (500 - EXCESS) as f64
        };
        let proposal = assert_optimal(&shop, &|plan| within_stock(plan, EXCESS) && floor(plan));
        assert_eq!(proposal.report.goal, shop.scenario.goal.to_string());
        let outcomes = &proposal.report.outcomes;
        assert_eq!(outcomes.profit, proposal.report.pnl.total());
        assert!(outcomes.sell_through.unwrap() >= 0.75, "{outcomes:?}");
    }
}

#[test]
fn each_preset_wins_by_its_own_measure() {
    let shop = with_last_stock();
    let goals: Vec<Goal> = Preset::ALL[..5].iter().copied().map(preset).collect();
    let points = compare(&shop.input(), &goals, &exact(), &|| false).unwrap();
    let points: Vec<GoalPoint> = points
        .into_iter()
        .map(|under| match under {
            UnderGoal::Plan(point) => point,
            UnderGoal::Infeasible { conflict, .. } => panic!("{conflict:?}"),
        })
        .collect();
    let wins = |at: usize, measure: &dyn Fn(&Outcomes) -> f64| {
        let own = measure(&points[at].outcomes);
        assert!(points.iter().all(|point| measure(&point.outcomes) <= own + 1.0), "{} {points:#?}", points[at].goal);
    };
    wins(0, &|o| o.profit as f64);
    wins(1, &|o| o.revenue as f64);
    wins(2, &|o| o.pieces);
    wins(3, &|o| o.cleared as f64);
    assert!(points[1].outcomes.profit < points[0].outcomes.profit, "revenue costs profit");
    assert_eq!(points[0].value, best(&shop, &goals[0], &|plan| within_stock(plan, EXCESS)));
}

#[test]
fn the_pareto_set_holds_no_beaten_plan_and_both_ends() {
    let shop = with_last_stock();
    let points = pareto(&shop.input(), 4, &exact(), &|| false).unwrap();
    assert!(points.len() >= 3, "{points:#?}");
    let axes = |point: &GoalPoint| [point.outcomes.profit as f64, point.outcomes.revenue as f64, point.outcomes.pieces];
    for (at, one) in points.iter().enumerate() {
        for (other_at, other) in points.iter().enumerate().filter(|(other, _)| *other != at) {
            let beaten = axes(one).iter().zip(axes(other)).all(|(mine, theirs)| theirs >= *mine);
            assert!(!beaten, "{other_at} beats {at}");
        }
    }
    assert!(points.windows(2).all(|two| two[0].outcomes.profit >= two[1].outcomes.profit));
    assert_eq!(points[0].outcomes.profit, best(&shop, &Goal::default(), &|plan| within_stock(plan, EXCESS)));
    assert_eq!(points, pareto(&shop.input(), 4, &exact(), &|| false).unwrap());
}

#[test]
fn a_floor_that_cannot_be_reached_is_refused_with_its_numbers() {
    let mut shop = with_last_stock();
    shop.scenario.goal = Goal { preset: Preset::RevenueWithFloor, sell_through_min: Some(1.0), ..Goal::default() };
    let conflict = shop.conflict().join("\n");
    assert!(conflict.contains("sell-through") || conflict.contains("least use"), "{conflict}");
    shop.scenario.run_out.clear();
    assert!(matches!(propose(&shop.input(), &exact()), Err(PlanError::NothingRunsOut)));
}

#[test]
fn waste_weighs_beside_the_profit() {
    let mut shop = small();
    shop.scenario.supply.shelf_life = Some(1);
    shop.scenario.supply.lead_time_periods = 1;
    shop.scenario.limits.stockout_probability_max = 0.02;
    let plain = shop.plan();
    assert!(plain.report.outcomes.wasted > 0, "{:?}", plain.report.outcomes);
    shop.scenario.goal.weights = Some(Weights { margin: 1.0, waste: 50.0, ..Weights::default() });
    let lean = assert_optimal(&shop, &|_| true);
    assert!(lean.report.outcomes.wasted < plain.report.outcomes.wasted);
    assert!(lean.report.outcomes.profit <= plain.report.outcomes.profit);
}

#[test]
fn the_example_goal_is_met_by_its_best_plan() {
    let mut shop = example(small(), include_str!("../../../../examples/extensions/goal.toml"));
    set_stock(&mut shop, "bread", 250);
    let proposal = assert_optimal(&shop, &|plan| {
        let cleared: i64 = plan.iter().map(|tried| tried.choice.worth.outcomes.cleared).sum();
        within_stock(plan, EXCESS) && cleared as f64 >= 0.75 * 500.0 - (500 - EXCESS) as f64
    });
    assert_eq!(proposal.report.goal, "0.7 margin + 0.3 revenue + 0.2 piece, sell-through at least 0.75");
}
