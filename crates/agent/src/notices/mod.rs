//! Notices: what people have to know, once, in the order of the money at stake.
//!
//! Whoever watches something says what it sees as a [`Signal`]; all signals about one thing are one [`Notice`], which opens, grows
//! worse or milder, is acknowledged, escalates where nobody answers, and is over. Each of these is a [`Step`], told to those who
//! asked for it (`tell`), never twice and never in a storm. Pure: times, what is open and what was told are arguments.
//!
//! Never decides what to do about it: a notice says what happened and what people can do.

mod judged;
mod seen;
mod sent;
mod signals;
mod tell;
#[cfg(test)]
mod tests;

pub use judged::{Judging, Measured, Severity, Usual};
pub use seen::{Seen, escalated, step};
pub use sent::{Sending, Sent, after};
pub use signals::{
    data_signals, flight_signals, halt_signal, message_signals, reconcile_signals, rollout_signals, silent_signal,
    supply_signals, unusual_sales,
};
pub use tell::{Due, Mute, Quiet, Receiver, Telling, Tellings, Terms, Traffic, tellings};

use endcap_model::{Place, Sku, hash_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What somebody who watches sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Who watches, such as `supply`. What a source that tells everything does not tell any more is over.
    pub source: String,
    /// What kind of thing it is, such as `runs_out_before_any_order`.
    pub kind: String,
    /// What it is about, the same as long as it is the same thing: with the kind it makes one notice.
    pub about: String,
    /// The item, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// The place, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What happened, in a sentence.
    pub text: String,
    /// What to do, in a sentence.
    pub advice: String,
    /// What is at stake in minor units; nothing where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<i64>,
    /// It is at least so severe, whatever is at stake; nothing where money alone decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Severity>,
    /// What was measured beside what is usual: within its usual range it gives no notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// The desk's page that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// Somebody's answer to a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Acknowledged {
    /// Who takes care of it.
    pub by: String,
    /// When that was said.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// What was said.
    pub reason: String,
}

/// Something that people have to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its name: that of the thing, and when it opened.
    pub id: String,
    /// What it is about, as [`Signal::key`] says it.
    pub key: String,
    /// What was seen last.
    pub signal: Signal,
    /// How severe it is.
    pub severity: Severity,
    /// When it opened.
    pub opened: Timestamp,
    /// When it was seen last.
    pub seen: Timestamp,
    /// How often it was seen.
    pub times: u32,
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// When it escalated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Timestamp>,
}

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// It was seen first.
    Opened,
    /// It is more severe than before.
    Worse {
        /// What it was.
        from: Severity,
    },
    /// It is less severe than before.
    Milder {
        /// What it was.
        from: Severity,
    },
    /// Somebody takes care of it.
    Acknowledged {
        /// Who.
        by: String,
        /// What was said.
        reason: String,
    },
    /// Nobody answered in time.
    Escalated,
    /// It is over.
    Over,
}

impl Step {
    /// Whether people are told of it by themselves.
    pub fn is_told(&self) -> bool {
        !matches!(self, Self::Milder { .. } | Self::Acknowledged { .. })
    }

    /// The step in a word, for a line.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Opened => "new",
            Self::Worse { .. } => "worse",
            Self::Milder { .. } => "milder",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Escalated => "not answered",
            Self::Over => "over",
        }
    }
}

impl Signal {
    /// Names what it is about: the same for every signal about the same thing, whoever gives it.
    pub fn key(&self) -> String {
        hash_json(&(&self.kind, &self.about)).short().to_owned()
    }
}

impl Notice {
    /// Orders notices as people are to read them: the severe first, then by money, then the oldest.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let money = |notice: &Self| notice.signal.money.unwrap_or(0);
        let by_weight = other.severity.cmp(&self.severity).then(money(other).cmp(&money(self)));
        by_weight.then(self.opened.cmp(&other.opened)).then(self.id.cmp(&other.id))
    }

    /// The notice once a named person takes care of it; nothing where it is over.
    pub fn acknowledged(&self, by: &str, reason: &str, at: Timestamp) -> Option<(Self, Step)> {
        let said = Acknowledged { by: by.to_owned(), at, reason: reason.to_owned() };
        let step = Step::Acknowledged { by: by.to_owned(), reason: reason.to_owned() };
        self.over.is_none().then(|| (Self { acknowledged: Some(said), ..self.clone() }, step))
    }
}
