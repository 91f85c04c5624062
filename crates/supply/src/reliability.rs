//! Reliability: how a supplier keeps its word, and what that adds to what an order has to cover.
//!
//! A delivery comes whole periods late with stated probabilities, and with a stated probability it is cut to a share;
//! what is cut is cancelled. The demand that an order has to cover grows by the demand of the periods that the next one
//! may be late: mean μE[late] and variance σ²E[late] + μ²Var[late] (Hadley and Whitin 1963, section 3-4). Where the
//! supplier cuts, more is ordered, so that on average what is needed comes. The supplier confirms share and date when
//! it takes an order, so that later orders answer to them.

use crate::Demand;
use crate::error::{SupplyError, in_range};
use endcap_model::Pieces;
use serde::{Deserialize, Serialize};

/// How a supplier delivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reliability {
    /// Probability of coming 1, 2, … periods late; the rest is on time. Default: never late.
    #[serde(default)]
    pub late: Vec<f64>,
    /// Probability that a delivery is cut. Default 0.
    #[serde(default)]
    pub cut_probability: f64,
    /// Share of a cut delivery that comes. Default 0.
    #[serde(default)]
    pub cut_share: f64,
}

impl Default for Reliability {
    /// On time and in full.
    fn default() -> Self {
        Self { late: Vec::new(), cut_probability: 0.0, cut_share: 0.0 }
    }
}

impl Reliability {
    /// Checks the ranges.
    pub(crate) fn check(&self) -> Result<(), SupplyError> {
        for &probability in &self.late {
            in_range("reliability.late", probability, 0.0, 1.0, "probabilities from 0 to 1")?;
        }
        in_range("reliability.late, added up,", self.late.iter().sum(), 0.0, 1.0 + 1e-9, "at most 1")?;
        in_range("reliability.late, its number of periods,", self.late.len() as f64, 0.0, 100.0, "at most 100")?;
        in_range("reliability.cut_probability", self.cut_probability, 0.0, 1.0, "a probability from 0 to 1")?;
        in_range("reliability.cut_share", self.cut_share, 0.0, 1.0, "a share from 0 to 1")?;
        let nothing = "a supplier that delivers something on average";
        in_range("reliability.cut_probability times what is cut", 1.0 - self.mean_share(), 0.0, 0.99, nothing)
    }

    /// Whether every delivery comes on time and in full.
    pub(crate) fn is_perfect(&self) -> bool {
        self.cut_probability <= 0.0 && self.late.iter().all(|&probability| probability <= 0.0)
    }

    /// Mean share of an order that comes.
    pub fn mean_share(&self) -> f64 {
        1.0 - self.cut_probability * (1.0 - self.cut_share)
    }

    /// Mean and variance of the periods that a delivery comes late.
    pub fn lateness(&self) -> (f64, f64) {
        let moment = |power: i32| {
            self.late.iter().enumerate().map(|(n, share)| share * ((n + 1) as f64).powi(power)).sum::<f64>()
        };
        let mean = moment(1);
        (mean, (moment(2) - mean * mean).max(0.0))
    }

    /// Splits a delivery over the periods in which it may come: expected pieces by periods late.
    pub(crate) fn expected(&self, pieces: f64) -> impl Iterator<Item = (usize, f64)> + '_ {
        let comes = pieces * self.mean_share();
        let on_time = (1.0 - self.late.iter().sum::<f64>()).max(0.0);
        std::iter::once((0, comes * on_time))
            .chain(self.late.iter().enumerate().map(move |(n, share)| (n + 1, comes * share)))
    }

    /// Adds the demand of the periods that the next delivery may be late to that of a cover of some periods.
    pub(crate) fn with_lateness(&self, cover: Demand, periods: usize) -> Demand {
        let (mean, variance) = self.lateness();
        let one = cover.mean / periods.max(1) as f64;
        if mean <= 0.0 || one <= 0.0 {
            return cover;
        }
        let late = Demand { mean: one * mean, dispersion: cover.dispersion + one * variance / mean };
        cover.and(late)
    }

    /// What comes of a delivery, and how many periods late, at two numbers from 0 to 1.
    pub(crate) fn at(&self, pieces: i64, late: f64, cut: f64) -> (usize, i64) {
        let comes = if cut < self.cut_probability { (pieces as f64 * self.cut_share).round() as i64 } else { pieces };
        let mut beyond = 1.0 - self.late.iter().sum::<f64>();
        let periods = self.late.iter().position(|share| {
            let before = beyond;
            beyond += share;
            (before..beyond).contains(&late)
        });
        (periods.map_or(0, |n| n + 1), comes)
    }

    /// Pieces to order so that on average so many come.
    pub fn to_order(&self, wanted: Pieces) -> Pieces {
        Pieces((wanted.0 as f64 / self.mean_share()).ceil() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaky() -> Reliability {
        Reliability { late: vec![0.2, 0.1], cut_probability: 0.25, cut_share: 0.4 }
    }

    #[test]
    fn what_is_expected_is_the_mean_of_what_may_come() {
        let (mut late, mut pieces) = (0.0, 0.0);
        for n in 0..1000 {
            let level = (f64::from(n) + 0.5) / 1000.0;
            let (periods, comes) = shaky().at(100, level, (level * 7.0).fract());
            late += periods as f64 / 1000.0;
            pieces += comes as f64 / 1000.0;
        }
        assert!((late - shaky().lateness().0).abs() < 1e-9 && (late - 0.4).abs() < 1e-9, "{late}");
        assert!((pieces - 85.0).abs() < 0.5 && (shaky().mean_share() - 0.85).abs() < 1e-12, "{pieces}");
        assert!((shaky().expected(100.0).map(|(_, pieces)| pieces).sum::<f64>() - 85.0).abs() < 1e-9);
    }

    #[test]
    fn a_late_supplier_needs_the_safety_stock_of_the_textbook() {
        // Demand 50 a period with deviation 10, lead time 4 periods with deviation 1 and mean lateness 0.4 / 0.44: variance
        // L σ² + μ² Var (Hadley and Whitin 1963): the added lateness has 0.4 · 100 + 2500 · 0.44.
        let cover = Demand { mean: 200.0, dispersion: 2.0 };
        let with = shaky().with_lateness(cover, 4);
        assert!((with.mean - 220.0).abs() < 1e-9);
        let (_, variance) = shaky().lateness();
        assert!((variance - 0.44).abs() < 1e-12);
        assert!((with.deviation().powi(2) - (400.0 + 0.4 * 100.0 + 2500.0 * 0.44)).abs() < 1e-6, "{with:?}");
    }

    #[test]
    fn probabilities_beyond_one_are_refused() {
        assert!(shaky().check().is_ok());
        assert!(Reliability { late: vec![0.7, 0.7], ..shaky() }.check().is_err());
        assert!(Reliability { cut_probability: 1.0, cut_share: 0.0, ..shaky() }.check().is_err());
    }
}
