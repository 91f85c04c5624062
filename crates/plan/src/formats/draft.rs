//! The weeks and depths of a promotion instance, from the formulas of the promotional-planning page or from a file of
//! expanded values, put into the problem.
//!
//! lift = base (alpha d + beta d²); value = (margin − d price) lift − Σ_j gamma_ij margin_j lift; cost = d price lift.
//! Value and cost are rounded to cents, units to whole units, half to even, in this order of operations.

use super::error::FormatError;
use super::order::{InOrder, Once};
use super::sheets::{Head, LARGEST, SKU, Sku, UNSEEN};
use super::table::Table;
use crate::solve::{Builder, Problem, ProblemError, Unit};
use std::io::Read;

/// What a SKU promoted in a week at a depth earns, costs and sells: cents, cents and units.
#[derive(Clone, Copy)]
struct Cell {
    value: i64,
    cost: i64,
    units: i64,
}

/// What a depth does to a SKU, whatever the week.
struct Rate {
    /// Extra units per unit of base.
    lift: f64,
    /// Margin per extra unit.
    margin: f64,
    /// Discount per extra unit.
    discount: f64,
    /// Substitutes' margin lost per extra unit.
    loss: f64,
}

impl Rate {
    fn of(sku: &Sku, depth: f64) -> Self {
        let discount = depth * sku.price;
        Self { lift: sku.lift(depth), margin: sku.margin - discount, discount, loss: sku.loss }
    }

    fn cell(&self, base: f64) -> Cell {
        let lift = base * self.lift;
        let value = self.margin * lift - self.loss * lift;
        let cost = self.discount * lift;
        let cents = |amount: f64| (amount * 100.0).round_ties_even() as i64;
        Cell { value: cents(value), cost: cents(cost), units: lift.round_ties_even() as i64 }
    }
}

/// The problem while it is put together.
pub(super) struct Draft<'a> {
    head: &'a Head,
    stock: &'a [Option<i64>],
    builder: Builder,
    budget: usize,
    slots: Vec<usize>,
}

impl<'a> Draft<'a> {
    /// Begins with the limits.
    pub fn begin(head: &'a Head, stock: &'a [Option<i64>]) -> Self {
        let mut builder = Builder::new(head.n_weeks);
        let budget = builder.limit("budget", head.budget_cents);
        let slots = head.slots.iter().enumerate();
        let slots = slots.map(|(week, &slots)| builder.limit(format!("slots w{week}"), slots)).collect();
        Self { head, stock, builder, budget, slots }
    }

    /// Ends the problem.
    pub fn end(self) -> Result<Problem, ProblemError> {
        self.builder.build()
    }

    /// Computes the cells from `base.csv`.
    pub fn computed(&mut self, skus: &[Sku], read: &mut dyn Read) -> Result<(), FormatError> {
        let mut table = Table::open("base.csv", read)?;
        let number = table.column("sku")?;
        let weeks = (0..self.head.n_weeks).map(|week| table.column(&format!("w{week}")));
        let weeks = weeks.collect::<Result<Vec<_>, _>>()?;
        let mut order = InOrder::new();
        while table.next()? {
            let sku = table.index(number, skus.len(), SKU)?;
            if order.has(sku) {
                return Err(table.wrong(number, UNSEEN));
            }
            let base = |&week| table.number(week, "0 to 1e12 units", |v| (0.0..=LARGEST).contains(&v));
            let base = weeks.iter().map(base).collect::<Result<Vec<_>, _>>()?;
            order.take(sku, base, |at, base| self.weeks(at, &skus[at], &base));
        }
        if order.awaited() < skus.len() { Err(self.head.no_row("base.csv", order.awaited())) } else { Ok(()) }
    }

    fn weeks(&mut self, number: usize, sku: &Sku, base: &[f64]) {
        let rates: Vec<Rate> = self.head.depths.iter().map(|&depth| Rate::of(sku, depth)).collect();
        self.sku(number);
        for (week, &base) in base.iter().enumerate() {
            for (depth, rate) in rates.iter().enumerate() {
                self.offer(week, depth, rate.cell(base));
            }
        }
    }

    fn sku(&mut self, number: usize) {
        self.builder.unit(Unit::simple(self.head.spacing, self.stock[number]));
    }

    /// Adds a promotion that earns something: under upper limits alone, no plan needs another.
    fn offer(&mut self, week: usize, depth: usize, cell: Cell) {
        if cell.value > 0 {
            let uses = [(self.budget, cell.cost), (self.slots[week], 1)];
            self.builder.column(week, depth as u32, cell.value, cell.units, &uses);
        }
    }

    /// Takes the cells from `triples.csv`: one row for each SKU, week and depth.
    pub fn expanded(&mut self, read: &mut dyn Read) -> Result<(), FormatError> {
        let head = self.head;
        let (weeks, depths) = (head.n_weeks, head.depths.len());
        let mut table = Table::open("triples.csv", read)?;
        let columns = table.columns(["sku", "week", "depth", "value_cents", "cost_cents", "units"])?;
        let mut order = InOrder::new();
        while table.next()? {
            let (at, cell) = triple(head, &table, columns)?;
            if order.has(at) {
                return Err(table.wrong(columns[2], "a depth that no row above gives for this SKU and week"));
            }
            order.take(at, cell, |at, cell| {
                if at % (weeks * depths) == 0 {
                    self.sku(at / depths / weeks);
                }
                self.offer(at / depths % weeks, at % depths, cell);
            });
        }
        let missing = order.awaited();
        if missing == head.n_skus * weeks * depths {
            return Ok(());
        }
        let (sku, week, depth) = (missing / depths / weeks, missing / depths % weeks, head.depths[missing % depths]);
        Err(FormatError::shape("triples.csv", format!("no row for SKU {sku}, week {week}, depth {depth}")))
    }

    /// Adds `pairs.csv`.
    pub fn pairs(&mut self, read: &mut dyn Read) -> Result<(), FormatError> {
        let mut table = Table::open("pairs.csv", read)?;
        let [first, second, penalty] = table.columns(["sku_i", "sku_j", "penalty_cents_per_week"])?;
        let mut once = Once::default();
        while table.next()? {
            let i = table.index(first, self.head.n_skus, SKU)?;
            let j = table.index(second, self.head.n_skus, SKU)?;
            if i == j {
                return Err(table.wrong(second, "another SKU than sku_i"));
            }
            once.note(i.min(j), i.max(j), table.line());
            self.builder.pair(i, j, table.whole(penalty, "whole cents, 0 or more", |v| v >= 0)?);
        }
        once.check("pairs.csv", "two SKUs")
    }
}

/// Number and content of a cell, SKU by SKU and week by week, from a row of `triples.csv`.
fn triple(head: &Head, table: &Table, columns: [usize; 6]) -> Result<(usize, Cell), FormatError> {
    let [sku, week, depth, value, cost, units] = columns;
    let at = table.index(sku, head.n_skus, SKU)? * head.n_weeks + table.index(week, head.n_weeks, "a week number")?;
    let share = table.number(depth, "a depth", |_| true)?;
    let known = head.depth(share).ok_or_else(|| table.wrong(depth, "one of the instance's depths"))?;
    let cell = Cell {
        value: table.whole(value, "whole cents", |_| true)?,
        cost: table.whole(cost, "whole cents, 0 or more", |v| v >= 0)?,
        units: table.whole(units, "whole units, 0 or more", |v| v >= 0)?,
    };
    Ok((at * head.depths.len() + known, cell))
}
