//! Prices on limits and pairs in whole numbers, and what columns are worth after paying them.

use super::problem::{Pair, Problem};

/// Binary digits of a limit's price after the point.
const PRICE_BITS: u32 = 32;

/// Least reduced value, in grains: what is worth less counts as this, which can only raise the bound.
const FLOOR: i64 = -(1 << 51);

/// Prices, rounded to whole numbers so that every evaluation is exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// Binary digits of a grain: a minor unit is `1 << grain_bits` grains.
    pub grain_bits: u32,
    /// Price of one unit of each limit, in minor units times 2^32; 0 or more.
    pub limits: Vec<i64>,
    /// Price of each pair in each period (`pairs x periods`), in grains, between 0 and the pair's penalty.
    pub pairs: Vec<i64>,
    /// What the pairs charge each unit in each period (`units x periods`), in grains; empty without pairs.
    pub charges: Vec<i64>,
}

impl Prices {
    /// All prices 0.
    pub fn free(problem: &Problem) -> Self {
        Self {
            grain_bits: grain_bits(problem),
            limits: vec![0; problem.limits().len()],
            pairs: vec![0; problem.pairs().len() * problem.periods()],
            charges: vec![0; if problem.pairs().is_empty() { 0 } else { problem.units().len() * problem.periods() }],
        }
    }

    /// Rounds prices in minor units: of limits, then of pairs by pair and period.
    pub fn round(problem: &Problem, values: &[f64]) -> Self {
        let mut prices = Self::free(problem);
        let limits = problem.limits().len();
        for (price, &value) in prices.limits.iter_mut().zip(&values[..limits]) {
            *price = (value.max(0.0) * (1u64 << PRICE_BITS) as f64).min((1i64 << 62) as f64) as i64;
        }
        let grain = (1i64 << prices.grain_bits) as f64;
        for (at, &value) in values[limits..].iter().enumerate() {
            let pair: Pair = problem.pairs()[at / problem.periods()];
            let price = ((value * grain) as i64).clamp(0, pair.penalty << prices.grain_bits);
            prices.pairs[at] = price;
            let period = at % problem.periods();
            for unit in [pair.first, pair.second] {
                let charge = &mut prices.charges[unit as usize * problem.periods() + period];
                *charge = charge.saturating_add(price);
            }
        }
        prices
    }

    /// Puts the reduced value of every column of a unit into `reduced`, in grains, rounded up.
    pub fn reduce(&self, problem: &Problem, unit: usize, reduced: &mut Vec<i64>) {
        reduced.clear();
        for column in problem.columns_of(unit) {
            let column = &problem.columns()[column];
            let charge = match self.charges.is_empty() {
                true => 0,
                false => self.charges[unit * problem.periods() + column.period as usize],
            };
            reduced.push(self.worth(problem, column).saturating_sub(charge).max(FLOOR));
        }
    }

    /// What a column is worth after paying for its limits, in grains, rounded up.
    pub fn worth(&self, problem: &Problem, column: &super::problem::Column) -> i64 {
        let paid: i128 = problem
            .uses(column)
            .iter()
            .map(|&(limit, amount)| i128::from(self.limits[limit as usize]) * i128::from(amount))
            .sum();
        let worth = (i128::from(column.value) << PRICE_BITS) - paid;
        let drop = PRICE_BITS - self.grain_bits;
        let grains = -((-worth) >> drop);
        grains.max(i128::from(FLOOR)) as i64
    }

    /// What all limits and pairs are worth at these prices, in grains, rounded up.
    pub fn constant(&self, problem: &Problem) -> i128 {
        let limits: i128 = problem
            .limits()
            .iter()
            .zip(&self.limits)
            .map(|(limit, &price)| i128::from(limit.capacity) * i128::from(price))
            .sum();
        let drop = PRICE_BITS - self.grain_bits;
        -((-limits) >> drop) + self.pairs.iter().map(|&price| i128::from(price)).sum::<i128>()
    }

    /// Price of one unit of a limit in minor units.
    pub fn of_limit(&self, limit: usize) -> f64 {
        self.limits[limit] as f64 / (1u64 << PRICE_BITS) as f64
    }

    /// The prices that [`Prices::round`] would round to these.
    pub fn values(&self) -> Vec<f64> {
        let grain = (1i64 << self.grain_bits) as f64;
        let limits = (0..self.limits.len()).map(|limit| self.of_limit(limit));
        limits.chain(self.pairs.iter().map(|&price| price as f64 / grain)).collect()
    }
}

/// Chooses grains so fine that sums over a calendar stay inside 64 bits.
fn grain_bits(problem: &Problem) -> u32 {
    let largest = problem.columns().iter().map(|column| column.value.unsigned_abs()).max().unwrap_or(0);
    let penalty = problem.pairs().iter().map(|pair| pair.penalty.unsigned_abs()).max().unwrap_or(0);
    let sum = u128::from(largest.max(penalty).max(1)) * (problem.periods().max(1) as u128);
    let used = 128 - sum.leading_zeros();
    58u32.saturating_sub(used).min(20)
}
