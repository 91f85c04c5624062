//! A look at a plan in flight: what was sold and what is in stock beside it, and what is better changed now.

use super::belief::{Belief, OfKind, taken_in};
use super::narrow::{Narrowed, narrowed};
use super::path::{Standing, standings};
use super::stage::{Stage, before_orders};
use super::talk::{Exchange, Heard, talked, wished};
use super::tweaks::{Told, Tweak, tweaks};
use crate::ground::Ground;
use crate::jobs::JobError;
use crate::pace::running;
use crate::plan::{forecast, supply};
use crate::revise::Season;
use endcap_demand::Fitted;
use endcap_model::{
    Currency, Forecast, Offer, Period, Plan, PlanId, Projection, Sku, Span, SupplyOrder, Transfer, hash_json,
};
use endcap_plan::solve;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A plan that runs, with what was expected of it.
#[derive(Clone, Copy)]
pub struct InFlight<'a> {
    /// Facts, model and forecast of now.
    pub ground: &'a Ground,
    /// The plan.
    pub plan: &'a Plan,
    /// What it expected; without it nothing can be set beside it.
    pub planned: Option<&'a Forecast>,
    /// How it expected stock to run.
    pub projection: Option<&'a Projection>,
    /// The model that it was made with, where that is still there.
    pub then: Option<&'a Fitted>,
    /// Its periods that may still change.
    pub rest: Span,
    /// Seed of simulated shelves and of orders.
    pub seed: u64,
}

/// What a look found. Money in whole minor units of `currency`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = FlightReading))]
pub struct Reading {
    /// The plan.
    pub in_force: PlanId,
    /// The first period that may change.
    pub from: String,
    /// Currency of every amount.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub currency: Currency,
    /// Periods of the plan whose sales are known.
    pub periods_seen: usize,
    /// What is believed of each category, beside what the plan was made with.
    pub believed: Vec<OfKind>,
    /// Offers of the first period that may change.
    pub running: Vec<Standing>,
    /// What is proposed, by what it is worth.
    pub tweaks: Vec<Tweak>,
    /// Stores at which an offer is better held back until the shelf has what it needs.
    pub narrowed: Vec<Narrowed>,
    /// What is short or too much under the promises, with what supply and promotion answered and the rule that decided.
    #[serde(default)]
    pub talk: Vec<Exchange>,
    /// What the promises are worth by what is believed now.
    pub promised_value: i64,
    /// What the proposal is worth, its changes paid.
    pub value: i64,
    /// No plan is worth more.
    pub bound: i64,
    /// Always false: a proposal.
    pub approved: bool,
    /// The proposal.
    pub proposal: PlanId,
}

