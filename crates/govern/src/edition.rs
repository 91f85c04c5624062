//! Which limits hold where several programs share one ledger: those that were put in force last.
//!
//! A machine that was left behind by a change of limits, or by a newer program, must not act by the old ones (Knight Capital
//! 2012: seven of eight servers were new). Limits that nobody went by before take force by themselves, since people edit them
//! where they lie; limits that were replaced come back only when a named person says so.

use endcap_model::ContentHash;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a program goes by when it acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Hash of limits, of what people said once, and of who may do what.
    pub limits: ContentHash,
    /// Version of the program.
    pub program: String,
}

/// How an edition stands to those that others went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one in force.
    InForce,
    /// Nobody went by it before.
    New,
    /// It was in force and something else is now, or a newer program is.
    Replaced,
}

impl Edition {
    /// Says how the edition stands; `history` has all that were put in force, oldest first.
    pub fn among(&self, history: &[Self]) -> Standing {
        match history.last() {
            Some(last) if last == self => Standing::InForce,
            Some(last) if self.is_older_than(last) || history.contains(self) => Standing::Replaced,
            _ => Standing::New,
        }
    }

    fn is_older_than(&self, other: &Self) -> bool {
        numbers(&self.program) < numbers(&other.program)
    }
}

/// The numbers of a version, in their order; what is no number counts as none.
fn numbers(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    release.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

impl fmt::Display for Edition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "limits {} under endcap {}", self.limits.short(), self.program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::hash_bytes;

    fn edition(limits: &str, program: &str) -> Edition {
        Edition { limits: hash_bytes(limits.as_bytes()), program: program.to_owned() }
    }

    #[test]
    fn new_limits_take_force_and_replaced_ones_do_not_come_back_by_themselves() {
        let (old, new) = (edition("old", "1.2.0"), edition("new", "1.2.0"));
        assert_eq!(old.among(&[]), Standing::New);
        assert_eq!(old.among(std::slice::from_ref(&old)), Standing::InForce);
        assert_eq!(new.among(std::slice::from_ref(&old)), Standing::New);
        assert_eq!(old.among(&[old.clone(), new.clone()]), Standing::Replaced);
        assert_eq!(old.among(&[old.clone(), new, old.clone()]), Standing::InForce);
    }

    #[test]
    fn an_older_program_does_not_act_after_a_newer_one() {
        let newer = [edition("a", "1.10.0")];
        assert_eq!(edition("a", "1.9.9").among(&newer), Standing::Replaced);
        assert_eq!(edition("never seen", "1.9.9").among(&newer), Standing::Replaced);
        assert_eq!(edition("a", "1.10.1-rc.1").among(&newer), Standing::New);
    }
}
