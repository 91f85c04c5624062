//! `endcap send` and `endcap outbox`: what was decided leaves, and what became of it.

use crate::acting::Footing;
use crate::commands::ground::Terms;
use crate::console::{Console, Ending, table};
use crate::{checkpoints, reconcile, staging};
use anyhow::{Context, bail, ensure};
use endcap_adapters::channels;
use endcap_adapters::database::{Alone, Taken, alone, is_kept};
use endcap_adapters::ledger::LedgerOutbox;
use endcap_agent::outbox::{Known, Patience, Stage, Waiting};
use endcap_agent::ports::Outbox;
use endcap_agent::send::{Round, Sender};
use endcap_govern::gate::Intent;
use endcap_govern::ladder::{Alarm, Field};
use endcap_model::Channel;
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

/// How long it waits after a failure before it tries again.
const AFTER_FAULT: Duration = Duration::from_secs(5);

/// For how long messages that break the same limit are one breach.
const ONE_BREACH: Duration = Duration::from_secs(3_600);

/// Send what was decided and is due, through the gate, and read back what the channels hold.
///
/// Ends when nothing can be done now; with --watch it goes on until it is stopped. It may be killed at any moment: the next one
/// finds out what had left. There is one sender to a project. What channels hold is held against what they must hold after
/// whatever was sent and, with --watch, every 15 minutes ([reconcile] in acting.toml); repairs that people asked for are
/// decided then (`endcap reconcile`).
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap send shop
  endcap send shop --watch
  endcap outbox shop --open

Exit status: 0 done, 1 something was held back, refused or is unclear (`endcap outbox` says what), or a channel holds
something else than it must (`endcap reconcile`), 2 bad input.")]
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
    /// Differences between what channels hold and what they must, where they were read after sending.
    drift: Option<usize>,
    /// Stages of everything that was decided, with their numbers.
    stages: BTreeMap<&'static str, usize>,
}

/// One message, for programs.
#[derive(Serialize)]
struct Row {
    /// Its number while it waits: a veto names it.
    number: Option<i64>,
    offer: Option<String>,
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
    /// When it leaves, while it waits for its time.
    leaves: Option<Timestamp>,
    /// Until when a person may veto it, where its rung asks for that.
    veto_until: Option<Timestamp>,
}

/// Runs `endcap send`.
pub fn send(args: &SendArgs, console: &Console) -> anyhow::Result<Ending> {
    let folder = &args.terms.folder;
    let mut place = OnlyOne::take(folder)?;
    // What is sent is recorded, so that whoever sends for long also sees to it that the trail is signed.
    let _notary = match args.watch {
        true => checkpoints::keep_signing(folder, |fault| eprintln!("audit trail: {fault}"))?,
        false => None,
    };
    let outbox = Footing::outbox(folder)?;
    let before = stages(&outbox.all()?);
    let mut run = Run {
        args,
        console,
        outbox,
        done: Round::default(),
        read: None,
        drift: None,
        harm: false,
        raised: BTreeMap::new(),
    };
    let mut begun = false;
    loop {
        match run.pass(&mut place) {
            Ok(Pass::Done) if !args.watch => break,
            Ok(Pass::Done | Pass::Again) => begun = true,
            Ok(Pass::Refused(reason)) if !begun || !args.watch => {
                console.result(&serde_json::json!({ "refused": reason }), |_| reason.clone())?;
                return Ok(Ending::Refused);
            }
            Err(error) if !begun || !args.watch => return Err(error),
            // A full disk, a server that restarts, a file that is being edited: nothing leaves, and it goes on once that is over.
            Ok(Pass::Refused(reason)) => run.rest(&mut place, &reason)?,
            Err(error) => run.rest(&mut place, &format!("{error:#}"))?,
        }
    }
    let Run { outbox, done, drift, harm, .. } = run;
    let after = stages(&outbox.all()?);
    let worse = ["held back", "refused", "unclear"].iter().any(|stage| after.get(stage) > before.get(stage));
    let worse = worse || drift.is_some_and(|drift| drift > 0);
    let sent = Sent { sent: done.sent, read_back: done.read, settled: done.settled, drift, stages: after };
    console.result(&sent, |sent| {
        let stages: Vec<String> = sent.stages.iter().map(|(stage, count)| format!("{count} {stage}")).collect();
        let stages = if stages.is_empty() { "nothing was decided: `endcap deploy`".into() } else { stages.join(", ") };
        let drift = match sent.drift {
            Some(drift) if drift > 0 => format!(" Channels differ in {drift}: `endcap reconcile` lists them."),
            _ => String::new(),
        };
        format!("{} sent, {} read back, {} settled. In all: {stages}.{drift}", sent.sent, sent.read_back, sent.settled)
    })?;
    Ok(if worse || harm { Ending::Refused } else { Ending::Done })
}

