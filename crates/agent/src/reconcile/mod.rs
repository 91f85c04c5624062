//! Reconcile: what channels really hold, against what the outbox says they must hold.
//!
//! Somebody changes a price at the till, a file is taken away, a server is restored from an old copy: the sender hears of none
//! of it. So every channel is read back again and again, and each difference is a finding for a person, in the audit trail.
//! Nothing is put right here: a repair is a decision of its own, with a higher generation, through the gate.
//!
//! Pure: time is an argument, and channels are ports.

mod compare;
mod expected;
mod repair;
mod run;
#[cfg(test)]
mod tests;

pub use compare::difference;
pub use expected::{Expected, expected};
pub use repair::{NotRepaired, repair};
pub use run::{Report, reconcile};

use crate::outbox::{Promises, Wanted};
use endcap_govern::audit::{Entry, Told};
use endcap_govern::gate::Intent;
use endcap_model::{Channel, ContentHash, Place, Sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How what a channel holds differs from what it must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something else under the same generation: somebody changed it there.
    Changed,
    /// Nothing.
    Missing,
    /// An older generation: a copy from before came back.
    Stale,
    /// A later generation, which nobody here decided.
    Foreign,
    /// Something that nobody here decided at all.
    Extra,
}

impl Kind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed there",
            Self::Missing => "missing",
            Self::Stale => "an older one",
            Self::Foreign => "a later one that nobody here decided",
            Self::Extra => "nobody here decided it",
        }
    }
}

/// A difference between what a channel holds and what it must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where.
    pub channel: Channel,
    /// What it is about: a subject of ours, or the channel's own name for it.
    pub subject: String,
    /// The place, as far as it is known.
    pub place: Option<Place>,
    /// The item, as far as it is known.
    pub sku: Option<Sku>,
    /// How it differs.
    pub kind: Kind,
    /// What it must hold; nothing where nobody decided anything.
    pub expected: Option<Wanted>,
    /// What it holds, where that can be put into our words.
    pub held: Option<Wanted>,
    /// Hash of what it holds.
    pub answer: Option<ContentHash>,
    /// Generation of the message that said so; 0 where there is none.
    pub generation: u64,
    /// Generation that the channel tells.
    pub held_generation: Option<u64>,
    /// Key of the message that said so.
    pub key: Option<ContentHash>,
    /// When it was still well: read so, or confirmed; nothing where that is not known.
    pub after: Option<Timestamp>,
    /// When it was found.
    pub found: Timestamp,
}

impl Finding {
    /// Whether two are the same difference, whenever they were seen.
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        let apart = |one: &Self| Self { after: None, found: Timestamp::UNIX_EPOCH, ..one.clone() };
        apart(self) == apart(other)
    }

    /// What a person reads.
    pub fn describe(&self) -> String {
        let of = match (&self.sku, &self.place) {
            (Some(sku), Some(place)) => format!("{sku} at {place}"),
            _ => self.subject.clone(),
        };
        format!("{of} in {}: {}", self.channel, self.kind.name())
    }
}

/// A finding as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Its number.
    pub id: i64,
    /// The difference.
    #[serde(flatten)]
    pub finding: Finding,
    /// Number of the record by which a person wants it put right, where one does.
    pub asked: Option<u64>,
    /// Number of the record of the decision that puts it right, where there is one.
    pub repair: Option<u64>,
}

/// What a channel holds that nobody here decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extras {
    /// It cannot list what it holds.
    CannotTell,
    /// It could not be asked.
    Unread,
    /// These.
    Found(Vec<Extra>),
}

/// One thing that a channel holds and nobody here decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// The channel's own name for it.
    pub name: String,
    /// What it is, where that can be put into our words.
    pub held: Option<Wanted>,
    /// Its generation, where it has one.
    pub generation: Option<u64>,
}

/// What the last reading of a channel came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The channel.
    pub channel: Channel,
    /// When it was last tried.
    pub tried: Timestamp,
    /// When it last answered every question.
    pub read: Option<Timestamp>,
    /// What it promises of itself.
    #[serde(default)]
    pub promises: Promises,
    /// Whether it can be read back at all.
    pub reads_back: bool,
    /// Whether it can list what nobody here decided.
    pub lists: bool,
    /// Subjects for which it must hold something.
    pub expected: usize,
    /// Of these, those that it holds as it must.
    pub agree: usize,
    /// Of these, those that it did not answer for.
    pub unread: usize,
    /// What is not as it must be, extra things included.
    pub differ: usize,
    /// Why nothing could be read, where that is known.
    pub problem: Option<String>,
}

/// What a reading found, to be kept at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noted {
    /// New differences with their records.
    pub new: Vec<(Finding, Entry<Told>)>,
    /// Differences that are gone, by number, with their records.
    pub gone: Vec<(i64, Entry<Told>)>,
    /// What the readings came to.
    pub contacts: Vec<Contact>,
}

/// What stands behind a message that a channel must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What was decided.
    pub intent: Intent,
    /// What it was decided on: the hash of a plan.
    pub proposal: Option<ContentHash>,
    /// The policy of that day.
    pub policy: Option<ContentHash>,
}
