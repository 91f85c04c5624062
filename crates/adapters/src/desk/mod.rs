//! What the desk keeps: accounts, sessions, tokens, boards with their history, and answers to repeated requests.
//!
//! One SQLite file, one writer; when a function that changes something returns, the change survives a crash of the
//! process or the machine. Secrets (passwords, session and token values) come in as hashes and never leave.

mod accounts;
mod approvals;
mod boards;
mod entry;
mod erase;
mod practice;
mod replies;
mod schema;
mod seal;
#[cfg(test)]
mod tests;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};

pub use accounts::{Account, NewAccount};
pub use boards::{Board, BoardEdit, NewBoard, Stored};
pub use entry::{NewToken, Session, Token};
pub use practice::Exercise;
pub use replies::{Reply, Seen};
pub use seal::FILE_NAME as SEAL_FILE;

/// Why the desk could not keep or find something.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A name that somebody else has.
    #[error("the name '{name}' is taken: choose another")]
    Taken {
        /// The name.
        name: String,
    },
    /// The file could not be read or written.
    #[error("desk.db: {0}: check that the folder can be written to and the disk is not full")]
    Broken(#[from] sqlx::Error),
    /// What is stored cannot be understood.
    #[error("desk.db holds {what} that cannot be read ({reason}): restore it from a backup")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        reason: String,
    },
}

/// The desk's store; clones share it.
#[derive(Clone, Debug)]
pub struct Desk {
    file: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Desk {
    /// Opens or creates the store.
    ///
    /// # Errors
    /// [`DeskError`] when the file cannot be opened or is no desk.
    pub async fn open(path: &Path) -> Result<Self, DeskError> {
        begin_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is deleted is overwritten: no secret lingers in free pages.
            .pragma("secure_delete", "on");
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        schema::bring_up(&writer).await?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        Ok(Self { file: path.to_owned(), writer, readers })
    }

    /// Answers whether the store can be read.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot.
    pub async fn ping(&self) -> Result<(), DeskError> {
        sqlx::query("select 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Copies the whole store, as it is at one moment, into a new file.
    ///
    /// # Errors
    /// [`DeskError`] when the file is there already or cannot be written.
    pub async fn back_up(&self, to: &Path) -> Result<(), DeskError> {
        sqlx::query("vacuum into ?").bind(to.to_string_lossy().as_ref()).execute(&self.readers).await?;
        Ok(())
    }

    /// Writes everything out and lets go of the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Begins a new file for its owner alone: the keys in it sign in the names of others.
fn begin_private(path: &Path) -> Result<(), DeskError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(sqlx::Error::Io(error).into()),
        _ => Ok(()),
    }
}

/// Whether a statement failed because a name is taken.
fn taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Reads what was stored as JSON.
fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, DeskError> {
    serde_json::from_str(text).map_err(|error| DeskError::Unreadable { what, reason: error.to_string() })
}
