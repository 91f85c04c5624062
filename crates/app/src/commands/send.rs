//! `endcap send` and `endcap outbox`: what was decided leaves, and what became of it.

use crate::acting::Footing;
use crate::commands::ground::Terms;
use crate::console::{Console, Ending, table};
use anyhow::{Context, ensure};
use endcap_adapters::channels;
use endcap_adapters::database::{Alone, Taken, alone, is_kept};
use endcap_agent::outbox::{Known, Patience, Stage};
use endcap_agent::ports::Outbox;
use endcap_agent::send::{Round, Sender};
use endcap_govern::gate::Intent;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the sender rests when nothing is due.
const REST: Duration = Duration::from_millis(500);

/// How long it goes on before it reads everything anew: facts, limits, policies, the ladder, channels. Stops are read at
/// every message.
const READ_ANEW: Duration = Duration::from_secs(60);

/// Send what was decided and is due, through the gate, and read back what the channels hold.
///
/// Ends when nothing can be done now; with --watch it goes on until it is stopped. It may be killed at any moment: the next one
/// finds out what had left. There is one sender to a project.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap send shop
  endcap send shop --watch
  endcap outbox shop --open

Exit status: 0 done, 1 something was held back, refused or is unclear (`endcap outbox` says what), 2 bad input.")]
pub struct SendArgs {
    #[command(flatten)]
    terms: Terms,
    /// Go on until stopped.
    #[arg(long)]
    watch: bool,
}

/// Show what was decided and what is known of it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap outbox shop\n  endcap outbox shop --open --json")]
pub struct OutboxArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Only what is not settled, or needs a person.
    #[arg(long)]
    open: bool,
}

/// What a sender did, for programs.
#[derive(Serialize)]
struct Sent {
    sent: usize,
    read_back: usize,
    settled: usize,
    /// Stages of everything that was decided, with their numbers.
    stages: BTreeMap<&'static str, usize>,
}

/// One message, for programs.
#[derive(Serialize)]
struct Row {
    channel: String,
    place: String,
    sku: String,
    action: &'static str,
    stage: &'static str,
    reason: Option<String>,
    tries: u32,
    from: Timestamp,
    until: Option<Timestamp>,
    generation: Option<u64>,
    key: Option<String>,
}

/// Runs `endcap send`.
pub fn send(args: &SendArgs, console: &Console) -> anyhow::Result<Ending> {
    let folder = &args.terms.folder;
    let mut only_one = only_one(folder)?;
    let mut outbox = Footing::outbox(folder)?;
    let (before, mut done) = (stages(&outbox.all()?), Round::default());
    loop {
        let footing = match Footing::open(&args.terms, console)? {
            Ok(footing) => footing,
            Err(reason) => {
                console.result(&serde_json::json!({ "refused": reason }), |_| reason.clone())?;
                return Ok(Ending::Refused);
            }
        };
        let outlets = channels::open(folder)?;
        let round = footing.with_sources(|sources| {
            let now = Timestamp::now;
            let ports = (&mut outbox as &mut dyn Outbox, sources as _);
            let mut sender = Sender::open(&footing.gate, Patience::default(), outlets, ports, &now, &|_| {})?;
            until_nothing_is_due(&mut sender, &mut only_one, args.watch, console)
        })?;
        add(&mut done, &round);
        if !args.watch {
            break;
        }
    }
    let after = stages(&outbox.all()?);
    let worse = ["held back", "refused", "unclear"].iter().any(|stage| after.get(stage) > before.get(stage));
    let sent = Sent { sent: done.sent, read_back: done.read, settled: done.settled, stages: after };
    console.result(&sent, |sent| {
        let stages: Vec<String> = sent.stages.iter().map(|(stage, count)| format!("{count} {stage}")).collect();
        let stages = if stages.is_empty() { "nothing was decided: `endcap deploy`".into() } else { stages.join(", ") };
        format!("{} sent, {} read back, {} settled. In all: {stages}.", sent.sent, sent.read_back, sent.settled)
    })?;
    Ok(if worse { Ending::Refused } else { Ending::Done })
}

/// Ends when nothing is due, or after a while when it is to go on.
fn until_nothing_is_due(
    sender: &mut Sender,
    only_one: &mut OnlyOne,
    watch: bool,
    console: &Console,
) -> anyhow::Result<Round> {
    let (mut all, began) = (Round::default(), Instant::now());
    loop {
        only_one.still()?;
        let round = sender.round()?;
        add(&mut all, &round);
        let busy = round.sent + round.read + round.settled > 0;
        if busy && watch {
            let Round { sent, read, settled, waiting } = round;
            console.note(format!(
                "{:.0}: {sent} sent, {read} read back, {settled} settled, {waiting} wait",
                Timestamp::now()
            ));
        }
        if !busy && (!watch || began.elapsed() > READ_ANEW) {
            return Ok(all);
        }
        if !busy {
            std::thread::sleep(REST);
        }
    }
}

