//! Verification of a whole trail from its records, with nothing of ours to be believed.
//!
//! Each record names the hash of the one before, so a change breaks the chain at its place. Against somebody who writes
//! the whole chain anew, or cuts off its end, only checkpoints help that were signed before: against the holder of the
//! log's own key, only those that a witness has signed.
//!
//! Which of two records is at fault where the chain is broken, their neighbours say: the later one is as it was when the
//! record behind it, or a checkpoint, vouches for it. Of a single change that is exact. (A change of the last record can
//! be told from a rewriting only by a checkpoint just before it: then a span is named.)

use super::note::Signed;
use super::{Checkpoint, Digest32, Note, PublicKey, Tree, Untrusted, canonical, leaf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a trail is checked against.
#[derive(Clone, Debug, Default)]
pub struct Anchors {
    /// Checkpoints, in any order.
    pub checkpoints: Vec<Note>,
    /// Keys of the log; each checkpoint must be signed by one.
    pub log: Vec<PublicKey>,
    /// Keys of witnesses; each must have signed one of the checkpoints.
    pub witnesses: Vec<PublicKey>,
}

/// A trail that was found whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Number of records.
    pub records: u64,
    /// Root of the tree over them.
    pub root: Digest32,
    /// How many of them a checkpoint of the log covers; the rest hangs on the chain alone.
    pub signed: u64,
    /// How many of them witnesses have signed for; empty: the log vouches for itself.
    pub witnessed: Vec<Witnessed>,
}

/// What a witness has signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// The witness.
    pub by: String,
    /// Number of records.
    pub records: u64,
    /// When.
    pub at: Timestamp,
}

/// What is wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A record is not what it was.
    #[error("record {sequence} {what}")]
    Record {
        /// The first record that is not as it was.
        sequence: u64,
        /// What is wrong with it.
        what: Wrong,
    },
    /// The chain holds, and is another than the one that was signed.
    #[error(
        "records {first} to {last} are not those that the checkpoint over {last} records was signed for: the trail was written anew from one of them on"
    )]
    Rewritten {
        /// The first that may be another.
        first: u64,
        /// The last that the checkpoint covers.
        last: u64,
    },
    /// The end is missing.
    #[error("record {first} and what follows it are missing: a checkpoint was signed over {size} records")]
    Missing {
        /// The first that is missing.
        first: u64,
        /// How many there were.
        size: u64,
    },
    /// A checkpoint cannot be relied on.
    #[error(transparent)]
    Checkpoint(#[from] Untrusted),
    /// A witness has signed none of the checkpoints.
    #[error("no checkpoint is signed by the witness '{name}': get one that is, or leave the witness out")]
    Unwitnessed {
        /// The witness.
        name: String,
    },
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is no record, or spelled in another way than records are.
    #[error("cannot be read: it was changed")]
    Unreadable,
    /// Its line does not end.
    #[error("is cut off")]
    CutOff,
    /// Another stands in its place.
    #[error("is not where it belongs: number {found} stands in its place; one was dropped, put in or moved")]
    Misplaced {
        /// The number that stands there.
        found: u64,
    },
    /// Two claim its place.
    #[error("is there twice: one of the two was put in")]
    Doubled,
    /// Its content is another.
    #[error("was changed")]
    Changed,
}

impl Fault {
    /// The first record that is, or may be, not as it was; nothing when the fault lies in what it was checked against.
    pub fn first_bad(&self) -> Option<u64> {
        match self {
            Self::Record { sequence: first, .. } | Self::Rewritten { first, .. } | Self::Missing { first, .. } => {
                Some(*first)
            }
            Self::Checkpoint(_) | Self::Unwitnessed { .. } => None,
        }
    }
}

fn changed(sequence: u64) -> Fault {
    Fault::Record { sequence, what: Wrong::Changed }
}

/// What every record says of its place, whatever else it says.
#[derive(Deserialize)]
struct Place {
    sequence: u64,
    previous: Digest32,
}

/// Takes a trail record by record.
pub struct Verifier {
    /// By size; those before `next` held.
    checkpoints: Vec<Checkpoint>,
    next: usize,
    witnessed: Vec<Witnessed>,
    /// The tree without the last record.
    tree: Tree,
    last: Option<Digest32>,
    /// Hash of the record before the last.
    before: Digest32,
    broken: Option<Broken>,
}

/// A record whose word on the one before it is not that one's hash: one of the two was changed.
struct Broken {
    claimed: Digest32,
    own: Digest32,
}

