//! Promotions of one group that move the sales of another: shoppers whom they bring in, or take away.
//!
//! The sales of a group at a place and period are set against what its items' own effects expect, and the price indices
//! of the other groups are asked what they add. There are many pairs of groups and each is drawn hard to nothing; a pair is
//! kept only where it pays beside all that were tried. Its effect is then estimated item by item with all others.
//!
//! Sources: Leeflang and Parreno-Selva (2012) for halo across categories and its size; van Heerde, Leeflang and Wittink
//! (2004) for sales set against a baseline; the criterion as in `evidence`.

use super::evidence::{Common, pays};
use crate::columns::{CALENDAR, LiftTerms};
use crate::effects::Effects;
use crate::partners::members;
use crate::prepare::Prepared;
use crate::response::{SkuRows, estimate};
use endcap_model::{Group, Panel, Sku};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Other groups that are asked at most: those with the most promoted rows.
const GROUPS_MAX: usize = 12;
/// Periods in which a group must have been promoted and not.
const PERIODS_MIN: usize = 6;
/// Log price index from which a group counts as promoted.
const PROMOTED: f64 = -0.02;
/// Largest log elasticity across groups that is believed.
const EFFECT_MAX: f64 = 1.0;

/// A group whose promotions move the sales of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HaloLink {
    /// Group that is promoted.
    pub from: Group,
    /// Group whose sales move.
    pub to: Group,
}

/// Log price index of every group at each place and period, weighed by shares of units.
pub(crate) struct Indices(BTreeMap<(u32, u32, i32), f64>);

/// Numbers of the groups, by name.
fn numbers(panel: &Panel) -> BTreeMap<&Group, u32> {
    let mut names: BTreeMap<&Group, u32> = panel.skus().iter().map(|entry| (&entry.group, 0)).collect();
    names.values_mut().zip(0..).for_each(|(number, at)| *number = at);
    names
}

impl Indices {
    pub(crate) fn of(panel: &Panel, own: &[f64], shares: &BTreeMap<Sku, f64>) -> Self {
        let numbers = numbers(panel);
        let mut sums: BTreeMap<(u32, u32, i32), (f64, f64)> = BTreeMap::new();
        let c = panel.columns();
        for (sku, entry) in panel.skus().iter().enumerate() {
            let weight = shares.get(&entry.sku).copied().unwrap_or(0.0).max(1e-9);
            for row in panel.rows_of(sku) {
                let sum = sums.entry((numbers[&entry.group], c.place[row], c.period[row].0)).or_default();
                sum.0 += weight * own[row];
                sum.1 += weight;
            }
        }
        Self(sums.into_iter().map(|(cell, (sum, weight))| (cell, sum / weight)).collect())
    }

    fn at(&self, group: u32, place: u32, period: i32) -> f64 {
        self.0.get(&(group, place, period)).copied().unwrap_or(0.0)
    }
}

/// The index of the promoted group in every row of the group whose sales move; 0 elsewhere.
pub(crate) fn column(panel: &Panel, indices: &Indices, link: &HaloLink) -> Vec<f64> {
    let (c, from) = (panel.columns(), numbers(panel).get(&link.from).copied());
    let value = |row: usize| match from {
        Some(from) if panel.skus()[c.sku[row] as usize].group == link.to => {
            indices.at(from, c.place[row], c.period[row].0)
        }
        _ => 0.0,
    };
    (0..panel.len()).map(value).collect()
}

/// Looks for pairs of groups; none where the history shows none.
pub(crate) fn learn(prepared: &Prepared, effects: &Effects) -> Vec<HaloLink> {
    let panel = prepared.panel;
    let groups: Vec<(Group, Vec<usize>)> =
        members(panel).into_iter().map(|(group, skus)| (group.clone(), skus)).collect();
    if groups.len() < 2 {
        return Vec::new();
    }
    let indices = Indices::of(panel, &prepared.own, &prepared.frame.shares);
    let sources = sources(panel, &indices, &groups);
    let told: Vec<Vec<(HaloLink, Common)>> =
        groups.par_iter().map(|target| asked_of(prepared, effects, &indices, target, &sources)).collect();
    let tried = told.iter().flatten().count() as f64;
    let periods = panel.span().map_or(0, |span| span.len()) as f64;
    let kept = told
        .into_iter()
        .flatten()
        .filter(|(_, common)| pays(common.gain(), 1.0, periods, tried) && common.mean.abs() < EFFECT_MAX);
    kept.map(|(link, _)| link).collect()
}

