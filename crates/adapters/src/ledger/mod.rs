//! The audit trail on disk: `ledger.db` in the project's folder, SQLite, one writer, full sync.
//!
//! Records lie there as the bytes that are hashed. Beside them, each in a table of its own: the tip of the tree (what the
//! next record needs), checkpoints, and what commitments to personal values were made of, which alone can be erased.
//! What else is decided in the same transaction is written with a record ([`Ledger::append`]), as requests for approval are.

mod append;
mod erase;
mod journal;
mod keys;
mod ladder;
mod outbox;
mod read;
mod requests;
mod revise;
mod schema;
pub mod stops;
mod verify;

use append::{Order, clerk};
use endcap_govern::audit::NotCanonical;
use futures::channel::mpsc;
use sqlx::SqliteTransaction;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::sync::Arc;

pub use erase::{Erased, Erasure};
pub use journal::AuditedJournal;
pub use keys::{read_approval_key, read_key, read_public_key, write_approval_key, write_key};
pub use ladder::Move;
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
    /// The file could not be read or written.
    #[error("ledger.db: {0}: check that the folder can be written to and the disk is not full")]
    Broken(Arc<sqlx::Error>),
    /// What is stored cannot be understood.
    #[error(
        "ledger.db holds {what} that cannot be read ({reason}): `endcap audit verify` says where; restore it from a backup"
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
    /// What is to be erased would be kept anew.
    #[error("the {0} holds the very value that is to be erased: say it without")]
    KeptAnew(&'static str),
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(Arc::new(error))
    }
}

/// The ledger; clones share it.
#[derive(Clone)]
pub struct Ledger {
    writer: SqlitePool,
    readers: SqlitePool,
    orders: mpsc::Sender<Order>,
    random: Random,
}

impl Ledger {
    /// Opens or creates the ledger; needs a running tokio runtime.
    ///
    /// # Errors
    /// [`LedgerError`] when the file cannot be opened or is no ledger.
    pub async fn open(path: &Path, random: Random) -> Result<Self, LedgerError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is deleted is overwritten: erased values do not linger in free pages.
            .pragma("secure_delete", "on");
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        schema::bring_up(&writer).await?;
        let readers = SqlitePoolOptions::new().max_connections(2).connect_with(options.read_only(true)).await?;
        let (orders, waiting) = mpsc::channel(append::AT_ONCE);
        tokio::spawn(clerk(writer.clone(), random, waiting));
        Ok(Self { writer, readers, orders, random })
    }

    /// Begins a transaction that writes, for a record together with what follows from it.
    ///
    /// # Errors
    /// [`LedgerError`] when the ledger is held by another program for too long.
    pub async fn begin(&self) -> Result<SqliteTransaction<'static>, LedgerError> {
        Ok(self.writer.begin_with("begin immediate").await?)
    }

    /// Writes everything out and lets go of the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
