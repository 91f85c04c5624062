//! A statement with what is bound to it, and the rows that it answers with.

use super::{Connection, DatabaseError};
use crate::database::connection::On;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{ColumnIndex, Decode, Row as _, SqlSafeStr, SqlStr, Type};

/// Begins a statement; `$1`, `$2` and so on stand for what is bound to it.
pub fn query(statement: impl SqlSafeStr) -> Query {
    Query { statement: statement.into_sql_str(), values: vec![] }
}

/// A statement that is being put together.
#[must_use = "a statement does nothing until it is executed"]
pub struct Query {
    statement: SqlStr,
    values: Vec<Value>,
}

/// What can be bound.
pub enum Value {
    Text(Option<String>),
    Whole(Option<i64>),
    Flag(bool),
}

/// A row, from whichever database.
pub enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! bound {
    ($query:expr, $database:ty) => {
        $query.values.into_iter().fold(sqlx::query::<$database>($query.statement), |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Whole(number) => query.bind(number),
            Value::Flag(flag) => query.bind(flag),
        })
    };
}

macro_rules! fetched {
    ($query:expr, $on:expr, $fetch:ident) => {
        match $on.on() {
            On::Sqlite(connection) => {
                let rows = bound!($query, Sqlite).$fetch(connection).await.map_err(DatabaseError::sqlite)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            On::Postgres(connection) => {
                $query.is_without_nul()?;
                let rows = bound!($query, Postgres).$fetch(connection).await.map_err(DatabaseError::postgres)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    };
}

impl Query {
    /// Binds the next value.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Does it; returns how many rows it changed.
    pub async fn execute(self, on: &mut Connection) -> Result<u64, DatabaseError> {
        match on.on() {
            On::Sqlite(connection) => {
                let done = bound!(self, Sqlite).execute(connection).await.map_err(DatabaseError::sqlite)?;
                Ok(done.rows_affected())
            }
            On::Postgres(connection) => {
                self.is_without_nul()?;
                let done = bound!(self, Postgres).execute(connection).await.map_err(DatabaseError::postgres)?;
                Ok(done.rows_affected())
            }
        }
    }

    /// All rows.
    pub async fn fetch_all(self, on: &mut Connection) -> Result<Vec<Row>, DatabaseError> {
        fetched!(self, on, fetch_all)
    }

    /// The first row, where there is one.
    pub async fn fetch_optional(self, on: &mut Connection) -> Result<Option<Row>, DatabaseError> {
        let row: Result<Vec<Row>, DatabaseError> = fetched!(self, on, fetch_optional);
        Ok(row?.pop())
    }

    /// The first row, which there must be.
    pub async fn fetch_one(self, on: &mut Connection) -> Result<Row, DatabaseError> {
        self.fetch_optional(on).await?.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    fn is_without_nul(&self) -> Result<(), DatabaseError> {
        let has_nul = |value: &Value| matches!(value, Value::Text(Some(text)) if text.contains('\0'));
        if self.values.iter().any(has_nul) { Err(DatabaseError::Nul) } else { Ok(()) }
    }
}

impl Row {
    /// What stands in a column.
    ///
    /// # Errors
    /// [`sqlx::Error`] when it is something else.
    pub fn try_get<'r, T, I>(&'r self, column: I) -> Result<T, sqlx::Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// The bytes of a text, whatever they are.
    ///
    /// # Errors
    /// [`sqlx::Error`] when the column holds no text.
    pub fn bytes(&self, column: usize) -> Result<&[u8], sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            // A server keeps no text that is none.
            Self::Postgres(row) => row.try_get::<&str, _>(column).map(str::as_bytes),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Whole(Some(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Whole(Some(i64::from(number)))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Whole(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
