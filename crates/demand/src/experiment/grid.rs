//! The sales of some items together, by place and period: what a test compares.
//!
//! A cell counts when every item that the place carries was on sale; units are taken per whole period on sale, and
//! a cell that was mostly out of stock says nothing.

use super::arm::{Arm, Done};
use crate::prepare::ON_SALE_MIN;
use endcap_model::{Panel, Period, Span};

/// One place and period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    /// Units per whole period on sale.
    pub(crate) rate: f64,
    /// Share of the period on sale, by which the rate is weighed.
    pub(crate) on_sale: f64,
    pub(crate) done: Done,
    pub(crate) state: State,
}

/// What a cell can be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// No row, or not of all items that the place carries.
    #[default]
    Missing,
    /// Out of stock for too long.
    OutOfStock,
    /// Sold for a known share of the period.
    OnSale,
}

/// Cells of all places, each place's periods in order.
pub(crate) struct Grid {
    pub(crate) span: Span,
    pub(crate) places: usize,
    cells: Vec<Cell>,
    /// Mean list price over the rows.
    pub(crate) list_price: f64,
    /// Per period: mean sales of the places that were on sale, by which weeks of any season and offer become alike.
    chain: Vec<f64>,
}

impl Grid {
    /// Adds up the sales of these items of a panel; nothing when they have no rows.
    pub(crate) fn of(panel: &Panel, skus: &[usize]) -> Option<Self> {
        let span = panel.span()?;
        let places = panel.places().len();
        let cells = vec![Cell::default(); places * span.len()];
        let mut grid = Self { span, places, cells, list_price: 0.0, chain: vec![] };
        let mut seen = vec![0usize; grid.cells.len()];
        let mut carried = vec![0usize; places];
        let mut rows = 0usize;
        for &sku in skus {
            for series in panel.series_of(sku) {
                carried[panel.columns().place[series.start] as usize] += 1;
                for row in series {
                    let at = grid.at(panel.columns().place[row] as usize, panel.columns().period[row]);
                    grid.cells[at].add(panel, row, seen[at]);
                    seen[at] += 1;
                    grid.list_price += panel.columns().base_price[row];
                    rows += 1;
                }
            }
        }
        grid.list_price /= rows.max(1) as f64;
        for (at, cell) in grid.cells.iter_mut().enumerate() {
            if seen[at] < carried[at / span.len()] {
                *cell = Cell::default();
            }
        }
        grid.chain = span.iter().map(|period| grid.chain_mean(period)).collect();
        (rows > 0).then_some(grid)
    }

    fn chain_mean(&self, period: Period) -> f64 {
        let cells: Vec<Cell> = (0..self.places).filter_map(|place| self.on_sale(place, period)).collect();
        cells.iter().map(|cell| cell.rate).sum::<f64>() / cells.len().max(1) as f64
    }

    fn at(&self, place: usize, period: Period) -> usize {
        place * self.span.len() + (period.0 - self.span.start.0) as usize
    }

    /// Returns a cell; a missing one outside the history.
    pub(crate) fn cell(&self, place: usize, period: Period) -> Cell {
        if self.span.contains(period) { self.cells[self.at(place, period)] } else { Cell::default() }
    }

    /// Returns a cell that was on sale.
    pub(crate) fn on_sale(&self, place: usize, period: Period) -> Option<Cell> {
        Some(self.cell(place, period)).filter(|cell| cell.state == State::OnSale)
    }

    /// Returns a cell that was on sale at the usual terms.
    pub(crate) fn usual(&self, place: usize, period: Period, control: Arm) -> Option<Cell> {
        self.on_sale(place, period).filter(|cell| control.matches(control, cell.done))
    }

    /// Returns a cell's sales over those of the chain in its period; nothing where the chain sold nothing.
    pub(crate) fn index(&self, place: usize, period: Period) -> Option<(Cell, f64)> {
        let cell = self.on_sale(place, period)?;
        let chain = self.chain[(period.0 - self.span.start.0) as usize];
        (chain > 0.0).then(|| (cell, cell.rate / chain))
    }
}

impl Cell {
    /// Adds a row of the item that is the `earlier`-th of its cell.
    fn add(&mut self, panel: &Panel, row: usize, earlier: usize) {
        let c = panel.columns();
        let on_sale = 1.0 - c.stockout_share[row];
        let usable = on_sale >= ON_SALE_MIN && (earlier == 0 || self.state == State::OnSale);
        self.state = if usable { State::OnSale } else { State::OutOfStock };
        self.rate += if usable { c.units[row] / on_sale } else { 0.0 };
        self.on_sale = if earlier == 0 { on_sale } else { self.on_sale.min(on_sale) };
        let done =
            Done { depth: 1.0 - c.price[row] / c.base_price[row], feature: c.feature[row], display: c.display[row] };
        let share = 1.0 / (earlier + 1) as f64;
        self.done.depth += share * (done.depth - self.done.depth);
        self.done.feature += share * (done.feature - self.done.feature);
        self.done.display += share * (done.display - self.done.display);
    }
}
