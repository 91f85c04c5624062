//! Effects beyond price, advert, display, substitutes and the dip: kinds of promotion, a competitor's price, remembered
//! prices, other groups, clusters of places.
//!
//! Each exists only where its column does, or where the evidence asks for it; without, the regressors and every number
//! are what they would be without this module. They follow the controls in the order of the regressors and are estimated
//! and pooled with all others; see `memory`, `halo`, `clusters` for what is looked for and how, `anticipation` for the
//! test that corrects nothing.

mod anticipation;
mod clusters;
mod evidence;
mod halo;
mod memory;

pub use anticipation::{Anticipation, BeforePromotions};
pub use clusters::Clusters;
pub use halo::HaloLink;
pub use memory::PriceMemory;

pub(crate) use halo::Reach as HaloReach;

pub(crate) use anticipation::test as test_anticipation;
pub(crate) use memory::{remember, remembered_after};

use crate::columns::{DISPLAY, FEATURE, OWN};
use crate::effects::Effects;
use crate::pool::Prior;
use crate::prepare::{Evidence, Frame, Prepared};
use crate::reference::is_promoted;
use endcap_model::{Control, EffectStatus, Estimate, FurtherEffect, FurtherKind, Input, Panel, Place, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What further regressors there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FurtherFrame {
    /// Per SKU: mean log of the competitor's price, from which its moves are measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub competitor: BTreeMap<Sku, f64>,
    /// Remembered prices, where they wear promotions out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<PriceMemory>,
    /// Groups that move the sales of others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub halo: Vec<HaloLink>,
    /// Groups that seem to move others and only share their busy and quiet weeks: not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub halo_refused: Vec<HaloLink>,
    /// Clusters of places that answer to price each in their own way.
    #[serde(default)]
    pub clusters: Clusters,
}

/// Their values in a panel, one per row each.
#[derive(Default)]
pub(crate) struct FurtherColumns {
    remembered: Vec<f64>,
    halo: Vec<Vec<f64>>,
}

impl FurtherFrame {
    /// Learns what the columns of a history ask for.
    pub(crate) fn of(panel: &Panel) -> Self {
        let c = panel.columns();
        let Some(prices) = c.controls.iter().find(|control| Input::of(&control.name) == Input::CompetitorPrice) else {
            return Self::default();
        };
        let mean = |sku: usize| {
            let known = panel.rows_of(sku).map(|row| prices.values[row]).filter(|price| *price > 0.0);
            let (sum, n) = known.fold((0.0, 0.0), |(sum, n), price| (sum + price.ln(), n + 1.0));
            (n > 0.0).then(|| (panel.skus()[sku].sku.clone(), sum / n))
        };
        Self { competitor: (0..panel.skus().len()).filter_map(mean).collect(), ..Self::default() }
    }

    /// Returns these with what the evidence asks for; nothing where it asks for nothing.
    pub(crate) fn learn(&self, prepared: &Prepared, effects: &Effects) -> Option<Self> {
        let memory = memory::learn(prepared, effects);
        let (halo, halo_refused) = halo::learn(prepared, effects);
        let clusters = clusters::learn(prepared, effects);
        let found = memory.is_some() || !halo.is_empty() || !halo_refused.is_empty() || !clusters.names.is_empty();
        found.then(|| Self { competitor: self.competitor.clone(), memory, halo, halo_refused, clusters })
    }

    /// Number of regressors beside the controls.
    fn columns(&self) -> usize {
        self.memory_columns() + self.halo.len()
    }

    /// Number of regressors of remembered discounts, the first of those beside the controls.
    pub(crate) fn memory_columns(&self) -> usize {
        self.memory.map_or(0, |m| usize::from(m.moves_sales) + usize::from(m.moves_elasticity))
    }

    /// Writes the regressors of a remembered discount, `answered` being the log price ratio as demand answers to it.
    pub(crate) fn write_memory(&self, answered: f64, remembered: f64, out: &mut [f64]) {
        let Some(memory) = self.memory else { return };
        let both =
            [(memory.moves_sales, remembered), (memory.moves_elasticity, answered * (remembered - memory.usual))];
        out.iter_mut().zip(both.into_iter().filter(|(there, _)| *there)).for_each(|(x, (_, value))| *x = value);
    }

    /// Derives the values of a panel's rows.
    pub(crate) fn prepare(&self, panel: &Panel, own: &[f64], shares: &BTreeMap<Sku, f64>) -> FurtherColumns {
        let remembered = self.memory.map_or_else(Vec::new, |memory| memory::remembered(panel, own, memory.carry));
        let halo = if self.halo.is_empty() {
            Vec::new()
        } else {
            let indices = halo::Indices::of(panel, own, shares);
            self.halo.iter().map(|link| halo::column(panel, &indices, link)).collect()
        };
        FurtherColumns { remembered, halo }
    }
}

impl Frame {
    /// Position of the first control.
    fn first_control(&self) -> usize {
        self.trend() + 1
    }

    /// Number of regressors that are not those of every panel.
    pub(crate) fn further_columns(&self) -> usize {
        self.further.columns()
    }

    /// Position of the first of them.
    pub(crate) fn first_further(&self) -> usize {
        self.first_control() + self.controls.len()
    }

    /// Value of a control that is a competitor's price: its move from the mean of the SKU's rows, 0 where it is not known;
    /// nothing for other controls.
    pub(crate) fn competitor(&self, at: usize, sku: &Sku, price: Option<f64>) -> Option<f64> {
        if self.further.competitor.is_empty() || Input::of(&self.controls[at].name) != Input::CompetitorPrice {
            return None;
        }
        let known = self.further.competitor.get(sku).zip(price.filter(|price| *price > 0.0));
        Some(known.map_or(0.0, |(usual, price)| price.ln() - usual))
    }

    /// Every further regressor: its position, what it is the effect of, and the name of that.
    pub(crate) fn further(&self) -> Vec<(usize, FurtherKind, String)> {
        let first = self.first_control();
        let mut all = Vec::new();
        for (at, control) in self.controls.iter().enumerate() {
            match Input::of(&control.name) {
                Input::Mechanic(kind) => all.push((first + at, FurtherKind::Mechanic, kind.to_owned())),
                Input::CompetitorPrice => all.push((first + at, FurtherKind::CompetitorPrice, String::new())),
                Input::Control | Input::Cluster(_) => {}
            }
        }
        let mut next = self.first_further();
        if let Some(memory) = self.further.memory {
            let kinds =
                [(memory.moves_sales, FurtherKind::ReferencePrice), (memory.moves_elasticity, FurtherKind::WearOut)];
            for (_, kind) in kinds.into_iter().filter(|(there, _)| *there) {
                all.push((next, kind, String::new()));
                next += 1;
            }
        }
        all.extend(
            self.further
                .halo
                .iter()
                .enumerate()
                .map(|(at, link)| (next + at, FurtherKind::Halo, link.from.to_string())),
        );
        all
    }

    /// Regressors that a promotion moves in its own period: price, advert, display, its kind, and what is left of the
    /// price's effect after wear.
    pub(crate) fn promotion(&self) -> Vec<usize> {
        let of_promotion = |kind: &FurtherKind| matches!(kind, FurtherKind::Mechanic | FurtherKind::WearOut);
        let further = self.further();
        let further = further.iter().filter(|(_, kind, _)| of_promotion(kind)).map(|(column, ..)| *column);
        [OWN, FEATURE, DISPLAY].into_iter().chain(further).collect()
    }

    /// What is believed of a further effect before any data; nothing for other regressors.
    ///
    /// A kind of promotion may move sales as an advert does; a competitor's price as one substitute's (Auer and Papies
    /// 2020); wear-out may take a third of an elasticity at a remembered discount of a fifth; groups hardly move each other.
    pub(crate) fn further_prior(&self, column: usize) -> Option<Prior> {
        if column < self.first_control() || (self.controls.is_empty() && self.further.columns() == 0) {
            return None;
        }
        let (_, kind, _) = self.further().into_iter().find(|(at, ..)| *at == column)?;
        let (mean, deviation) = match kind {
            FurtherKind::Mechanic => (0.0, 0.5),
            FurtherKind::CompetitorPrice => (0.26, 0.6),
            FurtherKind::ReferencePrice => (-0.5, 1.5),
            FurtherKind::WearOut => (2.0, 4.0),
            FurtherKind::Halo => (0.0, 0.3),
            FurtherKind::OwnPriceInCluster | FurtherKind::NextPromotion => (0.0, 0.2),
        };
        Some(Prior { mean, deviation })
    }
}

/// Share of the promoted rows that must differ, in kind or in depth, for a kind to be told from the price cut itself.
const OTHERS_MIN: f64 = 0.05;

/// Mean and deviation that an input's regressor is measured with; nothing for ordinary controls. A deviation of 0 makes no
/// regressor.
pub(crate) fn own_scale(panel: &Panel, control: &Control) -> Option<(f64, f64)> {
    let tells = match Input::of(&control.name) {
        Input::Control => return None,
        Input::Mechanic(_) => usual_kind(panel) != Some(control.name.as_str()),
        Input::CompetitorPrice | Input::Cluster(_) => control.values.iter().any(|value| *value != control.values[0]),
    };
    Some((0.0, f64::from(u8::from(tells))))
}

/// The most frequent kind, where nothing tells it from the price cut itself: nearly every promotion is of that kind, or of
/// some kind and always as deep. The other kinds are then told from this one.
fn usual_kind(panel: &Panel) -> Option<&str> {
    let is_kind = |control: &&Control| matches!(Input::of(&control.name), Input::Mechanic(_));
    let kinds = || panel.columns().controls.iter().filter(is_kind);
    let promoted: Vec<usize> = (0..panel.len()).filter(|&row| is_promoted(panel, row)).collect();
    let of = |kind: &Control| promoted.iter().filter(|&&row| kind.values[row] > 0.5).count();
    let usual = kinds().max_by(|a, b| of(a).cmp(&of(b)).then_with(|| b.name.cmp(&a.name)))?;
    let unnamed = promoted.iter().filter(|&&row| kinds().all(|kind| kind.values[row] < 0.5)).count();
    let few = |rows: usize| rows == 0 || (rows as f64) < OTHERS_MIN * promoted.len() as f64;
    let is_usual = few(promoted.len() - of(usual)) || (few(unnamed) && depths_vary(panel) < OTHERS_MIN);
    is_usual.then_some(usual.name.as_str())
}

/// Share of "promoted or not" that the depths of an item's promotions leave open; 0 where they are always the same.
fn depths_vary(panel: &Panel) -> f64 {
    let c = panel.columns();
    let (mut explained, mut rows) = (0.0, 0.0);
    for sku in 0..panel.skus().len() {
        let cuts = panel.rows_of(sku).filter(|&row| is_promoted(panel, row));
        let (n, sum, squares) = cuts.fold((0.0, 0.0, 0.0), |(n, sum, squares), row| {
            let cut = (c.price[row] / c.base_price[row]).ln();
            (n + 1.0, sum + cut, squares + cut * cut)
        });
        rows += n;
        explained += if squares > 0.0 { sum * sum / squares } else { 0.0 };
    }
    if rows > 0.0 { 1.0 - explained / rows } else { 0.0 }
}

impl Prepared<'_> {
    /// Returns whether a control says that a promotion runs.
    pub(crate) fn is_of_promotion(&self, at: usize) -> bool {
        matches!(Input::of(&self.frame.controls[at].name), Input::Mechanic(_))
    }

    /// Writes the further regressors of a row that are no controls.
    pub(crate) fn write_further(&self, row: usize, out: &mut [f64]) {
        let further = &self.frame.further;
        if further.memory.is_some() {
            further.write_memory(self.answered[row], self.further.remembered[row], out);
        }
        let halo = out[further.memory_columns()..].iter_mut().zip(&self.further.halo);
        halo.for_each(|(x, column)| *x = column[row]);
    }

    /// Takes remembered prices up where an earlier panel leaves them.
    pub(crate) fn follow(mut self, past: &Prepared) -> Self {
        let Some(memory) = self.frame.further.memory else { return self };
        let (panel, mut remembered) = (self.panel, std::mem::take(&mut self.further.remembered));
        let skus: BTreeMap<&Sku, usize> = past.panel.skus().iter().zip(0..).map(|(e, at)| (&e.sku, at)).collect();
        let places: BTreeMap<&Place, u32> = past.panel.places().iter().zip(0..).map(|(e, at)| (&e.place, at)).collect();
        let (c, before) = (panel.columns(), past.panel.columns());
        for sku in 0..panel.skus().len() {
            for series in panel.series_of(sku) {
                let place = places.get(&panel.places()[c.place[series.start] as usize].place);
                let known = skus.get(&panel.skus()[sku].sku).zip(place);
                let Some((&known, &place)) = known else { continue };
                let rows = past.panel.rows_of(known);
                let first = rows.start + before.place[rows.clone()].partition_point(|&p| p < place);
                let is_before =
                    |row: &usize| before.place[*row] == place && before.period[*row] < c.period[series.start];
                let earlier = first..first + (first..rows.end).take_while(is_before).count();
                let Some(last) = earlier.clone().next_back() else { continue };
                let left = memory::remember(past.panel, &past.own, earlier, memory.carry, None, |_, _| ());
                let gap = c.period[series.start].0 - before.period[last].0 - 1;
                let opening = left * memory.carry.powi(gap);
                memory::remember(panel, &self.own, series, memory.carry, Some(opening), |row, value| {
                    remembered[row] = value;
                });
            }
        }
        self.further.remembered = remembered;
        self
    }

    /// Periods of one SKU in which each further regressor moved, by position.
    pub(crate) fn further_periods(&self, sku: usize) -> BTreeMap<usize, usize> {
        let columns = self.frame.further();
        if columns.is_empty() {
            return BTreeMap::new();
        }
        let mut line = vec![0.0; self.frame.columns()];
        let mut last: BTreeMap<usize, (i32, usize)> = columns.iter().map(|(at, ..)| (*at, (i32::MIN, 0))).collect();
        let mut periods: Vec<(i32, usize)> =
            self.panel.rows_of(sku).map(|row| (self.panel.columns().period[row].0, row)).collect();
        periods.sort_unstable();
        for (period, row) in periods {
            if self.evidence[row] == Evidence::Nothing {
                continue;
            }
            self.write_row(row, &mut line);
            for (at, (seen, count)) in &mut last {
                if line[*at].abs() > MOVED && *seen != period {
                    (*seen, *count) = (period, *count + 1);
                }
            }
        }
        last.into_iter().map(|(at, (_, count))| (at, count)).collect()
    }
}

