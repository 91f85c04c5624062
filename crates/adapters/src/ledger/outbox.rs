//! The outbox on disk: what was decided, what left and what is known of it, in one file with the audit trail, so that
//! decision, record and message are kept together or not at all.

use super::{FILE_NAME, Ledger, LedgerError, Random, read};
use endcap_agent::outbox::{Decided, Everything, Known, Message, Revision, Waiting, Waits, ripened};
use endcap_agent::ports::{Asked, Outbox, PortError, Standings};
use endcap_agent::rollout::Rollouts;
use endcap_agent::send::{Kept, Pending};
use endcap_govern::audit::Record;
use endcap_govern::gate::{Intent, KEPT, Sent, Traffic};
use endcap_govern::ladder::{Alarm, Field};
use endcap_model::{Autonomy, Channel, Place, Sku};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqliteTransaction};
use std::path::Path;
use tokio::runtime::Runtime;

/// The outbox of a project.
pub struct LedgerOutbox {
    ledger: Ledger,
    runtime: Runtime,
}

impl LedgerOutbox {
    /// Opens or creates the outbox of a project.
    ///
    /// # Errors
    /// [`PortError`] when the ledger cannot be opened.
    pub fn open(project: &Path, random: Random) -> Result<Self, PortError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
        let ledger = runtime.block_on(Ledger::open(&project.join(FILE_NAME), random)).map_err(broken)?;
        Ok(Self { ledger, runtime })
    }

    /// Raises an alarm, as [`Ledger::alarm`] does.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be kept.
    pub fn alarm(
        &mut self,
        fields: Option<&[Field]>,
        alarm: Alarm,
        why: &str,
        at: Timestamp,
    ) -> Result<Vec<(Field, Autonomy)>, PortError> {
        self.runtime.block_on(self.ledger.alarm(fields, alarm, why, at)).map_err(broken)
    }

    /// When the last checkpoint of the audit trail was kept, if any was.
    ///
    /// # Errors
    /// [`PortError`] when it cannot be read.
    pub fn last_checkpoint(&self) -> Result<Option<Timestamp>, PortError> {
        let last = self.runtime.block_on(self.ledger.last_checkpoint()).map_err(broken)?;
        Ok(last.map(|(_, _, at)| at))
    }
}

impl Outbox for LedgerOutbox {
    fn decide(&mut self, decided: Vec<Decided>, now: Timestamp) -> Result<(), PortError> {
        self.runtime.block_on(self.ledger.decide(decided, now)).map_err(broken)
    }

    fn revise(
        &mut self,
        now: Timestamp,
        change: &mut dyn FnMut(&Everything) -> Revision,
    ) -> Result<Revision, PortError> {
        self.runtime.block_on(self.ledger.revise(now, |all| change(all))).map_err(broken)
    }

    fn waiting(&self) -> Result<Vec<Waiting>, PortError> {
        self.runtime.block_on(self.ledger.waiting()).map_err(broken)
    }

    fn rollouts(&self) -> Result<Rollouts, PortError> {
        self.runtime.block_on(self.ledger.rollouts()).map_err(broken)
    }

    fn ripen(&mut self, now: Timestamp, standings: &dyn Standings) -> Result<(), PortError> {
        self.runtime.block_on(self.ledger.ripen(now, standings)).map_err(broken)
    }

    fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Pending>, PortError> {
        self.runtime.block_on(self.ledger.due(now, limit)).map_err(broken)
    }

    fn keep(&mut self, kept: Vec<Kept>, now: Timestamp) -> Result<(), PortError> {
        self.runtime.block_on(self.ledger.keep(kept, now)).map_err(broken)
    }

    fn traffic(&self, now: Timestamp) -> Result<Traffic, PortError> {
        self.runtime.block_on(self.ledger.traffic(now)).map_err(broken)
    }

    fn all(&self) -> Result<Vec<(Intent, Option<Known>)>, PortError> {
        self.runtime.block_on(self.ledger.everything()).map_err(broken)
    }

    fn shelf(&self, channel: &Channel, place: &Place, sku: &Sku) -> Result<Vec<(Known, Intent)>, PortError> {
        self.runtime.block_on(self.ledger.shelf(channel, place, sku)).map_err(broken)
    }
}

