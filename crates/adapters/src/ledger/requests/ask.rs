//! Asking for approval.

use super::super::{Ledger, LedgerError};
use super::{Kept, NotTaken, Step, Stored, rows, told};
use crate::database::{Connection, query};
use endcap_agent::ask::Asking;
use endcap_govern::approval::{Register, Request, Staff, Stage, Wish};
use endcap_govern::audit::{Digest32, Told};
use jiff::Timestamp;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker<'a> {
    /// The loop by itself.
    Agent,
    /// A person, by name.
    Person(&'a str),
}

/// Name under which the loop asks.
const AGENT: &str = "endcap";

impl Asker<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Agent => AGENT,
            Self::Person(name) => name,
        }
    }

    fn told(&self) -> Told {
        match self {
            Self::Agent => Told::open(AGENT),
            Self::Person(name) => Told::personal(name),
        }
    }
}

impl Ledger {
    /// Asks for approval, unless the same waits for an answer or has been granted already. What was asked for within a week
    /// counts together.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be kept, or a request that the audit trail knows is gone. The inner error is why it was
    /// not asked.
    pub async fn ask(
        &self,
        asking: &Asking,
        asker: Asker<'_>,
        staff: &Staff,
        now: Timestamp,
    ) -> Result<Result<Kept, NotTaken>, LedgerError> {
        let mut transaction = self.begin().await?;
        let before = whole(&mut transaction).await?;
        let (stored, id) = self.drawn(asking, asker, &before, now);
        let same = before.iter().rev().filter(|kept| kept.used.is_none() && kept.is_about(&stored.subject));
        for kept in same {
            match kept.stage(staff, now) {
                Ok(Stage::Waiting { .. } | Stage::Granted { .. }) => return Ok(Ok(kept.clone())),
                Ok(Stage::Refused { by }) if kept.request.proposer == stored.proposer => {
                    let why = NotTaken::SaidNo { by };
                    let entry = told::refused(Step::Asked, asker.told(), &kept.id, Some(&stored.subject), &why);
                    self.append(&mut transaction, vec![(now, entry)]).await?;
                    transaction.commit().await?;
                    return Ok(Err(why));
                }
                _ => {}
            }
        }
        let (content, hash) = rows::content_of(&stored);
        let mut entry = told::with_content(told::done(Step::Asked, asker.told(), &id, &stored.subject), &hash);
        entry.on_behalf_of = None;
        entry.reasons = stored.reasons.iter().map(Told::open).collect();
        let record = self.append(&mut transaction, vec![(now, entry)]).await?[0];
        query("insert into request (id, record, content) values ($1, $2, $3)")
            .bind(&id)
            .bind(i64::try_from(record).unwrap_or(i64::MAX))
            .bind(&content)
            .execute(&mut transaction)
            .await?;
        let kept = rows::one(&mut transaction, &id).await?;
        transaction.commit().await?;
        Ok(Ok(kept.expect("Invariant: a request that was just kept is there")))
    }

    /// The request as it would be kept, and its id.
    fn drawn(&self, asking: &Asking, asker: Asker<'_>, before: &[Kept], now: Timestamp) -> (Stored, String) {
        let own = asking.money.values().fold(0_i64, |sum, money| sum.saturating_add(*money));
        let register = register(before, None);
        let proposer = asker.name().to_owned();
        let in_category = |category: &String| register.at_risk(&proposer, category, own, now);
        let at_risk = asking.money.keys().map(in_category).max().unwrap_or(own);
        let wish = Wish {
            proposal: asking.proposal.clone(),
            limits: asking.limits.clone(),
            policy: asking.policy.clone(),
            data: asking.data.clone(),
            proposer,
            at_risk,
            chain: asking.chain.clone(),
        };
        let salt = Digest32((self.random)());
        let Request { subject, proposer, asked, at_risk, chain, .. } = Request::ask(wish, now, &salt.0);
        let id = subject.nonce[..16].to_owned();
        let (plan, money, reasons) = (asking.plan.clone(), asking.money.clone(), asking.reasons.clone());
        let currency = asking.currency;
        (Stored { plan, subject, proposer, asked, at_risk, chain, salt, money, currency, reasons }, id)
    }
}

/// All requests, none of those that the audit trail knows missing: a sum over what is left would be too small.
async fn whole(connection: &mut Connection) -> Result<Vec<Kept>, LedgerError> {
    let all = rows::load(connection, None).await?;
    let known = all.iter().filter(|kept| kept.happened.iter().any(|one| one.step == Step::Asked && one.done)).count();
    if known < rows::recorded(connection).await? {
        let reason = "requests that the audit trail tells of are gone".into();
        return Err(LedgerError::Unreadable { what: "requests", reason });
    }
    Ok(all)
}

/// What was asked and used, from requests that are as they were asked; without the use of one whose effect is to go on.
pub(super) fn register(requests: &[Kept], goes_on: Option<&str>) -> Register {
    let mut register = Register::default();
    for kept in requests.iter().filter(|kept| kept.happened.iter().any(|one| one.step == Step::Asked && one.done)) {
        for (category, money) in &kept.money {
            register.ask(&kept.request.proposer, category, *money, kept.request.asked);
        }
        if let Some(used) = kept.used.as_ref().filter(|_| goes_on != Some(kept.id.as_str())) {
            // Of two uses of one number, the first holds.
            let _ = register.use_up(&kept.request.subject, used.at);
        }
    }
    register
}
