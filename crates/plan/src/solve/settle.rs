//! Proof: finds the best choice of a menu if it is better than the one at hand, or shows that none is.
//!
//! Branch and bound. At every node prices from the linear relaxation prove a bound for what is left; candidates that
//! lose more than may be lost and those that no longer fit are dropped; a group that the relaxation splits is divided
//! by how much its candidates use of a limit. The node with the best bound comes first, so that the bound falls as the
//! search goes on.
//!
//! Never drops a choice that is truly better: bounds carry the allowance for their arithmetic, values and limits are
//! compared in whole numbers.
//!
//! # Source
//! Land and Doig (1960); reduced-cost fixing: Crowder, Johnson and Padberg (1983); dividing ordered sets: Beale and
//! Tomlin (1970).

use super::menu::Menu;
use super::narrow::{Reach, drop_needless, step, target, used, value_of};
use super::relaxed::{Allowed, Proven, Relaxed};
use super::simplex::{Basis, End, Simplex};
use std::collections::BinaryHeap;
use std::rc::Rc;

/// Relative error that losses, prices and bound may have as they are handed in.
const HANDED_IN: f64 = 1e-9;
/// Part of the distance to the next better value that tilting may cost the bound.
const TILT: f64 = 1e-3;
/// Steps of the simplex method per limit and node, at most, and at the first node one per group more.
const STEPS: usize = 20;
/// Bytes of open nodes that are kept in order of their bounds; further ones are searched depth first.
const MEMORY: usize = 192 << 20;
/// Bytes of an open node beside its candidates, at least and per limit.
const NODE: (usize, usize) = (160, 24);
/// Nodes between two looks at `stop`.
const LOOK: usize = 16;

/// What a search has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// The best choice found, a candidate per group, if it is better than the one at hand.
    pub best: Option<Vec<u32>>,
    /// Value of the best choice known.
    pub value: i64,
    /// Whether no choice is worth more than `value`.
    pub complete: bool,
    /// No choice is worth more than this.
    pub bound: f64,
    /// Nodes searched.
    pub nodes: usize,
}

/// Searches a menu for choices worth more than `value` ([`i64::MIN`] for any), until it is proven that there are none
/// better or so many nodes were searched. No choice may be worth more than `bound`; losses and prices must be those that
/// prove it.
pub fn settle(menu: &Menu, bound: f64, value: i64, nodes: usize, stop: &dyn Fn() -> bool) -> Proof {
    let Some(mut search) = Search::new(menu, bound, value) else {
        return Proof { best: None, value, complete: true, bound: value as f64, nodes: 0 };
    };
    search.run(nodes, stop);
    let reached = search.ordered.iter().chain(&search.further).map(|open| open.bound).fold(f64::NEG_INFINITY, f64::max);
    let complete = reached < search.target as f64;
    let bound = if complete { search.value as f64 } else { reached.min(bound) };
    Proof { best: search.best, value: search.value, complete, bound, nodes: search.nodes }
}

/// Candidates of a group.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Those that use at most so much of a limit.
    AtMost(usize, i64),
    /// Those that use more.
    Above(usize, i64),
    /// This one.
    Only(u32),
    /// All others.
    Without(u32),
}

impl Part {
    fn has(self, menu: &Menu, candidate: u32) -> bool {
        match self {
            Self::AtMost(limit, amount) => used(menu, candidate, limit) <= amount,
            Self::Above(limit, amount) => used(menu, candidate, limit) > amount,
            Self::Only(only) => candidate == only,
            Self::Without(other) => candidate != other,
        }
    }
}

/// A node to be searched.
#[derive(Clone, Debug)]
struct Open {
    bound: f64,
    /// The later, the larger.
    number: u64,
    /// Candidates of the root that are left, a bit each.
    left: Box<[u64]>,
    basis: Rc<Basis>,
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bound.total_cmp(&other.bound).then(self.number.cmp(&other.number))
    }
}

