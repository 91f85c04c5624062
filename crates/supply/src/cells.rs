//! Cells: one SKU at one place with its demand over the horizon, its stock, what is under way, and its terms.
//!
//! Joins the three inputs of a supply plan and refuses what does not fit. Never guesses what is missing.

use crate::error::{SupplyError, at, before};
use crate::{CellTerms, Demand};
use endcap_model::{Calendar, Forecast, ForecastRow, Period, Place, Sku, Span, StockState};
use std::collections::BTreeMap;

/// Demand over its baseline from which an offer is taken to lift it.
const LIFTED: f64 = 1.02;

/// One SKU at one place over the horizon; periods count from the first of the span.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'a> {
    pub terms: &'a CellTerms,
    /// An order placed at the end of period t is there at the start of t + this.
    pub lead_time: usize,
    /// Demand per period of the horizon.
    pub demand: Vec<Demand>,
    /// Whether an offer lifts the demand of each period of the horizon above its baseline.
    pub lifted: Vec<bool>,
    /// Demand of a period after the horizon: the mean baseline of its last season.
    pub later: Demand,
    /// Pieces on hand before the first period.
    pub on_hand: i64,
    /// Pieces already under way, by period of arrival.
    pub arrivals: Vec<i64>,
}

/// The cells of a plan, sorted by SKU and place.
pub(crate) struct Cells<'a> {
    pub calendar: Calendar,
    pub span: Span,
    pub cells: Vec<Cell<'a>>,
}

type Key<'a> = (&'a Sku, &'a Place);

impl Cell<'_> {
    /// Demand of several periods together: variances add, and so do covariances where deviations persist.
    pub fn demand_over(&self, periods: std::ops::Range<usize>, persistence: f64) -> Demand {
        let within = periods.start.min(self.demand.len())..periods.end.min(self.demand.len());
        let after = (periods.len() - within.len()) as f64;
        let mut mean = after * self.later.mean;
        let mut deviations = after * self.later.deviation();
        let mut variance = after * self.later.deviation().powi(2);
        for demand in &self.demand[within] {
            mean += demand.mean;
            variance += demand.deviation().powi(2);
            deviations += demand.deviation();
        }
        variance += persistence * (deviations * deviations - variance).max(0.0);
        Demand { mean, dispersion: if mean > 0.0 { variance / mean } else { 1.0 } }
    }

    /// Splits the opening stock by the period in which it is last sold, the first to go first; what outlives the
    /// horizon is one part. How old it is, nobody said: it is taken as spread evenly over the shelf life, as a shelf
    /// that is filled every period would be.
    pub fn opening(&self, shelf_life: usize) -> Vec<i64> {
        let (life, stock) = (shelf_life as i64, self.on_hand);
        let within = shelf_life.min(self.demand.len());
        let mut parts: Vec<i64> = (0..within as i64).map(|age| stock * (age + 1) / life - stock * age / life).collect();
        if within < shelf_life {
            parts.push(stock - parts.iter().sum::<i64>());
        }
        parts
    }
}

impl<'a> Cells<'a> {
    /// Joins forecast, stock and terms; the terms say which cells there are.
    pub fn join(
        forecast: &'a Forecast,
        states: &'a [StockState],
        terms: &'a [CellTerms],
        lead_time: usize,
    ) -> Result<Self, SupplyError> {
        let span = span_of(forecast)?;
        let calendar = forecast.calendar;
        let terms = by_cell(terms, "terms", |terms| (&terms.sku, &terms.place))?;
        let states = by_cell(states, "stock", |state| (&state.sku, &state.place))?;
        let mut rows: BTreeMap<Key, Vec<&ForecastRow>> = BTreeMap::new();
        for cell in forecast.rows.chunk_by(|a, b| a.sku == b.sku && a.place == b.place) {
            rows.entry((&cell[0].sku, &cell[0].place)).or_default().extend(cell);
        }
        known(rows.keys(), &terms, ("forecast", "terms"))?;
        known(states.keys(), &terms, ("stock", "terms"))?;
        known(terms.keys(), &rows, ("terms", "forecast"))?;
        known(terms.keys(), &states, ("terms", "stock"))?;
        let mut cells = Vec::with_capacity(terms.len());
        for (key, terms) in terms {
            terms.check()?;
            let cell = cell(terms, states[&key], &rows[&key], span, calendar)?;
            cells
                .push(Cell { lead_time: terms.feed.as_ref().map_or(lead_time, |feed| feed.lead_time_periods), ..cell });
        }
        Ok(Self { calendar, span, cells })
    }
}

fn span_of(forecast: &Forecast) -> Result<Span, SupplyError> {
    let start = forecast.rows.iter().map(|row| row.period).min().ok_or(SupplyError::Empty)?;
    let last = forecast.rows.iter().map(|row| row.period).max().ok_or(SupplyError::Empty)?;
    Ok(Span { start, end: last.plus(1) })
}

