//! Why a column is chosen or not, and what must change for it to flip: read from the prices, one unit at a time.
//!
//! The prices explain nearly every choice. Where they do not, because units are whole and the last of a limit goes to
//! whom it fits, that is said too: such a choice has a margin to fall of 0 or less, or a regret of 0.

use super::super::calendar::{BLOCKED, Desk};
use super::super::problem::NONE;
use super::Case;
use super::regrets::{Pricing, Worth, force};

/// Halvings of a price in the search for the one at which a choice flips.
const HALVINGS: usize = 40;
/// Minor units below which a regret is none.
const EVEN: f64 = 1e-3;

/// What a column pays for a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// The limit.
    pub limit: usize,
    /// How much the column uses.
    pub amount: i64,
    /// What that costs at the price; below 0 where use is paid back.
    pub paid: f64,
}

/// What a column earns and what it pays at the prices.
#[derive(Clone, Debug, PartialEq)]
pub struct Margin {
    /// The column.
    pub column: u32,
    /// What it earns.
    pub value: i64,
    /// What it pays for limits.
    pub limits: Vec<Cost>,
    /// What it pays for pairs.
    pub pairs: f64,
    /// What it pays for its unit's stock, where that is short.
    pub stock: f64,
    /// What is left.
    pub left: f64,
}

/// Why a column is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// What it earns and pays.
    pub margin: Margin,
    /// The next-best column of the same unit and period and what is lost with it at the prices; below 0 when the prices
    /// alone would prefer it.
    pub option: Option<(u32, f64)>,
    /// The next-best calendar without the column; nothing when the column must be chosen.
    pub calendar: Option<Vec<u32>>,
    /// By how much the value may fall before the next-best calendar is better; nothing when the column must be chosen.
    /// 0 or less when the prices alone would not choose it: it fills what the limits leave.
    pub may_fall: Option<f64>,
}

/// A column that alone needs more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The caller's number of the column.
    pub option: u32,
    /// The limit that is too small; nothing for the unit's stock.
    pub limit: Option<usize>,
    /// What it needs.
    pub needed: i64,
    /// What there is.
    pub available: i64,
}

/// Why nothing is chosen for a unit in a period.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Nothing can be chosen there that earns something; with what is too large by itself.
    NoColumn(Vec<Obstacle>),
    /// The column earns nothing.
    WorthNothing,
    /// No calendar with it keeps the rules and the stock of the unit.
    Impossible,
    /// What it uses of limits is worth more elsewhere.
    Limits,
    /// Together with its partners it loses more than it is worth.
    Pairs,
    /// What it uses of the unit's stock is worth more in other periods.
    Stock,
    /// These columns of the unit, which it would displace, are worth more.
    Elsewhere(Vec<u32>),
    /// At the prices it is as good as what was chosen, but these limits have no room for it.
    NoRoom(Vec<usize>),
    /// At the prices it is as good as what was chosen.
    Even,
}

/// What must change for a column to be chosen, all else equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flip {
    /// By how much its value must rise.
    pub rise: f64,
    /// The limit that it pays most for and the price it has.
    pub limit: Option<(usize, f64)>,
    /// The price of that limit at which the column is as good as what was chosen; nothing when even a price of 0 is not
    /// low enough.
    pub price: Option<f64>,
}

/// A column with what must change for it to be chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Flipping {
    /// What it earns and pays.
    pub margin: Margin,
    /// What the bound loses if it is forced.
    pub regret: f64,
    /// What must change.
    pub flip: Flip,
    /// The best calendar with it.
    pub calendar: Vec<u32>,
}

/// Why nothing is chosen for a unit in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyNot {
    /// The unit.
    pub unit: usize,
    /// The period.
    pub period: usize,
    /// Why.
    pub cause: Cause,
    /// The column of the period that comes nearest to being chosen; nothing where none can be.
    pub nearest: Option<Flipping>,
}

