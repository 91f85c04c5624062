//! From the calendars of the bound to a plan that keeps the limits: overfull limits grow dearer, a little at a time, so
//! that the units that lose least by it move away first.
//!
//! # Source
//! Lagrangian heuristic with adjusted multipliers: Beasley (1993); rising weights on broken constraints: Morris (1993),
//! the "breakout" method.

use super::calendar::{Depth, Desk};
use super::prices::Prices;
use super::problem::{NONE, Problem};
use super::slate::Slate;
use rand::Rng;
use rand::seq::SliceRandom;

/// First rise of an overfull limit's price, as a share of it.
const FIRST_RISE: f64 = 0.0005;
/// Growth of the rise from round to round, up to a quarter.
const GROWTH: f64 = 1.2;
const ROUNDS: usize = 600;

/// Repairs the calendars; nothing when units that must choose leave a limit overfull to the end.
pub fn repair<'a>(
    problem: &'a Problem,
    prices: &Prices,
    calendars: &[u32],
    random: &mut impl Rng,
    stop: &dyn Fn() -> bool,
) -> Option<Slate<'a>> {
    let periods = problem.periods();
    let mut slate = Slate::empty(problem);
    for unit in 0..problem.units().len() {
        slate.put_in(unit, &calendars[unit * periods..(unit + 1) * periods]);
    }
    let base = base_prices(problem, prices);
    let mut extra = vec![0.0; base.len()];
    let mut rise = FIRST_RISE;
    let mut desk = Desk::default();
    let mut order: Vec<usize> = (0..problem.units().len()).collect();
    for _ in 0..ROUNDS {
        if slate.fits() || stop() {
            break;
        }
        for (limit, extra) in extra.iter_mut().enumerate().filter(|(limit, _)| slate.left[*limit] < 0) {
            *extra += rise * base[limit];
        }
        rise = (rise * GROWTH).min(0.25);
        order.shuffle(random);
        for &unit in &order {
            if uses_overfull(problem, &slate, unit) {
                move_away(problem, &mut slate, unit, prices, &base, &extra, &mut desk)?;
            }
        }
    }
    thin(problem, &mut slate, &order);
    slate.fits().then_some(slate)
}

/// A limit's price, and at least a tenth of what its use earns on average, so that a free limit can grow dear too.
fn base_prices(problem: &Problem, prices: &Prices) -> Vec<f64> {
    let mut sums = vec![(0.0f64, 0.0f64); problem.limits().len()];
    for column in problem.columns() {
        for &(limit, amount) in problem.uses(column) {
            sums[limit as usize].0 += column.value.unsigned_abs() as f64;
            sums[limit as usize].1 += amount as f64;
        }
    }
    let floors = sums.iter().map(|(value, amount)| 0.1 * value / amount.max(1.0));
    floors.enumerate().map(|(limit, floor)| floor.max(prices.of_limit(limit)).max(1e-6)).collect()
}

fn uses_overfull(problem: &Problem, slate: &Slate, unit: usize) -> bool {
    slate
        .calendar(unit)
        .iter()
        .filter(|&&column| column != NONE)
        .any(|&column| problem.uses(problem.column(column)).iter().any(|&(limit, _)| slate.left[limit as usize] < 0))
}

/// Replans one unit at the raised prices; what would make a further limit overfull costs ten times its base price.
fn move_away(
    problem: &Problem,
    slate: &mut Slate,
    unit: usize,
    prices: &Prices,
    base: &[f64],
    extra: &[f64],
    desk: &mut Desk,
) -> Option<()> {
    let grain = (1i64 << prices.grain_bits) as f64;
    let before = slate.left.clone();
    slate.take_out(unit);
    desk.reduced.clear();
    for at in problem.columns_of(unit) {
        let column = &problem.columns()[at];
        let mut worth = slate.worth(unit, column.period as usize, at as u32) as f64;
        for &(limit, amount) in problem.uses(column) {
            let limit = limit as usize;
            worth -= (prices.of_limit(limit) + extra[limit]) * amount as f64;
            if before[limit] >= 0 && amount > slate.left[limit] {
                worth -= 10.0 * (base[limit] + extra[limit]) * (amount - slate.left[limit]) as f64;
            }
        }
        desk.reduced.push((worth * grain).clamp(-2.0e15, 4.0e17) as i64);
    }
    desk.best(problem, unit, Depth::Exact(1000), 0)?;
    slate.put_in(unit, &desk.low);
    Some(())
}

/// Takes columns that need not be out of limits that are still overfull.
fn thin(problem: &Problem, slate: &mut Slate, order: &[usize]) {
    for &unit in order {
        if slate.fits() {
            return;
        }
        let (mut calendar, _) = slate.take_out(unit);
        for (period, column) in calendar.iter_mut().enumerate().filter(|(_, column)| **column != NONE) {
            let uses = problem.uses(problem.column(*column));
            let over = uses.iter().any(|&(limit, amount)| slate.left[limit as usize] < amount);
            if over && problem.units()[unit].required.binary_search(&period).is_err() {
                *column = NONE;
            }
        }
        slate.put_in(unit, &calendar);
    }
}
