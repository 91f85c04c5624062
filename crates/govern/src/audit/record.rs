//! What the trail holds of a decision, and how personal values stay out of it.
//!
//! A personal value (a name, an address, a reason in somebody's own words) is in the record only as a commitment: the
//! hash of 32 random bytes and the value. Whoever holds the opening can show what was meant; once it is erased, nobody
//! can, not even by guessing, and the record is as whole as before.

use super::{Digest32, NotCanonical, canonical};
use endcap_model::{ContentHash, SnapshotId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A value as whoever decides knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// May be read by anybody, for as long as the trail is kept.
    Open(String),
    /// About a person: kept as a commitment.
    Personal(String),
}

impl Told {
    /// Says something that anybody may read.
    pub fn open(text: impl ToString) -> Self {
        Self::Open(text.to_string())
    }

    /// Says something about a person.
    pub fn personal(text: impl ToString) -> Self {
        Self::Personal(text.to_string())
    }
}

/// A value as the record holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Held {
    /// As it is.
    Open(String),
    /// As a commitment.
    Committed {
        /// SHA-256 of the salt and the value.
        commitment: Digest32,
    },
}

/// What a commitment was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The commitment.
    pub commitment: Digest32,
    /// 32 random bytes of its own.
    pub salt: [u8; 32],
    /// The value.
    pub value: String,
}

impl Opening {
    fn new(salt: [u8; 32], value: String) -> Self {
        Self { commitment: Self::commitment(&salt, &value), salt, value }
    }

    fn commitment(salt: &[u8; 32], value: &str) -> Digest32 {
        Digest32::of(&[salt, value.as_bytes()])
    }

    /// Whether salt and value are those that were committed to.
    pub fn holds(&self) -> bool {
        self.commitment == Self::commitment(&self.salt, &self.value)
    }
}

/// How a decision came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It may go ahead, or has.
    Allowed,
    /// It may not.
    Refused,
    /// A named person has to say.
    NeedsPerson,
}

/// What a decision rests on, by hash; absent where it rests on no such thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// What was decided on, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<ContentHash>,
    /// The limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ContentHash>,
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<ContentHash>,
    /// The lift model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ContentHash>,
    /// The facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotId>,
    /// The version of the objectives that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<ContentHash>,
}

/// A decision, with its values as [`Told`] or as [`Held`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<V> {
    /// Who decided: a person or a program.
    pub actor: V,
    /// For whom, where not for themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<V>,
    /// What was decided or done, in two or three words that docs/audit.md lists.
    pub action: String,
    /// On what: a plan, an account, a board.
    pub subject: V,
    /// How it came out.
    pub ruling: Ruling,
    /// Why, in words.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<V>,
    /// What it rests on.
    #[serde(flatten)]
    pub grounds: Grounds,
    /// Key of the effect that follows from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Hash of what the channel answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<ContentHash>,
}

impl<V> Entry<V> {
    /// A decision with nothing but who, what, on what and how.
    pub fn new(actor: V, action: impl ToString, subject: V, ruling: Ruling) -> Self {
        Self {
            actor,
            on_behalf_of: None,
            action: action.to_string(),
            subject,
            ruling,
            reasons: vec![],
            grounds: Grounds::default(),
            effect: None,
            answer: None,
        }
    }

    fn map<W>(self, mut value: impl FnMut(V) -> W) -> Entry<W> {
        Entry {
            actor: value(self.actor),
            on_behalf_of: self.on_behalf_of.map(&mut value),
            action: self.action,
            subject: value(self.subject),
            ruling: self.ruling,
            reasons: self.reasons.into_iter().map(value).collect(),
            grounds: self.grounds,
            effect: self.effect,
            answer: self.answer,
        }
    }
}

impl Entry<Told> {
    /// Puts commitments in the place of personal values; `random` gives 32 new random bytes at each call.
    pub fn commit(self, random: &mut dyn FnMut() -> [u8; 32]) -> (Entry<Held>, Vec<Opening>) {
        let mut openings = vec![];
        let held = self.map(|value| match value {
            Told::Open(text) => Held::Open(text),
            Told::Personal(value) => {
                let opening = Opening::new(random(), value);
                let commitment = opening.commitment;
                openings.push(opening);
                Held::Committed { commitment }
            }
        });
        (held, openings)
    }
}

/// A decision in its place in the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1 without a gap.
    pub sequence: u64,
    /// When it was taken.
    pub at: Timestamp,
    /// The decision.
    #[serde(flatten)]
    pub entry: Entry<Held>,
    /// Leaf hash of the record before; 64 zeros for the first.
    pub previous: Digest32,
}

impl Record {
    /// Writes the record in its one spelling: these bytes are what is hashed, kept and exported.
    ///
    /// # Errors
    /// [`NotCanonical`] when the sequence is beyond what JSON numbers hold (2^53).
    pub fn canonical(&self) -> Result<String, NotCanonical> {
        canonical(&serde_json::to_value(self).expect("Invariant: a record is JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halted() -> Entry<Told> {
        let mut entry = Entry::new(Told::personal("Ada"), "loop halted", Told::open("shop"), Ruling::Allowed);
        entry.reasons = vec![Told::personal("Ada is on leave"), Told::open("stores are shut")];
        entry
    }

    fn counted() -> impl FnMut() -> [u8; 32] {
        let mut calls = 0;
        move || {
            calls += 1;
            [calls; 32]
        }
    }

    #[test]
    fn personal_values_are_in_the_record_as_commitments_alone() {
        let (entry, openings) = halted().commit(&mut counted());
        let record = Record { sequence: 1, at: Timestamp::UNIX_EPOCH, entry, previous: Digest32::default() };
        let text = record.canonical().unwrap();
        assert!(!text.contains("Ada") && text.contains("stores are shut"), "{text}");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert_eq!(
            openings.iter().map(|opening| opening.value.as_str()).collect::<Vec<_>>(),
            ["Ada", "Ada is on leave"]
        );
        assert!(openings.iter().all(|opening| opening.holds() && text.contains(&opening.commitment.to_string())));
    }

    #[test]
    fn the_same_person_twice_is_two_commitments_and_a_guess_cannot_be_tested() {
        let mut random = counted();
        let (first, _) = halted().commit(&mut random);
        let (second, _) = halted().commit(&mut random);
        assert_ne!(first.actor, second.actor);
        let guess = Opening { commitment: Digest32::of(&[b"Ada"]), salt: [0; 32], value: "Ada".into() };
        assert!(!guess.holds());
    }
}
