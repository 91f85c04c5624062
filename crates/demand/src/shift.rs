//! How far sales have left the level that was expected of them: the one comparison of periods now with periods then, which
//! `drift` (does the model still hold?) judges by and `regime` (may the loop go on?) tells.
//!
//! A period with all its cells is one observation. What moves a whole period lasts (warm weeks, a competitor's month), so that
//! periods say less than their number: variances of means are those of a first-order autoregression, its correlation taken
//! from the residuals of both samples and freed from its bias. And people look every period until something is found: the
//! level of the n-th look is 5 % / (n (n + 1)), which adds up to 5 % over all looks that there will ever be. Never says why.
//!
//! Sources: variance of a mean under autocorrelation, Bayley and Hammersley (1946), J. Royal Statistical Society B 8(2); bias
//! of the correlation, Kendall (1954), Biometrika 41; levels that add up, Darling and Robbins (1967), PNAS 57.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Share of quiet series in which some look finds a shift.
const FALSE_ALARMS: f64 = 0.05;
/// Largest correlation of neighbouring periods that is believed.
const LASTING_MOST: f64 = 0.9;
/// Fewest values that tell a correlation.
const LASTING_VALUES: f64 = 6.0;
/// Fewest effective degrees of freedom.
const FREEDOM_LEAST: f64 = 2.0;

/// A figure with its 95 % interval, at all looks until now together; ends are infinite where nothing tells how far it strays
/// by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The figure.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub lo95: f64,
    /// Upper end of its 95 % interval.
    pub hi95: f64,
}

impl Measured {
    /// Whether chance does not explain a ratio other than 1.
    pub(crate) fn is_moved(&self) -> bool {
        self.hi95 < 1.0 || self.lo95 > 1.0
    }
}

/// A ratio of sums over periods.
#[derive(Clone, Debug)]
pub(crate) struct Ratio {
    pub value: f64,
    /// The sum below the line.
    pub base: f64,
    /// Sum of the squares of one period about it, each period counted by its share of the base, times their number.
    squares: f64,
    /// What each period strays from it, in order.
    residuals: Vec<f64>,
    /// Sum of the squared weights of the periods: 1 over their number where all are alike.
    weights: f64,
}

impl Ratio {
    /// Divides the sums of (top, base); nothing where no base is over 0.
    pub fn of(periods: impl Iterator<Item = (f64, f64)>) -> Option<Self> {
        let all: Vec<(f64, f64)> = periods.filter(|(_, base)| *base > 0.0).collect();
        let (top, base) = all.iter().fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let value = top / base;
        let residuals: Vec<f64> = all.iter().map(|(top, own)| top / own - value).collect();
        let weighed = all.iter().zip(&residuals).map(|((_, own), residual)| own / base * residual.powi(2));
        let squares = weighed.sum::<f64>() * all.len() as f64;
        let weights = all.iter().map(|(_, own)| (own / base).powi(2)).sum();
        (base > 0.0).then_some(Self { value, base, squares, residuals, weights })
    }

    /// The same with its spread as a share of its value.
    pub fn relative(&self) -> Self {
        let share = 1.0 / self.value.abs().max(f64::MIN_POSITIVE);
        let residuals = self.residuals.iter().map(|residual| residual * share).collect();
        Self { squares: self.squares * share * share, residuals, ..*self }
    }

    fn periods(&self) -> f64 {
        self.residuals.len() as f64
    }
}

/// Compares a ratio with the same ratio as it used to be, at the n-th look at what came since; without one, with 1.
pub(crate) fn shift(now: &Ratio, then: Option<&Ratio>, look: usize) -> Measured {
    let before = then.filter(|then| then.value > 0.0).map_or(1.0, |then| then.value);
    let (value, half) = (now.value / before, half_width(now, then, true, look) / before);
    Measured { value, lo95: (value - half).max(0.0), hi95: value + half }
}

/// Half of the interval of a ratio now, or of its difference from the one then, by the spread of both; infinite where
/// neither has two periods.
pub(crate) fn half_width(now: &Ratio, then: Option<&Ratio>, difference: bool, look: usize) -> f64 {
    let samples: Vec<&Ratio> = std::iter::once(now).chain(then).collect();
    let sum = |of: &dyn Fn(&Ratio) -> f64| samples.iter().map(|sample| of(sample)).sum::<f64>();
    let freedom = sum(&|sample| sample.periods() - 1.0);
    if freedom < 1.0 {
        return f64::INFINITY;
    }
    let lasting = lasting(&samples);
    // About its own mean a sample that lasts strays less than about the true one.
    let about_mean = sum(&|sample| sample.periods() - widening(sample.periods(), lasting));
    let variance = sum(&|sample| sample.squares) / about_mean.max(0.2 * freedom);
    let of_mean = |sample: &Ratio| sample.weights * widening(sample.periods(), lasting);
    let variance = variance * (of_mean(now) + then.filter(|_| difference).map_or(0.0, of_mean));
    let effective = (freedom * (1.0 - lasting) / (1.0 + lasting)).max(FREEDOM_LEAST.min(freedom));
    let student = StudentsT::new(0.0, 1.0, effective).expect("Invariant: degrees of freedom are over 0");
    let look = look.max(1) as f64;
    student.inverse_cdf(1.0 - FALSE_ALARMS / (look * (look + 1.0)) / 2.0) * variance.sqrt()
}

