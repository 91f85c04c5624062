//! The end of the history, forecast from before it: what it teaches about how to forecast.
//!
//! Never part of an estimate of effects: those come from the whole history.

use crate::boosted::{Boosted, Said, Tried};
use crate::fit::Fitted;
use crate::forecast::{CellForecast, SkuHistory, histories, sku_cells};
use crate::level::{Level, Memory};
use crate::prepare::{Evidence, Prepared};
use crate::recalibrate::Recalibration;
use crate::sums::Together;
use endcap_model::{Panel, Span};
use rayon::prelude::*;

/// Fewest periods of history before a tail can be held out.
const HISTORY_MIN: usize = 24;
/// Origins inside the tail.
const ORIGINS: i32 = 3;
/// Least relative variance that the choice of a memory reckons with, so that single large cells do not decide it.
const SPREAD_MIN: f64 = 0.1;
/// SKUs on which the memory of levels is chosen.
const SKUS_SAMPLED: usize = 150;
/// Share of the time on sale from which sales show all demand.
const ALL_DAY: f64 = 0.97;

/// What a held-out tail taught.
pub(crate) struct Learnt {
    pub(crate) memory: Memory,
    pub(crate) tried: Tried,
    pub(crate) recalibration: Recalibration,
    pub(crate) together: Together,
}

/// A cell of the tail, forecast from before it.
pub(crate) struct HeldOut {
    pub(crate) sku: usize,
    pub(crate) cell: CellForecast,
}

/// Returns the tail to hold out, or nothing where the history is too short: a quarter, at most 42 periods.
pub(crate) fn held_out(span: Span) -> Option<Span> {
    let periods = span.len();
    let tail = (periods / 4).min(42) as i32;
    (periods >= HISTORY_MIN).then(|| Span { start: span.end.plus(-tail), end: span.end })
}

/// Whether a row's sales show all of its demand.
pub(crate) fn shows_all_demand(prepared: &Prepared, row: usize) -> bool {
    prepared.evidence[row] == Evidence::Counted && prepared.exposure[row] >= ALL_DAY
}

/// Learns from the tail what a fit on the periods before it could not know.
pub(crate) fn learn(trial: &mut Fitted, panel: &Panel, tail: Span) -> Learnt {
    let known = panel.within(Span { start: trial.lift.span.start, end: tail.end });
    let frame = trial.frame.clone();
    let prepared = frame.prepare(&known);
    let histories = histories(trial, &prepared);
    let stride = (tail.len() as i32 / ORIGINS).max(1);
    let origins: Vec<Span> = (0..ORIGINS)
        .map(|at| Span { start: tail.start.plus(at * stride), end: tail.start.plus((at + 2) * stride).min(tail.end) })
        .filter(|span| !span.is_empty())
        .collect();
    let futures: Vec<Panel> = origins.iter().map(|&span| known.within(span)).collect();
    let ahead: Vec<Prepared> = futures.iter().map(|future| frame.prepare(future).follow(&prepared)).collect();
    let memory = best_memory(trial, &histories, &ahead, &origins);
    let at_each = origins.iter().zip(&ahead);
    let mut cells: Vec<Vec<HeldOut>> =
        at_each.map(|(span, ahead)| held_out_cells(trial, ahead, &histories, &memory, span.start.0)).collect();
    let tried = match trial.boosted.take() {
        Some(boosted) => take_second_opinion(boosted, trial, &prepared, &origins, &ahead, &mut cells),
        None => Tried::default(),
    };
    let recalibration = Recalibration::learn(&ahead, &cells);
    let together = Together::learn(trial, &ahead, &cells);
    Learnt { memory, tried, recalibration, together }
}

/// Finds the shares of the trees that err least on the tail, and blends what they say into its cells.
fn take_second_opinion(
    boosted: Boosted,
    trial: &Fitted,
    known: &Prepared,
    origins: &[Span],
    ahead: &[Prepared],
    cells: &mut [Vec<HeldOut>],
) -> Tried {
    let items = trial.items_of(known.panel);
    let said: Vec<Vec<Said>> = origins.iter().map(|span| boosted.means(known, &items, span.start.0)).collect();
    let trees = |at: usize, held: &HeldOut| {
        let c = ahead[at].panel.columns();
        let row = known.panel.row_of(held.sku, c.place[held.cell.row], c.period[held.cell.row]);
        row.map_or(Said::NOTHING, |row| said[at][row])
    };
    let mut tried = Tried::default();
    for (at, cells) in cells.iter().enumerate() {
        for held in cells.iter().filter(|held| shows_all_demand(&ahead[at], held.cell.row)) {
            let row = held.cell.row;
            let expected = (held.cell.mean, trees(at, held).planned);
            tried.add(ahead[at].is_promoted(row), ahead[at].panel.columns().units[row], expected);
        }
    }
    let boosted = boosted.with_shares(&tried);
    for (at, cells) in cells.iter_mut().enumerate() {
        for held in cells {
            let period = ahead[at].panel.columns().period[held.cell.row].0;
            let seen = (&ahead[at], period - origins[at].start.0 + 1);
            let said = trees(at, held);
            let item = items[held.sku].expect("Invariant: only SKUs of the model are forecast");
            held.cell.blend(&boosted, said, seen, item);
        }
    }
    tried
}

