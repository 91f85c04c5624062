//! `endcap replan`: the rest of a season planned anew while a plan is in force.

use crate::commands::ground::{Terms, last_published};
use crate::commands::solve::watch_for_interrupt;
use crate::console::{Console, Ending, table};
use crate::project::CODE_VERSION;
use anyhow::{Context, bail, ensure};
use endcap_adapters::file_drop;
use endcap_adapters::tables::{Column, read_json, write_csv, write_json};
use endcap_agent::ground::Ground;
use endcap_agent::pace::{Course, Running, running};
use endcap_agent::plan::{Draft, Known, span_of};
use endcap_agent::revise::Season;
use endcap_demand::Fitted;
use endcap_model::{Currency, Forecast, Money, Period, Plan, PlanId, Projection, Span, hash_json};
use endcap_plan::{Change, Revised, Revision};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Seed of the supply orders, as `endcap plan` has it by default.
pub(super) const SEED: u64 = 1;
/// Reasons shown to people; programs get all.
const REASONS_SHOWN: usize = 12;
/// Lines ahead or behind shown to people; programs get all.
const LINES_SHOWN: usize = 12;

/// Plan the rest of a season anew from the latest facts: what ran stays, and a promise is changed only where that earns
/// more than the scenario's `replan.change_cost`.
///
/// What was on offer is set beside what the plan expected of it; items that sell ahead of that beyond chance are not made
/// cheaper.
///
/// The result is a proposal under PROJECT/proposals: nobody has approved it, and it is not published.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap replan shop\n  endcap replan shop --from 2024-07-01 --frozen 2 --json\n  \
                        endcap replan shop --plan shop/plans/814dd0d6bfb8525b/plan.json")]
pub struct Args {
    #[command(flatten)]
    terms: Terms,
    /// The plan in force; the last one published when not given.
    #[arg(long, value_name = "PLAN_JSON")]
    plan: Option<PathBuf>,
    /// The first period that may change, as the plan's calendar writes it; the first after the facts, or of the plan if
    /// that is later, when not given.
    #[arg(long, value_name = "PERIOD")]
    from: Option<String>,
    /// Keep so many periods, from the first one on, as they were promised; the scenario's replan.frozen_periods when not
    /// given.
    #[arg(long, value_name = "PERIODS")]
    frozen: Option<usize>,
}

/// The result, for programs. Money in whole minor units of `currency`.
#[derive(Serialize)]
struct Answer {
    /// Always false: a proposal.
    approved: bool,
    proposal: PlanId,
    in_force: PlanId,
    currency: Currency,
    from: String,
    last: String,
    frozen: usize,
    /// What one change costs, in major units.
    change_cost: f64,
    /// What the proposal is worth, its changes paid, and no plan more than.
    value: i64,
    bound: i64,
    gap: f64,
    /// What the promises are worth now, if all were kept.
    promised_value: i64,
    offers: usize,
    /// What was on offer since the plan began, beside what it expected.
    pace: Vec<PaceAnswer>,
    changes: Vec<ChangeAnswer>,
    orders: usize,
    folder: PathBuf,
}

#[derive(Serialize)]
struct ChangeAnswer {
    change: &'static str,
    sku: String,
    place: String,
    period: String,
    depth_before: Option<f64>,
    depth_after: Option<f64>,
    value: i64,
}

#[derive(Serialize)]
struct PaceAnswer {
    sku: String,
    place: String,
    /// Depth of its last offer.
    depth: f64,
    sold: f64,
    expected: f64,
    lo95: f64,
    hi95: f64,
    course: Course,
    reason: String,
}

