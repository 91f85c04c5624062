//! Planning anew in the middle of a season.

use super::small::{Tried, assert_optimal, best, example, set_stock, small};
use super::{Shop, plan_of};
use crate::*;
use endcap_model::*;

fn exact() -> solve::Settings {
    solve::Settings { gap: 0.0, ..solve::Settings::default() }
}

fn season() -> Shop {
    example(small(), include_str!("../../../../examples/extensions/rebalance.toml"))
}

/// The plan of the whole season, and the shop with its first period over.
fn after_one_period() -> (Plan, Shop) {
    let mut shop = season();
    let plan = Plan { span: shop.span, ..plan_of(&assert_optimal(&shop, &|_| true)) };
    shop.span.start = shop.span.start.plus(1);
    shop.scenario.horizon = 2;
    (plan, shop)
}

fn revised(shop: &Shop, plan: &Plan) -> Revision {
    revised_at(shop, plan, &Paces::new())
}

fn revised_at(shop: &Shop, plan: &Plan, paces: &Paces) -> Revision {
    match replan(&shop.input(), plan, paces, &exact(), &|| false).unwrap() {
        Replanned::Revision(revision) => revision,
        Replanned::Infeasible { conflict } => panic!("{conflict:?}"),
    }
}

fn spent(plan: &Plan, shop: &Shop) -> i64 {
    plan.report.offers.iter().filter(|e| e.offer.span.start < shop.span.start).map(|e| e.budget_use).sum()
}

/// The best value for the rest with each change paid, by trying every plan.
fn best_rest(shop: &Shop, plan: &Plan) -> i64 {
    let cost = (shop.scenario.replan.change_cost * 100.0) as i64;
    let left = (shop.scenario.limits.budget * 100.0) as i64 - spent(plan, shop);
    let rest: Vec<&Explanation> =
        plan.report.offers.iter().filter(|e| shop.span.contains(e.offer.span.start)).collect();
    let paid = |tried: &[Tried]| {
        let cell = |t: &Tried, e: &Explanation| {
            t.is(e.offer.sku.as_str()) && shop.span.start.plus(t.choice.period as i32) == e.offer.span.start
        };
        let kept = |e: &&&Explanation| tried.iter().any(|t| cell(t, e) && t.choice.depth == e.offer.depth);
        let same = rest.iter().filter(kept).count();
        let replaced = rest.iter().filter(|e| tried.iter().any(|t| cell(t, e))).count() - same;
        ((rest.len() - same - replaced) + (tried.len() - same)) as i64 * cost
    };
    let fits = |tried: &[Tried]| tried.iter().map(|t| t.choice.worth.budget).sum::<i64>() <= left;
    super::small::best_less(shop, &shop.scenario.goal, &fits, &paid)
}

#[test]
fn without_news_the_promises_are_kept() {
    let (plan, shop) = after_one_period();
    let revision = revised(&shop, &plan);
    assert_eq!(revision.changes, []);
    let rest: Vec<Offer> = plan.offers.iter().filter(|o| shop.span.contains(o.span.start)).cloned().collect();
    assert_eq!(revision.proposal.offers, rest);
    assert_eq!(revision.proposal.report.value, revision.promised_value);
    let budget = revision.proposal.report.limits.iter().find(|limit| limit.limit == "budget").unwrap();
    assert_eq!(budget.available, 26_000 - spent(&plan, &shop));
}

#[test]
fn a_new_plan_earns_its_changes() {
    let (plan, mut shop) = after_one_period();
    // Bread turns out to sell twice, cream a third of what was thought.
    for row in &mut shop.baseline.rows {
        let factor = [("bread", 2.0), ("cream", 0.33)].iter().find(|(sku, _)| row.sku.as_str() == *sku);
        row.baseline *= factor.map_or(1.0, |(_, factor)| *factor);
    }
    let revision = revised(&shop, &plan);
    let report = &revision.proposal.report;
    assert_eq!((report.value, report.bound), (best_rest(&shop, &plan), best_rest(&shop, &plan)));
    assert!(!revision.changes.is_empty());
    assert!(report.pnl.changes <= -3_000 && report.pnl.changes % 3_000 == 0, "{:?}", report.pnl);
    let gained: i64 = revision.changes.iter().map(|change| change.value).sum();
    assert_eq!(gained, report.value - revision.promised_value);
    assert_eq!(report.value, report.pnl.total());
    // At no cost at least as much changes, and the plan is worth more.
    shop.scenario.replan.change_cost = 0.0;
    let free = revised(&shop, &plan);
    assert!(free.changes.len() >= revision.changes.len());
    assert!(free.proposal.report.value >= report.value);
    // At a price that nothing earns, only what the budget no longer covers is dropped.
    shop.scenario.replan.change_cost = 1e6;
    let forced = revised(&shop, &plan).changes;
    assert!(forced.iter().all(|change| change.change == Change::Dropped), "{forced:?}");
}

