//! Sending a plan that people have approved: everything is checked anew, the approval is used up, and only then the connector
//! is handed the plan, under its own key. What was cut off in between is gone on with under that key.

use super::Office;
use crate::commands::audit::random;
use crate::console::Console;
use crate::project::{connector, read_policy, read_scenario};
use anyhow::{Context, bail};
use endcap_adapters::database::is_kept;
use endcap_adapters::facts::Store;
use endcap_adapters::journal::StoredJournal;
use endcap_adapters::ledger::{AuditedJournal, Kept, NotTaken, Use};
use endcap_adapters::tables::read_json;
use endcap_agent::act;
use endcap_agent::ask::limits_hash;
use endcap_agent::halt::Mode;
use endcap_agent::ports::{Connector, Journal};
use endcap_govern::approval::Staff;
use endcap_govern::stop::Scope;
use endcap_govern::{Approved, Present, approve_signed, approve_under_broken_glass};
use endcap_model::{ContentHash, Decision, Event, Plan, PlanId, Policy, SnapshotId};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What is to go out.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The project's folder.
    pub folder: &'a Path,
    /// Id of the plan, or of the request about it.
    pub what: &'a str,
    /// Number of the broken glass that stands in for the chain.
    pub glass: Option<&'a str>,
}

/// What went out.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// The plan.
    pub plan: String,
    /// The request that was used up.
    pub request: Option<String>,
    /// Who signed.
    pub by: String,
    /// Where it lies.
    pub folder: PathBuf,
}

/// How things stand, from their own sources and not from the request.
struct Standing {
    policy: Policy,
    limits: ContentHash,
    data: SnapshotId,
    events: Vec<Event>,
    /// Why the connector lets nothing out.
    held: Option<String>,
}

impl Standing {
    fn read(folder: &Path, held: Option<String>) -> anyhow::Result<Self> {
        let scenario = read_scenario(&folder.join("scenario.toml"))?;
        let policy = read_policy(&folder.join("policy.toml"))?;
        let latest = Store::open(folder)?.latest(None)?;
        let data = latest.with_context(|| format!("{} has no facts", folder.display()))?.id.clone();
        let events = StoredJournal::open(&folder.join("journal.db"), Timestamp::now)?.read()?;
        Ok(Self { limits: limits_hash(&scenario, &policy), policy, data, events, held })
    }

    /// Why nothing may go out, whoever signed.
    fn stopped(&self) -> Option<String> {
        match Mode::of(&self.events) {
            Mode::Acting => self.held.clone(),
            Mode::Shadow { by, .. } => Some(format!("the loop runs in shadow on the word of {by}")),
            Mode::Halted { halt } => Some(format!("the loop is halted by {}: {}", halt.by, halt.reason)),
        }
    }

    /// Places in the journal at which the plan was published.
    fn published(&self, id: &PlanId) -> Vec<u64> {
        let is_it = |event: &Event| matches!(event, Event::Published { plan, .. } if plan == id);
        (0..).zip(&self.events).filter(|(_, event)| is_it(event)).map(|(place, _)| place).collect()
    }

    fn decision(&self, id: &PlanId) -> anyhow::Result<Decision> {
        let judged = self.events.iter().rev().find_map(|event| match event {
            Event::Judged { plan, decision } if plan == id => Some(decision.clone()),
            _ => None,
        });
        judged.with_context(|| format!("plan {id} was never judged here: run `endcap plan` first"))
    }

    fn present<'a>(&'a self, staff: &'a Staff, now: Timestamp) -> Present<'a> {
        Present { policy: &self.policy, limits: &self.limits, data: &self.data, staff, now }
    }
}

/// Sends a plan that was approved, or says why it may not go out; that is in the audit trail then.
pub fn publish(wanted: Wanted<'_>) -> anyhow::Result<Result<Sent, NotTaken>> {
    let folder = wanted.folder;
    if !is_kept(&folder.join("journal.db")) {
        bail!("{} has no journal yet: run `endcap plan {0}` first", folder.display());
    }
    // Of two who publish at once, the second waits and then finds it done.
    let lock = File::create(folder.join("publish.lock")).context("publish.lock cannot be made")?;
    lock.lock().context("publish.lock cannot be held")?;
    let mut connector = connector(folder, &Console::new(false))?;
    let standing = Standing::read(folder, connector.held())?;
    let runtime = crate::commands::serve::runtime()?;
    let approved = runtime.block_on(async {
        let office = Office::open(folder).await?;
        let approved = approved(&office, &standing, wanted).await;
        office.close().await;
        approved
    })?;
    let (approved, request) = match approved {
        Ok(approved) => approved,
        Err(why) => return Ok(Err(why)),
    };
    drop(runtime);
    let mut journal = AuditedJournal::open(folder, Timestamp::now, random)?;
    let root = folder.join("published");
    let event = act::hand_over(&approved, &mut connector)?;
    journal.append(&event)?;
    let plan = approved.get().id.to_string();
    let by = approved.decision().signed.as_ref().map(|signed| signed.person.clone()).unwrap_or_default();
    Ok(Ok(Sent { folder: root.join(&plan), plan, request, by }))
}

