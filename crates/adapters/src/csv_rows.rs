//! Records of a CSV file, one at a time, in bounded memory.
//!
//! Comma-separated text as RFC 4180 lays it down: fields may be quoted, a doubled quote inside one is a quote, quoted
//! fields may hold line ends. A record that cannot be read is reported and skipped; reading then goes on with the next
//! line. Never holds more than [`RECORD_BYTES_MAX`] of one record plus one read.

use std::io::{self, Read};

/// Longest record that is read.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 1 << 18;

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record; its fields are in the reader.
    Record,
    /// A record that cannot be read: its beginning, and why.
    Unreadable(String, &'static str),
    /// No more.
    End,
}

/// A reader of CSV records.
pub(crate) struct CsvRows<R> {
    input: R,
    delimiter: u8,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    fields: Fields,
}

/// The fields of one record, unquoted, end to end.
#[derive(Default)]
pub(crate) struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

enum Parsed {
    /// A record and how many bytes it took.
    Record(usize),
    /// The text ends inside the record.
    Incomplete,
}

impl<R: Read> CsvRows<R> {
    pub fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, buffer: vec![], start: 0, ended: false, fields: Fields::default() }
    }

    /// The fields of the record that came last.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Skips a byte order mark; call before anything else.
    pub fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        self.fill()?;
        if self.buffer.starts_with(b"\xEF\xBB\xBF") {
            self.start = 3;
        }
        Ok(())
    }

    /// Reads the next record; empty lines are passed over.
    pub fn read(&mut self) -> io::Result<Next> {
        loop {
            let text = &self.buffer[self.start..];
            let blank = text.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
            self.start += blank;
            let text = &self.buffer[self.start..];
            if text.is_empty() && self.ended {
                return Ok(Next::End);
            }
            if !text.is_empty()
                && let Parsed::Record(length) = parse(text, self.ended, self.delimiter, &mut self.fields)
            {
                self.start += length;
                return Ok(Next::Record);
            }
            if text.len() >= RECORD_BYTES_MAX || self.ended {
                return self.skip_line().map(|(beginning, reason)| Next::Unreadable(beginning, reason));
            }
            self.fill()?;
        }
    }

    /// Passes over the first line of what cannot be read: all of it is never held.
    fn skip_line(&mut self) -> io::Result<(String, &'static str)> {
        let text = &self.buffer[self.start..];
        let beginning = String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned();
        if let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            self.start += end + 1;
            return Ok((beginning, "a quotation mark opens and does not close: double it or close it"));
        }
        let open_quote = self.ended;
        loop {
            match self.buffer[self.start..].iter().position(|&byte| byte == b'\n') {
                Some(end) => {
                    self.start += end + 1;
                    break;
                }
                None if self.ended => {
                    self.start = self.buffer.len();
                    break;
                }
                None => {
                    self.start = self.buffer.len();
                    self.fill()?;
                }
            }
        }
        let reason = if open_quote {
            "a quotation mark opens and does not close: double it or close it"
        } else {
            "the line is longer than 1 MiB: expected one record per line"
        };
        Ok((beginning, reason))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[filled..]) {
                Err(interrupted) if interrupted.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        self.ended |= read? == 0;
        Ok(())
    }
}

/// Splits the first record off the text.
fn parse(text: &[u8], ended: bool, delimiter: u8, fields: &mut Fields) -> Parsed {
    fields.clear();
    let mut at = 0;
    loop {
        if text.get(at) == Some(&b'"') {
            match quoted(text, at + 1, ended, fields) {
                Some(after) => at = after,
                None => return Parsed::Incomplete,
            }
        }
        let plain = text[at..].iter().position(|&byte| byte == delimiter || byte == b'\n');
        let Some(length) = plain else {
            if !ended {
                return Parsed::Incomplete;
            }
            fields.bytes.extend_from_slice(without_return(&text[at..]));
            fields.ends.push(fields.bytes.len());
            return Parsed::Record(text.len());
        };
        let end = at + length;
        if text[end] == delimiter {
            fields.bytes.extend_from_slice(&text[at..end]);
            fields.ends.push(fields.bytes.len());
            at = end + 1;
            continue;
        }
        fields.bytes.extend_from_slice(without_return(&text[at..end]));
        fields.ends.push(fields.bytes.len());
        return Parsed::Record(end + 1);
    }
}

