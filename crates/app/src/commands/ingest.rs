//! `endcap ingest`: from files to a snapshot of facts, with every bad row set aside.

use crate::alarms;
use crate::console::{Console, Ending, Steps, table};
use endcap_adapters::facts::Snapshot;
use endcap_adapters::load::{self, LoadSettings};
use endcap_ingest::Counts;
use endcap_ingest::doubt::Alarm;
use endcap_model::{AsOf, Event, FactKind};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Load a project's files: good rows become facts, bad ones are set aside with their reason.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap ingest shop\n  endcap ingest shop --as-of 2024-06-26T06:00:00Z --json\n\nEvery row read is loaded, set aside (see quarantine/) or a duplicate. Loading the same files again changes nothing."
)]
pub struct Args {
    /// Folder with endcap.toml.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// When the facts are known, as RFC 3339; now when not given.
    #[arg(long)]
    as_of: Option<Timestamp>,
    /// Threads to use, 1 or 2. The result does not depend on it.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

#[derive(Serialize)]
struct Summary {
    snapshot: String,
    as_of: Timestamp,
    #[serde(flatten)]
    counts: Counts,
    sources: Vec<Source>,
    quarantine: Option<PathBuf>,
    /// What is wrong with a source or a place as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alarms: Vec<Alarm>,
}

#[derive(Serialize)]
struct Source {
    kind: FactKind,
    source: String,
    #[serde(flatten)]
    counts: Counts,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let as_of = args.as_of.unwrap_or_else(Timestamp::now);
    let snapshot = loaded(&args.folder, as_of, args.threads, console)?;
    let summary = summary(&snapshot, &args.folder);
    console.result(&summary, for_people)?;
    if snapshot.tables.get(&FactKind::Sales).is_none_or(|sales| sales.counts.loaded == 0) {
        let why = if summary.quarantine.is_some() { "the quarantine says why" } else { "the files have none" };
        console.note(format!("refused: not one row of sales could be loaded; {why}"));
        return Ok(Ending::Refused);
    }
    Ok(Ending::Done)
}

/// Loads a project's files for a command that goes on from there.
pub fn load(folder: &Path, as_of: Timestamp, console: &Console) -> anyhow::Result<Event> {
    let snapshot = loaded(folder, as_of, 2, console)?;
    Ok(Event::Ingested {
        snapshot: snapshot.id.clone(),
        rows_read: snapshot.rows_read(),
        rows_set_aside: snapshot.rows_set_aside(),
    })
}

fn loaded(folder: &Path, as_of: Timestamp, threads: usize, console: &Console) -> anyhow::Result<Snapshot> {
    let steps = Steps::new(console);
    let progress = |kind: &str, done: u64, all: u64| {
        let all = if all == 0 { done + 1 } else { all };
        steps.at(&format!("ingest {kind}"), done as usize, all as usize);
    };
    let snapshot = load::load(folder, &LoadSettings { as_of: AsOf(as_of), threads, progress: &progress })?;
    for alarm in alarms::told(&snapshot) {
        console.note(format!("alarm: {alarm}; `endcap quarantine` answers it"));
    }
    let fallen = alarms::raise(folder, &snapshot, Timestamp::now())?;
    if fallen > 0 {
        console.note(format!("the machine fell in {fallen} fields: people send there until it is raised again"));
    }
    Ok(snapshot)
}

fn summary(snapshot: &Snapshot, folder: &Path) -> Summary {
    let mut counts = Counts::default();
    snapshot.tables.values().for_each(|table| counts += table.counts);
    let source = |(kind, source): (FactKind, &endcap_adapters::facts::SourceCounts)| Source {
        kind,
        source: source.source.clone(),
        counts: source.counts,
    };
    Summary {
        snapshot: snapshot.id.to_string(),
        as_of: snapshot.as_of.0,
        counts,
        sources: snapshot.sources().into_iter().map(source).collect(),
        quarantine: (counts.set_aside > 0).then(|| snapshot.quarantine(folder)),
        alarms: snapshot.alarms.clone(),
    }
}

fn for_people(summary: &Summary) -> String {
    let mut shown = table(&["facts", "source", "read", "loaded", "set aside", "duplicates", "replaced"]);
    let row = |kind: &str, source: &str, counts: Counts| {
        let Counts { read, loaded, set_aside, duplicates, replaced } = counts;
        let numbers = [read, loaded, set_aside, duplicates, replaced].map(|count| count.to_string());
        [vec![kind.to_owned(), source.to_owned()], numbers.to_vec()].concat()
    };
    for source in &summary.sources {
        shown.add_row(row(source.kind.name(), &source.source, source.counts));
    }
    shown.add_row(row("all", "", summary.counts));
    let aside = match &summary.quarantine {
        Some(folder) => {
            format!("\nset aside, with reasons: {} (`endcap quarantine show` sums them up)", folder.display())
        }
        None => String::new(),
    };
    format!("{shown}\nsnapshot {} as of {}{aside}", summary.snapshot, summary.as_of)
}
