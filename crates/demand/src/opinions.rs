//! What several ways of forecasting say of a cell, and how much each counts.
//!
//! Estimated effects, predictive effects and trees err in different ways, so that their mean is better than any of them
//! (Bates and Granger 1969; Timmermann 2006). A mean of means is a mean; a geometric one would fall short of it. Shares
//! are those that err least on a held-out tail, drawn a quarter of the way to equal ones, which are hard to beat where
//! they are learnt from little (Smith and Wallis 2009). Never the source of an
//! effect: what an offer causes is asked of the estimated effects alone.

use serde::{Deserialize, Serialize};

/// Number of opinions: estimated effects, predictive effects, trees.
pub(crate) const OPINIONS: usize = 3;
/// Shares are tried in steps of one over this.
const STEPS: usize = 5;
/// How far the best shares are drawn to equal ones.
const DRAWN: f64 = 0.25;

/// What is said of a cell, with and without its own promotion; not a number where nothing is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// Mean as planned.
    pub(crate) planned: f64,
    /// Mean without the cell's own promotion.
    pub(crate) bare: f64,
}

impl Said {
    pub(crate) const NOTHING: Self = Self { planned: f64::NAN, bare: f64::NAN };
}

/// Shares of the opinions in the forecast of cells without and with a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    base: [f64; OPINIONS],
    promoted: [f64; OPINIONS],
}

impl Default for Shares {
    fn default() -> Self {
        Self { base: [1.0 / OPINIONS as f64; OPINIONS], promoted: [1.0 / OPINIONS as f64; OPINIONS] }
    }
}

impl Shares {
    /// Mean of what is said; `trusted` is how far the trees count at the cell's distance, of 1.
    pub(crate) fn blend(&self, promoted: bool, trusted: f64, said: &[Said; OPINIONS]) -> Said {
        let mut shares = if promoted { self.promoted } else { self.base };
        shares[OPINIONS - 1] *= trusted;
        let mut unpromoted = self.base;
        unpromoted[OPINIONS - 1] *= trusted;
        Said {
            planned: mean(&shares, said.map(|said| said.planned)),
            bare: mean(if promoted { &unpromoted } else { &shares }, said.map(|said| said.bare)),
        }
    }
}

/// Mean of what is known of some values, by their shares.
fn mean(shares: &[f64; OPINIONS], values: [f64; OPINIONS]) -> f64 {
    let known = || shares.iter().zip(values).filter(|(_, value)| value.is_finite());
    let (sum, weight) = known().fold((0.0, 0.0), |(sum, all), (share, value)| (sum + share * value, all + share));
    if weight > 0.0 { sum / weight } else { known().map(|(_, value)| value).next().unwrap_or(0.0) }
}

/// Errors on held-out cells by the shares of the opinions.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    shares: Vec<[f64; OPINIONS]>,
    /// Per stratum, unpromoted first, and shares: sum of absolute errors.
    errors: [Vec<f64>; 2],
}

impl Default for Tried {
    fn default() -> Self {
        let all = (0..=STEPS).flat_map(|a| (0..=STEPS - a).map(move |b| [a, b, STEPS - a - b]));
        let shares: Vec<_> = all.map(|parts| parts.map(|part| part as f64 / STEPS as f64)).collect();
        Self { errors: [vec![0.0; shares.len()], vec![0.0; shares.len()]], shares }
    }
}

impl Tried {
    /// Adds a cell: what sold, and what was expected.
    pub(crate) fn add(&mut self, promoted: bool, units: f64, expected: [f64; OPINIONS]) {
        for (error, shares) in self.errors[usize::from(promoted)].iter_mut().zip(&self.shares) {
            *error += (units - mean(shares, expected)).abs();
        }
    }

    /// The shares that erred least, drawn to equal ones.
    pub(crate) fn best(&self) -> Shares {
        let equal = Shares::default().base;
        let best = |errors: &[f64]| {
            let best = (0..errors.len()).min_by(|&a, &b| errors[a].total_cmp(&errors[b]));
            let best = best.filter(|&best| errors[best] > 0.0).map_or(equal, |best| self.shares[best]);
            std::array::from_fn(|at| best[at] + DRAWN * (equal[at] - best[at]))
        };
        Shares { base: best(&self.errors[0]), promoted: best(&self.errors[1]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opinion_that_errs_least_counts_most() {
        let mut tried = Tried::default();
        for units in [4.0, 9.0, 20.0] {
            tried.add(true, units, [2.0 * units, 1.02 * units, 0.3 * units]);
        }
        let shares = tried.best();
        assert!(shares.promoted[1] > 0.6 && shares.promoted[0] < 0.2, "{shares:?}");
        assert_eq!(shares.base, Shares::default().base);
    }

    #[test]
    fn who_says_nothing_does_not_count() {
        let said = |planned, bare| Said { planned, bare };
        let blended = Shares::default().blend(true, 1.0, &[said(4.0, 2.0), said(8.0, 4.0), Said::NOTHING]);
        assert!((blended.planned - 6.0).abs() < 1e-12 && (blended.bare - 3.0).abs() < 1e-12);
    }
}
