//! Random numbers that are addressed, not consumed.
//!
//! Each stream of a world belongs to a purpose and a period; the n-th word of it belongs to the n-th cell (item,
//! region). What a policy does can therefore not shift what another cell or a later period draws. Counts are drawn by
//! inversion of one uniform, which makes them rise with their mean: the coupling under which differences between
//! policies vary least (Glasserman and Yao 1992, Some guidelines and guarantees for common random numbers).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream of draws is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Hidden traits of the items, drawn once.
    Traits = 0,
    /// Shock of an item over all places in a period.
    Item = 1,
    /// Shock of a region over all items in a period.
    Region = 2,
    /// Demand of a cell in a period.
    Demand = 3,
    /// Fate of the delivery ordered for a cell in a period.
    Delivery = 4,
    /// What a planner promotes in a period, and which stores follow.
    Plan = 5,
    /// What a planner has delivered to a cell for a period.
    Supply = 6,
    /// What a competitor does with the price of an item in a period.
    Rival = 7,
}

/// All draws of one seed.
#[derive(Clone, Debug)]
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Fills `words` with the stream's words from its first on.
    pub(crate) fn fill(&self, stream: Stream, period: i32, words: &mut [u64]) {
        let mut source = self.0.clone();
        source.set_stream(((stream as u64) << 32) | u64::from(period as u32));
        source.set_word_pos(0);
        for word in words {
            *word = source.next_u64();
        }
    }
}