impl InFlight<'_> {
    /// Looks, and plans the rest anew; the inner error is the set of rules that clash.
    ///
    /// # Errors
    /// [`JobError`] when the rest cannot be planned.
    pub fn look(
        &self,
        settings: &solve::Settings,
        code_version: &str,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Result<(Reading, Plan), Vec<String>>, JobError> {
        let Self { ground, plan: in_force, rest, seed, .. } = *self;
        let Ground { facts, scenario, .. } = ground;
        let belief = self.belief();
        let promised = self.believed(&belief, &in_force.offers)?;
        let stage = Stage::new(facts, scenario, &promised, before_orders(scenario, rest.start), seed);
        let model = self.then.unwrap_or(&ground.fitted);
        let pace = self.planned.map(|planned| running(facts, model, in_force, planned)).unwrap_or_default();
        let mut baseline = (*ground.baseline).clone();
        belief.apply(&mut baseline);
        let mut fitted = (*ground.fitted).clone();
        belief.change(&mut fitted.lift);
        let season = Season {
            facts,
            fitted: &fitted,
            baseline: &baseline,
            overrides: &ground.overrides,
            known: None,
            scenario,
            in_force,
            projection: self.projection,
            pace: &pace,
            rest,
        };
        let revision = match season.revise(settings, interrupt)? {
            Ok(revision) => revision,
            Err(conflict) => return Ok(Err(conflict)),
        };
        let made_from = (&in_force.id, &ground.snapshot, &ground.model, hash_json(&baseline), hash_json(scenario));
        let id = PlanId::new(hash_json(&(made_from, belief.kinds(), rest, seed, code_version)).short());
        let plan = season.with_supply(id, &revision, seed, &|_, _| {})?;
        let plan = Plan { snapshot: ground.snapshot.clone(), as_of: ground.as_of, ..plan };
        let after = self.believed(&belief, &plan.offers)?;
        let promise = scenario.money(scenario.replan.change_cost).minor as f64;
        let usual = i32::try_from(scenario.supply.lead_time_periods).unwrap_or(i32::MAX);
        let now = |period: Period| period.plus(1) == rest.start;
        let transfers: Vec<_> = plan.transfers.iter().filter(|one| now(one.period)).cloned().collect();
        let faster =
            plan.orders.iter().filter(|one| now(one.order_period) && one.arrives.0 - one.order_period.0 < usual);
        let expedited: Vec<_> = faster.cloned().collect();
        let narrowed = narrowed(&stage, &after, &plan.offers, promise);
        let talk = self.talk(&belief, &promised, (&plan, &narrowed, &transfers, &expedited))?;
        let told = Told {
            stage: &stage,
            in_force,
            revision: &revision,
            demand: (&promised, &after),
            narrowed: &narrowed,
            transfers: &transfers,
            expedited: &expedited,
        };
        let reading = Reading {
            in_force: in_force.id.clone(),
            from: in_force.calendar.format(rest.start),
            currency: plan.currency,
            periods_seen: belief.periods(),
            believed: belief.kinds(),
            running: standings(&stage, &promised, &in_force.offers, &pace),
            tweaks: tweaks(&told),
            narrowed: narrowed.clone(),
            talk,
            promised_value: revision.promised_value,
            value: plan.report.value,
            bound: plan.report.bound,
            approved: false,
            proposal: plan.id.clone(),
        };
        Ok(Ok((reading, plan)))
    }

    /// What the promises leave short or too much, and who answers.
    fn talk(
        &self,
        belief: &Belief,
        promised: &Forecast,
        (plan, narrowed, transfers, expedited): (&Plan, &[Narrowed], &[Transfer], &[SupplyOrder]),
    ) -> Result<Vec<Exchange>, JobError> {
        let Self { ground, plan: in_force, rest, seed, .. } = *self;
        let Ground { facts, scenario, .. } = ground;
        if facts.stock.is_empty() {
            return Ok(vec![]);
        }
        let supplied = supply(facts, promised, &ground.baseline, scenario, seed, &|_, _| {})?;
        let stage = Stage::new(facts, scenario, promised, rest, seed);
        let mut wishes = vec![];
        for &depth in &scenario.depths {
            let wished = wished(&supplied.alerts, &stage, depth);
            let skus: BTreeSet<&Sku> = wished.iter().map(|offer| &offer.sku).collect();
            if wished.is_empty() {
                break;
            }
            let offers: Vec<Offer> = in_force.offers.iter().chain(&wished).cloned().collect();
            wishes.push((depth, stage.course(&self.believed(belief, &offers)?, &offers, &skus)));
        }
        let skus: BTreeSet<&Sku> = supplied.alerts.iter().map(|alert| &alert.sku).collect();
        Ok(talked(&Heard {
            alerts: &supplied.alerts,
            stage: &stage,
            promised: &stage.course(promised, &in_force.offers, &skus),
            wishes: &wishes,
            offers: &plan.offers,
            narrowed,
            transfers,
            expedited,
            offer_cost: scenario.money(scenario.limits.fixed_cost).minor as f64,
        }))
    }

    fn belief(&self) -> Belief {
        let mut belief = Belief::of(&self.ground.items);
        if let Some(planned) = self.planned {
            taken_in(&mut belief, &self.ground.facts, planned, self.rest.start);
        }
        belief
    }

    /// Demand under offers by what is believed now.
    fn believed(&self, belief: &Belief, offers: &[Offer]) -> Result<Forecast, JobError> {
        let mut forecast = forecast(&self.ground.facts, &self.ground.fitted, &self.ground.scenario, offers)?;
        belief.apply(&mut forecast);
        Ok(forecast)
    }
}
