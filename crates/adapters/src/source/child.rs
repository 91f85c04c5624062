//! The side that asks: starts a process for one file, and turns whatever becomes of it into rows or a message.

use super::direct::guarded;
use super::frames::{self, Kind, Refusal, unpacked};
use super::{RawRows, limits, reader};
use crate::AdapterError;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use endcap_model::SetAside;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long a reader may say nothing.
const SILENT_MAX: Duration = Duration::from_secs(300);
/// Frames that wait to be taken: what is read ahead is bounded.
const WAITING: usize = 2;

type Frame = std::io::Result<Option<(Kind, Vec<u8>)>>;

/// A process that reads a file. It ends with this value.
pub(super) struct Child {
    path: PathBuf,
    process: process::Child,
    input: Option<ChildStdin>,
    frames: Receiver<Frame>,
    cpu_seconds: u64,
    ended: bool,
}

impl Child {
    /// Starts a reader and takes the columns of the file, and its rows where the file says them.
    pub fn open(program: &Path, path: &Path, delimiter: u8) -> Result<(Self, SchemaRef, Option<u64>), AdapterError> {
        let failed = |e| AdapterError::system("read", path, e);
        let bytes = std::fs::metadata(path).map_err(failed)?.len();
        let cpu_seconds = limits::cpu_seconds(bytes);
        let absolute = std::path::absolute(path).map_err(failed)?;
        let mut process = Command::new(program)
            .args(reader::arguments(&absolute, delimiter, limits::MEMORY_BYTES, cpu_seconds))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| AdapterError::system("start the program that reads files, for", path, e))?;
        let input = process.stdin.take();
        let output = process.stdout.take().expect("Invariant: the output was asked for");
        let (send, frames) = sync_channel(WAITING);
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            loop {
                let frame = frames::read(&mut output);
                let goes_on = matches!(frame, Ok(Some(_)));
                if send.send(frame).is_err() || !goes_on {
                    break;
                }
            }
        });
        let mut child = Self { path: path.to_owned(), process, input, frames, cpu_seconds, ended: false };
        let rows = match child.next()? {
            (Kind::Rows, bytes) => {
                serde_json::from_slice(&bytes).map_err(|_| child.broken("said what no reader says"))?
            }
            _ => return Err(child.broken("said what no reader says")),
        };
        let (Kind::Schema, bytes) = child.next()? else { return Err(child.broken("said what no reader says")) };
        let (schema, _) = guarded(path, || unpacked(bytes))?;
        Ok((child, schema, rows))
    }

    /// Says which columns are wanted.
    pub fn pick(&mut self, picked: &[usize]) -> Result<(), AdapterError> {
        let Some(mut input) = self.input.take() else { return Ok(()) };
        let asked = format!("{}\n", serde_json::to_string(picked).expect("Invariant: numbers are JSON"));
        // A reader that is gone says why when its next frame is asked for.
        let _ = input.write_all(asked.as_bytes());
        Ok(())
    }

    /// Reads the next rows, or nothing at the end.
    pub fn read(&mut self, schema: &SchemaRef) -> Result<Option<RawRows>, AdapterError> {
        if self.ended {
            return Ok(None);
        }
        let mut unreadable: Vec<SetAside> = vec![];
        loop {
            match self.next()? {
                (Kind::End, _) => {
                    self.ended = true;
                    return Ok(None);
                }
                (Kind::Unreadable, bytes) => {
                    unreadable = serde_json::from_slice(&bytes).map_err(|_| self.broken("said what no reader says"))?;
                }
                (Kind::Batch, bytes) => {
                    let (_, batch) = guarded(&self.path, || unpacked(bytes))?;
                    let rows = batch.and_then(|batch| apart(&batch, schema));
                    let (rows, batch) = rows.ok_or_else(|| self.broken("gave other columns than it said"))?;
                    return Ok(Some(RawRows { rows, batch, unreadable }));
                }
                _ => return Err(self.broken("said what no reader says")),
            }
        }
    }

    /// The next frame; a refusal, an end that was not announced and silence are what is wrong with the file.
    fn next(&mut self) -> Result<(Kind, Vec<u8>), AdapterError> {
        match self.frames.recv_timeout(SILENT_MAX) {
            Ok(Ok(Some((Kind::Refused, bytes)))) => Err(self.refused(&bytes)),
            Ok(Ok(Some(frame))) => Ok(frame),
            Ok(_) | Err(RecvTimeoutError::Disconnected) => Err(self.died()),
            Err(RecvTimeoutError::Timeout) => {
                let seconds = SILENT_MAX.as_secs();
                Err(self.broken(&format!("gave nothing for {seconds} seconds and was stopped")))
            }
        }
    }

    fn refused(&self, bytes: &[u8]) -> AdapterError {
        match serde_json::from_slice(bytes) {
            Ok(Refusal::System(number)) => {
                AdapterError::system("read", &self.path, std::io::Error::from_raw_os_error(number))
            }
            Ok(Refusal::Form(problem, expected)) => AdapterError::form(&self.path, problem, expected),
            Err(_) => self.broken("said what no reader says"),
        }
    }

    fn died(&mut self) -> AdapterError {
        let how = match self.process.wait() {
            Ok(status) => self.told(status),
            Err(error) => error.to_string(),
        };
        self.broken(&how)
    }

    fn told(&self, status: ExitStatus) -> String {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            let mebibytes = limits::MEMORY_BYTES >> 20;
            return match signal {
                9 | 24 => {
                    format!("was stopped: it took more than {} seconds of computing, or was killed", self.cpu_seconds)
                }
                6 => format!("was stopped: it needed more than {mebibytes} MiB of memory, or broke"),
                11 => "broke (it reached for memory that is not its own)".to_owned(),
                signal => format!("was stopped by signal {signal}"),
            };
        }
        format!("ended before the file did ({status})")
    }

    fn broken(&self, what: &str) -> AdapterError {
        let problem = format!("could not be read: the process that read it {what}");
        let expected =
            "a file that reads in bounded memory and time; nothing of it was taken: have it written again, or in parts";
        AdapterError::form(&self.path, problem, expected)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.input.take());
        // One that is still at work is not needed any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Takes the numbers of rows out of a batch; nothing where its columns are not those that were said.
