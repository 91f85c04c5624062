//! A season under its levers: the ten published steps, month after month.
//!
//! Never searches. What is left of a group's stock at the end of a month is what is available in the next, and step 9
//! is taken at the end of the season.
//!
//! Source: the PittaRosso pricing and promotion lecture, steps 1 to 9; step 10 is [`super::goal::Worth::value`].

use super::domain::{Domain, bits};
use super::goal::Worth;
use super::{Funnel, Grid};
use serde::Serialize;

/// A value for every lever, as positions on the grid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Levers {
    /// Markdown level by month and group, the groups of a month together.
    pub markdowns: Vec<u8>,
    /// Spend by month.
    pub spends: Vec<u8>,
    /// Promotion by month.
    pub promotions: Vec<u8>,
}

/// What a season comes to. Money in minor units, pieces as expected; neither is rounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Season {
    /// Step 7, all groups and months.
    pub revenue: f64,
    /// Step 8, all groups and months; less the spend where the scenario charges it.
    pub margin: f64,
    /// Marketing spend of all months, in minor units, whether it is charged or not.
    pub spend: f64,
    /// By group.
    pub groups: Vec<GroupSeason>,
    /// By month.
    pub months: Vec<MonthSeason>,
}

/// What a group comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct GroupSeason {
    /// Pieces sold.
    pub sold: f64,
    /// Pieces left at the end (step 9).
    pub unsold: f64,
    /// Step 7.
    pub revenue: f64,
    /// Step 8.
    pub margin: f64,
}

/// What a month comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct MonthSeason {
    /// Steps 2 to 4.
    pub funnel: Funnel,
    /// Pieces sold by group (step 6).
    pub sold: Vec<f64>,
}

impl Season {
    /// Pieces sold.
    pub fn sold(&self) -> f64 {
        self.groups.iter().map(|group| group.sold).sum()
    }

    /// Pieces left at the end.
    pub fn unsold(&self) -> f64 {
        self.groups.iter().map(|group| group.unsold).sum()
    }

    /// Share of the opening stock that was sold; 1 where there was none.
    pub fn sell_through(&self) -> f64 {
        let stock = self.sold() + self.unsold();
        if stock > 0.0 { self.sold() / stock } else { 1.0 }
    }
}

impl Levers {
    /// The lowest value of every lever that the locks leave open: where a planner begins.
    pub fn lowest(grid: &Grid) -> Self {
        Self::lowest_in(grid.domain())
    }

    pub(super) fn lowest_in(domain: &Domain) -> Self {
        let lowest = |sets: &[u32]| sets.iter().map(|set| set.trailing_zeros() as u8).collect();
        Self {
            markdowns: lowest(&domain.markdowns),
            spends: lowest(&domain.spends),
            promotions: lowest(&domain.promotions),
        }
    }

    /// Markdown levels of a month, by group.
    pub fn markdowns_of(&self, month: usize) -> &[u8] {
        let groups = self.markdowns.len() / self.spends.len();
        &self.markdowns[month * groups..][..groups]
    }

    /// Whether every lever has a value that the locks leave open.
    pub(super) fn is_in(&self, domain: &Domain) -> bool {
        let within = |values: &[u8], sets: &[u32]| {
            values.iter().zip(sets).all(|(value, set)| bits(*set).any(|bit| bit == usize::from(*value)))
        };
        within(&self.markdowns, &domain.markdowns)
            && within(&self.spends, &domain.spends)
            && within(&self.promotions, &domain.promotions)
    }
}

