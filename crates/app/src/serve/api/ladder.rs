//! The ladder: how far the machine may go by itself, and who moves it. Who may is for the project's policies to say.

use super::super::App;
use super::super::access::{By, Who};
use super::super::problem::{Answer, Problem};
use crate::commands::ladder::{action, evidence, lowered, raised, rules, word};
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use endcap_govern::Right;
use endcap_govern::audit::Told;
use endcap_govern::ladder::{Evidence, Field, Ladder, RiseRule};
use endcap_govern::who_may::{self, Act};
use endcap_model::Autonomy;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name or reason, in bytes.
const TEXT_MAX: usize = 1000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(look)).routes(routes!(raise)).routes(routes!(lower))
}

/// Every rung that was set; the machine advises everywhere else.
#[derive(Serialize, ToSchema)]
#[schema(as = Ladder)]
pub struct Shown {
    /// The rungs.
    rungs: Vec<Rung>,
    /// Whether the caller may raise the machine.
    may_raise: bool,
    /// Whether the caller may lower it.
    may_lower: bool,
}

/// Where the machine stands in a category, a channel and an action.
#[derive(Serialize, ToSchema)]
pub struct Rung {
    /// Category.
    category: String,
    /// Channel.
    channel: String,
    /// Action.
    action: String,
    /// How far it may go: `halted`, `advise`, `propose`, `act_with_veto` or `act`.
    rung: String,
    /// Since when; nothing where none was set.
    since: Option<String>,
    /// Who moved it and why.
    because: Option<String>,
}

/// A rung with what is known for the next one.
#[derive(Serialize, ToSchema)]
pub struct Outlook {
    /// Where it stands.
    #[serde(flatten)]
    standing: Rung,
    /// The rung above; nothing at the top.
    next: Option<String>,
    /// What was measured since.
    evidence: Measured,
    /// What is needed for it; nothing where nobody has set that out.
    rule: Option<Needed>,
    /// Why it cannot rise yet; nothing where it can.
    short: Option<String>,
}

/// What was measured since the machine stands on its rung.
#[derive(Serialize, ToSchema)]
pub struct Measured {
    /// Whole days since the first decision.
    days: u32,
    /// Decisions that were judged.
    decisions: u32,
    /// Of these, those that were published as they are.
    kept: u32,
    /// Limits that they broke.
    breaches: u32,
    /// Money against the reference; nothing as long as nobody measures it.
    value_low: Option<i64>,
}

/// What is needed to rise.
#[derive(Serialize, ToSchema)]
pub struct Needed {
    /// Least days.
    days_min: u32,
    /// Least decisions.
    decisions_min: u32,
    /// Least share of them kept.
    kept_min: f64,
    /// Most breaches.
    breaches_max: u32,
    /// Least money.
    value_low_min: Option<i64>,
}

/// A category, a channel and an action.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Where {
    /// Category.
    category: String,
    /// Channel.
    channel: String,
    /// `set_price`, `start_offer`, `change_offer`, `end_offer`, `order` or `transfer`.
    action: String,
}

/// A step up or down.
#[derive(Deserialize, ToSchema)]
#[schema(as = RungOrder)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Category.
    category: String,
    /// Channel.
    channel: String,
    /// Action.
    action: String,
    /// Why, in the caller's words.
    reason: String,
}

/// Every rung that was set.
#[utoipa::path(get, path = "/ladder", tag = "ladder", responses((status = OK, body = Shown)))]
async fn list(State(app): State<App>, who: Who) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    let ladder = app.ledger.ladder().await.map_err(Problem::broken)?;
    let may = |act| who.may_by_policy(&app, act, who_may::Field::default(), Autonomy::Advise).allowed;
    let rungs = ladder.rungs().map(|(field, _)| standing(&ladder, field)).collect();
    Ok(Json(Shown { rungs, may_raise: may(Act::Raise), may_lower: may(Act::Lower) }))
}

/// One rung, with the evidence for the next.
#[utoipa::path(get, path = "/ladder/rung", tag = "ladder", params(Where),
    responses((status = OK, body = Outlook), (status = 422, body = Problem)))]
async fn look(State(app): State<App>, who: Who, place: Result<Query<Where>, QueryRejection>) -> Answer<Json<Outlook>> {
    who.must(Right::Read)?;
    let Query(Where { category, channel, action }) = place?;
    outlook(&app, &field(&category, &channel, &action)?).await.map(Json)
}

