//! Quantiles that hold: levels of the model's quantiles are mapped to levels at which the held-out tail was covered.
//!
//! On the tail of the history, forecast from before it, every observation has a rank in its own forecast
//! distribution. Were the distributions right, ranks would be uniform; the map from levels to the ranks' own quantiles,
//! by promoted or not and by volume, makes them so. Where stock ran out, the rank of what was sold is only a lower
//! bound of the demand's rank; the ranks' distribution is therefore the product-limit estimate. Taking only the cells in
//! stock would choose those of low demand and give quantiles that are too low to order by.
//!
//! Sources: Kuleshov, Fenner and Ermon (2018), algorithm 1; Czado, Gneiting and Held (2009) for ranks of counts; Kaplan
//! and Meier (1958) for the product-limit estimate.

use crate::distribution::middle_rank;
use crate::fit::Fitted;
use crate::forecast::{CellForecast, SkuHistory, histories, sku_cells};
use crate::level::{Level, Memory};
use crate::prepare::{Evidence, Prepared};
use endcap_model::{Panel, Span};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Fewest periods of history before a tail can be held out.
const HISTORY_MIN: usize = 24;
/// Origins inside the tail.
const ORIGINS: i32 = 3;
/// Least relative variance that the choice of a memory reckons with, so that single large cells do not decide it.
const SPREAD_MIN: f64 = 0.1;
/// SKUs on which the memory of levels is chosen.
const SKUS_SAMPLED: usize = 150;
/// Expected units that part the volume classes.
const VOLUMES: [f64; 4] = [1.0, 3.0, 8.0, 20.0];
/// Levels at which the map is kept.
const KNOTS: [f64; 15] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995];
/// Observations that the identity map is worth in a class.
const IDENTITY_WORTH: f64 = 60.0;
/// Share of the time on sale from which sales show all demand.
const ALL_DAY: f64 = 0.97;

/// Rank of what a cell sold in its forecast distribution; a lower bound of its demand's rank where stock ran out.
#[derive(Clone, Copy, Debug)]
struct Rank {
    value: f64,
    in_stock: bool,
}

/// Per class of cells: model levels at the knots. Empty means that quantiles are taken as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recalibration {
    /// Levels at which the map is kept.
    pub knots: Vec<f64>,
    /// First unpromoted, then promoted classes, each by rising volume.
    pub classes: Vec<Vec<f64>>,
    /// Observations behind each class.
    pub observations: Vec<usize>,
}

impl Recalibration {
    /// Returns the tail to hold out, or nothing where the history is too short: a quarter, at most 42 periods.
    pub(crate) fn held_out(span: Span) -> Option<Span> {
        let periods = span.len();
        let tail = (periods / 4).min(42) as i32;
        (periods >= HISTORY_MIN).then(|| Span { start: span.end.plus(-tail), end: span.end })
    }

    /// Learns the map, and the memory of levels that forecasts the tail best, from a fit on what came before it.
    pub(crate) fn learn(trial: &Fitted, panel: &Panel, tail: Span) -> (Self, Memory) {
        let known = panel.within(Span { start: trial.lift.span.start, end: tail.end });
        let prepared = trial.frame.prepare(&known);
        let histories = histories(trial, &prepared);
        let stride = (tail.len() as i32 / ORIGINS).max(1);
        let origins: Vec<Span> = (0..ORIGINS)
            .map(|at| Span {
                start: tail.start.plus(at * stride),
                end: tail.start.plus((at + 2) * stride).min(tail.end),
            })
            .filter(|span| !span.is_empty())
            .collect();
        let futures: Vec<Panel> = origins.iter().map(|&span| known.within(span)).collect();
        let ahead: Vec<Prepared> = futures.iter().map(|future| trial.frame.prepare(future)).collect();
        let memory = best_memory(trial, &histories, &ahead, &origins);
        let mut ranks: Vec<Vec<Rank>> = vec![Vec::new(); classes()];
        for (at, span) in origins.iter().enumerate() {
            let found: Vec<Vec<(usize, Rank)>> = (0..panel.skus().len())
                .into_par_iter()
                .map(|sku| sku_ranks(trial, &ahead[at], sku, &histories[sku].levels(&memory, span.start.0)))
                .collect();
            found.into_iter().flatten().for_each(|(class, rank)| ranks[class].push(rank));
        }
        (Self::of_ranks(ranks), memory)
    }

    fn of_ranks(mut ranks: Vec<Vec<Rank>>) -> Self {
        let map = |class: &mut Vec<Rank>| {
            let n = class.iter().filter(|rank| rank.in_stock).count() as f64;
            let steps = product_limit(class);
            KNOTS
                .iter()
                .map(|&level| (n * inverse(&steps, level) + IDENTITY_WORTH * level) / (n + IDENTITY_WORTH))
                .collect()
        };
        let classes = ranks.iter_mut().map(map).collect();
        Self { knots: KNOTS.to_vec(), classes, observations: ranks.iter().map(Vec::len).collect() }
    }

