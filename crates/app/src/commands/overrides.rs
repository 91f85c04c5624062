//! `endcap override`: what planners know of coming demand, beside what the model says, and how that went.

use super::fit::Source;
use crate::console::{Console, Ending, table};
use crate::judgement;
use crate::project::CODE_VERSION;
use anyhow::{Context, bail};
use endcap_adapters::tables::{read_json, read_toml};
use endcap_demand::overrides::{
    Change, DirectionScore, Entry, Log, Overridden, Override, OverrideRefusal, OverrideScore, Proposed, Scored, State,
    score,
};
use endcap_demand::{FitSettings, Fitted};
use endcap_model::{Calendar, LiftModel, Period, Policy, Span};
use jiff::civil::Date;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Change coming forecasts where you know more than the model, list and withdraw changes, and score them afterwards.
///
/// The forecast of the model is never lost: it stands beside the changed one in every forecast, and `score` compares both
/// with what was sold.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap override add shop --item 38 --from 2024-W30 --periods 2 --factor 1.4 --reason \"fair next door\" --author Ada\n  endcap override list shop\n  endcap override approve shop 1 --by Grace\n  endcap override withdraw shop 1 --by Ada --reason \"fair called off\"\n  endcap override score shop --json\n\nKeeps overrides/overrides.jsonl, which is only appended to."
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Change the forecast of an item in some periods, by a factor or to so many units.
    #[command(
        after_help = "Examples:\n  endcap override add shop --item 38 --from 2024-W30 --periods 2 --factor 1.4 --reason \"fair next door\" --author Ada\n  endcap override add shop --item 38 --place store-7 --from 2024-W30 --units 60 --reason \"club order\" --author Ada\n\nUnits are those of all places and periods together, without the offers of a plan: offers lift them."
    )]
    Add(Add),
    /// Approve an override of somebody else. Where policy.toml asks for it (overrides_need_approval), none is used before.
    #[command(after_help = "Example:\n  endcap override approve shop 1 --by Grace")]
    Approve(Approve),
    /// List every override and what became of it.
    #[command(after_help = "Example:\n  endcap override list shop --json")]
    List(Place),
    /// Take an override back before its day.
    #[command(after_help = "Example:\n  endcap override withdraw shop 1 --by Ada --reason \"fair called off\"")]
    Withdraw(Withdraw),
    /// Compare overrides and model with what was sold.
    #[command(
        after_help = "Examples:\n  endcap override score shop\n  endcap override score --panel sales.parquet --overrides overrides/overrides.jsonl --json"
    )]
    Score(Score),
}

/// Where the log and the model are.
#[derive(clap::Args)]
struct Place {
    /// Folder that holds models/model.json and overrides/.
    folder: PathBuf,
    /// Model that `endcap fit` wrote; FOLDER/models/model.json when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Day that counts as today, such as 2024-06-01. When not given, what is done is dated by the clock (UTC), and overrides
    /// are listed as forecasts use them: on the first day after the model's history.
    #[arg(long, value_name = "DATE")]
    today: Option<Date>,
}

#[derive(clap::Args)]
struct Add {
    #[command(flatten)]
    place: Place,
    /// Item whose forecast is changed.
    #[arg(long)]
    item: String,
    /// Only at this place; at all places together when not given.
    #[arg(long = "place", value_name = "PLACE")]
    at: Option<String>,
    /// First period that is changed: a date, an ISO week or a number, as the history has them.
    #[arg(long, value_name = "PERIOD")]
    from: String,
    /// Number of periods that are changed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    periods: u16,
    /// Multiple of what the model says, 0 or more.
    #[arg(long, conflicts_with = "units", required_unless_present = "units", allow_negative_numbers = true)]
    factor: Option<f64>,
    /// Units over all changed cells together, spread as the model spreads them; 0 or more.
    #[arg(long, allow_negative_numbers = true)]
    units: Option<f64>,
    /// What you know that the model does not.
    #[arg(long)]
    reason: String,
    /// Your name.
    #[arg(long)]
    author: String,
    /// First day on which the override is no longer used; the day after its last period when not given. Needed where periods
    /// are numbers.
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// Who else has approved it already.
    #[arg(long, value_name = "NAME")]
    approved_by: Option<String>,
}

#[derive(clap::Args)]
struct Approve {
    #[command(flatten)]
    place: Place,
    /// Number of the override.
    id: u32,
    /// Your name; not that of its author.
    #[arg(long)]
    by: String,
}

#[derive(clap::Args)]
struct Withdraw {
    #[command(flatten)]
    place: Place,
    /// Number of the override.
    id: u32,
    /// Your name.
    #[arg(long)]
    by: String,
    /// Why it is taken back.
    #[arg(long)]
    reason: String,
}

