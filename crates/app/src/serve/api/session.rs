//! Signing in and out.

use super::super::access::caller::Caller;
use super::super::access::{By, Who, own_page, password, secret};
use super::super::audit::LetIn;
use super::super::problem::{Answer, Problem};
use super::super::{App, Served};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endcap_adapters::desk::{Account, NewAccount};
use endcap_govern::{Right, Role, may};
use jiff::ToSpan;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Hours that a session lasts.
const HOURS: i64 = 12;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(welcome))
        .routes(routes!(me, sign_in, sign_out))
        .routes(routes!(sign_in_as))
        .routes(routes!(first_account))
        .merge(super::provider::routes())
}

/// What somebody who is not signed in may know.
#[derive(Serialize, ToSchema)]
pub struct Welcome {
    /// Version of the program.
    version: &'static str,
    /// Whether the shipped example is shown to whoever is there.
    demo: bool,
    /// Roles in which the demo can be used.
    #[schema(value_type = Vec<String>)]
    demo_roles: Vec<Role>,
    /// Whether the first account is still to be made, with the code that the server printed when it started.
    first_account: bool,
    /// The provider at which people can sign in instead, as it is called; nothing where there is none.
    provider: Option<String>,
    /// Who is signed in; nothing when nobody is.
    me: Option<Me>,
}

/// Somebody who is signed in, to themselves.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Name of the account.
    name: String,
    /// Its roles.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// What these allow.
    #[schema(value_type = Vec<String>)]
    rights: Vec<Right>,
    /// What requests of a session that change something send as `X-CSRF-Token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    /// Name of the account.
    name: String,
    /// Its password.
    password: String,
}

/// A role to use the demo in.
#[derive(Deserialize, ToSchema)]
pub struct DemoRole {
    /// The role.
    #[schema(value_type = String)]
    role: Role,
}

/// The first account.
#[derive(Deserialize, ToSchema)]
pub struct FirstAccount {
    /// What the server printed when it started.
    code: String,
    /// Name of the account.
    name: String,
    /// Its password.
    password: String,
}

/// What is left to do after signing out here.
#[derive(Serialize, ToSchema)]
pub struct SignedOut {
    /// Where the provider ends its own session; it leads back here.
    address: String,
}

/// What somebody who is not signed in may know.
#[utoipa::path(get, path = "/welcome", tag = "session", security(()), responses((status = OK, body = Welcome)))]
async fn welcome(State(app): State<App>, who: Answer<Who>) -> Answer<Json<Welcome>> {
    let demo = app.settings.demo;
    Ok(Json(Welcome {
        version: env!("CARGO_PKG_VERSION"),
        demo,
        demo_roles: if demo { Role::ALL.to_vec() } else { Vec::new() },
        first_account: app.first_account.is_some() && app.desk.accounts().await?.is_empty(),
        provider: app.provider.as_ref().map(|provider| provider.settings.name.clone()),
        me: who.ok().map(|who| to_themselves(&who)),
    }))
}

/// Who is signed in.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = OK, body = Me), (status = 401, body = Problem)))]
async fn me(who: Who) -> Json<Me> {
    Json(to_themselves(&who))
}

/// Sign in with a name and a password; the answer sets a cookie.
#[utoipa::path(post, path = "/session", tag = "session", security(()), request_body = Credentials,
    responses((status = CREATED, body = Me), (status = 401, body = Problem), (status = 429, body = Problem)))]
async fn sign_in(
    State(app): State<App>,
    Caller(caller): Caller,
    headers: HeaderMap,
    credentials: Result<Json<Credentials>, JsonRejection>,
) -> Answer<Response> {
    own_page(&app, &headers)?;
    let Json(given) = credentials?;
    app.throttle.sign_in(caller, &given.name)?;
    let account = app.desk.account_by_name(&given.name).await?;
    let known = account.as_ref().and_then(|account| account.password.clone());
    let fits = tokio::task::spawn_blocking(move || password::is(&given.password, known.as_deref()));
    match account {
        Some(account) if fits.await.map_err(Problem::broken)? && !account.disabled => let_in(&app, &account).await,
        _ => Err(Problem::unauthenticated("Name and password do not fit.")),
    }
}

/// Sign in to the demo in a role; only where the demo is shown.
#[utoipa::path(post, path = "/session/demo", tag = "session", security(()), request_body = DemoRole,
    responses((status = CREATED, body = Me), (status = 403, body = Problem)))]
