//! A request as people and programs see it.

use endcap_adapters::ledger::{Kept, Step};
use endcap_govern::approval::{Answer, FRESH, NotCounted, Staff, Stage};
use endcap_govern::{Function, Role};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequestState)]
pub enum State {
    /// Somebody has to answer.
    Waiting,
    /// All have signed; it may go out.
    Granted,
    /// It went out.
    Used,
    /// Somebody said no.
    Refused,
    /// Nobody answered in time, or it was not used in time.
    Expired,
    /// It was tampered with, or somebody under it has no right to sign any more.
    Void,
}

/// A request for approval.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Request)]
pub struct RequestView {
    /// Its id.
    pub id: String,
    /// 1 when asked, one more with each answer, comment or use.
    pub version: u64,
    /// The plan that it is about.
    pub plan: String,
    /// Who asks; `endcap` where the loop did by itself.
    pub proposer: String,
    /// When.
    pub asked: String,
    /// When an approval of it ends.
    pub expires: String,
    /// Currency of all amounts, as ISO 4217 writes it.
    pub currency: &'static str,
    /// Digits after the point of an amount in major units.
    pub currency_digits: u16,
    /// Money at risk in minor units: the plan's own and what counts with it.
    pub at_risk: i64,
    /// Money that the plan itself gives away, in minor units.
    pub own_money: i64,
    /// The same by category.
    pub money: Vec<CategoryMoney>,
    /// Why people are asked.
    pub reasons: Vec<String>,
    /// How far it has come.
    pub state: State,
    /// Why it is refused or void.
    pub why: Option<String>,
    /// Who has to answer now.
    pub waiting: Option<Waiting>,
    /// Functions that sign, in order.
    pub steps: Vec<StepView>,
    /// What the caller can do with it.
    pub mine: Mine,
    /// What happened to it, and what was tried, oldest first.
    pub happened: Vec<Entry>,
}

/// Money of one category.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CategoryMoney {
    /// The category.
    pub category: String,
    /// Minor units.
    pub amount: i64,
}

/// Who has to answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Waiting {
    /// Function whose turn it is.
    pub function: &'static str,
    /// Function that may sign as well, because the first let its time pass.
    pub escalated_to: Option<&'static str>,
    /// People who are missing.
    pub people: u32,
    /// Until when.
    pub until: String,
    /// Names of those who could.
    pub who: Vec<String>,
}

/// One function's part.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RequestStep)]
pub struct StepView {
    /// The function.
    pub function: &'static str,
    /// How many people sign.
    pub people: u32,
    /// Who answered.
    pub signed: Vec<Signed>,
}

/// One person's answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Signed {
    /// Who.
    pub person: String,
    /// `approve` or `refuse`.
    pub answer: &'static str,
    /// When.
    pub at: String,
}

/// What the caller can do with a request.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = RequestForMe)]
pub struct Mine {
    /// Function that the caller would sign for now; nothing where they cannot.
    pub function: Option<&'static str>,
    /// Why they cannot.
    pub why_not: Option<String>,
    /// Whether they must sign in again first: so much money needs a person who has just done so.
    pub sign_in_again: bool,
    /// Whether they asked for it.
    pub proposed: bool,
}

/// Something that happened to a request, or was tried.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RequestEntry)]
pub struct Entry {
    /// Number of its record in the audit trail.
    pub record: u64,
    /// When.
    pub at: String,
    /// `asked`, `signed`, `turned_down`, `asked_back` or `used`.
    #[schema(value_type = String)]
    pub step: Step,
    /// Who; nothing once their name was erased.
    pub who: Option<String>,
    /// Whether it was done; otherwise it was tried and refused.
    pub done: bool,
    /// What was written with it, or why it was refused.
    pub words: Vec<String>,
}

/// Who looks, and when they signed in.
#[derive(Clone, Copy, Debug)]
pub struct Looker<'a> {
    /// The name of the account.
    pub name: &'a str,
    /// When they signed in; nothing for whoever signs with a key of their own.
    pub since: Option<Timestamp>,
}

/// Shows a request as it stands now.
pub fn view(kept: &Kept, staff: &Staff, looker: Option<Looker<'_>>, now: Timestamp) -> RequestView {
    let request = &kept.request;
    let (state, why) = state(kept, staff, now);
    let waiting = match kept.stage(staff, now) {
        Ok(Stage::Waiting { function, escalated_to, people, until }) => Some(Waiting {
            function: function.name(),
            escalated_to: escalated_to.map(Function::name),
            people,
            until: until.to_string(),
            who: who_could(kept, staff, now),
        }),
        _ => None,
    };
    RequestView {
        id: kept.id.clone(),
        version: kept.version(),
        plan: kept.plan.to_string(),
        proposer: request.proposer.clone(),
        asked: request.asked.to_string(),
        expires: request.subject.expires.to_string(),
        currency: kept.currency.code(),
        currency_digits: kept.currency.exponent().unwrap_or(0),
        at_risk: request.at_risk,
        own_money: kept.own_money(),
        money: kept
            .money
            .iter()
            .map(|(category, amount)| CategoryMoney { category: category.clone(), amount: *amount })
            .collect(),
        reasons: kept.reasons.clone(),
        state,
        why,
        waiting,
        steps: steps(kept),
        mine: looker.map(|looker| mine(kept, staff, looker, now)).unwrap_or_default(),
        happened: kept.happened.iter().map(entry).collect(),
    }
}