/// What is left of a run without a proposal, for programs.
#[derive(Serialize)]
struct Infeasible {
    status: &'static str,
    reasons: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let mut scenario = args.terms.scenario()?;
    scenario.replan.frozen_periods = args.frozen.unwrap_or(scenario.replan.frozen_periods);
    let path = match &args.plan {
        Some(path) => path.clone(),
        None => last_published(&args.terms.folder)?,
    };
    let in_force: Plan = read_json(&path)?;
    ensure!(
        in_force.currency == scenario.currency,
        "{} is in {}, the scenario in {}: plan in one currency",
        path.display(),
        in_force.currency.code(),
        scenario.currency.code()
    );
    let ground = match args.terms.ground(scenario, console)? {
        Ok(ground) => ground,
        Err(reason) => bail!("nothing can be planned: {reason}"),
    };
    let rest = rest(args.from.as_deref(), &in_force, &ground)?;
    let projection: Option<Projection> = beside(&path, "projection.json")?;
    let planned: Option<Forecast> = beside(&path, "forecast.json")?;
    let then = fitted_then(&args.terms.folder, &path)?;
    let fitted = then.as_ref().unwrap_or(&ground.fitted);
    let pace = planned.map(|planned| running(&ground.facts, fitted, &in_force, &planned)).unwrap_or_default();
    let season = Season {
        facts: &ground.facts,
        fitted: &ground.fitted,
        baseline: &ground.baseline,
        overrides: &ground.overrides,
        known: ground.overrides.is_empty().then_some(Known { offers: &[], forecast: &ground.baseline }),
        scenario: &ground.scenario,
        in_force: &in_force,
        projection: projection.as_ref(),
        pace: &pace,
        rest,
    };
    let flag = watch_for_interrupt(console);
    let spinner = console.spinner("plan the rest");
    let revised = season.revise(&args.terms.search()?, &|| flag.load(Ordering::Relaxed))?;
    spinner.finish_and_clear();
    let revision = match revised {
        Ok(revision) => revision,
        Err(reasons) => {
            let none = Infeasible { status: "infeasible", reasons };
            console.result(&none, infeasible_for_people)?;
            return Ok(Ending::Refused);
        }
    };
    let bar = console.progress("supply orders", 1);
    let demand = season.demand(&revision)?;
    let (plan, _) =
        season.with_supply(name(args, &ground, &in_force, rest), &revision, &demand, SEED, &|done, all| {
            bar.set_length(all as u64);
            bar.set_position(bar.position().max(done as u64));
        })?;
    bar.finish_and_clear();
    let plan = Plan { snapshot: ground.snapshot.clone(), as_of: ground.as_of, ..plan };
    let folder = args.terms.folder.join("proposals").join(plan.id.as_str());
    let answer = answer(&plan, &revision, &season, &ground, folder);
    leave(&answer, &plan)?;
    console.result(&answer, for_people)?;
    Ok(Ending::Done)
}

/// Reads what was kept beside a plan, if it is there.
pub(super) fn beside<T: DeserializeOwned>(plan: &Path, name: &str) -> anyhow::Result<Option<T>> {
    let path = plan.with_file_name(name);
    Ok(path.is_file().then(|| read_json(&path)).transpose()?)
}

/// The model that a plan was made with, where the project still has it: how far its forecast may err is judged by what was
/// known then, before the sales that it is compared with.
pub(super) fn fitted_then(folder: &Path, plan: &Path) -> anyhow::Result<Option<Fitted>> {
    let Some(draft) = beside::<Draft>(plan, "proposal.json")? else { return Ok(None) };
    let model = folder.join("models").join(format!("{}.json", draft.model.short()));
    Ok(model.is_file().then(|| read_json(&model)).transpose()?)
}

/// The periods that may change.
pub(super) fn rest(from: Option<&str>, in_force: &Plan, ground: &Ground) -> anyhow::Result<Span> {
    let (calendar, known) = (in_force.calendar, span_of(&ground.baseline));
    ensure!(
        calendar == ground.baseline.calendar,
        "the plan in force is by {calendar}, the facts by {}: plan in one calendar",
        ground.baseline.calendar
    );
    let date = |period: Period| calendar.format(period);
    let first = known.start.max(in_force.span.start);
    let end = in_force.span.end.min(known.end);
    let over = || {
        format!("nothing of plan {} is left to change: the facts end with {}", in_force.id, date(known.start.plus(-1)))
    };
    ensure!(first < end, over());
    let from = match from {
        Some(text) => calendar.parse(text).context("--from")?,
        None => first,
    };
    ensure!(
        first <= from && from < end,
        "--from {}: expected a period of plan {} after the facts, {} to {}",
        date(from),
        in_force.id,
        date(first),
        date(end.plus(-1))
    );
    Ok(Span { start: from, end })
}

