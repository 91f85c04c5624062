//! `endcap objectives`: what is to be reached, and the catalogue of figures that it is told in.

use crate::approvals;
use crate::commands::audit::random;
use crate::commands::ground::Terms;
use crate::commands::serve::runtime;
use crate::console::{Console, Ending, table};
use crate::objectives::{self, FILE_NAME};
use anyhow::Context;
use endcap_adapters::ledger::{self, Ledger};
use endcap_adapters::tables;
use endcap_agent::readings::readings;
use endcap_govern::objectives::{CATALOGUE, Missed, Objectives, Progress};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Show and check what is to be reached: objectives.toml, with each target's figure, unit, days, goal, band and owner.
///
/// Figures are those of the catalogue, which has one definition for each.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap objectives kpis
  endcap objectives show shop
  endcap objectives check shop
  endcap objectives check shop --readings today.json --on 2025-04-01
  endcap objectives ask shop --as Ada           the people of the policy's chain sign this version, as they sign plans
  endcap objectives progress shop               what the facts tell of each target

No plan goes live before the version that it serves was signed; a change makes another version.

Exit status: 0 done, 1 a target makes no sense, is missed or behind, or nobody can sign, 2 bad input.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Print the catalogue: unit, formula, source and direction of every figure.
    Kpis,
    /// Show the objectives and their hash, which a plan that serves them carries.
    Show {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Check every target against the catalogue; with readings, also whether it is met on a day.
    Check {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// What was read: a JSON object of whole numbers by figure. A figure that is not in it counts as missed.
        #[arg(long, value_name = "FILE", requires = "on")]
        readings: Option<PathBuf>,
        /// The day that they were read on.
        #[arg(long, value_name = "DAY", requires = "readings")]
        on: Option<Date>,
    },
    /// Ask the people of the policy's chain to sign this version; `endcap approve` and the desk's inbox take their answers.
    Ask {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Account that asks, and then cannot sign; the loop asks by itself without one.
        #[arg(long = "as", alias = "by", value_name = "NAME")]
        by: Option<String>,
    },
    /// Measure from the facts how far each target is, and keep in the audit trail which are behind.
    Progress {
        #[command(flatten)]
        terms: Box<Terms>,
    },
}

/// How far the targets are, for programs.
#[derive(Serialize)]
struct Reached<'a> {
    hash: String,
    /// The first day that the facts know nothing of.
    until: Option<Date>,
    progress: Vec<Progress<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    hash: String,
    #[serde(flatten)]
    objectives: &'a Objectives,
}

#[derive(Serialize)]
struct Checked<'a> {
    hash: String,
    targets: usize,
    /// What makes no sense.
    faults: Vec<String>,
    /// Targets outside their band.
    missed: Vec<Missed<'a>>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.what {
        What::Kpis => kpis(console),
        What::Show { folder } => show(&read(folder)?, console),
        What::Ask { folder, by } => ask(folder, by.as_deref(), console),
        What::Progress { terms } => progress(terms, console),
        What::Check { folder, readings, on } => check(&read(folder)?, readings.as_deref().zip(*on), console),
    }
}

fn kpis(console: &Console) -> anyhow::Result<Ending> {
    console.result(&CATALOGUE, |catalogue| {
        let mut rows = table(&["figure", "unit", "better", "how it is worked out", "from", "anew", "for"]);
        for kpi in catalogue {
            let words = [word(&kpi.better), word(&kpi.refreshed), word(&kpi.sensitivity)];
            rows.add_row([kpi.name, kpi.unit, &words[0], kpi.formula, kpi.source, &words[1], &words[2]]);
        }
        rows.to_string()
    })?;
    Ok(Ending::Done)
}

fn show(objectives: &Objectives, console: &Console) -> anyhow::Result<Ending> {
    let shown = Shown { hash: objectives.hash().to_string(), objectives };
    console.result(&shown, |shown| {
        let mut rows = table(&["figure", "from", "until", "goal", "band", "unit", "owner"]);
        for target in &objectives.targets {
            let above = target.tolerance_above.map_or("any".to_owned(), |above| above.to_string());
            rows.add_row([
                target.kpi.clone(),
                target.from.to_string(),
                target.until.to_string(),
                target.goal.to_string(),
                format!("-{} / +{above}", target.tolerance_below),
                target.unit.clone(),
                target.owner.clone(),
            ]);
        }
        format!("{}, version {}, hash {}\n{rows}", objectives.name, objectives.version, shown.hash)
    })?;
    Ok(Ending::Done)
}

