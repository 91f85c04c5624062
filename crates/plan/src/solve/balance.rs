//! Choosing one candidate per group so that the limits are kept: what is unused or overused of a limit costs its price,
//! first a small part of it, then more and more, so that the moves that lose least are made first.
//!
//! # Source
//! Rising prices for exact assignment: Bertsekas (1988), the scaled auction; rising weights on broken constraints:
//! Morris (1993), the "breakout" method; repeated from perturbed solutions: Lourenço, Martin and Stützle (2003).

use super::menu::Menu;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// First and last part of the price that unused and overused amounts cost, and the factor between turns.
const PARTS: (f64, f64, f64) = (0.02, 1.0, 1.6);
/// Sweeps at one part, at most.
const SWEEPS: usize = 4;
/// Turns with rising weights for limits that stay broken.
const BREAKOUTS: usize = 40;

/// Searches for a better choice; `choice` may break limits at the start. Returns the value of the best choice found
/// that keeps them and leaves it in `choice`; nothing when none was found. Ends after so many steps (candidates
/// weighed), or when `stop` says true of the best value.
pub fn balance(
    menu: &Menu,
    choice: &mut [u32],
    steps: u64,
    random: &mut ChaCha8Rng,
    stop: &dyn Fn(i64) -> bool,
) -> Option<i64> {
    let mut balance = Balance::new(menu, choice, steps);
    let mut first = PARTS.0;
    loop {
        balance.raise(first, random, stop);
        if balance.steps_left == 0 || balance.open.is_empty() || stop(balance.best_value()) {
            break;
        }
        balance.restart();
        first = [0.1, 0.3, 0.05, 0.5][random.random_range(0..4)];
    }
    choice.copy_from_slice(&balance.best);
    balance.best_kept.then(|| balance.best_value())
}

struct Balance<'a> {
    menu: &'a Menu,
    /// Groups with more than one candidate.
    open: Vec<u32>,
    /// What each candidate costs at the prices, less what it earns.
    cost: Vec<f64>,
    /// What one unused and one overused unit of each limit cost.
    unused: Vec<f64>,
    overused: Vec<f64>,
    used: Vec<i64>,
    choice: Vec<u32>,
    partners: Vec<Vec<(u32, i64)>>,
    best: Vec<u32>,
    best_kept: bool,
    steps_left: u64,
}

impl<'a> Balance<'a> {
    fn new(menu: &'a Menu, choice: &[u32], steps: u64) -> Self {
        let cost = |candidate: usize| {
            let uses = menu.uses_of(candidate).iter();
            uses.map(|&(limit, amount)| menu.prices[limit as usize] * amount as f64).sum::<f64>()
                - menu.values[candidate] as f64
        };
        let mut used = vec![0i64; menu.most.len()];
        choice.iter().flat_map(|&c| menu.uses_of(c as usize)).for_each(|&(l, amount)| used[l as usize] += amount);
        let mut partners = vec![Vec::new(); if menu.pairs.is_empty() { 0 } else { menu.groups() }];
        for &(first, second, penalty) in &menu.pairs {
            partners[first as usize].push((second, penalty));
            partners[second as usize].push((first, penalty));
        }
        let floors = floors(menu);
        Self {
            menu,
            open: (0..menu.groups() as u32).filter(|&group| menu.candidates(group as usize).len() > 1).collect(),
            cost: (0..menu.values.len()).map(cost).collect(),
            unused: menu.prices.iter().map(|price| price.max(0.0)).collect(),
            overused: menu.prices.iter().zip(&floors).map(|(price, floor)| price.abs().max(*floor)).collect(),
            used,
            best_kept: false,
            best: choice.to_vec(),
            choice: choice.to_vec(),
            partners,
            steps_left: steps,
        }
    }

    fn best_value(&self) -> i64 {
        if self.best_kept { self.menu.value(&self.best) } else { i64::MIN }
    }

    /// From the best choice again.
    fn restart(&mut self) {
        self.choice.copy_from_slice(&self.best);
        self.used.fill(0);
        let menu = self.menu;
        for &(limit, amount) in self.choice.iter().flat_map(|&c| menu.uses_of(c as usize)) {
            self.used[limit as usize] += amount;
        }
    }