struct Search<'a> {
    menu: &'a Menu,
    least: Vec<i64>,
    most: Vec<i64>,
    relaxed: Rc<Relaxed>,
    simplex: Simplex,
    reach: Reach,
    proven: Proven,
    root: Allowed,
    ordered: BinaryHeap<Open>,
    /// Open nodes beyond those in order, the last one next.
    further: Vec<Open>,
    /// Values of choices differ by multiples of this.
    step: i64,
    value: i64,
    /// The next better value that a choice can have.
    target: i64,
    best: Option<Vec<u32>>,
    nodes: usize,
    opened: u64,
}

impl<'a> Search<'a> {
    /// Nothing when no choice can be better.
    fn new(menu: &'a Menu, bound: f64, value: i64) -> Option<Self> {
        let step = step(menu);
        let target = target(menu, step, value)?;
        let reach = Reach::new(menu);
        let (least, most) = reach.limits(menu)?;
        let mut root = Allowed::all(menu);
        let spare = bound - target as f64 + HANDED_IN * (bound.abs() + (target as f64).abs() + 1.0);
        root.retain(|_, candidate| menu.losses[candidate as usize] <= spare);
        drop_needless(menu, &least, &mut root);
        if root.lacks() {
            return None;
        }
        let (worth, constant) = worth(menu, bound);
        let relaxed = Rc::new(Relaxed::new(menu, worth, constant, &least, &most, TILT * step.max(1) as f64));
        let simplex = Simplex::new(relaxed.clone(), menu.groups());
        let left = vec![u64::MAX; root.list.len().div_ceil(64)].into();
        let first = Open { bound: f64::INFINITY, number: 0, left, basis: Rc::new(simplex.basis()) };
        Some(Self {
            menu,
            least,
            most,
            relaxed,
            simplex,
            reach,
            proven: Proven::default(),
            root,
            ordered: BinaryHeap::from([first]),
            further: Vec::new(),
            step,
            value,
            target,
            best: None,
            nodes: 0,
            opened: 0,
        })
    }

    fn run(&mut self, nodes: usize, stop: &dyn Fn() -> bool) {
        while let Some(open) = self.further.pop().or_else(|| self.ordered.pop()) {
            let mut allowed = self.unpack(&open.left);
            let mut next = Some(open);
            while let Some(open) = next.filter(|open| open.bound >= self.target as f64) {
                if self.nodes >= nodes || (self.nodes.is_multiple_of(LOOK) && stop()) {
                    let left = self.pack(&allowed);
                    return self.ordered.push(Open { left, ..open });
                }
                self.nodes += 1;
                next = self.visit(&open, &mut allowed);
            }
        }
    }

    /// The candidates of the root for which a bit is set.
    fn unpack(&self, left: &[u64]) -> Allowed {
        let mut allowed = self.root.clone();
        let mut at = 0;
        allowed.retain(|_, _| {
            at += 1;
            left[(at - 1) / 64] >> ((at - 1) % 64) & 1 == 1
        });
        allowed
    }

    fn pack(&self, allowed: &Allowed) -> Box<[u64]> {
        let mut left = vec![0; self.root.list.len().div_ceil(64)];
        let mut rest = allowed.list.iter().peekable();
        for (at, candidate) in self.root.list.iter().enumerate() {
            if rest.next_if_eq(&candidate).is_some() {
                left[at / 64] |= 1 << (at % 64);
            }
        }
        left.into()
    }

    /// Bytes of an open node.
    fn size(&self) -> usize {
        NODE.0 + NODE.1 * self.most.len() + self.root.list.len() / 8
    }

    /// Searches a node and returns the one to go on with, whose candidates are then in `allowed`.
    fn visit(&mut self, open: &Open, allowed: &mut Allowed) -> Option<Open> {
        if !self.reach.drop_misfits(self.menu, &self.least, &self.most, allowed) {
            return None;
        }
        self.prove(open, allowed);
        let bound = self.proven.bound.min(open.bound);
        if bound < self.target as f64 {
            return None;
        }
        self.relaxed.drop_losers(self.simplex.prices(), &self.proven, self.target as f64, allowed);
        if self.nodes == 1 {
            self.root = allowed.clone();
        }
        self.consider(&self.simplex.rounded());
        if bound < self.target as f64 {
            return None;
        }
        self.divide(bound, allowed)
    }

