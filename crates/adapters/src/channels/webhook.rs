//! Webhooks: each message as a CloudEvent, signed, to an address that was looked up once and is not on a private network.
//!
//! What the receiver promises is declared in `channels.toml`, for only its owner knows. Every attempt has the same body and
//! the same `Idempotency-Key`; the signature has a time, so that a copy can be told to be old, and is made with every key that is
//! valid, so that the receiver can change to the next one at a time of its own.
//!
//! # Source
//! CloudEvents 1.0, JSON event format, structured mode; the signature is that of the Standard Webhooks scheme with a key id.

use super::config::Place;
use super::http::{self, Answer, Http, Outcome};
use super::notice::{Notice, short_name};
use super::runtime::{runtime, within};
use crate::AdapterError;
use endcap_agent::outbox::{Heard, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_govern::Approved;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::Intent;
use endcap_model::canonical_json;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Shortest key, in bytes.
const SHORTEST_KEY: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
    /// Where what is held can be read; `{subject}` stands for the subject's name.
    status: Option<String>,
    keys: Vec<KeyFields>,
    #[serde(default)]
    allow: Vec<IpAddr>,
    #[serde(default)]
    promises: Promised,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFields {
    id: String,
    file: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Promised {
    knows_key_for_seconds: Option<u32>,
    refuses_older: bool,
    refuses_second: bool,
    keeps_time: bool,
}

/// Messages to an address of somebody else.
struct Webhook {
    url: Url,
    status: Option<String>,
    keys: Vec<(String, SecretText)>,
    allow: Vec<IpAddr>,
    promises: Promises,
}

/// Why nobody is asked.
pub(crate) enum NoWay {
    /// The name has no address now.
    NotFound,
    /// The address may not be asked, and why.
    Closed(String),
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    let allow = fields.allow;
    let address = |field, given: &str| {
        let listed = |host: &str| host.parse().is_ok_and(|address: IpAddr| allow.contains(&address));
        http::address(given, listed).map_err(|expected| place.wrong(field, format!("'{given}'"), expected))
    };
    let url = address("url", &fields.url)?;
    if let Some(status) = &fields.status {
        address("status", status)?;
        if !status.contains("{subject}") {
            return Err(place.wrong("status", format!("'{status}'"), "an address with {subject} in it"));
        }
    }
    if fields.keys.is_empty() {
        return Err(place.wrong("keys", "empty", "one key, or two while the receiver changes to the next"));
    }
    let mut keys = vec![];
    for key in fields.keys {
        let secret = place.secret(&key.file)?;
        let plain = key.id.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if key.id.is_empty() || !plain {
            return Err(place.wrong("keys", format!("the id '{}'", key.id), "letters, digits, '-', '_' and '.'"));
        }
        if secret.expose().len() < SHORTEST_KEY {
            return Err(place.wrong("keys", format!("key '{}', which is short", key.id), "16 bytes or more"));
        }
        keys.push((key.id, secret));
    }
    let promised = fields.promises;
    let promises = Promises {
        knows_key_for: promised.knows_key_for_seconds.map(|seconds| SignedDuration::from_secs(seconds.into())),
        refuses_older: promised.refuses_older,
        refuses_second: promised.refuses_second,
        reads_back: fields.status.is_some(),
        keeps_time: promised.keeps_time,
    };
    Ok(Box::new(Webhook { url, status: fields.status, keys, allow, promises }))
}

impl Webhook {
    fn way_to(&self, url: &Url) -> Result<Http, NoWay> {
        way_to(url, &self.allow)
    }

    fn signed(&self, request: RequestBuilder, body: &[u8]) -> RequestBuilder {
        let time = Timestamp::now().as_second();
        let made = |(id, key): &(String, SecretText)| format!("kid={id},v1={}", signature(key.expose(), time, body));
        let signatures: Vec<String> = self.keys.iter().map(made).collect();
        request.header("webhook-timestamp", time.to_string()).header("webhook-signature", signatures.join(" "))
    }

    fn event(&self, message: &Message, intent: &Intent) -> Vec<u8> {
        let event = json!({
            "specversion": "1.0",
            "id": message.key(),
            "source": format!("/endcap/{}", message.channel),
            "type": format!("endcap.{}.v1", intent.action.name()),
            "subject": short_name(message, 24),
            "datacontenttype": "application/json",
            "data": Notice::of(message, intent),
        });
        canonical_json(&event).into_bytes()
    }

    fn answered(&self, message: &Message, answer: &Answer) -> Heard {
        match answer.status {
            409 if self.promises.refuses_second => Heard::AlreadyThere,
            412 if self.promises.refuses_older => Heard::Older,
            _ if answer.is_success() => Heard::Acknowledged { reference: message.key().short().to_owned() },
            _ => answer.refusal(),
        }
    }
}

/// A client for one request, to the addresses that its host has now and that may be asked.
pub(crate) fn way_to(url: &Url, allow: &[IpAddr]) -> Result<Http, NoWay> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let runtime = runtime().map_err(|_| NoWay::NotFound)?;
    let found = within(&runtime, tokio::net::lookup_host((host.as_str(), port)))
        .and_then(Result::ok)
        .map(Iterator::collect::<Vec<SocketAddr>>)
        .unwrap_or_default();
    if found.is_empty() {
        return Err(NoWay::NotFound);
    }
    match found.iter().find(|address| !may_be_asked(address.ip()) && !allow.contains(&address.ip())) {
        Some(address) => {
            let address = address.ip();
            let reason =
                format!("{host} is at {address}, which is no public address: list it in `allow` if that is meant");
            Err(NoWay::Closed(reason))
        }
        None => Http::pinned(&host, &found).map_err(NoWay::Closed),
    }
}

/// The signature over a time and a body, as a receiver makes it to compare.
pub fn signature(key: &[u8], time: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("Invariant: a key may have any length");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether an address is one of the public network.
fn may_be_asked(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let special = (a, b, c) == (192, 0, 0) || (a == 198 && (18..20).contains(&b)) || a == 0 || a >= 240;
            !(address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || shared
                || special)
        }
        IpAddr::V6(address) => match v4_inside(address) {
            Some(inside) => may_be_asked(inside),
            // Global unicast without the ranges for documents.
            None => address.segments()[0] & 0xe000 == 0x2000 && !is_for_documents(address),
        },
    }
}

