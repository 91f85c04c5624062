//! Reading back what channels hold, wired for the sender and the command, and deciding the repairs that people asked for.

use crate::acting::Footing;
use crate::commands::deploy::{HeldBack, sorted};
use crate::console::Console;
use endcap_adapters::channels;
use endcap_adapters::ledger::LedgerOutbox;
use endcap_agent::outbox::{Decided, Waits, decide};
use endcap_agent::ports::{Asked, Findings, Outbox, Standings};
use endcap_agent::reconcile::{Decision, Finding, Open, Report, reconcile, repair};
use endcap_govern::audit::{Grounds, Told};
use endcap_govern::gate::{Intent, Standing};
use endcap_govern::stop::LEASE_MAX;
use endcap_model::Channel;
use jiff::Timestamp;
use std::path::Path;

/// Reads channels, all or one, and keeps what was found.
pub fn read(folder: &Path, outbox: &mut LedgerOutbox, only: Option<&Channel>) -> anyhow::Result<Report> {
    let mut outlets = channels::open(folder)?;
    Ok(reconcile(outbox, &mut outlets, only, &Timestamp::now)?)
}

/// Says beside the result what was found, where that is anything.
pub fn tell(report: &Report, console: &Console) {
    for contact in &report.channels {
        if let Some(problem) = &contact.problem {
            console.note(format!("{}: {problem}", contact.channel));
        }
    }
    if report.new > 0 {
        console.note(format!("{} new differences at channels: `endcap reconcile` lists them", report.new));
    }
}

/// A repair before the gate has seen it.
struct Wanted {
    open: Open,
    intent: Intent,
    decision: Decision,
}

/// Decides the repairs that people asked for and nobody decided yet, each through the gate as it stands now; returns those that
/// cannot be, or may not.
pub fn decide_asked(footing: &Footing, outbox: &mut LedgerOutbox, folder: &Path) -> anyhow::Result<Vec<HeldBack>> {
    let asked: Vec<Open> = outbox.open_findings()?.into_iter().filter(is_asked).collect();
    if asked.is_empty() {
        return Ok(vec![]);
    }
    let held = |finding: &Finding, reason: String| HeldBack { what: finding.describe(), reason };
    let Some(stops) = footing.stops() else {
        let unknown = "it is not known what is stopped: `endcap stop --show` says why";
        return Ok(asked.iter().map(|open| held(&open.finding, unknown.to_owned())).collect());
    };
    let (now, mut held_back, mut wanted) = (Timestamp::now(), vec![], vec![]);
    for open in asked {
        let decision = outbox.decision(&open.finding)?;
        match (repair(&open.finding, decision.as_ref(), (stops.epoch(), footing.gate.hash()), now), decision) {
            (Ok(intent), Some(decision)) => wanted.push(Wanted { open, intent, decision }),
            (Ok(_), None) => {}
            (Err(why), _) => held_back.push(held(&open.finding, why.to_string())),
        }
    }
    let (passing, refused) = footing.with_sources(|sources| {
        let mut standing = |intent: &Intent| {
            let of = wanted.iter().find(|one| one.intent.does_the_same_as(intent));
            let proposal = of.and_then(|one| one.decision.proposal.as_ref());
            let past = outbox.shelf(&intent.channel, &intent.place, &intent.sku)?;
            let standing = sources.standing(&Asked { intent, proposal, decided: None, past: &past }, now);
            let (stops, lease) = (Some(stops.clone()), Some(stops.lease(now, LEASE_MAX)));
            Ok::<_, anyhow::Error>(Standing { now, stops, lease, ..standing })
        };
        let intents = wanted.iter().map(|one| (one.intent.clone(), Waits::default())).collect();
        sorted(footing, intents, &mut standing, outbox.traffic(now)?)
    })?;
    held_back.extend(refused);
    let outlets = channels::open(folder)?;
    let promises = |channel: &Channel| outlets.get(channel).map(|outlet| outlet.promises()).unwrap_or_default();
    let passes = |one: &Wanted| passing.iter().any(|(intent, _)| *intent == one.intent);
    let repairs = wanted.into_iter().filter(passes).map(|one| {
        let Wanted { open, intent, decision } = one;
        let grounds = Grounds { proposal: decision.proposal, policy: decision.policy, ..Grounds::default() };
        let mut decided = decide(vec![intent], &promises, now, &footing.acting.agent, &grounds);
        decided.iter_mut().for_each(|one| tell_why(one, &open));
        (open.id, decided)
    });
    outbox.repair(repairs.collect(), now)?;
    Ok(held_back)
}

fn is_asked(open: &Open) -> bool {
    open.asked.is_some() && open.repair.is_none()
}

fn tell_why(decided: &mut Decided, open: &Open) {
    let asked = open.asked.map(|record| format!(", asked for in record {record}")).unwrap_or_default();
    decided.record.reasons.push(Told::open(format!("repair of {}{asked}", open.finding.describe())));
}
