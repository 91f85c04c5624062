//! A plan that keeps the limits when every unit must choose: overfull limits grow dearer until the units move away.
//!
//! # Source
//! Weighting of broken constraints in local search: Morris (1993), the "breakout" method.

use super::calendar::{BLOCKED, Depth, Desk};
use super::prices::Prices;
use super::problem::{NONE, Problem};
use super::slate::Slate;
use rand::Rng;
use rand::seq::SliceRandom;

/// Begins with the calendars as they are and moves units until no limit is passed; nothing after so many rounds.
pub fn force<'a>(
    problem: &'a Problem,
    prices: &Prices,
    calendars: &[u32],
    rounds: usize,
    random: &mut impl Rng,
    stop: &dyn Fn() -> bool,
) -> Option<Slate<'a>> {
    let periods = problem.periods();
    let mut slate = Slate::empty(problem);
    for unit in 0..problem.units().len() {
        slate.put_in(unit, &calendars[unit * periods..(unit + 1) * periods]);
    }
    let mut penalties = first_penalties(problem, prices);
    let mut desk = Desk::default();
    let mut order: Vec<usize> = (0..problem.units().len()).collect();
    for _ in 0..rounds {
        if slate.fits() {
            return Some(slate);
        }
        if stop() {
            return None;
        }
        order.shuffle(random);
        for &unit in &order {
            if uses_overfull(problem, &slate, unit) {
                slate.take_out(unit);
                reduce(problem, &slate, unit, prices, &penalties, &mut desk);
                desk.best(problem, unit, Depth::Exact(1000), 0)?;
                slate.put_in(unit, &desk.low);
            }
        }
        for (penalty, &left) in penalties.iter_mut().zip(&slate.left) {
            if left < 0 {
                *penalty *= 1.25;
            }
        }
    }
    slate.fits().then_some(slate)
}

/// Half of what a limit's use earns on average, so that penalties begin at the size of values.
fn first_penalties(problem: &Problem, prices: &Prices) -> Vec<f64> {
    let mut sums = vec![(0.0f64, 0.0f64); problem.limits().len()];
    for column in problem.columns() {
        for &(limit, amount) in problem.uses(column) {
            sums[limit as usize].0 += column.value.unsigned_abs() as f64;
            sums[limit as usize].1 += amount as f64;
        }
    }
    sums.iter()
        .enumerate()
        .map(|(limit, (value, use_))| (0.5 * value / use_.max(1.0)).max(0.5 * prices.of_limit(limit)).max(1e-6))
        .collect()
}

fn uses_overfull(problem: &Problem, slate: &Slate, unit: usize) -> bool {
    slate.calendar(unit).iter().filter(|&&column| column != NONE).any(|&column| {
        problem.uses(problem.column(column)).iter().any(|&(limit, _)| slate.left[limit as usize] < 0)
    })
}

fn reduce(problem: &Problem, slate: &Slate, unit: usize, prices: &Prices, penalties: &[f64], desk: &mut Desk) {
    let grain = (1i64 << prices.grain_bits) as f64;
    desk.reduced.clear();
    for at in problem.columns_of(unit) {
        let column = &problem.columns()[at];
        let mut worth = slate.worth(unit, column.period as usize, at as u32) as f64;
        for &(limit, amount) in problem.uses(column) {
            let limit = limit as usize;
            let over = (amount - slate.left[limit].max(0)).max(0) as f64;
            worth -= prices.of_limit(limit) * amount as f64 + penalties[limit] * over;
        }
        let grains = (worth * grain).clamp(-2.0e15, 4.0e17) as i64;
        desk.reduced.push(if grains == BLOCKED { BLOCKED + 1 } else { grains });
    }
}
