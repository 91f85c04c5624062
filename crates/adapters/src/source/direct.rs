//! Reading itself, wherever it runs: in a process of its own, or where no program is named for that, in this one.
//!
//! Opens no file after the first: whoever reads may have lost the right to.

use super::RawRows;
use crate::AdapterError;
use crate::csv_rows::{CsvRows, Next};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use endcap_model::SetAside;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PARQUET_ROWS: usize = 1 << 16;
const CSV_ROWS: usize = 1 << 15;
/// Rows that a byte of a Parquet file may stand for: sales, prices and stock stay far below it.
const ROWS_PER_BYTE: i64 = 1000;

/// A table that was opened, of which nothing but its head was read.
pub(super) struct Opened {
    path: PathBuf,
    delimiter: u8,
    file: File,
    handle: Arc<File>,
    bytes: u64,
    form: Form,
    pub schema: SchemaRef,
    /// Rows in it, where the file says it, as Parquet does.
    pub rows: Option<u64>,
}

/// A table that is being read.
pub(super) struct Direct {
    path: PathBuf,
    schema: SchemaRef,
    row: u64,
    reader: Reader,
}

enum Reader {
    Parquet(Box<ParquetRecordBatchReader>),
    Csv { rows: CsvRows<File>, picked: Vec<usize>, width: usize },
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    Parquet,
    Csv,
}

/// Opens a file, and says which form it has by its first bytes.
pub(super) fn open(path: &Path) -> Result<(File, Form), AdapterError> {
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
pub(super) fn guarded<T, E: std::fmt::Display>(
    path: &Path,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, AdapterError> {
    let problem = match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(problem)) => problem.to_string(),
        Err(_) => "it breaks its own rules".to_owned(),
    };
    let problem = format!("is cut short or damaged ({problem})");
    Err(AdapterError::form(path, problem, "a whole Parquet file; copy or write it again"))
}

impl Opened {
    /// Opens a file and reads its columns; those of a CSV file are all text.
    ///
    /// # Errors
    /// [`AdapterError`] when the file cannot be opened, is empty or damaged, or two columns have one name.
    pub fn open(path: &Path, delimiter: u8) -> Result<Self, AdapterError> {
        let first = open(path)?;
        let handle = first.0.try_clone().map_err(|e| AdapterError::system("read", path, e))?;
        Self::of(path, delimiter, first, handle)
    }

    /// Reads the columns of a file that was opened, with a second handle of it.
    ///
    /// # Errors
    /// As [`Opened::open`].
    pub fn of(path: &Path, delimiter: u8, (file, form): (File, Form), handle: File) -> Result<Self, AdapterError> {
        let failed = |e| AdapterError::system("read", path, e);
        let bytes = file.metadata().map_err(failed)?.len();
        let handle = Arc::new(handle);
        let (schema, rows) = match form {
            Form::Parquet => {
                let seen = Seen { file: handle.clone(), bytes };
                let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new(seen))?;
                let groups = builder.metadata().row_groups().iter();
                let rows = groups.fold(0_i64, |sum, group| sum.saturating_add(group.num_rows()));
                if rows > ROWS_PER_BYTE.saturating_mul(bytes as i64) {
                    let problem = format!("says that its {bytes} bytes hold {rows} rows");
                    let expected = "a table that was not made to overwhelm whoever reads it";
                    return Err(AdapterError::form(path, problem, expected));
                }
                (builder.schema().clone(), Some(builder.metadata().file_metadata().num_rows().max(0) as u64))
            }
            Form::Csv => {
                let mut rows = CsvRows::new(&file, delimiter);
                (header(path, &mut rows)?, None)
            }
        };
        let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(AdapterError::form(path, format!("has two columns named '{}'", pair[0]), "one of each name"));
        }
        Ok(Self { path: path.to_owned(), delimiter, file, handle, bytes, form, schema, rows })
    }

    /// Reads some columns from the beginning, by their numbers.
    ///
    /// # Errors
    /// [`AdapterError`] when the file is damaged.
    pub fn read(self, picked: Vec<usize>) -> Result<Direct, AdapterError> {
        let Self { path, delimiter, mut file, handle, bytes, form, schema: whole, .. } = self;
        let failed = |e| AdapterError::system("read", &path, e);
        let reader = match form {
            Form::Parquet => {
                let seen = Seen { file: handle, bytes };
                Reader::Parquet(Box::new(guarded(&path, || {
                    let builder = ParquetRecordBatchReaderBuilder::try_new(seen)?;
                    let mask = ProjectionMask::roots(builder.parquet_schema(), picked.iter().copied());
                    builder.with_projection(mask).with_batch_size(PARQUET_ROWS).build()
                })?))
            }
            Form::Csv => {
                file.rewind().map_err(failed)?;
                let mut rows = CsvRows::new(file, delimiter);
                header(&path, &mut rows)?;
                Reader::Csv { rows, picked: picked.clone(), width: whole.fields().len() }
            }
        };
        let schema = whole.project(&picked).map_err(|e| AdapterError::form(&path, e, "columns that are there"))?;
        Ok(Direct { path, schema: Arc::new(schema), row: 0, reader })
    }
}

