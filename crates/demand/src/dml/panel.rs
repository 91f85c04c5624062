//! Own-price elasticities of a panel by double machine learning: a second reading beside the structural fit, with
//! other assumptions.
//!
//! **Outcome.** The log of units + 1/2, less the log of the time on sale. For counts the expected value of that log
//! is the log of their mean up to terms of second order (Cox 1955: the 1/2 makes up for the curvature of the log), so
//! that a zero needs no special case and the treatment acts on the rate by a factor. Under a mean of about 2 the
//! second order counts, and elasticities come out too small.
//!
//! **Rows.** As the structural fit reads them, except that rows which only bound demand from below are left out, since
//! residuals cannot hold a bound: where shelves run empty under promotions that selects on demand, and the structural
//! fit is the one to trust.
//!
//! **Treatment** is the log of price over price without promotion; **controls** are the regressors of the structural
//! fit and the item's own promotions, adverts and displays of the periods before.

use super::effect::{Effect, t_quantile};
use super::error::DmlError;
use super::rows::{DmlSettings, Rows, numbered};
use super::{Estimate, estimate};
use crate::booster::{Column, Table};
use crate::columns::{DIP, OWN};
use crate::pool::{Own, Pooled, Prior, pool};
use crate::prepare::{Evidence, Frame, Prepared};
use endcap_model::{Calendar, Panel, Sku};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

/// Own price elasticities over all retail items: 1,851 estimates (Bijmolt, van Heerde and Pieters 2005).
const ELASTICITY: Prior = Prior { mean: -2.6, deviation: 2.2 };
/// Periods for which an earlier promotion is a control: most of the dip that it leaves.
const LAGS: usize = 3;
/// Days in a week: days are dealt and clustered by week.
const WEEK: i32 = 7;

/// The elasticity of one item.
#[derive(Clone, Debug)]
pub struct ItemEffect {
    /// The item.
    pub sku: Sku,
    /// What its own rows say, or why they cannot tell.
    pub own: Result<Effect, DmlError>,
    /// The same weighed against its tier, its group and all items.
    pub pooled: PooledEffect,
}

/// An effect after pooling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PooledEffect {
    /// Posterior mean.
    pub mean: f64,
    /// Posterior standard deviation.
    pub deviation: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Weight of the item's own rows in the mean, 0..=1.
    pub own_weight: f64,
}

/// The elasticities of a panel.
#[derive(Clone, Debug)]
pub struct PanelEffects {
    /// The one elasticity that fits all rows best.
    pub overall: Effect,
    /// Per item, in the panel's order; items without a usable row are left out.
    pub items: Vec<ItemEffect>,
}

/// Columns of the rows that count.
#[derive(Default)]
struct Columns {
    outcome: Vec<f64>,
    treatment: Vec<f64>,
    controls: Vec<Vec<f32>>,
    unit: Vec<u32>,
    week: Vec<i32>,
    sku: Vec<u32>,
}

/// Estimates the own-price elasticity of every item of a panel.
///
/// # Errors
/// [`DmlError`] where no item can be told, as [`estimate`]; an item's own refusal stands in its place.
pub fn estimate_panel(panel: &Panel, settings: &DmlSettings, rng: &mut ChaCha8Rng) -> Result<PanelEffects, DmlError> {
    let span = panel.span().ok_or(DmlError::TooFewWeeks { weeks: 0, needed: 1, folds: settings.folds })?;
    let frame = Frame::learn(panel, span);
    let columns = Columns::of(&frame.prepare(panel));
    let controls = Table::new(columns.controls.iter().map(|column| Column::Number(column)).collect())?;
    let rows = Rows {
        outcome: &columns.outcome,
        treatment: &columns.treatment,
        controls: &controls,
        unit: Some(&columns.unit),
        week: &columns.week,
        segment: Some(&columns.sku),
    };
    let Estimate { overall, segments, .. } = estimate(&rows, settings, rng)?;
    let pooled = pooled(panel, &segments, settings.level);
    let item = |((sku, own), pooled): ((u32, Result<Effect, DmlError>), PooledEffect)| ItemEffect {
        sku: panel.skus()[sku as usize].sku.clone(),
        own,
        pooled,
    };
    Ok(PanelEffects { overall, items: segments.into_iter().zip(pooled).map(item).collect() })
}

