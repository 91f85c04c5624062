//! The supply behind the plan in force or behind a board: what to look at, how stock runs, what to order and move.

use super::super::App;
use super::super::access::Who;
use super::super::download;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use super::super::workspace::Project;
use super::boards::{plan_of, planned, seen};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use endcap_adapters::file_drop;
use endcap_adapters::tables::{Column, csv_of};
use endcap_agent::board::{BoardSupply, StyleCover, SupplyAlert, SupplyCell, SupplyGlance};
use endcap_govern::Right;
use endcap_model::{Place, Sku, SupplyOrder, Transfer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(glance))
        .routes(routes!(cells))
        .routes(routes!(alerts))
        .routes(routes!(orders))
        .routes(routes!(transfers))
        .routes(routes!(styles))
        .routes(routes!(orders_csv))
        .routes(routes!(transfers_csv))
}

/// Whose supply is wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Of {
    /// Id of a board; the plan in force when not given.
    board: Option<String>,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Fits {
    /// Part of the item's number or name; all when not given.
    search: Option<String>,
    /// A place, or a region with all its places; all when not given.
    place: Option<String>,
    /// Only items at places with an alert.
    #[serde(default)]
    alerts: bool,
    /// Only alerts of a class: `auto`, `review` or `exception`; all when not given.
    handling: Option<String>,
    /// Only orders to place `now`, or those expected `later`; all when not given.
    when: Option<String>,
}

/// Supply at a glance.
#[derive(Serialize, ToSchema)]
pub struct Supply {
    /// What it goes with: `board` or `in_force`.
    of: &'static str,
    /// Id of the board or of the plan.
    id: String,
    /// Name of the board; that of the plan is its id.
    name: String,
    /// Periods, as their calendar writes them.
    periods: Vec<String>,
    /// Places.
    places: Vec<String>,
    /// Regions in which offers are set.
    regions: Vec<String>,
    /// Whether the facts state sizes.
    sizes: bool,
    /// What it comes to.
    #[serde(flatten)]
    glance: SupplyGlance,
}

/// Pieces to order.
#[derive(Serialize, ToSchema)]
pub struct Order {
    /// The item.
    sku: String,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Where they are needed.
    place: String,
    /// Who delivers them, where that is known.
    supplier: Option<String>,
    /// Period at whose end the order is placed.
    order_period: String,
    /// Period at whose start they arrive.
    arrives: String,
    /// Pieces, in whole cases.
    quantity: i64,
    /// Whether it is to be placed now; else it is what is expected to be ordered then.
    now: bool,
}

/// Pieces to move.
#[derive(Serialize, ToSchema)]
pub struct Move {
    /// The item.
    sku: String,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Where they lie.
    from: String,
    /// Where they sell.
    to: String,
    /// Period at whose end they leave.
    period: String,
    /// Pieces.
    quantity: i64,
}

/// A supply with what its answers need.
struct Found {
    project: Arc<Project>,
    supply: Arc<BoardSupply>,
    of: &'static str,
    id: String,
    name: String,
}

