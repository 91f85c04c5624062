//! Taking in one table of facts: batches of raw rows come in, facts and set-aside rows come out.

use crate::column::{Column, NO_PERIOD, Reading};
use crate::intern::Interner;
use crate::period::PeriodReader;
use crate::values::Values;
use crate::{Counts, IngestError, Loaded, settle};
use arrow_array::ArrayRef;
use endcap_model::{Calendar, Currency, FactField, FactKind, FieldKind, Period, SetAside};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Most rows of one table: their numbers fit 32 bits.
const ROWS_MAX: usize = 1 << 31;
/// Bits of a row's origin that say its number in its file; the rest say the file.
const ROW_BITS: u32 = 40;

/// What a table is checked against.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Calendar of all periods.
    pub calendar: Calendar,
    /// Currency of all prices.
    pub currency: Currency,
    /// Items that are known; nothing when no items were loaded.
    pub items: Option<Arc<HashSet<Arc<str>>>>,
    /// Places that are known; nothing when no places were loaded.
    pub places: Option<Arc<HashSet<Arc<str>>>>,
}

/// Rows of a source, with one column for each field of the table, in the table's order.
pub struct RawBatch<'a> {
    /// The source, as set-aside rows name it.
    pub source: &'a str,
    /// Number of each row in the source, 1 the first row of data.
    pub rows: &'a [u64],
    /// The columns.
    pub columns: &'a [RawColumn],
}

/// One column of a source.
#[derive(Clone)]
pub struct RawColumn {
    /// How the source names it.
    pub name: String,
    /// Its values; nothing when the source has none for this field.
    pub values: Option<ArrayRef>,
    /// The period that the number 0 stands for, where periods are numbers.
    pub origin: Option<Period>,
}

/// A table of facts while it is taken in.
pub struct Intake {
    pub(crate) kind: FactKind,
    pub(crate) rules: Rules,
    pub(crate) minor_units: i64,
    pub(crate) columns: Vec<Column>,
    /// Where each row came from: source and row number in one.
    pub(crate) origins: Vec<u64>,
    pub(crate) sources: Vec<Origin>,
    /// Which delivery rows belong to that come now.
    delivery: u32,
}

/// A source of rows.
#[derive(Debug)]
pub(crate) struct Origin {
    pub name: String,
    /// How it names the column of each field.
    pub columns: Vec<String>,
    pub counts: Counts,
    /// Its delivery: rows of a later one take the place of earlier rows with the same key.
    pub delivery: u32,
    /// Whether its rows are believed, whatever they say.
    pub trusted: bool,
}

impl Intake {
    /// Begins a table.
    pub fn new(kind: FactKind, rules: Rules) -> Self {
        let minor_units = 10_i64.pow(u32::from(rules.currency.exponent().unwrap_or(0)));
        let columns = kind
            .fields()
            .iter()
            .map(|field| {
                let interner = Interner::new(allowed(kind, field, &rules));
                Column::absent(0, interner, PeriodReader::new(rules.calendar), field)
            })
            .collect();
        Self { kind, rules, minor_units, columns, origins: vec![], sources: vec![], delivery: 0 }
    }

    /// Begins a later delivery: its rows take the place of earlier ones that say otherwise for the same key.
    pub fn next_delivery(&mut self) {
        self.delivery += 1;
    }

    /// Believes a source, whatever its rows say.
    pub fn trust(&mut self, source: &str) {
        let at = self.source_of(source, Vec::new);
        self.sources[at].trusted = true;
    }

    /// Counts a row that was set aside before it came here.
    pub fn count_set_aside(&mut self, source: &str, rows: u64) {
        let at = self.source_of(source, Vec::new);
        self.sources[at].counts.read += rows;
        self.sources[at].counts.set_aside += rows;
    }

