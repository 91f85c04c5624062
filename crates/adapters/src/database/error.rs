//! Why rows could not be kept or read.

use crate::AdapterError;
use std::sync::Arc;

/// What a database said, or why it could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A file of SQLite.
    #[error("{0}")]
    Sqlite(Arc<sqlx::Error>),
    /// A server of PostgreSQL.
    #[error("PostgreSQL: {0}: check that it runs, and that [database] in endcap.toml leads to it")]
    Postgres(Arc<sqlx::Error>),
    /// A row is not what it should be.
    #[error("what it holds cannot be read ({0})")]
    Row(Arc<sqlx::Error>),
    /// The answer to a commit was lost, and could not be looked up.
    #[error("PostgreSQL went away ({0}) and it is not known whether this was kept: look before it is done again")]
    Unknown(Arc<sqlx::Error>),
    /// This program writes already.
    #[error("another part of this program has been writing for too long: try again")]
    Busy,
    /// Whoever wrote has ended.
    #[error("it is closed")]
    Closed,
    /// A text that PostgreSQL cannot hold.
    #[error("PostgreSQL keeps no text with a NUL character in it: say it without")]
    Nul,
    /// PostgreSQL runs with settings under which what it acknowledged can be lost.
    #[error("PostgreSQL runs with {0} = off, so that a crash can lose what was decided: set it to on")]
    Unsafe(&'static str),
    /// Where it lies cannot be told.
    #[error("{0}")]
    Home(Arc<AdapterError>),
}

impl DatabaseError {
    pub(super) fn sqlite(error: sqlx::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }

    pub(super) fn postgres(error: sqlx::Error) -> Self {
        Self::Postgres(Arc::new(error))
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Row(Arc::new(error))
    }
}

impl From<AdapterError> for DatabaseError {
    fn from(error: AdapterError) -> Self {
        Self::Home(Arc::new(error))
    }
}
