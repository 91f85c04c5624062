//! The supply plan: transfers, expedited orders, then orders period by period under the limits, then the projection.

use crate::alerts::{Alert, Looked, alerts_of};
use crate::capacity::LimitPrices;
use crate::cells::{Cell, Cells, period_of};
use crate::echelon::{Pool, pools};
use crate::error::SupplyError;
use crate::expedite::expedite;
use crate::network::{Network, Ordered};
use crate::outlook::Outlook;
use crate::projection::{Paths, project};
use crate::transfers::{Moves, transfer};
use crate::{CellTerms, SupplySettings};
use endcap_model::{
    Forecast, Period, Pieces, Place, Projection, ProjectionRow, Sku, Span, StockState, SupplyOrder, Transfer,
};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cells that are planned at a time where no limit ties them to others: what is known of so many stays in the processor's
/// cache over all periods.
const BLOCK: usize = 256;

/// Orders, transfers, and how stock is expected to run with them.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplyPlan {
    /// Orders over the horizon, sorted by order period, SKU and place. Those of the period before the first are to be
    /// placed now; later ones are what is expected to be ordered then, from the stock expected then.
    pub orders: Vec<SupplyOrder>,
    /// Pieces to move now, those that warehouses ship too, sorted by SKU and places.
    pub transfers: Vec<Transfer>,
    /// What transfers between places are expected to gain after their cost, in minor units.
    pub transfer_gain: f64,
    /// What a little more of each limit would have saved now.
    pub limit_prices: LimitPrices,
    /// Levels and the order of now, by cell whose sales are worth an order, where there is a review now.
    pub advice: Vec<OrderAdvice>,
    /// Stock paths with these orders and transfers.
    pub projection: Projection,
    /// What people should look at, the costliest first.
    pub alerts: Vec<Alert>,
}

/// What to order of a cell now, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderAdvice {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// Pieces expected at the start of the period of arrival and to arrive in the cover, without the order.
    pub position: f64,
    /// Order-up-to level less the expected demand of the cover.
    pub safety_stock: f64,
    /// A position below this one orders.
    pub reorder_point: f64,
    /// An order lifts the position at least to this level, and by less than a case above.
    pub order_up_to: f64,
    /// Pieces that the cell asked for.
    pub wished: Pieces,
    /// Pieces to order, as the limits allow.
    pub quantity: Pieces,
    /// Expected costs that the order saves, in minor units: its priority.
    pub saves: f64,
}

/// What a plan comes to: orders of now, and the expected pieces of the whole horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SupplyTotals {
    /// Orders to place now.
    pub orders: usize,
    /// Pieces in them.
    pub ordered: i64,
    /// Pieces to move now.
    pub moved: i64,
    /// Expected pieces sold.
    pub sales: f64,
    /// Expected pieces wanted and not there.
    pub lost: f64,
    /// Expected pieces past their shelf life.
    pub waste: f64,
    /// Expected pieces that arrive.
    pub arrivals: f64,
    /// Pieces sold over pieces wanted; 1 where none are wanted.
    pub fill_rate: f64,
    /// Mean probability over cells and periods that demand exceeds what can be sold.
    pub stockout_rate: f64,
}

impl SupplyPlan {
    /// Returns the orders to place at the end of a period.
    pub fn orders_of(&self, period: Period) -> impl Iterator<Item = &SupplyOrder> {
        self.orders.iter().filter(move |order| order.order_period == period)
    }

    /// Adds alerts that do not come from the plan.
    pub(crate) fn add_alerts(&mut self, alerts: Vec<Alert>) {
        self.alerts.extend(alerts);
        sort(&mut self.alerts);
    }

    /// Adds up the orders of `now`, the transfers and the projection.
    pub fn totals(&self, now: Period) -> SupplyTotals {
        let rows = &self.projection.rows;
        let sum = |of: fn(&ProjectionRow) -> f64| rows.iter().map(of).sum::<f64>();
        let (sales, lost) = (sum(|row| row.sales), sum(|row| row.lost));
        SupplyTotals {
            orders: self.orders_of(now).count(),
            ordered: self.orders_of(now).map(|order| order.quantity.0).sum(),
            moved: self.transfers.iter().map(|transfer| transfer.quantity.0).sum(),
            sales,
            lost,
            waste: sum(|row| row.waste),
            arrivals: sum(|row| row.arrivals),
            fill_rate: if sales + lost > 0.0 { sales / (sales + lost) } else { 1.0 },
            stockout_rate: sum(|row| row.stockout_probability) / rows.len().max(1) as f64,
        }
    }
}

