//! One choice of candidates, kept with what it uses and earns, and the best that was seen.
//!
//! Value and uses are counted in whole numbers; prices and weights only guide.

use crate::solve::menu::Menu;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;

/// Groups that stray from their least losses at heat 1, per limit.
const ASTRAY: f64 = 1.0;
/// Of all that would stray at any heat, how many do at most.
const FEW: f64 = 0.2;
/// Losses that differ by less than this part of the mean are equal.
const EQUAL: f64 = 1e-9;
/// What a typical use of a limit weighs at the least, over the heat.
const FELT: f64 = 0.3;
/// And over the mean loss.
const FAINT: f64 = 0.03;
/// First weight of a limit over its base.
const FIRST: f64 = 2.0;
/// How much heavier a limit gets when a move ends with it broken.
const HEAVIER: f64 = 1.05;
/// How much lighter all get when it ends with none broken.
const LIGHTER: f64 = 0.97;
/// Weight of a limit over its base, at the least.
const LEAST: f64 = 1.01;
/// Weight of a limit over its base, at the most.
const MOST: f64 = 1e6;

/// A group that may be changed: its rows of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub group: u32,
    pub from: u32,
    pub to: u32,
}

/// Candidates worth trying, one a row, group by group and each group's by rising loss.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub groups: Vec<Open>,
    pub candidates: Vec<u32>,
    /// Loss over the least of the group.
    pub losses: Vec<f64>,
    /// Uses at their prices less value, pairs unpaid, over those of the group's first row.
    pub costs: Vec<f64>,
    /// Whether candidates were left out.
    pub cut: bool,
}

impl Table {
    /// The candidates with the least losses, about `size` of them, and those chosen.
    fn new(menu: &Menu, choice: &[u32], size: usize) -> Self {
        let least = |group: usize| menu.candidates(group).map(|one| menu.losses[one]).fold(f64::INFINITY, f64::min);
        let open: Vec<(usize, f64)> = (0..menu.groups())
            .filter(|&group| menu.candidates(group).len() > 1)
            .map(|group| (group, least(group)))
            .collect();
        let over = |&(group, least): &(usize, f64)| menu.candidates(group).map(move |one| menu.losses[one] - least);
        let mut losses: Vec<f64> = open.iter().flat_map(over).collect();
        let cut = losses.len() > size;
        let most = if cut { *losses.select_nth_unstable_by(size, f64::total_cmp).1 } else { f64::INFINITY };
        let mut table = Self { cut, ..Self::default() };
        for (group, least) in open {
            table.add(menu, group, choice[group] as usize, least, most);
        }
        table
    }

    fn add(&mut self, menu: &Menu, group: usize, chosen: usize, least: f64, most: f64) {
        let near = |&one: &usize| one == chosen || menu.losses[one] - least <= most;
        let mut rows: Vec<usize> = menu.candidates(group).filter(near).collect();
        if rows.len() < 2 {
            return;
        }
        rows.sort_by(|&one, &other| menu.losses[one].total_cmp(&menu.losses[other]));
        let paid = |one: usize| {
            let price = |&(limit, amount): &(u32, i64)| menu.prices[limit as usize] * amount as f64;
            menu.uses_of(one).iter().map(price).sum::<f64>() - menu.values[one] as f64
        };
        let from = self.candidates.len() as u32;
        let first = paid(rows[0]);
        for one in rows {
            self.candidates.push(one as u32);
            self.losses.push(menu.losses[one] - least);
            self.costs.push(paid(one) - first);
        }
        self.groups.push(Open { group: group as u32, from, to: self.candidates.len() as u32 });
    }

    /// Heat at which a few groups per limit stray from their least losses when rows are drawn at random.
    fn heat(&self, limits: usize) -> f64 {
        let mean = self.mean_loss();
        let least = |losses: &[f64]| losses.iter().filter(|&&loss| loss <= EQUAL * mean).count() as f64;
        let losses = || self.groups.iter().map(|open| &self.losses[open.from as usize..open.to as usize]);
        let most: f64 = losses().map(|losses| 1.0 - least(losses) / losses.len() as f64).sum();
        let wanted = (ASTRAY * limits as f64).min(FEW * most);
        let (mut cold, mut hot) = (EQUAL * mean, mean / EQUAL);
        while hot > cold * 1.01 {
            let heat = (cold * hot).sqrt();
            let weight = |losses: &[f64]| losses.iter().map(|loss| (-loss / heat).exp()).sum::<f64>();
            let astray: f64 = losses().map(|losses| 1.0 - least(losses) / weight(losses)).sum();
            if astray > wanted { hot = heat } else { cold = heat }
        }
        hot
    }

