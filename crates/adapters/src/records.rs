//! Records that other programs send one by one or in batches: sales as they happen, and items, prices and stock as they
//! change. They lie in `records.db` in the project's folder and are facts with the next load.
//!
//! One SQLite file, one writer. Batches that wait at the same time are written with one sync to disk; when
//! [`Records::keep`] returns, they survive a crash of the process or the machine. A sale is named by its id and never
//! changes; of the others, the latest record of a key holds.

pub mod feeds;
mod packs;

use crate::{AdapterError, files};
use arrow_array::{ArrayRef, StringArray};
use endcap_ingest::{Intake, RawBatch, RawColumn, Rules};
use endcap_model::{FactKind, FieldKind};
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, SqliteTransaction};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "records.db";
/// Batches that are written with one sync at most.
const BATCHES_AT_ONCE: usize = 64;
/// Records that are read at once.
const READ_AT_ONCE: i64 = 1 << 15;
/// Longest wait for another program that packs, or copies the file.
const BUSY: Duration = Duration::from_secs(30);
/// Longest id of a sale, in bytes, as of every text of a fact.
const ID_MAX: usize = 200;
/// Longest text of a record as it is sent, in characters.
pub const TEXT_MAX: usize = 200;

const TABLE: &str = "create table if not exists record (
    sequence integer primary key autoincrement,
    kind     text not null,
    key      text not null,
    content  text not null,
    at       text not null,
    unique (kind, key)
) strict";

pub use packs::{Packed, pack};

/// Why records could not be kept or read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("records.db: {0}: check that the folder can be written to and the disk is not full")]
pub struct RecordsError(Arc<sqlx::Error>);

impl From<sqlx::Error> for RecordsError {
    fn from(error: sqlx::Error) -> Self {
        Self(Arc::new(error))
    }
}

/// A record that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    key: String,
    content: String,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field at fault; nothing when it is the record as a whole.
    pub field: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is new.
    New,
    /// It takes the place of an earlier one of its key.
    Replaced,
    /// It was there word for word.
    Repeated,
    /// Another sale has its id: it was not kept.
    Other,
}

/// What waits to be written.
struct Order {
    kind: FactKind,
    at: Timestamp,
    batch: Vec<Record>,
    /// Which feed brought them, and where it stands then.
    step: Option<feeds::Step>,
    done: oneshot::Sender<Result<Vec<Kept>, RecordsError>>,
}

/// The records of a project; clones share them.
#[derive(Clone)]
pub struct Records {
    orders: mpsc::Sender<Order>,
    readers: SqlitePool,
    path: PathBuf,
}

impl Records {
    /// Opens or creates the records of a project; needs a running tokio runtime.
    ///
    /// # Errors
    /// [`RecordsError`] when the file cannot be opened.
    pub async fn open(project: &Path) -> Result<Self, RecordsError> {
        let path = project.join(FILE_NAME);
        let writer = open_to_write(&path).await?;
        let readers = SqlitePoolOptions::new().max_connections(2).connect_with(options(&path).read_only(true)).await?;
        let (orders, waiting) = mpsc::channel(BATCHES_AT_ONCE);
        tokio::spawn(clerk(writer, waiting));
        Ok(Self { orders, readers, path })
    }

    /// Keeps records for good and says what became of each.
    ///
    /// # Errors
    /// [`RecordsError`] when they could not be written; then none of the batch was kept.
    pub async fn keep(&self, kind: FactKind, batch: Vec<Record>, at: Timestamp) -> Result<Vec<Kept>, RecordsError> {
        self.ordered(kind, batch, None, at).await
    }

    /// Keeps what a feed brought together with where we stand in its source: both or neither.
    ///
    /// # Errors
    /// [`RecordsError`] when it could not be written; then nothing of it was kept.
    pub async fn take(
        &self,
        kind: FactKind,
        batch: Vec<Record>,
        step: feeds::Step,
        at: Timestamp,
    ) -> Result<Vec<Kept>, RecordsError> {
        self.ordered(kind, batch, Some(step), at).await
    }

    async fn ordered(
        &self,
        kind: FactKind,
        batch: Vec<Record>,
        step: Option<feeds::Step>,
        at: Timestamp,
    ) -> Result<Vec<Kept>, RecordsError> {
        let gone = |_| RecordsError::from(sqlx::Error::WorkerCrashed);
        let (done, answer) = oneshot::channel();
        self.orders.clone().send(Order { kind, at, batch, step, done }).await.map_err(|_| gone(oneshot::Canceled))?;
        answer.await.map_err(gone)?
    }

