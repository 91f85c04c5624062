//! Breaking the glass: two people together stand in for a chain of approvals, for an hour, in one scope.
//!
//! The limits hold all the same. Who broke the glass, why and until when belongs on every page.

use super::Staff;
use crate::stop::Scope;
use crate::{Right, may};
use ed25519_dalek::{Signer, SigningKey};
use endcap_model::{canonical_json, later};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Longest time for which the glass stays broken.
pub const BREAK_GLASS_MAX: SignedDuration = SignedDuration::from_hours(1);

const PURPOSE: &str = "endcap break glass 1\n";

/// An emergency that two people declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// Why.
    pub reason: String,
    /// What for.
    pub scope: Scope,
    /// When.
    pub at: Timestamp,
    /// A number that is used once.
    pub nonce: String,
    /// Who signed.
    pub signatures: Vec<BreakGlassSignature>,
}

/// One of the two signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassSignature {
    /// Who.
    pub person: String,
    /// Ed25519 over the emergency and the name: 64 bytes.
    pub bytes: Vec<u8>,
}

/// Why the glass is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBroken {
    /// Nobody said why.
    #[error("breaking the glass needs a reason")]
    NoReason,
    /// It has not begun, or its hour is over.
    #[error("the glass stays broken for one hour from when it was broken")]
    Over,
    /// Fewer than two different people who may approve have signed.
    #[error("two different people who may approve, and neither of them the proposer, must sign")]
    TooFew,
}

impl BreakGlass {
    /// Adds somebody's signature.
    pub fn sign(&mut self, person: &str, key: &SigningKey) {
        let bytes = key.sign(&self.text(person)).to_bytes().to_vec();
        self.signatures.push(BreakGlassSignature { person: person.to_owned(), bytes });
    }

    /// When the hour is over.
    pub fn until(&self) -> Timestamp {
        later(self.at, BREAK_GLASS_MAX)
    }

    /// Says whether the glass is broken now, for something that somebody proposed.
    ///
    /// # Errors
    /// [`NotBroken`] when it is not.
    pub fn holds(&self, proposer: &str, staff: &Staff, now: Timestamp) -> Result<(), NotBroken> {
        if self.reason.trim().is_empty() {
            return Err(NotBroken::NoReason);
        }
        if now < self.at || now >= self.until() {
            return Err(NotBroken::Over);
        }
        let mut people: Vec<&str> = self
            .signatures
            .iter()
            .filter(|one| self.counts(one, proposer, staff))
            .map(|one| one.person.as_str())
            .collect();
        people.sort_unstable();
        people.dedup();
        if people.len() < 2 { Err(NotBroken::TooFew) } else { Ok(()) }
    }

    /// Whether the signature that was added last is by a person who may approve, and who had not signed before.
    pub fn last_counts(&self, staff: &Staff) -> bool {
        let Some((last, before)) = self.signatures.split_last() else { return false };
        self.counts(last, "", staff) && before.iter().all(|other| other.person != last.person)
    }

    fn counts(&self, signature: &BreakGlassSignature, proposer: &str, staff: &Staff) -> bool {
        let Some(person) = staff.people.get(&signature.person) else { return false };
        let verifies = person.signed(&self.text(&signature.person), &signature.bytes);
        verifies && person.human && signature.person != proposer && may(&person.roles, Right::Approve)
    }

    fn text(&self, person: &str) -> Vec<u8> {
        let text = canonical_json(&(&self.reason, &self.scope, self.at, &self.nonce, person));
        format!("{PURPOSE}{text}").into_bytes()
    }
}
