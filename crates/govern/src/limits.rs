//! The limits, each a sentence: what a plan may never do under a policy.

use endcap_model::{Autonomy, Breach, Offer, Period, Place, Plan, Policy, Sku};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Price and cost of an item, from its own source and not from the plan, in minor units per piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// List price.
    pub list_price: i64,
    /// Unit cost.
    pub unit_cost: i64,
}

/// What the simulated worlds said of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stress {
    /// Mean share of promoted item-place-periods with unmet demand.
    pub stockout_rate_promoted: f64,
    /// 5 % tail over the worlds of profit against no promotion, in minor units.
    pub tail_value: f64,
}

/// Everything a verdict is given on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Price and cost of every item.
    pub terms: &'a BTreeMap<Sku, Terms>,
    /// Number of item-places on which offers could be set in a period.
    pub item_places: usize,
    /// What the simulated worlds said.
    pub stress: Stress,
    /// Money given away over the plan, in minor units.
    pub spend: i64,
}

/// Collects every limit of the policy that the case breaks, in the order of the checks.
pub fn breaches(case: &Case, policy: &Policy) -> Vec<Breach> {
    let mut found = Vec::new();
    the_machine_may_send(policy, &mut found);
    policy_is_complete(policy, &mut found);
    case.plan.offers.iter().for_each(|offer| offer_stays_in_bounds(offer, case, policy, &mut found));
    one_price_at_a_time(case, &mut found);
    spend_stays_in_bounds(case, policy, &mut found);
    few_items_at_once(case, policy, &mut found);
    promoted_items_stay_in_stock(case, policy, &mut found);
    the_bad_tail_is_bearable(case, policy, &mut found);
    orders_are_whole(case, &mut found);
    found
}

fn breach(limit: &str, at: impl ToString, found: impl ToString, allowed: impl ToString) -> Breach {
    Breach { limit: limit.into(), at: at.to_string(), found: found.to_string(), allowed: allowed.to_string() }
}

fn the_machine_may_send(policy: &Policy, found: &mut Vec<Breach>) {
    if policy.autonomy < Autonomy::Propose {
        found.push(breach("autonomy", "policy", format!("{:?}", policy.autonomy).to_lowercase(), "propose or more"));
    }
}

fn policy_is_complete(policy: &Policy, found: &mut Vec<Breach>) {
    let shares = [
        ("depth_max", policy.depth_max),
        ("margin_rate_min", policy.margin_rate_min),
        ("stockout_probability_max", policy.stockout_probability_max),
        ("promoted_share_max", policy.promoted_share_max),
    ];
    for (limit, share) in shares {
        if !(0.0..=1.0).contains(&share) {
            found.push(breach(limit, "policy", share, "a share from 0 to 1"));
        }
    }
    for (limit, amount) in [("spend_max", policy.spend_max), ("person_above", policy.person_above)] {
        if !(amount.is_finite() && amount >= 0.0) {
            found.push(breach(limit, "policy", amount, "an amount of 0 or more"));
        }
    }
    if !policy.tail_value_min.is_finite() {
        found.push(breach("tail_value_min", "policy", policy.tail_value_min, "an amount"));
    }
}

fn offer_stays_in_bounds(offer: &Offer, case: &Case, policy: &Policy, found: &mut Vec<Breach>) {
    let at = describe(offer, case.plan);
    if offer.depth.share() > policy.depth_max {
        found.push(breach("depth_max", &at, offer.depth, percent(policy.depth_max)));
    }
    if offer.span.is_empty() || !within(offer, case.plan) {
        found.push(breach("plan span", &at, "runs outside the planned periods", "inside them"));
    }
    let Some(terms) = case.terms.get(&offer.sku).filter(|terms| terms.list_price > 0 && terms.unit_cost >= 0) else {
        found.push(breach("margin_rate_min", &at, "no price or cost is known", "both known"));
        return;
    };
    let paid = terms.list_price as f64 * offer.depth.price_ratio();
    let margin_rate = (paid - terms.unit_cost as f64) / paid;
    if margin_rate < policy.margin_rate_min - 1e-9 {
        found.push(breach("margin_rate_min", &at, percent(margin_rate), percent(policy.margin_rate_min)));
    }
}

fn within(offer: &Offer, plan: &Plan) -> bool {
    plan.span.start <= offer.span.start && offer.span.end <= plan.span.end
}

fn one_price_at_a_time(case: &Case, found: &mut Vec<Breach>) {
    let mut taken: BTreeSet<(&Sku, &Place, Period)> = BTreeSet::new();
    for offer in &case.plan.offers {
        for period in offer.span.iter() {
            if !taken.insert((&offer.sku, &offer.place, period)) {
                let at = describe(offer, case.plan);
                found.push(breach("one offer at a time", at, "two offers for one item, place and period", "one"));
            }
        }
    }
}

fn spend_stays_in_bounds(case: &Case, policy: &Policy, found: &mut Vec<Breach>) {
    let spend = major(case.spend as f64, case.plan);
    if spend > policy.spend_max {
        found.push(breach("spend_max", "plan", format!("{spend:.2}"), format!("{:.2}", policy.spend_max)));
    }
}

fn few_items_at_once(case: &Case, policy: &Policy, found: &mut Vec<Breach>) {
    let mut promoted: BTreeMap<Period, usize> = BTreeMap::new();
    for period in case.plan.offers.iter().flat_map(|offer| offer.span.iter()) {
        *promoted.entry(period).or_default() += 1;
    }
    for (period, count) in promoted {
        let share = count as f64 / case.item_places.max(1) as f64;
        if share > policy.promoted_share_max {
            let at = case.plan.calendar.format(period);
            found.push(breach("promoted_share_max", at, percent(share), percent(policy.promoted_share_max)));
        }
    }
}

fn promoted_items_stay_in_stock(case: &Case, policy: &Policy, found: &mut Vec<Breach>) {
    let rate = case.stress.stockout_rate_promoted;
    if !(rate.is_finite() && rate <= policy.stockout_probability_max) {
        found.push(breach("stockout_probability_max", "plan", percent(rate), percent(policy.stockout_probability_max)));
    }
}

fn the_bad_tail_is_bearable(case: &Case, policy: &Policy, found: &mut Vec<Breach>) {
    let tail = major(case.stress.tail_value, case.plan);
    if !(tail.is_finite() && tail >= policy.tail_value_min) {
        found.push(breach("tail_value_min", "plan", format!("{tail:.2}"), format!("{:.2}", policy.tail_value_min)));
    }
}

fn orders_are_whole(case: &Case, found: &mut Vec<Breach>) {
    for order in &case.plan.orders {
        if order.quantity.0 <= 0 || order.arrives < order.order_period {
            let at = format!("order of {} for {}", order.sku, order.place);
            let what = format!("{} pieces, arriving {}", order.quantity.0, case.plan.calendar.format(order.arrives));
            found.push(breach("orders", at, what, "1 or more pieces that arrive after they are ordered"));
        }
    }
}

fn describe(offer: &Offer, plan: &Plan) -> String {
    format!("{} in {} on {}", offer.sku, offer.place, plan.calendar.format(offer.span.start))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Converts minor units to the major units that policy is written in.
fn major(minor: f64, plan: &Plan) -> f64 {
    minor / 10f64.powi(i32::from(plan.currency.exponent().unwrap_or(0)))
}

/// Returns whether the plan gives away more than one person may decide alone.
pub fn asks_a_person(case: &Case, policy: &Policy) -> bool {
    major(case.spend as f64, case.plan) > policy.person_above
}
