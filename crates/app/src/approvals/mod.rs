//! Approvals of a project, wired for its command and its desk: who may sign today, asking for a plan that needs people, and
//! sending a plan that has them.

mod details;
mod publish;
mod view;

use crate::commands::audit::random;
use anyhow::{Context, bail};
use endcap_adapters::desk::{Account, Desk};
use endcap_adapters::ledger::{Asker, FILE_NAME, Kept, Ledger, NotTaken};
use endcap_agent::ask::Asking;
use endcap_govern::approval::{Chain, Staff, Stage};
use endcap_model::SignOff;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

pub use details::{Details, details};
pub use publish::{Wanted, publish};
pub use view::{Looker, RequestView, State, for_people, view};

/// What is kept of a project's approvals.
pub struct Office {
    /// Accounts, roles and keys.
    pub desk: Desk,
    /// Requests and the audit trail.
    pub ledger: Ledger,
}

impl Office {
    /// Opens what is kept in a project's folder.
    pub async fn open(folder: &Path) -> anyhow::Result<Self> {
        if !folder.is_dir() {
            bail!("{} is no folder: make a project with `endcap init {0}`", folder.display());
        }
        let desk = Desk::open(&folder.join("desk.db")).await?;
        Ok(Self { desk, ledger: Ledger::open(&folder.join(FILE_NAME), random).await? })
    }

    /// People with the roles and keys that they have now.
    pub async fn staff(&self) -> anyhow::Result<Staff> {
        staff(&self.desk, &self.ledger).await
    }

    /// The account of a name, as the desk spells it.
    pub async fn account(&self, name: &str) -> anyhow::Result<Account> {
        let account = self.desk.account_by_name(name).await?;
        account.with_context(|| format!("there is no account '{name}': `endcap account list` shows all"))
    }

    /// Lets go of both files.
    pub async fn close(self) {
        self.ledger.close().await;
        self.desk.close().await;
    }
}

/// People with the roles and keys that they have now, and who stands in for whom.
pub async fn staff(desk: &Desk, ledger: &Ledger) -> anyhow::Result<Staff> {
    Ok(Staff { people: desk.people().await?, stand_ins: ledger.stand_ins().await? })
}

/// Who signed for each plan that went out on their word, checked anew with the roles and keys of today.
pub async fn signed(office: &Office) -> anyhow::Result<BTreeMap<String, SignOff>> {
    let staff = office.staff().await?;
    let signed = |kept: Kept| {
        let used = kept.used.as_ref().filter(|used| used.effect == kept.plan.as_str())?;
        let Ok(Stage::Granted { by }) = kept.stage(&staff, used.at) else { return None };
        let (content, policy) = (kept.request.subject.proposal.clone(), kept.request.subject.policy.clone());
        Some((kept.plan.to_string(), SignOff { person: by.join(", "), content, policy }))
    };
    Ok(office.ledger.requests().await?.into_iter().filter_map(signed).collect())
}

/// Asks the people of the chain about a plan that needs them; `by` is the person who had it made.
pub fn ask(folder: &Path, asking: &Asking, by: Option<&str>) -> anyhow::Result<Result<Kept, NotTaken>> {
    crate::commands::serve::runtime()?.block_on(async {
        let office = Office::open(folder).await?;
        let name = match by {
            Some(name) => Some(office.account(name).await?.name),
            None => None,
        };
        let asker = name.as_deref().map_or(Asker::Agent, Asker::Person);
        let staff = office.staff().await?;
        let kept = office.ledger.ask(asking, asker, &staff, Timestamp::now()).await?;
        office.close().await;
        Ok(kept)
    })
}

/// Says who has to sign next, in a sentence.
pub fn next_step(folder: &Path, kept: &Kept) -> String {
    let chain: &Chain = &kept.request.chain;
    let functions: Vec<String> = chain
        .steps
        .iter()
        .filter(|step| step.people(kept.request.at_risk) > 0)
        .map(|step| format!("{} ({})", step.function.name(), step.people(kept.request.at_risk)))
        .collect();
    format!(
        "request {} asks {}: `endcap approve show {} {}`",
        kept.id,
        functions.join(", then "),
        kept.id,
        folder.display()
    )
}