async fn sign_in_as(
    State(app): State<App>,
    headers: HeaderMap,
    role: Result<Json<DemoRole>, JsonRejection>,
) -> Answer<Response> {
    own_page(&app, &headers)?;
    if !app.settings.demo {
        return Err(Problem::forbidden("Roles can be chosen in the demo only."));
    }
    let Json(DemoRole { role }) = role?;
    let name = format!("demo-{}", role.name().replace('_', "-"));
    if app.desk.account_by_name(&name).await?.is_none() {
        let new = NewAccount { name: name.clone(), roles: vec![role], password: None, subject: None };
        app.desk.add_account(&new, (app.now)()).await?;
    }
    let account = app.desk.account_by_name(&name).await?;
    let_in(&app, &account.ok_or_else(|| Problem::broken("a demo account that was just made is gone"))?).await
}

/// Make the first account, an admin, with the code that the server printed.
#[utoipa::path(post, path = "/session/first", tag = "session", security(()), request_body = FirstAccount,
    responses((status = CREATED, body = Me), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn first_account(
    State(app): State<App>,
    Caller(caller): Caller,
    headers: HeaderMap,
    first: Result<Json<FirstAccount>, JsonRejection>,
) -> Answer<Response> {
    own_page(&app, &headers)?;
    let Json(first) = first?;
    app.throttle.sign_in(caller, "first account")?;
    let fits = app.first_account.as_ref().is_some_and(|code| secret::same(code.as_bytes(), first.code.as_bytes()));
    if !fits || !app.desk.accounts().await?.is_empty() {
        return Err(Problem::forbidden("The code does not fit, or there is an account already."));
    }
    super::accounts::check_name(&first.name)?;
    password::check(&first.name, &first.password).map_err(Problem::unprocessable)?;
    let hash = tokio::task::spawn_blocking(move || password::hash(&first.password)).await.map_err(Problem::broken)?;
    let new = NewAccount {
        name: first.name.clone(),
        roles: vec![Role::Admin],
        password: Some(hash.map_err(Problem::broken)?),
        subject: None,
    };
    app.desk.add_account(&new, (app.now)()).await?;
    let account = app.desk.account_by_name(&first.name).await?;
    let_in(&app, &account.ok_or_else(|| Problem::broken("an account that was just made is gone"))?).await
}

/// Sign out; the cookie is worth nothing from then on. Whoever signs in elsewhere is told where to sign out there too.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = NO_CONTENT),
    (status = OK, body = SignedOut, description = "Signed out here; the provider has a place to sign out there"),
    (status = 401, body = Problem)))]
async fn sign_out(State(app): State<App>, who: Who) -> Answer<Response> {
    if let By::Session { hash, .. } = &who.by {
        app.desk.end_session(hash).await?;
    }
    let there = match &app.provider {
        Some(provider) if who.account.subject.is_some() => provider.sign_out_address().await,
        _ => None,
    };
    let mut response = there
        .map_or_else(|| StatusCode::NO_CONTENT.into_response(), |address| Json(SignedOut { address }).into_response());
    response.headers_mut().insert(header::SET_COOKIE, set_cookie(&app, app.settings.site.cookie(), "", 0)?);
    Ok(response)
}

fn to_themselves(who: &Who) -> Me {
    let csrf = match &who.by {
        By::Session { csrf, .. } => Some(csrf.clone()),
        By::Token => None,
    };
    described(&who.account, csrf)
}

/// Opens a session, and tells the audit trail whose.
pub async fn let_in(app: &Served, account: &Account) -> Answer<Response> {
    let (value, csrf, now) = (secret::make()?, secret::make()?, (app.now)());
    let expires = now.checked_add(HOURS.hours()).map_err(Problem::broken)?;
    app.desk.open_session((&secret::hash(&value), &csrf), account.id, (now, expires)).await?;
    let mut response = (StatusCode::CREATED, Json(described(account, Some(csrf)))).into_response();
    response
        .headers_mut()
        .insert(header::SET_COOKIE, set_cookie(app, app.settings.site.cookie(), &value, HOURS * 3600)?);
    response.extensions_mut().insert(LetIn(account.name.clone()));
    Ok(response)
}

fn described(account: &Account, csrf: Option<String>) -> Me {
    let rights = Right::ALL.into_iter().filter(|&right| may(&account.roles, right)).collect();
    Me { name: account.name.clone(), roles: account.roles.clone(), rights, csrf }
}

/// A cookie that scripts and other sites do not reach.
pub fn set_cookie(app: &Served, name: &str, value: &str, seconds: i64) -> Answer<HeaderValue> {
    let secure = if app.settings.site.secure() { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"))
        .map_err(Problem::broken)
}
