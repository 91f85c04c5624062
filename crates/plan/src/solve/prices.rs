//! Prices on limits and pairs, and what columns are worth after paying them.
//!
//! A limit has a price of 0 or more for what may be used at most and, if it has a least use, one of 0 or more that is
//! paid back for every use. A pair's price splits what it loses or gains between its two units.

use super::problem::Problem;

/// Prices in minor units.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// Price of using one unit of each limit; below 0 where use is paid back.
    pub limits: Vec<f64>,
    /// Price of each pair in each period (`pairs x periods`), between 0 and what the pair loses or gains.
    pub pairs: Vec<f64>,
    /// What the pairs charge each unit in each period (`units x periods`); empty without pairs.
    pub charges: Vec<f64>,
    /// What the limits of each pattern that are used by one cost.
    ones: Vec<f64>,
    /// What no plan can avoid: limits at their prices, and the prices of pairs.
    pub constant: f64,
    /// Sum of the sizes of the parts of the constant, for the allowance of rounding.
    pub constant_size: f64,
}

impl Prices {
    /// Takes prices: of limits, then what is paid back by limits with a least use, in the order of the limits, then of
    /// pairs by pair and period.
    pub fn new(problem: &Problem, values: &[f64]) -> Self {
        let count = problem.limits().len();
        let mut limits = values[..count].to_vec();
        let mut back = values[count..].iter();
        let (mut constant, mut constant_size) = (0.0, 0.0);
        for (price, limit) in limits.iter_mut().zip(problem.limits()) {
            let paid = *price * limit.capacity as f64;
            constant += paid;
            constant_size += paid.abs();
            if limit.least > 0 {
                let back = back.next().expect("Invariant: a value for every limit with a least use");
                constant -= back * limit.least as f64;
                constant_size += back * limit.least as f64;
                *price -= back;
            }
        }
        let pairs: Vec<f64> = back.copied().collect();
        let periods = problem.periods();
        let mut charges = vec![0.0; if pairs.is_empty() { 0 } else { problem.units() * periods }];
        for (pair, prices) in problem.pairs().iter().zip(pairs.chunks(periods)) {
            let (first, second) = (pair.first as usize * periods, pair.second as usize * periods);
            for (period, &price) in prices.iter().enumerate() {
                if pair.penalty >= 0 {
                    // Both pay, one is given back: with neither or both on that loses, with one it is even.
                    charges[first + period] += price;
                    charges[second + period] += price;
                    constant += price;
                    constant_size += price;
                } else {
                    // The gain is shared out to the two: with one on that is too much, with both or neither it is even.
                    charges[first + period] -= price;
                    charges[second + period] -= -pair.penalty as f64 - price;
                }
            }
        }
        let cost = |ones: &[u32]| ones.iter().map(|&limit| limits[limit as usize]).sum();
        let ones = problem.patterns().iter().map(|pattern| cost(&pattern.ones)).collect();
        Self { limits, pairs, charges, ones, constant, constant_size }
    }

    /// Puts what every column of a unit is worth after paying for limits and pairs into `reduced`.
    pub fn reduce(&self, problem: &Problem, unit: usize, reduced: &mut Vec<f64>) {
        self.reduce_limits(problem, unit, reduced);
        if !self.charges.is_empty() && !problem.partners(unit).is_empty() {
            let cells = problem.cells(unit);
            let charges = &self.charges[unit * problem.periods()..];
            for (cell, charge) in cells.windows(2).zip(charges) {
                let cell = (cell[0] - cells[0]) as usize..(cell[1] - cells[0]) as usize;
                reduced[cell].iter_mut().for_each(|reduced| *reduced -= charge);
            }
        }
    }

    /// Puts what every column of a unit is worth after paying for limits into `reduced`.
    pub fn reduce_limits(&self, problem: &Problem, unit: usize, reduced: &mut Vec<f64>) {
        let columns = problem.columns_of(unit);
        reduced.clear();
        reduced.extend(columns.clone().zip(problem.values(columns)).map(|(column, &value)| {
            let pattern = problem.pattern_of(column) as usize;
            let varying = &problem.patterns()[pattern].varying;
            let amounts = problem.amounts(column);
            let paid: f64 =
                varying.iter().zip(amounts).map(|(&l, &amount)| self.limits[l as usize] * amount as f64).sum();
            value as f64 - self.ones[pattern] - paid
        }));
    }
}
