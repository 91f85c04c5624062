//! The loop's journal with the audit trail beside it: what is a decision is recorded before it is journalled, so that
//! nothing can follow from a decision that left no record. A stop alone goes the other way: it holds even where it cannot be
//! recorded.

use super::{FILE_NAME, Ledger, LedgerError, Random};
use crate::journal::{self, StoredJournal};
use endcap_agent::ports::{Journal, PortError};
use endcap_agent::scribe::Scribe;
use endcap_govern::audit::{Entry, Told};
use endcap_model::Event;
use std::path::Path;
use tokio::runtime::Runtime;

/// A journal whose decisions are audited.
pub struct AuditedJournal {
    journal: StoredJournal,
    scribe: Scribe,
    /// What is wrong with it is told by the first decision.
    ledger: Result<Ledger, LedgerError>,
    runtime: Runtime,
    now: fn() -> jiff::Timestamp,
}

impl AuditedJournal {
    /// Opens or creates journal and ledger of a project.
    ///
    /// # Errors
    /// [`PortError`] when the journal cannot be opened or was tampered with.
    pub fn open(project: &Path, now: fn() -> jiff::Timestamp, random: Random) -> Result<Self, PortError> {
        let journal = StoredJournal::open(&project.join(journal::FILE_NAME), now)?;
        let mut scribe = Scribe::default();
        journal.read()?.iter().for_each(|event| {
            scribe.write(event);
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
        let ledger = runtime.block_on(Ledger::open(&project.join(FILE_NAME), random));
        Ok(Self { journal, scribe, ledger, runtime, now })
    }

    fn record(&self, entry: Entry<Told>, is_stop: bool) -> Result<(), PortError> {
        let recorded = self.ledger.as_ref().map_err(Clone::clone);
        let recorded = recorded.and_then(|ledger| self.runtime.block_on(ledger.record((self.now)(), entry)));
        let holds = if is_stop { "the stop holds, and could not be recorded: " } else { "" };
        recorded.map(|_| ()).map_err(|error| broken(format!("{holds}{error}")))
    }
}

impl Journal for AuditedJournal {
    fn append(&mut self, event: &Event) -> Result<(), PortError> {
        let entry = self.scribe.write(event);
        let is_stop = matches!(event, Event::Halted { .. });
        if is_stop {
            self.journal.append(event)?;
        }
        if let Some(entry) = entry {
            self.record(entry, is_stop)?;
        }
        if is_stop { Ok(()) } else { self.journal.append(event) }
    }

    fn read(&self) -> Result<Vec<Event>, PortError> {
        self.journal.read()
    }
}

fn broken(error: impl std::fmt::Display) -> PortError {
    PortError { port: "audit trail", reason: error.to_string() }
}
