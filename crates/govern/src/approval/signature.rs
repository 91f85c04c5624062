//! What is signed, and one person's signature under it.

use super::Person;
use crate::Function;
use ed25519_dalek::{Signer, SigningKey};
use endcap_model::{ContentHash, SnapshotId, canonical_json, hash_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// First line of what is signed, so that no signature for one thing passes for another.
const PURPOSE: &str = "endcap approval 1\n";

/// Everything that an approval holds for. A change of any part voids it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Hash of the canonical proposal.
    pub proposal: ContentHash,
    /// Hash of the limits.
    pub limits: ContentHash,
    /// Hash of the policy.
    pub policy: ContentHash,
    /// Snapshot of the data that it was decided on.
    pub data: SnapshotId,
    /// When the approval ends, excluded.
    pub expires: Timestamp,
    /// A number that is used once, from the caller's source of randomness.
    pub nonce: String,
}

/// What somebody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It may go ahead.
    Approve,
    /// It may not.
    Refuse,
}

/// One person's answer, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Who.
    pub person: String,
    /// For which function.
    pub function: Function,
    /// The answer.
    pub answer: Answer,
    /// Hash of the [`Subject`].
    pub subject: ContentHash,
    /// When.
    pub at: Timestamp,
    /// When the person had signed in.
    pub signed_in: Timestamp,
    /// Ed25519 over all of the above: 64 bytes.
    pub bytes: Vec<u8>,
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The signature is under other content, limits, policy, data, end or number.
    #[error("it signs something else: whoever changes a proposal starts anew")]
    OtherSubject,
    /// Key, text or bytes do not fit.
    #[error("the signature does not verify with the person's key")]
    Forged,
    /// Nobody of that name.
    #[error("nobody of that name is known")]
    UnknownPerson,
    /// An agent signed.
    #[error("an agent never approves")]
    Agent,
    /// The proposer signed.
    #[error("nobody approves what they proposed")]
    Proposer,
    /// The person does not sign for that function now, unless in the place of the proposer.
    #[error("the person does not sign for this function now, and nobody signs in the place of the proposer")]
    NoFunction,
    /// It is not that function's turn.
    #[error("it is not this function's turn")]
    NotTheirTurn,
    /// The person signed before.
    #[error("the person has signed already: another one must")]
    Twice,
    /// The step's time was over, or the approval's.
    #[error("the time to sign was over")]
    TooLate,
    /// It is dated before an earlier step or after now.
    #[error("it is dated before the step began or after now")]
    WrongTime,
    /// The person signed in too long ago for so much money.
    #[error("so much money needs a person who has just signed in: sign in again")]
    StaleLogin,
    /// Who asked, when, how much is at risk or who has to sign is not as it was asked.
    #[error("who asked, when, the money at risk or the chain was changed after it was asked")]
    OtherTerms,
    /// All has been said.
    #[error("it is decided already")]
    Decided,
}

impl Subject {
    /// Names the subject.
    pub fn hash(&self) -> ContentHash {
        hash_json(&(PURPOSE, self))
    }
}

impl Signature {
    /// Signs a subject.
    pub fn sign(
        subject: &Subject,
        person: &str,
        function: Function,
        answer: Answer,
        at: Timestamp,
        signed_in: Timestamp,
        key: &SigningKey,
    ) -> Self {
        let subject = subject.hash();
        let mut signature = Self { person: person.to_owned(), function, answer, subject, at, signed_in, bytes: vec![] };
        signature.bytes = key.sign(&signature.text()).to_bytes().to_vec();
        signature
    }

    /// Whether the bytes are this person's signature under the rest.
    pub fn verifies(&self, person: &Person) -> bool {
        person.signed(&self.text(), &self.bytes)
    }

    fn text(&self) -> Vec<u8> {
        let Self { person, function, answer, subject, at, signed_in, bytes: _ } = self;
        format!("{PURPOSE}{}", canonical_json(&(person, function, answer, subject, at, signed_in))).into_bytes()
    }
}
