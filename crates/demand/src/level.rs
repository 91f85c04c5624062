//! How much each SKU sells at each place before calendar, price and support: the level, with a memory that fades.
//!
//! A level is the long-run ratio of sales to what the effects expect, times a recent ratio of the SKU over all its
//! places, times a recent ratio of the place. Recent ratios forget with a half-life and are shrunk towards 1 as the
//! posterior mean of a gamma-distributed ratio of Poisson counts, so that a series with few sales follows its SKU.
//!
//! Sources: exponential discounting, Brown (1959); gamma-Poisson shrinkage, Robbins (1956); half-lives are chosen on
//! a held-out tail.

use crate::columns::{DIP, LiftTerms};
use crate::dispersion::Dispersion;
use crate::distribution::given_at_least;
use crate::linear::dot;
use crate::prepare::{Evidence, Prepared};
use endcap_model::Span;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Relative variance of a long-run place level around its SKU's mean level: half of it again, or twice.
pub(crate) const PLACES_SPREAD: f64 = 0.5;

/// How quickly levels forget, and how far recent ratios may move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Periods until an observation weighs half in the SKU's recent ratio.
    pub item_half_life: f64,
    /// Periods until an observation weighs half in the place's recent ratio.
    pub place_half_life: f64,
    /// Relative variance of recent ratios around 1.
    pub drift: f64,
}

/// Everything about one SKU's history that its levels need, one value per usable row.
pub(crate) struct SkuBase {
    pub(crate) place: Vec<u32>,
    pub(crate) period: Vec<i32>,
    /// Expected units at level 1, for the time on sale.
    pub(crate) expected: Vec<f64>,
    /// Demand: units sold, completed where stock ran out.
    pub(crate) demand: Vec<f64>,
    dispersion: Dispersion,
}

/// Level of one series with the relative variance of its estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) place: u32,
    pub(crate) level: f64,
    pub(crate) variance: f64,
}

/// Long-run level of one series: its rows, the level and its relative variance.
#[derive(Clone, Debug)]
pub(crate) struct LongLevel {
    run: Range<usize>,
    level: f64,
    variance: f64,
}

impl Memory {
    /// Half-lives to start from: a sixth and a third of the history.
    pub(crate) fn usual(span: Span) -> Self {
        let periods = span.len() as f64;
        Self { item_half_life: (periods / 6.0).max(4.0), place_half_life: (periods / 3.0).max(8.0), drift: 0.05 }
    }

    /// Memories worth trying on a history of so many periods.
    pub(crate) fn candidates(span: Span) -> Vec<Self> {
        let longest = 2.0 * span.len() as f64;
        let half_lives: Vec<f64> = [1.5, 3.0, 6.0, 12.0, 30.0].into_iter().filter(|&h| h < longest).collect();
        let mut all = Vec::new();
        for &item_half_life in &half_lives {
            for &place_half_life in &half_lives {
                all.extend([0.01, 0.05, 0.2].map(|drift| Self { item_half_life, place_half_life, drift }));
            }
        }
        if all.is_empty() { vec![Self::usual(span)] } else { all }
    }
}

impl SkuBase {
    /// Collects one SKU's rows with what effects expect of them, `terms` filling the household stock; the second value is the household stock that
    /// each series ends with, beside the last period of the series.
    pub(crate) fn of(
        prepared: &Prepared,
        sku: usize,
        (terms, effects): (LiftTerms, &[f64]),
        dispersion: Dispersion,
        carry: f64,
    ) -> (Self, Vec<(u32, i32, f64)>) {
        let c = prepared.panel.columns();
        let mut base = Self { place: vec![], period: vec![], expected: vec![], demand: vec![], dispersion };
        let mut closing = Vec::new();
        let mut line = vec![0.0; prepared.frame.columns()];
        for series in prepared.panel.series_of(sku) {
            let (place, first) = (c.place[series.start], base.place.len());
            let last = c.period[series.end - 1].0;
            let mut censored = Vec::new();
            let stock = prepared.household_stock(series, terms, carry, 0.0, |row, stock| {
                if prepared.evidence[row] == Evidence::Nothing {
                    return;
                }
                prepared.write_row(row, &mut line);
                line[DIP] = stock;
                if prepared.evidence[row] == Evidence::Censored {
                    censored.push(base.place.len());
                }
                base.place.push(place);
                base.period.push(c.period[row].0);
                base.expected.push(prepared.exposure[row] * log_expected(&line, effects).exp());
                base.demand.push(c.units[row]);
            });
            base.complete(first, &censored);
            closing.push((place, last, stock));
        }
        (base, closing)
    }

