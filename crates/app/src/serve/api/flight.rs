//! The plan in flight: the last look at it, and a new one.

use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::workspace::State as Progress;
use super::super::{App, blocking};
use crate::commands::flight::{LATEST, looked};
use axum::Json;
use axum::extract::State;
use endcap_adapters::tables::read_json;
use endcap_govern::Right;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(flight, look))
}

/// A plan in flight as it was when it was last looked at. Money in minor units.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct FlightReading {
    /// The plan.
    in_force: String,
    /// The first period that may change.
    from: String,
    /// Currency, as ISO 4217 writes it.
    currency: String,
    /// Periods of the plan whose sales are known.
    periods_seen: usize,
    /// What is believed of each category by what was sold since.
    believed: Vec<Believed>,
    /// Offers of the coming period.
    running: Vec<RunningOffer>,
    /// Changes that are proposed.
    tweaks: Vec<FlightTweak>,
    /// What the promises are worth by what is believed now.
    promised_value: i64,
    /// What the proposal is worth.
    value: i64,
    /// The proposal that has all the changes; nobody has approved it.
    proposal: String,
}

/// Factors on demand and lift of a category, with their standard deviations; 1 is as the plan had it.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Believed {
    /// The category.
    kind: String,
    /// Demand without offers.
    level: Factor,
    /// Log lift of offers.
    lift: Factor,
}

/// A factor.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Factor {
    /// Mean.
    mean: f64,
    /// Standard deviation.
    sd: f64,
}

/// An offer of the coming period.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct RunningOffer {
    /// Item.
    sku: String,
    /// Region.
    place: String,
    /// Share of the list price taken off.
    depth: f64,
    /// Sales so far beside what was expected; nothing before it begins.
    path: Option<SoldSoFar>,
    /// Pieces wanted until it ends.
    wanted: f64,
    /// Pieces there until then.
    available: f64,
    /// Stores.
    stores: usize,
    /// Stores whose shelf probably runs empty.
    short: usize,
    /// Mean probability of an empty shelf.
    stockout: f64,
}

/// Sales beside expectation.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct SoldSoFar {
    /// Pieces sold.
    sold: f64,
    /// Pieces expected.
    expected: f64,
    /// 95 % interval.
    lo95: f64,
    /// 95 % interval.
    hi95: f64,
    /// `behind`, `on_path` or `ahead`.
    course: String,
}

/// A change that is proposed.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct FlightTweak {
    /// `soften`, `deepen`, `narrow`, `extend`, `end_early`, `withdraw`, `swap`, `add`, `move_stock`, `expedite` or `shift_budget`.
    kind: String,
    /// Item, or category.
    subject: String,
    /// Region or store.
    place: String,
    /// First period.
    period: String,
    /// Depth before.
    depth_before: Option<f64>,
    /// Depth after.
    depth_after: Option<f64>,
    /// What the optimiser says it earns.
    value: Option<i64>,
    /// What simulated shelves say of it.
    effect: Option<TweakEffect>,
    /// Why.
    because: String,
}

/// What a change does on simulated shelves.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct TweakEffect {
    /// Expected change of profit.
    mean: f64,
    /// One case in twenty is worse.
    low: f64,
    /// One case in twenty is better.
    high: f64,
    /// Pieces lost without and with it.
    lost: [f64; 2],
    /// Probability of an empty shelf without and with it.
    stockout: [f64; 2],
}

/// The last look at the plan in flight; nothing where nobody looked yet.
#[utoipa::path(get, path = "/flight", tag = "flight", responses((status = OK, body = Option<FlightReading>), (status = 401, body = Problem)))]
async fn flight(State(app): State<App>, who: Who) -> Answer<Json<Option<FlightReading>>> {
    who.must(Right::Read)?;
    let path = app.settings.folder.join(LATEST);
    Ok(Json(if path.is_file() { Some(read_json(&path).map_err(Problem::broken)?) } else { None }))
}

/// Look at the plan in flight now, and propose what is better changed. Nothing is approved or sent.
#[utoipa::path(post, path = "/flight", tag = "flight",
    responses((status = OK, body = FlightReading), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn look(State(app): State<App>, who: Who) -> Answer<Json<FlightReading>> {
    who.must(Right::Plan)?;
    let Progress::Ready(project) = app.workspace.state() else {
        return Err(Problem::conflict("The project is still being read."));
    };
    let folder = app.settings.folder.clone();
    let done = blocking(move || match looked(&folder, &project.ground) {
        Ok(Ok(())) => read_json(&folder.join(LATEST)).map_err(Problem::broken),
        Ok(Err(reasons)) => Err(Problem::conflict(format!("No plan keeps every rule: {}", reasons.join("; ")))),
        Err(why) => Err(Problem::conflict(format!("{why:#}"))),
    });
    Ok(Json(done.await?))
}
