//! How goods move beyond lead time and reliability: long delays, docks, expedited orders, transfers under way.

use crate::TwinError;
use endcap_model::Place;
use serde::{Deserialize, Serialize};

/// How goods move. The defaults add nothing to a lead time with deliveries that are at most a period late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logistics {
    /// Probability that a late delivery is late by one more period, again and again: the spread of the lead time.
    pub late_again_probability: f64,
    /// Most periods that a delivery is late.
    pub late_most: usize,
    /// Periods that a transfer is under way; 0 is there when the next period begins.
    pub transfer_periods: usize,
    /// What places can take in and hold; one without a place holds for all places without their own.
    pub docks: Vec<Dock>,
    /// Orders that come faster for more money; none when absent.
    pub expedite: Option<Expedite>,
}

/// What a place can take in and hold. What does not fit waits outside and comes first in the next period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dock {
    /// The place; all others when absent.
    #[serde(default)]
    pub place: Option<Place>,
    /// Most pieces taken in per period.
    #[serde(default)]
    pub arrivals_most: Option<i64>,
    /// Most pieces held after taking in.
    #[serde(default)]
    pub stock_most: Option<i64>,
}

/// Orders that come faster.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expedite {
    /// An expedited order of the end of period t is there at the start of t + this; 1 or more.
    pub lead_time_periods: usize,
    /// What it costs more, over the unit cost of its pieces.
    pub cost_rate: f64,
}

impl Default for Logistics {
    fn default() -> Self {
        Self { late_again_probability: 0.0, late_most: 1, transfer_periods: 0, docks: Vec::new(), expedite: None }
    }
}

impl Logistics {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for the first field outside its range.
    pub fn check(&self) -> Result<(), TwinError> {
        let within = |field: &str, found: f64, low: f64, high: f64, expected| {
            if (low..=high).contains(&found) {
                return Ok(());
            }
            Err(TwinError::Setting { field: format!("logistics.{field}"), found: found.to_string(), expected })
        };
        within("late_again_probability", self.late_again_probability, 0.0, 0.99, "a share from 0 to 0.99")?;
        within("late_most", self.late_most as f64, 1.0, 52.0, "1 to 52 periods")?;
        within("transfer_periods", self.transfer_periods as f64, 0.0, 52.0, "0 to 52 periods")?;
        for dock in &self.docks {
            let least = dock.arrivals_most.into_iter().chain(dock.stock_most).min().unwrap_or(0);
            within("docks", least as f64, 0.0, 1e12, "0 or more pieces")?;
        }
        if let Some(Expedite { lead_time_periods, cost_rate }) = self.expedite {
            within("expedite.lead_time_periods", lead_time_periods as f64, 1.0, 1000.0, "1 to 1000 periods")?;
            within("expedite.cost_rate", cost_rate, 0.0, 100.0, "a rate of 0 or more")?;
        }
        Ok(())
    }

    /// Returns what a place can take in and hold; nothing where there is no limit.
    pub(crate) fn dock(&self, place: &Place) -> Option<&Dock> {
        let own = self.docks.iter().find(|dock| dock.place.as_ref() == Some(place));
        own.or_else(|| self.docks.iter().find(|dock| dock.place.is_none()))
    }
}