fn apart(batch: &RecordBatch, schema: &SchemaRef) -> Option<(Vec<u64>, RecordBatch)> {
    let (last, columns) = batch.columns().split_last()?;
    let rows = last.as_primitive_opt::<UInt64Type>()?.values().to_vec();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), columns.to_vec(), &options).ok()?;
    Some((rows, batch))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// What is said of a file whose reader does this.
    fn said(script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (program, file) = (folder.path().join("reader"), folder.path().join("sales.csv"));
        std::fs::write(&file, "sku\na\n").unwrap();
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let error = Child::open(&program, &file, b',').err().unwrap().to_string();
        assert!(error.contains("sales.csv") && error.contains("nothing of it was taken"), "{error}");
        error
    }

    #[test]
    fn whatever_becomes_of_a_reader_is_a_message_about_the_file() {
        for (script, expected) in [
            ("kill -6 $$", "needed more than 1024 MiB of memory"),
            ("kill -9 $$", "it took more than 60 seconds of computing, or was killed"),
            ("kill -11 $$", "reached for memory that is not its own"),
            ("kill -15 $$", "was stopped by signal 15"),
            ("exit 3", "ended before the file did"),
            ("printf '?12345678'", "ended before the file did"),
            ("printf 'N\\377\\377\\377\\377\\377\\377\\377\\377x'", "ended before the file did"),
            ("printf 'N\\002\\000\\000\\000\\000\\000\\000\\000{}'", "said what no reader says"),
        ] {
            let told = said(script);
            assert!(told.contains(expected), "{script}: {told}");
        }
    }
}