/// Forecasts all cells of a future from the levels at its origin.
fn held_out_cells(
    trial: &Fitted,
    ahead: &Prepared,
    histories: &[SkuHistory],
    memory: &Memory,
    origin: i32,
) -> Vec<HeldOut> {
    let nothing = Level { place: u32::MAX, level: 0.0, variance: 0.0 };
    let per_sku: Vec<Vec<HeldOut>> = (0..ahead.panel.skus().len())
        .into_par_iter()
        .map(|sku| {
            let Some(item) = trial.item(&ahead.panel.skus()[sku].sku) else { return Vec::new() };
            let levels = histories[sku].levels(memory, origin);
            let level = |place| (level_of(&levels, place).unwrap_or(nothing), None);
            let cells = sku_cells(ahead, sku, item, trial.lift.dip_carry, level);
            cells.into_iter().map(|cell| HeldOut { sku, cell }).collect()
        })
        .collect();
    per_sku.into_iter().flatten().collect()
}

/// Chooses the memory of levels that forecasts the tail best, on an even sample of the SKUs.
fn best_memory(trial: &Fitted, histories: &[SkuHistory], ahead: &[Prepared], origins: &[Span]) -> Memory {
    let candidates = Memory::candidates(trial.lift.span);
    let stride = histories.len().div_ceil(SKUS_SAMPLED).max(1);
    let sample: Vec<usize> = (0..histories.len()).step_by(stride).collect();
    let losses: Vec<Vec<f64>> = sample
        .into_par_iter()
        .map(|sku| {
            let mut sums = vec![0.0; candidates.len()];
            let spread = (trial.dispersion.cells + trial.dispersion.shock).max(SPREAD_MIN);
            for (prepared, span) in ahead.iter().zip(origins) {
                let cells = relative_cells(trial, prepared, sku);
                let long = histories[sku].base.long_levels(span.start.0);
                for (sum, memory) in sums.iter_mut().zip(&candidates) {
                    let levels = histories[sku].base.recent_levels(memory, span.start.0, &long);
                    *sum += cells.iter().map(|cell| loss(prepared, cell, spread, &levels)).sum::<f64>();
                }
            }
            sums
        })
        .collect();
    let total = |at: usize| losses.iter().map(|sums| sums[at]).sum::<f64>();
    let best = (0..candidates.len()).min_by(|&a, &b| total(a).total_cmp(&total(b)));
    best.map_or(trial.memory, |at| candidates[at])
}

/// Forecasts at level 1 of all cells of one SKU.
fn relative_cells(trial: &Fitted, ahead: &Prepared, sku: usize) -> Vec<CellForecast> {
    let unit = Level { place: 0, level: 1.0, variance: 0.0 };
    let item = trial.item(&ahead.panel.skus()[sku].sku);
    item.map_or_else(Vec::new, |item| sku_cells(ahead, sku, item, trial.lift.dip_carry, |_| (unit, None)))
}

/// Negative-binomial log loss of one cell's mean, without the part that no level changes.
fn loss(ahead: &Prepared, cell: &CellForecast, spread: f64, levels: &[Level]) -> f64 {
    let c = ahead.panel.columns();
    let Some(level) = level_of(levels, c.place[cell.row]) else { return 0.0 };
    if ahead.evidence[cell.row] != Evidence::Counted {
        return 0.0;
    }
    let mean = (level.level * cell.mean * ahead.exposure[cell.row]).max(1e-6);
    let units = c.units[cell.row];
    (units + 1.0 / spread) * (mean + 1.0 / spread).ln() - units * mean.ln()
}

fn level_of(levels: &[Level], place: u32) -> Option<Level> {
    levels.iter().find(|level| level.place == place).copied()
}
