//! A topic of a broker that speaks Kafka's protocol. All partitions are read without a group: where we stand in each is kept in our
//! own transaction, which no group's offsets can be part of.

use super::settings::{FeedSettings, Sasl};
use super::{AT_ONCE, lost};
use crate::AdapterError;
use crate::channels::secret;
use endcap_agent::feed::{Arrival, Batch, Mark, Marks};
use endcap_agent::ports::{Feed, PortError};
use endcap_govern::audit::SecretText;
use endcap_model::hash_bytes;
use krafka::auth::{AuthConfig, TlsConfig};
use krafka::consumer::{AutoOffsetReset, Consumer, ConsumerRecord, IsolationLevel, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Longest time for an answer of the broker.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is asked whether the topic has more partitions by now.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// A topic that is read.
pub(super) struct Kafka {
    settings: FeedSettings,
    login: Option<SecretText>,
    runtime: Option<Runtime>,
    session: Option<Session>,
    told: Vec<String>,
}

/// A consumer with the partitions that it reads.
struct Session {
    consumer: Consumer,
    partitions: Vec<i32>,
    asked: Instant,
    /// Partitions whose first message must be the one that was taken last.
    unproven: BTreeMap<i32, Mark>,
}

impl Kafka {
    pub fn new(project: &Path, settings: &FeedSettings) -> Result<Self, AdapterError> {
        let login = super::login(project, settings)?;
        Ok(Self { settings: settings.clone(), login, runtime: None, session: None, told: vec![] })
    }

    fn topic(&self) -> &str {
        self.settings.topic.as_deref().unwrap_or_default()
    }

    fn security(&self) -> AuthConfig {
        let login = self.login.as_ref().and_then(secret::login);
        match (login, self.settings.tls) {
            (None, false) => AuthConfig::plaintext(),
            (None, true) => AuthConfig::ssl(TlsConfig::new()),
            (Some((user, password)), tls) => {
                let auth = match self.settings.sasl.unwrap_or(Sasl::Sha512) {
                    Sasl::Plain => AuthConfig::sasl_plain(user, password),
                    Sasl::Sha256 => AuthConfig::sasl_scram_sha256(user, password),
                    Sasl::Sha512 => AuthConfig::sasl_scram_sha512(user, password),
                };
                if tls { auth.with_tls(TlsConfig::new()) } else { auth }
            }
        }
    }

    async fn opened(&self, marks: &Marks) -> Result<(Session, Vec<String>), PortError> {
        let (brokers, topic) = (self.settings.brokers.clone().unwrap_or_default(), self.topic());
        let unreachable = |error| lost(format!("{brokers} cannot be reached ({error}): check brokers and login"));
        let kafka = krafka::Kafka::builder(brokers.clone())
            .client_id(format!("endcap-{}", self.settings.name))
            .security(self.security())
            .request_timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .connect()
            .await
            .map_err(unreachable)?;
        let of_part = |partition: i32| marks.get(&partition.to_string()).cloned();
        let consumer = kafka
            .consumer_without_group()
            // Where a partition no longer has what is asked for, what it has is read.
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .enable_auto_commit(false)
            .isolation_level(IsolationLevel::ReadCommitted)
            .max_poll_records(i32::try_from(AT_ONCE).unwrap_or(i32::MAX))
            .build()
            .await
            .map_err(unreachable)?;
        let partitions = partitions(&consumer, topic).await?;
        let (mut starts, mut unproven, mut told) = (vec![], BTreeMap::new(), vec![]);
        for partition in &partitions {
            let Some(mark) = of_part(*partition) else { continue };
            if let Some(start) = self.start(&consumer, *partition, &mark, &mut told).await? {
                starts.push((TopicPartition::new(topic, *partition), start));
                unproven.insert(*partition, mark);
            }
        }
        consumer.assign(topic, partitions.clone()).await.map_err(unreachable)?;
        if !starts.is_empty() {
            consumer.seek_many(starts).await.map_err(unreachable)?;
        }
        Ok((Session { consumer, partitions, asked: Instant::now(), unproven }, told))
    }

    /// The message to begin with, which is the one that was taken last; nothing for the first that there is.
    async fn start(
        &self,
        consumer: &Consumer,
        partition: i32,
        mark: &Mark,
        told: &mut Vec<String>,
    ) -> Result<Option<i64>, PortError> {
        let (feed, topic) = (&self.settings.name, self.topic());
        let ends = consumer.fetch_watermarks(topic, partition).await;
        let (low, high) =
            ends.map_err(|error| lost(format!("partition {partition} of topic '{topic}' cannot be read ({error})")))?;
        let position = i64::try_from(mark.position).unwrap_or(i64::MAX);
        if position >= high {
            told.push(format!(
                "{feed}: partition {partition} of topic '{topic}' ends at {high} and was read up to {position}: it is read from \
                 its beginning, and what was taken before counts once"
            ));
            return Ok(None);
        }
        if position < low {
            if position + 1 < low {
                told.push(format!(
                    "{feed}: messages {} to {} of partition {partition} of topic '{topic}' were gone before they were read: send \
                     them again",
                    position + 1,
                    low - 1
                ));
            }
            return Ok(None);
        }
        Ok(Some(position))
    }
}

async fn partitions(consumer: &Consumer, topic: &str) -> Result<Vec<i32>, PortError> {
    let unknown = |why: String| lost(format!("topic '{topic}' cannot be read ({why}): make it first"));
    let told = consumer.fetch_metadata(Some(topic)).await.map_err(|error| unknown(error.to_string()))?;
    let of_topic = told.topics.into_iter().find(|one| one.name == topic);
    let found = of_topic.map(|one| one.partitions.into_keys().collect::<BTreeSet<i32>>()).unwrap_or_default();
    if found.is_empty() { Err(unknown("it has no partitions".to_owned())) } else { Ok(found.into_iter().collect()) }
}

fn hash(record: &ConsumerRecord) -> String {
    hash_bytes(record.value.as_deref().unwrap_or_default()).short().to_owned()
}

impl Session {
    async fn next(&mut self, topic: &str, patience: Duration) -> Result<Vec<ConsumerRecord>, PortError> {
        if self.asked.elapsed() >= ASK_AGAIN {
            self.asked = Instant::now();
            if partitions(&self.consumer, topic).await? != self.partitions {
                return Err(lost(format!("topic '{topic}' has other partitions by now")));
            }
        }
        self.consumer.poll(patience).await.map_err(|error| lost(format!("topic '{topic}' cannot be read ({error})")))
    }

    /// What of the records is new, once each partition has shown that it still holds what was taken last. One that holds something
    /// else there is read from its beginning.
    async fn proven(
        &mut self,
        feed: &str,
        records: Vec<ConsumerRecord>,
        told: &mut Vec<String>,
    ) -> Result<Vec<ConsumerRecord>, PortError> {
        let mut anew = BTreeSet::new();
        let mut kept = Vec::with_capacity(records.len());
        for record in records {
            if let Some(mark) = self.unproven.remove(&record.partition)
                && u64::try_from(record.offset) == Ok(mark.position)
            {
                if hash(&record) == mark.hash {
                    continue;
                }
                anew.insert(record.partition);
                told.push(format!(
                    "{feed}: partition {} of topic '{}' holds another message where it was left: it is read from its beginning, \
                     and what was taken before counts once",
                    record.partition, record.topic
                ));
                let again = self.consumer.seek_to_beginning(&record.topic, record.partition).await;
                again.map_err(|error| lost(format!("the topic cannot be read again ({error})")))?;
            }
            if !anew.contains(&record.partition) {
                kept.push(record);
            }
        }
        Ok(kept)
    }
}

impl Feed for Kafka {
    fn resume(&mut self, marks: &Marks) -> Result<(), PortError> {
        // Whoever was first in this process chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        self.session = None;
        if let Some(before) = self.runtime.take() {
            before.shutdown_background();
        }
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(lost)?;
        let opened = runtime.block_on(async { timeout(3 * PATIENCE, self.opened(marks)).await });
        self.runtime = Some(runtime);
        let (session, told) = opened.map_err(|_| lost("the broker does not answer in time"))??;
        self.session = Some(session);
        self.told = told;
        Ok(())
    }

    fn next(&mut self, patience: Duration) -> Result<Batch, PortError> {
        let topic = self.topic().to_owned();
        let (Some(runtime), Some(session)) = (&self.runtime, &mut self.session) else {
            return Err(lost("the topic is not open"));
        };
        let mut batch = Batch { told: std::mem::take(&mut self.told), ..Batch::default() };
        let came = runtime.block_on(async {
            let came = timeout(patience + PATIENCE, session.next(&topic, patience)).await;
            let came = came.map_err(|_| lost("the broker does not answer in time"))??;
            session.proven(&self.settings.name, came, &mut batch.told).await
        })?;
        let mut last: BTreeMap<i32, ConsumerRecord> = BTreeMap::new();
        for record in came {
            let (part, position) = (record.partition.to_string(), u64::try_from(record.offset).unwrap_or_default());
            // A message without a value takes a key away from a compacted topic; a sale that happened stays.
            let content = match &record.value {
                Some(value) => Ok(value.to_vec()),
                None => Err("the message has no value: expected a JSON object, or an array of them".to_owned()),
            };
            batch.arrivals.push(Arrival { part, position, content });
            last.insert(record.partition, record);
        }
        for record in last.into_values() {
            let position = u64::try_from(record.offset).unwrap_or_default();
            batch.marks.insert(record.partition.to_string(), Mark { position, hash: hash(&record) });
        }
        Ok(batch)
    }

    fn kept(&mut self) -> Result<(), PortError> {
        // Where we stand was kept with what came: the broker is not asked to remember it.
        Ok(())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.session = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
