//! A connection, however it is held: alone, for a while from a pool, or within a transaction.

use super::{DatabaseError, Home, query};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Database};
use std::time::Duration;

/// A connection to where a project keeps its rows.
pub struct Connection(pub(super) Held);

/// Held by either database.
pub(super) enum Held {
    Sqlite(Hold<Sqlite>),
    Postgres(Hold<Postgres>),
}

/// The ways to hold one.
pub(super) enum Hold<D: Database> {
    Alone(D::Connection),
    Pooled(PoolConnection<D>),
    Within(sqlx::Transaction<'static, D>),
}

/// The database that is asked.
pub(super) enum On<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl<D: Database> Hold<D> {
    fn get(&mut self) -> &mut D::Connection {
        match self {
            Self::Alone(connection) => connection,
            Self::Pooled(connection) => connection,
            Self::Within(transaction) => transaction,
        }
    }
}

impl Connection {
    pub(super) fn pooled(connection: PoolConnection<Sqlite>) -> Self {
        Self(Held::Sqlite(Hold::Pooled(connection)))
    }

    pub(super) fn of_schema(connection: PoolConnection<Postgres>) -> Self {
        Self(Held::Postgres(Hold::Pooled(connection)))
    }

    pub(super) fn on(&mut self) -> On<'_> {
        match &mut self.0 {
            Held::Sqlite(hold) => On::Sqlite(hold.get()),
            Held::Postgres(hold) => On::Postgres(hold.get()),
        }
    }

    /// Opens what is kept for reading alone; nothing is created. Waits so long at most for another program, or for an answer.
    pub(crate) async fn to_read(home: &Home, within: Duration) -> Result<Self, DatabaseError> {
        match home {
            Home::File(path) => {
                let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(within);
                Ok(Self(Held::Sqlite(Hold::Alone(options.connect().await.map_err(DatabaseError::sqlite)?))))
            }
            Home::Postgres(server) => {
                let silent = |_| DatabaseError::postgres(sqlx::Error::PoolTimedOut);
                let options = server.to_read();
                let connection = tokio::time::timeout(within, options.connect()).await.map_err(silent)?;
                Ok(Self(Held::Postgres(Hold::Alone(connection.map_err(DatabaseError::postgres)?))))
            }
        }
    }

    /// From here on it reads what is there at one moment, whoever writes meanwhile.
    pub(crate) async fn hold_still(&mut self) -> Result<(), DatabaseError> {
        let statement = match &self.0 {
            Held::Sqlite(_) => "begin",
            Held::Postgres(_) => "begin isolation level repeatable read read only",
        };
        query(statement).execute(self).await.map(|_| ())
    }

    /// Whether there is a table of this name.
    pub(crate) async fn has_table(&mut self, name: &str) -> Result<bool, DatabaseError> {
        let statement = match &self.0 {
            Held::Sqlite(_) => "select 1 from sqlite_schema where name = $1",
            Held::Postgres(_) => "select 1 from pg_tables where tablename = $1 and schemaname = current_schema()",
        };
        Ok(query(statement).bind(name).fetch_optional(self).await?.is_some())
    }

    /// Lets go of one that was opened to read.
    pub(crate) async fn close(self) -> Result<(), DatabaseError> {
        use sqlx::Connection as _;
        match self.0 {
            Held::Sqlite(Hold::Alone(connection)) => connection.close().await.map_err(DatabaseError::sqlite),
            Held::Postgres(Hold::Alone(connection)) => connection.close().await.map_err(DatabaseError::postgres),
            // Others go back to where they came from.
            Held::Sqlite(_) | Held::Postgres(_) => Ok(()),
        }
    }
}
