//! `endcap lineage`: where a plan, a forecast or a model comes from, back to files and rows.

use crate::commands::lineage_events::events;
use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::database::is_kept;
use endcap_adapters::facts::{Snapshot, Store};
use endcap_adapters::journal::{FILE_NAME, StoredJournal};
use endcap_adapters::project::Project;
use endcap_adapters::tables::{read_json, write_atomic};
use endcap_agent::lineage::{Ran, Thing, back, jobs, last};
use endcap_ingest::Counts;
use endcap_model::{ContentHash, FactKind, SnapshotId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Trace a plan, a forecast or a model back to the facts, the files and the rows that it was made from.
///
/// Read off the journal, whose chain is checked on the way. Each step says what it read and what it made; of the facts, each source
/// with what became of its rows, and each stored file with its hash.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap lineage shop
  endcap lineage shop --of forecast --json
  endcap lineage shop --of 3f2a91c07b --openlineage lineage.ndjson")]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// What to trace: plan, forecast or model for the last of each, or a name of one (its first 6 letters are enough).
    #[arg(long, default_value = "plan", value_name = "WHAT")]
    of: String,
    /// Write the steps as OpenLineage run events as well, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    openlineage: Option<PathBuf>,
}

/// Where something comes from.
#[derive(Serialize)]
pub(super) struct Lineage {
    pub of: Thing,
    pub project: String,
    /// Version of the code that estimated the model; a plan's name holds the one that planned.
    pub code_version: Option<String>,
    pub steps: Vec<Ran>,
    pub facts: Vec<Facts>,
}

/// Facts with what they were made from.
#[derive(Serialize)]
pub(super) struct Facts {
    pub snapshot: SnapshotId,
    as_of: Timestamp,
    configuration: ContentHash,
    /// Records of `records.db` that are among them: all up to this number.
    last_record: i64,
    pub sources: Vec<Source>,
    pub files: Vec<StoredAs>,
    /// Rows that were set aside, with their reasons.
    quarantine: Option<PathBuf>,
}

/// A source of rows.
#[derive(Serialize)]
pub(super) struct Source {
    kind: FactKind,
    pub source: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// A file of facts.
#[derive(Serialize)]
pub(super) struct StoredAs {
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub sha256: ContentHash,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let path = args.folder.join(FILE_NAME);
    ensure!(is_kept(&path), "{} has no journal yet: `endcap plan` begins it", args.folder.display());
    let all = jobs(&StoredJournal::open(&path, Timestamp::now)?.read_with_times()?);
    let Some(of) = last(&all, &args.of).cloned() else {
        let reason = format!("the journal knows no {}: `endcap plan` makes a plan", args.of);
        console.result(&serde_json::json!({ "refused": reason }), |_| reason.clone())?;
        return Ok(Ending::Refused);
    };
    let steps = back(&all, &of.id);
    let store = Store::open(&args.folder)?;
    let snapshots = steps.iter().filter(|ran| ran.made.kind == "facts").map(|ran| ran.made.id.as_str().into());
    let facts: Vec<Facts> = snapshots
        .map(|id: SnapshotId| Ok(of_snapshot(store.snapshot(&id)?, &args.folder)))
        .collect::<anyhow::Result<_>>()?;
    let project = Project::read_configured(&args.folder)?.name;
    let lineage = Lineage { code_version: code_version(&args.folder, &steps), of, project, steps, facts };
    if let Some(file) = &args.openlineage {
        let lines: Vec<String> = events(&lineage).iter().map(ToString::to_string).collect();
        write_atomic(file, (lines.join("\n") + "\n").as_bytes())
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    console.result(&lineage, for_people)?;
    Ok(Ending::Done)
}

/// What a stored model says of itself.
#[derive(Deserialize)]
struct Stored {
    lift: Estimated,
}

#[derive(Deserialize)]
struct Estimated {
    code_version: String,
}

fn code_version(folder: &Path, steps: &[Ran]) -> Option<String> {
    let model = steps.iter().rev().find(|ran| matches!(ran.made.kind, "model" | "estimates"))?;
    let short = model.made.id.get(..16)?;
    read_json::<Stored>(&folder.join(format!("models/{short}.json"))).ok().map(|stored| stored.lift.code_version)
}

fn of_snapshot(snapshot: Snapshot, folder: &Path) -> Facts {
    let sources = snapshot.sources().into_iter().map(|(kind, source)| Source {
        kind,
        source: source.source.clone(),
        counts: source.counts,
    });
    let files = snapshot.tables.values().flat_map(|table| &table.files).map(|file| StoredAs {
        path: file.path.clone(),
        rows: file.rows,
        bytes: file.bytes,
        sha256: file.sha256.clone(),
    });
    Facts {
        as_of: snapshot.as_of.0,
        configuration: snapshot.configuration.clone(),
        last_record: snapshot.last_record,
        sources: sources.collect(),
        files: files.collect(),
        quarantine: (snapshot.rows_set_aside() > 0).then(|| snapshot.quarantine(folder)),
        snapshot: snapshot.id,
    }
}

fn for_people(lineage: &Lineage) -> String {
    let short = |thing: &Thing| format!("{} {}", thing.kind, thing.id.get(..10).unwrap_or(&thing.id));
    let mut steps = table(&["event", "job", "at", "from", "made"]);
    for ran in &lineage.steps {
        let from: Vec<String> = ran.from.iter().map(short).collect();
        let (event, at) = (ran.event.to_string(), format!("{:.0}", ran.at));
        steps.add_row([&event, ran.job, &at, &from.join(", "), &short(&ran.made)]);
    }
    let mut text = format!("{}\n{steps}", short(&lineage.of));
    if let Some(version) = &lineage.code_version {
        text += &format!("\nestimated by {version}");
    }
    for facts in &lineage.facts {
        let mut sources = table(&["facts", "source", "read", "loaded", "set aside", "duplicates", "replaced"]);
        for Source { kind, source, counts } in &facts.sources {
            let Counts { read, loaded, set_aside, duplicates, replaced } = *counts;
            let numbers = [read, loaded, set_aside, duplicates, replaced].map(|count| count.to_string());
            sources.add_row([vec![kind.name().to_owned(), source.clone()], numbers.to_vec()].concat());
        }
        let rows: u64 = facts.files.iter().map(|file| file.rows).sum();
        text += &format!(
            "\n\nfacts {} as of {:.0}, {rows} rows in {} files (--json lists them with their hashes)\n{sources}",
            facts.snapshot,
            facts.as_of,
            facts.files.len()
        );
        if facts.last_record > 0 {
            text += &format!("\nrecords.db: all records up to number {}", facts.last_record);
        }
        if let Some(quarantine) = &facts.quarantine {
            text += &format!("\nset aside, with reasons: {}", quarantine.display());
        }
    }
    text
}
