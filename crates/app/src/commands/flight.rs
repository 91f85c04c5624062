//! `endcap flight`: the plan in force beside what happens, and what is better changed now.

use super::replan::{SEED, beside, fitted_then, rest};
use crate::commands::ground::{Terms, last_published};
use crate::commands::plan::told;
use crate::commands::solve::watch_for_interrupt;
use crate::console::{Console, Ending, table};
use crate::objectives;
use crate::project::{CODE_VERSION, Run};
use anyhow::{bail, ensure};
use endcap_adapters::tables::{Column, read_json, write_csv, write_json};
use endcap_adapters::{conditions, file_drop};
use endcap_agent::flight::{
    Amendment, Before, Effect, Exchange, InFlight, Kind, Narrowed, Normal, OfKind, Reading, Standing, Tweak,
};
use endcap_agent::ground::Ground;
use endcap_agent::pace::Course;
use endcap_model::{Forecast, Money, Plan, PlanId, Projection};
use endcap_plan::solve::Settings;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Where the newest reading lies in a project.
pub const LATEST: &str = "flight/latest.json";
/// Lines shown to people; programs get all.
const SHOWN: usize = 15;

/// Set the plan in force beside what was sold and what is in stock, and propose what is better changed now.
///
/// What sold otherwise than expected changes what is believed of demand and lift, pooled by category. The rest of the plan is
/// then planned anew, and each change is played on simulated shelves before it is proposed: soften, deepen, narrow, extend, end
/// early, swap, move stock, expedite, shift budget. A change must earn more than the scenario's `replan.change_cost`.
///
/// The result is a proposal under PROJECT/proposals. With --adopt it is tried in simulated worlds and judged by policy as every
/// plan is: what may takes over from the plan in force, what needs people asks them. Nothing is sent: `endcap deploy` and `endcap
/// send` do that.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap flight shop
  endcap flight shop --json | jq '.tweaks[] | {kind, subject, place, effect}'
  endcap flight shop --adopt && endcap deploy shop

Exit status: 0 done, 1 no plan keeps every rule, or policy refuses it (the reasons are printed), 2 bad input.")]
pub struct Args {
    #[command(flatten)]
    terms: Terms,
    /// The plan in force; the last one published when not given.
    #[arg(long, value_name = "PLAN_JSON", conflicts_with = "adopt")]
    plan: Option<PathBuf>,
    /// Put the proposal before the simulated worlds and policy: it takes over where they and people allow it.
    #[arg(long)]
    adopt: bool,
    /// Account of the person who proposes it; where people have to sign it, that person cannot.
    #[arg(long, value_name = "NAME", requires = "adopt")]
    by: Option<String>,
}

/// The answer, for programs.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    reading: Reading,
    folder: PathBuf,
    /// What became of it, where it was to take over.
    #[serde(skip_serializing_if = "Option::is_none")]
    adopted: Option<Adopted>,
}

/// What became of a proposal that was to take over, for programs.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = FlightAdoption)]
pub struct Adopted {
    /// `published`, `needs a person`, `withheld in shadow`, `halted`, `refused`; `kept` where the plan in force stays as it is.
    pub status: &'static str,
    /// Why.
    pub reasons: Vec<String>,
    /// Where people have to sign: the request that they answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let folder = &args.terms.folder;
    let path = match &args.plan {
        Some(path) => path.clone(),
        None => last_published(folder)?,
    };
    let ground = match args.terms.ground(args.terms.scenario()?, console)? {
        Ok(ground) => ground,
        Err(reason) => bail!("nothing can be planned: {reason}"),
    };
    let flag = watch_for_interrupt(console);
    let spinner = console.spinner("look, and plan the rest");
    let looked = look(folder, &path, &ground, &args.terms.search()?, &|| flag.load(Ordering::Relaxed))?;
    spinner.finish_and_clear();
    let (mut answer, amendment) = match looked {
        Ok(looked) => looked,
        Err(reasons) => {
            console.result(&serde_json::json!({ "status": "infeasible", "reasons": reasons }), |_| {
                format!("No plan keeps every rule and frozen promise:\n{}", reasons.join("\n"))
            })?;
            return Ok(Ending::Refused);
        }
    };
    if args.adopt {
        answer.adopted =
            Some(put_before_policy(&args.terms, (&answer.reading, &amendment), args.by.as_deref(), false, console)?);
    }
    console.result(&answer, for_people)?;
    let refused = answer.adopted.is_some_and(|adopted| matches!(adopted.status, "refused" | "halted"));
    Ok(if refused { Ending::Refused } else { Ending::Done })
}