    /// Number of the last record; 0 when there is none.
    ///
    /// # Errors
    /// [`RecordsError`] when it cannot be read.
    pub async fn last(&self) -> Result<i64, RecordsError> {
        let last =
            "select max((select coalesce(max(sequence), 0) from record), (select coalesce(max(last), 0) from pack))";
        Ok(sqlx::query_scalar(last).fetch_one(&self.readers).await?)
    }

    /// Records of each kind that came after a number.
    ///
    /// # Errors
    /// [`RecordsError`] when they cannot be read.
    pub async fn since(&self, sequence: i64) -> Result<BTreeMap<String, i64>, RecordsError> {
        let rows = sqlx::query("select kind, count(*) as records from record where sequence > ? group by kind")
            .bind(sequence)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("kind")?, row.try_get("records")?))).collect()
    }

    /// Where they lie.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
}

async fn open_to_write(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut writer = options(path).create_if_missing(true).connect().await?;
    for table in std::iter::once(TABLE).chain(packs::TABLES).chain(feeds::TABLES) {
        sqlx::query(table).execute(&mut writer).await?;
    }
    Ok(writer)
}

/// Writes what waits, many batches with one sync.
async fn clerk(mut writer: SqliteConnection, waiting: mpsc::Receiver<Order>) {
    let mut waiting = waiting.ready_chunks(BATCHES_AT_ONCE);
    while let Some(orders) = waiting.next().await {
        let written = write(&mut writer, &orders).await.map_err(RecordsError::from);
        let mut answers = written.map(Vec::into_iter);
        for order in orders {
            let answer = match &mut answers {
                Ok(answers) => Ok(answers.next().unwrap_or_default()),
                Err(error) => Err(error.clone()),
            };
            // Whoever asked may have gone: the records are kept all the same.
            let _ = order.done.send(answer);
        }
    }
    let _ = writer.close().await;
}

async fn write(writer: &mut SqliteConnection, orders: &[Order]) -> Result<Vec<Vec<Kept>>, sqlx::Error> {
    let mut transaction = writer.begin_with("begin immediate").await?;
    let mut answers = vec![];
    for order in orders {
        let kept = if order.batch.is_empty() { vec![] } else { write_batch(&mut transaction, order).await? };
        if let Some(step) = &order.step {
            feeds::write(&mut transaction, step, (&order.batch, &kept), order.at).await?;
        }
        answers.push(kept);
    }
    transaction.commit().await?;
    Ok(answers)
}