    /// Proves a bound with the prices of the relaxation.
    fn prove(&mut self, open: &Open, allowed: &Allowed) {
        let target = self.target as f64;
        let first = if self.nodes == 1 { allowed.groups() } else { 0 };
        let steps = STEPS * (self.most.len() + 1) + first;
        self.simplex.load(&open.basis);
        for _ in 0..2 {
            let end = self.simplex.solve(allowed, target - TILT, steps);
            self.relaxed.prove(self.simplex.prices(), allowed, &mut self.proven);
            if end != End::Cut || self.proven.bound < target {
                return;
            }
            // The basis had become too rough to show what it claims.
            self.simplex.forget();
        }
    }

    /// Takes a choice if it keeps the limits and is better.
    fn consider(&mut self, choice: &[u32]) {
        if let Some(value) = value_of(self.menu, choice).filter(|&value| value > self.value) {
            self.value = value;
            self.target = value + self.step.max(1);
            self.best = Some(choice.to_vec());
        }
    }

    fn divide(&mut self, bound: f64, allowed: &mut Allowed) -> Option<Open> {
        if allowed.list.len() == allowed.groups() {
            self.consider(&allowed.list);
            return None;
        }
        let (group, parts) = self.division(allowed).or_else(|| single(allowed))?;
        let menu = self.menu;
        let mut other = allowed.clone();
        other.retain(|own, candidate| own != group || parts.1.has(menu, candidate));
        allowed.retain(|own, candidate| own != group || parts.0.has(menu, candidate));
        let basis = Rc::new(self.simplex.basis());
        self.opened += 2;
        let second = Open { bound, number: self.opened, left: self.pack(&other), basis: basis.clone() };
        if self.ordered.len() < MEMORY / self.size() {
            self.ordered.push(second);
        } else {
            self.further.push(second);
        }
        Some(Open { bound, number: self.opened - 1, left: Box::default(), basis })
    }

    /// The group whose split shares lie furthest apart in money, and its two parts, the one with more shares first.
    fn division(&self, allowed: &Allowed) -> Option<(usize, (Part, Part))> {
        let mut best: Option<(f64, usize, (Part, Part))> = None;
        for (group, mut shares) in self.simplex.split() {
            shares.retain(|(candidate, _)| allowed.of(group).contains(candidate));
            let apart: Vec<f64> = (0..self.most.len()).map(|limit| self.apart(limit, &shares)).collect();
            let Some(widest) = (0..apart.len()).max_by(|&a, &b| apart[a].total_cmp(&apart[b])) else { continue };
            let merit: f64 = apart.iter().sum();
            if apart[widest] > 0.0 && best.as_ref().is_none_or(|(most, ..)| merit > *most) {
                best = self.halves(widest, &shares).map(|parts| (merit, group, parts)).or(best);
            }
        }
        best.map(|(_, group, parts)| (group, parts))
    }

    fn mean(&self, limit: usize, shares: &[(u32, f64)]) -> f64 {
        let used: f64 = shares.iter().map(|&(candidate, share)| share * used(self.menu, candidate, limit) as f64).sum();
        used / shares.iter().map(|(_, share)| share).sum::<f64>()
    }

    /// How far shares lie from their mean use of a limit, in money.
    fn apart(&self, limit: usize, shares: &[(u32, f64)]) -> f64 {
        let mean = self.mean(limit, shares);
        let off = |&(candidate, share): &(u32, f64)| share * (used(self.menu, candidate, limit) as f64 - mean).abs();
        self.relaxed.price(self.simplex.prices(), limit).abs() * shares.iter().map(off).sum::<f64>()
    }

