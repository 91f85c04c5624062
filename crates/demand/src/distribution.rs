//! The distribution of demand: a count with a mean and a variance, negative binomial where it is over-dispersed.
//!
//! Variance at or below the mean is taken as Poisson. Source of the conditional moments: Johnson, Kemp and Kotz
//! (2005), Univariate Discrete Distributions, sections 4.10 and 5.6 (size-biased negative binomial). Source of the mean
//! deviation: de Moivre (1730) for the binomial; Diaconis and Zabell (1991) for its relatives.

use statrs::function::beta::beta_reg;
use statrs::function::gamma::gamma_lr;

/// Variance over mean below which a count is treated as Poisson.
const POISSON: f64 = 1.0 + 1e-6;

/// Probability that a count of this mean and variance is at most `k`; linear between whole numbers would not be a
/// distribution, so `k` is rounded down.
pub(crate) fn at_most(mean: f64, variance: f64, k: f64) -> f64 {
    if k < 0.0 {
        return 0.0;
    }
    if mean <= 0.0 {
        return 1.0;
    }
    let k = k.floor();
    if variance <= mean * POISSON {
        return 1.0 - gamma_lr(k + 1.0, mean);
    }
    let size = mean * mean / (variance - mean);
    beta_reg(size, k + 1.0, (size / (size + mean)).clamp(0.0, 1.0))
}

/// The number that a count stays below with probability `level`. Each whole number's probability is spread evenly
/// over half a unit to either side, so that quantiles rise smoothly with the level and the median is not shifted.
pub(crate) fn quantile(mean: f64, variance: f64, level: f64) -> f64 {
    if mean <= 0.0 || level <= 0.0 {
        return 0.0;
    }
    let sd = variance.max(mean).sqrt();
    let (mut low, mut high) = (-1.0, (mean + 4.0 * sd + 4.0).ceil());
    while at_most(mean, variance, high) < level && high < 1e12 {
        low = high;
        high *= 2.0;
    }
    while high - low > 1.0 {
        let middle = ((low + high) / 2.0).floor();
        if at_most(mean, variance, middle) >= level {
            high = middle;
        } else {
            low = middle;
        }
    }
    let (below, reached) = (at_most(mean, variance, high - 1.0), at_most(mean, variance, high));
    let inside = if reached > below { ((level - below) / (reached - below)).clamp(0.0, 1.0) } else { 1.0 };
    (high - 0.5 + inside).max(0.0)
}

/// Largest mean for which [`quantiles`] walks from count to count.
const WALK: f64 = 500.0;
/// Reciprocals of the counts up to which it walks.
const INVERSE: [f64; 1_000] = {
    let mut inverse = [0.0; 1_000];
    let mut count = 0;
    while count < inverse.len() {
        inverse[count] = 1.0 / (count + 1) as f64;
        count += 1;
    }
    inverse
};

/// Writes what [`quantile`] returns for every one of rising levels, in one walk over the counts where they are small.
pub(crate) fn quantiles(mean: f64, variance: f64, levels: impl Iterator<Item = f64>, out: &mut Vec<f64>) {
    let poisson = variance <= mean * POISSON;
    let size = if poisson { f64::INFINITY } else { mean * mean / (variance - mean) };
    let none = if poisson { (-mean).exp() } else { (-size * (mean / size).ln_1p()).exp() };
    let walks = mean > 0.0 && mean <= WALK && none > f64::MIN_POSITIVE;
    // Probability of a count over that of the one before it, times the count: first + count * more.
    let (first, more) = if poisson { (mean, 0.0) } else { (mean * size / (size + mean), mean / (size + mean)) };
    let (mut count, mut probability, mut below) = (0, none, 0.0);
    out.extend(levels.map(|level| {
        while walks && below + probability < level && count < INVERSE.len() {
            below += probability;
            probability *= (first + more * count as f64) * INVERSE[count];
            count += 1;
        }
        if !walks || count == INVERSE.len() || level <= 0.0 {
            return quantile(mean, variance, level);
        }
        (count as f64 - 0.5 + ((level - below) / probability).clamp(0.0, 1.0)).max(0.0)
    }));
}

/// Probability of being below `units`, with half of the probability of `units` itself: the mid-distribution
/// transform, which is uniform on average when the distribution is right.
pub(crate) fn middle_rank(mean: f64, variance: f64, units: f64) -> f64 {
    0.5 * (at_most(mean, variance, units - 1.0) + at_most(mean, variance, units))
}

