//! The panel as the estimate reads it: log price ratios, the price index of the substitutes, and what each row says
//! about demand.
//!
//! **Stock-outs.** A row with `stockout_share` between 0 and 1 was on sale for the rest of the time. Selling until
//! stock runs out is a Poisson process watched until a stopping time, whose likelihood is
//! `rate^units * exp(-rate * time)` (Andersen, Borgan, Gill and Keiding 1993, section II.7), so the time on sale enters
//! as an offset. Rows with `stockout_share` = 1 and units over 0 come from systems that only know *that* stock ran
//! out in the period: their units are a lower bound of demand (censored). Rows out of stock with nothing sold, or on
//! sale for less than [`ON_SALE_MIN`], say nothing and get no weight.

use crate::further::{FurtherColumns, FurtherFrame, own_scale};
use crate::partners::{Alongside, Partners, members, positions};
use crate::season::Season;
use endcap_model::{Calendar, Control, DepthCurve, Input, Panel, Sku, Span};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Least share of the selling time that a row must have been on sale to count.
pub(crate) const ON_SALE_MIN: f64 = 0.1;
/// Price ratio at or below which a period counts as promoted: at least 5 % off.
pub const PROMOTED_RATIO: f64 = 0.95;
/// Share of its time from which a row is taken as wholly out of stock.
const WHOLLY_OUT: f64 = 0.999;

/// What a row says about demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Units sold in the time on sale.
    Counted,
    /// Demand was at least the units sold.
    Censored,
    /// Nothing.
    Nothing,
}

/// Mean and standard deviation that bring a control to a common scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlScale {
    /// Column name.
    pub name: String,
    /// Mean in the history: what is assumed where a future value is not known.
    pub mean: f64,
    /// Standard deviation in the history.
    pub deviation: f64,
}

/// How rows become regressors: learnt from the history, applied to the history and to the cells to forecast alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// History.
    pub span: Span,
    /// Calendar terms.
    pub season: Season,
    /// Scales of the controls.
    pub controls: Vec<ControlScale>,
    /// Per SKU: share of its group's units.
    pub shares: BTreeMap<Sku, f64>,
    /// Per SKU: mean log of the price without promotion, from which its moves are measured.
    pub regular: BTreeMap<Sku, f64>,
    /// Per SKU whose elasticity changes with depth: how.
    pub curves: BTreeMap<Sku, DepthCurve>,
    /// Per SKU: the substitutes that have an effect of their own on it.
    pub partners: BTreeMap<Sku, Partners>,
    /// Regressors that not every panel has.
    #[serde(default)]
    pub further: FurtherFrame,
}

/// One panel with its derived columns, one value per row.
pub(crate) struct Prepared<'a> {
    pub(crate) panel: &'a Panel,
    pub(crate) frame: &'a Frame,
    /// Log of price over price without promotion.
    pub(crate) own: Vec<f64>,
    /// The same as demand answers to it: times the factor of the SKU's curve at this depth.
    pub(crate) answered: Vec<f64>,
    /// Log of the price without promotion over its mean in the history.
    pub(crate) regular: Vec<f64>,
    /// Mean of `own` over the group's other SKUs at the same place and period, by the weights of the partners.
    pub(crate) cross: Vec<f64>,
    /// Share-weighted mean of `regular` over the same.
    pub(crate) cross_regular: Vec<f64>,
    /// Share of the SKU's places in the same region and period where it is promoted.
    pub(crate) promoted_share: Vec<f64>,
    /// Share of the selling time on sale; 1 for censored rows.
    pub(crate) exposure: Vec<f64>,
    pub(crate) evidence: Vec<Evidence>,
    /// Column of the panel for every control of the frame, where it has it.
    pub(crate) control_columns: Vec<Option<usize>>,
    pub(crate) further: FurtherColumns,
    /// Positions of the panel's items by name.
    pub(crate) positions: BTreeMap<&'a Sku, usize>,
}

