//! What the audit trail tells of each step, and how it is read back.

use super::super::{LedgerError, read};
use super::{ACTION, Happened, NotTaken, Step, is_done};
use crate::database::{Connection, Row, query};
use endcap_govern::approval::Subject;
use endcap_govern::audit::{Digest32, Entry, Grounds, Held, Record, Ruling, Told};
use endcap_model::ContentHash;
use std::collections::BTreeMap;

/// The entry of something that was done.
pub(super) fn done(step: Step, actor: Told, id: &str, subject: &Subject) -> Entry<Told> {
    let ruling = match step {
        Step::Asked => Ruling::NeedsPerson,
        Step::TurnedDown => Ruling::Refused,
        Step::Signed | Step::AskedBack | Step::Used => Ruling::Allowed,
    };
    Entry { grounds: grounds(subject), ..Entry::new(actor, step.action(), Told::open(id), ruling) }
}

/// The entry of something that was refused.
pub(super) fn refused(step: Step, actor: Told, id: &str, subject: Option<&Subject>, why: &NotTaken) -> Entry<Told> {
    // What somebody typed may be anything: only names of requests that there are go into the trail.
    let about = if subject.is_some() { Told::open(id) } else { Told::open("a request that is not there") };
    let reasons = match why {
        NotTaken::SaidNo { by } => vec![Told::open("it was turned down before"), Told::personal(by)],
        why => vec![Told::open(why)],
    };
    let grounds = subject.map(grounds).unwrap_or_default();
    Entry { reasons, grounds, ..Entry::new(actor, step.action(), about, Ruling::Refused) }
}

fn grounds(subject: &Subject) -> Grounds {
    Grounds {
        proposal: Some(subject.proposal.clone()),
        limits: Some(subject.limits.clone()),
        policy: Some(subject.policy.clone()),
        model: None,
        snapshot: Some(subject.data.clone()),
        objectives: None,
    }
}

/// Adds the hash of the stored row, so that the row can be held against its record.
pub(super) fn with_content(entry: Entry<Told>, content: &ContentHash) -> Entry<Told> {
    Entry { answer: Some(content.clone()), ..entry }
}

/// Records about approvals in order: about one subject, or all.
pub(super) async fn records(connection: &mut Connection, subject: Option<&str>) -> Result<Vec<Record>, LedgerError> {
    // The conditions are those of the index `record_approval`.
    let rows = match subject {
        Some(subject) => {
            query(
                "select content from record where instr(content, '\"action\":\"approval: ') > 0 \
                 and case when json_valid(content) then content ->> 'subject' end = $1 order by sequence",
            )
            .bind(subject)
            .fetch_all(connection)
            .await?
        }
        None => {
            query("select content from record where instr(content, '\"action\":\"approval: ') > 0 order by sequence")
                .fetch_all(connection)
                .await?
        }
    };
    let record = |row: &Row| read::parsed::<Record>("a record", row.try_get(0)?);
    let records = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().filter(|record| record.entry.action.starts_with(ACTION)).collect())
}

/// The step that a record tells of, and whether it was done.
pub(super) fn step_of(record: &Record) -> Option<(Step, bool)> {
    let entry = &record.entry;
    let step = Step::ALL.into_iter().find(|step| step.action() == entry.action)?;
    Some((step, is_done(step, entry.ruling, entry.answer.is_some())))
}

/// What a record tells, with the personal values that were not erased.
pub(super) fn happened(record: &Record, openings: &BTreeMap<Digest32, String>) -> Option<Happened> {
    let (step, done) = step_of(record)?;
    let text = |held: &Held| match held {
        Held::Open(text) => Some(text.clone()),
        Held::Committed { commitment } => openings.get(commitment).cloned(),
    };
    let entry = &record.entry;
    Some(Happened {
        record: record.sequence,
        at: record.at,
        step,
        who: text(&entry.actor),
        done,
        words: entry.reasons.iter().filter_map(text).collect(),
    })
}
