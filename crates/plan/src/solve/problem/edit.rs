//! A problem with a few changes: other limits, rules or stock, columns forbidden or added. Units that are not touched
//! are copied whole, so that a what-if on a large problem costs little more than a copy.
//!
//! Columns keep their unit, period and option, not their number. What the builder once left out as needless does not
//! come back: who forbids the columns that made others needless, asks for a least use where there was none, or requires
//! a period in which nothing is worth choosing, adds what may be chosen there.

use super::{Arrival, Builder, Limit, Problem, ProblemError, Rules, SetAside, Unit};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A column to be added to a unit and period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The caller's number within unit and period.
    pub option: u32,
    /// What it earns.
    pub value: i64,
    /// What it uses of its unit's stock.
    pub stock: i64,
    /// Limits that it uses, with the amounts.
    pub uses: Vec<(usize, i64)>,
}

/// Changes to one unit.
#[derive(Clone, Debug, Default)]
struct Changes {
    rules: Option<Rules>,
    stock: Option<Option<Vec<Arrival>>>,
    forbidden: BTreeSet<u32>,
    /// Periods in which columns that were set aside stay aside.
    closed: BTreeSet<usize>,
    added: Vec<(usize, Column)>,
    /// Further uses of columns: column, limit, amount.
    uses: Vec<(u32, usize, i64)>,
}

/// Changes to a problem, put together one by one; see the module.
#[derive(Clone, Debug)]
pub struct Edit<'a> {
    problem: &'a Problem,
    limits: Vec<Limit>,
    units: BTreeMap<usize, Changes>,
}

impl Problem {
    /// Begins a changed copy.
    pub fn edit(&self) -> Edit<'_> {
        Edit { problem: self, limits: self.limits.clone(), units: BTreeMap::new() }
    }

    /// Returns the problem with all that columns and pairs earn taken away, so that every plan is worth 0: a bound
    /// below 0 then proves that there is no plan.
    pub(in super::super) fn worthless(mut self) -> Self {
        self.values.fill(0);
        self.pairs.clear();
        self.partners.clear();
        self.partner_starts.fill(0);
        self
    }
}

impl Edit<'_> {
    /// Sets what must and what may be used of a limit.
    pub fn limit(&mut self, limit: usize, least: i64, capacity: i64) -> &mut Self {
        let changed = &mut self.limits[limit];
        (changed.least, changed.capacity) = (least, capacity);
        self
    }

    /// Adds a limit that columns of the problem use by one each and returns its number.
    pub fn count(&mut self, name: impl Into<String>, most: i64, columns: &[u32]) -> usize {
        let limit = self.limits.len();
        self.limits.push(Limit { name: name.into(), least: 0, capacity: most });
        for &column in columns {
            let (unit, _) = self.problem.cell_of(column);
            self.changes(unit).uses.push((column, limit, 1));
        }
        limit
    }

    /// Sets the calendar rules of a unit.
    pub fn rules(&mut self, unit: usize, rules: Rules) -> &mut Self {
        self.changes(unit).rules = Some(rules);
        self
    }

    /// Sets the stock of a unit; nothing for no limit.
    pub fn stock(&mut self, unit: usize, stock: Option<Vec<Arrival>>) -> &mut Self {
        self.changes(unit).stock = Some(stock);
        self
    }

    /// Makes a unit choose in a period, or leaves it free to.
    pub fn require(&mut self, unit: usize, period: usize, required: bool) -> &mut Self {
        let mut rules = self.rules_of(unit).clone();
        rules.required.retain(|&other| other != period);
        if required {
            rules.required.push(period);
        }
        self.rules(unit, rules)
    }

    /// Forbids a column.
    pub fn forbid(&mut self, column: u32) -> &mut Self {
        let (unit, _) = self.problem.cell_of(column);
        self.changes(unit).forbidden.insert(column);
        self
    }

    /// Forbids all columns of a unit in a period.
    pub fn close(&mut self, unit: usize, period: usize) -> &mut Self {
        let columns = self.problem.columns_at(unit, period);
        let changes = self.changes(unit);
        changes.closed.insert(period);
        changes.forbidden.extend(columns.map(|column| column as u32));
        self
    }

    /// Makes a unit choose a column.
    pub fn force(&mut self, column: u32) -> &mut Self {
        let (unit, period) = self.problem.cell_of(column);
        self.close(unit, period).changes(unit).forbidden.remove(&column);
        self.require(unit, period, true)
    }

    /// Adds a column to a unit and period; an option that is there already stays as it is.
    pub fn add(&mut self, unit: usize, period: usize, column: Column) -> &mut Self {
        let known =
            self.problem.columns_at(unit, period).any(|known| self.problem.option(known as u32) == column.option);
        let aside = self.problem.aside.iter();
        let aside = aside.filter(|aside| (aside.unit as usize, aside.period as usize) == (unit, period));
        if !known && aside.clone().all(|aside| aside.option != column.option) {
            self.changes(unit).added.push((period, column));
        }
        self
    }

    /// Ends the changed problem.
    ///
    /// # Errors
    /// [`ProblemError`] for the first change that makes no problem.
    pub fn build(&self) -> Result<Problem, ProblemError> {
        let problem = self.problem;
        let mut builder = Builder::like(problem);
        for limit in &self.limits {
            builder.range(limit.name.clone(), limit.least, limit.capacity);
        }
        let mut from = 0;
        for unit in self.touched() {
            builder.copy(problem, from..unit);
            self.rebuild(&mut builder, unit);
            from = unit + 1;
        }
        builder.copy(problem, from..problem.units());
        builder.build()
    }

    fn changes(&mut self, unit: usize) -> &mut Changes {
        self.units.entry(unit).or_default()
    }

    fn rules_of(&self, unit: usize) -> &Rules {
        let changed = self.units.get(&unit).and_then(|changes| changes.rules.as_ref());
        changed.unwrap_or_else(|| self.problem.rules(unit))
    }

    /// Units that are changed, have a column that no longer fits a limit alone, or one that may fit now.
    fn touched(&self) -> BTreeSet<usize> {
        let problem = self.problem;
        let mut touched: BTreeSet<usize> = self.units.keys().copied().collect();
        let changed = |limit: &usize| problem.limits[*limit].capacity != self.limits[*limit].capacity;
        let tighter = |limit: usize| self.limits[limit].capacity < problem.limits[limit].capacity;
        let grown = problem.aside.iter().filter(|aside| aside.uses.iter().any(|(limit, _)| changed(limit)));
        touched.extend(grown.map(|aside| aside.unit as usize));
        if (0..problem.limits.len()).any(tighter) {
            let over = |column: &u32| problem.uses(*column).any(|(limit, amount)| amount > self.limits[limit].capacity);
            let units =
                (0..problem.units()).filter(|&unit| problem.columns_of(unit).any(|column| over(&(column as u32))));
            touched.extend(units);
        }
        touched
    }

    fn rebuild(&self, builder: &mut Builder, unit: usize) {
        let (problem, none) = (self.problem, Changes::default());
        let changes = self.units.get(&unit).unwrap_or(&none);
        let arrivals = || problem.supply(unit).map(arrivals);
        let stock = changes.stock.clone().unwrap_or_else(arrivals);
        builder.unit(Unit { rules: self.rules_of(unit).clone(), stock });
        let mut uses: Vec<(usize, i64)> = Vec::new();
        for column in problem.columns_of(unit).map(|column| column as u32) {
            if changes.forbidden.contains(&column) {
                continue;
            }
            uses.clear();
            uses.extend(problem.uses(column));
            uses.extend(changes.uses.iter().filter(|used| used.0 == column).map(|&(_, limit, amount)| (limit, amount)));
            let period = problem.period_of(unit, column);
            builder.column(period, problem.option(column), problem.value(column), problem.stock_use(column), &uses);
        }
        for aside in set_aside(problem, unit..unit + 1) {
            if !changes.closed.contains(&(aside.period as usize)) {
                builder.column(aside.period as usize, aside.option, aside.value, aside.stock, &aside.uses);
            }
        }
        for (period, column) in &changes.added {
            builder.column(*period, column.option, column.value, column.stock, &column.uses);
        }
    }
}

