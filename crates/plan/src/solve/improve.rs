//! Better plans, by taking units out and putting them back.
//!
//! # Source
//! Ruin and recreate: Schrimpf, Schneider, Stamm-Wilbrandt and Dueck (2000).

use super::calendar::Desk;
use super::prices::Prices;
use super::problem::{NONE, Problem};
use super::slate::Slate;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

fn worth_of(slate: &Slate, unit: usize, calendar: &[u32]) -> i64 {
    let chosen = calendar.iter().enumerate().filter(|&(_, &column)| column != NONE);
    chosen.map(|(period, &column)| slate.worth(unit, period, column)).sum()
}

/// One pass over all units in the given order: take each out and put back the best calendar that fits, at this weight
/// of the prices. The plan never gets worse. Returns the number of changes.
pub fn sweep(slate: &mut Slate, prices: &Prices, weight: f64, order: &[usize], stop: &dyn Fn() -> bool) -> usize {
    let mut desk = Desk::default();
    let mut changes = 0;
    for &unit in order {
        if stop() {
            break;
        }
        changes += usize::from(reset(slate, unit, prices, &[weight], &mut desk));
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
