//! Odd consumption: sales of the last period that no ordinary demand explains, both ways.
//!
//! The periods of a short window are forecast as they were known before it. Sales far above or below the forecast's
//! distribution are a case for a look at their cause before the next order answers to them. An item that stopped selling
//! while the books say that it is there is most likely not there (phantom stock: DeHoratius, Mersereau and Schrage 2008,
//! Manufacturing & Service Operations Management 10(2)): no order will come for it until somebody counts. Never changes a
//! stock or a forecast.

use crate::alerts::{Action, Alert, AlertKind, Handling, Urgency};
use crate::error::SupplyError;
use crate::limited::stockout_probability;
use crate::{CellTerms, Demand, EstimateSettings, SalesHistory, SalesRow, estimate};
use endcap_model::{ForecastRow, Group, Period, Place, Sku};
use std::collections::BTreeMap;

/// Sales are odd where ordinary demand brings them with less than this probability.
const ODD: f64 = 0.001;
/// Periods in which zeros are counted.
const WINDOW: i32 = 4;
/// Periods that must be known before the window.
const KNOWN_MIN: i32 = 26;

/// What is known of a cell beside its sales.
#[derive(Clone, Copy)]
pub(crate) struct Booked<'a> {
    pub terms: &'a CellTerms,
    /// Pieces on hand by the books.
    pub on_hand: i64,
}

/// Finds the odd sales of the last period; `settings` are those of the forecast that comes after it.
pub(crate) fn odd_sales(
    history: &SalesHistory,
    cells: &BTreeMap<(Sku, Place), Booked>,
    group_of: &BTreeMap<Sku, Group>,
    settings: &EstimateSettings,
) -> Result<Vec<Alert>, SupplyError> {
    let start = settings.start.plus(-WINDOW);
    let known = history.rows.iter().map(|row| row.period).min().is_some_and(|first| first.plus(KNOWN_MIN) <= start);
    if !known {
        return Ok(Vec::new());
    }
    let names: Vec<(Sku, Place)> = cells.keys().cloned().collect();
    let settings = EstimateSettings { start, horizon: WINDOW as usize, ..settings.clone() };
    let expected = estimate(history, &names, group_of, &settings)?;
    let mut sold: BTreeMap<(&Sku, &Place, Period), &SalesRow> = BTreeMap::new();
    for row in history.rows.iter().filter(|row| row.period >= start) {
        sold.insert((&row.sku, &row.place, row.period), row);
    }
    let mut alerts = Vec::new();
    for window in expected.forecast.rows.chunk_by(|a, b| a.sku == b.sku && a.place == b.place) {
        let Some(&booked) = cells.get(&(window[0].sku.clone(), window[0].place.clone())) else { continue };
        let rows: Vec<Option<&SalesRow>> =
            window.iter().map(|row| sold.get(&(&row.sku, &row.place, row.period)).copied()).collect();
        alerts.extend(odd(window, &rows, booked, expected.persistence));
    }
    Ok(alerts)
}

fn odd(window: &[ForecastRow], sold: &[Option<&SalesRow>], booked: Booked, persistence: f64) -> Option<Alert> {
    let (last, row) = (window.last()?, sold.last().copied().flatten()?);
    let expected = Demand { mean: last.mean, dispersion: last.dispersion };
    let above = if row.units > 0.0 { stockout_probability(expected, row.units - 1.0) } else { 1.0 };
    let below = 1.0 - stockout_probability(expected, row.units);
    let (kind, chance, units, cost) = if above < ODD {
        (AlertKind::SalesAboveForecast, above, row.units - last.mean, booked.terms.underage_cost())
    } else if row.units == 0.0 && booked.on_hand > 0 {
        let (chance, missed) = zeros(window, sold, persistence);
        (AlertKind::PhantomStock, chance, missed, booked.terms.underage_cost())
    } else {
        let chance = if row.in_stock { below } else { 1.0 };
        (AlertKind::SalesBelowForecast, chance, last.mean - row.units, booked.terms.unit_cost)
    };
    let (action, handling) = remedy(kind);
    (chance < ODD).then(|| Alert {
        sku: last.sku.clone(),
        place: last.place.clone(),
        kind,
        period: last.period,
        units,
        value: units * cost.max(0.0),
        confidence: 1.0 - chance,
        urgency: Urgency::Now,
        action,
        handling,
    })
}

