//! The policies that a scenario may name, and the terms they are given.

use crate::TwinError;
use crate::scenario::within;
use endcap_model::Depth;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A policy to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PolicyChoice {
    /// No promotions.
    None {
        /// Name shown to people.
        name: String,
        /// How it orders.
        ordering: OrderingChoice,
    },
    /// Every item in turn, at one depth.
    Rotation {
        /// Name shown to people.
        name: String,
        /// How it orders.
        ordering: OrderingChoice,
        /// Share of the list price taken off.
        depth: Depth,
        /// Items on promotion per region and period.
        slots: usize,
        /// Periods that an offer runs; 1 when absent.
        #[serde(default = "one")]
        periods: usize,
    },
    /// A calendar of offers from a CSV file with the columns `sku`, `place` (store or region), `period`, `depth`.
    Calendar {
        /// Name shown to people.
        name: String,
        /// How it orders.
        ordering: OrderingChoice,
        /// The file, relative to the scenario file.
        file: PathBuf,
    },
    /// The spreadsheet: a calendar in turn under `[offers]`, historical averages, reorder to cover.
    Spreadsheet {
        /// Name shown to people.
        name: String,
        /// Share of the list price taken off.
        depth: Depth,
        /// What an offer is thought to multiply sales by at first.
        uplift: f64,
        /// Spare periods of average sales; 1 when absent.
        #[serde(default)]
        cover_periods: Option<f64>,
    },
    /// The ceiling: knows the hidden response, and chooses under `[offers]`.
    Oracle {
        /// Name shown to people.
        name: String,
        /// Whether it sees shocks of demand, response, competitors and supply come.
        #[serde(default)]
        sees_shocks: bool,
    },
    /// The calendar of the Promo Planner page, its greedy one or its rotation; ordered for as a spreadsheet does.
    Page {
        /// Name shown to people.
        name: String,
        /// Whether the rotation is run, not the greedy calendar.
        #[serde(default)]
        uniform: bool,
        /// What an offer is thought to multiply sales by at first.
        uplift: f64,
    },
    /// A season that is bought once: markdowns, transfers, both or neither.
    Season {
        /// Name shown to people.
        name: String,
        /// How it is run.
        #[serde(default)]
        terms: SeasonTerms,
    },
    /// Endcap's sizes: first allocation, transfers that rebuild runs, markdowns blocked where sizes are the cause.
    Sizes {
        /// Name shown to people.
        name: String,
        /// How it is run.
        #[serde(default)]
        terms: SizeRules,
    },
    /// Endcap's estimates, forecasts and optimiser, blind to supply: the planner takes stock for unlimited, and supply
    /// replenishes from average sales and hears of an offer when it is too late to order for it.
    Siloed {
        /// Name shown to people.
        name: String,
        /// How it plans.
        #[serde(default)]
        terms: LoopTerms,
        /// Periods before an offer begins in which supply hears of it and orders for it, 0 when it begins; never when
        /// absent.
        #[serde(default)]
        notice_periods: Option<usize>,
    },
    /// Endcap: offers that stock, deliveries and lead times allow, and orders that know of them.
    Integrated {
        /// Name shown to people.
        name: String,
        /// How it plans.
        #[serde(default)]
        terms: LoopTerms,
    },
    /// Offers by a linear rule whose weights were learned in the twin (`endcap twin --train`), orders as for `integrated`.
    Learned {
        /// Name shown to people.
        name: String,
        /// Periods between two estimates; without it the past is estimated once.
        #[serde(default)]
        refit_every: Option<usize>,
        /// What it weighs.
        #[serde(default)]
        weights: RuleWeights,
    },
    /// A process that reads observations and writes actions as JSON lines.
    Process {
        /// Name shown to people.
        name: String,
        /// Program and arguments; started in the scenario's folder.
        command: Vec<String>,
        /// Seconds that each answer may take.
        #[serde(default = "ten_seconds")]
        seconds: f64,
    },
}

fn ten_seconds() -> f64 {
    10.0
}

fn one() -> usize {
    1
}

/// How a policy orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderingChoice {
    /// Up to the expected demand of the cover, its own offers included.
    OrderUpTo,
    /// Up to a moving average of past sales: blind to the offers to come, as where planning and supply do not talk.
    MovingAverage,
    /// Up to some periods of historical averages, as a spreadsheet does; for `kind = "none"` only.
    Cover,
}

impl PolicyChoice {
    /// Returns the name shown to people.
    pub fn name(&self) -> &str {
        match self {
            Self::None { name, .. }
            | Self::Rotation { name, .. }
            | Self::Calendar { name, .. }
            | Self::Spreadsheet { name, .. }
            | Self::Oracle { name, .. }
            | Self::Page { name, .. }
            | Self::Season { name, .. }
            | Self::Sizes { name, .. }
            | Self::Siloed { name, .. }
            | Self::Integrated { name, .. }
            | Self::Learned { name, .. }
            | Self::Process { name, .. } => name,
        }
    }

