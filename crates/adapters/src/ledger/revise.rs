//! Changes to what was decided, in one transaction with their records: what waits, roll-outs, what is taken back.

use super::editions::still_in_force;
use super::outbox::{both, insert_decided, parsed, text, whole};
use super::{Ledger, LedgerError};
use crate::database::{Connection, Row, query};
use endcap_agent::outbox::{Everything, Recorded, Revision, Voided, Waiting};
use endcap_agent::rollout::{Rollouts, Step};
use endcap_govern::audit::Record;
use endcap_govern::edition::Edition;
use jiff::Timestamp;

impl Ledger {
    /// Changes what was decided: `change` sees everything as it is, and nothing can leave until what it says is kept.
    ///
    /// # Errors
    /// [`LedgerError`] when it could not be kept; then nothing is changed.
    pub async fn revise(
        &self,
        now: Timestamp,
        change: impl FnOnce(&Everything) -> Revision,
    ) -> Result<Revision, LedgerError> {
        self.revise_by(None, now, change).await
    }

    /// The same by limits that must still be in force where something is decided.
    pub(super) async fn revise_by(
        &self,
        by: Option<&Edition>,
        now: Timestamp,
        change: impl FnOnce(&Everything) -> Revision,
    ) -> Result<Revision, LedgerError> {
        let mut transaction = self.begin().await?;
        let revision = change(&everything(&mut transaction).await?);
        if revision.is_empty() {
            transaction.rollback().await?;
            return Ok(revision);
        }
        let decides = !revision.decide.is_empty();
        let mut transaction = still_in_force(transaction, by.filter(|_| decides)).await?;
        let Revision { decide, void, steps, records } = revision.clone();
        for Voided { number, reason, .. } in &void {
            query("update scheduled set void = $1, due = $2 where id = $3")
                .bind(reason)
                .bind(Timestamp::MAX.as_millisecond())
                .bind(*number)
                .execute(&mut transaction)
                .await?;
        }
        let voided = void.into_iter().map(|one| one.record);
        let entries = records.into_iter().chain(voided).map(|record| (now, record)).collect();
        self.append(&mut transaction, entries).await?;
        let (steps, records): (Vec<Step>, Vec<_>) =
            steps.into_iter().map(|(step, record)| (step, (now, record))).unzip();
        let numbers = self.append(&mut transaction, records).await?;
        for (step, number) in steps.iter().zip(numbers) {
            query("insert into rollout_step (plan, record, content) values ($1, $2, $3)")
                .bind(step.plan())
                .bind(whole(number))
                .bind(text(step))
                .execute(&mut transaction)
                .await?;
        }
        insert_decided(self, &mut transaction, decide, now).await?;
        transaction.commit().await?;
        Ok(revision)
    }

    /// What was decided and whose time has not come, or never will.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, LedgerError> {
        waiting(&mut self.database.reader().await?).await
    }

    /// The roll-outs.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn rollouts(&self) -> Result<Rollouts, LedgerError> {
        rollouts(&mut self.database.reader().await?).await
    }
}

async fn everything(connection: &mut Connection) -> Result<Everything, LedgerError> {
    let rows = query("select known, intent from message order by id").fetch_all(&mut *connection).await?;
    let messages = rows.iter().map(both).collect::<Result<_, _>>()?;
    Ok(Everything { waiting: waiting(connection).await?, messages, rollouts: rollouts(connection).await? })
}

async fn waiting(connection: &mut Connection) -> Result<Vec<Waiting>, LedgerError> {
    let rows = query(
        "select scheduled.id, due, subject, intent, waits, void, content from scheduled \
         left join record on record.sequence = scheduled.record order by scheduled.id",
    )
    .fetch_all(connection)
    .await?;
    let one = |row: &Row| {
        let (due, waits, void, record): (i64, Option<&str>, Option<String>, Option<&str>) =
            (row.try_get(1)?, row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
        let due =
            Timestamp::from_millisecond(due).ok().filter(|due| due.as_millisecond() != Timestamp::MAX.as_millisecond());
        let told = record.map(|content| parsed::<Record>("a record", content)).transpose()?;
        Ok(Waiting {
            number: row.try_get(0)?,
            due,
            subject: row.try_get(2)?,
            intent: parsed("a decision", row.try_get(3)?)?,
            waits: waits.map(|waits| parsed("what a decision waits for", waits)).transpose()?.unwrap_or_default(),
            void,
            told: told.map(|record| Recorded {
                at: record.at,
                effect: record.entry.effect,
                grounds: record.entry.grounds,
            }),
        })
    };
    rows.iter().map(one).collect()
}

/// The steps in their order; one that differs from its record stops its roll-out.
async fn rollouts(connection: &mut Connection) -> Result<Rollouts, LedgerError> {
    let rows = query(
        "select plan, rollout_step.content, record.content from rollout_step \
         left join record on record.sequence = rollout_step.record order by rollout_step.id",
    )
    .fetch_all(connection)
    .await?;
    let mut rollouts = Rollouts::default();
    for row in &rows {
        let (plan, step, record): (&str, &str, Option<&str>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let record = record.map(|content| parsed::<Record>("a record", content)).transpose()?;
        let step: Step = parsed("a step of a roll-out", step)?;
        let told = record.as_ref().and_then(|record| record.entry.effect.as_deref());
        if told == Some(step.name().as_str()) {
            rollouts.take(step);
        } else {
            rollouts.distrust(plan, record.map_or(Timestamp::MIN, |record| record.at));
        }
    }
    Ok(rollouts)
}
