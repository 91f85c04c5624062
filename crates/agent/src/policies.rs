//! Policies of action to try in the twin: a fixed calendar of offers with a rule for ordering, and those that plan on the
//! way (`rolling`).
//!
//! They see what a retailer sees ([`Observation`]) and know what they were told when they were made: the offers, a
//! forecast, the terms of supply. They never look into the world. One [`CalendarPolicy`] is shared by all runs; what a
//! run learns on the way is its own.

mod levels;
mod page;
mod reference;
mod rolling;
mod sizes;
mod train;

use endcap_model::{Forecast, Offer, Period, Pieces, Place, Sku, Span, SupplyOrder};
use endcap_supply::CellTerms;
use endcap_twin::{Actions, CellKey, Observation, Policy, WorldSpec};
use levels::{Averages, Levels};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use page::{SolvedPage, solve_page};
pub use reference::{believed_forecast, cell_terms, rotation};
pub use rolling::{Fits, RollingPolicy};
pub use sizes::{Markdown, SizePolicy, StyleReview, StyleSeen, alert, review};
pub use train::{Round, TrainTerms, train};

/// How often and for how long orders are placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replenishment {
    /// An order placed at the end of period t arrives at the start of t + this; 1 or more.
    pub lead_time_periods: usize,
    /// Periods between two orders of the same cell; 1 or more.
    pub review_periods: usize,
    /// Correlation (0..1) of demand's deviations from the forecast between the periods of a cover.
    pub persistence: f64,
    /// Least probability of covering the demand of a cover, where costs would ask for less.
    pub service_level_min: Option<f64>,
}

/// How a policy orders.
#[derive(Clone, Debug, PartialEq)]
pub enum Ordering<'a> {
    /// Up to the level that costs least for the cover, by a forecast that includes the offers.
    OrderUpTo(&'a Forecast),
    /// These orders, each in its period; after the last of them as `OrderUpTo`.
    Planned(&'a [SupplyOrder], &'a Forecast),
    /// Up to the level for a flat demand: the mean of the forecast's baseline at first, then the average sales of each
    /// `window` periods in turn. Blind to offers: as where planning and supply do not talk.
    MovingAverage {
        /// Periods that are averaged, 1 or more.
        window: usize,
        /// Forecast whose baseline stands for the sales before the first window.
        before: &'a Forecast,
    },
}

/// A calendar policy that cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Nothing is known about what a cell costs.
    #[error("policy {policy}: no supply terms for {sku} at {place}: give terms for every cell of the world")]
    NoTerms {
        /// The policy.
        policy: String,
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
    },
    /// The forecast has a hole.
    #[error("policy {policy}: no forecast for {sku} at {place} in period {period}: forecast the whole horizon")]
    NoForecast {
        /// The policy.
        policy: String,
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The period, as the calendar writes it.
        period: String,
    },
    /// A planned order that can no longer be placed.
    #[error("policy {policy}: the order of {sku} at {place} was due in period {period}, before the world begins")]
    TooLate {
        /// The policy.
        policy: String,
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The period, as the calendar writes it.
        period: String,
    },
    /// A setting outside its range.
    #[error("policy {policy}: {field} is {found}: expected {expected}")]
    Setting {
        /// The policy.
        policy: String,
        /// The field.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What would have been taken.
        expected: &'static str,
    },
}

/// A fixed calendar of offers with a rule for ordering; shared by all runs.
#[derive(Clone, Debug)]
pub struct CalendarPolicy {
    name: String,
    span: Span,
    keys: Arc<[CellKey]>,
    terms: Vec<CellTerms>,
    replenishment: Replenishment,
    offers: BTreeMap<Period, Vec<Offer>>,
    planned: BTreeMap<Period, Vec<SupplyOrder>>,
    rule: Rule,
}

/// The ordering, worked out for every cell.
#[derive(Clone, Debug)]
enum Rule {
    /// Levels by period and cell.
    Forward(BTreeMap<Period, Vec<Levels>>),
    /// Levels of the first window, and what is known of the cells before it.
    Average { window: usize, before: Averages },
}

impl CalendarPolicy {
    /// Works out the policy for a world. Of the world it reads who its cells are and which periods it runs, no demand.
    /// `terms` has one entry per cell, in any order; offers may name regions.
    ///
    /// # Errors
    /// [`PolicyError`] when terms or forecast miss a cell, a planned order is overdue, or a setting makes no sense.
    pub fn new(
        name: impl Into<String>,
        offers: &[Offer],
        ordering: &Ordering<'_>,
        spec: &WorldSpec,
        terms: &[CellTerms],
        replenishment: Replenishment,
    ) -> Result<Self, PolicyError> {
        let name = name.into();
        check(&name, &replenishment, ordering)?;
        let terms = in_order(&name, spec, terms)?;
        let forecast = match ordering {
            Ordering::OrderUpTo(forecast) | Ordering::Planned(_, forecast) => forecast,
            Ordering::MovingAverage { before, .. } => before,
        };
        let expected = levels::expected(&name, spec, forecast)?;
        let rule = match ordering {
            Ordering::MovingAverage { window, .. } => {
                Rule::Average { window: *window, before: expected.averages(&terms, &replenishment) }
            }
            _ => Rule::Forward(expected.levels(spec.span(), &terms, &replenishment)),
        };
        let planned = match ordering {
            Ordering::Planned(orders, _) => by_period(&name, spec, orders)?,
            _ => BTreeMap::new(),
        };
        let running = |period: Period| offers.iter().filter(|offer| offer.span.contains(period)).cloned().collect();
        let offers = spec.span().iter().map(|period| (period, running(period))).collect();
        Ok(Self { name, span: spec.span(), keys: spec.keys(), terms, replenishment, offers, planned, rule })
    }

