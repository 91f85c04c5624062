//! The log of overrides: who changed which forecast, why, until when, who approved it, and who took it back.
//!
//! Whether an override needs approval is written with it, so that the log alone says what is in force.
//!
//! Entries are checked by the same rules when they are made and when they are read again, so that a log that was changed by
//! hand is refused with the line at fault.

use super::apply::{Change, Override, OverrideRefusal};
use crate::coefficients::same_person;
use endcap_model::{LiftModel, Place, Sku, Span};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A forecast was overridden.
    Added(Override),
    /// Somebody other than its author approved it.
    Approved {
        /// Its number.
        id: u32,
        /// Who approved it.
        by: String,
        /// When.
        on: Date,
    },
    /// The override was taken back.
    Withdrawn {
        /// Its number.
        id: u32,
        /// Who took it back.
        by: String,
        /// Why.
        reason: String,
        /// When.
        on: Date,
    },
}

/// An override as its author proposes it; the log gives it a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// The item.
    pub sku: Sku,
    /// The place; all places when not given.
    pub place: Option<Place>,
    /// The periods.
    pub span: Span,
    /// What they are changed to.
    pub change: Change,
    /// What the planner knows.
    pub reason: String,
    /// Who answers for it.
    pub author: String,
    /// Day on which it is made.
    pub made: Date,
    /// First day on which it is no longer used.
    pub expires: Date,
    /// Whether it is used only once somebody else has approved it.
    pub needs_approval: bool,
}

/// What has become of an override on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Not used before somebody else approves it.
    Proposed,
    /// Used.
    InForce,
    /// Its day has come.
    Expired,
    /// Taken back.
    Withdrawn {
        /// Who took it back.
        by: String,
        /// Why.
        why: String,
    },
}

/// A line of the log that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line} of the log of overrides: {reason}. Maybe it was changed by hand: restore it")]
pub struct LogError {
    /// Line, 1 the first.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// All overrides with what became of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    entries: Vec<Entry>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proposed => f.write_str("proposed, waiting for approval"),
            Self::InForce => f.write_str("in force"),
            Self::Expired => f.write_str("expired"),
            Self::Withdrawn { by, why } => write!(f, "withdrawn by {by}: {why}"),
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

impl Log {
    /// Reads a log, one JSON entry a line.
    ///
    /// # Errors
    /// [`LogError`] for the first line that is no entry or could not have been made.
    pub fn read(text: &str) -> Result<Self, LogError> {
        let mut log = Self::default();
        for (at, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let broken = |reason: String| LogError { line: at + 1, reason };
            let entry: Entry = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
            log.check(&entry).map_err(|refusal| broken(refusal.to_string()))?;
            log.entries.push(entry);
        }
        Ok(log)
    }