impl Ledger {
    /// Keeps decisions: each with its record, and what is pending of an offer that it replaces is withdrawn.
    async fn decide(&self, decided: Vec<Decided>, now: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        insert_decided(self, &mut transaction, decided, now).await?;
        Ok(transaction.commit().await?)
    }

    async fn ripen(&self, now: Timestamp, standings: &dyn Standings) -> Result<(), LedgerError> {
        let ripe = "select id, subject, intent, record from scheduled where due <= ? order by due, id";
        let waits = sqlx::query("select 1 from scheduled where due <= ? limit 1");
        if waits.bind(now.as_millisecond()).fetch_optional(&self.readers).await?.is_none() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(ripe).bind(now.as_millisecond()).fetch_all(&mut *transaction).await?;
        for row in rows {
            let mut intent: Intent = parsed("a decision", row.try_get(2)?)?;
            if intent.action.only_reverts() {
                let asked = Asked { intent: &intent, proposal: None, decided: None, past: &[] };
                intent = ripened(&intent, &standings.standing(&asked, now));
            }
            intent.generation = last_generation(&mut transaction, &intent).await? + 1;
            let subject: String = row.try_get(1)?;
            let known = Known::decided(Message::about(&intent, subject), now);
            insert(&mut transaction, &known, &intent, row.try_get(3)?).await?;
            let id: i64 = row.try_get(0)?;
            sqlx::query("delete from scheduled where id = ?").bind(id).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Pending>, LedgerError> {
        let rows = sqlx::query(
            "select message.known, message.intent, record.content from message \
             left join record on record.sequence = message.record \
             where open and rest_until <= ? order by message.id limit ?",
        )
        .bind(now.as_millisecond())
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let mut pending = vec![];
        for row in &rows {
            let known: Known = parsed("a message", row.try_get(0)?)?;
            let intent: Intent = parsed("an intent", row.try_get(1)?)?;
            let record: Option<&str> = row.try_get(2)?;
            let record = record.map(|content| parsed::<Record>("a record", content)).transpose()?;
            let recorded = record.as_ref().map(|record| record.at);
            let (decided, proposal) =
                record.map_or((None, None), |record| (record.entry.effect, record.entry.grounds.proposal));
            let others = self.others(&known.message).await?;
            pending.push(Pending { known, intent, decided, proposal, recorded, others });
        }
        Ok(pending)
    }

    /// The newest message about the same subject, and older ones that may still be under way.
    async fn others(&self, message: &Message) -> Result<Vec<Known>, LedgerError> {
        let rows = sqlx::query(
            "select known from message where channel = ?1 and subject = ?2 and generation <> ?3 \
             and (in_doubt > 0 or generation = (select max(generation) from message where channel = ?1 and subject = ?2))",
        )
        .bind(message.channel.as_str())
        .bind(&message.subject)
        .bind(whole(message.generation))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| parsed("a message", row.try_get(0)?)).collect()
    }

    async fn keep(&self, kept: Vec<Kept>, now: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let mut records = vec![];
        for Kept { known, sent, record } in kept {
            update(&mut transaction, &known).await?;
            if let Some(sent) = sent {
                sqlx::query("insert into sent (at, content) values (?, ?)")
                    .bind(sent.at().as_millisecond())
                    .bind(text(&sent))
                    .execute(&mut *transaction)
                    .await?;
            }
            records.extend(record.map(|record| (now, record)));
        }
        if !records.is_empty() {
            self.append(&mut transaction, records).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn traffic(&self, now: Timestamp) -> Result<Traffic, LedgerError> {
        let since = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        let rows = sqlx::query("select content from sent where at >= ? order by id")
            .bind(since.as_millisecond())
            .fetch_all(&self.readers)
            .await?;
        let sent = rows.iter().map(|row| parsed("what was sent", row.try_get(0)?));
        Ok(Traffic::from(sent.collect::<Result<Vec<Sent>, LedgerError>>()?))
    }

    async fn shelf(&self, channel: &Channel, place: &Place, sku: &Sku) -> Result<Vec<(Known, Intent)>, LedgerError> {
        let rows = sqlx::query(
            "select known, intent from message where channel = ? and place = ? and sku = ? order by generation",
        )
        .bind(channel.as_str())
        .bind(place.as_str())
        .bind(sku.as_str())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(both).collect()
    }

    async fn everything(&self) -> Result<Vec<(Intent, Option<Known>)>, LedgerError> {
        let sent = sqlx::query("select known, intent from message order by id").fetch_all(&self.readers).await?;
        let waiting = sqlx::query("select intent from scheduled order by due, id").fetch_all(&self.readers).await?;
        let sent = sent.iter().map(|row| both(row).map(|(known, intent)| (intent, Some(known))));
        let waiting = waiting.iter().map(|row| Ok((parsed("a decision", row.try_get(0)?)?, None)));
        sent.chain(waiting).collect()
    }
}

/// Keeps decisions in a transaction: each with its record, in the place of what is pending of the same offer.
pub(super) async fn insert_decided(
    ledger: &Ledger,
    transaction: &mut SqliteTransaction<'_>,
    decided: Vec<Decided>,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let records = decided.iter().map(|one| (now, one.record.clone())).collect();
    let numbers = ledger.append(transaction, records).await?;
    for (one, number) in decided.iter().zip(&numbers).filter(|(one, _)| one.replaces) {
        withdraw_pending(transaction, &one.intent, *number).await?;
    }
    for (Decided { intent, subject, due, waits, .. }, number) in decided.iter().zip(&numbers) {
        sqlx::query(
            "insert into scheduled (due, channel, subject, offer, place, sku, intent, waits, record) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(due.as_millisecond())
        .bind(intent.channel.as_str())
        .bind(subject)
        .bind(intent.action.offer())
        .bind(intent.place.as_str())
        .bind(intent.sku.as_str())
        .bind(text(intent))
        .bind((*waits != Waits::default()).then(|| text(waits)))
        .bind(whole(*number))
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// What was planned for an offer and has not begun gives way to what is decided of it now.
async fn withdraw_pending(connection: &mut SqliteConnection, intent: &Intent, record: u64) -> Result<(), LedgerError> {
    let Some(offer) = intent.action.offer() else { return Ok(()) };
    sqlx::query("delete from scheduled where channel = $1 and offer = $2 and sku = $3 and place = $4 and record < $5")
        .bind(intent.channel.as_str())
        .bind(offer)
        .bind(intent.sku.as_str())
        .bind(intent.place.as_str())
        .bind(whole(record))
        .execute(connection)
        .await?;
    Ok(())
}

async fn last_generation(connection: &mut SqliteConnection, intent: &Intent) -> Result<u64, LedgerError> {
    let last: i64 = sqlx::query_scalar(
        "select coalesce(max(generation), 0) from message where channel = ? and place = ? and sku = ?",
    )
    .bind(intent.channel.as_str())
    .bind(intent.place.as_str())
    .bind(intent.sku.as_str())
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(last).unwrap_or(0))
}

async fn insert(
    connection: &mut SqliteConnection,
    known: &Known,
    intent: &Intent,
    record: i64,
) -> Result<(), LedgerError> {
    sqlx::query(
        "insert into message (channel, subject, generation, place, sku, intent, known, open, in_doubt, rest_until, record) \
         values (?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?)",
    )
    .bind(known.message.channel.as_str())
    .bind(&known.message.subject)
    .bind(whole(known.message.generation))
    .bind(intent.place.as_str())
    .bind(intent.sku.as_str())
    .bind(text(intent))
    .bind(text(known))
    .bind(known.rest_until.as_millisecond())
    .bind(record)
    .execute(connection)
    .await?;
    Ok(())
}

async fn update(connection: &mut SqliteConnection, known: &Known) -> Result<(), LedgerError> {
    sqlx::query(
        "update message set known = ?, open = ?, in_doubt = ?, rest_until = ? \
         where channel = ? and subject = ? and generation = ?",
    )
    .bind(text(known))
    .bind(!known.stage.is_final())
    .bind(known.in_doubt)
    .bind(known.rest_until.as_millisecond())
    .bind(known.message.channel.as_str())
    .bind(&known.message.subject)
    .bind(whole(known.message.generation))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn both(row: &SqliteRow) -> Result<(Known, Intent), LedgerError> {
    Ok((parsed("a message", row.try_get(0)?)?, parsed("an intent", row.try_get(1)?)?))
}

pub(super) fn parsed<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, LedgerError> {
    read::parsed(what, text)
}

pub(super) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("Invariant: words of the outbox are plain data")
}

pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn broken(error: impl std::fmt::Display) -> PortError {
    PortError { port: "outbox", reason: error.to_string() }
}
