//! What a fit leaves behind for learning on without it: what is known of every effect together, and per item and place
//! the sums that levels are made of.
//!
//! Sums hold the mean regressors of what they add up, so that they can follow effects that move without the rows they
//! were made of: `expected * exp(lean * change)`, right to first order.

use super::rows::Carried;
use crate::columns::{DIP, LiftTerms, OWN};
use crate::dispersion::Dispersion;
use crate::error::DemandError;
use crate::fit::{Fitted, FittedItem, Opinion};
use crate::further::remember;
use crate::level::{Memory, PLACES_SPREAD, SkuBase};
use crate::linear::{Symmetric, dot};
use crate::prepare::{Evidence, Prepared};
use crate::response::{SkuRows, estimate};
use crate::signal::Unseen;
use endcap_model::{Group, Panel, Place};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Items from which the tempering is learnt, at most.
const ITEMS_SAMPLED: usize = 150;
/// How far the tempering may go.
const TEMPER: (f64, f64) = (1.0, 4.0);
/// Variance from which an item's own elasticity says nothing about the tempering.
const NO_INFORMATION: f64 = 4.0;
/// Precision of the prior that keeps columns without variation finite: that of the fit.
const FAINT: f64 = 0.01;

/// What learning on starts from; belongs to the fit that it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// What the log likelihood of new rows is divided by.
    pub(crate) temper: f64,
    /// Places of the history.
    pub(crate) places: Vec<Place>,
    /// Per place: its region.
    pub(crate) regions: Vec<String>,
    /// Per item of the model, in its order.
    pub(crate) items: Vec<ItemStart>,
}

/// What one item starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemStart {
    pub(crate) group: Group,
    /// Packed lower triangle of the precision of its effects.
    pub(crate) precision: Vec<f64>,
    /// Level over all places.
    pub(crate) usual: f64,
    /// Recent sales of all places, faded to the end of the history.
    pub(crate) recent: Gathered,
    /// By place.
    pub(crate) series: Vec<SeriesStart>,
}

/// What one item at one place starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeriesStart {
    pub(crate) place: u32,
    /// Last price without promotion.
    pub(crate) base_price: f64,
    /// What its history leaves to later periods.
    pub(crate) closing: Carried,
    /// Log level beside all effects, the weight of the rows behind it, and their mean regressors.
    pub(crate) log_level: f64,
    pub(crate) weight: f64,
    pub(crate) centre: Vec<f64>,
    /// All sales, and recent ones faded to the end of the history.
    pub(crate) long: Gathered,
    pub(crate) recent: Gathered,
}

/// Weighted sales and expectations with the mean regressors of what was expected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gathered {
    pub(crate) sold: f64,
    pub(crate) expected: f64,
    pub(crate) lean: Vec<f64>,
}

impl Gathered {
    fn new(columns: usize) -> Self {
        Self { sold: 0.0, expected: 0.0, lean: vec![0.0; columns] }
    }

    fn add(&mut self, sold: f64, expected: f64, line: &[f64]) {
        self.sold += sold;
        self.expected += expected;
        self.lean.iter_mut().zip(line).for_each(|(sum, x)| *sum += expected * x);
    }

    /// Turns sums of regressors into means.
    fn closed(mut self) -> Self {
        let total = self.expected.max(1e-300);
        self.lean.iter_mut().for_each(|sum| *sum /= total);
        self
    }

    /// What would be expected at effects that changed by so much.
    pub(crate) fn expected_after(&self, change: &[f64]) -> f64 {
        self.expected * dot(&self.lean, change).clamp(-3.0, 3.0).exp()
    }
}

