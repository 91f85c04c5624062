//! Which question to ask next about a part of the grid: the one on which the mix behind its bound is least of one mind.

use super::Grid;
use super::bound::{Bounded, Bounder, MonthPlan, Part};
use super::domain::bits;

/// What to tell apart in a part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Split {
    /// Markdowns of a cell up to a level, and the deeper ones.
    Markdown(usize, usize),
    /// One spend in a month, and the others.
    Spend(usize, usize),
    /// One promotion in a month, and the others.
    Promotion(usize, usize),
    /// A group running out by a month, and later.
    RunsOut(usize, usize),
}

/// Share of a month's turnover that an open spend or promotion may be worth.
const DOUBT: f64 = 0.2;
/// What a lever is worth on which the mix agrees, as a share of the turnover: it is asked last.
const AGREED: f64 = 1e-6;

/// The question whose answer is worth most, as far as the mix tells; nothing where no lever is open.
pub(super) fn split(grid: &Grid, bounder: &Bounder, part: &Part, bounded: &Bounded) -> Option<Split> {
    let averages = Averages::of(grid, bounder, &bounded.months);
    let mut chooser = Chooser { grid, part, averages, best: (0.0, None) };
    for (group, price) in bounded.prices.iter().enumerate().take(grid.groups()) {
        chooser.consider_stock(group, price.abs());
    }
    for month in 0..grid.months() {
        let turnover = chooser.consider_markdowns(month);
        chooser.consider_settings(month, turnover);
    }
    chooser.best.1
}

impl Split {
    /// The two parts that the answers leave.
    pub fn halves(self, part: &Part) -> [Part; 2] {
        let (mut one, mut other) = (part.clone(), part.clone());
        match self {
            Self::Markdown(cell, level) => {
                let shallow = (2_u64 << level) as u32 - 1;
                one.domain.markdowns[cell] &= shallow;
                other.domain.markdowns[cell] &= !shallow;
            }
            Self::Spend(month, spend) => {
                one.domain.spends[month] = 1 << spend;
                other.domain.spends[month] &= !(1 << spend);
            }
            Self::Promotion(month, promotion) => {
                one.domain.promotions[month] = 1 << promotion;
                other.domain.promotions[month] &= !(1 << promotion);
            }
            Self::RunsOut(group, month) => {
                one.runs_out[group].1 = month;
                other.runs_out[group].0 = month + 1;
            }
        }
        [one, other]
    }
}

struct Chooser<'a> {
    grid: &'a Grid,
    part: &'a Part,
    averages: Averages,
    best: (f64, Option<Split>),
}

impl Chooser<'_> {
    fn consider(&mut self, worth: f64, split: Split) {
        if worth > self.best.0 {
            self.best = (worth, Some(split));
        }
    }

    /// Stock that the mix holds back in a month and sells in a later one.
    fn consider_stock(&mut self, group: usize, price: f64) {
        let groups = self.grid.groups();
        let (first, last) = self.part.runs_out[group];
        let mut later: f64 = (0..self.grid.months()).map(|month| self.averages.sold[month * groups + group]).sum();
        for month in 0..last {
            let cell = month * groups + group;
            let held = self.averages.asked[cell] - self.averages.sold[cell];
            later -= self.averages.sold[cell];
            if month >= first {
                self.consider(held.min(later) * price, Split::RunsOut(group, month));
            }
        }
    }

    /// Markdowns on which the mix does not agree; returns the month's turnover at full price.
    fn consider_markdowns(&mut self, month: usize) -> f64 {
        let mut turnover = 1.0;
        for group in 0..self.grid.groups() {
            let cell = month * self.grid.groups() + group;
            let set = self.part.domain.markdowns[cell];
            let (level, square) = (self.averages.level[cell], self.averages.square[cell]);
            let price = self.grid.price(self.part.domain.promotions[month].trailing_zeros() as usize, group)[0];
            let size = 1.0 + self.averages.asked[cell].min(self.grid.stocks()[group]) * price;
            turnover += size;
            if set.count_ones() > 1 {
                let variance = (square - level * level).max(0.0);
                let spread = AGREED + variance * self.grid.scenario().markdown_step;
                self.consider(spread * size, Split::Markdown(cell, middle(set, level)));
            }
        }
        turnover
    }

    /// Spend and promotion on which the mix does not agree.
    fn consider_settings(&mut self, month: usize, turnover: f64) {
        let domain = &self.part.domain;
        for (set, shares, split) in [
            (domain.spends[month], &self.averages.spend[month], Split::Spend as fn(usize, usize) -> Split),
            (domain.promotions[month], &self.averages.promotion[month], Split::Promotion),
        ] {
            let most = bits(set).max_by(|one, other| shares[*one].total_cmp(&shares[*other]));
            if let Some(most) = most.filter(|_| set.count_ones() > 1) {
                let worth = turnover * (AGREED + DOUBT * (1.0 - shares[most]).max(0.0));
                if worth > self.best.0 {
                    self.best = (worth, Some(split(month, most)));
                }
            }
        }
    }
}

/// The level of a set after which to cut it, next to the mean; never the highest.
fn middle(set: u32, mean: f64) -> usize {
    let highest = 31 - set.leading_zeros() as usize;
    let lowest = set.trailing_zeros() as usize;
    bits(set).filter(|level| *level < highest && *level as f64 <= mean).last().unwrap_or(lowest)
}

/// Averages over a mix of plans of months.
struct Averages {
    /// Level by cell, and its square.
    level: Vec<f64>,
    square: Vec<f64>,
    /// Pieces by cell.
    sold: Vec<f64>,
    asked: Vec<f64>,
    /// Share of each value by month.
    spend: Vec<Vec<f64>>,
    promotion: Vec<Vec<f64>>,
}

impl Averages {
    fn of(grid: &Grid, bounder: &Bounder, months: &[(MonthPlan, f64)]) -> Self {
        let cells = grid.months() * grid.groups();
        let scenario = grid.scenario();
        let mut averages = Self {
            level: vec![0.0; cells],
            square: vec![0.0; cells],
            sold: vec![0.0; cells],
            asked: vec![0.0; cells],
            spend: vec![vec![0.0; scenario.spends.len()]; grid.months()],
            promotion: vec![vec![0.0; scenario.promotions.len()]; grid.months()],
        };
        for (plan, share) in months {
            averages.spend[plan.month][usize::from(plan.spend)] += share;
            averages.promotion[plan.month][usize::from(plan.promotion)] += share;
            for (group, asked) in bounder.asked(plan).into_iter().enumerate() {
                let (cell, level) = (plan.month * grid.groups() + group, f64::from(plan.markdowns[group]));
                averages.level[cell] += share * level;
                averages.square[cell] += share * level * level;
                averages.asked[cell] += share * asked;
                averages.sold[cell] += share * if plan.sells[group] { asked } else { 0.0 };
            }
        }
        averages
    }
}
