//! A run that mends its plan in flight: what was expected of the last period meets what was sold, and offers leave only to
//! stores whose shelf can hold them.

use super::RollingPolicy;
use crate::flight::{Belief, Seen, Stage, before_orders, left, narrowed};
use crate::jobs::JobError;
use crate::pace::OUT_MAX;
use crate::sense::Facts;
use endcap_model::{Forecast, ForecastRow, Offer, Place, Sku};
use endcap_twin::Observation;
use std::collections::BTreeMap;

/// What a run believes and expects.
pub(super) struct Flight {
    pub(super) belief: Belief,
    /// What the model said of the period that is under way, before belief changed it.
    expected: BTreeMap<(Sku, Place), ForecastRow>,
}

impl Flight {
    pub(super) fn new(facts: &Facts, policy: &RollingPolicy) -> Self {
        let belief = Belief::of(&facts.economics(&policy.scenario));
        Self { belief, expected: BTreeMap::new() }
    }

    /// Takes in the period that is over.
    pub(super) fn land(&mut self, seen: &Observation) {
        let cells = seen.keys.iter().zip(&seen.cells).filter(|(_, cell)| 1.0 - f64::from(cell.on_sale) <= OUT_MAX);
        let seen: Vec<Seen> = cells
            .filter_map(|(key, cell)| {
                let row = self.expected.get(&(key.sku.clone(), key.place.clone()))?;
                let ForecastRow { sku, mean, baseline, dispersion, .. } = row.clone();
                Some(Seen { sku, expected: mean, baseline, dispersion, sold: cell.sold.0 as f64 })
            })
            .collect();
        if !seen.is_empty() {
            self.belief.note(&seen);
        }
    }

    /// Lets the offers of the period leave, but for stores whose shelf cannot hold them. The forecast becomes what is believed.
    pub(super) fn depart(
        &mut self,
        policy: &RollingPolicy,
        facts: &Facts,
        planned: &mut Forecast,
        offers: Vec<Offer>,
        seed: u64,
    ) -> Result<Vec<Offer>, JobError> {
        let start = crate::plan::span_of(planned).start;
        let model = planned.rows.iter().filter(|row| row.period == start);
        self.expected = model.map(|row| ((row.sku.clone(), row.place.clone()), row.clone())).collect();
        self.belief.apply(planned);
        let stage = Stage::new(facts, &policy.near, planned, before_orders(&policy.near, start), seed);
        let back = narrowed(&stage, planned, &offers, 0.0);
        for one in &back {
            let gone =
                |row: &&mut ForecastRow| row.sku == one.sku && row.place == one.place && row.period == one.period;
            for row in planned.rows.iter_mut().filter(gone) {
                row.mean = row.baseline;
                let expected = self.expected.get_mut(&(one.sku.clone(), one.place.clone()));
                expected.into_iter().for_each(|row| row.mean = row.baseline);
            }
        }
        Ok(left(&stage, &offers, &back))
    }
}
