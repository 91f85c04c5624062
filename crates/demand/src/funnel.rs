//! What spend and discounts do to visits, conversion and pieces per receipt.
//!
//! `visits = level x (1 + lift of the spend) x (1 + effect x discount)`, `conversion = level + effect of the spend + effect
//! x discount`, `pieces per receipt = level x (1 + effect x discount)`: the first and the last by least squares of logs, the
//! second as it stands, every place with a level of its own, a trend and, where the length of the year is given, one yearly
//! wave. Spend enters by its levels, since nothing says that it acts in proportion. Standard errors leave out one block of
//! neighbouring periods at a time, because a spend is set for all places at once and shocks last.
//!
//! Never says what a level of spend does that was run in too few periods, or together with nothing to compare it with: that
//! effect is not identified and has the reason beside it. Spend that follows expected visits biases its lift upwards; only
//! a test can tell.
//!
//! Sources: the PittaRosso pricing and promotion lecture, steps 2 to 5, for the form; Cameron, Gelbach and Miller (2008) and
//! MacKinnon, Nielsen and Webb (2023) for leaving out clusters.

use crate::linear::Symmetric;
use endcap_model::EffectStatus;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::{BTreeMap, BTreeSet};

/// Neighbouring periods that are left out together.
const BLOCK: i32 = 4;
/// Fewest blocks that a standard error rests on.
const BLOCKS_MIN: usize = 6;
/// Fewest periods in which a level of spend was run, and not run.
const PERIODS_MIN: usize = 3;
/// More levels of spend than this are not levels.
const LEVELS_MAX: usize = 8;
/// Spread of discounts that can tell their effect.
const DISCOUNT_SPREAD_MIN: f64 = 0.01;
/// Columns before the levels of spend: trend, two of the yearly wave, discount.
const FIRST: usize = 4;
/// Keeps a column that never moves from being infinite.
const FAINT: f64 = 1e-9;

/// One place and period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FunnelRow {
    /// Number of the place.
    pub place: u32,
    /// Number of the period.
    pub period: i32,
    /// People who came in, over 0.
    pub visits: f64,
    /// Receipts, 0 or more and at most as many as visits.
    pub receipts: f64,
    /// Pieces sold.
    pub units: f64,
    /// Marketing spend of the period, 0 for none.
    pub spend: f64,
    /// Mean discount over the assortment, a share of the price.
    pub discount: f64,
}

/// An effect with its 95 % interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunnelEffect {
    /// Estimate; 0 where the data cannot tell.
    pub mean: f64,
    /// Lower end of the 95 % interval; nothing where the data cannot tell.
    pub lo95: Option<f64>,
    /// Upper end of the 95 % interval; nothing where the data cannot tell.
    pub hi95: Option<f64>,
    /// How far it can be trusted.
    #[serde(flatten)]
    pub status: EffectStatus,
}

/// What one level of spend does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpendEffect {
    /// The level.
    pub spend: f64,
    /// Periods in which it was run.
    pub periods: usize,
    /// Share of visits that it adds.
    pub visits: FunnelEffect,
    /// What it adds to conversion.
    pub conversion: FunnelEffect,
}

/// What is known about the way from spend and discount to receipts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunnelEstimate {
    /// By level of spend over 0, rising.
    pub spends: Vec<SpendEffect>,
    /// Share of visits per unit of discount.
    pub discount_on_visits: FunnelEffect,
    /// Conversion per unit of discount.
    pub discount_on_conversion: FunnelEffect,
    /// Share of pieces per receipt per unit of discount.
    pub discount_on_units_per_receipt: FunnelEffect,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FunnelRefusal {
    /// Too short a history.
    #[error("{periods} periods of visits: {needed} are needed, since intervals rest on blocks of {BLOCK} periods")]
    TooFewPeriods {
        /// Periods given.
        periods: usize,
        /// Periods needed.
        needed: usize,
    },
    /// A value no estimate could use.
    #[error("row {row}: {what}")]
    Value {
        /// Row, 1 the first.
        row: usize,
        /// What is wrong and what was expected.
        what: &'static str,
    },
    /// Spend that has no levels.
    #[error("{levels} different spends: at most {LEVELS_MAX} levels can be told apart, round them first")]
    NotLevels {
        /// Different spends.
        levels: usize,
    },
}