    /// Completes censored rows of one series with the demand expected beyond what was sold.
    fn complete(&mut self, first: usize, censored: &[usize]) {
        if censored.is_empty() {
            return;
        }
        let sold: Vec<f64> = censored.iter().map(|&at| self.demand[at]).collect();
        for _ in 0..3 {
            let demand: f64 = self.demand[first..].iter().sum();
            let expected: f64 = self.expected[first..].iter().sum();
            let level = demand / expected.max(1e-12);
            for (&at, &sold) in censored.iter().zip(&sold) {
                let mean = level * self.expected[at];
                self.demand[at] = given_at_least(mean, self.dispersion.variance(mean), sold).0;
            }
        }
    }

    /// Returns the level of every place as known at the start of `origin`.
    pub(crate) fn levels(&self, memory: &Memory, origin: i32) -> Vec<Level> {
        self.recent_levels(memory, origin, &self.long_levels(origin))
    }

    /// Returns the long-run level of every place, from everything known at the start of `origin`.
    pub(crate) fn long_levels(&self, origin: i32) -> Vec<LongLevel> {
        let usual = self.usual_level(origin);
        self.runs().into_iter().map(|run| self.long_level(run, usual, origin)).collect()
    }

    /// Moves long-run levels by the recent ratios of the SKU and of each place.
    pub(crate) fn recent_levels(&self, memory: &Memory, origin: i32, long: &[LongLevel]) -> Vec<Level> {
        let (item, item_variance) = self.item_ratio(memory, origin, long);
        let fading = self.fading(memory.place_half_life, origin);
        long.iter()
            .map(|place| {
                let mut recent = Ratio::of(memory);
                for at in place.run.clone().filter(|&at| self.period[at] < origin) {
                    let expected = place.level * item * self.expected[at];
                    let weight = fading[(origin - 1 - self.period[at]) as usize] / self.dispersion.noise(expected);
                    recent.add(weight * self.demand[at], weight * expected);
                }
                let variance = (place.variance + item_variance + recent.variance()).min(4.0);
                Level { place: self.place[place.run.start], level: place.level * item * recent.value(), variance }
            })
            .collect()
    }

    /// Recent ratio of the SKU over all its places. Places of one period share its shock, so that a period says no
    /// more than the shock lets it, however many places it has.
    fn item_ratio(&self, memory: &Memory, origin: i32, long: &[LongLevel]) -> (f64, f64) {
        let fading = self.fading(memory.item_half_life, origin);
        let mut by_age = vec![(0.0, 0.0); fading.len()];
        for place in long {
            for at in place.run.clone().filter(|&at| self.period[at] < origin) {
                let expected = place.level * self.expected[at];
                let weight = 1.0 / (self.dispersion.counting + self.dispersion.cells * expected);
                let sums = &mut by_age[(origin - 1 - self.period[at]) as usize];
                sums.0 += weight * self.demand[at];
                sums.1 += weight * expected;
            }
        }
        let mut recent = Ratio::of(memory);
        for ((sold, expected), fade) in by_age.into_iter().zip(fading) {
            let weight = fade / (1.0 + self.dispersion.shock * expected);
            recent.add(weight * sold, weight * expected);
        }
        (recent.value(), recent.variance())
    }

