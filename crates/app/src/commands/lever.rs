//! `endcap lever`: markdown, spend and promotion for a whole season, by greedy search and with a proof.

use crate::console::{Console, Ending, table};
use anyhow::{Context, bail, ensure};
use endcap_adapters::files::write_atomic;
use endcap_adapters::tables::{self, Column, write_csv, write_json};
use endcap_model::{Currency, SolveStatus, Value};
use endcap_plan::lever::{
    Calibration, Comparison, Figures, Goal, GoalAnswer, GoalReport, Grid, LeverScenario, LeverSettings, LockPrice,
    PenaltyEffect, PlanReport, Reading, calibrate, frontier, plan_report, report,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Set markdown by group and month, spend and promotion by month for a season, for several objectives side by side.
///
/// Every plan comes with a bound that no plan exceeds, what greedy search loses, what the penalty on unsold stock does,
/// and the price of every lock. docs/levers.md has the formulas and the file.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap lever examples/pittarosso/season.toml\n  \
                        endcap lever examples/pittarosso/season.toml --objective max-margin --out season\n  \
                        endcap lever examples/pittarosso/season.toml --frontier --json\n  \
                        endcap lever examples/pittarosso/season.toml --reading literal\n  \
                        endcap lever examples/pittarosso/season.toml --calibrate --out fitted")]
pub struct Args {
    /// The scenario, in TOML.
    scenario: PathBuf,
    /// Only this objective: a preset (max-revenue, max-margin, min-inventory, max-sell-through, max-revenue-floor) or one of
    /// the scenario; may be given several times. All when not given.
    #[arg(long, value_name = "NAME")]
    objective: Vec<String>,
    /// How step 6 is read, in place of the scenario's.
    #[arg(long, value_enum)]
    reading: Option<ReadingChoice>,
    /// Show the trade-off of revenue, margin and sales instead: the plans that no other one beats in all three.
    #[arg(long, conflicts_with_all = ["objective", "calibrate"])]
    frontier: bool,
    /// Fit the scenario's factors to its published figures instead, starting from those it has.
    #[arg(long, conflicts_with = "objective")]
    calibrate: bool,
    /// Seasons that --calibrate may try.
    #[arg(long, default_value_t = 400, requires = "calibrate")]
    tries: usize,
    /// Stop once (bound - objective) / bound is at most this.
    #[arg(long, default_value_t = LeverSettings::default().gap)]
    gap: f64,
    /// Parts of the grid to look into at most, for each search; more parts prove a smaller gap.
    #[arg(long, default_value_t = LeverSettings::default().parts)]
    parts: usize,
    /// Stop all searches after so many seconds; without it the result does not depend on the machine.
    #[arg(long, allow_negative_numbers = true)]
    time_limit: Option<f64>,
    /// Folder for lever.json, objectives.csv, levers.csv and locks.csv; with --frontier for frontier.json, with --calibrate
    /// for factors.toml.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ReadingChoice {
    /// As printed: a constant sensitivity times (1 - markdown).
    Literal,
    /// The sensitivity answers to the price index 1 - markdown.
    Response,
}

/// The result, for programs. Money in whole minor units of `currency`.
#[derive(Serialize)]
struct Answer {
    scenario: String,
    currency: Currency,
    reading: Reading,
    objectives: Vec<GoalReport>,
}

/// The trade-off, for programs. Money in whole minor units of `currency`.
#[derive(Serialize)]
struct Tradeoff {
    scenario: String,
    currency: Currency,
    reading: Reading,
    plans: Vec<TradeoffPlan>,
}

#[derive(Serialize)]
struct TradeoffPlan {
    goal: Goal,
    plan: PlanReport,
}

/// The fit, for programs. Money in minor units of `currency`.
#[derive(Serialize)]
struct Fitted {
    currency: Currency,
    #[serde(flatten)]
    calibration: Calibration,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    ensure!((0.0..1.0).contains(&args.gap), "--gap is {}: expected a share from 0 to below 1", args.gap);
    ensure!(args.parts > 0, "--parts is 0: expected 1 or more");
    let mut scenario: LeverScenario = tables::read_toml(&args.scenario)?;
    match args.reading {
        Some(ReadingChoice::Literal) => scenario.reading = Reading::Literal,
        Some(ReadingChoice::Response) => scenario.reading = Reading::Response,
        None => {}
    }
    let grid = Grid::new(&scenario).with_context(|| in_file(&args.scenario))?;
    let stop = stopper(args, console)?;
    if args.calibrate {
        return fit(args, &scenario, console, &stop);
    }
    if args.frontier {
        return trade_off(args, &scenario, &grid, console, &stop);
    }
    let settings = LeverSettings { gap: args.gap, parts: args.parts };
    let mut objectives = Vec::new();
    for goal in chosen(args, &scenario)? {
        objectives.push(report(&grid, &goal, &settings, &stop).with_context(|| in_file(&args.scenario))?);
    }
    let answer =
        Answer { scenario: scenario.name.clone(), currency: scenario.currency, reading: scenario.reading, objectives };
    if let Some(out) = &args.out {
        write(&answer, out)?;
    }
    console.result(&answer, for_people)?;
    let refused = answer.objectives.iter().any(|objective| matches!(objective.answer, GoalAnswer::OutOfReach { .. }));
    Ok(if refused { Ending::Refused } else { Ending::Done })
}

fn in_file(path: &Path) -> String {
    format!("{} makes no season", path.display())
}

/// Says when to stop: after the time limit, or at the first Ctrl-C.
fn stopper(args: &Args, console: &Console) -> anyhow::Result<impl Fn() -> bool> {
    let limit = args.time_limit.map(Duration::try_from_secs_f64).transpose();
    let limit = limit.context("--time-limit: expected seconds, 0 or more")?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let raise = Arc::clone(&interrupted);
    if let Err(error) = ctrlc::set_handler(move || raise.store(true, Ordering::Relaxed)) {
        console.note(format!("Ctrl-C will end the search without a plan: {error}"));
    }
    let begun = Instant::now();
    Ok(move || interrupted.load(Ordering::Relaxed) || limit.is_some_and(|limit| begun.elapsed() >= limit))
}

fn chosen(args: &Args, scenario: &LeverScenario) -> anyhow::Result<Vec<Goal>> {
    let goals = scenario.goals();
    if args.objective.is_empty() {
        return Ok(goals);
    }
    let find = |name: &String| match goals.iter().find(|goal| goal.name == *name) {
        Some(goal) => Ok(goal.clone()),
        None => {
            let known: Vec<&str> = goals.iter().map(|goal| goal.name.as_str()).collect();
            bail!("--objective: no objective is named '{name}': expected one of {}", known.join(", "))
        }
    };
    args.objective.iter().map(find).collect()
}

fn fit(args: &Args, scenario: &LeverScenario, console: &Console, stop: &dyn Fn() -> bool) -> anyhow::Result<Ending> {
    let calibration = calibrate(scenario, args.tries, stop).with_context(|| in_file(&args.scenario))?;
    let fitted = Fitted { currency: scenario.currency, calibration };
    let factors = factors_text(&fitted.calibration)?;
    if let Some(out) = &args.out {
        write_atomic(&out.join("factors.toml"), factors.as_bytes())?;
    }
    console.result(&fitted, |Fitted { currency, calibration }| {
        format!(
            "{}\nLargest difference {:.2} % after {} seasons. To use the factors, put this into {}:\n\n{factors}",
            comparison_table(&calibration.figures, *currency),
            calibration.error_max * 100.0,
            calibration.tries,
            args.scenario.display()
        )
    })?;
    Ok(Ending::Done)
}

fn factors_text(fitted: &Calibration) -> anyhow::Result<String> {
    Ok(format!("[factors]\n{}", toml::to_string(&fitted.factors)?))
}

fn trade_off(
    args: &Args,
    scenario: &LeverScenario,
    grid: &Grid,
    console: &Console,
    stop: &dyn Fn() -> bool,
) -> anyhow::Result<Ending> {
    let settings = LeverSettings { gap: args.gap, parts: args.parts };
    let plans = frontier(grid, &settings, stop).into_iter();
    let plans = plans.map(|it| TradeoffPlan { plan: plan_report(grid, &it.goal, &it.best), goal: it.goal });
    let tradeoff = Tradeoff {
        scenario: scenario.name.clone(),
        currency: scenario.currency,
        reading: scenario.reading,
        plans: plans.collect(),
    };
    if let Some(out) = &args.out {
        write_json(&out.join("frontier.json"), &tradeoff)?;
    }
    console.result(&tradeoff, |tradeoff| {
        let mut rows = table(&["found with", "revenue", "margin", "sold", "sell-through", "gap"]);
        for TradeoffPlan { goal, plan } in &tradeoff.plans {
            let Figures { revenue, margin, sold, sell_through, .. } = &plan.figures;
            rows.add_row([
                goal.name.clone(),
                money(*revenue as f64, tradeoff.currency),
                money(*margin as f64, tradeoff.currency),
                sold.to_string(),
                share(*sell_through),
                format!("{:.4} %", plan.gap * 100.0),
            ]);
        }
        format!(
            "{}\n{rows}\nNo plan listed is beaten by another one found in revenue, margin and sales at once.",
            head(&tradeoff.scenario, tradeoff.reading)
        )
    })?;
    Ok(Ending::Done)
}

fn write(answer: &Answer, folder: &Path) -> anyhow::Result<()> {
    write_json(&folder.join("lever.json"), answer)?;
    write_csv(&folder.join("objectives.csv"), &objective_columns(answer))?;
    write_csv(&folder.join("levers.csv"), &lever_columns(answer))?;
    write_csv(&folder.join("locks.csv"), &lock_columns(answer))?;
    Ok(())
}

/// The plans that were found, with the name of their objective.
fn plans(answer: &Answer) -> impl Iterator<Item = (&GoalReport, &PlanReport)> {
    answer.objectives.iter().filter_map(|objective| match &objective.answer {
        GoalAnswer::Plan(plan) => Some((objective, plan.as_ref())),
        GoalAnswer::OutOfReach { .. } => None,
    })
}

fn objective_columns(answer: &Answer) -> Vec<(&'static str, Column)> {
    let rows: Vec<(String, &str, &Figures)> = plans(answer)
        .flat_map(|(objective, plan)| {
            let name = objective.goal.name.clone();
            [(name.clone(), "greedy", &objective.greedy), (name, "proven", &plan.figures)]
        })
        .collect();
    let whole = |of: fn(&Figures) -> i64| Column::Whole(rows.iter().map(|row| of(row.2)).collect());
    vec![
        ("objective", Column::Text(rows.iter().map(|row| row.0.clone()).collect())),
        ("search", Column::Text(rows.iter().map(|row| row.1.to_owned()).collect())),
        ("value", whole(|figures| figures.objective)),
        ("revenue", whole(|figures| figures.revenue)),
        ("margin", whole(|figures| figures.margin)),
        ("spend", whole(|figures| figures.spend)),
        ("sold", whole(|figures| figures.sold)),
        ("unsold", whole(|figures| figures.unsold)),
        ("sell_through", Column::Number(rows.iter().map(|row| row.2.sell_through).collect())),
    ]
}

fn lever_columns(answer: &Answer) -> Vec<(&'static str, Column)> {
    let rows: Vec<_> = plans(answer)
        .flat_map(|(objective, plan)| {
            plan.months.iter().flat_map(move |month| month.groups.iter().map(move |cell| (objective, month, cell)))
        })
        .collect();
    vec![
        ("objective", Column::Text(rows.iter().map(|(objective, ..)| objective.goal.name.clone()).collect())),
        ("month", Column::Text(rows.iter().map(|(_, month, _)| month.month.clone()).collect())),
        ("spend", Column::Text(rows.iter().map(|(_, month, _)| month.spend.clone()).collect())),
        ("promotion", Column::Text(rows.iter().map(|(_, month, _)| month.promotion.clone()).collect())),
        ("group", Column::Text(rows.iter().map(|(.., cell)| cell.group.clone()).collect())),
        ("markdown", Column::Number(rows.iter().map(|(.., cell)| cell.markdown).collect())),
        ("paid_price", Column::Whole(rows.iter().map(|(.., cell)| cell.paid_price).collect())),
        ("sold", Column::Whole(rows.iter().map(|(.., cell)| cell.sold).collect())),
    ]
}

fn lock_columns(answer: &Answer) -> Vec<(&'static str, Column)> {
    let rows: Vec<(String, &LockPrice)> = plans(answer)
        .flat_map(|(objective, plan)| plan.locks.iter().map(|lock| (objective.goal.name.clone(), lock)))
        .collect();
    let whole = |of: fn(&LockPrice) -> i64| Column::Whole(rows.iter().map(|row| of(row.1)).collect());
    vec![
        ("objective", Column::Text(rows.iter().map(|row| row.0.clone()).collect())),
        ("lock", Column::Text(rows.iter().map(|row| row.1.lock.clone()).collect())),
        ("price", whole(|lock| lock.price)),
        ("at_least", whole(|lock| lock.at_least)),
        ("at_most", whole(|lock| lock.at_most)),
    ]
}

fn money(minor: f64, currency: Currency) -> String {
    Value(minor).round(currency).to_string()
}

fn share(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn head(scenario: &str, reading: Reading) -> String {
    let reading = match reading {
        Reading::Literal => "literal: volume is proportional to 1 - markdown, so that a markdown sells less",
        Reading::Response => "response: the price sensitivity answers to 1 - markdown",
    };
    format!("{scenario}\nStep 6 is read as {reading}")
}

fn for_people(answer: &Answer) -> String {
    let mut text = format!("{}\n{}", head(&answer.scenario, answer.reading), side_by_side(answer));
    let figures: Vec<Comparison> = plans(answer).flat_map(|(_, plan)| plan.published.clone()).collect();
    if !figures.is_empty() {
        text += &format!("\n\nPublished and computed:\n{}", comparison_table(&figures, answer.currency));
    }
    for objective in &answer.objectives {
        text += &notes(objective, answer.currency);
    }
    if let [(_, plan)] = plans(answer).collect::<Vec<_>>().as_slice() {
        text += &format!("\n\n{}", calendar(plan));
    }
    text
}

/// Objectives in columns would not fit: one row for each, greedy search below the proven plan.
fn side_by_side(answer: &Answer) -> String {
    let mut rows = table(&[
        "objective",
        "search",
        "revenue",
        "margin",
        "unsold",
        "sell-through",
        "spend",
        "gap",
        "left by greedy",
    ]);
    for objective in &answer.objectives {
        let line = |search: &str, figures: &Figures, gap: String, loss: String| {
            [
                objective.goal.name.clone(),
                search.to_owned(),
                money(figures.revenue as f64, answer.currency),
                money(figures.margin as f64, answer.currency),
                figures.unsold.to_string(),
                share(figures.sell_through),
                money(figures.spend as f64, answer.currency),
                gap,
                loss,
            ]
        };
        if let GoalAnswer::Plan(plan) = &objective.answer {
            let gap = format!(
                "{:.4} %{}",
                plan.gap * 100.0,
                if plan.status == SolveStatus::Optimal { ", optimal" } else { "" }
            );
            let loss =
                plan.greedy_loss.map_or_else(|| "sells too little".to_owned(), |loss| format!("{:.2} %", loss * 100.0));
            rows.add_row(line("proven", &plan.figures, gap, loss));
        }
        rows.add_row(line("greedy", &objective.greedy, String::new(), String::new()));
    }
    rows.to_string()
}

fn comparison_table(figures: &[Comparison], currency: Currency) -> String {
    let mut rows = table(&["objective", "figure", "published", "computed", "difference"]);
    for figure in figures {
        let shown = |value: f64| match figure.figure {
            "unsold" => format!("{value:.0} pieces"),
            _ => money(value, currency),
        };
        rows.add_row([
            figure.objective.clone(),
            figure.figure.to_owned(),
            shown(figure.published),
            shown(figure.computed),
            format!("{:+.2} %", figure.error() * 100.0),
        ]);
    }
    rows.to_string()
}

/// What there is to say about an objective beside its figures.
fn notes(objective: &GoalReport, currency: Currency) -> String {
    let mut lines = Vec::new();
    match &objective.answer {
        GoalAnswer::OutOfReach { reached, bound, proven } => {
            let proof = if *proven {
                format!("no plan sells more than {}: lower sell_through_min or remove a lock", share(*bound))
            } else {
                format!("up to {} is not ruled out: allow more --parts", share(*bound))
            };
            lines.push(format!("no plan found sells enough; the best sells {}, and {proof}", share(*reached)));
        }
        GoalAnswer::Plan(plan) => {
            lines.extend(plan.penalty.iter().flat_map(|penalty| penalty_lines(penalty, currency)));
            lines.extend(plan.locks.iter().map(|lock| lock_line(lock, currency)));
        }
    }
    if let Some(least) = objective.published_needs_per_piece {
        lines.push(format!(
            "the published figures are the best of those published only where an unsold piece costs {} or more",
            money(least, currency)
        ));
    }
    let name = &objective.goal.name;
    lines.iter().map(|line| format!("\n{name}: {line}")).collect()
}

fn penalty_lines(penalty: &PenaltyEffect, currency: Currency) -> Vec<String> {
    let amount = |minor: f64| money(minor, currency);
    let (least, most) = penalty.per_piece;
    let per_piece = if least == most { amount(least) } else { format!("{} to {}", amount(least), amount(most)) };
    let mut lines = vec![format!("the penalty is {per_piece} for each unsold piece")];
    if let Some(cost) = penalty.cost_per_piece {
        lines.push(format!(
            "it leaves {:.0} pieces fewer than without it, at a cost of {} each",
            penalty.pieces_fewer,
            amount(cost)
        ));
    }
    lines.extend(penalty.warning(amount).map(|warning| format!("warning: {warning}")));
    lines
}

fn lock_line(lock: &LockPrice, currency: Currency) -> String {
    let LockPrice { lock, price, at_least, at_most } = lock;
    let amount = |minor: &i64| money(*minor as f64, currency);
    format!("lock '{lock}' costs {} (proven: {} to {})", amount(price), amount(at_least), amount(at_most))
}

/// The levers of one plan, a month in each column.
fn calendar(plan: &PlanReport) -> String {
    let months = plan.months.iter().map(|month| month.month.as_str());
    let mut rows = table(&std::iter::once("").chain(months).collect::<Vec<_>>());
    rows.add_row(std::iter::once("spend".to_owned()).chain(plan.months.iter().map(|month| month.spend.clone())));
    let promotions = plan.months.iter().map(|month| month.promotion.clone());
    rows.add_row(std::iter::once("promotion".to_owned()).chain(promotions));
    for (at, group) in plan.groups.iter().enumerate() {
        let markdowns = plan.months.iter().map(|month| format!("{:.0} %", month.groups[at].markdown * 100.0));
        rows.add_row(std::iter::once(group.group.clone()).chain(markdowns));
    }
    rows.to_string()
}
