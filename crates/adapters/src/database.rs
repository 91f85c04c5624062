//! Where a project keeps its rows: SQLite files in its folder, or PostgreSQL where its `endcap.toml` says so.
//!
//! Statements are written once, in the words that both know: `$1` for what is bound, `on conflict`, `true`. The few words
//! of SQLite beyond that are taught to PostgreSQL when a project's schema is made (`words.sql`), and tables are written in
//! SQLite's words and said in PostgreSQL's (`dialect`). Whoever writes is alone at it in either: by SQLite's lock of the
//! file, by a lock of PostgreSQL that ends with the transaction.

mod alone;
mod connection;
pub(crate) mod copy;
mod dialect;
mod error;
mod home;
mod postgres;
mod query;
mod transaction;
mod versions;

pub use alone::{Alone, Taken, alone};
pub use connection::Connection;
pub use error::DatabaseError;
pub use home::{DatabaseSettings, is_kept};
pub use transaction::Transaction;

pub(crate) use home::{Home, Server, settings, settle};
pub(crate) use query::{Row, query};

use futures::lock::Mutex;
use postgres::Seat;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for PostgreSQL to be reached, or for a transaction of another program, as SQLite waits.
const WITHIN: Duration = Duration::from_secs(5);

/// Tables that belong together, and in SQLite lie in one file.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    /// Their name.
    pub name: &'static str,
    /// What each version adds, in SQLite's words. A version that was released is never changed, only followed by another.
    pub versions: &'static [&'static str],
    /// Whether what is deleted is overwritten in the file.
    pub secure_delete: bool,
    /// Connections that read.
    pub readers: u32,
}

/// Tables that are open; clones share them.
#[derive(Clone)]
pub(crate) struct Database(Pools);

#[derive(Clone)]
enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres { seat: Arc<Mutex<Seat>>, writer: PgPool, readers: PgPool },
}

impl Database {
    /// Opens or creates tables at home; `file` is where they lie, or would lie, in SQLite. Needs a running tokio runtime.
    ///
    /// # Errors
    /// [`DatabaseError`] when they cannot be opened. The inner error says that a newer program made them.
    pub async fn open(file: &Path, tables: Tables) -> Result<Result<Self, String>, DatabaseError> {
        match Home::of(file)? {
            Home::File(path) => open_file(&path, tables).await,
            Home::Postgres(server) => open_schema(&server, tables).await,
        }
    }

    /// Begins a transaction that writes, alone.
    ///
    /// # Errors
    /// [`DatabaseError`] when another program holds it for too long.
    pub async fn begin(&self) -> Result<Transaction, DatabaseError> {
        match &self.0 {
            Pools::Sqlite { writer, .. } => {
                Ok(Transaction::of_file(writer.begin_with("begin immediate").await.map_err(DatabaseError::sqlite)?))
            }
            Pools::Postgres { seat, writer, .. } => {
                let alone = tokio::time::timeout(WITHIN, seat.clone().lock_owned());
                Seat::begin(alone.await.map_err(|_| DatabaseError::Busy)?, writer).await
            }
        }
    }

    /// A connection that reads.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is none.
    pub async fn reader(&self) -> Result<Connection, DatabaseError> {
        Ok(match &self.0 {
            Pools::Sqlite { readers, .. } => {
                Connection::pooled(readers.acquire().await.map_err(DatabaseError::sqlite)?)
            }
            Pools::Postgres { readers, .. } => {
                Connection::of_schema(readers.acquire().await.map_err(DatabaseError::postgres)?)
            }
        })
    }

    /// Does what a deletion leaves to be done: what was deleted is overwritten in its file, or its table written anew. Says
    /// whether no trace is left.
    ///
    /// # Errors
    /// [`DatabaseError`] when it cannot be done.
    pub async fn settle(&self, rewritten: &'static str) -> Result<bool, DatabaseError> {
        match &self.0 {
            Pools::Sqlite { writer, .. } => {
                let row = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(writer).await;
                let row = row.map_err(DatabaseError::sqlite)?;
                Ok(sqlx::Row::try_get::<i64, _>(&row, 0)? == 0)
            }
            Pools::Postgres { writer, .. } => {
                sqlx::query(rewritten).execute(writer).await.map_err(DatabaseError::postgres)?;
                // The server's log of changes, and whoever follows it, hold what was deleted for a while.
                Ok(false)
            }
        }
    }

    /// Lets go of every connection.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

async fn open_file(path: &Path, tables: Tables) -> Result<Result<Database, String>, DatabaseError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    // What is deleted is overwritten: erased values do not linger in free pages.
    let options = if tables.secure_delete { options.pragma("secure_delete", "on") } else { options };
    let pool = |connections| SqlitePoolOptions::new().max_connections(connections);
    let writer = pool(1).connect_with(options.clone()).await.map_err(DatabaseError::sqlite)?;
    if let Err(newer) = versions::bring_up(&writer, tables.versions).await.map_err(DatabaseError::sqlite)? {
        return Ok(Err(newer));
    }
    let readers = pool(tables.readers).connect_lazy_with(options.read_only(true));
    Ok(Ok(Database(Pools::Sqlite { writer, readers })))
}

async fn open_schema(server: &Server, tables: Tables) -> Result<Result<Database, String>, DatabaseError> {
    let pool = |connections| PgPoolOptions::new().max_connections(connections).acquire_timeout(WITHIN);
    let writer = pool(1).connect_with(server.to_write()).await.map_err(DatabaseError::postgres)?;
    let seat = match postgres::bring_up(&writer, server, tables).await? {
        Ok(seat) => Arc::new(Mutex::new(seat)),
        Err(newer) => return Ok(Err(newer)),
    };
    let readers = pool(tables.readers).connect_lazy_with(server.to_read());
    Ok(Ok(Database(Pools::Postgres { seat, writer, readers })))
}

/// Brings SQLite tables of other modules to the newest version.
pub(crate) use versions::bring_up;