/// Groups that were promoted often enough, and not promoted often enough, to tell anything.
fn sources(panel: &Panel, indices: &Indices, groups: &[(Group, Vec<usize>)]) -> Vec<(Group, u32)> {
    let numbers = numbers(panel);
    let mut by_period: BTreeMap<(u32, i32), (f64, f64)> = BTreeMap::new();
    for (&(group, _, period), index) in &indices.0 {
        let sum = by_period.entry((group, period)).or_default();
        sum.0 += index;
        sum.1 += 1.0;
    }
    let mut counts: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for ((group, _), (sum, n)) in by_period {
        let count = counts.entry(group).or_default();
        if sum / n < PROMOTED { count.0 += 1 } else { count.1 += 1 }
    }
    let mut all: Vec<(usize, Group, u32)> = groups
        .iter()
        .filter_map(|(group, _)| {
            let number = numbers[group];
            let (promoted, not) = counts.get(&number).copied()?;
            (promoted >= PERIODS_MIN && not >= PERIODS_MIN).then(|| (promoted, group.clone(), number))
        })
        .collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    all.truncate(GROUPS_MAX);
    all.into_iter().map(|(_, group, number)| (group, number)).collect()
}

/// What the sales of one group say of the others' promotions.
fn asked_of(
    prepared: &Prepared,
    effects: &Effects,
    indices: &Indices,
    (to, skus): &(Group, Vec<usize>),
    sources: &[(Group, u32)],
) -> Vec<(HaloLink, Common)> {
    let sources: Vec<&(Group, u32)> = sources.iter().filter(|(group, _)| group != to).collect();
    let cells = expected(prepared, effects, skus);
    if sources.is_empty() || cells.is_empty() {
        return Vec::new();
    }
    let first = CALENDAR;
    let columns = first + sources.len() + 1;
    let start = prepared.frame.span.start.0;
    let (mut x, mut units, mut offsets, mut place, mut period) = (vec![], vec![], vec![], vec![], vec![]);
    for (&(at, when), &(sold, mean)) in &cells {
        let mut line = vec![0.0; columns];
        line[first..].iter_mut().zip(&sources).for_each(|(x, (_, number))| *x = indices.at(*number, at, when));
        line[columns - 1] = f64::from(when - start) / prepared.frame.span.len().max(1) as f64 - 0.5;
        x.extend(line);
        units.push(sold);
        offsets.push(mean.max(1e-9).ln());
        place.push(at);
        period.push(when);
    }
    let rows = SkuRows::of_cells(columns, x, (units, offsets), &place, &period);
    let found = estimate(&rows, &effects.pooled_dispersion, None);
    let told = |(at, (from, _)): (usize, &&(Group, u32))| {
        let sampling = found.sampling[first + at];
        let common =
            Common { mean: found.effects[first + at], variance: sampling.variance * sampling.widening.powi(2) };
        (HaloLink { from: from.clone(), to: to.clone() }, common)
    };
    sources.iter().enumerate().map(told).collect()
}

/// Units sold and expected by a group's items at every place and period, in order.
fn expected(prepared: &Prepared, effects: &Effects, skus: &[usize]) -> BTreeMap<(u32, i32), (f64, f64)> {
    let c = prepared.panel.columns();
    let mut cells: BTreeMap<(u32, i32), (f64, f64)> = BTreeMap::new();
    for &sku in skus {
        let Some(found) = effects.estimates[sku].as_ref() else { continue };
        let mut rows = SkuRows::of(prepared, sku, effects.signals[sku].used);
        rows.fill_dip(prepared, sku, LiftTerms::of(&effects.means(sku)), effects.carry);
        for at in (0..rows.rows.len()).filter(|&at| !rows.censored[at]) {
            let row = rows.rows[at];
            let cell = cells.entry((c.place[row], c.period[row].0)).or_default();
            cell.0 += rows.units[at];
            cell.1 += rows.log_mean(at, &found.levels, &found.effects).exp();
        }
    }
    cells
}
