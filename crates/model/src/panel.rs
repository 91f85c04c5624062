//! The panel: columnar history of SKU x place x period, the one shape that estimation reads.
//!
//! Rows are sorted by SKU, then place, then period, and no two rows share all three. A period without a row is
//! unknown, not zero. `units` are pieces sold (as `f64` for arithmetic); `price` and `base_price` are money or
//! index numbers, of which only the ratio is used; `feature`, `display` and `stockout_share` lie in 0..=1, the last
//! being the share of the selling time without stock.

use crate::{Calendar, Group, Period, Place, Sku, Span};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// An item of the panel with what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuEntry {
    /// The item.
    pub sku: Sku,
    /// Items that substitute for each other; pooling and cross effects stay inside.
    pub group: Group,
    /// Tier inside the group's category, or empty.
    pub tier: String,
}

/// A place of the panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceEntry {
    /// The place.
    pub place: Place,
    /// Places that are promoted together, or empty.
    pub region: String,
}

/// A further numeric column, such as temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// Column name.
    pub name: String,
    /// One value per row.
    pub values: Vec<f64>,
}

/// The columns of a panel, one value per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PanelColumns {
    /// Index into the panel's SKUs.
    pub sku: Vec<u32>,
    /// Index into the panel's places.
    pub place: Vec<u32>,
    /// Period of the row.
    pub period: Vec<Period>,
    /// Pieces sold.
    pub units: Vec<f64>,
    /// Price paid for one piece.
    pub price: Vec<f64>,
    /// Price of one piece without promotion.
    pub base_price: Vec<f64>,
    /// Advertised, 0..=1.
    pub feature: Vec<f64>,
    /// Displayed, 0..=1.
    pub display: Vec<f64>,
    /// Share of the selling time without stock, 0..=1.
    pub stockout_share: Vec<f64>,
    /// Further numeric columns.
    pub controls: Vec<Control>,
}

/// History of SKU x place x period; see the module for its shape.
#[derive(Clone, Debug)]
pub struct Panel {
    calendar: Calendar,
    skus: Vec<SkuEntry>,
    places: Vec<PlaceEntry>,
    columns: PanelColumns,
}

/// Columns that do not make a panel.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PanelError {
    /// A column is longer or shorter than the others.
    #[error("column {column} has {found} rows where the panel has {expected}")]
    Ragged {
        /// The column.
        column: String,
        /// Rows in it.
        found: usize,
        /// Rows in the panel.
        expected: usize,
    },
    /// A value no estimate could use.
    #[error("row {row}: {column} is {value}: expected {expected}")]
    Value {
        /// Row, 1 the first.
        row: usize,
        /// The column.
        column: String,
        /// The value.
        value: f64,
        /// What would have been read.
        expected: &'static str,
    },
    /// Two rows for the same cell.
    #[error("{sku} at {place} has two rows for period {period}: add them up or drop one")]
    Duplicate {
        /// The SKU.
        sku: Sku,
        /// The place.
        place: Place,
        /// The period, as its calendar writes it.
        period: String,
    },
    /// A row names a SKU or a place that the panel does not list.
    #[error("row {0} names a SKU or a place outside the panel's lists")]
    Unknown(usize),
}

impl Panel {
    /// Checks the columns and sorts the rows.
    ///
    /// # Errors
    /// [`PanelError`] for ragged columns, values that no estimate could use, and doubled cells.
    pub fn new(
        calendar: Calendar,
        skus: Vec<SkuEntry>,
        places: Vec<PlaceEntry>,
        columns: PanelColumns,
    ) -> Result<Self, PanelError> {
        check_lengths(&columns)?;
        check_values(&columns, skus.len(), places.len())?;
        let columns = sort(columns);
        let panel = Self { calendar, skus, places, columns };
        panel.check_cells()?;
        Ok(panel)
    }

    /// Returns the calendar of the periods.
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Returns the items; rows refer to them by index.
    pub fn skus(&self) -> &[SkuEntry] {
        &self.skus
    }

    /// Returns the places; rows refer to them by index.
    pub fn places(&self) -> &[PlaceEntry] {
        &self.places
    }

