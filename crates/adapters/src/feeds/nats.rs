//! A stream of NATS JetStream.
//!
//! Where we stand is ours to keep: the consumer on the server is made anew whenever the connection is, and what was kept is
//! acknowledged for people who look. Only where the stream forgets what is acknowledged (retention by work queue or interest)
//! the consumer on the server is the one truth, and such streams carry sales alone, whose order does not matter.

use super::settings::FeedSettings;
use super::{AT_ONCE, lost};
use crate::AdapterError;
use crate::channels::secret;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{RetentionPolicy, Stream};
use async_nats::jetstream::{self, Message};
use async_nats::{ConnectOptions, Event};
use endcap_agent::feed::{Arrival, Batch, Mark, Marks};
use endcap_agent::ports::{Feed, PortError};
use endcap_govern::audit::SecretText;
use endcap_model::{FactKind, hash_bytes};
use futures::StreamExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Longest time for an answer of the server.
const PATIENCE: Duration = Duration::from_secs(5);

/// After which the server delivers again what was not acknowledged; a stream that keeps everything is never waited for.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// A stream that is read.
pub(super) struct Nats {
    settings: FeedSettings,
    login: Option<SecretText>,
    runtime: Option<Runtime>,
    session: Option<Session>,
    /// What the next batch has to tell.
    told: Vec<String>,
}

/// A connection with its consumer.
struct Session {
    client: async_nats::Client,
    consumer: PullConsumer,
    lost: Arc<AtomicBool>,
    /// Whether the stream keeps what is acknowledged.
    keeps: bool,
    /// Number that the consumer gives the next delivery, where that must follow on the last.
    delivery: u64,
    /// What is acknowledged once it is kept.
    taken: Vec<Message>,
}

impl Nats {
    pub fn new(project: &Path, settings: &FeedSettings) -> Result<Self, AdapterError> {
        let login = super::login(project, settings)?;
        Ok(Self { settings: settings.clone(), login, runtime: None, session: None, told: vec![] })
    }

    fn stream(&self) -> &str {
        self.settings.stream.as_deref().unwrap_or_default()
    }

