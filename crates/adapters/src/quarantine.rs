//! Set-aside rows on disk: one CSV file per kind of fact, with source, row, column, value and reason.

use crate::{AdapterError, files};
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
                let mut writer = csv::Writer::from_writer(BufWriter::new(File::create(&self.temporary)?));
                writer.write_record(["source", "row", "column", "value", "reason"])?;
                self.writer.insert(writer)
            }
        };
        writer.write_record([&row.source, &row.row.to_string(), &row.column, &row.value, &row.reason])?;
        Ok(())
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
