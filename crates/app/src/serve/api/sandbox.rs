//! The sandbox: worlds of the practice shop that people play week by week.
//!
//! Until a world is over nothing of it leaves but what a retailer could see.

use super::super::App;
use super::super::access::{Who, secret};
use super::super::paging::{Page, Part};
use super::super::practice::sandbox;
use super::super::problem::{Answer, Problem};
use super::exercises::{content, own, result};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use endcap_adapters::desk::{Exercise, Stored};
use endcap_agent::sandbox::{Comparison, Game, Turn};
use endcap_govern::Right;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What these exercises are called in the store.
const KIND: &str = "sandbox";
/// Highest number of a world.
const WORLDS: u64 = 9999;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, begin)).routes(routes!(show)).routes(routes!(play))
}

/// A world to play.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = NewWorld)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its number, 1 to 9999: the same number has the same shoppers and suppliers. Drawn when not given.
    #[serde(default)]
    world: Option<u64>,
}

/// A game in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedWorld)]
pub struct Listed {
    /// Its id.
    id: String,
    /// Number of its world.
    world: u64,
    /// When it was begun.
    begun: String,
    /// Weeks played.
    played: usize,
    /// Weeks in all.
    weeks: usize,
    /// What the person earned; nothing until the world is over. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    profit: Option<i64>,
    /// What each policy earned in the same world.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<Earned>,
}

/// What a policy earned.
#[derive(Serialize, ToSchema)]
#[schema(as = EarnedByPolicy)]
pub struct Earned {
    /// Name of the policy.
    policy: String,
    /// Profit, minor units.
    profit: i64,
}

/// A game with how it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = PlayedWorld)]
pub struct Shown {
    /// Its id.
    id: String,
    /// Number of its world.
    world: u64,
    /// Name of the scenario.
    scenario: String,
    /// Currency, as ISO 4217 writes it.
    currency: String,
    /// Digits after the point of an amount in major units.
    currency_digits: u16,
    /// Whether the person has seen the end of this world before this game.
    seen_before: bool,
    /// What a retailer could see: weeks, items with their past and the weeks played, stock, what is under way, suggested
    /// orders, offers planned.
    #[schema(value_type = Object)]
    standing: serde_json::Value,
    /// When the world is over: the person beside the policies, and what was hidden.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<serde_json::Value>,
}

/// Your games, the latest first.
#[utoipa::path(get, path = "/learn/sandbox", tag = "sandbox", params(Part),
    responses((status = OK, body = Page<Listed>), (status = 401, body = Problem)))]
async fn list(
    State(app): State<App>,
    who: Who,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<Listed>>> {
    who.must(Right::Read)?;
    let games = app.desk.exercises(who.account.id, KIND).await?;
    let listed = games.iter().map(listed).collect::<Answer<Vec<Listed>>>()?;
    Ok(Json(part?.of(listed.into_iter())?))
}

/// Begin a world.
#[utoipa::path(post, path = "/learn/sandbox", tag = "sandbox", request_body = Wanted,
    responses((status = CREATED, body = Shown), (status = 422, body = Problem)))]
async fn begin(
    State(app): State<App>,
    who: Who,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Answer<impl IntoResponse> {
    who.must(Right::Read)?;
    let id = secret::make()?[..16].to_owned();
    let world = match wanted?.0.world {
        Some(world) if (1..=WORLDS).contains(&world) => world,
        Some(other) => return Err(Problem::unprocessable(format!("world {other}: expected 1 to {WORLDS}"))),
        None => u64::from_str_radix(&id[..8], 16).map_err(Problem::broken)? % WORLDS + 1,
    };
    let game = Game { world, turns: Vec::new() };
    let content = endcap_model::canonical_json(&game);
    app.desk.add_exercise(&id, who.account.id, (KIND, &content), (app.now)()).await?;
    Ok((StatusCode::CREATED, Json(shown(&app, &who, &own(&app, &who, &id, KIND).await?).await?)))
}

/// A game with how it stands, and, when its world is over, how the policies did in it.
#[utoipa::path(get, path = "/learn/sandbox/{id}", tag = "sandbox", params(("id" = String, Path, description = "Its id")),
    responses((status = OK, body = Shown), (status = 404, body = Problem)))]
