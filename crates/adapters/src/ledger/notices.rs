//! Notices in the ledger: what is open, every step that was taken, who has to be told of which, and what was told. What people
//! answer has its record in the audit trail. What follows from what is said in `endcap_agent::notices`.

use super::outbox::{parsed, text, whole};
use super::{Ledger, LedgerError};
use crate::database::{Connection, Row, query};
use endcap_agent::notices::{Due, Mute, Notice, Receiver, Sending, Sent, Step, Telling, Tellings, Traffic};
use endcap_govern::audit::{Entry, Ruling, Told};
use jiff::{SignedDuration, Timestamp};

/// How long one who sends may take before another asks what became of it.
const SENDING: SignedDuration = SignedDuration::from_mins(2);
/// Over which time messages are counted.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Notices that are over and are still shown.
const OVER_SHOWN: i64 = 200;

/// A telling with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptTelling {
    /// What was told.
    pub telling: Telling,
    /// `due`, `leaving`, `done`, `failed` or `unclear`.
    pub state: String,
    /// Tries so far.
    pub tries: u32,
    /// When it was made.
    pub made: Timestamp,
    /// Why it failed, or is unclear.
    pub why: Option<String>,
}

impl Ledger {
    /// Notices that are not over, as they came.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn open_notices(&self) -> Result<Vec<Notice>, LedgerError> {
        open(&mut self.database.reader().await?).await
    }

    /// The notices that were over last, the latest first.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn past_notices(&self) -> Result<Vec<Notice>, LedgerError> {
        let rows =
            query("select content from notice where not open order by changed desc, id limit $1").bind(OVER_SHOWN);
        let rows = rows.fetch_all(&mut self.database.reader().await?).await?;
        rows.iter().map(notice).collect()
    }

    /// A notice with all that became of it, oldest first; nothing where there is none of that name.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn notice(&self, id: &str) -> Result<Option<(Notice, Vec<(Timestamp, Step)>)>, LedgerError> {
        let mut reader = self.database.reader().await?;
        let row = query("select content from notice where id = $1").bind(id).fetch_optional(&mut reader).await?;
        let Some(row) = row else { return Ok(None) };
        let rows = query("select at, content from notice_step where notice = $1 order by id").bind(id);
        let rows = rows.fetch_all(&mut reader).await?;
        let step = |row: &Row| Ok((moment(row.try_get(0)?), parsed("a step of a notice", row.try_get(1)?)?));
        let steps: Result<Vec<_>, LedgerError> = rows.iter().map(step).collect();
        Ok(Some((notice(&row)?, steps?)))
    }

    /// Changes notices by what is open: what `change` returns is kept with its steps, and every receiver that wants to know of a
    /// step has to be told. Returns the steps.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept; then nothing is.
    pub async fn revise_notices(
        &self,
        receivers: &[Receiver],
        now: Timestamp,
        change: impl FnOnce(&[Notice]) -> Vec<(Notice, Option<Step>)>,
    ) -> Result<Vec<(Notice, Step)>, LedgerError> {
        let mut transaction = self.begin().await?;
        let before = open(&mut transaction).await?;
        let mut steps = vec![];
        for (notice, step) in change(&before) {
            keep(&mut transaction, &notice, now).await?;
            let Some(step) = step else { continue };
            let number = add_step(&mut transaction, &notice, &step, None, now).await?;
            for receiver in receivers.iter().filter(|receiver| receiver.wants(&notice, &step)) {
                query(
                    "insert into notice_due (receiver, step) values ($1, $2) on conflict (receiver, step) do nothing",
                )
                .bind(&receiver.name)
                .bind(number)
                .execute(&mut transaction)
                .await?;
            }
            steps.push((notice, step));
        }
        transaction.commit().await?;
        Ok(steps)
    }

    /// Notes that a named person takes care of a notice, with its record. Nothing where it is over, or not there.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept; then nothing is.
    pub async fn acknowledge_notice(
        &self,
        id: &str,
        (by, reason): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<Notice>, LedgerError> {
        let mut transaction = self.begin().await?;
        let row = query("select content from notice where id = $1").bind(id).fetch_optional(&mut transaction).await?;
        let Some(found) = row.as_ref().map(notice).transpose()? else { return Ok(None) };
        let Some((answered, step)) = found.acknowledged(by, reason, now) else { return Ok(None) };
        let about = Told::open(format!("{}: {}", found.signal.kind, found.signal.about));
        let mut entry = Entry::new(Told::personal(by), "notice acknowledged", about, Ruling::Allowed);
        entry.reasons = vec![Told::personal(reason)];
        let record = self.append(&mut transaction, vec![(now, entry)]).await?[0];
        keep(&mut transaction, &answered, now).await?;
        add_step(&mut transaction, &answered, &step, Some(record), now).await?;
        transaction.commit().await?;
        Ok(Some(answered))
    }

    /// Keeps what a named person does not want to be told for a while, with its record.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept; then nothing is.
    pub async fn mute_notices(&self, mute: &Mute, now: Timestamp) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let all = || "all".to_owned();
        let sku = mute.sku.as_ref().map_or_else(all, ToString::to_string);
        let (kind, place) = (mute.kind.clone().unwrap_or_else(all), mute.place.clone().unwrap_or_else(all));
        let about = Told::open(format!("kind {kind}, item {sku}, place {place}, until {:.0}", mute.until));
        let mut entry = Entry::new(Told::personal(&mute.by), "notices muted", about, Ruling::Allowed);
        entry.reasons = vec![Told::personal(&mute.reason)];
        let record = self.append(&mut transaction, vec![(now, entry)]).await?[0];
        query("insert into notice_mute (until, content, record) values ($1, $2, $3)")
            .bind(mute.until.as_millisecond())
            .bind(text(mute))
            .bind(whole(record))
            .execute(&mut transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// What nobody wants to be told now or later.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub async fn mutes(&self, now: Timestamp) -> Result<Vec<Mute>, LedgerError> {
        mutes(&mut self.database.reader().await?, now).await
    }

    /// Makes tellings of what receivers have not been told yet, as `tell` says; returns how many were made.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be kept; then none is.
    pub async fn make_tellings(
        &self,
        receivers: &[Receiver],
        now: Timestamp,
        tell: impl Fn(&Receiver, &[Due], Traffic, &[Mute]) -> Tellings,
    ) -> Result<usize, LedgerError> {
        let mut transaction = self.begin().await?;
        let mutes = mutes(&mut transaction, now).await?;
        let mut made = 0;
        for receiver in receivers {
            let due = due(&mut transaction, &receiver.name).await?;
            if due.is_empty() {
                continue;
            }
            let traffic = traffic(&mut transaction, &receiver.name, now).await?;
            let Tellings { now: tellings, dropped } = tell(receiver, &due, traffic, &mutes);
            for telling in &tellings {
                query(
                    "insert into telling (key, receiver, digest, content, state, open, tries, next, made) \
                     values ($1, $2, $3, $4, 'due', true, 0, $5, $5) on conflict (key) do nothing",
                )
                .bind(&telling.key)
                .bind(&telling.receiver)
                .bind(telling.digest)
                .bind(text(telling))
                .bind(now.as_millisecond())
                .execute(&mut transaction)
                .await?;
            }
            made += tellings.len();
            for step in tellings.iter().flat_map(|telling| &telling.steps).chain(&dropped) {
                query("delete from notice_due where receiver = $1 and step = $2")
                    .bind(&receiver.name)
                    .bind(*step)
                    .execute(&mut transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(made)
    }

    /// Takes the next telling that is due, so that nobody else takes it meanwhile.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be taken.
    pub async fn take_telling(&self, now: Timestamp) -> Result<Option<Sending>, LedgerError> {
        let mut transaction = self.begin().await?;
        let row = query(
            "select key, content, state, tries from telling where open and next <= $1 order by made, key limit 1",
        )
        .bind(now.as_millisecond())
        .fetch_optional(&mut transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (key, state, tries): (String, String, i64) = (row.try_get(0)?, row.try_get(2)?, row.try_get(3)?);
        let telling = parsed("a telling", row.try_get(1)?)?;
        query("update telling set state = 'leaving', tries = $1, next = $2 where key = $3")
            .bind(tries + 1)
            .bind(endcap_model::later(now, SENDING).as_millisecond())
            .bind(&key)
            .execute(&mut transaction)
            .await?;
        transaction.commit().await?;
        let tries = u32::try_from(tries + 1).unwrap_or(u32::MAX);
        Ok(Some(Sending { telling, tries, in_doubt: state == "leaving" }))
    }

    /// Notes how a try ended.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept: another asks later what became of it.
    pub async fn settle_telling(&self, key: &str, sent: &Sent, now: Timestamp) -> Result<(), LedgerError> {
        let (state, is_open, next, why) = match sent {
            Sent::Done => ("done", false, now, None),
            Sent::Again(at) => ("due", true, *at, None),
            Sent::Failed(why) => ("failed", false, now, Some(why)),
            Sent::Unclear(why) => ("unclear", false, now, Some(why)),
        };
        let mut transaction = self.begin().await?;
        query("update telling set state = $1, open = $2, next = $3, why = $4 where key = $5")
            .bind(state)
            .bind(is_open)
            .bind(next.as_millisecond())
            .bind(why.map(String::as_str))
            .bind(key)
            .execute(&mut transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The tellings of late, the latest first.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn tellings(&self, most: u32) -> Result<Vec<KeptTelling>, LedgerError> {
        let rows =
            query("select content, state, tries, made, why from telling order by made desc, key limit $1").bind(most);
        let rows = rows.fetch_all(&mut self.database.reader().await?).await?;
        let kept = |row: &Row| {
            Ok(KeptTelling {
                telling: parsed("a telling", row.try_get(0)?)?,
                state: row.try_get(1)?,
                tries: u32::try_from(row.try_get::<i64, _>(2)?).unwrap_or(u32::MAX),
                made: moment(row.try_get(3)?),
                why: row.try_get(4)?,
            })
        };
        rows.iter().map(kept).collect()
    }
}

async fn open(on: &mut Connection) -> Result<Vec<Notice>, LedgerError> {
    let rows = query("select content from notice where open order by id").fetch_all(on).await?;
    rows.iter().map(notice).collect()
}

fn notice(row: &Row) -> Result<Notice, LedgerError> {
    parsed("a notice", row.try_get(0)?)
}

async fn mutes(on: &mut Connection, now: Timestamp) -> Result<Vec<Mute>, LedgerError> {
    let rows = query("select content from notice_mute where until > $1 order by id").bind(now.as_millisecond());
    rows.fetch_all(on).await?.iter().map(|row| parsed("a mute", row.try_get(0)?)).collect()
}

async fn keep(on: &mut Connection, notice: &Notice, now: Timestamp) -> Result<(), LedgerError> {
    query(
        "insert into notice (id, key, content, open, changed) values ($1, $2, $3, $4, $5) \
         on conflict (id) do update set content = excluded.content, open = excluded.open, changed = excluded.changed",
    )
    .bind(&notice.id)
    .bind(&notice.key)
    .bind(text(notice))
    .bind(notice.over.is_none())
    .bind(now.as_millisecond())
    .execute(on)
    .await?;
    Ok(())
}

async fn add_step(
    on: &mut Connection,
    notice: &Notice,
    step: &Step,
    record: Option<u64>,
    now: Timestamp,
) -> Result<i64, LedgerError> {
    let row = query("insert into notice_step (notice, at, content, record) values ($1, $2, $3, $4) returning id")
        .bind(&notice.id)
        .bind(now.as_millisecond())
        .bind(text(step))
        .bind(record.map(whole))
        .fetch_one(on)
        .await?;
    Ok(row.try_get(0)?)
}

async fn due(on: &mut Connection, receiver: &str) -> Result<Vec<Due>, LedgerError> {
    let rows = query(
        "select notice_step.id, notice_step.content, notice.content from notice_due \
         join notice_step on notice_step.id = notice_due.step join notice on notice.id = notice_step.notice \
         where notice_due.receiver = $1 order by notice_step.id",
    )
    .bind(receiver)
    .fetch_all(on)
    .await?;
    let due = |row: &Row| {
        let what = parsed("a step of a notice", row.try_get(1)?)?;
        Ok(Due { step: row.try_get(0)?, what, notice: parsed("a notice", row.try_get(2)?)? })
    };
    rows.iter().map(due).collect()
}

async fn traffic(on: &mut Connection, receiver: &str, now: Timestamp) -> Result<Traffic, LedgerError> {
    let since = endcap_model::later(now, -HOUR).as_millisecond();
    let counted = "select count(*) from telling where receiver = $1 and not digest and made > $2";
    let row = query(counted).bind(receiver).bind(since).fetch_one(on).await?;
    let last = "select made from telling where receiver = $1 and digest order by made desc limit 1";
    let digest = query(last).bind(receiver).fetch_optional(on).await?;
    let last_digest = digest.map(|row| row.try_get(0).map(moment)).transpose()?;
    let last_hour: i64 = row.try_get(0)?;
    Ok(Traffic { last_hour: u32::try_from(last_hour).unwrap_or(u32::MAX), last_digest })
}

fn moment(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
}
