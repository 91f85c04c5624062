//! Random demand: a count drawn through a standard normal deviate, so that deviations of several periods can be
//! correlated while each period keeps exactly its own distribution (a Gaussian copula; Nelsen 2006, section 2.3).

use crate::Demand;
use crate::count::Count;
use endcap_model::{Hasher, Place, Sku};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use statrs::function::erf::erfc_inv;

/// Probability beyond either end of the table; what falls there is drawn as the end itself.
const TAIL: f64 = 1e-8;

/// A count distribution, cut by the normal deviates at which it takes its next value.
pub(crate) struct CountTable {
    first: i64,
    upper_ends: Vec<f64>,
}

impl CountTable {
    /// Tabulates a demand.
    pub fn new(demand: Demand) -> Self {
        let Some(count) = Count::new(demand) else { return Self { first: 0, upper_ends: Vec::new() } };
        let (first, mut below, _) = count.quantile(TAIL);
        let (mut probability, mut k) = (count.probability(first), first);
        let mut upper_ends = Vec::new();
        while 1.0 - below > TAIL && probability > 0.0 {
            upper_ends.push(normal_quantile(below));
            probability *= count.ratio(k);
            below += probability;
            k += 1;
        }
        Self { first: first as i64, upper_ends }
    }

    /// The count at a standard normal deviate.
    pub fn at(&self, deviate: f64) -> i64 {
        self.first + self.upper_ends.partition_point(|&end| end < deviate) as i64
    }
}

/// The random numbers of one cell: the same whatever other cells there are and in whatever order they are run.
pub(crate) fn generator(seed: u64, sku: &Sku, place: &Place) -> ChaCha8Rng {
    let mut hasher = Hasher::default();
    hasher.add(seed.to_be_bytes()).add(sku.as_str()).add(place.as_str());
    let digits = hasher.finish();
    let mut key = [0u8; 32];
    for (byte, pair) in key.iter_mut().zip(digits.as_str().as_bytes().chunks_exact(2)) {
        *byte = hexadecimal(pair[0]) * 16 + hexadecimal(pair[1]);
    }
    ChaCha8Rng::from_seed(key)
}

fn hexadecimal(digit: u8) -> u8 {
    (digit as char).to_digit(16).expect("Invariant: a content hash is hexadecimal digits") as u8
}

fn normal_quantile(level: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn draws_have_the_mean_and_variance_of_the_demand() {
        for (mean, dispersion) in [(0.3, 1.0), (6.0, 2.5), (400.0, 5.0)] {
            let table = CountTable::new(Demand { mean, dispersion });
            let mut random = generator(7, &"milk".into(), &"north".into());
            let draws: Vec<f64> = (0..40_000)
                .map(|_| {
                    let z: f64 = StandardNormal.sample(&mut random);
                    table.at(z) as f64
                })
                .collect();
            let n = draws.len() as f64;
            let average = draws.iter().sum::<f64>() / n;
            let variance = draws.iter().map(|draw| (draw - average).powi(2)).sum::<f64>() / n;
            // Five standard errors of each.
            assert!((average - mean).abs() < 5.0 * (mean * dispersion / n).sqrt(), "{average} for {mean}");
            assert!((variance / (mean * dispersion) - 1.0).abs() < 0.1, "{variance} for {mean} {dispersion}");
        }
    }

    #[test]
    fn no_demand_draws_nothing() {
        let table = CountTable::new(Demand { mean: 0.0, dispersion: 1.0 });
        assert_eq!(table.at(5.0), 0);
    }
}
