//! The audit trail as auditors read it at the desk: records, whether all of it is whole, and the export.

use super::super::App;
use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use crate::checkpoints::missed;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use endcap_adapters::ledger::{self, FILE_NAME, Ledger};
use endcap_govern::Right;
use endcap_govern::audit::{Anchors, Digest32, Fault, Held, Note, Record, Ruling};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Records read at once.
const AT_ONCE: u32 = 500;
/// Records looked through for one answer at most; the next page goes on from there.
const LOOKED_AT_MAX: usize = 20_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(records)).routes(routes!(state)).routes(routes!(export))
}

/// Which records are wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Part of the name of who decided.
    actor: Option<String>,
    /// Part of what was decided.
    action: Option<String>,
    /// Part of what it was about.
    subject: Option<String>,
    /// Only what is older than this record.
    #[param(minimum = 1)]
    before: Option<u64>,
    /// Most records, 1 to 200; 50 when not given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Part of the trail, newest first.
#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    /// The records.
    items: Vec<AuditRecord>,
    /// `before` of the next part; nothing after the oldest.
    next: Option<u64>,
}

/// A decision.
#[derive(Serialize, ToSchema)]
pub struct AuditRecord {
    /// Its number.
    sequence: u64,
    /// When.
    at: String,
    /// Who; nothing once the name was erased.
    actor: Option<String>,
    /// For whom.
    on_behalf_of: Option<String>,
    /// What.
    action: String,
    /// On what; nothing once it was erased.
    subject: Option<String>,
    /// `allowed`, `refused` or `needs_person`.
    #[schema(value_type = String)]
    ruling: Ruling,
    /// Why, as far as it was not erased.
    reasons: Vec<String>,
    /// Hashes that it rests on, by name.
    grounds: BTreeMap<&'static str, String>,
}

/// Whether the trail is whole, and on whose word.
#[derive(Serialize, ToSchema)]
pub struct AuditState {
    /// Whether every record is as it was written.
    whole: bool,
    /// Records in all; nothing when they are not whole.
    records: Option<u64>,
    /// The first record that is not as it was.
    first_bad: Option<u64>,
    /// What is wrong.
    reason: Option<String>,
    /// On whose word: `witnessed`, `signed` (by the log's own key), or `self_attested`.
    word: &'static str,
    /// Records that a checkpoint of the log covers, checked with the keys of `desk.toml`.
    signed: u64,
    /// What witnesses have signed, checked with the keys of `desk.toml`.
    witnessed: Vec<AuditWitness>,
    /// The checkpoint that was kept last.
    checkpoint: Option<AuditCheckpoint>,
    /// Why it is not covered by checkpoints as `checkpoints.toml` wants it; nothing while it is, or nobody wants that.
    missed: Option<String>,
    /// Whether `desk.toml` names keys of the log, without which no signature is checked here.
    keys_known: bool,
}

/// What a witness has signed.
#[derive(Serialize, ToSchema)]
pub struct AuditWitness {
    /// The witness.
    by: String,
    /// Records.
    records: u64,
    /// When.
    at: String,
}

/// A checkpoint that lies with the trail.
#[derive(Serialize, ToSchema)]
pub struct AuditCheckpoint {
    /// Records that it covers.
    records: u64,
    /// When it was kept.
    at: String,
    /// Names under it.
    names: Vec<String>,
}

