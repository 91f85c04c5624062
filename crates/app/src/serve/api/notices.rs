//! Notices: what people have to know, what became of it, and who takes care of it.

use super::super::App;
use super::super::access::{By, Who};
use super::super::live::Happened;
use super::super::problem::{Answer, Problem};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use endcap_agent::notices::{Acknowledged, Measured, Mute, Notice, Severity, Step};
use endcap_govern::{Right, may};
use endcap_model::{Sku, later};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest reason, in bytes.
const TEXT_MAX: usize = 1000;
/// Longest mute, in hours.
const HOURS_MAX: u32 = 8760;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).routes(routes!(acknowledge)).routes(routes!(mute))
}

/// Something that people have to know.
#[derive(Serialize, ToSchema)]
#[schema(as = Notice)]
pub struct Shown {
    /// Its name.
    id: String,
    /// `warning`, `critical` or `emergency`.
    severity: Severity,
    /// What kind of thing it is.
    kind: String,
    /// Who saw it.
    source: String,
    /// What it is about.
    about: String,
    /// The item, where it is about one.
    sku: Option<String>,
    /// The place, where it is about one.
    place: Option<String>,
    /// What happened.
    text: String,
    /// What to do.
    advice: String,
    /// What is at stake in minor units; nothing where that is not known.
    money: Option<i64>,
    /// What was measured beside what is usual.
    measured: Option<Measured>,
    /// The desk's page that shows it.
    page: Option<String>,
    /// When it opened.
    opened: String,
    /// When it was seen last.
    seen: String,
    /// How often it was seen.
    times: u32,
    /// Who takes care of it.
    acknowledged: Option<Acknowledged>,
    /// When it escalated.
    escalated: Option<String>,
    /// When it was over.
    over: Option<String>,
    /// Whether nobody wants to hear of it now.
    muted: bool,
}

/// What people have to know.
#[derive(Serialize, ToSchema)]
#[schema(as = Notices)]
pub struct All {
    /// What is open: the severe first, then by money.
    open: Vec<Shown>,
    /// What was over last, the latest first.
    over: Vec<Shown>,
    /// What nobody wants to hear for a while.
    mutes: Vec<Muted>,
    /// Messages of late.
    told: Vec<Told>,
    /// Whether the caller may answer.
    may_answer: bool,
}

/// What nobody wants to hear for a while.
#[derive(Serialize, ToSchema)]
pub struct Muted {
    /// The kind; nothing for all.
    kind: Option<String>,
    /// The item; nothing for all.
    sku: Option<String>,
    /// The place; nothing for all.
    place: Option<String>,
    /// Until when.
    until: String,
    /// Who wants that.
    by: String,
    /// Why.
    reason: String,
}

/// A message to a receiver.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeTold)]
pub struct Told {
    /// Who.
    receiver: String,
    /// What, in a line.
    subject: String,
    /// `due`, `leaving`, `done`, `failed` or `unclear`.
    state: String,
    /// Tries so far.
    tries: u32,
    /// When it was made.
    made: String,
    /// Why it failed, or is unclear.
    why: Option<String>,
}

/// A notice with all that became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeHistory)]
pub struct History {
    /// The notice.
    notice: Shown,
    /// What became of it, oldest first.
    steps: Vec<Taken>,
}

/// A step of a notice.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeStep)]
pub struct Taken {
    /// When.
    at: String,
    /// `new`, `worse`, `milder`, `acknowledged`, `not answered` or `over`.
    step: String,
    /// Who, where somebody did it.
    by: Option<String>,
    /// What was said.
    reason: Option<String>,
}

/// An answer to a notice.
#[derive(Deserialize, ToSchema)]
#[schema(as = NoticeAnswer)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// What is done about it, in the caller's words.
    reason: String,
}

/// What is to be muted.
#[derive(Deserialize, ToSchema)]
#[schema(as = NoticeMute)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Only this kind.
    kind: Option<String>,
    /// Only this item.
    sku: Option<String>,
    /// Only this place.
    place: Option<String>,
    /// For so many hours.
    #[schema(minimum = 1, maximum = 8760)]
    hours: u32,
    /// Why, in the caller's words.
    reason: String,
}

/// What people have to know, open and over.
#[utoipa::path(get, path = "/notices", tag = "notices", responses((status = OK, body = All)))]
async fn list(State(app): State<App>, who: Who) -> Answer<Json<All>> {
    who.must(Right::Read)?;
    let now = (app.now)();
    let (mut open, over, mutes) =
        (app.ledger.open_notices().await?, app.ledger.past_notices().await?, app.ledger.mutes(now).await?);
    open.sort_by(Notice::order);
    let shown = |notice: &Notice| Shown::of(notice, &mutes, now);
    let told = app.ledger.tellings(50).await?.into_iter().map(|kept| Told {
        receiver: kept.telling.receiver,
        subject: kept.telling.subject,
        state: kept.state,
        tries: kept.tries,
        made: format!("{:.0}", kept.made),
        why: kept.why,
    });
    Ok(Json(All {
        open: open.iter().map(shown).collect(),
        over: over.iter().map(shown).collect(),
        told: told.collect(),
        may_answer: may_answer(&who),
        mutes: mutes.iter().map(Muted::of).collect(),
    }))
}

