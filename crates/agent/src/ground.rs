//! What plans are made from, held in memory for whoever asks about plans: commands, the planner's desk.
//!
//! Never reads a project: [`Ground::of`] takes what the jobs of the loop have made.

use crate::jobs::{Bench, JobError};
use crate::sense::Facts;
use crate::sizes::broken;
use crate::{plan, step};
use endcap_demand::Fitted;
use endcap_demand::coefficients::Applied;
use endcap_demand::overrides::Overridden;
use endcap_model::{AsOf, ContentHash, Forecast, Place, Scenario, Sku, SnapshotId, StockState};
use endcap_plan::{ItemEconomics, PlanInput};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a plan is made from: facts, lift model, forecast without promotions, stock and economics.
#[derive(Clone)]
pub struct Ground {
    /// Limits and assumptions.
    pub scenario: Scenario,
    /// The facts that all of it comes from.
    pub snapshot: SnapshotId,
    /// When they were known.
    pub as_of: AsOf,
    /// The name of the lift model.
    pub model: ContentHash,
    /// The facts.
    pub facts: Arc<Facts>,
    /// The lift model.
    pub fitted: Arc<Fitted>,
    /// Demand without promotions.
    pub baseline: Arc<Forecast>,
    /// What planners changed of it.
    pub overrides: Vec<Overridden>,
    /// Edits of effects beside what the data say.
    pub edits: Vec<Applied>,
    /// Prices and costs under the scenario.
    pub items: BTreeMap<Sku, ItemEconomics>,
    /// Stock when the plan begins.
    pub states: Vec<StockState>,
    /// Items in regions where missing sizes make their style slow, with the share of its demand whose size is there.
    pub broken: BTreeMap<(Sku, Place), f64>,
}

impl Ground {
    /// Takes from the bench what the loop has made by the time it can choose offers.
    ///
    /// # Errors
    /// [`JobError::Missing`] when the loop has not come so far, another when a result cannot be read.
    pub fn of(bench: &mut Bench, state: &step::State, scenario: &Scenario) -> Result<Self, JobError> {
        let step::State { snapshot: Some(snapshot), model: Some(model), forecast: Some(forecast), .. } = state else {
            return Err(JobError::Missing("a forecast of the facts".to_owned()));
        };
        let (facts, baseline) = (bench.facts(snapshot)?, bench.forecast(forecast)?);
        Ok(Self {
            scenario: scenario.clone(),
            snapshot: snapshot.clone(),
            as_of: bench.as_of(snapshot)?,
            model: model.clone(),
            fitted: bench.fitted(model)?,
            overrides: bench.overridden(forecast)?.overrides,
            edits: state
                .estimates
                .as_ref()
                .map_or_else(|| Ok(Vec::new()), |estimates| bench.edits(snapshot, estimates))?,
            items: facts.economics(scenario),
            states: plan::opening_stock(&facts, &baseline, scenario),
            broken: broken(&facts, &baseline),
            facts,
            baseline,
        })
    }

    /// The same facts under another scenario.
    pub fn under(&self, scenario: &Scenario) -> Self {
        Self {
            scenario: scenario.clone(),
            items: self.facts.economics(scenario),
            states: plan::opening_stock(&self.facts, &self.baseline, scenario),
            ..self.clone()
        }
    }

    /// What the planner reads.
    pub fn input(&self) -> PlanInput<'_> {
        self.input_with(&self.scenario)
    }

    /// What the planner reads under a scenario that differs in limits, locks, goal and caution only.
    pub fn input_with<'a>(&'a self, scenario: &'a Scenario) -> PlanInput<'a> {
        plan::input(&self.facts, &self.fitted.lift, &self.baseline, scenario, &self.items, (&self.states, &self.broken))
    }
}
