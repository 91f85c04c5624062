//! Plans made again after a change, from the prices and the plan before. Needs `endcap solve --warm` (and, for fixed
//! weeks, `--fixed-weeks`); where the program has no such option the rows are skipped loudly.

use super::cases::{Change, ReplanCase, ReplanTarget};
use super::instance::budget_cents;
use super::solver::{Asked, Run, Task};
use super::{Bench, Measured};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An instance solved again after a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplanRow {
    pub gap: f64,
    /// The changed instance solved from nothing; with fixed weeks, the instance before.
    pub full: Run,
    /// The changed instance solved from the plan before.
    pub warm: Run,
    /// Largest CPU of the process relative to the full solve.
    pub cpu_share_most: Option<f64>,
    /// Most seconds of solving.
    pub seconds_most: Option<f64>,
}

impl ReplanRow {
    /// CPU of the process relative to the full solve.
    pub fn cpu_share(&self) -> f64 {
        self.warm.cost.cpu / self.full.cost.cpu
    }

    /// Seconds of solving alone relative to the full solve.
    pub fn seconds_share(&self) -> f64 {
        self.warm.answer.seconds / self.full.answer.seconds
    }

    /// Whether the gap asked for and the time are reached.
    pub fn met(&self) -> bool {
        let gap = self.warm.gap.is_some_and(|gap| gap <= self.gap);
        let share = self.cpu_share_most.is_none_or(|most| self.cpu_share() <= most);
        gap && share && self.seconds_most.is_none_or(|most| self.warm.answer.seconds <= most)
    }
}

/// Solves, changes, solves again from what was found; and the changed instance from nothing.
pub fn measure(bench: &mut Bench, case: &ReplanCase) -> anyhow::Result<Option<Measured<ReplanRow>>> {
    if let Some(missing) = missing_option(bench, case.change)? {
        eprintln!("SKIPPED: {}: `endcap solve` has no {missing}", case.name());
        return Ok(None);
    }
    let seed = bench.options.seeds(&[case.seed])[0];
    let mut steps = Steps { bench, case, seed, failures: Vec::new() };
    let (before, plan) = steps.solve("before", None, None, &[])?;
    let warm_from = ["--warm".to_owned(), plan.join("solve.json").display().to_string()];
    let (full, warm) = match case.change {
        Change::Budget(factor) => steps.other_budget(factor, &warm_from)?,
        Change::FixedWeeks(weeks) => (before, steps.fixed_weeks(weeks, &plan, &warm_from)?),
    };
    let (cpu_share_most, seconds_most) = match case.target {
        ReplanTarget::CpuShare(most) => (Some(most), None),
        ReplanTarget::Seconds(most) => (None, Some(most)),
    };
    let row = ReplanRow { gap: case.gap, full, warm, cpu_share_most, seconds_most };
    Ok(Some(Measured { row, failures: steps.failures }))
}

/// The first option that the change needs and the program does not have.
fn missing_option(bench: &Bench, change: Change) -> anyhow::Result<Option<&'static str>> {
    let needed: &[&str] = match change {
        Change::Budget(_) => &["--warm"],
        Change::FixedWeeks(_) => &["--warm", "--fixed-weeks"],
    };
    let help = crate::helper::answer(Command::new(&bench.endcap).args(["solve", "--help"]))?;
    Ok(needed.iter().find(|option| !help.contains(**option)).copied())
}

/// The solves of one row, and what is wrong with them.
struct Steps<'a> {
    bench: &'a mut Bench,
    case: &'a ReplanCase,
    seed: u32,
    failures: Vec<String>,
}

impl Steps<'_> {
    fn solve(
        &mut self,
        word: &str,
        cents: Option<i64>,
        fixed_weeks: Option<u32>,
        more: &[String],
    ) -> anyhow::Result<(Run, PathBuf)> {
        let (shape, seed) = (&self.case.shape, self.seed);
        let instance = match cents {
            Some(cents) => self.bench.instance_with_budget(shape, seed, cents)?,
            None => self.bench.instance(shape, seed)?,
        };
        let out = self.bench.scratch.join("plans").join(format!("{}-{word}", shape.key(seed)));
        let task = Task { shape, seed, cents, fixed_weeks, instance: &instance, out: &out };
        let (run, wrong) = self.bench.solve(&task, Asked { gap: self.case.gap, threads: 1, time_limit: None, more })?;
        self.failures.extend(wrong);
        Ok((run, out))
    }

    /// The instance with its budget times a factor, from nothing and from the plan before.
    fn other_budget(&mut self, factor: f64, warm_from: &[String]) -> anyhow::Result<(Run, Run)> {
        let instance = self.bench.instance(&self.case.shape, self.seed)?;
        let cents = (budget_cents(&instance)? as f64 * factor).round() as i64;
        let (full, _) = self.solve("full", Some(cents), None, &[])?;
        let (warm, _) = self.solve("warm", Some(cents), None, warm_from)?;
        Ok((full, warm))
    }

    /// The instance from the plan before, whose first weeks must stay.
    fn fixed_weeks(&mut self, weeks: u32, plan: &Path, warm_from: &[String]) -> anyhow::Result<Run> {
        let more = [warm_from, &["--fixed-weeks".to_owned(), weeks.to_string()]].concat();
        let (warm, out) = self.solve("warm", None, Some(weeks), &more)?;
        if first_weeks(plan, weeks)? != first_weeks(&out, weeks)? {
            self.failures.push(format!("seed {}: the fixed weeks differ from the plan before", self.seed));
        }
        Ok(warm)
    }
}

/// Rows of a plan in its first weeks.
fn first_weeks(folder: &Path, weeks: u32) -> anyhow::Result<BTreeSet<String>> {
    let text = fs::read_to_string(folder.join("plan.csv"))?;
    let week = |row: &str| row.split(',').nth(1)?.parse::<u32>().ok();
    let early = |row: &&str| week(row).is_some_and(|week| week < weeks);
    Ok(text.lines().skip(1).filter(early).map(str::to_owned).collect())
}
