//! The journal in SQLite or PostgreSQL: one writer, full sync, each record chained to the one before by its hash.
//!
//! When [`Journal::append`] returns, the event survives a crash of the process or the machine. A record that was
//! changed, dropped or moved afterwards is found when the journal is read. (Against somebody who can rewrite the whole
//! chain it proves nothing; that needs an outside witness.)

use crate::database::{Database, DatabaseError, Row, Tables, query};
use endcap_agent::ports::{Journal, PortError};
use endcap_model::{Event, Hasher};
use std::path::Path;
use tokio::runtime::Runtime;

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "journal.db";

/// The table, written once for both databases.
pub(crate) const TABLES: Tables = Tables { name: "journal", versions: &[TABLE], secure_delete: false, readers: 1 };

const TABLE: &str = "create table if not exists journal (
    sequence integer primary key,
    at       text not null,
    event    text not null,
    previous text not null,
    hash     text not null unique
) strict";

/// A journal in a database.
pub struct StoredJournal {
    runtime: Runtime,
    database: Database,
    now: fn() -> jiff::Timestamp,
}

/// One record as stored.
struct Record {
    sequence: i64,
    at: String,
    event: String,
    previous: String,
    hash: String,
}

impl StoredJournal {
    /// Opens or creates the journal; `now` stamps each record. The path is where `journal.db` lies, or would lie where the
    /// folder's `endcap.toml` names PostgreSQL.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be opened or is no journal.
    pub fn open(path: &Path, now: fn() -> jiff::Timestamp) -> Result<Self, PortError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
        let opened = runtime.block_on(Database::open(path, TABLES)).map_err(|error| match error {
            DatabaseError::Sqlite(error) => broken(format!(
                "{} cannot be opened ({error}): check that the folder can be written to",
                path.display()
            )),
            error => broken(error),
        })?;
        let database = opened.map_err(|newer| broken(format!("it was made by a newer program ({newer})")))?;
        Ok(Self { runtime, database, now })
    }

    async fn records(&self) -> Result<Vec<Record>, DatabaseError> {
        let rows = query("select sequence, at, event, previous, hash from journal order by sequence")
            .fetch_all(&mut self.database.reader().await?)
            .await?;
        let record = |row: &Row| {
            Ok(Record {
                sequence: row.try_get(0)?,
                at: row.try_get(1)?,
                event: row.try_get(2)?,
                previous: row.try_get(3)?,
                hash: row.try_get(4)?,
            })
        };
        rows.iter().map(record).collect()
    }

    /// Appends events together, with one sync; when it returns, all of them survive a crash.
    ///
    /// # Errors
    /// [`PortError`] when they could not be made durable; then none is kept.
    pub fn append_all(&mut self, events: &[Event]) -> Result<(), PortError> {
        let at = (self.now)().to_string();
        let texts: Vec<String> = events.iter().map(endcap_model::canonical_json).collect();
        self.runtime.block_on(self.keep(&at, &texts)).map_err(broken)
    }

    /// Returns all events in order, each with when it was kept.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub fn read_with_times(&self) -> Result<Vec<(jiff::Timestamp, Event)>, PortError> {
        let mut before = String::new();
        let mut events = Vec::new();
        for (expected, record) in (1..).zip(self.runtime.block_on(self.records()).map_err(broken)?) {
            let hash = chain(record.sequence, &record.at, &record.event, &record.previous);
            if record.sequence != expected || record.previous != before || record.hash != hash {
                return Err(PortError {
                    port: "journal",
                    reason: format!("record {expected} was changed, dropped or moved: restore the journal from a copy"),
                });
            }
            before = record.hash;
            events.push((record.at.parse().map_err(broken)?, serde_json::from_str(&record.event).map_err(broken)?));
        }
        Ok(events)
    }

    async fn keep(&self, at: &str, events: &[String]) -> Result<(), DatabaseError> {
        let mut transaction = self.database.begin().await?;
        let last = query("select sequence, hash from journal order by sequence desc limit 1")
            .fetch_optional(&mut transaction)
            .await?;
        let (mut sequence, mut previous) = match last {
            Some(row) => (row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?),
            None => (0, String::new()),
        };
        for event in events {
            sequence += 1;
            let hash = chain(sequence, at, event, &previous);
            query("insert into journal (sequence, at, event, previous, hash) values ($1, $2, $3, $4, $5)")
                .bind(sequence)
                .bind(at)
                .bind(event)
                .bind(&previous)
                .bind(&hash)
                .execute(&mut transaction)
                .await?;
            previous = hash;
        }
        transaction.commit().await
    }
}

impl Journal for StoredJournal {
    fn append(&mut self, event: &Event) -> Result<(), PortError> {
        self.append_all(std::slice::from_ref(event))
    }

    fn read(&self) -> Result<Vec<Event>, PortError> {
        Ok(self.read_with_times()?.into_iter().map(|(_, event)| event).collect())
    }
}

fn chain(sequence: i64, at: &str, event: &str, previous: &str) -> String {
    let mut hasher = Hasher::default();
    hasher.add(sequence.to_be_bytes()).add(at).add(event).add(previous);
    hasher.finish().to_string()
}

fn broken(error: impl std::fmt::Display) -> PortError {
    PortError { port: "journal", reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ingested(snapshot: &str) -> Event {
        Event::Ingested { snapshot: snapshot.into(), rows_read: 3, rows_set_aside: 1 }
    }

    fn noon() -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    #[test]
    fn events_come_back_in_order_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        for name in ["a", "b", "c"] {
            StoredJournal::open(&path, noon).unwrap().append(&ingested(name)).unwrap();
        }
        let read = StoredJournal::open(&path, noon).unwrap().read().unwrap();
        assert_eq!(read, ["a", "b", "c"].map(ingested));
    }

    #[test]
    fn a_changed_or_dropped_record_is_found() {
        for tampering in [
            "update journal set event = replace(event, 'b', 'x') where sequence = 2",
            "delete from journal where sequence = 2",
            "update journal set at = 'later' where sequence = 1",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal.db");
            let mut journal = StoredJournal::open(&path, noon).unwrap();
            for name in ["a", "b", "c"] {
                journal.append(&ingested(name)).unwrap();
            }
            journal.runtime.block_on(async {
                let mut transaction = journal.database.begin().await.unwrap();
                query(tampering).execute(&mut transaction).await.unwrap();
                transaction.commit().await.unwrap();
            });
            assert!(journal.read().is_err(), "{tampering}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = StoredJournal::open(Path::new("/nowhere/at/all/journal.db"), noon).err().unwrap();
        assert!(error.to_string().contains("/nowhere/at/all/journal.db"), "{error}");
    }
}
