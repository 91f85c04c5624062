//! `watch.json`: what was done by itself and when, so that whoever comes next goes on from there.

use anyhow::Context;
use endcap_adapters::tables::{read_json, write_json};
use endcap_agent::schedule::{Ledger, ScheduleSettings, Standing, due, note};
use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// What was done, kept whenever it changes.
pub struct Book {
    path: PathBuf,
    ledger: Ledger,
}

impl Book {
    /// Opens a project's book.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("watch.json");
        let ledger = match path.exists() {
            true => read_json(&path).with_context(|| {
                format!("{} says when what was done; remove it, and times count from now", path.display())
            })?,
            false => Ledger::new(),
        };
        Ok(Self { path, ledger })
    }

    /// Names of what is due.
    pub fn due(&mut self, schedules: &[ScheduleSettings], standing: &Standing) -> anyhow::Result<Vec<String>> {
        let before = self.ledger.clone();
        let names = due(schedules, &mut self.ledger, standing);
        self.keep(&before)?;
        Ok(names)
    }

    /// Notes how something went; returns how often it failed in a row.
    pub fn note(&mut self, done: &ScheduleSettings, went_well: bool, at: (Timestamp, i64)) -> anyhow::Result<u32> {
        let before = self.ledger.clone();
        note(done, &mut self.ledger, went_well, at);
        self.keep(&before)?;
        Ok(self.ledger.get(&done.name).map_or(0, |done| done.failures))
    }

    fn keep(&self, before: &Ledger) -> anyhow::Result<()> {
        if self.ledger != *before {
            write_json(&self.path, &self.ledger)?;
        }
        Ok(())
    }
}
