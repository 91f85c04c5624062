//! From the calendars of the bound to a plan that keeps the limits: limits that are passed grow dearer, those that are
//! not used enough pay back more, a little at a time, so that the units that lose least by it move first.
//!
//! # Source
//! Lagrangian heuristic with adjusted multipliers: Beasley (1993); rising weights on broken constraints: Morris (1993),
//! the "breakout" method.

use super::calendar::{Depth, Desk};
use super::calendars::Calendars;
use super::prices::Prices;
use super::problem::Problem;
use super::slate::Slate;
use rand::Rng;
use rand::seq::SliceRandom;

/// First rise of a broken limit's price, as a share of it.
const FIRST_RISE: f64 = 0.0005;
/// Growth of the rise from round to round, up to a quarter.
const GROWTH: f64 = 1.2;
const ROUNDS: usize = 600;

/// Repairs the calendars; nothing when limits stay broken to the end.
pub fn repair<'a>(
    problem: &'a Problem,
    prices: &Prices,
    calendars: &Calendars,
    random: &mut impl Rng,
    stop: &dyn Fn() -> bool,
) -> Option<Slate<'a>> {
    let mut slate = Slate::with(problem, calendars);
    let base = base_prices(problem, prices);
    let mut extra = vec![0.0; base.len()];
    let mut rise = FIRST_RISE;
    let mut desk = Desk::default();
    let mut order: Vec<usize> = (0..problem.units()).collect();
    for _ in 0..ROUNDS {
        if slate.fits() || stop() {
            break;
        }
        for (limit, extra) in extra.iter_mut().enumerate() {
            if slate.left(limit) < 0 {
                *extra += rise * base[limit];
            } else if slate.missing(limit) > 0 {
                *extra -= rise * base[limit];
            }
        }
        rise = (rise * GROWTH).min(0.25);
        order.shuffle(random);
        let missing = (0..base.len()).any(|limit| slate.missing(limit) > 0);
        for &unit in &order {
            if missing || uses_overfull(problem, &slate, unit) {
                move_unit(problem, &mut slate, unit, prices, &base, &extra, &mut desk)?;
            }
        }
    }
    if !slate.fits() {
        thin(problem, &mut slate, &order, &mut desk);
    }
    slate.fits().then_some(slate)
}

/// A limit's price, and at least a tenth of what its use earns on average, so that a free limit can grow dear too.
fn base_prices(problem: &Problem, prices: &Prices) -> Vec<f64> {
    let mut sums = vec![(0.0f64, 0.0f64); problem.limits().len()];
    for column in 0..problem.columns() as u32 {
        for (limit, amount) in problem.uses(column) {
            sums[limit].0 += problem.value(column).unsigned_abs() as f64;
            sums[limit].1 += amount as f64;
        }
    }
    let floors = sums.iter().map(|(value, amount)| 0.1 * value / amount.max(1.0));
    floors.zip(&prices.limits).map(|(floor, price)| floor.max(price.abs()).max(1e-6)).collect()
}

fn uses_overfull(problem: &Problem, slate: &Slate, unit: usize) -> bool {
    slate.calendars.of(unit).iter().any(|&column| problem.uses(column).any(|(limit, _)| slate.left(limit) < 0))
}

/// Replans one unit at the raised prices; what would make a further limit overfull costs ten times its base price.
fn move_unit(
    problem: &Problem,
    slate: &mut Slate,
    unit: usize,
    prices: &Prices,
    base: &[f64],
    extra: &[f64],
    desk: &mut Desk,
) -> Option<()> {
    let (own, _) = slate.take_out(unit);
    let columns = problem.columns_of(unit);
    desk.reduced.clear();
    for column in columns.start as u32..columns.end as u32 {
        let mut worth = slate.worth(unit, &[column]) as f64;
        for (limit, amount) in problem.uses(column) {
            worth -= (prices.limits[limit] + extra[limit]) * amount as f64;
            let over = amount - slate.left(limit).max(0);
            if extra[limit] <= 0.0 && over > 0 {
                worth -= 10.0 * base[limit] * over as f64;
            }
        }
        desk.reduced.push(worth);
    }
    desk.best(problem, unit, Depth::Exact(1000), 0.0, &own)?;
    slate.put_in(unit, &desk.low);
    Some(())
}

/// Takes whole units out of limits that are still overfull and puts back what fits.
fn thin(problem: &Problem, slate: &mut Slate, order: &[usize], desk: &mut Desk) {
    let free = Prices::new(problem, &vec![0.0; problem.limits().len() + least_limits(problem)]);
    for &unit in order {
        if !uses_overfull(problem, slate, unit) {
            continue;
        }
        let (own, _) = slate.take_out(unit);
        let fitting = slate.refit(unit, &free, 0.0, desk).unwrap_or(own);
        slate.put_in(unit, &fitting);
    }
}

fn least_limits(problem: &Problem) -> usize {
    problem.limits().iter().filter(|limit| limit.least > 0).count()
}
