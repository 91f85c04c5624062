//! Reconciliation: forecasts of sums teach the forecasts of their cells.
//!
//! Sums are forecast twice: by adding up their cells, and by the same model fitted to the sum as if it were an item. Cells are
//! then moved so that the error of all has the least trace that the held-out tail shows to be possible (minimum trace:
//! Wickramasuriya, Athanasopoulos and Hyndman 2019). The full covariance of a retail hierarchy has more entries than there are
//! observations, so it is given a structure (their variance scaling; Schäfer and Strimmer 2005 for the shrinking): what a
//! sum's forecast lacks is shared by its cells in proportion to their means, and sums of a level have one weight,
//! `cov(error, difference) / var(difference)`, learnt on the tail and drawn to 0. Levels follow each other from fine to
//! coarse, each on what the ones before left. A level that does not pay on the tail is not used. Items over their places and
//! tiers are tried: groups, places and the chain mix items whose prices have no common response, and were measured to forecast
//! worse by themselves than their cells do.
//!
//! Only cells are ever published, and sums are their sums, so that everything is coherent; moves are factors, so that nothing
//! turns negative. Never a source of effects: a lift is what it was before.

mod aggregate;

pub use aggregate::SumLevel;

use crate::fit::{FitSettings, Fitted, fit_uncalibrated};
use crate::forecast::{CellForecast, expected};
use crate::prepare::{Evidence, Prepared};
use crate::tail::{HeldOut, Tail, Taught};
use aggregate::Sums;
use endcap_model::Panel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest factor by which one level moves a cell, and one over the smallest.
const MOVE_MAX: f64 = 3.0;
/// Fewest sums that say how much sums of their level are to be trusted.
const NODES_MIN: usize = 8;
/// Standard errors that a weight must lie above 0.
const BEYOND_CHANCE: f64 = 2.0;

/// How forecasts of sums and of their cells are brought together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reconcile {
    /// Forecasts of sums move those of their cells, at the levels where that pays on the held-out tail.
    #[default]
    Mint,
    /// Sums are what their cells come to.
    BottomUp,
}

/// A level whose sums are forecast by themselves, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reconciled {
    /// What is summed.
    pub level: SumLevel,
    /// How far cells follow the forecasts of their sums, of 1.
    pub weight: f64,
    /// The model of the sums.
    model: Fitted,
}

/// Sum and period.
type Node = (u32, i32);

/// What a sum is expected to sell by itself, and the share of its usual sales that is asked for.
type Direct = BTreeMap<Node, (f64, f64)>;

impl Reconciled {
    /// Moves the forecasts of the cells of a plan.
    pub(crate) fn apply(&self, history: &Panel, future: &Panel, fitted: &Fitted, cells: &mut [CellForecast]) {
        let Some(sums) = Sums::of(history, self.level) else { return };
        let (past, ahead) = (sums.panel(history), sums.panel(future));
        let (past_prepared, prepared) = (self.model.frame.prepare(&past), self.model.frame.prepare(&ahead));
        let prepared = prepared.follow(&past_prepared);
        let c = ahead.columns();
        let direct: Direct = expected(&self.model, (&past, &past_prepared), (&ahead, &prepared))
            .into_iter()
            .map(|cell| ((c.sku[cell.row], c.period[cell.row].0), (cell.mean, prepared.exposure[cell.row])))
            .collect();
        let nodes = sums.of_rows(future);
        let node = |cell: &CellForecast| Some((nodes[cell.row]?, future.columns().period[cell.row].0));
        let mut bottom_up: BTreeMap<Node, f64> = BTreeMap::new();
        for cell in cells.iter() {
            if let Some(node) = node(cell) {
                *bottom_up.entry(node).or_default() += cell.mean;
            }
        }
        for cell in cells {
            let item = fitted.item(&future.skus()[future.columns().sku[cell.row] as usize].sku);
            let known = node(cell).and_then(|node| Some((bottom_up[&node], *direct.get(&node)?)));
            if let (Some((sum, direct)), Some(item)) = (known, item) {
                cell.scale(factor(self.weight, sum, direct), item);
            }
        }
    }
}

/// By what the cells of a sum move, from what they come to, what it is expected to sell by itself and the share of it that
/// is asked for. A sum of which only a part is asked for says less of it.
fn factor(weight: f64, bottom_up: f64, (direct, share): (f64, f64)) -> f64 {
    if bottom_up > 0.0 && direct.is_finite() {
        (1.0 + weight * share * (share * direct / bottom_up - 1.0)).clamp(1.0 / MOVE_MAX, MOVE_MAX)
    } else {
        1.0
    }
}

