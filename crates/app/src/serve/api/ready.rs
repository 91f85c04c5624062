//! Ready scenarios: the Promo Planner page and the PittaRosso season, with their published inputs and figures. They need no
//! project and keep nothing: what people put in comes with each question.

use super::super::App;
use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use crate::example;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use endcap_agent::board::{PageBoard, PageInputs, page_board};
use endcap_govern::Right;
use endcap_plan::lever::{
    Fill, Goal, Grid, LeverGroup, LeverLock, LeverScenario, LeverSettings, Played, Promotion, Published, Reading,
    Spend, play,
};
use endcap_twin::TwinScenario;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest search for levers: what is found by then is shown with its true bound.
const SEARCH_SECONDS: u64 = 3;
/// Near enough to the best to play with.
const SEARCH: LeverSettings = LeverSettings { gap: 0.002, parts: 100 };
/// Most locks in one request; more than every lever of the season.
const LOCKS_MAX: usize = 1000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(page, page_with)).routes(routes!(levers, levers_with))
}

/// The season of levers as it begins. Money in major units of its currency, as published.
#[derive(Serialize, ToSchema)]
pub struct LeverBoard {
    /// Its name.
    name: String,
    /// Currency of all amounts.
    currency: String,
    /// Names of the months.
    months: Vec<String>,
    /// Markdowns that a group may have in a month, as shares.
    markdowns: Vec<f64>,
    /// Levels of marketing spend.
    spends: Vec<Spend>,
    /// Promotions.
    promotions: Vec<Promotion>,
    /// Product groups.
    groups: Vec<LeverGroup>,
    /// Objectives to begin from.
    goals: Vec<Goal>,
    /// What was published for some of them.
    published: Vec<Published>,
    /// How step 6 is read.
    reading: Reading,
    /// Money that one unsold piece costs at a penalty of 100 % counted in units.
    penalty_per_piece: f64,
}

/// What a person sets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeverWish {
    /// What the season is judged by.
    goal: Goal,
    /// How step 6 is read; the season's own when not given.
    #[serde(default)]
    reading: Option<Reading>,
    /// Levers that are held.
    #[serde(default)]
    locks: Vec<LeverLock>,
    /// What sets the others; `best` when not given.
    #[serde(default)]
    fill: Fill,
}

/// The Promo Planner page: six items, four weeks, its inputs and its six figures.
#[utoipa::path(get, path = "/ready/promo-planner", tag = "ready", responses((status = OK, body = PageBoard)))]
async fn page(who: Who) -> Answer<Json<PageBoard>> {
    who.must(Right::Read)?;
    planner(None).await
}

/// The Promo Planner page with other inputs. Keeps nothing.
#[utoipa::path(post, path = "/ready/promo-planner", tag = "ready", request_body = PageInputs,
    responses((status = OK, body = PageBoard), (status = 422, body = Problem)))]
async fn page_with(who: Who, inputs: Result<Json<PageInputs>, JsonRejection>) -> Answer<Json<PageBoard>> {
    who.must(Right::Read)?;
    let Json(inputs) = inputs?;
    planner(Some(inputs)).await
}

async fn planner(inputs: Option<PageInputs>) -> Answer<Json<PageBoard>> {
    let work = move || {
        let scenario: TwinScenario = toml::from_str(example::PROMO_PLANNER).map_err(Problem::broken)?;
        let board = page_board(&scenario, inputs.as_ref()).map_err(Problem::unprocessable)?;
        board.ok_or_else(|| Problem::broken("the shipped scenario has no page"))
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::broken)?.map(Json)
}

/// The PittaRosso season: its levers, objectives, inputs and what was published.
#[utoipa::path(get, path = "/ready/pittarosso", tag = "ready", responses((status = OK, body = LeverBoard)))]
async fn levers(who: Who) -> Answer<Json<LeverBoard>> {
    who.must(Right::Read)?;
    let season = season()?;
    let grid = Grid::new(&season).map_err(Problem::broken)?;
    Ok(Json(LeverBoard {
        goals: season.goals(),
        markdowns: (0..grid.levels()).map(|level| grid.markdown(level)).collect(),
        name: season.name,
        currency: season.currency.code().to_owned(),
        months: season.months,
        spends: season.spends,
        promotions: season.promotions,
        groups: season.groups,
        published: season.published,
        reading: season.reading,
        penalty_per_piece: season.penalty_per_piece,
    }))
}

/// What the season comes to with some levers held and the rest set by a rule or a search. Keeps nothing.
#[utoipa::path(post, path = "/ready/pittarosso", tag = "ready", request_body = LeverWish,
    responses((status = OK, body = Played), (status = 422, body = Problem)))]
async fn levers_with(who: Who, wish: Result<Json<LeverWish>, JsonRejection>) -> Answer<Json<Played>> {
    who.must(Right::Read)?;
    let Json(wish) = wish?;
    if wish.locks.len() > LOCKS_MAX {
        return Err(Problem::unprocessable(format!("locks: expected at most {LOCKS_MAX}, found {}", wish.locks.len())));
    }
    let work = move || {
        let mut season = season()?;
        wish.goal.check().map_err(Problem::unprocessable)?;
        season.locks = wish.locks;
        season.reading = wish.reading.unwrap_or(season.reading);
        let grid = Grid::new(&season).map_err(Problem::unprocessable)?;
        let begun = Instant::now();
        let stop = || begun.elapsed() >= Duration::from_secs(SEARCH_SECONDS);
        play(&grid, &wish.goal, wish.fill, &SEARCH, &stop).map_err(Problem::unprocessable)
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::broken)?.map(Json)
}

fn season() -> Answer<LeverScenario> {
    toml::from_str(example::PITTAROSSO).map_err(Problem::broken)
}