/// Takes the quoted part of a field that begins behind its opening quote, and returns where it ends.
fn quoted(text: &[u8], mut at: usize, ended: bool, fields: &mut Fields) -> Option<usize> {
    loop {
        let quote = at + text[at..].iter().position(|&byte| byte == b'"')?;
        fields.bytes.extend_from_slice(&text[at..quote]);
        match text.get(quote + 1) {
            Some(b'"') => {
                fields.bytes.push(b'"');
                at = quote + 2;
            }
            Some(_) => return Some(quote + 1),
            None if ended => return Some(quote + 1),
            None => return None,
        }
    }
}

fn without_return(field: &[u8]) -> &[u8] {
    field.strip_suffix(b"\r").unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(text: &[u8]) -> Vec<Result<Vec<String>, &'static str>> {
        let mut rows = CsvRows::new(text, b',');
        rows.skip_byte_order_mark().unwrap();
        let mut all = vec![];
        loop {
            match rows.read().unwrap() {
                Next::End => return all,
                Next::Unreadable(_, reason) => all.push(Err(reason)),
                Next::Record => {
                    let fields = rows.fields();
                    let texts = (0..fields.len()).map(|at| String::from_utf8_lossy(fields.get(at)).into_owned());
                    all.push(Ok(texts.collect()));
                }
            }
        }
    }

    #[test]
    fn quotes_line_ends_and_byte_order_marks_are_understood() {
        let text = "\u{feff}a,b\r\n\"x, \"\"y\"\"\nz\",2\n\n,\nlast,\"row\"";
        let expected = [vec!["a", "b"], vec!["x, \"y\"\nz", "2"], vec!["", ""], vec!["last", "row"]];
        let read: Vec<Vec<String>> = read_all(text.as_bytes()).into_iter().map(Result::unwrap).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_quote_that_does_not_close_costs_one_line_only() {
        let read = read_all(b"a,b\n\"open,1\nc,2\nd,3\n");
        assert_eq!(read.len(), 4);
        assert!(read[1].as_ref().is_err_and(|reason| reason.contains("quotation mark")));
        assert_eq!(read[3], Ok(vec!["d".to_owned(), "3".to_owned()]));
    }

    /// A line of any length without holding it.
    struct Endless {
        left: usize,
        tail: &'static [u8],
    }

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.left == 0 {
                let length = self.tail.len().min(into.len());
                into[..length].copy_from_slice(&self.tail[..length]);
                self.tail = &self.tail[length..];
                return Ok(length);
            }
            let length = self.left.min(into.len());
            into[..length].fill(b'x');
            self.left -= length;
            Ok(length)
        }
    }

    #[test]
    fn a_line_without_end_is_passed_over_without_being_held() {
        let mut rows = CsvRows::new(Endless { left: 1 << 30, tail: b"\na,b\n" }, b',');
        assert!(matches!(rows.read().unwrap(), Next::Unreadable(_, reason) if reason.contains("1 MiB")));
        assert!(rows.buffer.capacity() < 4 * RECORD_BYTES_MAX);
        assert_eq!(rows.read().unwrap(), Next::Record);
        assert_eq!(rows.fields().get(1), b"b");
        assert_eq!(rows.read().unwrap(), Next::End);
    }

    proptest! {
        #[test]
        fn what_a_writer_writes_is_read_back(rows in prop::collection::vec(
            prop::collection::vec("[a\",\n\r é]{0,6}", 2..5), 1..8))
        {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(vec![]);
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let read: Vec<Vec<String>> = read_all(&text).into_iter().map(Result::unwrap).collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            read_all(&bytes);
        }
    }
}
