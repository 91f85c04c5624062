//! The stops in the ledger: rows that are only added to, each with its record in the audit trail.

use super::super::{Ledger, LedgerError};
use crate::database::{Connection, Home, Transaction, query};
use endcap_govern::audit::{Entry, Held, Record, Ruling, Told};
use endcap_govern::stop::{Order, Place, Scope, Stops};
use jiff::Timestamp;
use std::path::Path;
use std::time::Duration;

/// What stands in the place of a name or reason that was erased.
pub const ERASED: &str = "(erased)";
/// What programs sign with.
const PROGRAM: &str = "endcap";
/// Longest wait of a reader for another program.
const READ_WITHIN: Duration = Duration::from_millis(400);
/// Longest wait for a server that does not answer: a stop holds within a second all the same.
const ANSWER_WITHIN: Duration = Duration::from_millis(800);

/// What the ledger says; nothing is created or changed.
pub async fn read(path: &Path) -> Place {
    let home = match Home::of(path) {
        Ok(home) => home,
        Err(error) => return Place::Unreadable(error.to_string()),
    };
    if let Home::File(path) = &home {
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Place::Empty,
            Err(error) => return Place::Unreadable(error.to_string()),
        }
    }
    match tokio::time::timeout(ANSWER_WITHIN, opened_and_read(&home)).await {
        Ok(Ok(place)) => place,
        Ok(Err(error)) => Place::Unreadable(error.to_string()),
        Err(_) => Place::Unreadable("it does not answer".into()),
    }
}

async fn opened_and_read(home: &Home) -> Result<Place, LedgerError> {
    let mut connection = open(home).await?;
    let place = rows(&mut connection).await;
    connection.close().await?;
    place
}

/// Opens the ledger for reading alone.
pub async fn open(home: &Home) -> Result<Connection, LedgerError> {
    let within = match home {
        Home::File(_) => READ_WITHIN,
        Home::Postgres(_) => ANSWER_WITHIN,
    };
    Ok(Connection::to_read(home, within).await?)
}

/// What a connection to the ledger sees.
pub async fn rows(connection: &mut Connection) -> Result<Place, LedgerError> {
    if !connection.has_table("stop_order").await? {
        return Ok(Place::Empty);
    }
    let epoch = query("select max(epoch) from stop_order").fetch_one(connection).await?;
    let Some(epoch) = epoch.try_get::<Option<i64>, _>(0)? else { return Ok(Place::Empty) };
    let rows = query(
        "select scope, frozen, epoch, stop_order.at, content from stop_order join record on sequence = record
         where id in (select max(id) from stop_order where scope is not null group by scope)",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut orders = vec![];
    for row in &rows {
        let (scope, at, content): (&str, &str, &str) = (row.try_get(0)?, row.try_get(3)?, row.try_get(4)?);
        let (frozen, epoch): (bool, i64) = (row.try_get(1)?, row.try_get(2)?);
        let record: Record = serde_json::from_str(content).map_err(unreadable)?;
        let by = said(connection, &record.entry.actor).await?;
        let reason = match record.entry.reasons.first() {
            Some(reason) => said(connection, reason).await?,
            None => String::new(),
        };
        let at = at.parse().map_err(unreadable)?;
        let order = Order { frozen, epoch: epoch.unsigned_abs(), by, at, reason };
        orders.push((serde_json::from_str(scope).map_err(unreadable)?, order));
    }
    let stops = Stops::kept(epoch.unsigned_abs(), orders);
    Ok(stops.map_or_else(|| Place::Unreadable("its orders do not belong together".into()), Place::Kept))
}

/// Adds what the table lacks, each order with its record; the caller commits.
pub async fn add(
    ledger: &Ledger,
    transaction: &mut Transaction,
    stops: &Stops,
    there: &Place,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let known = match there {
        Place::Kept(known) => Some(known),
        Place::Empty | Place::Unreadable(_) => None,
    };
    if known.is_none() {
        insert(transaction, (None, false), stops.epoch(), now, None).await?;
    }
    let is_there = |scope: &Scope, order: &Order| {
        known.is_some_and(|known| known.orders().any(|(name, other)| name == scope && same(order, other)))
    };
    let mut lacking: Vec<_> = stops.orders().filter(|(scope, order)| !is_there(scope, order)).collect();
    lacking.sort_by_key(|(_, order)| order.epoch);
    let entries = lacking.iter().map(|(scope, order)| (now, entry(scope, order, now))).collect();
    let records = ledger.append(transaction, entries).await?;
    for ((scope, order), record) in lacking.into_iter().zip(records) {
        let scope = serde_json::to_string(scope).map_err(unreadable)?;
        insert(transaction, (Some(scope), order.frozen), order.epoch, order.at, Some(record)).await?;
    }
    Ok(())
}

/// Whether two places say the same of what may be sent, whatever they say of who and why.
pub fn says_the_same(one: &Stops, other: &Stops) -> bool {
    let (left, right) = (one.orders(), other.orders());
    one.epoch() == other.epoch()
        && left.count() == right.count()
        && one.orders().zip(other.orders()).all(|((a, left), (b, right))| a == b && same(left, right))
}

fn same(one: &Order, other: &Order) -> bool {
    (one.frozen, one.epoch) == (other.frozen, other.epoch)
}

async fn insert(
    transaction: &mut Transaction,
    (scope, frozen): (Option<String>, bool),
    epoch: u64,
    at: Timestamp,
    record: Option<u64>,
) -> Result<(), LedgerError> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    query("insert into stop_order (scope, frozen, epoch, at, record) values ($1, $2, $3, $4, $5)")
        .bind(scope)
        .bind(frozen)
        .bind(whole(epoch))
        .bind(at.to_string())
        .bind(record.map(whole))
        .execute(transaction)
        .await?;
    Ok(())
}

/// What the audit trail says of an order.
fn entry(scope: &Scope, order: &Order, now: Timestamp) -> Entry<Told> {
    let told = if order.by == PROGRAM { Told::Open } else { Told::Personal };
    let action = if order.frozen { "sending stopped" } else { "sending resumed" };
    let mut entry = Entry::new(told(order.by.clone()), action, Told::open(scope), Ruling::Allowed);
    if !order.reason.is_empty() {
        entry.reasons.push(told(order.reason.clone()));
    }
    if order.at != now {
        entry.reasons.push(Told::open(format!("ordered at {}, when the ledger could not be written", order.at)));
    }
    entry
}

/// A value of a record, or that it was erased.
pub async fn said(connection: &mut Connection, held: &Held) -> Result<String, LedgerError> {
    match held {
        Held::Open(text) => Ok(text.clone()),
        Held::Committed { commitment } => {
            let row = query("select value from opening where commitment = $1")
                .bind(commitment.to_string())
                .fetch_optional(connection)
                .await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_else(|| ERASED.to_owned()))
        }
    }
}

fn unreadable(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unreadable { what: "an order on stops", reason: error.to_string() }
}
