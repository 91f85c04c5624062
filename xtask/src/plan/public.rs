//! Public knapsack problems with known values: how near, how often proven, and whether any bound is wrong.

use super::cases::{PublicCase, PublicTarget};
use super::instance::Checked;
use super::solver::Answer;
use super::{Bench, Measured};
use crate::helper::{answer, python};
use crate::measure::Cost;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs;
use std::process::Command;

/// Seconds for each problem in a quick run.
const QUICK_LIMIT_SECONDS: f64 = 3.0;
/// Values are decimals: this share apart they are the same.
const TOLERANCE: f64 = 1e-9;

/// A problem and what is known of it.
#[derive(Clone, Debug, Deserialize)]
struct Problem {
    set: String,
    file: String,
    problem: u32,
    /// Whether values are paid, so that the least is best.
    paid: bool,
    /// Whether the best known value is proven.
    optimal: bool,
    best_known: Option<f64>,
    lp_bound: Option<f64>,
}

impl Problem {
    /// A value as one to maximise.
    fn earned(&self, value: f64) -> f64 {
        if self.paid { -value } else { value }
    }

    /// Share by which a value falls short of the best known; below 0 when it is better.
    fn short(&self, value: f64) -> Option<f64> {
        let best = self.best_known?;
        Some((self.earned(best) - self.earned(value)) / best.abs())
    }

    /// What is wrong with an answer, by everything known of the problem.
    fn wrong(&self, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        let beyond = |value: Option<f64>| value.and_then(|value| self.short(value)).unwrap_or(0.0);
        if beyond(answer.bound) > TOLERANCE {
            wrong.push(format!("WRONG BOUND {:?}: {:?} is known to be reached", answer.bound, self.best_known));
        }
        if self.optimal && beyond(answer.objective) < -TOLERANCE {
            wrong.push(format!("objective {:?} passes the optimum {:?}", answer.objective, self.best_known));
        }
        if let (Some(value), Some(lp)) = (answer.objective, self.lp_bound) {
            // The listed bounds are rounded to four decimals.
            if self.earned(value) > self.earned(lp) + lp.abs() * TOLERANCE + 1e-4 {
                wrong.push(format!("objective {value} passes the LP bound {lp}"));
            }
        }
        if answer.status == "infeasible" {
            wrong.push("called infeasible".to_owned());
        }
        wrong
    }
}

/// One problem solved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublicRun {
    pub file: String,
    pub problem: u32,
    #[serde(flatten)]
    pub answer: Answer,
    pub cost: Cost,
    /// Share by which the plan falls short of the best known value; below 0 when it is better.
    pub short: Option<f64>,
    /// Share by which the bound is wrong; 0 when it is not.
    pub bound_wrong: f64,
}

/// A set of problems, or a part of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublicRow {
    /// What to reach, in words.
    pub reach: String,
    /// Seconds for each problem.
    pub limit: f64,
    /// Problems of the set.
    pub problems: usize,
    pub met: bool,
    pub runs: Vec<PublicRun>,
}

impl PublicRow {
    /// Problems proven optimal.
    pub fn proven(&self) -> usize {
        self.runs.iter().filter(|run| run.answer.status == "optimal").count()
    }

    /// Problems in which the best known value was reached or passed.
    pub fn reached(&self) -> usize {
        self.shorts().filter(|short| *short <= TOLERANCE).count()
    }

    /// How far the plans fall short of the best known values.
    pub fn shorts(&self) -> impl Iterator<Item = f64> {
        self.runs.iter().filter_map(|run| run.short)
    }

    /// Problems without a plan.
    pub fn without_plan(&self) -> usize {
        self.runs.iter().filter(|run| run.answer.objective.is_none()).count()
    }
}

/// Solves the problems of a set one by one and checks every answer against the files.
pub fn measure(bench: &mut Bench, case: &PublicCase) -> anyhow::Result<Option<Measured<PublicRow>>> {
    let problems = problems(bench, case)?;
    let chosen = sampled(&problems, case, bench);
    let quick = bench.options.quick;
    let limit = if quick { bench.options.public_limit.min(QUICK_LIMIT_SECONDS) } else { bench.options.public_limit };
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    for problem in &chosen {
        let (run, wrong) = solve(bench, problem, limit)?;
        failures.extend(wrong.into_iter().map(|told| format!("{} {}: {told}", problem.file, problem.problem)));
        runs.push(run);
    }
    failures.extend(check(bench, &runs)?);
    for run in &mut runs {
        run.answer.chosen = None;
    }
    let (reach, met) = match case.target {
        PublicTarget::Optimal => ("all optimal".to_owned(), runs.iter().all(proven_and_reached)),
        PublicTarget::Within(most) => (format!("within {} %", most * 100.0), runs.iter().all(|run| near(run, most))),
        PublicTarget::Shown => ("-".to_owned(), true),
    };
    let row = PublicRow { reach, limit, problems: problems.len(), met, runs };
    Ok(Some(Measured { row, failures }))
}

fn proven_and_reached(run: &PublicRun) -> bool {
    run.answer.status == "optimal" && near(run, TOLERANCE)
}

fn near(run: &PublicRun, most: f64) -> bool {
    run.answer.objective.is_some() && run.short.is_none_or(|short| short <= most)
}

