//! The API, one file per resource. Each answers from what `endcap_agent` and the crates below it have worked out.

mod accounts;
mod after;
mod analogues;
mod audit;
mod boards;
mod channels;
mod compare;
mod data;
mod described;
mod drills;
mod evidence;
mod exercises;
mod flight;
mod imports;
mod ladder;
mod models;
mod notices;
mod objectives;
mod project;
mod provider;
mod ready;
mod records;
mod requests;
mod reverts;
mod rollup;
mod sandbox;
mod session;
mod stops;
mod supply;
mod tokens;
mod value;

pub use channels::Read as DecidedForChannels;
pub use records::{KnownRules, record_schema};
pub use stops::{StopState, shown as stopped};

use super::App;
use super::idempotency::once;
use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;

pub use described::document;

/// The routes under `/api/v1`.
pub fn router(app: &App) -> Router<App> {
    let (open, _) = session::routes().split_for_parts();
    let (guarded, _) = guarded().split_for_parts();
    let (named, _) = boards::routes().merge(imports::routes()).merge(requests::routes()).split_for_parts();
    open.merge(guarded).merge(named.layer(from_fn_with_state(app.clone(), once)))
}

/// The route that takes files, which may take longer than any other.
pub fn uploads() -> Router<App> {
    imports::uploads().split_for_parts().0
}

/// The routes that ask who is there and keep no answer: those of accounts and tokens carry secrets, which must not lie in
/// the store for a repetition.
fn guarded() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(project::routes())
        .merge(data::routes())
        .merge(records::routes())
        .merge(evidence::routes())
        .merge(after::routes())
        .merge(analogues::routes())
        .merge(value::routes())
        .merge(rollup::routes())
        .merge(sandbox::routes())
        .merge(drills::routes())
        .merge(supply::routes())
        .merge(compare::routes())
        .merge(ready::routes())
        .merge(accounts::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
        .merge(stops::routes())
        .merge(channels::routes())
        .merge(objectives::routes())
        .merge(reverts::routes())
        .merge(ladder::routes())
        .merge(flight::routes())
        .merge(models::routes())
        .merge(notices::routes())
}

/// The name of a plain enum's value, as files have it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