    /// Raises the part of the prices from `first`, and the weights of limits that stay broken.
    fn raise(&mut self, first: f64, random: &mut ChaCha8Rng, stop: &dyn Fn(i64) -> bool) {
        let mut part = first;
        let weights = self.overused.clone();
        while part < PARTS.1 && self.steps_left > 0 {
            self.descend(part, random);
            part *= PARTS.2;
        }
        for _ in 0..BREAKOUTS {
            self.descend(PARTS.1, random);
            if self.kept() || self.steps_left == 0 || stop(i64::MIN) {
                break;
            }
            for limit in 0..self.used.len() {
                if self.is_broken(limit) {
                    self.overused[limit] *= 1.3;
                }
            }
        }
        self.overused = weights;
    }

    /// Sweeps until nothing changes, and keeps the choice if it is the best.
    fn descend(&mut self, part: f64, random: &mut ChaCha8Rng) {
        let mut order = std::mem::take(&mut self.open);
        order.shuffle(random);
        for _ in 0..SWEEPS {
            let changes = order.iter().filter(|&&group| self.visit(group as usize, part)).count();
            let better = self.kept() && self.menu.value(&self.choice) > self.best_value();
            if better {
                self.best.copy_from_slice(&self.choice);
                self.best_kept = true;
            }
            if changes == 0 || self.steps_left == 0 {
                break;
            }
        }
        self.open = order;
    }

    /// Gives a group its best candidate beside the others.
    fn visit(&mut self, group: usize, part: f64) -> bool {
        let menu = self.menu;
        let own = self.choice[group];
        menu.uses_of(own as usize).iter().for_each(|&(limit, amount)| self.used[limit as usize] -= amount);
        let mut best = (f64::INFINITY, own);
        for candidate in menu.candidates(group) {
            let mut cost = self.cost[candidate] + self.pair_cost(group, candidate);
            for &(limit, amount) in menu.uses_of(candidate) {
                cost += part * self.more(limit as usize, amount);
            }
            if cost < best.0 - 1e-9 || (candidate as u32 == own && cost <= best.0 + 1e-9) {
                best = (cost, candidate as u32);
            }
        }
        self.steps_left = self.steps_left.saturating_sub(menu.candidates(group).len() as u64);
        menu.uses_of(best.1 as usize).iter().for_each(|&(limit, amount)| self.used[limit as usize] += amount);
        self.choice[group] = best.1;
        best.1 != own
    }

    /// What using more of a limit changes in the cost of what is unused, overused and missing.
    fn more(&self, limit: usize, amount: i64) -> f64 {
        let menu = self.menu;
        let left = menu.most[limit] - self.used[limit];
        let filled = amount.min(left).max(0);
        let over = amount - filled;
        let missing = (menu.least[limit] - self.used[limit]).clamp(0, amount);
        self.overused[limit] * (over as f64 - missing as f64) - self.unused[limit] * filled as f64
    }

    fn pair_cost(&self, group: usize, candidate: usize) -> f64 {
        let Some(partners) = self.partners.get(group) else { return 0.0 };
        let menu = self.menu;
        let on = |candidate: usize| &menu.on[candidate * menu.words..(candidate + 1) * menu.words];
        let common = |other: u32| -> u32 {
            on(candidate).iter().zip(on(self.choice[other as usize] as usize)).map(|(a, b)| (a & b).count_ones()).sum()
        };
        partners.iter().map(|&(other, penalty)| penalty as f64 * f64::from(common(other))).sum()
    }

    fn is_broken(&self, limit: usize) -> bool {
        self.used[limit] > self.menu.most[limit] || self.used[limit] < self.menu.least[limit]
    }

    fn kept(&self) -> bool {
        (0..self.used.len()).all(|limit| !self.is_broken(limit))
    }
}

/// A tenth of what using one unit of each limit earns on average, so that a free limit can be too dear as well.
fn floors(menu: &Menu) -> Vec<f64> {
    let mut sums = vec![(0.0f64, 0.0f64); menu.most.len()];
    for candidate in 0..menu.values.len() {
        for &(limit, amount) in menu.uses_of(candidate) {
            sums[limit as usize].0 += menu.values[candidate].unsigned_abs() as f64;
            sums[limit as usize].1 += amount as f64;
        }
    }
    sums.iter().map(|(value, amount)| 0.1 * value / amount.max(1.0)).collect()
}
