//! Alerts: cells that people should look at, with what is at stake.
//!
//! Run-out dates are those without any further order, so that an alert says what an order has to prevent; what is at
//! stake is taken from the projection, which has the orders. Never proposes an offer; an overstock alert says how many
//! pieces one would have to move.

use crate::SupplySettings;
use crate::cells::{Cell, period_of};
use crate::limited::stockout_probability;
use endcap_model::{Period, Place, ProjectionRow, Sku, Span};
use serde::Serialize;

/// A run-out is likely from this probability on.
const LIKELY: f64 = 0.5;
/// Stock is too much when demand reaches it with less than this probability within the horizon.
const UNLIKELY: f64 = 0.05;
/// Fewer expected pieces than this are not worth a person's time.
const PIECES_MIN: f64 = 1.0;

/// What is wrong with the stock of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// It runs out before an order of now can arrive: only a transfer or an expedited delivery helps.
    RunsOutBeforeAnyOrder,
    /// It runs out in the cover of the order of now: the order must not be missed.
    RunsOutWithoutThisOrder,
    /// More than the horizon is likely to sell: a case for a promotion, a markdown or a transfer.
    Overstock,
    /// Pieces are expected to pass their shelf life: reprice or move them.
    Expiry,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// What is wrong.
    pub kind: AlertKind,
    /// When: the run-out, the first waste, or the end of the horizon.
    pub period: Period,
    /// Expected pieces lost, wasted or too many over the horizon.
    pub units: f64,
    /// What they cost, in minor units: the order of urgency.
    pub value: f64,
}

/// Alerts of one cell from its stock before any order and its projected rows.
pub(crate) fn alerts_of(cell: &Cell, rows: &[ProjectionRow], span: Span, settings: &SupplySettings) -> Vec<Alert> {
    let alert = |kind, period, units, price: f64| Alert {
        sku: cell.terms.sku.clone(),
        place: cell.terms.place.clone(),
        kind,
        period,
        units,
        value: units * price.max(0.0),
    };
    let mut alerts = Vec::new();
    if let Some(at) = run_out(cell, settings) {
        let kind = if at + 1 < settings.lead_time_periods {
            AlertKind::RunsOutBeforeAnyOrder
        } else {
            AlertKind::RunsOutWithoutThisOrder
        };
        let lost = rows.iter().map(|row| row.lost).sum();
        alerts.push(alert(kind, period_of(span, at), lost, cell.terms.underage_cost()));
    }
    let surplus = surplus(cell, settings);
    if surplus >= PIECES_MIN {
        alerts.push(alert(AlertKind::Overstock, span.end.plus(-1), surplus, cell.terms.unit_cost));
    }
    let waste: f64 = rows.iter().map(|row| row.waste).sum();
    if waste >= PIECES_MIN {
        let first = rows.iter().find(|row| row.waste > 0.0).map_or(span.start, |row| row.period);
        alerts.push(alert(AlertKind::Expiry, first, waste, cell.terms.waste_loss()));
    }
    alerts
}

/// First period, up to the end of the cover of an order of now, in which stock likely runs out without one.
fn run_out(cell: &Cell, settings: &SupplySettings) -> Option<usize> {
    let cover = settings.lead_time_periods + settings.review_periods - 1;
    let mut available = cell.on_hand as f64;
    (0..cover.min(cell.demand.len())).find(|&period| {
        available += cell.arrivals[period] as f64;
        stockout_probability(cell.demand_over(0..period + 1, settings.persistence), available) >= LIKELY
    })
}

fn surplus(cell: &Cell, settings: &SupplySettings) -> f64 {
    let demand = cell.demand_over(0..cell.demand.len(), settings.persistence);
    let stock = (cell.on_hand + cell.arrivals.iter().sum::<i64>()) as f64;
    if stockout_probability(demand, stock) < UNLIKELY {
        (stock - demand.quantile(1.0 - UNLIKELY)).max(0.0)
    } else {
        0.0
    }
}

impl std::fmt::Display for AlertKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::RunsOutBeforeAnyOrder => "runs out before any order can arrive",
            Self::RunsOutWithoutThisOrder => "runs out without this order",
            Self::Overstock => "more than the horizon sells",
            Self::Expiry => "will pass its shelf life",
        })
    }
}
