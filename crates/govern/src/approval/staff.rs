//! The people who may sign, with the keys that they sign with and those who stand in for them.

use crate::{Function, Role};
use ed25519_dalek::VerifyingKey;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Somebody or something that could sign.
#[derive(Clone, Debug)]
pub struct Person {
    /// What they are to the desk, now.
    pub roles: Vec<Role>,
    /// Whether it is a person; an agent never approves, whatever its roles say.
    pub human: bool,
    /// What their signatures are checked with.
    pub key: VerifyingKey,
}

/// Somebody signs for somebody else for a while.
#[derive(Clone, Debug)]
pub struct StandIn {
    /// Who is away.
    pub away: String,
    /// Who signs.
    pub stands_in: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, excluded.
    pub until: Timestamp,
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
        holds(name) || self.stand_ins.iter().filter(stands_in).any(|stand_in| holds(&stand_in.away))
    }
}
