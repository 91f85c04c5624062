//! The registry of models: who is champion, what the gate said, what new sales say, and the two orders that people give.
//! Who may give them is for the project's policies to say: whoever may estimate.

use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::{App, Served};
use super::word;
use crate::commands::models::appointed;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use endcap_adapters::artifacts::Folder;
use endcap_adapters::database::is_kept;
use endcap_adapters::journal::{FILE_NAME, StoredJournal};
use endcap_agent::jobs::contest_name;
use endcap_agent::ports::{Artifacts, Journal};
use endcap_agent::registry::{Entry, NotAppointed, Registry};
use endcap_demand::Contest;
use endcap_govern::Right;
use endcap_govern::audit::Told;
use endcap_govern::who_may::{Act, Field};
use endcap_model::{Autonomy, ContentHash, Contested, Event, Gain as Gained};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest reason, in bytes.
const TEXT_MAX: usize = 1000;
/// Loads that are shown, the last ones.
const LOADS: usize = 26;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(promote)).routes(routes!(rollback))
}

/// Every model of the project.
#[derive(Serialize, ToSchema)]
pub struct Models {
    /// All models, the newest first.
    models: Vec<Model>,
    /// The last comparison of a challenger with the champion; nothing where there was none.
    contest: Option<Compared>,
    /// What each load of facts said of the champion, the last one last.
    loads: Vec<Load>,
    /// Whether the caller may promote and roll back.
    may_change: bool,
    /// Whether there is a champion to go back to.
    may_go_back: bool,
}

/// One model.
#[derive(Serialize, ToSchema)]
#[schema(as = FittedModel)]
pub struct Model {
    /// Its name.
    model: String,
    /// `champion`, `challenger`, `retired` or `refused`.
    state: String,
    /// Why it is that.
    reason: String,
    /// Who made it champion: a person or the gate.
    approved_by: Option<String>,
    /// What made it.
    made_by: String,
    /// Facts that it was fitted to.
    snapshot: Option<String>,
    /// First period of its history.
    first: String,
    /// Last one.
    last: String,
    /// Version of the code that fitted it.
    code_version: String,
    /// Seed.
    seed: u64,
    /// The champion when it was made.
    parent: Option<String>,
    /// Figures by name.
    metrics: BTreeMap<String, f64>,
    /// What is wrong with its effects; such a model cannot be promoted.
    unsound: Vec<String>,
    /// What the gate said, look by look.
    looks: Vec<Look>,
}

/// What the gate said at one look.
#[derive(Serialize, ToSchema)]
#[schema(as = GateLook)]
pub struct Look {
    /// Facts that both models forecast.
    snapshot: String,
    /// `passed`, `waits` or `refused`.
    ruling: String,
    /// Why.
    reasons: Vec<String>,
    /// By how much it errs less on all cells, as a share of the champion's error.
    all: Option<Gain>,
    /// The same on promoted cells.
    promoted: Option<Gain>,
}

/// A gain with an interval that holds at all looks together.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelGain)]
pub struct Gain {
    /// Mean.
    mean: f64,
    /// Lower end; nothing where it is not known yet.
    low: Option<f64>,
    /// Upper end.
    high: Option<f64>,
    /// Blocks of periods that it rests on.
    blocks: usize,
}

/// Champion and challenger on sales that neither was fitted to.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelContest)]
pub struct Compared {
    /// The champion then.
    champion: Option<String>,
    /// The challenger.
    challenger: String,
    /// Errors by block of periods, on all cells and on promoted ones.
    sets: Vec<ComparedSet>,
}

/// Errors on one set of cells.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelContestSet)]
pub struct ComparedSet {
    /// `all`, `promoted` or `base`.
    cells: String,
    /// First period of each block.
    periods: Vec<String>,
    /// The champion's error by block: sum of absolute errors over units sold.
    champion: Vec<Option<f64>>,
    /// The challenger's.
    challenger: Vec<Option<f64>>,
    /// Gain after each block, with the interval that was known then.
    gains: Vec<Gain>,
}