/// A proposal is named by everything it was made from.
fn name(args: &Args, ground: &Ground, in_force: &Plan, rest: Span) -> PlanId {
    let search = (args.terms.gap, args.terms.time_limit);
    let made_from =
        (&in_force.id, &ground.snapshot, &ground.model, hash_json(&ground.baseline), hash_json(&ground.scenario));
    PlanId::new(hash_json(&(made_from, rest, search, CODE_VERSION)).short())
}

fn answer(plan: &Plan, revision: &Revision, season: &Season, ground: &Ground, folder: PathBuf) -> Answer {
    let (report, terms) = (&plan.report, ground.scenario.replan);
    Answer {
        approved: false,
        proposal: plan.id.clone(),
        in_force: season.in_force.id.clone(),
        currency: plan.currency,
        from: plan.calendar.format(plan.span.start),
        last: plan.calendar.format(plan.span.end.plus(-1)),
        frozen: terms.frozen_periods,
        change_cost: terms.change_cost,
        value: report.value,
        bound: report.bound,
        gap: report.gap,
        promised_value: revision.promised_value,
        offers: plan.offers.len(),
        pace: season.pace.iter().map(pace).collect(),
        changes: revision.changes.iter().map(|revised| change(revised, plan)).collect(),
        orders: plan.orders.len(),
        folder,
    }
}

fn pace(line: &Running) -> PaceAnswer {
    PaceAnswer {
        sku: line.sku.to_string(),
        place: line.place.to_string(),
        depth: line.depth.share(),
        sold: line.sold,
        expected: line.expected,
        lo95: line.lo95,
        hi95: line.hi95,
        course: line.course,
        reason: line.reason(),
    }
}

fn change(revised: &Revised, plan: &Plan) -> ChangeAnswer {
    let offer = &revised.offer;
    let (change, before, after) = match revised.change {
        Change::Added => ("added", None, Some(offer.depth)),
        Change::Dropped => ("dropped", Some(offer.depth), None),
        Change::NewDepth { before } => ("new_depth", Some(before), Some(offer.depth)),
    };
    ChangeAnswer {
        change,
        sku: offer.sku.to_string(),
        place: offer.place.to_string(),
        period: plan.calendar.format(offer.span.start),
        depth_before: before.map(|depth| depth.share()),
        depth_after: after.map(|depth| depth.share()),
        value: revised.value,
    }
}

