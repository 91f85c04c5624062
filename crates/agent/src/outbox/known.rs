//! What is known of a message: where it stands, and how often it was tried.

use super::{Message, Patience, Promises};
use endcap_model::later;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Decided, and certainly without effect so far.
    Decided,
    /// Noted as sent, and the outcome is not known: it may have happened.
    Sent,
    /// The channel took it; what it holds has not been read yet.
    Acknowledged {
        /// The channel's own number for it.
        reference: String,
    },
    /// The channel holds it: read back, or acknowledged where it cannot be read.
    Confirmed,
    /// The channel refused it, without effect.
    Refused {
        /// What the channel said.
        reason: String,
    },
    /// Limits, policy or a stop held it back, or the channel was never reached; it had no effect.
    HeldBack {
        /// Why.
        reason: String,
    },
    /// A later decision took its place.
    Superseded,
    /// Whether it happened cannot be found out, or the channel holds something else: a person has to look.
    Unclear {
        /// What is known.
        reason: String,
    },
}

impl Stage {
    /// Returns whether nothing more is done about it by itself.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Decided | Self::Sent | Self::Acknowledged { .. })
    }
}

/// A message with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The message.
    pub message: Message,
    /// Where it stands.
    pub stage: Stage,
    /// When it was decided.
    pub decided: Timestamp,
    /// When it first left, if it did.
    pub first_sent: Option<Timestamp>,
    /// When it last left, if it did.
    pub last_sent: Option<Timestamp>,
    /// Attempts so far.
    pub tries: u32,
    /// Attempts of which nobody knows what became of them.
    pub in_doubt: u32,
    /// Whether the channel was read since it last left.
    pub looked: bool,
    /// Not before this time is it looked at again.
    pub rest_until: Timestamp,
}

impl Known {
    /// A message just decided.
    pub fn decided(message: Message, at: Timestamp) -> Self {
        Self {
            message,
            stage: Stage::Decided,
            decided: at,
            first_sent: None,
            last_sent: None,
            tries: 0,
            in_doubt: 0,
            looked: false,
            rest_until: at,
        }
    }

    /// Notes that it is about to leave. Store this before it does.
    pub fn leaves(mut self, now: Timestamp) -> Self {
        self.stage = Stage::Sent;
        self.first_sent.get_or_insert(now);
        self.last_sent = Some(now);
        self.tries = self.tries.saturating_add(1);
        self.in_doubt = self.in_doubt.saturating_add(1);
        self.looked = false;
        self
    }

    /// Returns what is known after a person looked for what could not be found out: it happened, or it did not. Nothing where it
    /// is not unclear.
    pub fn settled(mut self, happened: bool) -> Option<Self> {
        let Stage::Unclear { reason } = self.stage else { return None };
        self.in_doubt = 0;
        self.stage = match happened {
            true => Stage::Confirmed,
            false => Stage::HeldBack { reason: format!("{reason}; a person looked: it did not happen") },
        };
        Some(self)
    }

    /// Returns until when an attempt may still be under way.
    pub(super) fn under_way_until(&self, patience: &Patience) -> Timestamp {
        self.last_sent.map_or(self.decided, |sent| later(sent, patience.under_way))
    }

    /// Returns whether a second sending at this time can have no second effect.
    pub(super) fn again_is_safe(&self, promises: &Promises, patience: &Patience, now: Timestamp) -> bool {
        let key_is_known = promises
            .knows_key_for
            .zip(self.first_sent)
            .is_some_and(|(life, first)| later(now, patience.under_way) < later(first, life));
        promises.refuses_second || promises.refuses_older || key_is_known
    }
}
