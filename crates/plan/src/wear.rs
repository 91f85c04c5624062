//! What discounts cost in the long run.
//!
//! Shoppers remember a price. An offer of depth d in period t lowers the remembered price in period t + k by
//! (1 − a) a^(k−1) d of the list price, a the share of the memory that is carried on, and a lower remembered price costs
//! demand at list price: −Σ_k m b_{t+k} (1 − exp(−η (1 − a) a^(k−1) d)), until the memory is down to a hundredth, also
//! past the horizon. Every further offer costs again, so that frequent ones wear out most. Beyond a depth that the brand
//! bears, each point costs a share of the period's baseline revenue.
//!
//! Source: the adaptive reference price of Greenleaf (1995), Marketing Science 14, and Kopalle, Rao and Assunção (1996),
//! Marketing Science 15. What two offers of one item do to each other's remembered price is of second order and left out.

use crate::cells::Line;
use endcap_model::{Depth, WearOut};

/// Cost of an offer in the long run in minor units; 0 or less.
pub(crate) fn wear_out(terms: &WearOut, line: &Line, period: usize, depth: Depth, season: Option<usize>) -> f64 {
    remembered(terms, line, period, depth, season) + brand(terms, line, period, depth, season)
}

fn remembered(terms: &WearOut, line: &Line, period: usize, depth: Depth, season: Option<usize>) -> f64 {
    let first = terms.reference_effect * (1.0 - terms.carry) * depth.share();
    let mut effect = first;
    let mut lost = 0.0;
    let mut later = period + 1;
    while effect > 0.01 * first {
        lost += line.margin() * line.baseline(later, season) * (-effect).exp_m1();
        effect *= terms.carry;
        later += 1;
    }
    lost
}

fn brand(terms: &WearOut, line: &Line, period: usize, depth: Depth, season: Option<usize>) -> f64 {
    let beyond = (depth.share() - terms.brand_depth).max(0.0);
    -terms.brand_rate * beyond * line.item.list_price as f64 * line.baseline(period, season)
}
