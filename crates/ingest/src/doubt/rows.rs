//! Rows that are too many pieces: single quantities far above what the item usually sells at the place.

use super::cells::{Cell, Cells};
use super::grid::{Grid, ONE};
use super::{Doubts, Terms, doubt};
use crate::Loaded;

/// What a price cut may raise sales by: an elasticity that few items exceed.
const ELASTICITY: f32 = 4.0;
/// What each unusual kind of support, a holiday or another event may raise sales by, in logs: twice.
const SUPPORT: f32 = 0.7;
/// What few pieces add to how much they may be multiplied by chance, in logs.
const FEW: f32 = 0.8;
/// Smallest change of a price that is a cut, in logs.
const CUT_MIN: f32 = 0.03;
/// What may happen to an item at most of its places without a price or support that explains it, in logs: three times.
const EVERYWHERE_MAX: f32 = 1.1;
/// Part of the selling time without stock that lost sales are counted for.
const STOCKOUT_COUNTED: f32 = 0.9;

/// Finds them.
pub(super) fn find(sales: &Loaded, cells: &Cells, grid: &Grid, terms: &Terms<'_>, doubts: &mut Doubts) {
    let units = sales.wholes("units");
    for (at, cell) in cells.cells.iter().enumerate() {
        let Some((usual, most)) = allowed(cell, at, grid, terms) else { continue };
        if cell.units <= most {
            continue;
        }
        // Of several lines the largest are in doubt, until the others can be right.
        let mut lines: Vec<usize> = cell.rows.clone().map(|row| row as usize).collect();
        lines.sort_by_key(|&row| std::cmp::Reverse(units[sales.rows[row] as usize]));
        let mut left = cell.units;
        for row in lines {
            if left <= most {
                break;
            }
            left -= units[sales.rows[row] as usize] as f32;
            doubt(doubts, row, "too many", || {
                format!(
                    "{} pieces: {usual:.0} are usual here around this time, and at most {most:.0} likely; release it if that many were sold",
                    cell.units
                )
            });
        }
    }
}

/// Pieces that are usual and the most that are likely; nothing where the history does not tell.
fn allowed(cell: &Cell, at: usize, grid: &Grid, terms: &Terms<'_>) -> Option<(f32, f32)> {
    let rules = terms.rules;
    let series = grid.series_of[at] as usize;
    let in_stock = (1.0 - STOCKOUT_COUNTED * cell.stockout).max(0.1);
    let usual = grid.expected[at] * in_stock;
    let spread = grid.spread[series];
    if usual.is_nan() || spread.is_nan() {
        return None;
    }
    let chance = (spread.powi(2) + 1.0 / (usual + ONE)).sqrt();
    let times = (rules.times_max as f32).ln() + FEW / (usual + ONE);
    let plain = (rules.deviations_max as f32 * chance).min(times);
    let known = lift_allowed(cell, grid.series_of[at], grid);
    let everywhere = grid.everywhere(cell);
    let lift = known.max(if known > 0.0 { everywhere } else { everywhere.min(EVERYWHERE_MAX) });
    let most = (usual + ONE) * (plain + lift).exp() - ONE;
    Some((usual, most.max(usual + rules.pieces_min as f32)))
}

/// What a price below the usual one, more support than usual, a holiday or an event may raise sales by, in logs.
pub(super) fn lift_allowed(cell: &Cell, series: u32, grid: &Grid) -> f32 {
    let cut = cell.cut - grid.usual_cut[series as usize];
    let cut = if cut > CUT_MIN { ELASTICITY * cut } else { 0.0 };
    cut + SUPPORT * f32::from(cell.support.saturating_sub(grid.usual_support[series as usize]))
}
