//! Counts of a load, which always add up.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// What became of the rows of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows read.
    pub read: u64,
    /// Rows that are facts now.
    pub loaded: u64,
    /// Rows kept apart with a reason.
    pub set_aside: u64,
    /// Rows that repeat an earlier one word for word.
    pub duplicates: u64,
    /// Rows whose place a later delivery's row took.
    #[serde(default, skip_serializing_if = "is_none")]
    pub replaced: u64,
}

fn is_none(rows: &u64) -> bool {
    *rows == 0
}

impl Counts {
    /// Returns whether every row that was read is accounted for.
    pub fn add_up(&self) -> bool {
        self.read == self.loaded + self.set_aside + self.duplicates + self.replaced
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.loaded += other.loaded;
        self.set_aside += other.set_aside;
        self.duplicates += other.duplicates;
        self.replaced += other.replaced;
    }
}
