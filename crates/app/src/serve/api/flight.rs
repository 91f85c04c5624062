//! The plan in flight: the last look at it, and a new one.

use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::workspace::State as Progress;
use super::super::{App, blocking};
use crate::commands::flight::{LATEST, looked};
use axum::Json;
use axum::extract::State;
use endcap_adapters::tables::read_json;
use endcap_agent::flight::Reading;
use endcap_govern::Right;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(flight, look))
}

/// The last look at the plan in flight; nothing where nobody looked yet.
#[utoipa::path(get, path = "/flight", tag = "flight", responses((status = OK, body = Option<Reading>), (status = 401, body = Problem)))]
async fn flight(State(app): State<App>, who: Who) -> Answer<Json<Option<Reading>>> {
    who.must(Right::Read)?;
    let path = app.settings.folder.join(LATEST);
    Ok(Json(if path.is_file() { Some(read_json(&path).map_err(Problem::broken)?) } else { None }))
}

/// Look at the plan in flight now, and propose what is better changed. Nothing is approved or sent.
#[utoipa::path(post, path = "/flight", tag = "flight",
    responses((status = OK, body = Reading), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn look(State(app): State<App>, who: Who) -> Answer<Json<Reading>> {
    who.must(Right::Plan)?;
    let Progress::Ready(project) = app.workspace.state() else {
        return Err(Problem::conflict("The project is still being read."));
    };
    let folder = app.settings.folder.clone();
    let done = blocking(move || match looked(&folder, &project.ground) {
        Ok(Ok(reading)) => Ok(reading),
        Ok(Err(reasons)) => Err(Problem::conflict(format!("No plan keeps every rule: {}", reasons.join("; ")))),
        Err(why) => Err(Problem::conflict(format!("{why:#}"))),
    });
    Ok(Json(done.await?))
}
