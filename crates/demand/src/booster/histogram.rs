//! Sums of slope, curvature and rows per bin, in whole numbers.
//!
//! Whole numbers add up to the same in any order, so the sums, and with them the trees, are the same at any number of
//! threads. Slopes and curvatures are rounded up or down at random, in proportion to what is left over, so that their
//! sums are right on average; rows carry as many bits as their number leaves room for. Where every row has the same
//! curvature, slope and count share one word, and a bin is updated by a single addition.
//!
//! Source: Shi, Ke, Chen, Zheng and Liu (2022), quantised training of boosted trees.

use super::bins::{BINS, Binned};
use rayon::prelude::*;
use std::ops::{AddAssign, SubAssign};

/// Bits of a word that count rows.
const COUNT_BITS: u32 = 26;
/// One more than the most rows that can be counted.
pub(crate) const ROWS_END: usize = 1 << COUNT_BITS;
/// Bits of a word that hold a sum, sign and carry apart.
const SUM_BITS: u32 = 64 - COUNT_BITS - 2;
/// Most bits of one rounded value: what an `f32` tells apart.
const VALUE_BITS: u32 = 22;
/// Rows from which a histogram is worth several threads.
const PARALLEL_FROM: usize = 1 << 15;

/// Sums over rows, in rounded units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) slope: i64,
    pub(crate) curvature: i64,
    pub(crate) rows: i64,
}

/// What one bin holds.
pub(crate) trait Cell: Copy + Default + Send + Sync + AddAssign + SubAssign {
    /// Rounded slope of a row, and its curvature where rows differ in it.
    type Derivative: Copy + Send + Sync;
    fn round(slope: f32, curvature: f32, scale: &Scale, dither: f32) -> Self::Derivative;
    fn of(derivative: Self::Derivative) -> Self;
    fn sums(self) -> Sums;
}

/// Bin of rows of equal curvature.
#[derive(Clone, Copy, Default)]
pub(crate) struct Even(i64);

/// Bin of rows of unequal curvature.
#[derive(Clone, Copy, Default)]
pub(crate) struct Uneven {
    slope: i64,
    curvature: i64,
}

/// Rounded units per unit of slope and of curvature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) slope: f32,
    pub(crate) curvature: f32,
}

/// A row of a leaf.
#[derive(Clone, Copy)]
pub(crate) struct Entry<D> {
    pub(crate) row: u32,
    pub(crate) derivative: D,
}

/// One array of bins per column that is read.
pub(crate) type Histogram<C> = Vec<[C; BINS]>;

impl Scale {
    /// Chooses units such that the sum over all rows stays within a word.
    pub(crate) fn of(rows: usize, slope_max: f32, curvature_max: f32) -> Self {
        let bits = VALUE_BITS.min(SUM_BITS - rows.max(1).next_power_of_two().trailing_zeros());
        let units = |most: f32| if most > 0.0 { (1u32 << bits) as f32 / most } else { 0.0 };
        Self { slope: units(slope_max), curvature: units(curvature_max) }
    }
}

/// Returns a number in 0..1 that looks random, from a row and the tree's salt.
pub(crate) fn dither(row: u32, salt: u32) -> f32 {
    let mut mixed = row.wrapping_mul(0x9E37_79B1) ^ salt;
    mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x85EB_CA6B);
    mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xC2B2_AE35);
    (mixed >> 8) as f32 / (1u32 << 24) as f32
}

fn rounded(value: f32, dither: f32) -> i32 {
    (value + dither).floor() as i32
}

impl Cell for Even {
    type Derivative = i32;

    fn round(slope: f32, _: f32, scale: &Scale, dither: f32) -> i32 {
        rounded(slope * scale.slope, dither)
    }

    fn of(slope: i32) -> Self {
        Self((i64::from(slope) << COUNT_BITS) + 1)
    }

    fn sums(self) -> Sums {
        let rows = self.0 & (ROWS_END as i64 - 1);
        Sums { slope: self.0 >> COUNT_BITS, curvature: rows, rows }
    }
}

impl Cell for Uneven {
    type Derivative = [i32; 2];

    fn round(slope: f32, curvature: f32, scale: &Scale, dither: f32) -> [i32; 2] {
        [rounded(slope * scale.slope, dither), rounded(curvature * scale.curvature, dither)]
    }

