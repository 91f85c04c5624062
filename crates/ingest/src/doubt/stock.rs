//! Sales of more than there was: opening stock and receipts bound what can be sold, where facts have counts.

use super::cells::Cells;
use super::{Doubts, Terms, doubt};
use crate::Loaded;

/// Cells that must be checkable before the equation says anything.
const CELLS_MIN: usize = 50;
/// Share of checkable cells that may break the equation: above it the counts themselves are at fault.
const BROKEN_MAX: f64 = 0.05;
/// Pieces beyond what was there that a miscount explains.
const SLACK: i64 = 5;

/// Finds them: stock at the end of the period before, and what arrived, is the most that can have been sold.
pub(super) fn find(sales: &Loaded, cells: &Cells, terms: &Terms<'_>, doubts: &mut Doubts) {
    if terms.beside.on_hand.is_empty() {
        return;
    }
    let numbers = terms.beside.numbers(sales);
    let (mut checked, mut broken) = (0, vec![]);
    for (at, cell) in cells.cells.iter().enumerate() {
        let key = numbers.cell(cell.sku, cell.place, cell.period);
        let (Some(&opening), Some(&closing)) =
            (terms.beside.on_hand.get(&(key.0, key.1, key.2 - 1)), terms.beside.on_hand.get(&key))
        else {
            continue;
        };
        checked += 1;
        let there = opening + terms.beside.receipts.get(&key).copied().unwrap_or(0);
        let sold = there - closing;
        let slack = SLACK.max(there / 10);
        if cell.units as i64 > there + slack && (cell.units as i64 - sold).abs() > slack {
            broken.push((at, there, sold));
        }
    }
    if checked < CELLS_MIN || broken.len() as f64 > BROKEN_MAX * checked as f64 {
        return;
    }
    for (at, there, sold) in broken {
        let cell = &cells.cells[at];
        for row in cell.rows.clone() {
            doubt(doubts, row as usize, "stock", || {
                format!(
                    "{} pieces sold where {there} were there and stock fell by {sold}: more than there was",
                    cell.units
                )
            });
        }
    }
}
