//! `endcap ask`: questions to a solved promotion instance. What a limit, a lock or a change is worth, why an offer runs
//! or does not, what else would be as good, and which rules clash.

mod limits;
mod locks;
mod offers;
mod plans;

use crate::commands::earlier::solution;
use crate::commands::solve::{read_instance, watch_for_interrupt};
use crate::console::{Console, Ending};
use anyhow::{Context, ensure};
use endcap_plan::formats::PromotionInstance;
use endcap_plan::solve::answers::{self, Case};
use endcap_plan::solve::{Problem, Settings, Solution, Solve, solve};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Ask a solved promotion instance what its limits, locks and changes are worth, why an offer runs, and what else could.
///
/// Every value comes with a bound beside it: a difference that is smaller than the gap is none. Amounts are whole cents;
/// SKUs, weeks and depths count from 0. Ctrl-C ends with what is known so far.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap ask p200x13x5 --solved plan/solve.json limits\n  \
                        endcap ask p200x13x5 --solved plan/solve.json curve budget --at 0.5,1,1.5\n  \
                        endcap ask p200x13x5 --solved plan/solve.json why 12 3\n  \
                        endcap ask p200x13x5 clash locks.csv --may locks,budget --json")]
pub struct Args {
    /// Folder of the instance, as for `endcap solve`.
    instance: PathBuf,
    /// The solve.json of `endcap solve` on this instance, with its plan.csv beside it; when not given, the instance is
    /// solved first.
    #[arg(long, value_name = "SOLVE_JSON", global = true)]
    solved: Option<PathBuf>,
    /// Look for each new plan until (bound - objective) / bound is at most this, or the gap of the solution if larger.
    #[arg(long, default_value_t = 0.001, global = true)]
    gap: f64,
    /// Look for each new plan so many seconds at most; without it the answer does not depend on the machine.
    #[arg(long, allow_negative_numbers = true, global = true)]
    time_limit: Option<f64>,
    /// Threads to use; all cores when not given. The answer does not depend on it.
    #[arg(long, value_parser = crate::commands::threads, global = true)]
    threads: Option<usize>,
    #[command(subcommand)]
    question: Question,
}

#[derive(clap::Subcommand)]
enum Question {
    Limits(limits::LimitsArgs),
    Curve(limits::CurveArgs),
    Why(offers::WhyArgs),
    Slot(offers::SlotArgs),
    Locks(locks::LocksArgs),
    Clash(locks::ClashArgs),
    Others(plans::OthersArgs),
    Diff(plans::DiffArgs),
}

/// An offer of the instance, for programs.
#[derive(Clone, Debug, Serialize)]
struct Offer {
    sku: usize,
    week: usize,
    depth_index: u32,
    /// Share of the price off.
    depth: f64,
}

/// A change of a plan, for programs.
#[derive(Serialize)]
struct Change {
    change: &'static str,
    before: Option<Offer>,
    after: Option<Offer>,
    value: i64,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    ensure!((0.0..1.0).contains(&args.gap), "--gap is {}: expected a share from 0 to below 1", args.gap);
    let time_limit = args.time_limit.map(Duration::try_from_secs_f64).transpose();
    let time_limit = time_limit.context("--time-limit: expected seconds, 0 or more")?;
    let settings = Settings { gap: args.gap, time_limit, threads: args.threads, ..Settings::default() };
    let instance = read_instance(&args.instance)?;
    let flag = watch_for_interrupt(console);
    let interrupt = || flag.load(Ordering::Relaxed);
    if let Question::Clash(question) = &args.question {
        return locks::clash(question, &instance, &settings, &interrupt, console);
    }
    let solved = match &args.solved {
        Some(path) => Some(solution(path, &instance.problem)?),
        None => found(solve(&instance.problem, &settings, &interrupt)),
    };
    let Some(solution) = solved else {
        console.note("No plan was found in time: allow more with --time-limit.");
        return Ok(Ending::Refused);
    };
    let case = Case { problem: &instance.problem, solution: &solution, settings: &settings, interrupt: &interrupt };
    match &args.question {
        Question::Limits(question) => limits::limits(question, &case, console),
        Question::Curve(question) => limits::curve(question, &case, console),
        Question::Why(question) => offers::why(question, &case, &instance, console),
        Question::Slot(question) => offers::slot(question, &case, &instance, console),
        Question::Locks(question) => locks::prices(question, &case, &instance, console),
        Question::Clash(_) => unreachable!("Invariant: answered above, without a solution"),
        Question::Others(question) => plans::others(question, &case, &instance, console),
        Question::Diff(question) => plans::diff(question, &case, &instance, console),
    }
}

fn found(outcome: Solve) -> Option<Solution> {
    match outcome {
        Solve::Solved(solution) => Some(solution),
        Solve::Infeasible(_) | Solve::NotFound { .. } => None,
    }
}

impl Offer {
    fn new(instance: &PromotionInstance, column: u32) -> Self {
        let (sku, week) = instance.problem.cell_of(column);
        let depth_index = instance.problem.option(column);
        Self { sku, week, depth_index, depth: instance.depths[depth_index as usize] }
    }

    fn all(instance: &PromotionInstance, columns: &[u32]) -> Vec<Self> {
        columns.iter().map(|&column| Self::new(instance, column)).collect()
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SKU {}, week {}, {}", self.sku, self.week, off(self.depth))
    }
}

impl Change {
    fn all(instance: &PromotionInstance, diff: &answers::Diff) -> Vec<Self> {
        let offer = |column| Some(Offer::new(instance, column));
        let change = |change: &answers::Change| {
            let (name, before, after) = match *change {
                answers::Change::Added { column, .. } => ("added", None, offer(column)),
                answers::Change::Dropped { column, .. } => ("dropped", offer(column), None),
                answers::Change::Other { from, to, .. } => ("other_depth", offer(from), offer(to)),
                answers::Change::Moved { from, to, .. } => ("moved", offer(from), offer(to)),
            };
            Self { change: name, before, after, value: change.value() }
        };
        diff.changes.iter().map(change).collect()
    }

    /// The change in one sentence without a full stop.
    fn words(&self) -> String {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => format!("{before} -> week {}, {}", after.week, off(after.depth)),
            (Some(offer), None) => format!("without {offer}"),
            (None, Some(offer)) => format!("with {offer}"),
            (None, None) => String::new(),
        }
    }
}

fn off(depth: f64) -> String {
    format!("{:.0} % off", depth * 100.0)
}

/// The number of a limit by its name.
fn limit_named(problem: &Problem, name: &str) -> anyhow::Result<usize> {
    let found = problem.limits().iter().position(|limit| limit.name == name);
    found.with_context(|| {
        let names: Vec<&str> = problem.limits().iter().map(|limit| limit.name.as_str()).collect();
        format!("no limit is named '{name}': expected one of {}", names.join(", "))
    })
}

/// A number that must be below a count, such as a SKU or a week.
fn below(what: &str, number: usize, count: usize) -> anyhow::Result<()> {
    ensure!(number < count, "{what} {number} is not in this instance: expected 0 to {}", count.saturating_sub(1));
    Ok(())
}