/// A notice with all that became of it.
#[utoipa::path(get, path = "/notices/{id}", tag = "notices", params(("id" = String, Path, description = "Its name")),
    responses((status = OK, body = History), (status = 404, body = Problem)))]
async fn one(State(app): State<App>, who: Who, id: Result<Path<String>, PathRejection>) -> Answer<Json<History>> {
    who.must(Right::Read)?;
    let Path(id) = id?;
    let (notice, steps) = app.ledger.notice(&id).await?.ok_or_else(|| missing(&id))?;
    let now = (app.now)();
    let mutes = app.ledger.mutes(now).await?;
    let taken = |(at, step): (Timestamp, Step)| {
        let word = step.word().to_owned();
        let (by, reason) = match step {
            Step::Acknowledged { by, reason } => (Some(by), Some(reason)),
            _ => (None, None),
        };
        Taken { at: format!("{at:.0}"), step: word, by, reason }
    };
    Ok(Json(History { notice: Shown::of(&notice, &mutes, now), steps: steps.into_iter().map(taken).collect() }))
}

/// Say that you take care of a notice; it does not escalate then. Recorded.
#[utoipa::path(post, path = "/notices/{id}/acknowledgements", tag = "notices", request_body = Said,
    params(("id" = String, Path, description = "Its name")),
    responses((status = OK, body = Shown), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn acknowledge(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    said: Result<Json<Said>, JsonRejection>,
) -> Answer<Json<Shown>> {
    must_answer(&who)?;
    let (Path(id), Json(said)) = (id?, said?);
    let (reason, now) = (given(&said.reason)?, (app.now)());
    let answered = app.ledger.acknowledge_notice(&id, (&who.account.name, reason), now).await?;
    let notice = answered.ok_or_else(|| missing(&id))?;
    app.live.tell(Happened::Notices { open: app.ledger.open_notices().await?.len() });
    Ok(Json(Shown::of(&notice, &[], now)))
}

/// Tell nobody of some things for a while; they are shown all the same. Recorded.
#[utoipa::path(post, path = "/notices/mutes", tag = "notices", request_body = Wanted,
    responses((status = OK, body = Muted), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn mute(State(app): State<App>, who: Who, wanted: Result<Json<Wanted>, JsonRejection>) -> Answer<Json<Muted>> {
    must_answer(&who)?;
    let (Json(wanted), now) = (wanted?, (app.now)());
    if !(1..=HOURS_MAX).contains(&wanted.hours) {
        return Err(Problem::unprocessable(format!("hours: expected 1 to {HOURS_MAX}")));
    }
    let mute = Mute {
        kind: wanted.kind,
        sku: wanted.sku.as_deref().map(Sku::new),
        place: wanted.place,
        from: now,
        until: later(now, SignedDuration::from_hours(wanted.hours.into())),
        by: who.account.name.clone(),
        reason: given(&wanted.reason)?.to_owned(),
    };
    app.ledger.mute_notices(&mute, now).await?;
    app.live.tell(Happened::Notices { open: app.ledger.open_notices().await?.len() });
    Ok(Json(Muted::of(&mute)))
}

fn may_answer(who: &Who) -> bool {
    let works = [Right::Plan, Right::PlanSupply, Right::Approve, Right::Ingest]
        .into_iter()
        .any(|right| may(&who.account.roles, right));
    works && matches!(who.by, By::Session { .. })
}

/// An answer is a person's who works with plans, supply or data.
fn must_answer(who: &Who) -> Answer<()> {
    match may_answer(who) {
        true => Ok(()),
        false => Err(Problem::forbidden(
            "Notices are answered by people who plan, approve or bring data in, signed in themselves.",
        )),
    }
}

fn given(reason: &str) -> Answer<&str> {
    let reason = reason.trim();
    match (1..=TEXT_MAX).contains(&reason.len()) {
        true => Ok(reason),
        false => Err(Problem::unprocessable(format!(
            "reason: say what is done in 1 to {TEXT_MAX} bytes; it goes into the audit trail"
        ))),
    }
}

fn missing(id: &str) -> Problem {
    Problem::missing(format!("open notice {id}"))
}

impl Shown {
    fn of(notice: &Notice, mutes: &[Mute], now: Timestamp) -> Self {
        let (signal, time) = (&notice.signal, |at: Timestamp| format!("{at:.0}"));
        Self {
            id: notice.id.clone(),
            severity: notice.severity,
            kind: signal.kind.clone(),
            source: signal.source.clone(),
            about: signal.about.clone(),
            sku: signal.sku.as_ref().map(ToString::to_string),
            place: signal.place.as_ref().map(ToString::to_string),
            text: signal.text.clone(),
            advice: signal.advice.clone(),
            money: signal.money,
            measured: signal.measured,
            page: signal.page.clone(),
            opened: time(notice.opened),
            seen: time(notice.seen),
            times: notice.times,
            acknowledged: notice.acknowledged.clone(),
            escalated: notice.escalated.map(time),
            over: notice.over.map(time),
            muted: mutes.iter().any(|mute| mute.holds(notice, now)),
        }
    }
}

impl Muted {
    fn of(mute: &Mute) -> Self {
        Self {
            kind: mute.kind.clone(),
            sku: mute.sku.as_ref().map(ToString::to_string),
            place: mute.place.clone(),
            until: format!("{:.0}", mute.until),
            by: mute.by.clone(),
            reason: mute.reason.clone(),
        }
    }
}
