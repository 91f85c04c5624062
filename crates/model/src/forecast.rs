//! Forecasts of demand: what would be sold if stock never ran out.

use crate::{Calendar, Period, Place, Sku};
use serde::{Deserialize, Serialize};

/// Demand of one SKU at one place in one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastRow {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// Expected units.
    pub mean: f64,
    /// Expected units without the period's promotion.
    pub baseline: f64,
    /// Variance over mean of the demand around its expectation, 1 for a Poisson count. Includes the uncertainty of
    /// the expectation itself.
    pub dispersion: f64,
    /// Units at the forecast's quantile levels.
    pub quantiles: Vec<f64>,
}

/// Demand of many cells, sorted by SKU, place and period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Levels of the quantiles of every row, rising, each between 0 and 1.
    pub levels: Vec<f64>,
    /// The cells.
    pub rows: Vec<ForecastRow>,
}
