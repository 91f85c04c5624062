//! A plan in the making: what every unit has chosen, what is used of every limit, what it all earns.

use super::calendar::{BLOCKED, Depth, Desk};
use super::calendars::Calendars;
use super::prices::Prices;
use super::problem::Problem;

/// A plan in the making. It may break limits only while it is being repaired.
#[derive(Clone, Debug)]
pub struct Slate<'a> {
    problem: &'a Problem,
    /// What every unit has chosen.
    pub calendars: Calendars,
    /// What is used of each limit.
    pub used: Vec<i64>,
    /// What the plan earns, pairs paid.
    pub value: i64,
    /// Bits of the periods in which each unit is on; empty without pairs.
    on: Vec<u64>,
    words: usize,
}

/// Nodes of the search inside one unit while plans are made.
const NODES: usize = 2000;

impl<'a> Slate<'a> {
    /// Begins with nothing chosen.
    pub fn empty(problem: &'a Problem) -> Self {
        let words = if problem.pairs().is_empty() { 0 } else { problem.periods().div_ceil(64) };
        Self {
            problem,
            calendars: Calendars::empty(problem),
            used: vec![0; problem.limits().len()],
            value: 0,
            on: vec![0; words * problem.units()],
            words,
        }
    }

    /// Begins with the given calendars.
    pub fn with(problem: &'a Problem, calendars: &Calendars) -> Self {
        let mut slate = Self::empty(problem);
        for unit in 0..problem.units() {
            slate.put_in(unit, calendars.of(unit));
        }
        slate
    }

    /// What is left of a limit; below 0 when it is passed.
    pub fn left(&self, limit: usize) -> i64 {
        self.problem.limits()[limit].capacity - self.used[limit]
    }

    /// How much more of a limit must be used.
    pub fn missing(&self, limit: usize) -> i64 {
        (self.problem.limits()[limit].least - self.used[limit]).max(0)
    }

    /// Returns whether every limit is kept.
    pub fn fits(&self) -> bool {
        (0..self.used.len()).all(|limit| self.left(limit) >= 0 && self.missing(limit) == 0)
    }

    /// Lost to pairs if the unit had a column in the period; below 0 when gained.
    pub fn pair_cost(&self, unit: usize, period: usize) -> i64 {
        let partners = self.problem.partners(unit).iter();
        partners.filter(|partner| self.is_on(partner.unit as usize, period)).map(|partner| partner.penalty).sum()
    }

    /// Returns whether a unit has a column in a period; only for problems with pairs.
    pub fn is_on(&self, unit: usize, period: usize) -> bool {
        self.on[unit * self.words + period / 64] >> (period % 64) & 1 == 1
    }

    /// What a calendar adds to the plan while its unit has none.
    pub fn worth(&self, unit: usize, calendar: &[u32]) -> i64 {
        let value: i64 = calendar.iter().map(|&column| self.problem.value(column)).sum();
        if self.words == 0 || self.problem.partners(unit).is_empty() {
            return value;
        }
        value - calendar.iter().map(|&column| self.pair_cost(unit, self.problem.period_of(unit, column))).sum::<i64>()
    }

    /// Takes a unit's calendar out and returns it with what it earned.
    pub fn take_out(&mut self, unit: usize) -> (Vec<u32>, i64) {
        let calendar = self.calendars.of(unit).to_vec();
        self.calendars.set(unit, &[]);
        self.on[unit * self.words..(unit + 1) * self.words].fill(0);
        let worth = self.worth(unit, &calendar);
        self.value -= worth;
        self.book(&calendar, -1);
        (calendar, worth)
    }

    /// Puts a calendar into a unit that has none and returns what it earns.
    pub fn put_in(&mut self, unit: usize, calendar: &[u32]) -> i64 {
        let worth = self.worth(unit, calendar);
        self.value += worth;
        self.book(calendar, 1);
        self.calendars.set(unit, calendar);
        if self.words > 0 {
            for &column in calendar {
                let period = self.problem.period_of(unit, column);
                self.on[unit * self.words + period / 64] |= 1 << (period % 64);
            }
        }
        worth
    }

    fn book(&mut self, calendar: &[u32], sign: i64) {
        for &column in calendar {
            for (limit, amount) in self.problem.uses(column) {
                self.used[limit] += sign * amount;
            }
        }
    }

    /// Returns whether putting in a calendar would leave every limit kept that it uses.
    pub fn has_room(&mut self, calendar: &[u32]) -> bool {
        self.book(calendar, 1);
        let fits = calendar.iter().all(|&column| self.problem.uses(column).all(|(limit, _)| self.left(limit) >= 0));
        self.book(calendar, -1);
        fits
    }

    /// Finds a good calendar for a unit that has none, within what is left of the limits: exact for limits that one
    /// column uses, by rising prices for limits that several of its columns share. `weight` scales the prices.
    pub fn refit(&mut self, unit: usize, prices: &Prices, weight: f64, desk: &mut Desk) -> Option<Vec<u32>> {
        let mut surcharge: Vec<(usize, f64)> = Vec::new();
        for _ in 0..8 {
            self.reduce(unit, prices, weight, &surcharge, desk);
            desk.best(self.problem, unit, Depth::Exact(NODES), 0.0, &[])?;
            if self.has_room(&desk.low) {
                return Some(desk.low.clone());
            }
            self.raise(&desk.low, prices, weight, &mut surcharge);
        }
        None
    }

    fn reduce(&self, unit: usize, prices: &Prices, weight: f64, surcharge: &[(usize, f64)], desk: &mut Desk) {
        let problem = self.problem;
        let paired = self.words > 0 && !problem.partners(unit).is_empty();
        desk.reduced.clear();
        for (period, cell) in problem.cells(unit).windows(2).enumerate().filter(|(_, cell)| cell[0] < cell[1]) {
            let lost = if paired { self.pair_cost(unit, period) } else { 0 };
            for column in cell[0]..cell[1] {
                let mut worth = (problem.value(column) - lost) as f64;
                for (limit, amount) in problem.uses(column) {
                    if amount > self.left(limit) {
                        worth = BLOCKED;
                        break;
                    }
                    let extra = surcharge.iter().find(|(at, _)| *at == limit).map_or(0.0, |(_, price)| *price);
                    worth -= (weight * prices.limits[limit] + extra) * amount as f64;
                }
                desk.reduced.push(worth);
            }
        }
    }

    /// Raises the price of every limit that the calendar passes.
    fn raise(&self, calendar: &[u32], prices: &Prices, weight: f64, surcharge: &mut Vec<(usize, f64)>) {
        let mut used: std::collections::BTreeMap<usize, (i64, f64)> = std::collections::BTreeMap::new();
        for &column in calendar {
            for (limit, amount) in self.problem.uses(column) {
                let entry = used.entry(limit).or_insert((0, 0.0));
                entry.0 += amount;
                entry.1 += self.problem.value(column).max(0) as f64;
            }
        }
        for (limit, (amount, value)) in used {
            if amount > self.left(limit) {
                let floor = 0.15 * value / amount as f64;
                let rise = (0.5 * weight * prices.limits[limit]).max(floor).max(1e-6);
                match surcharge.iter_mut().find(|(at, _)| *at == limit) {
                    Some((_, price)) => *price = *price * 1.6 + rise,
                    None => surcharge.push((limit, rise)),
                }
            }
        }
    }
}