#[derive(clap::Args)]
struct Score {
    #[command(flatten)]
    source: Source,
    /// Log of overrides; FOLDER/overrides/overrides.jsonl of a project when not given.
    #[arg(long, value_name = "FILE", required_unless_present = "folder")]
    overrides: Option<PathBuf>,
    /// Seed that is kept with the models.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The result for programs.
#[derive(Serialize)]
struct Summary {
    today: Date,
    overrides: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    planned: Override,
    first_period: String,
    last_period: String,
    #[serde(flatten)]
    state: State,
    approved_by: Option<String>,
}

/// A refusal for programs.
#[derive(Serialize)]
struct Refused<'a> {
    #[serde(flatten)]
    refusal: &'a OverrideRefusal,
    reason: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.command {
        Command::Add(args) => add(args, console),
        Command::List(place) => place.open()?.show(console),
        Command::Approve(args) => {
            args.place.open()?.change(console, |log, today| Ok(vec![log.approve(args.id, &args.by, today)?.clone()]))
        }
        Command::Withdraw(args) => args
            .place
            .open()?
            .change(console, |log, today| Ok(vec![log.withdraw(args.id, &args.by, &args.reason, today)?.clone()])),
        Command::Score(args) => scores(args, console),
    }
}

fn add(args: &Add, console: &Console) -> anyhow::Result<Ending> {
    let open = args.place.open()?;
    let calendar = open.lift.calendar;
    let start = calendar.parse(&args.from).context("--from")?;
    let span = Span::of_length(start, args.periods.into());
    let change = match (args.factor, args.units) {
        (Some(factor), _) => Change::Factor(factor),
        (None, Some(units)) => Change::Units(units),
        (None, None) => bail!("nothing to change to: give --factor or --units"),
    };
    let Some(expires) = args.until.or_else(|| calendar.start_date(span.end).map(|day| day.max(after(open.today))))
    else {
        bail!("--until is needed: periods of this history are numbers, so that no day follows from them");
    };
    let proposed = Proposed {
        sku: args.item.as_str().into(),
        place: args.at.as_deref().map(Into::into),
        span,
        change,
        reason: args.reason.trim().to_owned(),
        author: args.author.trim().to_owned(),
        made: open.today,
        expires,
        needs_approval: needs_approval(&args.place.folder)?,
    };
    let lift = open.lift.clone();
    open.change(console, |log, today| {
        let added = log.add(proposed, &lift)?.clone();
        let id = log.overrides().last().map_or(0, |planned| planned.id);
        let approved = args.approved_by.as_ref().map(|by| log.approve(id, by, today).cloned()).transpose()?;
        Ok(std::iter::once(added).chain(approved).collect())
    })
}

/// Whether the policy of a folder, if it has one, asks for the approval of overrides.
fn needs_approval(folder: &Path) -> anyhow::Result<bool> {
    let path = folder.join("policy.toml");
    Ok(path.is_file() && read_toml::<Policy>(&path)?.overrides_need_approval)
}

