//! Tokens of programs. A token never has a role that its account has not.

use super::super::App;
use super::super::access::{By, Who, secret};
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use endcap_adapters::desk::NewToken;
use endcap_govern::{Right, Role, may};
use jiff::ToSpan;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(revoke))
}

/// A token, without its value.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub struct Listed {
    /// Number.
    id: i64,
    /// Account that it belongs to.
    account: String,
    /// What it is for.
    name: String,
    /// Its roles.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// When it was made.
    created: String,
    /// When it ends.
    expires: String,
    /// Whether it was taken back.
    revoked: bool,
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewToken)]
pub struct Wanted {
    /// What it is for.
    name: String,
    /// Roles, of those that the caller has.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Days until it ends, 1 to 366.
    #[schema(minimum = 1, maximum = 366)]
    days: i64,
}

/// A new token.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeToken)]
pub struct Made {
    /// Number.
    id: i64,
    /// Its value; shown this once.
    token: String,
}

/// The caller's tokens, newest first; an admin's list holds everybody's.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(Part), responses((status = OK, body = Page<Listed>)))]
async fn list(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Listed>>> {
    let tokens = app.desk.tokens(whose(&who)).await?;
    let listed = tokens.into_iter().map(|token| Listed {
        id: token.id,
        account: token.account,
        name: token.name,
        roles: token.roles,
        created: token.created,
        expires: token.expires,
        revoked: token.revoked,
    });
    Ok(Json(part?.of(listed)?))
}

/// Make a token; its value is shown this once.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = Wanted,
    responses((status = CREATED, body = Made), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn make(
    State(app): State<App>,
    who: Who,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer<(StatusCode, Json<Made>)> {
    let Json(wanted) = wanted?;
    if who.by == By::Token {
        return Err(Problem::forbidden("A token makes no tokens: sign in."));
    }
    if let Some(role) = wanted.roles.iter().find(|role| !who.account.roles.contains(role)) {
        return Err(Problem::forbidden(format!("{} has no role '{role}' to give.", who.account.name)));
    }
    if !(1..=366).contains(&wanted.days) || wanted.name.trim().is_empty() || wanted.name.len() > 200 {
        return Err(Problem::unprocessable("expected a name of 1 to 200 bytes and 1 to 366 days"));
    }
    let (value, now) = (format!("endcap_{}", secret::make()?), (app.now)());
    let expires = now.checked_add((wanted.days * 24).hours()).map_err(Problem::broken)?;
    let hash = secret::hash(&value);
    let new =
        NewToken { account: who.account.id, name: wanted.name.trim(), hash: &hash, roles: &wanted.roles, expires };
    let id = app.desk.add_token(&new, now).await?;
    Ok((StatusCode::CREATED, Json(Made { id, token: value })))
}

/// Take a token back.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = i64, Path, description = "Its number")),
    responses((status = NO_CONTENT), (status = 404, body = Problem)))]
async fn revoke(State(app): State<App>, who: Who, id: Result<Path<i64>, PathRejection>) -> Answer<StatusCode> {
    let Path(id) = id?;
    if app.desk.revoke_token(id, whose(&who)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::missing(format!("token {id}")))
    }
}

/// Whose tokens somebody sees: all where nothing is returned.
fn whose(who: &Who) -> Option<i64> {
    (!may(&who.account.roles, Right::Administer)).then_some(who.account.id)
}
