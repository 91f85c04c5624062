//! `endcap solve`: the optimiser on a promotion instance or a public benchmark file.

use crate::commands::earlier::{CURVATURE, earlier, with_fixed};
use crate::console::{Console, Ending, table};
use anyhow::{Context, bail, ensure};
use endcap_adapters::files::read_text;
use endcap_adapters::instances::open_instance_folder;
use endcap_adapters::tables::{Column, write_csv, write_json};
use endcap_model::{LimitPrice, SolveStatus};
use endcap_plan::formats::{PromotionFiles, PromotionInstance, PublicFormat, PublicProblem, Sense, promotion, public};
use endcap_plan::solve::{Problem, Settings, Solution, Solve, Warm, solve_from};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Solve a promotion instance (a folder) or a public knapsack benchmark (a file), with a proven bound.
///
/// Ctrl-C or the time limit ends the search early; the best plan so far, which keeps every rule, is still written.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap solve p200x13x5 --gap 0.001 --time-limit 10 --out plan\n  \
                        endcap solve khan_I03.txt --format mmkp --json\n  \
                        endcap solve p200x13x5 --warm plan/solve.json --fixed-weeks 2 --out next")]
pub struct Args {
    /// Folder with instance.json, skus.csv, base.csv, gamma.csv, stock.csv, pairs.csv; or, with --format, a file.
    instance: PathBuf,
    /// Format of a public benchmark file.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Whether the values of a gap file are earned or paid; by default paid in files whose name begins with gapa to gape.
    #[arg(long, value_enum)]
    sense: Option<Direction>,
    /// Solve only this problem of a benchmark file, 1 the first.
    #[arg(long)]
    problem: Option<usize>,
    /// Stop after so many seconds; without it the result does not depend on the machine.
    #[arg(long, allow_negative_numbers = true)]
    time_limit: Option<f64>,
    /// Stop once (bound - objective) / bound is at most this.
    #[arg(long, default_value_t = 0.0001)]
    gap: f64,
    /// Threads to use; all cores when not given. The result does not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// The solve.json of an earlier run, with its plan.csv beside it, to begin from: much faster when little has changed.
    /// Plan and bound are as true as without it.
    #[arg(long, value_name = "SOLVE_JSON", conflicts_with = "format")]
    warm: Option<PathBuf>,
    /// Keep the first so many weeks as the earlier plan has them.
    #[arg(long, value_name = "WEEKS", default_value_t = 0, conflicts_with = "format")]
    fixed_weeks: usize,
    /// Folder for plan.csv and solve.json; the current one when not given. Nothing is written for a benchmark file
    /// unless this is given.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Multiple-choice multidimensional knapsack.
    Mmkp,
    /// 0-1 multidimensional knapsack.
    Mkp,
    /// Generalised assignment.
    Gap,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Direction {
    /// Values are earned.
    Max,
    /// Values are paid.
    Min,
}

/// The answer for programs. Amounts are whole cents for an instance, the file's own units for a benchmark.
#[derive(Serialize)]
struct Answer {
    name: String,
    objective: Option<serde_json::Number>,
    bound: Option<serde_json::Number>,
    gap: Option<f64>,
    status: Status,
    seconds: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    limits: Vec<LimitPrice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promotions: Option<usize>,
    /// Item chosen per group, item or job, 0 the first; nothing where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<Vec<Option<u32>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Optimal,
    WithinGap,
    Feasible,
    Infeasible,
    NotFound,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    ensure!((0.0..1.0).contains(&args.gap), "--gap is {}: expected a share from 0 to below 1", args.gap);
    ensure!(args.threads != Some(0), "--threads is 0: expected 1 or more");
    let interrupted = watch_for_interrupt(console);
    match args.format {
        None => solve_folder(args, console, &interrupted),
        Some(format) => solve_file(args, format, console, &interrupted),
    }
}

/// A flag that the first Ctrl-C raises. Where it cannot be watched for, Ctrl-C ends the program as usual.
pub fn watch_for_interrupt(console: &Console) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raise = Arc::clone(&flag);
    let watched = ctrlc::set_handler(move || raise.store(true, Ordering::Relaxed));
    if let Err(error) = watched {
        console.note(format!("Ctrl-C will end the search without a plan: {error}"));
    }
    flag
}

