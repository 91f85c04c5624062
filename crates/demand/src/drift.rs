//! Whether newer data still look like those that a model was made from: inputs, forecasts, errors.
//!
//! Pure functions of two samples, then and now, to figures with their intervals; sums of whole periods are the unit, since
//! all cells of a period share its shocks, and are compared as `shift` does. Never estimates an effect, and never refits: it
//! says whether to.
//!
//! Sources: population stability index and its usual limits, Siddiqi (2006); what it is by chance, Yurdakul (2018);
//! standardised difference, Cohen (1988).

use crate::card::{Distribution, QUANTILES};
use crate::shift::{Measured, Ratio, half_width, shift};
use endcap_model::Period;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Stability index from which an input is watched, and from which it is another one.
const INDEX_LIMITS: [f64; 2] = [0.1, 0.25];
/// Fewest values that an input is judged by.
const VALUES_MIN: usize = 30;
/// Least share of a bin, so that an empty one counts for much but not for all.
const SHARE_MIN: f64 = 1e-4;
/// Shift of sales against their forecast that matters: a tenth.
const SHIFT: f64 = 0.1;
/// Growth of the error that matters: a quarter.
const ERROR_GROWTH: f64 = 1.25;

/// How far something has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// As it was, or nothing to judge by.
    Steady,
    /// Moved, but not far or not beyond chance.
    Watch,
    /// Moved by what matters, beyond chance.
    Drifted,
}

/// An input then and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputDrift {
    /// Column.
    pub name: String,
    /// Values now.
    pub count: usize,
    /// Mean then.
    pub mean_then: f64,
    /// Mean now.
    pub mean_now: f64,
    /// Difference of the means over the standard deviation then; nothing where it did not vary.
    pub standardised_difference: Option<f64>,
    /// Population stability index, less what chance alone would make it.
    pub stability_index: f64,
    /// Share of the values now below the lowest or above the highest hundredth of then.
    pub outside_share: f64,
    /// Judgement by the stability index.
    pub drift: Drift,
}

/// Sums of one period: what was sold, and what was expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeriodError {
    /// The period.
    pub period: Period,
    /// Units sold.
    pub units: f64,
    /// Units expected.
    pub expected: f64,
    /// Sum of the cells' absolute errors.
    pub absolute_error: f64,
    /// Units sold at their prices.
    pub sales: f64,
    /// Units expected at the same prices.
    pub expected_sales: f64,
}

/// Errors of newer periods beside those that were usual.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorDrift {
    /// Periods now.
    pub periods: usize,
    /// Units sold.
    pub units: f64,
    /// Units expected.
    pub expected: f64,
    /// Units sold over expected, over the same ratio as it used to be: below 1 demand falls short.
    pub shift: Measured,
    /// Sum of absolute errors over units sold, now.
    pub wape: f64,
    /// The same as it used to be; nothing where that is not known.
    pub usual_wape: Option<f64>,
    /// Error now over the usual one.
    pub wape_ratio: Option<Measured>,
    /// Money of the units sold above what was expected; below 0 sales that were missed.
    pub money: Measured,
    /// Judgement.
    pub drift: Drift,
}

