//! The dual simplex method for menus: shares of candidates instead of one per group. Groups cost no rows, so that the
//! basis is only as large as the number of limits: every group has a key candidate that takes up the rest of its
//! shares, and each limit one more working variable.
//!
//! Never trusted: it proposes prices, which [`Relaxed::prove`] turns into a bound.
//!
//! # Source
//! Dantzig and Van Slyke (1967), generalised upper bounding; Lemke (1954), dual simplex; Forrest and Goldfarb (1992),
//! steepest edge.

use super::relaxed::{Allowed, Relaxed};
use std::rc::Rc;

/// Amounts and shares below this are rounding.
const ROUNDING: f64 = 1e-9;
/// Smallest pivot.
const PIVOT: f64 = 1e-8;
/// Pivots between two fresh inversions.
const FRESH: usize = 40;
/// Smallest share worth telling.
const SHARE: f64 = 1e-7;

/// Where a solve ended, to begin another one from.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// Candidates, or from the number of candidates on limits for what they leave unused.
    working: Vec<u32>,
    /// Keys of the groups with working candidates; those of the others follow from the prices.
    keys: Vec<(u32, u32)>,
    /// Limits of which as much as possible is left unused while not working.
    upper: Vec<bool>,
}

/// How a solve ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the best shares.
    Best,
    /// Below the cutoff, or without any shares that fit.
    Cut,
    /// Out of steps.
    Tired,
}

/// The method at work.
#[derive(Clone, Debug)]
pub struct Simplex {
    relaxed: Rc<Relaxed>,
    /// Which candidates are allowed.
    mask: Vec<bool>,
    keys: Vec<u32>,
    working: Vec<u32>,
    upper: Vec<bool>,
    /// Inverse of the working columns, a row per working variable.
    inverse: Vec<f64>,
    /// What the limits have left beside the keys.
    left: Vec<f64>,
    /// Value of each working variable.
    shares: Vec<f64>,
    prices: Vec<f64>,
    pivots: usize,
}

/// A variable outside its range.
#[derive(Clone, Copy, Debug)]
struct Outside {
    /// Where it works; nothing for the key of a group.
    place: Result<usize, u32>,
    /// Whether it must grow.
    grow: bool,
    /// How far out it is, along its edge, squared.
    merit: f64,
}

impl Simplex {
    /// Begins without prices.
    pub fn new(relaxed: Rc<Relaxed>, groups: usize) -> Self {
        let limits = relaxed.limits();
        let mut simplex = Self {
            mask: vec![false; relaxed.candidates()],
            keys: vec![u32::MAX; groups],
            working: Vec::new(),
            upper: Vec::new(),
            inverse: vec![0.0; limits * limits],
            left: vec![0.0; limits],
            shares: vec![0.0; limits],
            prices: vec![0.0; limits],
            pivots: 0,
            relaxed,
        };
        simplex.forget();
        simplex
    }

    /// Returns to no prices.
    pub fn forget(&mut self) {
        let candidates = self.relaxed.candidates() as u32;
        self.working = (0..self.relaxed.limits() as u32).map(|limit| candidates + limit).collect();
        self.upper = vec![false; self.relaxed.limits()];
    }

    /// Price of each scaled limit.
    pub fn prices(&self) -> &[f64] {
        &self.prices
    }

    /// Where the last solve ended.
    pub fn basis(&self) -> Basis {
        let groups = self.working.iter().filter_map(|&variable| self.group(variable));
        let keys = groups.map(|group| (group, self.keys[group as usize])).collect();
        Basis { working: self.working.clone(), keys, upper: self.upper.clone() }
    }

    /// Continues from an earlier end.
    pub fn load(&mut self, basis: &Basis) {
        self.working.clone_from(&basis.working);
        self.upper.clone_from(&basis.upper);
        basis.keys.iter().for_each(|&(group, key)| self.keys[group as usize] = key);
    }

