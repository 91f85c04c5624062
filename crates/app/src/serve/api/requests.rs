//! Requests for approval: what waits for whom, and people's answers.
//!
//! The desk signs with the key that it keeps for whoever is signed in. Every answer, and every one that is refused, is in the
//! audit trail in the same transaction.

use super::super::App;
use super::super::access::{By as CameBy, Who};
use super::super::live::Happened;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use crate::approvals::{self, Details, Looker, RequestView, State as Stands};
use crate::commands::approve;
use crate::commands::audit::random;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use endcap_adapters::ledger::{Answered, By, Glass, Kept, LedgerError, NotTaken, Step};
use endcap_govern::approval::{Answer as Says, NotCounted, Signature, Staff};
use endcap_govern::stop::Scope;
use endcap_govern::{Right, may};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest comment, in characters.
const WORDS_MAX: usize = 2000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(approve_it))
        .routes(routes!(refuse_it))
        .routes(routes!(ask_back))
        .routes(routes!(emergencies))
}

/// Which requests are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequestsWanted)]
pub enum Which {
    /// Those that wait, are granted and not sent, or are void.
    #[default]
    Open,
    /// All.
    All,
}

/// Which requests are wanted.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `open` (the usual) or `all`.
    #[serde(default)]
    #[param(inline)]
    which: Which,
}

/// A request with what it is about.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestShown)]
pub struct Shown {
    #[serde(flatten)]
    request: RequestView,
    /// The plan beside the one in force; nothing when its files are gone.
    details: Option<Details>,
}

/// An answer.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = RequestAnswer)]
pub struct Given {
    /// What to say beside it; a no needs it.
    #[serde(default)]
    comment: Option<String>,
}

/// A question or an answer beside a request.
#[derive(Deserialize, ToSchema)]
#[schema(as = RequestWords)]
pub struct Words {
    /// What to say.
    words: String,
}

/// An emergency in which two people stand in for everybody who would have to sign.
#[derive(Serialize, ToSchema)]
pub struct Emergency {
    /// Why.
    reason: String,
    /// Who broke the glass.
    by: Vec<String>,
    /// What for: everything, or one category.
    category: Option<String>,
    /// When it is over.
    until: String,
}

/// Glass that is broken now; it belongs on every page.
#[utoipa::path(get, path = "/emergencies", tag = "requests", responses((status = OK, body = Vec<Emergency>), (status = 403, body = Problem)))]
async fn emergencies(State(app): State<App>, who: Who) -> Answer<Json<Vec<Emergency>>> {
    who.must(Right::Read)?;
    let staff = staff(&app).await?;
    let broken = app.ledger.glasses(&staff, (app.now)()).await?.into_iter().filter(|glass| glass.whole.is_none());
    let told = |glass: Glass| Emergency {
        reason: glass.glass.reason.clone(),
        by: glass.glass.signatures.iter().map(|signature| signature.person.clone()).collect(),
        category: match &glass.glass.scope {
            Scope::Category(category) => Some(category.clone()),
            _ => None,
        },
        until: glass.until.to_string(),
    };
    Ok(Json(broken.map(told).collect()))
}

/// Requests, those that wait for the caller first.
#[utoipa::path(get, path = "/requests", tag = "requests", params(Wanted, Part),
    responses((status = OK, body = Page<RequestView>), (status = 403, body = Problem)))]
async fn list(
    State(app): State<App>,
    who: Who,
    wanted: Result<Query<Wanted>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<RequestView>>> {
    who.must(Right::Read)?;
    let (Query(wanted), Query(part)) = (wanted?, part?);
    let (staff, now) = (staff(&app).await?, (app.now)());
    let kept = app.ledger.requests().await?;
    let mut views: Vec<RequestView> =
        kept.iter().rev().map(|kept| approvals::view(kept, &staff, Some(looker(&who)), now)).collect();
    let open = |view: &RequestView| matches!(view.state, Stands::Waiting | Stands::Granted | Stands::Void);
    views.retain(|view| wanted.which == Which::All || open(view));
    views.sort_by_key(|view| (view.mine.function.is_none(), !open(view)));
    Ok(Json(part.of(views.into_iter())?))
}

/// A request: money at risk, what changes, what the worlds said, who signed and who is missing.
#[utoipa::path(get, path = "/requests/{id}", tag = "requests", params(("id" = String, Path, description = "Its id")),
    responses((status = OK, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 404, body = Problem)))]
