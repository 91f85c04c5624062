//! The scenario: what is decided, under which limits, and every assumption that the data do not state.

use crate::{
    CalendarRule, Clearance, CrossEffect, Currency, Depth, Funding, Goal, Market, Money, Place, Pool, ReplanTerms,
    RunOut, Sku, Together, WearOut,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A planning scenario, read from `scenario.toml`. Amounts of money are in major units of its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name shown to people.
    pub name: String,
    /// What is assumed because the data do not say it, in sentences; shown in the report.
    pub assumptions: Vec<String>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Number of periods to plan, from the first one after the history.
    pub horizon: usize,
    /// Depths that may be chosen, as shares of the list price.
    pub depths: Vec<Depth>,
    /// Standard errors by which lifts are lowered when offers are valued. Of many uncertain offers the best-looking ones
    /// are overrated (the optimiser's curse; Smith and Winkler 2006); 0 takes the estimates as they are.
    #[serde(default)]
    pub caution: f64,
    /// What is maximised.
    #[serde(default)]
    pub objective: Objective,
    /// What the plan is to bring: weights on profit, revenue, volume, unsold stock and waste.
    #[serde(default)]
    pub goal: Goal,
    /// Prices, costs and packs of the items.
    pub items: ItemTerms,
    /// What limits the choice.
    pub limits: Limits,
    /// Channels by name, each with the regions that it sells in.
    #[serde(default)]
    pub channels: BTreeMap<String, Market>,
    /// Segments of shoppers by name, each with the places where its sales are recorded.
    #[serde(default)]
    pub segments: BTreeMap<String, Market>,
    /// What offers do to other categories, later periods and other channels.
    #[serde(default)]
    pub effects: Vec<CrossEffect>,
    /// What discounts cost in the long run.
    #[serde(default)]
    pub wear_out: WearOut,
    /// Items that are not ordered again, with their markdowns.
    #[serde(default)]
    pub run_out: Vec<RunOut>,
    /// What changing a plan in force costs.
    #[serde(default)]
    pub replan: ReplanTerms,
    /// How supply works.
    pub supply: SupplyTerms,
    /// The simulated world.
    pub twin: TwinTerms,
}

/// Which profit is maximised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The full profit and loss: discount on all promoted units, substitutes, later periods, supply, fixed costs.
    #[default]
    Full,
    /// The page formula: discount on the extra units only. Labelled wherever it is shown.
    Page,
}

/// Terms of the items; what the facts state wins over these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemTerms {
    /// List price of one piece.
    pub list_price: f64,
    /// Unit margin as a share of the list price.
    pub margin_rate: f64,
    /// List price and margin by category, where they differ.
    #[serde(default)]
    pub by_category: BTreeMap<String, PriceTerms>,
    /// List price and margin by item, where they differ.
    #[serde(default)]
    pub by_sku: BTreeMap<Sku, PriceTerms>,
    /// Share of the discount that vendors pay back.
    #[serde(default)]
    pub vendor_funding_share: f64,
    /// What single vendors pay, where it differs.
    #[serde(default)]
    pub vendor_funding: BTreeMap<String, Funding>,
}

/// List price and margin of a category or an item.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTerms {
    /// List price of one piece.
    pub list_price: f64,
    /// Unit margin as a share of the list price.
    pub margin_rate: f64,
}

/// Limits on the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most money given away over the horizon.
    pub budget: f64,
    /// Most items on promotion per region and period.
    pub slots: usize,
    /// At most one promotion of an item in this many consecutive periods.
    pub spacing: usize,
    /// Least margin after discount, as a share of the paid price.
    pub margin_rate_min: f64,
    /// Fixed cost of one item on promotion in one region for one period.
    #[serde(default)]
    pub fixed_cost: f64,
    /// Extra pieces that the supply to a region can carry per period, as a share of its mean baseline.
    #[serde(default = "no_limit", skip_serializing_if = "is_no_limit")]
    pub capacity_share: f64,
    /// Decisions that people made: the offer must run (depth over 0) or must not (depth 0).
    #[serde(default)]
    pub locks: Vec<Lock>,
    /// Largest expected share of a region's stores that run out during an offer.
    #[serde(default = "certain")]
    pub stockout_probability_max: f64,
    /// Purses, pages and least spends that offers share.
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// When items may be promoted, beside `spacing`.
    #[serde(default)]
    pub rules: Vec<CalendarRule>,
    /// Items that run together or not at all.
    #[serde(default)]
    pub together: Vec<Together>,
    /// Surplus that offers are to clear.
    #[serde(default)]
    pub clear: Vec<Clearance>,
}

fn certain() -> f64 {
    1.0
}

fn no_limit() -> f64 {
    f64::INFINITY
}

/// JSON has no infinity: no limit is written as none.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_no_limit(share: &f64) -> bool {
    *share == f64::INFINITY
}

