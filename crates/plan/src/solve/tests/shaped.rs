//! Problems of the shape of promotion plans: a budget, slots per period, depths that earn and cost more and more, stock
//! and a calendar per unit, substitutes that lose when promoted together.
//!
//! Least uses and required periods are taken from a plan that is drawn at random, so that there always is one.

use super::super::graph::{Rules, Window};
use super::raw::{Calendar, Raw, RawColumn, RawUnit};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the problem has beside budget, slots, spacing and stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Neighbours that lose when promoted together.
    Pairs,
    /// Neighbours that gain when promoted together.
    Gains,
    /// Categories that must be promoted at least so often, and at most so often.
    Least,
    /// Stock that arrives over time.
    Arrivals,
    /// At most so many promotions in so many periods, instead of spacing.
    Windows,
    /// Promotions of two periods or more with a rest, instead of spacing.
    Runs,
    /// Promotions that must be, and promotions that were before the horizon.
    Locks,
}

/// Size and kind of a problem.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub units: usize,
    pub periods: usize,
    pub extras: &'static [Extra],
    pub seed: u64,
}

const DEPTHS: [f64; 5] = [0.1, 0.2, 0.3, 0.4, 0.5];
const CATEGORY: usize = 20;

impl Shape {
    fn has(self, extra: Extra) -> bool {
        self.extras.contains(&extra)
    }

    /// Draws the problem.
    pub fn draw(self) -> Raw {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut raw = Raw { periods: self.periods, ..Raw::default() };
        raw.limits.push((0, 0));
        raw.limits.extend((0..self.periods).map(|_| (0, (self.units as i64 * 12).div_euclid(100).max(1))));
        raw.limits.extend((0..self.categories()).map(|_| (0, i64::from(u32::MAX))));
        raw.units = (0..self.units).map(|unit| self.unit(unit, &mut random)).collect();
        raw.limits[0].1 = budget(&raw, self.rules().spacing.max(3));
        if self.has(Extra::Pairs) || self.has(Extra::Gains) {
            raw.pairs = self.pairs(&raw, &mut random);
        }
        let planted = plant(&raw, &mut random);
        assert!(raw.judge(&planted).is_ok(), "the plan that is drawn keeps every rule");
        self.bind(&mut raw, &planted, &mut random);
        assert!(raw.judge(&planted).is_ok(), "the plan that is drawn keeps the rules that are taken from it");
        raw
    }

    fn categories(self) -> usize {
        if self.has(Extra::Least) { self.units.div_ceil(CATEGORY) } else { 0 }
    }

    fn rules(self) -> Rules {
        let windows = vec![Window { periods: 4, most: 2 }, Window { periods: 10, most: 3 }];
        match () {
            () if self.has(Extra::Windows) => Rules { windows, ..Rules::default() },
            () if self.has(Extra::Runs) => Rules { run: 2, rest: 3, ..Rules::default() },
            () => Rules { spacing: 4, ..Rules::default() },
        }
    }

    fn unit(self, unit: usize, random: &mut ChaCha8Rng) -> RawUnit {
        let mut rules = self.rules();
        if self.has(Extra::Locks) && random.random_bool(0.3) {
            rules.before = vec![random.random_range(1..6)];
        }
        let price = 400.0 * random.random_range(-0.8..0.8f64).exp();
        let margin = price * random.random_range(0.25..0.6);
        let (alpha, beta) = (random.random_range(1.0..4.0), random.random_range(0.0..12.0));
        let base = 60.0 * random.random_range(-0.8..0.8f64).exp();
        let mut columns = Vec::new();
        let mut sold = 0.0;
        for period in 0..self.periods {
            let season = base * random.random_range(0.7..1.3);
            for (option, depth) in DEPTHS.into_iter().enumerate() {
                let lift = season * (alpha * depth + beta * depth * depth);
                let value = ((margin - depth * price) * lift).round() as i64;
                let mut uses = vec![(0, (depth * price * lift).round() as i64), (1 + period, 1)];
                if self.has(Extra::Least) {
                    uses.push((1 + self.periods + unit / CATEGORY, 1));
                }
                sold += lift / DEPTHS.len() as f64;
                columns.push(RawColumn { period, option: option as u32, value, stock: lift.round() as i64, uses });
            }
        }
        let stock = (sold / 4.0 * random.random_range(0.25..1.25)) as i64;
        let arrivals = if self.has(Extra::Arrivals) { 3 } else { 1 };
        let arrival = |number: usize| (number * self.periods / arrivals, stock / arrivals as i64);
        RawUnit { rules, stock: Some((0..arrivals).map(arrival).collect()), columns }
    }

