//! Tables that commands read and write: CSV and Parquet files whose every value must be right.
//!
//! Unlike the loading of facts, a value that cannot be read here is an error that names file, row and column. Files are
//! written whole or not at all.

use crate::sift::{Check, SetAside, middle, other_unit, slip};
use crate::source::Source;
use crate::{AdapterError, files};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use arrow_select::concat::concat;
use arrow_select::filter::filter;
use endcap_model::{
    CLUSTER, COMPETITOR_PRICE, Calendar, Control, MECHANIC, Panel, PanelColumns, Period, PlaceEntry, SkuEntry,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::files::write_atomic;

/// A table in memory: named columns of one length.
pub struct Table {
    /// The file that it came from, as messages name it.
    pub name: String,
    path: PathBuf,
    rows: usize,
    columns: Vec<(String, ArrayRef)>,
    /// Numbers of the rows in the file, where some were set aside.
    numbers: Option<Vec<u64>>,
}

/// Values of one column to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Text.
    Text(Vec<String>),
    /// Numbers; one that is not finite is written as absent.
    Number(Vec<f64>),
    /// Whole numbers.
    Whole(Vec<i64>),
}

/// Reads a CSV or Parquet file, told apart by its first bytes.
///
/// # Errors
/// [`AdapterError`] when the file is not there, empty, cut short or holds a record that cannot be read.
pub fn read_table(path: &Path) -> Result<Table, AdapterError> {
    let mut source = Source::open(path, b',', &|_| true)?;
    let mut batches = vec![];
    while let Some(read) = source.read()? {
        if let Some(bad) = read.unreadable.into_iter().next() {
            let column = if bad.column.is_empty() { "the record".to_owned() } else { bad.column };
            let (path, row, value, expected) = (path.to_owned(), bad.row, bad.value, bad.reason);
            return Err(AdapterError::Value { path, row, column, value, expected });
        }
        batches.push(read.batch);
    }
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut columns = vec![];
    for (at, field) in source.schema().fields().iter().enumerate() {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
        let array = match parts.as_slice() {
            [] => arrow_array::new_empty_array(field.data_type()),
            parts => concat(parts).map_err(|e| AdapterError::form(path, e, "columns that fit in memory"))?,
        };
        columns.push((field.name().clone(), array));
    }
    Ok(Table { name: path.display().to_string(), path: path.to_owned(), rows, columns, numbers: None })
}

impl Table {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the names of the columns.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Returns whether there is a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// Reads a column as text; numbers are written out, dates as `2024-03-28`.
    ///
    /// # Errors
    /// [`AdapterError::MissingColumn`], or [`AdapterError::Value`] for the first row without a value.
    pub fn text(&self, column: &str) -> Result<Vec<String>, AdapterError> {
        let values = self.optional_text(column)?;
        let value = |(row, value): (usize, Option<String>)| value.ok_or_else(|| self.bad(column, row, "", "a text"));
        values.into_iter().enumerate().map(value).collect()
    }

    /// Reads a column as text that may be absent.
    ///
    /// # Errors
    /// [`AdapterError::MissingColumn`].
    pub fn optional_text(&self, column: &str) -> Result<Vec<Option<String>>, AdapterError> {
        let array = self.array(column)?;
        if let Some(texts) = array.as_string_opt::<i32>() {
            return Ok(texts.iter().map(|text| text.map(str::to_owned)).collect());
        }
        let shown = shown(&self.path, array)?;
        Ok((0..self.rows).map(|row| (!array.is_null(row)).then(|| plain(&shown.value(row).to_string()))).collect())
    }

    /// Reads a column of finite numbers.
    ///
    /// # Errors
    /// [`AdapterError::MissingColumn`], or [`AdapterError::Value`] for the first row without a finite number.
    pub fn numbers(&self, column: &str) -> Result<Vec<f64>, AdapterError> {
        let values = self.optional_numbers(column)?;
        let value = |(row, value): (usize, Option<f64>)| value.ok_or_else(|| self.bad(column, row, "", "a number"));
        values.into_iter().enumerate().map(value).collect()
    }

