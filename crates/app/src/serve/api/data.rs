//! Where the facts came from, what was set aside, and what they can carry.

use super::super::App;
use super::super::access::Who;
use super::super::download;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use endcap_govern::Right;
use endcap_ingest::Readiness;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sources)).routes(routes!(quarantine)).routes(routes!(ready))
}

/// What the facts are made of.
#[derive(Serialize, ToSchema)]
pub struct Sources {
    /// Name of the facts.
    snapshot: String,
    /// When they were known.
    as_of: String,
    /// The sources.
    sources: Vec<Source>,
    /// What is wrong with a source or a place as a whole, until somebody answers.
    alarms: Vec<String>,
}

/// What became of the rows of one source.
#[derive(Serialize, ToSchema)]
pub struct Source {
    /// Kind of fact.
    kind: String,
    /// The file.
    source: String,
    /// Rows read.
    read: u64,
    /// Rows that are facts now.
    loaded: u64,
    /// Rows kept apart with a reason.
    set_aside: u64,
    /// Rows that repeat an earlier one word for word.
    duplicates: u64,
    /// Rows whose place a later row took.
    replaced: u64,
}

/// Whether the history of a category can carry estimates.
#[derive(Serialize, ToSchema)]
pub struct Category {
    /// The category.
    category: String,
    /// `ready`, `thin` or `not_ready`.
    verdict: String,
    /// Items with sales.
    items: usize,
    /// Series of an item at a place.
    series: usize,
    /// Periods from the first to the last sale.
    periods: usize,
    /// Item-periods with a price cut of 5 % or more, an advert or a display.
    promoted_periods: usize,
    /// Standard deviation of the log of price over list price around its mean.
    price_variation: f64,
    /// Share of the selling time with stock.
    in_stock_share: f64,
    /// What is missing.
    missing: Vec<String>,
    /// What would help.
    helps: Vec<String>,
}

/// Where the facts came from.
#[utoipa::path(get, path = "/data/sources", tag = "data",
    responses((status = OK, body = Sources), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn sources(State(app): State<App>, who: Who) -> Answer<Json<Sources>> {
    who.must(Right::Read)?;
    let project = app.workspace.project()?;
    let source = |(kind, of): (endcap_model::FactKind, &endcap_adapters::facts::SourceCounts)| Source {
        kind: kind.to_string(),
        source: of.source.clone(),
        read: of.counts.read,
        loaded: of.counts.loaded,
        set_aside: of.counts.set_aside,
        duplicates: of.counts.duplicates,
        replaced: of.counts.replaced,
    };
    Ok(Json(Sources {
        snapshot: project.manifest.id.to_string(),
        as_of: project.manifest.as_of.0.to_string(),
        sources: project.manifest.sources().into_iter().map(source).collect(),
        alarms: crate::alarms::told(&project.manifest),
    }))
}

/// The rows of a kind that were set aside, with source, row, column, value and reason, as CSV.
#[utoipa::path(get, path = "/data/quarantine/{kind}", tag = "data",
    params(("kind" = String, Path, description = "Kind of fact, such as sales")),
    responses((status = OK, content_type = "text/csv", body = String), (status = 404, body = Problem)))]
async fn quarantine(
    State(app): State<App>,
    who: Who,
    kind: Result<Path<String>, PathRejection>,
) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    let Path(wanted) = kind?;
    let project = app.workspace.project()?;
    let known = project.manifest.tables.keys().find(|kind| kind.to_string() == wanted);
    let kind = known.ok_or_else(|| Problem::missing(format!("kind of fact '{wanted}'")))?;
    let path = project.manifest.quarantine(&app.settings.folder).join(format!("{kind}.csv"));
    match tokio::fs::read(&path).await {
        Ok(rows) => download::csv(&format!("set-aside-{kind}"), &rows),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Problem::missing(format!("row of {kind} that was set aside")))
        }
        Err(error) => Err(Problem::broken(error)),
    }
}

/// Whether the history of each category can carry estimates, what is missing and what would help.
#[utoipa::path(get, path = "/data/readiness", tag = "data", params(Part),
    responses((status = OK, body = Page<Category>), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn ready(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Category>>> {
    who.must(Right::Read)?;
    let project = app.workspace.project()?;
    Ok(Json(part?.of(project.readiness.iter().map(category))?))
}

pub fn category(of: &Readiness) -> Category {
    Category {
        category: of.category.clone(),
        verdict: super::word(&of.verdict),
        items: of.skus,
        series: of.series,
        periods: of.periods,
        promoted_periods: of.promoted_periods,
        price_variation: of.price_variation,
        in_stock_share: of.in_stock_share,
        missing: of.missing.clone(),
        helps: of.helps.clone(),
    }
}
