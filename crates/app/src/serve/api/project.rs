//! The project at a glance, and what happens in it.

use super::super::App;
use super::super::access::Who;
use super::super::problem::{Answer, Fault, Problem};
use super::super::workspace::State as Progress;
use crate::commands::init;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use endcap_govern::Right;
use endcap_model::{Calendar, Currency};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(project, begin)).routes(routes!(live))
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

/// A project to begin.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewProject)]
pub struct Wanted {
    /// Its name.
    name: String,
    /// Currency of all amounts, as ISO 4217 writes it.
    #[schema(example = "EUR")]
    currency: String,
    /// How time is cut: `day` or `week`.
    #[schema(example = "week")]
    calendar: String,
}

/// Begin a project in an empty folder: its data are brought in next.
#[utoipa::path(post, path = "/project", tag = "project", request_body = Wanted,
    responses((status = CREATED), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn begin(State(app): State<App>, who: Who, wanted: Result<Json<Wanted>, JsonRejection>) -> Answer<StatusCode> {
    who.must(Right::Ingest)?;
    let Json(wanted) = wanted?;
    let wrong = |at: &str, detail: &str| {
        let fault = Fault { at: format!("/{at}"), detail: detail.to_owned() };
        Problem::unprocessable(format!("{at}: {detail}")).with(vec![fault])
    };
    let name = wanted.name.trim().to_owned();
    if name.is_empty() || name.len() > 200 {
        return Err(wrong("name", "expected 1 to 200 bytes"));
    }
    let currency: Currency = serde_json::from_value(wanted.currency.into())
        .map_err(|_| wrong("currency", "expected a currency as ISO 4217 writes it, such as EUR"))?;
    let calendar = match wanted.calendar.as_str() {
        "day" => Calendar::Day,
        "week" => Calendar::Week,
        _ => return Err(wrong("calendar", "expected day or week")),
    };
    let folder = app.settings.folder.clone();
    let begun =
        super::super::blocking(move || init::begin(&folder, &name, currency.code(), calendar).map_err(Problem::broken));
    if begun.await? { Ok(StatusCode::CREATED) } else { Err(Problem::conflict("The folder holds a project already.")) }
}

/// What happens from now on, as server-sent events.
#[utoipa::path(get, path = "/live", tag = "project",
    responses((status = OK, content_type = "text/event-stream", body = super::super::live::Happened), (status = 401, body = Problem)))]
async fn live(State(app): State<App>, who: Who) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    Ok(app.live.watch())
}