fn check(objectives: &Objectives, read_on: Option<(&Path, Date)>, console: &Console) -> anyhow::Result<Ending> {
    let own = objectives.check().err().map(|fault| fault.to_string());
    let faults: Vec<String> = own.into_iter().chain(objectives.unknown_to_the_catalogue()).collect();
    let readings: Option<(BTreeMap<String, i64>, Date)> =
        read_on.map(|(path, day)| tables::read_json(path).map(|readings| (readings, day))).transpose()?;
    let missed = readings.as_ref().map_or_else(Vec::new, |(readings, day)| objectives.missed(readings, *day));
    let checked = Checked { hash: objectives.hash().to_string(), targets: objectives.targets.len(), faults, missed };
    console.result(&checked, |checked| {
        let missed = checked.missed.iter().map(|Missed { target, found }| {
            let found = found.map_or("not known".to_owned(), |found| format!("{found} {}", target.unit));
            format!("{} is missed: {found}, goal {}; {} answers for it", target.kpi, target.goal, target.owner)
        });
        let lines: Vec<String> = checked.faults.iter().cloned().chain(missed).collect();
        if lines.is_empty() { format!("{} targets, nothing is wrong.", checked.targets) } else { lines.join("\n") }
    })?;
    let well = checked.faults.is_empty() && checked.missed.is_empty();
    Ok(if well { Ending::Done } else { Ending::Refused })
}

fn ask(folder: &Path, by: Option<&str>, console: &Console) -> anyhow::Result<Ending> {
    match objectives::ask(folder, by)? {
        Ok(kept) => {
            let told = serde_json::json!({ "request": kept.id, "objectives": kept.request.subject.proposal });
            console.result(&told, |_| approvals::next_step(folder, &kept))?;
            Ok(Ending::Done)
        }
        Err(why) => {
            console.result(&serde_json::json!({ "refused": why.to_string() }), |_| why.to_string())?;
            Ok(Ending::Refused)
        }
    }
}

fn progress(terms: &Terms, console: &Console) -> anyhow::Result<Ending> {
    let objectives = read(&terms.folder)?;
    let ground = match terms.ground(terms.scenario()?, console)? {
        Ok(ground) => ground,
        Err(reason) => {
            console.result(&serde_json::json!({ "refused": reason }), |_| reason.clone())?;
            return Ok(Ending::Refused);
        }
    };
    let measured = readings(&ground, &objectives);
    let progress = measured.until.map(|until| objectives.progress(&measured.values, until)).unwrap_or_default();
    if let Some(until) = measured.until {
        runtime()?.block_on(async {
            let ledger = Ledger::open(&terms.folder.join(ledger::FILE_NAME), random).await?;
            let kept = objectives::tell(&ledger, &objectives, &progress, until, Timestamp::now()).await;
            ledger.close().await;
            kept
        })?;
    }
    let behind = progress.iter().any(|one| one.behind);
    let reached = Reached { hash: objectives.hash().to_string(), until: measured.until, progress };
    console.result(&reached, |reached| {
        let mut rows = table(&["figure", "due", "found", "goal", "unit", "until", "owner", "stands"]);
        for Progress { target, found, due, behind } in &reached.progress {
            let stands = match (behind, found) {
                (true, _) => "outside its band",
                (false, Some(_)) => "as it must",
                (false, None) => "not measured from facts",
            };
            rows.add_row([
                target.kpi.clone(),
                due.to_string(),
                found.map_or("not known".to_owned(), |found| found.to_string()),
                target.goal.to_string(),
                target.unit.clone(),
                target.until.to_string(),
                target.owner.clone(),
                stands.to_owned(),
            ]);
        }
        let until =
            reached.until.map_or("The facts tell of no days.".to_owned(), |until| format!("Facts before {until}."));
        format!("{until}\n{rows}")
    })?;
    Ok(if behind { Ending::Refused } else { Ending::Done })
}

fn read(folder: &Path) -> anyhow::Result<Objectives> {
    let path = folder.join(FILE_NAME);
    tables::read_toml(&path).with_context(|| format!("{} holds no objectives", path.display()))
}

/// The name of a plain value, as files have it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.as_str().map(|text| text.replace('_', " "))).unwrap_or_default()
}
