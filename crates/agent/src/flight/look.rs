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
use endcap_demand::overrides::override_alike;
use endcap_demand::{Fitted, never_ran};
use endcap_model::{
    ContentHash, Currency, Explanation, Forecast, ForecastRow, Offer, Period, Plan, PlanId, Projection, Sku, Span,
    SupplyOrder, Transfer, hash_json,
};
use endcap_plan::{Proposal, solve};
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
    /// What it goes on from, where it took over from another plan.
    pub before: Option<&'a Before>,
    /// How it expected stock to run.
    pub projection: Option<&'a Projection>,
    /// The model that it was made with, where that is still there.
    pub then: Option<&'a Fitted>,
    /// Version of the objectives that a plan of now serves, by hash; nothing where there are none.
    pub objectives: Option<&'a ContentHash>,
    /// Its periods that may still change.
    pub rest: Span,
    /// Seed of simulated shelves and of orders.
    pub seed: u64,
}

/// What a plan that takes over from another goes on from, kept beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// What the model said of every period since the first of these plans began, whatever sales made of it: what is believed is
    /// reckoned from there.
    pub expected: Vec<ForecastRow>,
    /// What of the plans before it ran: its money, and the distance that calendar rules ask for.
    pub ran: Vec<Explanation>,
}

/// The rest of a plan as it is proposed, with all that it stands on.
#[derive(Clone, Debug)]
pub struct Amendment {
    /// The plan.
    pub plan: Plan,
    /// Its offers and report, and those of references.
    pub proposal: Proposal,
    /// The lift model, as it is believed by now.
    pub fitted: Fitted,
    /// Demand without promotions, as it is believed by now.
    pub baseline: Forecast,
    /// Demand under the plan, as it is believed by now.
    pub demand: Forecast,
    /// How stock is to run.
    pub projection: Projection,
    /// What it goes on from.
    pub before: Before,
    /// Whether any period of the plan in force is over: then this one has the orders that are due now.
    pub is_due: bool,
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
    ) -> Result<Result<(Reading, Amendment), Vec<String>>, JobError> {
        let Self { ground, rest, seed, .. } = *self;
        let Ground { facts, scenario, .. } = ground;
        let in_force = &self.with_what_ran();
        let belief = self.belief(in_force);
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
        let objectives = self.objectives.cloned();
        let made_from =
            (&in_force.id, &objectives, &ground.snapshot, &ground.model, hash_json(&baseline), hash_json(scenario));
        let id = PlanId::new(hash_json(&(made_from, belief.kinds(), rest, seed, code_version)).short());
        let expected = self.expected(&season.offers(&revision))?;
        let mut after = expected.clone();
        belief.apply(&mut after);
        let (plan, projection) = season.with_supply(id, &revision, &after, seed, &|_, _| {})?;
        let plan = Plan { objectives, snapshot: ground.snapshot.clone(), as_of: ground.as_of, ..plan };
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
        let before = self.before_of(in_force, &expected);
        let proposal = revision.proposal;
        let is_due = self.plan.span.start < rest.start;
        let amendment = Amendment { plan, proposal, fitted, baseline, demand: after, projection, before, is_due };
        Ok(Ok((reading, amendment)))
    }

    /// The plan with what ran of the plans before it.
    fn with_what_ran(&self) -> Plan {
        let mut plan = self.plan.clone();
        let ran = self.before.map_or(&[][..], |before| &before.ran);
        plan.offers.splice(0..0, ran.iter().map(|told| told.offer.clone()));
        plan.report.offers.splice(0..0, ran.iter().cloned());
        plan
    }

    /// What a plan of the rest goes on from.
    fn before_of(&self, in_force: &Plan, expected: &Forecast) -> Before {
        let over = |row: &&ForecastRow| row.period < self.rest.start;
        let rest = expected.rows.iter().filter(|row| self.rest.contains(row.period));
        let ran = in_force.report.offers.iter().filter(|told| told.offer.span.start < self.rest.start);
        Before {
            expected: self.so_far().iter().filter(over).chain(rest).cloned().collect(),
            ran: ran.cloned().collect(),
        }
    }

    /// What the model said of the periods of the plan and of those before it.
    fn so_far(&self) -> &[ForecastRow] {
        match (self.before, self.planned) {
            (Some(before), _) => &before.expected,
            (None, planned) => planned.map_or(&[], |planned| &planned.rows),
        }
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

    fn belief(&self, in_force: &Plan) -> Belief {
        let facts = &self.ground.facts;
        // What the model was fitted to, it knows: a new champion is believed anew.
        let known = self.ground.fitted.lift.span.end;
        let mut expected: Vec<ForecastRow> = self.so_far().iter().filter(|row| known <= row.period).cloned().collect();
        // What was planned and never ran says nothing of lifts.
        let unseen = never_ran(&in_force.offers, &facts.panel, &facts.regions);
        let is_plain = |row: &ForecastRow| {
            let regions = &facts.regions;
            let at = |offer: &Offer| offer.place == row.place || regions.get(&row.place) == Some(&offer.place);
            let holds = |offer: &Offer| offer.sku == row.sku && offer.span.contains(row.period) && at(offer);
            unseen.iter().any(|one| holds(&one.offer))
        };
        if !unseen.is_empty() {
            expected.iter_mut().filter(|row| is_plain(row)).for_each(|row| row.mean = row.baseline);
        }
        let mut belief = Belief::of(&self.ground.items);
        taken_in(&mut belief, facts, &expected, self.rest.start);
        belief
    }

    /// Demand under offers by what is believed now.
    fn believed(&self, belief: &Belief, offers: &[Offer]) -> Result<Forecast, JobError> {
        let mut forecast = self.expected(offers)?;
        belief.apply(&mut forecast);
        Ok(forecast)
    }

    /// The same by the model, and as planners changed it.
    fn expected(&self, offers: &[Offer]) -> Result<Forecast, JobError> {
        let Ground { facts, fitted, scenario, overrides, .. } = self.ground;
        Ok(override_alike(&forecast(facts, fitted, scenario, offers)?, overrides)?.0)
    }
}
