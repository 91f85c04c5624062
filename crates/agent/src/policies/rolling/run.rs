//! One run of a rolling policy: write down, estimate when it is time, plan when it is time, forecast, order.

use super::deliveries::Deliveries;
use super::flight::Flight;
use super::records::Records;
use super::replenish::Replenish;
use super::{RollingPolicy, Supply, learned};
use crate::flight::Belief;
use crate::jobs::JobError;
use crate::plan;
use crate::revise::Season;
use crate::sense::Facts;
use endcap_demand::{FitSettings, Fitted};
use endcap_model::{AsOf, Forecast, Offer, Panel, Plan, PlanId, Sku, SnapshotId, Span};
use endcap_plan::{Proposal, solve};
use endcap_supply::SupplySettings;
use endcap_twin::{Actions, Fault, Observation, Policy, World};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::borrow::Cow;
use std::sync::Arc;

/// How far the optimiser goes for a plan.
const GAP: f64 = 0.001;

/// A run.
pub(super) struct Run<'a> {
    policy: &'a RollingPolicy<'a>,
    seed: u64,
    known: Option<Known<'a>>,
    in_force: Option<Plan>,
    /// Offers that a rule chose.
    chosen: Vec<Offer>,
    flight: Option<Flight>,
    deliveries: Deliveries,
    faults: Vec<Fault>,
    ended: bool,
}

/// What was learnt from the records.
struct Known<'a> {
    records: Records<'a>,
    fitted: Arc<Fitted>,
    replenish: Replenish,
}

impl<'a> Run<'a> {
    pub(super) fn new(policy: &'a RollingPolicy<'a>) -> Self {
        let deliveries = Deliveries::default();
        Self {
            policy,
            seed: 0,
            known: None,
            in_force: None,
            chosen: Vec::new(),
            flight: None,
            deliveries,
            faults: Vec::new(),
            ended: false,
        }
    }

    fn learn(&mut self, past: &Panel) -> Result<(), JobError> {
        let policy = self.policy;
        let cached = policy.fits.0.lock().expect("Invariant: nothing panics under the lock").get(&self.seed).cloned();
        let fitted = match cached {
            Some(fitted) => fitted,
            None => {
                let fitted = Arc::new(fit(past)?);
                let mut fits = policy.fits.0.lock().expect("Invariant: nothing panics under the lock");
                fits.entry(self.seed).or_insert(fitted).clone()
            }
        };
        let records = Records::new(policy.spec, policy.scenario.currency, past);
        let window = policy.window();
        let lead_time = policy.spec.lead_time_periods();
        let replenish = Replenish::new(records.recent_sales(window), window, lead_time, &policy.scenario.supply);
        self.known = Some(Known { records, fitted, replenish });
        Ok(())
    }

    fn decide(&mut self, seen: &Observation) -> Result<Actions, JobError> {
        let policy = self.policy;
        let at = (seen.period.0 - policy.spec.span().start.0) as usize;
        self.deliveries.note(policy.spec, seen);
        let known = self.known.as_mut().ok_or_else(|| JobError::Missing("a record of the past".to_owned()))?;
        known.records.note(seen);
        known.replenish.note(seen);
        let facts = known.records.facts(seen)?;
        if at > 0 && policy.terms.refit_every.is_some_and(|every| at.is_multiple_of(every)) {
            known.fitted = Arc::new(fit(&facts.panel)?);
        }
        let mut flight = policy.terms.in_flight.then(|| self.flight.get_or_insert_with(|| Flight::new(&facts, policy)));
        if let Some(flight) = &mut flight {
            flight.land(seen);
        }
        let belief = flight.as_ref().map(|flight| &flight.belief);
        if let Some(rule) = &policy.rule {
            let before = plan::forecast(&facts, &known.fitted, &policy.near, &self.chosen)?;
            let period = seen.period.plus(policy.spec.lead_time_periods() as i32 - 1);
            let offers = learned::chosen(policy, rule, &facts, &known.fitted, &before, period, &self.chosen);
            self.chosen.extend(offers);
        } else if at.is_multiple_of(policy.terms.every) || belief.is_some() {
            let season = at.is_multiple_of(policy.terms.every);
            let explored =
                (season && policy.terms.explore > 0.0).then(|| explored(policy, &known.fitted, self.seed, at));
            let fitted = explored.as_ref().unwrap_or(&known.fitted);
            self.in_force = Some(revise(policy, &facts, fitted, self.in_force.take(), (belief, season))?);
        }
        let offers = self.in_force.as_ref().map_or(&self.chosen[..], |plan| &plan.offers);
        let mut planned = plan::forecast(&facts, &known.fitted, &policy.near, offers)?;
        let running: Vec<Offer> = offers.iter().filter(|offer| offer.span.contains(seen.period)).cloned().collect();
        let mut actions = Actions { offers: running, ..Actions::default() };
        if let Some(flight) = flight {
            actions.offers = flight.depart(policy, &facts, &mut planned, actions.offers, self.seed)?;
        }
        actions.expected = expected(&planned, seen);
        if at.is_multiple_of(policy.near.supply.review_periods) {
            match &policy.supply {
                Supply::Siloed { notice_periods } => {
                    actions.cell_orders = known.replenish.orders(seen, &planned, *notice_periods);
                }
                Supply::Integrated { expedite } => {
                    let settings = SupplySettings {
                        paths: 1,
                        reliability: self.deliveries.reliability(),
                        expedite: expedite.clone(),
                        ..plan::supply_settings(&facts, &policy.near, self.seed)
                    };
                    let supplied = plan::supply_with(&facts, &planned, &planned, &policy.near, &settings, &|_, _| {})?;
                    actions.orders = supplied.orders_of(seen.period.plus(-1)).cloned().collect();
                    actions.transfers = supplied.transfers;
                }
            }
        }
        Ok(actions)
    }
}