    fn of([slope, curvature]: [i32; 2]) -> Self {
        Self { slope: i64::from(slope), curvature: (i64::from(curvature) << COUNT_BITS) + 1 }
    }

    fn sums(self) -> Sums {
        let low = Even(self.curvature).sums();
        Sums { slope: self.slope, curvature: low.slope, rows: low.rows }
    }
}

impl AddAssign for Even {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Even {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl AddAssign for Uneven {
    fn add_assign(&mut self, other: Self) {
        self.slope += other.slope;
        self.curvature += other.curvature;
    }
}

impl SubAssign for Uneven {
    fn sub_assign(&mut self, other: Self) {
        self.slope -= other.slope;
        self.curvature -= other.curvature;
    }
}

/// Sums the rows of a leaf by bin, column by column.
pub(crate) fn histogram<C: Cell>(binned: &Binned, entries: &[Entry<C::Derivative>]) -> Histogram<C> {
    let threads = rayon::current_num_threads();
    if threads == 1 || entries.len() < PARALLEL_FROM {
        return summed(binned, entries);
    }
    let part = entries.len().div_ceil(threads);
    let mut parts: Vec<Histogram<C>> = entries.par_chunks(part).map(|entries| summed(binned, entries)).collect();
    let mut whole = parts.swap_remove(0);
    for part in parts {
        let bins = part.as_flattened();
        whole.as_flattened_mut().iter_mut().zip(bins).for_each(|(sum, add)| *sum += *add);
    }
    whole
}

fn summed<C: Cell>(binned: &Binned, entries: &[Entry<C::Derivative>]) -> Histogram<C> {
    let width = binned.width;
    let mut sums = vec![[C::default(); BINS]; width];
    for entry in entries {
        let cell = C::of(entry.derivative);
        let line = &binned.by_row[entry.row as usize * width..][..width];
        sums.iter_mut().zip(line).for_each(|(bins, &bin)| bins[usize::from(bin)] += cell);
    }
    sums
}

/// Turns the histogram of a whole into that of the part that is left when `part` is taken away.
pub(crate) fn take_away<C: Cell>(whole: &mut Histogram<C>, part: &Histogram<C>) {
    let bins = part.as_flattened();
    whole.as_flattened_mut().iter_mut().zip(bins).for_each(|(sum, less)| *sum -= *less);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total<C: Cell>(derivatives: &[C::Derivative]) -> Sums {
        let mut cell = C::default();
        derivatives.iter().for_each(|&derivative| cell += C::of(derivative));
        cell.sums()
    }

    proptest! {
        #[test]
        fn words_hold_sums_and_counts_apart(rows in prop::collection::vec((-4_000_000i32..4_000_000, 0i32..4_000_000), 1..500)) {
            let slopes: Vec<i32> = rows.iter().map(|row| row.0).collect();
            let both: Vec<[i32; 2]> = rows.iter().map(|row| [row.0, row.1]).collect();
            let slope = slopes.iter().map(|&s| i64::from(s)).sum::<i64>();
            let count = rows.len() as i64;
            prop_assert_eq!(total::<Even>(&slopes), Sums { slope, curvature: count, rows: count });
            let curvature = rows.iter().map(|row| i64::from(row.1)).sum::<i64>();
            prop_assert_eq!(total::<Uneven>(&both), Sums { slope, curvature, rows: count });
        }
    }

    #[test]
    fn the_most_rows_of_the_largest_slope_fit_a_word() {
        for rows in [1, 1000, 3_000_000, ROWS_END - 1] {
            let scale = Scale::of(rows, 7.0, 1.0);
            let slope = i128::from(Even::round(7.0, 1.0, &scale, 0.999));
            assert!(slope > 0 && slope * rows as i128 * 2 < 1 << (64 - COUNT_BITS), "{rows} {slope}");
        }
    }

    #[test]
    fn rounding_is_right_on_average() {
        let scale = Scale { slope: 1.0, curvature: 1.0 };
        let sum: i64 = (0..100_000).map(|row| i64::from(Even::round(-0.3, 1.0, &scale, dither(row, 5)))).sum();
        assert!((sum as f64 / 1e5 + 0.3).abs() < 0.005, "{sum}");
    }
}
