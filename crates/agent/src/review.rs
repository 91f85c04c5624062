//! Review: what follows, each time a sender has read everything anew, for what does not wait for the clock alone: stages of
//! roll-outs, conditions, windows that are over. Pure: facts and times are arguments.

use crate::launch;
use crate::outbox::{Everything, Promises, Revision, Shelf, Voided, Waiting, Waits, decide_waiting, shelf};
use crate::revert::{self, Scope};
use crate::rollout::{Next, Rollout, Rollouts, Step, course, recorded};
use crate::sense::Facts;
use endcap_govern::audit::{Entry, Told};
use endcap_govern::gate::{Inputs, Intent};
use endcap_model::{Channel, ContentHash, SnapshotId, later};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What programs sign with.
const PROGRAM: &str = "endcap";

/// What a review looks at.
pub struct Terms<'a> {
    /// The machine's name.
    pub agent: &'a str,
    /// Facts as they are now.
    pub facts: &'a Facts,
    /// Their name.
    pub snapshot: &'a SnapshotId,
    /// When they were known.
    pub known_at: Timestamp,
    /// Clocks of the stores.
    pub zones: &'a [TimeZone],
    /// What channels promise.
    pub promises: &'a dyn Fn(&Channel) -> Promises,
    /// How long a person may veto an intent, made on a proposal, before it leaves.
    pub veto: &'a dyn Fn(&Intent, Option<&ContentHash>) -> Option<SignedDuration>,
    /// The present time.
    pub now: Timestamp,
}

/// What is to change, and what people are told of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviewed {
    /// What is to change.
    pub revision: Revision,
    /// Roll-outs that were stopped, each with why.
    pub stopped: Vec<String>,
    /// What else happened.
    pub notes: Vec<String>,
}

/// Whether anything waits for a review.
pub fn is_due(waiting: &[Waiting], rollouts: &Rollouts, facts: &Facts) -> bool {
    let under_way = |rollout: &Rollout| is_read(rollout, facts);
    waiting.iter().any(|one| one.void.is_none() && one.waits.holds()) || rollouts.iter().any(under_way)
}

/// Says what follows from the facts.
pub fn review(all: &Everything, terms: &Terms) -> Reviewed {
    let mut reviewed = Reviewed::default();
    let mut rollouts = all.rollouts.clone();
    for rollout in all.rollouts.iter().filter(|one| is_read(one, terms.facts)) {
        let steps = of_rollout(rollout, all, terms, &mut reviewed);
        for (step, record) in steps {
            rollouts.take(step.clone());
            reviewed.revision.steps.push((step, record));
        }
    }
    of_waiting(&rollouts, all, terms, &mut reviewed);
    reviewed
}

/// Whether a roll-out is under way: none of its stages may open once its offers are over.
fn is_read(rollout: &Rollout, facts: &Facts) -> bool {
    let last = rollout.begun.expected.iter().map(|one| one.period).max();
    let known = facts.panel.span().map(|span| span.end);
    let goes_on = last.zip(known).is_some_and(|(last, known)| known <= last.plus(1));
    rollout.stopped.is_none() && !rollout.is_over() && goes_on
}

fn of_rollout(rollout: &Rollout, all: &Everything, terms: &Terms, reviewed: &mut Reviewed) -> Vec<(Step, Entry<Told>)> {
    let course = course(rollout, terms.facts, terms.known_at, terms.zones);
    let (plan, at) = (rollout.plan.clone(), terms.now);
    let mut steps = vec![];
    let is_new = course.taken != rollout.last;
    if let Some(taken) = course.taken.filter(|_| is_new) {
        steps.push(Step::Read { plan: plan.clone(), taken });
    }
    match course.next {
        Next::Wait(_) => {}
        Next::Open(stage) => {
            reviewed.notes.push(format!("roll-out of plan {plan}: the guardrail is clear, stage {} opens", stage + 1));
            steps.push(Step::Opened { plan, at, stage, by_person: false });
        }
        Next::Stop(reason) => {
            reviewed.stopped.push(format!("roll-out of plan {plan} stopped: {reason}"));
            let wanted = revert::Wanted {
                scope: Scope::Plan(plan),
                by: Told::open(PROGRAM),
                reason: Told::open(format!("its roll-out was stopped: {reason}")),
                told: reason,
                at,
            };
            let back = revert::revert(&wanted, all);
            reviewed.revision.decide.extend(back.decide);
            reviewed.revision.void.extend(back.void);
            reviewed.revision.records.extend(back.records);
            steps.extend(back.steps.into_iter().map(|(step, _)| step));
        }
    }
    let record = |step: &Step| {
        let mut record = recorded(step, Told::open(PROGRAM));
        record.grounds.snapshot = Some(terms.snapshot.clone());
        record
    };
    steps.into_iter().map(|step| (step.clone(), record(&step))).collect()
}

