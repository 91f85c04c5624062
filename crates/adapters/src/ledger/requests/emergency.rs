//! Stand-ins, and the glass that two people break. Both are signed by those who say so; what lies in a row without such a
//! signature stands for nothing.

use super::super::{Ledger, LedgerError, read};
use super::{NotTaken, rows};
use crate::database::{Connection, Row, query};
use endcap_govern::approval::{BreakGlass, NotBroken, Staff, StandIn};
use endcap_govern::audit::{Entry, Ruling, Told};
use jiff::Timestamp;
use serde::Serialize;

const STAND_IN: &str = "approval: stand-in named";
const GLASS: &str = "approval: glass broken";
const GLASS_USED: &str = "approval: glass used";

/// A glass as it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Glass {
    /// What was declared, and who signed.
    pub glass: BreakGlass,
    /// When its hour is over.
    pub until: Timestamp,
    /// Why it is whole; nothing while it is broken.
    pub whole: Option<String>,
}

impl Ledger {
    /// Stand-ins as they were named; those that nobody signed count for nobody.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn stand_ins(&self) -> Result<Vec<StandIn>, LedgerError> {
        let rows =
            query("select content from stand_in order by id").fetch_all(&mut self.database.reader().await?).await?;
        rows.iter().map(|row| read::parsed("a stand-in", row.try_get(0)?)).collect()
    }

    /// Keeps a stand-in whom the one who is away has named.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept. The inner error is why it does not count.
    pub async fn name_stand_in(
        &self,
        stand_in: &StandIn,
        staff: &Staff,
        now: Timestamp,
    ) -> Result<Result<(), NotTaken>, LedgerError> {
        let counts = stand_in.from < stand_in.until && stand_in.until > now && staff.named(stand_in);
        let ruling = if counts { Ruling::Allowed } else { Ruling::Refused };
        let (content, hash) = rows::content_of(stand_in);
        let (away, stands_in) = (Told::personal(&stand_in.away), Told::personal(&stand_in.stands_in));
        let mut entry = Entry { answer: counts.then_some(hash), ..Entry::new(away, STAND_IN, stands_in, ruling) };
        let why = Told::open(NotTaken::NoStandIn);
        let from_to = Told::open(format!("from {} until {}", stand_in.from, stand_in.until));
        entry.reasons = vec![if counts { from_to } else { why }];
        let mut transaction = self.begin().await?;
        self.append(&mut transaction, vec![(now, entry)]).await?;
        if counts {
            query("insert into stand_in (content) values ($1)").bind(content).execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(if counts { Ok(()) } else { Err(NotTaken::NoStandIn) })
    }

    /// The emergencies of the last hour, newest first.
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read.
    pub async fn glasses(&self, staff: &Staff, now: Timestamp) -> Result<Vec<Glass>, LedgerError> {
        let all = glasses(&mut self.database.reader().await?).await?;
        let shown = |glass: BreakGlass| Glass {
            until: glass.until(),
            whole: glass.holds("", staff, now).err().map(|why| why.to_string()),
            glass,
        };
        Ok(all.into_iter().rev().filter(|glass| glass.until() > now).map(shown).collect())
    }

    /// Keeps an emergency with the signature of the person who declares it or joins in.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept. The inner error is why the signature does not count.
    pub async fn break_glass(
        &self,
        glass: &BreakGlass,
        staff: &Staff,
        now: Timestamp,
    ) -> Result<Result<Glass, NotTaken>, LedgerError> {
        let Some(signature) = glass.signatures.last() else { return Ok(Err(NotBroken::TooFew.into())) };
        let mut transaction = self.begin().await?;
        let before = glasses(&mut transaction).await?.into_iter().find(|other| other.nonce == glass.nonce);
        let refused = breaks(before.as_ref(), glass, staff, now).err();
        let ruling = if refused.is_none() { Ruling::Allowed } else { Ruling::Refused };
        let mut entry =
            Entry::new(Told::personal(&signature.person), GLASS, Told::open(format!("{:?}", glass.scope)), ruling);
        entry.reasons = vec![refused.map_or_else(|| Told::personal(&glass.reason), Told::open)];
        self.append(&mut transaction, vec![(now, entry)]).await?;
        if refused.is_none() {
            let declared = BreakGlass { signatures: vec![], ..glass.clone() };
            query("insert into glass (nonce, content) values ($1, $2) on conflict do nothing")
                .bind(&glass.nonce)
                .bind(rows::content_of(&declared).0)
                .execute(&mut transaction)
                .await?;
            query("insert into glass_signature (nonce, content) values ($1, $2)")
                .bind(&glass.nonce)
                .bind(rows::content_of(signature).0)
                .execute(&mut transaction)
                .await?;
        }
        let kept = glasses(&mut transaction).await?.into_iter().find(|other| other.nonce == glass.nonce);
        transaction.commit().await?;
        Ok(match (refused, kept) {
            (None, Some(glass)) => {
                let whole = glass.holds("", staff, now).err().map(|why| why.to_string());
                Ok(Glass { until: glass.until(), whole, glass })
            }
            (why, _) => Err(why.unwrap_or(NotBroken::TooFew).into()),
        })
    }

    /// Records that something went out, or was tried, under a broken glass.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be recorded.
    pub async fn glass_used(
        &self,
        effect: &str,
        outcome: Result<&[String], &str>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let ruling = if outcome.is_ok() { Ruling::Allowed } else { Ruling::Refused };
        let mut entry = Entry::new(Told::open("endcap"), GLASS_USED, Told::open(effect), ruling);
        entry.effect = outcome.is_ok().then(|| effect.to_owned());
        entry.reasons = match outcome {
            Ok(people) => people.iter().map(Told::personal).collect(),
            Err(why) => vec![Told::open(why)],
        };
        self.record(now, entry).await.map(|_| ())
    }
}

/// Whether the last signature counts: one of the two that are needed.
fn breaks(before: Option<&BreakGlass>, glass: &BreakGlass, staff: &Staff, now: Timestamp) -> Result<(), NotBroken> {
    let changed = before
        .is_some_and(|before| (&before.reason, &before.scope, before.at) != (&glass.reason, &glass.scope, glass.at));
    if changed || !glass.last_counts(staff) {
        return Err(NotBroken::TooFew);
    }
    match glass.holds("", staff, now) {
        Err(NotBroken::TooFew) => Ok(()),
        other => other,
    }
}

async fn glasses(connection: &mut Connection) -> Result<Vec<BreakGlass>, LedgerError> {
    let rows = query("select nonce, content from glass order by id").fetch_all(&mut *connection).await?;
    let mut all = vec![];
    for row in &rows {
        let nonce: &str = row.try_get(0)?;
        let mut glass: BreakGlass = read::parsed("a broken glass", row.try_get(1)?)?;
        let signed = query("select content from glass_signature where nonce = $1 order by id")
            .bind(nonce)
            .fetch_all(&mut *connection)
            .await?;
        let signature = |row: &Row| read::parsed("a signature", row.try_get(0)?);
        glass.signatures = signed.iter().map(signature).collect::<Result<_, LedgerError>>()?;
        all.push(glass);
    }
    Ok(all)
}
