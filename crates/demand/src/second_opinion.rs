//! Double machine learning beside the structural fit: two readings of the same history under other assumptions.
//!
//! The structural fit says how demand answers and completes what empty shelves hide; double machine learning takes out
//! whatever trees can find in the controls, but leaves out rows that only bound demand. Where the two differ by more than
//! both intervals allow, one set of assumptions is wrong, and the item says so. Never mixes the two: a mean of a right
//! and a wrong number is a wrong number.

use crate::dml::{DmlError, DmlSettings, estimate_panel};
use endcap_model::{LiftModel, Panel, Sku};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What double machine learning says of an item's own-price elasticity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondOpinion {
    /// The item.
    pub sku: Sku,
    /// Pooled estimate.
    pub mean: f64,
    /// Lower end of its 95 % interval.
    pub lo95: f64,
    /// Upper end of its 95 % interval.
    pub hi95: f64,
    /// Whether this interval and that of the structural fit have nothing in common.
    pub disagrees: bool,
}

/// Asks for a second opinion on every item of a model.
///
/// # Errors
/// [`DmlError`] where the panel is too short for it or its prices never move.
pub fn second_opinion(lift: &LiftModel, panel: &Panel) -> Result<Vec<SecondOpinion>, DmlError> {
    let mut rng = ChaCha8Rng::seed_from_u64(lift.seed);
    let found = estimate_panel(panel, &DmlSettings::for_panels(), &mut rng)?;
    let opinion = |item: crate::dml::ItemEffect| {
        let own = &lift.response(&item.sku)?.own_price;
        let (mean, lo95, hi95) = (item.pooled.mean, item.pooled.low, item.pooled.high);
        Some(SecondOpinion { sku: item.sku, mean, lo95, hi95, disagrees: hi95 < own.lo95 || lo95 > own.hi95 })
    };
    Ok(found.items.into_iter().filter_map(opinion).collect())
}

impl fmt::Display for SecondOpinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.disagrees { "outside the interval: one of the two is wrong" } else { "in agreement" };
        write!(f, "double machine learning says {:.2} ({:.2} to {:.2}): {verdict}", self.mean, self.lo95, self.hi95)
    }
}
