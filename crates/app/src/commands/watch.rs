//! `endcap watch`: takes feeds, loads what came and runs the loop, until it is told to stop.

use crate::commands::deploy::{Deployed, deployed};
use crate::commands::flight::{Adopt, flown};
use crate::commands::ground::{Terms, in_force};
use crate::commands::ingest;
use crate::commands::plan::told;
use crate::commands::serve::runtime;
use crate::console::{Console, Ending};
use crate::feeds::alarms;
use crate::project::Run;
use crate::watch::{Book, Happened, Intake, Known};
use crate::{checkpoints, project};
use anyhow::{Context, bail, ensure};
use endcap_adapters::facts::Store;
use endcap_adapters::project::Project;
use endcap_adapters::records::Records;
use endcap_agent::schedule::{ScheduleSettings, Standing, Task, pause};
use endcap_model::{Event, FactKind, PlanId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// How often it looks at what is due.
const LOOK: Duration = Duration::from_millis(500);

/// How often it looks whether a feed has fallen silent.
const LISTEN: Duration = Duration::from_secs(10);

/// Take feeds, load what came and run the loop by itself, until told to stop.
///
/// endcap.toml says under `feed` what comes in and under `schedule` when what is done; docs/feeds.md tells both. It may be killed at
/// any moment: the next one goes on where it stopped, nothing is lost and nothing counts twice. What fails is tried again, with
/// pauses that grow. There is one to a project. What was planned leaves as ever: `endcap deploy`, `endcap send --watch`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap watch shop
  endcap watch shop --shadow
  endcap watch shop --feeds-only --drain --json

With --json each thing that happens is one line of JSON on standard output.
Exit status: 0 told to stop, or with --drain all is taken and done; 1 a plan was refused; 2 bad input, or with --drain a feed that
cannot be read.")]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Plan and judge as ever; publish nothing and ask nobody.
    #[arg(long)]
    shadow: bool,
    /// Take feeds and do nothing else.
    #[arg(long)]
    feeds_only: bool,
    /// End once the feeds are empty and nothing is due.
    #[arg(long)]
    drain: bool,
}

