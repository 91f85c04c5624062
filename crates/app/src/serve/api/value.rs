//! The value ledger: what plans promised beside what came of them.

use super::super::App;
use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::after::analysed;
use crate::value;
use axum::Json;
use axum::extract::State;
use endcap_agent::value::ValueLedger;
use endcap_govern::Right;
use std::collections::BTreeSet;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ledger))
}

/// What plans promised beside what came, by who decided. What another plan would have earned past sales cannot tell: only `tested`,
/// read beside stores without the offers, tells cause.
#[utoipa::path(get, path = "/value", tag = "after",
    responses((status = OK, body = ValueLedger), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn ledger(State(app): State<App>, who: Who) -> Answer<Json<ValueLedger>> {
    who.must(Right::Read)?;
    let project = analysed(&app).await?;
    let rollouts = app.ledger.rollouts().await?;
    // Who signed is read from requests that were used.
    let requests = app.ledger.requests().await?;
    let signed: BTreeSet<String> =
        requests.iter().filter(|kept| kept.used.is_some()).map(|kept| kept.plan.to_string()).collect();
    let folder = app.settings.folder.clone();
    super::super::blocking(move || {
        let plans = value::plans(&folder, &signed).map_err(|error| Problem::broken(format!("{error:#}")))?;
        Ok(Json(value::ledger(&plans, &project.ground, project.analysis(), &rollouts)))
    })
    .await
}
