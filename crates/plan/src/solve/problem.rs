//! The problem: units that choose at most one column per period, under calendar rules of their own and limits that all
//! units share.
//!
//! Everything is whole numbers. Columns that no plan needs are left out when the problem is built: worth nothing in a
//! period where nothing asks for them, or no better than another of the same unit and period in value, stock and every
//! limit. Columns that are alone over a limit or over the unit's stock are set aside.

mod builder;
mod edit;

pub use builder::Builder;
pub use edit::{Column, Edit};

use super::graph::{Graph, Rules};
use std::ops::Range;

/// No column.
pub const NONE: u32 = u32::MAX;

/// Something that all units share: in all, at least `least` and at most `capacity` must be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Name for people.
    pub name: String,
    /// How much must be used; 0 for no such rule.
    pub least: i64,
    /// How much there is.
    pub capacity: i64,
}

/// Stock that comes in a period and stays until it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The period; 0 for what is there at the beginning.
    pub period: usize,
    /// How much.
    pub amount: i64,
}

/// One decision maker: at most one column per period, under its own rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// When it may choose.
    pub rules: Rules,
    /// What its columns may use of its own stock: in every period no more than has arrived and is not used yet. Nothing
    /// for no limit.
    pub stock: Option<Vec<Arrival>>,
}

impl Unit {
    /// A unit with spacing alone and a stock that is there from the beginning.
    pub fn simple(spacing: usize, stock: Option<i64>) -> Self {
        let stock = stock.map(|amount| vec![Arrival { period: 0, amount }]);
        Self { rules: Rules { spacing, ..Rules::default() }, stock }
    }
}

/// Which limits a column uses: some by an amount of its own, some by one each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    /// Limits used by one.
    pub ones: Vec<u32>,
    /// Limits used by the column's own amounts, in the order of the amounts.
    pub varying: Vec<u32>,
}

/// What two units lose in every period in which both have a column; below 0, what they gain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// One unit.
    pub first: u32,
    /// The other.
    pub second: u32,
    /// Lost per period with both.
    pub penalty: i64,
}

/// The other side of a pair, as one unit sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The other unit.
    pub unit: u32,
    /// Which pair this is.
    pub pair: u32,
    /// Lost per period with both.
    pub penalty: i64,
}

/// A column that cannot be chosen, because it alone needs more than there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetAside {
    pub unit: u32,
    pub period: u32,
    pub option: u32,
    pub value: i64,
    pub stock: i64,
    pub uses: Vec<(usize, i64)>,
}

/// A whole problem; see the module.
#[derive(Clone, Debug)]
pub struct Problem {
    periods: usize,
    limits: Vec<Limit>,
    graphs: Vec<Graph>,
    /// Graph of each unit.
    graph_of: Vec<u32>,
    /// Arrivals of each unit with stock, summed up to each period: `(period, stock so far)`, rising.
    supplies: Vec<(u32, i64)>,
    supply_starts: Vec<u32>,
    stocked: Vec<bool>,
    /// Start of the columns of each unit and period, `units x periods + 1`.
    starts: Vec<u32>,
    values: Vec<i64>,
    stocks: Vec<u32>,
    options: Vec<u16>,
    pattern_of: Vec<u32>,
    patterns: Vec<Pattern>,
    /// Amounts of the limits that vary, `width` per column.
    amounts: Vec<i64>,
    width: usize,
    aside: Vec<SetAside>,
    pairs: Vec<Pair>,
    partner_starts: Vec<u32>,
    partners: Vec<Partner>,
}

/// A problem that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemError {
    /// A number outside its range.
    #[error("{what} of {at} is {found}: expected {expected}")]
    Value {
        /// The number.
        what: &'static str,
        /// Whose.
        at: String,
        /// What it is.
        found: i64,
        /// What would have been taken.
        expected: &'static str,
    },
    /// A column names a limit that there is not.
    #[error("a column of unit {unit} uses limit {limit}, but there are {limits}")]
    UnknownLimit {
        /// The unit.
        unit: usize,
        /// The limit named.
        limit: usize,
        /// Number of limits.
        limits: usize,
    },
    /// The same option twice in a unit and period.
    #[error("unit {unit} has option {option} twice in period {period}: give every column of a unit and period its own")]
    Twice {
        /// The unit.
        unit: usize,
        /// The period.
        period: usize,
        /// The option.
        option: u32,
    },
    /// Rules that remember too much to be searched.
    #[error("the calendar rules of unit {unit} remember too much: use shorter windows, or fewer of them")]
    Rules {
        /// The unit.
        unit: usize,
    },
    /// More columns than 32 bits can number.
    #[error("the problem has more than 4 thousand million columns")]
    TooLarge,
}

impl Problem {
    /// Returns the number of periods.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// Returns the number of units.
    pub fn units(&self) -> usize {
        self.graph_of.len()
    }