/// A sender at work.
struct Run<'a> {
    args: &'a SendArgs,
    console: &'a Console,
    outbox: LedgerOutbox,
    done: Round,
    /// When channels were read last; nothing while something was sent since.
    read: Option<Instant>,
    /// How often they differed then.
    drift: Option<usize>,
    harm: bool,
    raised: BTreeMap<Raised, Instant>,
}

/// How a pass ended.
enum Pass {
    Done,
    /// The machine fell to another rung: what is due is looked at anew.
    Again,
    Refused(String),
}

impl Run<'_> {
    /// Reads everything anew and sends what is due; while watching, for as long as what was read counts as new.
    fn pass(&mut self, place: &mut OnlyOne) -> anyhow::Result<Pass> {
        let (folder, watch) = (&self.args.terms.folder, self.args.watch);
        let mut footing = match Footing::open(&self.args.terms, self.console)? {
            Ok(footing) => footing,
            Err(reason) => return Ok(Pass::Refused(reason)),
        };
        if let Err(replaced) = footing.take(&mut self.outbox)? {
            return Ok(Pass::Refused(replaced));
        }
        for held in reconcile::decide_asked(&footing, &mut self.outbox, folder)? {
            self.console.note(format!("not repaired: {}: {}", held.what, held.reason));
        }
        let outlets = channels::open(folder)?;
        let promises = |channel: &Channel| outlets.get(channel).map(|outlet| outlet.promises()).unwrap_or_default();
        let reviewed = staging::reviewed(&mut footing, &mut self.outbox, &promises, self.console)?;
        self.harm |= !reviewed.stopped.is_empty();
        staging::alarms(&footing, folder, &mut self.outbox, self.console)?;
        let round = footing.with_sources(|sources| {
            let now = Timestamp::now;
            let ports = (&mut self.outbox as &mut dyn Outbox, sources as _);
            let mut sender = Sender::open(&footing.gate, Patience::default(), outlets, ports, &now, &|_| {})?;
            until_nothing_is_due(&mut sender, place, watch, &self.raised, self.console)
        })?;
        add(&mut self.done, &round);
        // After whatever was sent, and again and again: what somebody changes there tells nobody.
        let every = Duration::from_secs(u64::from(footing.acting.reconcile.every_minutes) * 60);
        if round.sent > 0 || watch && self.read.is_none_or(|read| read.elapsed() >= every) {
            self.read = None;
            let report = reconcile::read(folder, &mut self.outbox, None)?;
            reconcile::tell(&report, self.console);
            (self.read, self.drift) = (Some(Instant::now()), Some(report.findings.len()));
        }
        let fresh: Vec<Raised> = round.alarms.into_iter().filter(|alarm| is_new(alarm, &self.raised)).collect();
        for (field, alarm) in &fresh {
            let why = "what was to be sent was held back: the outbox says why";
            let fell = self.outbox.alarm(Some(std::slice::from_ref(field)), *alarm, why, Timestamp::now())?;
            staging::told(&fell, *alarm, self.console);
            self.raised.insert((field.clone(), *alarm), Instant::now());
        }
        Ok(if fresh.is_empty() { Pass::Done } else { Pass::Again })
    }

    /// Tells why nothing leaves, and waits before it is tried again.
    fn rest(&self, place: &mut OnlyOne, why: &str) -> anyhow::Result<()> {
        self.console.note(format!(
            "{:.0}: nothing leaves, tried again in {}s: {why}",
            Timestamp::now(),
            AFTER_FAULT.as_secs()
        ));
        std::thread::sleep(AFTER_FAULT);
        place.take_again(&self.args.terms.folder)
    }
}

/// Ends when nothing is due, or after a while when it is to go on.
fn until_nothing_is_due(
    sender: &mut Sender,
    place: &mut OnlyOne,
    watch: bool,
    raised: &BTreeMap<Raised, Instant>,
    console: &Console,
) -> anyhow::Result<Round> {
    let (mut all, began) = (Round::default(), Instant::now());
    loop {
        place.still()?;
        let round = sender.round()?;
        add(&mut all, &round);
        all.alarms.extend(round.alarms.iter().cloned());
        let busy = round.sent + round.read + round.settled > 0;
        if busy && watch {
            let Round { sent, read, settled, waiting, .. } = round;
            console.note(format!(
                "{:.0}: {sent} sent, {read} read back, {settled} settled, {waiting} wait",
                Timestamp::now()
            ));
        }
        // A fall of the machine is heeded at once.
        if all.alarms.iter().any(|alarm| is_new(alarm, raised)) || (!busy && (!watch || began.elapsed() > READ_ANEW)) {
            return Ok(all);
        }
        if !busy {
            std::thread::sleep(REST);
        }
    }
}

