//! What past promotions came to, split by cause.

use super::super::App;
use super::super::access::Who;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use super::super::workspace::Project;
use super::word;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use endcap_demand::{Analysed, ItemTotal, Split as Units};
use endcap_govern::Right;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(promotions)).routes(routes!(totals))
}

/// A figure with its 95 % interval.
#[derive(Serialize, ToSchema)]
pub struct Split {
    /// Expected.
    value: f64,
    /// Lower end.
    lo95: f64,
    /// Upper end.
    hi95: f64,
}

/// A past promotion of an item in a region.
#[derive(Serialize, ToSchema)]
pub struct Promotion {
    /// The item.
    sku: String,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The region; empty where places have none.
    region: String,
    /// First period.
    first: String,
    /// Last period.
    last: String,
    /// Deepest cut, as a share.
    depth: f64,
    /// Units sold.
    sold: f64,
    /// Units that would have been sold without it.
    baseline: f64,
    /// Units that it added itself.
    own: Split,
    /// Units that substitutes lost.
    cannibalised: Split,
    /// Units that the item lost later.
    pulled_forward: Split,
    /// What is left of these.
    net: Split,
    /// What is usually reported: units sold less the usual ones before.
    naive: Option<f64>,
    /// What it earned in minor units; nothing where a cost is not known.
    profit: Option<Split>,
    /// What the usual report says that it earned.
    naive_profit: Option<f64>,
    /// `paid`, `did_not_pay` or `cannot_tell`.
    verdict: String,
    /// The verdict in words.
    why: String,
}

/// Which promotions are wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Part of the item's number or name; all when not given.
    search: Option<String>,
    /// `paid`, `did_not_pay` or `cannot_tell`; all when not given.
    verdict: Option<String>,
}

/// All promotions of an item, or of all items.
#[derive(Serialize, ToSchema)]
pub struct Total {
    /// The item; nothing for all together.
    sku: Option<String>,
    /// Number of promotions.
    events: usize,
    /// Those that paid.
    paid: usize,
    /// Those that did not.
    did_not_pay: usize,
    /// Net units.
    net: Split,
    /// Units of the usual report.
    naive: f64,
    /// Money given away, in minor units.
    given_away: f64,
    /// Profit in minor units; nothing where no cost is known.
    profit: Option<Split>,
}

/// Sums of past promotions.
#[derive(Serialize, ToSchema)]
pub struct Totals {
    /// All together.
    all: Total,
    /// By item, most profit first.
    items: Vec<Total>,
}

/// Past promotions, most profit first.
#[utoipa::path(get, path = "/after/promotions", tag = "after", params(Part, Wanted),
    responses((status = OK, body = Page<Promotion>), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn promotions(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Json<Page<Promotion>>> {
    who.must(Right::Read)?;
    let (Query(part), Query(wanted)) = (part?, wanted?);
    let project = analysed(&app).await?;
    let search = wanted.search.unwrap_or_default().to_lowercase();
    let fits = |analysed: &&Analysed| {
        let name = project.name(&analysed.event.sku).unwrap_or_default().to_lowercase();
        let found = analysed.event.sku.as_str().to_lowercase().contains(&search) || name.contains(&search);
        found && wanted.verdict.as_ref().is_none_or(|verdict| word(&analysed.verdict) == *verdict)
    };
    let found: Vec<&Analysed> = project.analysis().events.iter().filter(fits).collect();
    let calendar = project.manifest.calendar;
    let promotion = |analysed: &Analysed| {
        let event = &analysed.event;
        Promotion {
            sku: event.sku.to_string(),
            name: project.name(&event.sku),
            region: event.region.clone(),
            first: calendar.format(event.span.start),
            last: calendar.format(event.span.end.plus(-1)),
            depth: event.depth.share(),
            sold: analysed.sold,
            baseline: event.baseline,
            own: split(&event.own),
            cannibalised: split(&event.cannibalised),
            pulled_forward: split(&event.pulled_forward),
            net: split(&event.net),
            naive: event.naive,
            profit: analysed.money.as_ref().map(|money| split(&money.profit)),
            naive_profit: analysed.money.as_ref().and_then(|money| money.naive),
            verdict: word(&analysed.verdict),
            why: analysed.why.clone(),
        }
    };
    Ok(Json(part.of(found.into_iter().map(promotion))?))
}

/// Sums of past promotions, over all and by item.
#[utoipa::path(get, path = "/after/totals", tag = "after",
    responses((status = OK, body = Totals), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn totals(State(app): State<App>, who: Who) -> Answer<Json<Totals>> {
    who.must(Right::Read)?;
    let project = analysed(&app).await?;
    let analysis = project.analysis();
    Ok(Json(Totals { all: total(&analysis.total), items: analysis.items.iter().map(total).collect() }))
}

/// The project once its past is analysed, which may take seconds the first time.
pub async fn analysed(app: &App) -> Answer<Arc<Project>> {
    let project = app.workspace.project()?;
    let working = project.clone();
    tokio::task::spawn_blocking(move || {
        working.analysis();
    })
    .await
    .map_err(Problem::broken)?;
    Ok(project)
}

fn total(of: &ItemTotal) -> Total {
    Total {
        sku: of.sku.as_ref().map(ToString::to_string),
        events: of.events,
        paid: of.paid,
        did_not_pay: of.did_not_pay,
        net: split(&of.net),
        naive: of.naive,
        given_away: of.given_away,
        profit: of.profit.as_ref().map(split),
    }
}

pub fn split(of: &Units) -> Split {
    Split { value: of.units, lo95: of.lo95, hi95: of.hi95 }
}