    /// Returns the limits.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Returns the pairs.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Returns the number of columns that a plan could use.
    pub fn columns(&self) -> usize {
        self.values.len()
    }

    /// Returns the calendar rules of a unit.
    pub fn rules(&self, unit: usize) -> &Rules {
        &self.graph(unit).rules
    }

    /// Returns all calendars that the rules of a unit allow.
    pub(super) fn graph(&self, unit: usize) -> &Graph {
        &self.graphs[self.graph_of[unit] as usize]
    }

    pub(super) fn graphs(&self) -> &[Graph] {
        &self.graphs
    }

    /// Returns whether the rules of a unit leave no calendar.
    pub(super) fn has_no_calendar(&self, unit: usize) -> bool {
        self.graph(unit).root == self.graph(unit).dead()
    }

    /// Returns whether a calendar, columns of the unit by period, keeps the unit's rules and stock.
    pub(super) fn allows(&self, unit: usize, calendar: &[u32]) -> bool {
        let in_time = |supply: &[(u32, i64)]| {
            let mut used = 0;
            calendar.iter().all(|&column| {
                used += self.stock_use(column);
                let period = self.period_of(unit, column) as u32;
                let arrived = supply[..supply.partition_point(|arrival| arrival.0 <= period)].last();
                used <= arrived.map_or(0, |arrival| arrival.1)
            })
        };
        let periods = calendar.iter().map(|&column| self.period_of(unit, column));
        self.graph(unit).allows(periods) && self.supply(unit).is_none_or(in_time)
    }

    /// Returns the stock of a unit that has arrived by each period in which some arrives, rising; nothing without a
    /// limit on stock.
    pub fn supply(&self, unit: usize) -> Option<&[(u32, i64)]> {
        let range = self.supply_starts[unit] as usize..self.supply_starts[unit + 1] as usize;
        self.stocked[unit].then(|| &self.supplies[range])
    }

    /// Returns the numbers of the columns of a unit.
    pub fn columns_of(&self, unit: usize) -> Range<usize> {
        self.starts[unit * self.periods] as usize..self.starts[(unit + 1) * self.periods] as usize
    }

    /// Returns the numbers of the columns of a unit in a period.
    pub fn columns_at(&self, unit: usize, period: usize) -> Range<usize> {
        let at = unit * self.periods + period;
        self.starts[at] as usize..self.starts[at + 1] as usize
    }

    /// Returns the unit and the period of a column.
    pub fn cell_of(&self, column: u32) -> (usize, usize) {
        let cell = self.starts.partition_point(|&start| start <= column) - 1;
        (cell / self.periods, cell % self.periods)
    }

    /// Returns the period of a column of a unit.
    pub(super) fn period_of(&self, unit: usize, column: u32) -> usize {
        self.cells(unit).partition_point(|&start| start <= column) - 1
    }

    /// Returns what a column earns.
    pub fn value(&self, column: u32) -> i64 {
        self.values[column as usize]
    }

    /// Returns what a column uses of its unit's stock.
    pub fn stock_use(&self, column: u32) -> i64 {
        self.stocks[column as usize].into()
    }

    /// Returns the caller's number of a column within its unit and period.
    pub fn option(&self, column: u32) -> u32 {
        self.options[column as usize].into()
    }

    /// Returns the limits that a column uses, with the amounts.
    pub fn uses(&self, column: u32) -> impl Iterator<Item = (usize, i64)> + '_ {
        let column = column as usize;
        let pattern = &self.patterns[self.pattern_of[column] as usize];
        let amounts = &self.amounts[column * self.width..];
        let varying = pattern.varying.iter().zip(amounts).map(|(&limit, &amount)| (limit as usize, amount));
        pattern.ones.iter().map(|&limit| (limit as usize, 1)).chain(varying)
    }

    pub(super) fn values(&self, columns: Range<usize>) -> &[i64] {
        &self.values[columns]
    }

    pub(super) fn stock_uses(&self, columns: Range<usize>) -> &[u32] {
        &self.stocks[columns]
    }

    /// Starts of the cells of a unit, `periods + 1`.
    pub(super) fn cells(&self, unit: usize) -> &[u32] {
        &self.starts[unit * self.periods..=(unit + 1) * self.periods]
    }

    pub(super) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    pub(super) fn pattern_of(&self, column: usize) -> u32 {
        self.pattern_of[column]
    }

    /// Amounts of the varying limits of a column.
    pub(super) fn amounts(&self, column: usize) -> &[i64] {
        &self.amounts[column * self.width..(column + 1) * self.width]
    }

    /// Returns the units that a unit shares a pair with.
    pub fn partners(&self, unit: usize) -> &[Partner] {
        &self.partners[self.partner_starts[unit] as usize..self.partner_starts[unit + 1] as usize]
    }

    /// Returns the columns that are alone over a limit or a stock.
    pub(super) fn aside(&self) -> &[SetAside] {
        &self.aside
    }
}