/// Correlation of neighbouring periods, from 0.
fn lasting(samples: &[&Ratio]) -> f64 {
    let sum = |of: &dyn Fn(&[f64]) -> f64| samples.iter().map(|sample| of(&sample.residuals)).sum::<f64>();
    let values = sum(&|residuals| residuals.len() as f64);
    let squares = sum(&|residuals| residuals.iter().map(|residual| residual * residual).sum());
    if values < LASTING_VALUES || squares <= 0.0 {
        return 0.0;
    }
    let found = sum(&|residuals| residuals.windows(2).map(|pair| pair[0] * pair[1]).sum()) / squares;
    ((values * found + 1.0) / (values - 3.0)).clamp(0.0, LASTING_MOST)
}

/// Variance of a mean of so many periods over what it would be if each strayed by itself.
fn widening(periods: f64, lasting: f64) -> f64 {
    let (mut sum, mut power) = (1.0, lasting);
    let mut apart = 1.0;
    while apart < periods && power > 1e-9 {
        sum += 2.0 * (1.0 - apart / periods) * power;
        power *= lasting;
        apart += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    /// Periods at so much of what was expected, with shocks that last.
    fn periods(seed: u64, count: usize, (spread, lasting): (f64, f64)) -> Vec<(f64, f64)> {
        let mut g = ChaCha8Rng::seed_from_u64(seed);
        let mut shock: f64 = StandardNormal.sample(&mut g);
        let mut next = || {
            let before = shock;
            let own: f64 = StandardNormal.sample(&mut g);
            shock = lasting * shock + (1.0 - lasting * lasting).sqrt() * own;
            before
        };
        (0..count).map(|_| (500.0 * (spread * next()).exp(), 500.0)).collect()
    }

    /// Number of the look in half a year that finds a shift, as a season of weeks after 13 that were usual brings it.
    fn found(seed: u64, noise: (f64, f64), factor: f64) -> Option<usize> {
        let all = periods(seed, 39, noise);
        let then = Ratio::of(all[..13].iter().copied())?;
        let now = |look: usize| Ratio::of(all[13..13 + look].iter().map(|(sold, expected)| (factor * sold, *expected)));
        (1..=26).find(|&look| now(look).is_some_and(|now| shift(&now, Some(&then), look).is_moved()))
    }

    #[test]
    fn looking_every_week_of_a_quiet_season_rarely_finds_a_shift() {
        for noise in [(0.1, 0.0), (0.1, 0.3), (0.1, 0.5), (0.25, 0.3)] {
            let alarms = (0..200).filter(|&seed| found(seed, noise, 1.0).is_some()).count();
            assert!(alarms <= 10, "{alarms} of 200 at {noise:?}");
        }
    }

    #[test]
    fn a_level_that_falls_is_found_within_weeks() {
        let within = |noise, factor, weeks| {
            (0..200).filter(|&seed| found(seed, noise, factor).is_some_and(|look| look <= weeks)).count()
        };
        let halved = within((0.1, 0.3), 0.5, 2);
        assert!(halved >= 160, "{halved} of 200 halvings in two weeks");
        let less = within((0.05, 0.3), 0.8, 12);
        assert!(less >= 160, "{less} of 200 falls by a fifth in twelve weeks");
    }

    #[test]
    fn a_mean_of_periods_that_last_is_as_uncertain_as_the_autoregression_says() {
        // Two periods with correlation 1/2: Var = (1 + 1/2) / 2 of one, 1.5 times that of two that stray by themselves.
        assert!((widening(2.0, 0.5) - 1.5).abs() < 1e-12);
        // Endless ones: (1 + r) / (1 - r).
        assert!((widening(1e6, 0.5) - 3.0).abs() < 1e-5);
        assert_eq!(widening(1.0, 0.5), 1.0);
    }

    #[test]
    fn without_two_periods_nothing_tells_how_far_is_far() {
        let now = Ratio::of([(5.0, 10.0)].into_iter()).unwrap();
        assert_eq!(shift(&now, None, 1), Measured { value: 0.5, lo95: 0.0, hi95: f64::INFINITY });
        assert!(Ratio::of([(5.0, 0.0)].into_iter()).is_none());
    }
}
