//! NATS JetStream: a bucket of keys and values for each channel. A value is only ever put over the very revision that was read,
//! so that an older message that arrives late is refused by the server.

use super::config::Place;
use super::notice::{Notice, short_name};
use super::runtime::{PATIENCE, runtime, within, within_many};
use super::secret;
use crate::AdapterError;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::{self, kv};
use async_nats::{ConnectOptions, HeaderMap, header};
use endcap_agent::outbox::{Heard, Held, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_agent::reconcile::{Extra, Extras};
use endcap_govern::Approved;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::Intent;
use endcap_model::{ContentHash, hash_bytes};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::SignedDuration;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// Values that the bucket keeps of each key, for people who look.
const HISTORY: i64 = 16;

/// Values that are asked for at once.
const AT_ONCE: usize = 16;

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

    /// The bucket; the inner nothing where there is none. One that cannot be asked is another thing.
    async fn opened(&self, context: &jetstream::Context) -> Option<Option<kv::Store>> {
        match context.get_key_value(&self.bucket).await {
            Ok(bucket) => Some(Some(bucket)),
            Err(_) => is_missing(context, &self.bucket).await.then_some(None),
        }
    }

    /// What is held for a message and under which revision, which a key that was deleted has too.
    async fn held(&self, context: &jetstream::Context, message: &Message) -> Option<(u64, Value)> {
        let Some(bucket) = self.opened(context).await? else { return Some((0, Value::Nothing)) };
        value(&bucket, message).await
    }

    /// What is held for each of many messages, over one connection.
    async fn all(&self, asked: &[(&Message, &Intent)]) -> Option<Vec<Heard>> {
        let context = self.connected().await?;
        let Some(bucket) = self.opened(&context).await? else {
            return Some(asked.iter().map(|_| Heard::Holds(None)).collect());
        };
        let values = asked.iter().map(|(message, _)| async {
            match value(&bucket, message).await {
                Some((_, held)) => Heard::Holds(held.held()),
                None => Heard::Unread,
            }
        });
        Some(stream::iter(values).buffered(AT_ONCE).collect().await)
    }

    /// Keys that belong to none of these messages.
    async fn foreign(&self, known: &[(&Message, &Intent)]) -> Option<Vec<Extra>> {
        let context = self.connected().await?;
        let Some(bucket) = self.opened(&context).await? else { return Some(vec![]) };
        let known: BTreeSet<String> = known.iter().map(|(message, _)| short_name(message, 40)).collect();
        let keys: Vec<String> = bucket.keys().await.ok()?.try_collect().await.ok()?;
        let mut foreign = vec![];
        for name in keys.into_iter().filter(|key| !known.contains(key)) {
            let value = bucket.get(&name).await.ok()??;
            let notice: Option<Notice> = serde_json::from_slice(&value).ok();
            let generation = notice.as_ref().map(|notice| notice.generation);
            foreign.push(Extra { name, generation, held: notice.map(|notice| notice.wanted) });
        }
        Some(foreign)
    }

    async fn put(&self, message: &Message, intent: &Intent) -> Heard {
        let Some(context) = self.connected().await else { return Heard::Unreachable };
        // Until the value itself leaves, nothing has happened.
        let config = kv::Config { bucket: self.bucket.clone(), history: HISTORY, ..kv::Config::default() };
        if context.get_key_value(&self.bucket).await.is_err() && context.create_key_value(config).await.is_err() {
            return Heard::Unreachable;
        }
        let Some((revision, held)) = self.held(&context, message).await else { return Heard::Unreachable };
        match held {
            Value::Notice(notice) if notice.generation > message.generation => return Heard::Older,
            Value::Notice(notice) if notice.key == message.key() => {
                return Heard::Acknowledged { reference: revision.to_string() };
            }
            // What somebody deleted or made unreadable is put there again, over that very revision.
            _ => {}
        }
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

/// What a key holds.
enum Value {
    Nothing,
    Notice(Box<Notice>),
    /// Something that is no notice, by its hash.
    Other(ContentHash),
}

impl Value {
    fn held(self) -> Option<Held> {
        match self {
            Self::Nothing => None,
            Self::Notice(notice) => Some(notice.held()),
            Self::Other(content) => Some(Held { generation: None, content, told: None }),
        }
    }
}

async fn value(bucket: &kv::Store, message: &Message) -> Option<(u64, Value)> {
    let Some(entry) = bucket.entry(short_name(message, 40)).await.ok()? else { return Some((0, Value::Nothing)) };
    let held = match entry.operation {
        kv::Operation::Put => match serde_json::from_slice(&entry.value) {
            Ok(notice) => Value::Notice(notice),
            Err(_) => Value::Other(hash_bytes(&entry.value)),
        },
        kv::Operation::Delete | kv::Operation::Purge => Value::Nothing,
    };
    Some((entry.revision, held))
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
            Some((_, held)) => Heard::Holds(held.held()),
            None => Heard::Unread,
        }
    }

    fn read_all(&mut self, asked: &[(&Message, &Intent)]) -> Vec<Heard> {
        let read = within_many(&self.runtime, asked.len(), self.all(asked)).flatten();
        read.unwrap_or_else(|| asked.iter().map(|_| Heard::Unread).collect())
    }

    fn extras(&mut self, known: &[(&Message, &Intent)]) -> Extras {
        within_many(&self.runtime, known.len(), self.foreign(known)).flatten().map_or(Extras::Unread, Extras::Found)
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        match self.read_back(message, intent) {
            Heard::Unread => Err(format!("JetStream at {} cannot be read: check url, login and rights", self.url)),
            _ => Ok(()),
        }
    }
}