    /// Weights of the periods before `origin` by their age.
    fn fading(&self, half_life: f64, origin: i32) -> Vec<f64> {
        let ages = self.period.iter().map(|period| origin - period).max().unwrap_or(0).max(0);
        let step = (-std::f64::consts::LN_2 / half_life).exp();
        (0..ages).map(|age| step.powi(age)).collect()
    }

    /// Rows of each place.
    pub(crate) fn runs(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = 0;
        for at in 1..=self.place.len() {
            if at == self.place.len() || self.place[at] != self.place[start] {
                runs.push(start..at);
                start = at;
            }
        }
        runs
    }

    /// Level of the SKU over all its places.
    pub(crate) fn usual_level(&self, origin: i32) -> f64 {
        let mut sums = (0.0, 0.0);
        for at in (0..self.place.len()).filter(|&at| self.period[at] < origin) {
            sums.0 += self.demand[at];
            sums.1 += self.expected[at];
        }
        if sums.1 > 0.0 { (sums.0 / sums.1).max(1e-9) } else { 1e-9 }
    }

    fn long_level(&self, run: Range<usize>, usual: f64, origin: i32) -> LongLevel {
        let mut sums = (1.0 / PLACES_SPREAD, 1.0 / PLACES_SPREAD);
        for at in run.clone().filter(|&at| self.period[at] < origin) {
            let expected = usual * self.expected[at];
            let weight = 1.0 / self.dispersion.noise(expected);
            sums.0 += weight * self.demand[at];
            sums.1 += weight * expected;
        }
        LongLevel { run, level: usual * sums.0 / sums.1, variance: 1.0 / sums.1 }
    }
}

/// A ratio of sales to expectation, shrunk towards 1: the posterior mean of a gamma-distributed ratio.
struct Ratio {
    sold: f64,
    expected: f64,
}

impl Ratio {
    fn of(memory: &Memory) -> Self {
        Self { sold: 1.0 / memory.drift, expected: 1.0 / memory.drift }
    }

    fn add(&mut self, sold: f64, expected: f64) {
        self.sold += sold;
        self.expected += expected;
    }

    fn value(&self) -> f64 {
        self.sold / self.expected
    }

    fn variance(&self) -> f64 {
        1.0 / self.expected
    }
}

/// Log of the expected units at level 1.
pub(crate) fn log_expected(line: &[f64], effects: &[f64]) -> f64 {
    dot(line, effects).clamp(-12.0, 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(recent: f64) -> SkuBase {
        let (places, periods) = (3u32, 60);
        let mut base =
            SkuBase { place: vec![], period: vec![], expected: vec![], demand: vec![], dispersion: Dispersion::START };
        for place in 0..places {
            for period in 0..periods {
                base.place.push(place);
                base.period.push(period);
                base.expected.push(1.0);
                base.demand.push(f64::from(place + 1) * 10.0 * if period >= 40 { recent } else { 1.0 });
            }
        }
        base
    }

    #[test]
    fn a_steady_series_keeps_its_level_whatever_the_memory() {
        for item_half_life in [2.0, 30.0] {
            let memory = Memory { item_half_life, place_half_life: 10.0, drift: 0.1 };
            for level in base(1.0).levels(&memory, 60) {
                let expected = f64::from(level.place + 1) * 10.0;
                assert!((level.level / expected - 1.0).abs() < 0.05, "{level:?}");
            }
        }
    }

    #[test]
    fn a_lasting_change_is_followed_sooner_by_a_shorter_memory() {
        let level = |half_life: f64| {
            let memory = Memory { item_half_life: half_life, place_half_life: half_life, drift: 0.2 };
            base(2.0).levels(&memory, 60)[2].level
        };
        assert!(level(4.0) > level(40.0) && level(4.0) > 55.0 && level(4.0) < 65.0, "{} {}", level(4.0), level(40.0));
    }

    #[test]
    fn what_comes_after_the_origin_is_not_known() {
        let memory = Memory { item_half_life: 5.0, place_half_life: 5.0, drift: 0.1 };
        assert_eq!(base(1.0).levels(&memory, 40), base(3.0).levels(&memory, 40));
    }
}
