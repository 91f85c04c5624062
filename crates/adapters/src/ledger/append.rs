//! Adding records: in a caller's transaction, or many callers' with one sync to disk.

use super::{Ledger, LedgerError, Random, read};
use crate::database::{Connection, Database, DatabaseError, Transaction, query};
use endcap_govern::audit::{Entry, Sealed, Told, Trail};
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Decisions that are written with one sync at most.
pub(super) const AT_ONCE: usize = 256;

/// A decision that waits to be written.
pub(super) struct Order {
    at: Timestamp,
    entry: Entry<Told>,
    done: oneshot::Sender<Result<u64, LedgerError>>,
}

impl Ledger {
    /// Adds decisions in a transaction that its caller commits; until then nothing is kept. Returns their numbers.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be written; the transaction is then to be dropped.
    pub async fn append(
        &self,
        transaction: &mut Transaction,
        entries: Vec<(Timestamp, Entry<Told>)>,
    ) -> Result<Vec<u64>, LedgerError> {
        append(transaction, entries, self.random).await
    }

    /// Adds a decision; when this returns its number, the record survives a crash of the process or the machine.
    ///
    /// # Errors
    /// [`LedgerError`] when it could not be kept.
    pub async fn record(&self, at: Timestamp, entry: Entry<Told>) -> Result<u64, LedgerError> {
        let gone = || LedgerError::from(DatabaseError::Closed);
        let (done, answer) = oneshot::channel();
        self.orders.clone().send(Order { at, entry, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Writes what waits, many decisions with one sync.
pub(super) async fn clerk(database: Database, random: Random, waiting: mpsc::Receiver<Order>) {
    let mut waiting = waiting.ready_chunks(AT_ONCE);
    while let Some(orders) = waiting.next().await {
        let (entries, waiting): (Vec<_>, Vec<_>) =
            orders.into_iter().map(|order| ((order.at, order.entry), order.done)).unzip();
        let numbers = write(&database, entries, random).await;
        for (at, done) in waiting.into_iter().enumerate() {
            // Whoever asked may have gone: the record is kept all the same.
            let _ = done.send(numbers.as_ref().map(|numbers| numbers[at]).map_err(Clone::clone));
        }
    }
}

async fn write(
    database: &Database,
    entries: Vec<(Timestamp, Entry<Told>)>,
    random: Random,
) -> Result<Vec<u64>, LedgerError> {
    let mut transaction = database.begin().await?;
    let numbers = append(&mut transaction, entries, random).await?;
    transaction.commit().await?;
    Ok(numbers)
}

async fn append(
    connection: &mut Connection,
    entries: Vec<(Timestamp, Entry<Told>)>,
    random: Random,
) -> Result<Vec<u64>, LedgerError> {
    let mut trail = read::trail(connection).await?;
    let mut sealed = vec![];
    for (at, entry) in entries {
        sealed.push(trail.append(at, entry, &mut || random())?);
    }
    keep(connection, &trail, &sealed).await?;
    Ok(sealed.iter().map(|record| record.sequence).collect())
}

async fn keep(connection: &mut Connection, trail: &Trail, sealed: &[Sealed]) -> Result<(), LedgerError> {
    let records: Vec<Value> = sealed.iter().map(|record| json!([record.sequence, record.content])).collect();
    query("insert into record (sequence, content) select cast(value ->> 0 as bigint), value ->> 1 from json_each($1)")
        .bind(Value::from(records).to_string())
        .execute(&mut *connection)
        .await?;
    let opening = |opening: &endcap_govern::audit::Opening| {
        json!([opening.commitment, opening.salt.map(|byte| format!("{byte:02x}")).concat(), opening.value])
    };
    let openings: Vec<Value> = sealed.iter().flat_map(|record| &record.openings).map(opening).collect();
    query(
        "insert into opening (commitment, salt, value) select value ->> 0, value ->> 1, value ->> 2 from json_each($1)",
    )
    .bind(Value::from(openings).to_string())
    .execute(&mut *connection)
    .await?;
    query(
        "insert into tip (id, size, last, peaks) values (0, $1, $2, $3) \
         on conflict (id) do update set size = excluded.size, last = excluded.last, peaks = excluded.peaks",
    )
    .bind(i64::try_from(trail.tree.size()).unwrap_or(i64::MAX))
    .bind(trail.last.to_string())
    .bind(json!(trail.tree.peaks()).to_string())
    .execute(&mut *connection)
    .await?;
    Ok(())
}
