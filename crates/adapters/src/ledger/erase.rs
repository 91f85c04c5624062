//! Erasing personal values: what their commitments were made of goes, the records stay as they are.

use super::{Ledger, LedgerError};
use crate::database::query;
use endcap_govern::audit::{Entry, Ruling, Told};
use jiff::Timestamp;

/// What to erase, and on whose word.
#[derive(Clone, Copy, Debug)]
pub struct Erasure<'a> {
    /// The value, as it was recorded.
    pub value: &'a str,
    /// Also longer values that hold it, such as a reason in somebody's own words.
    pub within: bool,
    /// Who erases.
    pub by: &'a str,
    /// Why, without the value.
    pub reason: &'a str,
}

/// What was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// How many values.
    pub values: u64,
    /// Number of the record that tells of it.
    pub record: u64,
    /// Longer values that still hold it.
    pub left: u64,
    /// Whether the file holds no trace of them now; otherwise another program reads it, and the trace goes when that
    /// ends, or PostgreSQL has it in its log of changes, and the trace goes as that does.
    pub gone: bool,
}

impl Ledger {
    /// Erases a personal value wherever it was recorded, and records that this was done.
    ///
    /// # Errors
    /// [`LedgerError::KeptAnew`] when name or reason hold the value, [`LedgerError`] when it cannot be written.
    pub async fn erase(&self, erasure: Erasure<'_>, at: Timestamp) -> Result<Erased, LedgerError> {
        let Erasure { value, within, by, reason } = erasure;
        for (text, what) in [(by, "name"), (reason, "reason")] {
            if text.contains(value) {
                return Err(LedgerError::KeptAnew(what));
            }
        }
        let mut transaction = self.begin().await?;
        let values = query("delete from opening where value = $1 or ($2 and instr(value, $1) > 0)")
            .bind(value)
            .bind(within)
            .execute(&mut transaction)
            .await?;
        let left = query("select count(*) from opening where instr(value, $1) > 0")
            .bind(value)
            .fetch_one(&mut transaction)
            .await?;
        let left: i64 = left.try_get(0)?;
        let subject = Told::open(format!("{values} personal values"));
        let mut entry = Entry::new(Told::personal(by), "personal values erased", subject, Ruling::Allowed);
        entry.reasons = vec![Told::personal(reason)];
        let record = self.append(&mut transaction, vec![(at, entry)]).await?[0];
        transaction.commit().await?;
        Ok(Erased {
            values,
            record,
            left: left.unsigned_abs(),
            gone: self.database.settle("vacuum (full, analyze) opening").await?,
        })
    }
}