    /// Reads a column of finite numbers that may be absent (empty, null or NaN).
    ///
    /// # Errors
    /// [`AdapterError::MissingColumn`], or [`AdapterError::Value`] for the first value that is no finite number.
    pub fn optional_numbers(&self, column: &str) -> Result<Vec<Option<f64>>, AdapterError> {
        let array = self.array(column)?;
        if let Some(texts) = array.as_string_opt::<i32>() {
            let number = |(row, text): (usize, Option<&str>)| match text {
                None => Ok(None),
                Some(text) => match text.parse::<f64>().or_else(|e| truth(text).ok_or(e)) {
                    Ok(number) if number.is_nan() => Ok(None),
                    Ok(number) if number.is_finite() => Ok(Some(number)),
                    _ => Err(self.bad(column, row, text, "a number")),
                },
            };
            return texts.iter().enumerate().map(number).collect();
        }
        let numbers = arrow_cast::cast(array, &DataType::Float64)
            .map_err(|_| self.bad(column, 0, &array.data_type().to_string(), "a column of numbers"))?;
        let number = |(row, number): (usize, Option<f64>)| match number {
            Some(number) if number.is_nan() => Ok(None),
            Some(number) if number.is_infinite() => Err(self.bad(column, row, "infinity", "a finite number")),
            number => Ok(number),
        };
        numbers.as_primitive::<Float64Type>().iter().enumerate().map(number).collect()
    }

    /// Reads a column of whole numbers.
    ///
    /// # Errors
    /// [`AdapterError::MissingColumn`], or [`AdapterError::Value`] for the first row without a whole number.
    pub fn wholes(&self, column: &str) -> Result<Vec<i64>, AdapterError> {
        let array = self.array(column)?;
        if array.data_type().is_integer()
            && array.null_count() == 0
            && let Ok(wholes) = arrow_cast::cast(array, &DataType::Int64)
            && wholes.null_count() == 0
        {
            return Ok(wholes.as_primitive::<Int64Type>().values().to_vec());
        }
        let whole = |(row, number): (usize, f64)| match number {
            number if number.fract() == 0.0 && number.abs() < 9e15 => Ok(number as i64),
            number => Err(self.bad(column, row, &number.to_string(), "a whole number")),
        };
        self.numbers(column)?.into_iter().enumerate().map(whole).collect()
    }

    /// Reads a column of periods and recognises their calendar from the first one.
    ///
    /// # Errors
    /// [`AdapterError`] for a missing column, and for the first value that is no period of that calendar.
    pub fn periods(&self, column: &str) -> Result<(Calendar, Vec<Period>), AdapterError> {
        let texts = self.text(column)?;
        let Some(first) = texts.first() else {
            return Ok((Calendar::Index, vec![]));
        };
        let expected = "a whole number, a date such as 2024-03-28 or an ISO week such as 2024-W13";
        let calendar = Calendar::recognise(first).ok_or_else(|| self.bad(column, 0, first, expected))?;
        Ok((calendar, self.periods_of(column, calendar)?))
    }

