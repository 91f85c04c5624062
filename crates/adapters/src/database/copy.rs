//! Rows from one database to the other: a backup holds SQLite files wherever a project lives, and can be brought back into
//! either.

use super::home::{Server, settings};
use super::{DatabaseError, Tables, postgres, versions};
use crate::{AdapterError, journal, ledger};
use futures::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::fmt::Display;
use std::fs;
use std::path::Path;
use tokio::runtime::Runtime;

/// What lies in PostgreSQL where a project does, by the names of the files that it is in SQLite.
const KEPT: [(&str, Tables); 2] = [(journal::FILE_NAME, journal::TABLES), (ledger::FILE_NAME, ledger::schema::TABLES)];
/// Rows that are copied at once.
const AT_ONCE: usize = 1 << 9;

/// A project in PostgreSQL as it is at one moment, to be written to files.
pub struct Export {
    runtime: Runtime,
    connection: PgConnection,
    place: String,
}

/// A table and its columns.
struct Table {
    name: String,
    columns: Vec<String>,
}

impl Export {
    /// Begins to copy a project; nothing where it lies in files.
    ///
    /// # Errors
    /// [`AdapterError`] when PostgreSQL cannot be read.
    pub fn of(project: &Path) -> Result<Option<Self>, AdapterError> {
        let Some(settings) = settings(project)? else { return Ok(None) };
        let server = Server::of(project, &settings)?;
        let place = format!("{} (schema {})", settings.postgres, settings.schema);
        let runtime = runtime(project)?;
        let connection = runtime.block_on(async {
            for (file, tables) in KEPT {
                // The tables of the file and of the server are of one version then.
                super::Database::open(&project.join(file), tables).await?.map_err(newer)?.close().await;
            }
            // Other files are copied in between, however long that takes.
            let patient = server.to_read().options([("idle_in_transaction_session_timeout", "0")]);
            let mut connection = patient.connect().await.map_err(DatabaseError::postgres)?;
            // All files are of the moment of the first statement.
            let begin = "begin isolation level repeatable read read only";
            sqlx::query(begin).execute(&mut connection).await.map_err(DatabaseError::postgres)?;
            Ok::<_, DatabaseError>(connection)
        });
        let connection = connection.map_err(|error| uncopied(project, &place, error))?;
        Ok(Some(Self { runtime, connection, place }))
    }

    /// The files that it gives.
    pub fn files() -> impl Iterator<Item = &'static str> {
        KEPT.into_iter().map(|(file, _)| file)
    }

    /// Writes one of them anew.
    ///
    /// # Errors
    /// [`AdapterError`] when it cannot be read or written.
    pub fn write(&mut self, file: &str, to: &Path) -> Result<(), AdapterError> {
        let (_, tables) = KEPT.into_iter().find(|(name, _)| *name == file).expect("Invariant: one of its files");
        let Self { runtime, connection, place } = self;
        let written = runtime.block_on(async {
            let mut file = made(to, tables).await?;
            let mut transaction = file.begin().await?;
            for table in tables_of(&mut transaction).await? {
                from_postgres(&table, connection, &mut transaction).await?;
            }
            transaction.commit().await?;
            file.close().await
        });
        written.map_err(|error| uncopied(to, place, error))
    }
}

/// Brings the files of a project's folder into PostgreSQL, all or nothing, and takes them away. The schema must be new.
///
/// # Errors
/// [`AdapterError`] when the schema holds something, or it cannot be written; then it is as it was.
pub fn bring_in(folder: &Path) -> Result<(), AdapterError> {
    let Some(settings) = settings(folder)? else { return Ok(()) };
    let server = Server::of(folder, &settings)?;
    let place = format!("{} (schema {})", settings.postgres, settings.schema);
    let done = runtime(folder)?.block_on(async {
        let mut connection = server.to_write().connect().await.map_err(DatabaseError::postgres)?;
        let mut transaction = connection.begin().await.map_err(DatabaseError::postgres)?;
        if !postgres::begin_schema(&mut transaction, &server).await.map_err(DatabaseError::postgres)? {
            return Ok(false);
        }
        for (file, tables) in KEPT {
            fill(&mut transaction, &server.schema, &folder.join(file), tables).await?;
        }
        transaction.commit().await.map_err(DatabaseError::postgres)?;
        Ok::<_, DatabaseError>(true)
    });
    if !done.map_err(|error| uncopied(folder, &place, error))? {
        let expected = "a schema that is not there yet: name one by --schema, or rename the one that is in the way";
        return Err(AdapterError::form(folder, format!("cannot be brought into {place}, which is taken"), expected));
    }
    for (file, _) in KEPT {
        for end in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(folder.join(format!("{file}{end}")));
        }
    }
    Ok(())
}

