//! A plan in the making: what every unit has chosen, what is left of every limit, what it all earns.

use super::calendar::{BLOCKED, Depth, Desk};
use super::prices::Prices;
use super::problem::{NONE, Problem};

/// A plan in the making. `left` may be below 0 only while a plan is being repaired.
#[derive(Clone, Debug)]
pub struct Slate<'a> {
    problem: &'a Problem,
    /// A column or [`NONE`] per unit and period.
    pub choice: Vec<u32>,
    /// What is left of each limit.
    pub left: Vec<i64>,
    /// What the plan earns, pairs paid.
    pub value: i64,
}

/// Nodes of the search inside one unit while plans are made.
const NODES: usize = 3000;

impl<'a> Slate<'a> {
    /// Begins with nothing chosen.
    pub fn empty(problem: &'a Problem) -> Self {
        Self {
            problem,
            choice: vec![NONE; problem.units().len() * problem.periods()],
            left: problem.limits().iter().map(|limit| limit.capacity).collect(),
            value: 0,
        }
    }

    /// Returns the calendar of a unit.
    pub fn calendar(&self, unit: usize) -> &[u32] {
        let periods = self.problem.periods();
        &self.choice[unit * periods..(unit + 1) * periods]
    }

    /// Returns whether no limit is passed.
    pub fn fits(&self) -> bool {
        self.left.iter().all(|&left| left >= 0)
    }

    /// Lost to pairs if the unit had a column in the period.
    pub fn pair_cost(&self, unit: usize, period: usize) -> i64 {
        let with = |other: u32| self.choice[other as usize * self.problem.periods() + period] != NONE;
        self.problem.partners(unit).iter().filter(|partner| with(partner.unit)).map(|partner| partner.penalty).sum()
    }

    /// What a column adds to the plan while its unit has none in the period: its value less the pairs it would break.
    pub fn worth(&self, unit: usize, period: usize, column: u32) -> i64 {
        self.problem.column(column).value - self.pair_cost(unit, period)
    }

    /// Takes a unit's calendar out and returns it with what it earned.
    pub fn take_out(&mut self, unit: usize) -> (Vec<u32>, i64) {
        let calendar = self.calendar(unit).to_vec();
        let worth = self.book(unit, &calendar, 1);
        let periods = self.problem.periods();
        self.choice[unit * periods..(unit + 1) * periods].fill(NONE);
        self.value -= worth;
        (calendar, worth)
    }

    /// Puts a calendar into a unit that has none and returns what it earns.
    pub fn put_in(&mut self, unit: usize, calendar: &[u32]) -> i64 {
        let worth = self.book(unit, calendar, -1);
        let periods = self.problem.periods();
        self.choice[unit * periods..(unit + 1) * periods].copy_from_slice(calendar);
        self.value += worth;
        worth
    }

    fn book(&mut self, unit: usize, calendar: &[u32], sign: i64) -> i64 {
        let mut worth = 0;
        for (period, &column) in calendar.iter().enumerate().filter(|&(_, &column)| column != NONE) {
            let column = self.problem.column(column);
            worth += column.value - self.pair_cost(unit, period);
            for &(limit, amount) in self.problem.uses(column) {
                self.left[limit as usize] += sign * amount;
            }
        }
        worth
    }

    /// Returns whether a calendar fits what is left of the limits.
    pub fn has_room(&self, calendar: &[u32], room: &mut Vec<i64>) -> bool {
        room.clear();
        room.extend_from_slice(&self.left);
        calendar.iter().filter(|&&column| column != NONE).all(|&column| {
            self.problem.uses(self.problem.column(column)).iter().all(|&(limit, amount)| {
                room[limit as usize] -= amount;
                room[limit as usize] >= 0
            })
        })
    }

    /// Finds a good calendar for a unit that has none, within what is left of the limits: exact for limits that one
    /// column uses, by rising prices for limits that several of its columns share. `weight` scales the prices.
    pub fn refit(&self, unit: usize, prices: &Prices, weight: f64, desk: &mut Desk) -> Option<Vec<u32>> {
        let mut surcharge: Vec<(u32, f64)> = Vec::new();
        let mut room = Vec::new();
        for _ in 0..8 {
            self.reduce(unit, prices, weight, &surcharge, desk);
            desk.best(self.problem, unit, Depth::Exact(NODES), 0)?;
            if self.has_room(&desk.low, &mut room) {
                return Some(desk.low.clone());
            }
            self.raise(&desk.low, prices, weight, &mut surcharge);
        }
        self.thinned(unit, desk.low.clone())
    }

    fn reduce(&self, unit: usize, prices: &Prices, weight: f64, surcharge: &[(u32, f64)], desk: &mut Desk) {
        let grain = (1i64 << prices.grain_bits) as f64;
        let paired = !self.problem.partners(unit).is_empty();
        desk.reduced.clear();
        for at in self.problem.columns_of(unit) {
            let column = &self.problem.columns()[at];
            let uses = self.problem.uses(column);
            if uses.iter().any(|&(limit, amount)| amount > self.left[limit as usize]) {
                desk.reduced.push(BLOCKED);
                continue;
            }
            let mut worth = column.value as f64;
            if paired {
                worth -= self.pair_cost(unit, column.period as usize) as f64;
            }
            for &(limit, amount) in uses {
                let extra = surcharge.iter().find(|&&(at, _)| at == limit).map_or(0.0, |&(_, price)| price);
                worth -= (weight * prices.of_limit(limit as usize) + extra) * amount as f64;
            }
            desk.reduced.push((worth * grain).clamp(-2.0e15, 4.0e17) as i64);
        }
    }

    /// Raises the price of every limit that the calendar passes.
    fn raise(&self, calendar: &[u32], prices: &Prices, weight: f64, surcharge: &mut Vec<(u32, f64)>) {
        let mut used: std::collections::BTreeMap<u32, (i64, f64)> = std::collections::BTreeMap::new();
        for &column in calendar.iter().filter(|&&column| column != NONE) {
            let column = self.problem.column(column);
            for &(limit, amount) in self.problem.uses(column) {
                let entry = used.entry(limit).or_insert((0, 0.0));
                entry.0 += amount;
                entry.1 += column.value.max(0) as f64;
            }
        }
        for (limit, (amount, value)) in used {
            if amount > self.left[limit as usize] {
                let floor = 0.15 * value / amount as f64;
                let rise = (0.5 * weight * prices.of_limit(limit as usize)).max(floor);
                match surcharge.iter_mut().find(|(at, _)| *at == limit) {
                    Some((_, price)) => *price = *price * 1.6 + rise,
                    None => surcharge.push((limit, rise)),
                }
            }
        }
    }

    /// Drops the columns that earn least until the calendar fits; nothing when required ones do not fit.
    fn thinned(&self, unit: usize, mut calendar: Vec<u32>) -> Option<Vec<u32>> {
        let required = &self.problem.units()[unit].required;
        let mut room = Vec::new();
        while !self.has_room(&calendar, &mut room) {
            let drop = (0..calendar.len())
                .filter(|&period| calendar[period] != NONE && required.binary_search(&period).is_err())
                .min_by_key(|&period| (self.problem.column(calendar[period]).value, period))?;
            calendar[drop] = NONE;
        }
        Some(calendar)
    }
}