    /// Reads a column of periods of a known calendar.
    ///
    /// # Errors
    /// [`AdapterError`] for a missing column, and for the first value that is no period of the calendar.
    pub fn periods_of(&self, column: &str, calendar: Calendar) -> Result<Vec<Period>, AdapterError> {
        let texts = self.text(column)?;
        let mut last: Option<(&str, Period)> = None;
        let mut periods = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            let period = match last {
                Some((known, period)) if known == text => period,
                _ => calendar.parse(text).map_err(|source| {
                    let (path, column, row) = (self.path.clone(), column.to_owned(), self.number_of(row));
                    AdapterError::Period { path, row, column, source }
                })?,
            };
            last = Some((text, period));
            periods.push(period);
        }
        Ok(periods)
    }

    /// Makes the error of a value that another reader of this table finds wrong; `row` counts from 0.
    pub fn bad(&self, column: &str, row: usize, value: &str, expected: &str) -> AdapterError {
        AdapterError::Value {
            path: self.path.clone(),
            row: self.number_of(row),
            column: column.to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
        }
    }

    /// Number of a row in the file, 1 the first.
    pub(crate) fn number_of(&self, row: usize) -> u64 {
        self.numbers.as_ref().map_or(row as u64 + 1, |numbers| numbers[row])
    }

    /// Keeps some rows.
    pub(crate) fn keep(&mut self, rows: &[bool]) {
        let kept = |row: &usize| rows[*row];
        self.numbers = Some((0..self.rows).filter(kept).map(|row| self.number_of(row)).collect());
        let chosen = BooleanArray::from(rows.to_vec());
        for (_, column) in &mut self.columns {
            *column = filter(column, &chosen).expect("Invariant: a table's columns have one length");
        }
        self.rows = rows.iter().filter(|row| **row).count();
    }

    fn array(&self, column: &str) -> Result<&ArrayRef, AdapterError> {
        match self.columns.iter().find(|(name, _)| name == column) {
            Some((_, array)) => Ok(array),
            None => Err(AdapterError::missing_column(&self.path, column, "needed here", &self.names())),
        }
    }

    fn numbers_in(&self, column: &str, expected: &str, fits: impl Fn(f64) -> bool) -> Result<Vec<f64>, AdapterError> {
        let values = self.numbers(column)?;
        match values.iter().position(|&value| !fits(value)) {
            None => Ok(values),
            Some(row) => Err(self.bad(column, row, &values[row].to_string(), expected)),
        }
    }

    /// Reads a column of shares of 0 to 1; all 0 when the file has no such column.
    fn shares_if_any(&self, column: &str) -> Result<Vec<f64>, AdapterError> {
        if !self.has(column) {
            return Ok(vec![0.0; self.rows]);
        }
        self.numbers_in(column, "a share from 0 to 1", |v| (0.0..=1.0).contains(&v))
    }
}

fn truth(text: &str) -> Option<f64> {
    match text {
        "true" | "True" | "TRUE" => Some(1.0),
        "false" | "False" | "FALSE" => Some(0.0),
        _ => None,
    }
}

fn shown<'a>(path: &Path, array: &'a dyn Array) -> Result<ArrayFormatter<'a>, AdapterError> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new();
    ArrayFormatter::try_new(array, &OPTIONS).map_err(|e| AdapterError::form(path, e, "columns of text or numbers"))
}

/// Writes whole numbers without decimals and days without a time.
fn plain(text: &str) -> String {
    let day = text.strip_suffix("T00:00:00").or_else(|| text.strip_suffix("T00:00:00Z"));
    day.or_else(|| text.strip_suffix(".0")).unwrap_or(text).to_owned()
}

/// Reads a panel: `unit_id`, `place_id`, `period`, `units`, `price`, `base_price`, optional `feature`, `display`,
/// `stockout_share`, `group_id`, `tier_id`, `region_id`, and the named controls. Without `group_id` all items are one
/// group.
///
/// # Errors
/// [`AdapterError`] that names file, row and column of the first thing wrong.
pub fn read_panel(path: &Path, controls: &[String]) -> Result<Panel, AdapterError> {
    let table = read_table(path)?;
    for column in PANEL_COLUMNS {
        if !table.has(column) {
            return Err(AdapterError::missing_column(path, column, "a panel needs it", &table.names()));
        }
    }
    panel_of(&table, controls)
}

