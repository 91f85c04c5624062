//! The stop: what is stopped, and the orders that stop and resume. Who may give them is for the project's policies to say.

use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use super::super::{App, Served};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use endcap_adapters::ledger::stops::{NotKept, Ordered, StopBook};
use endcap_govern::Right;
use endcap_govern::audit::Told;
use endcap_govern::stop::{NotResumed, Order, Places, Scope, Stops, Wanted};
use endcap_govern::who_may::{Act, Field};
use endcap_model::Autonomy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest name or reason, in bytes.
const TEXT_MAX: usize = 1000;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, freeze)).routes(routes!(lift))
}

/// Whether anything is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopState {
    /// Nothing is stopped.
    Running,
    /// Something is stopped.
    Stopped,
    /// It is not known what is stopped: nothing is sent.
    Unknown,
}

/// What is stopped.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Stops)]
pub struct Shown {
    /// Whether anything is.
    pub state: StopState,
    /// Number of the last order; what was decided under an earlier one that stopped its scope stays void.
    epoch: Option<u64>,
    /// What is stopped, the newest first.
    stopped: Vec<Stop>,
    /// Why it is not known what is stopped.
    unknown: Option<String>,
    /// What of this order could not be written; it holds all the same.
    faults: Vec<String>,
    /// Whether the caller may stop.
    may_stop: bool,
    /// Whether the caller may lift a stop.
    may_lift: bool,
}

/// One stop in force.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Stop {
    /// What kind of thing is stopped.
    scope: ScopeKind,
    /// Its name; nothing where everything is.
    of: Option<String>,
    /// Both in words.
    what: String,
    /// Who stopped it.
    by: String,
    /// When.
    at: String,
    /// Why.
    reason: String,
}

/// Kinds of things that can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// Everything.
    Global,
    /// A tenant.
    Tenant,
    /// A category.
    Category,
    /// A channel.
    Channel,
    /// What an agent does.
    Agent,
}

/// An order to stop or to lift.
#[derive(Deserialize, ToSchema)]
#[schema(as = StopOrder)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What kind of thing.
    scope: ScopeKind,
    /// Its name; nothing for everything.
    of: Option<String>,
    /// Why, in the caller's words.
    reason: String,
}

/// What is stopped, by whom and why.
#[utoipa::path(get, path = "/stops", tag = "stops", responses((status = OK, body = Shown)))]
async fn list(State(app): State<App>, who: Who) -> Answer<Json<Shown>> {
    who.must(Right::Read)?;
    Ok(Json(shown(&app.stops.places()).to(&app, &who)))
}

