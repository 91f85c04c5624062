//! What a check is handed, and where it says what it found.

use super::traffic::{Sent, Tally, shelf};
use super::{Intent, KEPT, Standing, Traffic};
use endcap_model::{Breach, ContentHash, GateLimits, Share};
use jiff::SignedDuration;

/// Everything that a check looks at.
pub struct Case<'a> {
    pub intent: &'a Intent,
    pub standing: &'a Standing,
    pub traffic: &'a Traffic,
    /// Whether it went out before and goes once more.
    pub again: bool,
    pub limits: &'a GateLimits,
    pub hash: &'a ContentHash,
}

impl<'a> Case<'a> {
    /// What went out under a tally in the time that ends now, newest first, without the intent itself where it goes again.
    pub fn sent(&self, tally: &Tally, window: SignedDuration) -> impl Iterator<Item = &'a Sent> + use<'a> {
        let own = self.again.then_some(self.intent);
        self.traffic.within(tally, self.standing.now, window).filter(move |sent| Some(&sent.intent) != own)
    }

    /// Whether the very same intent went out before.
    pub fn went_out(&self) -> bool {
        self.traffic.within(&shelf(self.intent), self.standing.now, KEPT).any(|sent| sent.intent == *self.intent)
    }
}

/// The breaches of one intent.
pub struct Found<'a> {
    intent: &'a Intent,
    pub breaches: Vec<Breach>,
}

impl<'a> Found<'a> {
    pub fn new(intent: &'a Intent) -> Self {
        Self { intent, breaches: Vec::new() }
    }

    /// Says that a limit is broken.
    pub fn refuse(&mut self, limit: &str, found: impl ToString, allowed: impl ToString) {
        self.breaches.push(Breach {
            limit: limit.into(),
            found: found.to_string(),
            allowed: allowed.to_string(),
            at: self.intent.describe(),
        });
    }

    /// Hands back what is known; what is not known refuses.
    pub fn need<T>(&mut self, limit: &str, known: Option<T>, what: &str) -> Option<T> {
        if known.is_none() {
            self.refuse(limit, format!("{what} is not known"), "only what can be checked");
        }
        known
    }

    /// Refuses a number above a limit.
    pub fn at_most(&mut self, limit: &str, found: i64, allowed: i64) {
        if found > allowed {
            self.refuse(limit, found, allowed);
        }
    }

    /// Refuses a part that is more than a share of a whole.
    pub fn within_share(&mut self, limit: &str, part: i64, whole: i64, share: Share) {
        if share.is_exceeded_by(part, whole) {
            self.refuse(limit, format!("{part} of {whole}"), format!("{share}, which is {}", share.of(whole)));
        }
    }
}
