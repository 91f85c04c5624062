//! Short-term sensing: levels of one item with the sales that came after the fit, fading as the fit's memory says.
//!
//! The same levels as `level` computes from the whole history, but from the sums that the fit left behind. A part of a
//! period counts as that part of its usual sales.

use super::start::{Gathered, ItemStart, faded};
use crate::dispersion::Dispersion;
use crate::distribution::given_at_least;
use crate::level::{Memory, PLACES_SPREAD};
use std::collections::BTreeMap;

/// Largest relative variance of a level.
const VARIANCE_MAX: f64 = 4.0;

/// A row that came after the fit, as levels read it.
pub(crate) struct News {
    /// Position of its place in the item's series.
    pub(crate) series: usize,
    pub(crate) period: i32,
    /// Units expected at level 1 at the effects of now, for the time that has passed.
    pub(crate) expected: f64,
    pub(crate) units: f64,
    pub(crate) censored: bool,
}

/// Level of one series with the relative variance of its estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sensed {
    pub(crate) level: f64,
    pub(crate) variance: f64,
}

/// Sales and what was expected of them, both weighted.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    sold: f64,
    expected: f64,
}

impl Sums {
    fn add(&mut self, weight: f64, sold: f64, expected: f64) {
        self.sold += weight * sold;
        self.expected += weight * expected;
    }

    /// Posterior mean of a gamma-distributed ratio and its relative variance, with the prior worth so much.
    fn ratio(&self, worth: f64) -> (f64, f64) {
        ((worth + self.sold) / (worth + self.expected), 1.0 / (worth + self.expected))
    }
}

/// Returns the level of every series after `news`, for forecast effects that changed by `change` since the fit whose
/// history ended before `end`.
pub(crate) fn levels(
    start: &ItemStart,
    change: &[f64],
    news: &[News],
    (dispersion, memory): (&Dispersion, &Memory),
    end: i32,
) -> Vec<Sensed> {
    let origin = news.iter().map(|row| row.period + 1).fold(end, i32::max);
    let demand = completed(start, news, dispersion);
    let long = long_levels(start, change, news, &demand, dispersion);
    let drift = 1.0 / memory.drift;
    let moved = moved(start, &long);
    let (item, item_variance) =
        item_sums(start, change, news, (&demand, &long, moved), (dispersion, memory), (end, origin)).ratio(drift);
    let before = Sums { sold: start.recent.sold, expected: start.recent.expected }.ratio(drift).0;
    let fade = faded(origin - end, memory.place_half_life);
    let old = |(at, series): (usize, &super::start::SeriesStart)| {
        let scale = long[at].0 / usual_long(&series.long, start.usual) * item / before;
        Sums { sold: fade * series.recent.sold, expected: fade * scale * series.recent.expected_after(change) }
    };
    let mut recent: Vec<Sums> = start.series.iter().enumerate().map(old).collect();
    for (row, demand) in news.iter().zip(&demand) {
        let expected = long[row.series].0 * item * row.expected;
        let fade = faded(origin - 1 - row.period, memory.place_half_life);
        recent[row.series].add(fade / dispersion.noise(expected), *demand, expected);
    }
    let sensed = |(recent, (level, variance)): (Sums, (f64, f64))| {
        let (ratio, ratio_variance) = recent.ratio(drift);
        Sensed { level: level * item * ratio, variance: (variance + item_variance + ratio_variance).min(VARIANCE_MAX) }
    };
    recent.into_iter().zip(long).map(sensed).collect()
}

/// Demand of the rows: units, completed where stock ran out.
fn completed(start: &ItemStart, news: &[News], dispersion: &Dispersion) -> Vec<f64> {
    let demand = |row: &News| {
        if !row.censored {
            return row.units;
        }
        let mean = usual_long(&start.series[row.series].long, start.usual) * row.expected;
        given_at_least(mean, dispersion.variance(mean), row.units).0
    };
    news.iter().map(demand).collect()
}

/// Long-run level from the sums of a fit.
fn usual_long(long: &Gathered, usual: f64) -> f64 {
    usual * Sums { sold: long.sold, expected: long.expected }.ratio(1.0 / PLACES_SPREAD).0
}

/// Long-run level and its relative variance of every series.
fn long_levels(
    start: &ItemStart,
    change: &[f64],
    news: &[News],
    demand: &[f64],
    dispersion: &Dispersion,
) -> Vec<(f64, f64)> {
    let (before, after) = start.series.iter().fold((0.0, 0.0), |(before, after), series| {
        (before + series.long.expected, after + series.long.expected_after(change))
    });
    // What the effects expect of the history now, over what they did: the level over all places moves against it.
    let times = if before > 0.0 { after / before } else { 1.0 };
    let usual = start.usual / times;
    let mut sums: Vec<Sums> = start
        .series
        .iter()
        .map(|series| Sums { sold: series.long.sold, expected: series.long.expected_after(change) / times })
        .collect();
    for (row, demand) in news.iter().zip(demand) {
        let expected = usual * row.expected;
        sums[row.series].add(1.0 / dispersion.noise(expected), *demand, expected);
    }
    let level = |sums: Sums| {
        let (ratio, variance) = sums.ratio(1.0 / PLACES_SPREAD);
        (usual * ratio, variance)
    };
    sums.into_iter().map(level).collect()
}

/// By how much the long-run levels moved since the fit, over all places.
fn moved(start: &ItemStart, long: &[(f64, f64)]) -> f64 {
    let (before, after) = start.series.iter().zip(long).fold((0.0, 0.0), |(before, after), (series, (level, _))| {
        let weight = series.long.expected;
        (before + weight * usual_long(&series.long, start.usual), after + weight * level)
    });
    if before > 0.0 { after / before } else { 1.0 }
}

/// Recent sales over all places. Places of one period share its shock, so that a period says no more than that.
fn item_sums(
    start: &ItemStart,
    change: &[f64],
    news: &[News],
    (demand, long, moved): (&[f64], &[(f64, f64)], f64),
    (dispersion, memory): (&Dispersion, &Memory),
    (end, origin): (i32, i32),
) -> Sums {
    let fade = faded(origin - end, memory.item_half_life);
    let mut sums =
        Sums { sold: fade * start.recent.sold, expected: fade * moved * start.recent.expected_after(change) };
    let mut periods: BTreeMap<i32, Sums> = BTreeMap::new();
    for (row, demand) in news.iter().zip(demand) {
        let expected = long[row.series].0 * row.expected;
        let weight = 1.0 / (dispersion.counting + dispersion.cells * expected);
        periods.entry(row.period).or_default().add(weight, *demand, expected);
    }
    for (period, Sums { sold, expected }) in periods {
        let fade = faded(origin - 1 - period, memory.item_half_life);
        sums.add(fade / (1.0 + dispersion.shock * expected), sold, expected);
    }
    sums
}