    /// Returns how it orders; nothing for those with an ordering of their own.
    pub fn ordering(&self) -> Option<OrderingChoice> {
        match self {
            Self::None { ordering, .. } | Self::Rotation { ordering, .. } | Self::Calendar { ordering, .. } => {
                Some(*ordering)
            }
            _ => None,
        }
    }

    /// Returns how it plans, if it estimates and plans on the way.
    pub fn loop_terms(&self) -> Option<LoopTerms> {
        match self {
            Self::Siloed { terms, .. } | Self::Integrated { terms, .. } => Some(*terms),
            Self::Learned { refit_every, .. } => Some(LoopTerms { refit_every: *refit_every, ..LoopTerms::default() }),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TwinError> {
        match self {
            Self::Rotation { slots, periods, ordering, .. } => {
                within("policy.slots", *slots as f64, 1.0, 1e6, "1 or more items per region and period")?;
                within("policy.periods", *periods as f64, 1.0, 1e4, "1 or more periods")?;
                check_cover(*ordering)
            }
            Self::Calendar { ordering, .. } => check_cover(*ordering),
            Self::Spreadsheet { uplift, cover_periods, .. } => {
                within("policy.uplift", *uplift, 0.1, 100.0, "0.1 to 100 times")?;
                within("policy.cover_periods", cover_periods.unwrap_or(0.0), 0.0, 1000.0, "0 to 1000 periods")
            }
            Self::Season { terms, .. } => {
                within("policy.terms.target", terms.target, 0.0, 1.0, "a share from 0 to 1")?;
                within("policy.terms.every", terms.every as f64, 1.0, 1000.0, "1 or more periods")?;
                within("policy.terms.step", terms.step, 0.0, 0.9, "a share from 0 to 0.9")?;
                within("policy.terms.depth_max", terms.depth_max, 0.0, 0.9, "a share from 0 to 0.9")
            }
            Self::Sizes { terms, .. } => {
                within("policy.terms.target", terms.target, 0.0, 1.0, "a share from 0 to 1")?;
                within("policy.terms.every", terms.every as f64, 1.0, 1000.0, "1 or more periods")?;
                within("policy.terms.step", terms.step, 0.0, 0.9, "a share from 0 to 0.9")?;
                within("policy.terms.depth_max", terms.depth_max, 0.0, 0.9, "a share from 0 to 0.9")?;
                within("policy.terms.broken_loss", terms.broken_loss, 0.0, 1.0, "a share from 0 to 1")?;
                within("policy.terms.pairs_min", terms.pairs_min, 0.0, 1e6, "0 or more pieces per style and store")?;
                within("policy.terms.coverage_min", terms.coverage_min, 0.0, 1.0, "a share from 0 to 1")
            }
            Self::Process { command, seconds, .. } => {
                within("policy.command", command.len() as f64, 1.0, 1e4, "a program and its arguments")?;
                within("policy.seconds", *seconds, 0.001, 86_400.0, "0.001 to 86,400 seconds")
            }
            Self::Siloed { terms, notice_periods, .. } => {
                within("policy.notice_periods", notice_periods.unwrap_or(0) as f64, 0.0, 1000.0, "0 to 1000 periods")?;
                terms.check()
            }
            Self::Integrated { terms, .. } => terms.check(),
            Self::Learned { refit_every, weights, .. } => {
                let each = |weight: &f64| within("policy.weights", *weight, -1e3, 1e3, "weights from -1000 to 1000");
                weights.to_array().iter().try_for_each(each)?;
                within("policy.refit_every", refit_every.unwrap_or(1) as f64, 1.0, 1e4, "1 or more periods")
            }
            Self::Page { uplift, .. } => within("policy.uplift", *uplift, 0.1, 100.0, "0.1 to 100 times"),
            Self::None { .. } | Self::Oracle { .. } => Ok(()),
        }
    }
}

fn check_cover(ordering: OrderingChoice) -> Result<(), TwinError> {
    if ordering != OrderingChoice::Cover {
        return Ok(());
    }
    let (field, found) = ("policy.ordering".to_owned(), "cover".to_owned());
    Err(TwinError::Setting { field, found, expected: "order_up_to or moving_average; cover goes with kind none" })
}

/// The limits under which policies choose their offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfferTerms {
    /// Depths that may be chosen, rising.
    pub depths: Vec<Depth>,
    /// Items on offer per region and period.
    pub slots: usize,
    /// At most one offer of an item in this many consecutive periods.
    pub spacing: usize,
    /// Periods that an offer runs.
    pub periods: usize,
    /// Most money given away over the horizon, major units; without limit when absent.
    pub budget: Option<f64>,
}

impl Default for OfferTerms {
    fn default() -> Self {
        let depths = [0.1, 0.2, 0.3].map(|share| Depth::from_share(share).expect("Invariant: a share below 1"));
        Self { depths: depths.to_vec(), slots: 10, spacing: 4, periods: 1, budget: None }
    }
}

/// How a policy plans on a horizon that rolls on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoopTerms {
    /// Periods between two plans.
    pub every: usize,
    /// Periods that each plan looks ahead.
    pub ahead: usize,
    /// First periods of each plan that stay as they were promised.
    pub frozen: usize,
    /// Periods between two estimates; without it the past is estimated once.
    pub refit_every: Option<usize>,
    /// Standard errors by which lifts are lowered when offers are valued.
    pub caution: f64,
    /// Whether the plan is mended between two plans: what sells otherwise than expected changes what is believed, promises are
    /// changed where that pays, and offers are taken back at stores whose shelf cannot hold them.
    pub in_flight: bool,
    /// Exploration: each plan is made with lifts drawn from what is known of them, so many standard errors wide, so that items of
    /// which little is known are tried at times; 0 for none.
    pub explore: f64,
}

