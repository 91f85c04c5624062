//! How an offer reaches the stores: in stages, each after the guardrail of the one before was read.

use crate::{ScenarioError, Share};
use serde::{Deserialize, Serialize};

/// Read from `[rollout]` in `policy.toml`; what is left out, or the whole section, has the start values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutRules {
    /// Shares of the stores that have a plan's offers after each stage, rising to 1. The first is the canary. A single 1 is no
    /// staging.
    pub stages: Vec<Share>,
    /// Whole periods of sales under a stage that are read at least before the next one opens.
    pub periods_min: u32,
    /// Stores times periods that are read at least before anything follows from it.
    pub store_periods_min: u32,
    /// A loss of margin against the plan, beside the stores without the offers, that is surely larger than this stops the
    /// roll-out; a share of the margin.
    pub margin_harm: Share,
    /// The next stage opens once a loss larger than this is ruled out.
    pub margin_clear: Share,
    /// A rise of the share of time out of stock that is surely larger than this stops the roll-out; a difference of shares.
    pub stockouts_harm: Share,
    /// The next stage opens once a rise larger than this is ruled out.
    pub stockouts_clear: Share,
    /// Largest probability that a roll-out that does no harm is stopped, over all stages and however often it is looked at.
    pub false_stops_max: Share,
}

impl Default for RolloutRules {
    fn default() -> Self {
        let percent = |percent: u32| Share::of_basis_points(percent * 100);
        Self {
            stages: [5, 20, 50, 100].map(percent).into(),
            periods_min: 2,
            store_periods_min: 6,
            margin_harm: percent(0),
            margin_clear: percent(15),
            stockouts_harm: percent(2),
            stockouts_clear: percent(8),
            false_stops_max: percent(5),
        }
    }
}

impl RolloutRules {
    /// Checks that stages rise to all stores and bounds leave room.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first that does not.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let whole = Share::of_basis_points(10_000);
        let wrong = |field, found: String, expected| Err(ScenarioError { field, found, expected });
        let stages: Vec<u32> = self.stages.iter().map(|share| share.basis_points()).collect();
        if !stages.is_sorted_by(|a, b| a < b) || stages.first() == Some(&0) || stages.last() != Some(&10_000) {
            return wrong("rollout.stages", format!("{stages:?}"), "shares above 0 that rise to 1");
        }
        if self.periods_min == 0 || self.store_periods_min == 0 {
            return wrong("rollout.periods_min", "0".into(), "1 or more");
        }
        for (field, harm, clear) in [
            ("rollout.margin_clear", self.margin_harm, self.margin_clear),
            ("rollout.stockouts_clear", self.stockouts_harm, self.stockouts_clear),
        ] {
            if clear <= harm || clear > whole {
                return wrong(field, clear.to_string(), "more than what stops the roll-out, at most 1");
            }
        }
        if !(1..=5_000).contains(&self.false_stops_max.basis_points()) {
            return wrong("rollout.false_stops_max", self.false_stops_max.to_string(), "from 0.0001 to 0.5");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_values_are_in_range_and_each_can_be_left_out() {
        assert_eq!(RolloutRules::default().check(), Ok(()));
        assert_eq!(serde_json::from_str::<RolloutRules>("{}").unwrap(), RolloutRules::default());
        let all = serde_json::from_str::<RolloutRules>(r#"{"stages":[1.0]}"#).unwrap();
        assert_eq!((all.check(), all.stages.len()), (Ok(()), 1));
    }

    #[test]
    fn stages_that_do_not_rise_to_all_stores_are_refused() {
        let percent = |percent: u32| Share::of_basis_points(percent * 100);
        for stages in [vec![], vec![5, 50], vec![0, 100], vec![50, 20, 100], vec![20, 20, 100], vec![50, 200]] {
            let stages = stages.into_iter().map(percent).collect();
            assert!(RolloutRules { stages, ..RolloutRules::default() }.check().is_err());
        }
        let rules = RolloutRules { margin_clear: percent(0), ..RolloutRules::default() };
        assert!(rules.check().is_err());
        assert!(RolloutRules { false_stops_max: percent(0), ..RolloutRules::default() }.check().is_err());
    }
}