/// Plans supply for the horizon of a forecast.
///
/// `forecast` has one row per cell and period; `states` and `terms` one per cell, as of the end of the period before
/// the first. `progress` is told cells projected and cells in all.
///
/// # Errors
/// [`SupplyError`] for input that does not fit together and for settings or terms outside their ranges.
pub fn supply(
    forecast: &Forecast,
    states: &[StockState],
    terms: &[CellTerms],
    settings: &SupplySettings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<SupplyPlan, SupplyError> {
    settings.check()?;
    let Cells { calendar, span, mut cells } = Cells::join(forecast, states, terms, settings.lead_time_periods)?;
    let lead_time = cells.iter().map(|cell| cell.lead_time).max().unwrap_or(1);
    if span.len() < lead_time {
        return Err(SupplyError::Short { horizon: span.len(), lead_time });
    }
    let Moves { mut transfers, gain } = transfer(&mut cells, span, settings);
    let expedited = expedite(&mut cells, span, settings);
    let pools = pools(&cells);
    let whole_terms: Vec<CellTerms> = pools.iter().map(|pool| pool.terms(&cells)).collect();
    let wholes: Vec<Cell> =
        pools.iter().zip(&whole_terms).map(|(pool, terms)| pool.cell(&cells, terms, settings)).collect();
    let horizon = Horizon { span, settings, paths: Paths::new(span.len(), settings), all: cells.len(), progress };
    let done = AtomicUsize::new(0);
    let planned: Vec<Planned> = if settings.has_shared_limits() || !pools.is_empty() {
        vec![horizon.plan(&cells, (&pools, &wholes), &done)]
    } else {
        cells.par_chunks(BLOCK).map(|block| horizon.plan(block, (&[], &[]), &done)).collect()
    };
    let Planned { ordered, quantities, rows } = Planned::joined(planned);
    let Ordered { advice, prices: limit_prices } = ordered;
    transfers.extend(shipments(&cells, &quantities, span));
    transfers.sort();
    let mut orders = orders(&cells, &quantities, span);
    let helped: BTreeSet<(&Sku, &Place)> = (transfers.iter().map(|moved| (&moved.sku, &moved.to)))
        .chain(expedited.iter().map(|order| (&order.sku, &order.place)))
        .collect();
    let whole_rows: BTreeMap<usize, (&Cell, Vec<ProjectionRow>)> =
        pools.iter().zip(&wholes).map(|(pool, cell)| (pool.warehouse, (cell, pool.rows(&rows)))).collect();
    let looked = |at: usize| Looked {
        // A warehouse is short, or has too much, together with its places.
        cell: whole_rows.get(&at).map_or(&cells[at], |(cell, _)| cell),
        rows: whole_rows.get(&at).map_or(&rows[at], |(_, rows)| rows),
        advice: advice.get(at).and_then(Option::as_ref),
        helped: helped.contains(&(&cells[at].terms.sku, &cells[at].terms.place)),
        span,
        settings,
    };
    let alerts = alerts((0..cells.len()).into_par_iter().map(looked));
    orders.extend(expedited);
    orders.sort_by(|a, b| {
        (a.order_period, &a.sku, &a.place, a.arrives).cmp(&(b.order_period, &b.sku, &b.place, b.arrives))
    });
    let advice = advice.into_iter().flatten().collect();
    let mut projection = Projection { calendar, rows: Vec::with_capacity(cells.len() * span.len()) };
    rows.into_iter().for_each(|rows| projection.rows.extend(rows));
    Ok(SupplyPlan { orders, transfers, transfer_gain: gain, limit_prices, advice, projection, alerts })
}

fn alerts<'a>(looked: impl ParallelIterator<Item = Looked<'a>>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = looked.flat_map_iter(alerts_of).collect();
    sort(&mut alerts);
    alerts
}

/// Sorts alerts, the costliest first.
fn sort(alerts: &mut [Alert]) {
    alerts.sort_by(|a, b| {
        b.value.total_cmp(&a.value).then_with(|| (&a.sku, &a.place, a.kind).cmp(&(&b.sku, &b.place, b.kind)))
    });
}

