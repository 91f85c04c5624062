//! `recovered`: what would have sold in every row had stock lasted.
//!
//! What was sold stays as it is; only what the shelf lacked is added. While stock lasted the row's own sales say how far
//! its demand was from what the fit expects: the rest of its time sells at a rate between the two (a gamma-Poisson
//! posterior mean). A row that is only known to have run out has its conditional expectation given at least its sales.
//! Rows that say nothing have the expectation. Never less than what was sold.
//!
//! Sources: Robbins (1956) for the posterior mean; Andersen, Borgan, Gill and Keiding (1993) for sales until stock runs
//! out; Dempster, Laird and Rubin (1977) for the completion.

use crate::distribution::given_at_least;
use crate::events::expected;
use crate::fit::Fitted;
use crate::prepare::Evidence;
use endcap_model::Panel;

/// Completes the sales of every row of a panel to its demand; an item that was not fitted keeps its sales.
pub fn recovered(fitted: &Fitted, panel: &Panel) -> Vec<f64> {
    let prepared = fitted.frame.prepare(panel);
    let expected = expected(fitted, &prepared);
    let c = panel.columns();
    let items = fitted.items_of(panel);
    let demand = |row: usize| {
        let (units, mean) = (c.units[row], expected.mean[row]);
        let Some(item) = items[c.sku[row] as usize].filter(|_| mean > 0.0) else { return units };
        match prepared.evidence[row] {
            Evidence::Nothing => units.max(mean),
            Evidence::Censored => given_at_least(mean, item.dispersion.variance_in_period(mean).max(mean), units).0,
            Evidence::Counted => {
                let on_sale = prepared.exposure[row];
                let known = 1.0 / item.dispersion.cells.max(1e-6);
                units + (1.0 - on_sale) * mean * (known + units) / (known + on_sale * mean)
            }
        }
    };
    (0..panel.len()).map(demand).collect()
}
