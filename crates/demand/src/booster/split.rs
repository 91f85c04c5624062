//! The best split of one leaf, from its histogram.
//!
//! Sources: Chen and Guestrin (2016) for the gain and for sending missing values where they gain most; Fisher (1958)
//! for unordered categories: in the order of their mean, the best grouping into two is a cut.

use super::bins::{BINS, Binned};
use super::grow::Growth;
use super::histogram::{Cell, Histogram, Scale, Sums};
use super::tree::Rule;

/// A split worth making.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) gain: f64,
    pub(crate) column: usize,
    pub(crate) rule: Rule,
    pub(crate) left: Sums,
}

/// What a search needs to know about its leaf.
pub(crate) struct Search<'a> {
    pub(crate) growth: &'a Growth,
    pub(crate) scale: Scale,
    pub(crate) whole: Sums,
}

impl Sums {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            slope: self.slope + other.slope,
            curvature: self.curvature + other.curvature,
            rows: self.rows + other.rows,
        }
    }

    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            slope: self.slope - other.slope,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }

    /// Slope in its own units.
    pub(crate) fn slope(self, scale: &Scale) -> f64 {
        if scale.slope > 0.0 { self.slope as f64 / f64::from(scale.slope) } else { 0.0 }
    }

    /// Curvature in its own units.
    pub(crate) fn curvature(self, scale: &Scale) -> f64 {
        if scale.curvature > 0.0 { self.curvature as f64 / f64::from(scale.curvature) } else { 0.0 }
    }
}

impl Search<'_> {
    /// Finds the best split over some columns; nothing when none gains or leaves enough on both sides.
    pub(crate) fn best<C: Cell>(
        &self,
        binned: &Binned,
        columns: &[usize],
        histogram: &Histogram<C>,
    ) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for &column in columns {
            let bins = &histogram[column][..binned.bins[column]];
            let found = if binned.unordered[column] { self.among(bins) } else { self.in_order(bins) };
            if let Some((gain, rule, left)) = found
                && best.as_ref().is_none_or(|best| gain > best.gain)
            {
                best = Some(Candidate { gain, column, rule, left });
            }
        }
        best
    }

    /// Cuts bins that have an order, with the missing ones on either side.
    fn in_order<C: Cell>(&self, bins: &[C]) -> Option<(f64, Rule, Sums)> {
        let missing = bins[0].sums();
        let mut best: Option<(f64, Rule, Sums)> = None;
        let mut left = Sums::default();
        for (bin, cell) in bins.iter().enumerate().skip(1) {
            let sums = cell.sums();
            if sums.rows == 0 && bin > 1 {
                continue;
            }
            left = left.plus(sums);
            let mut offer = |left: Sums, goes_left: bool| {
                if let Some(gain) = self.gain(left, 0.0)
                    && best.as_ref().is_none_or(|best| gain > best.0)
                {
                    best = Some((gain, Rule::UpTo { bin: bin as u8, missing: goes_left }, left));
                }
            };
            if missing.rows == 0 {
                // Where nothing was missing, what will be goes with the larger side.
                offer(left, 2 * left.rows > self.whole.rows);
            } else {
                offer(left, false);
                offer(left.plus(missing), true);
            }
        }
        best
    }

    /// Cuts bins without an order, in the order of their smoothed mean, from both ends.
    fn among<C: Cell>(&self, bins: &[C]) -> Option<(f64, Rule, Sums)> {
        let smoothing = self.growth.category_smoothing;
        let mut present: Vec<(f64, u8, Sums)> = bins
            .iter()
            .enumerate()
            .map(|(bin, cell)| (bin as u8, cell.sums()))
            .filter(|(_, sums)| sums.rows > 0)
            .map(|(bin, sums)| (sums.slope(&self.scale) / (sums.curvature(&self.scale) + smoothing), bin, sums))
            .collect();
        present.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut left = Sums::default();
        let mut best: Option<(f64, usize, Sums)> = None;
        for (at, &(_, _, sums)) in present.iter().enumerate() {
            left = left.plus(sums);
            if let Some(gain) = self.gain(left, smoothing)
                && best.is_none_or(|best| gain > best.0)
            {
                best = Some((gain, at + 1, left));
            }
        }
        let (gain, cut, left) = best?;
        let mut goes_left: Vec<u8> = present[..cut].iter().map(|(_, bin, _)| *bin).collect();
        if 2 * left.rows > self.whole.rows {
            let unseen = (0..BINS as u16).map(|bin| bin as u8);
            goes_left.extend(unseen.filter(|bin| present.iter().all(|(_, seen, _)| seen != bin)));
        }
        goes_left.sort_unstable();
        Some((gain, Rule::Among(goes_left), left))
    }

    /// Returns what a split gains; nothing when it must not be made.
    fn gain(&self, left: Sums, further_ridge: f64) -> Option<f64> {
        let right = self.whole.less(left);
        let growth = self.growth;
        if left.rows.min(right.rows) < growth.rows_min as i64 {
            return None;
        }
        let (left_curvature, right_curvature) = (left.curvature(&self.scale), right.curvature(&self.scale));
        if left_curvature.min(right_curvature) < growth.curvature_min {
            return None;
        }
        let worth = |sums: Sums, curvature: f64, ridge: f64| sums.slope(&self.scale).powi(2) / (curvature + ridge);
        let ridge = growth.ridge + further_ridge;
        let gain = worth(left, left_curvature, ridge) + worth(right, right_curvature, ridge)
            - worth(self.whole, left_curvature + right_curvature, growth.ridge);
        (gain > growth.gain_min).then_some(gain)
    }
}
