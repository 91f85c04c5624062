//! The standard normal distribution, in the words that tests use.

use statrs::distribution::{ContinuousCDF, Normal};

/// Probability of a value above `z`.
pub(crate) fn above(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// Value that stays below with this probability.
pub(crate) fn quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}