impl Frame {
    /// Learns the frame from a history.
    pub(crate) fn learn(panel: &Panel, span: Span) -> Self {
        let c = panel.columns();
        let no_cluster = |control: &&Control| !matches!(Input::of(&control.name), Input::Cluster(_));
        let controls = c.controls.iter().filter(no_cluster).map(|control| scale(panel, control)).collect();
        let units: Vec<f64> =
            (0..panel.skus().len()).map(|sku| panel.rows_of(sku).map(|row| c.units[row]).sum()).collect();
        let mut totals: BTreeMap<&endcap_model::Group, (f64, usize)> = BTreeMap::new();
        for (entry, sold) in panel.skus().iter().zip(&units) {
            let total = totals.entry(&entry.group).or_default();
            total.0 += sold;
            total.1 += 1;
        }
        let share = |at: usize| match totals[&panel.skus()[at].group] {
            (total, _) if total > 0.0 => units[at] / total,
            (_, items) => 1.0 / items as f64,
        };
        let regular = |at: usize| {
            let rows = panel.rows_of(at);
            let n = rows.len().max(1) as f64;
            rows.map(|row| c.base_price[row].ln()).sum::<f64>() / n
        };
        let by_sku = |value: &dyn Fn(usize) -> f64| {
            panel.skus().iter().enumerate().map(|(at, entry)| (entry.sku.clone(), value(at))).collect()
        };
        let season = Season::of(panel, span);
        let shares = by_sku(&share);
        let partners = Partners::choose(panel, &shares);
        Self {
            span,
            season,
            controls,
            shares,
            regular: by_sku(&regular),
            curves: BTreeMap::new(),
            partners,
            further: FurtherFrame::of(panel),
        }
    }

    /// Returns the calendar of the periods.
    pub(crate) fn calendar(&self) -> Calendar {
        self.season.calendar
    }

    /// Derives the columns of a panel.
    pub(crate) fn prepare<'a>(&'a self, panel: &'a Panel) -> Prepared<'a> {
        let c = panel.columns();
        let mut own = Vec::with_capacity(panel.len());
        let mut regular = Vec::with_capacity(panel.len());
        for row in 0..panel.len() {
            let reference = self.regular.get(&panel.skus()[c.sku[row] as usize].sku);
            let base = c.base_price[row].ln();
            own.push(c.price[row].ln() - base);
            regular.push(base - reference.copied().unwrap_or(base));
        }
        let answered = (0..panel.len()).map(|row| self.answered(panel, row, own[row])).collect();
        let (evidence, exposure) = (0..panel.len()).map(|row| evidence(c.units[row], c.stockout_share[row])).unzip();
        let column = |name: &str| c.controls.iter().position(|control| control.name == name);
        let control_columns = self.controls.iter().map(|control| column(&control.name)).collect();
        let promoted_share = promoted_shares(panel, &own);
        let positions = positions(panel);
        let (cross, cross_regular) = cross_prices(panel, self, &positions, &own, &regular);
        let further = self.further.prepare(panel, &own, &self.shares);
        Prepared {
            panel,
            frame: self,
            own,
            answered,
            regular,
            cross,
            cross_regular,
            promoted_share,
            exposure,
            evidence,
            control_columns,
            further,
            positions,
        }
    }
}

impl Frame {
    /// Returns a control's value on the common scale; its mean, 0, where it is not known.
    pub(crate) fn control(&self, at: usize, sku: &Sku, value: Option<f64>) -> f64 {
        let scale = &self.controls[at];
        match (self.competitor(at, sku, value), value) {
            (Some(moved), _) => moved,
            (None, Some(value)) if scale.deviation > 0.0 => (value - scale.mean) / scale.deviation,
            _ => 0.0,
        }
    }

    /// Log price ratio of a row as demand answers to it.
    fn answered(&self, panel: &Panel, row: usize, own: f64) -> f64 {
        let clusters = &self.further.clusters;
        if self.curves.is_empty() && clusters.factors.is_empty() {
            return own;
        }
        let sku = &panel.skus()[panel.columns().sku[row] as usize].sku;
        let curve = self.curves.get(sku);
        let answered = curve.map_or(own, |curve| own * curve.factor((1.0 - own.exp()).max(0.0)));
        if clusters.factors.is_empty() {
            return answered;
        }
        answered * clusters.factor(sku, &panel.places()[panel.columns().place[row] as usize].place)
    }
}

/// What a row says about demand, and the share of the selling time on sale; 1 for censored rows.
pub(crate) fn evidence(units: f64, stockout_share: f64) -> (Evidence, f64) {
    match (stockout_share >= WHOLLY_OUT, units > 0.0) {
        (true, true) => (Evidence::Censored, 1.0),
        (false, _) if 1.0 - stockout_share >= ON_SALE_MIN => (Evidence::Counted, 1.0 - stockout_share),
        _ => (Evidence::Nothing, 1.0),
    }
}

fn scale(panel: &Panel, control: &Control) -> ControlScale {
    let (name, values) = (&control.name, &control.values);
    if let Some((mean, deviation)) = own_scale(panel, control) {
        return ControlScale { name: name.clone(), mean, deviation };
    }
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let deviation = if deviation > 1e-9 * mean.abs().max(1e-300) { deviation } else { 0.0 };
    ControlScale { name: name.clone(), mean, deviation }
}