/// Problems of a case.
fn problems(bench: &Bench, case: &PublicCase) -> anyhow::Result<Vec<Problem>> {
    let data = bench.shared.join("data/orlib");
    let listed = answer(python().arg(bench.scripts.join("check_public.py")).arg("list").arg(data))?;
    let problems: Vec<Problem> = listed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of_case = |problem: &Problem| problem.set == case.set && case.optimal.is_none_or(|o| o == problem.optimal);
    Ok(problems.into_iter().filter(of_case).collect())
}

/// A quick run takes the first problem of each file; large sets are sampled unless all are asked for.
fn sampled(problems: &[Problem], case: &PublicCase, bench: &Bench) -> Vec<Problem> {
    let every = if bench.options.all_problems { 1 } else { case.every };
    let taken = |number: usize, problem: &Problem| {
        if bench.options.quick { problem.problem == 1 } else { number.is_multiple_of(every) }
    };
    let numbered = problems.iter().enumerate();
    numbered.filter(|(number, problem)| taken(*number, problem)).map(|(_, problem)| problem.clone()).collect()
}

fn solve(bench: &Bench, problem: &Problem, limit: f64) -> anyhow::Result<(PublicRun, Vec<String>)> {
    let format = problem.file.split('/').next().context("a file without a folder")?;
    let mut solve = Command::new(&bench.endcap);
    solve.arg("solve").arg(bench.shared.join("data/orlib").join(&problem.file));
    solve.args(["--json", "--format", format, "--threads", "1", "--gap", "0"]);
    solve.args(["--problem", &problem.problem.to_string()]);
    let (answer, cost, told) = bench.ask(&mut solve, Some(limit))?;
    let mut wrong = problem.wrong(&answer);
    // A plan is not always found in time: that is counted, not wrong.
    wrong.extend(told.into_iter().filter(|_| answer.status != "not_found"));
    let run = PublicRun {
        file: problem.file.clone(),
        problem: problem.problem,
        short: answer.objective.and_then(|value| problem.short(value)),
        bound_wrong: answer.bound.and_then(|bound| problem.short(bound)).map_or(0.0, |short| short.max(0.0)),
        answer,
        cost,
    };
    let short = run.short.map_or_else(|| "-".to_owned(), |short| format!("{:.4} %", short * 100.0));
    let (file, number, status) = (&run.file, run.problem, &run.answer.status);
    eprintln!("bench:   {file} {number}: {status}, short of best known by {short}, {:.2} CPU s", cost.cpu);
    Ok((run, wrong))
}

/// Has every answer's choices valued and checked by a reader of the files that is not ours to solve with.
fn check(bench: &Bench, runs: &[PublicRun]) -> anyhow::Result<Vec<String>> {
    #[derive(Serialize)]
    struct Given<'a> {
        file: &'a str,
        problem: u32,
        chosen: &'a [Option<i64>],
    }
    let with_plan: Vec<&PublicRun> = runs.iter().filter(|run| run.answer.objective.is_some()).collect();
    let given = with_plan.iter().map(|run| Given {
        file: &run.file,
        problem: run.problem,
        chosen: run.answer.chosen.as_deref().unwrap_or_default(),
    });
    let path = bench.scratch.join("answers.json");
    fs::write(&path, serde_json::to_string(&given.collect::<Vec<_>>())?)?;
    let mut command = python();
    command.arg(bench.scripts.join("check_public.py")).arg("check").arg(bench.shared.join("data/orlib")).arg(path);
    let told = answer(&mut command)?;
    let checked: Vec<Option<Checked>> = told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let pairs = with_plan.iter().zip(&checked);
    let broken = pairs.filter_map(|(run, checked)| {
        let said = run.answer.objective?;
        let fits = checked.as_ref().is_some_and(|checked| {
            checked.errors.is_empty() && (checked.objective - said).abs() <= TOLERANCE * said.abs().max(1.0)
        });
        (!fits).then(|| {
            format!("{} {}: the plan is worth {said} by its answer, by the check {checked:?}", run.file, run.problem)
        })
    });
    Ok(broken.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(paid: bool) -> Problem {
        let (set, file) = ("set".to_owned(), "gap/file.txt".to_owned());
        let lp_bound = Some(if paid { 99.5 } else { 100.5 });
        Problem { set, file, problem: 1, paid, optimal: true, best_known: Some(100.0), lp_bound }
    }

    fn answer(objective: f64, bound: f64) -> Answer {
        Answer { objective: Some(objective), bound: Some(bound), status: "feasible".to_owned(), ..Answer::default() }
    }

    #[test]
    fn a_bound_on_the_wrong_side_of_the_best_known_value_is_wrong_in_both_senses() {
        assert!(problem(false).wrong(&answer(98.0, 100.0)).is_empty());
        assert!(problem(true).wrong(&answer(102.0, 100.0)).is_empty());
        assert_eq!(problem(false).wrong(&answer(98.0, 99.0)).len(), 1);
        assert_eq!(problem(true).wrong(&answer(102.0, 101.0)).len(), 1);
    }

    #[test]
    fn an_objective_past_the_optimum_or_the_lp_bound_is_wrong() {
        assert_eq!(problem(false).wrong(&answer(100.2, 101.0)).len(), 1);
        assert_eq!(problem(false).wrong(&answer(101.0, 101.0)).len(), 2);
        assert_eq!(problem(true).wrong(&answer(99.0, 99.0)).len(), 2);
        assert!((problem(true).short(102.0).unwrap() - 0.02).abs() < 1e-12);
    }
}
