//! Whether what many items say of one number is enough to believe that it is not nothing.
//!
//! Sources: DerSimonian and Laird (1986), in the form that scales the variance by the excess of the spread over chance
//! (Birge 1932), for the common mean; Schwarz (1978) and Chen and Chen (2008) for what a number has to gain.

/// What several estimates have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Common {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Common {
    /// Weighs estimates by their variances; nothing without one that says something.
    pub(crate) fn of(estimates: &[(f64, f64)]) -> Option<Self> {
        let known: Vec<(f64, f64)> =
            estimates.iter().copied().filter(|(e, v)| e.is_finite() && v.is_finite() && *v > 0.0).collect();
        let weight: f64 = known.iter().map(|(_, variance)| 1.0 / variance).sum();
        if known.is_empty() || weight <= 0.0 {
            return None;
        }
        let mean = known.iter().map(|(estimate, variance)| estimate / variance).sum::<f64>() / weight;
        let spread: f64 = known.iter().map(|(estimate, variance)| (estimate - mean).powi(2) / variance).sum();
        let excess = (spread / (known.len() as f64 - 1.0).max(1.0)).max(1.0);
        Some(Self { mean, variance: excess / weight })
    }

    /// Returns by how much the number improves the fit, in units of twice the log likelihood.
    pub(crate) fn gain(&self) -> f64 {
        self.mean * self.mean / self.variance
    }
}

/// Returns whether a gain pays for the numbers that it took, found among several that were tried.
pub(crate) fn pays(gain: f64, numbers: f64, observations: f64, tried: f64) -> bool {
    gain > numbers * observations.max(2.0).ln() + 2.0 * tried.max(1.0).ln()
}

/// Picks at most so many items, evenly.
pub(crate) fn sample(items: usize, most: usize) -> Vec<usize> {
    (0..items).step_by(items.div_ceil(most).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_that_disagree_more_than_chance_are_less_sure_of_their_mean() {
        let agree = Common::of(&[(1.0, 0.1), (1.1, 0.1), (0.9, 0.1)]).unwrap();
        let differ = Common::of(&[(1.0, 0.1), (4.0, 0.1), (-2.0, 0.1)]).unwrap();
        assert!((agree.mean - differ.mean).abs() < 1e-9);
        assert!(differ.variance > 20.0 * agree.variance, "{differ:?}");
        assert!(Common::of(&[(1.0, f64::INFINITY)]).is_none());
    }

    #[test]
    fn a_number_pays_only_beyond_what_chance_would_gain() {
        let sure = Common { mean: 0.5, variance: 0.01 };
        assert!(pays(sure.gain(), 1.0, 500.0, 3.0));
        let faint = Common { mean: 0.2, variance: 0.01 };
        assert!(!pays(faint.gain(), 1.0, 500.0, 3.0));
    }
}
