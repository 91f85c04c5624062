//! How the hidden shoppers behave beyond what a scenario's terms say: the world's own constants, in one place.

use crate::TwinError;
use endcap_model::Calendar;
use serde::{Deserialize, Serialize};

/// Habits of the shoppers. No policy sees them. The defaults are assumptions of a plausible size, not estimates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Habits {
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
        within("display_utility", self.display_utility, 0.0, 5.0, "0 to 5")
    }
}
