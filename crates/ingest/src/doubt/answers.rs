//! What people answered about rows in doubt and alarms.

use super::{Alarm, AlarmKind};
use endcap_model::Period;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What a person said of a row, or of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is right: the row is a fact with the next load, the alarm ends.
    Released,
    /// It is wrong: it stays out, and the item can be acted on without it.
    Confirmed,
}

/// An answer to one row or one alarm, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was said.
    pub verdict: Verdict,
    /// The row or the alarm that it is about ([`Answers::of`]).
    pub key: String,
    /// Who said it.
    pub by: String,
    /// When, as RFC 3339.
    pub at: String,
    /// Why.
    pub reason: String,
}

/// All answers; the last one about the same thing holds.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    of: HashMap<String, Verdict>,
}

impl Answers {
    /// Takes the answers in the order in which they were given.
    pub fn new<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Self {
        Self { of: answers.into_iter().map(|answer| (answer.key.clone(), answer.verdict)).collect() }
    }

    /// What was said of a row, by its key.
    pub fn of(&self, key: &str) -> Option<Verdict> {
        if self.of.is_empty() { None } else { self.of.get(key).copied() }
    }

    /// The key of an alarm: it stands for what began when this one did, at the same place.
    pub fn key_of(alarm: &Alarm) -> String {
        let kind = word(alarm.kind);
        format!("alarm:{kind}:{}:{}", alarm.scope, alarm.until.0)
    }

    /// Whether a person said that what an alarm is about is right, or is known: one that was answered begins anew.
    pub fn dismissed(&self, alarm: &Alarm) -> bool {
        self.last_answered(alarm.kind, &alarm.scope).is_some_and(|until| alarm.until <= until)
    }

    /// The last period up to which an alarm of a kind was answered.
    pub(crate) fn last_answered(&self, kind: AlarmKind, scope: &str) -> Option<Period> {
        let head = format!("alarm:{}:{scope}:", word(kind));
        let periods = self.of.keys().filter_map(|key| key.strip_prefix(&head)?.parse().ok());
        periods.max().map(Period)
    }
}

/// The name of a kind in files.
fn word(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Drift => "drift",
        AlarmKind::Silence => "silence",
        AlarmKind::ManyDoubts => "many_doubts",
    }
}
