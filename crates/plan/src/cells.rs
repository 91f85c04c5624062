//! The cells behind each offer: the stores of a region with their baseline and what can be on their shelves.

use crate::terms::{ItemEconomics, PlanError, PlanInput};
use crate::which::{Tags, own_price_factor};
use endcap_model::{Depth, Funding, Place, Response, RunOut, Sku, StockState};
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
    /// What rules know it by.
    pub tags: Tags<'a>,
    /// Own-price elasticity over that of the lift model, as channel and segment have it.
    pub own_price_factor: f64,
    /// What its vendor pays.
    pub funding: Funding,
    /// Terms of its last stock, where it is not ordered again.
    pub run_out: Option<&'a RunOut>,
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

    /// Log lift of a depth without support, and its standard error.
    pub fn log_lift(&self, depth: Depth) -> (f64, f64) {
        let (mean, error) = self.response.log_lift(depth, 0.0, 0.0);
        (mean * self.own_price_factor, error * self.own_price_factor)
    }

    /// Pieces by period that have come and that no later one of these first periods needs for its baseline, never
    /// falling.
    pub fn excess(&self, periods: usize) -> Vec<f64> {
        let mut excess = vec![0.0; periods];
        for cell in &self.stores {
            let mut sold: f64 = cell.baseline[..periods].iter().sum();
            let mut least = f64::INFINITY;
            for at in (0..periods).rev() {
                least = least.min(cell.supplied[at] - sold);
                sold -= cell.baseline[at];
                excess[at] += least.max(0.0);
            }
        }
        excess
    }

    /// Pieces that neither the baseline of the span nor so many periods of it afterwards need.
    pub fn surplus(&self, cover_periods: f64) -> f64 {
        let needed =
            |cell: &Cell| cell.baseline.iter().sum::<f64>() * (1.0 + cover_periods / cell.baseline.len().max(1) as f64);
        let there = |cell: &Cell| cell.supplied.last().copied().unwrap_or(0.0);
        self.stores.iter().map(|cell| (there(cell) - needed(cell)).max(0.0)).sum()
    }

    /// Number of periods of the span.
    pub fn periods(&self) -> usize {
        self.stores.first().map_or(0, |cell| cell.baseline.len())
    }

    /// Margin of one piece at list price, in minor units.
    pub fn margin(&self) -> f64 {
        (self.item.list_price - self.item.unit_cost) as f64
    }
}

impl Cell<'_> {
    /// Baseline in a period; past the span, that of the same position in its last season (or the span's last period).
    pub fn baseline_at(&self, period: usize, season: Option<usize>) -> f64 {
        beyond(&self.baseline, period, season)
    }
}

/// Value of a period; past the end, that of the same position in the last season (or the last period).
pub(crate) fn beyond(values: &[f64], period: usize, season: Option<usize>) -> f64 {
    let length = values.len();
    if period < length {
        return values[period];
    }
    let season = season.unwrap_or(1).min(length).max(1);
    values[length - season + (period - length) % season]
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
        line.or_insert_with(|| line_of(input, item, response, region)).stores.push(cell);
    }
    if lines.is_empty() {
        let forecast = rows.chunk_by(|a, b| a.sku == b.sku).count();
        let (priced, responses) = (input.items.len(), input.lift.responses.len());
        return Err(PlanError::NothingToPlan { forecast, priced, responses });
    }
    Ok(lines.into_values().collect())
}

fn line_of<'a>(input: &PlanInput<'a>, item: &'a ItemEconomics, response: &'a Response, region: Place) -> Line<'a> {
    let tags = Tags::of(input, item, &region);
    let terms = &input.scenario.items;
    let of_vendor = item.vendor.as_ref().and_then(|vendor| terms.vendor_funding.get(vendor)).copied();
    Line {
        sku: &response.sku,
        item,
        response,
        stores: Vec::new(),
        own_price_factor: own_price_factor(input, &region),
        funding: of_vendor.unwrap_or(Funding { share: terms.vendor_funding_share, most: None }),
        run_out: input.scenario.run_out.iter().find(|run_out| tags.fit(&run_out.items)),
        tags,
        region,
    }
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