    /// Returns the columns, sorted by SKU, place and period.
    pub fn columns(&self) -> &PanelColumns {
        &self.columns
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.columns.sku.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the rows of one SKU.
    pub fn rows_of(&self, sku: usize) -> Range<usize> {
        let sku = sku as u32;
        let start = self.columns.sku.partition_point(|&s| s < sku);
        let end = self.columns.sku.partition_point(|&s| s <= sku);
        start..end
    }

    /// Cuts the rows of one SKU into one run per place, in order.
    pub fn series_of(&self, sku: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        let rows = self.rows_of(sku);
        let mut start = rows.start;
        std::iter::from_fn(move || {
            if start >= rows.end {
                return None;
            }
            let place = self.columns.place[start];
            let run = start..start + self.columns.place[start..rows.end].partition_point(|&p| p == place);
            start = run.end;
            Some(run)
        })
    }

    /// Returns the row of a SKU at a place in a period, if there is one.
    pub fn row_of(&self, sku: usize, place: u32, period: Period) -> Option<usize> {
        let (rows, c) = (self.rows_of(sku), &self.columns);
        let cell = |row: usize| (c.place[row], c.period[row]);
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if cell(middle) < (place, period) { low = middle + 1 } else { high = middle }
        }
        (low < rows.end && cell(low) == (place, period)).then_some(low)
    }

    /// Returns the span from the first to past the last period, or nothing without rows.
    pub fn span(&self) -> Option<Span> {
        let start = self.columns.period.iter().min()?;
        let last = self.columns.period.iter().max()?;
        Some(Span { start: *start, end: last.plus(1) })
    }

    /// Keeps the rows inside a span: what was known, when the span ends at the present.
    pub fn within(&self, span: Span) -> Self {
        let keep: Vec<usize> = (0..self.len()).filter(|&row| span.contains(self.columns.period[row])).collect();
        Self { columns: pick(&self.columns, &keep), ..self.clone_lists() }
    }

    /// Keeps the items that are chosen, with all places.
    pub fn of_items(&self, chosen: impl Fn(&SkuEntry) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.skus.len()).filter(|&sku| chosen(&self.skus[sku])).collect();
        let rows: Vec<usize> = kept.iter().flat_map(|&sku| self.rows_of(sku)).collect();
        let mut columns = pick(&self.columns, &rows);
        let numbers = kept.iter().zip(0..).flat_map(|(&sku, number)| self.rows_of(sku).map(move |_| number));
        columns.sku = numbers.collect();
        let skus = kept.iter().map(|&sku| self.skus[sku].clone()).collect();
        Self { calendar: self.calendar, skus, places: self.places.clone(), columns }
    }

    fn clone_lists(&self) -> Self {
        Self {
            calendar: self.calendar,
            skus: self.skus.clone(),
            places: self.places.clone(),
            columns: PanelColumns::default(),
        }
    }

    fn check_cells(&self) -> Result<(), PanelError> {
        let c = &self.columns;
        let cell = |row: usize| (c.sku[row], c.place[row], c.period[row]);
        match (1..self.len()).find(|&row| cell(row) == cell(row - 1)) {
            None => Ok(()),
            Some(row) => Err(PanelError::Duplicate {
                sku: self.skus[c.sku[row] as usize].sku.clone(),
                place: self.places[c.place[row] as usize].place.clone(),
                period: self.calendar.format(c.period[row]),
            }),
        }
    }
}

fn check_lengths(c: &PanelColumns) -> Result<(), PanelError> {
    let expected = c.sku.len();
    let named = [
        ("place", c.place.len()),
        ("period", c.period.len()),
        ("units", c.units.len()),
        ("price", c.price.len()),
        ("base_price", c.base_price.len()),
        ("feature", c.feature.len()),
        ("display", c.display.len()),
        ("stockout_share", c.stockout_share.len()),
    ];
    let controls = c.controls.iter().map(|control| (control.name.as_str(), control.values.len()));
    match named.into_iter().chain(controls).find(|&(_, found)| found != expected) {
        None => Ok(()),
        Some((column, found)) => Err(PanelError::Ragged { column: column.to_owned(), found, expected }),
    }
}

