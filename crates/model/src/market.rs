//! How shoppers and vendors answer beyond the item itself: channels and segments, effects across categories, wear-out,
//! stock that runs out, and what changing a promise costs.

use crate::scenario::in_range;
use crate::{Depth, Place, ScenarioError, Which};
use serde::{Deserialize, Serialize};

/// A channel or a segment: places of sale whose shoppers answer in their own way. A segment is a place of its own where
/// its sales are recorded apart, such as those to card holders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Market {
    /// Regions in which its offers are set.
    pub places: Vec<Place>,
    /// Its own-price elasticity over that of the lift model.
    #[serde(default = "as_it_is")]
    pub own_price_factor: f64,
}

fn as_it_is() -> f64 {
    1.0
}

/// What one more piece of some items does to others: halo where they gain, pantry loading or a shift between channels
/// where they lose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossEffect {
    /// Name shown to people.
    pub name: String,
    /// Items on offer.
    pub from: Which,
    /// Items that gain or lose, in the same region, by their share of the baseline.
    #[serde(default)]
    pub to: Which,
    /// Pieces of those that each extra piece sells; below 0: keeps from being sold.
    pub share: f64,
    /// Periods after the offer in which it begins.
    #[serde(default)]
    pub first: usize,
    /// Periods over which it is spread evenly.
    #[serde(default = "one_period")]
    pub periods: usize,
    /// The same item in other regions is meant, not other items in the same region.
    #[serde(default)]
    pub same_item: bool,
}

fn one_period() -> usize {
    1
}

/// What discounts cost in the long run, by a reference price that shoppers learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WearOut {
    /// Log units of demand lost at list price per share of the list price by which the remembered price is lower.
    pub reference_effect: f64,
    /// Share of the remembered price that is kept from one period to the next.
    pub carry: f64,
    /// Depth up to which the brand is not hurt.
    pub brand_depth: f64,
    /// Cost of each point of depth above it, as a share of the period's baseline revenue.
    pub brand_rate: f64,
}

/// Items that are not ordered again: what is there is sold, or is left at the end of the horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOut {
    /// The items.
    pub items: Which,
    /// What a piece left at the end of the horizon is worth, as a share of its unit cost.
    #[serde(default)]
    pub salvage_share: f64,
    /// Depths to which the price may go down for good. An item has one discount at a time: promotion or markdown.
    #[serde(default)]
    pub markdowns: Vec<Depth>,
}

/// What a vendor pays of the discounts on its items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Funding {
    /// Share of the discount.
    pub share: f64,
    /// Most over the horizon; offers beyond it may run without.
    #[serde(default)]
    pub most: Option<f64>,
}

/// What changing a plan in force costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplanTerms {
    /// What each added, dropped or changed offer must earn, in major units (points of the goal).
    pub change_cost: f64,
    /// First periods of the rest of the horizon that stay as they are.
    pub frozen_periods: usize,
}

impl Market {
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        in_range("channels/segments.own_price_factor", self.own_price_factor, 0.0, 10.0, "a factor from 0 to 10")
    }
}

impl CrossEffect {
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        in_range("effects.share", self.share, -1.0, 10.0, "-1 to 10 pieces per extra piece")?;
        in_range("effects.first", self.first as f64, 0.0, 1000.0, "0 to 1000 periods")?;
        in_range("effects.periods", self.periods as f64, 1.0, 1000.0, "1 to 1000 periods")
    }
}

impl WearOut {
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        in_range("wear_out.reference_effect", self.reference_effect, 0.0, 20.0, "0 to 20 log units")?;
        in_range("wear_out.carry", self.carry, 0.0, 0.99, "a share from 0 to 0.99")?;
        in_range("wear_out.brand_depth", self.brand_depth, 0.0, 1.0, "a depth from 0 to 1")?;
        in_range("wear_out.brand_rate", self.brand_rate, 0.0, 10.0, "a rate of 0 or more")
    }
}
