//! Promotions of one group that move the sales of another: shoppers whom they bring in, or take away.
//!
//! The sales of a group at a place and period are set against what its items' own effects expect, and the price indices
//! of the other groups are asked what they add. There are many pairs of groups and each is drawn hard to nothing; a pair is
//! kept only where it pays beside all that were tried. Its effect is then estimated item by item with all others.
//!
//! Weeks that all groups share (a holiday that no column holds) move sales and promotions together and look like a halo.
//! Two questions tell it. What the other groups sell beyond their expectation is put beside the price indices: a pair must
//! hold beside it. And places that run a promotion are set against places that do not in the same week, by the mean index
//! of the week beside that of the place: what differs between weeks but not between their places is no halo.
//!
//! Sources: Mundlak (1978) for effects inside a week by its mean; Leeflang and Parreno-Selva (2012) for halo across categories and its size; van Heerde, Leeflang and Wittink
//! (2004) for sales set against a baseline; Pesaran (2006) for shared shocks by the mean of the others; the criterion as in
//! `evidence`.

use super::evidence::{Common, pays};
use crate::columns::{CALENDAR, LiftTerms};
use crate::effects::Effects;
use crate::fit::Z95;
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
/// Share of an effect that must be left beside what all groups share.
const LEFT_MIN: f64 = 0.5;

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

/// Where the promotions of a group reach, for sums over past promotions.
pub(crate) struct Reach {
    /// By promoted group: the position of the effect and the items whose sales move.
    targets: BTreeMap<Group, Vec<(usize, Vec<usize>)>>,
    /// By promoted group, place and period: the sum of its items' weights in the index.
    weights: BTreeMap<(Group, u32, i32), f64>,
}

impl Reach {
    pub(crate) fn of(prepared: &Prepared) -> Self {
        let (panel, further) = (prepared.panel, &prepared.frame.further);
        let (mut targets, mut weights) = (BTreeMap::new(), BTreeMap::new());
        if further.halo.is_empty() {
            return Self { targets, weights };
        }
        let (members, c) = (members(panel), panel.columns());
        let first = prepared.frame.first_further() + further.memory_columns();
        for (at, link) in further.halo.iter().enumerate() {
            let items = members.get(&link.to).cloned().unwrap_or_default();
            targets.entry(link.from.clone()).or_insert_with(Vec::new).push((first + at, items));
        }
        for (group, skus) in members.into_iter().filter(|(group, _)| targets.contains_key(*group)) {
            for row in skus.into_iter().flat_map(|sku| panel.rows_of(sku)) {
                let cell = (group.clone(), c.place[row], c.period[row].0);
                *weights.entry(cell).or_default() += weight_in_index(prepared, row);
            }
        }
        Self { targets, weights }
    }

    /// Effects of an item's group on others: the position of each and the items whose sales move.
    pub(crate) fn from(&self, group: &Group) -> &[(usize, Vec<usize>)] {
        self.targets.get(group).map_or(&[], Vec::as_slice)
    }

    /// What the price of a row's item alone does to the index of its group.
    pub(crate) fn moved(&self, prepared: &Prepared, row: usize) -> f64 {
        let c = prepared.panel.columns();
        let group = &prepared.panel.skus()[c.sku[row] as usize].group;
        let all = self.weights.get(&(group.clone(), c.place[row], c.period[row].0)).copied().unwrap_or(f64::INFINITY);
        weight_in_index(prepared, row) / all * prepared.own[row]
    }
}

fn weight_in_index(prepared: &Prepared, row: usize) -> f64 {
    let entry = &prepared.panel.skus()[prepared.panel.columns().sku[row] as usize];
    prepared.frame.shares.get(&entry.sku).copied().unwrap_or(0.0).max(1e-9)
}

/// Units sold and expected of a group, by place and period in order.
type Cells = BTreeMap<(u32, i32), (f64, f64)>;

/// Values that all places of a period share.
type ByWeek = BTreeMap<i32, Vec<f64>>;

/// A pair that was asked: what it says alone, beside what all groups share, and between the places of a week.
struct Asked {
    link: HaloLink,
    alone: Common,
    beside_shared: Common,
    inside_weeks: Common,
}

impl Asked {
    /// Whether what it says is the pair's own.
    fn is_own(&self, holds: impl Fn(&Common) -> bool) -> bool {
        let (alone, inside) = (self.alone.mean, &self.inside_weeks);
        let gone = (alone - inside.mean) * alone.signum();
        let denied = gone > (1.0 - LEFT_MIN) * alone.abs() && gone > Z95 * inside.variance.sqrt();
        holds(&self.beside_shared) && self.beside_shared.mean / alone >= LEFT_MIN && !denied
    }
}

