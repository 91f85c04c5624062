//! Gradient-boosted trees on histograms: a flexible mean, rate or quantile of a target, given a table.
//!
//! For forecasts (counts with an offset, quantiles) and for what double machine learning must take out of outcome and
//! treatment. Never an estimate of an effect: a tree's answer to a price says what went along with it, not what it
//! caused. The same input gives the same bytes at any number of threads, since all sums are of whole numbers.
//!
//! Sources: Friedman (2001, 2002) for boosting and its subsamples; Chen and Guestrin (2016) and Ke et al. (2017) for
//! second-order splits of binned columns, leaf by leaf. Others are named in the modules.

pub(crate) mod bins;
mod error;
pub(crate) mod grow;
pub(crate) mod histogram;
mod learn;
mod loss;
mod settings;
mod split;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

pub use bins::Binned;
pub use error::BoosterError;
pub use loss::Loss;
pub use settings::{Sample, Settings};
pub use table::{Column, MISSING_CATEGORY, Table};

use bins::Cuts;
use histogram::{Even, Uneven};
use learn::Learner;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tree::{BLOCK, Tree, Walk};

/// Trees that add up to a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booster {
    loss: Loss,
    start: f32,
    cuts: Vec<Cuts>,
    trees: Vec<Tree>,
}

impl Booster {
    /// Learns to predict a target from a table.
    ///
    /// # Errors
    /// [`BoosterError`] for settings out of range, values that cannot be used, or no row to learn from.
    pub fn fit(
        table: &Table,
        sample: &Sample,
        loss: Loss,
        settings: &Settings,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, BoosterError> {
        Self::fit_binned(&Binned::new(table, settings.bins, rng)?, sample, loss, settings, rng)
    }

    /// Learns from a table that is already in bins: several targets, losses or sets of rows can share one.
    ///
    /// # Errors
    /// As [`Booster::fit`].
    pub fn fit_binned(
        binned: &Binned,
        sample: &Sample,
        loss: Loss,
        settings: &Settings,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, BoosterError> {
        settings.check()?;
        let rows = sample.check(binned, loss)?;
        let value = |&row: &u32| (sample.target[row as usize], sample.weight(row), sample.offset(row));
        let start = loss.start(rows.iter().map(value));
        let scores = (0..binned.rows() as u32).map(|row| start + sample.offset(row)).collect();
        let learner = Learner { binned, sample, loss, settings, rows, scores };
        let trees = match loss.curves_evenly() && sample.weight.is_none() {
            true => learner.learn::<Even>(rng),
            false => learner.learn::<Uneven>(rng),
        };
        Ok(Self { loss, start, cuts: binned.cuts.clone(), trees })
    }

    /// Returns the raw score of every row, without any offset; [`Loss::mean`] turns score plus offset into a mean.
    ///
    /// # Errors
    /// [`BoosterError::Columns`] for a table of other columns than it learnt from.
    pub fn predict(&self, table: &Table) -> Result<Vec<f32>, BoosterError> {
        self.asked().predict(table)
    }

    /// Makes the trees ready to be asked about many tables.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { booster: self, walks: self.trees.iter().map(Tree::walk).collect() }
    }

    /// Returns the raw score of some rows of a table in the bins that it learnt from.
    ///
    /// # Errors
    /// [`BoosterError::Columns`] for bins that it did not learn from.
    pub fn predict_binned(&self, binned: &Binned, rows: &[u32]) -> Result<Vec<f32>, BoosterError> {
        if binned.cuts != self.cuts {
            return Err(BoosterError::Columns { found: "in other bins".into(), expected: "its own bins".into() });
        }
        Ok(self.asked().scores(binned, rows))
    }

    /// Returns what the booster makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Returns the number of trees.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }
}

/// A booster that is ready to be asked.
pub(crate) struct Asked<'a> {
    booster: &'a Booster,
    walks: Vec<Walk>,
}

impl Asked<'_> {
    /// Returns the raw score of every row, as [`Booster::predict`].
    pub(crate) fn predict(&self, table: &Table) -> Result<Vec<f32>, BoosterError> {
        let cuts = &self.booster.cuts;
        let expected: String = cuts.iter().map(Cuts::kind).collect();
        let found: String = table.columns().iter().map(Column::kind).collect();
        if found != expected {
            return Err(BoosterError::Columns { found, expected });
        }
        let rows: Vec<u32> = (0..table.rows() as u32).collect();
        Ok(self.scores(&Binned::with(table, cuts.clone()), &rows))
    }

    fn scores(&self, binned: &Binned, rows: &[u32]) -> Vec<f32> {
        let mut scores = vec![self.booster.start; rows.len()];
        scores.par_chunks_mut(BLOCK).zip(rows.par_chunks(BLOCK)).for_each(|(scores, rows)| {
            self.walks.iter().for_each(|walk| walk.add_to(binned, rows, scores));
        });
        scores
    }
}
