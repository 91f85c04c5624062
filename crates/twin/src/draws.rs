//! Random numbers that are addressed, not consumed.
//!
//! Each stream of a world belongs to a purpose and a period; the n-th word of it belongs to the n-th cell (item,
//! region). What a policy does can therefore not shift what another cell or a later period draws. Counts are drawn by
//! inversion of one uniform, which makes them rise with their mean: the coupling under which differences between
//! policies vary least (Glasserman and Yao 1992, Some guidelines and guarantees for common random numbers).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::function::erf::erfc_inv;

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
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * uniform(word))
}

/// Turns a word into a factor with mean 1 whose log has this standard deviation.
pub(crate) fn shock(word: u64, sd: f64) -> f64 {
    (sd * normal(word) - 0.5 * sd * sd).exp()
}

/// Mean above which a count is drawn by its normal approximation.
const WALK_MAX: f64 = 250.0;

/// Turns a word into a count with this mean and variance over mean: Poisson at 1, negative binomial above.
///
/// Exact inversion up to a mean of 250; above it the second-order Cornish-Fisher quantile (Cornish and Fisher 1938),
/// rounded to a whole number, whose error in the mean is below one hundredth of a piece.
pub(crate) fn count(word: u64, mean: f64, dispersion: f64) -> i64 {
    if mean <= 0.0 {
        return 0;
    }
    if mean > WALK_MAX {
        return approximate_count(normal(word), mean, dispersion);
    }
    let excess = dispersion - 1.0;
    let (zero, size, fail) = if excess < 1e-6 {
        ((-mean).exp(), f64::INFINITY, 0.0)
    } else {
        let size = mean / excess;
        ((-size * dispersion.ln()).exp(), size, excess / dispersion)
    };
    let target = uniform(word);
    let end = (mean + 40.0 * (mean * dispersion).sqrt() + 40.0 * dispersion) as i64;
    let (mut pieces, mut probability, mut reached) = (0_i64, zero, zero);
    while reached < target && pieces < end {
        let next = pieces as f64;
        let ratio = if size.is_finite() { fail * (size + next) / (next + 1.0) } else { mean / (next + 1.0) };
        probability *= ratio;
        reached += probability;
        pieces += 1;
    }
    pieces
}

fn approximate_count(z: f64, mean: f64, dispersion: f64) -> i64 {
    let sd = (mean * dispersion).sqrt();
    let skewness = (2.0 * dispersion - 1.0) / sd;
    (mean + sd * (z + skewness * (z * z - 1.0) / 6.0)).round().max(0.0) as i64
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
        let words = words(40_000);
        for (mean, dispersion) in [(0.3, 1.0), (4.0, 1.0), (4.0, 1.6), (60.0, 3.0), (600.0, 2.0)] {
            let counts: Vec<f64> = words.iter().map(|&word| count(word, mean, dispersion) as f64).collect();
            let n = counts.len() as f64;
            let found = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|c| (c - found).powi(2)).sum::<f64>() / (n - 1.0);
            let error = (mean * dispersion / n).sqrt();
            assert!((found - mean).abs() < 4.0 * error, "mean {mean}: {found}");
            assert!((variance / mean / dispersion - 1.0).abs() < 0.05, "dispersion {dispersion}: {}", variance / mean);
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
        fn more_expected_demand_never_draws_less(word in any::<u64>(), mean in 0.0f64..200.0, more in 0.0f64..40.0, dispersion in 1.0f64..4.0) {
            prop_assert!(count(word, mean, dispersion) <= count(word, mean + more, dispersion));
        }
    }
}
