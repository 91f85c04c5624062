//! The end of the history, forecast from before it: what it teaches about how to forecast.
//!
//! Never part of an estimate of effects: those come from the whole history.

use crate::fit::{FitSettings, Fitted, Opinion};
use crate::forecast::{CellForecast, SkuHistory, histories, sku_cells};
use crate::held_out::HeldOutScore;
use crate::level::{Level, Memory};
use crate::opinions::{OPINIONS, Said, Shares, Tried};
use crate::prepare::{Evidence, Prepared};
use crate::recalibrate::Recalibration;
use crate::reconcile::{self, Paid};
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
    pub(crate) taught: Taught,
    /// Levels whose own forecasts pay.
    pub(crate) reconciled: Vec<Paid>,
    pub(crate) recalibration: Recalibration,
    pub(crate) together: Together,
    pub(crate) held_out: HeldOutScore,
}

/// A cell of the tail, forecast from before it.
#[derive(Clone)]
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

/// The end of a history, as seen from several origins in it.
pub(crate) struct Tail {
    pub(crate) span: Span,
    /// The history up to its end.
    pub(crate) known: Panel,
    origins: Vec<Span>,
    pub(crate) futures: Vec<Panel>,
}

/// What the cells of a tail teach of levels and opinions.
pub(crate) struct Taught {
    pub(crate) memories: [Memory; 2],
    pub(crate) shares: Shares,
}

impl Tail {
    pub(crate) fn of(known: Panel, span: Span) -> Self {
        let stride = (span.len() as i32 / ORIGINS).max(1);
        let origins: Vec<Span> = (0..ORIGINS)
            .map(|at| Span {
                start: span.start.plus(at * stride),
                end: span.start.plus((at + 2) * stride).min(span.end),
            })
            .filter(|span| !span.is_empty())
            .collect();
        let futures = origins.iter().map(|&span| known.within(span)).collect();
        Self { span, known, origins, futures }
    }

    /// Learns how levels are remembered and opinions shared, and forecasts the cells with both, origin by origin.
    pub(crate) fn taught(
        &self,
        trial: &Fitted,
        prepared: &Prepared,
        ahead: &[Prepared],
    ) -> (Taught, Vec<Vec<HeldOut>>) {
        let histories = Opinion::BOTH.map(|opinion| histories(trial, prepared, opinion));
        let origins = &self.origins;
        let memories = Opinion::BOTH.map(|by| best_memory(trial, &histories[by as usize], by, ahead, origins));
        let expected = Opinion::BOTH.map(|by| -> Vec<Vec<HeldOut>> {
            let cells = |(span, ahead): (&Span, &Prepared)| {
                held_out_cells(trial, ahead, (&histories[by as usize], by), &memories[by as usize], span.start.0)
            };
            origins.iter().zip(ahead).map(cells).collect()
        });
        let trees = trees_say(trial, prepared, origins, ahead, &expected[0]);
        let shares = best_shares(ahead, &expected, &trees);
        let [mut cells, predictive] = expected;
        for at in 0..origins.len() {
            for ((held, other), said) in cells[at].iter_mut().zip(&predictive[at]).zip(&trees[at]) {
                let item = trial.item(&ahead[at].panel.skus()[held.sku].sku);
                let item = item.expect("Invariant: only SKUs of the model are forecast");
                held.cell.blend(&shares, &other.cell, *said, (ahead[at].is_promoted(held.cell.row), item));
            }
        }
        (Taught { memories, shares }, cells)
    }
}

/// Learns from the tail what a fit on the periods before it could not know.
pub(crate) fn learn(trial: &Fitted, panel: &Panel, span: Span, settings: &FitSettings) -> Learnt {
    let tail = Tail::of(panel.within(Span { start: trial.lift.span.start, end: span.end }), span);
    let prepared = trial.frame.prepare(&tail.known);
    let ahead: Vec<Prepared> =
        tail.futures.iter().map(|future| trial.frame.prepare(future).follow(&prepared)).collect();
    let (taught, mut cells) = tail.taught(trial, &prepared, &ahead);
    let reconciled = reconcile::learn(trial, &tail, &ahead, &mut cells, settings);
    let recalibration = Recalibration::learn(&ahead, &cells);
    let together = Together::learn(trial, &ahead, &cells);
    let held_out = HeldOutScore::of(span, &ahead, &cells);
    Learnt { taught, reconciled, recalibration, together, held_out }
}

