//! The ladder in the ledger: rungs that are only added to, each with its record in the audit trail.

use super::stops::said;
use super::{Ledger, LedgerError};
use crate::database::{Connection, query};
use endcap_govern::audit::{Entry, Record, Ruling, Told};
use endcap_govern::ladder::{Alarm, Field, Ladder, Rung};
use endcap_model::Autonomy;
use jiff::Timestamp;

/// What programs sign with.
const PROGRAM: &str = "endcap";

/// Who moves the machine to another rung, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// In which field.
    pub field: Field,
    /// Who, or what made it fall.
    pub by: Told,
    /// Why, in words.
    pub reasons: Vec<Told>,
    /// When.
    pub at: Timestamp,
}

impl Ledger {
    /// The ladder as it stands.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn ladder(&self) -> Result<Ladder, LedgerError> {
        ladder(&mut self.database.reader().await?).await
    }

    /// Moves the machine in one field, together with its record; `change` says where to, or why not. Where it says the same
    /// rung nothing is written.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept; the inner error is what `change` says.
    pub async fn move_to_rung<E>(
        &self,
        wanted: Move,
        change: impl FnOnce(&Ladder) -> Result<Ladder, E>,
    ) -> Result<Result<Ladder, E>, LedgerError> {
        let mut transaction = self.begin().await?;
        let before = ladder(&mut transaction).await?;
        let after = match change(&before) {
            Ok(after) => after,
            Err(why) => return Ok(Err(why)),
        };
        let (from, to) = (before.autonomy(&wanted.field), after.autonomy(&wanted.field));
        if from == to {
            return Ok(Ok(before));
        }
        let action = if to > from { "autonomy raised" } else { "autonomy lowered" };
        let mut entry = Entry::new(wanted.by, action, Told::open(&wanted.field), Ruling::Allowed);
        entry.reasons = wanted.reasons;
        entry.reasons.push(Told::open(format!("from {} to {}", word(from), word(to))));
        let record = self.append(&mut transaction, vec![(wanted.at, entry)]).await?[0];
        let Field { category, channel, action } = &wanted.field;
        query("insert into rung (category, channel, action, autonomy, at, record) values ($1, $2, $3, $4, $5, $6)")
            .bind(category)
            .bind(channel.as_str())
            .bind(action)
            .bind(word(to))
            .bind(wanted.at.to_string())
            .bind(i64::try_from(record).unwrap_or(i64::MAX))
            .execute(&mut transaction)
            .await?;
        let after = ladder(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Ok(after))
    }
}

impl Ledger {
    /// Raises an alarm: the machine falls by itself in these fields, or in every field where a rung was set, each with its
    /// record. Tells where it fell, and to which rung. A fall that changes nothing leaves no record.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept.
    pub async fn alarm(
        &self,
        fields: Option<&[Field]>,
        alarm: Alarm,
        why: &str,
        at: Timestamp,
    ) -> Result<Vec<(Field, Autonomy)>, LedgerError> {
        let before = self.ladder().await?;
        let all = || before.rungs().map(|(field, _)| field.clone()).collect();
        let mut fell = vec![];
        for field in fields.map_or_else(all, <[Field]>::to_vec) {
            let reasons = vec![Told::open(alarm), Told::open(why)];
            let wanted = Move { field: field.clone(), by: Told::open(PROGRAM), reasons, at };
            let fall = |ladder: &Ladder| Ok::<_, std::convert::Infallible>(ladder.fall(&field, alarm, at));
            let Ok(after) = self.move_to_rung(wanted, fall).await?;
            let rung = after.autonomy(&field);
            fell.extend((rung < before.autonomy(&field)).then_some((field, rung)));
        }
        Ok(fell)
    }
}

async fn ladder(connection: &mut Connection) -> Result<Ladder, LedgerError> {
    let rows = query(
        "select category, channel, rung.action, autonomy, rung.at, content from rung join record on sequence = record
         where id in (select max(id) from rung group by category, channel, action)",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut rungs = vec![];
    for row in &rows {
        let channel: &str = row.try_get(1)?;
        let field = Field { category: row.try_get(0)?, channel: channel.into(), action: row.try_get(2)? };
        let (autonomy, at, content): (&str, &str, &str) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
        let autonomy: Autonomy = serde_json::from_value(autonomy.into()).map_err(unreadable)?;
        let record: Record = serde_json::from_str(content).map_err(unreadable)?;
        let because = because(connection, &record).await?;
        rungs.push((field, Rung { autonomy, since: at.parse().map_err(unreadable)?, because }));
    }
    Ok(rungs.into())
}

/// Who moved it and why, as far as that was not erased.
async fn because(connection: &mut Connection, record: &Record) -> Result<String, LedgerError> {
    let by = said(connection, &record.entry.actor).await?;
    let moved = record.entry.action.trim_start_matches("autonomy ");
    let mut text = format!("{moved} by {by}");
    for (at, reason) in record.entry.reasons.iter().enumerate() {
        text += if at == 0 { ": " } else { "; " };
        text += &said(connection, reason).await?;
    }
    Ok(text)
}

/// The name of a rung in files.
fn word(autonomy: Autonomy) -> String {
    let value = serde_json::to_value(autonomy).expect("Invariant: a rung is JSON");
    value.as_str().unwrap_or_default().to_owned()
}

fn unreadable(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unreadable { what: "a rung", reason: error.to_string() }
}
