//! The desk's part of the audit trail: who signed in, changed accounts, tokens, boards or imports, read who has an account,
//! or was refused. Of what was asked for only names and roles are recorded, never a password, a token or a board.

use super::App;
use super::access::Who;
use super::problem::{Answer, Problem};
use super::shell::BODY_MAX;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use endcap_adapters::ledger::LedgerError;
use endcap_govern::Role;
use endcap_govern::audit::{Entry, Ruling, Told};
use serde::Deserialize;
use tracing::Instrument;

/// Resources whose changes are decisions. Records that programs send and what people practise are not.
const CHANGED: [&str; 5] = ["session", "accounts", "tokens", "imports", "boards"];
/// Resources that tell about people: who reads them is recorded too.
const ABOUT_PEOPLE: [&str; 3] = ["accounts", "tokens", "audit"];
/// Resources whose requests say in a small body whom they are about.
const NAMED_INSIDE: [&str; 2] = ["accounts", "tokens"];
/// Tells of no person.
const TELLS_NOTHING: &str = "audit/state";
/// Setting out for a provider decides nothing; coming back does.
const SETS_OUT: &str = "session/provider";
/// What signing in is called.
const SIGN_IN: [&str; 2] = ["desk: POST session", "desk: POST session/provider/return"];

/// Left with an answer that lets somebody in: the name of the account.
#[derive(Clone)]
pub struct LetIn(pub String);

/// Left with an answer that turns somebody away whom a provider has vouched for: what they are called there.
#[derive(Clone)]
pub struct TurnedAway(pub String);

/// What a request says of whom it is about; all else in it is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    name: Option<String>,
    roles: Vec<Role>,
    disabled: bool,
}

/// Records a decision of the desk before its answer leaves.
pub async fn recorded(State(app): State<App>, request: Request, next: Next) -> Response {
    match record(&app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn record(app: &App, request: Request, next: Next) -> Answer<Response> {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let route = route.trim_start_matches("/api/v1/").to_owned();
    let resource = route.split('/').next().unwrap_or_default();
    let tried_out = request.uri().query().is_some_and(|query| query.contains("dry_run=true"));
    let is_decision =
        if request.method().is_safe() { ABOUT_PEOPLE.contains(&resource) } else { CHANGED.contains(&resource) };
    if !is_decision || tried_out || route == SETS_OUT || route == TELLS_NOTHING {
        return Ok(next.run(request).await);
    }
    let (mut parts, mut body) = request.into_parts();
    let who = Who::from_request_parts(&mut parts, app).await.ok();
    let mut asked = Asked::default();
    if NAMED_INSIDE.contains(&resource) && who.is_some() {
        let whole = to_bytes(body, BODY_MAX).await.map_err(|_| Problem::too_large(BODY_MAX as u64))?;
        asked = serde_json::from_slice(&whole).unwrap_or_default();
        body = Body::from(whole);
    }
    let subject = subject(&mut parts, &route, resource, &asked).await;
    let action = format!("desk: {} {route}", parts.method);
    let work = decide(app.clone(), next, Request::from_parts(parts, body), who, (action, subject, asked));
    // A task of its own: whoever hangs up in between does not keep a decision from being recorded.
    tokio::spawn(work.in_current_span()).await.map_err(Problem::broken)?
}

/// Has the request done and records what came of it.
async fn decide(
    app: App,
    next: Next,
    request: Request,
    who: Option<Who>,
    (action, subject, asked): (String, Told, Asked),
) -> Answer<Response> {
    let response = next.run(request).await;
    let turned_away = response.extensions().get::<TurnedAway>().map(|TurnedAway(name)| Told::personal(name));
    let known = if turned_away.is_some() { Known::Elsewhere } else { who.as_ref().map_or(Known::Not, |_| Known::Here) };
    let Some(ruling) = ruling(response.status(), known, &action) else { return Ok(response) };
    let let_in = response.extensions().get::<LetIn>().map(|LetIn(name)| Told::personal(name));
    let signing_in = let_in.or(turned_away);
    let subject = signing_in.clone().unwrap_or(subject);
    let actor = signing_in.or_else(|| who.map(|who| Told::personal(&who.account.name)));
    let actor = actor.unwrap_or_else(|| Told::open("nobody who is known"));
    let entry = Entry { reasons: reasons(&asked), ..Entry::new(actor, action, subject, ruling) };
    app.ledger.record((app.now)(), entry).await.map_err(unrecorded)?;
    Ok(response)
}

fn unrecorded(error: LedgerError) -> Problem {
    let detail = "It was done, and could not be recorded: the server's log says why.".into();
    Problem { detail, ..Problem::broken(error) }
}

/// Whom or what it is about: names of accounts are personal.
async fn subject(parts: &mut Parts, route: &str, resource: &str, asked: &Asked) -> Told {
    let in_path = RawPathParams::from_request_parts(parts, &()).await.ok();
    let in_path = in_path.and_then(|params| params.iter().next().map(|(_, value)| value.to_owned()));
    match (in_path, &asked.name) {
        (Some(name), _) if resource == "accounts" => Told::personal(name),
        (Some(id), _) => Told::open(id),
        (None, Some(name)) if resource != "tokens" => Told::personal(name),
        (None, _) => Told::open(route),
    }
}

/// Where somebody is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Here,
    Elsewhere,
    Not,
}

/// Only what was done or denied is a decision; what was asked wrongly is none. Of those who are not known, sign-ins that
/// failed alone: they are held back, so that nobody can fill the disk with refusals. Whoever a provider vouches for and the
/// desk turns away has no role here, is kept out, or bears somebody else's name (409).
fn ruling(status: StatusCode, known: Known, action: &str) -> Option<Ruling> {
    match status {
        status if status.is_success() => Some(Ruling::Allowed),
        StatusCode::FORBIDDEN if known != Known::Not => Some(Ruling::Refused),
        StatusCode::CONFLICT if known == Known::Elsewhere => Some(Ruling::Refused),
        StatusCode::UNAUTHORIZED if SIGN_IN.contains(&action) => Some(Ruling::Refused),
        _ => None,
    }
}

fn reasons(asked: &Asked) -> Vec<Told> {
    let names: Vec<&str> = asked.roles.iter().map(|role| role.name()).collect();
    let roles = (!names.is_empty()).then(|| Told::open(format!("roles: {}", names.join(", "))));
    let kept_out = asked.disabled.then(|| Told::open("kept out"));
    roles.into_iter().chain(kept_out).collect()
}
