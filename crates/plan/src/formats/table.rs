//! A CSV file with a header, read row by row, with the place of whatever does not fit.
//!
//! Fields are trimmed; a byte order mark, Windows line ends, quotes and empty lines are taken as they come. Holds one
//! row at a time.

use super::error::{FormatError, shown};
use std::collections::HashMap;
use std::io::{Chain, Read};

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// A file in the middle of being read.
pub(super) struct Table<'a> {
    file: &'static str,
    header: Vec<String>,
    columns: HashMap<String, usize>,
    /// Ends in a line end even where the file does not, so that every row read leaves the next line.
    reader: csv::Reader<Chain<&'a mut dyn Read, &'static [u8]>>,
    row: csv::ByteRecord,
}

impl<'a> Table<'a> {
    /// Reads the header.
    pub fn open(file: &'static str, read: &'a mut dyn Read) -> Result<Self, FormatError> {
        let ended = read.chain(&b"\n"[..]);
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .buffer_capacity(BUFFER)
            .from_reader(ended);
        let (header, columns) = (Vec::new(), HashMap::new());
        let mut table = Self { file, header, columns, reader, row: csv::ByteRecord::new() };
        if !table.advance()? {
            return Err(FormatError::shape(file, "the file is empty: expected a header"));
        }
        table.header = table.row.iter().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()).collect();
        if let [name] = table.header.as_slice()
            && let Some(separator) = name.chars().find(|c| [';', '\t', '|'].contains(c))
        {
            let problem =
                format!("the header '{name}' has no comma: separate values with ',' instead of {separator:?}");
            return Err(FormatError::shape(file, problem));
        }
        for (at, name) in table.header.iter().enumerate() {
            if table.columns.insert(name.clone(), at).is_some() && !name.is_empty() {
                let name = shown(name.as_bytes());
                return Err(FormatError::shape(file, format!("the header names column '{name}' twice: keep one")));
            }
        }
        Ok(table)
    }

    /// Finds a column.
    pub fn column(&self, name: &str) -> Result<usize, FormatError> {
        self.columns.get(name).copied().ok_or_else(|| FormatError::MissingColumn {
            file: self.file.to_owned(),
            column: name.to_owned(),
            expected: format!("a header with it; found '{}'", shown(self.header.join(",").as_bytes())),
        })
    }

    /// Finds columns.
    pub fn columns<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N], FormatError> {
        let mut at = [0; N];
        for (at, name) in at.iter_mut().zip(names) {
            *at = self.column(name)?;
        }
        Ok(at)
    }

    /// Moves to the next row; false at the end of the file.
    pub fn next(&mut self) -> Result<bool, FormatError> {
        let more = self.advance()?;
        let (found, expected) = (self.row.len(), self.header.len());
        if !more || found == expected {
            return Ok(more);
        }
        let hint = if found > expected { "; write decimals with a point and no thousands separators" } else { "" };
        let line = self.line();
        let problem = format!("line {line} has {found} values where the header has {expected}{hint}");
        Err(FormatError::shape(self.file, problem))
    }

    /// Moves to the next line that is not blank.
    fn advance(&mut self) -> Result<bool, FormatError> {
        loop {
            let more = self.reader.read_byte_record(&mut self.row);
            let more =
                more.map_err(|source| FormatError::Unreadable { file: self.file.to_owned(), source: source.into() })?;
            let blank = self.row.len() == 1 && self.row[0].trim_ascii().is_empty();
            if !more || !blank {
                return Ok(more);
            }
        }
    }

    /// Line of the row, 1 the first.
    pub fn line(&self) -> u64 {
        self.reader.position().line() - 1
    }

    /// Reads a finite number that passes a check.
    pub fn number(&self, column: usize, expected: &str, fits: impl Fn(f64) -> bool) -> Result<f64, FormatError> {
        let value = self.parsed::<f64>(column).filter(|value| value.is_finite() && fits(*value));
        value.ok_or_else(|| self.wrong(column, expected))
    }

    /// Reads a whole number that passes a check.
    pub fn whole(&self, column: usize, expected: &str, fits: impl Fn(i64) -> bool) -> Result<i64, FormatError> {
        self.parsed(column).filter(|value| fits(*value)).ok_or_else(|| self.wrong(column, expected))
    }

    /// Reads a whole number from 0 up to below `end`.
    pub fn index(&self, column: usize, end: usize, what: &str) -> Result<usize, FormatError> {
        let found = self.parsed(column).filter(|value| *value < end);
        found.ok_or_else(|| self.wrong(column, format!("{what} from 0 to {}", end.saturating_sub(1))))
    }

    /// Text of a column.
    pub fn text(&self, column: usize) -> &[u8] {
        self.row[column].trim_ascii()
    }

    fn parsed<T: std::str::FromStr>(&self, column: usize) -> Option<T> {
        std::str::from_utf8(self.text(column)).ok()?.parse().ok()
    }

    /// Says what was expected instead of what stands in a column.
    pub fn wrong(&self, column: usize, expected: impl Into<String>) -> FormatError {
        FormatError::value(self.file, self.line(), &self.header[column], self.text(column), expected)
    }
}