/// Looks for pairs of groups: those that hold, and those that only share their weeks. None where the history shows none.
pub(crate) fn learn(prepared: &Prepared, effects: &Effects) -> (Vec<HaloLink>, Vec<HaloLink>) {
    let panel = prepared.panel;
    let groups: Vec<(Group, Vec<usize>)> =
        members(panel).into_iter().map(|(group, skus)| (group.clone(), skus)).collect();
    if groups.len() < 2 {
        return (Vec::new(), Vec::new());
    }
    let indices = Indices::of(panel, &prepared.own, &prepared.frame.shares);
    let sources = sources(panel, &indices, &groups);
    let cells: Vec<Cells> = groups.par_iter().map(|(_, skus)| expected(prepared, effects, skus)).collect();
    let asked: Vec<Vec<Asked>> = (0..groups.len())
        .into_par_iter()
        .map(|at| asked_of(prepared, effects, &indices, (&groups[at].0, &cells, at), &sources))
        .collect();
    let tried = asked.iter().flatten().count() as f64;
    let periods = panel.span().map_or(0, |span| span.len()) as f64;
    let holds = |common: &Common| pays(common.gain(), 1.0, periods, tried) && common.mean.abs() < EFFECT_MAX;
    let seen = asked.into_iter().flatten().filter(|asked| holds(&asked.alone));
    let (kept, refused): (Vec<Asked>, Vec<Asked>) = seen.partition(|asked| asked.is_own(holds));
    let links = |all: Vec<Asked>| all.into_iter().map(|asked| asked.link).collect();
    (links(kept), links(refused))
}

/// What the groups but one sell beyond their expectation in each period, in logs.
fn shared(cells: &[Cells], but: usize) -> ByWeek {
    let mut sums: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
    for cells in cells.iter().enumerate().filter(|(at, _)| *at != but).map(|(_, cells)| cells) {
        let mut periods: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
        for ((_, period), (sold, mean)) in cells {
            let sum = periods.entry(*period).or_default();
            sum.0 += sold;
            sum.1 += mean;
        }
        for (period, (sold, mean)) in periods {
            let sum = sums.entry(period).or_default();
            sum.0 += ((sold + 0.5) / (mean + 0.5)).ln();
            sum.1 += 1.0;
        }
    }
    sums.into_iter().map(|(period, (sum, groups))| (period, vec![sum / groups])).collect()
}

/// Mean price index of each group over the places of a period.
fn means(indices: &Indices, cells: &Cells, sources: &[&(Group, u32)]) -> ByWeek {
    let mut sums: BTreeMap<i32, (Vec<f64>, f64)> = BTreeMap::new();
    for &(place, period) in cells.keys() {
        let sum = sums.entry(period).or_insert_with(|| (vec![0.0; sources.len()], 0.0));
        sum.0.iter_mut().zip(sources).for_each(|(sum, (_, number))| *sum += indices.at(*number, place, period));
        sum.1 += 1.0;
    }
    sums.into_iter().map(|(period, (sum, n))| (period, sum.into_iter().map(|sum| sum / n).collect())).collect()
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
    (to, all, at): (&Group, &[Cells], usize),
    sources: &[(Group, u32)],
) -> Vec<Asked> {
    let sources: Vec<&(Group, u32)> = sources.iter().filter(|(group, _)| group != to).collect();
    let cells = &all[at];
    if sources.is_empty() || cells.is_empty() {
        return Vec::new();
    }
    let asked = |beside: &ByWeek| told(prepared, effects, indices, cells, (&sources, beside));
    let alone = asked(&ByWeek::new());
    let beside_shared = asked(&shared(all, at));
    let inside_weeks = asked(&means(indices, cells, &sources));
    let pair = |at: usize| Asked {
        link: HaloLink { from: sources[at].0.clone(), to: to.clone() },
        alone: alone[at],
        beside_shared: beside_shared[at],
        inside_weeks: inside_weeks[at],
    };
    (0..sources.len()).map(pair).collect()
}

/// Effects of the price indices of other groups on cells, beside values that all places of a period share.
fn told(
    prepared: &Prepared,
    effects: &Effects,
    indices: &Indices,
    cells: &Cells,
    (sources, beside): (&[&(Group, u32)], &ByWeek),
) -> Vec<Common> {
    let first = CALENDAR;
    let trend = first + sources.len();
    let columns = trend + 1 + beside.values().next().map_or(0, Vec::len);
    let span = prepared.frame.span;
    let (mut x, mut units, mut offsets, mut place, mut period) = (vec![], vec![], vec![], vec![], vec![]);
    for (&(at, when), &(sold, mean)) in cells {
        let mut line = vec![0.0; columns];
        line[first..].iter_mut().zip(sources).for_each(|(x, (_, number))| *x = indices.at(*number, at, when));
        line[trend] = f64::from(when - span.start.0) / span.len().max(1) as f64 - 0.5;
        let values = beside.get(&when).into_iter().flatten();
        line[trend + 1..].iter_mut().zip(values).for_each(|(x, value)| *x = *value);
        x.extend(line);
        units.push(sold);
        offsets.push(mean.max(1e-9).ln());
        place.push(at);
        period.push(when);
    }
    let rows = SkuRows::of_cells(columns, x, (units, offsets), &place, &period);
    let found = estimate(&rows, &effects.pooled_dispersion, None);
    let common = |at: usize| {
        let sampling = found.sampling[at];
        Common { mean: found.effects[at], variance: sampling.variance * sampling.widening.powi(2) }
    };
    (first..first + sources.len()).map(common).collect()
}

/// Units sold and expected by a group's items at every place and period, in order.
fn expected(prepared: &Prepared, effects: &Effects, skus: &[usize]) -> Cells {
    let c = prepared.panel.columns();
    let mut cells = Cells::new();
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
