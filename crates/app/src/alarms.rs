//! What facts alarm: it is told, items wait for an answer, and the machine falls to where a person sends.

use crate::commands::audit;
use crate::commands::serve::runtime;
use endcap_adapters::database::is_kept;
use endcap_adapters::facts::{Snapshot, Store};
use endcap_adapters::ledger::{FILE_NAME, Ledger};
use endcap_adapters::project::Project;
use endcap_adapters::quarantine;
use endcap_agent::ground::Ground;
use endcap_agent::quarantined::{Quarantined, Reach};
use endcap_govern::ladder::Alarm as Fall;
use endcap_ingest::doubt::{Alarm, Answers};
use endcap_model::Period;
use jiff::Timestamp;
use std::path::Path;

/// Which items at which places wait for an answer, by the facts that plans are made from.
pub fn quarantined(folder: &Path, ground: &Ground) -> anyhow::Result<Quarantined> {
    let snapshot = Store::open(folder)?.snapshot(&ground.snapshot)?;
    let answers = quarantine::answers(folder)?;
    let rules = Project::read(folder)?.plausibility.unwrap_or_default();
    let last = ground.facts.panel.span().map_or(Period(i32::MIN), |span| span.end.plus(-1));
    let reach = Reach { calendar: snapshot.calendar, last, periods: rules.hold_periods };
    Ok(Quarantined::of(&quarantine::rows(folder, &snapshot)?, &snapshot.alarms, &Answers::new(&answers), reach))
}

/// Lets the machine fall in every field where facts are under alarm that move plans, each with its record. Returns how often.
pub fn raise(folder: &Path, snapshot: &Snapshot, now: Timestamp) -> anyhow::Result<usize> {
    let alarms: Vec<&Alarm> = snapshot.alarms.iter().filter(|alarm| alarm.holds_the_model()).collect();
    let path = folder.join(FILE_NAME);
    if alarms.is_empty() || !is_kept(&path) {
        return Ok(0);
    }
    let why = alarms.iter().map(|alarm| alarm.to_string()).collect::<Vec<_>>().join("; ");
    let fell = runtime()?.block_on(async {
        let ledger = Ledger::open(&path, audit::random).await?;
        let fell = ledger.alarm(None, Fall::Data, &why, now).await;
        ledger.close().await;
        fell
    })?;
    Ok(fell.len())
}

/// What is told of the alarms of facts, a line each.
pub fn told(snapshot: &Snapshot) -> Vec<String> {
    let line = |alarm: &Alarm| {
        let held =
            if alarm.holds_the_model() { "; no model learns from these facts until that is answered" } else { "" };
        format!("{alarm}{held}")
    };
    snapshot.alarms.iter().map(line).collect()
}