async fn show(State(app): State<App>, who: Who, id: Result<Path<String>, PathRejection>) -> Answer<Response> {
    who.must(Right::Read)?;
    let Path(id) = id?;
    let kept = app.ledger.request(&id).await?.ok_or_else(|| missing(&id))?;
    let staff = staff(&app).await?;
    shown(&app, &who, &kept, &staff).await
}

/// Approve, for the function whose turn it is. The same answer again changes nothing.
#[utoipa::path(post, path = "/requests/{id}/approve", tag = "requests",
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "ETag of the request that was read")),
    request_body = Given, responses((status = OK, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 412, body = Problem), (status = 428, body = Problem)))]
async fn approve_it(
    State(app): State<App>,
    who: Who,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    given: Result<Json<Given>, JsonRejection>,
) -> Answer<Response> {
    answer(&app, &who, &headers, &id?, Says::Approve, given?.0).await
}

/// Say no: the request is over then. It needs a comment.
#[utoipa::path(post, path = "/requests/{id}/refuse", tag = "requests",
    params(("id" = String, Path, description = "Its id"), ("If-Match" = String, Header, description = "ETag of the request that was read")),
    request_body = Given, responses((status = OK, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem)))]
async fn refuse_it(
    State(app): State<App>,
    who: Who,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    given: Result<Json<Given>, JsonRejection>,
) -> Answer<Response> {
    answer(&app, &who, &headers, &id?, Says::Refuse, given?.0).await
}