async fn write_batch(
    transaction: &mut SqliteTransaction<'_>,
    Order { kind, at, batch, .. }: &Order,
) -> Result<Vec<Kept>, sqlx::Error> {
    let keys: Vec<&str> = batch.iter().map(|record| record.key.as_str()).collect();
    let rows = sqlx::query(
        "select key, content from record where kind = ?1 and key in (select value from json_each(?2)) \
         union all select id, said from packed where ?1 = ?3 and id in (select value from json_each(?2))",
    )
    .bind(kind.name())
    .bind(Value::from(keys).to_string())
    .bind(FactKind::Sales.name())
    .fetch_all(&mut **transaction)
    .await?;
    let mut known: HashMap<String, String> = HashMap::new();
    for row in rows {
        known.insert(row.try_get("key")?, row.try_get("content")?);
    }
    let (mut kept, mut new) = (vec![], HashMap::new());
    for record in batch {
        let become_of = match known.get(&record.key) {
            Some(known) if *known == record.content || *known == packs::said(&record.content) => Kept::Repeated,
            Some(_) if *kind == FactKind::Sales => Kept::Other,
            before => {
                let before = before.is_some();
                known.insert(record.key.clone(), record.content.clone());
                new.insert(record.key.as_str(), record);
                if before { Kept::Replaced } else { Kept::New }
            }
        };
        kept.push(become_of);
    }
    // In the order in which they were sent; of a key that was sent twice, the last.
    let new: Vec<Value> = batch
        .iter()
        .filter(|record| new.get(record.key.as_str()).is_some_and(|last| std::ptr::eq(*last, *record)))
        .map(|record| Value::from(vec![record.key.as_str(), record.content.as_str()]))
        .collect();
    if !new.is_empty() {
        sqlx::query(
            "insert or replace into record (kind, key, content, at) \
             select ?1, value ->> 0, value ->> 1, ?2 from json_each(?3)",
        )
        .bind(kind.name())
        .bind(at.to_string())
        .bind(Value::from(new).to_string())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(kept)
}

/// Checks records as a load would: each is ready to be kept, or has a fault. Sales without an `id` are named by
/// `named` and their place in the batch.
pub fn check(kind: FactKind, rules: &Rules, batch: &[Value], named: Option<&str>) -> Vec<Result<Record, Fault>> {
    let read = |(at, value): (usize, &Value)| {
        let mut fields = fields(kind, value)?;
        if kind == FactKind::Sales {
            let id = fields.remove("id").or_else(|| named.map(|key| Value::from(format!("{key}/{at}"))));
            let id = id.filter(|id| id.as_str().is_some_and(|id| !id.is_empty() && id.len() <= ID_MAX));
            let reason = || format!("missing or too long: expected an id of 1 to {ID_MAX} bytes, or Idempotency-Key");
            fields.insert("line".to_owned(), id.ok_or_else(|| fault("id", reason()))?);
        }
        Ok(fields)
    };
    let mut checked: Vec<Result<Map<String, Value>, Fault>> = batch.iter().enumerate().map(read).collect();
    let whole: Vec<(u64, &Map<String, Value>)> =
        checked.iter().enumerate().filter_map(|(at, fields)| Some((at as u64, fields.as_ref().ok()?))).collect();
    let rows: Vec<u64> = whole.iter().map(|(at, _)| *at).collect();
    let columns = columns(kind, &whole.into_iter().map(|(_, fields)| fields).collect::<Vec<_>>());
    let mut faults = vec![];
    let raw = RawBatch { source: FILE_NAME, rows: &rows, columns: &columns };
    let taken = Intake::new(kind, rules.clone()).add(&raw, &mut |row| faults.push(row));
    if let Err(error) = taken {
        checked.iter_mut().for_each(|record| *record = Err(fault("", error.to_string())));
    }
    for row in faults {
        let field = if kind == FactKind::Sales && row.column == "line" { "id" } else { &row.column };
        checked[row.row as usize] = Err(fault(field, row.reason));
    }
    checked.into_iter().map(|fields| fields.map(|fields| record(kind, rules, fields))).collect()
}

fn fault(field: &str, reason: impl ToString) -> Fault {
    Fault { field: field.to_owned(), reason: reason.to_string() }
}

/// The fields of a record as texts.
fn fields(kind: FactKind, value: &Value) -> Result<Map<String, Value>, Fault> {
    let Value::Object(given) = value else { return Err(fault("", "expected an object")) };
    let is_sale = kind == FactKind::Sales;
    let known = |name: &str| match name {
        "id" => is_sale,
        "line" => !is_sale,
        name => kind.field(name).is_some(),
    };
    let mut fields = Map::new();
    for (name, value) in given {
        if !known(name) {
            let names: Vec<&str> = kind.fields().iter().map(|field| field.name).filter(|name| known(name)).collect();
            let id = if is_sale { "id, " } else { "" };
            return Err(fault(name, format!("unknown: expected one of {id}{}", names.join(", "))));
        }
        let text = match value {
            Value::Null => continue,
            // Counted as it was sent: blanks around it are no way around the limit.
            Value::String(text) if text.chars().count() > TEXT_MAX => {
                return Err(fault(name, format!("longer than {TEXT_MAX} characters: expected a shorter text")));
            }
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err(fault(name, "expected a text or a number")),
        };
        fields.insert(name.clone(), Value::String(text));
    }
    Ok(fields)
}

/// The columns of a kind over some records.
fn columns(kind: FactKind, records: &[&Map<String, Value>]) -> Vec<RawColumn> {
    let column = |field: &endcap_model::FactField| {
        let texts = || records.iter().map(|record| record.get(field.name).and_then(Value::as_str));
        let any = field.required || texts().any(|text| text.is_some());
        let values = any.then(|| Arc::new(texts().collect::<StringArray>()) as ArrayRef);
        RawColumn { name: field.name.to_owned(), values, origin: None }
    };
    kind.fields().iter().map(column).collect()
}

/// A record as it is kept: periods in one form, so that a key has one, and fields in the order of the kind.
fn record(kind: FactKind, rules: &Rules, mut fields: Map<String, Value>) -> Record {
    let mut content = Map::new();
    let mut key = vec![];
    for field in kind.fields() {
        let mut value = fields.remove(field.name).unwrap_or_default();
        if field.kind == FieldKind::Period
            && let Some(period) = value.as_str().and_then(|text| rules.calendar.parse(text).ok())
        {
            value = Value::from(rules.calendar.format(period));
        }
        if field.key {
            key.push(value.clone());
        }
        if !value.is_null() {
            content.insert(field.name.to_owned(), value);
        }
    }
    let key = match (kind, content.get("line").and_then(Value::as_str)) {
        (FactKind::Sales, Some(id)) => id.to_owned(),
        _ => Value::from(key).to_string(),
    };
    Record { key, content: Value::Object(content).to_string() }
}

/// Takes rows in, by number and column.
type Take<'a> = dyn FnMut(&[u64], &[RawColumn]) -> Result<(), AdapterError> + 'a;

/// Reads records for a load.
pub(crate) struct Reader {
    runtime: Runtime,
    connection: SqliteConnection,
    path: PathBuf,
    packs: Vec<(i64, i64)>,
    /// The last record that is read: what comes later belongs to the next load.
    pub last: i64,
}

impl Reader {
    /// Opens the records of a project, where there are any.
    pub fn open(project: &Path) -> Result<Option<Self>, AdapterError> {
        let path = project.join(FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| AdapterError::system("read", &path, e))?;
        let opened = runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(&path).read_only(true);
            let mut connection = options.connect().await?;
            // What is kept while the load goes on is not seen by it.
            sqlx::query("begin").execute(&mut connection).await?;
            let last: i64 =
                sqlx::query_scalar("select coalesce(max(sequence), 0) from record").fetch_one(&mut connection).await?;
            let packs = packs::all(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, packs, last))
        });
        let (connection, packs, last) = opened.map_err(|error| unreadable(&path, &error))?;
        let last = packs.last().map_or(last, |pack| last.max(pack.1));
        Ok(Some(Self { runtime, connection, path, packs, last }))
    }

    /// Whether there are records of a kind between two numbers.
    pub fn any(&mut self, kind: FactKind, span: (i64, i64)) -> Result<bool, AdapterError> {
        if !self.packs_of(kind, span).is_empty() {
            return Ok(true);
        }
        let first = sqlx::query_scalar(
            "select exists (select 1 from record where kind = ? and sequence > ? and sequence <= ?)",
        )
        .bind(kind.name())
        .bind(span.0)
        .bind(span.1)
        .fetch_one(&mut self.connection);
        self.runtime.block_on(first).map_err(|error| unreadable(&self.path, &error))
    }

    /// Packs with records of a kind between two numbers.
    fn packs_of(&self, kind: FactKind, (after, up_to): (i64, i64)) -> Vec<(i64, i64)> {
        let within = |pack: &&(i64, i64)| kind == FactKind::Sales && pack.1 > after && pack.0 <= up_to;
        self.packs.iter().filter(within).copied().collect()
    }

    /// Hands over the records of a kind between two numbers, in order: packs hold earlier ones than the database.
    pub fn each(&mut self, kind: FactKind, span: (i64, i64), take: &mut Take<'_>) -> Result<(), AdapterError> {
        for pack in self.packs_of(kind, span) {
            let (sequences, contents) = packs::read(files::folder_of(&self.path), pack)?;
            let wanted = sequences.iter().zip(&contents).filter(|(at, _)| (span.0 + 1..=span.1).contains(at));
            let rows: Vec<(i64, &str)> = wanted.map(|(at, content)| (*at, content.as_str())).collect();
            for some in rows.chunks(READ_AT_ONCE as usize) {
                self.hand_over(kind, some, take)?;
            }
        }
        let mut after = span.0;
        loop {
            let read = sqlx::query(
                "select sequence, content from record where kind = ? and sequence > ? and sequence <= ? \
                 order by sequence limit ?",
            )
            .bind(kind.name())
            .bind(after)
            .bind(span.1)
            .bind(READ_AT_ONCE)
            .fetch_all(&mut self.connection);
            let read = self.runtime.block_on(read).map_err(|error| unreadable(&self.path, &error))?;
            let rows: Result<Vec<(i64, &str)>, sqlx::Error> =
                read.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect();
            let rows = rows.map_err(|error| unreadable(&self.path, &error))?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            self.hand_over(kind, &rows, take)?;
        }
    }

    fn hand_over(&self, kind: FactKind, rows: &[(i64, &str)], take: &mut Take<'_>) -> Result<(), AdapterError> {
        let read = |(_, content): &(i64, &str)| serde_json::from_str::<Map<String, Value>>(content);
        let records: Result<Vec<_>, _> = rows.iter().map(read).collect();
        let records = records.map_err(|error| {
            AdapterError::form(&self.path, format!("holds a record that cannot be read ({error})"), "JSON")
        })?;
        let numbers: Vec<u64> = rows.iter().map(|(sequence, _)| *sequence as u64).collect();
        take(&numbers, &columns(kind, &records.iter().collect::<Vec<_>>()))
    }
}

fn unreadable(path: &Path, error: &sqlx::Error) -> AdapterError {
    AdapterError::form(path, format!("cannot be read ({error})"), "the records of a desk; restore them from a backup")
}
