//! What an estimate of the price response means for whoever wants to cut a price deeper.
//!
//! Never advises where the data cannot tell.

use crate::identify::PERIODS_MIN;
use endcap_model::{EffectStatus, Response};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Depth at which an item that price moves at all would show it.
const HALF_OFF: f64 = 0.5;
/// Lift at that depth under which the best guess is that price does not move an item: a quarter more pieces.
const LIFT_MIN: f64 = 1.25;
/// Lift at that depth under which a cut loses revenue, whatever the stock has cost.
const LIFT_THAT_PAYS: f64 = 2.0;

/// What to do before a price is cut deeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceAdvice {
    /// Half the price is expected to sell hardly more, and even at the end of the interval that favours a cut it loses
    /// revenue.
    PriceDoesNotMove,
    /// The history holds next to no period at the list price.
    NeverUndiscounted,
}

/// Returns what stands against a deeper cut, if anything does.
pub fn price_advice(response: &Response) -> Option<PriceAdvice> {
    if response.further.periods_at_list.is_some_and(|periods| periods < PERIODS_MIN) {
        return Some(PriceAdvice::NeverUndiscounted);
    }
    let factor = response.curve.as_ref().map_or(1.0, |curve| curve.factor(HALF_OFF).max(1.0));
    let lift = |elasticity: f64| (factor * elasticity * (1.0 - HALF_OFF).ln()).exp();
    let own = &response.own_price;
    let known = !matches!(own.status, EffectStatus::NotIdentified(_));
    let stays = known && lift(own.mean) < LIFT_MIN && lift(own.lo95) < LIFT_THAT_PAYS;
    stays.then_some(PriceAdvice::PriceDoesNotMove)
}

impl fmt::Display for PriceAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PriceDoesNotMove => "price does not move this: transfer, bundle or exit",
            Self::NeverUndiscounted => {
                "no undiscounted observations: sell it at list price in some places before discounting it deeper"
            }
        })
    }
}