/// Lets a proposal take over where simulated worlds, policy and people allow it.
fn put_before_policy(
    terms: &Terms,
    (reading, amendment): (&Reading, &Amendment),
    by: Option<&str>,
    shadow: bool,
    console: &Console,
) -> anyhow::Result<Adopted> {
    let folder = &terms.folder;
    let held =
        |kept: &str, id: &PlanId| std::fs::read(folder.join(kept).join(id.as_str()).join(conditions::FILE_NAME)).ok();
    let holds_the_same = || {
        let held_now = held("plans", &reading.in_force);
        held_now.is_some() && held_now == held("proposals", &reading.proposal)
    };
    let only_held_back = reading.tweaks.iter().all(|one| one.kind == Kind::Narrow);
    if !amendment.is_due && (reading.tweaks.is_empty() || only_held_back && holds_the_same()) {
        let reasons = vec!["no period of it is over, and no change earns more than it costs".to_owned()];
        return Ok(Adopted { status: "kept", reasons, request: None });
    }
    let scenario = terms.scenario.clone().unwrap_or_else(|| folder.join("scenario.toml"));
    let run = Run {
        folder,
        scenario: &scenario,
        policy: &folder.join("policy.toml"),
        seed: SEED,
        solve: terms.search()?,
        by,
        shadow,
    };
    // What holds offers back at single stores is deployed with the plan.
    let plan = folder.join("plans").join(amendment.plan.id.as_str());
    write_csv(&plan.join(conditions::FILE_NAME), &held_back(&reading.narrowed))?;
    let finished = run.adopt(amendment, console)?;
    let (status, reasons) = told(finished.ended);
    Ok(Adopted { status, reasons, request: finished.request.map(|kept| kept.id) })
}

/// Looks at the plan that was published last and leaves the reading; the inner error is the set of rules that clash.
pub fn looked(folder: &Path, ground: &Ground) -> anyhow::Result<Result<Reading, Vec<String>>> {
    let looked = look(folder, &last_published(folder)?, ground, &Settings::default(), &|| false)?;
    Ok(looked.map(|(answer, _)| answer.reading))
}

/// The same, and what is proposed is put before policy, as somebody asked for it.
pub fn adopted(folder: &Path, ground: &Ground, by: &str) -> anyhow::Result<Result<Adopted, Vec<String>>> {
    let looked = look(folder, &last_published(folder)?, ground, &Settings::default(), &|| false)?;
    let before_policy = |(answer, amendment): (Answer, Amendment)| {
        let terms = Terms::of(folder.to_owned());
        put_before_policy(&terms, (&answer.reading, &amendment), Some(by), false, &Console::new(true))
    };
    match looked {
        Ok(looked) => before_policy(looked).map(Ok),
        Err(reasons) => Ok(Err(reasons)),
    }
}

/// The same beside the newest facts, which are read first. What is proposed takes over where it is to and may.
pub fn flown(folder: &Path, adopt: Adopt, console: &Console) -> anyhow::Result<(Reading, Option<Adopted>)> {
    let terms = Terms::of(folder.to_owned());
    let ground = match terms.ground(terms.scenario()?, console)? {
        Ok(ground) => ground,
        Err(reason) => bail!("nothing can be planned: {reason}"),
    };
    let (answer, amendment) = match look(folder, &last_published(folder)?, &ground, &Settings::default(), &|| false)? {
        Ok(looked) => looked,
        Err(reasons) => bail!("no plan keeps every rule and frozen promise: {}", reasons.join("; ")),
    };
    let proposed = (&answer.reading, &amendment);
    let adopted = match adopt {
        Adopt::No => None,
        Adopt::Yes { shadow } => Some(put_before_policy(&terms, proposed, None, shadow, console)?),
    };
    Ok((answer.reading, adopted))
}

/// Whether what is proposed is to take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopt {
    /// It stays a proposal.
    No,
    /// Where it may; in shadow it is judged, and stays in the house.
    Yes {
        /// Whether the loop runs in shadow.
        shadow: bool,
    },
}

