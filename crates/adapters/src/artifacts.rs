//! Results of jobs as files below one folder, each written whole or not at all.

use crate::tables;
use endcap_agent::ports::{Artifacts, PortError};
use std::io::ErrorKind;
use std::path::PathBuf;

/// A folder of results.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Keeps results below this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn fail(&self, name: &str, error: impl std::fmt::Display) -> PortError {
        PortError { port: "results", reason: format!("{}: {error}", self.root.join(name).display()) }
    }
}

impl Artifacts for Folder {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), PortError> {
        tables::write_atomic(&self.root.join(name), bytes).map_err(|error| self.fail(name, error))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, PortError> {
        match std::fs::read(self.root.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fail(name, error)),
        }
    }
}
