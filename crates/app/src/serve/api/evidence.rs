//! What is known of how demand answers, and how well that has forecast the past.

use super::super::App;
use super::super::access::Who;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use super::word;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use endcap_demand::lift_points;
use endcap_govern::Right;
use endcap_model::{EffectKind, EffectStatus, Estimate, Response, Sku};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(effects))
        .routes(routes!(curve))
        .routes(routes!(backtest))
        .routes(routes!(edits))
}

/// How an item answers to offers.
#[derive(Serialize, ToSchema)]
pub struct Item {
    /// The item.
    sku: String,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Items that substitute for it.
    group: String,
    /// Deepest cut that its own history has seen, as a share.
    depth_seen_max: f64,
    /// The effects: `own_price`, `cross_price`, `feature`, `display`, `dip`.
    effects: Vec<Effect>,
}

/// An effect with its 95 % interval.
#[derive(Serialize, ToSchema)]
pub struct Effect {
    /// Which.
    effect: String,
    /// Posterior mean: an elasticity, or log units.
    mean: f64,
    /// Posterior standard deviation.
    se: f64,
    /// Lower end of the 95 % interval.
    lo95: f64,
    /// Upper end of the 95 % interval.
    hi95: f64,
    /// Periods in which the item was promoted.
    periods_promoted: usize,
    /// `estimated`, `borrowed` or `not_identified`.
    status: String,
    /// What the item lacks, or why the data cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Which items are wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Part of the item's number, name or group; all when not given.
    search: Option<String>,
}

/// Lift by depth.
#[derive(Serialize, ToSchema)]
pub struct Curve {
    /// The item.
    sku: String,
    /// Points, shallow to deep.
    points: Vec<CurvePoint>,
}

/// Units with a price cut over units without.
#[derive(Serialize, ToSchema)]
pub struct CurvePoint {
    /// Depth as a share of the list price.
    depth: f64,
    /// Median.
    lift: f64,
    /// Lower end of the 95 % interval.
    lo95: f64,
    /// Upper end of the 95 % interval.
    hi95: f64,
}

/// How well the past was forecast from before it happened.
#[derive(Serialize, ToSchema)]
pub struct Backtested {
    /// First periods that were forecast.
    origins: Vec<String>,
    /// Periods forecast from each.
    horizon: usize,
    /// Cells that were not scored because stock ran out or the series was new.
    cells_left_out: usize,
    /// How to read the scores.
    note: String,
    /// Scores of each forecast on each set of cells.
    scores: Vec<Score>,
    /// Scores of sums.
    levels: Vec<Level>,
}

/// Scores of one forecast on one set of cells.
#[derive(Serialize, ToSchema)]
pub struct Score {
    /// Whose forecast.
    forecast: String,
    /// Which cells.
    cells: String,
    /// Number of cells.
    count: usize,
    /// Sum of absolute errors over sum of units.
    wape: f64,
    /// Sum of errors over sum of units: above 0 forecasts too much.
    bias: f64,
    /// Share of cells inside the 90 % interval.
    coverage90: Option<f64>,
    /// Error that knowing every mean would leave.
    noise_floor: Option<f64>,
    /// Error of a reference less that of our forecast.
    value_added: Option<f64>,
}

/// Scores of one forecast on sums over cells.
#[derive(Serialize, ToSchema)]
pub struct Level {
    /// What is summed.
    level: String,
    /// Which cells.
    cells: String,
    /// Whose forecast.
    forecast: String,
    /// Sum of absolute errors over sum of units.
    wape: f64,
    /// Sum of errors over sum of units.
    bias: f64,
    /// Share of sums inside the 90 % interval.
    coverage90: Option<f64>,
}

/// An edit of a coefficient beside what the data say.
#[derive(Serialize, ToSchema)]
pub struct Edit {
    /// Its number.
    id: u32,
    /// Item or group that it is for.
    target: String,
    /// The effect.
    effect: String,
    /// Value to use.
    value: f64,
    /// Lower end of its 95 % interval.
    lo95: f64,
    /// Upper end of its 95 % interval.
    hi95: f64,
    /// Why.
    reason: String,
    /// Who proposed it.
    author: String,
    /// First day on which it is no longer used.
    expires: String,
    /// What has become of it.
    #[schema(value_type = Object)]
    state: serde_json::Value,
    /// Items in which it contradicts the data.
    contradicts: Vec<String>,
}

