//! Set-aside rows on disk: one CSV file per kind of fact and snapshot, with source, row, column, value, reason and what the
//! row is about; and what people answered to them, in a file that is only added to.

use crate::facts::Snapshot;
use crate::{AdapterError, files};
use endcap_ingest::doubt::Answer;
use endcap_model::{FactKind, SetAside};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// A quarantine file that is being written; nothing is made until the first row comes.
pub(crate) struct Quarantine {
    temporary: PathBuf,
    kind: FactKind,
    writer: Option<csv::Writer<BufWriter<File>>>,
    failed: Option<std::io::Error>,
}

impl Quarantine {
    /// Prepares the file of a kind below a folder of temporary files.
    pub fn new(folder: &Path, kind: FactKind) -> Self {
        Self { temporary: folder.join(format!("{kind}.csv")), kind, writer: None, failed: None }
    }

    /// Writes a row; a disk that refuses is reported when the file is ended.
    pub fn add(&mut self, row: &SetAside) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = self.try_add(row) {
            self.failed = Some(error);
        }
    }

    fn try_add(&mut self, row: &SetAside) -> std::io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                std::fs::create_dir_all(files::folder_of(&self.temporary))?;
                let writer = csv::Writer::from_writer(BufWriter::new(File::create(&self.temporary)?));
                self.writer.insert(writer)
            }
        };
        writer.serialize(row).map_err(std::io::Error::other)
    }

    /// Ends the file and brings it to disk.
    ///
    /// # Errors
    /// [`AdapterError::System`] when any row could not be written.
    pub fn finish(self) -> Result<Option<(FactKind, PathBuf)>, AdapterError> {
        let failed = |e| AdapterError::system("write", &self.temporary, e);
        if let Some(error) = self.failed {
            return Err(failed(error));
        }
        let Some(writer) = self.writer else { return Ok(None) };
        let file = writer.into_inner().map_err(|e| failed(e.into_error()))?;
        let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        Ok(Some((self.kind, self.temporary)))
    }
}

/// Reads the rows of a snapshot that were set aside, kind by kind.
///
/// # Errors
/// [`AdapterError`] when a file is there and cannot be read.
pub fn rows(project: &Path, snapshot: &Snapshot) -> Result<Vec<(FactKind, SetAside)>, AdapterError> {
    let folder = snapshot.quarantine(project);
    let mut rows = vec![];
    for kind in FactKind::ALL {
        let path = folder.join(format!("{kind}.csv"));
        if !path.exists() {
            continue;
        }
        let syntax = |e: csv::Error| AdapterError::Syntax { path: path.clone(), problem: e.to_string() };
        for row in csv::Reader::from_path(&path).map_err(syntax)?.deserialize() {
            rows.push((kind, row.map_err(syntax)?));
        }
    }
    Ok(rows)
}

fn answers_path(project: &Path) -> PathBuf {
    project.join("quarantine").join("answers.jsonl")
}

/// Reads what people answered, in the order in which they did.
///
/// # Errors
/// [`AdapterError`] when the file is there and cannot be read.
pub fn answers(project: &Path) -> Result<Vec<Answer>, AdapterError> {
    let path = answers_path(project);
    if !path.exists() {
        return Ok(vec![]);
    }
    let answer = |(at, line): (usize, &str)| {
        let problem = |e: serde_json::Error| format!("line {}: {e}", at + 1);
        serde_json::from_str(line).map_err(|e| AdapterError::Syntax { path: path.clone(), problem: problem(e) })
    };
    files::read_text(&path)?.lines().enumerate().map(answer).collect()
}

/// Keeps answers behind those that are there, all or none.
///
/// # Errors
/// [`AdapterError`] when the disk refuses or what is there cannot be read.
pub fn answer(project: &Path, given: &[Answer]) -> Result<(), AdapterError> {
    let path = answers_path(project);
    let mut all = answers(project)?;
    all.extend_from_slice(given);
    let line = |answer: &Answer| serde_json::to_string(answer).expect("Invariant: an answer is JSON") + "\n";
    files::write_atomic(&path, all.iter().map(line).collect::<String>().as_bytes())
}
