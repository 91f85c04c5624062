//! Reorder to cover: whole cases up to so many periods of what is expected.

use crate::{CellOrder, Observation, WorldSpec};
use endcap_model::SupplyTerms;

/// Periods of cover beyond lead time and review where the scenario does not say.
const USUAL_COVER: f64 = 1.0;

/// When to order and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cover {
    /// Periods from an order to the start of the period in which it can be sold, that one included.
    pub ahead: usize,
    pub review: usize,
    extra: f64,
    case_pack: i64,
    minimum: i64,
    shelf_life: Option<usize>,
}

impl Cover {
    pub(super) fn new(spec: &WorldSpec, supply: &SupplyTerms, extra: Option<f64>) -> Self {
        Self {
            ahead: spec.lead_time_periods(),
            review: supply.review_periods,
            extra: extra.unwrap_or(USUAL_COVER),
            case_pack: supply.case_pack,
            minimum: supply.minimum_order,
            shelf_life: supply.shelf_life,
        }
    }

    /// Periods that an order has to last for, the present one first.
    pub(super) fn periods(&self) -> usize {
        self.ahead - 1 + self.review.min(self.shelf_life.unwrap_or(usize::MAX))
    }

    /// Returns whether orders may be placed before a period.
    pub(super) fn reviews(&self, spec: &WorldSpec, seen: &Observation) -> bool {
        ((seen.period.0 - spec.span().start.0) as usize).is_multiple_of(self.review)
    }

    /// Returns the orders that bring every cell to what it needs over the cover: `need` by cell, plus spare periods of
    /// the cell's `usual` demand.
    pub(super) fn orders(
        &self,
        seen: &Observation,
        need: impl Fn(usize) -> f64,
        usual: impl Fn(usize) -> f64,
    ) -> Vec<CellOrder> {
        let order = |(cell, at): (usize, &crate::CellSeen)| {
            let level = need(cell) + self.extra * usual(cell);
            let pieces = self.batch(level - (at.on_hand.0 + at.on_order.0) as f64);
            (pieces > 0).then_some(CellOrder { cell, pieces, expedite: false })
        };
        seen.cells.iter().enumerate().filter_map(order).collect()
    }

    /// Whole cases for what is missing, at least the minimum; nothing for less than half a piece.
    pub(super) fn batch(&self, missing: f64) -> i64 {
        if missing < 0.5 {
            return 0;
        }
        let cases = (missing / self.case_pack as f64).ceil() as i64;
        let least = (self.minimum + self.case_pack - 1) / self.case_pack;
        cases.max(least) * self.case_pack
    }
}