/// An alarm with where it was raised.
type Raised = (Field, Alarm);

/// Whether an alarm costs a rung: many messages that break the same limit are one breach.
fn is_new(alarm: &Raised, raised: &BTreeMap<Raised, Instant>) -> bool {
    raised.get(alarm).is_none_or(|at| at.elapsed() > ONE_BREACH)
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
    /// Holds the place until it is dropped, or its process ends.
    fn take(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("sender.lock");
        let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => bail!("{} has a sender already: stop it first", folder.display()),
            locked => locked.with_context(|| format!("{} cannot be locked", path.display()))?,
        }
        // Another machine has another folder, and may name the same schema.
        match alone(&folder.join("ledger.db"), "sender")? {
            Ok(schema) => Ok(Self { _folder: file, schema }),
            Err(Taken) => bail!("{} has a sender already, in another folder: stop it first", folder.display()),
        }
    }

    /// Fails where the place may be another's by now.
    fn still(&mut self) -> anyhow::Result<()> {
        self.schema.as_mut().map_or(Ok(()), Alone::still).context("the sender's place is lost")
    }

    /// Takes the place in the schema again where it was lost with the server; fails where another took it meanwhile.
    fn take_again(&mut self, folder: &Path) -> anyhow::Result<()> {
        if self.still().is_ok() {
            return Ok(());
        }
        match alone(&folder.join("ledger.db"), "sender") {
            Ok(Ok(schema)) => self.schema = schema,
            Ok(Err(Taken)) => bail!("{} has another sender by now", folder.display()),
            // The server is not there yet: the next pass says so.
            Err(_) => {}
        }
        Ok(())
    }
}

/// Runs `endcap outbox`.
pub fn outbox(args: &OutboxArgs, console: &Console) -> anyhow::Result<Ending> {
    ensure!(
        is_kept(&args.folder.join("ledger.db")),
        "{} has decided nothing yet: `endcap deploy`",
        args.folder.display()
    );
    let outbox = Footing::outbox(&args.folder)?;
    let sent = outbox.all()?.into_iter().filter_map(|(intent, known)| Some(row(&intent, Some(&known?))));
    let waiting = outbox.waiting()?;
    let rows = sent.chain(waiting.iter().map(waiting_row));
    let rows: Vec<Row> =
        rows.filter(|row| !args.open || !matches!(row.stage, "confirmed" | "superseded" | "void")).collect();
    console.result(&rows, |rows| {
        let titles =
            ["number", "offer", "channel", "place", "item", "action", "from", "until", "stage", "tries", "reason"];
        let mut shown = table(&titles);
        for row in rows {
            let time = |at: Timestamp| format!("{at:.0}");
            let until = row.until.map(time).unwrap_or_default();
            let reason = row.reason.as_deref().unwrap_or_default();
            let tries = row.tries.to_string();
            let number = row.number.map(|number| number.to_string()).unwrap_or_default();
            let offer = row.offer.as_deref().unwrap_or_default();
            let from = time(row.from);
            let (channel, place, sku) = (&row.channel, &row.place, &row.sku);
            let cells: [&str; 11] =
                [&number, offer, channel, place, sku, row.action, &from, &until, row.stage, &tries, reason];
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
        number: None,
        offer: intent.action.offer().map(str::to_owned),
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
        leaves: None,
        veto_until: None,
    }
}

/// Something whose time has not come, or never will.
fn waiting_row(waiting: &Waiting) -> Row {
    let vetoable = waiting.waits.veto_until.map(|until| format!("can be vetoed until {until:.0}"));
    let leaves = waiting.due.map(|due| format!("leaves at {due:.0}"));
    let words = waiting.waits.words().into_iter().map(|word| format!("waits for {word}"));
    let told = words.chain(vetoable).chain(leaves).collect::<Vec<_>>().join("; ");
    let (stage, reason) = match &waiting.void {
        Some(reason) => ("void", Some(reason.clone())),
        None => (stage(None).0, Some(told)),
    };
    Row {
        number: Some(waiting.number),
        stage,
        reason,
        leaves: waiting.due,
        veto_until: waiting.waits.veto_until,
        ..row(&waiting.intent, None)
    }
}

/// A stage in words, with its reason.
pub(crate) fn stage(known: Option<&Known>) -> (&'static str, Option<String>) {
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
