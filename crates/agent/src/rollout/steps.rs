//! The steps of a roll-out, and what holds after them.

use super::{Expected, Offered, Reading};
use endcap_govern::audit::{Entry, Ruling, Told};
use endcap_govern::gate::Guardrail;
use endcap_model::{ContentHash, Period, Place, RolloutRules, hash_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a roll-out begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// Stores of each stage.
    pub stages: Vec<Vec<Place>>,
    /// Under which rules it is read.
    pub rules: RolloutRules,
    /// What is offered.
    pub offered: Vec<Offered>,
    /// Region of each store.
    pub regions: BTreeMap<Place, Place>,
    /// What the plan expects, sorted by store and period.
    pub expected: Vec<Expected>,
}

/// A reading with the stage and the last period that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Stage that was open.
    pub stage: usize,
    /// Last whole period that was read.
    pub through: Period,
    /// What was read.
    pub reading: Reading,
}

/// Something that happened to a roll-out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// It began with its canary.
    Begun {
        /// Its plan.
        plan: String,
        /// When.
        at: Timestamp,
        /// With what.
        begun: Box<Begun>,
    },
    /// Its guardrail was read.
    Read {
        /// Its plan.
        plan: String,
        /// What was read.
        taken: Taken,
    },
    /// A stage opened.
    Opened {
        /// Its plan.
        plan: String,
        /// When.
        at: Timestamp,
        /// The stage.
        stage: usize,
        /// Whether a person opened it, whatever the guardrail says.
        by_person: bool,
    },
    /// It was stopped: what has not gone out is void.
    Stopped {
        /// Its plan.
        plan: String,
        /// When.
        at: Timestamp,
        /// Why, with the figures.
        reason: String,
    },
}

/// A roll-out as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Its plan.
    pub plan: String,
    /// With what it began.
    pub begun: Begun,
    /// When each stage opened that has.
    pub opened: Vec<Timestamp>,
    /// Its last reading.
    pub last: Option<Taken>,
    /// When and why it was stopped.
    pub stopped: Option<(Timestamp, String)>,
}

/// Roll-outs by plan, in the order in which they began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollouts {
    all: Vec<Rollout>,
}

impl Step {
    /// The plan that it is about.
    pub fn plan(&self) -> &str {
        match self {
            Self::Begun { plan, .. }
            | Self::Read { plan, .. }
            | Self::Opened { plan, .. }
            | Self::Stopped { plan, .. } => plan,
        }
    }

    /// Names it: what the audit trail binds it to.
    pub fn name(&self) -> ContentHash {
        hash_json(self)
    }
}

impl Rollouts {
    /// Takes the next step. One that does not follow from those before changes nothing.
    pub fn take(&mut self, step: Step) {
        if let Step::Begun { plan, at, begun } = step {
            if self.of(&plan).is_none() {
                self.all.push(Rollout { plan, begun: *begun, opened: vec![at], last: None, stopped: None });
            }
            return;
        }
        let Some(rollout) = self.all.iter_mut().find(|one| one.plan == step.plan()) else { return };
        match step {
            Step::Begun { .. } => {}
            Step::Read { taken, .. } => rollout.last = Some(taken),
            Step::Opened { at, stage, .. } if stage == rollout.opened.len() => rollout.opened.push(at),
            Step::Opened { .. } => {}
            Step::Stopped { at, reason, .. } => {
                rollout.stopped.get_or_insert((at, reason));
            }
        }
    }

    /// A step that the audit trail does not tell of stops its roll-out.
    pub fn distrust(&mut self, plan: &str, at: Timestamp) {
        if let Some(rollout) = self.all.iter_mut().find(|one| one.plan == plan) {
            let reason = "one of its steps differs from the audit trail: plan again".to_owned();
            rollout.stopped.get_or_insert((at, reason));
        }
    }

    /// The roll-out of a plan, where it has one.
    pub fn of(&self, plan: &str) -> Option<&Rollout> {
        self.all.iter().find(|one| one.plan == plan)
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Rollout> {
        self.all.iter()
    }

    /// What the guardrail of an offer says of a store.
    pub fn guardrail(&self, offer: Option<&str>, place: &Place) -> Guardrail {
        let rollout = offer.and_then(super::plan_of).and_then(|plan| self.of(plan));
        rollout.map_or(Guardrail::Unread, |rollout| rollout.guardrail(place))
    }
}

impl Rollout {
    /// The stage that is open, 0 while it is the canary.
    pub fn stage(&self) -> usize {
        self.opened.len() - 1
    }

    /// The stage that a store is in.
    pub fn stage_of(&self, place: &Place) -> Option<usize> {
        self.begun.stages.iter().position(|stage| stage.contains(place))
    }

    /// Whether every stage is open.
    pub fn is_over(&self) -> bool {
        self.opened.len() >= self.begun.stages.len()
    }

    /// Stores that have its offers.
    pub fn reached(&self) -> usize {
        self.begun.stages.iter().take(self.opened.len()).map(Vec::len).sum()
    }

    fn guardrail(&self, place: &Place) -> Guardrail {
        if let Some((_, reason)) = &self.stopped {
            return Guardrail::Closed(format!("the roll-out of plan {} was stopped: {reason}", self.plan));
        }
        match self.stage_of(place) {
            Some(stage) if stage > self.stage() => {
                Guardrail::Closed(format!("stage {} of the roll-out of plan {} is not open", stage + 1, self.plan))
            }
            Some(_) if self.stage() > 0 => Guardrail::Clear,
            _ => Guardrail::Unread,
        }
    }
}

/// What the audit trail is told of a step.
pub fn recorded(step: &Step, by: Told) -> Entry<Told> {
    let (action, ruling, reasons) = match step {
        Step::Begun { begun, .. } => {
            let sizes: Vec<String> = begun.stages.iter().map(|stage| stage.len().to_string()).collect();
            ("rollout begun", Ruling::Allowed, vec![format!("stores in its stages: {}", sizes.join(", "))])
        }
        Step::Read { taken, .. } => {
            let figures = serde_json::to_string(&taken.reading).expect("Invariant: a reading is plain data");
            ("guardrail read", Ruling::Allowed, vec![format!("stage {}: {figures}", taken.stage + 1)])
        }
        Step::Opened { stage, by_person, .. } => {
            let why = if *by_person { "a person opened it" } else { "the guardrail of the stage before is clear" };
            ("stage opened", Ruling::Allowed, vec![format!("stage {}: {why}", stage + 1)])
        }
        Step::Stopped { reason, .. } => ("rollout stopped", Ruling::NeedsPerson, vec![reason.clone()]),
    };
    let mut entry = Entry::new(by, action, Told::open(format!("roll-out of plan {}", step.plan())), ruling);
    entry.reasons = reasons.into_iter().map(Told::Open).collect();
    entry.effect = Some(step.name().to_string());
    entry
}
