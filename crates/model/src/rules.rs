//! Business rules of a scenario: which offers, what they may use in all, and when they may run.

use crate::scenario::in_range;
use crate::{Group, Place, ScenarioError, Sku};
use serde::{Deserialize, Serialize};

/// Which offers a rule speaks of: those that fit every list; an empty list fits all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Which {
    /// Items.
    pub skus: Vec<Sku>,
    /// Groups of substitutes.
    pub groups: Vec<Group>,
    /// Categories.
    pub categories: Vec<String>,
    /// Vendors.
    pub vendors: Vec<String>,
    /// Regions in which offers are set.
    pub places: Vec<Place>,
    /// Channels of the scenario.
    pub channels: Vec<String>,
    /// Segments of the scenario.
    pub segments: Vec<String>,
    /// Promotions or markdowns.
    pub kind: Option<OfferKind>,
}

/// How a price comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OfferKind {
    /// For a while; the list price returns.
    #[default]
    Promotion,
    /// Down until the end of the horizon.
    Markdown,
}

/// What a pool counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// Money given away: what the budget counts.
    Spend,
    /// Money that vendors pay.
    Funding,
    /// Offers, one per item, region and period.
    Offers,
    /// Pieces sold on offer.
    Pieces,
    /// Pieces beyond the baseline.
    ExtraPieces,
    /// Money tied up in the pieces beyond the baseline, at unit cost.
    OrderCost,
}

/// Something that offers share: a purse of a vendor, a category or a channel, a page, a least spend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Name shown to people.
    pub name: String,
    /// Offers that use it.
    #[serde(default)]
    pub items: Which,
    /// What is counted; money in major units.
    pub counts: Counts,
    /// Most of it; no limit when absent.
    #[serde(default)]
    pub most: Option<f64>,
    /// Least of it.
    #[serde(default)]
    pub least: f64,
    /// One pool for each period.
    #[serde(default)]
    pub per_period: bool,
    /// One pool for each region.
    #[serde(default)]
    pub per_region: bool,
    /// Periods that count; all when absent.
    #[serde(default)]
    pub within: Option<Stretch>,
}

/// Periods from one to another, both included, as their calendar writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// First period.
    pub from: String,
    /// Last period.
    pub to: String,
}

/// When items may be promoted. Of several rules that speak of an item the strictest counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CalendarRule {
    /// Items.
    pub items: Which,
    /// At most one promotion in this many consecutive periods.
    pub spacing: Option<usize>,
    /// At most so many promoted periods in so many consecutive ones.
    pub windows: Vec<WindowRule>,
    /// Fewest consecutive periods of a promotion; the end of the horizon may cut one short.
    pub run_min: Option<usize>,
    /// Fewest periods between two promotions.
    pub rest: Option<usize>,
    /// Periods without promotions.
    pub blackouts: Vec<Stretch>,
}

/// At most so many promoted periods in so many consecutive ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WindowRule {
    /// Consecutive periods.
    pub periods: usize,
    /// Most promoted ones among them.
    pub most: usize,
}

/// Items that run together or not at all: in a region in the same periods at the same depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Together {
    /// The items.
    pub items: Which,
}

/// Items with more stock than they will need: offers are to sell the surplus within the horizon, at the least cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Clearance {
    /// Name shown to people.
    pub name: String,
    /// The items; each in each region has its own surplus.
    #[serde(default)]
    pub items: Which,
    /// Stock that may be left at the end of the horizon, in periods of mean baseline demand.
    pub cover_periods: f64,
}

impl Clearance {
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        in_range("limits.clear.cover_periods", self.cover_periods, 0.0, 1e6, "0 or more periods")
    }
}

impl Pool {
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        let most = self.most.unwrap_or(1e12);
        in_range("limits.pools.least", self.least, 0.0, 1e12, "an amount of 0 or more")?;
        in_range("limits.pools.most", most, self.least, 1e12, "an amount of at least `least`")
    }
}

impl CalendarRule {
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        let periods =
            |field, found: Option<usize>| in_range(field, found.unwrap_or(1) as f64, 1.0, 1000.0, "1 to 1000 periods");
        periods("limits.rules.spacing", self.spacing)?;
        periods("limits.rules.run_min", self.run_min)?;
        self.windows.iter().try_for_each(|window| periods("limits.rules.windows.periods", Some(window.periods)))
    }
}
