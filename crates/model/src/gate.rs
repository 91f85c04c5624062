//! Limits on each single thing that leaves the house: a price, an offer, an order, a transfer.
//!
//! Read from `[gate]` in `policy.toml`. All are whole numbers or shares in basis points; a limit that is missing is an
//! error, never a default. [`GateLimits::cautious`] gives the start values that a new file is written with.

use crate::{ContentHash, Currency, ScenarioError, Share, hash_json};
use serde::{Deserialize, Serialize};

/// Limits that every intent must stay within when it is proposed, when it is approved and just before it is sent.
///
/// Money is in whole minor units of [`GateLimits::currency`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateLimits {
    /// Version that people give it.
    pub version: String,
    /// Currency of all amounts; an intent in another one is refused.
    pub currency: Currency,
    /// Least margin, as a share of the price, above the unit cost.
    pub margin_rate_min: Share,
    /// Largest move of a price in one step, as a share of the price last confirmed at the channel.
    pub price_step_max: Share,
    /// Furthest that prices may come, step by step, from the base price that people approved last, as a share of it.
    pub price_walk_max: Share,
    /// Most pieces in one order or transfer.
    pub order_pieces_max: i64,
    /// Largest value of one order, at the supplier's price.
    pub order_value_max: i64,
    /// Most pieces ordered for an item and place within a day, as a multiple of what the forecast needs.
    pub order_cover_max: Share,
    /// Largest change of a forecast behind an order that goes without a person, in median absolute deviations.
    pub forecast_change_mads_max: Share,
    /// Most price moves of an item at a place and channel within 24 hours.
    pub moves_per_day_max: u32,
    /// Most changes by one agent within an hour.
    pub agent_changes_per_hour_max: u32,
    /// Most changes in one category within an hour.
    pub category_changes_per_hour_max: u32,
    /// Largest share of the items that may change within an hour; one item always may.
    pub skus_per_hour_max: Share,
    /// Largest share of the places an offer may reach before the first reading of its guardrail; one place always may.
    pub places_before_reading_max: Share,
    /// Largest share of the expected revenue that changes within 24 hours may touch.
    pub revenue_per_day_max: Share,
    /// Most money that price cuts of 24 hours may give away, at expected sales.
    pub given_away_per_day_max: i64,
    /// Days for which a price cut without an end counts as given away.
    pub open_end_days: u32,
    /// Largest value of orders to one supplier within 24 hours.
    pub supplier_per_day_max: i64,
    /// Most turns of a price (up after down, down after up) of an item at a place and channel within 7 days.
    pub reversals_per_week_max: u32,
    /// Hours in which the same effect is not sent twice, at most 168.
    pub duplicate_hours: u32,
    /// Age in hours from which the data behind an intent is too old.
    pub data_age_hours_max: u32,
}

/// In which direction a limit gets looser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looser {
    /// A larger value allows more.
    Up,
    /// A smaller value allows more.
    Down,
}

impl GateLimits {
    /// Start values, from the published practice of price guards and of the limits on automated trading.
    ///
    /// A price moves by at most 30 % a step and twice a day; 1 % of the items move in an hour; an offer reaches 5 % of the
    /// places before its guardrail was read; orders stay under one and a half times what the forecast needs; a forecast that
    /// moved by more than 3 median absolute deviations waits for a person.
    pub fn cautious(currency: Currency) -> Self {
        let percent = |percent: u32| Share::of_basis_points(percent * 100);
        Self {
            version: "1".into(),
            currency,
            margin_rate_min: percent(0),
            price_step_max: percent(30),
            price_walk_max: percent(50),
            order_pieces_max: 10_000,
            order_value_max: 5_000_000,
            order_cover_max: percent(150),
            forecast_change_mads_max: percent(300),
            moves_per_day_max: 2,
            agent_changes_per_hour_max: 500,
            category_changes_per_hour_max: 200,
            skus_per_hour_max: percent(1),
            places_before_reading_max: percent(5),
            revenue_per_day_max: percent(10),
            given_away_per_day_max: 1_000_000,
            open_end_days: 7,
            supplier_per_day_max: 20_000_000,
            reversals_per_week_max: 2,
            duplicate_hours: 24,
            data_age_hours_max: 48,
        }
    }