fn settings(args: &Args) -> anyhow::Result<Settings> {
    let time_limit = args.time_limit.map(Duration::try_from_secs_f64).transpose();
    let time_limit = time_limit.context("--time-limit: expected seconds, 0 or more")?;
    Ok(Settings { gap: args.gap, time_limit, threads: args.threads, ..Settings::default() })
}

fn timed(problem: &Problem, warm: &Warm, args: &Args, interrupted: &AtomicBool) -> anyhow::Result<(Solve, f64)> {
    let settings = settings(args)?;
    let begun = Instant::now();
    let solved = solve_from(problem, warm, &settings, &|| interrupted.load(Ordering::Relaxed));
    Ok((solved, begun.elapsed().as_secs_f64()))
}

fn solve_folder(args: &Args, console: &Console, interrupted: &AtomicBool) -> anyhow::Result<Ending> {
    let path = &args.instance;
    if path.is_file() {
        bail!(
            "{} is a file: say its format with --format mmkp, mkp or gap, or give an instance folder",
            path.display()
        );
    }
    let mut instance = read_instance(path)?;
    let warm = args.warm.as_deref().map(|solved| earlier(solved, &instance.problem)).transpose()?.unwrap_or_default();
    if args.fixed_weeks > 0 {
        ensure!(
            args.warm.is_some(),
            "--fixed-weeks keeps the first weeks of an earlier plan: name its solve.json with --warm"
        );
        instance.problem = with_fixed(&instance.problem, &warm, args.fixed_weeks)?;
    }
    let (solved, seconds) = timed(&instance.problem, &warm, args, interrupted)?;
    let mut answer = answer(instance.name.clone(), &solved, &instance.problem, seconds, |value| value.into());
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("."));
    if let Solve::Solved(solution) = &solved {
        let rows = instance.rows(solution);
        answer.promotions = Some(rows.len());
        write_plan(&out.join("plan.csv"), &rows)?;
        write_json(&out.join(CURVATURE), &solution.curvature)?;
    }
    write_json(&out.join("solve.json"), &answer)?;
    console.result(&answer, for_people)?;
    Ok(ending(&[answer.status]))
}

/// Reads an instance folder.
pub fn read_instance(folder: &Path) -> anyhow::Result<PromotionInstance> {
    let files = open_instance_folder(folder)?;
    let files = PromotionFiles {
        instance: files.instance,
        skus: files.skus,
        base: files.base,
        gamma: files.gamma,
        stock: files.stock,
        pairs: files.pairs,
        triples: files.triples,
    };
    promotion(files).with_context(|| format!("{} is no promotion instance", folder.display()))
}

fn write_plan(path: &Path, rows: &[(usize, usize, u32)]) -> anyhow::Result<()> {
    let column = |pick: fn(&(usize, usize, u32)) -> i64| Column::Whole(rows.iter().map(pick).collect());
    let columns = [
        ("sku", column(|row| row.0 as i64)),
        ("week", column(|row| row.1 as i64)),
        ("depth_index", column(|row| i64::from(row.2))),
    ];
    Ok(write_csv(path, &columns)?)
}

fn solve_file(args: &Args, format: Format, console: &Console, interrupted: &AtomicBool) -> anyhow::Result<Ending> {
    let path = &args.instance;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let format = match format {
        Format::Mmkp => PublicFormat::Mmkp,
        Format::Mkp => PublicFormat::Mkp,
        Format::Gap => PublicFormat::Gap,
    };
    let problems = public(&name, &read_text(path)?, format, sense(args.sense, &name))?;
    let count = problems.len();
    let wanted = |problem: &PublicProblem| args.problem.is_none_or(|number| number == problem.number);
    let mut answers = Vec::new();
    for problem in problems.into_iter().filter(wanted) {
        let (solved, seconds) = timed(&problem.problem, &Warm::default(), args, interrupted)?;
        let name = if count == 1 { name.clone() } else { format!("{name} {}", problem.number) };
        let mut answer = answer(name, &solved, &problem.problem, seconds, |value| in_file_units(&problem, value));
        if let Solve::Solved(solution) = &solved {
            answer.chosen = Some(problem.chosen(solution));
        }
        answers.push(answer);
    }
    ensure!(!answers.is_empty(), "--problem {}: {} has {count} problems", args.problem.unwrap_or(0), path.display());
    if let Some(out) = &args.out {
        write_json(&out.join("solve.json"), &answers)?;
    }
    match answers.as_slice() {
        [answer] => console.result(answer, for_people)?,
        _ => console.result(&answers, |answers| answers.iter().map(line).collect::<Vec<_>>().join("\n"))?,
    }
    let statuses: Vec<Status> = answers.iter().map(|answer| answer.status).collect();
    Ok(ending(&statuses))
}