    fn mean_loss(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len().max(1) as f64
    }
}

/// What a unit above the most or below the least of a limit weighs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    pub above: f64,
    pub below: f64,
    /// Price of a unit, or what makes a typical use felt.
    base: (f64, f64),
}

/// See the module.
#[derive(Debug)]
pub(super) struct State<'a> {
    pub menu: &'a Menu,
    pub table: Table,
    /// Row of each open group's candidate.
    pub rows: Vec<u32>,
    pub used: Vec<i64>,
    pub weights: Vec<Weight>,
    /// Heat of the table.
    pub heat: f64,
    /// Limits that the choice breaks.
    pub broken: usize,
    choice: Vec<u32>,
    value: i64,
    /// Other groups of each group's pairs, and what both lose per common period.
    partners: Vec<Vec<(u32, i64)>>,
    best: Best,
}

/// The best choice that was seen: the fewest limits broken, then the highest value.
#[derive(Debug)]
struct Best {
    choice: Vec<u32>,
    value: i64,
    broken: usize,
    /// Groups in which the choice at hand may differ from it.
    moved: Vec<u32>,
    has_moved: Vec<bool>,
}

impl<'a> State<'a> {
    pub fn new(menu: &'a Menu, choice: &[u32], size: usize) -> Self {
        let mut partners = vec![Vec::new(); if menu.pairs.is_empty() { 0 } else { menu.groups() }];
        for &(one, other, penalty) in &menu.pairs {
            partners[one as usize].push((other, penalty));
            partners[other as usize].push((one, penalty));
        }
        let mut used = vec![0; menu.most.len()];
        for &(limit, amount) in choice.iter().flat_map(|&candidate| menu.uses_of(candidate as usize)) {
            used[limit as usize] += amount;
        }
        let breaks = |limit: &usize| used[*limit] > menu.most[*limit] || used[*limit] < menu.least[*limit];
        let broken = (0..used.len()).filter(breaks).count();
        let value = menu.value(choice);
        let best =
            Best { choice: choice.to_vec(), value, broken, moved: Vec::new(), has_moved: vec![false; choice.len()] };
        let mut state = Self {
            menu,
            table: Table::default(),
            rows: Vec::new(),
            used,
            weights: vec![Weight::default(); menu.most.len()],
            heat: 0.0,
            broken,
            choice: choice.to_vec(),
            value,
            partners,
            best,
        };
        state.open(size);
        state.weigh();
        state
    }

    /// Opens the candidates with the least losses, about `size` of them.
    pub fn open(&mut self, size: usize) {
        self.table = Table::new(self.menu, &self.choice, size);
        let row = |open: &Open| {
            let mut rows = open.from..open.to;
            let chosen = self.choice[open.group as usize];
            rows.find(|&row| self.table.candidates[row as usize] == chosen).expect("Invariant: what is chosen is open")
        };
        self.rows = self.table.groups.iter().map(row).collect();
        self.heat = self.table.heat(self.used.len());
    }

    /// Sets the first weights.
    fn weigh(&mut self) {
        let mut typical = vec![(0.0, 0.0); self.used.len()];
        for &candidate in &self.table.candidates {
            for &(limit, amount) in self.menu.uses_of(candidate as usize) {
                let (sum, count) = &mut typical[limit as usize];
                *sum += amount as f64;
                *count += 1.0;
            }
        }
        let felt = (FELT * self.heat).max(FAINT * self.table.mean_loss()).max(EQUAL);
        for ((weight, (sum, count)), &price) in self.weights.iter_mut().zip(typical).zip(&self.menu.prices) {
            let felt = if sum > 0.0 { felt * count / sum } else { 0.0 };
            let base = (price.max(felt), (-price).max(felt));
            *weight = Weight { above: FIRST * base.0, below: FIRST * base.1, base };
        }
    }

