//! The plan in flight: the last look at it, and a new one.

use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::workspace::State as Progress;
use super::super::{App, blocking};
use crate::commands::flight::{Adopted, LATEST, adopted, looked};
use axum::Json;
use axum::extract::State;
use endcap_adapters::tables::read_json;
use endcap_agent::flight::Reading;
use endcap_agent::ground::Ground;
use endcap_govern::Right;
use std::path::Path;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(flight, look)).routes(routes!(adopt))
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
    on_ground(&app, looked).await
}

/// Look anew, and put what is proposed before simulated worlds and policy: what may takes over from the plan in force, what needs
/// people asks them. Nothing is sent.
#[utoipa::path(post, path = "/flight/adoption", tag = "flight",
    responses((status = OK, body = Adopted), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn adopt(State(app): State<App>, who: Who) -> Answer<Json<Adopted>> {
    who.must(Right::Plan)?;
    let name = who.account.name.clone();
    on_ground(&app, move |folder, ground| adopted(folder, ground, &name)).await
}

/// Does what takes a while on what the project's plans are made from.
async fn on_ground<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Path, &Ground) -> anyhow::Result<Result<T, Vec<String>>> + Send + 'static,
) -> Answer<Json<T>> {
    let Progress::Ready(project) = app.workspace.state() else {
        return Err(Problem::conflict("The project is still being read."));
    };
    let folder = app.settings.folder.clone();
    let done = blocking(move || match work(&folder, &project.ground) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(reasons)) => Err(Problem::conflict(format!("No plan keeps every rule: {}", reasons.join("; ")))),
        Err(why) => Err(Problem::conflict(format!("{why:#}"))),
    });
    Ok(Json(done.await?))
}