fn look(
    folder: &Path,
    path: &Path,
    ground: &Ground,
    settings: &Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> anyhow::Result<Result<(Answer, Amendment), Vec<String>>> {
    let in_force: Plan = read_json(path)?;
    ensure!(
        in_force.currency == ground.scenario.currency,
        "{} is in {}, the scenario in {}: plan in one currency",
        path.display(),
        in_force.currency.code(),
        ground.scenario.currency.code()
    );
    let (projection, planned): (Option<Projection>, Option<Forecast>) =
        (beside(path, "projection.json")?, beside(path, "forecast.json")?);
    let then = fitted_then(folder, path)?;
    let before: Option<Before> = beside(path, "before.json")?;
    let objectives = objectives::in_force(folder)?.map(|objectives| objectives.hash());
    let in_flight = InFlight {
        ground,
        plan: &in_force,
        planned: planned.as_ref(),
        before: before.as_ref(),
        objectives: objectives.as_ref(),
        projection: projection.as_ref(),
        then: then.as_ref(),
        rest: rest(None, &in_force, ground)?,
        seed: SEED,
    };
    let (reading, amendment) = match in_flight.look(settings, CODE_VERSION, interrupt)? {
        Ok(found) => found,
        Err(conflict) => return Ok(Err(conflict)),
    };
    let plan = &amendment.plan;
    let answer = Answer { folder: folder.join("proposals").join(plan.id.as_str()), reading, adopted: None };
    leave(&answer, plan, &folder.join(LATEST))?;
    Ok(Ok((answer, amendment)))
}

/// Writes the proposal's tables, and the reading as the newest.
fn leave(answer: &Answer, plan: &Plan, latest: &Path) -> anyhow::Result<()> {
    let (folder, reading) = (&answer.folder, &answer.reading);
    write_json(&folder.join("flight.json"), reading)?;
    write_json(&folder.join("plan.json"), plan)?;
    write_csv(&folder.join("offers.csv"), &file_drop::offers(plan))?;
    write_csv(&folder.join("orders.csv"), &file_drop::orders(plan.calendar, &plan.orders))?;
    write_csv(&folder.join("transfers.csv"), &file_drop::transfers(plan.calendar, &plan.transfers))?;
    let all = &reading.tweaks;
    let text = |of: fn(&Tweak) -> String| Column::Text(all.iter().map(of).collect());
    let depth =
        |of: fn(&Tweak) -> Option<f64>| Column::Number(all.iter().map(|one| of(one).unwrap_or(f64::NAN)).collect());
    let effect =
        |of: fn(Effect) -> f64| Column::Number(all.iter().map(|one| one.effect.map_or(f64::NAN, of)).collect());
    let rows = [
        ("tweak", text(|one| name(&one.kind))),
        ("unit_id", text(|one| one.subject.clone())),
        ("place_id", text(|one| one.place.clone())),
        ("period", text(|one| one.period.clone())),
        ("depth_before", depth(|one| one.depth_before)),
        ("depth_after", depth(|one| one.depth_after)),
        ("effect", effect(|effect| effect.mean)),
        ("effect_q05", effect(|effect| effect.low)),
        ("effect_q95", effect(|effect| effect.high)),
        ("lost_before", effect(|effect| effect.lost[0])),
        ("lost_after", effect(|effect| effect.lost[1])),
        ("reason", text(|one| one.because.clone())),
    ];
    write_csv(&folder.join("tweaks.csv"), &rows)?;
    write_csv(&folder.join(conditions::FILE_NAME), &held_back(&reading.narrowed))?;
    let talk = &reading.talk;
    let text = |of: &dyn Fn(&Exchange) -> String| Column::Text(talk.iter().map(of).collect());
    let number = |of: &dyn Fn(&Exchange) -> f64| Column::Number(talk.iter().map(of).collect());
    let exchanges = [
        ("signal", text(&|one| name(&one.wrong))),
        ("unit_id", text(&|one| one.sku.to_string())),
        ("place", text(&|one| one.place.to_string())),
        ("pieces", number(&|one| one.pieces)),
        ("cost", number(&|one| one.value)),
        ("answers", text(&answers)),
        ("depth", number(&|one| one.answers.iter().find_map(|answer| answer.depth).unwrap_or(f64::NAN))),
        ("effect", number(&|one| one.answers.iter().find_map(|answer| answer.effect).map_or(f64::NAN, |e| e.mean))),
        ("rule", text(&|one| name(&one.rule))),
    ];
    write_csv(&folder.join("talk.csv"), &exchanges)?;
    Ok(write_json(latest, reading)?)
}

/// Conditions that hold an offer back at single stores until the shelf has what it needs.
fn held_back(narrowed: &[Narrowed]) -> [(&'static str, Column); 5] {
    let cells = |of: fn(&Narrowed) -> String| Column::Text(narrowed.iter().map(of).collect());
    [
        ("unit_id", cells(|one| one.sku.to_string())),
        ("place", cells(|one| one.place.to_string())),
        ("what", cells(|_| "stock".to_owned())),
        ("is", cells(|_| "at_least".to_owned())),
        ("value", Column::Whole(narrowed.iter().map(|one| one.wanted.ceil() as i64).collect())),
    ]
}

/// What was answered to a signal, in words.
fn answers(one: &Exchange) -> String {
    let said: Vec<String> = one.answers.iter().map(|answer| format!("{} {}", name(&answer.by), answer.says)).collect();
    if said.is_empty() { "nobody can help".to_owned() } else { said.join("; ") }
}

/// The name of a value of a list, as in files.
fn name(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn for_people(answer: &Answer) -> String {
    let reading = &answer.reading;
    let money = |minor: f64| Money::new(minor.round() as i64, reading.currency).to_string();
    let mut text = format!(
        "Plan {} from {} on; {} of its periods are over.\n",
        reading.in_force, reading.from, reading.periods_seen
    );
    let moved = |of: &&OfKind| (of.lift.mean - 1.0).abs() > of.lift.sd || (of.level.mean - 1.0).abs() > of.level.sd;
    for of in reading.believed.iter().filter(moved).take(SHOWN) {
        let factor = |one: Normal| format!("{:.2} ± {:.2}", one.mean, 1.96 * one.sd);
        text += &format!(
            "{}: demand at {} of its forecast, lift at {} of its estimate\n",
            of.kind,
            factor(of.level),
            factor(of.lift)
        );
    }
    if !reading.running.is_empty() {
        let mut rows = table(&["item", "place", "off", "sold", "expected", "wanted", "there", "stores short"]);
        let off = |one: &&Standing| one.short > 0 || one.path.is_some_and(|path| path.course != Course::OnPath);
        let shown: Vec<_> = reading.running.iter().filter(off).take(SHOWN).collect();
        for one in &shown {
            let sold = one.path.map_or("-".to_owned(), |path| format!("{:.0}", path.sold));
            let expected = one
                .path
                .map_or("-".to_owned(), |path| format!("{:.0} [{:.0}, {:.0}]", path.expected, path.lo95, path.hi95));
            rows.add_row([
                one.sku.to_string(),
                one.place.to_string(),
                format!("{:.0} %", 100.0 * one.depth),
                sold,
                expected,
                format!("{:.0}", one.wanted),
                format!("{:.0}", one.available),
                format!("{} of {}", one.short, one.stores),
            ]);
        }
        let (all, off) = (reading.running.len(), shown.len());
        text += &format!("{all} offers run from {}; {off} are off their path or short:\n", reading.from);
        text += &if shown.is_empty() { String::new() } else { format!("{rows}\n") };
    }
    let mut rows = table(&["change", "item", "place", "period", "off", "now", "earns (5 % to 95 %)", "because"]);
    for tweak in reading.tweaks.iter().take(SHOWN) {
        let depth = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        let earns = match (tweak.effect, tweak.value) {
            (Some(Effect { mean, low, high, .. }), _) => format!("{} ({} to {})", money(mean), money(low), money(high)),
            (None, Some(value)) => format!("{} by the plan", money(value as f64)),
            (None, None) => "-".to_owned(),
        };
        rows.add_row([
            name(&tweak.kind).replace('_', " "),
            tweak.subject.clone(),
            tweak.place.clone(),
            tweak.period.clone(),
            depth(tweak.depth_before),
            depth(tweak.depth_after),
            earns,
            tweak.because.clone(),
        ]);
    }
    text += &match reading.tweaks.len() {
        0 => "Every promise is kept.\n".to_owned(),
        all => format!("{all} changes are proposed:\n{rows}\n"),
    };
    text += &talk_for_people(reading);
    let became = match &answer.adopted {
        None => "nobody has approved it".to_owned(),
        Some(Adopted { status, reasons, .. }) => [&[(*status).to_owned()], &reasons[..]].concat().join(": "),
    };
    text + &format!(
        "worth {} with the changes paid, {} if all promises were kept\nPROPOSAL {}: {became}.\nFiles:  {}",
        money(reading.value as f64),
        money(reading.promised_value as f64),
        reading.proposal,
        answer.folder.display()
    )
}

/// What inventory signalled, and who answered.
fn talk_for_people(reading: &Reading) -> String {
    if reading.talk.is_empty() {
        return String::new();
    }
    let mut rows = table(&["stock is", "item", "place", "pieces", "cost", "answers", "rule"]);
    for one in reading.talk.iter().take(SHOWN) {
        rows.add_row([
            name(&one.wrong),
            one.sku.to_string(),
            one.place.to_string(),
            format!("{:.0}", one.pieces),
            Money::new(one.value.round() as i64, reading.currency).to_string(),
            answers(one),
            name(&one.rule).replace('_', " "),
        ]);
    }
    format!("{} signals of stock:\n{rows}\n", reading.talk.len())
}