/// Something that happened, for programs.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    /// A feed brought messages.
    Feed {
        at: Timestamp,
        feed: &'a str,
        messages: usize,
        new: usize,
        replaced: usize,
        repeated: usize,
        set_aside: usize,
    },
    /// Something that people should know.
    Notice { at: Timestamp, notice: &'a str },
    /// Facts were loaded.
    Loaded { at: Timestamp, schedule: &'a str, snapshot: &'a str },
    /// The loop ran.
    Planned { at: Timestamp, schedule: &'a str, status: &'a str, plan: Option<String>, reasons: Vec<String> },
    /// The plan in force was looked at, and changes are proposed; both are missing where no plan was published. What became of
    /// them where they were to take over.
    Flown {
        at: Timestamp,
        schedule: &'a str,
        proposal: Option<PlanId>,
        changes: Option<usize>,
        status: Option<&'static str>,
        reasons: Vec<String>,
    },
    /// What the plan in force asks of each channel was decided; a plan that may not be acted on says why.
    Deployed {
        at: Timestamp,
        schedule: &'a str,
        #[serde(flatten)]
        deployed: Option<&'a Deployed>,
        refused: Option<&'a str>,
    },
    /// Something failed and is tried again.
    Failed { at: Timestamp, what: &'a str, reason: &'a str, again_in_seconds: i64 },
    /// It ends.
    Ended { at: Timestamp, messages: usize, new: usize, repeated: usize, set_aside: usize },
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let project = Project::read_configured(&args.folder)?;
    ensure!(
        !project.feed.is_empty() || !args.feeds_only && !project.schedule.is_empty(),
        "{}/endcap.toml names no [[feed]]{}: there is nothing to watch (docs/feeds.md)",
        args.folder.display(),
        if args.feeds_only { "" } else { " and no [[schedule]]" }
    );
    let _alone = only_one(&args.folder)?;
    let runtime = runtime()?;
    let records = runtime.block_on(Records::open(&args.folder))?;
    // What is published is recorded, so that whoever goes on for long also sees to it that the trail is signed.
    let _notary = match args.drain || args.feeds_only {
        false => checkpoints::keep_signing(&args.folder, |fault| eprintln!("audit trail: {fault}"))?,
        true => None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let raise = stop.clone();
    // Asked twice, it ends at once: whatever it does may be cut off.
    ctrlc::set_handler(move || {
        if raise.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("it cannot be told to stop")?;
    let intake = Intake::start(&args.folder, &project, (&records, runtime.handle()), args.drain)?;
    let mut watch = Watch {
        args,
        console,
        project,
        book: Book::open(&args.folder)?,
        known: Known::default(),
        told: BTreeSet::new(),
        sums: Sums::default(),
        refused: false,
    };
    let ended = watch.until(&stop, intake, &runtime, &records);
    let Sums { messages, new, repeated, set_aside } = watch.sums;
    let line = Line::Ended { at: Timestamp::now(), messages, new, repeated, set_aside };
    watch.say(&line, || {
        format!("ended: {messages} messages, {new} records new, {repeated} known before, {set_aside} set aside")
    })?;
    ended?;
    Ok(if watch.refused { Ending::Refused } else { Ending::Done })
}

/// What came in all.
#[derive(Clone, Copy, Default)]
struct Sums {
    messages: usize,
    new: usize,
    repeated: usize,
    set_aside: usize,
}

/// A watch at work.
struct Watch<'a> {
    args: &'a Args,
    console: &'a Console,
    project: Project,
    book: Book,
    known: Known,
    /// Alarms of feeds that were told and go on.
    told: BTreeSet<String>,
    sums: Sums,
    refused: bool,
}

impl Watch<'_> {
    fn until(
        &mut self,
        stop: &AtomicBool,
        mut intake: Intake,
        runtime: &tokio::runtime::Runtime,
        records: &Records,
    ) -> anyhow::Result<()> {
        let mut failed = None;
        let mut listened: Option<Instant> = None;
        self.refresh(&intake);
        while !stop.load(Ordering::Relaxed) {
            let looked = Instant::now();
            loop {
                let left = LOOK.saturating_sub(looked.elapsed());
                match intake.happened.recv_timeout(left) {
                    Ok(happened) => failed = self.feed(happened, &mut intake)?.or(failed),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        // No feed, or none any more: schedules go on.
                        std::thread::sleep(LOOK.saturating_sub(looked.elapsed()));
                        break;
                    }
                }
            }
            let mut busy = false;
            if !self.args.feeds_only {
                busy = self.scheduled(stop, || Ok(runtime.block_on(records.last())?))?;
                if busy {
                    self.refresh(&intake);
                }
            }
            if !self.args.drain && listened.is_none_or(|at| at.elapsed() >= LISTEN) {
                self.listen(runtime.block_on(alarms(&self.args.folder, Timestamp::now())))?;
                listened = Some(Instant::now());
            }
            if self.args.drain && intake.open == 0 && !busy {
                break;
            }
        }
        intake.end();
        match failed {
            Some(why) => bail!("{why}"),
            None => Ok(()),
        }
    }

    /// Tells what a feed did; returns the failure that it ended with.
    fn feed(&mut self, happened: Happened, intake: &mut Intake) -> anyhow::Result<Option<String>> {
        let at = Timestamp::now();
        match happened {
            Happened::Took(feed, turn) => {
                self.sums.messages += turn.messages;
                self.sums.new += turn.new + turn.replaced;
                self.sums.repeated += turn.repeated;
                self.sums.set_aside += turn.aside;
                let line = Line::Feed {
                    at,
                    feed: &feed,
                    messages: turn.messages,
                    new: turn.new,
                    replaced: turn.replaced,
                    repeated: turn.repeated,
                    set_aside: turn.aside,
                };
                let aside = match turn.aside {
                    0 => String::new(),
                    aside => format!(", {aside} set aside (`endcap feeds --aside 20` shows them)"),
                };
                if turn.messages > 0 {
                    self.say(&line, || {
                        format!("{feed}: {} messages, {} new{aside}", turn.messages, turn.new + turn.replaced)
                    })?;
                }
                for notice in &turn.told {
                    self.say(&Line::Notice { at, notice }, || notice.clone())?;
                }
            }
            Happened::Failed(feed, reason, again_in_seconds) => {
                let line = Line::Failed { at, what: &feed, reason: &reason, again_in_seconds };
                self.say(&line, || format!("{feed}: tried again in {again_in_seconds}s: {reason}"))?;
            }
            Happened::Recovered(feed) => {
                let notice = format!("{feed}: its source can be read again");
                self.say(&Line::Notice { at, notice: &notice }, || notice.clone())?;
            }
            Happened::Ended(feed, why) => {
                intake.open = intake.open.saturating_sub(1);
                return Ok(why.map(|why| format!("feed '{feed}': {why}")));
            }
        }
        Ok(None)
    }

    /// Does what is due; true where anything was.
    fn scheduled(&mut self, stop: &AtomicBool, last: impl Fn() -> anyhow::Result<i64>) -> anyhow::Result<bool> {
        let schedules = self.project.schedule.clone();
        let read = |what, sku: &_, place: &_| self.known.read(what, sku, place);
        let standing = Standing { now: Timestamp::now(), last_record: last()?, read: &read };
        let due = self.book.due(&schedules, &standing)?;
        for schedule in schedules.iter().filter(|schedule| due.contains(&schedule.name)) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let before = last()?;
            let went = self.done(schedule);
            let at = Timestamp::now();
            let failures = self.book.note(schedule, went.is_ok(), (at, before))?;
            if let Err(error) = went {
                let (reason, again) = (format!("{error:#}"), pause(failures).as_secs());
                let line = Line::Failed { at, what: &schedule.name, reason: &reason, again_in_seconds: again };
                self.say(&line, || format!("{}: tried again in {again}s: {reason}", schedule.name))?;
                ensure!(!self.args.drain, "schedule '{}': {reason}", schedule.name);
            }
        }
        Ok(!due.is_empty())
    }

    /// Does one thing.
    fn done(&mut self, schedule: &ScheduleSettings) -> anyhow::Result<()> {
        if schedule.run == Task::Deploy {
            return self.deploy(schedule);
        }
        let folder = &self.args.folder;
        let first = ingest::load(folder, Timestamp::now(), self.console)?;
        let Event::Ingested { snapshot, .. } = &first else { return Ok(()) };
        let line = Line::Loaded { at: Timestamp::now(), schedule: &schedule.name, snapshot: snapshot.as_str() };
        self.say(&line, || format!("{}: facts {snapshot} are loaded", schedule.name))?;
        let sales = Store::open(folder)?.snapshot(snapshot)?.tables.get(&FactKind::Sales).map(|of| of.counts.loaded);
        if schedule.run == Task::Load || sales.unwrap_or(0) == 0 {
            return Ok(());
        }
        match schedule.run {
            Task::Flight => return self.fly(schedule, Adopt::No),
            Task::Adopt => return self.fly(schedule, Adopt::Yes { shadow: self.args.shadow }),
            Task::Load | Task::Plan | Task::Deploy => {}
        }
        let (scenario, policy) = (folder.join("scenario.toml"), folder.join("policy.toml"));
        let run = Run {
            folder,
            scenario: &scenario,
            policy: &policy,
            seed: 1,
            solve: endcap_plan::solve::Settings::default(),
            by: None,
            shadow: self.args.shadow,
        };
        let finished: project::Finished = run.run(first, self.console)?;
        let plan = finished.made.as_ref().map(|made| made.plan.id.to_string());
        let (status, reasons) = told(finished.ended);
        self.refused |= matches!(status, "refused" | "halted");
        let named = plan.clone().unwrap_or_else(|| "no plan".to_owned());
        let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
        let line = Line::Planned { at: Timestamp::now(), schedule: &schedule.name, status, plan, reasons };
        self.say(&line, || format!("{}: {named} {status}{why}", schedule.name))
    }

    /// Looks at the plan that runs; changes take over where they are to and may.
    fn fly(&mut self, schedule: &ScheduleSettings, adopt: Adopt) -> anyhow::Result<()> {
        let folder = &self.args.folder;
        let flown = in_force(folder)?.map(|_| flown(folder, adopt, self.console)).transpose()?;
        let (reading, adopted) = flown.unzip();
        let (proposal, changes) = reading.map(|reading| (reading.proposal, reading.tweaks.len())).unzip();
        let (status, reasons) = adopted.flatten().map(|adopted| (adopted.status, adopted.reasons)).unzip();
        let reasons = reasons.unwrap_or_default();
        self.refused |= matches!(status, Some("refused" | "halted"));
        let became: String = status
            .iter()
            .map(|status| (*status).to_owned())
            .chain(reasons.clone())
            .map(|word| format!(": {word}"))
            .collect();
        let told = match (&proposal, changes) {
            (Some(proposal), Some(changes)) => {
                format!("{changes} changes to the plan that runs, proposal {proposal}{became}")
            }
            _ => "no plan was published yet".to_owned(),
        };
        let line = Line::Flown { at: Timestamp::now(), schedule: &schedule.name, proposal, changes, status, reasons };
        self.say(&line, || format!("{}: {told}", schedule.name))
    }

    /// Decides what the plan in force asks of each channel.
    fn deploy(&self, schedule: &ScheduleSettings) -> anyhow::Result<()> {
        let (folder, name) = (&self.args.folder, &schedule.name);
        let done = match (self.args.shadow, in_force(folder)?) {
            (true, _) => Err("in shadow nothing is decided".to_owned()),
            (_, None) => Err("no plan was published yet".to_owned()),
            _ => deployed(&Terms::of(folder.clone()), false, self.console)?,
        };
        let told = match &done {
            Ok(Deployed { decided, kept, taken_back, held_back, .. }) => {
                let held_back = held_back.len();
                format!(
                    "{decided} messages decided, {kept} offers stay, {taken_back} taken back, {held_back} held back"
                )
            }
            Err(reason) => reason.clone(),
        };
        let (deployed, refused) = (done.as_ref().ok(), done.as_ref().err());
        let line =
            Line::Deployed { at: Timestamp::now(), schedule: name, deployed, refused: refused.map(String::as_str) };
        self.say(&line, || format!("{name}: {told}"))
    }

    /// Tells alarms of feeds once when they come, and once when they are over.
    fn listen(&mut self, alarms: Vec<(String, String)>) -> anyhow::Result<()> {
        let at = Timestamp::now();
        let mut now = BTreeSet::new();
        for (feed, alarm) in alarms {
            // Figures in an alarm rise with time: it is the same alarm.
            let begins = format!("feed '{feed}' ");
            let what = alarm.strip_prefix(&begins).unwrap_or(&alarm).split(|letter: char| letter.is_ascii_digit());
            let what = what.take(1).collect::<String>();
            let what = what.trim_end().trim_end_matches(" for").trim_end_matches(" since");
            let key = format!("{begins}{what}");
            if !self.told.contains(&key) {
                self.say(&Line::Notice { at, notice: &alarm }, || alarm.clone())?;
            }
            now.insert(key);
        }
        for over in self.told.difference(&now) {
            let notice = format!("{over}: that is over");
            self.say(&Line::Notice { at, notice: &notice }, || notice.clone())?;
        }
        self.told = now;
        Ok(())
    }

    /// Reads what the facts say where somebody asks for it.
    fn refresh(&mut self, intake: &Intake) {
        let whole = self.project.schedule.iter().any(|schedule| !schedule.when.is_empty());
        match self.known.refresh(&self.args.folder, whole) {
            Ok(()) => intake.know(self.known.items()),
            // The loop goes on without: what is not known starts nothing, and no item counts as unknown.
            Err(error) => self.console.note(format!("the facts cannot be read: {error:#}")),
        }
    }

    /// One line: JSON on standard output, or text on standard error.
    fn say(&self, line: &Line, text: impl Fn() -> String) -> anyhow::Result<()> {
        self.console.note(format!("{:.0}: {}", Timestamp::now(), text()));
        if self.console.is_json() { self.console.text(&serde_json::to_string(line)?) } else { Ok(()) }
    }
}

/// Holds the place of the one watch of a project until it is dropped, or its process ends.
fn only_one(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("watch.lock");
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => bail!("{} is watched already: stop that first", folder.display()),
        locked => locked.with_context(|| format!("{} cannot be locked", path.display()))?,
    }
    Ok(file)
}