    /// Returns the level at which to read the model's quantile so that it holds at `level`.
    pub(crate) fn level(&self, promoted: bool, mean: f64, level: f64) -> f64 {
        let Some(map) = self.classes.get(class(promoted, mean)) else { return level };
        let at = self.knots.partition_point(|&knot| knot < level);
        let point = |at: usize| (self.knots[at], map[at]);
        let ((x0, y0), (x1, y1)) = match at {
            0 => ((0.0, 0.0), point(0)),
            at if at == self.knots.len() => (point(at - 1), (1.0, 1.0)),
            at => (point(at - 1), point(at)),
        };
        (y0 + (y1 - y0) * (level - x0) / (x1 - x0)).clamp(1e-4, 1.0 - 1e-4)
    }
}

fn classes() -> usize {
    2 * (VOLUMES.len() + 1)
}

fn class(promoted: bool, mean: f64) -> usize {
    let volume = VOLUMES.partition_point(|&bound| bound <= mean);
    if promoted { VOLUMES.len() + 1 + volume } else { volume }
}

/// Distribution function of the ranks: rising pairs of rank and probability, from (0, 0) to (1, 1).
fn product_limit(ranks: &mut [Rank]) -> Vec<(f64, f64)> {
    ranks.sort_by(|a, b| a.value.total_cmp(&b.value).then(b.in_stock.cmp(&a.in_stock)));
    let mut steps = vec![(0.0, 0.0)];
    let mut beyond = 1.0;
    for (at, rank) in ranks.iter().enumerate().filter(|(_, rank)| rank.in_stock) {
        let at_risk = (ranks.len() - at) as f64;
        steps.push((rank.value, 1.0 - beyond * (1.0 - 0.5 / at_risk)));
        beyond *= 1.0 - 1.0 / at_risk;
    }
    steps.push((1.0, 1.0));
    steps
}

/// Rank at which a distribution function reaches a level.
fn inverse(steps: &[(f64, f64)], level: f64) -> f64 {
    let at = steps.partition_point(|step| step.1 < level).clamp(1, steps.len() - 1);
    let ((x0, y0), (x1, y1)) = (steps[at - 1], steps[at]);
    if y1 > y0 { x0 + (x1 - x0) * (level - y0) / (y1 - y0) } else { x1 }
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

/// Class and rank of every observed cell of one SKU.
fn sku_ranks(trial: &Fitted, ahead: &Prepared, sku: usize, levels: &[Level]) -> Vec<(usize, Rank)> {
    let c = ahead.panel.columns();
    let Some(item) = trial.item(&ahead.panel.skus()[sku].sku) else { return Vec::new() };
    let nothing = Level { place: u32::MAX, level: 0.0, variance: 0.0 };
    let cells =
        sku_cells(ahead, sku, item, trial.lift.dip_carry, |place| (level_of(levels, place).unwrap_or(nothing), None));
    cells
        .iter()
        .filter(|cell| cell.mean > 0.0 && ahead.evidence[cell.row] != Evidence::Nothing)
        .map(|cell| {
            let in_stock = ahead.evidence[cell.row] == Evidence::Counted && ahead.exposure[cell.row] >= ALL_DAY;
            let value = middle_rank(cell.mean, cell.variance, c.units[cell.row]);
            (class(ahead.is_promoted(cell.row), cell.mean), Rank { value, in_stock })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even ranks of which every other one is only known to lie above a half of itself.
    fn ranks(censored: bool) -> Vec<Rank> {
        let rank = |at: usize| {
            let value = (at as f64 + 0.5) / 2_000.0;
            let cut = 0.37 + 0.6 * ((at * 7_919 % 2_000) as f64 / 2_000.0);
            let in_stock = !censored || value <= cut;
            Rank { value: if in_stock { value } else { cut }, in_stock }
        };
        (0..2_000).map(rank).collect()
    }

    #[test]
    fn ranks_cut_short_by_empty_shelves_still_show_even_ranks() {
        for censored in [false, true] {
            let steps = product_limit(&mut ranks(censored));
            for level in [0.05, 0.25, 0.5, 0.75] {
                assert!(
                    (inverse(&steps, level) - level).abs() < 0.04,
                    "{censored} {level}: {}",
                    inverse(&steps, level)
                );
            }
        }
    }

    #[test]
    fn levels_rise_through_the_map_and_stay_inside() {
        let narrow: Vec<Rank> = ranks(false).into_iter().map(|r| Rank { value: r.value * r.value, ..r }).collect();
        let recalibration = Recalibration::of_ranks(vec![narrow; classes()]);
        let mapped: Vec<f64> = (1..100).map(|at| recalibration.level(true, 5.0, f64::from(at) / 100.0)).collect();
        assert!(mapped.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(mapped.iter().all(|level| *level > 0.0 && *level < 1.0));
        assert!((mapped[49] - 0.25).abs() < 0.02, "{}", mapped[49]);
        assert_eq!(Recalibration::default().level(true, 5.0, 0.9), 0.9);
    }
}
