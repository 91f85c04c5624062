//! Laws of response: what an offer multiplies the demand for its own item by.
//!
//! Several on purpose. An estimate that is right under one law only, or a planner that trusts it, has to be caught: the
//! scenario chooses the law, no policy is told. Each law is tuned item by item to the elasticity that was drawn for the
//! item, so that they agree where the item is known and part where it is not.
//!
//! # Source
//! Logit choice with an outside option: McFadden 1974. Constant elasticity: the log-linear SCAN*PRO form (Wittink,
//! Addona, Hawkes and Porter 1988). Threshold: discounts below a threshold are not noticed and beyond a point saturate
//! (Gupta and Cooper 1992). Reference price with losses that loom larger than gains: Kahneman and Tversky 1979;
//! Kalyanaram and Winer 1995.

use crate::{Habits, Shown};
use serde::{Deserialize, Serialize};

/// Part of the saturation level up to which a shown multiple is believed.
const SATURATION_SHOWN_MAX: f64 = 0.9;
/// Depth at which the threshold law has the constant elasticity's answer where nothing is known of depths.
const THRESHOLD_DEPTH: f64 = 0.3;
/// Largest multiple that any law gives.
const MULTIPLE_MAX: f64 = 1000.0;

/// How demand answers to the discount that shoppers perceive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Choice between buying and not, with few who buy at list price: saturates at one over their share.
    #[default]
    Logit,
    /// Price to a constant power: what a log-linear model assumes.
    ConstantElasticity,
    /// Little below a threshold, much above it, then saturation.
    Threshold,
    /// The logit choice in which prices above the remembered one repel more than prices below it attract, so that
    /// demand at list price sags after offers.
    ReferencePrice,
}

/// What an item answers with under a law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Share of shoppers who buy at list price.
    pub share: f64,
    /// The law's own strength: utility per share of the list price (logit, reference price), minus the elasticity
    /// (constant elasticity), most extra demand (threshold).
    pub strength: f64,
}

/// The law with those habits that shape it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response {
    law: Law,
    reference_weight: f64,
    threshold: f64,
    threshold_width: f64,
    loss_weight: f64,
}

impl Response {
    pub(crate) fn of(habits: &Habits) -> Self {
        Self {
            law: habits.law,
            reference_weight: habits.reference_weight,
            threshold: habits.threshold,
            threshold_width: habits.threshold_width,
            loss_weight: habits.loss_weight,
        }
    }

    /// Returns the answer under which the law multiplies demand at the shown depth by what was shown; at no depth, the
    /// one with the shown elasticity at list price (under the threshold law, which is flat there: at a usual depth).
    pub(crate) fn tune(&self, shown: Shown, share: f64) -> Answer {
        let multiple = |depth: f64| (1.0 - depth).powf(shown.elasticity);
        let strength = match self.law {
            Law::ConstantElasticity => -shown.elasticity,
            Law::Threshold => {
                let depth = if shown.depth > 0.0 { shown.depth } else { THRESHOLD_DEPTH };
                (multiple(depth) - 1.0) / self.noticed(depth)
            }
            Law::Logit | Law::ReferencePrice if shown.depth > 0.0 => {
                let multiple = multiple(shown.depth).min(SATURATION_SHOWN_MAX / share);
                (multiple * (1.0 - share) / (1.0 - share * multiple)).ln() / shown.depth
            }
            Law::Logit | Law::ReferencePrice => -shown.elasticity / (1.0 - share),
        };
        Answer { share, strength }
    }

    /// Returns what a price (over list price) and a utility of support multiply demand by, for shoppers who remember a
    /// price; 1 where nothing is on offer and nothing cheaper remembered.
    pub(crate) fn multiple(&self, answer: Answer, ratio: f64, utility: f64, remembered: f64) -> f64 {
        let faded = self.reference_weight * (1.0 - remembered);
        let multiple = match self.law {
            Law::Logit => choice_multiple(answer, (1.0 - ratio - faded).max(0.0), utility),
            Law::ConstantElasticity => {
                (1.0 - (1.0 - ratio - faded).clamp(0.0, 0.99)).powf(-answer.strength) * utility.exp()
            }
            Law::Threshold => (1.0 + answer.strength * self.noticed((1.0 - ratio - faded).max(0.0))) * utility.exp(),
            Law::ReferencePrice => {
                let gap = remembered - ratio;
                let felt = if gap < 0.0 { self.loss_weight * gap } else { gap };
                let weight = self.reference_weight;
                choice_multiple(answer, (1.0 - weight) * (1.0 - ratio) + weight * felt, utility)
            }
        };
        multiple.min(MULTIPLE_MAX)
    }

    /// Returns whether shoppers react to a price at list too, when they remember a lower one.
    pub(crate) fn resents(&self) -> bool {
        self.law == Law::ReferencePrice && self.reference_weight > 0.0
    }

