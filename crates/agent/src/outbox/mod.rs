//! What leaves the house for a channel, and what is known of it afterwards.
//!
//! Exactly-once does not exist at a till or a supplier. What there is: a key per message that never changes, a generation
//! that grows with every decision about the same thing, and reading back what the channel holds. So a message is noted as
//! sent *before* it leaves; whatever stops the sender, what it finds afterwards is "may have happened", and that is
//! settled by what the channel promised of itself ([`Promises`]), never by hoping.
//!
//! Pure: times are arguments, nothing is sent or stored here. Who runs it stores each [`Known`] before going on.
//!
//! # Source
//! Transactional outbox (Richardson 2018, ch. 3); idempotent receiver (Hohpe and Woolf 2003).

mod decided;
mod heard;
mod known;
mod next;
mod revision;
#[cfg(test)]
mod simulated;
mod waits;
mod wanted;

pub use decided::{Decided, decide, decide_waiting, decision_of, ripened};
pub use heard::{Heard, Held};
pub use known::{Known, Stage};
pub use next::{Line, Next, next};
pub use revision::{Everything, Revision, Voided};
pub use waits::{Recorded, Shelf, StageOf, Waiting, Waits, shelf};
pub use wanted::Wanted;

use endcap_model::{Channel, ContentHash, Hasher};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// One change at one channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Message {
    /// Where it goes.
    pub channel: Channel,
    /// What it changes there: the price of an item in a store, a purchase order.
    pub subject: String,
    /// Grows with every decision about this subject at this channel; undoing is a decision too.
    pub generation: u64,
    /// What the subject shall be.
    pub content: ContentHash,
}

impl Message {
    /// Its name for the receiver: the same for every attempt, another for every other content or generation.
    pub fn key(&self) -> ContentHash {
        let mut hasher = Hasher::default();
        hasher
            .add(self.channel.as_str())
            .add(&self.subject)
            .add(self.generation.to_be_bytes())
            .add(self.content.as_str());
        hasher.finish()
    }
}

/// Names a message for people.
pub fn about(message: &Message) -> String {
    format!("{} {} generation {}", message.channel, message.subject, message.generation)
}

/// What a channel promises of itself. What it does not promise is never assumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// How long it knows a key again: within this time a second sending has no second effect.
    pub knows_key_for: Option<SignedDuration>,
    /// It refuses a generation below the one that it holds.
    pub refuses_older: bool,
    /// It refuses a second document of the same subject, and says so (an order number that is taken).
    pub refuses_second: bool,
    /// It tells what it holds for a subject.
    pub reads_back: bool,
    /// It keeps from when and until when a price holds, so that it is told both beforehand.
    pub keeps_time: bool,
}

impl Promises {
    /// The same in words, for people.
    pub fn words(&self) -> Vec<String> {
        let when = |promised: bool, words: &str| promised.then(|| words.to_owned());
        let key = self.knows_key_for.map(|time| format!("knows a key again for {} hours", time.as_hours()));
        let told = [
            key,
            when(self.refuses_older, "refuses what is older"),
            when(self.refuses_second, "refuses a second of the same"),
            when(self.reads_back, "tells what it holds"),
            when(self.keeps_time, "keeps begin and end itself"),
        ];
        told.into_iter().flatten().collect()
    }

    /// Whether what became of a message without an answer can be found out, or made sure of by sending it again.
    pub fn can_be_settled(&self) -> bool {
        self.knows_key_for.is_some() || self.refuses_older || self.refuses_second || self.reads_back
    }
}

/// How patient the sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// Time before the second attempt; it doubles with each.
    pub first_wait: SignedDuration,
    /// Longest time between two attempts.
    pub longest_wait: SignedDuration,
    /// How long what was sent without an answer may still be under way.
    pub under_way: SignedDuration,
    /// How long a message is tried before a person is told.
    pub give_up: SignedDuration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_wait: SignedDuration::from_secs(1),
            longest_wait: SignedDuration::from_secs(60),
            under_way: SignedDuration::from_secs(120),
            give_up: SignedDuration::from_hours(24),
        }
    }
}

impl Patience {
    /// Returns how long to wait after the given number of attempts.
    fn wait(&self, tries: u32) -> SignedDuration {
        let doubled = self.first_wait.checked_mul(1 << tries.saturating_sub(1).min(20)).unwrap_or(self.longest_wait);
        doubled.min(self.longest_wait)
    }
}