    /// Returns the entries in the order in which they were made.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Iterates over the overrides in the order of their numbers.
    pub fn overrides(&self) -> impl Iterator<Item = &Override> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Added(planned) => Some(planned),
            Entry::Approved { .. } | Entry::Withdrawn { .. } => None,
        })
    }

    /// Adds an override of the forecasts of a model.
    ///
    /// # Errors
    /// [`OverrideRefusal`] when it cannot be meant, or another one in force changes one of its cells.
    pub fn add(&mut self, proposed: Proposed, lift: &LiftModel) -> Result<&Entry, OverrideRefusal> {
        let Proposed { sku, place, span, change, reason, author, made, expires, needs_approval } = proposed;
        if lift.response(&sku).is_none() {
            return Err(OverrideRefusal::NoSuchItem { sku });
        }
        let (calendar, origin) = (lift.calendar, lift.span.end);
        if span.is_empty() || span.end <= origin {
            let name = |period| calendar.format(period);
            let (first, last) = (name(span.start), name(span.end.plus(-1)));
            return Err(OverrideRefusal::Periods { first, last, origin: name(origin) });
        }
        let id = self.next();
        self.push(Entry::Added(Override {
            id,
            sku,
            place,
            span,
            calendar,
            change,
            reason,
            author,
            made,
            expires,
            origin,
            needs_approval,
        }))
    }

    /// Approves an override.
    ///
    /// # Errors
    /// [`OverrideRefusal`] for its author, for an unknown override, and for one that is approved or over.
    pub fn approve(&mut self, id: u32, by: &str, on: Date) -> Result<&Entry, OverrideRefusal> {
        self.push(Entry::Approved { id, by: by.trim().to_owned(), on })
    }

    /// Says who approved an override, if anybody has.
    pub fn approver(&self, id: u32) -> Option<&str> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Approved { id: of, by, .. } if *of == id => Some(by.as_str()),
            _ => None,
        })
    }

    /// Takes an override back.
    ///
    /// # Errors
    /// [`OverrideRefusal`] for an unknown override and for one that is over.
    pub fn withdraw(&mut self, id: u32, by: &str, reason: &str, on: Date) -> Result<&Entry, OverrideRefusal> {
        self.push(Entry::Withdrawn { id, by: by.trim().to_owned(), reason: reason.trim().to_owned(), on })
    }

    /// Says what has become of an override on a day; what was entered later counts as well.
    pub fn state(&self, planned: &Override, day: Date) -> State {
        let withdrawn = self.entries.iter().find_map(|entry| match entry {
            Entry::Withdrawn { id, by, reason, .. } if *id == planned.id => {
                Some(State::Withdrawn { by: by.clone(), why: reason.clone() })
            }
            _ => None,
        });
        let open = match planned.needs_approval && self.approver(planned.id).is_none() {
            _ if planned.expires <= day => State::Expired,
            true => State::Proposed,
            false => State::InForce,
        };
        withdrawn.unwrap_or(open)
    }

    /// Returns the overrides that are used on a day, in the order of their numbers.
    pub fn in_force(&self, day: Date) -> Vec<Override> {
        self.overrides().filter(|planned| self.state(planned, day) == State::InForce).cloned().collect()
    }

    fn next(&self) -> u32 {
        self.overrides().last().map_or(1, |planned| planned.id + 1)
    }

    fn push(&mut self, entry: Entry) -> Result<&Entry, OverrideRefusal> {
        self.check(&entry)?;
        self.entries.push(entry);
        Ok(&self.entries[self.entries.len() - 1])
    }

    /// Checks what must hold for an entry whatever the model is.
    fn check(&self, entry: &Entry) -> Result<(), OverrideRefusal> {
        match entry {
            Entry::Added(planned) => {
                if planned.id != self.next() {
                    return Err(OverrideRefusal::NoSuchOverride { id: planned.id });
                }
                planned.check()?;
                if planned.expires <= planned.made {
                    return Err(OverrideRefusal::Dates { made: planned.made, expires: planned.expires });
                }
                self.overlap(planned).map_or(Ok(()), Err)
            }
            Entry::Approved { id, by, on } => {
                let found = self.find(*id)?;
                if by.trim().is_empty() {
                    let (sku, what) = (found.sku.clone(), "name of its approver".to_owned());
                    return Err(OverrideRefusal::Blank { number: *id, sku, what });
                }
                if same_person(by, &found.author) {
                    return Err(OverrideRefusal::OwnOverride { id: *id, by: by.clone() });
                }
                if let Some(by) = self.approver(*id) {
                    return Err(OverrideRefusal::Approved { id: *id, by: by.to_owned() });
                }
                self.must_be_open(found, *on)
            }
            Entry::Withdrawn { id, by, reason, on } => {
                let found = self.find(*id)?;
                for (what, text) in [("reason", reason), ("author", by)] {
                    if text.trim().is_empty() {
                        let (sku, what) = (found.sku.clone(), format!("{what} for its withdrawal"));
                        return Err(OverrideRefusal::Blank { number: *id, sku, what });
                    }
                }
                self.must_be_open(found, *on)
            }
        }
    }

    fn find(&self, id: u32) -> Result<&Override, OverrideRefusal> {
        self.overrides().find(|planned| planned.id == id).ok_or(OverrideRefusal::NoSuchOverride { id })
    }

    fn must_be_open(&self, planned: &Override, on: Date) -> Result<(), OverrideRefusal> {
        match self.state(planned, on) {
            State::InForce | State::Proposed => Ok(()),
            state => Err(OverrideRefusal::Over { id: planned.id, state: state.to_string() }),
        }
    }

    /// The first open override that changes a cell of another.
    fn overlap(&self, planned: &Override) -> Option<OverrideRefusal> {
        let places =
            |other: &Override| other.place.is_none() || planned.place.is_none() || other.place == planned.place;
        let clashes = |other: &&Override| {
            other.sku == planned.sku
                && places(other)
                && other.span.overlaps(planned.span)
                && matches!(self.state(other, planned.made), State::InForce | State::Proposed)
        };
        let other = self.overrides().find(clashes)?;
        Some(OverrideRefusal::Overlap { first: other.id, second: planned.id, sku: planned.sku.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Calendar, Period};

    fn model() -> LiftModel {
        let panel = crate::test_support::weekly("a", 40);
        crate::fit(&panel, &crate::FitSettings::default(), &|_, _| {}).unwrap().lift
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn proposed(first: i32, end: i32) -> Proposed {
        Proposed {
            sku: "a".into(),
            place: None,
            span: Span { start: Period(first), end: Period(end) },
            change: Change::Factor(1.5),
            reason: "a fair next door".into(),
            author: "Ada".into(),
            made: day("2024-06-01"),
            expires: day("2024-07-01"),
            needs_approval: false,
        }
    }

    #[test]
    fn an_override_that_needs_approval_waits_for_somebody_else() {
        let (mut log, lift) = (Log::default(), model());
        log.add(Proposed { needs_approval: true, ..proposed(40, 42) }, &lift).unwrap();
        let first = log.overrides().next().unwrap().clone();
        assert_eq!(log.state(&first, day("2024-06-02")), State::Proposed);
        assert!(log.in_force(day("2024-06-02")).is_empty());
        let own = log.approve(1, " ada ", day("2024-06-02")).unwrap_err();
        assert!(matches!(own, OverrideRefusal::OwnOverride { id: 1, .. }), "{own}");
        log.approve(1, "Grace", day("2024-06-02")).unwrap();
        assert_eq!((log.in_force(day("2024-06-02")).len(), log.approver(1)), (1, Some("Grace")));
        let again = log.approve(1, "Hedy", day("2024-06-03")).unwrap_err();
        assert!(matches!(again, OverrideRefusal::Approved { id: 1, .. }), "{again}");
        assert!(matches!(log.approve(7, "Hedy", day("2024-06-03")), Err(OverrideRefusal::NoSuchOverride { id: 7 })));
        let text: Vec<String> = log.entries().iter().map(Entry::line).collect();
        assert_eq!(Log::read(&text.join("\n")).unwrap(), log);
        assert_eq!(Log::read(&text.join("\n").replace("Grace", "ADA")).unwrap_err().line, 2, "a log is checked again");
    }

    #[test]
    fn an_override_is_used_until_its_day_or_its_withdrawal() {
        let (mut log, lift) = (Log::default(), model());
        log.add(proposed(40, 42), &lift).unwrap();
        log.add(proposed(42, 44), &lift).unwrap();
        assert_eq!(log.in_force(day("2024-06-30")).len(), 2);
        assert_eq!(log.in_force(day("2024-07-01")).len(), 0);
        log.withdraw(1, "Grace", "the fair was called off", day("2024-06-03")).unwrap();
        assert_eq!(log.in_force(day("2024-06-30")).iter().map(|o| o.id).collect::<Vec<_>>(), [2]);
        assert!(matches!(log.withdraw(1, "Grace", "again", day("2024-06-04")), Err(OverrideRefusal::Over { .. })));
        let text: Vec<String> = log.entries().iter().map(Entry::line).collect();
        assert_eq!(Log::read(&text.join("\n")).unwrap(), log);
        assert_eq!(Log::read(&text[2]).unwrap_err().line, 1);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let (mut log, lift) = (Log::default(), model());
        assert_eq!(lift.calendar, Calendar::Index);
        log.add(proposed(40, 42), &lift).unwrap();
        let mut refused = |proposed: Proposed| log.add(proposed, &lift).unwrap_err();
        assert!(matches!(refused(proposed(41, 43)), OverrideRefusal::Overlap { first: 1, second: 2, .. }));
        assert!(matches!(refused(proposed(10, 12)), OverrideRefusal::Periods { .. }));
        let unknown = Proposed { sku: "z".into(), ..proposed(44, 45) };
        assert!(matches!(refused(unknown), OverrideRefusal::NoSuchItem { .. }));
        let blank = Proposed { reason: " ".into(), ..proposed(44, 45) };
        assert!(matches!(refused(blank), OverrideRefusal::Blank { .. }));
        let never = Proposed { expires: day("2024-06-01"), ..proposed(44, 45) };
        assert!(matches!(refused(never), OverrideRefusal::Dates { .. }));
        let negative = Proposed { change: Change::Units(-3.0), ..proposed(44, 45) };
        assert!(matches!(refused(negative), OverrideRefusal::Value { .. }));
    }
}