/// What becomes of something that waits.
enum Becomes {
    Waits,
    Starts(Vec<String>),
    Void(&'static str),
}

fn of_waiting(rollouts: &Rollouts, all: &Everything, terms: &Terms, reviewed: &mut Reviewed) {
    let voided: BTreeSet<i64> = reviewed.revision.void.iter().map(|one| one.number).collect();
    let held =
        || all.waiting.iter().filter(|one| one.void.is_none() && one.waits.holds() && !voided.contains(&one.number));
    let mut ends: BTreeMap<Shelf, Vec<&Waiting>> = BTreeMap::new();
    held().filter(|one| !one.begins()).for_each(|end| ends.entry(shelf(&end.intent)).or_default().push(end));
    for start in held().filter(|one| one.begins()) {
        // The end of an offer goes with its beginning: a new decision takes the place of both.
        let with_its_end = std::iter::once(start).chain(ends.remove(&shelf(&start.intent)).into_iter().flatten());
        match becomes(start, rollouts, terms) {
            Becomes::Waits => {}
            Becomes::Void(reason) => {
                let by = || Told::open(PROGRAM);
                reviewed.revision.void.extend(with_its_end.map(|one| Voided::of(one, by(), reason, vec![])));
            }
            Becomes::Starts(reasons) => {
                let grounds = start.told.as_ref().map(|told| told.grounds.clone()).unwrap_or_default();
                let veto = (terms.veto)(&start.intent, grounds.proposal.as_ref());
                let waits = Waits { veto_until: veto.map(|wait| later(terms.now, wait)), ..Waits::default() };
                let intents = vec![(begins_now(&start.intent, terms), waits)];
                let mut decided = decide_waiting(intents, terms.promises, terms.now, terms.agent, &grounds);
                for one in &mut decided {
                    one.record.reasons = reasons.iter().map(Told::open).collect();
                }
                reviewed.revision.decide.extend(decided);
            }
        }
    }
}

fn becomes(start: &Waiting, rollouts: &Rollouts, terms: &Terms) -> Becomes {
    if !start.is_genuine() {
        return Becomes::Void("the audit trail tells of no such decision: decide it anew");
    }
    if start.intent.until.is_some_and(|until| until <= terms.now) {
        return Becomes::Void("its time was over before what it waited for came about");
    }
    let mut reasons = vec![];
    if let Some(of) = &start.waits.stage {
        match rollouts.of(&of.plan) {
            None => return Becomes::Void("its roll-out is not known: plan again"),
            Some(rollout) if rollout.stopped.is_some() => return Becomes::Void("its roll-out was stopped"),
            Some(rollout) if of.stage > rollout.stage() => return Becomes::Waits,
            Some(_) => reasons.push(format!("stage {} of the roll-out is open", of.stage + 1)),
        }
    }
    if !start.waits.conditions.is_empty() {
        if terms.now < start.intent.from {
            return Becomes::Waits;
        }
        let read = |what| launch::read(terms.facts, what, &start.intent.sku, &start.intent.place);
        let (holds, words) = launch::judged(&start.waits.conditions, &read);
        if !holds {
            return Becomes::Waits;
        }
        reasons.extend(words);
    }
    Becomes::Starts(reasons)
}

/// An intent that was planned, as it begins now or at its time; what it rests on now is what was read.
fn begins_now(intent: &Intent, terms: &Terms) -> Intent {
    let inputs = Inputs { snapshot: terms.snapshot.clone(), known_at: terms.known_at, ..intent.inputs.clone() };
    Intent { from: intent.from.max(terms.now), inputs, ..intent.clone() }
}
