//! `endcap replay`: what the loop is in, worked out anew from its journal alone.

use crate::console::{Console, Ending, table};
use anyhow::ensure;
use endcap_adapters::database::is_kept;
use endcap_adapters::journal::{FILE_NAME, StoredJournal};
use endcap_agent::halt::Mode;
use endcap_agent::ports::Journal;
use endcap_agent::step::{State, step};
use endcap_model::{
    ContentHash, Decision, Event, PlanId, Receipt, SnapshotId, Verdict, canonical_json, hash_bytes, hash_json,
};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Events that are written together when a journal is made up.
const TOGETHER: usize = 20_000;

/// Work out from its journal alone what the loop is in: facts, model, forecast, plan, decision.
///
/// The chain of hashes is checked on the way. The same journal gives the same state, byte for byte, on every machine; `state_hash`
/// says whether two are the same.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap replay shop\n  endcap replay shop --json")]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Make up a journal of so many events in an empty folder first, to measure with.
    #[arg(long, hide = true, value_name = "EVENTS")]
    made_up: Option<u64>,
}

#[derive(Serialize)]
struct Replayed {
    events: usize,
    /// Seconds of reading, checking and replaying.
    seconds: f64,
    state_hash: ContentHash,
    mode: Mode,
    snapshot: Option<SnapshotId>,
    model: Option<ContentHash>,
    forecast: Option<ContentHash>,
    plan: Option<PlanId>,
    published: bool,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let path = args.folder.join(FILE_NAME);
    if let Some(events) = args.made_up {
        make_up(&path, events)?;
    }
    ensure!(is_kept(&path), "{} has no journal yet: `endcap plan` begins it", args.folder.display());
    let begun = Instant::now();
    let events = StoredJournal::open(&path, Timestamp::now)?.read()?;
    let state = events.iter().fold(State::default(), |state, event| step(state, event).0);
    let replayed = Replayed {
        events: events.len(),
        seconds: begun.elapsed().as_secs_f64(),
        state_hash: hash_bytes(canonical_json(&state).as_bytes()),
        mode: state.mode,
        snapshot: state.snapshot,
        model: state.model,
        forecast: state.forecast,
        plan: state.plan,
        published: state.receipt.is_some(),
    };
    console.result(&replayed, |replayed| {
        let mut rows = table(&["state", replayed.state_hash.short()]);
        let text = |value: &Option<ContentHash>| value.as_ref().map_or("none", |hash| hash.short()).to_owned();
        rows.add_row(["events", &replayed.events.to_string()]);
        rows.add_row(["facts", &replayed.snapshot.as_ref().map_or("none".to_owned(), ToString::to_string)]);
        rows.add_row(["model", &text(&replayed.model)]);
        rows.add_row(["forecast", &text(&replayed.forecast)]);
        rows.add_row(["plan", &replayed.plan.as_ref().map_or("none".to_owned(), ToString::to_string)]);
        rows.add_row(["published", if replayed.published { "yes" } else { "no" }]);
        format!("{rows}\n{} events replayed in {:.2} s", replayed.events, replayed.seconds)
    })?;
    Ok(Ending::Done)
}

/// Writes a journal of runs from facts to a published plan.
fn make_up(path: &Path, events: u64) -> anyhow::Result<()> {
    ensure!(!path.exists(), "{} is there already: name an empty folder", path.display());
    let mut journal = StoredJournal::open(path, Timestamp::now)?;
    let mut all = (0u64..).flat_map(one_run).take(usize::try_from(events)?).peekable();
    while all.peek().is_some() {
        let some: Vec<Event> = all.by_ref().take(TOGETHER).collect();
        journal.append_all(&some)?;
    }
    Ok(())
}

fn one_run(number: u64) -> Vec<Event> {
    let hash = |what: &str| hash_json(&(what, number));
    let plan = PlanId::new(hash("plan").short());
    let decision = Decision { content: hash("plan"), policy: hash("policy"), verdict: Verdict::Approved, signed: None };
    let receipt = Receipt { key: plan.to_string(), connector: "file_drop".to_owned(), content: hash("sent") };
    vec![
        Event::Ingested { snapshot: SnapshotId::new(hash("facts").as_str()), rows_read: number, rows_set_aside: 0 },
        Event::Checked { ready: 3, not_ready: 1 },
        Event::Fitted { model: hash("estimates") },
        Event::Backtested { backtest: hash("backtest") },
        Event::Adjusted { model: hash("model"), edits: vec![] },
        Event::Forecast { forecast: hash("forecast") },
        Event::Projected { projection: hash("projection") },
        Event::Planned { plan: plan.clone(), value: 100, bound: 101 },
        Event::Supplied { plan: plan.clone(), orders: 3, transfers: 1 },
        Event::Stressed { plan: plan.clone(), outcome: hash("outcome") },
        Event::Judged { plan: plan.clone(), decision },
        Event::Published { plan, receipt },
    ]
}
