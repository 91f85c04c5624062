//! `endcap audit show`, `export` and `erase`: the records themselves, and the personal values beside them.

use super::opened;
use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::ledger::Erasure;
use endcap_adapters::ledger::stops::StopBook;
use endcap_govern::audit::{Digest32, Held, Record, Ruling};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Show the latest decisions: who, what, on what, how it came out and why.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap audit show shop --last 5\n  endcap audit show shop --json")]
pub struct ShowArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// How many.
    #[arg(long, default_value_t = 20, value_name = "RECORDS")]
    last: u32,
}

/// Write all records as they were hashed, a line each; personal values stay behind.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap audit export shop --to trail.jsonl\n  endcap audit export shop | gzip > trail.jsonl.gz"
)]
pub struct ExportArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where they go; standard output when not given.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Erase a personal value wherever it was recorded; the records stay as they are and still verify.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap audit erase shop --value \"Ada Lovelace\" --by Grace --reason \"request 17 under article 17\"
  endcap audit erase shop --value Lovelace --within --by Grace --reason \"request 17\"")]
pub struct EraseArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The value, letter for letter.
    #[arg(long, value_name = "TEXT")]
    value: String,
    /// Also longer values that hold it, such as a reason in somebody's own words.
    #[arg(long)]
    within: bool,
    /// Who erases it.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why, without the value.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// A record with its personal values, where they were not erased.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    record: Record,
    values: BTreeMap<Digest32, String>,
}

impl Shown {
    fn of(record: Record, openings: &BTreeMap<Digest32, String>) -> Self {
        let entry = &record.entry;
        let held = [Some(&entry.actor), entry.on_behalf_of.as_ref(), Some(&entry.subject)].into_iter().flatten();
        let opened = |held: &Held| match held {
            Held::Committed { commitment } => openings.get(commitment).map(|value| (*commitment, value.clone())),
            Held::Open(_) => None,
        };
        let values = held.chain(&entry.reasons).filter_map(opened).collect();
        Self { record, values }
    }

    fn text<'a>(&'a self, held: &'a Held) -> &'a str {
        match held {
            Held::Open(text) => text,
            Held::Committed { commitment } => self.values.get(commitment).map_or("(erased)", String::as_str),
        }
    }
}

/// Runs `endcap audit show`.
pub async fn show(args: &ShowArgs, console: &Console) -> anyhow::Result<Ending> {
    let ledger = opened(&args.folder).await?;
    let openings = ledger.openings().await?;
    let shown: Vec<Shown> =
        ledger.last(args.last).await?.into_iter().map(|record| Shown::of(record, &openings)).collect();
    console.result(&shown, |shown| {
        let mut rows = table(&["record", "at", "who", "what", "on", "outcome", "why"]);
        for one in shown {
            let Record { sequence, at, entry, .. } = &one.record;
            let who = match &entry.on_behalf_of {
                Some(whom) => format!("{} for {}", one.text(&entry.actor), one.text(whom)),
                None => one.text(&entry.actor).to_owned(),
            };
            let why: Vec<&str> = entry.reasons.iter().map(|reason| one.text(reason)).collect();
            rows.add_row([
                sequence.to_string(),
                format!("{at:.0}"),
                who,
                entry.action.clone(),
                one.text(&entry.subject).to_owned(),
                outcome(entry.ruling).to_owned(),
                why.join("; "),
            ]);
        }
        rows.to_string()
    })?;
    Ok(Ending::Done)
}

fn outcome(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Allowed => "allowed",
        Ruling::Refused => "refused",
        Ruling::NeedsPerson => "needs a person",
    }
}

/// Runs `endcap audit export`.
pub async fn export(args: &ExportArgs, console: &Console) -> anyhow::Result<Ending> {
    let ledger = opened(&args.folder).await?;
    let mut out: Box<dyn Write> = match &args.to {
        Some(path) => {
            let file = File::create_new(path).with_context(|| format!("{} cannot be made", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(std::io::stdout())),
    };
    let mut records = 0_u64;
    let written = ledger.each(|record| {
        records += 1;
        out.write_all(record)?;
        Ok::<_, anyhow::Error>(out.write_all(b"\n")?)
    });
    written.await.context("the export could not be written")?;
    out.flush().context("the export could not be written")?;
    if let Some(path) = &args.to {
        #[derive(Serialize)]
        struct Exported<'a> {
            records: u64,
            file: &'a PathBuf,
        }
        console.result(&Exported { records, file: path }, |told| {
            format!("{} records are in {}.", told.records, path.display())
        })?;
    }
    Ok(Ending::Done)
}

/// Runs `endcap audit erase`.
pub async fn erase(args: &EraseArgs, console: &Console) -> anyhow::Result<Ending> {
    let named = [&args.value, &args.by, &args.reason].into_iter().all(|text| !text.trim().is_empty());
    ensure!(named, "an erasure needs a value, a named person and a reason: give --value, --by and --reason");
    let ledger = opened(&args.folder).await?;
    let EraseArgs { value, within, by, reason, .. } = args;
    let erased = ledger.erase(Erasure { value, within: *within, by, reason }, Timestamp::now()).await?;
    let is_it = |text: &str| text == value || (*within && text.contains(value.as_str()));
    StopBook::new(&args.folder, super::random).forget(is_it).await?;
    console.result(&erased, |erased| {
        let left = match erased.left {
            0 => String::new(),
            left => format!("\nIt is still part of {left} longer values: --within erases those as well."),
        };
        let trace = match erased.gone {
            true => "",
            false => {
                "\nAnother program reads the ledger, or PostgreSQL has it in its log of changes: the trace on the disk goes when \
                 that ends."
            }
        };
        format!("{} values are erased; record {} tells of it.{left}{trace}", erased.values, erased.record)
    })?;
    Ok(Ending::Done)
}