impl Case<'_> {
    /// Says why a chosen column is chosen.
    pub fn why(&self, pricing: &Pricing, column: u32) -> Why {
        let (unit, period) = self.problem.cell_of(column);
        let mut desk = Desk::default();
        let with = pricing.with(column, &mut desk).map_or(BLOCKED, |worth| worth.value);
        let without = pricing.without(column, &mut desk);
        let others = self.problem.columns_at(unit, period).map(|other| other as u32).filter(|&other| other != column);
        let losses = others.filter_map(|other| Some((other, with - pricing.with(other, &mut desk)?.value)));
        let losses: Vec<(u32, f64)> = losses.collect();
        Why {
            margin: pricing.margin(column, &mut desk),
            option: losses.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)),
            may_fall: without.as_ref().map(|without| with - without.value),
            calendar: without.map(|without| without.columns),
        }
    }

    /// Says why nothing is chosen for a unit in a period. With a column given, why that one is not.
    pub fn why_not(&self, pricing: &Pricing, unit: usize, period: usize, column: Option<u32>) -> WhyNot {
        let mut desk = Desk::default();
        let asked = match column {
            Some(column) => column..column + 1,
            None => {
                let cell = self.problem.columns_at(unit, period);
                cell.start as u32..cell.end as u32
            }
        };
        let none = |cause| WhyNot { unit, period, cause, nearest: None };
        if asked.is_empty() {
            return none(Cause::NoColumn(self.obstacles(unit, period)));
        }
        let worths = asked.filter_map(|column| Some((column, pricing.with(column, &mut desk)?)));
        let worths: Vec<(u32, Worth)> = worths.collect();
        let nearest = worths.into_iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value).then(b.0.cmp(&a.0)));
        let (Some((column, with)), Some(best)) = (nearest, pricing.best(unit, &mut desk)) else {
            return none(Cause::Impossible);
        };
        let regret = (best.value - with.value).max(0.0);
        let margin = pricing.margin(column, &mut desk);
        let flip = pricing.flip(column, regret, &margin, &mut desk);
        let cause = self.cause(&margin, regret, &with.columns, &best.columns);
        WhyNot { unit, period, cause, nearest: Some(Flipping { margin, regret, flip, calendar: with.columns }) }
    }

    fn obstacles(&self, unit: usize, period: usize) -> Vec<Obstacle> {
        let here =
            self.problem.aside().iter().filter(|aside| (aside.unit as usize, aside.period as usize) == (unit, period));
        let stock = self.problem.supply(unit).map(|supply| supply.last().map_or(0, |last| last.1));
        let obstacles = here.flat_map(|aside| {
            let limits =
                aside.uses.iter().map(|&(limit, needed)| (Some(limit), needed, self.problem.limits()[limit].capacity));
            let stock = stock.map(|available| (None, aside.stock, available));
            let over = limits.chain(stock).filter(|&(_, needed, available)| needed > available);
            over.map(|(limit, needed, available)| Obstacle { option: aside.option, limit, needed, available })
        });
        obstacles.collect()
    }

    fn cause(&self, margin: &Margin, regret: f64, with: &[u32], best: &[u32]) -> Cause {
        let paid: f64 = margin.limits.iter().map(|cost| cost.paid).sum();
        let earned = margin.value as f64;
        if margin.value <= 0 && paid >= 0.0 && margin.pairs >= 0.0 {
            return Cause::WorthNothing;
        }
        if regret <= EVEN {
            let full = self.full(margin);
            return if full.is_empty() { Cause::Even } else { Cause::NoRoom(full) };
        }
        if earned <= paid {
            return Cause::Limits;
        }
        if earned <= paid + margin.pairs {
            return Cause::Pairs;
        }
        if margin.left <= 0.0 {
            return Cause::Stock;
        }
        let missing = |of: &[u32]| of.iter().copied().filter(|column| !with.contains(column)).collect::<Vec<u32>>();
        let (unit, _) = self.problem.cell_of(margin.column);
        let chosen = unit * self.problem.periods()..(unit + 1) * self.problem.periods();
        let chosen: Vec<u32> = self.solution.choice[chosen].iter().copied().filter(|&column| column != NONE).collect();
        let displaced = [missing(&chosen), missing(best)].into_iter().find(|columns| !columns.is_empty());
        displaced.map_or(Cause::Stock, Cause::Elsewhere)
    }

    /// Limits that have no room for the column beside the plan.
    fn full(&self, margin: &Margin) -> Vec<usize> {
        let used = self.used();
        let over = |cost: &&Cost| used[cost.limit] + cost.amount > self.problem.limits()[cost.limit].capacity;
        margin.limits.iter().filter(over).map(|cost| cost.limit).collect()
    }
}