/// Reads a panel like [`read_panel`], but sets rows that cannot be used aside, each with its reason.
///
/// # Errors
/// [`AdapterError`] for a file or a column that cannot be read, and the first thing wrong where no row can be used.
pub fn read_usable_panel(path: &Path, controls: &[String]) -> Result<(Panel, Vec<SetAside>), AdapterError> {
    let mut table = read_table(path)?;
    if let Some(column) = PANEL_COLUMNS.into_iter().find(|column| !table.has(column)) {
        return Err(AdapterError::missing_column(path, column, "a panel needs it", &table.names()));
    }
    // Files without anything wrong are read once.
    let first = match panel_of(&table, controls) {
        Ok(panel) if plausible(&panel) => return Ok((panel, vec![])),
        first => first,
    };
    let texts = table.optional_text("period")?;
    let Some(calendar) = texts.iter().flatten().find_map(|text| Calendar::recognise(text)) else {
        return first.map(|panel| (panel, vec![]));
    };
    let mut checks = vec![Check::Text("unit_id"), Check::Text("place_id"), Check::Period("period", calendar)];
    checks.extend([Check::Units("units"), Check::Price("price"), Check::Price("base_price")]);
    checks.extend(["feature", "display", "stockout_share"].map(Check::Share));
    checks.extend(controls.iter().filter(|name| *name != COMPETITOR_PRICE).map(|name| Check::Number(name)));
    let mut aside = table.sift(&checks)?;
    aside.extend(table.sift_repeated(&["unit_id", "place_id", "period"])?);
    aside.extend(table.sift_slips("period", calendar)?);
    aside.extend(sift_units(&mut table)?);
    aside.sort_by_key(|aside| aside.row);
    if table.is_empty() {
        return first.map(|panel| (panel, vec![]));
    }
    Ok((panel_of(&table, controls)?, aside))
}

/// Whether the prices of every item can be in one unit, and no period is a slip.
fn plausible(panel: &Panel) -> bool {
    let c = panel.columns();
    let mut periods = c.period.clone();
    periods.sort_unstable();
    let slipped = periods.get(periods.len() / 2).is_some_and(|&middle| {
        [periods[0], periods[periods.len() - 1]].iter().any(|end| slip(*end, middle, panel.calendar()))
    });
    !slipped
        && (0..panel.skus().len()).all(|sku| {
            let rows = panel.rows_of(sku);
            let usual = middle(c.base_price[rows.clone()].to_vec());
            let fits = |usual| {
                rows.clone().all(|row| !(other_unit(c.price[row], usual) || other_unit(c.base_price[row], usual)))
            };
            usual.is_none_or(fits)
        })
}

/// Sets aside rows whose prices cannot be in the unit of the item's others.
fn sift_units(table: &mut Table) -> Result<Vec<SetAside>, AdapterError> {
    let items = table.text("unit_id")?;
    let prices = [("price", table.numbers("price")?), ("base_price", table.numbers("base_price")?)];
    let mut of_item: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    items.iter().zip(&prices[1].1).for_each(|(item, price)| of_item.entry(item).or_default().push(*price));
    let usual: BTreeMap<&str, f64> =
        of_item.into_iter().filter_map(|(item, prices)| Some((item, middle(prices)?))).collect();
    let mut faults = BTreeMap::new();
    for (row, item) in items.iter().enumerate() {
        let usual = usual[item.as_str()];
        for (column, prices) in prices.iter().filter(|(_, prices)| other_unit(prices[row], usual)) {
            let expected = format!("a price in the unit of the item's others, which are around {usual}");
            faults.entry(row).or_insert_with(|| table.fault(row, column, &prices[row].to_string(), &expected));
        }
    }
    Ok(table.set_aside(faults))
}

/// Columns that every panel has.
const PANEL_COLUMNS: [&str; 6] = ["unit_id", "place_id", "period", "units", "price", "base_price"];