impl Default for LoopTerms {
    fn default() -> Self {
        Self { every: 4, ahead: 13, frozen: 2, refit_every: None, caution: 0.0, in_flight: false, explore: 0.0 }
    }
}

impl LoopTerms {
    fn check(&self) -> Result<(), TwinError> {
        within("policy.terms.every", self.every as f64, 1.0, 1000.0, "1 to 1000 periods")?;
        let least = (self.every + self.frozen) as f64;
        within("policy.terms.ahead", self.ahead as f64, least, 1000.0, "at least `every` and `frozen` together")?;
        within("policy.terms.refit_every", self.refit_every.unwrap_or(1) as f64, 1.0, 1e4, "1 or more periods")?;
        within("policy.terms.explore", self.explore, 0.0, 5.0, "0 to 5 standard errors")?;
        within("policy.terms.caution", self.caution, 0.0, 5.0, "0 to 5 standard errors")
    }
}

/// Weights of a learned rule: an offer is made where they add its features up to more than others come to, and to more than 0.
/// Features are money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleWeights {
    /// Of what an offer earns in its own period, vendor money included, less its fixed cost.
    pub own_gain: f64,
    /// Of the margin at list price of the pieces that it sells more: what they may take from other items and later periods.
    pub extra_pieces: f64,
    /// Of vendor money.
    pub vendor_money: f64,
    /// Of what the own gain loses if the lift is a standard error less, a negative number.
    pub doubt: f64,
    /// Of the own gain, the less the later after the item's last offer.
    pub freshness: f64,
    /// Of the fixed cost.
    pub one_offer: f64,
}

impl Default for RuleWeights {
    fn default() -> Self {
        Self::from_array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    }
}

impl RuleWeights {
    /// Number of weights.
    pub const COUNT: usize = 6;

    /// Reads the weights in the order of the fields.
    pub fn from_array([own_gain, extra_pieces, vendor_money, doubt, freshness, one_offer]: [f64; Self::COUNT]) -> Self {
        Self { own_gain, extra_pieces, vendor_money, doubt, freshness, one_offer }
    }

    /// Returns the weights in the order of the fields.
    pub fn to_array(self) -> [f64; Self::COUNT] {
        let Self { own_gain, extra_pieces, vendor_money, doubt, freshness, one_offer } = self;
        [own_gain, extra_pieces, vendor_money, doubt, freshness, one_offer]
    }
}

/// How a season that is bought once is run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeasonTerms {
    /// Whether styles that fall behind are marked down.
    pub markdowns: bool,
    /// Whether pieces are moved to rebuild size runs.
    pub transfers: bool,
    /// Share of the opening stock that is to be sold by the end.
    pub target: f64,
    /// Periods between two reviews.
    pub every: usize,
    /// Step of a markdown, as a share of the list price.
    pub step: f64,
    /// Deepest markdown.
    pub depth_max: f64,
}

impl Default for SeasonTerms {
    fn default() -> Self {
        Self { markdowns: true, transfers: false, target: 0.85, every: 4, step: 0.1, depth_max: 0.5 }
    }
}

/// How Endcap looks after the sizes of a season that is bought once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SizeRules {
    /// Whether it sees sizes; without them it works as if every style had one, and says that it is blind to them.
    pub sees_sizes: bool,
    /// Whether it spreads what was bought over the stores itself.
    pub allots: bool,
    /// Share of the opening stock that is to be sold by the end.
    pub target: f64,
    /// Periods between two reviews.
    pub every: usize,
    /// Step of a markdown, as a share of the list price.
    pub step: f64,
    /// Deepest markdown.
    pub depth_max: f64,
    /// Share of its sales that a style loses where a core size is missing, beyond the missing sizes.
    pub broken_loss: f64,
    /// Pieces of a style per store below which people are alerted.
    pub pairs_min: f64,
    /// Share of the demand, by its size, that is to be covered: below it people are alerted.
    pub coverage_min: f64,
}

impl Default for SizeRules {
    fn default() -> Self {
        Self {
            sees_sizes: true,
            allots: true,
            target: 0.85,
            every: 4,
            step: 0.1,
            depth_max: 0.5,
            broken_loss: 0.5,
            pairs_min: 4.0,
            coverage_min: 0.7,
        }
    }
}
