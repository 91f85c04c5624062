//! Revise: the rest of a season planned anew while a plan is in force.
//!
//! Never approves or publishes: what comes out is a proposal that names the plan it would change.

use crate::jobs::JobError;
use crate::pace::{Running, ahead};
use crate::plan::{self, Known};
use crate::sense::Facts;
use crate::sizes::broken;
use endcap_demand::Fitted;
use endcap_demand::overrides::{Overridden, override_alike};
use endcap_model::{Forecast, Offer, Period, Pieces, Place, Plan, PlanId, Projection, Scenario, Sku, Span, StockState};
use endcap_plan::{PlanInput, Replanned, Revision, replan, solve};
use std::collections::BTreeMap;

/// A season with a plan in force, of which the rest may change.
#[derive(Clone, Copy, Debug)]
pub struct Season<'a> {
    /// The facts.
    pub facts: &'a Facts,
    /// The lift model.
    pub fitted: &'a Fitted,
    /// Demand without promotions, from the first period after the facts, as planners changed it.
    pub baseline: &'a Forecast,
    /// What they changed of it.
    pub overrides: &'a [Overridden],
    /// What the model is known to say of these facts under some offers, the best those of the plan in force: what they do
    /// not move is not forecast again.
    pub known: Option<Known<'a>>,
    /// Limits and assumptions; what changes cost and which periods are frozen.
    pub scenario: &'a Scenario,
    /// The plan in force.
    pub in_force: &'a Plan,
    /// How stock runs under it; needed where the rest begins later than the forecast.
    pub projection: Option<&'a Projection>,
    /// How what it has on offer sells: what is ahead is not made cheaper.
    pub pace: &'a [Running],
    /// What may change: periods of the plan that the forecast covers.
    pub rest: Span,
}

impl Season<'_> {
    /// Plans the rest anew; the inner error is the set of rules that clash.
    ///
    /// # Errors
    /// [`JobError`] when the season cannot be planned on.
    pub fn revise(
        &self,
        settings: &solve::Settings,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Result<Revision, Vec<String>>, JobError> {
        let scenario = self.scenario_of_rest();
        let mut baseline = self.baseline.clone();
        baseline.rows.retain(|row| self.rest.contains(row.period));
        let items = self.facts.economics(&scenario);
        let states = self.stock()?;
        let broken = broken(self.facts, &baseline);
        let stock = (states.as_slice(), &broken);
        let input = plan::input(self.facts, &self.fitted.lift, &baseline, &scenario, &items, stock);
        let input = PlanInput { span: self.rest, ..input };
        Ok(match replan(&input, self.in_force, &ahead(self.pace), settings, interrupt)? {
            Replanned::Revision(revision) => Ok(revision),
            Replanned::Infeasible { conflict } => Err(conflict),
        })
    }

    /// All offers of the season under a revision: what ran, and what it proposes.
    pub fn offers(&self, revision: &Revision) -> Vec<Offer> {
        let before = self.in_force.offers.iter().filter(|offer| offer.span.start < self.rest.start);
        before.chain(&revision.proposal.offers).cloned().collect()
    }

    /// Demand under a revision, as planners changed it.
    ///
    /// # Errors
    /// [`JobError`] when it cannot be forecast.
    pub fn demand(&self, revision: &Revision) -> Result<Forecast, JobError> {
        let offers = self.offers(revision);
        let model_forecast = match self.known {
            Some(known) => plan::forecast_again(self.facts, self.fitted, self.scenario, known, &offers)?,
            None => plan::forecast(self.facts, self.fitted, self.scenario, &offers)?,
        };
        Ok(override_alike(&model_forecast, self.overrides)?.0)
    }

    /// Completes a revision with the orders that it needs from the rest on, and tells how stock is to run.
    ///
    /// # Errors
    /// [`JobError`] when supply cannot be planned.
    pub fn with_supply(
        &self,
        id: PlanId,
        revision: &Revision,
        demand: &Forecast,
        seed: u64,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(Plan, Projection), JobError> {
        let mut supplied = plan::supply(self.facts, demand, self.baseline, self.scenario, seed, progress)?;
        // An order is placed at the end of a period, so that those of the last one before the rest can still change.
        supplied.orders.retain(|order| order.order_period.plus(1) >= self.rest.start);
        supplied.transfers.retain(|transfer| transfer.period.plus(1) >= self.rest.start);
        let plan = Plan {
            id,
            parent: Some(self.in_force.id.clone()),
            objectives: self.in_force.objectives.clone(),
            snapshot: self.in_force.snapshot.clone(),
            as_of: self.in_force.as_of,
            calendar: self.baseline.calendar,
            span: self.rest,
            currency: self.scenario.currency,
            offers: revision.proposal.offers.clone(),
            orders: supplied.orders,
            transfers: supplied.transfers,
            report: revision.proposal.report.clone(),
        };
        Ok((plan, supplied.projection))
    }

    /// The scenario without locks on what has passed.
    fn scenario_of_rest(&self) -> Scenario {
        let mut scenario = self.scenario.clone();
        let passed = |text: &String| self.baseline.calendar.parse(text).is_ok_and(|period| period < self.rest.start);
        scenario.limits.locks.retain(|lock| !lock.period.as_ref().is_some_and(passed));
        scenario
    }

    /// Stock when the rest begins: that of the facts, or what the plan in force is expected to leave by then.
    fn stock(&self) -> Result<Vec<StockState>, JobError> {
        if self.rest.start == plan::span_of(self.baseline).start {
            return Ok(plan::opening_stock(self.facts, self.baseline, self.scenario));
        }
        let missing = || JobError::Missing(format!("the stock projection of plan {}", self.in_force.id));
        let projection = self.projection.ok_or_else(missing)?;
        let mut under_way: BTreeMap<(&Sku, &Place), Vec<(Period, Pieces)>> = BTreeMap::new();
        for order in &self.in_force.orders {
            if order.order_period.plus(1) < self.rest.start && order.arrives >= self.rest.start {
                under_way.entry((&order.sku, &order.place)).or_default().push((order.arrives, order.quantity));
            }
        }
        let last = projection.rows.iter().filter(|row| row.period.plus(1) == self.rest.start);
        let state = |row: &endcap_model::ProjectionRow| StockState {
            sku: row.sku.clone(),
            place: row.place.clone(),
            on_hand: Pieces(row.stock_q50.max(0.0).round_ties_even() as i64),
            pipeline: under_way.get(&(&row.sku, &row.place)).cloned().unwrap_or_default(),
        };
        Ok(last.map(state).collect())
    }
}
