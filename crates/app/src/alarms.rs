//! What facts alarm: it is told, items wait for an answer, and the machine falls to where a person sends.

use crate::commands::audit;
use crate::commands::serve::runtime;
use endcap_adapters::facts::{Snapshot, Store};
use endcap_adapters::ledger::{FILE_NAME, Ledger, LedgerError, Move};
use endcap_adapters::project::Project;
use endcap_adapters::quarantine;
use endcap_agent::ground::Ground;
use endcap_agent::quarantined::{Quarantined, Reach};
use endcap_govern::audit::Told;
use endcap_govern::ladder::{Alarm as Fall, Ladder};
use endcap_ingest::doubt::{Alarm, Answers};
use endcap_model::Period;
use jiff::Timestamp;
use std::convert::Infallible;
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
    if alarms.is_empty() || !path.is_file() {
        return Ok(0);
    }
    Ok(runtime()?.block_on(fall(&path, &alarms, now))?)
}

async fn fall(ledger: &Path, alarms: &[&Alarm], now: Timestamp) -> Result<usize, LedgerError> {
    let ledger = Ledger::open(ledger, audit::random).await?;
    let (before, mut fallen) = (ledger.ladder().await?, 0);
    for (field, rung) in before.rungs() {
        let reasons = alarms.iter().map(|alarm| Told::open(alarm.to_string())).collect();
        let wanted = Move { field: field.clone(), by: Told::open("endcap"), reasons, at: now };
        let lower = |ladder: &Ladder| Ok::<_, Infallible>(ladder.fall(field, Fall::Data, now));
        let Ok(after) = ledger.move_to_rung(wanted, lower).await?;
        fallen += usize::from(after.autonomy(field) < rung.autonomy);
    }
    ledger.close().await;
    Ok(fallen)
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
