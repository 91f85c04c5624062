//! What an earlier `endcap solve` left, for the next one to begin from.

use anyhow::{Context, ensure};
use endcap_adapters::files::read_text;
use endcap_model::LimitPrice;
use endcap_plan::solve::{Problem, Warm};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Solved {
    limits: Vec<LimitPrice>,
}

/// Reads the prices of solve.json and the plan.csv beside it.
pub fn earlier(solved: &Path, problem: &Problem) -> anyhow::Result<Warm> {
    let shown = solved.display();
    let text = read_text(solved)?;
    let answer: Solved = serde_json::from_str(&text)
        .with_context(|| format!("{shown} is no answer of `endcap solve`: expected an object with `limits`"))?;
    let prices: BTreeMap<String, f64> = answer.limits.into_iter().map(|limit| (limit.limit, limit.price)).collect();
    let prices = problem.limits().iter().map(|limit| prices.get(&limit.name).copied().unwrap_or(0.0)).collect();
    Ok(Warm { prices, choice: choice(&solved.with_file_name("plan.csv"), problem)? })
}

fn choice(path: &Path, problem: &Problem) -> anyhow::Result<Vec<Option<u32>>> {
    let mut choice = vec![None; problem.units() * problem.periods()];
    let text = read_text(path).context("--warm reads plan.csv beside solve.json")?;
    for (at, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let numbers: Vec<usize> = line.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        let inside = matches!(numbers[..], [sku, week, _] if sku < problem.units() && week < problem.periods());
        ensure!(
            inside,
            "{}, line {}: '{line}' where sku,week,depth_index of this instance was expected ({} SKUs, {} weeks)",
            path.display(),
            at + 1,
            problem.units(),
            problem.periods()
        );
        choice[numbers[0] * problem.periods() + numbers[1]] = Some(numbers[2] as u32);
    }
    Ok(choice)
}

/// The problem with the first weeks as the earlier plan has them.
pub fn with_fixed(problem: &Problem, warm: &Warm, weeks: usize) -> anyhow::Result<Problem> {
    let mut edit = problem.edit();
    for unit in 0..problem.units() {
        for week in 0..weeks.min(problem.periods()) {
            let Some(option) = warm.choice[unit * problem.periods() + week] else {
                edit.close(unit, week);
                continue;
            };
            let mut columns = problem.columns_at(unit, week).map(|column| column as u32);
            let column = columns.find(|&column| problem.option(column) == option).with_context(|| {
                format!(
                    "SKU {unit} cannot run depth {option} in week {week} of this instance, as the earlier plan does"
                )
            })?;
            edit.force(column);
        }
    }
    Ok(edit.build()?)
}
