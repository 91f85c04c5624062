//! What a booster makes small, and how its raw score becomes a mean.
//!
//! Sources: Friedman (2001) for boosting by gradients; Jorgensen (1987) for the Tweedie deviance; Koenker and Bassett
//! (1978) for the pinball loss.

use super::error::BoosterError;
use serde::{Deserialize, Serialize};

/// Least mean that a log link starts from, as a share of one unit of exposure: the logarithm of none does not exist.
const MEAN_MIN: f64 = 1e-6;

/// What is made small.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// Squared error; the score is the mean.
    Squared,
    /// Poisson deviance; the score is the log of the mean.
    Poisson,
    /// Tweedie deviance of a power between 1 and 2; the score is the log of the mean.
    Tweedie(f32),
    /// Pinball loss of a level between 0 and 1; the score is that quantile.
    Pinball(f32),
}

impl Loss {
    /// Turns a raw score into what it stands for.
    pub fn mean(self, score: f32) -> f32 {
        if self.has_log_link() { score.exp() } else { score }
    }

    /// Returns the loss of one row, up to a term that the score does not enter.
    pub fn value(self, target: f32, score: f32) -> f64 {
        let (y, s) = (f64::from(target), f64::from(score));
        match self {
            Self::Squared => 0.5 * (s - y).powi(2),
            Self::Poisson => s.exp() - y * s,
            Self::Tweedie(power) => {
                let p = f64::from(power);
                ((2.0 - p) * s).exp() / (2.0 - p) - y * ((1.0 - p) * s).exp() / (1.0 - p)
            }
            Self::Pinball(level) => {
                let q = f64::from(level);
                if y > s { q * (y - s) } else { (1.0 - q) * (s - y) }
            }
        }
    }

    /// Returns slope and curvature of the loss at a score.
    pub(crate) fn derivatives(self, target: f32, score: f32) -> (f32, f32) {
        match self {
            Self::Squared => (score - target, 1.0),
            Self::Poisson => {
                let mean = score.exp();
                (mean - target, mean)
            }
            Self::Tweedie(power) => {
                let (seen, expected) = (target * ((1.0 - power) * score).exp(), ((2.0 - power) * score).exp());
                (expected - seen, (2.0 - power) * expected + (power - 1.0) * seen)
            }
            Self::Pinball(level) => (if target > score { -level } else { 1.0 - level }, 1.0),
        }
    }

    pub(crate) fn has_log_link(self) -> bool {
        matches!(self, Self::Poisson | Self::Tweedie(_))
    }

    /// Returns whether every row has the same curvature.
    pub(crate) fn curves_evenly(self) -> bool {
        !self.has_log_link()
    }

    pub(crate) fn check(self) -> Result<(), BoosterError> {
        match self {
            Self::Tweedie(power) if !(power > 1.0 && power < 2.0) => Err(BoosterError::Setting {
                name: "Tweedie power",
                value: f64::from(power),
                expected: "more than 1 and less than 2",
            }),
            Self::Pinball(level) if !(level > 0.0 && level < 1.0) => Err(BoosterError::Setting {
                name: "pinball level",
                value: f64::from(level),
                expected: "more than 0 and less than 1",
            }),
            _ => Ok(()),
        }
    }

    /// Returns the constant that is best before any tree; rows are (target, weight, offset).
    pub(crate) fn start(self, rows: impl Iterator<Item = (f32, f32, f32)> + Clone) -> f32 {
        let ratio = |power: f64| {
            let (mut seen, mut expected) = (0.0, 0.0);
            for (target, weight, offset) in rows.clone() {
                let (w, o) = (f64::from(weight), f64::from(offset));
                seen += w * f64::from(target) * ((1.0 - power) * o).exp();
                expected += w * ((2.0 - power) * o).exp();
            }
            (seen / expected).max(MEAN_MIN).ln() as f32
        };
        match self {
            Self::Squared => {
                let (mut sum, mut weights) = (0.0, 0.0);
                for (target, weight, offset) in rows {
                    sum += f64::from(weight) * (f64::from(target) - f64::from(offset));
                    weights += f64::from(weight);
                }
                (sum / weights) as f32
            }
            Self::Poisson => ratio(1.0),
            Self::Tweedie(power) => ratio(f64::from(power)),
            Self::Pinball(level) => quantile(&mut rows.map(|(y, w, o)| (y - o, w)).collect::<Vec<_>>(), level),
        }
    }
}

/// Returns the least value below or at which at least a share `level` of the weight lies.
pub(crate) fn quantile(values: &mut [(f32, f32)], level: f32) -> f32 {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let mut passed = 0.0;
    for &(value, weight) in values.iter() {
        passed += f64::from(weight);
        if passed >= f64::from(level) * total {
            return value;
        }
    }
    values.last().map_or(0.0, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        let step = 1e-3;
        for loss in [Loss::Squared, Loss::Poisson, Loss::Tweedie(1.3), Loss::Pinball(0.8)] {
            for (y, s) in [(3.0, 0.5), (0.0, -1.0), (2.0, 1.5)] {
                let (slope, curvature) = loss.derivatives(y, s);
                let at = |offset: f32| loss.value(y, s + offset);
                let numeric = (at(step) - at(-step)) / (2.0 * f64::from(step));
                assert!((numeric - f64::from(slope)).abs() < 2e-3, "{loss:?} {y} {s}");
                let bend = (at(0.05) - 2.0 * at(0.0) + at(-0.05)) / 0.0025;
                let bends = !matches!(loss, Loss::Pinball(_));
                assert!(!bends || (bend - f64::from(curvature)).abs() < 2e-2 * bend, "{loss:?} {y} {s} {bend}");
            }
        }
    }

    #[test]
    fn a_quantile_counts_weight_rather_than_rows() {
        assert_eq!(quantile(&mut [(1.0, 1.0), (3.0, 6.0), (2.0, 1.0)], 0.25), 2.0);
        assert_eq!(quantile(&mut [(1.0, 1.0), (3.0, 6.0), (2.0, 1.0)], 0.5), 3.0);
    }
}
