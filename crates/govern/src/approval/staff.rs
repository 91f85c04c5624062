//! The people who may sign, with the keys that they sign with and those who stand in for them.

use crate::{Function, Right, Role, may};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use endcap_model::canonical_json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const PURPOSE: &str = "endcap stand-in 1\n";

/// Somebody or something that could sign.
#[derive(Clone, Debug)]
pub struct Person {
    /// What they are to the desk, now.
    pub roles: Vec<Role>,
    /// Whether it is a person; an agent never approves, whatever its roles say.
    pub human: bool,
    /// What their signatures are checked with: the key in use, and those before it that may still count.
    pub keys: Vec<VerifyingKey>,
}

/// Somebody signs for somebody else for a while, because the one who is away says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandIn {
    /// Who is away.
    pub away: String,
    /// Who signs.
    pub stands_in: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, excluded.
    pub until: Timestamp,
    /// Ed25519 of the one who is away over all of the above: 64 bytes.
    pub bytes: Vec<u8>,
}

impl StandIn {
    /// Names a stand-in, signed by the one who is away.
    pub fn sign(away: &str, stands_in: &str, from: Timestamp, until: Timestamp, key: &SigningKey) -> Self {
        let (away, stands_in) = (away.to_owned(), stands_in.to_owned());
        let mut stand_in = Self { away, stands_in, from, until, bytes: vec![] };
        stand_in.bytes = key.sign(&stand_in.text()).to_bytes().to_vec();
        stand_in
    }

    fn text(&self) -> Vec<u8> {
        let Self { away, stands_in, from, until, bytes: _ } = self;
        format!("{PURPOSE}{}", canonical_json(&(away, stands_in, from, until))).into_bytes()
    }
}

impl Person {
    /// Whether a signature of some bytes is by one of the person's keys.
    pub(super) fn signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        self.keys.iter().any(|key| key.verify_strict(text, &signature).is_ok())
    }
}

/// Everybody, by name.
#[derive(Clone, Debug, Default)]
pub struct Staff {
    /// People and agents.
    pub people: BTreeMap<String, Person>,
    /// Who stands in for whom.
    pub stand_ins: Vec<StandIn>,
}

impl Staff {
    /// Whether the one who is away, and has a role to pass on, has named the stand-in.
    pub fn named(&self, stand_in: &StandIn) -> bool {
        self.people.get(&stand_in.away).is_some_and(|away| {
            away.human && may(&away.roles, Right::Approve) && away.signed(&stand_in.text(), &stand_in.bytes)
        })
    }

    /// Whether somebody signs for a function at a time what somebody else proposed: by a role of their own, or in the place of
    /// one who has it and is not the proposer.
    ///
    /// A stand-in passes nothing on: who stands in for a stand-in signs for nobody.
    pub fn signs_for(&self, name: &str, function: Function, at: Timestamp, proposer: &str) -> bool {
        let holds = |name: &str| {
            self.people.get(name).is_some_and(|person| person.human && person.roles.contains(&Role::Approver(function)))
        };
        let stands_in =
            |one: &&StandIn| one.stands_in == name && one.away != proposer && one.from <= at && at < one.until;
        let said_so =
            |one: &&StandIn| self.people.get(&one.away).is_some_and(|away| away.signed(&one.text(), &one.bytes));
        holds(name) || self.stand_ins.iter().filter(stands_in).filter(said_so).any(|stand_in| holds(&stand_in.away))
    }
}
