//! Changes to what was decided, made in one transaction with their records: everything is read, what follows is said, and
//! nothing can leave in between.

use super::{Decided, Known, Message, Waiting, about};
use crate::rollout::{Rollouts, Step};
use endcap_govern::audit::{Entry, Ruling, Told};
use endcap_govern::gate::Intent;

/// Everything in an outbox, as one moment has it.
#[derive(Clone, Debug, Default)]
pub struct Everything {
    /// Decisions whose time has not come, oldest first.
    pub waiting: Vec<Waiting>,
    /// Messages with what is known of them, oldest first.
    pub messages: Vec<(Known, Intent)>,
    /// Roll-outs by plan.
    pub rollouts: Rollouts,
}

/// What is to change, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Revision {
    /// Decided anew, each in the place of what waits for the same offer.
    pub decide: Vec<Decided>,
    /// What waits and never leaves.
    pub void: Vec<Voided>,
    /// Steps of roll-outs, each with its record.
    pub steps: Vec<(Step, Entry<Told>)>,
    /// What else the audit trail is told.
    pub records: Vec<Entry<Told>>,
}

/// A decision that never leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Voided {
    /// Its number in the outbox.
    pub number: i64,
    /// Why, for whoever looks at the outbox; no person is named here.
    pub reason: String,
    /// What the audit trail is told.
    pub record: Entry<Told>,
}

impl Revision {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.decide.is_empty() && self.void.is_empty() && self.steps.is_empty() && self.records.is_empty()
    }
}

impl Voided {
    /// Voids a decision; `by` is who does, `reasons` goes to the audit trail alone.
    pub fn of(waiting: &Waiting, by: Told, reason: &str, reasons: Vec<Told>) -> Self {
        let message = Message::about(&waiting.intent, waiting.subject.clone());
        let what = format!("{}: {}", waiting.intent.action.name().replace('_', " "), about(&message));
        let mut record = Entry::new(by, "effect voided", Told::open(what), Ruling::Refused);
        record.reasons = std::iter::once(Told::open(reason)).chain(reasons).collect();
        record.effect = Some(waiting.waits.name(&waiting.intent).to_string());
        Self { number: waiting.number, reason: reason.to_owned(), record }
    }
}
