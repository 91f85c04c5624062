//! A transaction that writes: kept as a whole when it is committed, and not at all when it is dropped.

use super::connection::{Held, Hold};
use super::postgres::Turn;
use super::{Connection, DatabaseError};
use sqlx::{Postgres, Sqlite};
use std::ops::{Deref, DerefMut};

/// A transaction of the one who writes.
pub struct Transaction {
    connection: Connection,
    /// Looks up what became of it where the answer is lost.
    turn: Option<Turn>,
}

impl Transaction {
    pub(super) fn of_file(transaction: sqlx::Transaction<'static, Sqlite>) -> Self {
        Self { connection: Connection(Held::Sqlite(Hold::Within(transaction))), turn: None }
    }

    pub(super) fn of_schema(transaction: sqlx::Transaction<'static, Postgres>, turn: Turn) -> Self {
        Self { connection: Connection(Held::Postgres(Hold::Within(transaction))), turn: Some(turn) }
    }

    /// Keeps it; when this returns, it survives a crash of the process or the machine.
    ///
    /// # Errors
    /// [`DatabaseError::Unknown`] when it is not known whether it was kept; any other when it was not.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        match (self.connection.0, self.turn) {
            (Held::Sqlite(Hold::Within(transaction)), _) => transaction.commit().await.map_err(DatabaseError::sqlite),
            (Held::Postgres(Hold::Within(transaction)), Some(turn)) => match transaction.commit().await {
                Ok(()) => Ok(()),
                Err(error) => turn.look_up(error).await,
            },
            _ => unreachable!("Invariant: a transaction is made of one"),
        }
    }
}

impl Transaction {
    /// Gives it up at once. One that is dropped lets go of PostgreSQL's lock only when its program next does something there.
    ///
    /// # Errors
    /// [`DatabaseError`] when the database does not answer; nothing is kept all the same.
    pub async fn rollback(self) -> Result<(), DatabaseError> {
        match self.connection.0 {
            Held::Sqlite(Hold::Within(transaction)) => transaction.rollback().await.map_err(DatabaseError::sqlite),
            Held::Postgres(Hold::Within(transaction)) => transaction.rollback().await.map_err(DatabaseError::postgres),
            _ => unreachable!("Invariant: a transaction is made of one"),
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}
