//! Policies that estimate, forecast and plan on the way, with the code that plans live: *integrated*, where stock,
//! deliveries and lead times enter the plan and orders know of the offers, and *siloed*, where the same estimates and
//! the same optimiser are blind to supply and supply replenishes from average sales.
//!
//! They see what a retailer sees: the records of the past, observations, the terms of supply. What shoppers answer with and how
//! suppliers deliver they have to find out. They never look into the world.

mod deliveries;
mod flight;
mod learned;
mod records;
mod replenish;
mod run;

use crate::jobs::JobError;
use crate::sense::Facts;
use endcap_demand::Fitted;
use endcap_model::{
    Calendar, ItemTerms, Limits, Objective, Panel, ReplanTerms, Scenario, TwinTerms, WearOut, WriteDown,
};
use endcap_supply::Expedite;
use endcap_twin::{LoopTerms, Observation, Policy, PolicyChoice, RuleWeights, TwinScenario, WorldSpec};
use records::Records;
use run::Run;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Largest probability with which the integrated plan lets demand exceed the cover of an order: a quarter of the stock-outs
/// on promotion that are to be had at most (2 %), since cut deliveries and what forecasts do not know come on top.
const STOCKOUT_MAX: f64 = 0.005;
/// An amount that limits nothing, major units.
const NO_BUDGET: f64 = 1e9;

/// Fits of the past by seed: policies that learn from the same records share them.
#[derive(Clone, Debug, Default)]
pub struct Fits(Arc<Mutex<BTreeMap<u64, Arc<Fitted>>>>);

/// A policy that plans as it goes; shared by all runs.
#[derive(Clone, Debug)]
pub struct RollingPolicy<'a> {
    name: String,
    spec: &'a WorldSpec,
    terms: LoopTerms,
    /// What each plan is made under.
    scenario: Scenario,
    /// The same, looking ahead as far as an order of now has to last.
    near: Scenario,
    supply: Supply,
    /// Weights of the rule that chooses its offers, in the place of plans.
    rule: Option<RuleWeights>,
    fits: Fits,
}

/// How supply comes by what it orders for.
#[derive(Clone, Debug, PartialEq)]
enum Supply {
    /// It plans with the offers.
    Integrated { expedite: Option<Expedite> },
    /// It goes by average sales.
    Siloed { notice_periods: Option<usize> },
}

impl<'a> RollingPolicy<'a> {
    /// Sets up a policy of kind siloed, integrated or learned; nothing for others.
    pub fn of(choice: &PolicyChoice, twin: &TwinScenario, spec: &'a WorldSpec, fits: &Fits) -> Option<Self> {
        let terms = choice.loop_terms()?;
        let supply = match choice {
            PolicyChoice::Siloed { notice_periods, .. } => Supply::Siloed { notice_periods: *notice_periods },
            _ => Supply::Integrated { expedite: expedite(spec) },
        };
        let mut scenario = scenario(choice.name(), twin, &terms);
        if supply.is_integrated() {
            scenario.limits.stockout_probability_max = STOCKOUT_MAX;
            scenario.supply = twin.supply.clone();
            scenario.supply.lead_time_periods = spec.lead_time_periods();
            scenario.supply.write_down = write_down(spec);
        }
        let rule = match choice {
            PolicyChoice::Learned { weights, .. } => Some(*weights),
            _ => None,
        };
        let near = Scenario { horizon: supply.reach(spec, twin), ..scenario.clone() };
        Some(Self { name: choice.name().to_owned(), spec, terms, scenario, near, supply, rule, fits: fits.clone() })
    }

    /// The same, choosing its offers by a rule with these weights.
    pub fn by_rule(&self, name: String, weights: RuleWeights) -> Self {
        Self { name, rule: Some(weights), ..self.clone() }
    }

