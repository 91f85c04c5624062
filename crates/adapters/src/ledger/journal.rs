//! The loop's journal with the audit trail beside it: what is a decision is recorded before it is journalled, so that
//! nothing can follow from a decision that left no record.

use super::{FILE_NAME, Ledger, Random};
use crate::journal::SqliteJournal;
use endcap_agent::ports::{Journal, PortError};
use endcap_agent::scribe::Scribe;
use endcap_model::Event;
use std::path::Path;
use tokio::runtime::Runtime;

/// A journal whose decisions are audited.
pub struct AuditedJournal {
    journal: SqliteJournal,
    scribe: Scribe,
    ledger: Ledger,
    runtime: Runtime,
    now: fn() -> jiff::Timestamp,
}

impl AuditedJournal {
    /// Opens or creates journal and ledger of a project.
    ///
    /// # Errors
    /// [`PortError`] when one of the files cannot be opened or the journal was tampered with.
    pub fn open(project: &Path, now: fn() -> jiff::Timestamp, random: Random) -> Result<Self, PortError> {
        let journal = SqliteJournal::open(&project.join("journal.db"), now)?;
        let mut scribe = Scribe::default();
        journal.read()?.iter().for_each(|event| {
            scribe.write(event);
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
        let ledger = runtime.block_on(Ledger::open(&project.join(FILE_NAME), random)).map_err(broken)?;
        Ok(Self { journal, scribe, ledger, runtime, now })
    }
}

impl Journal for AuditedJournal {
    fn append(&mut self, event: &Event) -> Result<(), PortError> {
        if let Some(entry) = self.scribe.write(event) {
            self.runtime.block_on(self.ledger.record((self.now)(), entry)).map_err(broken)?;
        }
        self.journal.append(event)
    }

    fn read(&self) -> Result<Vec<Event>, PortError> {
        self.journal.read()
    }
}

fn broken(error: impl std::fmt::Display) -> PortError {
    PortError { port: "audit trail", reason: error.to_string() }
}