/// The classes A to E of the generalised assignment files are costs, the others profits.
fn sense(given: Option<Direction>, name: &str) -> Sense {
    let paid = ["gapa", "gapb", "gapc", "gapd", "gape"].iter().any(|class| name.to_lowercase().starts_with(class));
    match given {
        Some(Direction::Max) => Sense::Maximise,
        Some(Direction::Min) => Sense::Minimise,
        None if paid => Sense::Minimise,
        None => Sense::Maximise,
    }
}

/// Whole where the file is whole, with its decimals where not.
fn in_file_units(problem: &PublicProblem, value: i64) -> serde_json::Number {
    let amount = problem.value(value);
    match problem.scale {
        1 => (amount as i64).into(),
        _ => serde_json::Number::from_f64(amount).expect("Invariant: a whole number over a power of ten is finite"),
    }
}

fn answer(
    name: String,
    solved: &Solve,
    problem: &Problem,
    seconds: f64,
    units: impl Fn(i64) -> serde_json::Number,
) -> Answer {
    let mut answer = Answer {
        name,
        objective: None,
        bound: None,
        gap: None,
        status: Status::NotFound,
        seconds,
        reasons: Vec::new(),
        limits: Vec::new(),
        promotions: None,
        chosen: None,
    };
    match solved {
        Solve::Solved(solution) => fill(&mut answer, solution, problem, units),
        Solve::Infeasible(conflict) => {
            answer.status = Status::Infeasible;
            answer.reasons = vec![conflict.describe(problem)];
        }
        Solve::NotFound { bound } => {
            answer.bound = Some(units(*bound));
            answer.reasons = vec!["no plan that keeps every rule was found in time".to_owned()];
        }
    }
    answer
}

fn fill(answer: &mut Answer, solution: &Solution, problem: &Problem, units: impl Fn(i64) -> serde_json::Number) {
    answer.objective = Some(units(solution.objective));
    answer.bound = Some(units(solution.bound));
    answer.gap = Some(solution.gap());
    answer.limits = solution.limits(problem);
    answer.status = match solution.status {
        SolveStatus::Optimal => Status::Optimal,
        SolveStatus::WithinGap => Status::WithinGap,
        SolveStatus::Feasible => Status::Feasible,
    };
}

fn ending(statuses: &[Status]) -> Ending {
    let failed = statuses.iter().any(|status| matches!(status, Status::Infeasible | Status::NotFound));
    if failed { Ending::Refused } else { Ending::Done }
}

fn status_text(status: Status) -> &'static str {
    match status {
        Status::Optimal => "optimal: no plan is better",
        Status::WithinGap => "within the gap asked for",
        Status::Feasible => "keeps every rule; the search ended before the gap was reached",
        Status::Infeasible => "no plan keeps every rule",
        Status::NotFound => "no plan found",
    }
}

fn shown(number: &Option<serde_json::Number>) -> String {
    number.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn line(answer: &Answer) -> String {
    let gap = answer.gap.map_or_else(|| "-".to_owned(), |gap| format!("{:.4} %", gap * 100.0));
    let (objective, bound) = (shown(&answer.objective), shown(&answer.bound));
    format!(
        "{}: {objective}, bound {bound}, gap {gap}, {}, {:.2} s",
        answer.name,
        status_text(answer.status),
        answer.seconds
    )
}

fn for_people(answer: &Answer) -> String {
    let mut rows = table(&["limit", "used", "available", "worth of one more"]);
    for limit in answer.limits.iter().filter(|limit| limit.price > 0.0) {
        rows.add_row([
            limit.limit.clone(),
            limit.used.to_string(),
            limit.available.to_string(),
            format!("{:.4}", limit.price),
        ]);
    }
    let reasons: String = answer.reasons.iter().map(|reason| format!("\n{reason}")).collect();
    let free = answer.limits.iter().filter(|limit| limit.price <= 0.0).count();
    let head = format!("{}{reasons}", line(answer));
    match answer.limits.len() {
        0 => head,
        _ => format!("{head}\n{rows}\n{free} further limits do not bind."),
    }
}
