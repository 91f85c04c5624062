//! `endcap models`: the registry of models, and who is champion.

use super::ground::models_of;
use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::ledger::AuditedJournal;
use endcap_adapters::mlflow;
use endcap_agent::ports::Journal;
use endcap_agent::registry::{Entry, ModelState, NotAppointed, Registry};
use endcap_agent::rehearsal::{Kind, Season, rehearse};
use endcap_model::{Event, Gain};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show every model that was fitted, and change which one the loop uses.
///
/// A new fit is a challenger first: it forecasts beside the champion, and the gate lets it pass with evidence alone. A named
/// person may promote any sane model, and roll back to the champion before; both go into the audit trail.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap models list shop
  endcap models show shop 5b1c2d3e
  endcap models rollback shop --as Ada --reason \"plans look odd since Monday\"
  endcap models promote shop 5b1c2d3e --as Ada --reason \"a test in ten stores\"
  endcap models export shop --mlflow mlruns && MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri mlruns

Exit status: 0 done, 1 refused (the reason is printed), 2 bad input.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List all models with their state and figures, the newest first.
    List(Folder),
    /// Show one model: what it was made from, how it did, and what the gate said at every look.
    Show(Named),
    /// Make a model the champion.
    Promote(Promote),
    /// Go back to the champion before this one, until the gate or a person says otherwise.
    Rollback(Rollback),
    /// Write a copy for MLflow: runs, parameters, figures and model versions.
    Export(Export),
    /// Go through made-up seasons and tell how the gate did.
    #[command(hide = true)]
    Rehearse(Rehearse),
}

#[derive(clap::Args)]
struct Folder {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

#[derive(clap::Args)]
struct Named {
    /// The project's folder.
    folder: PathBuf,
    /// The model, by the beginning of its name.
    model: String,
}

#[derive(clap::Args)]
struct Promote {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    word: Word,
}

#[derive(clap::Args)]
struct Rollback {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    word: Word,
}

#[derive(clap::Args)]
struct Word {
    /// Who says so.
    #[arg(long = "as", alias = "by", id = "by", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(clap::Args)]
struct Export {
    #[command(flatten)]
    folder: Folder,
    /// The folder to write to, as `mlflow --backend-store-uri` reads it.
    #[arg(long, value_name = "DIR")]
    mlflow: PathBuf,
}

#[derive(clap::Args)]
struct Rehearse {
    /// What happens in the seasons: clean, poisoned, overfitted, stale or better.
    #[arg(long, value_parser = kind)]
    kind: Kind,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of seasons.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seasons: u64,
}

fn kind(text: &str) -> Result<Kind, String> {
    let named = |kind: &Kind| format!("{kind:?}").to_lowercase() == text;
    Kind::ALL.into_iter().find(named).ok_or_else(|| "expected clean, poisoned, overfitted, stale or better".to_owned())
}

/// The registry, for programs.
#[derive(Serialize)]
struct Listed<'a> {
    champion: Option<&'a str>,
    challenger: Option<&'a str>,
    models: Vec<&'a Entry>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.what {
        What::List(args) => list(&args.folder, console),
        What::Show(args) => show(args, console),
        What::Promote(args) => {
            let Word { by, reason } = &args.word;
            appoint(&args.named.folder, |models| models.promote(&args.named.model, by, reason), console)
        }
        What::Rollback(args) => {
            let Word { by, reason } = &args.word;
            appoint(&args.folder.folder, |models| models.rollback(by, reason), console)
        }
        What::Export(args) => export(args, console),
        What::Rehearse(args) => rehearsed(args, console),
    }
}

fn list(folder: &Path, console: &Console) -> anyhow::Result<Ending> {
    super::stop::is_project(folder)?;
    let models = models_of(folder)?;
    let name = |entry: Option<&'_ Entry>| entry.map(|entry| entry.made.model.as_str().to_owned());
    let (champion, challenger) = (name(models.champion()), name(models.challenger()));
    let listed = Listed {
        champion: champion.as_deref(),
        challenger: challenger.as_deref(),
        models: models.entries().iter().rev().collect(),
    };
    console.result(&listed, |listed| {
        if listed.models.is_empty() {
            return "No model was fitted yet: `endcap plan` fits the first one.".to_owned();
        }
        let mut rows = table(&["model", "state", "sales until", "held-out WAPE", "backtest WAPE", "by", "why"]);
        for entry in &listed.models {
            let made = &entry.made;
            rows.add_row([
                made.model.short().to_owned(),
                state(entry.state).to_owned(),
                made.calendar.format(made.span.end.plus(-1)),
                figure(entry, "held_out.all.wape"),
                figure(entry, "backtest.all.wape"),
                entry.approved_by.clone().unwrap_or_default(),
                entry.reason.clone(),
            ]);
        }
        rows.to_string()
    })?;
    Ok(Ending::Done)
}

fn show(args: &Named, console: &Console) -> anyhow::Result<Ending> {
    super::stop::is_project(&args.folder)?;
    let models = models_of(&args.folder)?;
    let entry = match models.find(&args.model) {
        Ok(entry) => entry,
        Err(refused) => return refuse(&refused, console),
    };
    console.result(entry, for_people)?;
    Ok(Ending::Done)
}

