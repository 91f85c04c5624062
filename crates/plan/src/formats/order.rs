//! Rows that may come in any order but only once each.

use super::error::FormatError;
use std::collections::BTreeMap;

/// Hands numbered things on in the order of their numbers, holding only those that come early.
pub(super) struct InOrder<T> {
    next: usize,
    early: BTreeMap<usize, T>,
}

impl<T> InOrder<T> {
    /// Begins before number 0.
    pub fn new() -> Self {
        Self { next: 0, early: BTreeMap::new() }
    }

    /// Returns whether a number has come.
    pub fn has(&self, number: usize) -> bool {
        number < self.next || self.early.contains_key(&number)
    }

    /// Returns the first number that has not come.
    pub fn awaited(&self) -> usize {
        self.next
    }

    /// Takes a number that has not come yet, and hands on all that are in order now.
    pub fn take(&mut self, number: usize, thing: T, mut hand_on: impl FnMut(usize, T)) {
        if number != self.next {
            self.early.insert(number, thing);
            return;
        }
        hand_on(number, thing);
        self.next += 1;
        while let Some(thing) = self.early.remove(&self.next) {
            hand_on(self.next, thing);
            self.next += 1;
        }
    }
}

/// Finds out whether two rows of a file speak of the same two things.
#[derive(Default)]
pub(super) struct Once {
    seen: Vec<(u64, u64)>,
}

impl Once {
    /// Notes what a line speaks of.
    pub fn note(&mut self, first: usize, second: usize, line: u64) {
        self.seen.push(((first as u64) << 32 | second as u64, line));
    }

    /// Fails when two lines speak of the same, naming the two columns that say so.
    pub fn check(mut self, file: &str, columns: &str) -> Result<(), FormatError> {
        self.seen.sort_unstable();
        match self.seen.windows(2).find(|two| two[0].0 == two[1].0) {
            None => Ok(()),
            Some(two) => {
                let (first, again) = (two[0].1, two[1].1);
                let problem = format!("line {again} has the same {columns} as line {first}: keep one of them");
                Err(FormatError::shape(file, problem))
            }
        }
    }
}
