//! The best plan of the grid with a proven bound: branch and bound over values of levers and the months in which
//! groups run out.
//!
//! Never returns a plan against a lock, or a bound below what some plan is worth. Reads no clock: `stop` ends it early,
//! and what it has found and proven until then is returned.
//!
//! Source: Land and Doig (1960); bounds from [`super::bound`], plans from [`super::greedy`].

use super::bound::{Bounded, Bounder, Part};
use super::branch::{Split, split};
use super::goal::Worth;
use super::greedy::Climber;
use super::season::Score;
use super::{Grid, Levers};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// When to end the search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeverSettings {
    /// Stop once (bound - value) / bound is at most this; default 0.0001.
    pub gap: f64,
    /// Most parts of the grid to look into; default 2,000. The proof ends there, with the gap that is left.
    pub parts: usize,
}

impl Default for LeverSettings {
    fn default() -> Self {
        Self { gap: 1e-4, parts: 2000 }
    }
}

const ROUNDS_AT_ROOT: usize = 300;
const ROUNDS: usize = 40;
/// Share by which sums of this size may be off.
const ROUNDING: f64 = 1e-9;

/// A plan and what is proven about it.
pub(super) struct Found {
    pub levers: Levers,
    /// No plan that sells enough is worth more.
    pub bound: f64,
    pub parts: usize,
}

/// A part of the grid that may hold a better plan.
struct Open {
    number: usize,
    part: Part,
    bounded: Bounded,
    split: Option<Split>,
}

/// Finds the best plan, starting from `known` ones, of which at least one must keep the locks.
pub(super) fn search(
    grid: &Grid,
    worth: &Worth,
    known: &[Levers],
    settings: &LeverSettings,
    stop: &dyn Fn() -> bool,
) -> Found {
    let mut search = Search::new(grid, worth, settings, stop);
    for levers in known.iter().filter(|levers| levers.is_in(grid.domain())) {
        search.offer(levers.clone());
    }
    search.run();
    let open = search.open.iter().map(|open| open.bounded.value).fold(search.closed, f64::max);
    let bound = open.max(search.best.value);
    Found { levers: search.levers, bound, parts: search.parts }
}

struct Search<'a> {
    grid: &'a Grid,
    worth: &'a Worth,
    settings: &'a LeverSettings,
    stop: &'a dyn Fn() -> bool,
    bounder: Bounder<'a>,
    levers: Levers,
    best: Score,
    open: BinaryHeap<Open>,
    /// The highest bound of a part that was left aside.
    closed: f64,
    parts: usize,
}

impl<'a> Search<'a> {
    fn new(grid: &'a Grid, worth: &'a Worth, settings: &'a LeverSettings, stop: &'a dyn Fn() -> bool) -> Self {
        Self {
            grid,
            worth,
            settings,
            stop,
            bounder: Bounder::new(grid, worth),
            levers: Levers::lowest(grid),
            best: Score::WORST,
            open: BinaryHeap::new(),
            closed: f64::NEG_INFINITY,
            parts: 0,
        }
    }

    fn run(&mut self) {
        let whole =
            Part { domain: self.grid.domain().clone(), runs_out: vec![(0, self.grid.months()); self.grid.groups()] };
        let root = Bounded { value: f64::INFINITY, prices: vec![0.0; self.grid.groups() + 1], months: vec![] };
        self.look_into(whole, &root, ROUNDS_AT_ROOT);
        while let Some(open) = self.open.pop() {
            if open.bounded.value <= self.enough() {
                self.closed = self.closed.max(open.bounded.value);
                continue;
            }
            if self.parts >= self.settings.parts || (self.stop)() {
                self.open.push(open);
                return;
            }
            let Some(split) = open.split else {
                self.closed = self.closed.max(open.bounded.value);
                continue;
            };
            for part in split.halves(&open.part) {
                self.look_into(part, &open.bounded, ROUNDS);
            }
        }
    }

    /// A bound up to which nothing more is to be found.
    fn enough(&self) -> f64 {
        if self.best.short > 0.0 {
            return f64::NEG_INFINITY;
        }
        self.best.value + self.best.value.abs() * self.settings.gap.max(ROUNDING)
    }

    fn look_into(&mut self, part: Part, parent: &Bounded, rounds: usize) {
        self.parts += 1;
        if part.domain.is_single() {
            self.offer(Levers::lowest_in(&part.domain));
            return;
        }
        let mut bounded = self.bounder.bound(&part, &parent.months, &parent.prices, self.enough(), rounds);
        bounded.value = bounded.value.min(parent.value);
        if bounded.value == f64::NEG_INFINITY {
            return;
        }
        self.offer(self.likeliest(&part, &bounded));
        let split = split(self.grid, &self.bounder, &part, &bounded);
        self.open.push(Open { number: self.parts, part, bounded, split });
    }

    /// The plan of each month that has the largest share.
    fn likeliest(&self, part: &Part, bounded: &Bounded) -> Levers {
        let mut levers = Levers::lowest_in(&part.domain);
        let mut most = vec![0.0; self.grid.months()];
        for (plan, share) in bounded.months.iter() {
            if *share > most[plan.month] {
                most[plan.month] = *share;
                (levers.spends[plan.month], levers.promotions[plan.month]) = (plan.spend, plan.promotion);
                let at = plan.month * plan.markdowns.len();
                levers.markdowns[at..at + plan.markdowns.len()].copy_from_slice(&plan.markdowns);
            }
        }
        levers
    }

    /// Takes a plan if it is better after improving it, and then improves it by pairs of levers.
    fn offer(&mut self, levers: Levers) {
        let mut climber = Climber::new(self.grid, self.worth, levers);
        climber.climb();
        if climber.score.beats(&self.best) {
            climber.climb_by_pairs(self.stop);
            (self.levers, self.best) = (climber.levers, climber.score);
        }
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The highest bound first; of equal ones the earliest.
impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bounded.value.total_cmp(&other.bounded.value).then(other.number.cmp(&self.number))
    }
}
