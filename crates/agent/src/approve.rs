//! Approve: plan, stress and policy go to `govern`, which shares no code with the planner.

use endcap_govern::{Case, Stress, Terms, judge};
use endcap_model::{Decision, Explanation, Outcome, Plan, Policy, Sku};
use endcap_plan::ItemEconomics;
use std::collections::BTreeMap;

/// Judges a plan on what the simulated worlds said of it; `ran` is what the plans ran that it takes over from, and counts as spent.
pub fn decide(
    plan: &Plan,
    ran: &[Explanation],
    economics: &BTreeMap<Sku, ItemEconomics>,
    item_places: usize,
    stress: Stress,
    policy: &Policy,
) -> Decision {
    let terms = |item: &ItemEconomics| Terms { list_price: item.list_price, unit_cost: item.unit_cost };
    let terms = economics.iter().map(|(sku, item)| (sku.clone(), terms(item))).collect();
    let spend = plan.report.offers.iter().chain(ran).map(|offer| offer.spend).sum();
    judge(&Case { plan, terms: &terms, item_places, stress, spend }, policy)
}

/// Sums up the worlds for policy: promoted stock-outs on average, profit against the reference in the worst worlds.
///
/// The tail is the mean of the worst twentieth of the paired differences, at least one world.
pub fn stress_of(outcomes: &[Outcome], policy: &str, reference: &str) -> Stress {
    let of = |name: &str| outcomes.iter().filter(|outcome| outcome.policy == name).collect::<Vec<_>>();
    let (ours, theirs) = (of(policy), of(reference));
    let mut differences: Vec<i64> = ours
        .iter()
        .filter_map(|our| Some(our.profit - theirs.iter().find(|their| their.seed == our.seed)?.profit))
        .collect();
    differences.sort_unstable();
    let worst = differences.len().div_ceil(20);
    let mean = |values: f64, count: usize| if count == 0 { f64::NAN } else { values / count as f64 };
    Stress {
        stockout_rate_promoted: mean(ours.iter().map(|o| o.stockout_rate_promoted).sum(), ours.len()),
        tail_value: mean(differences[..worst].iter().map(|&d| d as f64).sum(), worst),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(policy: &str, seed: u64, profit: i64) -> Outcome {
        Outcome { policy: policy.into(), seed, profit, stockout_rate_promoted: 0.1, ..Outcome::default() }
    }

    #[test]
    fn the_tail_is_the_worst_twentieth_of_paired_differences() {
        let worlds: Vec<Outcome> = (0..40)
            .flat_map(|seed| {
                [outcome("none", seed, 1000), outcome("plan", seed, 1000 + [5, -300, -100][(seed % 3) as usize])]
            })
            .collect();
        let stress = stress_of(&worlds, "plan", "none");
        assert_eq!(stress.tail_value, -300.0);
        assert!((stress.stockout_rate_promoted - 0.1).abs() < 1e-12);
    }

    #[test]
    fn no_world_is_no_evidence() {
        let stress = stress_of(&[], "plan", "none");
        assert!(stress.tail_value.is_nan() && stress.stockout_rate_promoted.is_nan());
    }
}
