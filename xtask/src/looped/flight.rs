//! The same plan with and without the agent in flight, in the shipped grocery year; then with shocks.

use super::Options;
use crate::goals::{Case, Goal, Paired, Row};
use crate::twin::paired::Outcomes;
use crate::twin::{SCENARIO, tried, twin};
use anyhow::Context;
use serde_json::Value;
use std::path::Path;

/// Seed of the first world: none was tuned on from here on.
const SEED: &str = "1001";
/// A plan a quarter, with and without the agent, and the ceiling.
const POLICIES: &str = r#"
[[policy]]
name = "planned"
kind = "integrated"
terms = { every = 13, ahead = 26 }

[[policy]]
name = "in flight"
kind = "integrated"
terms = { every = 13, ahead = 26, in_flight = true }
"#;
const ORACLE: &str = r#"
[[policy]]
name = "oracle"
kind = "oracle"
sees_shocks = true
"#;
/// Shocks of the scenario's library that an agent can answer.
const SHOCKS: [&str; 4] = ["supplier cuts half", "demand doubles", "competitor attacks", "promotions stop working"];

/// Row 1.
pub fn paired(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let worlds = if options.quick { 2 } else { options.worlds };
    let scenario = scenario(POLICIES)?;
    let outcomes = played(endcap, &scenario, worlds, None)?;
    let share = |figure: &str, measure: &str, goal| {
        let figure = format!("grocery year, {worlds} paired seeds: {figure}, in flight against the same plan without");
        Row::share(1, &figure, outcomes.change("in flight", "planned", measure), goal)
    };
    let rows = vec![
        share("margin", "margin", Goal::Above(0.0)),
        share("profit", "profit", Goal::Shown),
        share("stock-outs on promotion", "stockout_rate_promoted", Goal::Below(0.0)),
        share("pieces sold on promotion", "sold_promoted", Goal::Shown),
    ];
    Ok(Case { rows, table: None })
}

/// Row 2: of what a shock costs the plan more than the oracle, the share that the agent saves.
pub fn shocks(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let worlds = if options.quick { 2 } else { options.shock_worlds };
    let scenario = scenario(&format!("{POLICIES}{ORACLE}"))?;
    let calm = played(endcap, &scenario, worlds, None)?;
    let mut rows = vec![];
    for shock in SHOCKS {
        eprintln!("bench: shock '{shock}'");
        let shaken = played(endcap, &scenario, worlds, Some(shock))?;
        let loss = |policy: &str| -> Vec<f64> {
            let (before, after) = (calm.levels(policy, "profit"), shaken.levels(policy, "profit"));
            before.iter().zip(&after).map(|(before, after)| before - after).collect()
        };
        let [planned, flown, seen] = ["planned", "in flight", "oracle"].map(loss);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let avoidable = mean(&planned) - mean(&seen);
        let saved: Vec<f64> =
            planned.iter().zip(&flown).map(|(planned, flown)| (planned - flown) / avoidable).collect();
        let figure = format!("{shock}, {worlds} paired seeds: share of the avoidable loss that is recovered");
        let found = if avoidable > 0.0 { Paired::of(&saved) } else { None };
        rows.push(Row::share(2, &figure, found, Goal::AtLeast(0.5)));
        let figure = format!("{shock}: loss that the oracle avoids, EUR a year");
        rows.push(Row::number(2, &figure, Some(avoidable / 100.0), Goal::Shown));
    }
    Ok(Case { rows, table: None })
}

/// Row 8: what it costs and brings to try items of which little is known, in a year after half a year of records.
pub fn explored(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let worlds = if options.quick { 2 } else { options.shock_worlds };
    let policy = |name: &str, explore: f64| {
        let terms = format!("every = 13, ahead = 26, refit_every = 13, explore = {explore:?}");
        format!("\n[[policy]]\nname = \"{name}\"\nkind = \"integrated\"\nterms = {{ {terms} }}\n")
    };
    let policies = format!("{}{}", policy("planned", 0.0), policy("explores", 1.0));
    let scenario = scenario(&policies)?;
    let text = std::fs::read_to_string(scenario.path())?;
    std::fs::write(scenario.path(), text.replace("past_periods = 104", "past_periods = 26"))?;
    let outcomes = played(endcap, &scenario, worlds, None)?;
    let share = |measure: &str, goal| {
        let figure =
            format!("{worlds} paired seeds after 26 weeks of records: {measure}, with exploration against without");
        Row::share(8, &figure, outcomes.change("explores", "planned", measure), goal)
    };
    Ok(Case { rows: vec![share("profit", Goal::Above(0.0)), share("margin", Goal::Shown)], table: None })
}

