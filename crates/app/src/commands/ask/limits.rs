//! What limits are worth: prices with how far they hold, and value by capacity.

use super::limit_named;
use crate::console::{Console, Ending, table};
use anyhow::ensure;
use endcap_plan::solve::Problem;
use endcap_plan::solve::answers::{Case, Point, Range, RangeAsk};
use serde::Serialize;

/// What one more unit of each limit is worth, and how far that price holds.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap ask p200x13x5 --solved plan/solve.json limits --plans")]
pub struct LimitsArgs {
    /// Look at so many limits, those first that bind most; the others are listed without a range.
    #[arg(long, default_value_t = 20)]
    most: usize,
    /// A price holds while the average gain per unit is within this share of it.
    #[arg(long, default_value_t = 0.2)]
    share: f64,
    /// Look for plans at the ends of each range too, not only for bounds.
    #[arg(long)]
    plans: bool,
}

/// What the best plan earns at several capacities of a limit.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  endcap ask p200x13x5 --solved plan/solve.json curve budget --at 0.5,0.75,1,1.5")]
pub struct CurveArgs {
    /// Name of the limit, such as budget or 'slots w0'.
    limit: String,
    /// Multiples of what there is; 0.5 to 1.5 in tenths when not given.
    #[arg(long, value_delimiter = ',', value_name = "MULTIPLES")]
    at: Vec<f64>,
}

#[derive(Serialize)]
struct LimitAnswer {
    limit: String,
    /// Cents for one more unit; below 0 where the least use binds.
    price: f64,
    used: i64,
    /// The capacity, or the least use where that binds: what the range is about.
    level: i64,
    /// Lowest and highest level at which the price holds; the highest is null where there is none.
    holds: Option<(i64, Option<i64>)>,
    /// Cents per unit for the first step down and up.
    gain_below: Option<f64>,
    gain_above: Option<f64>,
    points: Vec<PointAnswer>,
}

#[derive(Serialize)]
struct CurveAnswer {
    limit: String,
    available: i64,
    points: Vec<PointAnswer>,
    complete: bool,
}

/// What is known at one level of a limit. Null: no plan was found; no bound: no plan is possible.
#[derive(Serialize)]
struct PointAnswer {
    level: i64,
    objective: Option<i64>,
    bound: Option<i64>,
    price: f64,
    used: Option<i64>,
}

/// Answers `limits`.
pub fn limits(args: &LimitsArgs, case: &Case, console: &Console) -> anyhow::Result<Ending> {
    ensure!(args.share > 0.0, "--share is {}: expected a share above 0", args.share);
    let ask = RangeAsk { share: args.share, most: args.most, plans: args.plans };
    let bar = console.progress("limits", args.most as u64);
    let ranges = case.ranges(&ask, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(bar.position().max(done as u64));
    });
    bar.finish_and_clear();
    let answers: Vec<LimitAnswer> = ranges.iter().map(|range| LimitAnswer::new(case.problem, range)).collect();
    console.result(&answers, |answers| limits_for_people(answers))?;
    Ok(Ending::Done)
}

/// Answers `curve`.
pub fn curve(args: &CurveArgs, case: &Case, console: &Console) -> anyhow::Result<Ending> {
    let limit = limit_named(case.problem, &args.limit)?;
    let available = case.problem.limits()[limit].capacity;
    let wrong = args.at.iter().find(|multiple| !(0.0..=1000.0).contains(*multiple));
    ensure!(wrong.is_none(), "--at has {}: expected multiples from 0 to 1000", wrong.unwrap_or(&0.0));
    let capacities: Vec<i64> = args.at.iter().map(|multiple| (available as f64 * multiple).round() as i64).collect();
    let curve = case.curve(limit, &capacities);
    let points = curve.points.iter().map(PointAnswer::new).collect();
    let answer = CurveAnswer { limit: args.limit.clone(), available, points, complete: curve.complete };
    console.result(&answer, curve_for_people)?;
    Ok(Ending::Done)
}

impl LimitAnswer {
    fn new(problem: &Problem, range: &Range) -> Self {
        Self {
            limit: problem.limits()[range.limit].name.clone(),
            price: range.price,
            used: range.used,
            level: range.level,
            holds: range.holds,
            gain_below: range.sides[0],
            gain_above: range.sides[1],
            points: range.points.iter().map(PointAnswer::new).collect(),
        }
    }
}

impl PointAnswer {
    fn new(point: &Point) -> Self {
        Self {
            level: point.capacity,
            objective: point.objective,
            bound: point.bound,
            price: point.price,
            used: point.objective.map(|_| point.used),
        }
    }
}

fn limits_for_people(answers: &[LimitAnswer]) -> String {
    let mut rows = table(&["limit", "used", "there is", "worth of one more", "one less", "holds from", "to"]);
    let gain = |gain: Option<f64>| gain.map_or_else(|| "-".to_owned(), |gain| format!("{gain:.4}"));
    let (binding, free): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.price != 0.0);
    for answer in &binding {
        let (from, to) = match answer.holds {
            None => ("not looked at".to_owned(), String::new()),
            Some((from, to)) => (from.to_string(), to.map_or_else(|| "any".to_owned(), |to| to.to_string())),
        };
        let worth = answer.gain_above.unwrap_or(answer.price);
        rows.add_row([
            answer.limit.clone(),
            answer.used.to_string(),
            answer.level.to_string(),
            format!("{worth:.4}"),
            gain(answer.gain_below),
            from,
            to,
        ]);
    }
    let mut text = format!("{rows}\nCents per unit. {} further limits do not bind.", free.len());
    let found = |answer: &&&LimitAnswer| answer.points.iter().filter(|point| point.objective.is_some()).count() > 1;
    for answer in binding.iter().filter(found) {
        let known: Vec<&PointAnswer> = answer.points.iter().filter(|point| point.objective.is_some()).collect();
        text.push_str(&format!("\n\n{}\n{}", answer.limit, points_table(known.into_iter())));
    }
    text
}

fn curve_for_people(answer: &CurveAnswer) -> String {
    let head = format!("{}: there are {}", answer.limit, answer.available);
    let tail = if answer.complete { "" } else { "\nInterrupted: further points are missing." };
    format!("{head}\n{}{tail}", points_table(answer.points.iter()))
}

fn points_table<'a>(points: impl Iterator<Item = &'a PointAnswer>) -> String {
    let mut rows = table(&["there were", "a plan earns", "none earns more than", "used", "worth of one more"]);
    let shown = |amount: Option<i64>, none: &str| amount.map_or_else(|| none.to_owned(), |amount| amount.to_string());
    for point in points {
        rows.add_row([
            point.level.to_string(),
            shown(point.objective, "none found"),
            shown(point.bound, "no plan is possible"),
            shown(point.used, "-"),
            format!("{:.4}", point.price),
        ]);
    }
    rows.to_string()
}
