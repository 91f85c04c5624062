//! The API, one file per resource. Each answers from what `endcap_agent` and the crates below it have worked out.

mod accounts;
mod after;
mod boards;
mod data;
mod evidence;
mod project;
mod session;
mod tokens;

use super::App;
use super::idempotency::once;
use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

/// What the description says beside the routes.
#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Endcap",
    description = "Plans promotions with the supply chain inside the decision. Errors are `application/problem+json` \
                   (RFC 9457). Changes of boards take `Idempotency-Key`, and `If-Match` with the board's version. \
                   Amounts of money are whole minor units of the project's currency."
))]
struct Described;

/// The routes under `/api/v1`.
pub fn router(app: &App) -> Router<App> {
    let (open, _) = session::routes().split_for_parts();
    let (guarded, _) = guarded().split_for_parts();
    let (boards, _) = boards::routes().split_for_parts();
    open.merge(guarded).merge(boards.layer(from_fn_with_state(app.clone(), once)))
}

/// The routes, described as OpenAPI 3.1.
pub fn document() -> OpenApi {
    let routes = OpenApiRouter::<App>::with_openapi(Described::openapi());
    let routes = routes.nest("/api/v1", session::routes().merge(guarded()).merge(boards::routes()));
    let (_, mut document) = routes.split_for_parts();
    let components = document.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("endcap")));
    components.add_security_scheme("session", cookie);
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let none: [&str; 0] = [];
    document.security = Some(vec![SecurityRequirement::new("session", none), SecurityRequirement::new("token", none)]);
    document
}

/// The routes that ask who is there and keep no answer: those of accounts and tokens carry secrets, which must not lie in
/// the store for a repetition.
fn guarded() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(project::routes())
        .merge(data::routes())
        .merge(evidence::routes())
        .merge(after::routes())
        .merge(accounts::routes())
        .merge(tokens::routes())
}

/// The name of a plain enum's value, as files have it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