    /// Returns the elasticity at list price.
    pub(crate) fn elasticity_at_list(&self, answer: Answer) -> f64 {
        const STEP: f64 = 1e-6;
        let fresh = |ratio: f64| self.multiple(answer, ratio, 0.0, 1.0);
        match self.law {
            Law::Logit | Law::ReferencePrice => -answer.strength * (1.0 - answer.share),
            Law::ConstantElasticity => -answer.strength,
            Law::Threshold => (1.0 - fresh(1.0 - STEP)) / STEP,
        }
    }

    /// Share of the most extra demand that a discount draws: 0 at none, 1 far above the threshold.
    fn noticed(&self, depth: f64) -> f64 {
        let rise = |depth: f64| 1.0 / (1.0 + (-(depth - self.threshold) / self.threshold_width).exp());
        let none = rise(0.0);
        (rise(depth) - none) / (1.0 - none)
    }
}

/// What a discount and a gain in utility multiply demand by, out of a purchase share without them.
fn choice_multiple(answer: Answer, discount: f64, utility: f64) -> f64 {
    let odds = (answer.strength * discount + utility).min(700.0).exp();
    odds / (1.0 - answer.share + answer.share * odds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAWS: [Law; 4] = [Law::Logit, Law::ConstantElasticity, Law::Threshold, Law::ReferencePrice];

    fn response(law: Law) -> Response {
        Response::of(&Habits { law, reference_weight: 0.0, ..Habits::default() })
    }

    #[test]
    fn every_law_answers_at_the_shown_depth_as_shown() {
        let shown = Shown { elasticity: -2.5, depth: 0.3, sd: 0.0 };
        for law in LAWS {
            let response = response(law);
            let multiple = response.multiple(response.tune(shown, 0.2), 0.7, 0.0, 1.0);
            assert!((multiple - 0.7f64.powf(-2.5)).abs() < 1e-9, "{law:?}: {multiple}");
        }
        let beyond = response(Law::Logit).tune(Shown { elasticity: -9.0, depth: 0.5, sd: 0.0 }, 0.2).strength;
        assert!(beyond.is_finite() && beyond > 0.0);
    }

    #[test]
    fn the_choice_has_the_elasticity_asked_for_at_list_price_and_saturates() {
        let logit = response(Law::Logit);
        let answer = logit.tune(Shown { elasticity: -2.0, depth: 0.0, sd: 0.0 }, 0.2);
        let step = 1e-6;
        let slope = (logit.multiple(answer, 1.0 - step, 0.0, 1.0) - 1.0) / step;
        assert!((slope - 2.0).abs() < 1e-4, "{slope}");
        assert!((choice_multiple(answer, 1e9, 0.0) - 1.0 / 0.2).abs() < 1e-9);
        assert!(logit.multiple(answer, 0.5, 0.0, 1.0) < 0.5f64.powf(-2.0));
    }

    #[test]
    fn the_laws_part_where_the_item_is_not_known() {
        let shown = Shown { elasticity: -2.5, depth: 0.3, sd: 0.0 };
        let at = |law, ratio| {
            let response = response(law);
            response.multiple(response.tune(shown, 0.2), ratio, 0.0, 1.0)
        };
        assert!(at(Law::Threshold, 0.95) < 1.0 + 0.3 * (at(Law::ConstantElasticity, 0.95) - 1.0), "not noticed");
        assert!(at(Law::Threshold, 0.4) < 0.5 * at(Law::ConstantElasticity, 0.4), "saturated");
        assert!(at(Law::Logit, 0.4) < 0.7 * at(Law::ConstantElasticity, 0.4));
    }

    #[test]
    fn a_price_above_the_remembered_one_repels_more_than_one_below_it_attracts() {
        let response = Response::of(&Habits { law: Law::ReferencePrice, reference_weight: 0.6, ..Habits::default() });
        let answer = Answer { share: 0.1, strength: 3.0 };
        let back_at_list = response.multiple(answer, 1.0, 0.0, 0.8);
        let plain = response.multiple(answer, 1.0, 0.0, 1.0);
        assert!((plain - 1.0).abs() < 1e-12 && back_at_list < 1.0);
        let at = |remembered: f64| response.multiple(answer, 0.9, 0.0, remembered);
        let (gain, loss) = (at(0.95) - at(0.9), at(0.9) - at(0.85));
        assert!(loss > 1.5 * gain, "{loss} {gain}");
    }

    proptest! {
        #[test]
        fn a_deeper_discount_never_lowers_demand(
            law in prop::sample::select(LAWS.to_vec()), elasticity in -6.0f64..0.0, share in 0.02f64..0.5,
            ratio in 0.05f64..1.0, lower in 0.0f64..0.2, remembered in 0.4f64..1.0,
        ) {
            let response = Response::of(&Habits { law, ..Habits::default() });
            let answer = response.tune(Shown { elasticity, depth: 0.0, sd: 0.0 }, share);
            let at = |ratio: f64| response.multiple(answer, ratio, 0.0, remembered);
            prop_assert!(at((ratio - lower).max(0.01)) >= at(ratio) - 1e-9);
        }
    }
}