async fn fill(connection: &mut PgConnection, schema: &str, file: &Path, tables: Tables) -> Result<(), DatabaseError> {
    if postgres::make_tables(connection, tables).await.map_err(DatabaseError::postgres)?.is_some() {
        return Err(newer("the schema's".to_owned()));
    }
    // A project that never decided anything has none of them.
    if !file.exists() {
        return Ok(());
    }
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(SqliteConnectOptions::new().filename(file));
    let pool: SqlitePool = pool.await.map_err(DatabaseError::sqlite)?;
    versions::bring_up(&pool, tables.versions).await.map_err(DatabaseError::sqlite)?.map_err(newer)?;
    let mut rows = pool.acquire().await.map_err(DatabaseError::sqlite)?;
    for table in tables_of(&mut rows).await.map_err(DatabaseError::sqlite)? {
        into_postgres(&table, schema, &mut rows, connection).await.map_err(DatabaseError::postgres)?;
    }
    drop(rows);
    pool.close().await;
    Ok(())
}

/// A new file with its tables, empty.
async fn made(path: &Path, tables: Tables) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    versions::bring_up(&pool, tables.versions).await?.map_err(sqlx::Error::Protocol)?;
    pool.close().await;
    options.connect().await
}

/// Tables of a file in the order in which they were made, so that what refers comes after what it refers to.
async fn tables_of(connection: &mut SqliteConnection) -> Result<Vec<Table>, sqlx::Error> {
    let names = "select name from sqlite_schema where type = 'table' and name not like 'sqlite%' order by rowid";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut *connection).await?;
    let mut tables = vec![];
    for name in names {
        let columns = sqlx::query_scalar("select name from pragma_table_info($1) order by cid").bind(&name);
        tables.push(Table { columns: columns.fetch_all(&mut *connection).await?, name });
    }
    Ok(tables)
}

async fn from_postgres(
    Table { name, columns }: &Table,
    from: &mut PgConnection,
    to: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    // Names of tables and columns are those of this program's own statements.
    let read = AssertSqlSafe(format!("select row_to_json({name})::text from {name} order by {}", columns[0]));
    let values: Vec<String> = columns.iter().map(|column| format!("value ->> '{column}'")).collect();
    let write = format!("insert into {name} ({}) select {} from json_each($1)", columns.join(", "), values.join(", "));
    let mut rows = sqlx::query_scalar::<_, String>(read).fetch(from).try_chunks(AT_ONCE);
    while let Some(rows) = rows.try_next().await.map_err(|error| error.1)? {
        let some = format!("[{}]", rows.join(","));
        let done = sqlx::query(AssertSqlSafe(write.clone())).bind(some).execute(&mut *to).await?;
        all(name, rows.len(), done.rows_affected())?;
    }
    Ok(())
}

async fn into_postgres(
    Table { name, columns }: &Table,
    schema: &str,
    from: &mut SqliteConnection,
    to: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    let fields: Vec<String> = columns.iter().map(|column| format!("'{column}', {column}")).collect();
    let read = AssertSqlSafe(format!("select json_object({}) from {name} order by {}", fields.join(", "), columns[0]));
    let columns = columns.join(", ");
    // By its full name: `record` alone is a type of PostgreSQL's own.
    let write = format!(
        "insert into {name} ({columns}) select {columns} from json_populate_recordset(null::{schema}.{name}, $1::json)"
    );
    let mut rows = sqlx::query_scalar::<_, String>(read).fetch(from).try_chunks(AT_ONCE);
    while let Some(rows) = rows.try_next().await.map_err(|error| error.1)? {
        let some = format!("[{}]", rows.join(","));
        let done = sqlx::query(AssertSqlSafe(write.clone())).bind(some).execute(&mut *to).await?;
        all(name, rows.len(), done.rows_affected())?;
    }
    go_on_after(name, to).await
}

/// Numbers that the database gives go on after those that were copied.
async fn go_on_after(table: &str, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let identity = "select column_name::text from information_schema.columns
                    where table_schema = current_schema() and table_name = $1 and is_identity = 'YES'";
    let columns: Vec<String> = sqlx::query_scalar(identity).bind(table).fetch_all(&mut *connection).await?;
    for column in columns {
        let go_on = format!(
            "select setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 1), max({column}) is not null)
             from {table}"
        );
        sqlx::query(AssertSqlSafe(go_on)).execute(&mut *connection).await?;
    }
    Ok(())
}

fn all(table: &str, read: usize, written: u64) -> Result<(), sqlx::Error> {
    match u64::try_from(read) == Ok(written) {
        true => Ok(()),
        false => Err(sqlx::Error::Protocol(format!("{written} of {read} rows of {table} were copied"))),
    }
}

fn newer(newer: String) -> DatabaseError {
    DatabaseError::from(sqlx::Error::Protocol(format!("the tables of a newer program ({newer})")))
}

fn runtime(path: &Path) -> Result<Runtime, AdapterError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| AdapterError::system("copy", path, error))
}

fn uncopied(path: &Path, place: &str, error: impl Display) -> AdapterError {
    AdapterError::form(path, format!("cannot be copied to or from {place} ({error})"), "a database of Endcap")
}
