//! What a matched-pairs test shows: effect, interval and p-value from the assignments that could have been drawn.
//!
//! Within each pair a coin chose the treated place. If the treatment multiplies sales by `exp(effect)`, then after
//! dividing the treated sales by it every other assignment would have given the same sales, so that flipping the
//! pairs of a set F moves the statistic by an amount that is known (Fisher 1935). With treated sales a_k and control
//! sales b_k of pair k, each set F turns the test at the effect `ln(sum_F a / sum_F b)`, so the accepted effects
//! lie between two order statistics of these: typical values (Hartigan 1969). Interval and p-value count the same list and
//! cannot disagree.
//!
//! Never assumes a distribution of sales: shocks of weeks, regions and seasons, however they depend, are those of the
//! places as they are.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Log effects nearer to 0 than this are ties by rounding.
const TIE: f64 = 1e-12;

/// Sales of a pair in the test over its sales before, weighed by how closely the pair moved together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PairSales {
    pub(crate) treated: f64,
    pub(crate) control: f64,
}

/// An effect on log sales, with the interval and the p-value of one and the same test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Inference {
    /// Log of treated over control sales, each over its sales before the test.
    pub log_lift: f64,
    /// Lower end of the interval; minus infinity (null in JSON) when the pairs are too few for one.
    pub lo: f64,
    /// Upper end of the interval; infinity when the pairs are too few.
    pub hi: f64,
    /// Two-sided: how often assignments show at least as much when the treatment does nothing.
    pub p_value: f64,
    /// Level of the test: the interval covers with a probability of at least one less this.
    pub level: f64,
    /// Pairs that were read.
    pub pairs: usize,
    /// Assignments that were compared.
    pub assignments: usize,
}

impl Inference {
    /// Returns whether no effect is ruled out, which is the same by interval and by p-value.
    pub fn rules_out_none(&self) -> bool {
        self.p_value < self.level
    }
}

/// Fewest pairs of which some assignment is unusual enough for a two-sided test at this level.
pub(crate) fn pairs_min(level: f64) -> usize {
    (1..64).find(|&pairs| 2.0 * 0.5f64.powi(pairs) < level).unwrap_or(64) as usize
}

/// Tests and inverts the test at a level, over all assignments or, where there are more, over `most` of them: the one
/// that was used and draws from `rng`.
pub(crate) fn infer(pairs: &[PairSales], level: f64, most: usize, rng: &mut ChaCha8Rng) -> Inference {
    let listed = pairs.len() < 32 && 1usize << pairs.len() <= most;
    let flips = if listed { all_flips(pairs) } else { drawn_flips(pairs, most, rng) };
    let assignments = flips.len();
    let mut turns: Vec<f64> = flips.iter().filter_map(PairSales::turning_effect).collect();
    turns.sort_unstable_by(f64::total_cmp);
    let ties = assignments - turns.len();
    let count = |share: f64| 2.0 * share / assignments as f64;
    let at_most = ties + turns.partition_point(|&turn| turn <= 0.0);
    let at_least = ties + turns.len() - turns.partition_point(|&turn| turn < 0.0);
    let kept = (0..=assignments).find(|&n| count(n as f64) >= level).unwrap_or(assignments);
    let beyond = kept.saturating_sub(ties);
    let end = |at: Option<usize>, without: f64| at.and_then(|at| turns.get(at).copied()).unwrap_or(without);
    let total = pairs.iter().fold(PairSales::NONE, |sum, pair| sum.plus(*pair));
    Inference {
        log_lift: total.turning_effect().unwrap_or(0.0),
        lo: end(beyond.checked_sub(1), f64::NEG_INFINITY),
        hi: end(turns.len().checked_sub(beyond).filter(|_| beyond > 0), f64::INFINITY),
        p_value: count(at_most.min(at_least) as f64).min(1.0),
        level,
        pairs: pairs.len(),
        assignments,
    }
}

/// Sums over every set of pairs, beginning with the empty set, which is the assignment that was used.
fn all_flips(pairs: &[PairSales]) -> Vec<PairSales> {
    let mut sums = vec![PairSales::NONE];
    for pair in pairs {
        sums.extend_from_within(..);
        let half = sums.len() / 2;
        sums[half..].iter_mut().for_each(|sum| *sum = sum.plus(*pair));
    }
    sums
}

/// Sums over random sets of pairs, beginning with the empty set.
fn drawn_flips(pairs: &[PairSales], most: usize, rng: &mut ChaCha8Rng) -> Vec<PairSales> {
    let mut sums = vec![PairSales::NONE];
    for _ in 1..most {
        let mut sum = PairSales::NONE;
        for chunk in pairs.chunks(64) {
            let coins: u64 = rng.random();
            for (at, pair) in chunk.iter().enumerate() {
                sum = sum.plus(pair.times((coins >> at & 1) as f64));
            }
        }
        sums.push(sum);
    }
    sums
}

impl PairSales {
    const NONE: Self = Self { treated: 0.0, control: 0.0 };

    fn plus(self, other: Self) -> Self {
        Self { treated: self.treated + other.treated, control: self.control + other.control }
    }

    fn times(self, factor: f64) -> Self {
        Self { treated: factor * self.treated, control: factor * self.control }
    }