async fn show(State(app): State<App>, who: Who, id: Result<Path<String>, PathRejection>) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    Ok(Json(shown(&app, &who, &own(&app, &who, &id?, KIND).await?).await?))
}

/// Play some weeks under a plan.
#[utoipa::path(post, path = "/learn/sandbox/{id}/turns", tag = "sandbox", params(("id" = String, Path, description = "Its id")),
    request_body(content = Object, description = "`from` (week, the first is 0), `weeks`, `offers` (each with `sku`, `week` and \
        `depth`) from that week on, `orders` (pieces by item, where not as suggested)",
        example = json!({"from": 0, "weeks": 1, "offers": [{"sku": "coffee", "week": 3, "depth": 0.2}], "orders": {"tea": 120}})),
    responses((status = OK, body = Shown), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn play(
    State(app): State<App>,
    who: Who,
    id: Result<Path<String>, PathRejection>,
    turn: Result<Json<Turn>, JsonRejection>,
) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    let (kept, Json(turn)) = (own(&app, &who, &id?, KIND).await?, turn?);
    let (sandbox, game) = (sandbox()?, content::<Game>(&kept)?);
    let from = turn.from;
    let game = sandbox.play(&game, turn)?;
    let (content, over) = (endcap_model::canonical_json(&game), sandbox.now(&game) == sandbox.weeks());
    let result = match over {
        true => Some(tokio::task::spawn_blocking(move || sandbox.compare(&game)).await.map_err(Problem::broken)??),
        false => None,
    };
    let result = result.as_ref().map(endcap_model::canonical_json);
    match app.desk.change_exercise((&kept.id, kept.version), &content, result.as_deref(), (app.now)()).await? {
        Stored::Kept(_) => {}
        Stored::Stale(_) => {
            return Err(Problem::conflict(format!(
                "Week {} has just been played, perhaps in another window: read the game again.",
                from + 1
            )));
        }
        Stored::Missing => return Err(Problem::missing(format!("game '{}'", kept.id))),
    }
    Ok(Json(shown(&app, &who, &own(&app, &who, &kept.id, KIND).await?).await?))
}

async fn shown(app: &App, who: &Who, kept: &Exercise) -> Answer<Shown> {
    let (sandbox, game) = (sandbox()?, content::<Game>(kept)?);
    let world = game.world;
    let earlier = app.desk.exercises(who.account.id, KIND).await?;
    let ended = |other: &&Exercise| other.id != kept.id && other.result.is_some() && other.changed <= kept.created;
    let mut seen_before = false;
    for other in earlier.iter().filter(ended) {
        seen_before |= content::<Game>(other)?.world == world;
    }
    let standing = tokio::task::spawn_blocking(move || sandbox.standing(&game)).await.map_err(Problem::broken)??;
    let comparison = result::<Comparison>(kept)?.map(serde_json::to_value).transpose().map_err(Problem::broken)?;
    let scenario = sandbox.scenario();
    Ok(Shown {
        id: kept.id.clone(),
        world,
        scenario: scenario.name.clone(),
        currency: scenario.currency.code().to_owned(),
        currency_digits: scenario.currency.exponent().unwrap_or(0),
        seen_before,
        standing: serde_json::to_value(standing).map_err(Problem::broken)?,
        comparison,
    })
}

fn listed(kept: &Exercise) -> Answer<Listed> {
    let (sandbox, game) = (sandbox()?, content::<Game>(kept)?);
    let mut earned: Vec<Earned> = result::<Comparison>(kept)?
        .into_iter()
        .flat_map(|comparison| comparison.played)
        .map(|by| Earned { policy: by.name, profit: by.outcome.profit })
        .collect();
    let profit = (!earned.is_empty()).then(|| earned.remove(0).profit);
    Ok(Listed {
        id: kept.id.clone(),
        world: game.world,
        begun: kept.created.clone(),
        played: sandbox.now(&game),
        weeks: sandbox.weeks(),
        profit,
        policies: earned,
    })
}
