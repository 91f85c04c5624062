//! Supply inside the decision: shared stock, surplus, money tied up in orders, and what serves instead of an offer.

use super::small::{Tried, assert_optimal, example, set_stock, small, two_regions};
use super::{lock, settings};
use crate::*;
use endcap_model::*;

/// The small shop where nothing ordered now arrives within the span, with so much bread in each of its two stores.
fn before_the_delivery(pieces: i64) -> super::Shop {
    let mut shop = small();
    shop.scenario.supply.lead_time_periods = 4;
    set_stock(&mut shop, "bread", pieces);
    shop
}

/// Pieces of bread beyond the baseline that a plan takes from stock.
fn taken(plan: &[Tried]) -> i64 {
    plan.iter().filter(|tried| tried.is("bread")).map(|tried| tried.choice.worth.stock).sum()
}

fn bread(proposal: &Proposal) -> Vec<&Explanation> {
    proposal.report.offers.iter().filter(|e| e.offer.sku.as_str() == "bread").collect()
}

#[test]
fn offers_before_the_first_delivery_share_what_is_there() {
    for pieces in [130, 160, 400] {
        let shop = before_the_delivery(pieces);
        let choices = crate::choices::Choices::new(&shop.input()).unwrap();
        let of_bread = choices.lists.iter().filter(|list| list.sku.as_str() == "bread");
        let alone = of_bread.flat_map(|list| &list.choices).map(|choice| choice.worth.stock).max().unwrap();
        // Stores a1 and a2 sell 35 + 38 pieces a week and period mod 3 more.
        let excess = 2 * pieces - (36 + 37 + 35) - (39 + 40 + 38);
        let proposal = assert_optimal(&shop, &|plan| taken(plan) <= excess.max(alone));
        let offers = bread(&proposal).len();
        assert_eq!(offers, if pieces == 400 { 3 } else { offers.min(2) });
        assert!(offers >= 1, "{pieces} pieces are worth an offer");
    }
}

#[test]
fn people_may_lock_more_than_the_first_stock_bears() {
    let mut shop = before_the_delivery(130);
    shop.scenario.limits.locks = ["100", "101", "102"].map(|period| lock("bread", None, Some(period), 0.2)).to_vec();
    assert_eq!(bread(&shop.plan()).len(), 3);
}

#[test]
fn a_surplus_is_cleared_at_the_least_cost_and_orders_stay_within_their_purse() {
    let mut shop = example(small(), include_str!("../../../../examples/extensions/surplus.toml"));
    let flat = shop.lift.responses.iter_mut().find(|response| response.sku.as_str() == "bread").unwrap();
    flat.own_price = super::estimate(-0.8, 0.1);
    set_stock(&mut shop, "bread", 200);
    // Stores a1 and a2 sell 36 and 39 pieces a week; one week more may be left.
    let surplus = 2 * 200 - 4 * (36 + 39);
    let cleared = |plan: &[Tried]| {
        plan.iter().filter(|tried| tried.is("bread")).map(|tried| tried.choice.worth.own_extra).sum::<i64>()
    };
    let costs = shop.items.clone();
    let dairy = |plan: &[Tried]| {
        let dairy = plan.iter().filter(|tried| !tried.is("bread"));
        dairy.map(|tried| tried.choice.worth.extra * costs[&tried.list.sku].unit_cost).sum::<i64>()
    };
    let mut reachable = 0;
    let choices = crate::choices::Choices::new(&shop.input()).unwrap();
    let list = choices.lists.iter().find(|list| list.sku.as_str() == "bread").unwrap();
    for period in 0..3 {
        let allowed = list.at(period).iter().filter(|choice| choice.forbidden.is_none());
        reachable += allowed.map(|choice| choice.worth.own_extra).max().unwrap();
    }
    assert!(reachable < surplus, "offers alone cannot clear {surplus} pieces, only {reachable}");
    let proposal = assert_optimal(&shop, &|plan| cleared(plan) >= reachable && dairy(plan) <= 30_000);
    let offers = bread(&proposal);
    assert_eq!(offers.len(), 3);
    assert!(offers.iter().map(|e| e.value).sum::<i64>() < 0, "clearing costs something");
    let limits = &proposal.report.limits;
    let surplus = limits.iter().find(|limit| limit.limit.starts_with("surplus bread: 100 of bread in a")).unwrap();
    assert_eq!(surplus.used, reachable);
    set_stock(&mut shop, "bread", 165);
    let proposal = assert_optimal(&shop, &|plan| cleared(plan) >= 2 * 165 - 4 * (36 + 39) && dairy(plan) <= 30_000);
    assert!(!bread(&proposal).is_empty());
    set_stock(&mut shop, "bread", 140);
    assert!(bread(&shop.plan()).is_empty(), "without a surplus nothing is to be cleared");
}

#[test]
fn stock_that_another_region_does_not_need_is_an_answer() {
    let mut shop = two_regions(["north", "south"]);
    shop.scenario.supply.lead_time_periods = 3;
    shop.scenario.supply.transfer_cost = Some(0.5);
    for state in shop.states.iter_mut().filter(|state| state.sku.as_str() == "bread") {
        state.on_hand = Pieces(if state.place.as_str().starts_with('a') { 76 } else { 1000 });
    }
    let proposal = match propose(&shop.input(), &settings()).unwrap() {
        Proposed::Plan(proposal) => proposal,
        Proposed::Infeasible { conflict } => panic!("{conflict:?}"),
    };
    let moved = |r: &RejectedOffer| match &r.because {
        Because::ShortSupply { instead: Some(Instead::Move { from, pieces, value }) } => {
            Some((r.place.clone(), from.clone(), *pieces, *value))
        }
        _ => None,
    };
    let moves: Vec<_> = proposal.report.rejected.iter().filter_map(moved).collect();
    assert!(!moves.is_empty(), "{:#?}", proposal.report.rejected);
    assert!(moves.iter().all(|(to, from, pieces, value)| {
        to.as_str() == "north" && from.as_str() == "south" && *pieces > 0 && *value > 0
    }));
    shop.scenario.supply.transfer_cost = Some(1000.0);
    let Proposed::Plan(proposal) = propose(&shop.input(), &settings()).unwrap() else { panic!("no plan") };
    assert!(
        proposal.report.rejected.iter().all(|r| moved(r).is_none()),
        "moving at a price above the margin never pays"
    );
}
