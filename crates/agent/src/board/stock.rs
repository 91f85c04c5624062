//! How stock of an item in a region is expected to run with an offer and without it.
//!
//! Demand is the baseline times the lifts of the item's offers; orders, deliveries and random paths are those of the
//! supply plan, for this item's stores alone, so that limits on supply that items share are not seen.

use super::workbench::BoardError;
use crate::ground::Ground;
use crate::jobs::JobError;
use crate::plan;
use endcap_model::{Forecast, Period, Place, Projection, Scenario, Sku};
use endcap_supply::SupplyError;
use serde::Serialize;
use std::collections::BTreeMap;

/// Seed of the paths.
const SEED: u64 = 1;

/// How stock runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StockPath {
    /// With the offer, by period.
    pub with: Vec<StockPeriod>,
    /// Without it.
    pub without: Vec<StockPeriod>,
}

/// Stock of a region at the end of a period: sums over its stores, whose quantiles are taken as if all stores sold much
/// or little together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StockPeriod {
    /// The period, as its calendar writes it.
    pub period: String,
    /// 5 % quantile.
    pub stock_q05: f64,
    /// Median.
    pub stock_q50: f64,
    /// 95 % quantile.
    pub stock_q95: f64,
    /// Expected share of the stores that run out.
    pub stockout: f64,
    /// Expected pieces sold.
    pub sales: f64,
    /// Expected pieces that arrive.
    pub arrivals: f64,
}

/// Projects the stock of an item in a region under lifts by period, with and without that of one period. Nothing where
/// the horizon is too short for an order to arrive.
pub(super) fn stock_path(
    ground: &Ground,
    scenario: &Scenario,
    (sku, place): (&Sku, &Place),
    lifts: &BTreeMap<Period, f64>,
    period: Period,
) -> Result<Option<StockPath>, BoardError> {
    let region = |store: &Place| ground.facts.regions.get(store).unwrap_or(store) == place;
    let own = ground.baseline.rows.iter().filter(|row| row.sku == *sku && region(&row.place));
    let baseline = Forecast {
        calendar: ground.baseline.calendar,
        levels: ground.baseline.levels.clone(),
        rows: own.cloned().collect(),
    };
    let mut others = lifts.clone();
    others.remove(&period);
    let path =
        |lifts| match plan::supply(&ground.facts, &lifted(&baseline, lifts), &baseline, scenario, SEED, &|_, _| {}) {
            Ok(supplied) => Ok(Some(by_period(&supplied.projection))),
            Err(JobError::Supply(SupplyError::Short { .. })) => Ok(None),
            Err(error) => Err(error),
        };
    let (with, without) = (path(lifts)?, path(&others)?);
    Ok(with.zip(without).map(|(with, without)| StockPath { with, without }))
}

fn lifted(baseline: &Forecast, lifts: &BTreeMap<Period, f64>) -> Forecast {
    let mut forecast = baseline.clone();
    for row in &mut forecast.rows {
        row.mean = row.baseline * lifts.get(&row.period).copied().unwrap_or(1.0);
    }
    forecast
}

fn by_period(projection: &Projection) -> Vec<StockPeriod> {
    let mut sums: BTreeMap<Period, (StockPeriod, usize)> = BTreeMap::new();
    for row in &projection.rows {
        let (sum, stores) = sums.entry(row.period).or_default();
        sum.stock_q05 += row.stock_q05;
        sum.stock_q50 += row.stock_q50;
        sum.stock_q95 += row.stock_q95;
        sum.stockout += row.stockout_probability;
        sum.sales += row.sales;
        sum.arrivals += row.arrivals;
        *stores += 1;
    }
    let named = sums.into_iter().map(|(period, (sum, stores))| StockPeriod {
        period: projection.calendar.format(period),
        stockout: sum.stockout / stores.max(1) as f64,
        ..sum
    });
    named.collect()
}
