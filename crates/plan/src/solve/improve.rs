//! Plans: first one that keeps every rule, then better ones by taking units out and putting them back.
//!
//! # Source
//! Lagrangian heuristic: Beasley (1993); ruin and recreate: Schrimpf, Schneider, Stamm-Wilbrandt and Dueck (2000).

use super::calendar::Desk;
use super::prices::Prices;
use super::problem::{NONE, Problem};
use super::slate::Slate;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// Builds a plan from the calendars of the bound: each unit keeps its calendar where it fits and gets the best
/// fitting one where not. Units with required columns go first. Nothing when those do not fit.
pub fn construct<'a>(
    problem: &'a Problem,
    prices: &Prices,
    calendars: &[u32],
    stop: &dyn Fn() -> bool,
) -> Option<Slate<'a>> {
    let periods = problem.periods();
    let mut desk = Desk::default();
    let mut slate = Slate::empty(problem);
    let mut room = Vec::new();
    for unit in order_of(problem, prices, calendars) {
        let required = !problem.units()[unit].required.is_empty();
        let calendar = &calendars[unit * periods..(unit + 1) * periods];
        let fits = slate.has_room(calendar, &mut room);
        // Out of time: only what must be there, and what fits without thought.
        let chosen = if fits && (required || worth_of(&slate, unit, calendar) > 0) {
            Some(calendar.to_vec())
        } else if stop() && !required {
            None
        } else {
            slate.refit(unit, prices, 1.0, &mut desk)
        };
        match chosen {
            Some(calendar) => {
                slate.put_in(unit, &calendar);
            }
            None if required => return None,
            None => {}
        }
    }
    Some(slate)
}

fn worth_of(slate: &Slate, unit: usize, calendar: &[u32]) -> i64 {
    let chosen = calendar.iter().enumerate().filter(|&(_, &column)| column != NONE);
    chosen.map(|(period, &column)| slate.worth(unit, period, column)).sum()
}

/// Units with required columns first, then by what their calendar is worth at the prices.
fn order_of(problem: &Problem, prices: &Prices, calendars: &[u32]) -> Vec<usize> {
    let periods = problem.periods();
    let keys: Vec<(bool, i64)> = (0..problem.units().len())
        .map(|unit| {
            let calendar = &calendars[unit * periods..(unit + 1) * periods];
            let chosen = calendar.iter().filter(|&&column| column != NONE);
            let worth: i64 = chosen.map(|&column| prices.worth(problem, problem.column(column))).sum();
            (problem.units()[unit].required.is_empty(), -worth)
        })
        .collect();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|&unit| (keys[unit], unit));
    order
}

/// One pass over all units in the given order: take each out and put back the best calendar that fits, at several
/// weights of the prices. The plan never gets worse. Returns the number of changes.
pub fn sweep(slate: &mut Slate, prices: &Prices, order: &[usize], stop: &dyn Fn() -> bool) -> usize {
    let mut desk = Desk::default();
    let mut changes = 0;
    for &unit in order {
        if stop() {
            break;
        }
        changes += usize::from(reset(slate, unit, prices, &[0.0, 0.5, 1.0], &mut desk));
    }
    changes
}

/// Takes one unit out and puts back the best of the calendars found at the given weights, or its own.
fn reset(slate: &mut Slate, unit: usize, prices: &Prices, weights: &[f64], desk: &mut Desk) -> bool {
    let (own, worth) = slate.take_out(unit);
    let mut best = (worth, own);
    let mut changed = false;
    for &weight in weights {
        let Some(calendar) = slate.refit(unit, prices, weight, desk) else { continue };
        let gained: i64 = worth_of(slate, unit, &calendar);
        if gained > best.0 {
            best = (gained, calendar);
            changed = true;
        }
    }
    slate.put_in(unit, &best.1);
    changed
}

/// Ruin and recreate: takes a few related units out, puts them back in random order at the prices, fills up, and keeps
/// the result when it is no worse. Deterministic for a given generator and number of rounds.
pub fn ruin_and_recreate(
    slate: &mut Slate,
    problem: &Problem,
    prices: &Prices,
    rounds: usize,
    random: &mut impl Rng,
    stop: &dyn Fn(i64) -> bool,
) {
    let mut desk = Desk::default();
    let units = problem.units().len();
    if units == 0 {
        return;
    }
    for _ in 0..rounds {
        if stop(slate.value) {
            return;
        }
        let chosen = related(slate, problem, random);
        let before = slate.value;
        let out: Vec<(usize, Vec<u32>)> = chosen.iter().map(|&unit| (unit, slate.take_out(unit).0)).collect();
        let weight = [0.0, 0.7, 1.0, 1.0, 1.2][random.random_range(0..5)];
        let whole = recreate(slate, prices, &chosen, weight, &mut desk);
        if !whole || slate.value < before {
            chosen.iter().for_each(|&unit| {
                slate.take_out(unit);
            });
            out.iter().for_each(|(unit, calendar)| {
                slate.put_in(*unit, calendar);
            });
        }
    }
}

/// Puts units back, first at the weight, then each once more for what is left over. False when a required one fails.
fn recreate(slate: &mut Slate, prices: &Prices, units: &[usize], weight: f64, desk: &mut Desk) -> bool {
    for &unit in units {
        match slate.refit(unit, prices, weight, desk) {
            Some(calendar) => {
                slate.put_in(unit, &calendar);
            }
            None => return false,
        }
    }
    if weight > 0.0 {
        for &unit in units {
            reset(slate, unit, prices, &[0.0], desk);
        }
    }
    true
}

/// Picks two to six units: one at random, its pair partners or units that are on in one of its periods, and strangers.
fn related(slate: &Slate, problem: &Problem, random: &mut impl Rng) -> Vec<usize> {
    let units = problem.units().len();
    let periods = problem.periods();
    let wanted = random.random_range(2..=6usize).min(units);
    let mut chosen = vec![random.random_range(0..units)];
    let partners = problem.partners(chosen[0]);
    if !partners.is_empty() && random.random_range(0..2) == 0 {
        for partner in partners.iter().take(wanted - 1) {
            if !chosen.contains(&(partner.unit as usize)) {
                chosen.push(partner.unit as usize);
            }
        }
    }
    let period = random.random_range(0..periods.max(1));
    for _ in 0..12 * wanted {
        if chosen.len() >= wanted {
            break;
        }
        let unit = random.random_range(0..units);
        let on = slate.choice[unit * periods + period] != NONE;
        if !chosen.contains(&unit) && (on || random.random_range(0..4) == 0) {
            chosen.push(unit);
        }
    }
    chosen.shuffle(random);
    chosen
}