/// What a load of facts said of the champion.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelLoad)]
pub struct Load {
    /// The facts.
    snapshot: String,
    /// The champion then.
    champion: String,
    /// Periods since its history.
    periods: usize,
    /// `steady`, `watch` or `drifted`.
    verdict: String,
    /// Sold over expected, over its usual ratio: value, lower and upper end of its 95 % interval.
    shift: Option<[Option<f64>; 3]>,
    /// Sales above what was expected, in minor units: value, lower and upper end. Nothing where prices are no money.
    money: Option<[Option<f64>; 3]>,
    /// Inputs that are no longer what they were.
    inputs: Vec<String>,
    /// Why another fit was asked for: `schedule`, `error`, `regime` or `corrected`.
    refit: Option<String>,
    /// The same in words.
    told: String,
}

/// An order to make a model the champion.
#[derive(Deserialize, ToSchema)]
#[schema(as = ModelPromotion)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The model, by its name.
    model: String,
    /// Why, in the caller's words.
    reason: String,
}

/// An order to go back to the champion before.
#[derive(Deserialize, ToSchema)]
#[schema(as = ModelRollback)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// Why, in the caller's words.
    reason: String,
}

/// Every model, the last comparison, and what each load of facts said.
#[utoipa::path(get, path = "/models", tag = "models", responses((status = OK, body = Models)))]
async fn list(State(app): State<App>, who: Who) -> Answer<Json<Models>> {
    who.must(Right::Read)?;
    Ok(Json(shown(&app, &who).await?))
}