    /// Starts a run of the policy from the beginning.
    pub fn start(&self) -> Box<dyn Policy + '_> {
        Box::new(Run::new(self))
    }

    /// Returns what each plan is made under.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Returns what it reads before the first period: records of the past, and stock as seen.
    ///
    /// # Errors
    /// [`JobError`] for records that make no panel.
    pub fn facts(&self, past: &Panel, seen: &Observation) -> Result<Facts, JobError> {
        Records::new(self.spec, self.scenario.currency, past).facts(seen)
    }

    /// Periods that an average of sales looks back.
    fn window(&self) -> usize {
        if self.spec.calendar() == Calendar::Day { 28 } else { 8 }
    }
}

impl Supply {
    /// Periods that a forecast has to reach for the orders of now.
    fn reach(&self, spec: &WorldSpec, twin: &TwinScenario) -> usize {
        let cover = spec.lead_time_periods() + twin.supply.review_periods + 1;
        match self {
            Self::Siloed { notice_periods } => notice_periods.map_or(1, |notice| notice + 1),
            Self::Integrated { .. } => cover,
        }
    }

    fn is_integrated(&self) -> bool {
        matches!(self, Self::Integrated { .. })
    }
}

/// The world's faster way to order, where it has one.
fn expedite(spec: &WorldSpec) -> Option<Expedite> {
    let terms = spec.terms().logistics.expedite?;
    (terms.lead_time_periods < spec.lead_time_periods()).then_some(Expedite {
        lead_time_periods: terms.lead_time_periods,
        cost: 0.0,
        cost_rate: terms.cost_rate,
        supplier: None,
    })
}

/// What leftovers of offers cost.
fn write_down(spec: &WorldSpec) -> Option<WriteDown> {
    let terms = spec.terms().costs.write_down?;
    Some(WriteDown { cover_periods: terms.cover_periods, rate: terms.rate })
}

/// What a plan that takes supply for unlimited is made under: the prices and limits of the world, nothing that is hidden.
fn scenario(name: &str, twin: &TwinScenario, terms: &LoopTerms) -> Scenario {
    let offers = &twin.offers;
    let unlimited = endcap_model::SupplyTerms {
        lead_time_periods: 1,
        holding_rate: 0.0,
        waste_rate: 0.0,
        shortage_rate: 0.0,
        transfer_cost: None,
        write_down: None,
        shelf_life: None,
        ..twin.supply.clone()
    };
    Scenario {
        name: name.to_owned(),
        assumptions: Vec::new(),
        currency: twin.currency,
        horizon: terms.ahead,
        depths: offers.depths.clone(),
        caution: terms.caution,
        objective: Objective::Full,
        goal: endcap_model::Goal::default(),
        items: ItemTerms { ..twin.items.clone() },
        limits: Limits {
            budget: offers.budget.unwrap_or(NO_BUDGET),
            slots: offers.slots,
            spacing: offers.spacing,
            margin_rate_min: 0.0,
            fixed_cost: twin.fixed_cost,
            capacity_share: f64::INFINITY,
            locks: Vec::new(),
            stockout_probability_max: 1.0,
            pools: Vec::new(),
            rules: Vec::new(),
            together: Vec::new(),
            clear: Vec::new(),
        },
        channels: BTreeMap::new(),
        segments: BTreeMap::new(),
        effects: Vec::new(),
        wear_out: WearOut::default(),
        run_out: Vec::new(),
        replan: ReplanTerms { change_cost: 0.0, frozen_periods: terms.frozen },
        supply: unlimited,
        twin: nothing_known(),
    }
}

/// Terms of simulated worlds, which no plan here is tried in.
fn nothing_known() -> TwinTerms {
    TwinTerms {
        worlds: 1,
        seed: 0,
        elasticity_mean: 0.0,
        elasticity_sd: 0.0,
        pull_forward_share: 0.0,
        substitution_share: 0.0,
        shock_sd: 0.0,
        late_probability: 0.0,
        cut_probability: 0.0,
        cut_share: 0.0,
    }
}

#[cfg(test)]
mod tests;
