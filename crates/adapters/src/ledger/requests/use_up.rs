//! Using an approval up: once, for one effect.

use super::super::{Ledger, LedgerError};
use super::ask::register;
use super::{Kept, NotTaken, Step, Used, rows, told};
use crate::database::query;
use endcap_govern::NotApproved;
use endcap_govern::approval::{Register, Request};
use endcap_govern::audit::Told;
use jiff::Timestamp;

/// What an approval is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use<'a> {
    /// Key of the effect.
    pub effect: &'a str,
    /// Events that the loop's journal holds.
    pub journal: u64,
    /// Places in the journal at which the effect happened, from 0.
    pub happened: &'a [u64],
    /// Why nothing may go out now, whoever signed.
    pub stopped: Option<&'a str>,
}

impl Ledger {
    /// Uses an approval up when `check` lets it through, and records it; when this returns, the effect may follow. A use whose
    /// effect was cut off may be gone on with, for the same effect alone.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept. The inner error is why it may not be used; it is in the audit trail then.
    pub async fn use_up<T>(
        &self,
        id: &str,
        wanted: Use<'_>,
        now: Timestamp,
        check: impl FnOnce(&Request, &mut Register) -> Result<T, NotApproved>,
    ) -> Result<Result<T, NotTaken>, LedgerError> {
        let mut transaction = self.begin().await?;
        let all = rows::load(&mut transaction, None).await?;
        let kept = all.iter().find(|kept| kept.id == id);
        let cut_off =
            |used: &Used| used.effect == wanted.effect && wanted.happened.iter().all(|place| *place < used.journal);
        let goes_on = kept.and_then(|kept| kept.used.as_ref()).is_some_and(cut_off);
        let mut register = register(&all, goes_on.then_some(id));
        let passed = checked(kept, wanted, &mut register, check);
        let actor = || Told::open("endcap");
        let (passed, kept) = match (passed, kept) {
            (Ok(passed), Some(kept)) => (passed, kept),
            (passed, kept) => {
                let why = passed.err().unwrap_or(NotTaken::Missing);
                let subject = kept.map(|kept| &kept.request.subject);
                let entry = told::refused(Step::Used, actor(), id, subject, &why);
                self.append(&mut transaction, vec![(now, entry)]).await?;
                transaction.commit().await?;
                return Ok(Err(why));
            }
        };
        if !goes_on {
            let mut entry = told::done(Step::Used, actor(), id, &kept.request.subject);
            entry.effect = Some(wanted.effect.to_owned());
            let record = self.append(&mut transaction, vec![(now, entry)]).await?[0];
            query("insert into used (nonce, request, effect, journal, at, record) values ($1, $2, $3, $4, $5, $6)")
                .bind(&kept.request.subject.nonce)
                .bind(id)
                .bind(wanted.effect)
                .bind(i64::try_from(wanted.journal).unwrap_or(i64::MAX))
                .bind(now.to_string())
                .bind(i64::try_from(record).unwrap_or(i64::MAX))
                .execute(&mut transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Ok(passed))
    }
}

fn checked<T>(
    kept: Option<&Kept>,
    wanted: Use<'_>,
    register: &mut Register,
    check: impl FnOnce(&Request, &mut Register) -> Result<T, NotApproved>,
) -> Result<T, NotTaken> {
    let kept = kept.ok_or(NotTaken::Missing)?;
    kept.genuine.clone()?;
    if let Some(why) = wanted.stopped {
        return Err(NotTaken::Stopped(why.to_owned()));
    }
    Ok(check(&kept.request, register)?)
}
