//! Stress: the plan and its references in seeded worlds whose response is not the one that was fitted.
//!
//! Half of the worlds answer to price as a plain lift report reads the history (the twin's own reading), half as the
//! model estimated, each within its uncertainty, and all by a law of shoppers that is not the model's. The usual demand
//! of a world is read off promoted sales by the same answer, or it would be lifted twice. Two readings of one history:
//! where they disagree the plan is uncertain, and the bad tail shows it.
//!
//! Four policies meet the same shoppers. Two stand for how it is done without Endcap: offers and orders do not know of
//! each other. One has Endcap's orders and no offers, so that what better ordering earns is not taken for what the
//! promotions earn. What comes out says how the plan stands in worlds like these, not what will happen.

use crate::jobs::JobError;
use crate::plan::{cell_terms, opening_stock};
use crate::policies::{CalendarPolicy, Ordering, Replenishment};
use crate::sense::Facts;
use endcap_model::{Estimate, Forecast, LiftModel, Offer, Outcome, Place, Plan, Response, Scenario, Sku, TwinTerms};
use endcap_plan::ItemEconomics;
use endcap_supply::SupplySettings;
use endcap_twin::{Economics, Kpi, PolicyMaker, Shown, WorldSpec, compare, kpis, shown_responses};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// The plan: its offers, and orders that know of them.
pub const ENDCAP: &str = "Endcap";
/// No offers; orders follow average sales.
pub const NO_PROMOTIONS: &str = "no promotions";
/// The planner's rotation under the same limits; orders follow average sales.
pub const ROTATION: &str = "rotation";
/// No offers; Endcap's orders.
pub const ORDERS_ONLY: &str = "Endcap's orders only";

/// Periods of sales that the references average when they order.
const AVERAGED_PERIODS: usize = 7;

/// What the simulated worlds said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Every policy in every world.
    pub outcomes: Vec<Outcome>,
    /// Every policy against each reference, paired by world.
    pub comparisons: Vec<Against>,
}

/// All policies against one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// The policy that the others are compared to.
    pub reference: String,
    /// One row per policy and figure.
    pub kpis: Vec<Kpi>,
}

/// A plan with what it rests on.
pub struct Subject<'a> {
    /// History and master data.
    pub facts: &'a Facts,
    /// The plan.
    pub plan: &'a Plan,
    /// Effects that the plan rests on.
    pub lift: &'a LiftModel,
    /// Offers of the reference policy.
    pub rotation: &'a [Offer],
    /// Demand without offers.
    pub baseline: &'a Forecast,
    /// Demand under the plan.
    pub planned: &'a Forecast,
}

/// Tries a plan in the scenario's worlds.
///
/// # Errors
/// [`JobError::Twin`] when no world can be made of the history or a policy does not fit it.
pub fn try_plan(
    subject: &Subject,
    scenario: &Scenario,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Trial, JobError> {
    let Subject { facts, plan, lift, rotation, baseline, planned } = subject;
    let shown = shown_responses(&facts.panel, scenario.twin.elasticity_mean, scenario.twin.elasticity_sd);
    let estimated = world(facts, baseline, scenario, as_estimated(&shown, lift))?;
    let spec = world(facts, baseline, scenario, shown)?;
    let terms = cell_terms(facts, baseline, scenario);
    let settings = SupplySettings::default();
    let replenishment = Replenishment {
        lead_time_periods: spec.lead_time_periods(),
        review_periods: scenario.supply.review_periods,
        persistence: settings.persistence,
        service_level_min: settings.service_level_min,
    };
    let average = Ordering::MovingAverage { window: AVERAGED_PERIODS, before: baseline };
    let make = |name: &str, offers: &[Offer], ordering: &Ordering| {
        CalendarPolicy::new(name, offers, ordering, &spec, &terms, replenishment).map_err(broken)
    };
    let policies = [
        make(NO_PROMOTIONS, &[], &average)?,
        make(ROTATION, rotation, &average)?,
        make(ORDERS_ONLY, &[], &Ordering::OrderUpTo(baseline))?,
        make(ENDCAP, &plan.offers, &Ordering::OrderUpTo(planned))?,
    ];
    let makers: Vec<_> = policies.iter().map(|policy| || policy.start()).collect();
    let makers: Vec<&PolicyMaker> = makers.iter().map(|maker| maker as &PolicyMaker).collect();
    let read = TwinTerms { worlds: scenario.twin.worlds.div_ceil(2), ..scenario.twin.clone() };
    let rest = TwinTerms {
        worlds: scenario.twin.worlds - read.worlds,
        seed: scenario.twin.seed.wrapping_add(read.worlds as u64),
        ..scenario.twin.clone()
    };
    let runs = policies.len() * scenario.twin.worlds;
    let mut outcomes = compare(&spec, &read, &makers, &|done, _| progress(done, runs)).map_err(broken)?;
    let before = outcomes.len();
    outcomes.extend(compare(&estimated, &rest, &makers, &|done, _| progress(before + done, runs)).map_err(broken)?);
    outcomes.sort_by(|a, b| (&a.policy, a.seed).cmp(&(&b.policy, b.seed)));
    let comparisons = [NO_PROMOTIONS, ROTATION, ORDERS_ONLY]
        .map(|reference| Against { reference: reference.to_owned(), kpis: kpis(&outcomes, reference) });
    Ok(Trial { outcomes, comparisons: comparisons.into() })
}

/// Makes the world of the cells that are forecast, its history read by these responses: series that ended have no
/// future to simulate.
fn world(
    facts: &Facts,
    baseline: &Forecast,
    scenario: &Scenario,
    responses: BTreeMap<Sku, Shown>,
) -> Result<WorldSpec, JobError> {
    let economics = facts.economics(scenario);
    let of = |item: &ItemEconomics| Economics {
        list_price: item.list_price,
        unit_cost: item.unit_cost,
        shelf_life: item.shelf_life,
    };
    let items = economics.iter().map(|(sku, item)| (sku.clone(), of(item)));
    let states = opening_stock(facts, baseline, scenario);
    let spec = WorldSpec::from_history(&facts.panel, scenario, &items.collect(), &states, responses).map_err(broken)?;
    let alive: BTreeSet<(&Sku, &Place)> = baseline.rows.iter().map(|row| (&row.sku, &row.place)).collect();
    spec.keep(|cell| alive.contains(&(&cell.sku, &cell.place))).map_err(broken)
}

/// The responses that were estimated, each as uncertain as its estimate, at the depths that the history has.
fn as_estimated(shown: &BTreeMap<Sku, Shown>, lift: &LiftModel) -> BTreeMap<Sku, Shown> {
    let response = |response: &Response| {
        let depth = shown.get(&response.sku).map_or(0.0, |shown| shown.depth);
        let Estimate { mean, se, .. } = response.own_price;
        (response.sku.clone(), Shown { elasticity: mean, depth, sd: se })
    };
    lift.responses.iter().map(response).collect()
}

fn broken(error: impl Display) -> JobError {
    JobError::Twin(error.to_string())
}