/// F-126: a rule trained in worlds that are not scored, beside the optimiser and no promotions in those that are.
pub fn learned(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    const EXAMPLE: &str = "examples/twin/learned.toml";
    let (rounds, worlds) = if options.quick { ("1", 2) } else { ("10", options.worlds) };
    let mut training = twin(endcap, EXAMPLE);
    training.args(["--train", "learned", "--worlds", "3", "--rounds", rounds]);
    let trained: Value = serde_json::from_str(&tried(&mut training)?)?;
    let weights = trained["weights"].as_object().context("training tells its weights")?;
    let weights: Vec<String> = weights.iter().map(|(name, weight)| format!("{name} = {weight}")).collect();
    let text = std::fs::read_to_string(crate::root().join(EXAMPLE)).with_context(|| EXAMPLE.to_owned())?;
    let weights = weights.join(", ");
    let taught = format!("\n[[policy]]\nname = \"trained\"\nkind = \"learned\"\nweights = {{ {weights} }}\n");
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    std::fs::write(file.path(), format!("{text}{taught}"))?;
    let outcomes = played(endcap, &file, worlds, None)?;
    let profit = |policy: &str, other: &str| {
        // The example's own rule has no weights: every offer by its own gain.
        let beside = if other == "learned" { "untrained" } else { other };
        let figure = format!("F-126: {worlds} paired seeds of a small category: profit, {policy} against {beside}");
        Row::share(3, &figure, outcomes.change(policy, other, "profit"), Goal::Shown)
    };
    let rows = vec![
        profit("trained", "learned"),
        profit("trained", "optimiser"),
        profit("trained", "no promotions"),
        profit("optimiser", "no promotions"),
    ];
    Ok(Case { rows, table: None })
}

/// Row 3: three years after half a year of records, with a policy that learns from each quarter and one that never does.
pub fn seasons(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let worlds = if options.quick { 2 } else { options.shock_worlds };
    let policy = |name: &str, more: &str| {
        format!("\n[[policy]]\nname = \"{name}\"\nkind = \"integrated\"\nterms = {{ every = 13, ahead = 26{more} }}\n")
    };
    let scenario = scenario(&format!("{}{}", policy("planned", ""), policy("learns", ", refit_every = 13")))?;
    let text = std::fs::read_to_string(scenario.path())?;
    let text = text.replace("past_periods = 104", "past_periods = 26").replace("horizon = 52", "horizon = 156");
    std::fs::write(scenario.path(), text)?;
    let told = told(endcap, &scenario, worlds, &["--seasons", "3"])?;
    let of = |policy: &str, season: u64, figure: &str| -> Vec<f64> {
        let seasons = told["seasons"].as_array().into_iter().flatten();
        let own = seasons.filter(|one| one["policy"] == policy && one["season"] == season);
        own.filter_map(|one| one[figure].as_f64()).collect()
    };
    let change = |policy: &str, (from, to): (u64, u64), figure: &str| {
        let (before, after) = (of(policy, from, figure), of(policy, to, figure));
        let base = before.iter().sum::<f64>() / before.len().max(1) as f64;
        let changes: Vec<f64> = before.iter().zip(&after).map(|(before, after)| (after - before) / base).collect();
        (before.len() == after.len()).then(|| Paired::of(&changes)).flatten()
    };
    let mut rows = vec![];
    for (figure, name, goal) in [
        ("forecast_error", "error of forecasts of promoted items", Goal::Below(0.0)),
        ("elasticity_error", "error of elasticities", Goal::Below(0.0)),
        ("margin", "margin", Goal::Above(0.0)),
    ] {
        for years in [(1, 2), (2, 3)] {
            let figure_of =
                |who| format!("{worlds} paired seeds, year {} against year {}: {name}, {who}", years.1, years.0);
            rows.push(Row::share(3, &figure_of("learning"), change("learns", years, figure), goal));
            rows.push(Row::share(3, &figure_of("never refitted"), change("planned", years, figure), Goal::Shown));
        }
    }
    Ok(Case { rows, table: None })
}

/// The shipped scenario with other policies, in a file of its own.
fn scenario(policies: &str) -> anyhow::Result<tempfile::NamedTempFile> {
    let text = std::fs::read_to_string(crate::root().join(SCENARIO)).with_context(|| SCENARIO.to_owned())?;
    let head = text.split("[[policy]]").next().unwrap_or_default();
    let head = head.replace("reference = \"spreadsheet\"", "reference = \"planned\"");
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    std::fs::write(file.path(), format!("{head}{policies}"))?;
    Ok(file)
}

fn played(
    endcap: &Path,
    scenario: &tempfile::NamedTempFile,
    worlds: u32,
    shock: Option<&str>,
) -> anyhow::Result<Outcomes> {
    let more: Vec<&str> = shock.into_iter().flat_map(|shock| ["--shock", shock]).collect();
    Outcomes::read(&told(endcap, scenario, worlds, &more)?)
}

/// What `endcap twin` tells of a scenario.
fn told(endcap: &Path, scenario: &tempfile::NamedTempFile, worlds: u32, more: &[&str]) -> anyhow::Result<Value> {
    let path = scenario.path().to_str().context("the temporary folder has a name that is no text")?;
    let mut program = twin(endcap, path);
    program.args(["--worlds", &worlds.to_string(), "--seed", SEED]).args(more);
    Ok(serde_json::from_str(&tried(&mut program)?)?)
}