/// What all cells are planned and projected over.
struct Horizon<'a> {
    span: Span,
    settings: &'a SupplySettings,
    paths: Paths,
    /// Number of all cells.
    all: usize,
    progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// What came of some cells, by cell.
struct Planned {
    ordered: Ordered,
    /// Pieces ordered at the end of the period before each.
    quantities: Vec<Vec<i64>>,
    rows: Vec<Vec<ProjectionRow>>,
}

impl Planned {
    /// Joins cells that were planned apart, where nothing has a price.
    fn joined(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let first = parts.next().expect("Invariant: a plan has cells");
        parts.fold(first, |mut all, part| {
            all.ordered.advice.extend(part.ordered.advice);
            all.quantities.extend(part.quantities);
            all.rows.extend(part.rows);
            all
        })
    }
}

impl Horizon<'_> {
    /// Orders and projects cells that share no limit with others.
    fn plan(&self, cells: &[Cell], (pools, wholes): (&[Pool], &[Cell]), done: &AtomicUsize) -> Planned {
        let mut network = Network::new(cells, pools, wholes, self.settings);
        let ordered = network.order(0);
        for period in 0..self.span.len() {
            if period > 0 {
                network.order(period);
            }
            network.advance(period);
        }
        let rows = self.projected(&network.outlooks, pools, done);
        Planned { ordered, quantities: network.outlooks.into_iter().map(|outlook| outlook.orders).collect(), rows }
    }

    /// Projects every cell, a warehouse together with its places; rows by cell.
    fn projected(&self, outlooks: &[Outlook], pools: &[Pool], done: &AtomicUsize) -> Vec<Vec<ProjectionRow>> {
        let together: BTreeSet<usize> = pools.iter().flat_map(Pool::members).collect();
        let alone = (0..outlooks.len()).filter(|at| !together.contains(at)).map(|at| vec![at]);
        let groups: Vec<Vec<usize>> = alone.chain(pools.iter().map(|pool| pool.members().collect())).collect();
        let of_group = |group: &Vec<usize>| {
            let members: Vec<&Outlook> = group.iter().map(|&at| &outlooks[at]).collect();
            let rows = project(&members, self.span, self.settings, &self.paths);
            (self.progress)(done.fetch_add(group.len(), Ordering::Relaxed) + group.len(), self.all);
            rows
        };
        let projected: Vec<Vec<Vec<ProjectionRow>>> = groups.par_iter().map(of_group).collect();
        let mut rows = vec![Vec::new(); outlooks.len()];
        for (group, of_group) in groups.iter().zip(projected) {
            group.iter().zip(of_group).for_each(|(&at, found)| rows[at] = found);
        }
        rows
    }
}

/// What warehouses ship now.
fn shipments(cells: &[Cell], quantities: &[Vec<i64>], span: Span) -> Vec<Transfer> {
    let shipped = |(cell, quantities): (&Cell, &Vec<i64>)| {
        let quantity = quantities.first().copied().filter(|&pieces| pieces > 0)?;
        Some(Transfer {
            sku: cell.terms.sku.clone(),
            from: cell.terms.feed.as_ref()?.source.clone(),
            to: cell.terms.place.clone(),
            period: period_of(span, 0).plus(-1),
            quantity: Pieces(quantity),
        })
    };
    cells.iter().zip(quantities).filter_map(shipped).collect()
}

/// The orders from suppliers, by period.
fn orders(cells: &[Cell], quantities: &[Vec<i64>], span: Span) -> Vec<SupplyOrder> {
    let mut orders = Vec::new();
    for period in 0..span.len() {
        let supplied = cells.iter().zip(quantities).filter(|(cell, _)| cell.terms.feed.is_none());
        for (cell, quantities) in supplied.filter(|(_, quantities)| quantities[period] > 0) {
            let order_period = period_of(span, period).plus(-1);
            orders.push(SupplyOrder {
                place: cell.terms.place.clone(),
                sku: cell.terms.sku.clone(),
                supplier: cell.terms.supplier.clone(),
                order_period,
                arrives: order_period.plus(cell.lead_time as i32),
                quantity: Pieces(quantities[period]),
            });
        }
    }
    orders
}
