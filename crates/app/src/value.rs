//! The value ledger of a project: published plans, what came of them, and what roll-outs told.

use endcap_adapters::database::is_kept;
use endcap_adapters::journal::StoredJournal;
use endcap_adapters::tables::read_json;
use endcap_agent::ground::Ground;
use endcap_agent::ports::Journal;
use endcap_agent::rollout::Rollouts;
use endcap_agent::value::{Published, ValueLedger, value_ledger};
use endcap_demand::Analysis;
use endcap_model::{Event, Period, Plan};
use std::collections::BTreeSet;
use std::path::Path;

/// Plans that were published, in order, with whether people had to sign them.
pub struct Plans(Vec<(Plan, bool)>);

/// Reads the published plans of a project; `signed` names those that people signed at the desk or by a key.
pub fn plans(folder: &Path, signed: &BTreeSet<String>) -> anyhow::Result<Plans> {
    let path = folder.join("journal.db");
    if !is_kept(&path) {
        return Ok(Plans(vec![]));
    }
    let (mut by_hand, mut plans) = (BTreeSet::new(), vec![]);
    for event in StoredJournal::open(&path, jiff::Timestamp::now)?.read()? {
        match event {
            Event::Judged { plan, decision } if decision.signed.is_some() => drop(by_hand.insert(plan.to_string())),
            Event::Published { plan, .. } => {
                let file = folder.join("plans").join(plan.as_str()).join("plan.json");
                if file.is_file() {
                    let is_signed = by_hand.contains(plan.as_str()) || signed.contains(plan.as_str());
                    plans.push((read_json(&file)?, is_signed));
                }
            }
            _ => {}
        }
    }
    Ok(Plans(plans))
}

/// Sets what plans promised beside what came.
pub fn ledger(plans: &Plans, ground: &Ground, analysis: &Analysis, rollouts: &Rollouts) -> ValueLedger {
    let panel = &ground.facts.panel;
    let until = panel.span().map_or(Period(i32::MIN), |span| span.end);
    let published: Vec<Published> = plans.0.iter().map(|(plan, signed)| Published { plan, signed: *signed }).collect();
    value_ledger(&published, &analysis.events, rollouts, (panel.calendar(), until))
}