/// A decision of a person that the plan must keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The item.
    pub sku: Sku,
    /// The region or store; all when absent.
    #[serde(default)]
    pub place: Option<Place>,
    /// The period, as its calendar writes it; all when absent.
    #[serde(default)]
    pub period: Option<String>,
    /// The depth that must run; 0 for no promotion.
    pub depth: Depth,
}

/// How supply works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyTerms {
    /// An order placed at the end of period t arrives at the start of t + this.
    pub lead_time_periods: usize,
    /// Periods between two orders of the same item and place.
    #[serde(default = "every_period")]
    pub review_periods: usize,
    /// Stock when the plan begins, where the facts have none.
    pub opening_stock: OpeningStock,
    /// Pieces in a case, where the items do not say.
    #[serde(default = "one")]
    pub case_pack: i64,
    /// Fewest pieces in an order, where the items do not say.
    #[serde(default)]
    pub minimum_order: i64,
    /// Periods until a piece is thrown away, where the items do not say; nothing for never.
    #[serde(default)]
    pub shelf_life: Option<usize>,
    /// Cost of holding one piece for one period, as a share of its unit cost.
    pub holding_rate: f64,
    /// Cost of throwing a piece away beyond its unit cost, as a share of it.
    #[serde(default)]
    pub waste_rate: f64,
    /// Cost of a lost sale beyond its margin, as a share of the list price.
    #[serde(default)]
    pub shortage_rate: f64,
    /// Cost of moving one piece between places; stock stays where it is when absent.
    #[serde(default)]
    pub transfer_cost: Option<f64>,
    /// What is left above normal cover when an offer ends loses value; it keeps it when absent.
    #[serde(default)]
    pub write_down: Option<WriteDown>,
}

/// Loss of value of what is left above normal cover when an offer ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteDown {
    /// Periods of baseline demand that are normal cover.
    pub cover_periods: f64,
    /// Loss of a piece above it, over its unit cost.
    pub rate: f64,
}

impl WriteDown {
    /// Returns the pieces that may be left without loss, and the loss of each one above, for this baseline of a period and
    /// this cost of a piece.
    pub fn above(self, baseline: f64, unit_cost: f64) -> (f64, f64) {
        (self.cover_periods * baseline, self.rate * unit_cost)
    }
}

fn every_period() -> usize {
    1
}

fn one() -> i64 {
    1
}

/// Stock when the plan begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningStock {
    /// Periods of mean demand on hand.
    pub cover_periods: f64,
}

/// The simulated world that plans are tried in; its response is its own, not the estimates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinTerms {
    /// Number of worlds, each with its own seed.
    pub worlds: usize,
    /// First seed.
    pub seed: u64,
    /// Mean of the hidden price sensitivity of demand (an elasticity at list price) of items whose history shows none.
    pub elasticity_mean: f64,
    /// Standard deviation of an item's hidden elasticity around what its history shows, over worlds.
    pub elasticity_sd: f64,
    /// Share of the extra units bought on promotion that is taken from later periods.
    pub pull_forward_share: f64,
    /// Share of the extra units that is taken from substitutes.
    pub substitution_share: f64,
    /// Standard deviation of the log of a shock that an item shares over all places in a period.
    pub shock_sd: f64,
    /// Probability that a delivery is a period late.
    #[serde(default)]
    pub late_probability: f64,
    /// Probability that a delivery is cut, and the share that is then missing.
    #[serde(default)]
    pub cut_probability: f64,
    /// Share missing from a cut delivery.
    #[serde(default)]
    pub cut_share: f64,
}

/// A scenario that cannot be planned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} is {found}: expected {expected}")]
pub struct ScenarioError {
    /// The field, with its table.
    pub field: &'static str,
    /// What it holds.
    pub found: String,
    /// What would have been read.
    pub expected: &'static str,
}

