//! What feeds brought: where we stand in each source, what was set aside, and when each was heard last. Kept with the records,
//! so that neither is ever without the other.

use super::{FILE_NAME, Kept, Record, Records, RecordsError};
use endcap_agent::feed::{Mark, Marks};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Row, SqliteConnection, SqliteTransaction};
use std::path::Path;

/// Longest text of a message that is kept when it is set aside, in bytes.
const SHOWN_MAX: usize = 4096;

pub(super) const TABLES: [&str; 3] = [
    "create table if not exists feed (
        name     text primary key,
        begun    text not null,
        heard    text,
        new      integer not null default 0,
        replaced integer not null default 0,
        repeated integer not null default 0,
        aside    integer not null default 0,
        fault    text,
        fault_at text
    ) strict",
    "create table if not exists feed_mark (
        feed     text not null,
        part     text not null,
        position integer not null,
        hash     text not null,
        primary key (feed, part)
    ) strict, without rowid",
    "create table if not exists feed_aside (
        number   integer primary key autoincrement,
        feed     text not null,
        part     text not null,
        position integer not null,
        record   integer not null,
        reason   text not null,
        content  text not null,
        at       text not null,
        unique (feed, part, position, record, content)
    ) strict",
];

/// Where a record came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The part of the feed's source.
    pub part: String,
    /// The message there.
    pub position: u64,
    /// Its place in the message, 0 the first.
    pub record: usize,
}

/// A message, or a record of one, that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Where it came from.
    pub origin: Origin,
    /// Why, and what was expected.
    pub reason: String,
    /// How it begins.
    pub content: String,
}

/// What is kept of a feed together with the records that it brought.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The feed.
    pub feed: String,
    /// Where we stand now.
    pub marks: Marks,
    /// Parts that are over.
    pub over: Vec<String>,
    /// Where each record of the batch came from.
    pub origins: Vec<Origin>,
    /// What was set aside.
    pub aside: Vec<Aside>,
    /// Whether anything came at all.
    pub heard: bool,
    /// Why the source cannot be read now.
    pub fault: Option<String>,
}

/// How a feed stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// When it was opened first.
    pub begun: Timestamp,
    /// When a message came last.
    pub heard: Option<Timestamp>,
    /// Records that were new.
    pub new: u64,
    /// Records that took the place of an earlier one of their key.
    pub replaced: u64,
    /// Records that were there word for word.
    pub repeated: u64,
    /// Messages and records that were set aside.
    pub aside: u64,
    /// Why its source cannot be read, and since when.
    pub fault: Option<(String, Timestamp)>,
}

/// A set-aside row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAside {
    /// Its number.
    pub number: i64,
    /// The feed.
    pub feed: String,
    /// What was set aside.
    pub aside: Aside,
    /// When.
    pub at: Timestamp,
}

impl Records {
    /// Where we stand in a feed's source.
    ///
    /// # Errors
    /// [`RecordsError`] when it cannot be read.
    pub async fn marks(&self, feed: &str) -> Result<Marks, RecordsError> {
        let rows = sqlx::query("select part, position, hash from feed_mark where feed = ?")
            .bind(feed)
            .fetch_all(&self.readers)
            .await?;
        let mark = |row: &SqliteRow| {
            let position = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
            Ok((row.try_get(0)?, Mark { position, hash: row.try_get(2)? }))
        };
        rows.iter().map(mark).collect()
    }
}

/// How the feeds of a project stand; none where nothing ever came.
///
/// # Errors
/// [`RecordsError`] when `records.db` cannot be read.
pub async fn standings(project: &Path) -> Result<Vec<Standing>, RecordsError> {
    let Some(mut connection) = reader(project).await? else { return Ok(vec![]) };
    let rows = sqlx::query(
        "select name, begun, heard, new, replaced, repeated, aside, fault, fault_at from feed order by name",
    )
    .fetch_all(&mut connection)
    .await?;
    let count = |row: &SqliteRow, at: usize| row.try_get::<i64, _>(at).map(|count| u64::try_from(count).unwrap_or(0));
    let standing = |row: &SqliteRow| {
        Ok(Standing {
            name: row.try_get(0)?,
            begun: time(row.try_get(1)?)?,
            heard: row.try_get::<Option<String>, _>(2)?.map(time).transpose()?,
            new: count(row, 3)?,
            replaced: count(row, 4)?,
            repeated: count(row, 5)?,
            aside: count(row, 6)?,
            fault: match (row.try_get(7)?, row.try_get::<Option<String>, _>(8)?) {
                (Some(fault), Some(at)) => Some((fault, time(at)?)),
                _ => None,
            },
        })
    };
    Ok(rows.iter().map(standing).collect::<Result<_, sqlx::Error>>()?)
}

