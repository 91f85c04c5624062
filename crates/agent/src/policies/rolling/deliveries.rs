//! Deliveries: how the supplier kept its word so far, learnt from what was announced and what then came.
//!
//! What was announced for a period and did not come at all is late; what came in part was cut. Where something was
//! overdue already, two deliveries may meet and only "again nothing" is told from it. Goods that spoil are left aside:
//! what came cannot be told from the shelf.

use endcap_supply::Reliability;
use endcap_twin::{Observation, WorldSpec};

/// Longest delay that is reckoned with.
const LATE_MOST: i32 = 3;

/// What was announced for a period.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    on_hand: i64,
    announced: i64,
    overdue: bool,
}

/// Counts of deliveries.
#[derive(Clone, Debug, Default)]
pub(super) struct Deliveries {
    /// By cell.
    due: Vec<Due>,
    count: f64,
    late: f64,
    overdue: f64,
    late_again: f64,
    cut: f64,
    cut_announced: f64,
    cut_came: f64,
}

impl Deliveries {
    /// Compares what came in the last period with what was announced for it.
    pub(super) fn note(&mut self, spec: &WorldSpec, seen: &Observation) {
        let mut next = Vec::with_capacity(seen.cells.len());
        for (number, (cell, key)) in seen.cells.iter().zip(spec.cells()).enumerate() {
            let before = self.due.get(number).copied().unwrap_or_default();
            let came = cell.on_hand.0 - before.on_hand + cell.sold.0;
            let told = seen.last.is_some() && before.announced > 0 && key.shelf_life.is_none();
            if told {
                self.count_in(before, came);
            }
            let announced =
                seen.pipeline(number).find(|(due, _)| *due == seen.period).map_or(0, |(_, pieces)| pieces.0);
            next.push(Due { on_hand: cell.on_hand.0, announced, overdue: told && came <= 0 });
        }
        self.due = next;
    }

    fn count_in(&mut self, due: Due, came: i64) {
        if due.overdue {
            self.overdue += 1.0;
            self.late_again += f64::from(u8::from(came <= 0));
            return;
        }
        self.count += 1.0;
        if came <= 0 {
            self.late += 1.0;
        } else if came < due.announced {
            self.cut += 1.0;
            self.cut_announced += due.announced as f64;
            self.cut_came += came as f64;
        }
    }

    /// Returns how the supplier delivers, as far as it is known.
    pub(super) fn reliability(&self) -> Reliability {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let (late, again) = (share(self.late, self.count), share(self.late_again, self.overdue));
        let by = |periods: i32| {
            let ends = if periods == LATE_MOST { 1.0 } else { 1.0 - again };
            late * again.powi(periods - 1) * ends
        };
        Reliability {
            late: (1..=LATE_MOST).map(by).collect(),
            cut_probability: share(self.cut, self.count),
            cut_share: share(self.cut_came, self.cut_announced),
        }
    }
}
