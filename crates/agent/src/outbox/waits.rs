//! What a decision waits for beside its time: a stage of its plan's roll-out, conditions, a person who may veto it.

use crate::launch::Condition;
use crate::outbox::decision_of;
use endcap_govern::audit::Grounds;
use endcap_govern::gate::Intent;
use endcap_model::{Channel, ContentHash, Place, Sku, hash_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a decision waits for beside its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waits {
    /// A stage of the roll-out of its plan, where that is not open yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageOf>,
    /// What must hold, all of it, before it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Until when a named person may veto it; it does not leave before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub veto_until: Option<Timestamp>,
}

/// A stage of a plan's roll-out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageOf {
    /// The plan.
    pub plan: String,
    /// The stage; 0 is the canary.
    pub stage: usize,
}

impl Waits {
    /// Whether it leaves only once something else happens, whatever the clock says.
    pub fn holds(&self) -> bool {
        self.stage.is_some() || !self.conditions.is_empty()
    }

    /// What it waits for, in words.
    pub fn words(&self) -> Vec<String> {
        let stage = self.stage.as_ref().map(|of| format!("stage {} of the roll-out of plan {}", of.stage + 1, of.plan));
        let conditions = self.conditions.iter().map(|condition| format!("{} {condition}", condition.what));
        stage.into_iter().chain(conditions).collect()
    }

    /// Names a decision with all that it waits for: what the audit trail binds it to. The time for a veto is none of it:
    /// the gate reckons that from the record.
    pub fn name(&self, intent: &Intent) -> ContentHash {
        let decision = decision_of(intent);
        match self.holds() {
            false => decision,
            true => hash_json(&(decision, Self { veto_until: None, ..self.clone() })),
        }
    }
}

/// A decision whose time has not come.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Its number in the outbox.
    pub number: i64,
    /// What is to happen.
    pub intent: Intent,
    /// What it changes at its channel.
    pub subject: String,
    /// From when it may leave; nothing while it waits for something else.
    pub due: Option<Timestamp>,
    /// What it waits for.
    pub waits: Waits,
    /// Why it never will leave.
    pub void: Option<String>,
    /// What the audit trail says of it.
    pub told: Option<Recorded>,
}

/// What the audit trail says of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When it was decided.
    pub at: Timestamp,
    /// Its name, by [`Waits::name`].
    pub effect: Option<String>,
    /// What it was decided on.
    pub grounds: Grounds,
}

impl Waiting {
    /// Whether the audit trail tells of exactly this decision.
    pub fn is_genuine(&self) -> bool {
        let told = self.told.as_ref().and_then(|told| told.effect.as_deref());
        told == Some(self.waits.name(&self.intent).as_str())
    }

    /// Whether it begins something, and is no way back.
    pub fn begins(&self) -> bool {
        self.intent.action.new_price().is_some() && self.void.is_none()
    }
}

/// The offer, channel, store and item that an intent is about.
pub type Shelf = (Option<String>, Channel, Place, Sku);

/// Says what an intent is about: a decision takes the place of what waits for the same.
pub fn shelf(intent: &Intent) -> Shelf {
    let offer = intent.action.offer().map(str::to_owned);
    (offer, intent.channel.clone(), intent.place.clone(), intent.sku.clone())
}
