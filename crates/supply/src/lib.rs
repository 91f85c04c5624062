//! Supply: how stock runs, what to order and move, and what a limited stock sells.
//!
//! Never decides an offer, never reads a file or a clock. Money is minor units per piece; randomness is a seed; the
//! same input gives the same bytes at any thread count.

mod alerts;
mod capacity;
mod cells;
mod config;
mod consolidate;
mod count;
mod draw;
mod echelon;
mod error;
mod estimate;
mod expedite;
mod feeds;
mod flow;
mod history;
mod limited;
mod memory;
mod network;
mod odd;
mod outlook;
mod projection;
mod reliability;
mod request;
mod rules;
mod season;
mod sift;
mod sizes;
mod spread;
mod styles;
mod supply;
mod terms;
mod transfers;
mod trucks;

pub use alerts::{Action, Alert, AlertKind, Handling, Urgency};
pub use capacity::LimitPrices;
pub use config::{Capacities, SupplyConfig, TransferConfig};
pub use consolidate::consolidate;
pub use draw::{Ranks, counts};
pub use error::SupplyError;
pub use estimate::{DemandEstimate, EstimateSettings, estimate};
pub use feeds::FeedRow;
pub use history::{SalesHistory, SalesRow, are_weeks};
pub use limited::{
    BestQuantity, Demand, QuantityTerms, best_quantity, critical_ratio, expected_sales, stockout_probability,
};
pub use reliability::Reliability;
pub use request::{DeliveryRow, GivenForecast, ItemRow, StockRow, SupplyAnswer, SupplyRequest, answer};
pub use rules::{CoverRules, OrderLevels, levels, order_quantity};
pub use sift::SetAside;
pub use sizes::{
    Allocation, Pack, Rebuilt, SizeCurve, SizeHealth, SizeMove, SizeStock, SlowCause, first_allocation, rebuild_runs,
    size_health, slow_cause,
};
pub use styles::{SizeCell, SizeOf, StyleAtPlace, StyleHealth, styles};
pub use supply::{OrderAdvice, SupplyPlan, SupplyTotals, supply};
pub use terms::{CellTerms, Expedite, Feed, PERIODS_MAX, SupplySettings, Truck};