/// Supply at a glance: orders and transfers of now, expected sales and losses, alerts by who has to look.
#[utoipa::path(get, path = "/supply", tag = "supply", params(Of),
    responses((status = OK, body = Supply), (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn glance(found: Found) -> Answer<Json<Supply>> {
    let supply = &found.supply;
    let distinct = |of: fn(&SupplyCell) -> &Place| {
        supply.cells.iter().map(of).collect::<BTreeSet<_>>().into_iter().map(ToString::to_string).collect()
    };
    Ok(Json(Supply {
        of: found.of,
        id: found.id,
        name: found.name,
        periods: supply.periods.clone(),
        places: distinct(|cell| &cell.place),
        regions: distinct(|cell| &cell.region),
        sizes: !supply.styles.is_empty(),
        glance: supply.glance.clone(),
    }))
}

/// How the stock of each item at each place is expected to run, those with most at stake first.
#[utoipa::path(get, path = "/supply/cells", tag = "supply", params(Of, Fits, Part),
    responses((status = OK, body = Page<SupplyCell>), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn cells(
    found: Found,
    fits: Result<Query<Fits>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<SupplyCell>>> {
    let (Query(fits), Query(part)) = (fits?, part?);
    let fit = |cell: &&SupplyCell| fits.at(&found, &cell.sku, &cell.place) && (!fits.alerts || !cell.alerts.is_empty());
    let cells: Vec<&SupplyCell> = found.supply.cells.iter().filter(fit).collect();
    Ok(Json(part.of(cells.into_iter().cloned())?))
}

/// What people should look at, the costliest first.
#[utoipa::path(get, path = "/supply/alerts", tag = "supply", params(Of, Fits, Part),
    responses((status = OK, body = Page<SupplyAlert>), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn alerts(
    found: Found,
    fits: Result<Query<Fits>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<SupplyAlert>>> {
    let (Query(fits), Query(part)) = (fits?, part?);
    let handling = known(fits.handling.as_deref(), "handling", &["auto", "review", "exception"])?;
    let fit = |alert: &&SupplyAlert| {
        fits.at(&found, &alert.sku, &alert.place) && handling.is_none_or(|class| alert.handling.to_string() == class)
    };
    let alerts: Vec<&SupplyAlert> = found.supply.alerts.iter().filter(fit).collect();
    Ok(Json(part.of(alerts.into_iter().cloned())?))
}

/// Orders, those of now first.
#[utoipa::path(get, path = "/supply/orders", tag = "supply", params(Of, Fits, Part),
    responses((status = OK, body = Page<Order>), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn orders(
    found: Found,
    fits: Result<Query<Fits>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Order>>> {
    let (Query(fits), Query(part)) = (fits?, part?);
    let calendar = found.supply.calendar;
    let order = |order: SupplyOrder| Order {
        name: found.project.name(&order.sku),
        sku: order.sku.to_string(),
        place: order.place.to_string(),
        supplier: order.supplier.map(|supplier| supplier.to_string()),
        order_period: calendar.format(order.order_period),
        arrives: calendar.format(order.arrives),
        quantity: order.quantity.0,
        now: order.order_period <= found.supply.now,
    };
    Ok(Json(part.of(fits.orders(&found)?.into_iter().map(order))?))
}

/// Pieces to move now.
#[utoipa::path(get, path = "/supply/transfers", tag = "supply", params(Of, Fits, Part),
    responses((status = OK, body = Page<Move>), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn transfers(
    found: Found,
    fits: Result<Query<Fits>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Move>>> {
    let (Query(fits), Query(part)) = (fits?, part?);
    let moved = |moved: Transfer| Move {
        name: found.project.name(&moved.sku),
        sku: moved.sku.to_string(),
        from: moved.from.to_string(),
        to: moved.to.to_string(),
        period: found.supply.calendar.format(moved.period),
        quantity: moved.quantity.0,
    };
    Ok(Json(part.of(fits.transfers(&found).into_iter().map(moved))?))
}

/// Styles with several sizes: how much of demand finds its size, where runs are broken, which pieces would mend them. Empty
/// where the facts state no sizes.
#[utoipa::path(get, path = "/supply/styles", tag = "supply", params(Of, Part),
    responses((status = OK, body = Page<StyleCover>), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn styles(found: Found, part: Result<Query<Part>, QueryRejection>) -> Answer<Json<Page<StyleCover>>> {
    Ok(Json(part?.of(found.supply.styles.iter().cloned())?))
}

/// Orders as CSV, in the columns of a plan's `orders.csv`.
#[utoipa::path(get, path = "/supply/orders.csv", tag = "supply", params(Of, Fits),
    responses((status = OK, content_type = "text/csv", body = String), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn orders_csv(found: Found, fits: Result<Query<Fits>, QueryRejection>) -> Answer<impl IntoResponse> {
    table("orders", &file_drop::orders(found.supply.calendar, &fits?.orders(&found)?))
}

/// Transfers as CSV, in the columns of a plan's `transfers.csv`.
#[utoipa::path(get, path = "/supply/transfers.csv", tag = "supply", params(Of, Fits),
    responses((status = OK, content_type = "text/csv", body = String), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn transfers_csv(found: Found, fits: Result<Query<Fits>, QueryRejection>) -> Answer<impl IntoResponse> {
    table("transfers", &file_drop::transfers(found.supply.calendar, &fits?.transfers(&found)))
}

fn table(name: &str, columns: &[(&str, Column)]) -> Answer<impl IntoResponse + use<>> {
    download::csv(name, &csv_of(columns).map_err(Problem::broken)?)
}

impl Fits {
    fn item(&self, sku: &Sku, name: Option<&str>) -> bool {
        let Some(search) = &self.search else { return true };
        let search = search.to_lowercase();
        sku.as_str().to_lowercase().contains(&search) || name.unwrap_or_default().to_lowercase().contains(&search)
    }

    /// Whether an item at a place fits; the place may be named by its region.
    fn at(&self, found: &Found, sku: &Sku, place: &Place) -> bool {
        let regions = &found.project.ground.facts.regions;
        let region = regions.get(place).unwrap_or(place);
        let there = |wanted: &String| *wanted == place.as_str() || *wanted == region.as_str();
        self.place.as_ref().is_none_or(there) && self.item(sku, found.project.name(sku).as_deref())
    }

    fn orders(&self, found: &Found) -> Answer<Vec<SupplyOrder>> {
        let when = known(self.when.as_deref(), "when", &["now", "later"])?;
        let now = |order: &SupplyOrder| order.order_period <= found.supply.now;
        let fit = |order: &&SupplyOrder| {
            self.at(found, &order.sku, &order.place) && when.is_none_or(|when| (when == "now") == now(order))
        };
        Ok(found.supply.orders.iter().filter(fit).cloned().collect())
    }

    fn transfers(&self, found: &Found) -> Vec<Transfer> {
        let fit =
            |moved: &&Transfer| [&moved.from, &moved.to].into_iter().any(|place| self.at(found, &moved.sku, place));
        found.supply.transfers.iter().filter(fit).cloned().collect()
    }
}

/// One of the words that a parameter takes.
fn known<'a>(word: Option<&'a str>, parameter: &str, words: &[&str]) -> Answer<Option<&'a str>> {
    match word {
        Some(word) if !words.contains(&word) => {
            Err(Problem::bad(format!("{parameter} is '{word}': expected {}", words.join(", "))))
        }
        word => Ok(word),
    }
}

/// The supply that the request names by [`Of`], for a caller who may see it.
impl FromRequestParts<App> for Found {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let who = Who::from_request_parts(parts, app).await?;
        who.must(Right::Read)?;
        let Query(of) = Query::<Of>::from_request_parts(parts, app).await?;
        found(app, &who, of).await
    }
}

/// The supply of a board that the caller may see, or of the plan in force. Worked out once for a version, which may take
/// seconds.
async fn found(app: &App, who: &Who, of: Of) -> Answer<Found> {
    let project = app.workspace.project()?;
    let worked = project.clone();
    let (of, id, name, supply) = match of.board {
        Some(id) => {
            let kept = seen(app, who, &id).await?;
            let plan = plan_of(app, &kept).await?;
            planned(&plan)?;
            let at = (kept.id.clone(), kept.version);
            let work = move || worked.boards().supply(&worked.ground, at, &plan.board.scenario, &plan.offers());
            ("board", kept.id, kept.name, tokio::task::spawn_blocking(work).await)
        }
        None => {
            let plan = project.in_force.clone().ok_or_else(Problem::none_in_force)?;
            let (id, at) = (plan.id.to_string(), (plan.id.to_string(), 0));
            let work = move || worked.boards().supply(&worked.ground, at, &worked.ground.scenario, &plan.offers);
            ("in_force", id.clone(), id, tokio::task::spawn_blocking(work).await)
        }
    };
    Ok(Found { project, supply: supply.map_err(Problem::broken)??, of, id, name })
}