fn for_people(entry: &Entry) -> String {
    let made = &entry.made;
    let mut rows = table(&["model", made.model.as_str()]);
    let period = |period| made.calendar.format(period);
    let mut row = |what: &str, value: String| {
        rows.add_row([what, &value]);
    };
    row("state", state(entry.state).to_owned());
    row("why", entry.reason.clone());
    row("approved by", entry.approved_by.clone().unwrap_or_else(|| "nobody yet".to_owned()));
    row("made by", made.made_by.clone());
    row("sales", format!("{} to {}", period(made.span.start), period(made.span.end.plus(-1))));
    row("facts", made.snapshot.as_ref().map(ToString::to_string).unwrap_or_default());
    row("fingerprint of the sales", made.data.to_string());
    row("code", made.code_version.clone());
    row("seed", made.seed.to_string());
    row("champion at the time", made.parent.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string));
    for (name, value) in &made.metrics {
        row(name, format!("{value:.4}"));
    }
    for look in &entry.contests {
        let gain = look.all.map_or_else(String::new, |gain| format!(", {} on all cells", in_words(gain)));
        let promoted = look.promoted.map_or_else(String::new, |gain| format!(", {} on promoted", in_words(gain)));
        let told = format!("{}{gain}{promoted}: {}", look.ruling.name(), look.reasons.join("; "));
        row(&format!("gate, facts {}", look.snapshot), told);
    }
    rows.to_string()
}

fn in_words(gain: Gain) -> String {
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    let ends = gain.low.zip(gain.high).map(|(low, high)| format!(" ({} to {})", percent(low), percent(high)));
    format!("gain {}{} over {} periods", percent(gain.mean), ends.unwrap_or_default(), gain.blocks)
}

/// Keeps a change of champion that a person orders.
fn appoint(
    folder: &Path,
    ask: impl FnOnce(&Registry) -> Result<Event, NotAppointed>,
    console: &Console,
) -> anyhow::Result<Ending> {
    match appointed(folder, ask)? {
        Err(refused) => refuse(&refused, console),
        Ok(entry) => {
            console.result(&entry, |entry| {
                let (name, by) = (entry.made.model.short(), entry.approved_by.clone().unwrap_or_default());
                format!("Model {name} is the champion on the word of {by}. `endcap plan` uses it from now on.")
            })?;
            Ok(Ending::Done)
        }
    }
}

/// Journals a change of champion and returns the new one; the inner error says why there is none.
pub fn appointed(
    folder: &Path,
    ask: impl FnOnce(&Registry) -> Result<Event, NotAppointed>,
) -> anyhow::Result<Result<Entry, NotAppointed>> {
    super::stop::is_project(folder)?;
    let mut journal = AuditedJournal::open(folder, jiff::Timestamp::now, super::audit::random)?;
    let mut models = Registry::of(&journal.read()?);
    let event = match ask(&models) {
        Ok(event) => event,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Event::Appointed { appointed } = &event {
        let file = folder.join(endcap_agent::jobs::model_name(&appointed.model));
        ensure!(file.is_file(), "{} is gone: this model cannot be used any more", file.display());
    }
    journal.append(&event)?;
    models.take(&event);
    Ok(Ok(models.champion().cloned().context("Invariant: an appointed model is champion")?))
}

fn export(args: &Export, console: &Console) -> anyhow::Result<Ending> {
    super::stop::is_project(&args.folder.folder)?;
    let models = models_of(&args.folder.folder)?;
    let runs = mlflow::export(&models, &args.folder.folder, &args.mlflow)?;
    #[derive(Serialize)]
    struct Written<'a> {
        runs: usize,
        folder: &'a Path,
    }
    console.result(&Written { runs, folder: &args.mlflow }, |written| {
        format!(
            "{} models written. Look at them with: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {}",
            written.runs,
            written.folder.display()
        )
    })?;
    Ok(Ending::Done)
}

fn rehearsed(args: &Rehearse, console: &Console) -> anyhow::Result<Ending> {
    let seasons = rehearse(args.kind, args.seed..args.seed + args.seasons);
    console.result(&seasons, |seasons| {
        let mut rows =
            table(&["seed", "challengers", "swaps in weeks", "harmful", "distance from the truth, new over old"]);
        let list = |values: &[String]| values.join(", ");
        for Season { seed, challengers, swaps, harmful, distance, .. } in seasons {
            let swaps: Vec<String> = swaps.iter().map(usize::to_string).collect();
            let distance: Vec<String> = distance.iter().map(|ratio| format!("{ratio:.3}")).collect();
            rows.add_row([
                seed.to_string(),
                challengers.to_string(),
                list(&swaps),
                harmful.to_string(),
                list(&distance),
            ]);
        }
        rows.to_string()
    })?;
    Ok(Ending::Done)
}

fn refuse(refused: &NotAppointed, console: &Console) -> anyhow::Result<Ending> {
    console.result(&refused.to_string(), String::clone)?;
    Ok(Ending::Refused)
}

/// The words for people.
fn state(state: ModelState) -> &'static str {
    match state {
        ModelState::Champion => "champion",
        ModelState::Challenger => "challenger in shadow",
        ModelState::Retired => "retired",
        ModelState::Refused => "refused",
    }
}

fn figure(entry: &Entry, name: &str) -> String {
    entry.made.metrics.get(name).map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}
