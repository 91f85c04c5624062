//! How a booster learns, and from which rows.

use super::bins::Binned;
use super::error::BoosterError;
use super::grow::Growth;
use super::histogram::ROWS_END;
use super::loss::Loss;
use serde::{Deserialize, Serialize};

/// How a booster learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Trees at most; fewer when no split gains or `patience` ends.
    pub trees: usize,
    /// Leaves of a tree at most.
    pub leaves: usize,
    /// Share of each tree's step that is taken, over 0 and up to 1.
    pub learning_rate: f32,
    /// Bins per column at most, 2..=255, beside the one for missing values.
    pub bins: usize,
    /// Rows in a leaf at least.
    pub rows_min: usize,
    /// Sum of curvature (of weights, for squared error) in a leaf at least.
    pub curvature_min: f64,
    /// Added to the curvature of a leaf, which draws its value towards 0.
    pub ridge: f64,
    /// Least gain of a split.
    pub gain_min: f64,
    /// Curvature by which the mean of a category is drawn towards 0 before categories are put in order, and which its
    /// splits must make up for.
    pub category_smoothing: f64,
    /// Share of the rows that each tree is grown on.
    pub row_share: f64,
    /// Share of the columns that each tree may split on.
    pub column_share: f64,
    /// Trees without a better loss on the held-out rows after which learning stops; the trees after the best one are
    /// dropped. Takes effect with held-out rows only.
    pub patience: Option<usize>,
}

/// What to learn, one value per row of the table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample<'a> {
    /// What to predict.
    pub target: &'a [f32],
    /// Weight of each row, 0 or more; all 1 without.
    pub weight: Option<&'a [f32]>,
    /// Added to each row's score, such as the log of its exposure; all 0 without. Predictions leave it out.
    pub offset: Option<&'a [f32]>,
    /// Rows to learn from; without, all that are not held out.
    pub rows: Option<&'a [u32]>,
    /// Rows on which the loss is watched, for `patience`.
    pub held_out: Option<&'a [u32]>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trees: 300,
            leaves: 31,
            learning_rate: 0.05,
            bins: 255,
            rows_min: 20,
            curvature_min: 1e-3,
            ridge: 1.0,
            gain_min: 0.0,
            category_smoothing: 10.0,
            row_share: 1.0,
            column_share: 1.0,
            patience: None,
        }
    }
}

impl Settings {
    pub(crate) fn growth(&self) -> Growth {
        Growth {
            leaves: self.leaves,
            rows_min: self.rows_min.max(1),
            curvature_min: self.curvature_min,
            ridge: self.ridge,
            gain_min: self.gain_min,
            category_smoothing: self.category_smoothing,
        }
    }

    pub(crate) fn check(&self) -> Result<(), BoosterError> {
        let share = "more than 0 and at most 1";
        let checks = [
            ("trees", self.trees as f64, self.trees >= 1, "1 or more"),
            ("leaves", self.leaves as f64, self.leaves >= 2, "2 or more"),
            ("learning_rate", f64::from(self.learning_rate), is_share(f64::from(self.learning_rate)), share),
            ("row_share", self.row_share, is_share(self.row_share), share),
            ("column_share", self.column_share, is_share(self.column_share), share),
            ("curvature_min", self.curvature_min, self.curvature_min >= 0.0, "0 or more"),
            ("ridge", self.ridge, self.ridge >= 0.0, "0 or more"),
            ("gain_min", self.gain_min, self.gain_min >= 0.0, "0 or more"),
            ("category_smoothing", self.category_smoothing, self.category_smoothing >= 0.0, "0 or more"),
        ];
        match checks.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((name, value, _, expected)) => Err(BoosterError::Setting { name, value, expected }),
            None => Ok(()),
        }
    }
}

fn is_share(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}

impl Sample<'_> {
    pub(crate) fn weight(&self, row: u32) -> f32 {
        self.weight.map_or(1.0, |weight| weight[row as usize])
    }

    pub(crate) fn offset(&self, row: u32) -> f32 {
        self.offset.map_or(0.0, |offset| offset[row as usize])
    }

    /// Checks the values and returns the rows to learn from.
    pub(crate) fn check(&self, binned: &Binned, loss: Loss) -> Result<Vec<u32>, BoosterError> {
        loss.check()?;
        if binned.rows >= ROWS_END {
            return Err(BoosterError::TooMany { rows: binned.rows, most: ROWS_END - 1 });
        }
        let counts = loss.has_log_link();
        let known = if counts { "a finite number, 0 or more" } else { "a finite number" };
        check_values("target", self.target, binned.rows, known, |v| v.is_finite() && (v >= 0.0 || !counts))?;
        if let Some(weight) = self.weight {
            check_values("weight", weight, binned.rows, "a finite number, 0 or more", |v| v.is_finite() && v >= 0.0)?;
        }
        if let Some(offset) = self.offset {
            check_values("offset", offset, binned.rows, "a finite number", f32::is_finite)?;
        }
        for row in self.rows.into_iter().chain(self.held_out).flatten() {
            let (value, expected) = (*row as f32, "a row of the table");
            if *row as usize >= binned.rows {
                return Err(BoosterError::Value { what: "list of rows".into(), row: *row as usize, value, expected });
            }
        }
        let rows = self.rows_to_learn(binned.rows);
        if rows.is_empty() { Err(BoosterError::NothingToLearn) } else { Ok(rows) }
    }

    fn rows_to_learn(&self, rows: usize) -> Vec<u32> {
        let counts = |row: &u32| self.weight(*row) > 0.0;
        match self.rows {
            Some(rows) => rows.iter().copied().filter(counts).collect(),
            None => {
                let mut free = vec![true; rows];
                self.held_out.into_iter().flatten().for_each(|&row| free[row as usize] = false);
                (0..rows as u32).filter(|row| free[*row as usize] && counts(row)).collect()
            }
        }
    }
}

fn check_values(
    what: &str,
    values: &[f32],
    rows: usize,
    expected: &'static str,
    holds: impl Fn(f32) -> bool,
) -> Result<(), BoosterError> {
    if values.len() != rows {
        return Err(BoosterError::Ragged { what: what.into(), found: values.len(), expected: rows });
    }
    match values.iter().position(|&value| !holds(value)) {
        Some(row) => Err(BoosterError::Value { what: what.into(), row, value: values[row], expected }),
        None => Ok(()),
    }
}