    /// Solves over the allowed candidates from the present basis, which must have been left over the same candidates or
    /// more. Ends early once the worth is below `cutoff`.
    pub fn solve(&mut self, allowed: &Allowed, cutoff: f64, steps: usize) -> End {
        self.mask.fill(false);
        allowed.list.iter().for_each(|&candidate| self.mask[candidate as usize] = true);
        self.refresh(allowed);
        for _ in 0..steps {
            if self.pivots >= FRESH {
                self.refresh(allowed);
            }
            if self.worth() < cutoff {
                return End::Cut;
            }
            let Some(Outside { place, grow, .. }) = self.outside() else { return End::Best };
            let position = place.unwrap_or_else(|group| self.swap_key(group));
            let Some(entering) = self.entering(position, grow, allowed) else {
                self.lean(position, grow, cutoff);
                return End::Cut;
            };
            if !self.pivot(position, grow, entering) {
                self.refresh(allowed);
            }
        }
        End::Tired
    }

    /// The groups that are split, each with its candidates and their shares.
    pub fn split(&self) -> Vec<(usize, Vec<(u32, f64)>)> {
        let mut split: Vec<(usize, Vec<(u32, f64)>)> = Vec::new();
        for (&variable, &share) in self.working.iter().zip(&self.shares) {
            let Some(group) = self.group(variable).filter(|_| share > SHARE) else { continue };
            match split.iter_mut().find(|(other, _)| *other == group as usize) {
                Some((_, shares)) => shares.push((variable, share)),
                None => split.push((group as usize, vec![(variable, share)])),
            }
        }
        for (group, shares) in &mut split {
            let rest = 1.0 - shares.iter().map(|(_, share)| share).sum::<f64>();
            if rest > SHARE {
                shares.push((self.keys[*group], rest));
            }
        }
        split.sort_by_key(|(group, _)| *group);
        split
    }

    /// The candidate of each group with the largest share.
    pub fn rounded(&self) -> Vec<u32> {
        let mut choice = self.keys.clone();
        for (group, shares) in self.split() {
            let largest = shares.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            choice[group] = largest.map_or(choice[group], |&(candidate, _)| candidate);
        }
        choice
    }

    /// Group of a working candidate; nothing for what a limit leaves unused.
    fn group(&self, variable: u32) -> Option<u32> {
        self.relaxed.group_of.get(variable as usize).copied()
    }

    /// The limit whose unused amount a variable is, if it is one.
    fn limit(&self, variable: u32) -> Option<usize> {
        (variable as usize).checked_sub(self.relaxed.candidates())
    }

    fn row(&self, position: usize) -> &[f64] {
        let limits = self.relaxed.limits();
        &self.inverse[position * limits..(position + 1) * limits]
    }

    fn row_mut(&mut self, position: usize) -> &mut [f64] {
        let limits = self.relaxed.limits();
        &mut self.inverse[position * limits..(position + 1) * limits]
    }

    /// Worth of a candidate less the prices of what it uses, and its uses along a row.
    fn net(&self, candidate: u32, row: &[f64]) -> (f64, f64) {
        let worth = self.relaxed.tilted[candidate as usize];
        self.relaxed.uses_of(candidate).iter().fold((worth, 0.0), |(net, along), &(limit, amount)| {
            (net - amount * self.prices[limit as usize], along + amount * row[limit as usize])
        })
    }

    /// Inverts afresh; without prices when the columns have come to depend on each other.
    fn refresh(&mut self, allowed: &Allowed) {
        self.pivots = 0;
        if !self.invert() {
            self.forget();
            let inverted = self.invert();
            assert!(inverted, "Invariant: unused amounts do not depend on each other");
        }
        self.set_prices();
        let mut shared = vec![false; allowed.groups()];
        self.working
            .iter()
            .filter_map(|&variable| self.group(variable))
            .for_each(|group| shared[group as usize] = true);
        let none = vec![0.0; self.relaxed.limits()];
        for group in (0..allowed.groups()).filter(|&group| !shared[group]) {
            let nets = allowed.of(group).iter().map(|&candidate| (self.net(candidate, &none).0, candidate));
            let best = nets.reduce(|a, b| if b.0 > a.0 { b } else { a });
            self.keys[group] = best.expect("Invariant: every group has a candidate").1;
        }
        self.set_left();
        self.set_shares();
    }

