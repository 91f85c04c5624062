//! What the bound loses when a column is forced: the best calendar of its unit at the prices less the best one that
//! contains the column. No plan with the column earns more than the bound less its regret.
//!
//! Stock is priced for the calendar with the column, and the best calendar is one that was found, so that a regret may
//! be too small, never too large.
//!
//! # Source
//! Reduced costs of a shortest path by one pass from each end: Irnich, Desaulniers, Desrosiers and Hadjar (2010).

use super::super::calendar::{BLOCKED, Depth, Desk};
use super::super::graph::Graph;
use super::super::prices::Prices;
use super::super::problem::Problem;
use super::Case;
use super::bounds::{self, NODES, Priced};
use rayon::prelude::*;

/// A problem at its prices, to be asked about units and columns one by one.
#[derive(Clone, Debug)]
pub struct Pricing<'a> {
    /// The problem.
    pub(super) problem: &'a Problem,
    /// The prices.
    pub(super) prices: Prices,
    /// The same prices, with the bound that they prove.
    pub(super) priced: Priced,
}

/// A calendar of one unit and what it is worth at the prices.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worth {
    pub value: f64,
    pub columns: Vec<u32>,
}

impl<'a> Case<'a> {
    /// Prices the problem as the solution does.
    pub fn pricing(&self) -> Pricing<'a> {
        Pricing::at(self.problem, bounds::complete(self.problem, &self.solution.prices, self.interrupt))
    }
}

impl<'a> Pricing<'a> {
    /// Takes prices as they are.
    pub(super) fn at(problem: &'a Problem, priced: Priced) -> Self {
        let least = problem.limits().iter().zip(&priced.limits).filter(|(limit, _)| limit.least > 0);
        let back = least.map(|(_, price)| (-price).max(0.0));
        let most = priced.limits.iter().map(|price| price.max(0.0));
        let values: Vec<f64> = most.chain(back).chain(priced.pairs.iter().copied()).collect();
        Self { problem, prices: Prices::new(problem, &values), priced }
    }

    /// No plan earns more.
    pub fn bound(&self) -> i64 {
        self.priced.bound
    }

    /// Returns the price of each limit, below 0 where its least use binds.
    pub fn prices(&self) -> &[f64] {
        &self.priced.limits
    }

    /// Returns the most that a plan with a column of this regret can earn.
    pub fn ceiling(&self, regret: f64) -> i64 {
        if regret == f64::INFINITY { i64::MIN } else { self.bound() - (regret - 1e-3).floor().max(0.0) as i64 }
    }

    /// Returns the regret of every column of the problem; infinite where no calendar has it.
    pub fn regrets(&self) -> Vec<f64> {
        let units: Vec<Vec<f64>> = (0..self.problem.units())
            .into_par_iter()
            .map_init(Desk::default, |desk, unit| self.regrets_with(unit, desk))
            .collect();
        units.concat()
    }

    /// Returns the regret of every column of a unit; infinite where no calendar has it.
    pub fn regrets_of(&self, unit: usize) -> Vec<f64> {
        self.regrets_with(unit, &mut Desk::default())
    }

    fn regrets_with(&self, unit: usize, desk: &mut Desk) -> Vec<f64> {
        let problem = self.problem;
        self.reduce(unit, desk);
        let Some(best) = desk.best(problem, unit, Depth::Exact(NODES), 0.0, &[]) else {
            return vec![f64::INFINITY; problem.columns_of(unit).len()];
        };
        let price = desk.stock_price;
        let stocks = problem.stock_uses(problem.columns_of(unit));
        let worths: Vec<f64> =
            desk.reduced.iter().zip(stocks).map(|(r, &stock)| r - price * f64::from(stock)).collect();
        let unused = if price > 0.0 { price * total(problem, unit) as f64 } else { 0.0 };
        let (first, cells) = (problem.columns_of(unit).start as u32, problem.cells(unit));
        let cell = |period: usize| (cells[period] - first) as usize..(cells[period + 1] - first) as usize;
        let best_of: Vec<f64> =
            (0..problem.periods()).map(|period| worths[cell(period)].iter().copied().fold(BLOCKED, f64::max)).collect();
        let through = through(problem.graph(unit), &best_of);
        let mut regrets = Vec::with_capacity(worths.len());
        for (period, through) in through.iter().enumerate() {
            regrets.extend(worths[cell(period)].iter().map(|worth| (best.value - (through + worth + unused)).max(0.0)));
        }
        regrets
    }

