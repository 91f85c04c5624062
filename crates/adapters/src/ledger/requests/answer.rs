//! Answers to requests: signatures, and what people write beside them.

use super::super::{Ledger, LedgerError};
use super::{Kept, NotTaken, Step, rows, told};
use crate::database::query;
use endcap_govern::approval::{Signature, Staff};
use endcap_govern::audit::Told;
use jiff::Timestamp;

/// Who tries something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// A person, by name.
    Person(&'a str),
    /// A program with a token of somebody's.
    Program(&'a str),
}

impl By<'_> {
    fn told(&self) -> Told {
        let (Self::Person(name) | Self::Program(name)) = self;
        Told::personal(name)
    }
}

/// An answer to keep.
#[derive(Clone, Debug)]
pub struct Answered<'a> {
    /// The answer, signed.
    pub signature: Signature,
    /// What the person says beside it.
    pub comment: Option<&'a str>,
    /// The version that the person saw; nothing where that does not matter.
    pub version: Option<u64>,
}

impl Ledger {
    /// Keeps an answer to a request. The same answer of the same person again changes nothing.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept. The inner error is why it does not count; it is in the audit trail then.
    pub async fn answer(
        &self,
        id: &str,
        answered: Answered<'_>,
        staff: &Staff,
        now: Timestamp,
    ) -> Result<Result<Kept, NotTaken>, LedgerError> {
        let Answered { signature, comment, version } = answered;
        let mut transaction = self.begin().await?;
        let kept = rows::one(&mut transaction, id).await?;
        let (person, step) = (signature.person.clone(), rows::step_of(signature.answer));
        if let Some(kept) = kept.as_ref().filter(|kept| has_answered(kept, &signature)) {
            return Ok(Ok(kept.clone()));
        }
        let (content, hash) = rows::content_of(&signature);
        let counted = counts(kept.as_ref(), signature, version, staff, now);
        let actor = Told::personal(person);
        let subject = kept.as_ref().map(|kept| &kept.request.subject);
        let place = match (counted, subject) {
            (Ok(place), Some(subject)) => {
                let mut entry = told::with_content(told::done(step, actor, id, subject), &hash);
                entry.reasons = comment.map(Told::personal).into_iter().collect();
                (place, entry)
            }
            (counted, subject) => {
                let why = counted.err().unwrap_or(NotTaken::Missing);
                let entry = told::refused(step, actor, id, subject, &why);
                self.append(&mut transaction, vec![(now, entry)]).await?;
                transaction.commit().await?;
                return Ok(Err(why));
            }
        };
        let (place, entry) = place;
        let record = self.append(&mut transaction, vec![(now, entry)]).await?[0];
        query("insert into answer (request, place, record, content) values ($1, $2, $3, $4)")
            .bind(id)
            .bind(i64::try_from(place).unwrap_or(i64::MAX))
            .bind(i64::try_from(record).unwrap_or(i64::MAX))
            .bind(content)
            .execute(&mut transaction)
            .await?;
        let kept = rows::one(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(Ok(kept.expect("Invariant: a request that was just answered is there")))
    }

    /// Writes a question or an answer beside a request.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept. The inner error is why it was not.
    pub async fn ask_back(
        &self,
        id: &str,
        person: &str,
        words: &str,
        now: Timestamp,
    ) -> Result<Result<Kept, NotTaken>, LedgerError> {
        let mut transaction = self.begin().await?;
        let Some(kept) = rows::one(&mut transaction, id).await? else { return Ok(Err(NotTaken::Missing)) };
        let mut entry = told::done(Step::AskedBack, Told::personal(person), id, &kept.request.subject);
        entry.reasons = vec![Told::personal(words)];
        self.append(&mut transaction, vec![(now, entry)]).await?;
        let kept = rows::one(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(kept.ok_or(NotTaken::Missing))
    }

    /// Records that somebody tried something and may not.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be recorded.
    pub async fn refuse(
        &self,
        id: &str,
        step: Step,
        by: By<'_>,
        why: &NotTaken,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let kept = rows::one(&mut transaction, id).await?;
        let subject = kept.as_ref().map(|kept| &kept.request.subject);
        self.append(&mut transaction, vec![(now, told::refused(step, by.told(), id, subject, why))]).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Whether the person gave that answer before: a second click.
fn has_answered(kept: &Kept, signature: &Signature) -> bool {
    let same = |other: &Signature| {
        other.person == signature.person && other.answer == signature.answer && other.subject == signature.subject
    };
    kept.genuine.is_ok() && kept.request.signatures.iter().any(same)
}

/// The place that the answer takes, or why it takes none.
fn counts(
    kept: Option<&Kept>,
    signature: Signature,
    version: Option<u64>,
    staff: &Staff,
    now: Timestamp,
) -> Result<usize, NotTaken> {
    let kept = kept.ok_or(NotTaken::Missing)?;
    kept.genuine.clone()?;
    if version.is_some_and(|seen| seen != kept.version()) {
        return Err(NotTaken::Stale { version: kept.version() });
    }
    let mut request = kept.request.clone();
    request.sign(signature, staff, now)?;
    Ok(request.signatures.len())
}
