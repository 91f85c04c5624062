//! What is to be reached, whether people signed it, and how far it is.

use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::{App, Served, blocking};
use crate::objectives::{self, is_signed};
use axum::Json;
use axum::extract::State;
use endcap_agent::readings::readings;
use endcap_govern::Right;
use endcap_govern::objectives::{Objectives, kpi};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(look))
}

/// What is to be reached.
#[derive(Serialize, ToSchema)]
pub struct ObjectivesState {
    /// The version in force; nothing where the project has none.
    objectives: Option<ObjectivesShown>,
}

/// A version of what is to be reached.
#[derive(Serialize, ToSchema)]
pub struct ObjectivesShown {
    /// Name that all versions share.
    name: String,
    /// The version.
    version: u32,
    /// Its hash, which plans that serve it carry.
    hash: String,
    /// Whether all who have to have signed it: no plan goes live before.
    signed: bool,
    /// The first day that the facts know nothing of; nothing while they are not read.
    until: Option<String>,
    /// Targets that run.
    targets: Vec<TargetShown>,
}

/// How far a target is.
#[derive(Serialize, ToSchema)]
pub struct TargetShown {
    /// Name of the figure.
    kpi: String,
    /// What it is called.
    title: String,
    /// Its unit.
    unit: String,
    /// First day that counts.
    from: String,
    /// Day from which on nothing counts any more.
    until: String,
    /// What is to be reached by then.
    goal: i64,
    /// What is due by now.
    due: i64,
    /// What was read; nothing where facts do not tell it.
    found: Option<i64>,
    /// Whether it lies outside its band.
    behind: bool,
    /// Who answers for it.
    owner: String,
}

/// What is to be reached, and how far it is by the facts that are read.
#[utoipa::path(get, path = "/objectives", tag = "objectives",
    responses((status = OK, body = ObjectivesState), (status = 409, body = Problem)))]
async fn look(State(app): State<App>, who: Who) -> Answer<Json<ObjectivesState>> {
    who.must(Right::Read)?;
    Ok(Json(ObjectivesState { objectives: shown(&app).await? }))
}

async fn shown(app: &Served) -> Answer<Option<ObjectivesShown>> {
    let folder = app.settings.folder.clone();
    let found = blocking(move || {
        objectives::in_force(&folder).map_err(|error| Problem::conflict(format!("objectives.toml: {error:#}")))
    });
    let Some(objectives) = found.await? else { return Ok(None) };
    let signed = is_signed(&app.desk, &app.ledger, &objectives).await.map_err(Problem::broken)?;
    let measured = match app.workspace.project() {
        Ok(project) => {
            let objectives = objectives.clone();
            blocking(move || Ok(readings(&project.ground, &objectives))).await?
        }
        Err(_) => Default::default(),
    };
    let progress = measured.until.map(|until| objectives.progress(&measured.values, until)).unwrap_or_default();
    let targets = progress.into_iter().map(|one| TargetShown {
        kpi: one.target.kpi.clone(),
        title: kpi(&one.target.kpi).map_or(one.target.kpi.clone(), |kpi| kpi.title.to_owned()),
        unit: one.target.unit.clone(),
        from: one.target.from.to_string(),
        until: one.target.until.to_string(),
        goal: one.target.goal,
        due: one.due,
        found: one.found,
        behind: one.behind,
        owner: one.target.owner.clone(),
    });
    let Objectives { name, version, .. } = &objectives;
    Ok(Some(ObjectivesShown {
        name: name.clone(),
        version: *version,
        hash: objectives.hash().to_string(),
        signed,
        until: measured.until.map(|until| until.to_string()),
        targets: targets.collect(),
    }))
}