/// Stop sending: nothing of the scope leaves the house until somebody lifts it. It holds when this is answered, also where
/// the ledger could not be written; `faults` says so then.
#[utoipa::path(post, path = "/stops", tag = "stops", request_body = Asked,
    responses((status = OK, body = Shown), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn freeze(State(app): State<App>, who: Who, asked: Result<Json<Asked>, JsonRejection>) -> Answer<Json<Shown>> {
    let wanted = permitted(&app, &who, Act::Freeze, "sending stopped", asked?.0).await?;
    let ordered = book(&app).freeze(&wanted).await.map_err(not_kept)?;
    Ok(Json(after(ordered).to(&app, &who)))
}

/// Lift a stop; what was decided before it stays void.
#[utoipa::path(post, path = "/stops/lift", tag = "stops", request_body = Asked,
    responses((status = OK, body = Shown), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn lift(State(app): State<App>, who: Who, asked: Result<Json<Asked>, JsonRejection>) -> Answer<Json<Shown>> {
    let wanted = permitted(&app, &who, Act::Resume, "sending resumed", asked?.0).await?;
    match book(&app).resume(&wanted).await.map_err(not_kept)? {
        Ok(ordered) => Ok(Json(after(ordered).to(&app, &who))),
        Err(refused @ NotResumed::Unreadable(_)) => Err(Problem::not_ready(refused)),
        Err(refused) => Err(Problem::unprocessable(refused)),
    }
}

/// The order, if the policies permit it; a refusal is recorded.
async fn permitted(app: &Served, who: &Who, act: Act, action: &str, asked: Asked) -> Answer<Wanted> {
    let scope = asked.scope()?;
    if !(1..=TEXT_MAX).contains(&asked.reason.trim().len()) {
        return Err(Problem::unprocessable(format!(
            "reason: say why in 1 to {TEXT_MAX} bytes; it goes into the audit trail"
        )));
    }
    let field = match &scope {
        Scope::Category(category) => Field { category: category.clone(), channel: None },
        Scope::Channel(channel) => Field { category: String::new(), channel: Some(channel.clone()) },
        Scope::Global | Scope::Tenant(_) | Scope::Agent(_) => Field::default(),
    };
    who.must_by_policy(app, act, (field, Autonomy::Advise), (action, Told::open(&scope))).await?;
    let (by, reason) = (who.account.name.clone(), asked.reason.trim().to_owned());
    Ok(Wanted { scope, by, reason, at: (app.now)() })
}

fn book(app: &Served) -> StopBook {
    StopBook::new(&app.settings.folder, crate::commands::audit::random)
}

fn not_kept(error: NotKept) -> Problem {
    match error {
        NotKept::Held(_) | NotKept::Overtaken => {
            Problem::conflict("Another order is being given: look at what is stopped, then try again.")
        }
        NotKept::Silent => Problem::not_ready("The ledger does not answer: nothing was resumed."),
        NotKept::Nowhere { .. } => {
            let detail =
                "The stop could not be kept anywhere: stop the senders themselves. The server's log says why.".into();
            Problem { detail, ..Problem::broken(error) }
        }
        NotKept::Ledger(_) | NotKept::File(_) => Problem::broken(format!("{:#}", anyhow::Error::from(error))),
    }
}

/// What both places say, to nobody in particular.
pub fn shown(places: &Places) -> Shown {
    match places.known() {
        Some(stops) => known(&stops, vec![]),
        None => Shown { state: StopState::Unknown, unknown: places.unknown(), ..known(&Stops::default(), vec![]) },
    }
}

fn after(ordered: Ordered) -> Shown {
    known(&ordered.stops, ordered.faults)
}

fn known(stops: &Stops, faults: Vec<String>) -> Shown {
    let stopped: Vec<Stop> = stops.in_force().into_iter().map(|(scope, order)| Stop::of(scope, order)).collect();
    let state = if stopped.is_empty() { StopState::Running } else { StopState::Stopped };
    Shown { state, epoch: Some(stops.epoch()), stopped, unknown: None, faults, may_stop: false, may_lift: false }
}

impl Shown {
    fn to(self, app: &Served, who: &Who) -> Self {
        let may = |act| who.may_by_policy(app, act, Field::default(), Autonomy::Advise).allowed;
        Self { may_stop: may(Act::Freeze), may_lift: may(Act::Resume), ..self }
    }
}

impl Stop {
    fn of(scope: &Scope, order: &Order) -> Self {
        let (kind, of) = match scope {
            Scope::Global => (ScopeKind::Global, None),
            Scope::Tenant(of) => (ScopeKind::Tenant, Some(of.clone())),
            Scope::Category(of) => (ScopeKind::Category, Some(of.clone())),
            Scope::Channel(of) => (ScopeKind::Channel, Some(of.to_string())),
            Scope::Agent(of) => (ScopeKind::Agent, Some(of.clone())),
        };
        let (by, at, reason) = (order.by.clone(), order.at.to_string(), order.reason.clone());
        Self { scope: kind, of, what: scope.to_string(), by, at, reason }
    }
}

impl Asked {
    fn scope(&self) -> Answer<Scope> {
        let of = self.of.as_deref().map(str::trim).unwrap_or_default();
        match (self.scope, of) {
            (ScopeKind::Global, "") => Ok(Scope::Global),
            (ScopeKind::Global, _) => {
                Err(Problem::unprocessable("of: leave it out, or name the kind of thing as scope"))
            }
            (_, of) if !(1..=TEXT_MAX).contains(&of.len()) => {
                Err(Problem::unprocessable(format!("of: name what to stop in 1 to {TEXT_MAX} bytes")))
            }
            (ScopeKind::Tenant, of) => Ok(Scope::Tenant(of.to_owned())),
            (ScopeKind::Category, of) => Ok(Scope::Category(of.to_owned())),
            (ScopeKind::Channel, of) => Ok(Scope::Channel(of.into())),
            (ScopeKind::Agent, of) => Ok(Scope::Agent(of.to_owned())),
        }
    }
}
