//! The way to the provider's server: TLS, no redirects, limits on time and size.

use futures::future::BoxFuture;
use openidconnect::http::Response;
use openidconnect::url::{Host, Url};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use std::time::Duration;

/// Longest time for an answer, and for the way there.
const ANSWER_SECONDS: u64 = 10;
const CONNECT_SECONDS: u64 = 5;
/// Largest answer, in bytes: keys and claims are far smaller.
const LARGEST: usize = 1 << 20;

/// A client that asks the provider and nobody else.
pub struct Outside {
    client: reqwest::Client,
    local: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// An address that is not asked.
    #[error("{0} is not asked: expected https")]
    NotSafe(String),
    /// More than is read.
    #[error("the answer is larger than {LARGEST} bytes")]
    TooLarge,
    /// The network, or the server there.
    #[error("{}", whole(.0))]
    Broken(#[from] reqwest::Error),
}

impl Outside {
    /// Makes a client; one for a provider on this machine may use plain http and uses no proxy.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(local: bool) -> anyhow::Result<Self> {
        // Whoever was first in this process chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
            .timeout(Duration::from_secs(ANSWER_SECONDS));
        let client = if local { builder.no_proxy() } else { builder }.build()?;
        Ok(Self { client, local })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let request = reqwest::Request::try_from(request)?;
        let url = request.url();
        if url.scheme() != "https" && !(self.local && is_local(url)) {
            return Err(Unanswered::NotSafe(url.origin().ascii_serialization()));
        }
        let mut given = self.client.execute(request).await?;
        let mut answer = Response::new(Vec::new());
        *answer.status_mut() = given.status();
        *answer.headers_mut() = std::mem::take(given.headers_mut());
        while let Some(part) = given.chunk().await? {
            if answer.body().len() + part.len() > LARGEST {
                return Err(Unanswered::TooLarge);
            }
            answer.body_mut().extend_from_slice(&part);
        }
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Outside {
    type Error = Unanswered;
    type Future = BoxFuture<'c, Result<HttpResponse, Unanswered>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// Whether an address is on this machine.
pub fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An error with its causes.
fn whole(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