fn add(all: &mut Round, round: &Round) {
    all.sent += round.sent;
    all.read += round.read;
    all.settled += round.settled;
}

/// The place of the one sender: of those that share the folder, and of those that share the schema.
struct OnlyOne {
    _folder: File,
    schema: Option<Alone>,
}

impl OnlyOne {
    /// Ends a sender whose place may be another's by now.
    fn still(&mut self) -> anyhow::Result<()> {
        let held = self.schema.as_mut().map_or(Ok(()), Alone::still);
        held.context("the sender's place is lost: start it again")
    }
}

/// Holds the place of the one sender until it is dropped, or its process ends.
fn only_one(folder: &Path) -> anyhow::Result<OnlyOne> {
    let path = folder.join("sender.lock");
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => anyhow::bail!("{} has a sender already: stop it first", folder.display()),
        locked => locked.with_context(|| format!("{} cannot be locked", path.display()))?,
    }
    // Another machine has another folder, and may name the same schema.
    match alone(&folder.join("ledger.db"), "sender")? {
        Ok(schema) => Ok(OnlyOne { _folder: file, schema }),
        Err(Taken) => anyhow::bail!("{} has a sender already, in another folder: stop it first", folder.display()),
    }
}

/// Runs `endcap outbox`.
pub fn outbox(args: &OutboxArgs, console: &Console) -> anyhow::Result<Ending> {
    ensure!(
        is_kept(&args.folder.join("ledger.db")),
        "{} has decided nothing yet: `endcap deploy`",
        args.folder.display()
    );
    let all = Footing::outbox(&args.folder)?.all()?;
    let rows = all.into_iter().map(|(intent, known)| row(&intent, known.as_ref()));
    let rows: Vec<Row> = rows.filter(|row| !args.open || !matches!(row.stage, "confirmed" | "superseded")).collect();
    console.result(&rows, |rows| {
        let mut shown = table(&["channel", "place", "item", "action", "from", "until", "stage", "tries", "reason"]);
        for row in rows {
            let time = |at: Timestamp| format!("{at:.0}");
            let until = row.until.map(time).unwrap_or_default();
            let reason = row.reason.as_deref().unwrap_or_default();
            let tries = row.tries.to_string();
            let cells =
                [&row.channel, &row.place, &row.sku, row.action, &time(row.from), &until, row.stage, &tries, reason];
            shown.add_row(cells);
        }
        if rows.is_empty() { "Nothing was decided.".into() } else { shown.to_string() }
    })?;
    Ok(Ending::Done)
}

fn stages(all: &[(Intent, Option<Known>)]) -> BTreeMap<&'static str, usize> {
    let mut stages = BTreeMap::new();
    for (_, known) in all {
        *stages.entry(stage(known.as_ref()).0).or_default() += 1;
    }
    stages
}

fn row(intent: &Intent, known: Option<&Known>) -> Row {
    let (stage, reason) = stage(known);
    Row {
        channel: intent.channel.to_string(),
        place: intent.place.to_string(),
        sku: intent.sku.to_string(),
        action: intent.action.name(),
        stage,
        reason,
        tries: known.map_or(0, |known| known.tries),
        from: intent.from,
        until: intent.until,
        generation: known.map(|known| known.message.generation),
        key: known.map(|known| known.message.key().to_string()),
    }
}

/// A stage in words, with its reason.
fn stage(known: Option<&Known>) -> (&'static str, Option<String>) {
    match known.map(|known| &known.stage) {
        None => ("waits for its time", None),
        Some(Stage::Decided) => ("to be sent", None),
        Some(Stage::Sent) => ("sent, not answered", None),
        Some(Stage::Acknowledged { .. }) => ("acknowledged", None),
        Some(Stage::Confirmed) => ("confirmed", None),
        Some(Stage::Superseded) => ("superseded", None),
        Some(Stage::Refused { reason }) => ("refused", Some(reason.clone())),
        Some(Stage::HeldBack { reason }) => ("held back", Some(reason.clone())),
        Some(Stage::Unclear { reason }) => ("unclear", Some(reason.clone())),
    }
}