/// Weighs each item's own estimate against its tier, its group and all items.
fn pooled(panel: &Panel, segments: &[(u32, Result<Effect, DmlError>)], level: f64) -> Vec<PooledEffect> {
    let entries = || segments.iter().map(|(sku, _)| &panel.skus()[*sku as usize]);
    let (group, groups) = numbered(&entries().map(|entry| entry.group.to_string()).collect::<Vec<_>>());
    let (tier, tiers) = numbered(&entries().map(|entry| entry.tier.as_str()).collect::<Vec<_>>());
    let normal = Normal::standard().inverse_cdf(0.5 + 0.5 * level);
    let own: Vec<Own> = segments
        .iter()
        .enumerate()
        .map(|(at, (_, effect))| {
            let (estimate, variance, widening) = match effect {
                Ok(e) => (e.mean, e.standard_error.powi(2), t_quantile(e.freedom, level) / normal),
                Err(_) => (0.0, f64::INFINITY, 1.0),
            };
            Own { estimate, variance, widening, group: group[at], tier: tier[at] }
        })
        .collect();
    let posterior = pool(&own, groups.len(), tiers.len(), ELASTICITY);
    let effect = |posterior: &Pooled| {
        let (mean, deviation) = (posterior.mean, posterior.variance.sqrt());
        let reach = normal * deviation;
        PooledEffect { mean, deviation, low: mean - reach, high: mean + reach, own_weight: posterior.own_weight }
    };
    posterior.iter().map(effect).collect()
}

impl Columns {
    fn of(prepared: &Prepared) -> Self {
        let panel = prepared.panel;
        let regressors = prepared.frame.columns();
        let kept: Vec<usize> = (0..regressors).filter(|&column| column != OWN && column != DIP).collect();
        let mut all = Self { controls: vec![Vec::new(); kept.len() + 3 * LAGS], ..Self::default() };
        let mut line = vec![0.0; regressors];
        let mut unit = 0;
        for sku in 0..panel.skus().len() {
            for series in panel.series_of(sku) {
                for row in series.clone().filter(|&row| prepared.evidence[row] == Evidence::Counted) {
                    prepared.write_row(row, &mut line);
                    let controls = kept.iter().map(|&column| line[column]).chain(earlier(prepared, series.start, row));
                    all.controls.iter_mut().zip(controls).for_each(|(column, value)| column.push(value as f32));
                    all.push(prepared, row, unit, sku as u32);
                }
                unit += 1;
            }
        }
        all
    }

    fn push(&mut self, prepared: &Prepared, row: usize, unit: u32, sku: u32) {
        let c = prepared.panel.columns();
        self.outcome.push((c.units[row] + 0.5).ln() - prepared.exposure[row].ln());
        self.treatment.push(prepared.own[row]);
        self.unit.push(unit);
        self.sku.push(sku);
        let period = c.period[row].0;
        self.week.push(match prepared.panel.calendar() {
            Calendar::Day => period.div_euclid(WEEK),
            Calendar::Week | Calendar::Index => period,
        });
    }
}

/// Price cut, advert and display of the same series in each of the periods before a row; none where there is no row.
fn earlier(prepared: &Prepared, start: usize, row: usize) -> impl Iterator<Item = f64> {
    let c = prepared.panel.columns();
    (1..=LAGS).flat_map(move |lag| {
        let sought = c.period[row].0 - lag as i32;
        let found = (start..row).rev().take(LAGS).find(|&before| c.period[before].0 == sought);
        found.map_or([0.0; 3], |before| [prepared.own[before], c.feature[before], c.display[before]])
    })
}
