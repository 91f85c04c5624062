//! Intervals of sums: what many cells sell together spreads more than cells that know nothing of each other would.
//!
//! Errors of one period are shared by the places of an item, the items of a group, and all items. The last two are
//! learnt on the held-out tail by moments; without them intervals of sums would be several times too narrow.
//!
//! Source: method of moments for nested variance components, Searle, Casella and McCulloch (1992).

use crate::distribution::quantile;
use crate::fit::Fitted;
use crate::prepare::{Evidence, Prepared};
use crate::tail::HeldOut;
use endcap_model::{Forecast, ForecastRow, Group, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fewest periods of a tail that say how far all items err together.
const PERIODS_MIN: usize = 4;
/// Relative standard deviation that is assumed where the tail says nothing.
const ASSUMED: f64 = 0.1;

/// Relative variances of what cells of one period share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// Of all items.
    pub all: f64,
    /// Of the items of a group.
    pub group: f64,
}

/// Expected units of many cells with their spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// Expected units.
    pub mean: f64,
    /// Expected units without promotions.
    pub baseline: f64,
    /// Quantiles, one per level asked for.
    pub quantiles: Vec<f64>,
}

impl Default for Together {
    fn default() -> Self {
        Self { all: ASSUMED * ASSUMED, group: ASSUMED * ASSUMED }
    }
}

/// A sum of cells in the making.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    units: f64,
    mean: f64,
    variance: f64,
}

impl Together {
    /// Learns from held-out cells how far those of a period err together.
    pub(crate) fn learn(trial: &Fitted, ahead: &[Prepared], cells: &[Vec<HeldOut>]) -> Self {
        let mut groups: BTreeMap<(usize, i32, &Group), Sum> = BTreeMap::new();
        for (at, (ahead, cells)) in ahead.iter().zip(cells).enumerate() {
            for ((period, sku), sum) in items(trial, ahead, cells) {
                let group = groups.entry((at, period, &ahead.panel.skus()[sku].group)).or_default();
                group.units += sum.units;
                group.mean += sum.mean;
                group.variance += sum.variance;
            }
        }
        let mut periods: BTreeMap<(usize, i32), Sum> = BTreeMap::new();
        for ((at, period, _), sum) in &groups {
            let all = periods.entry((*at, *period)).or_default();
            all.units += sum.units;
            all.mean += sum.mean;
            all.variance += sum.variance;
        }
        if periods.len() < PERIODS_MIN {
            return Self::default();
        }
        // What the groups share beyond their own is part of both: the groups' moment holds it, too.
        let both = beyond(groups.values());
        let all = beyond(periods.values()).min(both);
        Self { all, group: both - all }
    }

    /// Variance of a sum of cells of one item, with the places' common shock.
    fn of_item(shock: f64, cells: &[(f64, f64)]) -> Sum {
        let mean: f64 = cells.iter().map(|(mean, _)| mean).sum();
        let squares: f64 = cells.iter().map(|(mean, _)| mean * mean).sum();
        let own: f64 = cells.iter().map(|(_, variance)| variance).sum();
        Sum { units: 0.0, mean, variance: own + shock * (mean * mean - squares).max(0.0) }
    }
}

/// Relative variance that sums show beyond that of their cells.
fn beyond<'a>(sums: impl Iterator<Item = &'a Sum>) -> f64 {
    let (surplus, squares, n) = sums.fold((0.0, 0.0, 0.0), |(surplus, squares, n), sum| {
        (surplus + (sum.units - sum.mean).powi(2) - sum.variance, squares + sum.mean * sum.mean, n + 1.0)
    });
    // Few sums may all have been lucky: as wide as a t interval would be.
    let few: f64 = if n > 3.0 { (n - 1.0) / (n - 3.0) } else { 3.0 };
    if squares > 0.0 { (few * surplus / squares).max(0.0) } else { 0.0 }
}

/// Cells of one item in one period: what they sold in all, mean and variance of each.
#[derive(Default)]
struct Parts {
    units: f64,
    cells: Vec<(f64, f64)>,
}

/// Held-out cells by period and item.
fn items(trial: &Fitted, ahead: &Prepared, cells: &[HeldOut]) -> BTreeMap<(i32, usize), Sum> {
    let c = ahead.panel.columns();
    let mut by_item: BTreeMap<(i32, usize), Parts> = BTreeMap::new();
    for held in cells.iter().filter(|held| ahead.evidence[held.cell.row] == Evidence::Counted) {
        let (row, exposure) = (held.cell.row, ahead.exposure[held.cell.row]);
        let parts = by_item.entry((c.period[row].0, held.sku)).or_default();
        parts.units += c.units[row];
        parts.cells.push((exposure * held.cell.mean, exposure * held.cell.variance));
    }
    let shock = |sku: usize| trial.item(&ahead.panel.skus()[sku].sku).map_or(0.0, |item| item.dispersion.shock);
    by_item
        .into_iter()
        .map(|(key, parts)| (key, Sum { units: parts.units, ..Together::of_item(shock(key.1), &parts.cells) }))
        .collect()
}

/// Adds up the cells of a forecast by a key, such as the period; cells without a key are left out.
///
/// What all items share is taken as the same in all periods of a sum: levels that are wrong stay wrong.
pub fn totals<K: Ord>(
    fitted: &Fitted,
    forecast: &Forecast,
    group: impl Fn(&Sku) -> Option<Group>,
    key: impl Fn(&ForecastRow) -> Option<K>,
    levels: &[f64],
) -> BTreeMap<K, Total> {
    let mut sums: BTreeMap<K, BTreeMap<(i32, &Sku), Vec<&ForecastRow>>> = BTreeMap::new();
    for row in &forecast.rows {
        if let Some(key) = key(row) {
            sums.entry(key).or_default().entry((row.period.0, &row.sku)).or_default().push(row);
        }
    }
    sums.into_iter().map(|(key, items)| (key, total(fitted, &group, &items, levels))).collect()
}

fn total(
    fitted: &Fitted,
    group: &impl Fn(&Sku) -> Option<Group>,
    items: &BTreeMap<(i32, &Sku), Vec<&ForecastRow>>,
    levels: &[f64],
) -> Total {
    let (mut mean, mut baseline, mut variance, mut alone) = (0.0, 0.0, 0.0, 0.0);
    let mut groups: BTreeMap<(i32, Option<Group>), f64> = BTreeMap::new();
    for (&(period, sku), rows) in items {
        let cells: Vec<(f64, f64)> = rows.iter().map(|row| (row.mean, row.dispersion * row.mean)).collect();
        let shock = fitted.item(sku).map_or(fitted.dispersion.shock, |item| item.dispersion.shock);
        let sum = Together::of_item(shock, &cells);
        mean += sum.mean;
        variance += sum.variance;
        alone += sum.mean * sum.mean;
        baseline += rows.iter().map(|row| row.baseline).sum::<f64>();
        *groups.entry((period, group(sku))).or_default() += sum.mean;
    }
    // A single item carries what it shares with others in its own variance.
    let shared: f64 = groups.values().map(|sum| sum * sum).sum();
    variance +=
        fitted.together.group * (shared - alone).max(0.0) + fitted.together.all * (mean * mean - alone).max(0.0);
    Total { mean, baseline, quantiles: levels.iter().map(|&level| quantile(mean, variance, level)).collect() }
}