    fn set_left(&mut self) {
        self.left.clone_from(&self.relaxed.most);
        for &key in &self.keys {
            for &(limit, amount) in self.relaxed.uses_of(key) {
                self.left[limit as usize] -= amount;
            }
        }
        let candidates = self.relaxed.candidates() as u32;
        for limit in (0..self.upper.len()).filter(|&limit| self.upper[limit]) {
            if !self.working.contains(&(candidates + limit as u32)) {
                self.left[limit] -= self.relaxed.range(limit);
            }
        }
    }

    fn set_shares(&mut self) {
        for position in 0..self.shares.len() {
            self.shares[position] = dot(self.row(position), &self.left);
        }
    }

    fn set_prices(&mut self) {
        let mut prices = vec![0.0; self.prices.len()];
        for (position, &variable) in self.working.iter().enumerate() {
            let Some(group) = self.group(variable) else { continue };
            let key = self.keys[group as usize] as usize;
            let worth = self.relaxed.tilted[variable as usize] - self.relaxed.tilted[key];
            prices.iter_mut().zip(self.row(position)).for_each(|(price, entry)| *price += worth * entry);
        }
        self.prices = prices;
    }

    /// Worth of the basic shares: what the present prices prove, but for rounding.
    fn worth(&self) -> f64 {
        let keys: f64 = self.keys.iter().map(|&key| self.relaxed.tilted[key as usize]).sum();
        self.relaxed.constant + keys + dot(&self.prices, &self.left)
    }

    /// What one more of a variable uses of the limits, its key giving way.
    fn column(&self, variable: u32) -> Vec<f64> {
        let mut column = vec![0.0; self.relaxed.limits()];
        match self.group(variable) {
            None => column[variable as usize - self.relaxed.candidates()] = 1.0,
            Some(group) => {
                let (own, key) = (self.relaxed.uses_of(variable), self.relaxed.uses_of(self.keys[group as usize]));
                own.iter().for_each(|&(limit, amount)| column[limit as usize] += amount);
                key.iter().for_each(|&(limit, amount)| column[limit as usize] -= amount);
            }
        }
        column
    }

    /// Gauss-Jordan with row pivoting on the working columns. False when they depend on each other.
    fn invert(&mut self) -> bool {
        let limits = self.relaxed.limits();
        let mut rows = vec![vec![0.0; 2 * limits]; limits];
        for position in 0..limits {
            let column = self.column(self.working[position]);
            rows.iter_mut().zip(column).for_each(|(row, entry)| row[position] = entry);
            rows[position][limits + position] = 1.0;
        }
        for at in 0..limits {
            let largest = (at..limits).max_by(|&a, &b| rows[a][at].abs().total_cmp(&rows[b][at].abs()));
            let Some(largest) = largest.filter(|&row| rows[row][at].abs() > PIVOT) else { return false };
            rows.swap(at, largest);
            let pivot = rows[at][at];
            rows[at].iter_mut().for_each(|entry| *entry /= pivot);
            let own = rows[at].clone();
            for row in rows.iter_mut().enumerate().filter(|(other, _)| *other != at).map(|(_, row)| row) {
                let times = row[at];
                subtract(row, times, &own);
            }
        }
        for (position, row) in rows.iter().enumerate() {
            self.row_mut(position).copy_from_slice(&row[limits..]);
        }
        true
    }

    /// Largest value that a working variable may have.
    fn top(&self, variable: u32) -> f64 {
        match self.limit(variable) {
            Some(limit) => self.relaxed.range(limit),
            None if self.mask[variable as usize] => f64::INFINITY,
            None => 0.0,
        }
    }

    /// The variable furthest outside its range, measured along its edge.
    fn outside(&self) -> Option<Outside> {
        let working = (0..self.shares.len()).filter_map(|position| {
            let (share, top) = (self.shares[position], self.top(self.working[position]));
            let out = (-share).max(share - top);
            let merit = |row: &[f64]| out * out / dot(row, row).max(f64::MIN_POSITIVE);
            (out > ROUNDING).then(|| Outside {
                place: Ok(position),
                grow: share < 0.0,
                merit: merit(self.row(position)),
            })
        });
        let mut groups: Vec<u32> = self.working.iter().filter_map(|&variable| self.group(variable)).collect();
        groups.sort_unstable();
        groups.dedup();
        let keys = groups.into_iter().filter_map(|group| {
            let share = 1.0 - self.positions(group).map(|position| self.shares[position]).sum::<f64>();
            let barred = !self.mask[self.keys[group as usize] as usize];
            (share < -ROUNDING || (barred && share > ROUNDING)).then(|| {
                let edge = self.sum_of_rows(group);
                let merit = share * share / dot(&edge, &edge).max(f64::MIN_POSITIVE);
                Outside { place: Err(group), grow: share < 0.0, merit }
            })
        });
        working.chain(keys).reduce(|a, b| if b.merit > a.merit { b } else { a })
    }

