//! Cells: the sales of an item at a place in a period, in the order of items, places and periods.

use super::{Doubts, Terms};
use crate::Loaded;
use crate::column::NO_WHOLE;
use std::ops::Range;

/// The sales of an item at a place in a period.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub sku: u32,
    pub place: u32,
    pub period: i32,
    /// Pieces, over all lines.
    pub units: f32,
    /// Log of the price without promotion over the price paid; NaN where a price is not known.
    pub cut: f32,
    /// Share of the selling time without stock.
    pub stockout: f32,
    /// Kinds of support and events that may raise sales.
    pub support: u8,
    /// Positions of its rows among the facts.
    pub rows: Range<u32>,
}

/// All cells, and where each series of an item at a place lies among them.
pub(crate) struct Cells {
    pub cells: Vec<Cell>,
    pub series: Vec<Range<usize>>,
}

impl Cells {
    /// Gathers the cells of sales, without rows that are in doubt already.
    pub fn of(sales: &Loaded, terms: &Terms<'_>, doubts: &Doubts) -> Self {
        let mut cells = gathered(sales, terms, doubts);
        cells.sort_unstable_by_key(|cell| (cell.sku, cell.place, cell.period));
        let mut series: Vec<Range<usize>> = vec![];
        for (at, cell) in cells.iter().enumerate() {
            match series.last_mut() {
                Some(of) if (cells[of.start].sku, cells[of.start].place) == (cell.sku, cell.place) => of.end = at + 1,
                _ => series.push(at..at + 1),
            }
        }
        Self { cells, series }
    }
}

fn gathered(sales: &Loaded, terms: &Terms<'_>, doubts: &Doubts) -> Vec<Cell> {
    let (skus, places, periods) = sales.keys("period");
    let units = sales.wholes("units");
    let (paid, list) = (sales.wholes("price"), sales.wholes("list_price"));
    let (ratio, stockout) = (sales.numbers("price_ratio"), sales.numbers("stockout_share"));
    let (feature, display) = (sales.flags("feature"), sales.flags("display"));
    let numbers = terms.beside.numbers(sales);
    let mut cells: Vec<Cell> = vec![];
    for (at, &row) in sales.rows.iter().enumerate() {
        if doubts.contains_key(&at) {
            continue;
        }
        let row = row as usize;
        let key = (skus[row], places[row], periods[row]);
        let cut = match (paid[row], list[row]) {
            (NO_WHOLE, _) => -ratio[row].ln() as f32,
            (paid, NO_WHOLE) => -(paid as f32).ln(),
            (paid, list) => (list as f32 / paid as f32).ln(),
        };
        let support = u8::from(feature[row] == 1) + u8::from(display[row] == 1);
        match cells.last_mut() {
            Some(cell) if (cell.sku, cell.place, cell.period) == key && cell.rows.end == at as u32 => {
                cell.units += units[row] as f32;
                cell.cut = cell.cut.max(cut);
                cell.support = cell.support.max(support);
                cell.stockout = cell.stockout.max(stockout[row] as f32);
                cell.rows.end += 1;
            }
            _ => cells.push(Cell {
                sku: key.0,
                place: key.1,
                period: key.2,
                units: units[row] as f32,
                cut,
                stockout: stockout[row] as f32,
                support,
                rows: at as u32..at as u32 + 1,
            }),
        }
    }
    for cell in &mut cells {
        cell.stockout = if cell.stockout.is_nan() { 0.0 } else { cell.stockout };
        let at = numbers.cell(cell.sku, cell.place, cell.period);
        cell.support += u8::from(terms.beside.promoted(at)) + u8::from(terms.beside.event(at.1, cell.period));
    }
    cells
}
