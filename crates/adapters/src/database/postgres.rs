//! What PostgreSQL needs beyond SQLite: a schema to itself, one writer at a time, and to look up what became of a commit
//! whose answer was lost.
//!
//! Each transaction that writes takes the lock of its tables first and notes its number in the table `writer`. Where the
//! answer to its commit is lost, whoever looks takes the same lock, which is free only once that transaction has ended, and
//! reads whether the number was kept.

use super::{DatabaseError, Server, Tables, Transaction, WITHIN, dialect, versions};
use futures::lock::OwnedMutexGuard;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use std::time::{Duration, Instant};

/// What is taught to PostgreSQL before a project's first table is made.
const WORDS: &str = include_str!("words.sql");
/// How a transaction that writes begins: what is read after the lock was taken is what was kept before.
const BEGIN: &str = "begin isolation level read committed";
/// Longest time that an answer is looked up for.
const LOOK_UP: Duration = Duration::from_secs(20);

/// Where one opening of some tables writes from.
pub struct Seat {
    token: String,
    lock: i64,
    /// Transactions that were begun.
    turn: i64,
}

/// One transaction's turn; nobody else writes from the same seat until it ends.
pub struct Turn {
    seat: OwnedMutexGuard<Seat>,
    writer: PgPool,
}

impl Seat {
    /// Begins a transaction that writes.
    pub async fn begin(mut seat: OwnedMutexGuard<Self>, writer: &PgPool) -> Result<Transaction, DatabaseError> {
        seat.turn += 1;
        let mut transaction = writer.begin_with(BEGIN).await.map_err(DatabaseError::postgres)?;
        // The lock is taken before the row is made.
        sqlx::query(
            "with alone as (select pg_advisory_xact_lock($1)) insert into writer (token, turn) select $2, $3 from alone \
             on conflict (token) do update set turn = excluded.turn, at = excluded.at",
        )
        .bind(seat.lock)
        .bind(&seat.token)
        .bind(seat.turn)
        .execute(&mut *transaction)
        .await
        .map_err(DatabaseError::postgres)?;
        if seat.turn == 1 {
            let gone = sqlx::query("delete from writer where at < now() - interval '1 day'");
            gone.execute(&mut *transaction).await.map_err(DatabaseError::postgres)?;
        }
        Ok(Transaction::of_schema(transaction, Turn { seat, writer: writer.clone() }))
    }
}

impl Turn {
    /// Finds out whether the transaction was kept though the answer to its commit is lost.
    pub async fn look_up(self, lost: sqlx::Error) -> Result<(), DatabaseError> {
        let begun = Instant::now();
        loop {
            match self.was_kept().await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(DatabaseError::postgres(lost)),
                Err(_) if begun.elapsed() < LOOK_UP => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(_) => return Err(DatabaseError::Unknown(lost.into())),
            }
        }
    }

    async fn was_kept(&self) -> Result<bool, sqlx::Error> {
        let looked = async {
            let mut transaction = self.writer.begin_with(BEGIN).await?;
            take_lock(&mut transaction, self.seat.lock).await?;
            let turn = sqlx::query_scalar("select turn from writer where token = $1").bind(&self.seat.token);
            let turn: Option<i64> = turn.fetch_optional(&mut *transaction).await?;
            transaction.rollback().await?;
            Ok(turn == Some(self.seat.turn))
        };
        tokio::time::timeout(WITHIN * 2, looked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }
}

async fn take_lock(connection: &mut PgConnection, lock: i64) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock($1)").bind(lock).execute(connection).await.map(|_| ())
}

/// Makes a project's schema and brings tables in it to the newest version, all or nothing; nothing is written where they
/// are. The inner error says that a newer program made them.
pub async fn bring_up(pool: &PgPool, server: &Server, tables: Tables) -> Result<Result<Seat, String>, DatabaseError> {
    let mut connection = pool.acquire().await.map_err(DatabaseError::postgres)?;
    let found = looked_at(&mut connection, server, tables).await.map_err(DatabaseError::postgres)?;
    if let Some(setting) = found.off {
        return Err(DatabaseError::Unsafe(setting));
    }
    drop(connection);
    if found.version != tables.versions.len()
        && let Some(newer) = made(pool, server, tables).await.map_err(DatabaseError::postgres)?
    {
        return Ok(Err(newer));
    }
    Ok(Ok(Seat { token: found.token, lock: server.lock(tables.name), turn: 0 }))
}

