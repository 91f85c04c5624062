//! Everything that acting needs, read from a project once: what people said, limits, policies, facts, stops.

use crate::alarms;
use crate::approvals::{self, Office};
use crate::commands::audit;
use crate::commands::ground::{Terms, last_published};
use crate::commands::serve::runtime;
use crate::console::Console;
use crate::objectives;
use crate::who_may;
use anyhow::{Context, bail};
use endcap_adapters::journal::StoredJournal;
use endcap_adapters::ledger::stops::{StopBook, StopReader};
use endcap_adapters::ledger::{LedgerError, LedgerOutbox};
use endcap_adapters::tables::{read_json, read_toml};
use endcap_adapters::{conditions, goods};
use endcap_agent::acting::Acting;
use endcap_agent::ground::Ground;
use endcap_agent::launch::Conditions;
use endcap_agent::ports::Journal;
use endcap_agent::quarantined::Quarantined;
use endcap_agent::rollout::Rollouts;
use endcap_agent::standings::Sources;
use endcap_govern::edition::{Edition, Standing};
use endcap_govern::gate::Gate;
use endcap_govern::ladder::Ladder;
use endcap_govern::law::Goods;
use endcap_govern::stop::Stops;
use endcap_govern::who_may::WhoMay;
use endcap_govern::{Approved, approve};
use endcap_model::{ContentHash, Decision, Event, Plan, Policy, RolloutRules, SignOff, Sku, VETO_MINUTES, hash_json};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a project acts on.
pub struct Footing {
    /// What people said once.
    pub acting: Acting,
    /// Facts and forecast.
    pub ground: Ground,
    /// What the law asks of items.
    pub goods: BTreeMap<Sku, Goods>,
    /// The limits in force.
    pub gate: Gate,
    /// What is acted by, as a whole.
    edition: Edition,
    policy: Policy,
    /// Roll-outs of plans, as they stood when this was read.
    pub rollouts: Rollouts,
    /// What must hold before items start.
    pub conditions: Conditions,
    who_may: WhoMay,
    ladder: Ladder,
    stops: StopReader,
    decisions: BTreeMap<String, Decision>,
    /// What nobody acts on while its rows wait for an answer.
    pub quarantined: Quarantined,
}

impl Footing {
    /// Reads it; the inner error says why nothing can be acted on.
    pub fn open(terms: &Terms, console: &Console) -> anyhow::Result<Result<Self, String>> {
        let folder = &terms.folder;
        let acting: Acting = read_toml(&folder.join("acting.toml"))
            .context("acting.toml says who acts, between which prices, under which law: docs/acting.md shows one")?;
        acting.check()?;
        let policy: Policy = read_toml(&folder.join("policy.toml"))?;
        policy.check().context("policy.toml")?;
        let Some(limits) = policy.gate.clone() else {
            bail!("policy.toml has no [gate]: without limits on each single thing nothing leaves");
        };
        let gate = Gate::new(limits).context("policy.toml, [gate]")?;
        let (goods, wrong) = goods::read(folder)?;
        for (row, reason) in wrong {
            console.note(format!("goods.csv, row {row}: {reason}; the item counts as unknown"));
        }
        let ground = match terms.ground(terms.scenario()?, console)? {
            Ok(ground) => ground,
            Err(reason) => return Ok(Err(reason)),
        };
        let (conditions, wrong) = conditions::read(folder)?;
        for (row, reason) in wrong {
            console.note(format!("conditions.csv, row {row}: {reason}; its item does not start"));
        }
        let (ladder, rollouts, signed) = runtime()?.block_on(async {
            // Stops that cannot be begun cannot be read either, and then nothing leaves.
            let _ = StopBook::new(folder, audit::random).begin(jiff::Timestamp::now()).await;
            let office = Office::open(folder).await?;
            let (ladder, rollouts) = (office.ledger.ladder().await, office.ledger.rollouts().await);
            let signed = approvals::signed(&office).await;
            office.close().await;
            anyhow::Ok((ladder?, rollouts?, signed?))
        })?;
        let stops = StopReader::start(folder).context("the stop cannot be read")?;
        let decisions = decisions(folder, signed)?;
        let who_may = who_may::in_force(folder)?;
        let quarantined = alarms::quarantined(folder, &ground)?;
        Ok(Ok(Self {
            acting,
            ground,
            goods,
            gate,
            edition: edition(folder, &policy, &who_may)?,
            policy,
            rollouts,
            conditions,
            who_may,
            ladder,
            stops,
            decisions,
            quarantined,
        }))
    }