impl Start {
    /// Prepares a fit for learning on, from the history that it was made of.
    ///
    /// # Errors
    /// [`DemandError::OtherHistory`] when an item of the model is not in the history.
    pub fn of(fitted: &Fitted, history: &Panel) -> Result<Self, DemandError> {
        let prepared = fitted.frame.prepare(history);
        let find = |item: &FittedItem| {
            prepared.positions.get(&item.sku).copied().ok_or_else(|| DemandError::OtherHistory(item.sku.clone()))
        };
        let skus: Vec<usize> = fitted.items.iter().map(find).collect::<Result<_, _>>()?;
        let temper = temper(fitted, &prepared, &skus);
        let items = (0..skus.len()).into_par_iter().map(|at| item_start(fitted, &prepared, at, skus[at], temper));
        Ok(Self {
            temper,
            places: history.places().iter().map(|entry| entry.place.clone()).collect(),
            regions: history.places().iter().map(|entry| entry.region.clone()).collect(),
            items: items.collect(),
        })
    }
}

/// The usable rows of one item with the regressors that its effects read.
struct ItemRows {
    base: SkuBase,
    /// What each place's history leaves to later periods.
    closing: Vec<(u32, Carried)>,
    columns: usize,
    x: Vec<f64>,
    exposure: Vec<f64>,
}

impl ItemRows {
    fn of(fitted: &Fitted, prepared: &Prepared, item: &FittedItem, sku: usize) -> Self {
        let (carry, effects) = (fitted.lift.dip_carry, item.forecast_effects(&fitted.frame));
        let terms = LiftTerms::of(&item.effects);
        let (base, stocks) = SkuBase::of(prepared, sku, (terms, &effects), item.dispersion, carry);
        let memory = fitted.frame.further.memory;
        let remembered = prepared.panel.series_of(sku).map(|series| {
            memory.map_or(0.0, |m| remember(prepared.panel, &prepared.own, series, m.carry, None, |_, _| ()))
        });
        let closed = |((place, last, stock), remembered)| (place, Carried { last, stock, remembered });
        let closing = stocks.into_iter().zip(remembered).map(closed).collect();
        let columns = fitted.frame.columns();
        let (mut x, mut exposure, mut line) = (Vec::new(), Vec::new(), vec![0.0; columns]);
        for series in prepared.panel.series_of(sku) {
            prepared.household_stock(series, terms, carry, 0.0, |row, stock| {
                if prepared.evidence[row] != Evidence::Nothing {
                    prepared.write_row(row, &mut line);
                    line[DIP] = stock;
                    x.extend_from_slice(&line);
                    exposure.push(prepared.exposure[row]);
                }
            });
        }
        Self { base, closing, columns, x, exposure }
    }

    fn line(&self, at: usize) -> &[f64] {
        &self.x[at * self.columns..(at + 1) * self.columns]
    }
}

/// Level of a place beside all effects: its log, the weight of its rows, and their mean regressors.
struct Centre {
    log_level: f64,
    weight: f64,
    line: Vec<f64>,
}

/// What an item's own rows say about its effects under the working model, and the levels of its places.
fn information(rows: &ItemRows, item: &FittedItem) -> (Symmetric, Vec<Centre>) {
    let k = rows.columns;
    let runs = rows.base.runs();
    let centres: Vec<Centre> = runs.iter().map(|run| centre(rows, item, run.clone())).collect();
    let mut matrix = Symmetric::zeros(k);
    (0..k).for_each(|at| *matrix.at(at, at) = FAINT);
    let mut periods: BTreeMap<i32, (f64, Vec<f64>)> = BTreeMap::new();
    for (run, centre) in runs.into_iter().zip(&centres) {
        for at in run {
            let expected = (centre.log_level + dot(rows.line(at), &item.effects)).exp() * rows.exposure[at];
            let weight = item.dispersion.weight(expected);
            let apart: Vec<f64> = rows.line(at).iter().zip(&centre.line).map(|(x, mean)| x - mean).collect();
            matrix.add_outer(weight, &apart);
            let period = periods.entry(rows.base.period[at]).or_insert_with(|| (0.0, vec![0.0; k]));
            period.0 += weight;
            period.1.iter_mut().zip(&apart).for_each(|(sum, x)| *sum += weight * x);
        }
    }
    let shock = 1.0 / item.dispersion.shock.max(1e-9);
    for (weight, shared) in periods.into_values() {
        matrix.add_outer(-1.0 / (weight + shock), &shared);
    }
    (matrix, centres)
}