fn check_values(c: &PanelColumns, skus: usize, places: usize) -> Result<(), PanelError> {
    let outside = (0..c.sku.len()).find(|&row| c.sku[row] as usize >= skus || c.place[row] as usize >= places);
    if let Some(row) = outside {
        return Err(PanelError::Unknown(row + 1));
    }
    check_column("units", &c.units, "0 or more", |v| v >= 0.0)?;
    check_column("price", &c.price, "a price over 0", |v| v > 0.0)?;
    check_column("base_price", &c.base_price, "a price over 0", |v| v > 0.0)?;
    check_column("feature", &c.feature, "a share from 0 to 1", |v| (0.0..=1.0).contains(&v))?;
    check_column("display", &c.display, "a share from 0 to 1", |v| (0.0..=1.0).contains(&v))?;
    check_column("stockout_share", &c.stockout_share, "a share from 0 to 1", |v| (0.0..=1.0).contains(&v))?;
    c.controls.iter().try_for_each(|control| check_column(&control.name, &control.values, "a number", |_| true))
}

fn check_column(
    column: &str,
    values: &[f64],
    expected: &'static str,
    fits: impl Fn(f64) -> bool,
) -> Result<(), PanelError> {
    match values.iter().position(|&value| !(value.is_finite() && fits(value))) {
        None => Ok(()),
        Some(at) => Err(PanelError::Value { row: at + 1, column: column.to_owned(), value: values[at], expected }),
    }
}

fn sort(columns: PanelColumns) -> PanelColumns {
    let cell = |row: usize| (columns.sku[row], columns.place[row], columns.period[row]);
    let rows = columns.sku.len();
    if (1..rows).all(|row| cell(row - 1) <= cell(row)) {
        return columns;
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|&row| cell(row));
    pick(&columns, &order)
}

fn pick(c: &PanelColumns, rows: &[usize]) -> PanelColumns {
    fn column<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
        rows.iter().map(|&row| values[row]).collect()
    }
    PanelColumns {
        sku: column(&c.sku, rows),
        place: column(&c.place, rows),
        period: column(&c.period, rows),
        units: column(&c.units, rows),
        price: column(&c.price, rows),
        base_price: column(&c.base_price, rows),
        feature: column(&c.feature, rows),
        display: column(&c.display, rows),
        stockout_share: column(&c.stockout_share, rows),
        controls: c
            .controls
            .iter()
            .map(|control| Control { name: control.name.clone(), values: column(&control.values, rows) })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel_of(cells: &[(u32, u32, i32)]) -> Result<Panel, PanelError> {
        let n = cells.len();
        let columns = PanelColumns {
            sku: cells.iter().map(|c| c.0).collect(),
            place: cells.iter().map(|c| c.1).collect(),
            period: cells.iter().map(|c| Period(c.2)).collect(),
            units: (0..n).map(|row| row as f64).collect(),
            price: vec![1.0; n],
            base_price: vec![1.0; n],
            feature: vec![0.0; n],
            display: vec![0.0; n],
            stockout_share: vec![0.0; n],
            controls: vec![Control { name: "row".into(), values: (0..n).map(|row| row as f64).collect() }],
        };
        let skus = ["a", "b"].map(|sku| SkuEntry { sku: sku.into(), group: "g".into(), tier: String::new() });
        let places = ["x", "y"].map(|place| PlaceEntry { place: place.into(), region: String::new() });
        Panel::new(Calendar::Index, skus.into(), places.into(), columns)
    }

    #[test]
    fn rows_are_sorted_and_keep_their_values() {
        let panel = panel_of(&[(1, 0, 2), (0, 1, 1), (0, 0, 5), (0, 0, 4)]).unwrap();
        assert_eq!(panel.columns().units, [3.0, 2.0, 1.0, 0.0]);
        assert_eq!(panel.columns().units, panel.columns().controls[0].values);
        assert_eq!(panel.rows_of(0), 0..3);
        assert_eq!(panel.series_of(0).collect::<Vec<_>>(), [0..2, 2..3]);
        assert_eq!(panel.span(), Some(Span { start: Period(1), end: Period(6) }));
        assert_eq!(panel.within(Span { start: Period(2), end: Period(5) }).len(), 2);
    }

    #[test]
    fn a_cell_given_twice_is_refused() {
        let doubled = panel_of(&[(0, 0, 1), (1, 0, 1), (0, 0, 1)]);
        assert!(matches!(doubled, Err(PanelError::Duplicate { .. })));
        assert!(matches!(panel_of(&[(2, 0, 1)]), Err(PanelError::Unknown(1))));
    }
}
