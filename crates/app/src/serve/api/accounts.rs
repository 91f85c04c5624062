//! Accounts and their roles; for admins.

use super::super::App;
use super::super::access::{Who, password};
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use endcap_adapters::desk::{Account, NewAccount};
use endcap_govern::{Right, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(change)).routes(routes!(set_password))
}

/// An account, to those who manage them.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub struct Listed {
    /// Its name.
    name: String,
    /// Its roles.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Whether it has a password here.
    password: bool,
    /// Whether it signs in at another provider.
    elsewhere: bool,
    /// Whether it is kept out.
    disabled: bool,
}

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewAccount)]
pub struct Wanted {
    /// Its name: letters, digits and `. _ - @`, at most 80 characters.
    name: String,
    /// Its roles.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Its password; the person should change it.
    password: Option<String>,
}

/// What an account may do from now on.
#[derive(Deserialize, ToSchema)]
pub struct Changed {
    /// Its roles.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Whether it is kept out.
    #[serde(default)]
    disabled: bool,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
pub struct NewPassword {
    /// The password until now; an admin who sets another's needs none.
    old: Option<String>,
    /// The password from now on.
    new: String,
}

/// All accounts, by name.
#[utoipa::path(get, path = "/accounts", tag = "accounts", params(Part),
    responses((status = OK, body = Page<Listed>), (status = 403, body = Problem)))]
async fn list(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Listed>>> {
    who.must(Right::Administer)?;
    let accounts = app.desk.accounts().await?;
    Ok(Json(part?.of(accounts.into_iter().map(listed))?))
}

/// Make an account.
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = Wanted,
    responses((status = CREATED, body = Listed), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn make(
    State(app): State<App>,
    who: Who,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer<(StatusCode, Json<Listed>)> {
    who.must(Right::Administer)?;
    let Json(wanted) = wanted?;
    check_name(&wanted.name)?;
    let hash = match wanted.password {
        None => None,
        Some(given) => {
            password::check(&wanted.name, &given).map_err(Problem::unprocessable)?;
            Some(hashed(given).await?)
        }
    };
    let new = NewAccount { name: wanted.name, roles: wanted.roles, password: hash, subject: None };
    app.desk.add_account(&new, (app.now)()).await?;
    let account = app.desk.account_by_name(&new.name).await?;
    Ok((StatusCode::CREATED, Json(listed(account.ok_or_else(|| Problem::missing("such account"))?))))
}

/// Change an account's roles or keep it out; its sessions end.
#[utoipa::path(put, path = "/accounts/{name}", tag = "accounts", params(("name" = String, Path, description = "Its name")),
    request_body = Changed, responses((status = OK, body = Listed), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn change(
    State(app): State<App>,
    who: Who,
    name: Result<Path<String>, PathRejection>,
    changed: Result<Json<Changed>, JsonRejection>,
) -> Answer<Json<Listed>> {
    who.must(Right::Administer)?;
    let (Path(name), Json(changed)) = (name?, changed?);
    let own = name.eq_ignore_ascii_case(&who.account.name);
    if own && (changed.disabled || !changed.roles.contains(&Role::Admin)) {
        return Err(Problem::unprocessable("Nobody takes the admin's role from themselves: ask another admin."));
    }
    if !app.desk.change_account(&name, &changed.roles, changed.disabled).await? {
        return Err(Problem::missing(format!("account '{name}'")));
    }
    let account = app.desk.account_by_name(&name).await?;
    Ok(Json(listed(account.ok_or_else(|| Problem::missing(format!("account '{name}'")))?)))
}

/// Set a password, one's own or as an admin; the account's sessions end.
#[utoipa::path(put, path = "/accounts/{name}/password", tag = "accounts",
    params(("name" = String, Path, description = "Its name")), request_body = NewPassword,
    responses((status = NO_CONTENT), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn set_password(
    State(app): State<App>,
    who: Who,
    name: Result<Path<String>, PathRejection>,
    given: Result<Json<NewPassword>, JsonRejection>,
) -> Answer<StatusCode> {
    let (Path(name), Json(given)) = (name?, given?);
    if name.eq_ignore_ascii_case(&who.account.name) {
        let (old, known) = (given.old.unwrap_or_default(), who.account.password.clone());
        let fits = tokio::task::spawn_blocking(move || password::is(&old, known.as_deref())).await;
        if !fits.map_err(Problem::broken)? {
            return Err(Problem::forbidden("The password until now does not fit."));
        }
    } else {
        who.must(Right::Administer)?;
    }
    password::check(&name, &given.new).map_err(Problem::unprocessable)?;
    let hash = hashed(given.new).await?;
    if app.desk.set_password(&name, &hash).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::missing(format!("account '{name}'")))
    }
}

/// Refuses names that could not be read or typed.
pub fn check_name(name: &str) -> Answer<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if (1..=80).contains(&name.chars().count()) && name.chars().all(plain) {
        return Ok(());
    }
    Err(Problem::unprocessable("name: expected 1 to 80 letters, digits, or any of . _ - @"))
}

async fn hashed(given: String) -> Answer<String> {
    let hash = tokio::task::spawn_blocking(move || password::hash(&given)).await.map_err(Problem::broken)?;
    hash.map_err(Problem::broken)
}

fn listed(account: Account) -> Listed {
    Listed {
        name: account.name,
        roles: account.roles,
        password: account.password.is_some(),
        elsewhere: account.subject.is_some(),
        disabled: account.disabled,
    }
}
