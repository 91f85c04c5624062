//! What the process that reads a file says to the one that asked: frames of a letter, a length and that many bytes.

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Longest frame: a batch of rows is far shorter.
const FRAME_BYTES_MAX: u64 = 1 << 30;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows in the file, as JSON.
    Rows = b'N' as isize,
    /// The columns.
    Schema = b'S' as isize,
    /// Rows that cannot be read, as JSON.
    Unreadable = b'U' as isize,
    /// A batch of rows; its last column is their number in the file.
    Batch = b'B' as isize,
    /// Why nothing more can be read, as JSON.
    Refused = b'R' as isize,
    /// There is no more.
    End = b'E' as isize,
}

/// Why a file cannot be read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    /// What the operating system said, by its number.
    System(i32),
    /// What is wrong with the file, and what would be read.
    Form(String, String),
}

const KINDS: [Kind; 6] = [Kind::Rows, Kind::Schema, Kind::Unreadable, Kind::Batch, Kind::Refused, Kind::End];

/// Writes a frame.
pub(super) fn write(to: &mut impl Write, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&[kind as u8])?;
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// Reads a frame; nothing where the other side is gone.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<(Kind, Vec<u8>)>> {
    let mut letter = [0];
    if from.read(&mut letter)? == 0 {
        return Ok(None);
    }
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let kind = KINDS.into_iter().find(|kind| *kind as u8 == letter[0]);
    let (Some(kind), true) = (kind, length <= FRAME_BYTES_MAX) else {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    };
    // The length is only believed as far as bytes come.
    let mut bytes = vec![];
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some((kind, bytes))) }
}

/// Puts columns, and rows where there are any, into bytes.
pub(super) fn packed(schema: &SchemaRef, batch: Option<&RecordBatch>) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(vec![], schema)?;
    batch.map_or(Ok(()), |batch| writer.write(batch))?;
    writer.into_inner()
}

/// Takes columns, and rows where there are any, out of bytes. What they say of their own length is never asked of memory: the
/// decoder takes what is there, where a reader of streams would make room first.
pub(super) fn unpacked(bytes: Vec<u8>) -> Result<(SchemaRef, Option<RecordBatch>), ArrowError> {
    let (mut decoder, mut bytes) = (StreamDecoder::new(), bytes.into());
    let batch = decoder.decode(&mut bytes)?;
    let schema = decoder.schema().ok_or_else(|| ArrowError::IpcError("no columns are named".to_owned()))?;
    Ok((schema, batch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutated;
    use arrow_array::{ArrayRef, Int64Array};
    use std::sync::Arc;

    #[test]
    fn broken_frames_of_a_reader_that_was_taken_over_are_refused() {
        let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef)]).unwrap();
        let mut whole = vec![];
        write(&mut whole, Kind::Batch, &packed(&batch.schema(), Some(&batch)).unwrap()).unwrap();
        let reads = |bytes: &[u8]| match read(&mut &bytes[..]) {
            Ok(Some((_, bytes))) => {
                super::super::direct::guarded(std::path::Path::new("x"), || unpacked(bytes)).is_ok()
            }
            _ => false,
        };
        assert!(reads(&whole));
        assert_eq!(mutated::each("frames", &[whole], mutated::copies(20_000), reads).panics, 0);
    }
}