/// Probability that ordinary demand brings as many zeros in a row as the window ends with, and what it would have brought.
fn zeros(window: &[ForecastRow], sold: &[Option<&SalesRow>], persistence: f64) -> (f64, f64) {
    let zero = |row: &&Option<&SalesRow>| row.is_some_and(|row| row.units == 0.0 && row.in_stock);
    let run = sold.iter().rev().take_while(zero).count();
    let rows = &window[window.len() - run..];
    let of = |row: &ForecastRow| Demand { mean: row.mean, dispersion: row.dispersion };
    let mean: f64 = rows.iter().map(|row| row.mean).sum();
    let deviations: f64 = rows.iter().map(|row| of(row).deviation()).sum();
    let apart: f64 = rows.iter().map(|row| of(row).deviation().powi(2)).sum();
    let variance = apart + persistence * (deviations * deviations - apart).max(0.0);
    let dispersion = if mean > 0.0 { variance / mean } else { 1.0 };
    (1.0 - stockout_probability(Demand { mean, dispersion }, 0.0), mean)
}

/// What to do about odd sales, and who has to look.
pub(crate) fn remedy(kind: AlertKind) -> (Action, Handling) {
    match kind {
        AlertKind::PhantomStock => (Action::CountStock, Handling::Exception),
        _ => (Action::CheckCause, Handling::Review),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::Calendar;

    /// Sixty periods of a steady item, with other last periods.
    fn history(last: &[f64]) -> SalesHistory {
        let usual = [9.0, 12.0, 10.0, 8.0, 11.0, 10.0, 13.0];
        let rows = (0..60).map(|period| {
            let changed = usize::try_from(period - (60 - last.len() as i32)).ok();
            let units = changed.map_or(usual[period as usize % usual.len()], |at| last[at]);
            SalesRow { sku: "a".into(), place: "x".into(), period: Period(period), units, in_stock: true }
        });
        SalesHistory { calendar: Calendar::Index, rows: rows.collect() }
    }

    fn found(last: &[f64], on_hand: i64) -> Vec<Alert> {
        let terms = CellTerms {
            sku: "a".into(),
            place: "x".into(),
            case_pack: 1,
            minimum_order: 0,
            shelf_life: None,
            maximum_stock: None,
            volume: 1.0,
            supplier: None,
            feed: None,
            unit_margin: 2.0,
            unit_cost: 3.0,
            holding_cost: 0.1,
            shortage_cost: 0.0,
            waste_cost: 0.0,
        };
        let settings = EstimateSettings {
            start: Period(60),
            horizon: 4,
            cover_periods: 3,
            service_level: 0.9,
            levels: Vec::new(),
        };
        let cells = [(("a".into(), "x".into()), Booked { terms: &terms, on_hand })].into();
        odd_sales(&history(last), &cells, &BTreeMap::new(), &settings).unwrap()
    }

    #[test]
    fn ordinary_sales_raise_no_alert() {
        assert_eq!(found(&[13.0], 20), []);
        assert_eq!(found(&[7.0], 20), []);
    }

    #[test]
    fn sales_far_above_the_forecast_are_looked_at() {
        let alerts = found(&[60.0], 20);
        assert_eq!(alerts.len(), 1);
        assert_eq!((alerts[0].kind, alerts[0].handling), (AlertKind::SalesAboveForecast, Handling::Review));
        assert!(alerts[0].confidence > 0.999 && alerts[0].units > 45.0, "{alerts:?}");
    }

    #[test]
    fn an_item_that_stopped_selling_with_stock_on_hand_is_counted() {
        let alerts = found(&[0.0, 0.0, 0.0], 20);
        assert_eq!((alerts[0].kind, alerts[0].action), (AlertKind::PhantomStock, Action::CountStock));
        assert!(alerts[0].units > 20.0, "{alerts:?}");
        assert!(found(&[0.0, 0.0, 0.0], 0).iter().all(|alert| alert.kind == AlertKind::SalesBelowForecast));
    }

    #[test]
    fn a_short_history_says_nothing() {
        let mut history = history(&[60.0]);
        history.rows.retain(|row| row.period >= Period(40));
        let settings = EstimateSettings {
            start: Period(60),
            horizon: 4,
            cover_periods: 3,
            service_level: 0.9,
            levels: Vec::new(),
        };
        assert_eq!(odd_sales(&history, &BTreeMap::new(), &BTreeMap::new(), &settings).unwrap(), []);
    }
}
