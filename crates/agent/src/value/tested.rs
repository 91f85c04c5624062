//! What roll-outs tell of cause: stores with the offers beside stores without them, at the same time.
//!
//! The reading says how far the stores' margin lies from the plan's, beside how far that of the others lies from what was expected
//! of them. Held against what the plan expected without offers, that is money over no offers. Its interval holds at all times at
//! once, so that it is wider than one for a single look.

use super::Amount;
use crate::rollout::Rollout;
use endcap_model::Place;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// A roll-out that was read beside stores without its offers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tested {
    /// Its plan.
    pub plan: String,
    /// Stores with the offers.
    pub stores: usize,
    /// Stores without them.
    pub others: usize,
    /// Whole periods that were read.
    pub periods: usize,
    /// Margin against the plan, beside the other stores, as a share.
    pub margin: Amount,
    /// What the plan promised over no offers for what was read, in minor units.
    pub promised: f64,
    /// Money over no offers, in minor units.
    pub gained: Amount,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// What a roll-out tells; nothing where it was not read, or too few stores tell.
pub fn tested(rollout: &Rollout) -> Option<Tested> {
    let taken = rollout.last.as_ref()?;
    let margin = taken.reading.margin?;
    let stores: BTreeSet<&Place> = rollout.begun.stages.iter().take(taken.stage + 1).flatten().collect();
    let (mut planned, mut without) = (0.0, 0.0);
    for cell in &rollout.begun.expected {
        if cell.period <= taken.through && stores.contains(&cell.place) {
            planned += cell.planned;
            without += cell.without;
        }
    }
    let gained = |margin: f64| (1.0 + margin) * planned - without;
    let interval =
        |of: fn(f64) -> f64| Amount { value: of(margin.estimate), lo95: of(margin.low), hi95: of(margin.high) };
    (planned > 0.0).then(|| Tested {
        plan: rollout.plan.clone(),
        stores: taken.reading.stores,
        others: taken.reading.others,
        periods: taken.reading.periods,
        margin: interval(|share| share),
        promised: planned - without,
        gained: Amount { value: gained(margin.estimate), lo95: gained(margin.low), hi95: gained(margin.high) },
        stopped: rollout.stopped.is_some(),
    })
}

/// The lower end of the money over no offers that was measured in roll-outs since a moment, in minor units: the sum of the lower
/// ends. Nothing where nothing was measured.
pub fn tested_low<'a>(rollouts: impl Iterator<Item = &'a Rollout>, since: Option<Timestamp>) -> Option<i64> {
    let began =
        |rollout: &&Rollout| since.is_none_or(|since| rollout.opened.first().is_some_and(|first| *first >= since));
    let lows: Vec<f64> = rollouts.filter(began).filter_map(tested).map(|tested| tested.gained.lo95).collect();
    (!lows.is_empty()).then(|| lows.iter().sum::<f64>().floor() as i64)
}
