//! How items hang together beyond substitution: sizes of one style, and complements.
//!
//! A size is an item of its own: shoppers of a size buy that size or go without. What a store can show of a style is a
//! matter of its size run: with core sizes missing the style leaves the shelf although pairs are there (Smith and
//! Achabal 1998; Caro and Gallien 2010).

use endcap_model::{Group, Sku};
use serde::{Deserialize, Serialize};

/// Which size of which style an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeOf {
    /// The style.
    pub style: Sku,
    /// The size, as it is written on the box.
    pub size: String,
    /// Whether it is a core size: one that most shoppers of the style need.
    pub core: bool,
}

/// Sales that a group's extra pieces bring to another group at the same place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halo {
    /// The group on offer.
    pub from: Group,
    /// The complement.
    pub to: Group,
    /// Pieces of the complement per extra piece.
    pub share: f64,
}

/// A halo between two baskets of one place, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BasketHalo {
    pub from: usize,
    pub to: usize,
    pub share: f64,
}

/// The size runs of a world: every style at every place that sells it.
#[derive(Clone, Debug, Default)]
pub struct SizeRuns {
    /// By cell: its run; empty where nothing has sizes.
    pub(crate) run_of: Vec<u32>,
    /// By cell: whether it is a core size.
    pub(crate) core: Vec<bool>,
    /// By run: how many core sizes it has.
    pub(crate) core_sizes: Vec<u32>,
}

/// How complete the size runs of a chain are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Pieces per style and place.
    pub pieces_per_run: f64,
    /// Mean share of a style's core sizes that a place has.
    pub core_coverage: f64,
    /// Share of the pieces that lie in runs with too few of their core sizes.
    pub fragmentation: f64,
}

impl SizeRuns {
    /// Returns whether any item has sizes.
    pub fn any(&self) -> bool {
        !self.run_of.is_empty()
    }

    /// Counts the core sizes that each run has on hand.
    pub(crate) fn present(&self, on_hand: impl Fn(usize) -> i64) -> Vec<u32> {
        let mut present = vec![0; self.core_sizes.len()];
        for (cell, &run) in self.run_of.iter().enumerate() {
            present[run as usize] += u32::from(self.core[cell] && on_hand(cell) > 0);
        }
        present
    }

    /// Returns the share of its core sizes that a run has; 1 where it has none to miss.
    pub(crate) fn coverage(&self, run: usize, present: &[u32]) -> f64 {
        if self.core_sizes[run] == 0 { 1.0 } else { f64::from(present[run]) / f64::from(self.core_sizes[run]) }
    }

    /// Sums up the runs of the cells for which `counted` holds, by what lies on the shelves. A run with less than
    /// `coverage_min` of its core sizes counts as broken.
    pub fn state(
        &self,
        on_hand: impl Fn(usize) -> i64,
        counted: impl Fn(usize) -> bool,
        coverage_min: f64,
    ) -> RunState {
        let present = self.present(&on_hand);
        let mut runs = vec![false; self.core_sizes.len()];
        let (mut pieces, mut broken) = (0, 0);
        for (cell, &run) in self.run_of.iter().enumerate().filter(|&(cell, _)| counted(cell)) {
            runs[run as usize] = true;
            pieces += on_hand(cell);
            if self.coverage(run as usize, &present) < coverage_min {
                broken += on_hand(cell);
            }
        }
        let counted = runs.iter().filter(|&&counted| counted).count().max(1) as f64;
        let covered: f64 = (0..runs.len()).filter(|&run| runs[run]).map(|run| self.coverage(run, &present)).sum();
        RunState {
            pieces_per_run: pieces as f64 / counted,
            core_coverage: covered / counted,
            fragmentation: if pieces > 0 { broken as f64 / pieces as f64 } else { 0.0 },
        }
    }
}
