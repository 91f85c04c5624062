//! Revert: back to base prices that people approved, as new decisions of a higher generation, never as a restored state.
//!
//! Which price that is, is asked when each leaves, so that it is the one approved then. What has not begun is voided; orders
//! and transfers are left alone. Pure.

use crate::outbox::{Decided, Everything, Known, Revision, Stage, Voided, Waiting, Waits, shelf};
use crate::rollout::{Step, plan_of, recorded};
use endcap_govern::audit::{Entry, Grounds, Ruling, Told};
use endcap_govern::gate::{Action, Intent};
use endcap_model::Channel;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Name of the offer that a price without one is taken back as.
const NO_OFFER: &str = "price";
/// What whoever looks at the outbox reads.
const VOID: &str = "taken back before it began: the audit trail says by whom and why";

/// What is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", content = "of", rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    Global,
    /// One category.
    Category(String),
    /// One channel.
    Channel(Channel),
    /// All offers of a plan.
    Plan(String),
    /// One offer, by its name.
    Offer(String),
}

/// Who takes what back, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What.
    pub scope: Scope,
    /// Who.
    pub by: Told,
    /// Why.
    pub reason: Told,
    /// Why, for whoever looks at a roll-out; no person is named here.
    pub told: String,
    /// When.
    pub at: Timestamp,
}

impl Scope {
    /// Whether an intent falls under it.
    pub fn holds(&self, intent: &Intent) -> bool {
        match self {
            Self::Global => true,
            Self::Category(of) => intent.category == *of,
            Self::Channel(of) => intent.channel == *of,
            Self::Plan(of) => intent.action.offer().and_then(plan_of) == Some(of),
            Self::Offer(of) => intent.action.offer() == Some(of),
        }
    }
}

impl Scope {
    /// Whether all of a plan falls under it.
    fn holds_plan(&self, plan: &str) -> bool {
        match self {
            Self::Global => true,
            Self::Plan(of) => of == plan,
            Self::Category(_) | Self::Channel(_) | Self::Offer(_) => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("everything"),
            Self::Category(of) => write!(f, "category {of}"),
            Self::Channel(of) => write!(f, "channel {of}"),
            Self::Plan(of) => write!(f, "plan {of}"),
            Self::Offer(of) => write!(f, "offer {of}"),
        }
    }
}

/// Says what is to change so that every price of a scope leads back to its base price.
pub fn revert(wanted: &Wanted, all: &Everything) -> Revision {
    let mut revision = Revision::default();
    for (known, intent) in in_effect(all, wanted.at).filter(|(_, intent)| wanted.scope.holds(intent)) {
        revision.decide.push(way_back(intent, known, wanted));
    }
    // The end of an offer that runs gives way to the one that is decided now.
    let replaced: BTreeSet<_> = revision.decide.iter().map(|one| shelf(&one.intent)).collect();
    let waits = |one: &&Waiting| one.void.is_none() && one.intent.action.price().is_some();
    for waiting in all.waiting.iter().filter(waits).filter(|one| wanted.scope.holds(&one.intent)) {
        if waiting.begins() || !replaced.contains(&shelf(&waiting.intent)) {
            revision.void.push(Voided::of(waiting, wanted.by.clone(), VOID, vec![wanted.reason.clone()]));
        }
    }
    for rollout in all.rollouts.iter().filter(|one| one.stopped.is_none() && wanted.scope.holds_plan(&one.plan)) {
        let (plan, at, reason) = (rollout.plan.clone(), wanted.at, wanted.told.clone());
        let step = Step::Stopped { plan, at, reason };
        revision.steps.push((step.clone(), recorded(&step, wanted.by.clone())));
    }
    let ruling = Ruling::Allowed;
    let mut record = Entry::new(wanted.by.clone(), "prices reverted", Told::open(&wanted.scope), ruling);
    let count =
        format!("{} lead back to base prices, {} that had not begun void", revision.decide.len(), revision.void.len());
    record.reasons = vec![wanted.reason.clone(), Told::open(count)];
    revision.records.push(record);
    revision
}

/// New prices that a channel holds, or may hold, or is about to be sent, and that do not end by themselves before now.
pub fn in_effect(all: &Everything, now: Timestamp) -> impl Iterator<Item = (&Known, &Intent)> {
    let mut newest: BTreeMap<(&Channel, &str), (&Known, &Intent)> = BTreeMap::new();
    for (known, intent) in &all.messages {
        let had_no_effect = match known.stage {
            Stage::HeldBack { .. } | Stage::Refused { .. } => true,
            // It may have happened before another took its place.
            Stage::Superseded => known.tries == 0,
            _ => false,
        };
        if had_no_effect || intent.action.price().is_none() {
            continue;
        }
        let held = newest.entry((&known.message.channel, &known.message.subject)).or_insert((known, intent));
        if held.0.message.generation < known.message.generation {
            *held = (known, intent);
        }
    }
    let runs = move |intent: &Intent| intent.until.is_none_or(|until| now < until);
    newest.into_values().filter(move |(_, intent)| intent.action.new_price().is_some() && runs(intent))
}

/// The way back of what a message brought, about the same subject.
fn way_back(intent: &Intent, known: &Known, wanted: &Wanted) -> Decided {
    let offer = intent.action.offer().unwrap_or(NO_OFFER).to_owned();
    let price = intent.action.price().unwrap_or(1);
    let action = Action::EndOffer { offer, price };
    let back = Intent { action, from: wanted.at, until: None, shown: Default::default(), ..intent.clone() };
    let mut decided = Decided::of(
        (back, Waits::default()),
        known.message.subject.clone(),
        wanted.at,
        (wanted.by.clone(), &Grounds::default()),
    );
    decided.record.reasons = vec![wanted.reason.clone()];
    decided
}
