//! Reading the trail, its tip, checkpoints and what commitments were made of.

use super::{Ledger, LedgerError};
use crate::database::{Connection, Row, query};
use endcap_govern::audit::{Digest32, Entry, Held, Note, Opening, Record, Trail, Tree, leaf};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Records that are read at once.
const READ_AT_ONCE: i64 = 1 << 12;

impl Ledger {
    /// The end of the trail.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn trail(&self) -> Result<Trail, LedgerError> {
        trail(&mut self.database.reader().await?).await
    }

    /// Hands over the bytes of all records in order.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read; or what `take` says.
    pub async fn each<E: From<LedgerError>>(&self, take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        each(&mut self.database.reader().await.map_err(LedgerError::from)?, take).await
    }

    /// Hands over the number and the bytes of each record after one, in order.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read; or what `take` says.
    pub async fn after<E: From<LedgerError>>(
        &self,
        sequence: u64,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = i64::try_from(sequence).unwrap_or(i64::MAX);
        loop {
            let rows = query("select sequence, content from record where sequence > $1 order by sequence limit $2")
                .bind(after)
                .bind(READ_AT_ONCE)
                .fetch_all(&mut self.database.reader().await.map_err(LedgerError::from)?)
                .await
                .map_err(LedgerError::from)?;
            for row in &rows {
                after = row.try_get(0).map_err(LedgerError::from)?;
                take(after.unsigned_abs(), row.bytes(1).map_err(LedgerError::from)?)?;
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    /// Every checkpoint that was kept, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn kept_checkpoints(&self) -> Result<Vec<Note>, LedgerError> {
        checkpoints(&mut self.database.reader().await?).await
    }

    /// The first record that no checkpoint covers, with its time; nothing where all are covered.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn first_uncovered(&self) -> Result<Option<(u64, Timestamp)>, LedgerError> {
        let row = query(
            "select content from record \
             where sequence = (select coalesce(max(size), 0) + 1 from checkpoint)",
        )
        .fetch_optional(&mut self.database.reader().await?)
        .await?;
        let record: Option<Record> = row.map(|row| parsed("a record", row.try_get(0)?)).transpose()?;
        Ok(record.map(|record| (record.sequence, record.at)))
    }

    /// Leaf hashes of the first records, for proofs.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn leaves(&self, size: u64) -> Result<Vec<Digest32>, LedgerError> {
        let mut leaves = vec![];
        self.each(|content| {
            if (leaves.len() as u64) < size {
                leaves.push(leaf(content));
            }
            Ok::<_, LedgerError>(())
        })
        .await?;
        Ok(leaves)
    }

    /// The last records, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn last(&self, count: u32) -> Result<Vec<Record>, LedgerError> {
        let rows = query("select content from record order by sequence desc limit $1")
            .bind(count)
            .fetch_all(&mut self.database.reader().await?)
            .await?;
        rows.iter().rev().map(|row| parsed("a record", row.try_get(0)?)).collect()
    }

    /// Records before one, newest first, with the personal values in them that were not erased.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn before(
        &self,
        sequence: Option<u64>,
        count: u32,
    ) -> Result<(Vec<Record>, BTreeMap<Digest32, String>), LedgerError> {
        let sequence = sequence.map(|sequence| i64::try_from(sequence).unwrap_or(i64::MAX));
        let rows =
            query("select content from record where $1 is null or sequence < $1 order by sequence desc limit $2")
                .bind(sequence)
                .bind(count)
                .fetch_all(&mut self.database.reader().await?)
                .await?;
        let records = rows.iter().map(|row| parsed("a record", row.try_get(0)?)).collect::<Result<Vec<_>, _>>()?;
        let values = values(&mut self.database.reader().await?, &records).await?;
        Ok((records, values))
    }

    /// The checkpoint that was kept last, with the records that it covers and when it was kept.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn last_checkpoint(&self) -> Result<Option<(u64, Note, Timestamp)>, LedgerError> {
        let row = query("select size, note, at from checkpoint order by id desc limit 1")
            .fetch_optional(&mut self.database.reader().await?)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let unreadable = |reason: String| LedgerError::Unreadable { what: "a checkpoint", reason };
        let note = row.try_get::<&str, _>(1)?.parse();
        let at = row.try_get::<&str, _>(2)?.parse();
        Ok(Some((
            u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0),
            note.map_err(|error: endcap_govern::audit::NotANote| unreadable(error.to_string()))?,
            at.map_err(|error: jiff::Error| unreadable(error.to_string()))?,
        )))
    }

    /// Personal values that were not erased, by their commitments.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn openings(&self) -> Result<BTreeMap<Digest32, String>, LedgerError> {
        let openings = openings(&mut self.database.reader().await?).await?;
        Ok(openings.into_iter().map(|opening| (opening.commitment, opening.value)).collect())
    }

    /// Keeps a checkpoint beside those before it.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be written.
    pub async fn keep_checkpoint(&self, size: u64, note: &Note, at: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        query("insert into checkpoint (size, note, at) values ($1, $2, $3)")
            .bind(i64::try_from(size).unwrap_or(i64::MAX))
            .bind(note.to_string())
            .bind(at.to_string())
            .execute(&mut transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) async fn trail(connection: &mut Connection) -> Result<Trail, LedgerError> {
    let tip = query("select size, last, peaks from tip").fetch_optional(connection).await?;
    let Some(tip) = tip else { return Ok(Trail::default()) };
    let unreadable = |reason: String| LedgerError::Unreadable { what: "a tip", reason };
    let (size, last, peaks): (i64, String, &str) = (tip.try_get(0)?, tip.try_get(1)?, tip.try_get(2)?);
    let peaks = serde_json::from_str(peaks).map_err(|error| unreadable(error.to_string()))?;
    let tree = Tree::from_parts(u64::try_from(size).unwrap_or(0), peaks);
    Ok(Trail {
        tree: tree.ok_or_else(|| unreadable(format!("{size} records do not fit its peaks")))?,
        last: last.parse().map_err(|error: endcap_govern::audit::NotADigest| unreadable(error.to_string()))?,
    })
}

pub(super) async fn each<E: From<LedgerError>>(
    connection: &mut Connection,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = 0_i64;
    loop {
        let rows = query("select sequence, content from record where sequence > $1 order by sequence limit $2")
            .bind(after)
            .bind(READ_AT_ONCE)
            .fetch_all(&mut *connection)
            .await
            .map_err(LedgerError::from)?;
        for row in &rows {
            take(row.bytes(1).map_err(LedgerError::from)?)?;
            after = row.try_get(0).map_err(LedgerError::from)?;
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

pub(super) async fn openings(connection: &mut Connection) -> Result<Vec<Opening>, LedgerError> {
    let rows = query("select commitment, salt, value from opening").fetch_all(connection).await?;
    let opening = |row: &Row| {
        let digest = |column: usize| {
            let unreadable = |reason| LedgerError::Unreadable { what: "an opening", reason };
            let text: String = row.try_get(column)?;
            text.parse::<Digest32>().map_err(|error| unreadable(format!("{error}, found '{text}'")))
        };
        Ok(Opening { commitment: digest(0)?, salt: digest(1)?.0, value: row.try_get(2)? })
    };
    rows.iter().map(opening).collect()
}

/// What the commitments in some records were made of, where that was not erased.
pub(super) async fn values(
    connection: &mut Connection,
    records: &[Record],
) -> Result<BTreeMap<Digest32, String>, LedgerError> {
    let held = |record: &Record| -> Vec<Held> {
        let Entry { actor, on_behalf_of, subject, reasons, .. } = &record.entry;
        let all = [Some(actor), on_behalf_of.as_ref(), Some(subject)].into_iter().flatten().chain(reasons);
        all.cloned().collect()
    };
    let commitment = |held: Held| match held {
        Held::Committed { commitment } => Some(commitment.to_string()),
        Held::Open(_) => None,
    };
    let wanted: Vec<String> = records.iter().flat_map(held).filter_map(commitment).collect();
    let rows = query("select commitment, value from opening where commitment in (select value from json_each($1))")
        .bind(serde_json::json!(wanted).to_string())
        .fetch_all(connection)
        .await?;
    let value = |row: &Row| {
        let text: String = row.try_get(0)?;
        let unreadable = |reason| LedgerError::Unreadable { what: "an opening", reason };
        Ok((text.parse().map_err(|error| unreadable(format!("{error}, found '{text}'")))?, row.try_get(1)?))
    };
    rows.iter().map(value).collect()
}

pub(super) async fn checkpoints(connection: &mut Connection) -> Result<Vec<Note>, LedgerError> {
    let rows = query("select note from checkpoint order by id").fetch_all(connection).await?;
    let note = |row: &Row| {
        let unreadable = |error: endcap_govern::audit::NotANote| LedgerError::Unreadable {
            what: "a checkpoint",
            reason: error.to_string(),
        };
        row.try_get::<&str, _>(0)?.parse().map_err(unreadable)
    };
    rows.iter().map(note).collect()
}

pub(super) fn parsed<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|error| LedgerError::Unreadable { what, reason: error.to_string() })
}