impl Pricing<'_> {
    /// Returns what a column earns and pays.
    pub(super) fn margin(&self, column: u32, desk: &mut Desk) -> Margin {
        let problem = self.problem;
        let (unit, period) = problem.cell_of(column);
        let cost = |(limit, amount)| Cost { limit, amount, paid: self.prices.limits[limit] * amount as f64 };
        let mut limits: Vec<Cost> = problem.uses(column).map(cost).collect();
        limits.sort_by(|a, b| b.paid.total_cmp(&a.paid).then(a.limit.cmp(&b.limit)));
        let pairs = self.prices.charges.get(unit * problem.periods() + period).copied().unwrap_or(0.0);
        self.best(unit, desk);
        let stock = desk.stock_price * problem.stock_use(column) as f64;
        let value = problem.value(column);
        let left = value as f64 - limits.iter().map(|cost| cost.paid).sum::<f64>() - pairs - stock;
        Margin { column, value, limits, pairs, stock, left }
    }

    fn flip(&self, column: u32, regret: f64, margin: &Margin, desk: &mut Desk) -> Flip {
        let dearest = margin.limits.first().filter(|cost| cost.paid > 0.0);
        let limit = dearest.map(|cost| (cost.limit, self.prices.limits[cost.limit]));
        let price = limit.and_then(|(limit, price)| self.flip_price(column, limit, price, desk));
        Flip { rise: regret, limit, price }
    }

    /// A price of a limit, at or below the one it has, at which some best calendar of the unit has the column.
    fn flip_price(&self, column: u32, limit: usize, price: f64, desk: &mut Desk) -> Option<f64> {
        if self.regret_at(column, limit, 0.0, desk) > EVEN {
            return None;
        }
        let (mut low, mut high) = (0.0, price);
        if self.regret_at(column, limit, high, desk) <= EVEN {
            return Some(high);
        }
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            let even = self.regret_at(column, limit, middle, desk) <= EVEN;
            *(if even { &mut low } else { &mut high }) = middle;
            if high - low <= 1e-6 * price {
                break;
            }
        }
        Some(low)
    }

    /// The regret of a column if a limit had another price for its unit.
    fn regret_at(&self, column: u32, limit: usize, price: f64, desk: &mut Desk) -> f64 {
        let problem = self.problem;
        let cell = problem.cell_of(column);
        let cheaper = self.prices.limits[limit] - price;
        let reduce = |desk: &mut Desk| {
            self.reduce(cell.0, desk);
            for (worth, own) in desk.reduced.iter_mut().zip(problem.columns_of(cell.0)) {
                let used = problem.uses(own as u32).find(|(used, _)| *used == limit);
                *worth += cheaper * used.map_or(0, |(_, amount)| amount) as f64;
            }
        };
        reduce(desk);
        let best = super::regrets::best_on(problem, cell.0, desk).map_or(BLOCKED, |worth| worth.value);
        reduce(desk);
        force(problem, cell, column, desk).map_or(f64::INFINITY, |with| best - with.value)
    }
}