/// Share of the places of each row's SKU, region and period that are promoted.
fn promoted_shares(panel: &Panel, own: &[f64]) -> Vec<f64> {
    let c = panel.columns();
    let mut regions: Vec<&str> = panel.places().iter().map(|entry| entry.region.as_str()).collect();
    regions.sort_unstable();
    regions.dedup();
    let region = |entry: &endcap_model::PlaceEntry| regions.partition_point(|&name| name < entry.region.as_str());
    let regions: Vec<usize> = panel.places().iter().map(region).collect();
    let shares: Vec<Vec<f64>> = (0..panel.skus().len())
        .into_par_iter()
        .map(|sku| {
            let cell = |row: usize| (regions[c.place[row] as usize], c.period[row].0);
            let mut counts: BTreeMap<(usize, i32), (f64, f64)> = BTreeMap::new();
            for row in panel.rows_of(sku) {
                let count = counts.entry(cell(row)).or_default();
                count.0 += f64::from(u8::from(is_promotion(own[row])));
                count.1 += 1.0;
            }
            panel.rows_of(sku).map(|row| counts[&cell(row)]).map(|(promoted, all)| promoted / all).collect()
        })
        .collect();
    shares.concat()
}

/// Whether a log price ratio is at least 5 % off.
pub(crate) fn is_promotion(own: f64) -> bool {
    own <= PROMOTED_RATIO.ln() + 1e-9
}

/// Computes the two price indices of the substitutes, group by group.
fn cross_prices(
    panel: &Panel,
    frame: &Frame,
    positions: &BTreeMap<&Sku, usize>,
    own: &[f64],
    regular: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let c = panel.columns();
    let share = |sku: usize| frame.shares.get(&panel.skus()[sku].sku).copied().unwrap_or(0.0).max(1e-9);
    let groups: Vec<Vec<usize>> = members(panel).into_values().filter(|skus| skus.len() > 1).collect();
    let indices: Vec<Vec<(usize, f64, f64)>> = groups
        .par_iter()
        .map(|skus| {
            let mut cells: BTreeMap<(u32, i32), [f64; 3]> = BTreeMap::new();
            for row in skus.iter().flat_map(|&sku| panel.rows_of(sku)) {
                let s = share(c.sku[row] as usize);
                let cell = cells.entry((c.place[row], c.period[row].0)).or_default();
                [s, s * own[row], s * regular[row]].iter().zip(cell).for_each(|(add, sum)| *sum += add);
            }
            let mut found = Vec::new();
            for &sku in skus {
                let partners = frame.partners.get(&panel.skus()[sku].sku);
                let listed: Vec<(usize, f64)> = partners.map_or_else(Vec::new, |p| p.positions(positions));
                let spread = partners.map_or(1.0, |p| p.rest);
                let mut listed: Vec<(usize, f64, Alongside)> =
                    listed.into_iter().map(|(at, weight)| (at, weight, Alongside::of(panel, at))).collect();
                for row in panel.rows_of(sku) {
                    let s = share(sku);
                    let [weight, sum_own, sum_regular] = cells[&(c.place[row], c.period[row].0)];
                    let (others, mut rest, mut rest_own) = (weight - s, weight - s, sum_own - s * own[row]);
                    let mut price = 0.0;
                    for (partner, weight, alongside) in &mut listed {
                        if let Some(at) = alongside.at(panel, row) {
                            price += *weight * own[at];
                            rest -= share(*partner);
                            rest_own -= share(*partner) * own[at];
                        }
                    }
                    if rest > 1e-12 {
                        price += spread * rest_own / rest;
                    }
                    if others > 1e-12 {
                        found.push((row, price, (sum_regular - s * regular[row]) / others));
                    }
                }
            }
            found
        })
        .collect();
    let (mut cross, mut cross_regular) = (vec![0.0; panel.len()], vec![0.0; panel.len()]);
    for (row, price, base) in indices.into_iter().flatten() {
        cross[row] = price;
        cross_regular[row] = base;
    }
    (cross, cross_regular)
}

impl Prepared<'_> {
    /// Returns whether a row's own price is at least 5 % under the price without promotion.
    pub(crate) fn is_promoted(&self, row: usize) -> bool {
        is_promotion(self.own[row])
    }

    /// Returns a control's value on the common scale; its mean, 0, where the panel does not have it.
    pub(crate) fn control(&self, at: usize, row: usize) -> f64 {
        let c = self.panel.columns();
        let value = self.control_columns[at].map(|column| c.controls[column].values[row]);
        self.frame.control(at, &self.panel.skus()[c.sku[row] as usize].sku, value)
    }
}
