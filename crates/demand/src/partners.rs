//! Which substitutes of an item have an effect of their own on it, and how much each weighs in its price index.
//!
//! One effect for all substitutes hides that some take far more than others; an effect for each pair is more than most
//! histories can tell. So the largest substitutes that were ever promoted get an effect each, pulled towards what all
//! pairs have in common (see `effects`), and the others share one.

use endcap_model::{Group, Panel, Sku};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most substitutes of one item that get an effect of their own, and how many periods of history each takes.
const LISTED_MAX: usize = 8;
const PERIODS_EACH: usize = 12;
/// Correlation of price cuts from which two items are promoted together, so that nothing tells their effects apart.
const TOGETHER: f64 = 0.7;
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
        let cuts: Vec<Cuts> = (0..panel.skus().len()).into_par_iter().map(|sku| Cuts::of(panel, sku)).collect();
        let most = LISTED_MAX.min(panel.span().map_or(0, |span| span.len()) / PERIODS_EACH);
        let share = |sku: usize| shares.get(&panel.skus()[sku].sku).copied().unwrap_or(0.0).max(1e-9);
        let mut all = BTreeMap::new();
        for skus in members(panel).into_values() {
            let mut moving: Vec<usize> =
                skus.iter().copied().filter(|&sku| cuts[sku].promoted >= PERIODS_MIN).collect();
            let name = |sku: usize| &panel.skus()[sku].sku;
            moving.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then_with(|| name(a).cmp(name(b))));
            let total: f64 = skus.iter().map(|&sku| share(sku)).sum();
            for &sku in &skus {
                let others = total - share(sku);
                let apart = |other: &usize| *other != sku && cuts[sku].correlation(&cuts[*other]) < TOGETHER;
                let partners = moving.iter().copied().filter(apart).take(most);
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

/// Finds the rows of one item at the places and periods of another item's rows, which must come in their order.
pub(crate) struct Alongside {
    next: usize,
    end: usize,
}

impl Alongside {
    pub(crate) fn of(panel: &Panel, sku: usize) -> Self {
        let rows = panel.rows_of(sku);
        Self { next: rows.start, end: rows.end }
    }

    /// Returns the row at the place and period of `row`, if there is one.
    pub(crate) fn at(&mut self, panel: &Panel, row: usize) -> Option<usize> {
        let c = panel.columns();
        let cell = |row: usize| (c.place[row], c.period[row]);
        while self.next < self.end && cell(self.next) < cell(row) {
            self.next += 1;
        }
        (self.next < self.end && cell(self.next) == cell(row)).then_some(self.next)
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

/// Mean log price ratio of an item by period, over its places.
struct Cuts {
    by_period: BTreeMap<i32, f64>,
    /// Periods in which it was promoted anywhere.
    promoted: usize,
}

impl Cuts {
    fn of(panel: &Panel, sku: usize) -> Self {
        let c = panel.columns();
        let mut sums: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
        for row in panel.rows_of(sku) {
            let sum = sums.entry(c.period[row].0).or_default();
            sum.0 += (c.price[row] / c.base_price[row]).ln();
            sum.1 += 1.0;
        }
        let promoted = panel.rows_of(sku).filter(|&row| crate::reference::is_promoted(panel, row));
        let promoted = promoted.map(|row| c.period[row]).collect::<BTreeSet<_>>().len();
        Self { by_period: sums.into_iter().map(|(period, (sum, n))| (period, sum / n)).collect(), promoted }
    }

    /// Correlation over the periods that both have; 0 where one never moved.
    fn correlation(&self, other: &Self) -> f64 {
        let both: Vec<(f64, f64)> = self
            .by_period
            .iter()
            .filter_map(|(period, own)| other.by_period.get(period).map(|theirs| (*own, *theirs)))
            .collect();
        let n = both.len().max(1) as f64;
        let (a, b) = (both.iter().map(|p| p.0).sum::<f64>() / n, both.iter().map(|p| p.1).sum::<f64>() / n);
        let sums = both.iter().fold([0.0; 3], |[xy, xx, yy], (x, y)| {
            [xy + (x - a) * (y - b), xx + (x - a).powi(2), yy + (y - b).powi(2)]
        });
        let scale = (sums[1] * sums[2]).sqrt();
        if scale > 0.0 { sums[0] / scale } else { 0.0 }
    }
}
