//! The writing end of the trail: what has to be remembered between two records, and nothing more.

use super::{Digest32, Entry, NotCanonical, Opening, Record, Told, Tree, leaf};
use jiff::Timestamp;

/// The end of a trail: its tree and the hash of its last record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// The tree over all records.
    pub tree: Tree,
    /// Leaf hash of the last record; zeros before the first.
    pub last: Digest32,
}

/// A record as it is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number.
    pub sequence: u64,
    /// Its bytes.
    pub content: String,
    /// What its commitments were made of, to be kept apart from it.
    pub openings: Vec<Opening>,
}

impl Trail {
    /// Adds a decision to the end. `random` gives 32 new random bytes at each call.
    ///
    /// # Errors
    /// [`NotCanonical`] after 2^53 records.
    pub fn append(
        &mut self,
        at: Timestamp,
        entry: Entry<Told>,
        random: &mut dyn FnMut() -> [u8; 32],
    ) -> Result<Sealed, NotCanonical> {
        let (entry, openings) = entry.commit(random);
        let record = Record { sequence: self.tree.size() + 1, at, entry, previous: self.last };
        let content = record.canonical()?;
        self.last = leaf(content.as_bytes());
        self.tree.push(self.last);
        Ok(Sealed { sequence: record.sequence, content, openings })
    }
}
