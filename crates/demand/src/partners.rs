//! Which substitutes of an item have an effect of their own on it, and how much each weighs in its price index.
//!
//! One effect for all substitutes hides that some take far more than others; an effect for each pair is more than most
//! histories can tell. So the largest substitutes that were ever promoted get an effect each, pulled towards what all
//! pairs have in common (see `effects`), and the others share one.

use endcap_model::{Group, Panel, Period, Sku};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most substitutes of one item that get an effect of their own.
const LISTED_MAX: usize = 8;
/// Fewest periods in which a substitute must have been promoted.
const PERIODS_MIN: usize = 3;

/// The substitutes of one item; the weights and `rest` add up to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Partners {
    /// Substitutes with an effect of their own, with their weights in the item's price index.
    pub listed: Vec<(Sku, f64)>,
    /// Weight of all the others, spread by their shares.
    pub rest: f64,
}

impl Partners {
    /// Chooses the substitutes of every item of a history, weighted by their shares.
    pub(crate) fn choose(panel: &Panel, shares: &BTreeMap<Sku, f64>) -> BTreeMap<Sku, Self> {
        let promoted: Vec<usize> = (0..panel.skus().len()).map(|sku| periods_promoted(panel, sku)).collect();
        let share = |sku: usize| shares.get(&panel.skus()[sku].sku).copied().unwrap_or(0.0).max(1e-9);
        let mut all = BTreeMap::new();
        for skus in members(panel).into_values() {
            let mut moving: Vec<usize> = skus.iter().copied().filter(|&sku| promoted[sku] >= PERIODS_MIN).collect();
            let name = |sku: usize| &panel.skus()[sku].sku;
            moving.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then_with(|| name(a).cmp(name(b))));
            let total: f64 = skus.iter().map(|&sku| share(sku)).sum();
            for &sku in &skus {
                let others = total - share(sku);
                let partners = moving.iter().copied().filter(|&other| other != sku).take(LISTED_MAX);
                let listed: Vec<(Sku, f64)> =
                    partners.map(|other| (name(other).clone(), share(other) / others.max(1e-9))).collect();
                let rest = 1.0 - listed.iter().map(|(_, weight)| weight).sum::<f64>();
                let rest = if listed.len() + 1 == skus.len() { 0.0 } else { rest.max(0.0) };
                all.insert(name(sku).clone(), Self { listed, rest });
            }
        }
        all
    }

    /// Weighs the substitutes by their effects, negative ones counting as none; stays as it is where none is positive.
    pub(crate) fn weigh(&mut self, effects: &[f64], rest: f64) {
        let rest = if self.rest > 0.0 { rest.max(0.0) } else { 0.0 };
        let total = effects.iter().map(|effect| effect.max(0.0)).sum::<f64>() + rest;
        if total > 1e-6 {
            self.listed.iter_mut().zip(effects).for_each(|((_, weight), effect)| *weight = effect.max(0.0) / total);
            self.rest = rest / total;
        }
    }

    /// Positions in a panel and weights of the listed substitutes that the panel has.
    pub(crate) fn positions(&self, positions: &BTreeMap<&Sku, usize>) -> Vec<(usize, f64)> {
        self.listed.iter().filter_map(|(sku, weight)| Some((*positions.get(sku)?, *weight))).collect()
    }
}

/// Positions of a panel's items by name.
pub(crate) fn positions(panel: &Panel) -> BTreeMap<&Sku, usize> {
    panel.skus().iter().enumerate().map(|(at, entry)| (&entry.sku, at)).collect()
}

/// Items of each group.
pub(crate) fn members(panel: &Panel) -> BTreeMap<&Group, Vec<usize>> {
    let mut members: BTreeMap<&Group, Vec<usize>> = BTreeMap::new();
    panel.skus().iter().enumerate().for_each(|(at, entry)| members.entry(&entry.group).or_default().push(at));
    members
}

/// Finds the row of an item at a place in a period.
pub(crate) fn row_at(panel: &Panel, sku: usize, place: u32, period: i32) -> Option<usize> {
    let c = panel.columns();
    let rows = panel.rows_of(sku);
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = (low + high) / 2;
        if (c.place[middle], c.period[middle].0) < (place, period) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (low < rows.end && (c.place[low], c.period[low]) == (place, Period(period))).then_some(low)
}

fn periods_promoted(panel: &Panel, sku: usize) -> usize {
    let c = panel.columns();
    let promoted = panel.rows_of(sku).filter(|&row| crate::reference::is_promoted(panel, row));
    promoted.map(|row| c.period[row]).collect::<BTreeSet<_>>().len()
}
