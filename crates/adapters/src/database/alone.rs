//! A place that one program alone holds, on whatever machine: a file's lock holds among those that share its folder, a
//! schema can be reached from everywhere.

use super::{DatabaseError, Home, WITHIN};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::path::Path;
use tokio::runtime::Runtime;

/// A place that is held until this goes, or its program ends.
pub struct Alone {
    connection: PgConnection,
    runtime: Runtime,
}

impl Alone {
    /// Makes sure that the place is still held: a server that went away has forgotten it.
    ///
    /// # Errors
    /// [`DatabaseError`] when it is not; nothing may be done from it any more.
    pub fn still(&mut self) -> Result<(), DatabaseError> {
        let asked = self.runtime.block_on(async { tokio::time::timeout(WITHIN, self.connection.ping()).await });
        asked.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(DatabaseError::postgres)
    }
}

/// Takes a place in the schema of a project; nothing is taken where it lies in files. The inner error says that another
/// program holds it.
///
/// # Errors
/// [`DatabaseError`] when PostgreSQL cannot be reached.
pub fn alone(file: &Path, place: &str) -> Result<Result<Option<Alone>, Taken>, DatabaseError> {
    let Home::Postgres(server) = Home::of(file)? else { return Ok(Ok(None)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(sqlx::Error::Io)?;
    let holding = async {
        let mut connection = server.to_read().connect().await?;
        let held = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(server.lock(place));
        let held: bool = held.fetch_one(&mut connection).await?;
        Ok((connection, held))
    };
    let held = runtime.block_on(async { tokio::time::timeout(WITHIN, holding).await });
    match held.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(DatabaseError::postgres)? {
        (connection, true) => Ok(Ok(Some(Alone { connection, runtime }))),
        (_, false) => Ok(Err(Taken)),
    }
}

/// Another program holds the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another program holds it")]
pub struct Taken;
