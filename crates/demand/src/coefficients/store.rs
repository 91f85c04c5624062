//! The log of edits and what follows from it: who proposed, who approved, what is in force on a day.
//!
//! Entries are checked by the same rules when they are made and when they are read again, so that a log that was changed by
//! hand is refused with the line at fault.

use super::edit::{Draft, Edit, EditRefusal, named, same_person};
use endcap_model::{LiftModel, hash_json};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// An edit was proposed.
    Edited(Edit),
    /// Somebody else approved it.
    Approved {
        /// The edit.
        edit: u32,
        /// Who approved it.
        by: String,
        /// When.
        on: Date,
    },
    /// It was ended before its day, or turned down.
    Ended {
        /// The edit.
        edit: u32,
        /// Who ended it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        on: Date,
    },
}

/// What has become of an edit on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Proposed; not used before somebody approves it.
    Waiting,
    /// Used.
    InForce {
        /// Who approved it.
        approver: String,
    },
    /// Its day has come, approved or not.
    Expired,
    /// Ended before its day.
    Ended {
        /// Who ended it.
        by: String,
        /// Why.
        reason: String,
    },
}

/// A line of the log that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line} of the log of edits: {reason}. Maybe it was changed by hand: restore it")]
pub struct LogError {
    /// Line, 1 the first.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// A version of the estimates, named by its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Hash of the estimates and of all that they came from.
    pub id: String,
    /// The estimates, with snapshot, moment, span, code version and seed.
    pub lift: LiftModel,
}

/// All edits with what became of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    entries: Vec<Entry>,
}

impl Version {
    /// Names a version of the estimates.
    pub fn of(lift: &LiftModel) -> Self {
        Self { id: hash_json(lift).short().to_owned(), lift: lift.clone() }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting for approval"),
            Self::InForce { approver } => write!(f, "in force, approved by {approver}"),
            Self::Expired => f.write_str("expired"),
            Self::Ended { by, reason } => write!(f, "ended by {by}: {reason}"),
        }
    }
}

impl Entry {
    /// Writes the entry as its line of the log, without the line's end.
    ///
    /// # Panics
    /// Never: an entry is always JSON.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("Invariant: an entry is JSON")
    }
}

