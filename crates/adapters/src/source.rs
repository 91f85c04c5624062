//! Outside tables, read in batches with the number of each row: Parquet with its own types, CSV as text.
//!
//! A CSV record that cannot be read is set aside and reading goes on; a Parquet file that is damaged cannot be read at
//! all. Memory is bounded by the batch, whatever the file holds. Files come from others and may be made to break whoever reads
//! them: the program reads each in a process of its own with little memory, time and rights ([`reader`]), and what happens to
//! that process is a message about the file.

mod child;
mod direct;
mod frames;
mod limits;
pub mod reader;

use crate::AdapterError;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use direct::{Direct, Form};
use endcap_model::SetAside;
use std::path::Path;
use std::sync::Arc;

/// Some rows of a table.
pub(crate) struct RawRows {
    /// Number of each row in its file, 1 the first row of data.
    pub rows: Vec<u64>,
    /// The rows.
    pub batch: RecordBatch,
    /// Records between them that could not be read.
    pub unreadable: Vec<SetAside>,
}

/// A table of which nothing but its head was read.
pub(crate) struct Opened {
    schema: SchemaRef,
    rows: Option<u64>,
    by: OpenedBy,
}

enum OpenedBy {
    Us(direct::Opened),
    Child(child::Child),
}

/// A table that is being read.
pub(crate) struct Source {
    schema: SchemaRef,
    by: ReadBy,
}

enum ReadBy {
    Us(Direct),
    Child(child::Child),
}

impl Opened {
    /// Opens a file and reads its columns; those of a CSV file are all text.
    ///
    /// # Errors
    /// [`AdapterError`] when the file cannot be opened, is empty or damaged, or two columns have one name.
    pub fn open(path: &Path, delimiter: u8) -> Result<Self, AdapterError> {
        if let Some(program) = reader::program() {
            let (child, schema, rows) = child::Child::open(program, path, delimiter)?;
            return Ok(Self { schema, rows, by: OpenedBy::Child(child) });
        }
        let opened = direct::Opened::open(path, delimiter)?;
        Ok(Self { schema: opened.schema.clone(), rows: opened.rows, by: OpenedBy::Us(opened) })
    }

    /// The columns of the file.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Reads the wanted columns, in the file's own order.
    ///
    /// # Errors
    /// As [`Opened::open`]; wanted columns that are not there are left out.
    pub fn read(self, wanted: &dyn Fn(&str) -> bool) -> Result<Source, AdapterError> {
        let fields = self.schema.fields();
        let picked: Vec<usize> = (0..fields.len()).filter(|&at| wanted(fields[at].name())).collect();
        let schema =
            Arc::new(self.schema.project(&picked).expect("Invariant: the columns were picked from this schema"));
        let by = match self.by {
            OpenedBy::Us(opened) => ReadBy::Us(opened.read(picked)?),
            OpenedBy::Child(mut child) => {
                child.pick(&picked)?;
                ReadBy::Child(child)
            }
        };
        Ok(Source { schema, by })
    }
}

impl Source {
    /// Opens the wanted columns of a file.
    ///
    /// # Errors
    /// As [`Opened::open`] and [`Opened::read`].
    pub fn open(path: &Path, delimiter: u8, wanted: &dyn Fn(&str) -> bool) -> Result<Self, AdapterError> {
        Opened::open(path, delimiter)?.read(wanted)
    }

    /// The columns that are read.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Reads the next rows, or nothing at the end.
    ///
    /// # Errors
    /// [`AdapterError`] when the disk or a damaged Parquet file stops the reading.
    pub fn read(&mut self) -> Result<Option<RawRows>, AdapterError> {
        match &mut self.by {
            ReadBy::Us(direct) => direct.read(),
            ReadBy::Child(child) => child.read(&self.schema),
        }
    }
}

/// Returns the columns of a file; those of a CSV file are all text.
///
/// # Errors
/// As [`Opened::open`].
pub(crate) fn schema_of(path: &Path, delimiter: u8) -> Result<SchemaRef, AdapterError> {
    Opened::open(path, delimiter).map(|opened| opened.schema)
}

/// Returns whether a file is read as text.
pub(crate) fn is_text(path: &Path) -> Result<bool, AdapterError> {
    Ok(direct::open(path)?.1 == Form::Csv)
}

/// Returns the number of rows where the file says it, as Parquet does.
///
/// # Errors
/// As [`Opened::open`].
pub(crate) fn rows_if_known(path: &Path) -> Result<Option<u64>, AdapterError> {
    if is_text(path)? { Ok(None) } else { Opened::open(path, b',').map(|opened| opened.rows) }
}
