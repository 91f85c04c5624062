//! Replays: the same sales delivered again, under other line numbers, another date or another place.
//!
//! What is delivered again word for word never comes here: it is a duplicate of its own key.

use super::cells::Cells;
use super::grid::{Grid, ONE};
use super::{Doubts, Terms, doubt};
use crate::Loaded;
use crate::intake::origin;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Lines of one place and period that a replay has at least.
const LINES_MIN: usize = 8;
/// Share of lines that are the same in both.
const SAME_MIN: f64 = 0.9;
/// How telling equal quantities must be, in logs: the chance that two days are the same is about one in as many.
const TELLING_MIN: f32 = 18.0;

/// Finds them.
pub(super) fn find(sales: &Loaded, cells: &Cells, grid: &Grid, terms: &Terms<'_>, doubts: &mut Doubts) {
    under_other_lines(sales, cells, grid, doubts);
    under_another_day(sales, cells, grid, terms, doubts);
}

/// Item, pieces and price of a line.
type Line = (u32, i64, i64);

/// A line with its number in its source and its position among the facts.
type Placed = (u64, usize, Line);

/// Lines that came together, with their source.
type Batch<'a> = (usize, &'a [Placed]);

/// A place's lines of a period that come again with other line numbers, from another source or the same one.
fn under_other_lines(sales: &Loaded, cells: &Cells, grid: &Grid, doubts: &mut Doubts) {
    let (skus, units, prices) = (sales.ids("sku"), sales.wholes("units"), sales.wholes("price"));
    for day in &grid.days {
        let of = |at: &u32| &cells.cells[*at as usize];
        let day = &grid.by_day[day.clone()];
        let rows: usize = day.iter().map(|at| of(at).rows.len()).sum();
        if rows < 2 * LINES_MIN || rows == day.len() {
            continue;
        }
        let mut by_source: BTreeMap<usize, Vec<Placed>> = BTreeMap::new();
        for position in day.iter().flat_map(|at| of(at).rows.clone()) {
            let row = sales.rows[position as usize] as usize;
            let (source, number) = origin(sales.origins[row]);
            let line = (skus[row], units[row], prices[row]);
            by_source.entry(source).or_default().push((number, position as usize, line));
        }
        for lines in by_source.values_mut() {
            lines.sort_unstable();
        }
        let batches: Vec<Batch> = match by_source.len() {
            1 => by_source.iter().flat_map(|(&source, lines)| halves(source, lines)).collect(),
            _ => by_source.iter().map(|(&source, lines)| (source, lines.as_slice())).collect(),
        };
        for (number, (_, later)) in batches.iter().enumerate() {
            let Some((source, _)) = batches[..number].iter().find(|(_, earlier)| same(earlier, later)) else {
                continue;
            };
            let name = &sales.sources[*source].name;
            for (_, position, _) in *later {
                doubt(doubts, *position, "replayed", || {
                    format!("the lines of this place and period came before, in {name}, under other numbers")
                });
            }
        }
    }
}

fn halves(source: usize, lines: &[Placed]) -> Vec<Batch<'_>> {
    let (first, second) = lines.split_at(lines.len() / 2);
    vec![(source, first), (source, second)]
}

/// Whether two batches hold the same lines but for few.
fn same(a: &[Placed], b: &[Placed]) -> bool {
    if a.len().min(b.len()) < LINES_MIN {
        return false;
    }
    let mut left: HashMap<Line, u32> = HashMap::new();
    for (_, _, line) in a {
        *left.entry(*line).or_default() += 1;
    }
    let mut both = 0;
    for (_, _, line) in b {
        if let Some(count) = left.get_mut(line).filter(|count| **count > 0) {
            *count -= 1;
            both += 1;
        }
    }
    f64::from(both) >= SAME_MIN * a.len().max(b.len()) as f64
}

/// All quantities of a place and period that stand there again for another period or place.
fn under_another_day(sales: &Loaded, cells: &Cells, grid: &Grid, terms: &Terms<'_>, doubts: &mut Doubts) {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut order: Vec<usize> = (0..grid.days.len()).collect();
    let first = |day: usize| &cells.cells[grid.by_day[grid.days[day].start] as usize];
    order.sort_by_key(|&day| (first(day).period, misfit(cells, grid, day).to_bits(), day));
    for day in order {
        let sold: Vec<(u32, u32)> = sold(cells, grid, day).collect();
        let telling: f32 = sold.iter().map(|(_, units)| (*units as f32 + ONE).ln()).sum();
        if sold.len() < LINES_MIN || telling < TELLING_MIN || sold.iter().all(|(_, units)| *units == sold[0].1) {
            continue;
        }
        let mut hasher = DefaultHasher::new();
        sold.hash(&mut hasher);
        let before = *seen.entry(hasher.finish()).or_insert(day);
        if before == day || !self::sold(cells, grid, before).eq(sold.iter().copied()) {
            continue;
        }
        let (place, period) = (first(before).place, terms.calendar.format(endcap_model::Period(first(before).period)));
        let place = &sales.texts_of("place")[place as usize];
        for &at in &grid.by_day[grid.days[day].clone()] {
            for row in cells.cells[at as usize].rows.clone() {
                doubt(doubts, row as usize, "replayed", || {
                    format!(
                        "all {} quantities are those of {place} in {period}: sent again under another name",
                        sold.len()
                    )
                });
            }
        }
    }
}

fn sold<'a>(cells: &'a Cells, grid: &'a Grid, day: usize) -> impl Iterator<Item = (u32, u32)> + 'a {
    let cell = |&at: &u32| &cells.cells[at as usize];
    let day = grid.by_day[grid.days[day].clone()].iter().map(cell);
    day.filter(|cell| cell.units > 0.0).map(|cell| (cell.sku, cell.units as u32))
}

/// How far the quantities of a place and period lie from what they usually are; 3 for those without a history.
pub(super) fn misfit(cells: &Cells, grid: &Grid, day: usize) -> f32 {
    let day = &grid.by_day[grid.days[day].clone()];
    let of = |&at: &u32| {
        let residual = grid.residual(cells, at as usize).abs();
        if residual.is_nan() { 3.0 } else { residual.min(3.0) }
    };
    day.iter().map(of).sum::<f32>() / day.len() as f32
}
