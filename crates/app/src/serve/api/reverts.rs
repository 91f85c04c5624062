//! The revert and the veto: prices lead back to the base prices that people approved; what waits does not leave. Who may is for
//! the project's policies to say, and whoever may stop may revert.

use super::super::access::{By, Who};
use super::super::problem::{Answer, Problem};
use super::super::{App, Served};
use crate::commands::revert::{BY_PERSON, Reverted, reverted};
use crate::commands::veto::{Vetoed, Which, vetoed};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use endcap_agent::revert::{Scope, Wanted};
use endcap_govern::Right;
use endcap_govern::audit::Told;
use endcap_govern::who_may::{Act, Field};
use endcap_model::Autonomy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name or reason, in bytes.
const TEXT_MAX: usize = 1000;
/// Most decisions that one veto names.
const NUMBERS_MAX: usize = 10_000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(revert)).routes(routes!(waiting)).routes(routes!(veto))
}

/// Kinds of things that can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevertScope {
    /// Everything.
    Global,
    /// A category.
    Category,
    /// A channel.
    Channel,
    /// The offers of a plan.
    Plan,
    /// One offer.
    Offer,
}

/// An order to take prices back.
#[derive(Deserialize, ToSchema)]
#[schema(as = RevertOrder)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What kind of thing.
    scope: RevertScope,
    /// Its name; nothing for everything.
    of: Option<String>,
    /// Why, in the caller's words.
    reason: String,
}

/// What was taken back. The channels are told by the sender, also while sending is stopped.
#[derive(Serialize, ToSchema)]
#[schema(as = Reverted)]
pub struct Shown {
    /// What, in words.
    what: String,
    /// Prices that lead back to base prices.
    reverted: usize,
    /// Decisions that had not begun and are void.
    void: usize,
    /// Prices that a channel may hold and nobody knows: a person has to look.
    unclear: usize,
}

/// Something that was decided and has not left.
#[derive(Serialize, ToSchema)]
#[schema(as = WaitingDecision)]
pub struct Waits {
    /// Its number, for a veto.
    number: i64,
    /// Channel.
    channel: String,
    /// Store.
    place: String,
    /// Item.
    sku: String,
    /// What it does: `start_offer`, `end_offer`, `order` and others.
    action: String,
    /// Price per piece in minor units, where it sets one.
    price: Option<i64>,
    /// From when it may leave; nothing while it waits for something else.
    leaves: Option<String>,
    /// Until when it may be vetoed, where its rung asks for that.
    veto_until: Option<String>,
    /// What it waits for beside its time, in words.
    waits_for: Vec<String>,
}

/// A veto.
#[derive(Deserialize, ToSchema)]
#[schema(as = VetoOrder)]
#[serde(deny_unknown_fields)]
pub struct No {
    /// Numbers of the decisions.
    numbers: Vec<i64>,
    /// Why, in the caller's words.
    reason: String,
}

/// What a veto came to.
#[derive(Serialize, ToSchema)]
#[schema(as = Vetoed)]
pub struct Voided {
    /// Decisions that are void.
    void: usize,
    /// Numbers that name nothing that waits: it has left, or was void before.
    gone: Vec<i64>,
}