/// What arrives by period, from what has arrived by each.
fn arrivals(supply: &[(u32, i64)]) -> Vec<Arrival> {
    let before = std::iter::once(0).chain(supply.iter().map(|&(_, sum)| sum));
    let arrival =
        |(&(period, sum), before): (&(u32, i64), i64)| Arrival { period: period as usize, amount: sum - before };
    supply.iter().zip(before).map(arrival).collect()
}

fn set_aside(problem: &Problem, units: Range<usize>) -> &[SetAside] {
    let before = |unit: usize| problem.aside.partition_point(|aside| (aside.unit as usize) < unit);
    &problem.aside[before(units.start)..before(units.end)]
}

impl Builder {
    /// Begins a problem with the periods, pairs and kinds of columns of another; limits and units follow.
    fn like(problem: &Problem) -> Self {
        let mut builder = Self::new(problem.periods);
        builder.problem.graphs.clone_from(&problem.graphs);
        builder.problem.patterns.clone_from(&problem.patterns);
        builder.problem.width = problem.width;
        builder.problem.pairs.clone_from(&problem.pairs);
        let graphs = problem.graphs.iter().zip(0..);
        builder.graph_numbers = graphs.map(|(graph, number)| (graph.rules.clone(), number)).collect();
        let patterns = problem.patterns.iter().cloned().zip(0..);
        builder.pattern_numbers = patterns.collect();
        let gains = problem.pairs.iter().filter(|pair| pair.penalty < 0);
        builder.gaining = gains.flat_map(|pair| [pair.first, pair.second]).collect();
        builder
    }

    /// Adds units of another problem as they are.
    fn copy(&mut self, from: &Problem, units: Range<usize>) {
        self.flush();
        let to = &mut self.problem;
        let cells = units.start * from.periods..units.end * from.periods;
        let columns = from.starts[cells.start] as usize..from.starts[cells.end] as usize;
        let (base, first) = (to.values.len() as u32, columns.start as u32);
        to.starts.extend(from.starts[cells.start + 1..=cells.end].iter().map(|start| start - first + base));
        to.graph_of.extend_from_slice(&from.graph_of[units.clone()]);
        to.stocked.extend_from_slice(&from.stocked[units.clone()]);
        to.aside.extend_from_slice(set_aside(from, units.clone()));
        let arrivals = from.supply_starts[units.start]..from.supply_starts[units.end];
        let base = to.supplies.len() as u32;
        let starts = &from.supply_starts[units.start + 1..=units.end];
        to.supply_starts.extend(starts.iter().map(|start| start - arrivals.start + base));
        to.supplies.extend_from_slice(&from.supplies[arrivals.start as usize..arrivals.end as usize]);
        to.values.extend_from_slice(&from.values[columns.clone()]);
        to.stocks.extend_from_slice(&from.stocks[columns.clone()]);
        to.options.extend_from_slice(&from.options[columns.clone()]);
        to.pattern_of.extend_from_slice(&from.pattern_of[columns.clone()]);
        if to.width == from.width {
            to.amounts.extend_from_slice(&from.amounts[columns.start * from.width..columns.end * from.width]);
        } else {
            for column in columns {
                to.amounts.extend_from_slice(from.amounts(column));
                to.amounts.resize(to.amounts.len() + to.width - from.width, 0);
            }
        }
    }
}