/// Estimates the funnel; `year` is the number of periods in a year, where the history is long enough to tell a wave.
///
/// # Errors
/// [`FunnelRefusal`] for values that cannot be and for histories too short for any interval.
pub fn estimate_funnel(rows: &[FunnelRow], year: Option<f64>) -> Result<FunnelEstimate, FunnelRefusal> {
    check(rows)?;
    let design = Design::of(rows, year)?;
    let visits = design.fit(rows.iter().map(|row| row.visits.ln()));
    let conversion = design.fit(rows.iter().map(|row| row.receipts / row.visits));
    let per_receipt = design.fit(rows.iter().map(|row| ((row.units + 0.5) / (row.receipts + 0.5)).ln()));
    let share = |effect: FunnelEffect| FunnelEffect {
        mean: effect.mean.exp_m1(),
        lo95: effect.lo95.map(f64::exp_m1),
        hi95: effect.hi95.map(f64::exp_m1),
        status: effect.status,
    };
    let spends = design.levels.iter().enumerate().map(|(at, &(spend, periods))| {
        let why = design.lack_of_level(periods);
        let effect = |fit: &Fit| fit.effect(FIRST + at, why.clone());
        SpendEffect { spend, periods, visits: share(effect(&visits)), conversion: effect(&conversion) }
    });
    let why = design.lack_of_discount();
    Ok(FunnelEstimate {
        spends: spends.collect(),
        discount_on_visits: visits.effect(FIRST - 1, why.clone()),
        discount_on_conversion: conversion.effect(FIRST - 1, why.clone()),
        discount_on_units_per_receipt: per_receipt.effect(FIRST - 1, why),
    })
}

fn check(rows: &[FunnelRow]) -> Result<(), FunnelRefusal> {
    for (at, row) in rows.iter().enumerate() {
        let counts = [row.visits, row.receipts, row.units, row.spend, row.discount];
        let what = if counts.iter().any(|value| !value.is_finite() || *value < 0.0) {
            "visits, receipts, units, spend and discount must be numbers of 0 or more"
        } else if row.visits == 0.0 {
            "no visits: leave closed places out"
        } else if row.receipts > row.visits {
            "more receipts than visits"
        } else if row.discount >= 1.0 {
            "a discount of the whole price"
        } else {
            continue;
        };
        return Err(FunnelRefusal::Value { row: at + 1, what });
    }
    Ok(())
}

/// Regressors, less the mean of their place, with the block of each row.
struct Design {
    x: Vec<Vec<f64>>,
    place: Vec<usize>,
    places: usize,
    block: Vec<usize>,
    blocks: usize,
    periods: usize,
    discount_spread: f64,
    /// Levels of spend over 0 with the periods of each.
    levels: Vec<(f64, usize)>,
}

/// Coefficients with their standard errors.
struct Fit {
    estimates: Vec<f64>,
    errors: Vec<f64>,
    quantile: f64,
}

impl Design {
    fn of(rows: &[FunnelRow], year: Option<f64>) -> Result<Self, FunnelRefusal> {
        let periods: BTreeSet<i32> = rows.iter().map(|row| row.period).collect();
        let (first, last) = (periods.first().copied().unwrap_or(0), periods.last().copied().unwrap_or(0));
        let blocks: BTreeMap<i32, usize> = {
            let all: BTreeSet<i32> = periods.iter().map(|period| (period - first) / BLOCK).collect();
            all.into_iter().zip(0..).collect()
        };
        if blocks.len() < BLOCKS_MIN {
            let needed = BLOCKS_MIN * BLOCK as usize;
            return Err(FunnelRefusal::TooFewPeriods { periods: periods.len(), needed });
        }
        let mut run: BTreeMap<u64, BTreeSet<i32>> = BTreeMap::new();
        rows.iter().filter(|row| row.spend > 0.0).for_each(|row| {
            run.entry(row.spend.to_bits()).or_default().insert(row.period);
        });
        if run.len() > LEVELS_MAX {
            return Err(FunnelRefusal::NotLevels { levels: run.len() });
        }
        // Positive numbers are in the order of their bits.
        let levels: Vec<(f64, usize)> = run.iter().map(|(bits, seen)| (f64::from_bits(*bits), seen.len())).collect();
        let wave = year.filter(|year| f64::from(last - first + 1) >= 1.5 * year);
        let line = |row: &FunnelRow| {
            let turn = wave.map(|year| std::f64::consts::TAU * f64::from(row.period) / year);
            let trend = f64::from(row.period - first) / f64::from((last - first).max(1));
            let mut line = vec![trend, turn.map_or(0.0, f64::sin), turn.map_or(0.0, f64::cos), row.discount];
            line.extend(levels.iter().map(|(level, _)| f64::from(u8::from(row.spend == *level))));
            line
        };
        let numbers: BTreeMap<u32, usize> = {
            let all: BTreeSet<u32> = rows.iter().map(|row| row.place).collect();
            all.into_iter().zip(0..).collect()
        };
        let mean = rows.iter().map(|row| row.discount).sum::<f64>() / rows.len().max(1) as f64;
        let squares: f64 = rows.iter().map(|row| (row.discount - mean).powi(2)).sum();
        Ok(Self {
            x: rows.iter().map(line).collect(),
            place: rows.iter().map(|row| numbers[&row.place]).collect(),
            places: numbers.len(),
            block: rows.iter().map(|row| blocks[&((row.period - first) / BLOCK)]).collect(),
            blocks: blocks.len(),
            periods: periods.len(),
            discount_spread: (squares / rows.len().max(1) as f64).sqrt(),
            levels,
        })
    }