/// Take prices back: every offer of the scope ends at the base price that people approve when it does, and none begins.
#[utoipa::path(post, path = "/reverts", tag = "stops", request_body = Asked,
    responses((status = OK, body = Shown), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn revert(State(app): State<App>, who: Who, asked: Result<Json<Asked>, JsonRejection>) -> Answer<Json<Shown>> {
    let Json(asked) = asked?;
    let scope = asked.scope()?;
    let field = match &scope {
        Scope::Category(category) => Field { category: category.clone(), channel: None },
        Scope::Channel(channel) => Field { category: String::new(), channel: Some(channel.clone()) },
        Scope::Global | Scope::Plan(_) | Scope::Offer(_) => Field::default(),
    };
    let reason = because(&app, &who, field, "prices reverted", Told::open(&scope), &asked.reason).await?;
    let by = Told::personal(&who.account.name);
    let (reason, told, at) = (Told::personal(reason), BY_PERSON.to_owned(), (app.now)());
    let wanted = Wanted { scope, by, reason, told, at };
    let Reverted { what, reverted, void, unclear } = reverted(&app.ledger, &wanted).await.map_err(Problem::broken)?;
    Ok(Json(Shown { what, reverted, void, unclear }))
}

/// What was decided and has not left, with what it waits for.
#[utoipa::path(get, path = "/waiting", tag = "stops", responses((status = OK, body = [Waits])))]
async fn waiting(State(app): State<App>, who: Who) -> Answer<Json<Vec<Waits>>> {
    who.must(Right::Read)?;
    let waiting = app.ledger.waiting().await.map_err(Problem::broken)?;
    let told = waiting.into_iter().filter(|one| one.void.is_none()).map(|one| Waits {
        number: one.number,
        channel: one.intent.channel.to_string(),
        place: one.intent.place.to_string(),
        sku: one.intent.sku.to_string(),
        action: one.intent.action.name().to_owned(),
        price: one.intent.action.price(),
        leaves: one.due.map(|due| due.to_string()),
        veto_until: one.waits.veto_until.map(|until| until.to_string()),
        waits_for: one.waits.words(),
    });
    Ok(Json(told.collect()))
}

/// Veto what was decided and has not left: it is void. A person does, no program.
#[utoipa::path(post, path = "/vetoes", tag = "stops", request_body = No,
    responses((status = OK, body = Voided), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn veto(State(app): State<App>, who: Who, no: Result<Json<No>, JsonRejection>) -> Answer<Json<Voided>> {
    let Json(No { numbers, reason }) = no?;
    if !(1..=NUMBERS_MAX).contains(&numbers.len()) {
        return Err(Problem::unprocessable(format!("numbers: name 1 to {NUMBERS_MAX} decisions")));
    }
    let subject = Told::open(format!("{} decisions", numbers.len()));
    let reason = because(&app, &who, Field::default(), "decision vetoed", subject, &reason).await?;
    if !matches!(who.by, By::Session { .. }) {
        return Err(Problem::forbidden("A person vetoes, no program: sign in."));
    }
    let by = &who.account.name;
    let vetoed = vetoed(&app.ledger, &Which::Numbers(numbers), by, &reason, (app.now)()).await;
    let Vetoed { void, gone } = vetoed.map_err(Problem::broken)?;
    Ok(Json(Voided { void, gone }))
}

/// The reason, if the policies permit the caller to revert; a refusal is recorded.
async fn because(app: &Served, who: &Who, field: Field, action: &str, subject: Told, reason: &str) -> Answer<String> {
    let reason = reason.trim().to_owned();
    if !(1..=TEXT_MAX).contains(&reason.len()) {
        return Err(Problem::unprocessable(format!(
            "reason: say why in 1 to {TEXT_MAX} bytes; it goes into the audit trail"
        )));
    }
    who.must_by_policy(app, Act::Revert, (field, Autonomy::Advise), (action, subject)).await?;
    Ok(reason)
}

impl Asked {
    fn scope(&self) -> Answer<Scope> {
        let of = self.of.as_deref().map(str::trim).unwrap_or_default();
        match (self.scope, of) {
            (RevertScope::Global, "") => Ok(Scope::Global),
            (RevertScope::Global, _) => {
                Err(Problem::unprocessable("of: leave it out, or name the kind of thing as scope"))
            }
            (_, of) if !(1..=TEXT_MAX).contains(&of.len()) => {
                Err(Problem::unprocessable(format!("of: name what to take back in 1 to {TEXT_MAX} bytes")))
            }
            (RevertScope::Category, of) => Ok(Scope::Category(of.to_owned())),
            (RevertScope::Channel, of) => Ok(Scope::Channel(of.into())),
            (RevertScope::Plan, of) => Ok(Scope::Plan(of.to_owned())),
            (RevertScope::Offer, of) => Ok(Scope::Offer(of.to_owned())),
        }
    }
}
