//! Runs `endcap solve` and reads its answer.

use super::Bench;
use super::instance::{Checked, Shape};
use crate::measure::{self, Cost};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What `endcap solve --json` writes, as far as it is read here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Value of the plan; none where there is no plan.
    pub objective: Option<f64>,
    /// No plan is better.
    pub bound: Option<f64>,
    /// optimal, within_gap, feasible, infeasible or not_found; `no answer` where the program gave none.
    pub status: String,
    /// Seconds that the solver says it took, without reading and writing.
    pub seconds: f64,
    /// Choice by unit of a public problem.
    #[serde(default, skip_serializing)]
    pub chosen: Option<Vec<Option<i64>>>,
}

/// One run of `endcap solve`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub seed: u32,
    #[serde(flatten)]
    pub answer: Answer,
    /// (bound - objective) / bound, computed here.
    pub gap: Option<f64>,
    pub cost: Cost,
}

impl Run {
    fn new(seed: u32, answer: Answer, cost: Cost) -> Run {
        Run { seed, gap: gap(answer.objective, answer.bound), answer, cost }
    }
}

/// (bound - objective) / bound; 0 where both are the same.
pub fn gap(objective: Option<f64>, bound: Option<f64>) -> Option<f64> {
    let (objective, bound) = (objective?, bound?);
    if objective == bound { Some(0.0) } else { Some((bound - objective) / bound.abs()) }
}

/// How a promotion instance is solved.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub gap: f64,
    pub threads: u32,
    /// Seconds after which the search ends with the best plan so far.
    pub time_limit: Option<f64>,
    /// Flags besides.
    pub more: &'a [String],
}

/// A promotion instance as it is solved and checked.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub shape: &'a Shape,
    pub seed: u32,
    /// Budget that replaces the generated one.
    pub cents: Option<i64>,
    /// First weeks that must stay as in an earlier plan: its bound says nothing of other plans.
    pub fixed_weeks: Option<u32>,
    /// Folder with the instance.
    pub instance: &'a Path,
    /// Folder for the plan; emptied before.
    pub out: &'a Path,
}

impl Task<'_> {
    /// Name of the instance in the ledger.
    fn key(&self) -> String {
        let cents = self.cents.map_or(String::new(), |cents| format!(" budget {cents}"));
        let fixed = self.fixed_weeks.map_or(String::new(), |weeks| format!(" fixed {weeks}"));
        format!("{}{cents}{fixed}", self.shape.key(self.seed))
    }
}

impl Bench {
    /// Solves a promotion instance and checks the plan; returns the run and what is wrong with it.
    pub fn solve(&mut self, task: &Task, asked: Asked) -> anyhow::Result<(Run, Vec<String>)> {
        if task.out.exists() {
            fs::remove_dir_all(task.out)?;
        }
        fs::create_dir_all(task.out)?;
        let mut solve = Command::new(&self.endcap);
        solve.arg("solve").arg(task.instance).args(["--json", "--gap", &asked.gap.to_string()]);
        solve.args(["--threads", &asked.threads.to_string()]).arg("--out").arg(task.out).args(asked.more);
        let (answer, cost, mut wrong) = self.ask(&mut solve, asked.time_limit)?;
        let run = Run::new(task.seed, answer, cost);
        eprintln!("bench:   seed {}: {}", task.seed, line(&run));
        if run.answer.objective.is_some() {
            let checked = self.check(task.shape, task.seed, task.cents, task.out)?;
            wrong.extend(self.hold(task, &run, &checked));
        }
        let wrong = wrong.into_iter().map(|told| format!("seed {}, {} threads: {told}", task.seed, asked.threads));
        Ok((run, wrong.collect()))
    }

    /// Runs a solve with a time limit; a program without an answer is killed in the end, and is told as wrong.
    pub fn ask(&self, solve: &mut Command, time_limit: Option<f64>) -> anyhow::Result<(Answer, Cost, Vec<String>)> {
        const PATIENCE_SECONDS: f64 = 1800.0;
        if let Some(seconds) = time_limit {
            solve.args(["--time-limit", &seconds.to_string()]);
        }
        let most = Duration::from_secs_f64(PATIENCE_SECONDS + 3.0 * time_limit.unwrap_or(0.0));
        let ended = measure::run(solve.stderr(Stdio::piped()), Some(most))?;
        Ok(match serde_json::from_str::<Answer>(&ended.stdout) {
            Ok(answer) if answer.objective.is_some() => (answer, ended.cost, Vec::new()),
            Ok(answer) => {
                let told = format!("no plan: {}", answer.status);
                (answer, ended.cost, vec![told])
            }
            Err(error) => {
                let answer = Answer { status: "no answer".to_owned(), ..Answer::default() };
                eprintln!("bench:   {solve:?} gave no answer ({error}): {}", ended.stderr.trim());
                let told = "the program gave no answer".to_owned();
                (answer, ended.cost, vec![told])
            }
        })
    }

    /// Holds a run against the check and everything known of its instance.
    fn hold(&mut self, task: &Task, run: &Run, checked: &Checked) -> Vec<String> {
        let mut wrong: Vec<String> = checked.errors.iter().map(|rule| format!("the plan breaks: {rule}")).collect();
        let (objective, bound) = (run.answer.objective, run.answer.bound);
        if objective != Some(checked.objective) {
            wrong.push(format!("the plan is worth {} by the check, {objective:?} by its answer", checked.objective));
        }
        let Some(bound) = bound else {
            wrong.push("a plan without a bound".to_owned());
            return wrong;
        };
        let key = task.key();
        if checked.errors.is_empty() {
            wrong.extend(self.ledger.plan(&key, "endcap", checked.objective));
        }
        wrong.extend(self.ledger.bound(&key, "endcap", bound));
        if run.answer.status == "optimal" && bound != checked.objective {
            wrong.push(format!("called optimal with objective {} and bound {bound}", checked.objective));
        }
        wrong
    }
}

fn line(run: &Run) -> String {
    let gap = run.gap.map_or_else(|| "-".to_owned(), |gap| format!("{:.4} %", gap * 100.0));
    let (status, cost) = (&run.answer.status, run.cost);
    format!(
        "{status}, gap {gap}, {:.2} CPU s ({:.2} s solving), {:.2} s wall, {:.0} MiB",
        cost.cpu, run.answer.seconds, cost.wall, cost.peak_mib
    )
}
