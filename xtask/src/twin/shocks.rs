//! How long each policy takes to adjust to every shock of the scenario's library.

use super::{Options, tried, twin};
use anyhow::Context;
use serde_json::Value;
use std::path::Path;

/// How one policy took one shock, over all worlds.
pub struct Taken {
    pub shock: String,
    pub policy: String,
    /// Mean periods from the shock to the first actions that differ, and worlds in which none did.
    pub acts: Mean,
    /// Mean periods until service of what was hit is as without the shock, and worlds in which it never was.
    pub serves: Mean,
}

/// A mean over the worlds in which there is one, and how many have none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    pub of: Option<f64>,
    pub never: usize,
}

/// Tries every shock of the library by itself.
pub fn measured(endcap: &Path, scenario: &str, options: &Options) -> anyhow::Result<Vec<Taken>> {
    let (worlds, seed) = (options.shock_worlds.to_string(), options.seed.to_string());
    let mut taken = Vec::new();
    for shock in library(scenario)? {
        eprintln!("bench: shock '{shock}'");
        let mut program = twin(endcap, scenario);
        let told = tried(program.args(["--worlds", &worlds, "--seed", &seed, "--shock", &shock]))?;
        taken.extend(read(&shock, &serde_json::from_str(&told)?)?);
    }
    Ok(taken)
}

/// Names of the shocks on standby.
fn library(scenario: &str) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(crate::root().join(scenario)).with_context(|| scenario.to_owned())?;
    let scenario: toml::Table = toml::from_str(&text)?;
    let shocks = scenario.get("shock").and_then(toml::Value::as_array).into_iter().flatten();
    Ok(shocks.filter_map(|shock| shock.get("name")?.as_str().map(str::to_owned)).collect())
}

fn read(shock: &str, told: &Value) -> anyhow::Result<Vec<Taken>> {
    let adjustments = told["adjustments"].as_array().context("no adjustments were told")?;
    let mut policies: Vec<&str> = Vec::new();
    for policy in adjustments.iter().filter_map(|adjustment| adjustment["policy"].as_str()) {
        if !policies.contains(&policy) {
            policies.push(policy);
        }
    }
    let of = |policy: &str| {
        let own: Vec<&Value> = adjustments.iter().filter(|adjustment| adjustment["policy"] == policy).collect();
        let mean = |field: &str| Mean::of(own.iter().map(|adjustment| adjustment[field].as_f64()));
        let (acts, serves) = (mean("acts_after"), mean("serves_after"));
        Taken { shock: shock.to_owned(), policy: policy.to_owned(), acts, serves }
    };
    Ok(policies.into_iter().map(of).collect())
}

impl Mean {
    fn of(values: impl Iterator<Item = Option<f64>>) -> Self {
        let (known, never): (Vec<_>, Vec<_>) = values.partition(Option::is_some);
        let sum: f64 = known.iter().flatten().sum();
        Self { of: (!known.is_empty()).then(|| sum / known.len() as f64), never: never.len() }
    }

    /// The mean, with the worlds that have none beside it.
    pub fn told(self) -> String {
        match (self.of, self.never) {
            (None, _) => "never".to_owned(),
            (Some(mean), 0) => format!("{mean:.1}"),
            (Some(mean), never) => format!("{mean:.1} ({never} never)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn worlds_that_never_adjust_are_counted_apart() {
        let one = |policy: &str, acts: Option<u32>| json!({"policy": policy, "acts_after": acts, "serves_after": 4});
        let told = json!({"adjustments": [one("b", Some(1)), one("b", None), one("a", None), one("b", Some(2))]});
        let taken = read("a cut", &told).unwrap();
        let told: Vec<_> = taken.iter().map(|taken| (taken.policy.as_str(), taken.acts.told())).collect();
        assert_eq!(told, [("b", "1.5 (1 never)".to_owned()), ("a", "never".to_owned())]);
        assert_eq!(taken[0].serves.told(), "4.0");
    }

    #[test]
    fn the_shipped_scenario_has_a_library() {
        assert!(library(crate::twin::SCENARIO).unwrap().len() >= 7);
    }
}
