//! What a plan is made from, and what can be wrong with it.

use crate::solve::ProblemError;
use endcap_model::{
    Calendar, Depth, Forecast, Group, LiftModel, Lock, Offer, Place, Scenario, ScenarioError, Sku, Span, StockState,
    TimeError,
};
use std::collections::BTreeMap;

/// Prices and costs of one item, in minor units per piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemEconomics {
    /// The item.
    pub sku: Sku,
    /// Items that substitute for it.
    pub group: Group,
    /// Category that is managed together.
    pub category: Option<String>,
    /// Who sells it to the retailer, and may pay for its promotions.
    pub vendor: Option<String>,
    /// Price without promotion.
    pub list_price: i64,
    /// What one piece costs.
    pub unit_cost: i64,
    /// Periods until a piece is thrown away; nothing for never.
    pub shelf_life: Option<usize>,
}

/// Everything that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// Limits and assumptions.
    pub scenario: &'a Scenario,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Periods that are planned.
    pub span: Span,
    /// How items answer to offers.
    pub lift: &'a LiftModel,
    /// Demand without promotion per SKU, store and period of the span.
    pub baseline: &'a Forecast,
    /// The region in which each store's offers are set; a store that is not named is its own region.
    pub regions: &'a BTreeMap<Place, Place>,
    /// Prices and costs.
    pub items: &'a BTreeMap<Sku, ItemEconomics>,
    /// Stock when the plan begins; cells without one have none.
    pub states: &'a [StockState],
    /// Items in regions where missing sizes, not the price, make their style slow, with the share of its demand whose size
    /// is there: no price is lowered there, unless a person locks it.
    pub broken: &'a BTreeMap<(Sku, Place), f64>,
    /// Offers by region that ran or were promised before the span; calendar rules count them.
    pub published: &'a [Offer],
}

/// Input that cannot be planned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    /// The span holds no period.
    #[error("the span to plan holds no period: ask for at least one")]
    EmptySpan,
    /// The forecast has another calendar than the plan.
    #[error("the baseline forecast is by {found}, the plan by {expected}: forecast again by {expected}")]
    Calendar {
        /// Calendar of the forecast.
        found: Calendar,
        /// Calendar of the plan.
        expected: Calendar,
    },
    /// No item has a forecast, a price and a response.
    #[error(
        "no item can be planned: {forecast} items have a baseline forecast, {priced} a price and {responses} a response, \
         but none has all three. Maybe the files come from different data."
    )]
    NothingToPlan {
        /// Items with a forecast.
        forecast: usize,
        /// Items with a price.
        priced: usize,
        /// Items with a response.
        responses: usize,
    },
    /// A forecast that is no number.
    #[error("the baseline of {sku} at {place} in {period} is {value}: expected a number of 0 or more")]
    Baseline {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The period, as its calendar writes it.
        period: String,
        /// What it is.
        value: f64,
    },
    /// A lock names an item, a place or a period outside the plan.
    #[error("the lock on {sku} names {what} '{name}', which the plan does not have: mend or drop the lock")]
    UnknownLock {
        /// The item.
        sku: Sku,
        /// What is unknown: item, place or period.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Two locks that say equally much fix different depths for the same offer.
    #[error(
        "two locks contradict each other: {} and {}; a lock on a store binds its whole region: drop one, or name place \
         or period in the one that is to win",
        said(.first),
        said(.second)
    )]
    LocksContradict {
        /// The earlier one.
        first: Box<Lock>,
        /// The later one.
        second: Box<Lock>,
    },
    /// A period of a lock or a rule cannot be read.
    #[error("a period of a lock or a rule cannot be read")]
    RulePeriod(#[from] TimeError),
    /// A rule speaks of nothing that is planned.
    #[error("{rule} fits no item and region of the plan: mend its names or drop it")]
    IdleRule {
        /// The rule.
        rule: String,
    },
    /// An item runs together with two sets of others.
    #[error("{sku} in {region} is in two sets of `limits.together`: name it in one")]
    TwiceTogether {
        /// The item.
        sku: Sku,
        /// The region.
        region: Place,
    },
    /// A goal that the plan cannot have.
    #[error("the goal cannot be planned for")]
    Goal(#[from] ScenarioError),
    /// A sell-through is asked for, but everything is ordered again.
    #[error("a least sell-through needs items that are not ordered again: name them under [[run_out]]")]
    NothingRunsOut,
    /// Numbers too large to plan with.
    #[error("the plan's numbers do not fit")]
    Problem(#[from] ProblemError),
}

fn said(lock: &Lock) -> String {
    let place = lock.place.as_ref().map_or_else(|| "all places".to_owned(), ToString::to_string);
    let period = lock.period.as_deref().unwrap_or("all periods");
    match lock.depth {
        Depth::ZERO => format!("no promotion of {} at {place} in {period}", lock.sku),
        depth => format!("{} at {depth} off at {place} in {period}", lock.sku),
    }
}
