//! What came back, and what it makes of what is known.

use super::{Known, Patience, Promises, Stage, Wanted};
use endcap_model::{ContentHash, later};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What a channel holds for a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The generation, where the channel keeps it.
    pub generation: Option<u64>,
    /// The content.
    pub content: ContentHash,
    /// The same in words, where the channel's own can be put into ours.
    pub told: Option<Box<Wanted>>,
}

impl Held {
    /// What holds a content.
    pub fn of(generation: Option<u64>, wanted: Wanted) -> Self {
        Self { generation, content: wanted.hash(), told: Some(Box::new(wanted)) }
    }
}

/// What was heard of a message after an attempt to send it or to read it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Limits, policy or a stop said no before it left.
    HeldBack {
        /// Why.
        reason: String,
    },
    /// No connection came about: certainly nothing left.
    Unreachable,
    /// Turned away for now, without effect.
    Busy {
        /// For at least so long.
        wait: SignedDuration,
    },
    /// It left and no answer came.
    Silence,
    /// Taken.
    Acknowledged {
        /// The channel's own number for it.
        reference: String,
    },
    /// Refused for good, without effect.
    Refused {
        /// What the channel said.
        reason: String,
    },
    /// Refused because this very subject is there already.
    AlreadyThere,
    /// Refused because the channel holds a later generation.
    Older,
    /// Read back.
    Holds(Option<Held>),
    /// Could not be read back.
    Unread,
}

impl Known {
    /// Returns what is known after something was heard.
    pub fn after(mut self, heard: Heard, promises: &Promises, patience: &Patience, now: Timestamp) -> Self {
        self.rest_until = later(now, patience.wait(self.tries));
        match heard {
            Heard::HeldBack { reason } => self.held_back(reason),
            Heard::Unreachable => self.had_no_effect(),
            Heard::Busy { wait } => {
                self.had_no_effect();
                self.rest_until = self.rest_until.max(later(now, wait));
            }
            Heard::Silence | Heard::Unread => {}
            Heard::Acknowledged { reference } => self.acknowledged(reference, promises, now),
            Heard::Refused { reason } => self.refused(reason, promises),
            Heard::AlreadyThere if self.in_doubt > 1 => self.acknowledged(String::new(), promises, now),
            Heard::AlreadyThere if promises.reads_back => self.rest_until = now,
            Heard::AlreadyThere => self.stage = unclear("the channel had it before it was sent"),
            Heard::Older => self.stage = Stage::Superseded,
            Heard::Holds(held) => self.read(held, patience, now),
        }
        self
    }

    fn held_back(&mut self, reason: String) {
        self.stage = match self.in_doubt {
            0 => Stage::HeldBack { reason },
            _ => unclear(format!("an earlier attempt may have happened, and it was then held back: {reason}")),
        };
    }

    fn had_no_effect(&mut self) {
        self.in_doubt = self.in_doubt.saturating_sub(1);
        if self.in_doubt == 0 {
            self.stage = Stage::Decided;
        }
    }

    /// This attempt is answered; copies of earlier ones may still be under way.
    fn acknowledged(&mut self, reference: String, promises: &Promises, now: Timestamp) {
        self.in_doubt = self.in_doubt.saturating_sub(1);
        self.rest_until = now;
        self.stage = if promises.reads_back { Stage::Acknowledged { reference } } else { Stage::Confirmed };
    }

    fn refused(&mut self, reason: String, promises: &Promises) {
        self.in_doubt = self.in_doubt.saturating_sub(1);
        match self.in_doubt {
            0 => self.stage = Stage::Refused { reason },
            // An earlier attempt may have happened: what the channel holds tells.
            _ if promises.reads_back => {}
            _ => self.stage = unclear(format!("refused ({reason}) after an attempt that may have happened")),
        }
    }

    fn read(&mut self, held: Option<Held>, patience: &Patience, now: Timestamp) {
        self.looked = true;
        let ours = self.message.generation;
        let generation = held.as_ref().and_then(|held| held.generation);
        let is_ours = held.as_ref().is_some_and(|held| held.content == self.message.content);
        match self.stage {
            _ if generation.is_some_and(|generation| generation > ours) => self.stage = Stage::Superseded,
            _ if is_ours && generation.is_none_or(|generation| generation == ours) => self.stage = Stage::Confirmed,
            // It is not there. Until nothing can be under way any more that proves nothing.
            _ if now < self.under_way_until(patience) => {}
            Stage::Acknowledged { .. } => {
                self.stage = unclear("it was acknowledged, and the channel holds something else")
            }
            _ => {
                self.in_doubt = 0;
                self.stage = Stage::Decided;
            }
        }
    }
}

pub(super) fn unclear(reason: impl Into<String>) -> Stage {
    Stage::Unclear { reason: reason.into() }
}
