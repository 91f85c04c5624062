//! Replenishment from average sales, blind to the offers that are planned: reorder up to cover.
//!
//! Averages take sales as they were, on offer or not, and know no season.

use endcap_model::{Forecast, Period, SupplyTerms};
use endcap_twin::{CellOrder, Observation};

/// Periods of average sales that are ordered beyond lead time and review, to be safe.
const SPARE_PERIODS: f64 = 1.0;

/// Average sales of every cell and how orders follow them.
#[derive(Clone, Debug)]
pub(super) struct Replenish {
    averages: Vec<f64>,
    window: f64,
    cover_periods: f64,
    case_pack: i64,
    minimum_order: i64,
}

impl Replenish {
    pub(super) fn new(averages: Vec<f64>, window: usize, lead_time_periods: usize, supply: &SupplyTerms) -> Self {
        Self {
            averages,
            window: window as f64,
            cover_periods: (lead_time_periods - 1 + supply.review_periods) as f64 + SPARE_PERIODS,
            case_pack: supply.case_pack,
            minimum_order: supply.minimum_order,
        }
    }

    /// Takes note of the last period's sales.
    pub(super) fn note(&mut self, seen: &Observation) {
        if seen.last.is_some() {
            for (average, cell) in self.averages.iter_mut().zip(&seen.cells) {
                *average += (cell.sold.0 as f64 - *average) / self.window;
            }
        }
    }

    /// Orders whole cases up to the cover, and what offers that supply has heard of are planned to sell beside it.
    pub(super) fn orders(
        &self,
        seen: &Observation,
        planned: &Forecast,
        notice_periods: Option<usize>,
    ) -> Vec<CellOrder> {
        let last: Option<Period> = notice_periods.map(|notice| seen.period.plus(notice as i32));
        let mut heard = vec![0.0; seen.cells.len()];
        let periods = planned.rows.len() / seen.cells.len().max(1);
        for (cell, rows) in planned.rows.chunks(periods.max(1)).enumerate() {
            let known = rows.iter().filter(|row| last.is_some_and(|last| row.period <= last));
            heard[cell] = known.map(|row| (row.mean - row.baseline).max(0.0)).sum();
        }
        let order = |(cell, at): (usize, &endcap_twin::CellSeen)| {
            let level = self.averages[cell] * self.cover_periods + heard[cell];
            let missing = level - (at.on_hand.0 + at.on_order.0) as f64;
            let pieces = self.batch(missing);
            (pieces > 0).then_some(CellOrder { cell, pieces, expedite: false })
        };
        seen.cells.iter().enumerate().filter_map(order).collect()
    }

    fn batch(&self, missing: f64) -> i64 {
        if missing < 0.5 {
            return 0;
        }
        let cases = (missing / self.case_pack as f64).ceil() as i64;
        cases.max((self.minimum_order + self.case_pack - 1) / self.case_pack) * self.case_pack
    }
}
