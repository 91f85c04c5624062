//! Documents that left and came, as files, so that an order is found without reading those of others: `out/NUMBER` holds what left
//! for an order, `in` everything that came, `answers/NUMBER` what of it is about an order, in its order.

use super::read::{interchanges, numbers};
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
        files::write_atomic(&self.out(number).join(format!("{control:09}-{key}.edi")), text.as_bytes())
    }

    /// Notes that the partner's server took it, and what kind of document it was.
    pub fn keep_answer(&self, control: u32, number: &str, key: &str, kind: &str) -> Result<(), AdapterError> {
        files::write_atomic(&self.out(number).join(format!("{control:09}-{key}.taken")), kind.as_bytes())
    }

    /// The kind of document that was taken for an order under a key.
    pub fn taken(&self, number: &str, key: &str) -> Option<String> {
        let (ending, folder) = (format!("-{key}.taken"), self.out(number));
        let name = names(&folder).into_iter().find(|name| name.ends_with(&ending))?;
        fs::read_to_string(folder.join(name)).ok()
    }

    /// Whether a document of this order was taken.
    pub fn was_accepted(&self, number: &str) -> bool {
        names(&self.out(number)).iter().any(|name| name.ends_with(".taken"))
    }

    /// Keeps what came; what is there already is not kept twice.
    pub fn keep_received(&self, body: &[u8]) -> Result<(), AdapterError> {
        let text = String::from_utf8_lossy(body);
        for interchange in interchanges(&text) {
            let name = format!("{}.edi", hash_bytes(interchange.as_bytes()).short());
            let kept = self.folder.join("in").join(&name);
            if kept.is_file() {
                continue;
            }
            for number in numbers(interchange) {
                let folder = self.answers(&number);
                let there = names(&folder);
                if !there.iter().any(|kept| kept.ends_with(&name)) {
                    files::write_atomic(&folder.join(format!("{:04}-{name}", there.len())), interchange.as_bytes())?;
                }
            }
            // Last: whoever is killed before finds it in the mailbox once more.
            files::write_atomic(&kept, interchange.as_bytes())?;
        }
        Ok(())
    }

    /// All that came about an order, in its order.
    pub fn received(&self, number: &str) -> std::io::Result<Vec<String>> {
        let folder = self.answers(number);
        names(&folder).iter().map(|name| fs::read_to_string(folder.join(name))).collect()
    }

    fn out(&self, number: &str) -> PathBuf {
        self.folder.join("out").join(number)
    }

    /// Numbers come from others here: what is no plain name is kept under its hash.
    fn answers(&self, number: &str) -> PathBuf {
        let plain = !number.is_empty() && number.chars().all(|sign| sign.is_ascii_alphanumeric());
        let name = if plain { number.to_owned() } else { hash_bytes(number.as_bytes()).to_string() };
        self.folder.join("answers").join(name)
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
