//! `endcap halt` and `endcap resume`: a named person stops the loop, and lets it run again.

use crate::console::{Console, Ending};
use crate::project::keep_by_hand;
use anyhow::{Context, ensure};
use endcap_adapters::ledger::AuditedJournal;
use endcap_agent::halt::{Mode, halted};
use endcap_agent::ports::Journal;
use endcap_model::Event;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Stop the loop: nothing is planned or published until a named person resumes it.
///
/// The plan that was published last stays in force; its tables lie in FOLDER/manual for changes by hand. `endcap plan`
/// halts by itself when sales leave the range that its last forecast knew. To keep things from being sent, whatever plans
/// them, use `endcap stop`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap halt shop --by Ada --reason \"all stores are shut\"")]
pub struct HaltArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Who stops it.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Let a halted loop run again, one rung at a time: in shadow first, then for good.
///
/// In shadow, plans are made, tried and judged as ever, and nothing is published.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap resume shop --shadow --by Ada --reason \"stores are open\"\n  endcap resume shop --by Ada --reason \"four good plans in shadow\""
)]
pub struct ResumeArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Run in shadow: publish nothing.
    #[arg(long)]
    shadow: bool,
    /// Who lets it run again.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What holds now, for programs.
#[derive(Serialize)]
struct Now {
    #[serde(flatten)]
    mode: Mode,
    /// Tables that people change by hand.
    manual: Option<PathBuf>,
}

/// Runs `endcap halt`.
pub fn halt(args: &HaltArgs, console: &Console) -> anyhow::Result<Ending> {
    let (mut journal, events) = opened(&args.folder)?;
    let (by, reason) = (args.by.trim(), args.reason.trim());
    ensure!(!by.is_empty() && !reason.is_empty(), "a halt needs a named person and a reason: give --by and --reason");
    ensure!(!matches!(Mode::of(&events), Mode::Halted { .. }), "{} is halted already", args.folder.display());
    let halt = halted(&events, by, reason);
    let manual = keep_by_hand(&args.folder, &halt)?;
    let event = Event::Halted { halt };
    journal.append(&event)?;
    show(Now { mode: Mode::of(&events).after(&event), manual }, console)
}

/// Runs `endcap resume`.
pub fn resume(args: &ResumeArgs, console: &Console) -> anyhow::Result<Ending> {
    let (mut journal, events) = opened(&args.folder)?;
    let mode = Mode::of(&events);
    let event = match mode.resume(&args.by, &args.reason, args.shadow) {
        Ok(event) => event,
        Err(refused) => {
            console.result(&refused.to_string(), String::clone)?;
            return Ok(Ending::Refused);
        }
    };
    journal.append(&event)?;
    show(Now { mode: mode.after(&event), manual: None }, console)
}

fn opened(folder: &Path) -> anyhow::Result<(AuditedJournal, Vec<Event>)> {
    let path = folder.join("journal.db");
    ensure!(
        endcap_adapters::database::is_kept(&path),
        "{} has no journal yet: run `endcap plan {0}` first",
        folder.display()
    );
    let journal = AuditedJournal::open(folder, jiff::Timestamp::now, super::audit::random)?;
    let events = journal.read().with_context(|| format!("{} cannot be read", path.display()))?;
    Ok((journal, events))
}

fn show(now: Now, console: &Console) -> anyhow::Result<Ending> {
    console.result(&now, |now| {
        let manual =
            now.manual.as_ref().map(|folder| format!("\nThe last published plan lies in {}.", folder.display()));
        let mode = match &now.mode {
            Mode::Acting => "Plans that policy approves go out again.".to_owned(),
            Mode::Shadow { by, .. } => {
                format!("Runs in shadow, on the word of {by}: plans are judged, none is published.")
            }
            Mode::Halted { halt } => {
                format!("Halted by {}: {}. Nothing is planned or published.", halt.by, halt.reason)
            }
        };
        mode + &manual.unwrap_or_default()
    })?;
    Ok(Ending::Done)
}
