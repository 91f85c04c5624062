//! The outbox on disk: what was decided, what left and what is known of it, in one file with the audit trail, so that
//! decision, record and message are kept together or not at all.

use super::editions::still_in_force;
use super::{FILE_NAME, Ledger, LedgerError, Random, read};
use crate::database::{Connection, Row, Transaction, query};
use endcap_agent::outbox::{Decided, Everything, Known, Message, Revision, Waiting, Waits, ripened};
use endcap_agent::ports::{Asked, Outbox, PortError, Standings};
use endcap_agent::rollout::Rollouts;
use endcap_agent::send::{Kept, Pending};
use endcap_govern::audit::Record;
use endcap_govern::edition::{Edition, Standing};
use endcap_govern::gate::{Intent, KEPT, Sent, Traffic};
use endcap_govern::ladder::{Alarm, Field};
use endcap_model::{Autonomy, Channel, Place, Sku};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use tokio::runtime::Runtime;

/// The outbox of a project.
pub struct LedgerOutbox {
    pub(super) ledger: Ledger,
    pub(super) runtime: Runtime,
    /// What is acted by; nothing where the caller decides nothing of its own.
    edition: Option<Edition>,
}

impl LedgerOutbox {
    /// Opens or creates the outbox of a project.
    ///
    /// # Errors
    /// [`PortError`] when the ledger cannot be opened.
    pub fn open(project: &Path, random: Random) -> Result<Self, PortError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
        let ledger = runtime.block_on(Ledger::open(&project.join(FILE_NAME), random)).map_err(broken)?;
        Ok(Self { ledger, runtime, edition: None })
    }

    /// Acts by these limits from now on: nothing is decided or noted as sent once others replaced them. Says how they stand.
    ///
    /// # Errors
    /// [`PortError`] when they cannot be kept.
    pub fn go_by(&mut self, edition: Edition, at: Timestamp) -> Result<Standing, PortError> {
        let standing = self.runtime.block_on(self.ledger.go_by(&edition, at)).map_err(broken)?;
        self.edition = Some(edition);
        Ok(standing)
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
        self.runtime.block_on(self.ledger.decide(decided, self.edition.as_ref(), now)).map_err(broken)
    }

    fn revise(
        &mut self,
        now: Timestamp,
        change: &mut dyn FnMut(&Everything) -> Revision,
    ) -> Result<Revision, PortError> {
        self.runtime.block_on(self.ledger.revise_by(self.edition.as_ref(), now, |all| change(all))).map_err(broken)
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
        self.runtime.block_on(self.ledger.keep(kept, self.edition.as_ref(), now)).map_err(broken)
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
    async fn decide(&self, decided: Vec<Decided>, by: Option<&Edition>, now: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = still_in_force(self.begin().await?, by).await?;
        insert_decided(self, &mut transaction, decided, now).await?;
        Ok(transaction.commit().await?)
    }

    async fn ripen(&self, now: Timestamp, standings: &dyn Standings) -> Result<(), LedgerError> {
        let ripe = "select id, subject, intent, record from scheduled where due <= $1 order by due, id";
        let waits = query("select 1 from scheduled where due <= $1 limit 1");
        if waits.bind(now.as_millisecond()).fetch_optional(&mut self.database.reader().await?).await?.is_none() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let rows = query(ripe).bind(now.as_millisecond()).fetch_all(&mut transaction).await?;
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
            query("delete from scheduled where id = $1").bind(id).execute(&mut transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Pending>, LedgerError> {
        let rows = query(
            "select message.known, message.intent, record.content from message \
             left join record on record.sequence = message.record \
             where open and rest_until <= $1 order by message.id limit $2",
        )
        .bind(now.as_millisecond())
        .bind(limit)
        .fetch_all(&mut self.database.reader().await?)
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
        let rows = query(
            "select known from message where channel = $1 and subject = $2 and generation <> $3 \
             and (in_doubt > 0 or generation = (select max(generation) from message where channel = $1 and subject = $2))",
        )
        .bind(message.channel.as_str())
        .bind(&message.subject)
        .bind(whole(message.generation))
        .fetch_all(&mut self.database.reader().await?)
        .await?;
        rows.iter().map(|row| parsed("a message", row.try_get(0)?)).collect()
    }

    async fn keep(&self, kept: Vec<Kept>, by: Option<&Edition>, now: Timestamp) -> Result<(), LedgerError> {
        let leaves = kept.iter().any(|kept| kept.sent.is_some());
        let mut transaction = still_in_force(self.begin().await?, by.filter(|_| leaves)).await?;
        let mut records = vec![];
        for Kept { known, sent, record } in kept {
            update(&mut transaction, &known).await?;
            if let Some(sent) = sent {
                query("insert into sent (at, content) values ($1, $2)")
                    .bind(sent.at().as_millisecond())
                    .bind(text(&sent))
                    .execute(&mut transaction)
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
        let rows = query("select content from sent where at >= $1 order by id")
            .bind(since.as_millisecond())
            .fetch_all(&mut self.database.reader().await?)
            .await?;
        let sent = rows.iter().map(|row| parsed("what was sent", row.try_get(0)?));
        Ok(Traffic::from(sent.collect::<Result<Vec<Sent>, LedgerError>>()?))
    }

    async fn shelf(&self, channel: &Channel, place: &Place, sku: &Sku) -> Result<Vec<(Known, Intent)>, LedgerError> {
        let rows = query(
            "select known, intent from message where channel = $1 and place = $2 and sku = $3 order by generation",
        )
        .bind(channel.as_str())
        .bind(place.as_str())
        .bind(sku.as_str())
        .fetch_all(&mut self.database.reader().await?)
        .await?;
        rows.iter().map(both).collect()
    }

    /// Everything that was decided, oldest first, with what is known of it once its time has come.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn everything(&self) -> Result<Vec<(Intent, Option<Known>)>, LedgerError> {
        let sent = query("select known, intent from message order by id")
            .fetch_all(&mut self.database.reader().await?)
            .await?;
        let waiting = query("select intent from scheduled order by due, id")
            .fetch_all(&mut self.database.reader().await?)
            .await?;
        let sent = sent.iter().map(|row| both(row).map(|(known, intent)| (intent, Some(known))));
        let waiting = waiting.iter().map(|row| Ok((parsed("a decision", row.try_get(0)?)?, None)));
        sent.chain(waiting).collect()
    }
}

/// Keeps decisions in a transaction: each with its record, in the place of what is pending of the same offer. Returns the
/// numbers of the records.
pub(super) async fn insert_decided(
    ledger: &Ledger,
    transaction: &mut Transaction,
    decided: Vec<Decided>,
    now: Timestamp,
) -> Result<Vec<u64>, LedgerError> {
    let records = decided.iter().map(|one| (now, one.record.clone())).collect();
    let numbers = ledger.append(transaction, records).await?;
    for (one, number) in decided.iter().zip(&numbers).filter(|(one, _)| one.replaces) {
        withdraw_pending(transaction, &one.intent, *number).await?;
    }
    for (Decided { intent, subject, due, waits, .. }, number) in decided.iter().zip(&numbers) {
        query(
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
        .execute(transaction)
        .await?;
    }
    Ok(numbers)
}

/// What was planned for an offer and has not begun gives way to what is decided of it now.
async fn withdraw_pending(connection: &mut Connection, intent: &Intent, record: u64) -> Result<(), LedgerError> {
    let Some(offer) = intent.action.offer() else { return Ok(()) };
    query("delete from scheduled where channel = $1 and offer = $2 and sku = $3 and place = $4 and record < $5")
        .bind(intent.channel.as_str())
        .bind(offer)
        .bind(intent.sku.as_str())
        .bind(intent.place.as_str())
        .bind(whole(record))
        .execute(connection)
        .await?;
    Ok(())
}

async fn last_generation(connection: &mut Connection, intent: &Intent) -> Result<u64, LedgerError> {
    let last = query("select coalesce(max(generation), 0) from message where channel = $1 and place = $2 and sku = $3")
        .bind(intent.channel.as_str())
        .bind(intent.place.as_str())
        .bind(intent.sku.as_str())
        .fetch_one(connection)
        .await?;
    // What somebody else wrote there under a later number must not be in the way of what puts it right.
    let foreign = query(
        "select coalesce(max(held_generation), 0) from finding \
         where channel = $1 and place = $2 and sku = $3 and gone is null",
    )
    .bind(intent.channel.as_str())
    .bind(intent.place.as_str())
    .bind(intent.sku.as_str())
    .fetch_one(connection)
    .await?;
    let (last, foreign): (i64, i64) = (last.try_get(0)?, foreign.try_get(0)?);
    Ok(u64::try_from(last.max(foreign)).unwrap_or(0))
}

async fn insert(connection: &mut Connection, known: &Known, intent: &Intent, record: i64) -> Result<(), LedgerError> {
    query(
        "insert into message (channel, subject, generation, place, sku, intent, known, open, in_doubt, rest_until, record) \
         values ($1, $2, $3, $4, $5, $6, $7, true, 0, $8, $9)",
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

pub(super) async fn update(connection: &mut Connection, known: &Known) -> Result<(), LedgerError> {
    query(
        "update message set known = $1, open = $2, in_doubt = $3, rest_until = $4 \
         where channel = $5 and subject = $6 and generation = $7",
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

pub(super) fn both(row: &Row) -> Result<(Known, Intent), LedgerError> {
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

pub(super) fn broken(error: impl std::fmt::Display) -> PortError {
    PortError { port: "outbox", reason: error.to_string() }
}
