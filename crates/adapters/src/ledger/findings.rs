//! What was found at channels, in one file with the audit trail: each difference comes and goes with a record of its own.

use super::outbox::{broken, insert_decided, parsed, text, whole};
use super::{Ledger, LedgerError, LedgerOutbox};
use crate::database::{Row, query};
use endcap_agent::outbox::{Decided, Known};
use endcap_agent::ports::{Findings, PortError};
use endcap_agent::reconcile::{Contact, Decision, Finding, Noted, Open};
use endcap_agent::send::settled_by;
use endcap_govern::audit::{Entry, Record, Ruling, Told};
use endcap_govern::gate::Intent;
use endcap_model::Channel;
use jiff::Timestamp;

impl Findings for LedgerOutbox {
    fn open_findings(&self) -> Result<Vec<Open>, PortError> {
        self.runtime.block_on(self.ledger.open_findings()).map_err(broken)
    }

    fn contacts(&self) -> Result<Vec<Contact>, PortError> {
        self.runtime.block_on(self.ledger.contacts()).map_err(broken)
    }

    fn note(&mut self, noted: &Noted, now: Timestamp) -> Result<(), PortError> {
        self.runtime.block_on(self.ledger.note(noted, now)).map_err(broken)
    }

    fn ask_repair(&mut self, ids: &[i64], by: &str, reason: &str, now: Timestamp) -> Result<(), PortError> {
        self.runtime.block_on(self.ledger.ask_repair(ids, by, reason, now)).map(|_| ()).map_err(broken)
    }

    fn decision(&self, finding: &Finding) -> Result<Option<Decision>, PortError> {
        self.runtime.block_on(self.ledger.decision(finding)).map_err(broken)
    }

    fn repair(&mut self, repairs: Vec<(i64, Vec<Decided>)>, now: Timestamp) -> Result<(), PortError> {
        self.runtime.block_on(self.ledger.repair(repairs, now)).map_err(broken)
    }
}

impl Ledger {
    /// Differences at channels that are not gone, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn open_findings(&self) -> Result<Vec<Open>, LedgerError> {
        let rows = query("select id, content, asked, repair from finding where gone is null order by id")
            .fetch_all(&mut self.database.reader().await?)
            .await?;
        let open = |row: &Row| {
            let (asked, repair): (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
            let finding = parsed("a finding", row.try_get(1)?)?;
            let number = |number: Option<i64>| number.map(i64::unsigned_abs);
            Ok(Open { id: row.try_get(0)?, finding, asked: number(asked), repair: number(repair) })
        };
        rows.iter().map(open).collect()
    }