/// How every item answers to offers, by number.
#[utoipa::path(get, path = "/evidence/effects", tag = "evidence", params(Part, Wanted),
    responses((status = OK, body = Page<Item>), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn effects(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Json<Page<Item>>> {
    who.must(Right::Read)?;
    let (project, search) = (app.workspace.project()?, wanted?.0.search.unwrap_or_default().to_lowercase());
    let fits = |response: &&Response| {
        let name = project.name(&response.sku).unwrap_or_default();
        let holds = |text: &str| text.to_lowercase().contains(&search);
        holds(response.sku.as_str()) || holds(&name) || holds(response.group.as_str())
    };
    let found: Vec<&Response> = project.ground.fitted.lift.responses.iter().filter(fits).collect();
    let item = |response: &Response| Item {
        sku: response.sku.to_string(),
        name: project.name(&response.sku),
        group: response.group.to_string(),
        depth_seen_max: response.depth_seen_max.share(),
        effects: EffectKind::ALL.iter().map(|&kind| effect(kind, response.effect(kind))).collect(),
    };
    Ok(Json(part?.of(found.into_iter().map(item))?))
}

/// How much more an item sells at each depth.
#[utoipa::path(get, path = "/evidence/curves/{sku}", tag = "evidence", params(("sku" = String, Path, description = "The item")),
    responses((status = OK, body = Curve), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn curve(State(app): State<App>, who: Who, sku: Result<Path<String>, PathRejection>) -> Answer<Json<Curve>> {
    who.must(Right::Read)?;
    let (Path(sku), project) = (sku?, app.workspace.project()?);
    let response = project.ground.fitted.lift.response(&Sku::new(&sku));
    let response = response.ok_or_else(|| Problem::missing(format!("item '{sku}'")))?;
    let points = lift_points(response).into_iter().map(|point| CurvePoint {
        depth: point.depth.share(),
        lift: point.median,
        lo95: point.lo95,
        hi95: point.hi95,
    });
    Ok(Json(Curve { sku, points: points.collect() }))
}

/// How well the past was forecast from before it happened.
#[utoipa::path(get, path = "/evidence/backtest", tag = "evidence",
    responses((status = OK, body = Backtested), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn backtest(State(app): State<App>, who: Who) -> Answer<Json<Backtested>> {
    who.must(Right::Read)?;
    let project = app.workspace.project()?;
    let (of, calendar) = (&project.backtest, project.manifest.calendar);
    let score = |score: &endcap_demand::Score| Score {
        forecast: score.forecast.clone(),
        cells: score.cells.clone(),
        count: score.count,
        wape: score.wape,
        bias: score.bias,
        coverage90: score.coverage90,
        noise_floor: score.noise_floor,
        value_added: score.value_added,
    };
    let level = |level: &endcap_demand::LevelScore| Level {
        level: level.level.clone(),
        cells: level.cells.clone(),
        forecast: level.forecast.clone(),
        wape: level.wape,
        bias: level.bias,
        coverage90: level.coverage90,
    };
    Ok(Json(Backtested {
        origins: of.origins.iter().map(|&origin| calendar.format(origin)).collect(),
        horizon: of.horizon,
        cells_left_out: of.cells_left_out,
        note: of.note.clone(),
        scores: of.scores.iter().map(score).collect(),
        levels: of.levels.iter().map(level).collect(),
    }))
}

/// What people know better than the data, beside what the data say.
#[utoipa::path(get, path = "/evidence/edits", tag = "evidence", params(Part),
    responses((status = OK, body = Page<Edit>), (status = 409, body = Problem), (status = 503, body = Problem)))]
async fn edits(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Edit>>> {
    who.must(Right::Read)?;
    let project = app.workspace.project()?;
    let edit = |applied: &endcap_demand::coefficients::Applied| {
        let draft = &applied.edit.draft;
        let contradicted = applied.items.iter().filter(|item| item.contradicts);
        Edit {
            id: applied.edit.id,
            target: draft.target.to_string(),
            effect: draft.effect.name().to_owned(),
            value: draft.value,
            lo95: draft.lo95,
            hi95: draft.hi95,
            reason: draft.reason.clone(),
            author: draft.author.clone(),
            expires: draft.expires.to_string(),
            state: serde_json::to_value(&applied.state).unwrap_or_default(),
            contradicts: contradicted.map(|item| item.sku.to_string()).collect(),
        }
    };
    Ok(Json(part?.of(project.edits.iter().map(edit))?))
}

fn effect(kind: EffectKind, of: &Estimate) -> Effect {
    let (status, reason) = match &of.status {
        EffectStatus::Estimated => ("estimated", None),
        EffectStatus::Borrowed(reason) => ("borrowed", Some(reason.clone())),
        EffectStatus::NotIdentified(reason) => ("not_identified", Some(reason.clone())),
    };
    Effect {
        effect: word(&kind),
        mean: of.mean,
        se: of.se,
        lo95: of.lo95,
        hi95: of.hi95,
        periods_promoted: of.periods_promoted,
        status: status.to_owned(),
        reason,
    }
}
