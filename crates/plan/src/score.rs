//! The value of an offer under a goal, in whole minor units.
//!
//! value = margin · profit + revenue · Δrevenue + piece · Δpieces + unsold · pieces cleared − waste · Δwaste + changes;
//! with the weights of the preset of most profit that is the profit and loss itself, to the unit.

use crate::worth::Worth;
use endcap_model::{Goal, Objective, Scenario, Weights};

/// Values offers under one goal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scorer {
    objective: Objective,
    weights: Weights,
    /// Minor units in one major unit.
    minor: f64,
}

impl Scorer {
    pub fn new(scenario: &Scenario, goal: &Goal) -> Self {
        let digits = i32::from(scenario.currency.exponent().unwrap_or(0));
        Self { objective: scenario.objective, weights: goal.weights(), minor: 10f64.powi(digits) }
    }

    /// Value of an offer in the goal that is maximised.
    pub fn value(&self, worth: &Worth) -> i64 {
        let (weights, minor) = (&self.weights, self.minor);
        let profit = match self.objective {
            Objective::Full => worth.pnl.total() - worth.pnl.changes,
            Objective::Page => worth.page,
        };
        let outcomes = &worth.outcomes;
        let value = weights.margin * profit as f64
            + weights.revenue * outcomes.revenue as f64
            + weights.piece * minor * outcomes.pieces
            + weights.unsold_piece * minor * outcomes.cleared as f64
            + weights.unsold_value * outcomes.cleared_value as f64
            - weights.waste * outcomes.wasted as f64;
        value.round_ties_even() as i64 + worth.pnl.changes
    }

    /// Returns whether profit alone counts.
    pub fn is_profit(&self) -> bool {
        self.objective == Objective::Full && self.weights == Goal::default().weights()
    }
}
