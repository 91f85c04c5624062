//! The project at a glance, and what happens in it.

use super::super::App;
use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::workspace::State as Progress;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use endcap_govern::Right;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(project)).routes(routes!(live))
}

/// How far the desk is with the project.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Project {
    /// There are no facts yet.
    Empty,
    /// It is being read, fitted and forecast.
    Loading {
        /// The step.
        step: String,
        /// Parts done.
        done: usize,
        /// Parts in all.
        all: usize,
    },
    /// It can be worked on.
    Ready(Glance),
    /// It could not be read.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A project in a few figures.
#[derive(Serialize, ToSchema)]
pub struct Glance {
    /// Name of the scenario.
    name: String,
    /// Currency, as ISO 4217 writes it.
    currency: String,
    /// Digits after the point of an amount in major units.
    currency_digits: u16,
    /// `day` or `week`.
    calendar: String,
    /// Name of the facts.
    snapshot: String,
    /// When they were known.
    as_of: String,
    /// Name of the lift model.
    model: String,
    /// Items that can be planned.
    items: usize,
    /// Regions in which offers are set.
    regions: usize,
    /// Periods that are planned, in order.
    periods: Vec<String>,
}

/// The project at a glance.
#[utoipa::path(get, path = "/project", tag = "project", responses((status = OK, body = Project), (status = 401, body = Problem)))]
async fn project(State(app): State<App>, who: Who) -> Answer<Json<Project>> {
    who.must(Right::Read)?;
    Ok(Json(match app.workspace.state() {
        Progress::Empty => Project::Empty,
        Progress::Loading { step, done, all } => Project::Loading { step, done, all },
        Progress::Failed { reason } => Project::Failed { reason },
        Progress::Ready(project) => {
            let ground = &project.ground;
            let input = ground.input();
            let (scenario, calendar) = (&ground.scenario, input.calendar);
            let regions: std::collections::BTreeSet<_> = input.regions.values().collect();
            Project::Ready(Glance {
                name: scenario.name.clone(),
                currency: scenario.currency.code().to_owned(),
                currency_digits: scenario.currency.exponent().unwrap_or(0),
                calendar: serde_json::to_value(calendar)
                    .map_err(Problem::broken)?
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                snapshot: ground.snapshot.to_string(),
                as_of: ground.as_of.0.to_string(),
                model: ground.model.short().to_owned(),
                items: input.items.len(),
                regions: regions.len(),
                periods: input.span.iter().map(|period| calendar.format(period)).collect(),
            })
        }
    }))
}

/// What happens from now on, as server-sent events.
#[utoipa::path(get, path = "/live", tag = "project",
    responses((status = OK, content_type = "text/event-stream", body = super::super::live::Happened), (status = 401, body = Problem)))]
async fn live(State(app): State<App>, who: Who) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    Ok(app.live.watch())
}
