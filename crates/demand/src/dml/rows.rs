//! What is estimated from: outcome, treatment, controls, and what rows have in common.

use super::error::DmlError;
use crate::booster::{Settings, Table};
use std::collections::BTreeSet;

/// Rows of one unit and week each.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    /// What the treatment is thought to change, such as log units.
    pub outcome: &'a [f64],
    /// What is changed, such as the log price ratio.
    pub treatment: &'a [f64],
    /// What may move both.
    pub controls: &'a Table<'a>,
    /// Series of each row, such as item and place, whose level is taken out; without, only the common mean is.
    pub unit: Option<&'a [u32]>,
    /// Week of each row: folds are blocks of weeks, and rows of a week share their shocks.
    pub week: &'a [i32],
    /// Part of the rows that has an effect of its own, such as the item; without, all share one.
    pub segment: Option<&'a [u32]>,
}

/// How the estimate is made.
#[derive(Clone, Debug, PartialEq)]
pub struct DmlSettings {
    /// Parts of the weeks, each predicted from the others.
    pub folds: usize,
    /// Weeks in a row that stay together when the weeks are dealt to the folds.
    pub block: usize,
    /// Coverage of the intervals.
    pub level: f64,
    /// Whether a straight line per segment is taken out before the booster learns: for segments of few rows each.
    pub line_first: bool,
    /// How what the controls explain is learnt; no rows are held out for its patience.
    pub booster: Settings,
}

impl Default for DmlSettings {
    fn default() -> Self {
        let booster = Settings { trees: 100, learning_rate: 0.1, rows_min: 50, ..Settings::default() };
        Self { folds: 5, block: 4, level: 0.95, line_first: false, booster }
    }
}

impl DmlSettings {
    /// Settings for panels, whose items have some hundred rows each: lines first, small trees, many folds.
    pub fn for_panels() -> Self {
        let booster = Settings { leaves: 8, learning_rate: 0.05, ..Self::default().booster };
        Self { folds: 10, block: 2, line_first: true, booster, ..Self::default() }
    }

    /// Settings for millions of rows: two folds, fewer and larger trees in longer steps.
    ///
    /// Many rows make what trees smooth away the larger error than what they take from noise; so they may bend more.
    pub fn for_many_rows() -> Self {
        let booster = Settings { trees: 50, leaves: 63, learning_rate: 0.2, ..Self::default().booster };
        Self { folds: 2, booster, ..Self::default() }
    }
}

/// Least share of the treatment's variance that the controls must leave.
pub(crate) const LEFT_MIN: f64 = 0.01;

impl Rows<'_> {
    /// Checks everything that can be wrong before any work.
    pub(crate) fn check(&self, settings: &DmlSettings) -> Result<(), DmlError> {
        let expected = self.outcome.len();
        let lengths = [
            ("the treatment", self.treatment.len()),
            ("the table of controls", self.controls.rows()),
            ("the list of weeks", self.week.len()),
            ("the list of units", self.unit.map_or(expected, <[u32]>::len)),
            ("the list of segments", self.segment.map_or(expected, <[u32]>::len)),
        ];
        if let Some((what, found)) = lengths.into_iter().find(|(_, found)| *found != expected) {
            return Err(DmlError::Ragged { what, found, expected });
        }
        for (what, values) in [("outcome", self.outcome), ("treatment", self.treatment)] {
            if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                return Err(DmlError::Value { what, row, value: values[row] });
            }
        }
        settings.check()
    }

    /// Deals blocks of weeks to folds in turn; returns the fold of each row.
    ///
    /// # Errors
    /// [`DmlError::TooFewWeeks`] unless every fold gets two blocks.
    pub(crate) fn folds(&self, settings: &DmlSettings) -> Result<Vec<u8>, DmlError> {
        let weeks: Vec<i32> = self.week.iter().copied().collect::<BTreeSet<i32>>().into_iter().collect();
        let needed = 2 * settings.folds * settings.block;
        if weeks.len() < needed {
            return Err(DmlError::TooFewWeeks { weeks: weeks.len(), needed, folds: settings.folds });
        }
        let place = |week: i32| weeks.partition_point(|&other| other < week);
        Ok(self.week.iter().map(|&week| (place(week) / settings.block % settings.folds) as u8).collect())
    }
}

impl DmlSettings {
    fn check(&self) -> Result<(), DmlError> {
        let checks = [
            ("folds", self.folds as f64, (2..=20).contains(&self.folds), "2..=20"),
            ("block", self.block as f64, self.block >= 1, "1 week or more"),
            ("level", self.level, self.level > 0.0 && self.level < 1.0, "more than 0 and less than 1"),
        ];
        match checks.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((name, value, _, expected)) => Err(DmlError::Setting { name, value, expected }),
            None => Ok(()),
        }
    }
}

/// Numbers levels in the order of their codes; returns the number of each row and how many there are.
pub(crate) fn numbered<T: Clone + Ord>(codes: &[T]) -> (Vec<u32>, Vec<T>) {
    let levels: Vec<T> = codes.iter().collect::<BTreeSet<&T>>().into_iter().cloned().collect();
    let number = |code: &T| levels.partition_point(|other| other < code) as u32;
    (codes.iter().map(number).collect(), levels)
}

/// Levels of a set of rows, from which deviations are taken.
pub(crate) struct Levels {
    pub(crate) of: Vec<u32>,
    pub(crate) count: usize,
}

impl Levels {
    /// Numbers the units; one for all rows without.
    pub(crate) fn of(unit: Option<&[u32]>, rows: usize) -> Self {
        match unit.map(numbered) {
            Some((of, levels)) => Self { of, count: levels.len() },
            None => Self { of: vec![0; rows], count: 1 },
        }
    }

    /// Means of the known values per level.
    pub(crate) fn means(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.count];
        for (value, &level) in values.zip(&self.of).filter(|(value, _)| !value.is_nan()) {
            let sum = &mut sums[level as usize];
            *sum = (sum.0 + value, sum.1 + 1.0);
        }
        sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { 0.0 }).collect()
    }

    /// Takes each level's mean away.
    pub(crate) fn deviations(&self, values: &[f64]) -> Vec<f64> {
        let means = self.means(values.iter().copied());
        values.iter().zip(&self.of).map(|(value, &level)| value - means[level as usize]).collect()
    }
}
