//! Columns cut into at most 255 bins and one for what is missing, once, before any tree is grown.
//!
//! Sources: Ke et al. (2017), LightGBM, for learning from histograms of bins; equal counts per bin after values that
//! fill a bin alone.

use super::error::BoosterError;
use super::table::{Column, MISSING_CATEGORY, Table};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values of a bin index: bin 0 is what is missing or was never seen.
pub(crate) const BINS: usize = 256;
/// Rows that the cuts of a column are learnt from, at most.
const SAMPLE: usize = 200_000;
/// Rows turned from columns to lines at a time.
const BLOCK: usize = 4096;

/// Where one column is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cuts {
    scale: Scale,
    /// Whether the rows learnt from fall into more than one bin; the others say nothing and are not read.
    varies: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Scale {
    /// Upper ends of all bins but the last.
    Number(Vec<f32>),
    /// Codes told apart, in rising order.
    Category(Vec<u32>),
}

/// A table in bins, kept by column for dividing rows and by row for summing them.
#[derive(Clone, Debug)]
pub struct Binned {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    pub(crate) cuts: Vec<Cuts>,
    /// Per column read: how many bins it has, the missing one included.
    pub(crate) bins: Vec<usize>,
    /// Per column read: whether its bins have no order.
    pub(crate) unordered: Vec<bool>,
    pub(crate) by_row: Vec<u8>,
    by_column: Vec<u8>,
}

impl Binned {
    /// Cuts the columns of a table into at most `bins` bins each and the one for missing values.
    ///
    /// Cuts of long columns are learnt from a sample of the rows that `rng` draws.
    ///
    /// # Errors
    /// [`BoosterError::Setting`] unless `bins` is 2..=255.
    pub fn new(table: &Table, bins: usize, rng: &mut ChaCha8Rng) -> Result<Self, BoosterError> {
        if !(2..BINS).contains(&bins) {
            return Err(BoosterError::Setting { name: "bins", value: bins as f64, expected: "2..=255" });
        }
        let sample: Option<Vec<usize>> = (table.rows() > SAMPLE)
            .then(|| (0..SAMPLE).map(|_| rng.random_range(0..table.rows() as u64) as usize).collect());
        let cuts = table.columns().par_iter().map(|column| Cuts::learn(column, bins, sample.as_deref())).collect();
        Ok(Self::with(table, cuts))
    }

    /// Puts a table into bins that are already known.
    pub(crate) fn with(table: &Table, cuts: Vec<Cuts>) -> Self {
        let rows = table.rows();
        let read: Vec<(&Cuts, &Column)> = cuts.iter().zip(table.columns()).filter(|(cut, _)| cut.varies).collect();
        let width = read.len();
        let mut by_column = vec![0; rows * width];
        by_column.par_chunks_mut(rows).zip(&read).for_each(|(bins, (cuts, column))| cuts.write(column, bins));
        let mut by_row = vec![0; rows * width];
        by_row.par_chunks_mut(BLOCK * width.max(1)).enumerate().for_each(|(block, lines)| {
            for at in 0..width {
                let column = &by_column[at * rows + block * BLOCK..(at + 1) * rows];
                lines[at..].iter_mut().step_by(width).zip(column).for_each(|(to, &from)| *to = from);
            }
        });
        let bins = read.iter().map(|(cuts, _)| cuts.bins()).collect();
        let unordered = read.iter().map(|(cuts, _)| matches!(cuts.scale, Scale::Category(_))).collect();
        Self { rows, width, bins, unordered, by_row, by_column, cuts }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn column(&self, at: usize) -> &[u8] {
        &self.by_column[at * self.rows..(at + 1) * self.rows]
    }
}

impl Cuts {
    fn learn(column: &Column, bins: usize, sample: Option<&[usize]>) -> Self {
        let scale = match column {
            Column::Number(values) => Scale::Number(edges(values, bins, sample)),
            Column::Category(codes) => Scale::Category(most_frequent(codes, bins)),
        };
        let cuts = Self { scale, varies: true };
        let varies = match column {
            Column::Number(values) => differ(values.iter().map(|&value| cuts.bin_of_number(value))),
            Column::Category(codes) => differ(codes.iter().map(|&code| cuts.bin_of_category(code))),
        };
        Self { varies, ..cuts }
    }

    /// Returns the kind of column that the cuts are for, as [`Column::kind`] writes it.
    pub(crate) fn kind(&self) -> char {
        match self.scale {
            Scale::Number(_) => 'n',
            Scale::Category(_) => 'c',
        }
    }

