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
use crate::forecast::CellForecast;
use crate::prepare::{Evidence, Prepared};
use crate::tail::{HeldOut, shows_all_demand};
use serde::{Deserialize, Serialize};

/// Expected units that part the volume classes.
const VOLUMES: [f64; 4] = [1.0, 3.0, 8.0, 20.0];
/// Levels at which the map is kept.
const KNOTS: [f64; 15] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995];
/// Observations that the identity map is worth in a class.
const IDENTITY_WORTH: f64 = 60.0;

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
    /// Learns the map from held-out cells.
    pub(crate) fn learn(ahead: &[Prepared], cells: &[Vec<HeldOut>]) -> Self {
        let mut ranks: Vec<Vec<Rank>> = vec![Vec::new(); classes()];
        for (prepared, cells) in ahead.iter().zip(cells) {
            for (class, rank) in cells.iter().filter_map(|held| rank(prepared, &held.cell)) {
                ranks[class].push(rank);
            }
        }
        Self::of_ranks(ranks)
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

/// Class and rank of an observed cell; nothing where nothing can be said.
fn rank(ahead: &Prepared, cell: &CellForecast) -> Option<(usize, Rank)> {
    if cell.mean <= 0.0 || ahead.evidence[cell.row] == Evidence::Nothing {
        return None;
    }
    let value = middle_rank(cell.mean, cell.variance, ahead.panel.columns().units[cell.row]);
    let rank = Rank { value, in_stock: shows_all_demand(ahead, cell.row) };
    Some((class(ahead.is_promoted(cell.row), cell.mean), rank))
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
