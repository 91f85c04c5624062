//! Which limits hold among all who act on this ledger, each change with its record in the audit trail.

use super::outbox::{parsed, text, whole};
use super::{Ledger, LedgerError};
use crate::database::{Connection, Transaction, query};
use endcap_govern::audit::{Entry, Ruling, Told};
use endcap_govern::edition::{Edition, Standing};
use jiff::Timestamp;

/// What programs sign with.
const PROGRAM: &str = "endcap";

impl Ledger {
    /// Puts an edition in force where nobody went by it before, and says how it stood.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept.
    pub async fn go_by(&self, edition: &Edition, at: Timestamp) -> Result<Standing, LedgerError> {
        // Most of the time nothing changes, and then nobody is kept waiting.
        if in_force(&mut self.database.reader().await?).await?.as_ref() == Some(edition) {
            return Ok(Standing::InForce);
        }
        let mut transaction = self.begin().await?;
        let standing = edition.among(&all(&mut transaction).await?);
        if standing == Standing::New {
            let entry = Entry::new(Told::open(PROGRAM), "limits in force", Told::open(edition), Ruling::Allowed);
            self.put(&mut transaction, edition, (at, entry)).await?;
            transaction.commit().await?;
        }
        Ok(standing)
    }

    /// Puts an edition in force because a named person says so, whatever held before.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept.
    pub async fn adopt(&self, edition: &Edition, by: Told, reason: Told, at: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let mut entry = Entry::new(by, "limits in force", Told::open(edition), Ruling::Allowed);
        entry.reasons = vec![reason];
        self.put(&mut transaction, edition, (at, entry)).await?;
        Ok(transaction.commit().await?)
    }

    async fn put(
        &self,
        transaction: &mut Transaction,
        edition: &Edition,
        record: (Timestamp, Entry<Told>),
    ) -> Result<(), LedgerError> {
        let number = self.append(transaction, vec![record]).await?[0];
        query("insert into edition (content, record) values ($1, $2)")
            .bind(text(edition))
            .bind(whole(number))
            .execute(transaction)
            .await?;
        Ok(())
    }
}

/// Gives the transaction up where others put something else in force than what this program goes by.
pub(super) async fn still_in_force(
    mut transaction: Transaction,
    mine: Option<&Edition>,
) -> Result<Transaction, LedgerError> {
    let Some(mine) = mine else { return Ok(transaction) };
    match in_force(&mut transaction).await? {
        Some(last) if last != *mine => {
            transaction.rollback().await?;
            Err(LedgerError::Replaced(mine.clone()))
        }
        _ => Ok(transaction),
    }
}

async fn in_force(connection: &mut Connection) -> Result<Option<Edition>, LedgerError> {
    let last = query("select content from edition order by id desc limit 1").fetch_optional(connection).await?;
    last.map(|row| parsed("an edition of limits", row.try_get(0)?)).transpose()
}

async fn all(connection: &mut Connection) -> Result<Vec<Edition>, LedgerError> {
    let rows = query("select content from edition order by id").fetch_all(connection).await?;
    rows.iter().map(|row| parsed("an edition of limits", row.try_get(0)?)).collect()
}