fn panel_of(table: &Table, controls: &[String]) -> Result<Panel, AdapterError> {
    let (calendar, period) = table.periods("period")?;
    let positive = |column| table.numbers_in(column, "a price over 0", |v| v > 0.0);
    let (skus, sku) = indexed(table, "unit_id", &[("group_id", "all"), ("tier_id", "")])?;
    let (places, place) = indexed(table, "place_id", &[("region_id", "")])?;
    let columns = PanelColumns {
        sku,
        place,
        period,
        units: table.numbers_in("units", "0 or more", |v| v >= 0.0)?,
        price: positive("price")?,
        base_price: positive("base_price")?,
        feature: table.shares_if_any("feature")?,
        display: table.shares_if_any("display")?,
        stockout_share: table.shares_if_any("stockout_share")?,
        controls: {
            let named = controls.iter().filter(|name| *name != COMPETITOR_PRICE);
            let mut all: Vec<Control> = named
                .map(|name| Ok(Control { name: name.clone(), values: table.numbers(name)? }))
                .collect::<Result<_, AdapterError>>()?;
            all.extend(further_inputs(table)?);
            all
        },
    };
    let skus = skus.into_iter().map(|(sku, mut with)| SkuEntry {
        sku: sku.as_str().into(),
        group: with.remove(0).as_str().into(),
        tier: with.remove(0),
    });
    let places =
        places.into_iter().map(|(place, mut with)| PlaceEntry { place: place.as_str().into(), region: with.remove(0) });
    Panel::new(calendar, skus.collect(), places.collect(), columns)
        .map_err(|source| AdapterError::Panel { path: table.path.clone(), source })
}

/// Reads the columns that not every panel has: kinds of promotion, a competitor's price, clusters of places. No kind, or the
/// word `none`, is no promotion of a kind; no price, or 0, is not known.
///
/// # Errors
/// [`AdapterError`] for a competitor's price that is no number.
pub fn further_inputs(table: &Table) -> Result<Vec<Control>, AdapterError> {
    let mut inputs = Vec::new();
    for column in [MECHANIC, CLUSTER] {
        if table.has(column) {
            let named = |name: &String| !name.trim().is_empty() && name != "none";
            let values: Vec<Option<String>> =
                table.optional_text(column)?.into_iter().map(|value| value.filter(named)).collect();
            inputs.extend(Control::flags(column, &values));
        }
    }
    if table.has(COMPETITOR_PRICE) {
        inputs.push(Control::competitor_price(&table.optional_numbers(COMPETITOR_PRICE)?));
    }
    Ok(inputs)
}

type Entries = Vec<(String, Vec<String>)>;

/// Lists the ids of a column in order, with what the first row of each says in other columns, and the index of each
/// row's id.
fn indexed(table: &Table, column: &str, with: &[(&str, &str)]) -> Result<(Entries, Vec<u32>), AdapterError> {
    let ids = table.text(column)?;
    let others = with
        .iter()
        .map(|&(name, default)| {
            let values = if table.has(name) { table.optional_text(name)? } else { vec![None; table.len()] };
            Ok((values, default))
        })
        .collect::<Result<Vec<_>, AdapterError>>()?;
    let mut first_row = BTreeMap::new();
    for (row, id) in ids.iter().enumerate() {
        first_row.entry(id.as_str()).or_insert(row);
    }
    let index: BTreeMap<&str, u32> = first_row.keys().zip(0..).map(|(&id, index)| (id, index)).collect();
    let entry = |(id, row): (&&str, &usize)| {
        let values =
            others.iter().map(|(values, default)| values[*row].clone().unwrap_or_else(|| (*default).to_owned()));
        ((*id).to_owned(), values.collect())
    };
    let mut last = ("", 0);
    let rows = ids.iter().map(|id| {
        if last.0 != id {
            last = (id, index[id.as_str()]);
        }
        last.1
    });
    Ok((first_row.iter().map(entry).collect(), rows.collect()))
}

/// Writes a CSV file, whole or not at all.
///
/// # Errors
/// [`AdapterError::System`] when it cannot be written.
///
/// # Panics
/// When the columns differ in length.
pub fn write_csv(path: &Path, columns: &[(&str, Column)]) -> Result<(), AdapterError> {
    let bytes = csv_of(columns).map_err(|e| AdapterError::system("write", path, e.into()))?;
    write_atomic(path, &bytes)
}

