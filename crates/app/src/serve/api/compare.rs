//! Plans beside one another: boards, and the plan in force.

use super::super::App;
use super::super::access::Who;
use super::super::boards::Plan as Drawn;
use super::super::paging::{Page, Part};
use super::super::problem::{Answer, Problem};
use super::super::workspace::Project;
use super::boards::{plan_of, planned, seen};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use endcap_agent::board::{Beside, BesideFigure, BesideRow, LeftOutOffer, beside};
use endcap_govern::Right;
use endcap_model::{Plan, PlanReport};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Plans that can be compared at once.
const PLANS: std::ops::RangeInclusive<usize> = 2..=4;
/// What stands for the plan in force.
const IN_FORCE: &str = "in-force";
/// Offers left out that are shown of each plan.
const LEFT_OUT: usize = 12;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(compare)).routes(routes!(offers))
}

/// What is compared.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Ids of two to four boards, separated by commas; `in-force` stands for the plan in force.
    #[param(example = "0a1b2c3d4e5f6071,in-force", pattern = "^[0-9a-z-]+(,[0-9a-z-]+){1,3}$")]
    boards: String,
}

/// Which offers are wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Only items in regions for which the plans differ.
    #[serde(default)]
    differing: bool,
}

/// Plans beside one another; differences are against the first.
#[derive(Serialize, ToSchema)]
pub struct Compared {
    /// The plans, in the order in which they were asked for.
    plans: Vec<ComparedPlan>,
    /// Figures of each.
    figures: Vec<BesideFigure>,
    /// Periods of the offers, as their calendar writes them.
    periods: Vec<String>,
    /// Items in regions and periods for which they differ.
    differing: usize,
}

/// One of the plans that are compared.
#[derive(Serialize, ToSchema)]
pub struct ComparedPlan {
    /// Id of the board; `in-force` for the plan in force.
    id: String,
    /// Name of the board; that of the plan in force is its id.
    name: String,
    /// Who made the board; nothing for the plan in force.
    owner: Option<String>,
    /// Whether everybody may see it.
    shared: bool,
    /// Version of the board; nothing for the plan in force.
    version: Option<i64>,
    /// The goal.
    goal: String,
    /// Offers that another of the plans runs and this one leaves out.
    left_out_all: usize,
    /// The most valuable of them, with this plan's reason.
    left_out: Vec<LeftOutOffer>,
}

/// A plan to compare.
enum Side {
    Board { id: String, name: String, owner: String, shared: bool, version: i64, plan: Arc<Drawn> },
    InForce(Arc<Plan>),
}

impl Side {
    fn report(&self) -> Answer<&PlanReport> {
        match self {
            Self::Board { plan, name, .. } => planned(plan).map_err(|problem| problem.about(name)),
            Self::InForce(plan) => Ok(&plan.report),
        }
    }

    fn shown(&self, report: &PlanReport, mut left_out: Vec<LeftOutOffer>) -> ComparedPlan {
        let (id, name, owner, shared, version) = match self {
            Self::Board { id, name, owner, shared, version, .. } => {
                (id.clone(), name.clone(), Some(owner.clone()), *shared, Some(*version))
            }
            Self::InForce(plan) => (IN_FORCE.to_owned(), plan.id.to_string(), None, true, None),
        };
        let left_out_all = left_out.len();
        left_out.truncate(LEFT_OUT);
        ComparedPlan { id, name, owner, shared, version, goal: report.goal.clone(), left_out_all, left_out }
    }
}

/// Figures of two to four plans with their differences, and what each leaves out that another one runs.
#[utoipa::path(get, path = "/compare", tag = "compare", params(Wanted),
    responses((status = OK, body = Compared), (status = 400, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn compare(
    State(app): State<App>,
    who: Who,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Json<Compared>> {
    let (sides, beside) = set(&app, &who, &wanted?.boards).await?;
    let shown = |(side, left_out): (&Side, Vec<LeftOutOffer>)| Ok(side.shown(side.report()?, left_out));
    Ok(Json(Compared {
        plans: sides.iter().zip(beside.left_out).map(shown).collect::<Answer<_>>()?,
        figures: beside.figures,
        periods: beside.periods,
        differing: beside.differing,
    }))
}

/// Offers of the plans, item by item, those that differ most first.
#[utoipa::path(get, path = "/compare/offers", tag = "compare", params(Wanted, Which, Part),
    responses((status = OK, body = Page<BesideRow>), (status = 400, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn offers(
    State(app): State<App>,
    who: Who,
    wanted: Result<Query<Wanted>, QueryRejection>,
    which: Result<Query<Which>, QueryRejection>,
    part: Result<Query<Part>, QueryRejection>,
) -> Answer<Json<Page<BesideRow>>> {
    let (Query(part), Query(which)) = (part?, which?);
    let (_, beside) = set(&app, &who, &wanted?.boards).await?;
    let rows: Vec<BesideRow> = beside.rows.into_iter().filter(|row| !which.differing || row.differing > 0).collect();
    Ok(Json(part.of(rows.into_iter())?))
}

/// Sets the plans beside one another.
async fn set(app: &App, who: &Who, boards: &str) -> Answer<(Vec<Side>, Beside)> {
    who.must(Right::Read)?;
    let ids: Vec<&str> = boards.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if !PLANS.contains(&ids.len()) {
        let (least, most) = (PLANS.start(), PLANS.end());
        return Err(Problem::bad(format!("boards: expected {least} to {most} ids, found {}", ids.len())));
    }
    let project = app.workspace.project()?;
    let mut sides = Vec::new();
    for id in ids {
        sides.push(side(app, who, &project, id).await?);
    }
    let work = move || {
        let reports = sides.iter().map(Side::report).collect::<Answer<Vec<_>>>()?;
        let beside = beside(&project.ground, &reports);
        Ok((sides, beside))
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::broken)?
}

async fn side(app: &App, who: &Who, project: &Project, id: &str) -> Answer<Side> {
    if id == IN_FORCE {
        return project.in_force.clone().map(Side::InForce).ok_or_else(Problem::none_in_force);
    }
    let kept = seen(app, who, id).await?;
    let plan = plan_of(app, &kept).await?;
    let (id, name, owner) = (kept.id, kept.name, kept.owner_name);
    Ok(Side::Board { id, name, owner, shared: kept.shared, version: kept.version, plan })
}