/// The address of the older network that a newer one stands for.
fn v4_inside(address: Ipv6Addr) -> Option<IpAddr> {
    let segments = address.segments();
    let low = [segments[6], segments[7]];
    let bytes = |[high, low]: [u16; 2]| IpAddr::from([(high >> 8) as u8, high as u8, (low >> 8) as u8, low as u8]);
    match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(bytes(low)),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(bytes(low)),
        [0x2002, high, low, ..] => Some(bytes([high, low])),
        _ => None,
    }
}

fn is_for_documents(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    (first, second) == (0x2001, 0xdb8) || (first == 0x3fff && second < 0x1000)
}

impl Outlet for Webhook {
    fn promises(&self) -> Promises {
        self.promises
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        let http = match self.way_to(&self.url) {
            Ok(http) => http,
            Err(NoWay::NotFound) => return Heard::Unreachable,
            Err(NoWay::Closed(reason)) => return Heard::Refused { reason },
        };
        let body = self.event(message, intent.get());
        let request = http
            .client()
            .post(self.url.clone())
            .header("content-type", "application/cloudevents+json")
            .header("idempotency-key", message.key().as_str());
        match http.ask(self.signed(request, &body).body(body)) {
            Outcome::Unreachable => Heard::Unreachable,
            Outcome::Silence => Heard::Silence,
            Outcome::Answered(answer) => self.answered(message, &answer),
        }
    }

    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        let address = self.status.as_ref().map(|status| status.replace("{subject}", &short_name(message, 24)));
        let Some(url) = address.and_then(|address| Url::parse(&address).ok()) else { return Heard::Unread };
        let Ok(http) = self.way_to(&url) else { return Heard::Unread };
        let request = self.signed(http.client().get(url), b"");
        match http.ask(request) {
            Outcome::Answered(answer) if answer.status == 404 => Heard::Holds(None),
            Outcome::Answered(answer) if answer.is_success() => serde_json::from_slice::<Notice>(&answer.body)
                .map_or(Heard::Unread, |notice| Heard::Holds(Some(notice.held()))),
            _ => Heard::Unread,
        }
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        let host = self.url.host_str().unwrap_or_default();
        self.way_to(&self.url).map_err(|no_way| match no_way {
            NoWay::NotFound => format!("{host} cannot be found: check the url"),
            NoWay::Closed(reason) => reason,
        })?;
        match (self.promises.reads_back, self.read_back(message, intent)) {
            (true, Heard::Unread) => {
                Err("the status address tells nothing: it answers with what is held, or 404".into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for closed in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!may_be_asked(closed.parse().unwrap()), "{closed}");
        }
        for open in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(may_be_asked(open.parse().unwrap()), "{open}");
        }
    }

    #[test]
    fn a_signature_is_what_others_make_of_time_and_body() {
        // Made with Python's hmac: hmac.new(b"0123456789abcdef", b"1700000000.{}", "sha256").hexdigest().
        let made = signature(b"0123456789abcdef", 1_700_000_000, b"{}");
        assert_eq!(made, "e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e");
    }
}
