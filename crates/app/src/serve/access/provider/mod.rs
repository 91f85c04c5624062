//! Sign-in at an OpenID Connect provider: who somebody is, as a company's own server says it.
//!
//! Authorization code flow with PKCE. A browser is sent there with what only its [`ticket`] can answer for, comes back
//! with a code, and the code is exchanged for a [`proof`] that is checked before a word of it is believed. No token of the
//! provider is kept. This must never decide what somebody may do here beyond the mapping in [`settings`], and never keep
//! people with a password out because the provider is down.
//!
//! # Source
//! OpenID Connect Core 1.0 sections 3.1 and 5.3, Discovery 1.0, RP-Initiated Logout 1.0; RFC 7636 (PKCE), RFC 9207 (`iss`
//! beside the code).

mod outside;
mod person;
mod proof;
mod published;
pub mod settings;
pub mod ticket;

use super::super::problem::{Answer, Problem};
use super::super::site::Site;
use super::secret;
use openidconnect::core::{CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim};
use openidconnect::{
    AuthorizationCode, CsrfToken, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, RedirectUrl, RequestTokenError, StandardErrorResponse,
};
use outside::{Outside, Unanswered};
use proof::{Claims, Distrust};
use published::Published;
use serde::Deserialize;
use serde_json::Value;
use std::time::SystemTime;
use ticket::Ticket;
use utoipa::ToSchema;

pub use person::Person;
pub use settings::SignIn;

/// The page to which the provider sends people back.
const RETURN: &str = "/sign-in/return";
/// Longest part of the provider's own words that is shown.
const WORDS_MAX: usize = 200;

/// The provider that the desk was started with.
pub struct Provider {
    /// How it was set up.
    pub settings: SignIn,
    published: Published,
    home: PostLogoutRedirectUrl,
}

/// What a browser brings back from the provider: a code, or why there is none.
#[derive(Deserialize, ToSchema)]
#[schema(as = ProviderReturn)]
pub struct Returned {
    /// What the browser was sent away with.
    state: String,
    /// What the proof of who it is can be fetched with.
    code: Option<String>,
    /// Why the provider gives no code.
    error: Option<String>,
    /// The same in the provider's words.
    error_description: Option<String>,
    /// Who says so, where the provider tells it.
    iss: Option<String>,
}

impl Provider {
    /// Prepares sign-in; nothing is asked of the provider before somebody wants it.
    ///
    /// # Errors
    /// When this machine's TLS cannot be set up, or the desk's own address is none.
    pub fn new(settings: SignIn, site: &Site) -> anyhow::Result<Self> {
        let back = RedirectUrl::new(format!("{site}{RETURN}"))?;
        let published = Published::new(&settings, back, Outside::new(settings.is_local())?);
        Ok(Self { published, home: PostLogoutRedirectUrl::new(format!("{site}/"))?, settings })
    }

