//! Outcomes of policies in the same worlds, and means of what differs with their 95 % intervals.

use crate::goals::Paired;
use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;

/// Every policy in every world.
pub struct Outcomes {
    /// Policies in the order of the scenario.
    pub policies: Vec<String>,
    /// By policy and seed.
    by_policy: BTreeMap<String, BTreeMap<u64, Value>>,
}

impl Outcomes {
    /// Reads what `endcap twin --json` says.
    pub fn read(told: &Value) -> anyhow::Result<Self> {
        let mut outcomes = Self { policies: Vec::new(), by_policy: BTreeMap::new() };
        for outcome in told["outcomes"].as_array().context("no outcomes were told")? {
            let policy = outcome["policy"].as_str().context("an outcome without a policy")?;
            let seed = outcome["seed"].as_u64().context("an outcome without a seed")?;
            if !outcomes.by_policy.contains_key(policy) {
                outcomes.policies.push(policy.to_owned());
            }
            outcomes.by_policy.entry(policy.to_owned()).or_default().insert(seed, outcome.clone());
        }
        Ok(outcomes)
    }

    /// A figure of a policy by world, in the order of the seeds.
    pub fn levels(&self, policy: &str, measure: &str) -> Vec<f64> {
        let worlds = self.by_policy.get(policy).into_iter().flat_map(BTreeMap::values);
        worlds.filter_map(|outcome| figure(outcome, measure)).collect()
    }

    /// One policy less the other, world by world.
    pub fn paired(&self, policy: &str, other: &str, measure: &str) -> Option<Paired> {
        let (ours, theirs) = (self.levels(policy, measure), self.levels(other, measure));
        let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect();
        if ours.len() == theirs.len() { Paired::of(&differences) } else { None }
    }

    /// The same over the other's mean; nothing where that is 0.
    pub fn change(&self, policy: &str, other: &str, measure: &str) -> Option<Paired> {
        let base = Paired::of(&self.levels(other, measure))?.mean;
        let Paired { mean, low, high } = self.paired(policy, other, measure)?;
        (base != 0.0).then(|| Paired { mean: mean / base, low: low / base, high: high / base })
    }

    /// The share of the ceiling's mean gain over a base that a policy keeps. Its interval is that of the ratio of the means
    /// by linear expansion (Fieller's interval without its second order).
    pub fn share_of_gain(&self, policy: &str, ceiling: &str, base: &str, measure: &str) -> Option<Paired> {
        let gain = |of: &str| -> Vec<f64> {
            let (ours, theirs) = (self.levels(of, measure), self.levels(base, measure));
            ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect()
        };
        let (ours, most) = (gain(policy), gain(ceiling));
        let whole = Paired::of(&most)?.mean;
        let share = Paired::of(&ours)?.mean / whole;
        let rest: Vec<f64> = ours.iter().zip(&most).map(|(ours, most)| (ours - share * most) / whole).collect();
        let Paired { low, high, .. } = Paired::of(&rest)?;
        (whole > 0.0).then_some(Paired { mean: share, low: share + low, high: share + high })
    }
}

/// A figure of an outcome: a field, or a share of two.
fn figure(outcome: &Value, measure: &str) -> Option<f64> {
    let field = |name: &str| outcome[name].as_f64();
    let over = |part: &str, whole: &str| {
        let whole = field(whole)?;
        if whole > 0.0 { Some(field(part)? / whole) } else { Some(0.0) }
    };
    match measure {
        "write_down_share" => over("write_down", "promo_revenue"),
        "gmroi" => over("margin", "stock_cost"),
        _ => field(measure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcomes() -> Outcomes {
        let of = |policy: &str, seed: u64, profit: f64| json!({"policy": policy, "seed": seed, "profit": profit});
        let told: Vec<Value> = (1..=3)
            .flat_map(|seed| {
                let world = 100.0 * seed as f64;
                [of("none", seed, world), of("ours", seed, world + 8.0), of("best", seed, world + 10.0)]
            })
            .collect();
        Outcomes::read(&json!({ "outcomes": told })).unwrap()
    }

    #[test]
    fn differences_are_taken_world_by_world() {
        let paired = outcomes().paired("ours", "none", "profit").unwrap();
        assert_eq!(paired, Paired { mean: 8.0, low: 8.0, high: 8.0 });
        let change = outcomes().change("ours", "none", "profit").unwrap();
        assert!((change.mean - 0.04).abs() < 1e-12);
    }

    #[test]
    fn the_share_of_a_gain_is_one_of_means() {
        let share = outcomes().share_of_gain("ours", "best", "none", "profit").unwrap();
        assert!((share.mean - 0.8).abs() < 1e-12 && (share.high - share.low).abs() < 1e-9);
    }

    #[test]
    fn the_interval_is_that_of_students_t() {
        // t of 29 degrees at 97.5 % is 2.0452.
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        let paired = Paired::of(&values).unwrap();
        let half = 2.0452 * (77.5f64 / 30.0).sqrt();
        assert!((paired.high - paired.mean - half).abs() < 0.01, "{paired:?}");
        assert_eq!(Paired::of(&[1.0]), None);
    }
}