    /// Returns the name under which its outcomes are kept.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts a run of the policy from the beginning.
    pub fn start(&self) -> Box<dyn Policy + '_> {
        let averages = match &self.rule {
            Rule::Forward(_) => None,
            Rule::Average { before, .. } => Some(before.clone()),
        };
        Box::new(Run { policy: self, averages })
    }

    fn orders(&self, levels: &[Levels], seen: &Observation) -> Vec<SupplyOrder> {
        let mut orders = Vec::new();
        for (cell, (seen_cell, levels)) in seen.cells.iter().zip(levels).enumerate() {
            let position = seen_cell.on_hand + seen_cell.on_order;
            let quantity = levels.order(position.0, &self.terms[cell]);
            if quantity > 0 {
                orders.push(SupplyOrder {
                    place: self.keys[cell].place.clone(),
                    sku: self.keys[cell].sku.clone(),
                    supplier: self.terms[cell].supplier.clone(),
                    order_period: seen.period.plus(-1),
                    arrives: seen.period.plus(self.replenishment.lead_time_periods as i32 - 1),
                    quantity: Pieces(quantity),
                });
            }
        }
        orders
    }

    /// Returns whether orders may be placed before a period.
    fn reviews(&self, period: Period) -> bool {
        ((period.0 - self.span.start.0) as usize).is_multiple_of(self.replenishment.review_periods)
    }
}

/// One run of a calendar policy.
struct Run<'a> {
    policy: &'a CalendarPolicy,
    averages: Option<Averages>,
}

impl Policy for Run<'_> {
    fn name(&self) -> &str {
        &self.policy.name
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        let policy = self.policy;
        let now = seen.period.plus(-1);
        let plan_ends = policy.planned.keys().next_back();
        let orders = match (&policy.rule, &mut self.averages) {
            _ if plan_ends.is_some_and(|last| now <= *last) => policy.planned.get(&now).cloned().unwrap_or_default(),
            (Rule::Average { window, .. }, Some(averages)) => {
                averages.note(seen, *window, &policy.terms, &policy.replenishment);
                if policy.reviews(seen.period) { policy.orders(averages.levels(), seen) } else { Vec::new() }
            }
            (Rule::Forward(levels), _) => {
                levels.get(&seen.period).map(|levels| policy.orders(levels, seen)).unwrap_or_default()
            }
            (Rule::Average { .. }, None) => Vec::new(),
        };
        let offers = policy.offers.get(&seen.period).cloned().unwrap_or_default();
        Actions { offers, orders, ..Actions::default() }
    }
}

fn check(policy: &str, replenishment: &Replenishment, ordering: &Ordering<'_>) -> Result<(), PolicyError> {
    let refuse = |field, found: String, expected| {
        Err(PolicyError::Setting { policy: policy.to_owned(), field, found, expected })
    };
    if replenishment.lead_time_periods == 0 {
        return refuse("lead_time_periods", "0".to_owned(), "1 or more periods");
    }
    if replenishment.review_periods == 0 {
        return refuse("review_periods", "0".to_owned(), "1 or more periods");
    }
    if !(0.0..=1.0).contains(&replenishment.persistence) {
        return refuse("persistence", replenishment.persistence.to_string(), "a correlation from 0 to 1");
    }
    match ordering {
        Ordering::MovingAverage { window: 0, .. } => refuse("window", "0".to_owned(), "1 or more periods"),
        _ => Ok(()),
    }
}

fn in_order(policy: &str, spec: &WorldSpec, terms: &[CellTerms]) -> Result<Vec<CellTerms>, PolicyError> {
    let known: BTreeMap<(&Sku, &Place), &CellTerms> =
        terms.iter().map(|terms| ((&terms.sku, &terms.place), terms)).collect();
    let of = |key: &CellKey| match known.get(&(&key.sku, &key.place)) {
        Some(&terms) => Ok(terms.clone()),
        None => Err(PolicyError::NoTerms { policy: policy.to_owned(), sku: key.sku.clone(), place: key.place.clone() }),
    };
    spec.keys().iter().map(of).collect()
}

/// Sorts planned orders by the period at whose end they are placed.
fn by_period(
    policy: &str,
    spec: &WorldSpec,
    orders: &[SupplyOrder],
) -> Result<BTreeMap<Period, Vec<SupplyOrder>>, PolicyError> {
    let mut planned: BTreeMap<Period, Vec<SupplyOrder>> = BTreeMap::new();
    for order in orders {
        if order.order_period < spec.span().start.plus(-1) {
            return Err(PolicyError::TooLate {
                policy: policy.to_owned(),
                sku: order.sku.clone(),
                place: order.place.clone(),
                period: spec.calendar().format(order.order_period),
            });
        }
        planned.entry(order.order_period).or_default().push(order.clone());
    }
    for orders in planned.values_mut() {
        orders.sort_by(|a, b| (&a.sku, &a.place).cmp(&(&b.sku, &b.place)));
    }
    Ok(planned)
}

#[cfg(test)]
mod tests;
