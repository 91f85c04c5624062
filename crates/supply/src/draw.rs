//! Random paths: which path has how much of what is uncertain, spread evenly over its distribution.
//!
//! A Latin hypercube (McKay, Beckman and Conover 1979): in every period each of n paths gets another n-th of the
//! distribution, so that means over paths have far less noise than with draws of their own. Deviations of one path in
//! several periods are correlated through the ranks of normal deviates (Iman and Conover 1982), while each period keeps
//! exactly its own distribution. The ranks are one of a few sets, where the n-ths begin is each cell's own: rows depend on
//! no other cell and on no order of computing.

use crate::Demand;
use crate::count::Count;
use endcap_model::{Hasher, Place, Sku};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Probability below which nothing is drawn.
const TAIL: f64 = 1e-9;

/// The rank of each path in each period.
#[derive(Clone, Debug)]
pub struct Ranks {
    by_period: Vec<Vec<u32>>,
}

impl Ranks {
    /// Draws the ranks of a seed; deviations of one period say nothing of the next.
    pub fn of_seed(seed: u64, periods: usize, paths: usize) -> Self {
        Self::new(&mut shared_generator(seed), periods, paths, 0.0)
    }

    /// Draws the ranks; `persistence` is the correlation of a path's deviations between periods.
    pub(crate) fn new(random: &mut ChaCha8Rng, periods: usize, paths: usize, persistence: f64) -> Self {
        let mut normal = || -> f64 { StandardNormal.sample(random) };
        let lasting: Vec<f64> = (0..paths).map(|_| persistence.sqrt() * normal()).collect();
        let own = (1.0 - persistence).sqrt();
        let ranked = |_| {
            let deviates: Vec<f64> = lasting.iter().map(|lasting| lasting + own * normal()).collect();
            let mut order: Vec<usize> = (0..paths).collect();
            order.sort_by(|&a, &b| deviates[a].total_cmp(&deviates[b]));
            let mut ranks = vec![0; paths];
            for (rank, path) in order.into_iter().enumerate() {
                ranks[path] = rank as u32;
            }
            ranks
        };
        Self { by_period: (0..periods).map(ranked).collect() }
    }

    /// The ranks of the paths in a period, from 0.
    pub fn of_period(&self, period: usize) -> &[u32] {
        &self.by_period[period]
    }
}

/// Fills the counts of a demand by rank: the middle of each n-th, shifted by `offset` (0..1) of it.
pub fn counts(demand: Demand, offset: f64, by_rank: &mut [i64]) {
    let Some(count) = Count::new(demand) else { return by_rank.fill(0) };
    let paths = by_rank.len() as f64;
    let (foot, mut below, mut probability) = count.foot((offset / paths).max(TAIL));
    let mut k = foot as f64;
    for (rank, drawn) in by_rank.iter_mut().enumerate() {
        let level = (rank as f64 + offset) / paths;
        while below < level && probability > 0.0 {
            probability *= count.step(k);
            below += probability;
            k += 1.0;
        }
        *drawn = k as i64;
    }
}

/// The random numbers of a seed, for what all cells share.
pub(crate) fn shared_generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The random numbers of one cell: the same whatever other cells there are and in whatever order they are run.
pub(crate) fn generator(seed: u64, sku: &Sku, place: &Place) -> ChaCha8Rng {
    let mut hasher = Hasher::default();
    hasher.add(seed.to_be_bytes()).add(sku.as_str()).add(place.as_str());
    ChaCha8Rng::from_seed(hasher.bytes())
}

/// Where the n-ths of a distribution begin.
pub(crate) fn offset(random: &mut ChaCha8Rng) -> f64 {
    random.random_range(0.0..1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_and_variance_of_the_demand() {
        for (mean, dispersion) in [(0.3, 1.0), (6.0, 2.5), (400.0, 5.0)] {
            let mut drawn = vec![0; 2000];
            counts(Demand { mean, dispersion }, 0.5, &mut drawn);
            let n = drawn.len() as f64;
            let average = drawn.iter().sum::<i64>() as f64 / n;
            let variance = drawn.iter().map(|&draw| (draw as f64 - average).powi(2)).sum::<f64>() / n;
            assert!((average - mean).abs() < 0.005 * mean.max(1.0), "{average} for {mean}");
            assert!((variance / (mean * dispersion) - 1.0).abs() < 0.03, "{variance} for {mean} {dispersion}");
        }
    }

    #[test]
    fn few_draws_are_right_on_average_over_where_they_begin() {
        let demand = Demand { mean: 0.2, dispersion: 1.5 };
        let mut drawn = [0; 5];
        let sum: i64 = (0..1000)
            .map(|n| {
                counts(demand, (f64::from(n) + 0.5) / 1000.0, &mut drawn);
                drawn.iter().sum::<i64>()
            })
            .sum();
        assert!((sum as f64 / 5000.0 - 0.2).abs() < 0.002, "{sum}");
    }

    #[test]
    fn deviations_of_a_path_persist_as_asked() {
        let ranks = Ranks::new(&mut shared_generator(4), 2, 4000, 0.6);
        let middle = 1999.5;
        let off = |period, path: usize| f64::from(ranks.of_period(period)[path]) - middle;
        let product = |path| off(0, path) * off(1, path);
        let correlation = (0..4000).map(product).sum::<f64>() / 4000.0 / (4000.0 * 4000.0 / 12.0);
        // Ranks of normal deviates with correlation r have 6/π asin(r/2) (Pearson 1907).
        let expected = 6.0 / std::f64::consts::PI * 0.3f64.asin();
        assert!((correlation - expected).abs() < 0.05, "{correlation} {expected}");
    }

    #[test]
    fn no_demand_draws_nothing() {
        let mut drawn = [7; 3];
        counts(Demand { mean: 0.0, dispersion: 1.0 }, 0.5, &mut drawn);
        assert_eq!(drawn, [0; 3]);
    }
}