#[test]
fn frozen_periods_do_not_change() {
    let (plan, mut shop) = after_one_period();
    shop.baseline.rows.iter_mut().filter(|row| row.sku.as_str() == "bread").for_each(|row| row.baseline *= 3.0);
    shop.scenario.limits.budget = 1000.0;
    shop.scenario.replan = ReplanTerms { change_cost: 0.0, frozen_periods: 1 };
    let revision = revised(&shop, &plan);
    let first = shop.span.start;
    assert!(revision.changes.iter().all(|change| change.offer.span.start > first), "{:?}", revision.changes);
    let at_first = |offers: &[Offer]| offers.iter().filter(|o| o.span.start == first).cloned().collect::<Vec<_>>();
    assert_eq!(at_first(&revision.proposal.offers), at_first(&plan.offers));
}

#[test]
fn what_sells_ahead_of_its_path_is_not_made_cheaper_and_keeps_its_promises() {
    let (plan, mut shop) = after_one_period();
    shop.baseline.rows.iter_mut().filter(|row| row.sku.as_str() == "bread").for_each(|row| row.baseline *= 3.0);
    shop.scenario.limits.budget = 1000.0;
    shop.scenario.replan.change_cost = 0.0;
    let present = Depth::from_share(0.05).unwrap();
    let deeper = |revision: &Revision| -> Vec<Offer> {
        let cut = revision.changes.iter().filter(|c| c.change != Change::Dropped && c.offer.depth > present);
        cut.map(|change| change.offer.clone()).collect()
    };
    let free = revised(&shop, &plan);
    let cut = deeper(&free).first().expect("something is cut deeper").clone();
    let of_it = |offers: &[Offer]| offers.iter().filter(|o| o.sku == cut.sku && o.place == cut.place).count();
    let at = |sold: f64| Paces::from([((cut.sku.clone(), cut.place.clone()), (Pace { sold, due: 0.4 }, present))]);
    let ahead = revised_at(&shop, &plan, &at(0.6));
    assert_eq!(of_it(&deeper(&ahead)), 0);
    assert!(ahead.proposal.report.value <= free.proposal.report.value);
    assert_eq!(revised_at(&shop, &plan, &at(0.3)), free, "what is behind may go deeper");
    // Where a change earns nothing, every promise stands, ahead or not.
    shop.scenario.replan.change_cost = 1e6;
    let kept = revised_at(&shop, &plan, &at(0.6));
    assert!(kept.changes.is_empty(), "{:?}", kept.changes);
}

#[test]
fn a_broken_plan_of_the_past_is_still_counted() {
    let (plan, mut shop) = after_one_period();
    shop.scenario.limits.budget = 1.0;
    let revision = revised(&shop, &plan);
    let dropped = revision.changes.iter().filter(|change| change.change == Change::Dropped).count();
    let promised = plan.offers.iter().filter(|offer| shop.span.contains(offer.span.start)).count();
    assert!(promised > 0 && dropped == promised && revision.proposal.offers.is_empty());
    assert_eq!(revision.proposal.report.value, -3_000 * promised as i64);
    assert_eq!(best(&shop, &Goal::default(), &|plan| plan.is_empty()), 0);
}

#[test]
fn a_markdown_that_has_begun_goes_on() {
    let mut shop = example(small(), include_str!("../../../../examples/extensions/markdown.toml"));
    set_stock(&mut shop, "bread", 300);
    shop.scenario.limits.budget = 2000.0;
    let plan = plan_of(&shop.plan());
    let down = plan.report.offers.iter().find(|e| e.kind == OfferKind::Markdown).unwrap().offer.clone();
    assert!(down.span.end < shop.span.end, "{down:?}");
    // Half of the bread is stolen: nothing is left over any more.
    shop.span.start = down.span.end;
    set_stock(&mut shop, "bread", 50);
    let revision = revised(&shop, &plan);
    let still = revision.proposal.report.offers.iter().filter(|e| e.kind == OfferKind::Markdown);
    let still: Vec<_> = still.map(|e| (e.offer.sku.clone(), e.offer.depth)).collect();
    assert_eq!(still, vec![(down.sku, down.depth); shop.span.len()]);
}