    /// Makes broken limits heavier, or all lighter when none is broken.
    pub fn reweigh(&mut self) {
        let kept = if self.broken == 0 { LIGHTER } else { 1.0 };
        let next = |weight: f64, base: f64, broken: bool| {
            (weight * if broken { HEAVIER } else { kept }).clamp(base * LEAST, base * MOST)
        };
        for (limit, weight) in self.weights.iter_mut().enumerate() {
            weight.above = next(weight.above, weight.base.0, self.used[limit] > self.menu.most[limit]);
            weight.below = next(weight.below, weight.base.1, self.used[limit] < self.menu.least[limit]);
        }
    }

    /// What another row of an open group costs more than the one it has, limits aside.
    pub fn cost(&self, open: usize, row: u32) -> f64 {
        let now = self.rows[open];
        let cost = self.table.costs[row as usize] - self.table.costs[now as usize];
        if self.partners.is_empty() {
            return cost;
        }
        let group = self.table.groups[open].group as usize;
        let lost = |row: u32| self.lost(group, self.table.candidates[row as usize] as usize);
        cost + (lost(row) - lost(now)) as f64
    }

    /// What a candidate loses to the choices of its group's partners.
    fn lost(&self, group: usize, candidate: usize) -> i64 {
        let words = self.menu.words;
        let on = |candidate: usize| &self.menu.on[candidate * words..(candidate + 1) * words];
        let Some(partners) = self.partners.get(group) else { return 0 };
        let common = |other: u32| {
            let both = on(candidate).iter().zip(on(self.choice[other as usize] as usize));
            both.map(|(one, other)| i64::from((one & other).count_ones())).sum::<i64>()
        };
        partners.iter().map(|&(other, penalty)| penalty * common(other)).sum()
    }

    fn breaks(&self, limit: usize) -> bool {
        self.used[limit] > self.menu.most[limit] || self.used[limit] < self.menu.least[limit]
    }

    /// Gives an open group another row.
    pub fn take(&mut self, open: usize, row: u32) {
        let group = self.table.groups[open].group as usize;
        let (old, new) = (self.choice[group] as usize, self.table.candidates[row as usize] as usize);
        self.value += self.menu.values[new] - self.menu.values[old];
        self.value -= self.lost(group, new) - self.lost(group, old);
        for (candidate, sign) in [(old, -1), (new, 1)] {
            for &(limit, amount) in self.menu.uses_of(candidate) {
                let limit = limit as usize;
                self.broken -= usize::from(self.breaks(limit));
                self.used[limit] += sign * amount;
                self.broken += usize::from(self.breaks(limit));
            }
        }
        self.rows[open] = row;
        self.choice[group] = new as u32;
        if !std::mem::replace(&mut self.best.has_moved[group], true) {
            self.best.moved.push(group as u32);
        }
    }

    /// How good the choice is: the fewer limits it breaks, then the more it is worth.
    pub fn merit(&self) -> (Reverse<usize>, i64) {
        (Reverse(self.broken), self.value)
    }

    /// Remembers the choice if it is the best so far.
    pub fn remember(&mut self) {
        let better = self.merit() > (Reverse(self.best.broken), self.best.value);
        let best = &mut self.best;
        if better {
            (best.broken, best.value) = (self.broken, self.value);
            for group in best.moved.drain(..) {
                best.choice[group as usize] = self.choice[group as usize];
                best.has_moved[group as usize] = false;
            }
        }
    }

    /// Draws every open group's row anew, the more at random the hotter; losses alone decide.
    pub fn scatter(&mut self, heat: f64, random: &mut ChaCha8Rng) {
        for open in 0..self.table.groups.len() {
            let Open { from, to, .. } = self.table.groups[open];
            let mut least = (f64::INFINITY, from);
            for row in from..to {
                // The least of a loss less heat times such a draw falls as the Boltzmann distribution asks.
                let draw = -(-random.random::<f64>().max(f64::MIN_POSITIVE).ln()).ln();
                let cost = self.table.losses[row as usize] - heat * draw;
                if cost < least.0 {
                    least = (cost, row);
                }
            }
            if least.1 != self.rows[open] {
                self.take(open, least.1);
            }
        }
    }

    /// Value of the best choice that keeps all limits.
    pub fn best_value(&self) -> Option<i64> {
        (self.best.broken == 0).then_some(self.best.value)
    }

    pub fn best_choice(&self) -> &[u32] {
        &self.best.choice
    }
}
