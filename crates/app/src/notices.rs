//! Notices of a project: what those who watch see, what follows, and who is told.

use crate::commands::flight::LATEST;
use anyhow::Context;
use endcap_adapters::database::is_kept;
use endcap_adapters::facts::Store;
use endcap_adapters::journal::StoredJournal;
use endcap_adapters::ledger::Ledger;
use endcap_adapters::notices::Settings;
use endcap_adapters::quarantine;
use endcap_adapters::tables::read_json;
use endcap_agent::board::board_supply;
use endcap_agent::ground::Ground;
use endcap_agent::halt::Mode;
use endcap_agent::notices::{
    Notice, Seen, Sent, Signal, Step, Terms, after, data_signals, escalated, flight_signals, halt_signal,
    message_signals, reconcile_signals, rollout_signals, silent_signal, step, supply_signals, tellings, unusual_sales,
};
use endcap_agent::outbox::Heard;
use endcap_agent::ports::Journal;
use endcap_ingest::doubt::Answers;
use endcap_model::{Currency, Event, Offer, Sku};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;

/// Tellings that one round sends at most, so that a round ends.
const TOLD_AT_ONCE: usize = 100;

/// All that a source sees.
#[derive(Clone, Debug)]
pub struct Look {
    source: &'static str,
    signals: Vec<Signal>,
}

/// What is seen in the project's folder: data, feeds, the loop.
pub fn of_files(folder: &Path, now: Timestamp) -> anyhow::Result<Vec<Look>> {
    let store = Store::open(folder)?;
    let mut looks = vec![];
    if let Some(snapshot) = store.latest(None)? {
        let (rows, answers) = (quarantine::rows(folder, &snapshot)?, quarantine::answers(folder)?);
        let answers = Answers::new(&answers);
        let waiting =
            rows.iter().filter(|(kind, row)| row.sku.is_some() && answers.of(&row.key(*kind)).is_none()).count();
        looks.push(Look { source: "data", signals: data_signals(&snapshot.alarms, waiting) });
        looks.push(Look { source: "feeds", signals: silent_signal(&store.loads()?, now).into_iter().collect() });
    }
    let journal = folder.join("journal.db");
    if is_kept(&journal) {
        let halted = match Mode::of(&StoredJournal::open(&journal, Timestamp::now)?.read()?) {
            Mode::Halted { halt } => Some(halt.reason),
            _ => None,
        };
        looks.push(Look { source: "loop", signals: halt_signal(halted.as_deref()).into_iter().collect() });
    }
    let latest = folder.join(LATEST);
    if latest.is_file() {
        looks.push(Look { source: "flight", signals: flight_signals(&read_json(&latest)?) });
    }
    Ok(looks)
}

/// The plan that was published last; nothing where none was.
pub fn plan_in_force(folder: &Path) -> anyhow::Result<Option<String>> {
    let journal = folder.join("journal.db");
    if !is_kept(&journal) {
        return Ok(None);
    }
    let events = StoredJournal::open(&journal, Timestamp::now)?.read()?;
    Ok(events.into_iter().rev().find_map(|event| match event {
        Event::Published { plan, .. } => Some(plan.to_string()),
        _ => None,
    }))
}

/// What is seen in the ledger: channels, messages, roll-outs.
pub async fn of_ledger(ledger: &Ledger, plan_in_force: Option<&str>) -> anyhow::Result<Vec<Look>> {
    let (findings, all, rollouts) =
        (ledger.open_findings().await?, ledger.everything().await?, ledger.rollouts().await?);
    let known = all.iter().filter_map(|(intent, known)| Some((intent, known.as_ref()?)));
    Ok(vec![
        Look { source: "channels", signals: reconcile_signals(&findings) },
        Look { source: "messages", signals: message_signals(known) },
        Look { source: "rollout", signals: rollout_signals(&rollouts, plan_in_force) },
    ])
}

/// What is seen in the facts: the supply behind offers, and sales beside what is usual.
pub fn of_ground(ground: &Ground, offers: &[Offer]) -> anyhow::Result<Vec<Look>> {
    let price = |sku: &Sku| ground.items.get(sku).map_or(0, |item| item.list_price);
    let supply = board_supply(ground, &ground.scenario, offers).context("the supply cannot be looked at")?;
    Ok(vec![
        Look { source: "supply", signals: supply_signals(&supply.alerts) },
        Look { source: "sales", signals: unusual_sales(&ground.facts, &price) },
    ])
}

/// Takes what was seen; returns what became of notices.
pub async fn round(
    ledger: &Ledger,
    settings: &Settings,
    looks: &[Look],
    now: Timestamp,
) -> anyhow::Result<Vec<(Notice, Step)>> {
    let mut steps = vec![];
    for Look { source, signals } in looks {
        let seen = Seen { source, signals, whole: true };
        let change = |open: &[Notice]| step(open, &seen, &settings.judging, now);
        steps.extend(ledger.revise_notices(&settings.receivers, now, change).await?);
    }
    let escalate = |open: &[Notice]| {
        escalated(open, &settings.judging, now).into_iter().map(|(notice, step)| (notice, Some(step))).collect()
    };
    steps.extend(ledger.revise_notices(&settings.receivers, now, escalate).await?);
    Ok(steps)
}

/// Tells receivers what they have not been told; returns what was tried, with how it ended.
pub async fn deliver(
    ledger: &Ledger,
    settings: &Arc<Settings>,
    currency: Currency,
    now: fn() -> Timestamp,
) -> anyhow::Result<Vec<(String, Sent)>> {
    let at = now();
    let made = ledger.make_tellings(&settings.receivers, at, |receiver, due, traffic, mutes| {
        let terms = Terms { quiet: &settings.quiet, mutes, currency, desk: settings.desk.as_deref() };
        tellings(receiver, due, traffic, &terms, at)
    });
    made.await?;
    let mut tried = vec![];
    while tried.len() < TOLD_AT_ONCE {
        let Some(sending) = ledger.take_telling(now()).await? else { break };
        let (key, receiver) = (sending.telling.key.clone(), sending.telling.receiver.clone());
        let voices = settings.clone();
        // Whether an earlier try arrived is not known: only who knows the key may be asked again.
        let doubtful = sending.in_doubt && !settings.knows_key(&receiver);
        let (heard, knows_key) = match doubtful {
            true => (Heard::Silence, false),
            false => tokio::task::spawn_blocking(move || voices.tell(&sending.telling)).await?,
        };
        let sent = after(&heard, sending.tries, knows_key, now());
        ledger.settle_telling(&key, &sent, now()).await?;
        tried.push((receiver, sent));
    }
    Ok(tried)
}