    /// Puts into the desk what the columns of a unit are worth after paying the prices.
    pub(super) fn reduce(&self, unit: usize, desk: &mut Desk) {
        self.prices.reduce(self.problem, unit, &mut desk.reduced);
    }

    /// Returns the best calendar of a unit that keeps its stock.
    pub(super) fn best(&self, unit: usize, desk: &mut Desk) -> Option<Worth> {
        self.reduce(unit, desk);
        best_on(self.problem, unit, desk)
    }

    /// Returns the best calendar of a unit without a column.
    pub(super) fn without(&self, column: u32, desk: &mut Desk) -> Option<Worth> {
        let (unit, _) = self.problem.cell_of(column);
        self.reduce(unit, desk);
        desk.reduced[column as usize - self.problem.columns_of(unit).start] = BLOCKED;
        best_on(self.problem, unit, desk)
    }

    /// Returns the best calendar of a unit with a column.
    pub(super) fn with(&self, column: u32, desk: &mut Desk) -> Option<Worth> {
        let (unit, period) = self.problem.cell_of(column);
        self.reduce(unit, desk);
        force(self.problem, (unit, period), column, desk)
    }
}

/// The best calendar for the worths in the desk that has a column. A column that earns more than all else together is in
/// every best calendar that can have it.
pub(super) fn force(problem: &Problem, (unit, period): (usize, usize), column: u32, desk: &mut Desk) -> Option<Worth> {
    let first = problem.columns_of(unit).start;
    let bonus = 1.0 + 2.0 * desk.reduced.iter().filter(|worth| **worth > BLOCKED).map(|worth| worth.abs()).sum::<f64>();
    for other in problem.columns_at(unit, period) {
        desk.reduced[other - first] =
            if other as u32 == column { desk.reduced[other - first] + bonus } else { BLOCKED };
    }
    let best = best_on(problem, unit, desk)?;
    best.columns.contains(&column).then_some(Worth { value: best.value - bonus, ..best })
}

/// The best calendar for the worths in the desk.
pub(super) fn best_on(problem: &Problem, unit: usize, desk: &mut Desk) -> Option<Worth> {
    let best = desk.best(problem, unit, Depth::Exact(NODES), 0.0, &[])?;
    Some(Worth { value: best.value, columns: desk.low.clone() })
}

/// Stock of a unit in all; 0 without a limit.
pub(super) fn total(problem: &Problem, unit: usize) -> i64 {
    problem.supply(unit).and_then(|supply| supply.last()).map_or(0, |last| last.1)
}

/// Per period, the most that the rest of a calendar with a column there can be worth.
fn through(graph: &Graph, best_of: &[f64]) -> Vec<f64> {
    let count = graph.nodes.len();
    let mut after = vec![0.0; count + 2];
    after[count + 1] = BLOCKED;
    for (at, node) in graph.nodes.iter().enumerate().rev() {
        after[at] = after[node.off as usize].max(best_of[node.period as usize] + after[node.on as usize]);
    }
    let mut before = vec![BLOCKED; count + 2];
    before[graph.root as usize] = 0.0;
    let mut through = vec![BLOCKED; best_of.len()];
    for (at, node) in graph.nodes.iter().enumerate() {
        let (period, here) = (node.period as usize, before[at]);
        through[period] = through[period].max(here + after[node.on as usize]);
        before[node.off as usize] = before[node.off as usize].max(here);
        before[node.on as usize] = before[node.on as usize].max(here + best_of[period]);
    }
    through
}