/// Value from which a further regressor counts as moved.
const MOVED: f64 = 1e-3;

/// The further effects of one SKU that its history has something to do with.
pub(crate) fn effects_of(
    effects: &Effects,
    sku: usize,
    entry: (&Sku, &Frame),
    estimate: impl Fn(usize) -> Estimate,
) -> Vec<FurtherEffect> {
    let (name, frame) = entry;
    let seen = |column: usize| effects.experience[sku].further.get(&column).is_some_and(|periods| *periods > 0);
    let listed = frame.further().into_iter().filter(|(column, ..)| seen(*column));
    let mut all: Vec<FurtherEffect> =
        listed.map(|(column, kind, of)| FurtherEffect { kind, of, effect: estimate(column) }).collect();
    let clusters = &frame.further.clusters;
    let own = effects.pooled[sku][OWN];
    for (cluster, &(factor, variance)) in clusters.factors.get(name).into_iter().flatten().enumerate() {
        let effect = in_cluster(estimate(OWN), (own.mean, own.variance), (factor, variance));
        all.push(FurtherEffect { kind: FurtherKind::OwnPriceInCluster, of: clusters.names[cluster].clone(), effect });
    }
    all
}

/// Elasticity in a cluster: the item's times the cluster's factor, both uncertain.
fn in_cluster(item: Estimate, own: (f64, f64), factor: (f64, f64)) -> Estimate {
    let (mean, se) = clusters::elasticity(own, factor);
    let half = crate::fit::Z95 * se;
    let status = match item.status {
        EffectStatus::Estimated => EffectStatus::Borrowed("drawn to what the cluster's items have in common".into()),
        other => other,
    };
    Estimate { mean, se, lo95: mean - half, hi95: mean + half, status, sensitivity: None, ..item }
}
