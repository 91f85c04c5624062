//! Guardrail: what the stores that have an offer do beside those that do not have it yet, as an interval that may be looked at
//! every day.
//!
//! One figure a store: what it did over all periods so far, over what was expected of it. Stores are the draws, so that what
//! sets a store apart for good is no evidence, and what moves all stores on a day cancels out. The interval holds at all times
//! at once: whoever stops as soon as it says so is wrong no more often than `alpha` says. It is the boundary of a normal
//! mixture, with the variance estimated from the stores and widened for how few they are; days that hang together make it
//! hold the more (Slepian's inequality). Pure; reads no clock.
//!
//! # Source
//! Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
//! Statistics 49(2), eq. 14 (two-sided normal mixture) and section 3.5 (its tuning); Waudby-Smith, Arbour, Sinha, Kennedy and
//! Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence sequences" (variance estimated); Johari, Koomen,
//! Pekelis and Walsh 2022, "Always valid inference", for why one must not look daily at an interval that is not.

use serde::{Deserialize, Serialize};

/// Fewest stores without the offer from which a spread can be told.
pub const OTHERS_MIN: usize = 4;

/// An estimate with an interval that holds at all times at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How an interval is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Probability that it ever leaves out the truth.
    pub alpha: f64,
    /// Standard error at which it is tightest.
    pub tuned_for: f64,
}

/// How much more the figure of the stores with an offer is than that of the others; nothing where too few stores tell, or what
/// they tell is no number.
pub fn difference(with: &[f64], others: &[f64], level: Level) -> Option<Interval> {
    let (estimate, error) = (mean(with)? - mean(others)?, error(with, others)?);
    // Stores that all did the very same know their spread no better than this.
    let radius = radius(error.max(level.tuned_for / 4.0), level);
    let interval = Interval { estimate, low: estimate - radius, high: estimate + radius };
    (interval.low.is_finite() && interval.high.is_finite()).then_some(interval)
}

/// The same as a share of what the others do; nothing where they do nothing.
pub fn ratio(with: &[f64], others: &[f64], level: Level) -> Option<Interval> {
    let usual = mean(others).filter(|usual| *usual > 0.0)?;
    let scaled = |values: &[f64]| values.iter().map(|value| value / usual).collect::<Vec<f64>>();
    difference(&scaled(with), &scaled(others), level)
}

/// Standard error of the difference of two means of stores. The stores with the offer are taken to spread at least as much as
/// the others, of which there are more, and few stores know their spread badly.
fn error(with: &[f64], others: &[f64]) -> Option<f64> {
    if with.is_empty() || others.len() < OTHERS_MIN {
        return None;
    }
    let spread = variance(others)?;
    let spread_with = variance(with).unwrap_or(0.0).max(spread);
    let freedom = (others.len() - 1) as f64;
    let unknown = freedom / (freedom - 2.0).max(0.5);
    let variance = spread_with / with.len() as f64 + spread / others.len() as f64;
    Some((variance * unknown).sqrt())
}

/// Half the width of the interval for a standard error.
fn radius(error: f64, level: Level) -> f64 {
    let far = -2.0 * level.alpha.ln();
    // What is known by now over what the mixture assumed.
    let known = (far + far.ln() + 1.0) * (level.tuned_for / error).powi(2);
    error * ((1.0 + 1.0 / known) * ((1.0 + known) / level.alpha.powi(2)).ln()).sqrt()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    Some(values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Level = Level { alpha: 0.05, tuned_for: 0.03 };

    #[test]
    fn the_boundary_is_that_of_the_source() {
        // Howard et al. 2021, eq. 14 at intrinsic time v with rho: sqrt((v + rho) ln((v + rho) / (rho alpha^2))) over v.
        let rho = (1.0 / 0.03_f64.powi(2)) / (-2.0 * 0.05_f64.ln() + (-2.0 * 0.05_f64.ln()).ln() + 1.0);
        for error in [0.3, 0.03, 0.003] {
            let v = 1.0 / f64::powi(error, 2);
            let expected = ((v + rho) * ((v + rho) / (rho * 0.05 * 0.05)).ln()).sqrt() / v;
            assert!((radius(error, LEVEL) - expected).abs() < 1e-12 * expected, "{error}");
        }
        // At its tightest it is some two and a half to three standard errors wide, where one look would ask for 1.96.
        assert!((2.5..3.5).contains(&(radius(0.03, LEVEL) / 0.03)));
    }

    #[test]
    fn what_moves_all_stores_cancels_out() {
        let (with, others) = ([0.9, 1.1, 1.0], [1.0, 0.9, 1.1, 1.05, 0.95]);
        let before = ratio(&with, &others, LEVEL).unwrap();
        let shocked = ratio(&with.map(|store| store * 0.7), &others.map(|store| store * 0.7), LEVEL).unwrap();
        assert!((before.estimate - shocked.estimate).abs() < 1e-12 && (before.low - shocked.low).abs() < 1e-12);
        assert!(before.low < 0.0 && before.high > 0.0);
    }

    #[test]
    fn too_few_stores_or_no_number_tell_nothing() {
        let others = [1.0, 0.9, 1.1, 1.05];
        assert!(difference(&[], &others, LEVEL).is_none());
        assert!(difference(&[1.0], &others[..3], LEVEL).is_none());
        assert!(difference(&[f64::NAN], &others, LEVEL).is_none());
        assert!(ratio(&[1.0], &[0.0; 5], LEVEL).is_none());
        assert!(difference(&[1.0], &others, LEVEL).is_some());
    }

    #[test]
    fn stores_that_are_all_alike_do_not_make_it_sure() {
        let interval = difference(&[0.01], &[0.0; 9], LEVEL).unwrap();
        assert!(interval.low < 0.0 && interval.high > 0.01);
    }
}