/// Runs the ten steps and keeps everything they produce.
pub fn season(grid: &Grid, levers: &Levers) -> Season {
    let mut left = grid.stocks().to_vec();
    let mut groups = vec![GroupSeason::default(); grid.groups()];
    let mut months = Vec::with_capacity(grid.months());
    for month in 0..grid.months() {
        let funnel = grid.funnel(levers, month);
        let mut sold = Vec::with_capacity(grid.groups());
        for (group, level) in levers.markdowns_of(month).iter().enumerate() {
            let level = usize::from(*level);
            let volume = (funnel.pieces() * grid.sensitivity(month, group)[level]).min(left[group]);
            let revenue = volume * grid.price(levers.promotions[month].into(), group)[level];
            left[group] -= volume;
            groups[group].sold += volume;
            groups[group].revenue += revenue;
            groups[group].margin += revenue - volume * grid.costs()[group];
            sold.push(volume);
        }
        months.push(MonthSeason { funnel, sold });
    }
    for (group, left) in groups.iter_mut().zip(left) {
        group.unsold = left;
    }
    let charged: f64 = levers.spends.iter().map(|spend| grid.spend_cost((*spend).into())).sum();
    let spends = &grid.scenario().spends;
    let spend: f64 = levers.spends.iter().map(|spend| spends[usize::from(*spend)].cost).sum();
    Season {
        revenue: groups.iter().map(|group| group.revenue).sum(),
        margin: groups.iter().map(|group| group.margin).sum::<f64>() - charged,
        spend: spend * grid.minor_units(),
        groups,
        months,
    }
}

/// How good a plan is: first the pieces it lacks, then what it is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    /// Pieces short of what must be sold.
    pub short: f64,
    /// E12.
    pub value: f64,
}

impl Score {
    pub const WORST: Self = Self { short: f64::INFINITY, value: f64::NEG_INFINITY };

    /// Whether this is better by more than rounding.
    pub fn beats(&self, other: &Self) -> bool {
        if self.short != other.short {
            return self.short < other.short;
        }
        self.value > other.value + 1e-9 * (1.0 + other.value.abs())
    }
}

/// A season walked month by month without keeping what it sells, so that a change is walked from its month on only.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    grid: &'a Grid,
    worth: &'a Worth,
    /// Stock left by group when each month begins, and last when the season ends.
    left: Vec<Vec<f64>>,
    /// Value when each month begins, and last when the season ends.
    value: Vec<f64>,
}

impl<'a> Walk<'a> {
    pub fn new(grid: &'a Grid, worth: &'a Worth) -> Self {
        let ends = grid.months() + 1;
        Self { grid, worth, left: vec![grid.stocks().to_vec(); ends], value: vec![0.0; ends] }
    }

    /// Scores a plan by the same steps as [`season`]. Nothing before the month may have changed since a plan was walked
    /// from there or earlier.
    pub fn score(&mut self, levers: &Levers, from: usize) -> Score {
        for month in from..self.grid.months() {
            self.step(levers, month);
        }
        let left = &self.left[self.grid.months()];
        let unsold: f64 = left.iter().sum();
        let penalty: f64 = left.iter().zip(&self.worth.piece).map(|(left, piece)| left * piece).sum();
        let lacks = self.worth.pieces_min - (self.grid.stocks().iter().sum::<f64>() - unsold);
        let short = if lacks > 1e-9 * (1.0 + self.worth.pieces_min) { lacks } else { 0.0 };
        Score { short, value: self.value[self.grid.months()] - penalty }
    }

    fn step(&mut self, levers: &Levers, month: usize) {
        let levels = levers.markdowns_of(month);
        let (spend, promotion) = (levers.spends[month].into(), levers.promotions[month].into());
        let traffic = self.grid.traffic(month, spend, promotion)[self.grid.step(levels)];
        let (before, after) = self.left.split_at_mut(month + 1);
        let mut value = self.value[month] - self.worth.margin * self.grid.spend_cost(spend);
        for (group, level) in levels.iter().enumerate() {
            let level = usize::from(*level);
            let stock = before[month][group];
            let volume = (traffic * self.grid.sensitivity(month, group)[level]).min(stock);
            after[0][group] = stock - volume;
            value += volume * self.worth.earned(self.grid, promotion, group)[level];
        }
        self.value[month + 1] = value;
    }
}
