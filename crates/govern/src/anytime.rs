//! The mean of a few draws with an interval that may be looked at after each of them.
//!
//! Draws are taken as normal about one mean, with a spread that nobody knows. Whoever stops as soon as the interval says so is
//! wrong no more often than `alpha`, exactly and for any number of looks: the ratio of the likelihoods under a normal prior of
//! the effect size, whatever the spread is, is a martingale while the mean is what is tested. That holds from the second
//! draw on, where bounds for large samples do not. Pure; reads no clock.
//!
//! # Source
//! Wang and Ramdas 2025, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance",
//! Sequential Analysis 44(1), theorem 4.7 (Gaussian mixture of scale-invariant likelihood ratios); the closed form is that of
//! Gönen, Johnson, Lu and Westfall 2005, "The Bayesian two-sample t test", The American Statistician 59(3).

use endcap_model::Gain;

/// Variance of the effect size (mean over spread of a draw) at which the interval is tightest: means of two spreads.
const EFFECT_VARIANCE: f64 = 4.0;

/// The mean of draws with the interval that holds at all looks; nothing without draws, or where one is no number.
pub fn mean(draws: &[f64], alpha: f64) -> Option<Gain> {
    if draws.is_empty() || draws.iter().any(|draw| !draw.is_finite()) {
        return None;
    }
    let count = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / count;
    let radius = radius(draws, mean, alpha);
    let blocks = draws.len();
    Some(Gain { mean, low: radius.map(|half| mean - half), high: radius.map(|half| mean + half), blocks })
}

/// Half the width: the means at which the ratio of likelihoods is at 1 / alpha. Nothing where the draws are too few to bound
/// it.
fn radius(draws: &[f64], mean: f64, alpha: f64) -> Option<f64> {
    let count = draws.len() as f64;
    let freedom = count - 1.0;
    if freedom < 1.0 {
        return None;
    }
    let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / freedom;
    let wider = 1.0 + count * EFFECT_VARIANCE;
    let bound = (wider.sqrt() / alpha).powf(2.0 / count);
    (bound < wider).then(|| {
        let t_squared = freedom * (bound - 1.0) / (1.0 - bound / wider);
        (t_squared * variance / count).sqrt()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws about a mean with spread 1, from a generator of its own (SplitMix64 and Box-Muller).
    fn normals(seed: u64, mean: f64) -> impl Iterator<Item = f64> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut uniform = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        std::iter::repeat_with(move || {
            let (radius, turn) = ((-2.0 * (1.0 - uniform()).ln()).sqrt(), std::f64::consts::TAU * uniform());
            mean + radius * turn.cos()
        })
    }

    #[test]
    fn the_ends_are_where_the_ratio_of_likelihoods_reaches_its_bound() {
        let draws = [0.3, 0.5, 0.1, 0.4, 0.2, 0.6];
        let found = mean(&draws, 0.05).unwrap();
        let count = draws.len() as f64;
        let ratio = |at: f64| {
            let squares: f64 = draws.iter().map(|draw| (draw - found.mean).powi(2)).sum();
            let t_squared = count * (found.mean - at).powi(2) / (squares / (count - 1.0));
            let wider = 1.0 + count * EFFECT_VARIANCE;
            let (own, other) = (1.0 + t_squared / (count - 1.0), 1.0 + t_squared / ((count - 1.0) * wider));
            wider.powf(-0.5) * (own / other).powf(count / 2.0)
        };
        for end in [found.low.unwrap(), found.high.unwrap()] {
            assert!((ratio(end) - 20.0).abs() < 1e-9, "{}", ratio(end));
        }
    }

    #[test]
    fn looking_after_every_draw_of_a_season_is_wrong_no_more_often_than_it_says() {
        let ever_wrong = |seed: u64| {
            let draws: Vec<f64> = normals(seed, 0.0).take(26).collect();
            (2..=26).any(|look| {
                let found = mean(&draws[..look], 0.05).unwrap();
                found.low.is_some_and(|low| low > 0.0) || found.high.is_some_and(|high| high < 0.0)
            })
        };
        let wrong = (1..=2000).filter(|&seed| ever_wrong(seed)).count();
        assert!((10..=100).contains(&wrong), "{wrong} of 2000");
    }

    #[test]
    fn a_gain_of_three_spreads_is_found_within_six_draws() {
        let found = |seed: u64| {
            let draws: Vec<f64> = normals(seed, 3.0).take(6).collect();
            (2..=6).any(|look| mean(&draws[..look], 0.05).unwrap().low.is_some_and(|low| low > 0.0))
        };
        let share = (1..=500).filter(|&seed| found(seed)).count() as f64 / 500.0;
        assert!(share > 0.9, "{share}");
    }

    #[test]
    fn too_few_draws_or_no_number_tell_nothing() {
        assert!(mean(&[], 0.05).is_none() && mean(&[1.0, f64::NEG_INFINITY], 0.05).is_none());
        let alone = mean(&[0.7], 0.05).unwrap();
        assert_eq!((alone.mean, alone.low, alone.high, alone.blocks), (0.7, None, None, 1));
        assert_eq!(mean(&[0.7, 0.7], 0.05).unwrap().low, None, "two draws do not bound it at this level");
    }
}