fn header<R: Read>(path: &Path, rows: &mut CsvRows<R>) -> Result<SchemaRef, AdapterError> {
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

impl Direct {
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
        let aside = |row: u64, column: &str, value: String, reason: &str| {
            SetAside::unreadable(&path.display().to_string(), row, column, value, reason)
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

/// The bytes of a file, read where they lie: no second handle of it is ever needed.
struct Seen {
    file: Arc<File>,
    bytes: u64,
}

impl Length for Seen {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Seen {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(From { file: self.file.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // What a damaged file says of its own length is never asked of memory.
        if start.checked_add(length as u64).is_none_or(|end| end > self.bytes) {
            return Err(ParquetError::EOF(format!("{length} bytes from {start} on lie beyond its end")));
        }
        let mut bytes = vec![0; length];
        From { file: self.file.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads a file from a place on.
struct From {
    file: Arc<File>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = read_at(&self.file, into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(windows)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutated;
    use arrow_array::{Float64Array, Int64Array, StringArray};
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
        let refused = Opened::open(&path, b',').err().unwrap().to_string();
        assert!(refused.contains("hold 2000000 rows"), "{refused}");
    }

    fn parquet_file(folder: &Path) -> Vec<u8> {
        let path = folder.join("small.parquet");
        let rows = 200_i64;
        let batch = RecordBatch::try_from_iter([
            (
                "sku",
                Arc::new((0..rows).map(|row| Some(format!("item {}", row % 7))).collect::<StringArray>()) as ArrayRef,
            ),
            ("units", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef),
            ("price", Arc::new(Float64Array::from_iter_values((0..rows).map(|row| row as f64 / 4.0))) as ArrayRef),
        ])
        .unwrap();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        std::fs::read(path).unwrap()
    }

    /// Reads a file to its end; whether it could be.
    fn reads(path: &Path, bytes: &[u8]) -> bool {
        std::fs::write(path, bytes).unwrap();
        let Ok(opened) = Opened::open(path, b',') else { return false };
        let all = (0..opened.schema.fields().len()).collect();
        let Ok(mut reading) = opened.read(all) else { return false };
        loop {
            match reading.read() {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    #[test]
    fn broken_copies_of_parquet_and_csv_are_read_or_refused_and_never_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let whole = parquet_file(folder.path());
        assert!(reads(&path, &whole));
        let parquet = mutated::each("Parquet", &[whole], mutated::copies(5_000), |bytes| reads(&path, bytes));
        assert_eq!(parquet.panics, 0, "what the library panics on is told as what is wrong with the file");
        let csv =
            b"sku,place,day,units\n\"item, 1\",x,2024-01-01,3\nitem 2,\"a \"\"b\"\"\",2024-01-02,4\n\xc3\xa4,y,z,1\n";
        let csv = mutated::each("CSV", &[csv.to_vec()], mutated::copies(5_000), |bytes| reads(&path, bytes));
        assert_eq!(csv.panics, 0);
    }
}
