//! NATS JetStream: a bucket of keys and values for each channel. A value is only ever put over the very revision that was read,
//! so that an older message that arrives late is refused by the server.

use super::config::Place;
use super::notice::{Notice, short_name};
use super::runtime::{PATIENCE, runtime, within};
use super::secret;
use crate::AdapterError;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::{self, kv};
use async_nats::{ConnectOptions, HeaderMap, header};
use endcap_agent::outbox::{Heard, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_govern::Approved;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::Intent;
use jiff::SignedDuration;
use serde::Deserialize;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// Values that the bucket keeps of each key, for people who look.
const HISTORY: i64 = 16;

/// How long to wait when somebody else wrote at the same moment.
const RACE: SignedDuration = SignedDuration::from_secs(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
    bucket: String,
    login: Option<PathBuf>,
}

/// Messages as values in a bucket.
struct Nats {
    url: String,
    bucket: String,
    login: Option<SecretText>,
    runtime: Runtime,
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if fields.bucket.is_empty() || !fields.bucket.chars().all(plain) {
        return Err(place.wrong("bucket", format!("'{}'", fields.bucket), "letters, digits, '-' and '_'"));
    }
    let local = ["nats://127.0.0.1:", "nats://localhost:", "nats://[::1]:"];
    if !fields.url.starts_with("tls://") && !local.iter().any(|start| fields.url.starts_with(start)) {
        return Err(place.wrong("url", format!("'{}'", fields.url), "tls://host:port, or nats:// on this machine"));
    }
    let login = place.login(fields.login.as_deref())?;
    let runtime = runtime().map_err(|error| place.wrong("kind", error, "a runtime that the system gives"))?;
    Ok(Box::new(Nats { url: fields.url, bucket: fields.bucket, login, runtime }))
}

impl Nats {
    async fn connected(&self) -> Option<jetstream::Context> {
        // Whoever was first in this process chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut options =
            ConnectOptions::new().name("endcap").connection_timeout(PATIENCE.mul_f64(0.5)).max_reconnects(1);
        if let Some((user, password)) = self.login.as_ref().and_then(secret::login) {
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        let client = options.connect(&self.url).await.ok()?;
        Some(jetstream::new(client))
    }

    async fn held(&self, context: &jetstream::Context, message: &Message) -> Option<Option<(u64, Notice)>> {
        let Ok(bucket) = context.get_key_value(&self.bucket).await else {
            // A bucket that is not there holds nothing; one that cannot be asked is another thing.
            return is_missing(context, &self.bucket).await.then_some(None);
        };
        let entry = bucket.entry(short_name(message, 40)).await.ok()?;
        let Some(entry) = entry else { return Some(None) };
        let notice = serde_json::from_slice(&entry.value).ok()?;
        Some(Some((entry.revision, notice)))
    }

    async fn put(&self, message: &Message, intent: &Intent) -> Heard {
        let Some(context) = self.connected().await else { return Heard::Unreachable };
        // Until the value itself leaves, nothing has happened.
        let config = kv::Config { bucket: self.bucket.clone(), history: HISTORY, ..kv::Config::default() };
        if context.get_key_value(&self.bucket).await.is_err() && context.create_key_value(config).await.is_err() {
            return Heard::Unreachable;
        }
        let Some(held) = self.held(&context, message).await else { return Heard::Unreachable };
        let revision = match &held {
            Some((_, notice)) if notice.generation > message.generation => return Heard::Older,
            Some((revision, notice)) if notice.key == message.key() => {
                return Heard::Acknowledged { reference: revision.to_string() };
            }
            held => held.as_ref().map_or(0, |(revision, _)| *revision),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.to_string());
        headers.insert(header::NATS_MESSAGE_ID, message.key().as_str());
        let subject = format!("$KV.{}.{}", self.bucket, short_name(message, 40));
        let value = Notice::of(message, intent).json();
        let Ok(sent) = context.publish_with_headers(subject, headers, value.into()).await else {
            return Heard::Silence;
        };
        match sent.await {
            Ok(taken) => Heard::Acknowledged { reference: taken.sequence.to_string() },
            Err(error) => match error.kind() {
                PublishErrorKind::WrongLastSequence => Heard::Busy { wait: RACE },
                PublishErrorKind::MaxPayloadExceeded => {
                    Heard::Refused { reason: "the server takes no value so large".into() }
                }
                _ => Heard::Silence,
            },
        }
    }
}

async fn is_missing(context: &jetstream::Context, bucket: &str) -> bool {
    use async_nats::jetstream::context::GetStreamErrorKind;
    match context.get_stream(format!("KV_{bucket}")).await {
        Ok(_) => false,
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) => error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND,
            _ => false,
        },
    }
}

impl Outlet for Nats {
    fn promises(&self) -> Promises {
        Promises { refuses_older: true, reads_back: true, keeps_time: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        within(&self.runtime, self.put(message, intent.get())).unwrap_or(Heard::Silence)
    }

    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        let read = async {
            let context = self.connected().await?;
            self.held(&context, message).await
        };
        match within(&self.runtime, read).flatten() {
            Some(held) => Heard::Holds(held.map(|(_, notice)| notice.held())),
            None => Heard::Unread,
        }
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        match self.read_back(message, intent) {
            Heard::Unread => Err(format!("JetStream at {} cannot be read: check url, login and rights", self.url)),
            _ => Ok(()),
        }
    }
}
