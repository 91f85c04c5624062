//! HTTP as every channel speaks it: one attempt, no redirects, limits on time and size, and an honest account of the outcome.

use super::runtime::{PATIENCE, runtime, within};
use endcap_agent::outbox::Heard;
use jiff::SignedDuration;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use std::net::{IpAddr, SocketAddr};
use tokio::runtime::Runtime;

/// Largest answer that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// How long to leave a channel alone that is busy and does not say for how long.
const UNTOLD_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// Most seconds that a channel may ask for.
const LONGEST_WAIT: i64 = 24 * 3600;

/// A client for one channel.
pub(crate) struct Http {
    client: Client,
    runtime: Runtime,
}

/// What became of a request.
pub(crate) enum Outcome {
    /// No connection came about.
    Unreachable,
    /// It left, and no whole answer came.
    Silence,
    /// The answer.
    Answered(Answer),
}

/// An answer.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Http {
    /// A client; one that asks this machine uses no proxy.
    pub fn new(local: bool) -> Result<Self, String> {
        Self::made(builder(local))
    }

    /// A client that asks these addresses for this host and never looks it up again.
    pub fn pinned(host: &str, addresses: &[SocketAddr]) -> Result<Self, String> {
        Self::made(builder(true).resolve_to_addrs(host, addresses))
    }

    fn made(builder: reqwest::ClientBuilder) -> Result<Self, String> {
        let client = builder.build().map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let runtime = runtime().map_err(|error| format!("no runtime: {error}"))?;
        Ok(Self { client, runtime })
    }

    /// The client that requests are built with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks once.
    pub fn ask(&self, request: RequestBuilder) -> Outcome {
        within(&self.runtime, asked(request)).unwrap_or(Outcome::Silence)
    }
}

fn builder(local: bool) -> reqwest::ClientBuilder {
    // Whoever was first in this process chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(PATIENCE.mul_f64(0.8))
        .timeout(PATIENCE)
        // A connection that was kept may be dead, and a request on it then half sent.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("endcap/", env!("CARGO_PKG_VERSION")));
    if local { builder.no_proxy() } else { builder }
}

async fn asked(request: RequestBuilder) -> Outcome {
    let mut answer = match request.send().await {
        Err(error) if error.is_connect() || error.is_builder() => return Outcome::Unreachable,
        Err(_) => return Outcome::Silence,
        Ok(answer) => answer,
    };
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let mut body = vec![];
    loop {
        match answer.chunk().await {
            Ok(Some(part)) if body.len() + part.len() <= LARGEST => body.extend_from_slice(&part),
            Ok(None) => return Outcome::Answered(Answer { status, headers, body }),
            Ok(Some(_)) | Err(_) => return Outcome::Silence,
        }
    }
}

impl Answer {
    /// Whether it is a yes.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What a no means: refused for good, turned away for now, or unknown.
    pub fn refusal(&self) -> Heard {
        let wait = self.wait();
        match self.status {
            429 => Heard::Busy { wait: wait.unwrap_or(UNTOLD_WAIT) },
            503 if wait.is_some() => Heard::Busy { wait: wait.unwrap_or(UNTOLD_WAIT) },
            // The server gave up waiting for the request, or failed over it: it may have done half of it.
            408 | 500.. => Heard::Silence,
            _ => Heard::Refused { reason: self.told() },
        }
    }

    /// The answer in a few words.
    pub fn told(&self) -> String {
        format!("the answer was {}: {}", self.status, excerpt(&self.body))
    }

    fn wait(&self) -> Option<SignedDuration> {
        let seconds: i64 = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(SignedDuration::from_secs(seconds.clamp(0, LONGEST_WAIT)))
    }
}

/// The beginning of a text from outside, without anything that moves a cursor.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(800)]).into_owned();
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(200).collect()
}

/// Reads an address: https, or plain http to this machine or to a host that is listed.
pub(crate) fn address(given: &str, listed: impl Fn(&str) -> bool) -> Result<Url, &'static str> {
    const EXPECTED: &str = "an https address, or plain http on this machine";
    let url = Url::parse(given).map_err(|_| EXPECTED)?;
    let host = url.host_str().unwrap_or_default();
    let plain = is_local(&url) || listed(host);
    match url.scheme() {
        "https" => {}
        "http" if plain => {}
        _ => return Err(EXPECTED),
    }
    if url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err("an address without a password: name the file that holds it")
    }
}

/// Whether an address is on this machine.
pub(crate) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn answer(status: u16, retry_after: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        }
        Answer { status, headers, body: b"no\x1b[2J\n room".to_vec() }
    }

    #[test]
    fn only_a_clear_no_is_a_no() {
        let busy = |seconds| Heard::Busy { wait: SignedDuration::from_secs(seconds) };
        assert_eq!(answer(429, None).refusal(), busy(5));
        assert_eq!(answer(429, Some("7")).refusal(), busy(7));
        assert_eq!(answer(503, Some("99999999")).refusal(), busy(86_400));
        for unknown in [answer(503, None), answer(500, Some("1")), answer(502, None), answer(408, None)] {
            assert_eq!(unknown.refusal(), Heard::Silence);
        }
        for refused in [302, 400, 404, 422] {
            assert!(
                matches!(answer(refused, None).refusal(), Heard::Refused { reason } if reason.ends_with("no [2J room"))
            );
        }
    }

    #[test]
    fn addresses_are_https_or_listed_and_hold_no_password() {
        let nobody = |_: &str| false;
        for good in ["https://shop.example/x", "http://127.0.0.1:80/x", "http://localhost/", "http://[::1]:8/"] {
            assert!(address(good, nobody).is_ok(), "{good}");
        }
        for bad in ["http://shop.example/x", "ftp://127.0.0.1/", "x", "https://a:b@shop.example/"] {
            assert!(address(bad, nobody).is_err(), "{bad}");
        }
        assert!(address("http://erp.internal/", |host| host == "erp.internal").is_ok());
    }
}