fn centre(rows: &ItemRows, item: &FittedItem, run: std::ops::Range<usize>) -> Centre {
    let expected: Vec<f64> =
        run.clone().map(|at| dot(rows.line(at), &item.effects).exp() * rows.exposure[at]).collect();
    let demand = &rows.base.demand[run.clone()];
    let mut level = (demand.iter().sum::<f64>() + 0.1) / (expected.iter().sum::<f64>() + 0.1);
    for _ in 0..2 {
        let (sold, usual) = demand.iter().zip(&expected).fold((0.0, 0.0), |(sold, usual), (demand, expected)| {
            let weight = 1.0 / (item.dispersion.counting + item.dispersion.cells * level * expected);
            (sold + weight * demand, usual + weight * expected)
        });
        level = (sold / usual.max(1e-12)).max(1e-6);
    }
    let (mut weight, mut line) = (0.0, vec![0.0; rows.columns]);
    for (at, expected) in run.zip(&expected) {
        let w = item.dispersion.weight(level * expected);
        weight += w;
        line.iter_mut().zip(rows.line(at)).for_each(|(sum, x)| *sum += w * x);
    }
    line.iter_mut().for_each(|sum| *sum /= weight.max(1e-12));
    Centre { log_level: level.ln(), weight: weight.max(1e-6), line }
}

/// How much wider the sandwich is than the working model, at the median of the items that know their elasticity.
fn temper(fitted: &Fitted, prepared: &Prepared, skus: &[usize]) -> f64 {
    let every = skus.len().div_ceil(ITEMS_SAMPLED).max(1);
    let ratio = |at: usize| {
        let item = &fitted.items[at];
        let rows = SkuRows::of(prepared, skus[at], Unseen::NONE);
        let own = ItemRows::of(fitted, prepared, item, skus[at]);
        if rows.is_empty() {
            return None;
        }
        let model = information(&own, item).0.factor().inverse_diagonal()[OWN];
        let sampling = estimate(&rows, &item.dispersion, None).sampling[OWN];
        (model < NO_INFORMATION).then(|| sampling.variance * sampling.widening.powi(2) / model)
    };
    let sampled: Vec<usize> = (0..skus.len()).step_by(every).collect();
    let mut ratios: Vec<f64> = sampled.into_par_iter().filter_map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).map_or(TEMPER.0, |ratio| ratio.clamp(TEMPER.0, TEMPER.1))
}

fn item_start(fitted: &Fitted, prepared: &Prepared, at: usize, sku: usize, temper: f64) -> ItemStart {
    let item = &fitted.items[at];
    let rows = ItemRows::of(fitted, prepared, item, sku);
    let (information, centres) = information(&rows, item);
    let end = fitted.lift.span.end.0;
    let usual = rows.base.usual_level(end);
    let mut series = Vec::with_capacity(centres.len());
    let mut levels = Vec::with_capacity(centres.len());
    for (run, centre) in rows.base.runs().into_iter().zip(centres) {
        let place = rows.base.place[run.start];
        let long = long(&rows, run.clone(), usual, &item.dispersion);
        levels.push(usual * (1.0 / PLACES_SPREAD + long.sold) / (1.0 / PLACES_SPREAD + long.expected));
        let closing = rows.closing.iter().find(|(of, _)| *of == place);
        let &(_, closing) = closing.expect("Invariant: every series has an end");
        let base_price = last_base_price(prepared, sku, place);
        let recent = Gathered::default();
        let Centre { log_level, weight, line: centre } = centre;
        series.push(SeriesStart { place, base_price, closing, log_level, weight, centre, long, recent });
    }
    let recent = recent_of_item(&rows, fitted, item, &levels);
    let drift = 1.0 / memory_of(fitted).drift;
    let ratio = (drift + recent.sold) / (drift + recent.expected);
    for ((run, series), level) in rows.base.runs().into_iter().zip(&mut series).zip(&levels) {
        series.recent = recent_of_place(&rows, fitted, item, run, level * ratio);
    }
    let precision = precision(information, item, temper);
    ItemStart { group: prepared.panel.skus()[sku].group.clone(), precision, usual, recent, series }
}