    /// Names what a decision was made under.
    pub fn hash(&self) -> ContentHash {
        hash_json(self)
    }

    /// Lists every limit by name with its value (shares in basis points) and the direction in which it gets looser.
    pub fn bounds(&self) -> [(&'static str, i64, Looser); 19] {
        use Looser::{Down, Up};
        let share = |share: Share| i64::from(share.basis_points());
        [
            ("margin_rate_min", share(self.margin_rate_min), Down),
            ("price_step_max", share(self.price_step_max), Up),
            ("price_walk_max", share(self.price_walk_max), Up),
            ("order_pieces_max", self.order_pieces_max, Up),
            ("order_value_max", self.order_value_max, Up),
            ("order_cover_max", share(self.order_cover_max), Up),
            ("forecast_change_mads_max", share(self.forecast_change_mads_max), Up),
            ("moves_per_day_max", self.moves_per_day_max.into(), Up),
            ("agent_changes_per_hour_max", self.agent_changes_per_hour_max.into(), Up),
            ("category_changes_per_hour_max", self.category_changes_per_hour_max.into(), Up),
            ("skus_per_hour_max", share(self.skus_per_hour_max), Up),
            ("places_before_reading_max", share(self.places_before_reading_max), Up),
            ("revenue_per_day_max", share(self.revenue_per_day_max), Up),
            ("given_away_per_day_max", self.given_away_per_day_max, Up),
            ("open_end_days", self.open_end_days.into(), Down),
            ("supplier_per_day_max", self.supplier_per_day_max, Up),
            ("reversals_per_week_max", self.reversals_per_week_max.into(), Up),
            ("duplicate_hours", self.duplicate_hours.into(), Down),
            ("data_age_hours_max", self.data_age_hours_max.into(), Up),
        ]
    }

    /// Checks every limit's range.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first limit outside its range.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |field, found: i64, expected| Err(ScenarioError { field, found: found.to_string(), expected });
        for (field, found, _) in self.bounds() {
            if found < 0 {
                return wrong(field, found, "0 or more");
            }
        }
        if self.margin_rate_min.basis_points() >= 10_000 {
            return wrong("margin_rate_min", self.margin_rate_min.basis_points().into(), "less than the whole price");
        }
        if self.duplicate_hours > 168 {
            return wrong(
                "duplicate_hours",
                self.duplicate_hours.into(),
                "at most 168 hours, for which what was sent is kept",
            );
        }
        if self.open_end_days == 0 {
            return wrong("open_end_days", 0, "1 day or more");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_values_are_in_range_and_read_back() {
        let limits = GateLimits::cautious(Currency::EUR);
        assert_eq!(limits.check(), Ok(()));
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<GateLimits>(&text).unwrap(), limits);
    }

    #[test]
    fn a_limit_that_is_missing_unknown_or_out_of_range_is_refused() {
        let mut json = serde_json::to_value(GateLimits::cautious(Currency::EUR)).unwrap();
        json["surprise"] = 1.into();
        assert!(serde_json::from_value::<GateLimits>(json.clone()).is_err());
        json.as_object_mut().unwrap().remove("surprise");
        json.as_object_mut().unwrap().remove("price_step_max");
        assert!(serde_json::from_value::<GateLimits>(json).is_err());
        let base = GateLimits::cautious(Currency::EUR);
        for wrong in [
            GateLimits { order_value_max: -1, ..base.clone() },
            GateLimits { margin_rate_min: Share::of_basis_points(10_000), ..base.clone() },
            GateLimits { duplicate_hours: 169, ..base.clone() },
            GateLimits { open_end_days: 0, ..base },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_limit_but_version_and_currency_is_listed() {
        let limits = GateLimits::cautious(Currency::EUR);
        let fields = serde_json::to_value(&limits).unwrap().as_object().unwrap().len();
        assert_eq!(limits.bounds().len(), fields - 2);
    }
}
