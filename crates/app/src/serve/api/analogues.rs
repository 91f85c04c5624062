//! What was tried that is most like an offer, and what came of it.

use super::super::App;
use super::super::access::Who;
use super::super::blocking;
use super::super::problem::{Answer, Problem};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use endcap_agent::analogues::{Asked, ToldAnalogues, told};
use endcap_govern::Right;
use endcap_model::{Depth, Place, Sku, Span};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Periods that an offer may be asked about.
const PERIODS_MAX: usize = 520;
/// Analogues that are told at most.
const MOST: usize = 100;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(analogues))
}

/// An offer that is asked about.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfferLike {
    /// The item; one without a history borrows its category's.
    sku: String,
    /// The cut, as a share.
    #[param(minimum = 0, maximum = 0.9999)]
    depth: f64,
    /// Region, or a store of it; anywhere when not given.
    place: Option<String>,
    /// First period, as the project writes it; the first after the facts when not given.
    period: Option<String>,
    /// Periods that it runs; 1 when not given.
    #[param(minimum = 1, maximum = 520)]
    periods: Option<usize>,
    /// Whether it is advertised.
    #[serde(default)]
    feature: bool,
    /// Whether it is displayed.
    #[serde(default)]
    display: bool,
    /// Category of an item that the facts do not know.
    category: Option<String>,
    /// How many, nearest first; 10 when not given.
    #[param(minimum = 1, maximum = 100)]
    most: Option<usize>,
}

/// The past promotions that are most like an offer, and what came of them. Offers were chosen by people for their place and
/// time: this is no estimate of what the offer will bring.
#[utoipa::path(get, path = "/analogues", tag = "after", params(OfferLike),
    responses((status = OK, body = ToldAnalogues), (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn analogues(
    State(app): State<App>,
    who: Who,
    wanted: Result<Query<OfferLike>, QueryRejection>,
) -> Answer<Json<ToldAnalogues>> {
    who.must(Right::Read)?;
    let Query(wanted) = wanted?;
    let project = app.workspace.project()?;
    let panel = &project.ground.facts.panel;
    let start = match &wanted.period {
        Some(text) => {
            panel.calendar().parse(text).map_err(|error| Problem::unprocessable(format!("period: {error}")))?
        }
        None => {
            panel.span().ok_or_else(|| Problem::conflict("The project has no sales yet: bring data in first."))?.end
        }
    };
    let asked = Asked {
        sku: Sku::new(&wanted.sku),
        category: wanted.category,
        place: wanted.place.as_deref().map(Place::new),
        span: Span::of_length(start, wanted.periods.unwrap_or(1).clamp(1, PERIODS_MAX)),
        depth: Depth::from_share(wanted.depth).map_err(|error| Problem::unprocessable(format!("depth: {error}")))?,
        feature: wanted.feature,
        display: wanted.display,
    };
    let most = wanted.most.unwrap_or(10).clamp(1, MOST);
    blocking(move || Ok(Json(told(&project.ground, project.analogues()?, &asked, most)))).await
}