/// What the trees say of held-out cells, and how far they count there.
fn trees_say(
    trial: &Fitted,
    known: &Prepared,
    origins: &[Span],
    ahead: &[Prepared],
    cells: &[Vec<HeldOut>],
) -> Vec<Vec<(Said, f64)>> {
    let items = trial.items_of(known.panel);
    let of_origin = |((span, ahead), cells): ((&Span, &Prepared), &Vec<HeldOut>)| {
        let Some(boosted) = &trial.boosted else { return vec![(Said::NOTHING, 0.0); cells.len()] };
        let said = boosted.means(known, &items, trial.lift.dip_carry, span.start.0);
        let c = ahead.panel.columns();
        let of_cell = |held: &HeldOut| {
            let period = c.period[held.cell.row];
            let row = known.panel.row_of(held.sku, c.place[held.cell.row], period);
            (row.map_or(Said::NOTHING, |row| said[row]), boosted.trusted(period.0 - span.start.0 + 1))
        };
        cells.iter().map(of_cell).collect()
    };
    origins.iter().zip(ahead).zip(cells).map(of_origin).collect()
}

/// The shares of the opinions that err least on the held-out cells.
fn best_shares(ahead: &[Prepared], expected: &[Vec<Vec<HeldOut>>; 2], trees: &[Vec<(Said, f64)>]) -> Shares {
    let mut tried = Tried::default();
    for (at, ahead) in ahead.iter().enumerate() {
        for ((held, other), (said, _)) in expected[0][at].iter().zip(&expected[1][at]).zip(&trees[at]) {
            let row = held.cell.row;
            if shows_all_demand(ahead, row) {
                let means: [f64; OPINIONS] = [held.cell.mean, other.cell.mean, said.planned];
                tried.add(ahead.is_promoted(row), ahead.panel.columns().units[row], means);
            }
        }
    }
    tried.best()
}

/// Forecasts all cells of a future from the levels at its origin.
fn held_out_cells(
    trial: &Fitted,
    ahead: &Prepared,
    (histories, by): (&[SkuHistory], Opinion),
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
            let cells = sku_cells(ahead, sku, (item, by), trial.lift.dip_carry, level);
            cells.into_iter().map(|cell| HeldOut { sku, cell }).collect()
        })
        .collect();
    per_sku.into_iter().flatten().collect()
}

/// Chooses the memory of levels that forecasts the tail best, on an even sample of the SKUs.
fn best_memory(trial: &Fitted, histories: &[SkuHistory], by: Opinion, ahead: &[Prepared], origins: &[Span]) -> Memory {
    let candidates = Memory::candidates(trial.lift.span);
    let stride = histories.len().div_ceil(SKUS_SAMPLED).max(1);
    let sample: Vec<usize> = (0..histories.len()).step_by(stride).collect();
    let losses: Vec<Vec<f64>> = sample
        .into_par_iter()
        .map(|sku| {
            let mut sums = vec![0.0; candidates.len()];
            let spread = (trial.dispersion.cells + trial.dispersion.shock).max(SPREAD_MIN);
            for (prepared, span) in ahead.iter().zip(origins) {
                let cells = relative_cells(trial, prepared, sku, by);
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
    best.map_or(trial.memories[by as usize], |at| candidates[at])
}

/// Forecasts at level 1 of all cells of one SKU.
fn relative_cells(trial: &Fitted, ahead: &Prepared, sku: usize, by: Opinion) -> Vec<CellForecast> {
    let unit = Level { place: 0, level: 1.0, variance: 0.0 };
    let item = trial.item(&ahead.panel.skus()[sku].sku);
    item.map_or_else(Vec::new, |item| sku_cells(ahead, sku, (item, by), trial.lift.dip_carry, |_| (unit, None)))
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