impl Drift {
    /// The words for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Watch => "watch",
            Self::Drifted => "drifted",
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Compares an input with its distribution then; nothing of too few values.
pub fn input_drift(then: &Distribution, values: &[f64]) -> Option<InputDrift> {
    let now: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let count = now.len();
    if count < VALUES_MIN || then.count < VALUES_MIN || then.quantiles.len() != QUANTILES.len() {
        return None;
    }
    let (low, high) = (then.quantiles[0], then.quantiles[QUANTILES.len() - 1]);
    let share = |of: &dyn Fn(f64) -> bool| now.iter().filter(|value| of(**value)).count() as f64 / count as f64;
    let mean_now = now.iter().sum::<f64>() / count as f64;
    let edges = edges(then);
    let below = edges.iter().map(|&(edge, _)| share(&|value| value <= edge));
    let found = steps(below).zip(steps(edges.iter().map(|(_, level)| *level)));
    let index: f64 = found
        .map(|(now, then)| (now.max(SHARE_MIN), then.max(SHARE_MIN)))
        .map(|(now, then)| (now - then) * (now / then).ln())
        .sum();
    let by_chance = edges.len() as f64 * (1.0 / then.count as f64 + 1.0 / count as f64);
    let stability_index = (index - by_chance).max(0.0);
    let passed = INDEX_LIMITS.iter().filter(|limit| stability_index >= **limit).count();
    Some(InputDrift {
        name: then.name.clone(),
        count,
        mean_then: then.mean,
        mean_now,
        standardised_difference: (then.deviation > 0.0).then(|| (mean_now - then.mean) / then.deviation),
        stability_index,
        outside_share: share(&|value| value < low || value > high),
        drift: [Drift::Steady, Drift::Watch, Drift::Drifted][passed],
    })
}

/// Values that part a distribution, each with the share that is not above it: its tenths, of equal ones the last.
fn edges(then: &Distribution) -> Vec<(f64, f64)> {
    let tenths = QUANTILES.iter().zip(&then.quantiles).filter(|(level, _)| (0.1..=0.9).contains(*level));
    let mut edges: Vec<(f64, f64)> = Vec::new();
    for (&level, &value) in tenths {
        edges.retain(|(edge, _)| *edge < value);
        edges.push((value, if value == 0.0 && then.quantiles[0] >= 0.0 { then.zero_share } else { level }));
    }
    edges
}

/// Shares between values from the shares below them, to 1.
fn steps(below: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
    let mut last = 0.0;
    below.chain([1.0]).map(move |level| level - std::mem::replace(&mut last, level))
}

/// Sums cells of (period, units sold, units expected, price) up by period.
pub fn period_errors(cells: impl IntoIterator<Item = (Period, f64, f64, f64)>) -> Vec<PeriodError> {
    let mut sums: BTreeMap<Period, PeriodError> = BTreeMap::new();
    for (period, units, expected, price) in cells {
        let sum = sums.entry(period).or_insert_with(|| PeriodError::nothing(period));
        sum.units += units;
        sum.expected += expected;
        sum.absolute_error += (units - expected).abs();
        sum.sales += price * units;
        sum.expected_sales += price * expected;
    }
    sums.into_values().collect()
}

/// Compares the errors of newer periods with the usual ones, which may be none, at the n-th look since the model was fitted;
/// nothing where nothing was expected.
pub fn error_drift(now: &[PeriodError], usual: &[PeriodError], look: usize) -> Option<ErrorDrift> {
    let ratio = |periods: &[PeriodError], of: fn(&PeriodError) -> (f64, f64)| Ratio::of(periods.iter().map(of));
    let units = |of: &PeriodError| (of.units, of.expected);
    let errors = |of: &PeriodError| (of.absolute_error, of.units);
    let money = |of: &PeriodError| (of.sales, of.expected_sales);
    let (sold, sold_then) = (ratio(now, units)?, ratio(usual, units));
    let shift = shift(&sold, sold_then.as_ref(), look);
    let (error, error_then) = (ratio(now, errors), ratio(usual, errors).filter(|then| then.value > 0.0));
    let wape_ratio = error.as_ref().zip(error_then.as_ref()).filter(|(now, _)| now.value > 0.0).map(|(now, then)| {
        let (value, half) = (now.value / then.value, half_width(&now.relative(), Some(&then.relative()), true, look));
        Measured { value, lo95: value * (-half).exp(), hi95: value * half.exp() }
    });
    let sales = ratio(now, money).map_or(Measured { value: 0.0, lo95: 0.0, hi95: 0.0 }, |sales| {
        let half = half_width(&sales, ratio(usual, money).as_ref(), false, look) * sales.base;
        let value = (sales.value - 1.0) * sales.base;
        Measured { value, lo95: value - half, hi95: value + half }
    });
    Some(ErrorDrift {
        periods: now.len(),
        units: now.iter().map(|of| of.units).sum(),
        expected: sold.base,
        shift,
        wape: error.map_or(f64::INFINITY, |error| error.value),
        usual_wape: error_then.map(|then| then.value),
        wape_ratio,
        money: sales,
        drift: grade(&shift, wape_ratio.as_ref()),
    })
}

/// Drifted where a shift or a growth of errors that matters lies beyond chance; watched where it matters but may be chance.
fn grade(shift: &Measured, wape_ratio: Option<&Measured>) -> Drift {
    let shifted = (shift.value - 1.0).abs() >= SHIFT;
    let surely = shifted && shift.is_moved();
    let grown = wape_ratio.is_some_and(|ratio| ratio.value >= ERROR_GROWTH);
    if surely || (grown && wape_ratio.is_some_and(|ratio| ratio.lo95 > 1.0)) {
        Drift::Drifted
    } else if shifted || grown {
        Drift::Watch
    } else {
        Drift::Steady
    }
}

impl PeriodError {
    fn nothing(period: Period) -> Self {
        Self { period, units: 0.0, expected: 0.0, absolute_error: 0.0, sales: 0.0, expected_sales: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::distribution;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Periods of 40 cells at a price of 2, sold at so much of what was expected, with a shock that a period shares.
    fn periods(seed: u64, count: i32, factor: f64, spread: f64) -> Vec<PeriodError> {
        let mut g = ChaCha8Rng::seed_from_u64(seed);
        let mut even = |width: f64| 1.0 + width * (2.0 * g.random::<f64>() - 1.0);
        let mut cells = Vec::new();
        for period in 0..count {
            let shock = even(0.1);
            cells.extend((0..40).map(|_| (Period(period), 10.0 * factor * shock * even(spread), 10.0, 2.0)));
        }
        period_errors(cells)
    }

    #[test]
    fn demand_that_goes_on_as_before_is_rarely_called_drifted_at_any_week_of_half_a_year() {
        let drifted = |seed: &u64| {
            let (all, usual) = (periods(2 * seed, 26, 1.0, 0.4), periods(2 * seed + 1, 12, 1.0, 0.4));
            (1..=26).any(|look| error_drift(&all[..look], &usual, look).unwrap().drift == Drift::Drifted)
        };
        let share = (0..200).filter(drifted).count() as f64 / 200.0;
        assert!(share <= 0.05, "{share}");
    }

    #[test]
    fn a_collapse_of_demand_is_seen_in_two_periods_and_told_in_money() {
        let found = error_drift(&periods(1, 2, 0.5, 0.4), &periods(2, 10, 1.0, 0.4), 2).unwrap();
        assert_eq!(found.drift, Drift::Drifted);
        assert!(found.shift.hi95 < 0.75 && (found.shift.value - 0.5).abs() < 0.1, "{found:?}");
        assert!((found.money.value + 800.0).abs() < 120.0 && found.money.hi95 < 0.0, "{found:?}");
    }

    #[test]
    fn a_single_period_is_judged_by_how_far_periods_used_to_stray() {
        let usual = periods(3, 10, 1.0, 0.4);
        assert_eq!(error_drift(&periods(4, 1, 0.5, 0.4), &usual, 1).unwrap().drift, Drift::Drifted);
        let alone = error_drift(&periods(4, 1, 0.5, 0.4), &[], 1).unwrap();
        assert_eq!((alone.drift, alone.shift.hi95), (Drift::Watch, f64::INFINITY), "nothing tells how far is far");
        assert_eq!(error_drift(&[], &usual, 1), None);
    }

    #[test]
    fn errors_that_grow_are_seen_where_sums_stay() {
        let found = error_drift(&periods(5, 6, 1.0, 0.95), &periods(6, 12, 1.0, 0.4), 6).unwrap();
        assert!(found.wape_ratio.unwrap().lo95 > 1.25 && found.drift == Drift::Drifted, "{found:?}");
    }

    #[test]
    fn an_input_is_steady_until_its_values_move() {
        let mut g = ChaCha8Rng::seed_from_u64(7);
        let mut draw = |from: f64, n: usize| -> Vec<f64> { (0..n).map(|_| from + g.random::<f64>()).collect() };
        let then = distribution("price", &draw(1.0, 2000)).unwrap();
        let steady = input_drift(&then, &draw(1.0, 300)).unwrap();
        assert_eq!(steady.drift, Drift::Steady, "{steady:?}");
        let moved = input_drift(&then, &draw(1.6, 300)).unwrap();
        assert_eq!(moved.drift, Drift::Drifted);
        assert!(moved.outside_share > 0.4 && moved.standardised_difference.unwrap() > 1.5, "{moved:?}");
        assert_eq!(input_drift(&then, &draw(1.0, 5)), None, "too few to tell");
    }

    #[test]
    fn a_flag_that_is_mostly_down_is_judged_by_how_often_it_is_up() {
        let flags = |up: usize| -> Vec<f64> { (0..1000).map(|at| f64::from(u8::from(at < up))).collect() };
        let then = distribution("feature", &flags(70)).unwrap();
        assert_eq!(input_drift(&then, &flags(75)).unwrap().drift, Drift::Steady);
        assert_eq!(input_drift(&then, &flags(400)).unwrap().drift, Drift::Drifted);
        assert_eq!(input_drift(&distribution("display", &flags(0)).unwrap(), &flags(0)).unwrap().stability_index, 0.0);
    }
}