    /// The outbox of the project.
    pub fn outbox(folder: &Path) -> anyhow::Result<LedgerOutbox> {
        Ok(LedgerOutbox::open(folder, audit::random)?)
    }

    /// Goes by the limits of this footing from now on; the inner error says that others replaced them.
    pub fn take(&self, outbox: &mut LedgerOutbox) -> anyhow::Result<Result<(), String>> {
        let standing = outbox.go_by(self.edition.clone(), jiff::Timestamp::now())?;
        Ok(match standing {
            Standing::Replaced => Err(LedgerError::Replaced(self.edition.clone()).to_string()),
            Standing::InForce | Standing::New => Ok(()),
        })
    }

    /// How offers reach the stores.
    pub fn rollout_rules(&self) -> RolloutRules {
        self.policy.rollout.clone().unwrap_or_default()
    }

    /// Clocks of the stores.
    pub fn zones(&self) -> Vec<TimeZone> {
        self.acting.markets.iter().filter_map(|market| market.zone().ok()).collect()
    }

    /// What is stopped; nothing when that is not known.
    pub fn stops(&self) -> Option<Stops> {
        self.stops.read()
    }

    /// The plan that was published last, as approved as it was then; the inner error says why it may not be acted on.
    pub fn plan_in_force(&self, folder: &Path) -> anyhow::Result<Result<Approved<Plan>, String>> {
        let plan: Plan = read_json(&last_published(folder)?)?;
        let id = plan.id.to_string();
        let Some(decision) = self.decisions.get(&id) else {
            return Ok(Err(format!("no decision stands behind plan {id}: plan again")));
        };
        let against = runtime()?.block_on(async {
            let office = Office::open(folder).await?;
            let against = objectives::stands_against(&office, folder, &plan).await;
            office.close().await;
            against
        })?;
        if let Some(why) = against {
            return Ok(Err(format!("plan {id} may not be acted on: {why}")));
        }
        Ok(approve(plan, decision, &self.policy).map_err(|why| format!("plan {id} may not be acted on: {why}")))
    }

    /// Calls with the sources that the gate checks against.
    pub fn with_sources<T>(&self, then: impl FnOnce(&Sources) -> T) -> T {
        let signed: BTreeSet<ContentHash> =
            self.decisions.values().filter(|one| one.signed.is_some()).map(|one| one.content.clone()).collect();
        let stops = || self.stops.read();
        then(&Sources {
            acting: &self.acting,
            ground: &self.ground,
            goods: &self.goods,
            quarantined: &self.quarantined,
            currency: self.ground.scenario.currency,
            who_may: &self.who_may,
            ladder: &self.ladder,
            signed: &signed,
            rollouts: &self.rollouts,
            veto_time: SignedDuration::from_mins(self.policy.veto_minutes.unwrap_or(VETO_MINUTES).into()),
            stops: &stops,
        })
    }
}

/// What a project acts by: limits, what people said once, who may do what, and the program that reads them.
pub fn edition(folder: &Path, policy: &Policy, who_may: &WhoMay) -> anyhow::Result<Edition> {
    let acting: serde_json::Value = read_toml(&folder.join("acting.toml"))?;
    let limits = hash_json(&(policy, acting, who_may.hash()));
    Ok(Edition { limits, program: env!("CARGO_PKG_VERSION").to_owned() })
}

/// The decisions behind plans, by plan, with those who signed where people were asked.
fn decisions(folder: &Path, mut signed: BTreeMap<String, SignOff>) -> anyhow::Result<BTreeMap<String, Decision>> {
    let events = StoredJournal::open(&folder.join("journal.db"), jiff::Timestamp::now)?.read()?;
    let judged = events.into_iter().filter_map(|event| match event {
        Event::Judged { plan, decision } => Some((plan.to_string(), decision)),
        _ => None,
    });
    let mut decisions: BTreeMap<String, Decision> = judged.collect();
    for (plan, decision) in &mut decisions {
        decision.signed = decision.signed.take().or_else(|| signed.remove(plan));
    }
    Ok(decisions)
}
