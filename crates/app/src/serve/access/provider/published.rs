//! What the provider publishes about itself: addresses and keys. They are read when somebody is about to leave for it, so
//! that one that is down is told of here, and again when something is signed with a key that is not known yet: keys change
//! while people sign in.

use super::super::super::problem::{Answer, Problem};
use super::outside::{Outside, Unanswered};
use super::proof::Client;
use super::settings::SignIn;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use openidconnect::core::CoreClientAuthMethod;
use openidconnect::{AuthType, DiscoveryError, EndSessionUrl, ProviderMetadataWithLogout, RedirectUrl};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a provider that answered counts as one that is there.
const THERE: Duration = Duration::from_secs(10);
/// How long a provider that did not answer is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(5);
/// How often forged keys can make the desk ask for the provider's keys.
const BETWEEN_RENEWALS: Duration = Duration::from_secs(20);

/// What the provider published, and when it was asked.
pub struct Published {
    settings: SignIn,
    back: RedirectUrl,
    outside: Outside,
    read: Mutex<Read>,
    renewals: DefaultDirectRateLimiter,
}

#[derive(Default)]
struct Read {
    known: Option<Arc<Known>>,
    failed: Option<(Instant, Problem)>,
}

/// The provider as it was read.
pub struct Known {
    /// Asks for proofs and checks them with its keys.
    pub client: Client,
    /// Where people end their session there.
    pub end_session: Option<EndSessionUrl>,
    at: Instant,
}

impl Published {
    /// Reads nothing yet.
    pub fn new(settings: &SignIn, back: RedirectUrl, outside: Outside) -> Self {
        let renewals = Quota::with_period(BETWEEN_RENEWALS).expect("Invariant: the period is not zero");
        let renewals = RateLimiter::direct(renewals);
        Self { settings: settings.clone(), back, outside, read: Mutex::default(), renewals }
    }

    /// The way to the provider.
    pub fn outside(&self) -> &Outside {
        &self.outside
    }

    /// What a provider publishes that answers now, or did a moment ago.
    pub async fn reached(&self) -> Answer<Arc<Known>> {
        let mut read = self.read.lock().await;
        match &read.known {
            Some(known) if known.at.elapsed() < THERE => Ok(known.clone()),
            _ => self.ask(&mut read).await,
        }
    }

    /// What was read last; read first where nothing was.
    pub async fn known(&self) -> Answer<Arc<Known>> {
        let mut read = self.read.lock().await;
        match &read.known {
            Some(known) => Ok(known.clone()),
            None => self.ask(&mut read).await,
        }
    }

    /// What is known after `old`, in which a key is missing; `old` itself where it is too early to ask again.
    pub async fn renewed(&self, old: &Arc<Known>) -> Arc<Known> {
        let mut read = self.read.lock().await;
        match &read.known {
            Some(known) if !Arc::ptr_eq(known, old) => known.clone(),
            _ if self.renewals.check().is_err() => old.clone(),
            _ => self.ask(&mut read).await.unwrap_or_else(|_| old.clone()),
        }
    }

    /// Asks the provider, unless it did not answer a moment ago. What was known is kept while it does not answer.
    async fn ask(&self, read: &mut Read) -> Answer<Arc<Known>> {
        if let Some((at, problem)) = &read.failed
            && at.elapsed() < LEFT_ALONE
        {
            return Err(problem.clone());
        }
        match ProviderMetadataWithLogout::discover_async(self.settings.issuer.clone(), &self.outside).await {
            Ok(metadata) => {
                let known = Arc::new(self.understood(metadata));
                *read = Read { known: Some(known.clone()), failed: None };
                Ok(known)
            }
            Err(error) => {
                let problem = self.not_read(error);
                read.failed = Some((Instant::now(), problem.clone()));
                Err(problem)
            }
        }
    }

    fn understood(&self, metadata: ProviderMetadataWithLogout) -> Known {
        let end_session = metadata.additional_metadata().end_session_endpoint.clone();
        // Basic is what a provider takes that does not say (Discovery 1.0, section 3).
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let SignIn { client_id, secret, .. } = &self.settings;
        let client = Client::from_provider_metadata(metadata, client_id.clone(), secret.clone())
            .set_redirect_uri(self.back.clone())
            .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody });
        Known { client, end_session, at: Instant::now() }
    }

    fn not_read(&self, error: DiscoveryError<Unanswered>) -> Problem {
        match error {
            DiscoveryError::Request(error) => unanswered(&self.settings, &error),
            other => unusable(&self.settings, other),
        }
    }
}

/// The provider does not answer.
pub fn unanswered(settings: &SignIn, error: &Unanswered) -> Problem {
    tracing::warn!(%error, "the sign-in provider does not answer");
    let SignIn { name, ask, .. } = settings;
    Problem::elsewhere(format!(
        "{name} does not answer. Try again in a moment; who has a password here can sign in with it. If it lasts, tell {ask}."
    ))
}

/// The provider answers, but not as one does that fits the settings.
pub fn unusable(settings: &SignIn, cause: impl std::fmt::Display) -> Problem {
    tracing::warn!(%cause, "the sign-in provider cannot be used");
    let SignIn { name, ask, .. } = settings;
    Problem::elsewhere(format!(
        "{name} cannot be used for signing in as it is set up; the server's log says why. Tell {ask}; who has a password \
         here can sign in with it."
    ))
}