/// Writes the proposal's tables.
fn leave(answer: &Answer, plan: &Plan) -> anyhow::Result<()> {
    let folder = &answer.folder;
    write_json(&folder.join("proposal.json"), answer)?;
    write_json(&folder.join("plan.json"), plan)?;
    write_csv(&folder.join("offers.csv"), &file_drop::offers(plan))?;
    write_csv(&folder.join("orders.csv"), &file_drop::orders(plan.calendar, &plan.orders))?;
    write_csv(&folder.join("transfers.csv"), &file_drop::transfers(plan.calendar, &plan.transfers))?;
    let text = |of: fn(&ChangeAnswer) -> &str| Column::Text(answer.changes.iter().map(|c| of(c).to_owned()).collect());
    let depth = |of: fn(&ChangeAnswer) -> Option<f64>| {
        Column::Number(answer.changes.iter().map(|change| of(change).unwrap_or(f64::NAN)).collect())
    };
    let changes = [
        ("change", text(|change| change.change)),
        ("unit_id", text(|change| &change.sku)),
        ("place_id", text(|change| &change.place)),
        ("period", text(|change| &change.period)),
        ("depth_before", depth(|change| change.depth_before)),
        ("depth_after", depth(|change| change.depth_after)),
        ("value", Column::Whole(answer.changes.iter().map(|change| change.value).collect())),
    ];
    write_csv(&folder.join("changes.csv"), &changes)?;
    let text = |of: fn(&PaceAnswer) -> &str| Column::Text(answer.pace.iter().map(|line| of(line).to_owned()).collect());
    let number = |of: fn(&PaceAnswer) -> f64| Column::Number(answer.pace.iter().map(of).collect());
    let pace = [
        ("unit_id", text(|line| &line.sku)),
        ("place_id", text(|line| &line.place)),
        ("depth", number(|line| line.depth)),
        ("sold", number(|line| line.sold)),
        ("expected", number(|line| line.expected)),
        ("lo95", number(|line| line.lo95)),
        ("hi95", number(|line| line.hi95)),
        ("reason", text(|line| &line.reason)),
    ];
    Ok(write_csv(&folder.join("pace.csv"), &pace)?)
}

fn infeasible_for_people(none: &Infeasible) -> String {
    let shown = none.reasons.len().min(REASONS_SHOWN);
    let more = match none.reasons.len() - shown {
        0 => String::new(),
        more => format!("\nand {more} more of the kind"),
    };
    format!("No plan keeps every rule and frozen promise:\n{}{more}", none.reasons[..shown].join("\n"))
}

/// The lines that are ahead or behind, the farthest first; nothing where nothing was on offer yet.
fn pace_for_people(pace: &[PaceAnswer]) -> String {
    let distance = |line: &PaceAnswer| (line.sold - line.expected).abs();
    let mut off: Vec<&PaceAnswer> = pace.iter().filter(|line| line.course != Course::OnPath).collect();
    off.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    let mut rows = table(&["item", "place", "sold", "expected", "so"]);
    for line in off.iter().take(LINES_SHOWN) {
        rows.add_row([
            line.sku.clone(),
            line.place.clone(),
            format!("{:.0}", line.sold),
            format!("{:.0} [{:.0}, {:.0}]", line.expected, line.lo95, line.hi95),
            line.reason.clone(),
        ]);
    }
    match (pace.len(), off.len()) {
        (0, _) => String::new(),
        (all, 0) => format!("All {all} items on offer since the plan began sell as it expected.\n"),
        (all, off) => {
            format!("{off} of {all} items on offer since the plan began sell otherwise than expected:\n{rows}\n")
        }
    }
}

fn for_people(answer: &Answer) -> String {
    let money = |minor: i64| Money::new(minor, answer.currency).to_string();
    let depth = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let mut rows = table(&["change", "item", "place", "period", "promised", "now", "worth"]);
    for change in &answer.changes {
        rows.add_row([
            change.change.replace('_', " "),
            change.sku.clone(),
            change.place.clone(),
            change.period.clone(),
            depth(change.depth_before),
            depth(change.depth_after),
            money(change.value),
        ]);
    }
    let changes = if answer.changes.is_empty() { "Every promise is kept.".to_owned() } else { rows.to_string() };
    let frozen = match answer.frozen {
        0 => String::new(),
        periods => format!(", the first {periods} frozen"),
    };
    format!(
        "{}Plan {} from {} to {}{frozen}; a change must earn {} {}.\n{changes}\n\
         worth {} with the changes paid, {} if all promises were kept, no plan more than {} (gap {:.4} %)\n\
         PROPOSAL {}: nobody has approved it.\nFiles:  {}",
        pace_for_people(&answer.pace),
        answer.in_force,
        answer.from,
        answer.last,
        answer.change_cost,
        answer.currency.code(),
        money(answer.value),
        money(answer.promised_value),
        money(answer.bound),
        answer.gap * 100.0,
        answer.proposal,
        answer.folder.display()
    )
}
