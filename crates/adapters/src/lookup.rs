//! Joining another file's columns to rows that have the same key: many rows to one, never more rows than before.

use crate::source::Source;
use crate::{AdapterError, files};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{DataType, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A file in memory, found by its key.
pub(crate) struct LookupTable {
    on: String,
    path: PathBuf,
    batch: RecordBatch,
    rows: Rows,
}

enum Rows {
    ByNumber(HashMap<i64, u32>),
    ByText(HashMap<String, u32>),
}

impl LookupTable {
    /// Reads the file.
    ///
    /// # Errors
    /// [`AdapterError`] when it cannot be read, has no key column, or has a key twice.
    pub fn read(pattern: &Path, on: &str, delimiter: u8) -> Result<Self, AdapterError> {
        let [path] = files::find(pattern)?.try_into().map_err(|found: Vec<PathBuf>| {
            AdapterError::form(pattern, format!("names {} files", found.len()), "one file to look up in")
        })?;
        let mut source = Source::open(&path, delimiter, &|_| true)?;
        let mut batches = vec![];
        while let Some(read) = source.read()? {
            if let Some(bad) = read.unreadable.into_iter().next() {
                let (path, column) = (path.clone(), on.to_owned());
                return Err(AdapterError::Value { path, row: bad.row, column, value: bad.value, expected: bad.reason });
            }
            batches.push(read.batch);
        }
        let schema = source.schema();
        let batch = concat_batches(schema, &batches)
            .map_err(|e| AdapterError::form(&path, e, "a table that fits in memory"))?;
        let Some(keys) = batch.column_by_name(on) else {
            let present: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
            return Err(AdapterError::missing_column(&path, on, "lookup.on", &present));
        };
        let rows = index(&path, on, keys)?;
        Ok(Self { on: on.to_owned(), path, batch, rows })
    }

    /// The name of the key column.
    pub fn on(&self) -> &str {
        &self.on
    }

    /// The columns that it has.
    pub fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    /// Finds the row of each key; nothing where there is none.
    ///
    /// # Errors
    /// [`AdapterError`] when the keys cannot be read as text.
    pub fn find(&self, keys: &ArrayRef) -> Result<UInt32Array, AdapterError> {
        if let Rows::ByNumber(rows) = &self.rows
            && keys.data_type().is_integer()
        {
            let keys = self.cast(keys, &DataType::Int64)?;
            let found = keys.as_primitive::<Int64Type>().iter().map(|key| rows.get(&key?).copied());
            return Ok(found.collect());
        }
        let keys = self.cast(keys, &DataType::Utf8)?;
        let found = keys.as_string::<i32>().iter().map(|key| match &self.rows {
            Rows::ByText(rows) => rows.get(key?).copied(),
            Rows::ByNumber(rows) => rows.get(&key?.parse().ok()?).copied(),
        });
        Ok(found.collect())
    }

    /// Returns a column for rows that were found.
    ///
    /// # Errors
    /// [`AdapterError`] when the column cannot be picked from.
    pub fn column(&self, name: &str, rows: &UInt32Array) -> Result<Option<ArrayRef>, AdapterError> {
        let picked = self.batch.column_by_name(name).map(|column| take(column, rows, None));
        picked.transpose().map_err(|e| AdapterError::form(&self.path, e, "columns of text or numbers"))
    }

    fn cast(&self, keys: &ArrayRef, to: &DataType) -> Result<ArrayRef, AdapterError> {
        cast(keys, to)
            .map_err(|e| AdapterError::form(&self.path, e, format!("keys in '{}' of text or numbers", self.on)))
    }
}

fn index(path: &Path, on: &str, keys: &ArrayRef) -> Result<Rows, AdapterError> {
    let failed = |e: arrow_schema::ArrowError| AdapterError::form(path, e, "keys of text or numbers");
    let twice = |row: usize, value: String| AdapterError::Value {
        path: path.to_owned(),
        row: row as u64 + 1,
        column: on.to_owned(),
        value,
        expected: "each key once, since rows are looked up by it".to_owned(),
    };
    if keys.data_type().is_integer() {
        let keys = cast(keys, &DataType::Int64).map_err(failed)?;
        let mut rows = HashMap::with_capacity(keys.len());
        for (row, key) in keys.as_primitive::<Int64Type>().iter().enumerate() {
            let Some(key) = key else { continue };
            if rows.insert(key, row as u32).is_some() {
                return Err(twice(row, key.to_string()));
            }
        }
        return Ok(Rows::ByNumber(rows));
    }
    let keys = cast(keys, &DataType::Utf8).map_err(failed)?;
    let mut rows = HashMap::with_capacity(keys.len());
    for (row, key) in keys.as_string::<i32>().iter().enumerate() {
        let Some(key) = key else { continue };
        if rows.insert(key.to_owned(), row as u32).is_some() {
            return Err(twice(row, key.to_owned()));
        }
    }
    Ok(Rows::ByText(rows))
}
