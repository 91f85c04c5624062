//! What a project is to reach: read, held against what people signed, and against what happened.

use crate::approvals::{self, Office};
use crate::commands::serve::runtime;
use anyhow::{Context, ensure};
use endcap_adapters::desk::Desk;
use endcap_adapters::ledger::{Asker, Kept, Ledger, NotTaken};
use endcap_adapters::tables;
use endcap_agent::ask::Asking;
use endcap_govern::approval::Stage;
use endcap_govern::audit::{Entry, Held, Ruling, Told};
use endcap_govern::objectives::{Objectives, Progress, Target};
use endcap_model::{Plan, PlanId, Policy, SnapshotId, hash_json};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Name of a project's objectives.
pub const FILE_NAME: &str = "objectives.toml";

/// What the audit trail calls a target outside its band.
const BEHIND: &str = "target behind";
/// Records that are looked through for what was told before.
const LOOKED_BACK: u32 = 5_000;

/// How requests about objectives are named where those about plans have a plan.
const ABOUT: &str = "objectives-";

/// The objectives of a project; nothing where it has none.
///
/// # Errors
/// Where they make no sense: a plan that serves nonsense serves nothing.
pub fn in_force(folder: &Path) -> anyhow::Result<Option<Objectives>> {
    let path = folder.join(FILE_NAME);
    if !path.try_exists().with_context(|| format!("{} cannot be looked at", path.display()))? {
        return Ok(None);
    }
    let objectives: Objectives = tables::read_toml(&path)?;
    objectives.check()?;
    let faults = objectives.unknown_to_the_catalogue();
    ensure!(faults.is_empty(), "{}: {}", path.display(), faults.join("; "));
    Ok(Some(objectives))
}

/// Why no plan may go live: there are objectives, and nobody signed this version of them.
pub fn unsigned(folder: &Path) -> anyhow::Result<Option<String>> {
    if in_force(folder)?.is_none() {
        return Ok(None);
    }
    runtime()?.block_on(async {
        let office = Office::open(folder).await?;
        let unsigned = unsigned_in(&office, folder).await;
        office.close().await;
        unsigned
    })
}

async fn unsigned_in(office: &Office, folder: &Path) -> anyhow::Result<Option<String>> {
    let Some(objectives) = in_force(folder)? else { return Ok(None) };
    let signed = is_signed(&office.desk, &office.ledger, &objectives).await?;
    let Objectives { name, version, .. } = &objectives;
    Ok((!signed).then(|| {
        format!("objectives '{name}', version {version}, are not signed: `endcap objectives ask` asks the people who have to")
    }))
}

/// Why a plan may not go live although it was approved: it serves other objectives than those in force, or these are not signed.
pub async fn stands_against(office: &Office, folder: &Path, plan: &Plan) -> anyhow::Result<Option<String>> {
    let hash = in_force(folder)?.map(|objectives| objectives.hash());
    if plan.objectives != hash {
        return Ok(Some("it was made for another version of the objectives: plan again".to_owned()));
    }
    unsigned_in(office, folder).await
}

/// Whether this very version was signed by all who have to, with the roles and keys of today.
pub async fn is_signed(desk: &Desk, ledger: &Ledger, objectives: &Objectives) -> anyhow::Result<bool> {
    let (staff, hash) = (approvals::staff(desk, ledger).await?, objectives.hash());
    let about = |kept: &Kept| kept.plan.as_str().starts_with(ABOUT) && kept.request.subject.proposal == hash;
    // The request's time ends; what all had signed within it stays signed.
    let granted = |kept: Kept| {
        let last = kept.request.signatures.iter().map(|signature| signature.at).max()?;
        matches!(kept.stage(&staff, last), Ok(Stage::Granted { .. })).then_some(())
    };
    Ok(ledger.requests().await?.into_iter().filter(about).filter_map(granted).next().is_some())
}

/// Asks the people of the policy's chain to sign the version in force.
pub fn ask(folder: &Path, by: Option<&str>) -> anyhow::Result<Result<Kept, NotTaken>> {
    let objectives = in_force(folder)?.with_context(|| format!("{} has no {FILE_NAME}", folder.display()))?;
    let policy: Policy = tables::read_toml(&folder.join("policy.toml"))?;
    policy.check().context("policy.toml")?;
    let project = endcap_adapters::project::Project::read(folder)?;
    let chain = policy.approval.clone().context("policy.toml has no [approval], so nobody can sign")?;
    let hash = objectives.hash();
    let asking = Asking {
        plan: PlanId::new(format!("{ABOUT}{}", hash.short())),
        proposal: hash.clone(),
        limits: hash_json(&policy.gate),
        policy: hash_json(&policy),
        data: SnapshotId::new(hash.as_str()),
        chain,
        money: BTreeMap::new(),
        currency: project.currency,
        reasons: objectives.targets.iter().map(|target| told(&objectives, target)).collect(),
    };
    runtime()?.block_on(async {
        let office = Office::open(folder).await?;
        let name = match by {
            Some(name) => Some(office.account(name).await?.name),
            None => None,
        };
        let asker = name.as_deref().map_or(Asker::Agent, Asker::Person);
        let staff = office.staff().await?;
        let kept = office.ledger.ask(&asking, asker, &staff, Timestamp::now()).await?;
        office.close().await;
        Ok(kept)
    })
}

/// A target as whoever signs reads it.
fn told(objectives: &Objectives, target: &Target) -> String {
    let Target { kpi, unit, from, until, goal, tolerance_below, tolerance_above, owner } = target;
    let above = tolerance_above.map_or(String::new(), |above| format!(", at most {above} more"));
    format!(
        "objectives '{}', version {}: {kpi} of {goal} {unit} from {from} until {until}, at most {tolerance_below} less{above}; {owner} answers for it",
        objectives.name, objectives.version
    )
}

/// Keeps in the audit trail which targets are behind, once for each day up to which was read; returns those that are new.
pub async fn tell(
    ledger: &Ledger,
    objectives: &Objectives,
    progress: &[Progress<'_>],
    until: Date,
    now: Timestamp,
) -> anyhow::Result<Vec<String>> {
    let told: BTreeSet<String> = ledger
        .last(LOOKED_BACK)
        .await?
        .into_iter()
        .filter(|record| record.entry.action == BEHIND)
        .filter_map(|record| match record.entry.subject {
            Held::Open(subject) => Some(subject),
            Held::Committed { .. } => None,
        })
        .collect();
    let mut new = vec![];
    for Progress { target, found, due, .. } in progress.iter().filter(|one| one.behind) {
        let Objectives { name, version, .. } = objectives;
        let subject = format!("{} of '{name}', version {version}, before {until}", target.kpi);
        if told.contains(&subject) {
            continue;
        }
        let mut entry = Entry::new(Told::open("endcap"), BEHIND, Told::open(&subject), Ruling::NeedsPerson);
        let found = found.map_or("nothing known".to_owned(), |found| found.to_string());
        entry.reasons = vec![
            Told::open(format!("{found} {}, due {due}, goal {} until {}", target.unit, target.goal, target.until)),
            Told::personal(format!("{} answers for it", target.owner)),
        ];
        entry.grounds.objectives = Some(objectives.hash());
        ledger.record(now, entry).await?;
        new.push(subject);
    }
    Ok(new)
}