    /// The address at which a browser signs in and from which it comes back with this ticket's state.
    pub async fn address(&self, ticket: &Ticket) -> Answer<String> {
        let known = self.published.reached().await?;
        let (state, nonce) = (CsrfToken::new(ticket.state()), Nonce::new(ticket.nonce()));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(ticket.verifier()));
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = known.client.authorize_url(flow, || state, || nonce).set_pkce_challenge(challenge);
        Ok(request.add_scopes(self.settings.scopes.iter().cloned()).url().0.to_string())
    }

    /// Who came back with a ticket, once the provider has proven it.
    pub async fn person(&self, ticket: &Ticket, returned: Returned, now: SystemTime) -> Answer<Person> {
        let code = self.code(ticket, returned)?;
        let known = self.published.known().await?;
        let exchange = known.client.exchange_code(code).map_err(|error| self.unusable(error))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(ticket.verifier()));
        let tokens = exchange.request_async(self.published.outside()).await.map_err(|error| self.no_tokens(error))?;
        let nonce = Nonce::new(ticket.nonce());
        let (known, claims) = match proof::claims(&known.client, &tokens, &nonce, now) {
            Err(Distrust::UnknownKey) => {
                let renewed = self.published.renewed(&known).await;
                let claims = proof::claims(&renewed.client, &tokens, &nonce, now);
                (renewed, claims.map_err(|distrust| self.distrusted(distrust))?)
            }
            first => (known, first.map_err(|distrust| self.distrusted(distrust))?),
        };
        let subject = claims.subject().clone();
        let mut told = serde_json::to_value(claims).map_err(Problem::broken)?;
        if !person::is_told(&self.settings, &told) {
            let more = known.client.user_info(tokens.access_token().clone(), Some(subject.clone()));
            if let Ok(request) = more {
                let more = request.request_async::<Claims, _, CoreGenderClaim>(self.published.outside()).await;
                let more = more.map_err(|error| self.unusable(error))?;
                complete(&mut told, serde_json::to_value(&more).map_err(Problem::broken)?);
            }
        }
        Ok(person::person(&self.settings, &subject, &told))
    }

    /// Where somebody whose session here has ended also ends the one there; nothing where the provider has no such place
    /// or does not answer.
    pub async fn sign_out_address(&self) -> Option<String> {
        let known = self.published.known().await.ok()?;
        let request = LogoutRequest::from(known.end_session.clone()?).set_client_id(self.settings.client_id.clone());
        Some(request.set_post_logout_redirect_uri(self.home.clone()).http_get_url().to_string())
    }

    /// The code, if the browser is the one that was sent away and the provider did not refuse.
    fn code(&self, ticket: &Ticket, returned: Returned) -> Answer<AuthorizationCode> {
        if !secret::same(ticket.state().as_bytes(), returned.state.as_bytes()) {
            return Err(Problem::forbidden(
                "This answer belongs to another sign-in, or to another browser. Begin again on this page.",
            ));
        }
        let (name, issuer) = (&self.settings.name, self.settings.issuer.as_str());
        if returned.iss.is_some_and(|told| told != issuer) {
            return Err(Problem::forbidden(format!(
                "This answer does not come from {name}. Begin again on this page."
            )));
        }
        match (returned.code, returned.error) {
            (Some(code), None) if !code.is_empty() => Ok(AuthorizationCode::new(code)),
            (_, error) => {
                let words = returned.error_description.or(error).unwrap_or_else(|| "no reason was given".to_owned());
                Err(Problem::unauthenticated(format!("{name} did not sign you in: {}.", shown(&words))))
            }
        }
    }

    fn no_tokens(&self, error: RequestTokenError<Unanswered, StandardErrorResponse<CoreErrorResponseType>>) -> Problem {
        let name = &self.settings.name;
        match error {
            RequestTokenError::ServerResponse(refusal) if *refusal.error() == CoreErrorResponseType::InvalidGrant => {
                Problem::unauthenticated(format!(
                    "{name} no longer knows this sign-in: it was used already, or took too long. Begin again."
                ))
            }
            RequestTokenError::ServerResponse(refusal) => self.unusable(refusal),
            RequestTokenError::Request(unanswered) => published::unanswered(&self.settings, &unanswered),
            other => self.unusable(other),
        }
    }

    /// The provider answered, but not as one does that fits the settings.
    fn unusable(&self, cause: impl std::fmt::Display) -> Problem {
        published::unusable(&self.settings, cause)
    }

    fn distrusted(&self, distrust: Distrust) -> Problem {
        let SignIn { name, ask, .. } = &self.settings;
        tracing::warn!(%distrust, "a sign-in was refused");
        Problem::unauthenticated(format!(
            "What {name} sent cannot be trusted: {distrust}. You are not signed in; tell {ask}."
        ))
    }
}

/// Adds what is not told yet.
fn complete(told: &mut Value, more: Value) {
    if let (Value::Object(told), Value::Object(more)) = (told, more) {
        for (claim, value) in more {
            let known = told.entry(claim).or_insert(Value::Null);
            if known.is_null() {
                *known = value;
            }
        }
    }
}

/// Another server's words, short and on one line.
fn shown(words: &str) -> String {
    let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(WORDS_MAX).collect::<String>().trim_end_matches('.').to_owned()
}
