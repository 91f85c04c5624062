//! Whether sales move *before* a promotion: a test of nothing that should find nothing.
//!
//! The log lift of the next period's promotion enters as if it could act a period early. It cannot: what it seems to do is
//! shoppers who wait for it (fewer sales before), or promotions that are set where demand is about to be high (more sales
//! before), which would bias every other effect. The answer is told, and corrects nothing.
//!
//! Sources: Granger (1969) for the lead as a test; Neslin (2002), chapter 2, for deceleration before promotions; the common
//! mean as in `evidence`.

use super::evidence::{Common, pays, sample};
use crate::columns::{LiftTerms, OWN};
use crate::effects::Effects;
use crate::fit::Z95;
use crate::prepare::Prepared;
use crate::response::{SkuRows, estimate};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Items that are asked at most.
const ITEMS_MAX: usize = 150;
/// Effect under which a move before promotions is too small to matter: a twentieth of the lift.
const MATTERS: f64 = 0.05;

/// What the periods before promotions show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeforePromotions {
    /// Nothing, as it should be.
    Nothing,
    /// Fewer sales: shoppers wait, or promotions are set when demand is about to be weak.
    Fewer,
    /// More sales: promotions follow demand that no column holds.
    More,
    /// Too few promotions begin to tell.
    NotTestable,
}

/// The effect of the next period's promotion on this period's sales.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anticipation {
    /// Log units per unit of the coming promotion's log lift, over all items.
    pub mean: f64,
    /// Lower end of the 95 % interval; nothing where it is not testable.
    pub lo95: Option<f64>,
    /// Upper end of the 95 % interval; nothing where it is not testable.
    pub hi95: Option<f64>,
    /// What that says.
    pub verdict: BeforePromotions,
}

/// Tests the periods before promotions.
pub(crate) fn test(prepared: &Prepared, effects: &Effects) -> Anticipation {
    let asked = sample(prepared.panel.skus().len(), ITEMS_MAX);
    let told: Vec<(f64, f64)> = asked.par_iter().filter_map(|&sku| asked_of(prepared, effects, sku)).collect();
    let promoted: usize = asked.iter().map(|&sku| effects.experience[sku].promoted).sum();
    let Some(common) = Common::of(&told) else {
        return Anticipation { mean: 0.0, lo95: None, hi95: None, verdict: BeforePromotions::NotTestable };
    };
    let half = Z95 * common.variance.sqrt();
    let found = pays(common.gain(), 1.0, promoted as f64, 1.0) && common.mean.abs() > MATTERS;
    let verdict = match (found, common.mean > 0.0) {
        (false, _) => BeforePromotions::Nothing,
        (true, true) => BeforePromotions::More,
        (true, false) => BeforePromotions::Fewer,
    };
    Anticipation { mean: common.mean, lo95: Some(common.mean - half), hi95: Some(common.mean + half), verdict }
}

fn asked_of(prepared: &Prepared, effects: &Effects, sku: usize) -> Option<(f64, f64)> {
    let start = effects.estimates[sku].as_ref()?;
    effects.experience[sku].lack(OWN).is_none().then_some(())?;
    let terms = LiftTerms::of(&effects.means(sku));
    let mut rows = SkuRows::of(prepared, sku, effects.signals[sku].used);
    rows.fill_dip(prepared, sku, terms, effects.carry);
    let c = prepared.panel.columns();
    let first = rows.columns;
    rows.widen(1, |row, line| {
        let next = row + 1;
        let follows = next < prepared.panel.len()
            && (c.sku[next], c.place[next]) == (c.sku[row], c.place[row])
            && c.period[next] == c.period[row].plus(1);
        line[first] = if follows { prepared.log_lift(next, terms) } else { 0.0 };
    });
    let found = estimate(&rows, &effects.dispersion[sku], Some(start));
    let sampling = found.sampling[first];
    Some((found.effects[first], sampling.variance * sampling.widening.powi(2)))
}