    fn lack_of_level(&self, periods: usize) -> Option<String> {
        let without = self.periods - self.levels.iter().map(|(_, periods)| periods).sum::<usize>().min(self.periods);
        let few = |what: &str, found: usize| Some(format!("{what} in only {found} periods, {PERIODS_MIN} are needed"));
        match (periods < PERIODS_MIN, without < PERIODS_MIN) {
            (true, _) => few("run", periods),
            (false, true) => few("no spend", without),
            (false, false) => None,
        }
    }

    fn lack_of_discount(&self) -> Option<String> {
        (self.discount_spread < DISCOUNT_SPREAD_MIN).then(|| "the discount hardly ever changed".to_owned())
    }

    /// Least squares with a level per place; errors by leaving out one block at a time.
    fn fit(&self, outcome: impl Iterator<Item = f64>) -> Fit {
        let outcome: Vec<f64> = outcome.collect();
        let without = |left_out: Option<usize>| self.solve(&outcome, left_out);
        let estimates = without(None);
        let n = self.blocks as f64;
        let mut squares = vec![0.0; estimates.len()];
        for block in 0..self.blocks {
            let others = without(Some(block));
            squares.iter_mut().zip(others.iter().zip(&estimates)).for_each(|(sum, (a, b))| *sum += (a - b).powi(2));
        }
        let errors = squares.into_iter().map(|sum| (sum * (n - 1.0) / n).sqrt()).collect();
        let student = StudentsT::new(0.0, 1.0, n - 1.0).expect("Invariant: more than one block");
        Fit { estimates, errors, quantile: student.inverse_cdf(0.975) }
    }

    fn solve(&self, outcome: &[f64], left_out: Option<usize>) -> Vec<f64> {
        let k = self.x[0].len();
        let kept: Vec<usize> = (0..outcome.len()).filter(|&row| Some(self.block[row]) != left_out).collect();
        let mut means = vec![(vec![0.0; k], 0.0, 0.0); self.places];
        for &row in &kept {
            let mean = &mut means[self.place[row]];
            mean.0.iter_mut().zip(&self.x[row]).for_each(|(sum, x)| *sum += x);
            mean.1 += outcome[row];
            mean.2 += 1.0;
        }
        let (mut square, mut right) = (Symmetric::zeros(k), vec![0.0; k]);
        for &row in &kept {
            let (sums, level, n) = &means[self.place[row]];
            let x: Vec<f64> = self.x[row].iter().zip(sums).map(|(x, sum)| x - sum / n).collect();
            let y = outcome[row] - level / n;
            square.add_outer(1.0, &x);
            right.iter_mut().zip(&x).for_each(|(sum, x)| *sum += x * y);
        }
        (0..k).for_each(|i| *square.at(i, i) += FAINT * kept.len() as f64);
        square.factor().solve(&mut right);
        right
    }
}

