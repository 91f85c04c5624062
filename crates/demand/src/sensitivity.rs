//! How strong demand that promotions follow unseen would have to be to overturn an effect, and the interval that
//! holds if there is such demand.
//!
//! Where places that did not run a promotion measure the unseen signal (see `signal`), the interval is the hull of the
//! plain one and of the one under a signal of the size that they show. Where nothing measures it, the signal may be as
//! closely tied to promotions as the seen calendar is, and account for all of the shock that the places of a period
//! share: `correlation * sd(shock) / sd(promoted)` log units either way.
//!
//! Source: Cinelli and Hazlett (2020), omitted-variable bias in terms of partial R2, benchmarked on observed controls.

use crate::columns::CALENDAR;
use crate::effects::Effects;
use crate::fit::Z95;
use crate::pool::Pooled;
use crate::prepare::{Evidence, Prepared};
use crate::response::SkuEstimate;
use crate::signal::{Signal, Unseen};
use endcap_model::{Sensitivity, UnseenDemand};
use rayon::prelude::*;

/// Least correlation with promotions that an unseen signal is given, however little they follow the calendar.
const CORRELATION_MIN: f64 = 0.3;
/// Share of its unit effect below which an estimate is said not to move with an unseen signal.
const UNMOVED: f64 = 1e-6;

/// What the effects of each SKU would do under an unseen signal.
pub(crate) struct Exposure {
    /// Per SKU: log units that an unmeasured signal may add to promoted periods.
    bound: Vec<f64>,
    /// Per column: mean leverage of a signal over the SKUs, weighted by what they know.
    common: Vec<f64>,
}

impl Exposure {
    pub(crate) fn of(prepared: &Prepared, effects: &Effects) -> Self {
        let skus = prepared.panel.skus().len();
        let bound = (0..skus).into_par_iter().map(|sku| bound(prepared, effects, sku)).collect();
        let common = (0..prepared.frame.columns()).map(|column| common(&effects.estimates, column)).collect();
        Self { bound, common }
    }

    /// Returns how one effect of a SKU stands if promotions follow unseen demand.
    pub(crate) fn sensitivity(&self, effects: &Effects, sku: usize, column: usize) -> Sensitivity {
        let pooled = effects.pooled[sku][column];
        let own = effects.estimates[sku].as_ref().map_or(0.0, |estimate| estimate.leverage[column]);
        let leverage = pooled.own_weight * own + (1.0 - pooled.own_weight) * self.common[column];
        let signal = effects.signals[sku];
        let half = Z95 * pooled.variance.sqrt();
        let (lo95, hi95) = match signal.if_any {
            Some((mean, variance)) => under(pooled, leverage, signal.used, mean, variance),
            None => {
                let moved = (leverage * self.bound[sku]).abs();
                (pooled.mean - half - moved, pooled.mean + half + moved)
            }
        };
        let left = (pooled.mean.abs() - half).max(0.0);
        let overturned_by = (leverage.abs() > UNMOVED).then(|| left / leverage.abs());
        Sensitivity { lo95, hi95, unseen: verdict(signal), overturned_by }
    }
}

fn verdict(signal: Signal) -> UnseenDemand {
    match signal.if_any {
        None => UnseenDemand::NotTestable,
        Some(_) if signal.probability < 0.5 => UnseenDemand::NotFound,
        Some((mean, _)) if mean > 0.0 => UnseenDemand::Found,
        Some(_) => UnseenDemand::Negative,
    }
}

/// Hull of the plain interval and the one under a signal of this mean and variance.
fn under(pooled: Pooled, leverage: f64, used: Unseen, mean: f64, variance: f64) -> (f64, f64) {
    let (used_mean, used_variance) = match used {
        Unseen::Known { mean, variance } => (mean, variance),
        Unseen::Apart => (0.0, 0.0),
    };
    let moved = pooled.mean + leverage * (mean - used_mean);
    let added = leverage * leverage * (variance - used_variance).max(0.0);
    let (half, moved_half) = (Z95 * pooled.variance.sqrt(), Z95 * (pooled.variance + added).sqrt());
    ((pooled.mean - half).min(moved - moved_half), (pooled.mean + half).max(moved + moved_half))
}

/// Leverage of a signal that all SKUs share, on what they have in common.
fn common(estimates: &[Option<SkuEstimate>], column: usize) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for estimate in estimates.iter().flatten() {
        let weight = 1.0 / estimate.sampling[column].variance.max(1e-9);
        sum += weight * estimate.leverage[column];
        weights += weight;
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

/// Log units that a signal as closely tied to promotions as the calendar is could add to promoted periods.
fn bound(prepared: &Prepared, effects: &Effects, sku: usize) -> f64 {
    let mut line = vec![0.0; prepared.frame.columns()];
    let further = prepared.frame.further();
    let mut sums = [0.0; 6];
    for row in prepared.panel.rows_of(sku).filter(|&row| prepared.evidence[row] != Evidence::Nothing) {
        prepared.write_row(row, &mut line);
        further.iter().for_each(|(column, ..)| line[*column] = 0.0);
        let known = line[CALENDAR..].iter().zip(&effects.pooled[sku][CALENDAR..]);
        let calendar: f64 = known.map(|(x, effect)| x * effect.mean).sum();
        let share = prepared.promoted_share[row];
        let adds = [1.0, calendar, share, calendar * calendar, share * share, calendar * share];
        sums.iter_mut().zip(adds).for_each(|(sum, add)| *sum += add);
    }
    let [n, calendar, share, calendar2, share2, both] = sums;
    let covariance = |a: f64, b: f64, ab: f64| ab / n - a / n * b / n;
    let spread = covariance(share, share, share2);
    if n < 2.0 || spread < 1e-9 {
        return 0.0;
    }
    let seen = covariance(calendar, calendar, calendar2);
    let correlation = if seen > 1e-12 { covariance(calendar, share, both) / (seen * spread).sqrt() } else { 0.0 };
    correlation.abs().clamp(CORRELATION_MIN, 1.0) * (effects.dispersion[sku].shock / spread).sqrt()
}