impl Verifier {
    /// Begins, with checkpoints that are believed.
    ///
    /// # Errors
    /// [`Fault::Checkpoint`] when one is not to be believed, [`Fault::Unwitnessed`] when a witness is missing.
    pub fn new(anchors: &Anchors) -> Result<Self, Fault> {
        let mut checkpoints = vec![];
        let mut witnessed: Vec<Witnessed> = vec![];
        for note in &anchors.checkpoints {
            let checkpoint = Checkpoint::trusted(note, &anchors.log)?;
            for witness in &anchors.witnesses {
                match note.signed_by(witness) {
                    Signed::Yes(Some(at)) => {
                        witnessed.push(Witnessed { by: witness.name().to_owned(), records: checkpoint.size, at });
                    }
                    Signed::Yes(None) | Signed::No => {}
                    Signed::Forged => return Err(Untrusted::Forged { name: witness.name().to_owned() }.into()),
                }
            }
            checkpoints.push(checkpoint);
        }
        if let Some(silent) = anchors.witnesses.iter().find(|key| witnessed.iter().all(|said| said.by != key.name())) {
            return Err(Fault::Unwitnessed { name: silent.name().to_owned() });
        }
        checkpoints.sort_by_key(|checkpoint| checkpoint.size);
        witnessed.sort_by(|a, b| (&a.by, b.records).cmp(&(&b.by, a.records)));
        witnessed.dedup_by(|a, b| a.by == b.by);
        Ok(Self {
            checkpoints,
            next: 0,
            witnessed,
            tree: Tree::default(),
            last: None,
            before: Digest32::default(),
            broken: None,
        })
    }

    /// Takes the next line of an export.
    ///
    /// # Errors
    /// [`Fault`] as of [`Verifier::take`], or when the line does not end.
    pub fn take_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        match line.strip_suffix(b"\n") {
            Some(record) => self.take(record),
            None => {
                self.take(line)?;
                Err(Fault::Record { sequence: self.taken(), what: Wrong::CutOff })
            }
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// [`Fault`] at the first record that is not as it was.
    pub fn take(&mut self, record: &[u8]) -> Result<(), Fault> {
        let sequence = self.taken() + 1;
        let place = place(record);
        if let Some(broken) = &self.broken {
            let vouched = place.is_some_and(|place| place.previous == broken.own);
            return Err(changed(if vouched { sequence - 2 } else { sequence - 1 }));
        }
        let place = place.ok_or(Fault::Record { sequence, what: Wrong::Unreadable })?;
        if self.last.is_some() && place.sequence + 1 == sequence && place.previous == self.before {
            return Err(Fault::Record { sequence: place.sequence, what: Wrong::Doubled });
        }
        if place.sequence != sequence {
            return Err(Fault::Record { sequence, what: Wrong::Misplaced { found: place.sequence } });
        }
        let own = leaf(record);
        if place.previous != self.last.unwrap_or_default() {
            return self.suspect(Broken { claimed: place.previous, own });
        }
        self.settle()?;
        (self.last, self.before) = (Some(own), place.previous);
        Ok(())
    }

    /// Ends.
    ///
    /// # Errors
    /// [`Fault`] when the trail ends too early, or is another than the one that was signed.
    pub fn finish(mut self) -> Result<Verified, Fault> {
        let taken = self.taken();
        if let Some(broken) = &self.broken {
            let mut as_claimed = self.tree.clone();
            as_claimed.extend([broken.claimed, broken.own]);
            return Err(changed(if self.signed_as(&as_claimed) == Some(true) { taken - 1 } else { taken }));
        }
        self.settle()?;
        if let Some(beyond) = self.checkpoints.get(self.next) {
            return Err(Fault::Missing { first: taken + 1, size: beyond.size });
        }
        let signed = self.checkpoints.last().map_or(0, |last| last.size);
        Ok(Verified { records: taken, root: self.tree.root(), signed, witnessed: self.witnessed })
    }

    /// Records taken so far.
    fn taken(&self) -> u64 {
        self.tree.size() + u64::from(self.last.is_some()) + u64::from(self.broken.is_some())
    }

    /// Puts the last record into the tree and holds it against the checkpoints of that size.
    fn settle(&mut self) -> Result<(), Fault> {
        self.tree.extend(self.last.take());
        while let Some(checkpoint) = self.checkpoints.get(self.next).filter(|next| next.size == self.tree.size()) {
            if checkpoint.root != self.tree.root() {
                let held = self.next.checked_sub(1).map_or(0, |before| self.checkpoints[before].size);
                return Err(Fault::Rewritten { first: held + 1, last: checkpoint.size });
            }
            self.next += 1;
        }
        Ok(())
    }

    /// Decides at once where the chain is broken, or leaves it to the next record.
    fn suspect(&mut self, broken: Broken) -> Result<(), Fault> {
        let Some(last) = self.last else { return Err(changed(1)) };
        let mut as_found = self.tree.clone();
        as_found.push(last);
        match self.signed_as(&as_found) {
            Some(true) => Err(changed(as_found.size() + 1)),
            Some(false) => Err(changed(as_found.size())),
            None => {
                self.broken = Some(broken);
                Ok(())
            }
        }
    }

    /// Whether a tree is the one that was signed at its size; nothing when none was.
    fn signed_as(&self, tree: &Tree) -> Option<bool> {
        let signed = self.checkpoints.iter().find(|checkpoint| checkpoint.size == tree.size())?;
        Some(signed.root == tree.root())
    }
}

/// Reads a record's place; nothing unless it is in its one spelling.
fn place(record: &[u8]) -> Option<Place> {
    let text = std::str::from_utf8(record).ok()?;
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    if canonical(&value).ok()? != text {
        return None;
    }
    serde_json::from_value(value).ok()
}