/// What a look at a server tells.
struct Found {
    /// A setting that must be on, and is not.
    off: Option<&'static str>,
    version: usize,
    /// Drawn for whoever looks.
    token: String,
}

async fn looked_at(connection: &mut PgConnection, server: &Server, tables: Tables) -> Result<Found, sqlx::Error> {
    let row = sqlx::query(
        "select current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', gen_random_uuid()::text, \
         to_regclass($1 || '.version') is not null",
    );
    let row = row.bind(&server.schema).fetch_one(&mut *connection).await?;
    let off = match (row.try_get(0)?, row.try_get(1)?) {
        (false, _) => Some("fsync"),
        (_, false) => Some("full_page_writes"),
        (true, true) => None,
    };
    let version = if row.try_get(3)? { version(connection, tables).await? } else { 0 };
    Ok(Found { off, version, token: row.try_get(2)? })
}

async fn version(connection: &mut PgConnection, tables: Tables) -> Result<usize, sqlx::Error> {
    let number = sqlx::query_scalar("select number from version where tables = $1").bind(tables.name);
    let number: Option<i64> = number.fetch_optional(connection).await?;
    Ok(usize::try_from(number.unwrap_or(0)).unwrap_or(usize::MAX))
}

async fn made(pool: &PgPool, server: &Server, tables: Tables) -> Result<Option<String>, sqlx::Error> {
    let mut transaction = pool.begin_with(BEGIN).await?;
    take_lock(&mut transaction, server.lock("tables")).await?;
    make_schema(&mut transaction, &server.schema).await?;
    let newer = make_tables(&mut transaction, tables).await?;
    if newer.is_none() {
        transaction.commit().await?;
    }
    Ok(newer)
}

/// Brings tables to the newest version; says so where a newer program made them.
pub async fn make_tables(connection: &mut PgConnection, tables: Tables) -> Result<Option<String>, sqlx::Error> {
    let at = version(connection, tables).await?;
    if at > tables.versions.len() {
        return Ok(Some(versions::newer(at, tables.versions)));
    }
    for version in &tables.versions[at..] {
        sqlx::raw_sql(AssertSqlSafe(dialect::in_postgres(version))).execute(&mut *connection).await?;
    }
    sqlx::query(
        "insert into version (tables, number) values ($1, $2) on conflict (tables) do update set number = excluded.number",
    )
    .bind(tables.name)
    .bind(i64::try_from(tables.versions.len()).unwrap_or(i64::MAX))
    .execute(&mut *connection)
    .await?;
    Ok(None)
}

/// Makes a schema for a project that is brought in; says whether it held nothing before.
pub async fn begin_schema(connection: &mut PgConnection, server: &Server) -> Result<bool, sqlx::Error> {
    take_lock(connection, server.lock("tables")).await?;
    let taken = sqlx::query_scalar("select exists (select 1 from pg_class where relnamespace = to_regnamespace($1))");
    if taken.bind(&server.schema).fetch_one(&mut *connection).await? {
        return Ok(false);
    }
    make_schema(connection, &server.schema).await.map(|()| true)
}

/// Makes the schema, where it is not there, and teaches it what statements use.
async fn make_schema(connection: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    let known = sqlx::query("select to_regnamespace($1) is not null, to_regclass($1 || '.writer') is not null")
        .bind(schema)
        .fetch_one(&mut *connection)
        .await?;
    if !known.try_get::<bool, _>(0)? {
        // The name is letters, digits and `_` alone.
        sqlx::raw_sql(AssertSqlSafe(format!("create schema {schema}"))).execute(&mut *connection).await?;
    }
    if !known.try_get::<bool, _>(1)? {
        sqlx::raw_sql(WORDS).execute(&mut *connection).await?;
    }
    Ok(())
}
