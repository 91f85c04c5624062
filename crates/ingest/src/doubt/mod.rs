//! Doubt: which rows of sales cannot be believed, and which sources cannot, from the whole history at once.
//!
//! A row in doubt is set aside with its reason, as any other that cannot be used; a person releases it or confirms that it is
//! wrong. What no single row shows (a store that slowly drifts, or has fallen silent) is an [`Alarm`]: nothing is set aside,
//! and whoever plans goes on with the last good model. The same rows are judged the same way, whatever came in which order.
//!
//! # Source
//! Median and median absolute deviation as outlier rule: Hampel, 1974; CUSUM: Page, 1954, its constants as in Montgomery,
//! Introduction to Statistical Quality Control.

mod alarm;
mod answers;
mod apart;
mod beside;
mod cells;
mod days;
mod drift;
mod grid;
mod level;
mod measures;
mod replay;
mod rows;
mod settings;
mod stock;
#[cfg(test)]
mod tests;

pub use alarm::{Alarm, AlarmKind};
pub use answers::{Answer, Answers, Verdict};
pub use beside::Beside;
pub use settings::Plausibility;

use crate::Loaded;
use cells::Cells;
use endcap_model::{Calendar, Period, SetAside};
use grid::Grid;
use std::collections::BTreeMap;

/// Causes of doubt: rows with one of these can be released.
pub const CAUSES: [&str; 7] = ["future", "too many", "scaled", "silent", "swapped", "replayed", "stock"];

/// What rows of sales are judged against, beside themselves.
pub struct Terms<'a> {
    /// How strict to be.
    pub rules: &'a Plausibility,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// The last period that can have happened.
    pub today: Period,
    /// Whether a period without a row means that nothing was sold.
    pub absent_is_zero: bool,
    /// What the other facts say.
    pub beside: &'a Beside,
    /// What people answered before.
    pub answers: &'a Answers,
}

/// A row in doubt: its position among the facts, and why.
type Doubts = BTreeMap<usize, Doubt>;

/// Why a row is in doubt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Doubt {
    /// One word for programs.
    pub cause: &'static str,
    /// For people.
    pub reason: String,
}

impl Loaded {
    /// Sets aside the rows of sales that cannot be believed, and returns what alarms the sources give.
    ///
    /// # Panics
    /// When these are no sales.
    pub fn judge(&mut self, terms: &Terms<'_>, aside: &mut dyn FnMut(SetAside)) -> Vec<Alarm> {
        let mut doubts = self.yet_to_come(terms);
        let cells = Cells::of(self, terms, &doubts);
        let grid = Grid::of(&cells, terms);
        replay::find(self, &cells, &grid, terms, &mut doubts);
        days::find(self, &cells, &grid, terms, &mut doubts);
        rows::find(self, &cells, &grid, terms, &mut doubts);
        stock::find(self, &cells, terms, &mut doubts);
        doubts.retain(|&at, _| {
            !self.is_trusted(at) && terms.answers.of(&self.key(at, terms.calendar)) != Some(Verdict::Released)
        });
        let mut alarms = days::silences(self, &cells, &grid, terms);
        alarms.extend(drift::find(self, &cells, &grid, &doubts, terms));
        alarms.extend(alarm::many(self, &doubts, terms));
        self.set_aside_all(&doubts, terms.calendar, aside);
        alarms.retain(|alarm| !terms.answers.dismissed(alarm));
        alarms.sort_by(|a, b| (a.kind, &a.scope).cmp(&(b.kind, &b.scope)));
        alarms
    }

    /// Sales that have not happened yet.
    fn yet_to_come(&self, terms: &Terms<'_>) -> Doubts {
        let periods = self.periods();
        let later = self.rows.iter().enumerate().filter(|(_, row)| periods[**row as usize] > terms.today.0);
        let reason = format!("lies in the future: the facts are of {}", terms.calendar.format(terms.today));
        later.map(|(at, _)| (at, Doubt { cause: "future", reason: reason.clone() })).collect()
    }
}

/// Puts a doubt where there is none yet: the first check that sees a row says why.
pub(crate) fn doubt(doubts: &mut Doubts, at: usize, cause: &'static str, reason: impl FnOnce() -> String) {
    doubts.entry(at).or_insert_with(|| Doubt { cause, reason: reason() });
}
