//! Signing in at the provider that the desk was started with.

use super::super::access::caller::Caller;
use super::super::access::own_page;
use super::super::access::provider::ticket::{self, Ticket};
use super::super::access::provider::{Person, Provider, Returned};
use super::super::access::{cookie, provider};
use super::super::audit::TurnedAway;
use super::super::problem::{Answer, Problem};
use super::super::{App, Served};
use super::session::{Me, let_in, set_cookie};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use endcap_adapters::desk::{Account, DeskError, NewAccount};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(leave)).routes(routes!(come_back))
}

/// Where to go on.
#[derive(Serialize, ToSchema)]
pub struct Elsewhere {
    /// The provider's page; it leads back to `/sign-in/return`.
    address: String,
}

/// Begin to sign in at the provider; the answer sets a cookie that holds for ten minutes.
#[utoipa::path(post, path = "/session/provider", tag = "session", security(()), responses((status = OK, body = Elsewhere),
    (status = 404, body = Problem), (status = 429, body = Problem), (status = 502, body = Problem)))]
async fn leave(State(app): State<App>, Caller(caller): Caller, headers: HeaderMap) -> Answer<Response> {
    own_page(&app, &headers)?;
    let provider = provider(&app)?;
    app.throttle.sign_in_elsewhere(caller)?;
    let ticket = Ticket::make((app.now)())?;
    let mut response = Json(Elsewhere { address: provider.address(&ticket).await? }).into_response();
    let kept = set_cookie(&app, app.settings.site.ticket_cookie(), ticket.value(), ticket::SECONDS)?;
    response.headers_mut().insert(header::SET_COOKIE, kept);
    Ok(response)
}

/// Sign in with what the provider sent the browser back with; it can be used once.
#[utoipa::path(post, path = "/session/provider/return", tag = "session", security(()), request_body = Returned,
    responses((status = CREATED, body = Me), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 429, body = Problem), (status = 502, body = Problem)))]
async fn come_back(
    State(app): State<App>,
    Caller(caller): Caller,
    headers: HeaderMap,
    returned: Result<Json<Returned>, JsonRejection>,
) -> Answer<Response> {
    own_page(&app, &headers)?;
    let mut response = enter(&app, caller, &headers, returned?.0).await.into_response();
    let spent = set_cookie(&app, app.settings.site.ticket_cookie(), "", 0)?;
    response.headers_mut().append(header::SET_COOKIE, spent);
    Ok(response)
}

async fn enter(app: &Served, caller: std::net::IpAddr, headers: &HeaderMap, returned: Returned) -> Answer<Response> {
    let provider = provider(app)?;
    app.throttle.sign_in_elsewhere(caller)?;
    let now = (app.now)();
    let ticket = cookie(headers, app.settings.site.ticket_cookie()).and_then(|cookie| Ticket::read(cookie, now));
    let ticket = ticket.ok_or_else(|| {
        Problem::forbidden(
            "This sign-in was used already, took too long, or was begun in another browser. Begin again.",
        )
    })?;
    let person = provider.person(&ticket, returned, now.into()).await?;
    let name = person.name.clone();
    match account(app, provider, person).await {
        Ok(account) => let_in(app, &account).await,
        Err(problem) => Ok((Extension(TurnedAway(name)), problem).into_response()),
    }
}

fn provider(app: &Served) -> Answer<&Provider> {
    app.provider.as_ref().ok_or_else(|| Problem::missing("provider to sign in at"))
}

/// The account of somebody whom the provider vouches for, with the roles that they have now. It is found by issuer and
/// subject alone: a name proves nothing.
async fn account(app: &Served, provider: &Provider, person: Person) -> Answer<Account> {
    let provider::SignIn { name: there, ask, new_accounts, .. } = &provider.settings;
    let known = app.desk.account_by_subject(&person.subject).await?;
    let account = match known {
        Some(account) if account.disabled => {
            return Err(Problem::forbidden(format!("{} is kept out of this desk: ask {ask}.", account.name)));
        }
        Some(account) => with_roles(app, account, person.roles).await?,
        None if person.roles.as_ref().is_none_or(|roles| roles.is_empty() || !new_accounts) => {
            return Err(Problem::forbidden(format!(
                "{there} knows you as {} (subject '{}'), but nobody has given you a role at this desk: ask {ask}.",
                person.name,
                at_provider(&person.subject)
            )));
        }
        None => make(app, there, ask, person).await?,
    };
    if account.roles.is_empty() {
        return Err(Problem::forbidden(format!("{} has no role at this desk: ask {ask} for one.", account.name)));
    }
    Ok(account)
}

/// Gives an account the roles that the provider gives; where it gives none at all, they stay as admins gave them.
async fn with_roles(app: &Served, account: Account, given: Option<Vec<endcap_govern::Role>>) -> Answer<Account> {
    match given {
        Some(roles) if roles != account.roles => {
            app.desk.give_roles(account.id, &roles).await?;
            Ok(Account { roles, ..account })
        }
        _ => Ok(account),
    }
}

async fn make(app: &Served, there: &str, ask: &str, person: Person) -> Answer<Account> {
    let Person { subject, name, roles } = person;
    let new = NewAccount { name, roles: roles.unwrap_or_default(), password: None, subject: Some(subject.clone()) };
    match app.desk.add_account(&new, (app.now)()).await {
        // Two windows of one person may be here at once.
        Ok(_) | Err(DeskError::Taken { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    app.desk.account_by_subject(&subject).await?.ok_or_else(|| {
        Problem::conflict(format!(
            "There is an account '{}' here that is not yours at {there}. If it should be, ask {ask} to link it: endcap \
             account link {0} --subject '{}'",
            new.name,
            at_provider(&subject)
        ))
    })
}

/// The subject as the provider calls it, without the issuer before it.
fn at_provider(subject: &str) -> &str {
    subject.split_once(' ').map_or(subject, |(_, subject)| subject)
}
