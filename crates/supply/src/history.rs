//! Sales history: what was sold where and when, and whether stock lasted.

use crate::error::SupplyError;
use endcap_model::{Calendar, Period, Place, Sku};
use std::collections::BTreeMap;

/// Most units of one item at one place in one period; more is a mix-up of units.
const UNITS_MAX: f64 = 1e8;

/// Pieces of one SKU sold at one place in one period.
#[derive(Clone, Debug, PartialEq)]
pub struct SalesRow {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// Pieces sold.
    pub units: f64,
    /// Whether stock lasted through the period; where it did not, demand was at least what was sold.
    pub in_stock: bool,
}

/// Sales of many cells, in any order. A period without a row is unknown, not zero.
#[derive(Clone, Debug, PartialEq)]
pub struct SalesHistory {
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// The rows.
    pub rows: Vec<SalesRow>,
}

/// What is known of the demand of one period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seen {
    /// No row.
    Nothing,
    /// Demand was met: this many pieces.
    Demand(f64),
    /// Stock ran out: demand was at least this many pieces.
    AtLeast(f64),
}

/// The history of one cell without holes, from its first row to the last period before the plan.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub sku: Sku,
    pub place: Place,
    pub first: Period,
    pub seen: Vec<Seen>,
}

/// Whether units can have been sold.
pub(crate) fn is_count(units: f64) -> bool {
    (0.0..=UNITS_MAX).contains(&units)
}

/// Returns whether days are weeks written as dates: at least two of them, all on one weekday.
pub fn are_weeks(days: &[Period]) -> bool {
    let weekday = |day: &Period| day.0.rem_euclid(7);
    let Some(first) = days.first() else { return false };
    days.iter().any(|day| day != first) && days.iter().all(|day| weekday(day) == weekday(first))
}

impl SalesHistory {
    /// Cuts the rows before `now` into one series per cell, sorted by SKU and place.
    pub(crate) fn series(&self, now: Period) -> Result<Vec<Series>, SupplyError> {
        let mut cells: BTreeMap<(&Sku, &Place), BTreeMap<Period, Seen>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.period < now) {
            if !is_count(row.units) {
                let (sku, place, period) = (row.sku.clone(), row.place.clone(), self.calendar.format(row.period));
                return Err(SupplyError::Sales { sku, place, period, found: row.units });
            }
            let seen = if row.in_stock { Seen::Demand(row.units) } else { Seen::AtLeast(row.units) };
            if cells.entry((&row.sku, &row.place)).or_default().insert(row.period, seen).is_some() {
                return Err(SupplyError::Twice { sku: row.sku.clone(), place: row.place.clone(), table: "sales" });
            }
        }
        Ok(cells.into_iter().map(|((sku, place), rows)| Series::new(sku, place, &rows, now)).collect())
    }
}

impl Series {
    fn new(sku: &Sku, place: &Place, rows: &BTreeMap<Period, Seen>, now: Period) -> Self {
        let first = rows.keys().next().copied().unwrap_or(now);
        let mut seen = vec![Seen::Nothing; (now.0 - first.0) as usize];
        for (period, row) in rows {
            seen[(period.0 - first.0) as usize] = *row;
        }
        Self { sku: sku.clone(), place: place.clone(), first, seen }
    }

    /// Returns how many periods lie before one.
    pub fn known_before(&self, period: Period) -> usize {
        ((period.0 - self.first.0).max(0) as usize).min(self.seen.len())
    }

    /// Returns what is known of a period; nothing outside the series.
    pub fn at(&self, period: Period) -> Seen {
        usize::try_from(period.0 - self.first.0).ok().and_then(|at| self.seen.get(at)).copied().unwrap_or(Seen::Nothing)
    }

    /// Mean demand of the periods in which it was met; nothing where it never was.
    pub fn mean(&self) -> Option<f64> {
        let met =
            || self.seen.iter().filter_map(|seen| if let Seen::Demand(units) = seen { Some(*units) } else { None });
        let periods = met().count();
        (periods > 0).then(|| met().sum::<f64>() / periods as f64)
    }
}
