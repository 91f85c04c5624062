//! Other plans: those that are nearly as good, and one that somebody else made.

use super::{Change, Offer};
use crate::commands::earlier::{plan, sentence};
use crate::console::{Console, Ending, table};
use anyhow::ensure;
use endcap_plan::formats::PromotionInstance;
use endcap_plan::solve::answers::{self, Case};
use endcap_plan::solve::{NONE, check};
use serde::Serialize;
use std::path::PathBuf;

/// Other plans that are nearly as good.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap ask p200x13x5 --solved plan/solve.json others 3 --differ 10")]
pub struct OthersArgs {
    /// How many.
    #[arg(default_value_t = 3)]
    count: usize,
    /// Each is without at least so many of the promotions of the plan, and of every other one listed.
    #[arg(long, default_value_t = 1)]
    differ: usize,
}

/// What another plan changes, and what each change earns.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap ask p200x13x5 --solved plan/solve.json diff mine.csv")]
pub struct DiffArgs {
    /// The other plan: sku, week, depth_index.
    plan: PathBuf,
}

#[derive(Serialize)]
struct OthersAnswer {
    objective: i64,
    bound: i64,
    others: Vec<OtherAnswer>,
}

#[derive(Serialize)]
struct OtherAnswer {
    objective: i64,
    /// No plan that differs as much earns more.
    bound: i64,
    /// The fewest promotions of an earlier plan that it does not have.
    differs: usize,
    changes: Vec<Change>,
    plan: Vec<Offer>,
}

#[derive(Serialize)]
struct DiffAnswer {
    objective: i64,
    bound: i64,
    /// What the other plan earns; null when it breaks a rule.
    other: Option<i64>,
    /// The rules that the other plan breaks.
    broken: Vec<String>,
    changes: Vec<Change>,
    /// What all changes earn.
    total: i64,
}

/// Answers `others`.
pub fn others(
    args: &OthersArgs,
    case: &Case,
    instance: &PromotionInstance,
    console: &Console,
) -> anyhow::Result<Ending> {
    ensure!(args.differ > 0, "--differ is 0: expected 1 or more");
    let chosen = |choice: &[u32]| choice.iter().copied().filter(|&column| column != NONE).collect::<Vec<u32>>();
    let answer = |other: answers::Other| OtherAnswer {
        objective: other.objective,
        bound: other.bound,
        differs: other.differs,
        changes: Change::all(instance, &other.changes),
        plan: Offer::all(instance, &chosen(&other.choice)),
    };
    let others: Vec<OtherAnswer> = case.others(args.count, args.differ).into_iter().map(answer).collect();
    let missing = args.count - others.len();
    let answer = OthersAnswer { objective: case.solution.objective, bound: case.solution.bound, others };
    console.result(&answer, |answer| others_for_people(answer, missing))?;
    Ok(Ending::Done)
}

/// Answers `diff`.
pub fn diff(args: &DiffArgs, case: &Case, instance: &PromotionInstance, console: &Console) -> anyhow::Result<Ending> {
    let (problem, solution) = (case.problem, case.solution);
    let other = plan(&args.plan, problem)?;
    let earned = check(problem, &other);
    let diff = answers::diff(problem, &solution.choice, &other);
    let broken = earned.as_ref().err().map_or(&[][..], Vec::as_slice);
    let answer = DiffAnswer {
        objective: solution.objective,
        bound: solution.bound,
        broken: broken.iter().map(|broken| sentence(broken, problem)).collect(),
        other: earned.ok(),
        changes: Change::all(instance, &diff),
        total: diff.total,
    };
    console.result(&answer, diff_for_people)?;
    Ok(Ending::Done)
}

fn others_for_people(answer: &OthersAnswer, missing: usize) -> String {
    let mut text = format!("The plan earns {}, none more than {}.", answer.objective, answer.bound);
    for (number, other) in answer.others.iter().enumerate() {
        text.push_str(&format!(
            "\n\n{}. earns {}, none that differs as much more than {}\n{}",
            number + 1,
            other.objective,
            other.bound,
            changes_table(&other.changes)
        ));
    }
    if missing > 0 {
        text.push_str(&format!("\n\n{missing} fewer than asked for: no further plan was found that differs so much."));
    }
    text
}

fn diff_for_people(answer: &DiffAnswer) -> String {
    let other = match answer.other {
        Some(other) => format!("The other plan earns {other}"),
        None => format!("The other plan breaks rules: {}.\nIts changes would earn", answer.broken.join("; ")),
    };
    let sum = if answer.other.is_some() { String::new() } else { format!(" {}", answer.total) };
    let head = format!("{other}{sum}; this one earns {}, none more than {}.", answer.objective, answer.bound);
    if answer.changes.is_empty() {
        return format!("{head}\nNo promotion differs.");
    }
    format!("{head}\n{}\n{} in all.", changes_table(&answer.changes), answer.total)
}

fn changes_table(changes: &[Change]) -> String {
    let mut rows = table(&["change", "what", "earns"]);
    for change in changes {
        rows.add_row([change.change.replace('_', " "), change.words(), change.value.to_string()]);
    }
    rows.to_string()
}
