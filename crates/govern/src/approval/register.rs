//! What was asked for and what was used up: an approval holds once, and many small ones count as a large one.

use super::Subject;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Time over which requests count together, so that splitting one into many saves no signature.
pub const SPLIT_WINDOW: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Requests of the last days and numbers that were used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    asked: Vec<Asked>,
    used: BTreeMap<String, Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    at: Timestamp,
    proposer: String,
    category: String,
    money: i64,
}

/// An approval was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the approval was used at {0}: an approval holds once")]
pub struct AlreadyUsed(pub Timestamp);

impl Register {
    /// Money at risk that a request counts with: its own and what the same proposer, or anybody in the same category, asked
    /// for within [`SPLIT_WINDOW`], whichever is more. In minor units; a negative amount counts as none; saturates.
    pub fn at_risk(&self, proposer: &str, category: &str, money: i64, now: Timestamp) -> i64 {
        let recent = || self.asked.iter().filter(move |asked| now.duration_since(asked.at) < SPLIT_WINDOW);
        let sum = |all: i64, asked: &Asked| all.saturating_add(asked.money);
        let by_proposer = recent().filter(|asked| asked.proposer == proposer).fold(0, sum);
        let in_category = recent().filter(|asked| asked.category == category).fold(0, sum);
        by_proposer.max(in_category).saturating_add(money.max(0))
    }

    /// Remembers that somebody asked.
    pub fn ask(&mut self, proposer: &str, category: &str, money: i64, now: Timestamp) {
        self.asked.retain(|asked| now.duration_since(asked.at) < SPLIT_WINDOW);
        let (proposer, category) = (proposer.to_owned(), category.to_owned());
        self.asked.push(Asked { at: now, proposer, category, money: money.max(0) });
    }

    /// Uses an approval up.
    ///
    /// # Errors
    /// [`AlreadyUsed`] when it was used before.
    pub fn use_up(&mut self, subject: &Subject, now: Timestamp) -> Result<(), AlreadyUsed> {
        if let Some(before) = self.used.get(&subject.nonce) {
            return Err(AlreadyUsed(*before));
        }
        self.used.insert(subject.nonce.clone(), now);
        Ok(())
    }
}