/// Write a question, or the answer to one, beside a request; it decides nothing.
#[utoipa::path(post, path = "/requests/{id}/words", tag = "requests", params(("id" = String, Path, description = "Its id")),
    request_body = Words, responses((status = OK, body = Shown, headers(("ETag" = String, description = "The version, as `If-Match` wants it"))), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn ask_back(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    words: Result<Json<Words>, JsonRejection>,
) -> Answer<Response> {
    let Path(id) = id?;
    let staff = staff(&app).await?;
    let speaks = [Right::Plan, Right::PlanSupply].iter().any(|right| may(&who.account.roles, *right));
    if !speaks && !answers(&who, &staff, (app.now)()) {
        return refused(&app, &who, &id, Step::AskedBack, NotTaken::NoRight).await;
    }
    let Json(Words { words }) = words?;
    let words = said(&words)?.ok_or_else(|| Problem::unprocessable("words: expected what you want to say"))?;
    match app.ledger.ask_back(&id, &who.account.name, words, (app.now)()).await? {
        Ok(kept) => {
            tell(&app, &kept);
            shown(&app, &who, &kept, &staff).await
        }
        Err(_) => Err(missing(&id)),
    }
}

async fn answer(app: &App, who: &Who, headers: &HeaderMap, id: &str, says: Says, given: Given) -> Answer<Response> {
    let step = if says == Says::Approve { Step::Signed } else { Step::TurnedDown };
    let (staff, now) = (staff(app).await?, (app.now)());
    let CameBy::Session { since, .. } = &who.by else {
        return refused(app, who, id, step, NotTaken::Program).await;
    };
    if !answers(who, &staff, now) {
        return refused(app, who, id, step, NotTaken::NoRight).await;
    }
    let name = &who.account.name;
    let Some(kept) = app.ledger.request(id).await? else {
        return refused(app, who, id, step, NotTaken::Missing).await;
    };
    let comment = given.comment.as_deref().map_or(Ok(None), said)?;
    if says == Says::Refuse && comment.is_none() {
        return Err(Problem::unprocessable("comment: a no needs a reason, so that the plan can be changed"));
    }
    let version = version(headers)?;
    let is_mine = |other: &&Signature| other.person == *name && other.answer == says;
    if kept.request.signatures.iter().find(is_mine).is_some() && kept.stage(&staff, now).is_ok() {
        // A second click.
        return shown(app, who, &kept, &staff).await;
    }
    let function = match kept.stage(&staff, now) {
        Ok(_) => kept.request.function_of(name, &staff, now).map_err(NotTaken::from),
        Err(why) => Err(why),
    };
    let function = match function {
        Ok(function) => function,
        Err(why) => return refused(app, who, id, step, why).await,
    };
    let (key, made) = app.desk.approval_key(&who.account, random, now).await?;
    if made {
        app.ledger.record(now, approve::key_made(name, &key.public())).await?;
    }
    // Read again: the key may have been made since, by this click or by another.
    let staff = self::staff(app).await?;
    let since = (*since).min(now);
    let signature = Signature::sign(&kept.request.subject, name, function, says, now, since, key.signing());
    let answered = Answered { signature, comment, version: Some(version) };
    match app.ledger.answer(id, answered, &staff, now).await? {
        Ok(kept) => {
            tell(app, &kept);
            shown(app, who, &kept, &staff).await
        }
        Err(why) => Err(problem(id, &why)),
    }
}

/// Whether somebody answers requests at all: by a role of their own, or in somebody's place now.
fn answers(who: &Who, staff: &Staff, now: Timestamp) -> bool {
    let stands_in = |name: &str| {
        let now_for =
            |one: &&endcap_govern::approval::StandIn| one.stands_in == name && one.from <= now && now < one.until;
        staff.stand_ins.iter().filter(now_for).any(|one| staff.named(one))
    };
    may(&who.account.roles, Right::Approve) || stands_in(&who.account.name)
}

/// Records a try that is refused, and says why.
async fn refused(app: &App, who: &Who, id: &str, step: Step, why: NotTaken) -> Answer<Response> {
    let name = &who.account.name;
    let by = if who.by == CameBy::Token { By::Program(name) } else { By::Person(name) };
    app.ledger.refuse(id, step, by, &why, (app.now)()).await?;
    Err(problem(id, &why))
}

fn problem(id: &str, why: &NotTaken) -> Problem {
    match why {
        NotTaken::Missing => missing(id),
        NotTaken::Stale { version } => Problem::stale(i64::try_from(*version).unwrap_or(i64::MAX)),
        NotTaken::NotCounted(NotCounted::StaleLogin) => Problem::sign_in_again(why),
        NotTaken::NotCounted(NotCounted::Twice | NotCounted::Decided | NotCounted::TooLate)
        | NotTaken::NotGenuine(_) => Problem::decided(why),
        other => Problem::forbidden(other),
    }
}

fn missing(id: &str) -> Problem {
    Problem::missing(format!("request '{id}'"))
}

async fn shown(app: &App, who: &Who, kept: &Kept, staff: &Staff) -> Answer<Response> {
    let request = approvals::view(kept, staff, Some(looker(who)), (app.now)());
    let (folder, plan) = (app.settings.folder.clone(), request.plan.clone());
    let details = super::super::blocking(move || Ok(approvals::details(&folder, &plan).ok())).await?;
    let tag = HeaderValue::from_str(&format!("\"v{}\"", request.version)).map_err(Problem::broken)?;
    let mut response = Json(Shown { request, details }).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

async fn staff(app: &App) -> Answer<Staff> {
    approvals::staff(&app.desk, &app.ledger).await.map_err(Problem::broken)
}

fn looker(who: &Who) -> Looker<'_> {
    let since = match &who.by {
        CameBy::Session { since, .. } => Some(*since),
        CameBy::Token => None,
    };
    Looker { name: &who.account.name, since }
}

fn tell(app: &App, kept: &Kept) {
    app.live.tell(Happened::Request { id: kept.id.clone(), version: kept.version() });
}

/// The version that a change is for.
fn version(headers: &HeaderMap) -> Answer<u64> {
    let tag = headers.get(header::IF_MATCH).ok_or_else(Problem::no_version)?;
    let version = tag.to_str().ok().and_then(|tag| tag.trim_matches('"').strip_prefix('v')?.parse().ok());
    version.ok_or_else(|| Problem::bad("If-Match: expected the ETag of the request, such as \"v3\""))
}

/// What somebody says, without the space around it; nothing where that is all.
fn said(words: &str) -> Answer<Option<&str>> {
    if words.chars().count() > WORDS_MAX {
        return Err(Problem::unprocessable(format!("expected at most {WORDS_MAX} characters")));
    }
    Ok(Some(words.trim()).filter(|words| !words.is_empty()))
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        Self::broken(error)
    }
}
