//! How the hidden shoppers behave beyond what a scenario's terms say: the world's own constants, in one place.

use crate::{Law, TwinError};
use endcap_model::Calendar;
use serde::{Deserialize, Serialize};

/// Habits of the shoppers. No policy sees them. The defaults are assumptions of a plausible size, not estimates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Habits {
    /// How demand answers to offers.
    pub law: Law,
    /// Share of the shoppers that come by who buy at list price, as the median over items. Demand saturates at one over
    /// it, when everybody buys. Over 0, below 1.
    pub purchase_share: f64,
    /// Standard deviation over items of the log of that share.
    pub purchase_share_sd: f64,
    /// Standard deviation of the log of a shock that all items of a region share in a period.
    pub region_shock_sd: f64,
    /// Variance over mean of a cell's demand around its expectation; 1 is a Poisson count.
    pub dispersion: f64,
    /// Share of the remembered price that lasts from one period to the next, from 0 to 1.
    pub reference_carry: f64,
    /// How far a remembered price below list lessens what shoppers see in a discount: 0 not at all, 1 they see only
    /// the gap to what they remember.
    pub reference_weight: f64,
    /// Share of a household stock that is used up instead of bought in a period, over 0 up to 1.
    pub stock_use: f64,
    /// What an advert adds to the utility of buying; about its log lift where few buy.
    pub feature_utility: f64,
    /// What a display adds to it.
    pub display_utility: f64,
    /// Threshold law: discount that half of those who will ever notice have noticed.
    pub threshold: f64,
    /// Threshold law: how gradually they do, as a share of the list price.
    pub threshold_width: f64,
    /// Reference-price law: weight of a price above the remembered one over one below it, 1 or more.
    pub loss_weight: f64,
    /// Share of the shoppers who would buy at list price, but wait when the item was always on offer lately; 0 for none.
    pub waiting_share: f64,
    /// Share of those who wait that still wait a period later; the rest gave up or bought elsewhere.
    pub waiting_patience: f64,
    /// Share of those who find the shelf empty that take another item of the group at the place.
    pub switch_share: f64,
    /// Share of a style's core sizes below which a store takes the style off the shelf.
    pub core_coverage_min: f64,
    /// Share of its demand that a style keeps then; 1 for no effect.
    pub back_room_share: f64,
    /// Probability that competitors have an item on offer in a period.
    pub rival_offer_probability: f64,
    /// Depth of their offers.
    pub rival_depth: f64,
    /// Elasticity of demand to their price over its usual level, 0 or more.
    pub rival_elasticity: f64,
    /// Probability that they answer an offer of the last period with one of their own.
    pub rival_follow_probability: f64,
    /// Shares of a week's shoppers by day, Monday first. Says when in a week a shelf ran empty.
    pub day_shares: [f64; 7],
}

impl Default for Habits {
    /// Habits by the day.
    fn default() -> Self {
        Self {
            purchase_share: 0.2,
            purchase_share_sd: 0.25,
            region_shock_sd: 0.08,
            dispersion: 1.4,
            reference_carry: 0.93,
            reference_weight: 0.5,
            stock_use: 0.15,
            feature_utility: 0.1,
            display_utility: 0.2,
            law: Law::Logit,
            threshold: 0.15,
            threshold_width: 0.03,
            loss_weight: 2.0,
            waiting_share: 0.0,
            waiting_patience: 0.7,
            switch_share: 0.0,
            core_coverage_min: 0.0,
            back_room_share: 1.0,
            rival_offer_probability: 0.0,
            rival_depth: 0.2,
            rival_elasticity: 0.5,
            rival_follow_probability: 0.0,
            day_shares: [0.12, 0.12, 0.13, 0.14, 0.18, 0.2, 0.11],
        }
    }
}

impl Habits {
    /// Returns the defaults for the periods of a calendar: a week forgets and uses up about what seven days do.
    pub fn of(calendar: Calendar) -> Self {
        match calendar {
            Calendar::Week => Self { reference_carry: 0.6, stock_use: 0.65, ..Self::default() },
            Calendar::Day | Calendar::Index => Self::default(),
        }
    }

    /// Checks every habit's range.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for the first one outside it.
    pub fn check(&self) -> Result<(), TwinError> {
        let within = |field: &str, found: f64, low: f64, high: f64, expected| {
            if (low..=high).contains(&found) {
                return Ok(());
            }
            Err(TwinError::Setting { field: format!("habits.{field}"), found: found.to_string(), expected })
        };
        within("purchase_share", self.purchase_share, 0.01, 0.9, "a share from 0.01 to 0.9")?;
        within("purchase_share_sd", self.purchase_share_sd, 0.0, 2.0, "0 to 2")?;
        within("region_shock_sd", self.region_shock_sd, 0.0, 2.0, "0 to 2")?;
        within("dispersion", self.dispersion, 1.0, 100.0, "1 (a Poisson count) to 100")?;
        within("reference_carry", self.reference_carry, 0.0, 1.0, "a share from 0 to 1")?;
        within("reference_weight", self.reference_weight, 0.0, 1.0, "a share from 0 to 1")?;
        within("stock_use", self.stock_use, 0.001, 1.0, "a share from 0.001 to 1")?;
        within("feature_utility", self.feature_utility, 0.0, 5.0, "0 to 5")?;
        within("display_utility", self.display_utility, 0.0, 5.0, "0 to 5")?;
        within("threshold_width", self.threshold_width, 0.001, 1.0, "a share from 0.001 to 1")?;
        within("loss_weight", self.loss_weight, 1.0, 10.0, "1 to 10")?;
        for (field, found) in [
            ("threshold", self.threshold),
            ("waiting_share", self.waiting_share),
            ("waiting_patience", self.waiting_patience),
            ("switch_share", self.switch_share),
            ("core_coverage_min", self.core_coverage_min),
            ("back_room_share", self.back_room_share),
            ("rival_offer_probability", self.rival_offer_probability),
            ("rival_follow_probability", self.rival_follow_probability),
        ] {
            within(field, found, 0.0, 1.0, "a share from 0 to 1")?;
        }
        within("rival_depth", self.rival_depth, 0.0, 0.95, "a share from 0 to 0.95")?;
        within("rival_elasticity", self.rival_elasticity, 0.0, 10.0, "0 to 10")?;
        self.day_shares.iter().try_for_each(|&share| within("day_shares", share, 0.0, 1.0, "shares from 0 to 1"))?;
        within("day_shares", self.day_shares.iter().sum(), 0.999, 1.001, "seven shares that add up to 1")
    }
}
