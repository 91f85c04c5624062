//! The effect itself: what is left of the outcome, on what is left of the treatment, and how far chance may move it.
//!
//! Rows of a week share shocks, since prices move chain-wide; so the interval comes from leaving out one week at a
//! time (the jackknife variance, CV3) or from rows alone where that is wider, with Student's t for the number of
//! weeks that carry the effect.
//!
//! Sources: Robinson (1988) for residuals on residuals; MacKinnon, Nielsen and Webb (2023) for CV3; Carter, Schnepel
//! and Steigerwald (2017) for the effective number of clusters.

use super::error::DmlError;
use super::nuisance::Residuals;
use super::rows::LEFT_MIN;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Weeks that must carry an effect, counted by how evenly they do.
const WEEKS_MIN: f64 = 3.0;

/// An effect with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Change of the outcome per unit of treatment.
    pub mean: f64,
    /// Standard error, rows of a week taken together.
    pub standard_error: f64,
    /// Degrees of freedom of the interval.
    pub freedom: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Rows behind it.
    pub rows: usize,
}

/// Sums of one week.
#[derive(Clone, Copy, Default)]
struct Week {
    /// Treatment times outcome.
    cross: f64,
    /// Treatment squared.
    square: f64,
}

/// Returns a quantile of Student's t distribution such that `level` lies within it on both sides.
pub(crate) fn t_quantile(freedom: f64, level: f64) -> f64 {
    let t = StudentsT::new(0.0, 1.0, freedom).expect("Invariant: degrees of freedom are at least 1");
    t.inverse_cdf(0.5 + 0.5 * level)
}

/// Estimates the effect in some rows; `week` numbers the weeks of all rows from 0 to below `weeks`.
pub(crate) fn effect(
    residuals: &Residuals,
    rows: &[u32],
    week: &[u32],
    weeks: usize,
    level: f64,
) -> Result<Effect, DmlError> {
    let mut sums = vec![Week::default(); weeks];
    for &row in rows {
        let (t, y) = (residuals.treatment[row as usize], residuals.outcome[row as usize]);
        let sum = &mut sums[week[row as usize] as usize];
        *sum = Week { cross: sum.cross + t * y, square: sum.square + t * t };
    }
    sums.retain(|sum| sum.square > 0.0);
    let total = |pick: fn(&Week) -> f64| sums.iter().map(pick).sum::<f64>();
    let (cross, square) = (total(|w| w.cross), total(|w| w.square));
    if square <= 0.0 {
        return Err(DmlError::Constant);
    }
    let carrying = square * square / total(|w| w.square * w.square);
    if carrying < WEEKS_MIN {
        return Err(DmlError::TooFewMoves { weeks: carrying, needed: WEEKS_MIN });
    }
    let mean = cross / square;
    let by_week = {
        let without = |w: &Week| (cross - w.cross) / (square - w.square) - mean;
        (sums.len() - 1) as f64 / sums.len() as f64 * sums.iter().map(|w| without(w).powi(2)).sum::<f64>()
    };
    let by_row = {
        let score = |&row: &u32| {
            let t = residuals.treatment[row as usize];
            (t * (residuals.outcome[row as usize] - mean * t)).powi(2)
        };
        rows.iter().map(score).sum::<f64>() / (square * square)
    };
    let standard_error = by_week.max(by_row).sqrt();
    let freedom = (carrying - 1.0).max(1.0);
    let reach = t_quantile(freedom, level) * standard_error;
    Ok(Effect { mean, standard_error, freedom, low: mean - reach, high: mean + reach, rows: rows.len() })
}

/// Refuses residuals in which nothing of the treatment is left to compare.
pub(crate) fn check_overlap(residuals: &Residuals) -> Result<(), DmlError> {
    if residuals.left < LEFT_MIN { Err(DmlError::NoOverlap { left: residuals.left }) } else { Ok(()) }
}

/// Refuses rows whose treatment moved less than its residuals do: what is left there was put in by predictions from
/// other segments.
pub(crate) fn check_moved(residuals: &Residuals, moved: &[f64], rows: &[u32]) -> Result<(), DmlError> {
    let square = |values: &[f64]| rows.iter().map(|&row| values[row as usize].powi(2)).sum::<f64>();
    if 2.0 * square(moved) < square(&residuals.treatment) { Err(DmlError::Constant) } else { Ok(()) }
}
