//! Supply: what lies where, what is under way, what is ordered and moved, and how stock is expected to run.

use crate::{Calendar, Period, Pieces, Place, Sku, Supplier};
use serde::{Deserialize, Serialize};

/// Stock of one SKU at one place when a plan begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockState {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// Pieces that can be sold now.
    pub on_hand: Pieces,
    /// Pieces under way, by the period at whose start they arrive.
    pub pipeline: Vec<(Period, Pieces)>,
}

/// Pieces to order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SupplyOrder {
    /// Where they are needed.
    pub place: Place,
    /// The item.
    pub sku: Sku,
    /// Who delivers them, if known.
    pub supplier: Option<Supplier>,
    /// Period at whose end the order is placed.
    pub order_period: Period,
    /// Period at whose start they arrive.
    pub arrives: Period,
    /// Whole cases, in pieces.
    pub quantity: Pieces,
}

/// Pieces to move between places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Transfer {
    /// The item.
    pub sku: Sku,
    /// Where they lie.
    pub from: Place,
    /// Where they sell.
    pub to: Place,
    /// Period at whose end they leave.
    pub period: Period,
    /// Pieces.
    pub quantity: Pieces,
}

/// How the stock of one SKU at one place is expected to stand in one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionRow {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// Pieces at the end of the period: 5 % quantile.
    pub stock_q05: f64,
    /// 25 % quantile.
    pub stock_q25: f64,
    /// Median.
    pub stock_q50: f64,
    /// 75 % quantile.
    pub stock_q75: f64,
    /// 95 % quantile.
    pub stock_q95: f64,
    /// Probability that demand exceeds what can be sold.
    pub stockout_probability: f64,
    /// Expected units sold.
    pub sales: f64,
    /// Expected units wanted but not there.
    pub lost: f64,
    /// Expected units past their shelf life at the end of the period.
    pub waste: f64,
    /// Expected pieces that arrive at the start of the period.
    pub arrivals: f64,
}

/// Stock paths of many cells, sorted by SKU, place and period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// The cells.
    pub rows: Vec<ProjectionRow>,
}
