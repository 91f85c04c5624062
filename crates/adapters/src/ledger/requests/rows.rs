//! Reading requests: rows, the records they were written with, and whether the two agree.

use super::super::{Ledger, LedgerError, read};
use super::{Kept, NotGenuine, NotTaken, Step, Stored, Used, told};
use crate::database::{Connection, Row, query};
use endcap_govern::approval::{Answer, Request, Signature};
use endcap_govern::audit::{Held, Record};
use endcap_model::{ContentHash, hash_bytes};
use std::collections::BTreeMap;

impl Ledger {
    /// All requests, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn requests(&self) -> Result<Vec<Kept>, LedgerError> {
        load(&mut self.database.reader().await?, None).await
    }

    /// One request.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn request(&self, id: &str) -> Result<Option<Kept>, LedgerError> {
        one(&mut self.database.reader().await?, id).await
    }
}

pub(super) async fn one(connection: &mut Connection, id: &str) -> Result<Option<Kept>, LedgerError> {
    Ok(load(connection, Some(id)).await?.pop())
}

/// A row of an answer as stored.
struct AnswerRow {
    place: i64,
    record: u64,
    content: String,
}

pub(super) async fn load(connection: &mut Connection, id: Option<&str>) -> Result<Vec<Kept>, LedgerError> {
    let rows = query("select id, record, content from request where $1 is null or id = $1 order by number")
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
    let mut answers = answers(connection, id).await?;
    let mut uses = uses(connection, id).await?;
    let mut records: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in told::records(connection, id).await? {
        if let Held::Open(subject) = &record.entry.subject {
            records.entry(subject.clone()).or_default().push(record);
        }
    }
    let openings = read::values(connection, &records.values().flatten().cloned().collect::<Vec<_>>()).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let (id, content): (String, &str) = (row.try_get(0)?, row.try_get(2)?);
        let record = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
        let told = records.remove(&id).unwrap_or_default();
        let given = answers.remove(&id).unwrap_or_default();
        let used = uses.remove(&id);
        let genuine = genuine((record, content), &given, used.is_some(), &told);
        let stored: Stored = read::parsed("a request", content)?;
        let as_asked = |request: &Request| request.is_as_asked(&stored.salt.0).map_err(NotTaken::from);
        let request = request(&stored, &given)?;
        all.push(Kept {
            id,
            genuine: genuine.map_err(NotTaken::from).and_then(|()| as_asked(&request)),
            request,
            plan: stored.plan,
            money: stored.money,
            currency: stored.currency,
            reasons: stored.reasons,
            happened: told.iter().filter_map(|record| told::happened(record, &openings)).collect(),
            used,
        });
    }
    Ok(all)
}

fn request(stored: &Stored, answers: &[AnswerRow]) -> Result<Request, LedgerError> {
    let signatures = answers.iter().map(|row| read::parsed::<Signature>("an answer", &row.content));
    Ok(Request {
        subject: stored.subject.clone(),
        proposer: stored.proposer.clone(),
        asked: stored.asked,
        at_risk: stored.at_risk,
        chain: stored.chain.clone(),
        signatures: signatures.collect::<Result<_, _>>()?,
    })
}

/// Holds rows against the records that they were written with.
fn genuine(
    (record, content): (u64, &str),
    answers: &[AnswerRow],
    used: bool,
    told: &[Record],
) -> Result<(), NotGenuine> {
    let done = |wanted: &[Step]| -> Vec<&Record> {
        let fits = |record: &&Record| told::step_of(record).is_some_and(|(step, done)| done && wanted.contains(&step));
        told.iter().filter(fits).collect()
    };
    let is_of = |record: &Record, content: &str| record.entry.answer == Some(hash_bytes(content.as_bytes()));
    match done(&[Step::Asked])[..] {
        [asked] if asked.sequence == record && is_of(asked, content) => {}
        [_] => return Err(NotGenuine::Edited),
        _ => return Err(NotGenuine::NotRecorded),
    }
    let given = done(&[Step::Signed, Step::TurnedDown]);
    let same = |(row, record): (&AnswerRow, &&Record)| row.record == record.sequence && is_of(record, &row.content);
    let in_order = answers.iter().zip(1..).all(|(row, place)| row.place == place);
    let was_used = !done(&[Step::Used]).is_empty();
    if given.len() != answers.len() || !in_order || !answers.iter().zip(&given).all(same) || used != was_used {
        return Err(NotGenuine::Answers);
    }
    Ok(())
}

async fn answers(
    connection: &mut Connection,
    id: Option<&str>,
) -> Result<BTreeMap<String, Vec<AnswerRow>>, LedgerError> {
    let rows = query(
        "select request, place, record, content from answer where $1 is null or request = $1 order by request, place",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    let mut answers: BTreeMap<String, Vec<AnswerRow>> = BTreeMap::new();
    for row in &rows {
        let record = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
        let answer = AnswerRow { place: row.try_get(1)?, record, content: row.try_get(3)? };
        answers.entry(row.try_get(0)?).or_default().push(answer);
    }
    Ok(answers)
}

async fn uses(connection: &mut Connection, id: Option<&str>) -> Result<BTreeMap<String, Used>, LedgerError> {
    let rows = query("select request, at, effect, journal from used where $1 is null or request = $1")
        .bind(id)
        .fetch_all(connection)
        .await?;
    let used = |row: &Row| {
        let at: String = row.try_get(1)?;
        let unreadable = |error: jiff::Error| LedgerError::Unreadable { what: "a use", reason: error.to_string() };
        let journal = u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0);
        Ok((row.try_get(0)?, Used { at: at.parse().map_err(unreadable)?, effect: row.try_get(2)?, journal }))
    };
    rows.iter().map(used).collect()
}

/// How many requests the audit trail knows.
pub(super) async fn recorded(connection: &mut Connection) -> Result<usize, LedgerError> {
    let records = told::records(connection, None).await?;
    Ok(records.iter().filter(|record| told::step_of(record) == Some((Step::Asked, true))).count())
}

/// The answer that a signature gives, as a step.
pub(super) fn step_of(answer: Answer) -> Step {
    match answer {
        Answer::Approve => Step::Signed,
        Answer::Refuse => Step::TurnedDown,
    }
}

pub(super) fn content_of(value: &impl serde::Serialize) -> (String, ContentHash) {
    let content = endcap_model::canonical_json(value);
    let hash = hash_bytes(content.as_bytes());
    (content, hash)
}
