//! A place that one program alone holds, on whatever machine: a file's lock holds among those that share its folder, a
//! schema can be reached from everywhere.

use super::{DatabaseError, Home, WITHIN};
use sqlx::{ConnectOptions, PgConnection};
use std::path::Path;
use tokio::runtime::Runtime;

/// A place that is held until this goes, or its program ends.
pub struct Alone {
    _connection: PgConnection,
    _runtime: Runtime,
}

/// Takes a place in the schema of a project; nothing is taken where it lies in files. The inner error says that another
/// program holds it.
///
/// # Errors
/// [`DatabaseError`] when PostgreSQL cannot be reached.
pub fn alone(file: &Path, place: &str) -> Result<Result<Option<Alone>, Taken>, DatabaseError> {
    let Home::Postgres(server) = Home::of(file)? else { return Ok(Ok(None)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(sqlx::Error::Io)?;
    let held = runtime.block_on(tokio::time::timeout(WITHIN, async {
        let mut connection = server.to_read().connect().await?;
        let held = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(server.lock(place));
        let held: bool = held.fetch_one(&mut connection).await?;
        Ok((connection, held))
    }));
    match held.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(DatabaseError::postgres)? {
        (connection, true) => Ok(Ok(Some(Alone { _connection: connection, _runtime: runtime }))),
        (_, false) => Ok(Err(Taken)),
    }
}

/// Another program holds the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another program holds it")]
pub struct Taken;
