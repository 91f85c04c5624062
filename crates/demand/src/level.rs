//! How much each SKU sells at each place before calendar, price and support: the level, with a memory that fades.
//!
//! A level is the long-run ratio of sales to what the effects expect, times a recent ratio of the SKU over all its
//! places, times a recent ratio of the place. Recent ratios forget with a half-life and are shrunk towards 1 as the
//! posterior mean of a gamma-distributed ratio of Poisson counts, so that a series with few sales follows its SKU.
//!
//! Sources: exponential discounting, Brown (1959); gamma-Poisson shrinkage, Robbins (1956); half-lives are chosen on
//! a held-out tail.

use crate::dispersion::Dispersion;
use crate::distribution::given_at_least;
use crate::columns::{DIP, LiftTerms};
use crate::prepare::{Evidence, Prepared};
use endcap_model::Span;
use serde::{Deserialize, Serialize};

/// Relative variance of a long-run place level around its SKU's mean level: half of it again, or twice.
const PLACES_SPREAD: f64 = 0.5;

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
    period: Vec<i32>,
    /// Expected units at level 1, for the time on sale.
    expected: Vec<f64>,
    /// Demand: units sold, completed where stock ran out.
    demand: Vec<f64>,
    dispersion: Dispersion,
}

/// Level of one series with the relative variance of its estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) place: u32,
    pub(crate) level: f64,
    pub(crate) variance: f64,
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
        let half_lives: Vec<f64> = [3.0, 6.0, 12.0, 25.0, 50.0].into_iter().filter(|&h| h < longest).collect();
        let mut all = Vec::new();
        for &item_half_life in &half_lives {
            for &place_half_life in &half_lives {
                all.extend([0.02, 0.1].map(|drift| Self { item_half_life, place_half_life, drift }));
            }
        }
        if all.is_empty() { vec![Self::usual(span)] } else { all }
    }
}

impl SkuBase {
    /// Collects one SKU's rows with what its effects expect of them; the second value is the household stock that
    /// each series ends with, beside the last period of the series.
    pub(crate) fn of(
        prepared: &Prepared,
        sku: usize,
        effects: &[f64],
        dispersion: Dispersion,
        carry: f64,
    ) -> (Self, Vec<(u32, i32, f64)>) {
        let c = prepared.panel.columns();
        let terms = LiftTerms::of(effects);
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
        let known = |at: usize| self.period[at] < origin;
        let usual = self.usual_level(&known);
        let runs = self.runs();
        let long: Vec<(f64, f64)> = runs.iter().map(|run| self.long_level(run.clone(), usual, &known)).collect();
        let shrink = |sold: f64, expected: f64| (sold + 1.0 / memory.drift) / (expected + 1.0 / memory.drift);
        let fade = |half_life: f64, at: usize| (-std::f64::consts::LN_2 * f64::from(origin - 1 - self.period[at]) / half_life).exp();
        let mut recent = (0.0, 0.0);
        for (run, &(level, _)) in runs.iter().zip(&long) {
            for at in run.clone().filter(|&at| known(at)) {
                let expected = level * self.expected[at];
                let weight = fade(memory.item_half_life, at) / self.noise(expected);
                recent.0 += weight * self.demand[at];
                recent.1 += weight * expected;
            }
        }
        let item = shrink(recent.0, recent.1);
        let item_variance = 1.0 / (recent.1 + 1.0 / memory.drift);
        runs.iter()
            .zip(&long)
            .map(|(run, &(level, variance))| {
                let mut recent = (0.0, 0.0);
                for at in run.clone().filter(|&at| known(at)) {
                    let expected = level * item * self.expected[at];
                    let weight = fade(memory.place_half_life, at) / self.noise(expected);
                    recent.0 += weight * self.demand[at];
                    recent.1 += weight * expected;
                }
                let ratio = shrink(recent.0, recent.1);
                let recent_variance = 1.0 / (recent.1 + 1.0 / memory.drift);
                let variance = (variance + item_variance + recent_variance).min(4.0);
                Level { place: self.place[run.start], level: level * item * ratio, variance }
            })
            .collect()
    }

    /// Variance over mean of a row, which its weight divides by.
    fn noise(&self, expected: f64) -> f64 {
        self.dispersion.counting + (self.dispersion.cells + self.dispersion.shock) * expected
    }

    fn runs(&self) -> Vec<std::ops::Range<usize>> {
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
    fn usual_level(&self, known: &impl Fn(usize) -> bool) -> f64 {
        let mut sums = (0.0, 0.0);
        for at in (0..self.place.len()).filter(|&at| known(at)) {
            sums.0 += self.demand[at];
            sums.1 += self.expected[at];
        }
        if sums.1 > 0.0 { (sums.0 / sums.1).max(1e-9) } else { 1e-9 }
    }

    fn long_level(&self, run: std::ops::Range<usize>, usual: f64, known: &impl Fn(usize) -> bool) -> (f64, f64) {
        let mut sums = (1.0 / PLACES_SPREAD, 1.0 / PLACES_SPREAD);
        for at in run.filter(|&at| known(at)) {
            let expected = usual * self.expected[at];
            let weight = 1.0 / self.noise(expected);
            sums.0 += weight * self.demand[at];
            sums.1 += weight * expected;
        }
        (usual * sums.0 / sums.1, 1.0 / sums.1)
    }
}

/// Log of the expected units at level 1.
pub(crate) fn log_expected(line: &[f64], effects: &[f64]) -> f64 {
    line.iter().zip(effects).map(|(x, b)| x * b).sum::<f64>().clamp(-12.0, 12.0)
}