    /// Where candidates of a group work.
    fn positions(&self, group: u32) -> impl Iterator<Item = usize> + '_ {
        (0..self.working.len()).filter(move |&position| self.group(self.working[position]) == Some(group))
    }

    fn sum_of_rows(&self, group: u32) -> Vec<f64> {
        let mut sum = vec![0.0; self.prices.len()];
        self.positions(group).for_each(|position| subtract(&mut sum, -1.0, self.row(position)));
        sum
    }

    /// Makes the largest share of a group its key and returns where the old key now works.
    fn swap_key(&mut self, group: u32) -> usize {
        let rank = |position: usize| (self.mask[self.working[position] as usize], self.shares[position]);
        let larger = |&a: &usize, &b: &usize| rank(a).0.cmp(&rank(b).0).then(rank(a).1.total_cmp(&rank(b).1));
        let position = self.positions(group).max_by(larger);
        let position = position.expect("Invariant: only keys with working candidates are outside their range");
        let row: Vec<f64> = self.sum_of_rows(group).iter().map(|entry| -entry).collect();
        self.row_mut(position).copy_from_slice(&row);
        std::mem::swap(&mut self.keys[group as usize], &mut self.working[position]);
        self.set_left();
        self.set_shares();
        position
    }

    /// The variable that can enter without any candidate becoming better than its group's key.
    fn entering(&self, position: usize, grow: bool, allowed: &Allowed) -> Option<u32> {
        let row = self.row(position);
        let sign = if grow { -1.0 } else { 1.0 };
        let leaving = self.working[position];
        let mut best: Option<(f64, f64, u32)> = None;
        let mut offer = |loss: f64, slope: f64, variable: u32| {
            if slope <= PIVOT || variable == leaving {
                return;
            }
            let ratio = loss.max(0.0) / slope;
            let better = |(least, steepest, _): (f64, f64, u32)| ratio < least || (ratio == least && slope > steepest);
            if best.is_none_or(better) {
                best = Some((ratio, slope, variable));
            }
        };
        for (limit, &entry) in row.iter().enumerate() {
            let side = if self.upper[limit] { -1.0 } else { 1.0 };
            offer(side * self.prices[limit], side * sign * entry, (self.relaxed.candidates() + limit) as u32);
        }
        for group in 0..allowed.groups() {
            let (among, key) = (allowed.of(group), self.keys[group]);
            if among == [key] {
                continue;
            }
            let (top, along) = self.net(key, row);
            for &candidate in among {
                let (net, own) = self.net(candidate, row);
                offer(top - net, sign * (own - along), candidate);
            }
        }
        best.map(|(_, _, variable)| variable)
    }

    /// Puts a variable in the place of another. False when the inverse has become too rough for it.
    fn pivot(&mut self, position: usize, grow: bool, entering: u32) -> bool {
        let column = self.column(entering);
        let along: Vec<f64> = (0..self.working.len()).map(|other| dot(self.row(other), &column)).collect();
        let pivot = along[position];
        if pivot.abs() < PIVOT / 10.0 {
            return false;
        }
        if let Some(limit) = self.limit(entering).filter(|&limit| self.upper[limit]) {
            self.left[limit] += self.relaxed.range(limit);
        }
        if let Some(limit) = self.limit(self.working[position]) {
            self.upper[limit] = !grow;
            self.left[limit] -= if grow { 0.0 } else { self.relaxed.range(limit) };
        }
        let group = self.group(self.working[position]);
        self.working[position] = entering;
        let own: Vec<f64> = self.row(position).iter().map(|entry| entry / pivot).collect();
        for other in (0..along.len()).filter(|&other| other != position) {
            subtract(self.row_mut(other), along[other], &own);
        }
        self.row_mut(position).copy_from_slice(&own);
        self.set_prices();
        self.set_shares();
        // A key that is not allowed must not stay alone in its group: inverting afresh chooses another.
        let barred =
            |group: &u32| !self.mask[self.keys[*group as usize] as usize] && self.positions(*group).next().is_none();
        self.pivots = if group.as_ref().is_some_and(barred) { FRESH } else { self.pivots + 1 };
        true
    }

    /// No shares fit: moves the prices along the row that shows it until they prove less than the cutoff.
    fn lean(&mut self, position: usize, grow: bool, cutoff: f64) {
        let share = self.shares[position];
        let out = if grow { -share } else { share - self.top(self.working[position]) };
        let length = 2.0 * (self.worth() - cutoff).max(1.0) / out.max(ROUNDING);
        let row = self.row(position).to_vec();
        subtract(&mut self.prices, if grow { -length } else { length }, &row);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Subtracts so many times `other`.
fn subtract(from: &mut [f64], times: f64, other: &[f64]) {
    if times != 0.0 {
        from.iter_mut().zip(other).for_each(|(entry, other)| *entry -= times * other);
    }
}

#[cfg(test)]
mod tests {
    use super::super::menu::Menu;
    use super::super::relaxed::Proven;
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn menu(random: &mut ChaCha8Rng) -> Menu {
        let (groups, limits) = (random.random_range(1..8), random.random_range(1..5));
        let mut menu = Menu { starts: vec![0], use_starts: vec![0], ..Menu::default() };
        for _ in 0..groups {
            for _ in 0..random.random_range(1..6) {
                menu.values.push(random.random_range(-50..100));
                let amounts = (0..limits).map(|limit| (limit, random.random_range(-3..20i64)));
                menu.uses.extend(amounts.filter(|(_, amount)| *amount > 0));
                menu.use_starts.push(menu.uses.len() as u32);
            }
            menu.starts.push(menu.values.len() as u32);
        }
        menu.least = (0..limits).map(|_| random.random_range(0..3 * groups)).collect();
        menu.most = menu.least.iter().map(|least| least + random.random_range(0..9 * groups)).collect();
        menu
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        #[test]
        fn the_best_shares_fit_and_are_worth_what_their_prices_prove(seed: u64) {
            let menu = menu(&mut ChaCha8Rng::seed_from_u64(seed));
            let worth: Vec<f64> = menu.values.iter().map(|&value| value as f64).collect();
            let relaxed = Rc::new(Relaxed::new(&menu, worth, 0.0, &menu.least, &menu.most, 0.0));
            let mut allowed = Allowed::all(&menu);
            let mut simplex = Simplex::new(relaxed.clone(), menu.groups());
            let mut proven = Proven::default();
            // Again with every second candidate gone, from the basis at hand.
            for keep_all in [true, false] {
                let starts = &menu.starts;
                allowed.retain(|group, candidate| keep_all || (candidate - starts[group]).is_multiple_of(2));
                let end = simplex.solve(&allowed, f64::NEG_INFINITY, 1000);
                relaxed.prove(simplex.prices(), &allowed, &mut proven);
                prop_assert!(end != End::Tired);
                if end == End::Cut {
                    continue;
                }
                let mut shares = vec![0.0; menu.values.len()];
                simplex.rounded().iter().for_each(|&candidate| shares[candidate as usize] = 1.0);
                for (_, split) in simplex.split() {
                    split.iter().for_each(|&(candidate, share)| shares[candidate as usize] = share);
                }
                prop_assert!(shares.iter().enumerate().all(|(at, &share)| share == 0.0 || allowed.list.contains(&(at as u32))));
                let total: f64 = shares.iter().zip(&menu.values).map(|(share, &value)| share * value as f64).sum();
                prop_assert!((total - proven.bound).abs() < 1e-4, "shares {total}, prices {}", proven.bound);
                for limit in 0..menu.most.len() {
                    let of = |at: usize| menu.uses_of(at).iter().find(|(other, _)| *other as usize == limit);
                    let used: f64 = (0..shares.len()).map(|at| shares[at] * of(at).map_or(0.0, |use_| use_.1 as f64)).sum();
                    prop_assert!(used > menu.least[limit] as f64 - 1e-4 && used < menu.most[limit] as f64 + 1e-4);
                }
            }
        }
    }
}