    /// The parts below and above the mean use; nothing when one of them has no shares.
    fn halves(&self, limit: usize, shares: &[(u32, f64)]) -> Option<(Part, Part)> {
        let amount = self.mean(limit, shares).floor() as i64;
        let (low, high) = (Part::AtMost(limit, amount), Part::Above(limit, amount));
        let sum = |part: Part| -> f64 {
            shares.iter().filter(|(candidate, _)| part.has(self.menu, *candidate)).map(|(_, share)| share).sum()
        };
        let both = sum(low) > 0.0 && sum(high) > 0.0;
        both.then_some(if sum(low) >= sum(high) { (low, high) } else { (high, low) })
    }
}

/// One candidate against the rest of its group, where no limit tells them apart.
fn single(allowed: &Allowed) -> Option<(usize, (Part, Part))> {
    let group = (0..allowed.groups()).find(|&group| allowed.of(group).len() > 1)?;
    let candidate = allowed.of(group)[0];
    Some((group, (Part::Only(candidate), Part::Without(candidate))))
}

/// What each candidate is worth before it pays for limits, and what is added to every choice: the values alone, or with
/// pairs what the losses say, in which pairs are paid for.
fn worth(menu: &Menu, bound: f64) -> (Vec<f64>, f64) {
    if menu.pairs.is_empty() {
        return (menu.values.iter().map(|&value| value as f64).collect(), 0.0);
    }
    let paid = |candidate: usize| -> f64 {
        menu.uses_of(candidate).iter().map(|&(limit, amount)| menu.prices[limit as usize] * amount as f64).sum()
    };
    let worth: Vec<f64> = (0..menu.values.len()).map(|candidate| paid(candidate) - menu.losses[candidate]).collect();
    let priced = menu.prices.iter().zip(&menu.least).zip(&menu.most).filter(|((price, _), _)| **price != 0.0);
    let sold: f64 =
        priced.map(|((&price, &least), &most)| price * if price > 0.0 { most as f64 } else { least as f64 }).sum();
    let size = bound.abs() + 2.0 * sold.abs() + 1.0;
    (worth, bound - sold + HANDED_IN * size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const PERIODS: u32 = 3;

    /// A small menu with everything in it, and a bound that its losses and prices prove.
    fn menu(random: &mut ChaCha8Rng) -> (Menu, f64) {
        let groups = random.random_range(0..6);
        let limits = random.random_range(0..4);
        let mut menu = Menu { starts: vec![0], use_starts: vec![0], ..Menu::default() };
        for _ in 0..groups {
            for _ in 0..random.random_range(1..5) {
                menu.values.push(random.random_range(-4..12));
                for limit in 0..limits {
                    let amount = random.random_range(-2..6i64);
                    if amount > 0 {
                        menu.uses.push((limit, amount));
                    }
                }
                menu.use_starts.push(menu.uses.len() as u32);
            }
            menu.starts.push(menu.values.len() as u32);
        }
        for _ in 0..limits {
            let least = if random.random_bool(0.5) { 0 } else { random.random_range(0..=2 * groups) };
            let most = if random.random_bool(0.2) { i64::MAX } else { least + random.random_range(0..=3 * groups) };
            menu.least.push(least);
            menu.most.push(most);
            let price: f64 = random.random_range(-1.0..2.0);
            let prices = [0.0, price, price.round()];
            let price = prices[random.random_range(0..3)];
            menu.prices.push(if most == i64::MAX { price.min(0.0) } else { price });
        }
        let bound = price_pairs(&mut menu, groups as u32, random);
        (menu, bound)
    }

    /// Adds pairs, losses and the bound that they prove.
    fn price_pairs(menu: &mut Menu, groups: u32, random: &mut ChaCha8Rng) -> f64 {
        let mut net: Vec<f64> = (0..menu.values.len())
            .map(|candidate| {
                let paid =
                    menu.uses_of(candidate).iter().map(|&(limit, used)| menu.prices[limit as usize] * used as f64);
                menu.values[candidate] as f64 - paid.sum::<f64>()
            })
            .collect();
        let sold = menu.prices.iter().zip(&menu.least).zip(&menu.most).filter(|((price, _), _)| **price != 0.0);
        let mut bound: f64 =
            sold.map(|((p, &least), &most)| p * if *p > 0.0 { most as f64 } else { least as f64 }).sum();
        if random.random_bool(0.6) {
            menu.words = 1;
            menu.on = menu.values.iter().map(|_| random.random_range(0..1u64 << PERIODS)).collect();
            for first in 0..groups {
                for second in (first + 1..groups).filter(|_| random.random_bool(0.5)).collect::<Vec<_>>() {
                    let penalty = random.random_range(-3..6i64);
                    menu.pairs.push((first, second, penalty));
                    for period in 0..PERIODS {
                        let part: f64 = random.random_range(0.0..=1.0);
                        // Paid by both and given back once, or the gain divided between the two.
                        let (own, other) = if penalty > 0 { (part, part) } else { (part, 1.0 - part) };
                        bound += if penalty > 0 { part * penalty as f64 } else { 0.0 };
                        for (group, part) in [(first, own), (second, other)] {
                            for candidate in menu.candidates(group as usize) {
                                if menu.on[candidate] >> period & 1 == 1 {
                                    net[candidate] -= part * penalty as f64;
                                }
                            }
                        }
                    }
                }
            }
        }
        for group in 0..groups as usize {
            let best = menu.candidates(group).map(|candidate| net[candidate]).fold(f64::NEG_INFINITY, f64::max);
            let top = best + if random.random_bool(0.2) { 1.5 } else { 0.0 };
            bound += top;
            menu.losses.extend(menu.candidates(group).map(|candidate| top - net[candidate]));
        }
        bound
    }

    fn best_of_all(menu: &Menu) -> Option<i64> {
        let mut choices: Vec<Vec<u32>> = vec![Vec::new()];
        for group in 0..menu.groups() {
            let longer = |choice: &Vec<u32>| {
                let choice = choice.clone();
                menu.candidates(group).map(move |candidate| [choice.clone(), vec![candidate as u32]].concat())
            };
            choices = choices.iter().flat_map(longer).collect();
        }
        choices.iter().filter_map(|choice| value_of(menu, choice)).max()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn finds_what_trying_everything_finds(seed: u64) {
            let random = &mut ChaCha8Rng::seed_from_u64(seed);
            let (menu, bound) = menu(random);
            let best = best_of_all(&menu);
            prop_assert!(best.is_none_or(|best| best as f64 <= bound + 1e-9));
            let value = best.unwrap_or(0) - random.random_range(-1..8);
            let value = if random.random_bool(0.1) { i64::MIN } else { value };
            let proof = settle(&menu, bound, value, 100_000, &|| false);
            prop_assert!(proof.complete);
            prop_assert_eq!(proof.value, best.unwrap_or(value).max(value));
            prop_assert_eq!(proof.bound, proof.value as f64);
            prop_assert_eq!(proof.best.is_some(), best.is_some_and(|best| best > value));
            if let Some(choice) = proof.best {
                prop_assert_eq!(value_of(&menu, &choice), best);
                prop_assert!(choice.iter().enumerate().all(|(group, &at)| menu.candidates(group).contains(&(at as usize))));
            }
        }

        #[test]
        fn a_search_cut_short_still_tells_a_true_bound(seed: u64, nodes in 0usize..8) {
            let random = &mut ChaCha8Rng::seed_from_u64(seed);
            let (menu, bound) = menu(random);
            let best = best_of_all(&menu);
            let value = best.unwrap_or(0) - random.random_range(0..8);
            let proof = settle(&menu, bound, value, nodes, &|| false);
            prop_assert!(proof.nodes <= nodes);
            prop_assert!(proof.bound <= bound.max(proof.value as f64));
            prop_assert!(best.is_none_or(|best| best as f64 <= proof.bound.max(proof.value as f64) + 1e-9));
            prop_assert!(proof.value >= value && (!proof.complete || best.is_none_or(|best| best <= proof.value)));
        }
    }
}