    /// Neighbours of four with what they lose or gain.
    fn pairs(self, raw: &Raw, random: &mut ChaCha8Rng) -> Vec<(usize, usize, i64)> {
        let typical = |unit: usize| raw.units[unit].columns.iter().map(|column| column.value).max().unwrap_or(0) / 4;
        let mut pairs = Vec::new();
        for first in 0..self.units {
            for second in first + 1..((first / 4 + 1) * 4).min(self.units) {
                let gains = self.has(Extra::Gains) && random.random_bool(0.3);
                let losses = self.has(Extra::Pairs) && random.random_bool(0.7);
                let most = typical(first).min(typical(second)).max(2);
                match (gains, losses) {
                    (true, _) => pairs.push((first, second, -random.random_range(1..most))),
                    (false, true) => pairs.push((first, second, random.random_range(1..most))),
                    (false, false) => {}
                }
            }
        }
        pairs
    }

    /// Takes least uses and required periods from a plan.
    fn bind(self, raw: &mut Raw, planted: &[Calendar], random: &mut ChaCha8Rng) {
        for category in 0..self.categories() {
            let members = planted.iter().skip(category * CATEGORY).take(CATEGORY);
            let used = members.map(|calendar| calendar.iter().flatten().count() as i64).sum::<i64>();
            raw.limits[1 + self.periods + category] = (used * 3 / 5, used * 2 + 1);
        }
        for (unit, calendar) in raw.units.iter_mut().zip(planted).filter(|_| self.has(Extra::Locks)) {
            let on: Vec<usize> = (0..self.periods).filter(|&at| calendar[at].is_some()).collect();
            if !on.is_empty() && random.random_bool(0.3) {
                unit.rules.required.push(on[random.random_range(0..on.len())]);
            }
        }
    }
}

/// 30 % of what a middle depth would cost as often as the spacing allows.
fn budget(raw: &Raw, spacing: usize) -> i64 {
    let cost = |unit: &RawUnit| unit.columns.iter().map(|column| column.uses[0].1).sum::<i64>();
    let all: i64 = raw.units.iter().map(cost).sum();
    all / (DEPTHS.len() * spacing) as i64 * 3 / 10
}

/// Draws a plan that keeps every rule: run after run at random places, where it fits.
fn plant(raw: &Raw, random: &mut ChaCha8Rng) -> Vec<Calendar> {
    let mut plan = raw.empty_plan();
    let mut left: Vec<i64> = raw.limits.iter().map(|limit| limit.1).collect();
    let mut places: Vec<(usize, usize)> =
        (0..raw.units.len()).flat_map(|unit| (0..raw.periods).map(move |period| (unit, period))).collect();
    places.shuffle(random);
    for (unit, from) in places {
        let described = &raw.units[unit];
        let to = (from + described.rules.run).min(raw.periods);
        let mut calendar = plan[unit].clone();
        let mut after = left.clone();
        for (period, choice) in calendar.iter_mut().enumerate().take(to).skip(from) {
            let column = period * DEPTHS.len() + random.random_range(0..2);
            *choice = Some(column);
            described.columns[column].uses.iter().for_each(|&(limit, amount)| after[limit] -= amount);
        }
        let free = (from..to).all(|period| plan[unit][period].is_none());
        if free && described.keeps(&calendar).is_ok() && after.iter().all(|&left| left >= 0) {
            (plan[unit], left) = (calendar, after);
        }
    }
    plan
}
