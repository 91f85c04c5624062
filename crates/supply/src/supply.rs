//! The supply plan: transfers, expedited orders, then orders period by period under the limits, then the projection.

use crate::alerts::{Alert, Looked, alerts_of};
use crate::capacity::{LimitPrices, Room, split};
use crate::cells::{Cell, Cells, period_of};
use crate::error::SupplyError;
use crate::expedite::expedite;
use crate::outlook::{Outlook, Wish};
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

/// Orders, transfers, and how stock is expected to run with them.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplyPlan {
    /// Orders over the horizon, sorted by order period, SKU and place. Those of the period before the first are to be
    /// placed now; later ones are what is expected to be ordered then, from the stock expected then.
    pub orders: Vec<SupplyOrder>,
    /// Pieces to move now, sorted by SKU and places.
    pub transfers: Vec<Transfer>,
    /// What the transfers are expected to gain after their cost, in minor units.
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
    let Cells { calendar, span, mut cells } = Cells::join(forecast, states, terms)?;
    let lead_time = settings.lead_time_periods;
    if span.len() < lead_time {
        return Err(SupplyError::Short { horizon: span.len(), lead_time });
    }
    let Moves { transfers, gain } = transfer(&mut cells, span, settings);
    let expedited = expedite(&mut cells, span, settings);
    let mut outlooks: Vec<Outlook> = cells.iter().map(|cell| Outlook::new(cell, settings)).collect();
    let Ordered { advice, prices: limit_prices } = order(&mut outlooks, 0, settings);
    for period in 0..span.len() {
        if period > 0 {
            order(&mut outlooks, period, settings);
        }
        outlooks.par_iter_mut().for_each(|outlook| outlook.advance(period, settings));
    }
    let (done, paths) = (AtomicUsize::new(0), Paths::new(span.len(), settings));
    let rows: Vec<Vec<ProjectionRow>> = outlooks
        .par_iter()
        .map(|outlook| {
            let rows = project(outlook, span, settings, &paths);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, outlooks.len());
            rows
        })
        .collect();
    let mut orders = orders(&outlooks, span, lead_time);
    let helped: BTreeSet<(&Sku, &Place)> = (transfers.iter().map(|moved| (&moved.sku, &moved.to)))
        .chain(expedited.iter().map(|order| (&order.sku, &order.place)))
        .collect();
    let looked = |at: usize| Looked {
        cell: &cells[at],
        rows: &rows[at],
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
    alerts.sort_by(|a, b| {
        b.value.total_cmp(&a.value).then_with(|| (&a.sku, &a.place, a.kind).cmp(&(&b.sku, &b.place, b.kind)))
    });
    alerts
}

/// What was decided for one period.
#[derive(Default)]
struct Ordered {
    /// By cell; nothing where no sale is worth an order.
    advice: Vec<Option<OrderAdvice>>,
    prices: LimitPrices,
}

/// Decides the orders of all cells that are placed at the end of the period before `period`.
fn order(outlooks: &mut [Outlook], period: usize, settings: &SupplySettings) -> Ordered {
    let arrives = period + settings.lead_time_periods - 1;
    let reviewed = period.is_multiple_of(settings.review_periods);
    if !reviewed || outlooks.first().is_none_or(|outlook| arrives >= outlook.cell.demand.len()) {
        return Ordered::default();
    }
    let wishes: Vec<Option<Wish>> = outlooks.par_iter().map(|outlook| outlook.wish(period, settings)).collect();
    let terms: Vec<&CellTerms> = outlooks.iter().map(|outlook| outlook.cell.terms).collect();
    let room = room(outlooks.iter().map(|outlook| outlook.cell), arrives, settings);
    let granted = split(&wishes, &terms, room);
    let mut advice = Vec::new();
    for ((outlook, wish), quantity) in outlooks.iter_mut().zip(wishes).zip(granted.pieces) {
        if period == 0 {
            advice.push(wish.map(|wish| OrderAdvice::of(outlook.cell.terms, &wish, quantity)));
        }
        if let Some(wish) = wish {
            outlook.grant(period, wish, quantity, settings);
        }
    }
    Ordered { advice, prices: granted.prices }
}

impl OrderAdvice {
    fn of(terms: &CellTerms, wish: &Wish, quantity: i64) -> Self {
        Self {
            sku: terms.sku.clone(),
            place: terms.place.clone(),
            position: wish.stock,
            safety_stock: wish.rule.order_up_to - wish.cover.mean,
            reorder_point: wish.rule.reorder_point,
            order_up_to: wish.rule.order_up_to,
            wished: Pieces(wish.quantity),
            quantity: Pieces(quantity),
            saves: wish.cost.of(wish.stock) - wish.cost.of(wish.stock + quantity as f64),
        }
    }
}

/// What can arrive in a period beside what is already under way.
fn room<'a, 'b: 'a>(
    cells: impl Iterator<Item = &'a Cell<'b>>,
    period: usize,
    settings: &'a SupplySettings,
) -> Room<'a> {
    let mut room = Room {
        all: settings.capacity,
        by_place: settings.capacity_by_place.iter().map(|(place, &pieces)| (place, pieces)).collect::<BTreeMap<_, _>>(),
        money: settings.budget,
    };
    for cell in cells {
        room.all = room.all.map(|pieces| pieces - cell.arrivals[period]);
        if let Some(pieces) = room.by_place.get_mut(&cell.terms.place) {
            *pieces -= cell.arrivals[period];
        }
    }
    room
}

fn orders(outlooks: &[Outlook], span: Span, lead_time: usize) -> Vec<SupplyOrder> {
    let mut orders = Vec::new();
    for period in 0..span.len() {
        for outlook in outlooks.iter().filter(|outlook| outlook.orders[period] > 0) {
            let terms = outlook.cell.terms;
            let order_period = period_of(span, period).plus(-1);
            orders.push(SupplyOrder {
                place: terms.place.clone(),
                sku: terms.sku.clone(),
                supplier: terms.supplier.clone(),
                order_period,
                arrives: order_period.plus(lead_time as i32),
                quantity: Pieces(outlook.orders[period]),
            });
        }
    }
    orders
}
