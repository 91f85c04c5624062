//! Outside tables, read in batches with the number of each row: Parquet with its own types, CSV as text.
//!
//! A CSV record that cannot be read is set aside and reading goes on; a Parquet file that is damaged cannot be read at
//! all. Memory is bounded by the batch, whatever the file holds.

use crate::AdapterError;
use crate::csv_rows::{CsvRows, Next};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use endcap_model::SetAside;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::File;
use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PARQUET_ROWS: usize = 1 << 16;
const CSV_ROWS: usize = 1 << 15;
/// Rows that a byte of a Parquet file may stand for: sales, prices and stock stay far below it.
const ROWS_PER_BYTE: i64 = 1000;

/// Some rows of a table.
pub(crate) struct RawRows {
    /// Number of each row in its file, 1 the first row of data.
    pub rows: Vec<u64>,
    /// The rows.
    pub batch: RecordBatch,
    /// Records between them that could not be read.
    pub unreadable: Vec<SetAside>,
}

/// An open table.
pub(crate) struct Source {
    path: PathBuf,
    schema: SchemaRef,
    row: u64,
    reader: Reader,
}

enum Reader {
    Parquet(Box<ParquetRecordBatchReader>),
    Csv { rows: CsvRows<File>, picked: Vec<usize>, width: usize },
}

enum Form {
    Parquet,
    Csv,
}

/// Opens a file, and says which form it has by its first bytes.
fn open(path: &Path) -> Result<(File, Form), AdapterError> {
    let failed = |e| AdapterError::system("read", path, e);
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(AdapterError::form(path, "is a folder", "a CSV or Parquet file"));
    }
    let mut magic = Vec::with_capacity(4);
    (&mut file).take(4).read_to_end(&mut magic).map_err(failed)?;
    file.rewind().map_err(failed)?;
    if magic.is_empty() {
        return Err(AdapterError::form(
            path,
            "is empty",
            "a Parquet file, or a CSV file that begins with column names",
        ));
    }
    if magic == b"PAR1" {
        return Ok((file, Form::Parquet));
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return Err(AdapterError::form(
            path,
            "is not a Parquet file, whatever its name says",
            "a file that begins PAR1",
        ));
    }
    Ok((file, Form::Csv))
}

/// Runs what reads Parquet; on bytes that were tampered with or damaged the library may panic instead of saying so.
fn guarded<T, E: std::fmt::Display>(path: &Path, read: impl FnOnce() -> Result<T, E>) -> Result<T, AdapterError> {
    let problem = match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(problem)) => problem.to_string(),
        Err(_) => "it breaks its own rules".to_owned(),
    };
    let problem = format!("is cut short or damaged ({problem})");
    Err(AdapterError::form(path, problem, "a whole Parquet file; copy or write it again"))
}

/// Returns the columns of a file; those of a CSV file are all text.
///
/// # Errors
/// [`AdapterError`] when the file cannot be opened, is empty or damaged, or two columns have one name.
pub(crate) fn schema_of(path: &Path, delimiter: u8) -> Result<SchemaRef, AdapterError> {
    let (file, form) = open(path)?;
    let schema = match form {
        Form::Parquet => {
            let bytes = file.metadata().map_err(|e| AdapterError::system("read", path, e))?.len();
            let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
            let rows: i64 = builder.metadata().row_groups().iter().map(|group| group.num_rows()).sum();
            if rows > ROWS_PER_BYTE.saturating_mul(bytes as i64) {
                let problem = format!("says that its {bytes} bytes hold {rows} rows");
                return Err(AdapterError::form(
                    path,
                    problem,
                    "a table that was not made to overwhelm whoever reads it",
                ));
            }
            builder.schema().clone()
        }
        Form::Csv => header(path, &mut CsvRows::new(file, delimiter))?,
    };
    let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(AdapterError::form(path, format!("has two columns named '{}'", pair[0]), "one of each name")),
        None => Ok(schema),
    }
}