/// The posterior precision of the effects: what the item's own rows say and what pooling added to each effect, scaled to
/// the variances of the fit.
fn precision(own: Symmetric, item: &FittedItem, temper: f64) -> Vec<f64> {
    let n = own.size;
    let sampling = own.clone().factor().inverse_diagonal();
    let mut both = Symmetric::zeros(n);
    for (row, (sampling, fitted)) in sampling.iter().zip(&item.variances).enumerate() {
        for column in 0..=row {
            *both.at(row, column) = own.get(row, column) / temper;
        }
        let borrowed = 1.0 / fitted.max(1e-9) - 1.0 / (temper * sampling);
        *both.at(row, row) += borrowed.max(0.0);
    }
    let together = both.clone().factor().inverse_diagonal();
    let scale: Vec<f64> =
        together.iter().zip(&item.variances).map(|(found, fitted)| (found / fitted.max(1e-9)).sqrt()).collect();
    let packed = |row: usize| (0..=row).map(move |column| (row, column));
    (0..n).flat_map(packed).map(|(row, column)| *both.at(row, column) * scale[row] * scale[column]).collect()
}

fn long(rows: &ItemRows, run: std::ops::Range<usize>, usual: f64, dispersion: &Dispersion) -> Gathered {
    let mut long = Gathered::new(rows.columns);
    for at in run {
        let expected = usual * rows.base.expected[at];
        let weight = 1.0 / dispersion.noise(expected);
        long.add(weight * rows.base.demand[at], weight * expected, rows.line(at));
    }
    long.closed()
}

/// Recent sales of all places, a period weighing no more than its shock lets it.
fn recent_of_item(rows: &ItemRows, fitted: &Fitted, item: &FittedItem, levels: &[f64]) -> Gathered {
    let last = fitted.lift.span.end.0 - 1;
    let expected: Vec<f64> = rows
        .base
        .runs()
        .into_iter()
        .zip(levels)
        .flat_map(|(run, level)| run.map(move |at| level * rows.base.expected[at]))
        .collect();
    let weight = |at: usize| 1.0 / (item.dispersion.counting + item.dispersion.cells * expected[at]);
    let mut periods: BTreeMap<i32, f64> = BTreeMap::new();
    (0..expected.len()).for_each(|at| {
        *periods.entry(rows.base.period[at]).or_default() += weight(at) * expected[at];
    });
    let mut recent = Gathered::new(rows.columns);
    for (at, expected) in expected.iter().enumerate() {
        let period = rows.base.period[at];
        let fade = faded(last - period, memory_of(fitted).item_half_life);
        let weight = fade * weight(at) / (1.0 + item.dispersion.shock * periods[&period]);
        recent.add(weight * rows.base.demand[at], weight * expected, rows.line(at));
    }
    recent.closed()
}

fn recent_of_place(
    rows: &ItemRows,
    fitted: &Fitted,
    item: &FittedItem,
    run: std::ops::Range<usize>,
    level: f64,
) -> Gathered {
    let last = fitted.lift.span.end.0 - 1;
    let mut recent = Gathered::new(rows.columns);
    for at in run {
        let expected = level * rows.base.expected[at];
        let fade = faded(last - rows.base.period[at], memory_of(fitted).place_half_life);
        let weight = fade / item.dispersion.noise(expected);
        recent.add(weight * rows.base.demand[at], weight * expected, rows.line(at));
    }
    recent.closed()
}

/// How quickly levels of the estimated effects forget.
pub(crate) fn memory_of(fitted: &Fitted) -> &Memory {
    &fitted.memories[Opinion::Estimated as usize]
}

/// Weight of what is so many periods old.
pub(crate) fn faded(age: i32, half_life: f64) -> f64 {
    (-std::f64::consts::LN_2 * f64::from(age) / half_life).exp()
}

fn last_base_price(prepared: &Prepared, sku: usize, place: u32) -> f64 {
    let c = prepared.panel.columns();
    let series = prepared.panel.series_of(sku).find(|series| c.place[series.start] == place);
    c.base_price[series.expect("Invariant: rows come from a series").end - 1]
}