fn state(kept: &Kept, staff: &Staff, now: Timestamp) -> (State, Option<String>) {
    match kept.stage(staff, now) {
        Err(why) => (State::Void, Some(why.to_string())),
        Ok(_) if kept.used.is_some() => (State::Used, None),
        Ok(Stage::Waiting { .. }) => (State::Waiting, None),
        Ok(Stage::Granted { .. }) => (State::Granted, None),
        Ok(Stage::Refused { by }) => (State::Refused, Some(format!("{by} said no"))),
        Ok(Stage::Expired) => (State::Expired, Some("Nobody answered, or used it, in time: that is a no".into())),
    }
}

fn who_could(kept: &Kept, staff: &Staff, now: Timestamp) -> Vec<String> {
    let could = |name: &&String| kept.request.function_of(name, staff, now).is_ok();
    staff.people.keys().filter(could).cloned().collect()
}

fn steps(kept: &Kept) -> Vec<StepView> {
    let mut answers = kept.request.signatures.iter().peekable();
    let needed = |people: u32| usize::try_from(people).unwrap_or(usize::MAX);
    let mut steps = vec![];
    for step in &kept.request.chain.steps {
        let people = step.people(kept.request.at_risk);
        if people == 0 {
            continue;
        }
        let mut signed = vec![];
        while signed.len() < needed(people) {
            let Some(answer) = answers.next() else { break };
            let said = match answer.answer {
                Answer::Approve => "approve",
                Answer::Refuse => "refuse",
            };
            signed.push(Signed { person: answer.person.clone(), answer: said, at: answer.at.to_string() });
        }
        steps.push(StepView { function: step.function.name(), people, signed });
    }
    steps
}

fn mine(kept: &Kept, staff: &Staff, looker: Looker<'_>, now: Timestamp) -> Mine {
    let proposed = kept.request.proposer == looker.name;
    let function = kept.stage(staff, now).map_err(|why| why.to_string()).and_then(|_| {
        kept.request.function_of(looker.name, staff, now).map_err(|why| in_words(why, kept, staff, looker.name))
    });
    match function {
        Ok(function) => {
            let stale = looker.since.is_some_and(|since| now.duration_since(since) >= FRESH);
            let sign_in_again = stale && kept.request.needs_fresh_login(function);
            Mine { function: Some(function.name()), why_not: None, sign_in_again, proposed }
        }
        Err(why) => Mine { function: None, why_not: Some(why), sign_in_again: false, proposed },
    }
}

/// Why somebody cannot sign, said to them.
fn in_words(why: NotCounted, kept: &Kept, staff: &Staff, name: &str) -> String {
    let approves =
        staff.people.get(name).is_some_and(|person| person.roles.iter().any(|role| matches!(role, Role::Approver(_))));
    match why {
        NotCounted::Proposer => "You proposed this: nobody approves what they proposed. Somebody else must.".into(),
        NotCounted::Twice => "You have answered already.".into(),
        NotCounted::Decided => "It is decided already.".into(),
        NotCounted::TooLate => "The time to answer is over.".into(),
        NotCounted::NoFunction if approves => {
            let function = kept.request.chain.steps.iter().map(|step| step.function.name()).collect::<Vec<_>>();
            format!("It is not your function's turn; the chain is {}.", function.join(", then "))
        }
        NotCounted::NoFunction => "You have no role that signs: those who approve for a function do.".into(),
        other => other.to_string(),
    }
}

fn entry(one: &endcap_adapters::ledger::Happened) -> Entry {
    Entry {
        record: one.record,
        at: one.at.to_string(),
        step: one.step,
        who: one.who.clone(),
        done: one.done,
        words: one.words.clone(),
    }
}

/// One line about a request, for a table.
pub fn for_people(view: &RequestView) -> String {
    match (&view.waiting, &view.why) {
        (Some(waiting), _) => {
            format!("waits for {} of {} until {}", waiting.people, waiting.function, waiting.until)
        }
        (None, Some(why)) => format!("{}: {why}", word(view.state)),
        (None, None) => word(view.state).to_owned(),
    }
}

/// The state in a word.
fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Granted => "granted",
        State::Used => "used",
        State::Refused => "refused",
        State::Expired => "expired",
        State::Void => "void",
    }
}