/// How a level did on the tail.
pub(crate) struct Paid {
    level: SumLevel,
    weight: f64,
    taught: Taught,
}

/// A sum of the tail: what it sold, what its cells and its own model expected, and the share that was on sale.
struct Seen {
    at: usize,
    node: Node,
    units: f64,
    bottom_up: f64,
    direct: f64,
    share: f64,
}

/// Finds the levels that pay on the tail and moves its cells.
pub(crate) fn learn(
    trial: &Fitted,
    tail: &Tail,
    ahead: &[Prepared],
    cells: &mut [Vec<HeldOut>],
    settings: &FitSettings,
) -> Vec<Paid> {
    if settings.reconcile == Reconcile::BottomUp {
        return Vec::new();
    }
    SumLevel::ALL.into_iter().filter_map(|level| try_level(level, trial, tail, ahead, cells, settings)).collect()
}

fn try_level(
    level: SumLevel,
    trial: &Fitted,
    tail: &Tail,
    ahead: &[Prepared],
    cells: &mut [Vec<HeldOut>],
    settings: &FitSettings,
) -> Option<Paid> {
    let sums = Sums::of(&tail.known.within(trial.lift.span), level).filter(|sums| sums.len() >= NODES_MIN)?;
    let known = sums.panel(&tail.known);
    let model = fit_uncalibrated(&known.within(trial.lift.span), trial.lift.span, settings, &|| (), false)?;
    let of_sums = Tail::of(known, tail.span);
    let prepared = model.frame.prepare(&of_sums.known);
    let sums_ahead: Vec<Prepared> =
        of_sums.futures.iter().map(|future| model.frame.prepare(future).follow(&prepared)).collect();
    let (taught, direct) = of_sums.taught(&model, &prepared, &sums_ahead);
    let nodes: Vec<Vec<Option<u32>>> = ahead.iter().map(|ahead| sums.of_rows(ahead.panel)).collect();
    let seen = seen((&sums_ahead, &direct), (ahead, cells), &nodes);
    let weight = weigh(&seen)?;
    move_cells(weight, trial, &seen, (ahead, cells), &nodes);
    Some(Paid { level, weight, taught })
}

/// Puts what the cells of the tail come to beside what their sums were expected to sell.
fn seen(
    (sums_ahead, direct): (&[Prepared], &[Vec<HeldOut>]),
    (ahead, cells): (&[Prepared], &[Vec<HeldOut>]),
    nodes: &[Vec<Option<u32>>],
) -> Vec<Seen> {
    let mut seen = Vec::new();
    for at in 0..ahead.len() {
        let mut bottom_up: BTreeMap<Node, f64> = BTreeMap::new();
        let c = ahead[at].panel.columns();
        for held in cells[at].iter().filter(|held| ahead[at].evidence[held.cell.row] == Evidence::Counted) {
            let row = held.cell.row;
            if let Some(node) = nodes[at][row] {
                *bottom_up.entry((node, c.period[row].0)).or_default() += ahead[at].exposure[row] * held.cell.mean;
            }
        }
        let (prepared, c) = (&sums_ahead[at], sums_ahead[at].panel.columns());
        for HeldOut { cell, .. } in &direct[at] {
            let node = (c.sku[cell.row], c.period[cell.row].0);
            let counted = prepared.evidence[cell.row] == Evidence::Counted;
            if let Some(&bottom_up) = bottom_up.get(&node).filter(|sum| counted && **sum > 0.0) {
                let (units, share) = (c.units[cell.row], prepared.exposure[cell.row]);
                seen.push(Seen { at, node, units, bottom_up, direct: cell.mean, share });
            }
        }
    }
    seen
}

