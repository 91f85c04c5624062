//! Leftovers: what past offers lost in value by what they left on the shelf, so that plans charge it to the next ones.

use endcap_model::{Forecast, Offer, Scenario};
use endcap_supply::WriteDown;
use endcap_twin::{CellSpec, Observation, WorldSpec};

/// What offers left so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Leftovers {
    offers: f64,
    /// Minor units.
    lost: f64,
}

impl Leftovers {
    /// Counts what the offers that ended with the last period left above normal cover.
    pub(super) fn note(
        &mut self,
        spec: &WorldSpec,
        terms: WriteDown,
        offers: &[Offer],
        (seen, planned): (&Observation, &Forecast),
    ) {
        let now: Vec<f64> =
            planned.rows.iter().filter(|row| row.period == seen.period).map(|row| row.baseline).collect();
        for offer in offers.iter().filter(|offer| offer.span.end == seen.period) {
            self.offers += 1.0;
            let left = |cell: usize, key: &CellSpec| {
                let usual = now.get(cell).copied().unwrap_or(0.0);
                let above = seen.cells[cell].on_hand.0 as f64 - terms.cover_periods * usual;
                above.max(0.0) * terms.rate * key.unit_cost as f64
            };
            let cells = spec.cells_of(&offer.sku).map(|cell| (cell, &spec.cells()[cell]));
            let own = cells.filter(|(_, key)| key.region == offer.place);
            self.lost += own.map(|(cell, key)| left(cell, key)).sum::<f64>();
        }
    }

    /// Returns the scenario with what offers lost on average on top of the fixed cost of each.
    pub(super) fn charged(&self, scenario: &Scenario) -> Scenario {
        let per_offer = if self.offers > 0.0 { self.lost / self.offers } else { 0.0 };
        let mut charged = scenario.clone();
        charged.limits.fixed_cost += per_offer / scenario.money(1.0).minor as f64;
        charged
    }
}