fn by_cell<'a, T>(
    rows: &'a [T],
    table: &'static str,
    key: impl Fn(&'a T) -> Key<'a>,
) -> Result<BTreeMap<Key<'a>, &'a T>, SupplyError> {
    let mut cells = BTreeMap::new();
    for row in rows {
        if cells.insert(key(row), row).is_some() {
            let (sku, place) = at(key(row).0, key(row).1);
            return Err(SupplyError::Twice { sku, place, table });
        }
    }
    Ok(cells)
}

/// Checks that every cell of one table is in another.
fn known<'a, T>(
    mut keys: impl Iterator<Item = &'a Key<'a>>,
    tables: &BTreeMap<Key<'a>, T>,
    (table, missing): (&'static str, &'static str),
) -> Result<(), SupplyError> {
    match keys.find(|&key| !tables.contains_key(key)) {
        None => Ok(()),
        Some((sku, place)) => {
            let (sku, place) = at(sku, place);
            Err(SupplyError::Unknown { sku, place, table, missing })
        }
    }
}

fn cell<'a>(
    terms: &'a CellTerms,
    state: &StockState,
    rows: &[&ForecastRow],
    span: Span,
    calendar: Calendar,
) -> Result<Cell<'a>, SupplyError> {
    let mut demand = vec![None; span.len()];
    let mut baseline = vec![0.0; span.len()];
    for row in rows {
        let slot = (row.period.0 - span.start.0) as usize;
        if demand[slot].replace(demand_of(row, calendar)?).is_some() {
            let (sku, place) = at(&row.sku, &row.place);
            return Err(SupplyError::Twice { sku, place, table: "forecast" });
        }
        baseline[slot] = if row.baseline.is_finite() { row.baseline.max(0.0) } else { row.mean };
    }
    let gap = |slot: usize| {
        let (sku, place) = at(&terms.sku, &terms.place);
        SupplyError::Gap { sku, place, period: calendar.format(span.start.plus(slot as i32)) }
    };
    let demand: Vec<Demand> = demand
        .into_iter()
        .enumerate()
        .map(|(slot, demand)| demand.ok_or_else(|| gap(slot)))
        .collect::<Result<_, _>>()?;
    let later = later(&demand, &baseline, calendar.season_length().unwrap_or(1));
    let lifted = demand.iter().zip(&baseline).map(|(demand, baseline)| demand.mean > LIFTED * baseline).collect();
    let arrivals = arrivals(state, span, calendar)?;
    if state.on_hand.0 < 0 {
        return Err(negative(state, "stock on hand", state.on_hand.0));
    }
    Ok(Cell { terms, lead_time: 1, demand, lifted, later, on_hand: state.on_hand.0, arrivals })
}

fn demand_of(row: &ForecastRow, calendar: Calendar) -> Result<Demand, SupplyError> {
    for (field, found) in [("mean", row.mean), ("dispersion", row.dispersion)] {
        if !(found.is_finite() && found >= 0.0) {
            let (sku, place) = at(&row.sku, &row.place);
            return Err(SupplyError::Forecast { sku, place, period: calendar.format(row.period), field, found });
        }
    }
    Ok(Demand { mean: row.mean, dispersion: row.dispersion.max(1.0) })
}

fn later(demand: &[Demand], baseline: &[f64], season: usize) -> Demand {
    let from = demand.len().saturating_sub(season);
    let periods = (demand.len() - from) as f64;
    let mean = baseline[from..].iter().sum::<f64>() / periods;
    let dispersion = demand[from..].iter().map(|demand| demand.dispersion).sum::<f64>() / periods;
    Demand { mean, dispersion }
}

fn arrivals(state: &StockState, span: Span, calendar: Calendar) -> Result<Vec<i64>, SupplyError> {
    let mut arrivals = vec![0; span.len()];
    for &(arrives, quantity) in &state.pipeline {
        if quantity.0 < 0 {
            return Err(negative(state, "a delivery", quantity.0));
        }
        if arrives <= before(span.start) {
            let (sku, place) = at(&state.sku, &state.place);
            let (arrives, first) = (calendar.format(arrives), calendar.format(span.start));
            return Err(SupplyError::PastDelivery { sku, place, arrives, first, quantity: quantity.0 });
        }
        if arrives < span.end {
            arrivals[(arrives.0 - span.start.0) as usize] += quantity.0;
        }
    }
    Ok(arrivals)
}

fn negative(state: &StockState, what: &'static str, found: i64) -> SupplyError {
    let (sku, place) = at(&state.sku, &state.place);
    SupplyError::Negative { sku, place, what, found }
}

/// Returns the period of the span with this number.
pub(crate) fn period_of(span: Span, number: usize) -> Period {
    span.start.plus(number as i32)
}