impl Fit {
    fn effect(&self, at: usize, why: Option<String>) -> FunnelEffect {
        let (mean, half) = (self.estimates[at], self.quantile * self.errors[at]);
        match why {
            Some(why) => FunnelEffect { mean: 0.0, lo95: None, hi95: None, status: EffectStatus::NotIdentified(why) },
            None => {
                let (lo95, hi95) = (Some(mean - half), Some(mean + half));
                FunnelEffect { mean, lo95, hi95, status: EffectStatus::Estimated }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal, Poisson};

    /// Spends of the lecture: none, 15 and 43 thousand.
    const SPENDS: [f64; 3] = [0.0, 15_000.0, 43_000.0];

    /// A hundred weeks in six places with these effects of the two levels of spend.
    fn rows(seed: u64, lift: [f64; 2], conversion: [f64; 2], spends: usize) -> Vec<FunnelRow> {
        let mut g = ChaCha8Rng::seed_from_u64(seed);
        let normal = Normal::new(0.0, 1.0).unwrap();
        let poisson = |mean: f64, g: &mut ChaCha8Rng| Poisson::new(mean).unwrap().sample(g);
        let mut all = Vec::new();
        for period in 0..100 {
            let level = g.random_range(0..spends);
            let (discount, shock) = (0.3 * g.random::<f64>(), 0.05 * normal.sample(&mut g));
            for place in 0..6 {
                let of = |effects: [f64; 2]| if level == 0 { 0.0 } else { effects[level - 1] };
                let visits = 2000.0 * (1.0 + 0.1 * f64::from(place)) * (1.0 + of(lift)) * (1.0 + 0.4 * discount);
                let visits = poisson(visits * f64::exp(shock), &mut g);
                let rate = 0.2 + of(conversion) + 0.1 * discount;
                let receipts = poisson(visits * rate, &mut g).min(visits);
                let units = receipts + poisson(0.5 * receipts * (1.0 + 0.3 * discount), &mut g);
                let spend = SPENDS[level];
                all.push(FunnelRow { place: place as u32, period, visits, receipts, units, spend, discount });
            }
        }
        all
    }

    fn holds(effect: &FunnelEffect, truth: f64) -> bool {
        effect.lo95.is_some_and(|lo| lo <= truth) && effect.hi95.is_some_and(|hi| truth <= hi)
    }

    #[test]
    fn what_spend_does_is_found_and_nothing_is_invented() {
        let (mut held, mut of) = (0, 0);
        for seed in 0..20 {
            for (lift, conversion) in [([0.08, 0.2], [0.01, 0.03]), ([0.0, 0.0], [0.0, 0.0])] {
                let found = estimate_funnel(&rows(seed, lift, conversion, 3), Some(52.0)).unwrap();
                for (at, spend) in found.spends.iter().enumerate() {
                    held += usize::from(holds(&spend.visits, lift[at]))
                        + usize::from(holds(&spend.conversion, conversion[at]));
                    of += 2;
                    assert!((spend.visits.mean - lift[at]).abs() < 0.08, "{spend:?}");
                }
                assert!(holds(&found.discount_on_conversion, 0.1) || seed > 0);
            }
        }
        let share = f64::from(held as u32) / f64::from(of as u32);
        assert!((0.88..=1.0).contains(&share), "covered {share}");
    }

    #[test]
    fn a_level_that_was_never_left_or_hardly_run_is_not_identified() {
        let mut always = rows(1, [0.1, 0.2], [0.0, 0.0], 3);
        always.iter_mut().filter(|row| row.spend == 0.0).for_each(|row| row.spend = SPENDS[1]);
        let found = estimate_funnel(&always, None).unwrap();
        let why = |effect: &FunnelEffect| matches!(&effect.status, EffectStatus::NotIdentified(why) if why.contains("no spend"));
        assert!(found.spends.iter().all(|spend| why(&spend.visits)));
        let mut once = rows(2, [0.1, 0.2], [0.0, 0.0], 1);
        once.iter_mut().filter(|row| row.period < 2).for_each(|row| row.spend = SPENDS[2]);
        let found = estimate_funnel(&once, None).unwrap();
        assert!(matches!(&found.spends[0].visits.status, EffectStatus::NotIdentified(why) if why.contains("only 2")));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let short: Vec<FunnelRow> = rows(1, [0.0; 2], [0.0; 2], 3).into_iter().filter(|row| row.period < 10).collect();
        assert_eq!(estimate_funnel(&short, None), Err(FunnelRefusal::TooFewPeriods { periods: 10, needed: 24 }));
        let mut wrong = rows(1, [0.0; 2], [0.0; 2], 3);
        wrong[7].receipts = wrong[7].visits + 1.0;
        assert!(estimate_funnel(&wrong, None).unwrap_err().to_string().contains("row 8: more receipts than visits"));
        let mut fine = rows(1, [0.0; 2], [0.0; 2], 3);
        fine.iter_mut().zip(0..).for_each(|(row, at)| row.spend = f64::from(at));
        assert!(matches!(estimate_funnel(&fine, None), Err(FunnelRefusal::NotLevels { .. })));
    }
}