    fn bins(&self) -> usize {
        match &self.scale {
            Scale::Number(edges) => edges.len() + 2,
            Scale::Category(codes) => codes.len() + 1,
        }
    }

    fn bin_of_number(&self, value: f32) -> u8 {
        match &self.scale {
            Scale::Number(edges) if !value.is_nan() => 1 + edges.partition_point(|&edge| edge < value) as u8,
            _ => 0,
        }
    }

    fn bin_of_category(&self, code: u32) -> u8 {
        match &self.scale {
            Scale::Category(codes) => codes.binary_search(&code).map_or(0, |at| at as u8 + 1),
            Scale::Number(_) => 0,
        }
    }

    fn write(&self, column: &Column, bins: &mut [u8]) {
        match column {
            Column::Number(values) => bins.iter_mut().zip(*values).for_each(|(b, &v)| *b = self.bin_of_number(v)),
            Column::Category(codes) => bins.iter_mut().zip(*codes).for_each(|(b, &c)| *b = self.bin_of_category(c)),
        }
    }
}

fn differ(mut bins: impl Iterator<Item = u8>) -> bool {
    bins.next().is_some_and(|first| bins.any(|bin| bin != first))
}

/// Finds the upper ends of all bins but the last: between every two values when they are few, else such that each bin
/// holds about as many rows as any other, a value that fills a bin alone having it to itself.
fn edges(values: &[f32], bins: usize, sample: Option<&[usize]>) -> Vec<f32> {
    let mut known: Vec<f32> = match sample {
        Some(rows) => rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect(),
        None => values.iter().copied().filter(|value| !value.is_nan()).collect(),
    };
    known.sort_unstable_by(f32::total_cmp);
    let runs: Vec<&[f32]> = known.chunk_by(|a, b| a == b).collect();
    let mut edges = Vec::new();
    let (mut held, mut left) = (0, known.len());
    for (at, pair) in runs.windows(2).enumerate() {
        let bins_left = bins - edges.len();
        if bins_left == 1 {
            break;
        }
        held += pair[0].len();
        let fair = left.div_ceil(bins_left);
        if runs.len() - at <= bins_left || held >= fair || pair[1].len() >= fair {
            edges.push(between(pair[0][0], pair[1][0]));
            left -= held;
            held = 0;
        }
    }
    edges
}

/// Returns a number from `low` up to below `high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) / 2.0;
    if middle < high && middle.is_finite() { middle.max(low) } else { low }
}

fn most_frequent(codes: &[u32], most: usize) -> Vec<u32> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    codes.iter().filter(|&&code| code != MISSING_CATEGORY).for_each(|&code| *counts.entry(code).or_default() += 1);
    let mut order: Vec<(usize, u32)> = counts.into_iter().map(|(code, count)| (count, code)).collect();
    order.sort_unstable_by_key(|&(count, code)| (std::cmp::Reverse(count), code));
    let mut kept: Vec<u32> = order.into_iter().take(most).map(|(_, code)| code).collect();
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bins_keep_the_order_of_numbers(values in prop::collection::vec(-1e3f32..1e3, 2..400), bins in 2usize..256) {
            let column = Column::Number(&values);
            let cuts = Cuts::learn(&column, bins, None);
            prop_assert!(cuts.bins() <= bins + 1);
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f32::total_cmp);
            let placed: Vec<u8> = sorted.iter().map(|&value| cuts.bin_of_number(value)).collect();
            prop_assert!(placed.is_sorted() && placed[0] == 1);
        }
    }

    #[test]
    fn few_values_have_a_bin_each_and_what_is_missing_has_its_own() {
        let values = [3.0, 1.0, f32::NAN, 2.0, 1.0];
        let cuts = Cuts::learn(&Column::Number(&values), 255, None);
        assert_eq!(values.map(|value| cuts.bin_of_number(value)), [3, 1, 0, 2, 1]);
    }

    #[test]
    fn a_value_that_fills_a_bin_has_it_to_itself() {
        let values: Vec<f32> = (0..1000).map(|at| if at < 700 { 0.0 } else { at as f32 }).collect();
        let cuts = Cuts::learn(&Column::Number(&values), 4, None);
        assert_eq!(cuts.bin_of_number(0.0), 1);
        assert_eq!(cuts.bin_of_number(700.0), 2);
        assert_eq!(cuts.bins(), 5);
    }
}
