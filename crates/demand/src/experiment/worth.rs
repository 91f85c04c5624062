//! What a test costs and what its answer is worth, in the panel's money.
//!
//! The effect is known as a normal distribution, its pooled posterior. A choice (no offer, or one of the allowed
//! depths) earns `margin * exp(x * effect)` per piece of usual sales. A test with standard error s would move the posterior
//! mean, whose spread before the test is known: `variance^2 / (variance + s^2)`. The value of the test is what the best
//! choice after it earns on average, over what the best choice earns now (preposterior analysis: Raiffa and Schlaifer
//! 1961, chapter 5). It is never below 0. Choices go by the expectation here, not by the median lift that plans use:
//! only then more knowledge never hurts.

use super::arm::Arm;
use super::normal::quantile;
use endcap_model::EffectKind;
use serde::{Deserialize, Serialize};

/// Points over which the outcomes of the test are averaged.
const POINTS: usize = 400;

/// What a decision would earn per piece that usually sells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    /// Factor on the effect in log sales, over the usual terms.
    pub(crate) x: f64,
    /// Margin of a piece.
    pub(crate) margin: f64,
    /// Fixed cost per piece that usually sells.
    pub(crate) fixed: f64,
}

/// What is known about an effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// Mean.
    pub mean: f64,
    /// Variance.
    pub variance: f64,
}

/// Value of an answer and cost of the test that gives it, in the panel's money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// Expected value of the better decisions that the test allows.
    pub value: f64,
    /// The same if the effect were known for sure: no test is worth more.
    pub value_of_certainty: f64,
    /// Discount on the pieces that the tested places sell anyway.
    pub given_away: f64,
    /// Expected profit that the treated cells lose against the usual terms; below 0 when the test is expected to pay.
    pub cost: f64,
    /// Value less cost.
    pub net: f64,
}

/// Prices that turn effects into money.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) effect: EffectKind,
    pub(crate) control: Arm,
    pub(crate) list_price: f64,
    pub(crate) margin_rate: f64,
    /// Fixed cost of advert or display per piece that usually sells.
    pub(crate) fixed: f64,
}

impl Terms {
    /// Says what an arm would earn.
    pub(crate) fn choice(self, arm: Arm) -> Choice {
        let cost = self.list_price * (1.0 - self.margin_rate);
        let supported = arm.support.feature || arm.support.display;
        Choice {
            x: arm.regressor(self.effect) - self.control.regressor(self.effect),
            margin: self.list_price * arm.depth.price_ratio() - cost,
            fixed: if supported { self.fixed } else { 0.0 },
        }
    }
}

impl Choice {
    /// Expected profit per piece that usually sells.
    fn expected(self, belief: Belief) -> f64 {
        self.margin * (self.x * belief.mean + 0.5 * self.x * self.x * belief.variance).exp() - self.fixed
    }
}

/// Returns the choice that earns most if the effect is as given.
pub(crate) fn best(choices: &[Choice], effect: f64) -> Option<usize> {
    let sure = Belief { mean: effect, variance: 0.0 };
    (0..choices.len()).max_by(|&a, &b| choices[a].expected(sure).total_cmp(&choices[b].expected(sure)))
}

/// Value of learning an effect with a standard error, per piece that usually sells.
pub(crate) fn value_of_learning(choices: &[Choice], belief: Belief, se: f64) -> f64 {
    let moves = belief.variance * belief.variance / (belief.variance + se * se).max(f64::MIN_POSITIVE);
    let left = belief.variance - moves;
    let outcome = |point: usize| {
        let mean = belief.mean + moves.sqrt() * quantile((point as f64 + 0.5) / POINTS as f64);
        Belief { mean, variance: left }
    };
    let average = |of: &dyn Fn(Belief) -> f64| (0..POINTS).map(|point| of(outcome(point))).sum::<f64>() / POINTS as f64;
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
    let after = average(&|belief| most(&mut choices.iter().map(|choice| choice.expected(belief))));
    let now = most(&mut choices.iter().map(|choice| average(&|belief| choice.expected(belief))));
    (after - now).max(0.0)
}

/// Puts value and cost of a test together: `tested` pieces would usually sell in its treated cells, `decided` pieces
/// in the periods that the decision is for.
pub(crate) fn worth(
    terms: Terms,
    treatment: Arm,
    choices: &[Choice],
    belief: Belief,
    se: f64,
    (tested, decided): (f64, f64),
) -> Worth {
    let usual = terms.choice(terms.control);
    let treated = terms.choice(treatment);
    let value = decided * value_of_learning(choices, belief, se);
    let cost = tested * (usual.expected(belief) - treated.expected(belief));
    let deeper = (treatment.depth.share() - terms.control.depth.share()).max(0.0);
    Worth {
        value,
        value_of_certainty: decided * value_of_learning(choices, belief, 0.0),
        given_away: tested * (terms.list_price * deeper + treated.fixed),
        cost,
        net: value - cost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn choices() -> Vec<Choice> {
        let choice = |ratio: f64| Choice { x: ratio.ln(), margin: 2.0 * ratio - 1.2, fixed: 0.0 };
        [1.0, 0.9, 0.8, 0.7].map(choice).into()
    }

    #[test]
    fn two_choices_are_worth_what_the_closed_form_says() {
        // max(0, X - K) for lognormal X: the expectation is that of Black (1976).
        let (mean, variance, se) = (0.1_f64, 0.09_f64, 0.2_f64);
        let two = [Choice { x: 0.0, margin: 1.2, fixed: 0.0 }, Choice { x: 1.0, margin: 1.0, fixed: 0.0 }];
        let spread = (variance * variance / (variance + se * se)).sqrt();
        let forward = (mean + variance / 2.0).exp();
        let d = ((forward / 1.2_f64).ln() + spread * spread / 2.0) / spread;
        let below = |z: f64| 1.0 - super::super::normal::above(z);
        let closed = forward * below(d) - 1.2 * below(d - spread) - (forward - 1.2).max(0.0);
        let found = value_of_learning(&two, Belief { mean, variance }, se);
        assert!((found - closed).abs() < 2e-3 * closed.max(0.01), "{found} {closed}");
    }

    proptest! {
        #[test]
        fn a_sharper_test_is_worth_more_and_certainty_most(mean in -5.0f64..0.0, sd in 0.05f64..1.5, se in 0.05f64..2.0) {
            let belief = Belief { mean, variance: sd * sd };
            let value = |se: f64| value_of_learning(&choices(), belief, se);
            prop_assert!(value(se) >= 0.0);
            prop_assert!(value(se) <= 1.01 * value(se / 2.0) + 1e-6);
            prop_assert!(value(se / 2.0) <= 1.01 * value(0.0) + 1e-6);
        }
    }
}