/// Raise the machine by one rung, on the evidence that the audit trail holds; a person does, no program.
#[utoipa::path(post, path = "/ladder/raise", tag = "ladder", request_body = Step,
    responses((status = OK, body = Outlook), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn raise(State(app): State<App>, who: Who, step: Result<Json<Step>, JsonRejection>) -> Answer<Json<Outlook>> {
    let (field, reason) = permitted(&app, &who, Act::Raise, "autonomy raised", step?.0).await?;
    let (rules, now) =
        (rules(&app.settings.folder).map_err(|error| Problem::unprocessable(format!("{error:#}")))?, (app.now)());
    let by = (who.account.name.as_str(), matches!(who.by, By::Session { .. }));
    let raised = raised(&app.ledger, &field, by, &reason, &rules, now).await.map_err(Problem::broken)?;
    raised.map_err(Problem::unprocessable)?;
    outlook(&app, &field).await.map(Json)
}

/// Lower the machine by one rung.
#[utoipa::path(post, path = "/ladder/lower", tag = "ladder", request_body = Step,
    responses((status = OK, body = Outlook), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn lower(State(app): State<App>, who: Who, step: Result<Json<Step>, JsonRejection>) -> Answer<Json<Outlook>> {
    let (field, reason) = permitted(&app, &who, Act::Lower, "autonomy lowered", step?.0).await?;
    let by = &who.account.name;
    lowered(&app.ledger, &field, by, &reason, None, (app.now)()).await.map_err(Problem::broken)?;
    outlook(&app, &field).await.map(Json)
}

/// The step, if the policies permit it; a refusal is recorded.
async fn permitted(app: &App, who: &Who, act: Act, action: &str, step: Step) -> Answer<(Field, String)> {
    let field = field(&step.category, &step.channel, &step.action)?;
    let reason = step.reason.trim().to_owned();
    if !(1..=TEXT_MAX).contains(&reason.len()) {
        return Err(Problem::unprocessable(format!(
            "reason: say why in 1 to {TEXT_MAX} bytes; it goes into the audit trail"
        )));
    }
    let autonomy = app.ledger.ladder().await.map_err(Problem::broken)?.autonomy(&field);
    let asked = who_may::Field { category: field.category.clone(), channel: Some(field.channel.clone()) };
    who.must_by_policy(app, act, (asked, autonomy), (action, Told::open(&field))).await?;
    Ok((field, reason))
}

fn field(category: &str, channel: &str, named: &str) -> Answer<Field> {
    for (name, text) in [("category", category), ("channel", channel)] {
        if !(1..=TEXT_MAX).contains(&text.trim().len()) {
            return Err(Problem::unprocessable(format!("{name}: expected 1 to {TEXT_MAX} bytes")));
        }
    }
    let action = action(named).map_err(|expected| Problem::unprocessable(format!("action: {expected}")))?;
    Ok(Field { category: category.trim().to_owned(), channel: channel.trim().into(), action })
}

async fn outlook(app: &App, field: &Field) -> Answer<Outlook> {
    let now = (app.now)();
    let rules = rules(&app.settings.folder).map_err(|error| Problem::unprocessable(format!("{error:#}")))?;
    let ladder = app.ledger.ladder().await.map_err(Problem::broken)?;
    let evidence = evidence(&app.ledger, &ladder, field, now).await.map_err(Problem::broken)?;
    let next = ladder.next(field);
    let short = ladder.raise(field, ("somebody", true), &evidence, &rules, now).err();
    Ok(Outlook {
        standing: standing(&ladder, field),
        evidence: measured(evidence),
        rule: rules.iter().find(|rule| Some(rule.to) == next).map(needed),
        next: next.map(word),
        short: short.map(|why| why.to_string()),
    })
}

fn standing(ladder: &Ladder, field: &Field) -> Rung {
    let rung = ladder.rung(field);
    Rung {
        category: field.category.clone(),
        channel: field.channel.to_string(),
        action: field.action.clone(),
        rung: word(ladder.autonomy(field)),
        since: rung.map(|rung| rung.since.to_string()),
        because: rung.map(|rung| rung.because.clone()),
    }
}

fn measured(evidence: Evidence) -> Measured {
    let Evidence { days, decisions, kept, breaches, value_low } = evidence;
    Measured { days, decisions, kept, breaches, value_low }
}

fn needed(rule: &RiseRule) -> Needed {
    let RiseRule { days_min, decisions_min, kept_min, breaches_max, value_low_min, .. } = *rule;
    Needed { days_min, decisions_min, kept_min: kept_min.into(), breaches_max, value_low_min }
}