/// What feeds brought and could not be read, newest first, at most so many.
///
/// # Errors
/// [`RecordsError`] when `records.db` cannot be read.
pub async fn asides(project: &Path, most: u32) -> Result<Vec<KeptAside>, RecordsError> {
    let Some(mut connection) = reader(project).await? else { return Ok(vec![]) };
    let rows = sqlx::query(
        "select number, feed, part, position, record, reason, content, at from feed_aside order by number desc limit ?",
    )
    .bind(most)
    .fetch_all(&mut connection)
    .await?;
    let aside = |row: &SqliteRow| {
        let origin = Origin {
            part: row.try_get(2)?,
            position: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or_default(),
            record: usize::try_from(row.try_get::<i64, _>(4)?).unwrap_or_default(),
        };
        let aside = Aside { origin, reason: row.try_get(5)?, content: row.try_get(6)? };
        Ok(KeptAside { number: row.try_get(0)?, feed: row.try_get(1)?, aside, at: time(row.try_get(7)?)? })
    };
    Ok(rows.iter().map(aside).collect::<Result<_, sqlx::Error>>()?)
}

/// Opens the records to look; nothing where there are none, or they were made before there were feeds.
async fn reader(project: &Path) -> Result<Option<SqliteConnection>, sqlx::Error> {
    let path = project.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let mut connection = SqliteConnectOptions::new().filename(&path).read_only(true).connect().await?;
    let known = sqlx::query("select 1 from sqlite_master where name = 'feed'").fetch_optional(&mut connection).await?;
    Ok(known.map(|_| connection))
}

fn time(text: String) -> Result<Timestamp, sqlx::Error> {
    text.parse().map_err(|_| sqlx::Error::Protocol(format!("'{text}' is no time")))
}

/// Writes what is kept of a feed, in the transaction of its records.
pub(super) async fn write(
    transaction: &mut SqliteTransaction<'_>,
    step: &Step,
    (batch, kept): (&[Record], &[Kept]),
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let at = at.to_string();
    let mut asides: Vec<Value> = step.aside.iter().map(row).collect();
    for ((origin, record), _) in step.origins.iter().zip(batch).zip(kept).filter(|(_, kept)| **kept == Kept::Other) {
        let reason = "another sale has this id: give a new id, a sale that was kept never changes".to_owned();
        asides.push(row(&Aside { origin: origin.clone(), reason, content: record.content.clone() }));
    }
    let mut aside = 0;
    if !asides.is_empty() {
        let written = sqlx::query(
            "insert or ignore into feed_aside (feed, part, position, record, reason, content, at) \
             select ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2 from json_each(?3)",
        )
        .bind(&step.feed)
        .bind(&at)
        .bind(Value::from(asides).to_string())
        .execute(&mut **transaction)
        .await?;
        aside = i64::try_from(written.rows_affected()).unwrap_or(i64::MAX);
    }
    let marks: Vec<Value> =
        step.marks.iter().map(|(part, mark)| serde_json::json!([part, mark.position, mark.hash])).collect();
    if !marks.is_empty() {
        sqlx::query(
            "insert or replace into feed_mark (feed, part, position, hash) \
             select ?1, value ->> 0, value ->> 1, value ->> 2 from json_each(?2)",
        )
        .bind(&step.feed)
        .bind(Value::from(marks).to_string())
        .execute(&mut **transaction)
        .await?;
    }
    if !step.over.is_empty() {
        sqlx::query("delete from feed_mark where feed = ?1 and part in (select value from json_each(?2))")
            .bind(&step.feed)
            .bind(Value::from(step.over.clone()).to_string())
            .execute(&mut **transaction)
            .await?;
    }
    let count = |what| i64::try_from(kept.iter().filter(|kept| **kept == what).count()).unwrap_or(i64::MAX);
    sqlx::query(
        "insert into feed (name, begun, heard, new, replaced, repeated, aside, fault, fault_at) \
         values (?1, ?2, case when ?3 then ?2 end, ?4, ?5, ?6, ?7, ?8, case when ?8 is null then null else ?2 end) \
         on conflict (name) do update set heard = coalesce(excluded.heard, heard), new = new + excluded.new, \
         replaced = replaced + excluded.replaced, repeated = repeated + excluded.repeated, \
         aside = aside + excluded.aside, fault = excluded.fault, \
         fault_at = case when excluded.fault is null then null else coalesce(fault_at, excluded.fault_at) end",
    )
    .bind(&step.feed)
    .bind(&at)
    .bind(step.heard)
    .bind(count(Kept::New))
    .bind(count(Kept::Replaced))
    .bind(count(Kept::Repeated))
    .bind(aside)
    .bind(&step.fault)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn row(Aside { origin, reason, content }: &Aside) -> Value {
    let cut = (0..=SHOWN_MAX.min(content.len())).rev().find(|at| content.is_char_boundary(*at)).unwrap_or(0);
    serde_json::json!([origin.part, origin.position, origin.record, reason, &content[..cut]])
}