/// The model with lifts drawn from what is known of them (posterior sampling; Thompson 1933).
fn explored(policy: &RollingPolicy, fitted: &Fitted, seed: u64, at: usize) -> Fitted {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ ((at as u64) << 32));
    let mut drawn = fitted.clone();
    for response in &mut drawn.lift.responses {
        let deviate: f64 = StandardNormal.sample(&mut random);
        let own_price = &mut response.own_price;
        own_price.mean = (own_price.mean + policy.terms.explore * deviate * own_price.se).min(0.0);
    }
    drawn
}

/// Plans from now on: anew, or as a change of the plan in force, whose offers of the past stay with it.
///
/// In flight the model and the forecast are those that are believed by now; between two seasons the promises of the season in
/// force alone may change.
fn revise(
    policy: &RollingPolicy,
    facts: &Facts,
    fitted: &Fitted,
    in_force: Option<Plan>,
    (belief, season): (Option<&Belief>, bool),
) -> Result<Plan, JobError> {
    let mut scenario = policy.scenario.clone();
    let mut baseline = plan::forecast(facts, fitted, &scenario, &[])?;
    let mut fitted = Cow::Borrowed(fitted);
    if let Some(belief) = belief {
        belief.apply(&mut baseline);
        belief.change(&mut fitted.to_mut().lift);
        scenario.replan.frozen_periods = 0;
        scenario.replan.change_cost = scenario.limits.fixed_cost;
    }
    let (scenario, fitted) = (&scenario, &*fitted);
    let settings = solve::Settings { gap: GAP, ..solve::Settings::default() };
    let clash = |conflict: Vec<String>| JobError::Twin(format!("no plan keeps every rule: {}", conflict.join("; ")));
    let Some(in_force) = in_force else {
        let proposal = plan::draft(facts, &fitted.lift, &baseline, scenario, &settings)?.map_err(clash)?;
        return Ok(plan_of(policy, proposal, &baseline, None));
    };
    let known = plan::span_of(&baseline);
    let rest = if season { known } else { Span { end: in_force.span.end.min(known.end), ..known } };
    if rest.is_empty() {
        return Ok(in_force);
    }
    baseline.rows.retain(|row| rest.contains(row.period));
    let season = Season {
        facts,
        fitted,
        baseline: &baseline,
        overrides: &[],
        known: None,
        scenario,
        in_force: &in_force,
        pace: &[],
        projection: None,
        rest,
    };
    let revision = season.revise(&settings, &|| false)?.map_err(clash)?;
    Ok(plan_of(policy, revision.proposal, &baseline, Some(in_force)))
}

/// Puts a proposal in force, after what of the plan before it has run.
fn plan_of(policy: &RollingPolicy, proposal: Proposal, baseline: &Forecast, before: Option<Plan>) -> Plan {
    let span = plan::span_of(baseline);
    let mut report = proposal.report;
    let mut ran: Vec<_> = before.into_iter().flat_map(|plan| plan.report.offers).collect();
    ran.retain(|told| told.offer.span.start < span.start);
    ran.append(&mut report.offers);
    report.offers = ran;
    Plan {
        id: PlanId::new(policy.spec.calendar().format(span.start)),
        parent: None,
        objectives: None,
        snapshot: SnapshotId::new(policy.name.as_str()),
        as_of: AsOf::default(),
        calendar: baseline.calendar,
        span,
        currency: policy.scenario.currency,
        offers: report.offers.iter().map(|told| told.offer.clone()).collect::<Vec<Offer>>(),
        orders: Vec::new(),
        transfers: Vec::new(),
        report,
    }
}

fn fit(panel: &Panel) -> Result<Fitted, JobError> {
    let code_version = env!("CARGO_PKG_VERSION").to_owned();
    let settings = FitSettings { code_version, seed: 1, ..FitSettings::default() };
    Ok(endcap_demand::fit(panel, &settings, &|_, _| {})?)
}

/// Expected pieces of every cell in the period that begins; nothing where a cell is not forecast.
fn expected(planned: &Forecast, seen: &Observation) -> Vec<f64> {
    let now = planned.rows.iter().filter(|row| row.period == seen.period);
    let expected: Vec<f64> = now.map(|row| row.mean).collect();
    if expected.len() == seen.cells.len() { expected } else { Vec::new() }
}

impl Policy for Run<'_> {
    fn name(&self) -> &str {
        &self.policy.name
    }

    fn meet(&mut self, world: &World<'_>) {
        self.seed = world.seed();
        if let Some(past) = world.past()
            && let Err(error) = self.learn(&past)
        {
            self.fail(&error, "the start");
        }
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        if self.ended {
            return Actions::default();
        }
        match self.decide(seen) {
            Ok(actions) => actions,
            Err(error) => {
                self.fail(&error, &self.policy.spec.calendar().format(seen.period));
                Actions::default()
            }
        }
    }

    fn elasticities(&self) -> Vec<(Sku, f64)> {
        let responses = self.known.iter().flat_map(|known| &known.fitted.lift.responses);
        responses.map(|response| (response.sku.clone(), response.own_price.mean)).collect()
    }

    fn faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }
}

impl Run<'_> {
    /// Notes why nothing more is done.
    fn fail(&mut self, error: &JobError, period: &str) {
        let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let reason = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let (policy, period) = (self.policy.name.clone(), period.to_owned());
        self.faults.push(Fault { policy, seed: self.seed, period, reason, ended: true });
        self.ended = true;
    }
}