    /// What the last readings of channels came to.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn contacts(&self) -> Result<Vec<Contact>, LedgerError> {
        let rows =
            query("select content from contact order by channel").fetch_all(&mut self.database.reader().await?).await?;
        rows.iter().map(|row| parsed("what a reading came to", row.try_get(0)?)).collect()
    }

    /// Notes what a person found out about a message that was unclear, with its record. False where it is not unclear (any more).
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept; then nothing is.
    pub async fn settle_message(
        &self,
        (channel, subject, generation): (&Channel, &str, u64),
        happened: bool,
        (by, reason): (&str, &str),
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut transaction = self.begin().await?;
        let row = query("select known from message where channel = $1 and subject = $2 and generation = $3")
            .bind(channel.as_str())
            .bind(subject)
            .bind(whole(generation))
            .fetch_optional(&mut transaction)
            .await?;
        let known: Option<Known> = row.map(|row| parsed("a message", row.try_get(0)?)).transpose()?;
        let Some(known) = known.and_then(|known| known.settled(happened)) else { return Ok(false) };
        super::outbox::update(&mut transaction, &known).await?;
        let entry = settled_by(&known, by, reason);
        self.append(&mut transaction, vec![(now, entry)]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes that a named person wants differences put right, with a record for each; returns how many are still there.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept; then nothing is.
    pub async fn ask_repair(&self, ids: &[i64], by: &str, reason: &str, now: Timestamp) -> Result<usize, LedgerError> {
        let mut transaction = self.begin().await?;
        let mut found = vec![];
        for id in ids {
            let row = query("select content from finding where id = $1 and gone is null")
                .bind(*id)
                .fetch_optional(&mut transaction)
                .await?;
            let Some(row) = row else { continue };
            let finding: Finding = parsed("a finding", row.try_get(0)?)?;
            let subject = Told::open(finding.describe());
            let mut entry = Entry::new(Told::personal(by), "repair asked", subject, Ruling::Allowed);
            entry.reasons = vec![Told::personal(reason)];
            entry.effect = finding.key.as_ref().map(ToString::to_string);
            found.push((*id, (now, entry)));
        }
        let (ids, entries): (Vec<i64>, Vec<_>) = found.into_iter().unzip();
        if ids.is_empty() {
            return Ok(0);
        }
        let numbers = self.append(&mut transaction, entries).await?;
        for (id, number) in ids.iter().zip(numbers) {
            query("update finding set asked = $1, repair = null where id = $2")
                .bind(whole(number))
                .bind(*id)
                .execute(&mut transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(ids.len())
    }

    async fn note(&self, noted: &Noted, now: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let gone: Vec<_> = noted.gone.iter().map(|(_, entry)| (now, entry.clone())).collect();
        let new: Vec<_> = noted.new.iter().map(|(_, entry)| (now, entry.clone())).collect();
        let mut numbers = match gone.is_empty() && new.is_empty() {
            true => vec![],
            false => self.append(&mut transaction, gone.into_iter().chain(new).collect()).await?,
        }
        .into_iter();
        for ((id, _), number) in noted.gone.iter().zip(&mut numbers) {
            query("update finding set gone = $1, gone_record = $2 where id = $3 and gone is null")
                .bind(now.as_millisecond())
                .bind(whole(number))
                .bind(*id)
                .execute(&mut transaction)
                .await?;
        }
        for ((finding, _), number) in noted.new.iter().zip(&mut numbers) {
            query(
                // Of two who read at the same time the first tells.
                "insert into finding (channel, subject, place, sku, held_generation, content, found, record) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
            )
            .bind(finding.channel.as_str())
            .bind(&finding.subject)
            .bind(finding.place.as_ref().map(|place| place.as_str()))
            .bind(finding.sku.as_ref().map(|sku| sku.as_str()))
            .bind(whole(finding.held_generation.unwrap_or(0)))
            .bind(text(finding))
            .bind(finding.found.as_millisecond())
            .bind(whole(number))
            .execute(&mut transaction)
            .await?;
        }
        for contact in &noted.contacts {
            query(
                "insert into contact (channel, content) values ($1, $2) \
                 on conflict (channel) do update set content = excluded.content",
            )
            .bind(contact.channel.as_str())
            .bind(text(contact))
            .execute(&mut transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn decision(&self, finding: &Finding) -> Result<Option<Decision>, LedgerError> {
        let row = query(
            "select message.intent, record.content from message join record on record.sequence = message.record \
             where message.channel = $1 and message.subject = $2 and message.generation = $3",
        )
        .bind(finding.channel.as_str())
        .bind(&finding.subject)
        .bind(whole(finding.generation))
        .fetch_optional(&mut self.database.reader().await?)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let intent: Intent = parsed("an intent", row.try_get(0)?)?;
        let record: Record = parsed("a record", row.try_get(1)?)?;
        let grounds = record.entry.grounds;
        Ok(Some(Decision { intent, proposal: grounds.proposal, policy: grounds.policy }))
    }

    async fn repair(&self, repairs: Vec<(i64, Vec<Decided>)>, now: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        for (id, decided) in repairs {
            let numbers = insert_decided(self, &mut transaction, decided, now).await?;
            let Some(first) = numbers.first() else { continue };
            query("update finding set repair = $1 where id = $2")
                .bind(whole(*first))
                .bind(id)
                .execute(&mut transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}
