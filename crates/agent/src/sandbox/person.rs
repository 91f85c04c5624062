//! The person as a policy: offers as they planned them, orders by the rule or as they said.

use super::{PlannedOffer, Sandbox, SandboxError, Turn};
use crate::policies::{CalendarPolicy, Ordering, Replenishment, believed_forecast, cell_terms};
use endcap_model::{Forecast, Mechanic, Offer, Place, Sku, Span, Support};
use endcap_supply::CellTerms;
use endcap_twin::{Actions, CellOrder, Observation, Policy};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the person among the policies.
pub const YOU: &str = "you";

/// Lives the turns of a game.
pub struct Person<'a> {
    sandbox: &'a Sandbox,
    turns: &'a [Turn],
    regions: BTreeSet<Place>,
    terms: Vec<CellTerms>,
    ran: Vec<PlannedOffer>,
}

impl<'a> Person<'a> {
    pub fn new(sandbox: &'a Sandbox, turns: &'a [Turn]) -> Self {
        let regions = sandbox.spec.regions().into_values().collect();
        let terms = cell_terms(&sandbox.spec, &sandbox.scenario.supply);
        Self { sandbox, turns, regions, terms, ran: Vec::new() }
    }

    /// What the rule would order before a week, knowing these offers, and what it expects of the week by cell.
    ///
    /// # Errors
    /// [`SandboxError::Orders`] where the scenario's supply makes no rule.
    pub fn advised(
        &self,
        ahead: &[PlannedOffer],
        seen: &Observation,
    ) -> Result<(Vec<CellOrder>, Vec<f64>), SandboxError> {
        let Sandbox { scenario, spec } = self.sandbox;
        let offers: Vec<Offer> = self.ran.iter().chain(ahead).flat_map(|offer| self.offers(offer)).collect();
        let forecast = believed_forecast(spec, &scenario.response, &offers, scenario.believed_elasticity());
        let replenishment = Replenishment {
            lead_time_periods: spec.lead_time_periods(),
            review_periods: scenario.supply.review_periods,
            persistence: 0.0,
            service_level_min: None,
        };
        let ordering = Ordering::OrderUpTo(&forecast);
        let rule = CalendarPolicy::new(YOU, &offers, &ordering, spec, &self.terms, replenishment)?;
        let orders = rule.start().act(seen).orders;
        let orders = orders.iter().filter_map(|order| {
            let cell = spec.cell_of(&order.sku, &order.place, 0)?;
            Some(CellOrder { cell, pieces: order.quantity.0, expedite: false })
        });
        Ok((orders.collect(), self.expected(&forecast, seen)))
    }

    fn expected(&self, forecast: &Forecast, seen: &Observation) -> Vec<f64> {
        // Rows come by cell, then period, in the order of the world's cells.
        forecast.rows.iter().filter(|row| row.period == seen.period).map(|row| row.mean).collect()
    }

    fn offers(&self, planned: &PlannedOffer) -> Vec<Offer> {
        let start = self.sandbox.spec.span().start.plus(planned.week as i32);
        let offer = |place: &Place| Offer {
            sku: planned.sku.clone(),
            place: place.clone(),
            span: Span::of_length(start, 1),
            mechanic: Mechanic::Tpr,
            depth: planned.depth,
            support: Support::default(),
        };
        self.regions.iter().map(offer).collect()
    }

    /// Orders of items as the person said, spread over stores by what these usually sell; the others as advised.
    fn with_said(&self, advised: Vec<CellOrder>, said: &BTreeMap<Sku, i64>, week: usize) -> Vec<CellOrder> {
        let spec = &self.sandbox.spec;
        let own = |order: &CellOrder| !said.contains_key(&spec.cells()[order.cell].sku);
        let mut orders: Vec<CellOrder> = advised.into_iter().filter(own).collect();
        let slot = spec.slot_of(spec.span().start.plus(week as i32));
        for (sku, &pieces) in said {
            let cells = spec.cells_of(sku);
            let usual = |cell: usize| spec.cells()[cell].mean_demand[slot];
            let (mut left, mut weight) = (pieces, cells.clone().map(usual).sum::<f64>());
            for cell in cells {
                let share = if weight > 0.0 { usual(cell) / weight } else { 0.0 };
                let pieces = (left as f64 * share).round() as i64;
                (left, weight) = (left - pieces, weight - usual(cell));
                orders.extend((pieces > 0).then_some(CellOrder { cell, pieces, expedite: false }));
            }
        }
        orders.sort_by_key(|order| order.cell);
        orders
    }
}

impl Policy for Person<'_> {
    fn name(&self) -> &str {
        YOU
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        let week = (seen.period.0 - self.sandbox.spec.span().start.0) as usize;
        let Some(turn) = self.turns.iter().rev().find(|turn| turn.from <= week) else { return Actions::default() };
        let ahead: Vec<PlannedOffer> = turn.offers.iter().filter(|offer| offer.week >= week).cloned().collect();
        // The scenario's terms were tried when the first standing was shown.
        let (advised, expected) = self.advised(&ahead, seen).unwrap_or_default();
        let cell_orders = if turn.from == week { self.with_said(advised, &turn.orders, week) } else { advised };
        let now: Vec<PlannedOffer> = ahead.into_iter().filter(|offer| offer.week == week).collect();
        let offers = now.iter().flat_map(|offer| self.offers(offer)).collect();
        self.ran.extend(now);
        Actions { offers, cell_orders, expected, ..Actions::default() }
    }
}