/// Puts columns into CSV.
///
/// # Errors
/// [`csv::Error`] where memory cannot be written to.
///
/// # Panics
/// When the columns differ in length.
pub fn csv_of(columns: &[(&str, Column)]) -> Result<Vec<u8>, csv::Error> {
    let rows = rows_of(columns);
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(columns.iter().map(|(name, _)| name))?;
    for row in 0..rows {
        for (_, column) in columns {
            match column {
                Column::Text(values) => writer.write_field(&values[row]),
                Column::Number(values) if !values[row].is_finite() => writer.write_field(""),
                Column::Number(values) => writer.write_field(values[row].to_string()),
                Column::Whole(values) => writer.write_field(values[row].to_string()),
            }?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(writer.into_inner().expect("Invariant: a vector of bytes can always be written to"))
}

/// Writes a Parquet file (zstd), whole or not at all.
///
/// # Errors
/// [`AdapterError::System`] when it cannot be written.
///
/// # Panics
/// When the columns differ in length.
pub fn write_parquet(path: &Path, columns: &[(&str, Column)]) -> Result<(), AdapterError> {
    rows_of(columns);
    let array = |column: &Column| -> ArrayRef {
        match column {
            Column::Text(values) => Arc::new(StringArray::from_iter_values(values)),
            Column::Number(values) => {
                Arc::new(values.iter().map(|v| v.is_finite().then_some(*v)).collect::<Float64Array>())
            }
            Column::Whole(values) => Arc::new(Int64Array::from(values.clone())),
        }
    };
    let batch = RecordBatch::try_from_iter(columns.iter().map(|(name, column)| (*name, array(column))))
        .expect("Invariant: columns of one length make a batch");
    write_atomic(path, &parquet_bytes(&[batch]).map_err(|e| AdapterError::form(path, e, "columns that fit"))?)
}

fn rows_of(columns: &[(&str, Column)]) -> usize {
    let length = |column: &Column| match column {
        Column::Text(values) => values.len(),
        Column::Number(values) => values.len(),
        Column::Whole(values) => values.len(),
    };
    let rows = columns.first().map_or(0, |(_, column)| length(column));
    assert!(columns.iter().all(|(_, column)| length(column) == rows), "Invariant: all columns have one length");
    rows
}

/// Encodes batches of one schema as a Parquet file; the same batches always give the same bytes.
pub(crate) fn parquet_bytes(batches: &[RecordBatch]) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let level = ZstdLevel::try_new(3)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("endcap".to_owned())
        .build();
    let mut bytes = vec![];
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties))?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.close()?;
    Ok(bytes)
}

/// Writes a value as readable JSON, whole or not at all.
///
/// # Errors
/// [`AdapterError::System`] when it cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), AdapterError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| AdapterError::form(path, format!("cannot hold this ({e})"), "a value that JSON can hold"))?;
    text.push('\n');
    write_atomic(path, text.as_bytes())
}

/// Reads a value from JSON.
///
/// # Errors
/// [`AdapterError`] when the file cannot be read or holds something else.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, AdapterError> {
    let text = files::read_text(path)?;
    serde_json::from_str(&text).map_err(|e| AdapterError::Syntax { path: path.to_owned(), problem: e.to_string() })
}