/// Turns a word into a number strictly between 0 and 1.
pub(crate) fn uniform(word: u64) -> f64 {
    ((word >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Turns a word into a standard normal.
pub(crate) fn normal(word: u64) -> f64 {
    crate::normal::quantile(uniform(word))
}

/// Turns a word into a factor with mean 1 whose log has this standard deviation.
pub(crate) fn shock(word: u64, sd: f64) -> f64 {
    (sd * normal(word) - 0.5 * sd * sd).exp()
}

/// Counts of one variance over mean: Poisson at 1, negative binomial above.
///
/// A count is the quantile of one uniform, so that it rises with its mean. Found exactly, by adding up probabilities
/// from 0 on, until the skewness is below [`SKEWNESS_MAX`]; from there by the third-order Cornish-Fisher expansion
/// (Cornish and Fisher 1938) with Sheppard's correction for rounding, whose mean is off by under a hundredth of a piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    dispersion: f64,
    /// Minus the log probability of none, per piece of the mean.
    zero_rate: f64,
    /// Ratio of neighbouring probabilities far out.
    tail_ratio: f64,
    /// Mean from which the expansion is used.
    walk_max: f64,
}

/// Skewness below which a count is drawn by expansion.
const SKEWNESS_MAX: f64 = 0.3;
/// Reciprocals of 1, 2, …: a product is faster than a division.
const RECIPROCALS: [f64; 256] = {
    let mut all = [1.0; 256];
    let mut n = 1;
    while n < all.len() {
        all[n] = 1.0 / (n + 1) as f64;
        n += 1;
    }
    all
};

impl Counts {
    pub(crate) fn new(dispersion: f64) -> Self {
        let excess = dispersion - 1.0;
        let (zero_rate, tail_ratio) =
            if excess < 1e-6 { (1.0, 0.0) } else { (dispersion.ln() / excess, excess / dispersion) };
        let walk_max = ((2.0 * dispersion - 1.0) / SKEWNESS_MAX).powi(2) / dispersion;
        Self { dispersion, zero_rate, tail_ratio, walk_max }
    }

    /// Turns a word into a count with this mean.
    #[inline]
    pub(crate) fn draw(&self, word: u64, mean: f64) -> i64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > self.walk_max { self.expand(normal(word), mean) } else { self.walk(uniform(word), mean) }
    }

    fn walk(&self, target: f64, mean: f64) -> i64 {
        let mut probability = (-mean * self.zero_rate).exp();
        if target <= probability {
            return 0;
        }
        // p(n + 1) / p(n) = a + b / (n + 1)
        let a = self.tail_ratio;
        let b = if a > 0.0 { a * (mean / (self.dispersion - 1.0) - 1.0) } else { mean };
        let end = (mean + 40.0 * (mean * self.dispersion).sqrt() + 40.0 * self.dispersion) as usize;
        let mut reached = probability;
        for n in 0..end {
            let reciprocal = RECIPROCALS.get(n).copied().unwrap_or_else(|| 1.0 / (n + 1) as f64);
            probability *= a + b * reciprocal;
            reached += probability;
            if reached >= target {
                return n as i64 + 1;
            }
        }
        end as i64
    }

    fn expand(&self, z: f64, mean: f64) -> i64 {
        let d = self.dispersion;
        let variance = mean * d;
        let skewness = (2.0 * d - 1.0) / variance.sqrt();
        let kurtosis = (1.0 + 6.0 * d * (d - 1.0)) / variance;
        let square = z * z;
        let shape = z + skewness * (square - 1.0) / 6.0 + kurtosis * z * (square - 3.0) / 24.0
            - skewness * skewness * z * (2.0 * square - 5.0) / 36.0;
        (mean + (variance - 1.0 / 12.0).sqrt() * shape).round().max(0.0) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(n: usize) -> Vec<u64> {
        let mut words = vec![0; n];
        Draws::new(7).fill(Stream::Demand, 3, &mut words);
        words
    }

    #[test]
    fn a_longer_read_of_a_stream_begins_with_the_shorter_one() {
        assert_eq!(words(100)[..10], words(10)[..]);
    }

    #[test]
    fn streams_periods_and_seeds_differ() {
        let first = |seed, stream, period| {
            let mut word = [0];
            Draws::new(seed).fill(stream, period, &mut word);
            word[0]
        };
        let all = [
            first(1, Stream::Demand, 5),
            first(2, Stream::Demand, 5),
            first(1, Stream::Demand, 6),
            first(1, Stream::Demand, -5),
            first(1, Stream::Item, 5),
        ];
        for (at, word) in all.iter().enumerate() {
            assert!(!all[..at].contains(word));
        }
    }

    #[test]
    fn counts_have_the_mean_and_dispersion_asked_for() {
        // Evenly spread uniforms integrate the quantile function: no noise but that of the grid.
        let grid: Vec<u64> = (0..200_000u64).map(|at| at * (u64::MAX / 200_000)).collect();
        for (mean, dispersion) in [
            (0.3, 1.0),
            (4.0, 1.0),
            (12.0, 1.0),
            (20.0, 1.0),
            (4.0, 1.6),
            (24.0, 1.4),
            (30.0, 1.4),
            (60.0, 3.0),
            (600.0, 2.0),
        ] {
            let counts = Counts::new(dispersion);
            let drawn: Vec<f64> = grid.iter().map(|&word| counts.draw(word, mean) as f64).collect();
            let n = drawn.len() as f64;
            let found = drawn.iter().sum::<f64>() / n;
            let variance = drawn.iter().map(|c| (c - found).powi(2)).sum::<f64>() / n;
            assert!((found - mean).abs() < 0.01, "mean {mean}, dispersion {dispersion}: {found}");
            assert!((variance / mean / dispersion - 1.0).abs() < 0.005, "dispersion {dispersion}: {}", variance / mean);
        }
    }

    #[test]
    fn counts_follow_the_distribution_and_not_only_its_moments() {
        use statrs::distribution::{DiscreteCDF, Poisson};
        for mean in [0.7, 5.0, 11.0, 11.2, 40.0] {
            let (exact, counts) = (Poisson::new(mean).unwrap(), Counts::new(1.0));
            for step in 1..1000u64 {
                let word = step * (u64::MAX / 1000);
                let (found, truth) = (counts.draw(word, mean), exact.inverse_cdf(uniform(word)) as i64);
                let allowed = i64::from(mean > counts.walk_max);
                assert!((found - truth).abs() <= allowed, "mean {mean}, share {}: {found}, {truth}", uniform(word));
            }
        }
    }

    #[test]
    fn shocks_leave_the_mean_where_it_is() {
        let words = words(40_000);
        let mean = words.iter().map(|&word| shock(word, 0.3)).sum::<f64>() / words.len() as f64;
        assert!((mean - 1.0).abs() < 0.008, "{mean}");
    }

    proptest! {
        #[test]
        fn more_expected_demand_never_draws_less(word in any::<u64>(), mean in 0.0f64..240.0, more in 0.0f64..40.0, dispersion in 1.0f64..4.0) {
            let counts = Counts::new(dispersion);
            // Where one is drawn exactly and the other by expansion, they may differ by the piece that rounding takes.
            let seam = i64::from((mean <= counts.walk_max) != (mean + more <= counts.walk_max));
            prop_assert!(counts.draw(word, mean) <= counts.draw(word, mean + more) + seam);
        }
    }
}
