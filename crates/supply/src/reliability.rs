//! Reliability: how a supplier keeps its word, and what that adds to what an order has to cover.
//!
//! A delivery comes whole periods late with stated probabilities, and with a stated probability it is cut to a share;
//! what is cut is cancelled. With the probability that the next order comes late, an order has to last for what follows
//! its cover too, and an offer that begins then is stocked for before if that costs less than its lost sales: the cost of
//! a stock is the mean over both cases (a lead time of two values; Hadley and Whitin 1963, section 3-4). Where the
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

    /// Probability that the next delivery comes late, and the demand that a cover has to last for then: its own and that of
    /// the periods that the delivery is late by on average, each as the one that follows the cover.
    pub(crate) fn late(&self, cover: Demand, following: Demand) -> Option<(f64, Demand)> {
        let probability: f64 = self.late.iter().sum();
        if probability <= 0.0 {
            return None;
        }
        let periods = self.lateness().0 / probability;
        Some((probability.min(1.0), cover.and(Demand { mean: following.mean * periods, ..following })))
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
    fn a_late_delivery_leaves_the_cover_with_the_demand_that_follows() {
        // Late by one period in two of three cases, else by two: 4 / 3 periods of what follows the cover.
        let (cover, offer) = (Demand { mean: 20.0, dispersion: 2.0 }, Demand { mean: 60.0, dispersion: 3.0 });
        let (probability, late) = shaky().late(cover, offer).unwrap();
        assert!((probability - 0.3).abs() < 1e-12 && (late.mean - 100.0).abs() < 1e-9, "{late:?}");
        assert!((late.deviation().powi(2) - (40.0 + 240.0)).abs() < 1e-9, "{late:?}");
        assert_eq!(Reliability::default().late(cover, offer), None);
    }

    #[test]
    fn probabilities_beyond_one_are_refused() {
        assert!(shaky().check().is_ok());
        assert!(Reliability { late: vec![0.7, 0.7], ..shaky() }.check().is_err());
        assert!(Reliability { cut_probability: 1.0, cut_share: 0.0, ..shaky() }.check().is_err());
    }
}
