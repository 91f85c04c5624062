//! What an earlier `endcap solve` left, for the next one to begin from or to be asked about; plans and locks as rows of
//! SKU, week and depth.

use anyhow::{Context, bail};
use endcap_adapters::files::read_text;
use endcap_adapters::tables::read_table;
use endcap_model::{LimitPrice, SolveStatus};
use endcap_plan::solve::{Broken, Curvature, NONE, Problem, Solution, Warm, check};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// File beside solve.json that spares a later search steps.
pub const CURVATURE: &str = "curvature.json";

#[derive(Deserialize)]
struct Solved {
    objective: Option<i64>,
    bound: Option<i64>,
    limits: Vec<LimitPrice>,
}

/// A row of a plan or of a list of locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The SKU.
    pub sku: usize,
    /// The week.
    pub week: usize,
    /// Index of the depth; nothing for no promotion.
    pub depth: Option<u32>,
}

/// Reads what a search can begin from: the prices of solve.json and the plan.csv beside it.
pub fn earlier(solved: &Path, problem: &Problem) -> anyhow::Result<Warm> {
    let prices = prices(&read(solved)?, problem);
    let mut choice = vec![None; problem.units() * problem.periods()];
    for row in rows(&solved.with_file_name("plan.csv"), problem).context("--warm reads plan.csv beside solve.json")? {
        choice[row.sku * problem.periods() + row.week] = row.depth;
    }
    let curvature = curvature(&solved.with_file_name(CURVATURE))?;
    Ok(Warm { prices, choice, curvature })
}

/// Reads a solution: solve.json and the plan.csv beside it, which must earn what solve.json says.
pub fn solution(solved: &Path, problem: &Problem) -> anyhow::Result<Solution> {
    let answer = read(solved)?;
    let (Some(objective), Some(bound)) = (answer.objective, answer.bound) else {
        bail!("{} has no plan: its search ended without one", solved.display());
    };
    let path = solved.with_file_name("plan.csv");
    let choice = plan(&path, problem)?;
    match check(problem, &choice) {
        Ok(value) if value == objective => {}
        Ok(value) => bail!(
            "{} earns {value} in this instance, {} says {objective}: they are not of one run on it. Solve again.",
            path.display(),
            solved.display()
        ),
        Err(broken) => bail!("{} is no plan of this instance: {}", path.display(), sentence(&broken[0], problem)),
    }
    let status = if bound <= objective { SolveStatus::Optimal } else { SolveStatus::Feasible };
    let (bound, prices) = (bound.max(objective), prices(&answer, problem));
    let curvature = curvature(&solved.with_file_name(CURVATURE))?;
    Ok(Solution { choice, objective, bound, prices, status, curvature })
}

/// Reads how the bound bends around the prices; nothing where the earlier run left no such file.
fn curvature(path: &Path) -> anyhow::Result<Curvature> {
    if !path.exists() {
        return Ok(Curvature::default());
    }
    let expected = || format!("{} is not as `endcap solve` writes it: solve again, or remove it", path.display());
    serde_json::from_str(&read_text(path)?).with_context(expected)
}

/// Reads a plan as columns of the problem.
pub fn plan(path: &Path, problem: &Problem) -> anyhow::Result<Vec<u32>> {
    let mut choice = vec![NONE; problem.units() * problem.periods()];
    for row in rows(path, problem)? {
        if let Some(depth) = row.depth {
            let column = column(problem, row.sku, row.week, depth).with_context(|| path.display().to_string())?;
            choice[row.sku * problem.periods() + row.week] = column;
        }
    }
    Ok(choice)
}

/// Reads rows of `sku,week,depth_index`, -1 for no promotion, at most one for each SKU and week.
pub fn rows(path: &Path, problem: &Problem) -> anyhow::Result<Vec<Row>> {
    let table = read_table(path)?;
    let (skus, weeks, depths) = (table.wholes("sku")?, table.wholes("week")?, table.wholes("depth_index")?);
    let mut seen = BTreeSet::new();
    let mut rows = Vec::with_capacity(table.len());
    for at in 0..table.len() {
        let number = |column: &str, value: i64, count: usize, what: &str| {
            let inside = usize::try_from(value).ok().filter(|&value| value < count);
            let expected = || format!("{what} of this instance, 0 to {}", count.saturating_sub(1));
            inside.ok_or_else(|| table.bad(column, at, &value.to_string(), &expected()))
        };
        let sku = number("sku", skus[at], problem.units(), "a SKU")?;
        let week = number("week", weeks[at], problem.periods(), "a week")?;
        let depth = match depths[at] {
            -1 => None,
            depth => {
                Some(number("depth_index", depth, usize::from(u16::MAX), "-1 for no promotion, or a depth")? as u32)
            }
        };
        if !seen.insert((sku, week)) {
            return Err(table.bad("week", at, &week.to_string(), "each SKU and week once").into());
        }
        rows.push(Row { sku, week, depth });
    }
    Ok(rows)
}

/// Finds the column of a depth.
pub fn column(problem: &Problem, sku: usize, week: usize, depth: u32) -> anyhow::Result<u32> {
    let mut columns = problem.columns_at(sku, week).map(|column| column as u32);
    columns.find(|&column| problem.option(column) == depth).with_context(|| {
        format!(
            "SKU {sku} has no depth {depth} in week {week} that could be chosen: it is not there, earns nothing, needs \
             more than there is, or another depth earns as much and uses no more"
        )
    })
}

/// Says in words which rule a plan breaks.
pub fn sentence(broken: &Broken, problem: &Problem) -> String {
    match broken {
        Broken::Limit { limit, used, least, capacity } => {
            format!("{} is used by {used}: expected {least} to {capacity}", problem.limits()[*limit].name)
        }
        other => other.to_string().replace("unit ", "SKU ").replace("period", "week"),
    }
}

/// The problem with the first weeks as the earlier plan has them.
pub fn with_fixed(problem: &Problem, warm: &Warm, weeks: usize) -> anyhow::Result<Problem> {
    let mut edit = problem.edit();
    for sku in 0..problem.units() {
        for week in 0..weeks.min(problem.periods()) {
            match warm.choice[sku * problem.periods() + week] {
                None => edit.close(sku, week),
                Some(depth) => edit.force(column(problem, sku, week, depth)?),
            };
        }
    }
    Ok(edit.build()?)
}

fn read(solved: &Path) -> anyhow::Result<Solved> {
    let text = read_text(solved)?;
    let shown = solved.display();
    serde_json::from_str(&text)
        .with_context(|| format!("{shown} is no answer of `endcap solve`: expected an object with `limits`"))
}

/// The price of each limit of the problem, by its name.
fn prices(answer: &Solved, problem: &Problem) -> Vec<f64> {
    let prices: BTreeMap<&str, f64> = answer.limits.iter().map(|limit| (limit.limit.as_str(), limit.price)).collect();
    problem.limits().iter().map(|limit| prices.get(limit.name.as_str()).copied().unwrap_or(0.0)).collect()
}