fn header(path: &Path, rows: &mut CsvRows<File>) -> Result<SchemaRef, AdapterError> {
    let failed = |e| AdapterError::system("read", path, e);
    rows.skip_byte_order_mark().map_err(failed)?;
    let expected = "a first line of column names, in UTF-8, such as sku,place,period,units";
    match rows.read().map_err(failed)? {
        Next::Record => {}
        Next::Unreadable(_, reason) => {
            return Err(AdapterError::form(path, format!("has no header: {reason}"), expected));
        }
        Next::End => return Err(AdapterError::form(path, "holds nothing but empty lines", expected)),
    }
    let fields = (0..rows.fields().len()).map(|at| match std::str::from_utf8(rows.fields().get(at)) {
        Ok(name) => Ok(Field::new(name.trim(), DataType::Utf8, true)),
        Err(_) => Err(AdapterError::form(path, format!("has a column name ({}) that is no UTF-8", at + 1), expected)),
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

impl Source {
    /// Opens the wanted columns of a file, in the file's own order.
    ///
    /// # Errors
    /// As [`schema_of`]; wanted columns that are not there are left out.
    pub fn open(path: &Path, delimiter: u8, wanted: &dyn Fn(&str) -> bool) -> Result<Self, AdapterError> {
        let whole = schema_of(path, delimiter)?;
        let picked: Vec<usize> = (0..whole.fields().len()).filter(|&at| wanted(whole.field(at).name())).collect();
        let (file, form) = open(path)?;
        let reader = match form {
            Form::Parquet => Reader::Parquet(Box::new(guarded(path, || {
                let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
                let mask = ProjectionMask::roots(builder.parquet_schema(), picked.iter().copied());
                builder.with_projection(mask).with_batch_size(PARQUET_ROWS).build()
            })?)),
            Form::Csv => {
                let mut rows = CsvRows::new(file, delimiter);
                header(path, &mut rows)?;
                Reader::Csv { rows, picked: picked.clone(), width: whole.fields().len() }
            }
        };
        let schema = Arc::new(whole.project(&picked).expect("Invariant: the columns were picked from this schema"));
        Ok(Self { path: path.to_owned(), schema, row: 0, reader })
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
        match &mut self.reader {
            Reader::Parquet(reader) => {
                let Some(batch) = guarded(&self.path, || reader.next().transpose())? else {
                    return Ok(None);
                };
                let rows = (self.row + 1..=self.row + batch.num_rows() as u64).collect();
                self.row += batch.num_rows() as u64;
                let batch = batch.with_schema(self.schema.clone()).map_err(|e| {
                    AdapterError::form(&self.path, format!("has changed its columns half way ({e})"), "one schema")
                })?;
                Ok(Some(RawRows { rows, batch, unreadable: vec![] }))
            }
            Reader::Csv { rows, picked, width } => {
                read_csv(&self.path, &self.schema, &mut self.row, rows, picked, *width)
            }
        }
    }
}

fn read_csv(
    path: &Path,
    schema: &SchemaRef,
    row: &mut u64,
    records: &mut CsvRows<File>,
    picked: &[usize],
    width: usize,
) -> Result<Option<RawRows>, AdapterError> {
    let mut columns: Vec<StringBuilder> = picked.iter().map(|_| StringBuilder::new()).collect();
    let (mut rows, mut unreadable) = (vec![], vec![]);
    let first = *row;
    while *row - first < CSV_ROWS as u64 {
        let aside = |row: u64, column: &str, value: String, reason: &str| SetAside {
            source: path.display().to_string(),
            row,
            column: column.to_owned(),
            value,
            reason: reason.to_owned(),
        };
        match records.read().map_err(|e| AdapterError::system("read", path, e))? {
            Next::End => break,
            Next::Unreadable(beginning, reason) => {
                *row += 1;
                unreadable.push(aside(*row, "", beginning, reason));
            }
            Next::Record => {
                *row += 1;
                let fields = records.fields();
                if fields.len() != width {
                    let reason = format!("the row has {} fields: expected {width}, as in the header", fields.len());
                    unreadable.push(aside(*row, "", String::from_utf8_lossy(fields.get(0)).into_owned(), &reason));
                } else if let Some(&at) = picked.iter().find(|&&at| std::str::from_utf8(fields.get(at)).is_err()) {
                    let name = schema.field(picked.iter().position(|&p| p == at).unwrap_or(0)).name();
                    let value = String::from_utf8_lossy(fields.get(at)).into_owned();
                    unreadable.push(aside(*row, name, value, "not UTF-8 text: save the file as UTF-8"));
                } else {
                    rows.push(*row);
                    for (column, &at) in columns.iter_mut().zip(picked) {
                        let text = std::str::from_utf8(fields.get(at)).unwrap_or_default().trim();
                        column.append_option((!text.is_empty()).then_some(text));
                    }
                }
            }
        }
    }
    if *row == first {
        return Ok(None);
    }
    let arrays: Vec<ArrayRef> = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
        .expect("Invariant: the columns are the schema's");
    Ok(Some(RawRows { rows, batch, unreadable }))
}

/// Returns whether a file is read as text.
pub(crate) fn is_text(path: &Path) -> Result<bool, AdapterError> {
    Ok(matches!(open(path)?.1, Form::Csv))
}

/// Returns the number of rows where the file says it, as Parquet does.
pub(crate) fn rows_if_known(path: &Path) -> Result<Option<u64>, AdapterError> {
    match open(path)? {
        (file, Form::Parquet) => {
            let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
            Ok(Some(builder.metadata().file_metadata().num_rows().max(0) as u64))
        }
        (_, Form::Csv) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Int64Array;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    #[test]
    fn a_small_file_of_endless_rows_is_refused_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.parquet");
        let same = RecordBatch::try_from_iter([("sku", Arc::new(Int64Array::from(vec![7; 2_000_000])) as ArrayRef)]);
        let one_page = WriterProperties::builder().set_data_page_row_count_limit(usize::MAX).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, same.as_ref().unwrap().schema(), Some(one_page)).unwrap();
        writer.write(&same.unwrap()).unwrap();
        writer.close().unwrap();
        assert!(path.metadata().unwrap().len() < 2000);
        let refused = schema_of(&path, b',').unwrap_err().to_string();
        assert!(refused.contains("hold 2000000 rows"), "{refused}");
    }
}
