//! An allocation rule that was learned in the twin: each period the offers whose weighted features come to most, up to the slots
//! of their region. It looks one period ahead of what can still be ordered for and weighs no offer against later ones but by what
//! it has learned.
//!
//! # Source
//! Parametric policy search by the cross-entropy method (Mannor, Rubinstein and Gat 2003), on a linear rule.

use super::RollingPolicy;
use crate::sense::Facts;
use endcap_demand::Fitted;
use endcap_model::{Depth, Forecast, Mechanic, Offer, Period, Place, Sku, Span, Support};
use endcap_plan::ItemEconomics;
use endcap_twin::RuleWeights;
use std::collections::BTreeMap;

/// Periods after which the memory of an offer has faded to a third.
const MEMORY: f64 = 6.0;

/// An offer that could be made.
struct Candidate<'a> {
    sku: &'a Sku,
    region: &'a Place,
    depth: Depth,
    score: f64,
}

/// Chooses the offers of a period under the scenario's slots and spacing; `made` are those chosen before.
pub(super) fn chosen(
    policy: &RollingPolicy,
    weights: &RuleWeights,
    facts: &Facts,
    fitted: &Fitted,
    baseline: &Forecast,
    period: Period,
    made: &[Offer],
) -> Vec<Offer> {
    let scenario = &policy.scenario;
    let items = facts.economics(scenario);
    let mut wanted: BTreeMap<(&Sku, &Place), f64> = BTreeMap::new();
    for row in baseline.rows.iter().filter(|row| row.period == period) {
        let region = facts.regions.get(&row.place).unwrap_or(&row.place);
        *wanted.entry((&row.sku, region)).or_default() += row.baseline;
    }
    let mut candidates = vec![];
    for (&(sku, region), &pieces) in &wanted {
        let before = made.iter().filter(|offer| offer.sku == *sku && offer.place == *region);
        let since = before.map(|offer| period.0 - offer.span.start.0).min();
        if since.is_some_and(|since| since < scenario.limits.spacing as i32) {
            continue;
        }
        let Some((item, response)) = items.get(sku).zip(fitted.lift.response(sku)) else { continue };
        for &depth in &scenario.depths {
            let lift = response.log_lift(depth, 0.0, 0.0);
            let fixed = scenario.money(scenario.limits.fixed_cost).minor as f64;
            let funded = scenario.items.vendor_funding_share;
            let features = features(item, pieces, depth.share(), lift, (funded, fixed), since);
            let score = weights.to_array().iter().zip(features).map(|(weight, feature)| weight * feature).sum();
            candidates.push(Candidate { sku, region, depth, score });
        }
    }
    candidates.retain(|candidate| candidate.score > 0.0);
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (a.sku, a.region).cmp(&(b.sku, b.region))));
    let mut free: BTreeMap<&Place, usize> = BTreeMap::new();
    let mut offers: Vec<Offer> = vec![];
    for Candidate { sku, region, depth, .. } in candidates {
        let free = free.entry(region).or_insert(scenario.limits.slots);
        if *free == 0 || offers.iter().any(|offer| offer.sku == *sku && offer.place == *region) {
            continue;
        }
        *free -= 1;
        let (sku, place, span) = (sku.clone(), region.clone(), Span::of_length(period, 1));
        offers.push(Offer { sku, place, span, mechanic: Mechanic::Tpr, depth, support: Support::default() });
    }
    offers.sort();
    offers
}

/// The features in the order of the weights, minor units.
fn features(
    item: &ItemEconomics,
    pieces: f64,
    depth: f64,
    (lift, se): (f64, f64),
    (funded, fixed): (f64, f64),
    since: Option<i32>,
) -> [f64; RuleWeights::COUNT] {
    let (list, cost) = (item.list_price as f64, item.unit_cost as f64);
    let gain =
        |lift: f64| pieces * (lift.exp() * (list * (1.0 - depth * (1.0 - funded)) - cost) - (list - cost)) - fixed;
    let own = gain(lift);
    let remembered = since.map_or(0.0, |since| (-f64::from(since) / MEMORY).exp());
    [
        own,
        pieces * (lift.exp() - 1.0) * (list - cost),
        pieces * lift.exp() * list * depth * funded,
        gain(lift - se) - own,
        own * (1.0 - remembered),
        fixed,
    ]
}
