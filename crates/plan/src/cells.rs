//! The cells behind each offer: the stores of a region with their baseline and what can be on their shelves.

use crate::terms::{ItemEconomics, PlanError, PlanInput};
use endcap_model::{Place, Response, Sku, StockState};
use std::collections::BTreeMap;

/// One item in one region: everything that its offers are valued with.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    pub sku: &'a Sku,
    pub region: Place,
    pub item: &'a ItemEconomics,
    pub response: &'a Response,
    /// By store.
    pub stores: Vec<Cell<'a>>,
}

/// One item in one store.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'a> {
    pub store: &'a Place,
    /// Expected units without promotion, by period of the span.
    pub baseline: Vec<f64>,
    /// Variance over mean, by period.
    pub dispersion: Vec<f64>,
    /// Pieces on hand and due by the start of each period, if nothing were sold.
    pub supplied: Vec<f64>,
}

impl Line<'_> {
    /// Returns whether a store sells the item.
    pub fn sells_in(&self, store: &Place) -> bool {
        self.stores.binary_search_by(|cell| cell.store.cmp(store)).is_ok()
    }

    /// Baseline units of all stores in a period; past the span, those of the same position in its last season.
    pub fn baseline(&self, period: usize, season: Option<usize>) -> f64 {
        self.stores.iter().map(|cell| cell.baseline_at(period, season)).sum()
    }

    /// Margin of one piece at list price, in minor units.
    pub fn margin(&self) -> f64 {
        (self.item.list_price - self.item.unit_cost) as f64
    }
}

impl Cell<'_> {
    /// Baseline in a period; past the span, that of the same position in its last season (or the span's last period).
    pub fn baseline_at(&self, period: usize, season: Option<usize>) -> f64 {
        let length = self.baseline.len();
        if period < length {
            return self.baseline[period];
        }
        let season = season.unwrap_or(1).min(length).max(1);
        let back = (period - length) % season;
        self.baseline[length - season + back]
    }
}

/// Puts the lines of a plan together, by SKU and region: those with a baseline, a price and a response.
pub(crate) fn lines<'a>(input: &PlanInput<'a>) -> Result<Vec<Line<'a>>, PlanError> {
    check(input)?;
    let states: BTreeMap<(&Sku, &Place), &StockState> =
        input.states.iter().map(|state| ((&state.sku, &state.place), state)).collect();
    let mut lines: BTreeMap<(&'a Sku, Place), Line<'a>> = BTreeMap::new();
    let rows: &'a [endcap_model::ForecastRow] = &input.baseline.rows;
    let mut from = 0;
    while from < rows.len() {
        let (sku, store) = (&rows[from].sku, &rows[from].place);
        let cell = rows[from..].iter().take_while(|row| row.sku == *sku && row.place == *store).count();
        let run = &rows[from..from + cell];
        from += cell;
        let (Some(item), Some(response)) = (input.items.get(sku), input.lift.response(sku)) else { continue };
        let cell = cell_of(input, run, states.get(&(sku, store)).copied())?;
        let region = input.regions.get(store).unwrap_or(store).clone();
        let line = lines.entry((sku, region.clone()));
        line.or_insert_with(|| Line { sku, region, item, response, stores: Vec::new() }).stores.push(cell);
    }
    if lines.is_empty() {
        let forecast = rows.chunk_by(|a, b| a.sku == b.sku).count();
        let (priced, responses) = (input.items.len(), input.lift.responses.len());
        return Err(PlanError::NothingToPlan { forecast, priced, responses });
    }
    Ok(lines.into_values().collect())
}

fn check(input: &PlanInput) -> Result<(), PlanError> {
    if input.span.is_empty() {
        return Err(PlanError::EmptySpan);
    }
    if input.baseline.calendar != input.calendar {
        return Err(PlanError::Calendar { found: input.baseline.calendar, expected: input.calendar });
    }
    Ok(())
}

fn cell_of<'a>(
    input: &PlanInput<'a>,
    run: &'a [endcap_model::ForecastRow],
    state: Option<&StockState>,
) -> Result<Cell<'a>, PlanError> {
    let length = input.span.len();
    let store = &run[0].place;
    let mut cell =
        Cell { store, baseline: vec![0.0; length], dispersion: vec![1.0; length], supplied: vec![0.0; length] };
    for row in run.iter().filter(|row| input.span.contains(row.period)) {
        if !(row.baseline.is_finite() && row.baseline >= 0.0 && row.dispersion.is_finite()) {
            let (sku, place) = (row.sku.clone(), row.place.clone());
            let period = input.calendar.format(row.period);
            return Err(PlanError::Baseline { sku, place, period, value: row.baseline });
        }
        let at = (row.period.0 - input.span.start.0) as usize;
        cell.baseline[at] = row.baseline;
        cell.dispersion[at] = row.dispersion.max(1.0);
    }
    if let Some(state) = state {
        for (at, period) in input.span.iter().enumerate() {
            let due = state.pipeline.iter().filter(|(arrives, _)| *arrives <= period);
            let due: i64 = due.map(|(_, pieces)| pieces.0).sum();
            cell.supplied[at] = (state.on_hand.0 + due).max(0) as f64;
        }
    }
    Ok(cell)
}