    /// Takes in rows; those that cannot be facts go to `aside`, each with its reason.
    ///
    /// # Errors
    /// [`IngestError`] when a whole column cannot be read or the table grows too long.
    pub fn add(&mut self, batch: &RawBatch<'_>, aside: &mut dyn FnMut(SetAside)) -> Result<(), IngestError> {
        let fields = self.kind.fields();
        assert_eq!(batch.columns.len(), fields.len(), "Invariant: one column for each field");
        let start = self.origins.len();
        if start + batch.rows.len() > ROWS_MAX {
            return Err(IngestError::TooManyRows { kind: self.kind, max: ROWS_MAX });
        }
        let values = self.values_of(batch)?;
        let mut faults: BTreeMap<usize, (usize, String)> = BTreeMap::new();
        for (at, (field, column)) in fields.iter().zip(&mut self.columns).enumerate() {
            let Some(values) = &values[at] else {
                column.extend_absent(batch.rows.len());
                continue;
            };
            let how = Reading { kind: field.kind, minor_units: self.minor_units, origin: batch.columns[at].origin };
            for row in 0..batch.rows.len() {
                let value = values.get(row);
                let read = if value.is_none() && field.required {
                    let _ = column.push(None, how);
                    Err(format!("missing: expected {}", field.meaning))
                } else {
                    column.push(value, how)
                };
                if let Err(reason) = read {
                    faults.entry(row).or_insert((at, reason));
                }
            }
        }
        let source = self.source_of(batch.source, || batch.columns.iter().map(|c| c.name.clone()).collect());
        self.origins.extend(batch.rows.iter().map(|&row| (source as u64) << ROW_BITS | row));
        let counts = &mut self.sources[source].counts;
        counts.read += batch.rows.len() as u64;
        counts.set_aside += faults.len() as u64;
        let about: Vec<[Option<String>; 4]> = faults.keys().map(|&row| self.about(start + row, row, &values)).collect();
        self.drop_faulty(start, batch.rows.len(), &faults);
        for ((row, (at, reason)), [sku, place, period, line]) in faults.into_iter().zip(about) {
            let value = values[at].as_ref().map(|values| values.show(row)).unwrap_or_default();
            let cause = if reason.starts_with("negative") { "negative" } else { "unreadable" }.to_owned();
            let read = SetAside::unreadable(batch.source, batch.rows[row], &batch.columns[at].name, value, reason);
            aside(SetAside { cause, sku, place, period, line, ..read });
        }
        Ok(())
    }

    /// What a row is about: item, place, period and line, as far as they can be read.
    fn about(&self, at: usize, row: usize, values: &[Option<Values>]) -> [Option<String>; 4] {
        let fields = self.kind.fields();
        let told = |field: usize| values[field].as_ref().map(|values| values.show(row)).filter(|text| !text.is_empty());
        let find = |wanted: &dyn Fn(&FactField) -> bool| fields.iter().position(wanted);
        let period = find(&|field| field.key && field.kind == FieldKind::Period).and_then(|field| {
            let Column::Period(periods, _) = &self.columns[field] else { return None };
            (periods[at] != NO_PERIOD).then(|| self.rules.calendar.format(Period(periods[at])))
        });
        [
            find(&|field| field.kind == FieldKind::Sku).and_then(told),
            find(&|field| field.kind == FieldKind::Place).and_then(told),
            period,
            find(&|field| field.name == "line").and_then(told),
        ]
    }

    /// Ends the table: finds duplicates, conflicts and mixed-up units among all its rows.
    pub fn finish(self, aside: &mut dyn FnMut(SetAside)) -> Loaded {
        settle::settle(self, aside)
    }

    fn values_of(&self, batch: &RawBatch<'_>) -> Result<Vec<Option<Values>>, IngestError> {
        let mut values = vec![];
        for (field, column) in self.kind.fields().iter().zip(batch.columns) {
            values.push(match &column.values {
                Some(array) => Some(Values::of(&column.name, array)?),
                None if field.required => {
                    let (field, meaning) = (field.name, field.meaning);
                    return Err(IngestError::Unmapped { kind: self.kind, field, meaning });
                }
                None => None,
            });
        }
        Ok(values)
    }

    fn source_of(&mut self, name: &str, columns: impl FnOnce() -> Vec<String>) -> usize {
        let delivery = self.delivery;
        let known = self.sources.iter().rposition(|source| source.name == name && source.delivery == delivery);
        let at = known.unwrap_or_else(|| {
            let (name, counts) = (name.to_owned(), Counts::default());
            self.sources.push(Origin { name, columns: vec![], counts, delivery, trusted: false });
            self.sources.len() - 1
        });
        if self.sources[at].columns.is_empty() {
            self.sources[at].columns = columns();
        }
        at
    }

    fn drop_faulty(&mut self, start: usize, rows: usize, faults: &BTreeMap<usize, (usize, String)>) {
        if faults.is_empty() {
            return;
        }
        let keep: Vec<bool> = (0..rows).map(|row| !faults.contains_key(&row)).collect();
        self.columns.iter_mut().for_each(|column| column.keep_from(start, &keep));
        let mut keep = keep.into_iter();
        let mut at = 0;
        self.origins.retain(|_| {
            at += 1;
            at <= start || keep.next().unwrap_or(true)
        });
    }
}

/// Splits a row's origin into its source and its number there.
pub(crate) fn origin(packed: u64) -> (usize, u64) {
    ((packed >> ROW_BITS) as usize, packed & ((1 << ROW_BITS) - 1))
}

fn allowed(kind: FactKind, field: &FactField, rules: &Rules) -> Option<Arc<HashSet<Arc<str>>>> {
    match field.kind {
        FieldKind::Sku if kind != FactKind::Items => rules.items.clone(),
        FieldKind::Place if kind != FactKind::Places => rules.places.clone(),
        _ => None,
    }
}
