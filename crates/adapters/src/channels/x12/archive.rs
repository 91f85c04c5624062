//! Documents that left and came, as files: `out` holds each with the number and key that it was for, `in` what came in order.

use crate::{AdapterError, files};
use endcap_model::hash_bytes;
use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

/// Control numbers have nine digits and begin anew after them.
const CONTROLS: i64 = 1_000_000_000;

/// A folder of documents.
pub(super) struct Archive {
    folder: PathBuf,
}

impl Archive {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// A control number that was not used before: after the last, and never behind the clock's, so that a folder that was lost
    /// does not begin anew.
    pub fn next_control(&self, now: Timestamp) -> Result<u32, AdapterError> {
        let path = self.folder.join("control");
        let last: i64 = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(_) => 0,
        };
        let next = (last + 1).max(now.as_second() % CONTROLS) % CONTROLS;
        files::write_atomic(&path, next.to_string().as_bytes())?;
        Ok(u32::try_from(next).expect("Invariant: nine digits fit"))
    }

    /// Keeps a document that is about to leave.
    pub fn keep_sent(&self, control: u32, number: &str, key: &str, text: &str) -> Result<(), AdapterError> {
        files::write_atomic(&self.out(control, number, key, "edi"), text.as_bytes())
    }

    /// Notes that the partner's server took it, and what kind of document it was.
    pub fn keep_answer(&self, control: u32, number: &str, key: &str, kind: &str) -> Result<(), AdapterError> {
        files::write_atomic(&self.out(control, number, key, "taken"), kind.as_bytes())
    }

    /// The kind of document that was taken under a key.
    pub fn taken(&self, key: &str) -> Option<String> {
        let (ending, folder) = (format!("-{key}.taken"), self.folder.join("out"));
        let name = names(&folder).into_iter().find(|name| name.ends_with(&ending))?;
        fs::read_to_string(folder.join(name)).ok()
    }

    /// Whether a document of this order was taken.
    pub fn was_accepted(&self, number: &str) -> bool {
        let middle = format!("-{number}-");
        names(&self.folder.join("out")).iter().any(|name| name.ends_with(".taken") && name.contains(&middle))
    }

    /// Keeps what came; what is there already is not kept twice.
    pub fn keep_received(&self, body: &[u8]) -> Result<(), AdapterError> {
        let text = String::from_utf8_lossy(body);
        let folder = self.folder.join("in");
        for interchange in super::read::interchanges(&text) {
            let there = names(&folder);
            let ending = format!("-{}.edi", hash_bytes(interchange.as_bytes()).short());
            if !there.iter().any(|name| name.ends_with(&ending)) {
                let path = folder.join(format!("{:08}{ending}", there.len()));
                files::write_atomic(&path, interchange.as_bytes())?;
            }
        }
        Ok(())
    }

    /// All that came, in its order.
    pub fn received(&self) -> std::io::Result<Vec<String>> {
        let folder = self.folder.join("in");
        names(&folder).iter().map(|name| fs::read_to_string(folder.join(name))).collect()
    }

    fn out(&self, control: u32, number: &str, key: &str, ending: &str) -> PathBuf {
        self.folder.join("out").join(format!("{control:09}-{number}-{key}.{ending}"))
    }
}

/// Names in a folder in their order; none where it is not there.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.flatten().map(name).filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}
