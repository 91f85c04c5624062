//! MQTT shelf labels: one retained message for each item and place, so that a label that wakes up finds its price.
//!
//! A broker knows neither keys nor generations: the generation stands in the message, and what is held is read before anything
//! is published over it.

use super::config::Place;
use super::http;
use super::notice::Notice;
use super::runtime::{PATIENCE, runtime, within};
use super::secret;
use crate::AdapterError;
use endcap_agent::outbox::{Heard, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_govern::Approved;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::Intent;
use jiff::Timestamp;
use reqwest::Url;
use rumqttc::{
    AsyncClient, ConnectReturnCode, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeFilter, SubscribeReasonCode,
    Transport,
};
use serde::Deserialize;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// Largest message, in bytes.
const LARGEST: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
    /// First part of every topic.
    prefix: String,
    login: Option<PathBuf>,
}

/// Prices as retained messages.
struct Mqtt {
    url: Url,
    prefix: String,
    login: Option<SecretText>,
    runtime: Runtime,
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    let expected = "mqtts://host:8883, or mqtt:// on this machine";
    let wrong = || place.wrong("url", format!("'{}'", fields.url), expected);
    let url = Url::parse(&fields.url).map_err(|_| wrong())?;
    let safe = url.scheme() == "mqtts" || url.scheme() == "mqtt" && http::is_local(&url);
    if !safe || url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong());
    }
    if fields.prefix.is_empty() || fields.prefix.contains(['+', '#', '\0', '$']) {
        return Err(place.wrong(
            "prefix",
            format!("'{}'", fields.prefix),
            "the first part of a topic, without + and #",
        ));
    }
    let login = place.login(fields.login.as_deref())?;
    let runtime = runtime().map_err(|error| place.wrong("kind", error, "a runtime that the system gives"))?;
    Ok(Box::new(Mqtt { url, prefix: fields.prefix, login, runtime }))
}

/// A connection that is used once.
struct Session {
    client: AsyncClient,
    events: EventLoop,
    name: String,
}

impl Mqtt {
    async fn connected(&self) -> Option<Session> {
        let name = format!("endcap-{}-{}", std::process::id(), Timestamp::now().as_nanosecond() % 1_000_000_000_000);
        let secure = self.url.scheme() == "mqtts";
        let port = self.url.port().unwrap_or(if secure { 8883 } else { 1883 });
        let host = self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let mut options = MqttOptions::new(&name, host, port);
        options.set_keep_alive(PATIENCE).set_clean_session(true).set_max_packet_size(LARGEST, LARGEST);
        if secure {
            // Whoever was first in this process chose the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
            options.set_transport(Transport::tls_with_default_config());
        }
        if let Some((user, password)) = self.login.as_ref().and_then(secret::login) {
            options.set_credentials(user, password);
        }
        let (client, events) = AsyncClient::new(options, 16);
        let mut session = Session { client, events, name };
        match session.next().await? {
            Packet::ConnAck(answer) if answer.code == ConnectReturnCode::Success => Some(session),
            _ => None,
        }
    }

    /// The topic of an item at a place: what is no plain letter is written as its bytes.
    fn topic(&self, intent: &Intent) -> String {
        format!("{}/{}/{}", self.prefix, plain(intent.place.as_str()), plain(intent.sku.as_str()))
    }

    /// Reads the message that a topic retains.
    async fn held(&self, session: &mut Session, topic: &str) -> Option<Option<Notice>> {
        // What is retained comes before whatever is published after the subscription: our own mark is that.
        let mark = format!("{}/.ready/{}", self.prefix, session.name);
        let filters = [topic, &mark].map(|path| SubscribeFilter::new(path.to_owned(), QoS::AtLeastOnce));
        session.client.subscribe_many(filters).await.ok()?;
        let mut found = None;
        loop {
            match session.next().await? {
                // Without the right to read there is no telling what is held.
                Packet::SubAck(answer) if answer.return_codes.contains(&SubscribeReasonCode::Failure) => return None,
                Packet::SubAck(_) => session.client.publish(&mark, QoS::AtMostOnce, false, "ready").await.ok()?,
                Packet::Publish(message) if message.topic == mark => return Some(found),
                Packet::Publish(message) if message.topic == topic && !message.payload.is_empty() => {
                    found = Some(serde_json::from_slice(&message.payload).ok()?);
                }
                _ => {}
            }
        }
    }

    async fn put(&self, message: &Message, intent: &Intent) -> Heard {
        let Some(mut session) = self.connected().await else { return Heard::Unreachable };
        let topic = self.topic(intent);
        match self.held(&mut session, &topic).await {
            // Nothing but questions has left.
            None => return Heard::Unreachable,
            Some(Some(notice)) if notice.generation > message.generation => return Heard::Older,
            Some(Some(notice)) if notice.key == message.key() => {
                return Heard::Acknowledged { reference: message.key().short().to_owned() };
            }
            Some(_) => {}
        }
        let payload = Notice::of(message, intent).json();
        if session.client.publish(&topic, QoS::AtLeastOnce, true, payload).await.is_err() {
            return Heard::Unreachable;
        }
        loop {
            match session.next().await {
                None => return Heard::Silence,
                Some(Packet::PubAck(_)) => break,
                Some(_) => {}
            }
        }
        Heard::Acknowledged { reference: message.key().short().to_owned() }
    }
}

impl Session {
    /// The next packet that comes in; nothing once the connection is lost.
    async fn next(&mut self) -> Option<Packet> {
        loop {
            if let Event::Incoming(packet) = self.events.poll().await.ok()? {
                return Some(packet);
            }
        }
    }
}

fn plain(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(letter).collect()
}

impl Outlet for Mqtt {
    fn promises(&self) -> Promises {
        Promises { reads_back: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        within(&self.runtime, self.put(message, intent.get())).unwrap_or(Heard::Silence)
    }

    fn read_back(&mut self, _: &Message, intent: &Intent) -> Heard {
        let read = async {
            let mut session = self.connected().await?;
            self.held(&mut session, &self.topic(intent)).await
        };
        match within(&self.runtime, read).flatten() {
            Some(held) => Heard::Holds(held.map(|notice| notice.held())),
            None => Heard::Unread,
        }
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        match self.read_back(message, intent) {
            Heard::Unread => Err(format!("{} cannot be read: check address, login and rights to the topics", self.url)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn no_item_can_reach_into_another_topic() {
        assert_eq!(plain("milk-1_x"), "milk-1_x");
        assert_eq!(plain("a/+#b%ü"), "a%2F%2B%23b%25%C3%BC");
    }
}