    /// Effect at which flipping these pairs changes nothing; nothing when it changes nothing at any effect.
    fn turning_effect(&self) -> Option<f64> {
        if self.treated == 0.0 && self.control == 0.0 {
            return None;
        }
        let effect = (self.treated / self.control).ln();
        Some(if effect.abs() < TIE { 0.0 } else { effect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(1)
    }

    fn sales(pairs: &[(f64, f64)]) -> Vec<PairSales> {
        pairs.iter().map(|&(treated, control)| PairSales { treated, control }).collect()
    }

    /// The same p-value by its definition: flip signs of the differences and count.
    fn by_definition(pairs: &[(f64, f64)], effect: f64) -> f64 {
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| a * (-effect).exp() - b).collect();
        let observed: f64 = differences.iter().sum();
        let (mut greater, mut less) = (0, 0);
        for signs in 0..1u32 << pairs.len() {
            let sum: f64 = differences.iter().enumerate().map(|(k, d)| if signs >> k & 1 == 1 { -d } else { *d }).sum();
            greater += u32::from(sum >= observed - 1e-9);
            less += u32::from(sum <= observed + 1e-9);
        }
        (2.0 * f64::from(greater.min(less)) / f64::from(1u32 << pairs.len())).min(1.0)
    }

    #[test]
    fn darwins_plants_have_fishers_p_value() {
        // Differences of 15 pairs in eighths of an inch: Darwin (1876), in Fisher (1935), The Design of Experiments,
        // section 21: 863 of the 32,768 sign assignments give a sum as large as the observed one, 1,726 two-sided.
        let differences = [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0];
        let pairs: Vec<(f64, f64)> = differences.iter().map(|d| (1000.0 + d, 1000.0)).collect();
        let exact = by_definition(&pairs, 0.0);
        assert!((exact - 1_726.0 / 32_768.0).abs() < 1e-9, "{exact}");
        let drawn = infer(&sales(&pairs), 0.05, 10_000, &mut rng()).p_value;
        assert!((drawn - exact).abs() < 0.01, "{drawn}");
    }

    #[test]
    fn few_pairs_can_rule_out_nothing() {
        let five = infer(&sales(&[(9.0, 1.0); 5]), 0.05, 10_000, &mut rng());
        assert_eq!((five.lo, five.hi), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(!five.rules_out_none());
        let six = infer(&sales(&[(9.0, 1.0); 6]), 0.05, 10_000, &mut rng());
        assert!(six.rules_out_none() && six.lo > 0.0);
        assert_eq!(pairs_min(0.05), 6);
    }

    #[test]
    fn places_that_sell_nothing_do_not_break_the_reading() {
        let read = infer(&sales(&[(0.0, 0.0); 8]), 0.05, 10_000, &mut rng());
        assert_eq!((read.p_value, read.log_lift), (1.0, 0.0));
        let half = infer(
            &sales(&[(0.0, 2.0), (0.0, 1.0), (3.0, 0.0), (1.0, 1.0), (2.0, 2.0), (1.0, 0.0)]),
            0.05,
            10_000,
            &mut rng(),
        );
        assert!(half.p_value > 0.05 && half.lo < half.hi);
    }

    fn pairs() -> impl Strategy<Value = Vec<(f64, f64)>> {
        proptest::collection::vec((0.0f64..3.0, 0.0f64..3.0), 1..=11)
    }

    proptest! {
        #[test]
        fn no_effect_is_outside_the_interval_exactly_when_p_is_below_the_level(
            pairs in proptest::collection::vec((0.0f64..3.0, 0.0f64..3.0), 1..=16),
            shift in -1.0f64..1.0, level in 0.005f64..0.4, whole in any::<bool>(),
        ) {
            let scaled: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| {
                let (a, b) = (a * shift.exp(), b);
                if whole { (a.round(), b.round()) } else { (a, b) }
            }).collect();
            let read = infer(&sales(&scaled), level, 10_000, &mut rng());
            prop_assert_eq!(read.lo > 0.0 || read.hi < 0.0, read.p_value < level, "{:?}", read);
        }

        #[test]
        fn the_p_value_is_that_of_flipping_signs(pairs in pairs()) {
            let read = infer(&sales(&pairs), 0.05, 10_000, &mut rng());
            prop_assert!((read.p_value - by_definition(&pairs, 0.0)).abs() < 1e-9);
        }

        #[test]
        fn the_interval_holds_what_the_test_accepts(pairs in pairs(), effect in -2.0f64..2.0, level in 0.02f64..0.4) {
            let read = infer(&sales(&pairs), level, 10_000, &mut rng());
            prop_assume!((effect - read.lo).abs() > 1e-6 && (effect - read.hi).abs() > 1e-6);
            let inside = read.lo < effect && effect < read.hi;
            prop_assert_eq!(inside, by_definition(&pairs, effect) >= level - 1e-12);
        }

        #[test]
        fn a_lift_of_all_treated_sales_moves_the_interval_by_it(pairs in pairs(), lift in -1.0f64..1.0) {
            let plain = infer(&sales(&pairs), 0.1, 10_000, &mut rng());
            let lifted: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| (a * lift.exp(), b)).collect();
            let moved = infer(&sales(&lifted), 0.1, 10_000, &mut rng());
            for (a, b) in [(plain.lo, moved.lo), (plain.hi, moved.hi), (plain.log_lift, moved.log_lift)] {
                prop_assert!(a == b || (a + lift - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }
}