impl Store {
    /// Reads a log, one JSON entry a line.
    ///
    /// # Errors
    /// [`LogError`] for the first line that is no entry or could not have been made.
    pub fn read(log: &str) -> Result<Self, LogError> {
        let mut store = Self::default();
        for (at, text) in log.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let broken = |reason: String| LogError { line: at + 1, reason };
            let entry: Entry = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
            store.check(&entry).map_err(|refusal| broken(refusal.to_string()))?;
            store.entries.push(entry);
        }
        Ok(store)
    }

    /// Returns the entries in the order in which they were made.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Iterates over the edits in the order of their numbers.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Edited(edit) => Some(edit),
            _ => None,
        })
    }

    /// Proposes an edit; it is used once somebody else approves it.
    ///
    /// # Errors
    /// [`EditRefusal`] when the draft cannot be meant, or another open edit covers one of its items.
    pub fn propose(&mut self, draft: Draft, lift: &LiftModel) -> Result<&Entry, EditRefusal> {
        if !lift.responses.iter().any(|response| draft.target.covers(response)) {
            return Err(EditRefusal::NoSuchItem { target: draft.target });
        }
        draft.check()?;
        self.overlap(&draft, lift).map_or(Ok(()), Err)?;
        let id = self.edits().last().map_or(1, |edit| edit.id + 1);
        self.add(Entry::Edited(Edit { id, draft }))
    }

    /// Approves an edit that waits.
    ///
    /// # Errors
    /// [`EditRefusal`] for the author, for an unknown edit and for one that does not wait.
    pub fn approve(&mut self, edit: u32, by: &str, on: Date) -> Result<&Entry, EditRefusal> {
        self.add(Entry::Approved { edit, by: by.trim().to_owned(), on })
    }

    /// Ends an edit before its day, or turns a waiting one down.
    ///
    /// # Errors
    /// [`EditRefusal`] for an unknown edit and for one that is over.
    pub fn end(&mut self, edit: u32, by: &str, reason: &str, on: Date) -> Result<&Entry, EditRefusal> {
        self.add(Entry::Ended { edit, by: by.trim().to_owned(), reason: reason.trim().to_owned(), on })
    }

    /// Returns the edits that are used on a day, in the order of their numbers.
    pub fn in_force(&self, day: Date) -> Vec<&Edit> {
        self.edits().filter(|edit| matches!(self.state(edit, day), State::InForce { .. })).collect()
    }

    /// Says what has become of an edit on a day; what was entered later counts as well.
    pub fn state(&self, edit: &Edit, today: Date) -> State {
        let mut approver = None;
        for entry in &self.entries {
            match entry {
                Entry::Ended { edit: id, by, reason, .. } if *id == edit.id => {
                    return State::Ended { by: by.clone(), reason: reason.clone() };
                }
                Entry::Approved { edit: id, by, .. } if *id == edit.id => approver = Some(by.clone()),
                _ => {}
            }
        }
        match approver {
            _ if edit.draft.expires <= today => State::Expired,
            Some(approver) => State::InForce { approver },
            None => State::Waiting,
        }
    }

    fn add(&mut self, entry: Entry) -> Result<&Entry, EditRefusal> {
        self.check(&entry)?;
        self.entries.push(entry);
        Ok(&self.entries[self.entries.len() - 1])
    }

    /// Checks what must hold for an entry whatever the model is.
    fn check(&self, entry: &Entry) -> Result<(), EditRefusal> {
        match entry {
            Entry::Edited(edit) => {
                let next = self.edits().last().map_or(1, |edit| edit.id + 1);
                if edit.id != next {
                    return Err(EditRefusal::NoSuchEdit { id: next });
                }
                edit.draft.check()
            }
            Entry::Approved { edit, by, on } => {
                named("the approver", by)?;
                let found = self.find(*edit)?;
                if same_person(by, &found.draft.author) {
                    return Err(EditRefusal::OwnEdit { id: *edit, by: by.clone() });
                }
                self.must_be(found, *on, &|state| *state == State::Waiting, "only one that waits can be approved")
            }
            Entry::Ended { edit, by, reason, on } => {
                named("the name of who ends it", by)?;
                named("the reason", reason)?;
                let open = |state: &State| matches!(state, State::Waiting | State::InForce { .. });
                self.must_be(self.find(*edit)?, *on, &open, "it is over already")
            }
        }
    }

    fn find(&self, id: u32) -> Result<&Edit, EditRefusal> {
        self.edits().find(|edit| edit.id == id).ok_or(EditRefusal::NoSuchEdit { id })
    }

    fn must_be(&self, edit: &Edit, on: Date, fits: &dyn Fn(&State) -> bool, expected: &str) -> Result<(), EditRefusal> {
        let state = self.state(edit, on);
        if fits(&state) {
            return Ok(());
        }
        Err(EditRefusal::State { id: edit.id, state: state.to_string(), expected: expected.to_owned() })
    }

    /// The first open edit that covers an item of the draft.
    fn overlap(&self, draft: &Draft, lift: &LiftModel) -> Option<EditRefusal> {
        let mut open = self.edits().filter(|edit| {
            edit.draft.effect == draft.effect
                && matches!(self.state(edit, draft.made), State::Waiting | State::InForce { .. })
        });
        open.find_map(|edit| {
            let both = lift.responses.iter().find(|r| edit.draft.target.covers(r) && draft.target.covers(r))?;
            Some(EditRefusal::Overlaps {
                id: edit.id,
                author: edit.draft.author.clone(),
                effect: draft.effect,
                sku: both.sku.clone(),
                value: edit.draft.value,
                expires: edit.draft.expires,
            })
        })
    }
}