fn after(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

/// A log that was read, with the model of now.
struct Open {
    path: PathBuf,
    log: Log,
    lift: LiftModel,
    /// Day of what people do.
    today: Date,
    /// Day on which overrides are judged: that of the history.
    judged: Date,
}

impl Place {
    fn open(&self) -> anyhow::Result<Open> {
        let model = self.model.clone().unwrap_or_else(|| self.folder.join("models").join("model.json"));
        let fitted: Fitted = read_json(&model).context("the model is needed: run `endcap fit` first")?;
        let path = judgement::overrides_of(&self.folder);
        let log = judgement::read_overrides(&path)?;
        let today = self.today.unwrap_or_else(judgement::today);
        let judged = judgement::day_of(&fitted.lift, self.today).unwrap_or(today);
        Ok(Open { path, log, lift: fitted.lift, today, judged })
    }
}

impl Open {
    /// Makes a change, keeps its lines together, and shows what follows.
    fn change(
        mut self,
        console: &Console,
        make: impl FnOnce(&mut Log, Date) -> Result<Vec<Entry>, OverrideRefusal>,
    ) -> anyhow::Result<Ending> {
        match make(&mut self.log, self.today) {
            Ok(entries) => {
                let lines: Vec<String> = entries.iter().map(Entry::line).collect();
                judgement::append(&self.path, &lines.join("\n"))?;
                self.show(console)
            }
            Err(refusal) => {
                let refused = Refused { refusal: &refusal, reason: refusal.to_string() };
                console.result(&refused, |_| "Nothing was changed.".to_owned())?;
                console.note(format!("refused: {refusal}"));
                Ok(Ending::Refused)
            }
        }
    }

    fn show(&self, console: &Console) -> anyhow::Result<Ending> {
        let listed = |planned: &Override| Listed {
            planned: planned.clone(),
            first_period: period(planned.calendar, planned.span.start),
            last_period: period(planned.calendar, planned.span.end.plus(-1)),
            state: self.log.state(planned, self.judged),
            approved_by: self.log.approver(planned.id).map(str::to_owned),
        };
        let summary = Summary { today: self.judged, overrides: self.log.overrides().map(listed).collect() };
        console.result(&summary, for_people)?;
        Ok(Ending::Done)
    }
}

fn period(calendar: Calendar, period: Period) -> String {
    calendar.format(period)
}

fn for_people(summary: &Summary) -> String {
    if summary.overrides.is_empty() {
        return "No forecast was overridden: all are the model's.".to_owned();
    }
    let mut rows =
        table(&["Override", "Item", "Place", "Periods", "Change", "Until", "By", "Approved by", "State", "Reason"]);
    for Listed { planned, first_period, last_period, state, approved_by } in &summary.overrides {
        rows.add_row([
            planned.id.to_string(),
            planned.sku.to_string(),
            planned.place.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
            if first_period == last_period { first_period.clone() } else { format!("{first_period} to {last_period}") },
            change(planned.change),
            planned.expires.to_string(),
            planned.author.clone(),
            approved_by.clone().unwrap_or_default(),
            state.to_string(),
            planned.reason.clone(),
        ]);
    }
    let in_force = summary.overrides.iter().filter(|listed| listed.state == State::InForce).count();
    let proposed = summary.overrides.iter().filter(|listed| listed.state == State::Proposed).count();
    let waiting = match proposed {
        0 => String::new(),
        some => format!(" {some} not used before somebody else approves: `endcap override approve`."),
    };
    format!("{rows}\n{in_force} in force on {}.{waiting}", summary.today)
}

fn change(change: Change) -> String {
    match change {
        Change::Factor(factor) => format!("x {factor}"),
        Change::Units(units) => format!("{units} units"),
    }
}

/// Says what an override did to a forecast.
pub fn in_a_line(told: &Overridden) -> String {
    let Overridden { change: planned, model_units, planner_units, warning, .. } = told;
    let warning = warning.as_ref().map_or_else(String::new, |warning| format!(" {warning}"));
    format!(
        "Override {} of {} by {} ({}): {planner_units:.1} units where the model says {model_units:.1}, in {} cells.{warning}",
        planned.id, planned.sku, planned.author, planned.reason, told.cells
    )
}

fn scores(args: &Score, console: &Console) -> anyhow::Result<Ending> {
    let path = match (&args.overrides, &args.source.folder) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => judgement::overrides_of(folder),
        (None, None) => bail!("no overrides: give a project's folder, or --panel with --overrides"),
    };
    if !path.exists() {
        bail!("{} is not there: `endcap override add` begins it", path.display());
    }
    let log = judgement::read_overrides(&path)?;
    let history = args.source.read()?;
    let settings = FitSettings { code_version: CODE_VERSION.to_owned(), seed: args.seed, ..FitSettings::default() };
    let bar = console.progress("Forecasts of then", 1);
    let scored = score(&log, &history.panel, &settings, &|done, all| {
        bar.set_length(all as u64);
        bar.set_position(bar.position().max(done as u64));
    });
    bar.finish_and_clear();
    console.result(&scored?, scores_for_people)?;
    Ok(Ending::Done)
}

fn scores_for_people(scored: &Scored) -> String {
    let mut rows =
        table(&["Override", "Item", "By", "Sold", "Model", "Planner", "Model's error", "Planner's error", "Nearer"]);
    for score in &scored.scores {
        rows.add_row([
            score.change.id.to_string(),
            score.change.sku.to_string(),
            score.change.author.clone(),
            format!("{:.0}", score.sold),
            format!("{:.1}", score.model_units),
            format!("{:.1}", score.planner_units),
            format!("{:.1}", score.model_error),
            format!("{:.1}", score.planner_error),
            nearer(score),
        ]);
    }
    let mut text =
        if scored.scores.is_empty() { "No override can be scored yet.".to_owned() } else { rows.to_string() };
    for (word, of) in [("raised", &scored.raised), ("lowered", &scored.lowered)] {
        if of.overrides > 0 {
            text.push_str(&format!("\n{}", direction(word, of)));
        }
    }
    if !scored.waiting.is_empty() {
        let ids: Vec<String> = scored.waiting.iter().map(|planned| planned.id.to_string()).collect();
        text.push_str(&format!("\nNot scored yet, for their sales are not all known: {}.", ids.join(", ")));
    }
    text
}

fn nearer(score: &OverrideScore) -> String {
    match score.beat_the_model {
        Some(true) => "planner".to_owned(),
        Some(false) => "model".to_owned(),
        None if score.cells == 0 => "out of stock".to_owned(),
        None => "neither".to_owned(),
    }
}

fn direction(word: &str, of: &DirectionScore) -> String {
    let added = of.value_added.map_or_else(String::new, |added| {
        let right = if added > 0.0 { "planners were right" } else { "the model was right" };
        format!(" Forecast value added {:+.1} % of units sold: {right}.", 100.0 * added)
    });
    format!(
        "{} overrides {word} the forecast, {} of them for the better: errors of {:.1} units in place of the model's {:.1}.{added}",
        of.overrides, of.beat_the_model, of.planner_error, of.model_error
    )
}