/// Decisions, newest first. That they were looked at is recorded: names are shown.
#[utoipa::path(get, path = "/audit", tag = "audit", params(Wanted),
    responses((status = OK, body = AuditPage), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn records(
    State(app): State<App>,
    who: Who,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Json<AuditPage>> {
    who.must(Right::Audit)?;
    let Query(wanted) = wanted?;
    let limit = match wanted.limit.unwrap_or(50) {
        limit @ 1..=200 => limit as usize,
        other => return Err(Problem::bad(format!("limit is {other}: expected 1 to 200"))),
    };
    let (mut items, mut before, mut looked_at) = (vec![], wanted.before, 0);
    loop {
        let (records, values) = app.ledger.before(before, AT_ONCE).await?;
        let end = records.len() < AT_ONCE as usize;
        for record in records {
            before = Some(record.sequence);
            looked_at += 1;
            let shown = shown(record, &values);
            if fits(&shown, &wanted) {
                items.push(shown);
            }
            if items.len() == limit {
                let next = before.filter(|sequence| *sequence > 1);
                return Ok(Json(AuditPage { items, next }));
            }
        }
        if end || looked_at >= LOOKED_AT_MAX {
            return Ok(Json(AuditPage { items, next: before.filter(|sequence| !end && *sequence > 1) }));
        }
    }
}

/// Whether the whole trail is as it was written, and who vouches for it.
#[utoipa::path(get, path = "/audit/state", tag = "audit", responses((status = OK, body = AuditState), (status = 403, body = Problem)))]
async fn state(State(app): State<App>, who: Who) -> Answer<Json<AuditState>> {
    who.must(Right::Audit)?;
    let path = app.settings.folder.join(FILE_NAME);
    let anchors = app.settings.audit_keys.clone();
    let keys_known = !anchors.log.is_empty();
    let mut found = ledger::verify(&path, &anchors).await.map_err(Problem::broken)?;
    if matches!(&found, Err(ledger::LedgerFault::Trail(Fault::Unwitnessed { .. }))) {
        // Whole, and on nobody else's word.
        let alone = Anchors { witnesses: vec![], ..anchors };
        found = ledger::verify(&path, &alone).await.map_err(Problem::broken)?;
    }
    let checkpoint = checkpoint(&app.ledger).await?;
    let missed = missed(&app.settings.folder, &app.ledger, (app.now)()).await?;
    Ok(Json(match found {
        Ok(verified) => {
            let witness = |one: &endcap_govern::audit::Witnessed| AuditWitness {
                by: one.by.clone(),
                records: one.records,
                at: one.at.to_string(),
            };
            let witnessed: Vec<AuditWitness> = verified.witnessed.iter().map(witness).collect();
            let word = match (witnessed.is_empty(), verified.signed) {
                (false, _) => "witnessed",
                (true, 0) => "self_attested",
                (true, _) => "signed",
            };
            let (records, signed) = (Some(verified.records), verified.signed);
            let (first_bad, reason) = (None, None);
            AuditState {
                whole: true,
                records,
                first_bad,
                reason,
                word,
                signed,
                witnessed,
                checkpoint,
                missed,
                keys_known,
            }
        }
        Err(fault) => AuditState {
            whole: false,
            records: None,
            first_bad: fault.first_bad(),
            reason: Some(fault.to_string()),
            word: "self_attested",
            signed: 0,
            witnessed: vec![],
            checkpoint,
            missed,
            keys_known,
        },
    }))
}

/// All records as they were hashed, a line each, to be verified elsewhere; personal values stay behind.
#[utoipa::path(get, path = "/audit/export", tag = "audit",
    responses((status = OK, content_type = "application/x-ndjson", body = String), (status = 403, body = Problem)))]
async fn export(State(app): State<App>, who: Who) -> Answer<Response> {
    who.must(Right::Audit)?;
    let mut lines = Vec::new();
    app.ledger
        .each(|record| {
            lines.extend_from_slice(record);
            lines.push(b'\n');
            Ok::<_, ledger::LedgerError>(())
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"trail.jsonl\""),
    ];
    Ok((headers, Body::from(lines)).into_response())
}

async fn checkpoint(ledger: &Ledger) -> Answer<Option<AuditCheckpoint>> {
    let kept = ledger.last_checkpoint().await?;
    Ok(kept.map(|(records, note, at)| AuditCheckpoint { records, at: at.to_string(), names: names(&note) }))
}

/// Names under a note, none of them checked.
fn names(note: &Note) -> Vec<String> {
    let text = note.to_string();
    let lines = text.lines().filter_map(|line| line.strip_prefix("\u{2014} "));
    lines.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn shown(record: Record, values: &BTreeMap<Digest32, String>) -> AuditRecord {
    let text = |held: &Held| match held {
        Held::Open(text) => Some(text.clone()),
        Held::Committed { commitment } => values.get(commitment).cloned(),
    };
    let entry = record.entry;
    let of = &entry.grounds;
    let grounds = [
        ("proposal", of.proposal.as_ref().map(ToString::to_string)),
        ("limits", of.limits.as_ref().map(ToString::to_string)),
        ("policy", of.policy.as_ref().map(ToString::to_string)),
        ("model", of.model.as_ref().map(ToString::to_string)),
        ("objectives", of.objectives.as_ref().map(ToString::to_string)),
        ("snapshot", of.snapshot.as_ref().map(ToString::to_string)),
        ("effect", entry.effect.clone()),
        ("answer", entry.answer.as_ref().map(ToString::to_string)),
    ];
    AuditRecord {
        sequence: record.sequence,
        at: record.at.to_string(),
        actor: text(&entry.actor),
        on_behalf_of: entry.on_behalf_of.as_ref().and_then(text),
        subject: text(&entry.subject),
        reasons: entry.reasons.iter().filter_map(text).collect(),
        action: entry.action,
        ruling: entry.ruling,
        grounds: grounds.into_iter().filter_map(|(name, hash)| Some((name, hash?))).collect(),
    }
}

fn fits(record: &AuditRecord, wanted: &Wanted) -> bool {
    let has = |found: Option<&str>, wanted: &Option<String>| {
        let wanted = wanted.as_deref().map(str::trim).filter(|wanted| !wanted.is_empty());
        wanted.is_none_or(|wanted| found.is_some_and(|found| found.to_lowercase().contains(&wanted.to_lowercase())))
    };
    has(record.actor.as_deref(), &wanted.actor)
        && has(Some(&record.action), &wanted.action)
        && has(record.subject.as_deref(), &wanted.subject)
}