/// Make a model the champion: plans use it from now on.
#[utoipa::path(post, path = "/models/promote", tag = "models", request_body = Promotion,
    responses((status = OK, body = Models), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn promote(
    State(app): State<App>,
    who: Who,
    asked: Result<Json<Promotion>, JsonRejection>,
) -> Answer<Json<Models>> {
    let Promotion { model, reason } = asked?.0;
    let subject = Told::open(&model);
    order(&app, &who, ("model promoted", subject, &reason), {
        let (by, reason) = (who.account.name.clone(), reason.clone());
        move |models| models.promote(&model, &by, &reason)
    })
    .await
}

/// Go back to the champion before this one, until the gate or a person says otherwise.
#[utoipa::path(post, path = "/models/rollback", tag = "models", request_body = Rollback,
    responses((status = OK, body = Models), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn rollback(
    State(app): State<App>,
    who: Who,
    asked: Result<Json<Rollback>, JsonRejection>,
) -> Answer<Json<Models>> {
    let reason = asked?.0.reason;
    order(&app, &who, ("model rolled back", Told::open("champion"), &reason), {
        let (by, reason) = (who.account.name.clone(), reason.clone());
        move |models| models.rollback(&by, &reason)
    })
    .await
}

async fn order(
    app: &App,
    who: &Who,
    (action, subject, reason): (&str, Told, &str),
    ask: impl FnOnce(&Registry) -> Result<Event, NotAppointed> + Send + 'static,
) -> Answer<Json<Models>> {
    if !(1..=TEXT_MAX).contains(&reason.trim().len()) {
        return Err(Problem::unprocessable(format!(
            "reason: say why in 1 to {TEXT_MAX} bytes; it goes into the audit trail"
        )));
    }
    who.must_by_policy(app, Act::Estimate, (Field::default(), Autonomy::Advise), (action, subject)).await?;
    let folder = app.settings.folder.clone();
    let done = tokio::task::spawn_blocking(move || appointed(&folder, ask)).await.map_err(Problem::broken)?;
    match done.map_err(|error| Problem::broken(format!("{error:#}")))? {
        Ok(_) => {}
        Err(refused @ (NotAppointed::Unknown(_) | NotAppointed::Ambiguous(_) | NotAppointed::Nameless(_))) => {
            return Err(Problem::unprocessable(refused));
        }
        Err(refused) => return Err(Problem::conflict(refused.to_string())),
    }
    // What the desk shows rests on the champion.
    app.workspace.load(app);
    Ok(Json(shown(app, who).await?))
}

async fn shown(app: &Served, who: &Who) -> Answer<Models> {
    let folder = app.settings.folder.clone();
    let read = tokio::task::spawn_blocking(move || read(&folder)).await.map_err(Problem::broken)?;
    let (models, contest, loads) = read.map_err(|error| Problem::broken(format!("{error:#}")))?;
    let may_change = who.may_by_policy(app, Act::Estimate, Field::default(), Autonomy::Advise).allowed;
    let may_go_back = models.rollback("somebody", "to see").is_ok();
    Ok(Models { models: models.entries().iter().rev().map(model).collect(), contest, loads, may_change, may_go_back })
}

/// Reads the registry, its last comparison and what loads said off the journal.
fn read(folder: &Path) -> anyhow::Result<(Registry, Option<Compared>, Vec<Load>)> {
    let path = folder.join(FILE_NAME);
    if !is_kept(&path) {
        return Ok((Registry::default(), None, vec![]));
    }
    let events = StoredJournal::open(&path, jiff::Timestamp::now)?.read()?;
    let last = events.iter().rev().find_map(|event| match event {
        Event::Contested { contested } if contested.contest.is_some() => Some(contested),
        _ => None,
    });
    let compared = last.map(|contested| compared(folder, contested)).transpose()?.flatten();
    let mut loads: Vec<Load> = events.iter().rev().filter_map(load).take(LOADS).collect();
    loads.reverse();
    Ok((Registry::of(&events), compared, loads))
}

fn compared(folder: &Path, contested: &Contested) -> anyhow::Result<Option<Compared>> {
    let Some(hash) = &contested.contest else { return Ok(None) };
    let Some(bytes) = Folder::new(folder).get(&contest_name(hash))? else { return Ok(None) };
    let contest: Contest = serde_json::from_slice(&bytes)?;
    let set = |set: &endcap_demand::ContestSet| ComparedSet {
        cells: set.cells.clone(),
        periods: set.champion.iter().map(|of| contest.calendar.format(of.period)).collect(),
        champion: set.wapes()[0].clone(),
        challenger: set.wapes()[1].clone(),
        gains: endcap_agent::learn::gains_by_look(set).into_iter().map(gain).collect(),
    };
    Ok(Some(Compared {
        champion: contested.champion.as_ref().map(name),
        challenger: name(&contested.challenger),
        sets: contest.sets.iter().map(set).collect(),
    }))
}

fn load(event: &Event) -> Option<Load> {
    let Event::Watched { watched } = event else { return None };
    Some(Load {
        snapshot: watched.snapshot.to_string(),
        champion: name(&watched.champion),
        periods: watched.periods,
        verdict: watched.verdict.clone(),
        shift: watched.shift,
        money: watched.money,
        inputs: watched.inputs.clone(),
        refit: watched.refit.as_ref().map(word),
        told: watched.told.clone(),
    })
}

fn model(entry: &Entry) -> Model {
    let made = &entry.made;
    let look = |look: &Contested| Look {
        snapshot: look.snapshot.to_string(),
        ruling: word(&look.ruling),
        reasons: look.reasons.clone(),
        all: look.all.map(gain),
        promoted: look.promoted.map(gain),
    };
    Model {
        model: name(&made.model),
        state: word(&entry.state),
        reason: entry.reason.clone(),
        approved_by: entry.approved_by.clone(),
        made_by: made.made_by.clone(),
        snapshot: made.snapshot.as_ref().map(ToString::to_string),
        first: made.calendar.format(made.span.start),
        last: made.calendar.format(made.span.end.plus(-1)),
        code_version: made.code_version.clone(),
        seed: made.seed,
        parent: made.parent.as_ref().map(name),
        metrics: made.metrics.clone(),
        unsound: made.unsound.clone(),
        looks: entry.contests.iter().map(look).collect(),
    }
}

fn gain(of: Gained) -> Gain {
    let Gained { mean, low, high, blocks } = of;
    Gain { mean, low, high, blocks }
}

fn name(model: &ContentHash) -> String {
    model.short().to_owned()
}