/// The weight of the forecasts of sums that leaves the least squared error, drawn to 0 by what chance alone would give;
/// nothing where it is not beyond chance.
///
/// Squares are weighed as counts are; errors of a sum go together over periods, and those of a period over sums.
fn weigh(seen: &[Seen]) -> Option<f64> {
    let difference = |seen: &Seen| seen.share * seen.direct - seen.bottom_up;
    let (mut both, mut square) = (0.0, 0.0);
    for seen in seen {
        both += (seen.units - seen.bottom_up) * difference(seen) / (1.0 + seen.bottom_up);
        square += difference(seen).powi(2) / (1.0 + seen.bottom_up);
    }
    if square <= 0.0 {
        return None;
    }
    let weight = both / square;
    let variance = |cluster: &dyn Fn(&Seen) -> (usize, i64)| {
        let mut clusters: BTreeMap<(usize, i64), f64> = BTreeMap::new();
        for seen in seen {
            let left = seen.units - seen.bottom_up - weight * difference(seen);
            *clusters.entry(cluster(seen)).or_default() += left * difference(seen) / (1.0 + seen.bottom_up);
        }
        clusters.values().map(|sum| sum * sum).sum::<f64>() / (square * square)
    };
    let chance = variance(&|seen| (0, seen.node.0.into())).max(variance(&|seen| (1, seen.node.1.into())));
    let beyond_chance = weight > BEYOND_CHANCE * chance.sqrt();
    beyond_chance.then(|| (weight - chance / weight).clamp(0.0, 1.0))
}

/// Moves the cells of the tail to their sums.
fn move_cells(
    weight: f64,
    trial: &Fitted,
    seen: &[Seen],
    (ahead, cells): (&[Prepared], &mut [Vec<HeldOut>]),
    nodes: &[Vec<Option<u32>>],
) {
    let factor = |seen: &Seen| factor(weight, seen.bottom_up, (seen.direct, seen.share));
    let factors: BTreeMap<(usize, Node), f64> = seen.iter().map(|seen| ((seen.at, seen.node), factor(seen))).collect();
    for (at, cells) in cells.iter_mut().enumerate() {
        let panel = ahead[at].panel;
        for HeldOut { sku, cell } in cells {
            let node = nodes[at][cell.row].map(|node| (node, panel.columns().period[cell.row].0));
            let item = trial.item(&panel.skus()[*sku].sku);
            if let (Some(&factor), Some(item)) = (node.and_then(|node| factors.get(&(at, node))), item) {
                cell.scale(factor, item);
            }
        }
    }
}

impl Paid {
    /// Fits the model of the sums to the whole history.
    pub(crate) fn fit(self, history: &Panel, settings: &FitSettings) -> Option<Reconciled> {
        let sums = Sums::of(history, self.level)?.panel(history);
        let mut model = fit_uncalibrated(&sums, history.span()?, settings, &|| (), false)?;
        (model.memories, model.shares) = (self.taught.memories, self.taught.shares);
        Some(Reconciled { level: self.level, weight: self.weight, model })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sums whose own forecasts are the truth with this much of chance, and whose cells are off by a third.
    fn sums(chance: f64) -> Vec<Seen> {
        let one = |at: usize| {
            let (units, noise) = (80.0 + (at * 37 % 50) as f64, ((at * 7_919 % 200) as f64 / 100.0 - 1.0) * chance);
            let bottom_up = units * (1.0 + ((at / 6 * 31 % 7) as f64 - 3.0) / 9.0);
            let direct = if chance < 1.0 { units * (1.0 + noise) } else { bottom_up * (1.0 + noise / 4.0) };
            Seen { at: 0, node: ((at / 6) as u32, (at % 6) as i32), units, bottom_up, direct, share: 1.0 }
        };
        (0..120).map(one).collect()
    }

    #[test]
    fn sums_that_know_better_are_followed_and_sums_that_guess_are_not() {
        assert!(weigh(&sums(0.05)).is_some_and(|weight| weight > 0.9));
        assert_eq!(weigh(&sums(1.0)), None);
        assert_eq!(weigh(&[]), None);
    }

    #[test]
    fn a_sum_of_which_half_is_asked_for_moves_its_cells_half_as_far() {
        assert!((factor(0.8, 100.0, (150.0, 1.0)) - 1.4).abs() < 1e-12);
        assert!((factor(0.8, 50.0, (150.0, 0.5)) - 1.2).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn no_move_turns_a_forecast_negative_or_wild(
            weight in 0.0f64..=1.0, bottom_up in 0.0f64..1e6, direct in 0.0f64..1e6, share in 0.0f64..=1.0,
        ) {
            let factor = factor(weight, bottom_up, (direct, share));
            prop_assert!((1.0 / MOVE_MAX..=MOVE_MAX).contains(&factor), "{factor}");
        }
    }
}