impl Scenario {
    /// Checks every field's range.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first field outside its range.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let share = |field, found: f64| in_range(field, found, 0.0, 1.0, "a share from 0 to 1");
        let amount = |field, found: f64| in_range(field, found, 0.0, 1e12, "an amount of 0 or more");
        let price = |field, found: f64| in_range(field, found, 0.01, 1e9, "a price of at least 0.01");
        in_range("horizon", self.horizon as f64, 1.0, 1000.0, "1 to 1000 periods")?;
        in_range("depths", self.depths.len() as f64, 1.0, 100.0, "at least one depth, such as [0.1, 0.2, 0.3]")?;
        in_range("caution", self.caution, 0.0, 5.0, "0 to 5 standard errors")?;
        price("items.list_price", self.items.list_price)?;
        share("items.margin_rate", self.items.margin_rate)?;
        share("items.vendor_funding_share", self.items.vendor_funding_share)?;
        for terms in self.items.by_category.values().chain(self.items.by_sku.values()) {
            price("items.by_….list_price", terms.list_price)?;
            share("items.by_….margin_rate", terms.margin_rate)?;
        }
        amount("limits.budget", self.limits.budget)?;
        amount("limits.fixed_cost", self.limits.fixed_cost)?;
        share("limits.margin_rate_min", self.limits.margin_rate_min)?;
        in_range("limits.spacing", self.limits.spacing as f64, 1.0, 1000.0, "1 or more periods")?;
        in_range("limits.capacity_share", self.limits.capacity_share, 0.0, f64::INFINITY, "a share of 0 or more")?;
        share("limits.stockout_probability_max", self.limits.stockout_probability_max)?;
        self.check_rules()?;
        in_range("supply.lead_time_periods", self.supply.lead_time_periods as f64, 1.0, 1000.0, "1 to 1000 periods")?;
        in_range("supply.review_periods", self.supply.review_periods as f64, 1.0, 1000.0, "1 to 1000 periods")?;
        in_range("supply.case_pack", self.supply.case_pack as f64, 1.0, 1e9, "1 or more pieces")?;
        in_range("supply.minimum_order", self.supply.minimum_order as f64, 0.0, 1e9, "0 or more pieces")?;
        in_range("supply.opening_stock.cover_periods", self.supply.opening_stock.cover_periods, 0.0, 1e6, "0 or more")?;
        for (field, rate) in [
            ("supply.holding_rate", self.supply.holding_rate),
            ("supply.waste_rate", self.supply.waste_rate),
            ("supply.shortage_rate", self.supply.shortage_rate),
        ] {
            in_range(field, rate, 0.0, 100.0, "a rate of 0 or more")?;
        }
        if let Some(WriteDown { cover_periods, rate }) = self.supply.write_down {
            in_range("supply.write_down.cover_periods", cover_periods, 0.0, 1000.0, "0 to 1000 periods")?;
            in_range("supply.write_down.rate", rate, 0.0, 1.0, "a share from 0 to 1")?;
        }
        in_range("twin.worlds", self.twin.worlds as f64, 1.0, 1e6, "1 or more")?;
        in_range("twin.elasticity_mean", self.twin.elasticity_mean, -20.0, 0.0, "an elasticity from -20 to 0")?;
        in_range("twin.elasticity_sd", self.twin.elasticity_sd, 0.0, 20.0, "0 or more")?;
        in_range("twin.shock_sd", self.twin.shock_sd, 0.0, 2.0, "0 to 2")?;
        share("twin.pull_forward_share", self.twin.pull_forward_share)?;
        share("twin.substitution_share", self.twin.substitution_share)?;
        share("twin.late_probability", self.twin.late_probability)?;
        share("twin.cut_probability", self.twin.cut_probability)?;
        share("twin.cut_share", self.twin.cut_share)
    }

    fn check_rules(&self) -> Result<(), ScenarioError> {
        self.goal.check()?;
        for funding in self.items.vendor_funding.values() {
            in_range("items.vendor_funding.share", funding.share, 0.0, 1.0, "a share from 0 to 1")?;
            in_range("items.vendor_funding.most", funding.most.unwrap_or(0.0), 0.0, 1e12, "an amount of 0 or more")?;
        }
        self.limits.pools.iter().try_for_each(Pool::check)?;
        self.limits.rules.iter().try_for_each(CalendarRule::check)?;
        self.limits.clear.iter().try_for_each(Clearance::check)?;
        in_range("supply.transfer_cost", self.supply.transfer_cost.unwrap_or(0.0), 0.0, 1e9, "an amount of 0 or more")?;
        self.channels.values().chain(self.segments.values()).try_for_each(Market::check)?;
        self.effects.iter().try_for_each(CrossEffect::check)?;
        self.wear_out.check()?;
        for run_out in &self.run_out {
            in_range("run_out.salvage_share", run_out.salvage_share, 0.0, 1.0, "a share from 0 to 1")?;
        }
        in_range("replan.change_cost", self.replan.change_cost, 0.0, 1e9, "an amount of 0 or more")
    }

    /// Converts an amount in major units to whole minor units, rounding half to even.
    pub fn money(&self, major: f64) -> Money {
        let digits = i32::from(self.currency.exponent().unwrap_or(0));
        Money::new((major * 10f64.powi(digits)).round_ties_even() as i64, self.currency)
    }

    /// Returns list price and unit cost of an item as assumed here: by item, else by category, else for all.
    pub fn price_terms(&self, sku: &Sku, category: Option<&str>) -> PriceTerms {
        let items = &self.items;
        let by_category = || category.and_then(|category| items.by_category.get(category));
        items
            .by_sku
            .get(sku)
            .or_else(by_category)
            .copied()
            .unwrap_or(PriceTerms { list_price: items.list_price, margin_rate: items.margin_rate })
    }
}

impl Lock {
    /// Returns whether the lock speaks of this item, place and period (as its calendar writes it).
    pub fn covers(&self, sku: &Sku, place: &Place, period: &str) -> bool {
        self.sku == *sku
            && self.place.as_ref().is_none_or(|p| p == place)
            && self.period.as_ref().is_none_or(|p| p == period)
    }
}

pub(crate) fn in_range(
    field: &'static str,
    found: f64,
    low: f64,
    high: f64,
    expected: &'static str,
) -> Result<(), ScenarioError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(ScenarioError { field, found: found.to_string(), expected })
}