    async fn connected(&self) -> Result<(async_nats::Client, Arc<AtomicBool>), PortError> {
        // Whoever was first in this process chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let lost_it = Arc::new(AtomicBool::new(false));
        let flag = lost_it.clone();
        let noted = move |event| {
            let flag = flag.clone();
            async move {
                // A server that was away may have forgotten what it had acknowledged: where we stand is looked at anew.
                if matches!(event, Event::Disconnected | Event::Closed | Event::SlowConsumer(_)) {
                    flag.store(true, Ordering::SeqCst);
                }
            }
        };
        let mut options = ConnectOptions::new()
            .name(format!("endcap feed {}", self.settings.name))
            .connection_timeout(PATIENCE)
            .max_reconnects(1)
            .event_callback(noted);
        if let Some((user, password)) = self.login.as_ref().and_then(secret::login) {
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        let url = self.settings.url.as_deref().unwrap_or_default();
        let client = options.connect(url).await;
        let client = client.map_err(|error| lost(format!("{url} cannot be reached ({error}): check url and login")))?;
        Ok((client, lost_it))
    }

    async fn opened(&self, marks: &Marks) -> Result<(Session, Vec<String>), PortError> {
        let (client, lost_it) = self.connected().await?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(PATIENCE);
        let name = self.stream();
        let stream = context.get_stream(name).await;
        let stream =
            stream.map_err(|error| lost(format!("stream '{name}' cannot be read ({error}): make it first")))?;
        let keeps = stream.cached_info().config.retention == RetentionPolicy::Limits;
        if !keeps && self.settings.carries != FactKind::Sales {
            return Err(lost(format!(
                "stream '{name}' forgets what is acknowledged, so that the order of {} could be lost: give it retention by \
                 limits",
                self.settings.carries
            )));
        }
        let mut told = vec![];
        let start = match keeps {
            true => self.start(&stream, marks.get(name), &mut told).await?,
            false => None,
        };
        let consumer = self.consumer(&stream, keeps, start).await?;
        Ok((Session { client, consumer, lost: lost_it, keeps, delivery: 1, taken: vec![] }, told))
    }

    /// The message to begin with; nothing for the first that there is.
    async fn start(
        &self,
        stream: &Stream,
        mark: Option<&Mark>,
        told: &mut Vec<String>,
    ) -> Result<Option<u64>, PortError> {
        let (Some(mark), state) = (mark, &stream.cached_info().state) else { return Ok(None) };
        let (feed, name) = (&self.settings.name, self.stream());
        let anew = |why: &str| {
            format!(
                "{feed}: stream '{name}' {why}: it is read from its beginning, and what was taken before counts once"
            )
        };
        if mark.position > state.last_sequence {
            told.push(anew(&format!("ends at {} and was read up to {}", state.last_sequence, mark.position)));
            return Ok(None);
        }
        if mark.position < state.first_sequence {
            if mark.position + 1 < state.first_sequence {
                told.push(format!(
                    "{feed}: messages {} to {} of stream '{name}' were gone before they were read: send them again",
                    mark.position + 1,
                    state.first_sequence - 1
                ));
            }
            return Ok(None);
        }
        use async_nats::jetstream::stream::RawMessageErrorKind;
        match stream.get_raw_message(mark.position).await {
            Ok(message) if hash(&message.payload) != mark.hash => {
                told.push(anew("holds another message where it was left"));
                Ok(None)
            }
            Ok(_) => Ok(Some(mark.position + 1)),
            // Deleted by itself: what follows is still in order.
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(Some(mark.position + 1)),
            Err(error) => Err(lost(format!("stream '{name}' cannot be read ({error})"))),
        }
    }

    async fn consumer(&self, stream: &Stream, keeps: bool, start: Option<u64>) -> Result<PullConsumer, PortError> {
        let durable = format!("endcap-{}", self.settings.name);
        let failed = |error: &dyn std::fmt::Display| lost(format!("consumer '{durable}' cannot be made ({error})"));
        let config = pull::Config {
            durable_name: Some(durable.clone()),
            description: Some("endcap: reads facts; where it stands is kept in records.db".to_owned()),
            filter_subject: self.settings.subject.clone().unwrap_or_default(),
            deliver_policy: match start {
                Some(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
                None => DeliverPolicy::All,
            },
            ack_policy: if keeps { AckPolicy::All } else { AckPolicy::Explicit },
            ack_wait: if keeps { 20 * ACK_WAIT } else { ACK_WAIT },
            max_ack_pending: 4 * i64::try_from(AT_ONCE).unwrap_or(i64::MAX),
            ..pull::Config::default()
        };
        if keeps && stream.consumer_info(&durable).await.is_ok() {
            stream.delete_consumer(&durable).await.map_err(|error| failed(&error))?;
        }
        stream.get_or_create_consumer(&durable, config).await.map_err(|error| failed(&error))
    }
}

fn hash(content: &[u8]) -> String {
    hash_bytes(content).short().to_owned()
}

impl Session {
    async fn next(&mut self, patience: Duration) -> Result<Vec<Message>, PortError> {
        let gone = |error: &dyn std::fmt::Display| lost(format!("the stream cannot be read ({error})"));
        let mut all = vec![];
        let mut there = self.consumer.fetch().max_messages(AT_ONCE).messages().await.map_err(|error| gone(&error))?;
        while let Some(message) = there.next().await {
            all.push(message.map_err(|error| gone(&error))?);
        }
        if all.is_empty() && !patience.is_zero() {
            let wait = self.consumer.batch().max_messages(1).expires(patience).messages().await;
            let mut wait = wait.map_err(|error| gone(&error))?;
            while let Some(message) = wait.next().await {
                all.push(message.map_err(|error| gone(&error))?);
            }
        }
        Ok(all)
    }
}

impl Feed for Nats {
    fn resume(&mut self, marks: &Marks) -> Result<(), PortError> {
        self.session = None;
        // A runtime of its own: what is left of the connection before ends with it.
        self.runtime = None;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(lost)?;
        let opened = runtime.block_on(async { timeout(4 * PATIENCE, self.opened(marks)).await });
        self.runtime = Some(runtime);
        let (session, told) = opened.map_err(|_| lost("the server does not answer in time"))??;
        self.session = Some(session);
        self.told = told;
        Ok(())
    }

    fn next(&mut self, patience: Duration) -> Result<Batch, PortError> {
        let part = self.stream().to_owned();
        let (Some(runtime), Some(session)) = (&self.runtime, &mut self.session) else {
            return Err(lost("the stream is not open"));
        };
        let came = runtime.block_on(async { timeout(patience + PATIENCE, session.next(patience)).await });
        let came = came.map_err(|_| lost("the server does not answer in time"))?;
        if session.lost.load(Ordering::SeqCst) {
            return Err(lost("the connection was lost"));
        }
        let mut batch = Batch { told: std::mem::take(&mut self.told), ..Batch::default() };
        for message in came? {
            let info = message.info().map_err(|error| lost(format!("a message without its place ({error})")))?;
            if session.keeps && info.consumer_sequence != session.delivery {
                return Err(lost("messages came out of order"));
            }
            session.delivery += 1;
            let position = info.stream_sequence;
            if session.keeps {
                batch.marks.insert(part.clone(), Mark { position, hash: String::new() });
            }
            batch.arrivals.push(Arrival { part: part.clone(), position, content: Ok(message.payload.to_vec()) });
            session.taken.push(message);
        }
        if let (Some(mark), Some(last)) = (batch.marks.get_mut(&part), session.taken.last()) {
            mark.hash = hash(&last.payload);
        }
        Ok(batch)
    }

    fn kept(&mut self) -> Result<(), PortError> {
        let (Some(runtime), Some(session)) = (&self.runtime, &mut self.session) else { return Ok(()) };
        let taken = std::mem::take(&mut session.taken);
        // Of a stream that keeps everything the last acknowledgement speaks for all before it.
        let from = if session.keeps { taken.len().saturating_sub(1) } else { 0 };
        let told = runtime.block_on(async {
            for message in &taken[from..] {
                message.ack().await.map_err(|error| lost(format!("it cannot be acknowledged ({error})")))?;
            }
            let flushed = timeout(PATIENCE, session.client.flush()).await;
            flushed.map_err(|_| lost("the server does not answer in time"))?.map_err(lost)
        });
        // What was kept is kept: a lost acknowledgement is found when the stream is opened again.
        if told.is_err() {
            session.lost.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.session = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
