//! The process that reads one file: this program, started by itself with [`COMMAND`].
//!
//! It opens the file, gives up every right and most memory and time, and only then looks at what the file holds. It says
//! what the columns are, is told which of them are wanted, and hands on rows until there are no more.

use super::direct::Opened;
use super::frames::{Kind, Refusal, packed, write};
use super::{RawRows, limits};
use crate::AdapterError;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The first argument of a program that is to read a file.
pub const COMMAND: &str = "__read";

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names the program that reads files from now on: this one, which calls [`serve`] when its first argument is [`COMMAND`].
/// Without one, files are read in this process.
pub fn read_in(program: PathBuf) {
    // Whoever named one first is right: there is one program.
    let _ = PROGRAM.set(program);
}

pub(super) fn program() -> Option<&'static Path> {
    PROGRAM.get().map(PathBuf::as_path)
}

/// Arguments that tell a reader what to do.
pub(super) fn arguments(path: &Path, delimiter: u8, memory_bytes: u64, cpu_seconds: u64) -> Vec<OsString> {
    let told = [
        COMMAND,
        env!("CARGO_PKG_VERSION"),
        &delimiter.to_string(),
        &memory_bytes.to_string(),
        &cpu_seconds.to_string(),
    ];
    told.into_iter().map(OsString::from).chain([path.into()]).collect()
}

/// Reads the file that the arguments after the program's name tell of, to standard output; returns the exit status.
pub fn serve(arguments: &[OsString]) -> u8 {
    let mut output = io::stdout().lock();
    match answer(arguments, &mut output) {
        Ok(()) => 0,
        // Whoever asked is gone, or asked something else: there is nobody to tell.
        Err(_) => 3,
    }
}

fn answer(arguments: &[OsString], output: &mut impl Write) -> io::Result<()> {
    let number = |at: usize| arguments.get(at).and_then(|text| text.to_str()?.parse::<u64>().ok());
    let version = arguments.get(1).and_then(|text| text.to_str());
    let (Some(env!("CARGO_PKG_VERSION")), Some(delimiter), Some(memory), Some(cpu), Some(path)) =
        (version, number(2), number(3), number(4), arguments.get(5))
    else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let path = Path::new(path);
    // What panics on a file is told as what is wrong with it.
    std::panic::set_hook(Box::new(|_| {}));
    match read(path, delimiter as u8, (memory, cpu), output)? {
        Ok(()) => write(output, Kind::End, &[]),
        Err(error) => {
            let refusal = match &error {
                AdapterError::System { source, .. } => Refusal::System(source.raw_os_error().unwrap_or(0)),
                AdapterError::Form { problem, expected, .. } => Refusal::Form(problem.clone(), expected.clone()),
                other => Refusal::Form(other.to_string(), "a table".to_owned()),
            };
            write(output, Kind::Refused, &serde_json::to_vec(&refusal)?)
        }
    }
}

/// The outer error: whoever asked is gone. The inner one: what is wrong with the file.
fn read(
    path: &Path,
    delimiter: u8,
    (memory, cpu): (u64, u64),
    output: &mut impl Write,
) -> io::Result<Result<(), AdapterError>> {
    let first = match super::direct::open(path) {
        Ok(first) => first,
        Err(error) => return Ok(Err(error)),
    };
    // A second handle while there may still be one.
    let handles = first.0.try_clone()?;
    limits::set(memory, cpu)?;
    let opened = match Opened::of(path, delimiter, first, handles) {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error)),
    };
    let unpackable = |e: arrow_schema::ArrowError| AdapterError::form(path, e, "columns of text or numbers");
    write(output, Kind::Rows, &serde_json::to_vec(&opened.rows)?)?;
    match packed(&opened.schema, None) {
        Ok(bytes) => write(output, Kind::Schema, &bytes)?,
        Err(error) => return Ok(Err(unpackable(error))),
    }
    let mut asked = String::new();
    if io::stdin().lock().read_line(&mut asked)? == 0 {
        return Ok(Ok(()));
    }
    let picked: Vec<usize> = serde_json::from_str(&asked)?;
    let mut reading = match opened.read(picked) {
        Ok(reading) => reading,
        Err(error) => return Ok(Err(error)),
    };
    loop {
        let RawRows { rows, batch, unreadable } = match reading.read() {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        if !unreadable.is_empty() {
            write(output, Kind::Unreadable, &serde_json::to_vec(&unreadable)?)?;
        }
        match numbered(&batch, rows).and_then(|batch| packed(&batch.schema(), Some(&batch))) {
            Ok(bytes) => write(output, Kind::Batch, &bytes)?,
            Err(error) => return Ok(Err(unpackable(error))),
        }
    }
}

/// Adds the number of each row as the last column.
fn numbered(batch: &RecordBatch, rows: Vec<u64>) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut fields: Vec<Arc<Field>> = batch.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("row", DataType::UInt64, false)));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(UInt64Array::from(rows)) as ArrayRef);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
