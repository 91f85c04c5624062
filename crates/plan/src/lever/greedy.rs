//! Greedy local search over the grid, as published; and a wider one that gives the exact method its plans.
//!
//! Never proves anything: a plan that no single lever improves can be far from the best one.
//!
//! Source: the PittaRosso pricing and promotion lecture ("second algorithm").

use super::domain::{Domain, bits};
use super::goal::Worth;
use super::season::{Score, Walk};
use super::{Grid, Levers};

/// One lever of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lever {
    Markdown(usize),
    Spend(usize),
    Promotion(usize),
}

impl Lever {
    fn of(self, levers: &mut Levers) -> &mut u8 {
        match self {
            Self::Markdown(at) => &mut levers.markdowns[at],
            Self::Spend(at) => &mut levers.spends[at],
            Self::Promotion(at) => &mut levers.promotions[at],
        }
    }

    fn open(self, domain: &Domain) -> u32 {
        match self {
            Self::Markdown(at) => domain.markdowns[at],
            Self::Spend(at) => domain.spends[at],
            Self::Promotion(at) => domain.promotions[at],
        }
    }
}

/// A plan with its score, on its way up.
#[derive(Clone, Debug)]
pub(super) struct Climber<'a> {
    grid: &'a Grid,
    walk: Walk<'a>,
    /// The plan.
    pub levers: Levers,
    /// Its score.
    pub score: Score,
}

/// A better score and the change that leads to it.
type Better = (Score, Option<Vec<(Lever, u8)>>);

impl<'a> Climber<'a> {
    pub fn new(grid: &'a Grid, worth: &'a Worth, levers: Levers) -> Self {
        let mut walk = Walk::new(grid, worth);
        let score = walk.score(&levers, 0);
        Self { grid, walk, levers, score }
    }

    fn all(&self) -> Vec<Lever> {
        let markdowns = (0..self.levers.markdowns.len()).map(Lever::Markdown);
        let months = 0..self.grid.months();
        markdowns.chain(months.clone().map(Lever::Spend)).chain(months.map(Lever::Promotion)).collect()
    }

    /// Takes the best change of a single lever until none is better.
    pub fn climb(&mut self) {
        let mut levers = self.all();
        // The latest month first: what a trial leaves behind is then never in front of the next one.
        levers.sort_by_key(|lever| std::cmp::Reverse(self.month(*lever)));
        loop {
            let mut best = (self.score, None);
            for lever in &levers {
                let from = self.month(*lever);
                self.try_values(*lever, from, &mut best, &|value| vec![(*lever, value)]);
            }
            let Some(change) = best.1 else { return };
            self.take(&change);
        }
    }

    /// Takes the best joint change of two levers that act on each other, then climbs again, until none is better.
    pub fn climb_by_pairs(&mut self, stop: &dyn Fn() -> bool) {
        let pairs = self.pairs();
        self.climb();
        loop {
            let mut improved = false;
            for (one, other) in &pairs {
                if stop() {
                    return;
                }
                improved |= self.try_pair(*one, *other);
            }
            if !improved {
                return;
            }
            self.climb();
        }
    }

    fn try_pair(&mut self, one: Lever, other: Lever) -> bool {
        let from = self.month(one).min(self.month(other));
        let mut best = (self.score, None);
        let kept = *one.of(&mut self.levers);
        for value in bits(one.open(self.grid.domain())).map(|value| value as u8) {
            *one.of(&mut self.levers) = value;
            self.try_values(other, from, &mut best, &|second| vec![(one, value), (other, second)]);
        }
        *one.of(&mut self.levers) = kept;
        let improves = best.1.is_some();
        self.take(&best.1.unwrap_or_default());
        improves
    }

    /// Two markdowns of one group (they share its stock) or of one month (they share its traffic), the two levers of a
    /// month, and the same lever in two months.
    fn pairs(&self) -> Vec<(Lever, Lever)> {
        let groups = self.grid.groups();
        let levers = self.all();
        let row = |lever: Lever| match lever {
            Lever::Markdown(at) => at % groups,
            Lever::Spend(_) => groups,
            Lever::Promotion(_) => groups + 1,
        };
        let together = |one: Lever, other: Lever| self.month(one) == self.month(other) || row(one) == row(other);
        let after = |at: usize| levers[at + 1..].iter().copied();
        let pairs = levers.iter().enumerate().flat_map(|(at, one)| after(at).map(|other| (*one, other)));
        pairs.filter(|(one, other)| together(*one, *other)).collect()
    }

    fn month(&self, lever: Lever) -> usize {
        match lever {
            Lever::Markdown(at) => at / self.grid.groups(),
            Lever::Spend(at) | Lever::Promotion(at) => at,
        }
    }

    /// Scores every other value of a lever, walking from the month on, and keeps the best change found so far.
    fn try_values(&mut self, lever: Lever, from: usize, best: &mut Better, change: &dyn Fn(u8) -> Vec<(Lever, u8)>) {
        let kept = *lever.of(&mut self.levers);
        for value in bits(lever.open(self.grid.domain())).map(|value| value as u8).filter(|value| *value != kept) {
            *lever.of(&mut self.levers) = value;
            let found = self.walk.score(&self.levers, from);
            if found.beats(&best.0) {
                *best = (found, Some(change(value)));
            }
        }
        *lever.of(&mut self.levers) = kept;
    }

    fn take(&mut self, change: &[(Lever, u8)]) {
        for (lever, value) in change {
            *lever.of(&mut self.levers) = *value;
        }
        self.score = self.walk.score(&self.levers, 0);
    }
}