type Passed = (Approved<Plan>, Option<String>);

async fn approved(
    office: &Office,
    standing: &Standing,
    wanted: Wanted<'_>,
) -> anyhow::Result<Result<Passed, NotTaken>> {
    let now = Timestamp::now();
    let requests = office.ledger.requests().await?;
    let request = requests.into_iter().rev().find(|kept| kept.id == wanted.what || kept.plan.as_str() == wanted.what);
    let plan = request.as_ref().map_or_else(|| PlanId::new(wanted.what), |kept| kept.plan.clone());
    let path = wanted.folder.join("plans").join(plan.as_str()).join("plan.json");
    if !path.is_file() {
        bail!("there is neither a request nor a plan '{}': `endcap approve list` shows requests", wanted.what);
    }
    let plan: Plan = read_json(&path)?;
    let (decision, staff) = (standing.decision(&plan.id)?, office.staff().await?);
    let against = crate::objectives::stands_against(office, wanted.folder, &plan).await?;
    if let (Some(_), Some(why)) = (wanted.glass, &against) {
        return Ok(Err(NotTaken::Stopped(why.clone())));
    }
    if let Some(glass) = wanted.glass {
        return in_emergency(office, standing, (plan, &decision), request.as_ref(), (glass, &staff)).await;
    }
    let Some(request) = request else {
        bail!("nobody was asked about plan {}: run `endcap plan` anew", plan.id);
    };
    let (stopped, published) = (standing.stopped().or(against), standing.published(&plan.id));
    let effect = plan.id.to_string();
    let wanted = Use {
        effect: &effect,
        journal: standing.events.len() as u64,
        happened: &published,
        stopped: stopped.as_deref(),
    };
    let check = |request: &_, register: &mut _| {
        approve_signed(plan, &decision, request, standing.present(&staff, now), register)
    };
    let used = office.ledger.use_up(&request.id, wanted, now, check).await?;
    Ok(used.map(|approved| (approved, Some(request.id))))
}

/// Lets a plan through that two people want out at once, chain or no chain; policy holds all the same.
async fn in_emergency(
    office: &Office,
    standing: &Standing,
    (plan, decision): (Plan, &Decision),
    request: Option<&Kept>,
    (number, staff): (&str, &Staff),
) -> anyhow::Result<Result<Passed, NotTaken>> {
    let now = Timestamp::now();
    let glasses = office.ledger.glasses(staff, now).await?;
    let Some(glass) = glasses.into_iter().find(|glass| glass.glass.nonce.starts_with(number) && !number.is_empty())
    else {
        bail!("no glass {number} was broken within the hour: `endcap approve break-glass` breaks one");
    };
    let id = plan.id.to_string();
    let in_force = endcap_agent::halt::last_good(&standing.events).0;
    let mut scopes = vec![Scope::Global];
    if let Some([category]) = request.map(|kept| kept.money.keys().collect::<Vec<_>>()).as_deref() {
        scopes.push(Scope::Category((*category).clone()));
    }
    let proposer = request.map_or("endcap", |kept| kept.request.proposer.as_str());
    let refused = match (standing.stopped(), in_force) {
        (Some(why), _) => Some(NotTaken::Stopped(why)),
        (None, Some(plan)) if plan.as_str() == id => Some(NotTaken::Stopped(format!("plan {id} is in force already"))),
        _ => None,
    };
    let passed = match refused {
        Some(why) => Err(why),
        None => {
            let present = standing.present(staff, now);
            approve_under_broken_glass(plan, decision, (proposer, &scopes), &glass.glass, present)
                .map_err(NotTaken::from)
        }
    };
    let people: Vec<String> = glass.glass.signatures.iter().map(|signature| signature.person.clone()).collect();
    let told = passed.as_ref().map(|_| people.as_slice()).map_err(ToString::to_string);
    office.ledger.glass_used(&id, told.as_ref().map(|people| *people).map_err(String::as_str), now).await?;
    Ok(passed.map(|approved| (approved, None)))
}