/// Mean and variance of a count given that it is at least `least`.
pub(crate) fn given_at_least(mean: f64, variance: f64, least: f64) -> (f64, f64) {
    let least = least.floor();
    if least <= 0.0 || mean <= 0.0 {
        return (mean, variance.max(mean));
    }
    let extra = (variance - mean).max(0.0) / (mean * mean);
    let beyond = 1.0 - at_most(mean, variance, least - 1.0);
    if beyond < 1e-10 {
        return (least + 1.0, 1.0);
    }
    let biased = |times: f64| {
        let biased_mean = mean * (1.0 + times * extra);
        1.0 - at_most(
            biased_mean,
            biased_mean + extra / (1.0 + times * extra) * biased_mean * biased_mean,
            least - 1.0 - times,
        )
    };
    let first = mean * biased(1.0) / beyond;
    let second = mean * mean * (1.0 + extra) * biased(2.0) / beyond;
    let first = first.max(least);
    (first, (second + first - first * first).max(1e-6))
}

/// Expected distance of a count from its mean: `2 (k + 1) P(k + 1) variance / mean` with `k` the mean rounded down.
///
/// Where the variance is below the mean the deviation is Poisson's, less by the ratio of the standard deviations.
pub(crate) fn mean_deviation(mean: f64, variance: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    let (above, ratio) = (mean.floor() + 1.0, variance / mean);
    let probability = at_most(mean, variance, above) - at_most(mean, variance, above - 1.0);
    2.0 * above * probability * if ratio < 1.0 { ratio.sqrt() } else { ratio }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_summation(mean: f64, variance: f64, least: f64) -> (f64, f64) {
        let probability = |k: f64| at_most(mean, variance, k) - at_most(mean, variance, k - 1.0);
        let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
        for k in (least as usize)..3_000 {
            let (k, p) = (k as f64, probability(k as f64));
            total += p;
            first += p * k;
            second += p * k * k;
        }
        (first / total, second / total - (first / total).powi(2))
    }

    proptest! {
        #[test]
        fn moments_beyond_a_point_match_the_sum_over_the_counts(
            mean in 0.5f64..60.0, extra in 0.0f64..0.5, least in 0.0f64..70.0,
        ) {
            let variance = mean + extra * mean * mean;
            prop_assume!(1.0 - at_most(mean, variance, least.floor() - 1.0) > 1e-4);
            let (first, second) = given_at_least(mean, variance, least);
            let (first_sum, second_sum) = by_summation(mean, variance, least.floor());
            prop_assert!((first - first_sum).abs() < 1e-3 * first_sum.max(1.0), "{first} {first_sum}");
            prop_assert!((second - second_sum).abs() < 2e-2 * second_sum.max(1.0), "{second} {second_sum}");
        }

        #[test]
        fn the_mean_deviation_matches_the_sum_over_the_counts(mean in 0.02f64..60.0, extra in 0.0f64..1.0) {
            let variance = mean + extra * mean * mean;
            let probability = |k: f64| at_most(mean, variance, k) - at_most(mean, variance, k - 1.0);
            let sum: f64 = (0..3_000).map(f64::from).map(|k| (k - mean).abs() * probability(k)).sum();
            let exact = mean_deviation(mean, variance);
            prop_assert!((exact / sum - 1.0).abs() < 1e-6, "{exact} {sum}");
        }

        #[test]
        fn quantiles_rise_with_the_level(mean in 0.05f64..200.0, extra in 0.0f64..1.0) {
            let variance = mean + extra * mean * mean;
            let levels = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
            let quantiles: Vec<f64> = levels.iter().map(|&level| quantile(mean, variance, level)).collect();
            prop_assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]), "{quantiles:?}");
        }
    }

    proptest! {
        #[test]
        fn walking_over_the_counts_finds_the_same_quantiles(mean in 0.01f64..400.0, extra in 0.0f64..3.0) {
            let variance = mean + extra * mean * mean;
            let levels = [0.01, 0.05, 0.5, 0.95, 0.999];
            let mut all = Vec::new();
            quantiles(mean, variance, levels.iter().copied(), &mut all);
            for (level, walked) in levels.iter().zip(all) {
                let searched = quantile(mean, variance, *level);
                prop_assert!((walked - searched).abs() < 1e-6 * searched.max(1.0), "{level}: {walked} {searched}");
            }
        }
    }

    #[test]
    fn poisson_probabilities_match_the_table() {
        // Poisson with mean 4: P(X <= 2) = 0.2381033 (Abramowitz and Stegun, table 26.7).
        assert!((at_most(4.0, 4.0, 2.0) - 0.238_103_3).abs() < 1e-6);
    }
}
