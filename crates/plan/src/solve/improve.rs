//! Better plans, by taking units out and putting them back.
//!
//! # Source
//! Ruin and recreate: Schrimpf, Schneider, Stamm-Wilbrandt and Dueck (2000).

use super::calendar::Desk;
use super::prices::Prices;
use super::problem::Problem;
use super::slate::Slate;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// One pass over all units in the given order: take each out and put back the best calendar that fits, at this weight
/// of the prices. The plan never gets worse.
pub fn sweep(slate: &mut Slate, prices: &Prices, weight: f64, order: &[usize], stop: &dyn Fn() -> bool) {
    let mut desk = Desk::default();
    for (at, &unit) in order.iter().enumerate() {
        if at % 64 == 0 && stop() {
            break;
        }
        reset(slate, unit, prices, weight, &mut desk);
    }
}

/// Takes one unit out and puts back the calendar found at the given weight if it is better, its own if not.
fn reset(slate: &mut Slate, unit: usize, prices: &Prices, weight: f64, desk: &mut Desk) {
    let before = slate.value;
    let (own, _) = slate.take_out(unit);
    if let Some(calendar) = slate.refit(unit, prices, weight, desk) {
        slate.put_in(unit, &calendar);
        if slate.value > before && slate.fits() {
            return;
        }
        slate.take_out(unit);
    }
    slate.put_in(unit, &own);
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
    if problem.units() == 0 {
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
        if !whole || slate.value < before || !slate.fits() {
            chosen.iter().for_each(|&unit| {
                slate.take_out(unit);
            });
            out.iter().for_each(|(unit, calendar)| {
                slate.put_in(*unit, calendar);
            });
        }
    }
}

/// Puts units back, first at the weight, then each once more for what is left over. False when one cannot be.
fn recreate(slate: &mut Slate, prices: &Prices, units: &[usize], weight: f64, desk: &mut Desk) -> bool {
    for &unit in units {
        match slate.refit(unit, prices, weight, desk) {
            Some(calendar) => slate.put_in(unit, &calendar),
            None => return false,
        };
    }
    if weight > 0.0 {
        for &unit in units {
            reset(slate, unit, prices, 0.0, desk);
        }
    }
    true
}

/// Picks two to six units: one at random, its pair partners or units that are on in one of its periods, and strangers.
fn related(slate: &Slate, problem: &Problem, random: &mut impl Rng) -> Vec<usize> {
    let units = problem.units();
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
    let period = random.random_range(0..problem.periods());
    for _ in 0..12 * wanted {
        if chosen.len() >= wanted {
            break;
        }
        let unit = random.random_range(0..units);
        let cell = problem.columns_at(unit, period);
        let on = slate.calendars.of(unit).iter().any(|&column| cell.contains(&(column as usize)));
        if !chosen.contains(&unit) && (on || random.random_range(0..4) == 0) {
            chosen.push(unit);
        }
    }
    chosen.shuffle(random);
    chosen
}
