//! Who is asking, and whether they may.

pub mod caller;
pub mod password;
pub mod provider;
pub mod secret;
pub mod throttle;

use super::problem::{Answer, Problem};
use super::{App, Served};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use endcap_adapters::desk::Account;
use endcap_govern::audit::{Entry, Ruling, Told};
use endcap_govern::who_may::{self, Act, Actor, Circumstances, Field, Question};
use endcap_govern::{Right, may};
use endcap_model::Autonomy;
use jiff::Timestamp;

/// Header that shows that a request which changes something comes from our pages.
pub static CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Who {
    /// Their account, with the roles that they have here.
    pub account: Account,
    /// How they came in.
    pub by: By,
}

/// How somebody came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A browser's session.
    Session {
        /// Hash of the cookie's value.
        hash: String,
        /// What its requests must show.
        csrf: String,
        /// When the person signed in.
        since: Timestamp,
    },
    /// A program's token.
    Token,
}

impl Who {
    /// Refuses those without a right.
    pub fn must(&self, right: Right) -> Answer<()> {
        if may(&self.account.roles, right) {
            return Ok(());
        }
        let (name, right) = (&self.account.name, serde_json::to_value(right).map_err(Problem::broken)?);
        let right = right.as_str().unwrap_or_default().replace('_', " ");
        Err(Problem::forbidden(format!("{name} has no role with the right '{right}': ask an admin for one.")))
    }
}

impl Who {
    /// What the project's policies say of somebody who wants to do something over the machine. Whoever comes with a token
    /// is a program, whatever account it belongs to.
    pub fn may_by_policy(&self, app: &Served, act: Act, field: Field, autonomy: Autonomy) -> who_may::Answer {
        app.who_may.ask(&self.question(act, field, autonomy))
    }

    /// Refuses those to whom the project's policies do not permit something, and records that somebody tried.
    pub async fn must_by_policy(
        &self,
        app: &Served,
        act: Act,
        (field, autonomy): (Field, Autonomy),
        (action, subject): (&str, Told),
    ) -> Answer<()> {
        let question = self.question(act, field, autonomy);
        if app.who_may.ask(&question).allowed {
            return Ok(());
        }
        let why = app.who_may.explain(&question);
        let mut entry = Entry::new(Told::personal(&self.account.name), action, subject, Ruling::Refused);
        entry.reasons = vec![Told::personal(&why)];
        app.ledger.record((app.now)(), entry).await.map_err(Problem::broken)?;
        Err(Problem::forbidden(format!("{why}. Ask somebody with the role for it.")))
    }

    fn question(&self, act: Act, field: Field, autonomy: Autonomy) -> Question {
        let human = matches!(self.by, By::Session { .. });
        let person = Actor::person(&self.account.name, &self.account.roles);
        let actor = Actor { human, suspended: self.account.disabled, ..person };
        let circumstances = Circumstances { autonomy, approved: false, veto_over: false, people: 1, own: false };
        Question { actor, act, field, circumstances }
    }
}

impl FromRequestParts<App> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let who = match bearer(&parts.headers)? {
            Some(token) => by_token(app, token).await?,
            None => by_session(app, &parts.method, &parts.headers).await?,
        };
        parts.extensions.insert(who.clone());
        Ok(who)
    }
}

async fn by_token(app: &App, token: &str) -> Answer<Who> {
    let account = app.desk.account_by_token(&secret::hash(token), (app.now)()).await?;
    let account =
        account.ok_or_else(|| Problem::unauthenticated("The token is unknown, has ended or was taken back."))?;
    Ok(Who { account, by: By::Token })
}

async fn by_session(app: &App, method: &Method, headers: &HeaderMap) -> Answer<Who> {
    let value = cookie(headers, app.settings.site.cookie());
    let value =
        value.ok_or_else(|| Problem::unauthenticated("Sign in, or send a token as 'Authorization: Bearer …'."))?;
    let hash = secret::hash(value);
    let session = app.desk.session(&hash, (app.now)()).await?;
    let session = session.ok_or_else(|| Problem::unauthenticated("The session has ended: sign in again."))?;
    if !method.is_safe() {
        own_page(app, headers)?;
        let shown = headers.get(&CSRF).map(|value| value.as_bytes());
        if !shown.is_some_and(|shown| secret::same(shown, session.csrf.as_bytes())) {
            return Err(Problem::forbidden(
                "The request did not come from our pages (X-CSRF-Token is missing or wrong).",
            ));
        }
    }
    Ok(Who { account: session.account, by: By::Session { hash, csrf: session.csrf, since: session.since } })
}

/// Refuses requests that a browser says another site has made.
pub fn own_page(app: &App, headers: &HeaderMap) -> Answer<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let foreign_fetch = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let foreign_origin = text("origin").is_some_and(|origin| !app.settings.site.is_own(origin));
    if foreign_fetch || foreign_origin {
        return Err(Problem::forbidden("The request came from another site."));
    }
    Ok(())
}

fn bearer(headers: &HeaderMap) -> Answer<Option<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    token.map(Some).ok_or_else(|| Problem::unauthenticated("Authorization: expected 'Bearer' and a token."))
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|text| text.split(';')).find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
}