/// Reads a value from TOML.
///
/// # Errors
/// [`AdapterError`] when the file cannot be read, or holds an unknown, missing or unfitting field (which is named).
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, AdapterError> {
    let text = files::read_text(path)?;
    toml::from_str(&text).map_err(|e| AdapterError::Syntax { path: path.to_owned(), problem: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel_csv(text: &str) -> Result<Panel, AdapterError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("panel.csv");
        std::fs::write(&path, text).unwrap();
        read_panel(&path, &[])
    }

    #[test]
    fn a_panel_is_read_with_its_groups_and_calendar() {
        let panel = panel_csv(
            "unit_id,place_id,period,units,price,base_price,group_id,display\n\
             b,x,2024-W02,3,0.9,1,g,true\nb,x,2024-W01,2,1,1,g,0\na,y,2024-W01,0,1,1,h,1\n",
        )
        .unwrap();
        assert_eq!(panel.calendar(), Calendar::Week);
        assert_eq!(panel.skus()[1].group.as_str(), "g");
        assert_eq!(panel.columns().units, [0.0, 2.0, 3.0]);
        assert_eq!(panel.columns().display, [1.0, 0.0, 1.0]);
        assert_eq!(panel.columns().feature, [0.0; 3]);
    }

    #[test]
    fn kinds_of_promotion_competitors_and_clusters_are_read_where_they_are_given() {
        let panel = panel_csv(
            "unit_id,place_id,period,units,price,base_price,mechanic,competitor_price,cluster_id\n\
             a,x,1,3,0.9,1,coupon,2.5,city\na,x,2,3,1,1,,,city\na,y,1,3,1,1,none,0,mall\n",
        )
        .unwrap();
        let of = |name: &str| {
            let found = panel.columns().controls.iter().find(|control| control.name == name);
            found.map(|control| control.values.clone())
        };
        assert_eq!(of("mechanic=coupon"), Some(vec![1.0, 0.0, 0.0]));
        assert_eq!(of("competitor_price"), Some(vec![2.5, 0.0, 0.0]));
        assert_eq!(of("cluster_id=mall"), Some(vec![0.0, 0.0, 1.0]));
        assert_eq!(panel.columns().controls.len(), 4);
    }

    #[test]
    fn what_is_wrong_in_a_panel_is_named_with_row_and_column() {
        let missing = panel_csv("unit_id,place_id,period,units,price\n").unwrap_err().to_string();
        assert!(missing.contains("no column 'base_price'") && missing.contains("unit_id"), "{missing}");
        let header = "unit_id,place_id,period,units,price,base_price\n";
        let negative = panel_csv(&format!("{header}a,x,1,1,1,1\na,x,2,1,-1,1\n")).unwrap_err().to_string();
        assert!(negative.contains("row 2: price is '-1': expected a price over 0"), "{negative}");
        let text = panel_csv(&format!("{header}a,x,1,one,1,1\n")).unwrap_err().to_string();
        assert!(text.contains("row 1: units is 'one': expected a number"), "{text}");
        let ragged = panel_csv(&format!("{header}a,x,1\n")).unwrap_err().to_string();
        assert!(ragged.contains("3 fields: expected 6"), "{ragged}");
        let mixed = panel_csv(&format!("{header}a,x,1,1,1,1\na,x,2024-01-01,1,1,1\n")).unwrap_err();
        assert!(matches!(mixed, AdapterError::Period { row: 2, .. }));
    }

    #[test]
    fn tables_survive_being_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let columns = [
            ("name", Column::Text(vec!["a, \"b\"".into(), "é\nf".into()])),
            ("number", Column::Number(vec![0.1, f64::NAN])),
            ("whole", Column::Whole(vec![i64::MAX, -1])),
        ];
        for (file, write) in [("t.csv", write_csv as fn(&Path, &[(&str, Column)]) -> _), ("t.parquet", write_parquet)] {
            let path = folder.path().join(file);
            write(&path, &columns).unwrap();
            let table = read_table(&path).unwrap();
            assert_eq!(table.len(), 2);
            assert_eq!(table.text("name").unwrap(), ["a, \"b\"", "é\nf"]);
            assert_eq!(table.optional_numbers("number").unwrap(), [Some(0.1), None]);
            assert!(table.numbers("number").unwrap_err().to_string().contains("row 2: number is ''"));
            assert_eq!(table.text("whole").unwrap(), [i64::MAX.to_string(), "-1".into()]);
        }
        let wholes = read_table(&folder.path().join("t.parquet")).unwrap().wholes("whole").unwrap();
        assert_eq!(wholes, [i64::MAX, -1]);
    }
}
