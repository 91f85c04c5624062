//! The audit trail on disk: `ledger.db` in the project's folder, SQLite, one writer, full sync; or the same tables in
//! PostgreSQL (`database`).
//!
//! Records lie there as the bytes that are hashed. Beside them, each in a table of its own: the tip of the tree (what the
//! next record needs), checkpoints, and what commitments to personal values were made of, which alone can be erased.
//! What else is decided in the same transaction is written with a record ([`Ledger::append`]), as requests for approval are.

mod append;
mod editions;
mod erase;
mod findings;
mod journal;
mod keys;
mod ladder;
mod notices;
mod outbox;
mod read;
mod requests;
mod revise;
pub(crate) mod schema;
pub mod stops;
#[cfg(test)]
mod upgraded;
mod verify;

use crate::database::{Database, DatabaseError, Transaction};
use append::{Order, clerk};
use endcap_govern::audit::NotCanonical;
use endcap_govern::edition::Edition;
use futures::channel::mpsc;
use std::path::Path;
use std::sync::Arc;

pub use erase::{Erased, Erasure};
pub use journal::AuditedJournal;
pub use keys::{read_approval_key, read_key, read_public_key, write_approval_key, write_key};
pub use ladder::Move;
pub use notices::KeptTelling;
pub use outbox::LedgerOutbox;
pub use requests::{Answered, Asker, By, Glass, Happened, Kept, NotGenuine, NotTaken, Step, Use, Used};
pub use verify::{LedgerFault, Unverifiable, verify};

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "ledger.db";

/// Gives 32 new random bytes at each call.
pub type Random = fn() -> [u8; 32];

/// Why the ledger could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// It could not be read or written.
    #[error("{}", broken(.0))]
    Broken(Arc<DatabaseError>),
    /// What is stored cannot be understood.
    #[error(
        "the ledger holds {what} that cannot be read ({reason}): `endcap audit verify` says where; restore it from a backup"
    )]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        reason: String,
    },
    /// A record cannot be written as it must be.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Somebody put other limits, or a newer program, in force.
    #[error("{0} were replaced: bring this machine up to date, or put them in force again with `endcap policy adopt`")]
    Replaced(Edition),
    /// What is to be erased would be kept anew.
    #[error("the {0} holds the very value that is to be erased: say it without")]
    KeptAnew(&'static str),
}

impl From<DatabaseError> for LedgerError {
    fn from(error: DatabaseError) -> Self {
        Self::Broken(Arc::new(error))
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

fn broken(error: &DatabaseError) -> String {
    match error {
        DatabaseError::Sqlite(_) => {
            format!("ledger.db: {error}: check that the folder can be written to and the disk is not full")
        }
        error => format!("the ledger: {error}"),
    }
}

/// The ledger; clones share it.
#[derive(Clone)]
pub struct Ledger {
    database: Database,
    orders: mpsc::Sender<Order>,
    random: Random,
}

impl Ledger {
    /// Opens or creates the ledger; needs a running tokio runtime. The path is where `ledger.db` lies, or would lie where the
    /// folder's `endcap.toml` names PostgreSQL.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be opened or is no ledger.
    pub async fn open(path: &Path, random: Random) -> Result<Self, LedgerError> {
        let newer = |reason| LedgerError::Unreadable { what: "the tables of a newer program", reason };
        let database = Database::open(path, schema::TABLES).await?.map_err(newer)?;
        let (orders, waiting) = mpsc::channel(append::AT_ONCE);
        tokio::spawn(clerk(database.clone(), random, waiting));
        Ok(Self { database, orders, random })
    }

    /// Begins a transaction that writes, for a record together with what follows from it.
    ///
    /// # Errors
    /// [`LedgerError`] when the ledger is held by another program for too long.
    pub async fn begin(&self) -> Result<Transaction, LedgerError> {
        Ok(self.database.begin().await?)
    }

    /// Writes everything out and lets go of it.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
