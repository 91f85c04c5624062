//! What decisions of a plan wait for, and what a sender does with those that wait each time it has read everything anew.

use crate::acting::Footing;
use crate::console::Console;
use anyhow::Context;
use endcap_adapters::ledger::LedgerOutbox;
use endcap_agent::halt::Mode;
use endcap_agent::outbox::{Promises, StageOf, Waits};
use endcap_agent::ports::{Journal, Outbox};
use endcap_agent::review::{Reviewed, Terms, is_due, review};
use endcap_agent::rollout::{Rollout, begin, plan_of};
use endcap_agent::send::field_of;
use endcap_agent::standings::Sources;
use endcap_govern::gate::Intent;
use endcap_govern::ladder::{Alarm, Field};
use endcap_model::{Channel, ContentHash, Forecast, Plan, later};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::path::Path;

/// The roll-out of a plan: the one that has begun, else the one that it would begin with; nothing where policy wants no stages or
/// there are no stores to stage.
pub fn rollout_of(footing: &Footing, plan: &Plan, folder: &Path, now: Timestamp) -> anyhow::Result<Option<Rollout>> {
    if let Some(known) = footing.rollouts.of(plan.id.as_str()) {
        return Ok(Some(known.clone()));
    }
    let rules = footing.rollout_rules();
    if rules.stages.len() < 2 || footing.acting.prices_to.is_empty() {
        return Ok(None);
    }
    let path = folder.join("plans").join(plan.id.as_str()).join("forecast.json");
    let forecast: Option<Forecast> = match path.try_exists() {
        Ok(true) => Some(endcap_adapters::tables::read_json(&path)?),
        _ => None,
    };
    let places = i64::try_from(footing.ground.facts.regions.len()).unwrap_or(i64::MAX);
    let canary_max = footing.gate.limits().places_before_reading_max.of(places);
    let begun = begin(plan, forecast.as_ref(), &footing.ground, &rules, canary_max);
    let is_staged = begun.stages.len() > 1;
    let plan = plan.id.to_string();
    Ok(is_staged.then_some(Rollout { plan, begun, opened: vec![now], last: None, stopped: None }))
}

/// What an intent waits for beside its time.
pub fn waits_of(
    intent: &Intent,
    rollout: Option<&Rollout>,
    (footing, sources): (&Footing, &Sources),
    proposal: &ContentHash,
    now: Timestamp,
) -> Waits {
    let offered = intent.action.new_price().is_some() && intent.action.offer().is_some();
    let of_plan = rollout.filter(|one| intent.action.offer().and_then(plan_of) == Some(&one.plan));
    let stage = of_plan.and_then(|one| {
        let stage = one.stage_of(&intent.place).filter(|stage| *stage > one.stage())?;
        Some(StageOf { plan: one.plan.clone(), stage })
    });
    let conditions = if offered { footing.conditions.of(&intent.sku, &intent.place) } else { vec![] };
    let veto = sources.veto(intent, sources.signed.contains(proposal));
    Waits { stage, conditions, veto_until: veto.map(|wait| later(now, wait)) }
}

/// Does what follows from the facts for what waits, and tells people of it.
pub fn reviewed(
    footing: &mut Footing,
    outbox: &mut LedgerOutbox,
    promises: &dyn Fn(&Channel) -> Promises,
    console: &Console,
) -> anyhow::Result<Reviewed> {
    let mut reviewed = Reviewed::default();
    if !is_due(&outbox.waiting()?, &outbox.rollouts()?, &footing.ground.facts) {
        return Ok(reviewed);
    }
    let (now, zones) = (Timestamp::now(), footing.zones());
    footing.with_sources(|sources| {
        let veto = |intent: &Intent, proposal: Option<&ContentHash>| {
            sources.veto(intent, proposal.is_some_and(|proposal| sources.signed.contains(proposal)))
        };
        let ground = &footing.ground;
        let terms = Terms {
            agent: &footing.acting.agent,
            facts: &ground.facts,
            snapshot: &ground.snapshot,
            known_at: ground.as_of.0,
            zones: &zones,
            promises,
            veto: &veto,
            now,
        };
        outbox.revise(now, &mut |all| {
            reviewed = review(all, &terms);
            reviewed.revision.clone()
        })
    })?;
    reviewed.notes.iter().for_each(|note| console.note(format!("{now:.0}: {note}")));
    for stopped in &reviewed.stopped {
        console.note(format!("{now:.0}: {stopped}; its prices lead back to base prices. Look: `endcap rollout show`"));
    }
    let harmed: BTreeSet<Field> = match reviewed.stopped.is_empty() {
        true => BTreeSet::new(),
        false => reviewed.revision.decide.iter().map(|one| field_of(&one.intent)).map(as_start).collect(),
    };
    if !harmed.is_empty() {
        let fields: Vec<Field> = harmed.into_iter().collect();
        let why = reviewed.stopped.join("; ");
        told(&outbox.alarm(Some(&fields), Alarm::Drift, &why, now)?, Alarm::Drift, console);
    }
    footing.rollouts = outbox.rollouts()?;
    Ok(reviewed)
}

/// The field in which an offer that is taken back was begun.
fn as_start(field: Field) -> Field {
    Field { action: "start_offer".to_owned(), ..field }
}

/// Raises the alarms that do not come from single messages: a halted loop, a checkpoint that is missed.
pub fn alarms(footing: &Footing, folder: &Path, outbox: &mut LedgerOutbox, console: &Console) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let journal = folder.join("journal.db");
    let events = endcap_adapters::journal::StoredJournal::open(&journal, Timestamp::now)?.read()?;
    if let Mode::Halted { halt } = Mode::of(&events) {
        let why =
            if halt.by == endcap_agent::halt::BY_ITSELF { halt.reason.as_str() } else { "a person halted the loop" };
        told(&outbox.alarm(None, Alarm::Drift, why, now)?, Alarm::Drift, console);
    }
    if let Some(hours) = footing.acting.checkpoint_hours_max {
        let last = outbox.last_checkpoint().context("checkpoints cannot be read")?;
        let missed = last.is_none_or(|last| now > later(last, SignedDuration::from_hours(hours.into())));
        if missed {
            let last = last.map_or_else(|| "there is none".to_owned(), |last| format!("the last is of {last:.0}"));
            let why = format!("{last}, one in {hours} hours is asked for");
            let alarm = Alarm::MissedCheckpoint;
            told(&outbox.alarm(None, alarm, &why, now)?, alarm, console);
        }
    }
    Ok(())
}

/// Tells people where the machine fell.
pub fn told(fell: &[(Field, endcap_model::Autonomy)], alarm: Alarm, console: &Console) {
    for (field, rung) in fell {
        console.note(format!("autonomy fell: {field} now {}, because {alarm}", crate::commands::ladder::word(*rung)));
    }
}
