//! Counts that vary more than Poisson: the negative binomial by mean and variance-to-mean ratio.
//!
//! Exact to about ten digits for means up to a few millions, at a cost that grows with the standard deviation, not
//! with the mean. Never knows what is counted.
//!
//! Source: the recursion `p(k+1)/p(k) = (a + b·k)/(k+1)` of the (a,b,0) class (Panjer 1981, ASTIN Bulletin 12(1)),
//! which holds for the Poisson (b = 0) and the negative binomial alike; its starting probability far from zero by
//! the saddle-point form of Loader (2000), "Fast and accurate computation of binomial probabilities".

use crate::Demand;
use statrs::function::gamma::ln_gamma;

/// Below this stock the sum from zero is shorter than the way to a starting probability elsewhere.
const NEAR_ZERO: u64 = 32;
/// Closer to 1 than this a dispersion is Poisson: the difference is below what the sums resolve.
const POISSON_BELOW: f64 = 1.0 + 1e-9;
/// A term this much smaller than the sum ends it.
const NEGLIGIBLE: f64 = 1e-14;

/// A count distribution with mean over 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    mean: f64,
    /// Variance over mean, 1 for Poisson.
    dispersion: f64,
    /// `a` of the recursion: mean over dispersion.
    start: f64,
    /// `b` of the recursion: 1 - 1 / dispersion.
    slope: f64,
}

/// What a stock of `n` whole pieces means for the count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtStock {
    /// P(D = n).
    pub probability: f64,
    /// P(D <= n).
    pub below: f64,
    /// P(D > n), computed on its own side so that small values keep their digits.
    pub above: f64,
    /// E[min(D, n)].
    pub sales: f64,
    /// E[max(n - D, 0)^2].
    pub left_square: f64,
}

impl Count {
    /// Takes a demand; nothing where there is none. A dispersion below 1 counts as 1.
    pub fn new(demand: Demand) -> Option<Self> {
        if !(demand.mean > 0.0 && demand.mean.is_finite()) {
            return None;
        }
        let dispersion = if demand.dispersion >= POISSON_BELOW { demand.dispersion } else { 1.0 };
        let slope = 1.0 - 1.0 / dispersion;
        Some(Self { mean: demand.mean, dispersion, start: demand.mean / dispersion, slope })
    }

    /// Returns the standard deviation.
    pub fn deviation(&self) -> f64 {
        (self.mean * self.dispersion).sqrt()
    }

    /// Returns P(D = 0).
    fn none(&self) -> f64 {
        let excess = self.dispersion - 1.0;
        let rate = if excess > 0.0 { excess.ln_1p() / excess } else { 1.0 };
        (-self.mean * rate).exp()
    }

    /// Returns p(k+1) / p(k).
    pub fn ratio(&self, k: u64) -> f64 {
        self.step(k as f64)
    }

    /// The same for a whole number that is kept as a floating-point one: converting costs more than the step.
    pub fn step(&self, k: f64) -> f64 {
        (self.start + self.slope * k) / (k + 1.0)
    }

    /// Returns P(D = k).
    pub fn probability(&self, k: u64) -> f64 {
        if k == 0 {
            return self.none();
        }
        let k = k as f64;
        let poisson = -stirling_error(k);
        if self.slope == 0.0 {
            let exponent = poisson - deviance(k, k - self.mean);
            return exponent.exp() / (std::f64::consts::TAU * k).sqrt();
        }
        let size = self.mean / (self.dispersion - 1.0);
        let off = (k - self.mean) / self.dispersion;
        let exponent =
            poisson + stirling_error(size + k) - stirling_error(size) - deviance(k, off) - deviance(size, -off);
        exponent.exp() * (size / (std::f64::consts::TAU * k * (size + k))).sqrt()
    }

    /// Returns what a stock of `n` pieces means.
    pub fn at(&self, n: u64) -> AtStock {
        if n <= NEAR_ZERO {
            self.summed_from_zero(n)
        } else if (n as f64) < self.mean {
            self.downwards(n)
        } else {
            self.upwards(n)
        }
    }

    fn summed_from_zero(&self, n: u64) -> AtStock {
        let mut probability = self.none();
        let (mut below, mut sales, mut left_square) = (probability, 0.0, 0.0);
        let (mut k, n) = (0.0, n as f64);
        while k < n {
            left_square += probability * ((n - k) * (n - k));
            sales += (1.0 - below).max(0.0);
            probability *= self.step(k);
            below += probability;
            k += 1.0;
        }
        let below = below.min(1.0);
        AtStock { probability, below, above: 1.0 - below, sales: sales.min(self.mean), left_square }
    }

    fn downwards(&self, n: u64) -> AtStock {
        let probability = self.probability(n);
        let (mut term, mut below, mut unsold, mut left_square) = (probability, probability, 0.0, 0.0);
        let (mut spare, n) = (1.0, n as f64);
        while spare <= n {
            term /= self.step(n - spare);
            let left = term * spare;
            below += term;
            unsold += left;
            left_square += left * spare;
            if left <= NEGLIGIBLE * unsold {
                break;
            }
            spare += 1.0;
        }
        AtStock { probability, below, above: 1.0 - below, sales: n - unsold, left_square }
    }

    fn upwards(&self, n: u64) -> AtStock {
        let probability = self.probability(n);
        let (mut term, mut above, mut lost, mut lost_square) = (probability, 0.0, 0.0, 0.0);
        let (mut beyond, n) = (1.0, n as f64);
        loop {
            term *= self.step(n + beyond - 1.0);
            let short = term * beyond;
            above += term;
            lost += short;
            lost_square += short * beyond;
            if short <= NEGLIGIBLE * lost {
                break;
            }
            beyond += 1.0;
        }
        let spare = n - self.mean;
        let left_square = (spare * spare + self.mean * self.dispersion - lost_square).max(0.0);
        AtStock { probability, below: 1.0 - above, above, sales: self.mean - lost, left_square }
    }

    /// Returns the smallest n with P(D <= n) >= `level`, for a level below 1, with P(D <= n) and E[min(D, n)].
    ///
    /// Starts from the normal quantile corrected for skewness (Cornish and Fisher 1938) and walks from there.
    pub fn quantile(&self, level: f64) -> (u64, f64, f64) {
        let mut n = self.near(level);
        let AtStock { mut probability, mut below, mut sales, .. } = self.at(n);
        while below < level && probability > 0.0 {
            sales += 1.0 - below;
            probability *= self.ratio(n);
            below += probability;
            n += 1;
        }
        while n > 0 && below - probability >= level {
            below -= probability;
            n -= 1;
            sales -= 1.0 - below;
            probability /= self.ratio(n);
        }
        (n, below, sales.clamp(0.0, self.mean))
    }

    /// Returns a whole number from which a walk upwards meets the quantiles of this level and of higher ones, with
    /// P(D <= n) and P(D = n).
    pub fn foot(&self, level: f64) -> (u64, f64, f64) {
        if self.near(level) <= NEAR_ZERO {
            let none = self.none();
            return (0, none, none);
        }
        let (n, below, _) = self.quantile(level);
        (n, below, self.probability(n))
    }

    /// A whole number near a quantile.
    fn near(&self, level: f64) -> u64 {
        let z = rough_normal_quantile(level);
        let skewness = (z * z - 1.0) * (2.0 * self.dispersion - 1.0) / 6.0;
        (self.mean + self.deviation() * z + skewness).max(0.0) as u64
    }
}

/// ln Γ(x + 1) less Stirling's formula for it.
fn stirling_error(x: f64) -> f64 {
    if x < 16.0 {
        return ln_gamma(x + 1.0) - (x + 0.5) * x.ln() + x - 0.5 * std::f64::consts::TAU.ln();
    }
    let square = x * x;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / x
}

/// `x ln(x / m) + m - x` for `m = x - off`, without loss of digits where `off` is small.
fn deviance(x: f64, off: f64) -> f64 {
    let m = x - off;
    if off.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - off;
    }
    let v = off / (x + m);
    let (mut sum, mut power) = (off * v, 2.0 * x * v);
    for j in 1..1000 {
        power *= v * v;
        let next = sum + power / (2 * j + 1) as f64;
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// Normal quantile to within 0.0005 (Abramowitz and Stegun 1964, 26.2.23): where a search begins.
fn rough_normal_quantile(level: f64) -> f64 {
    let tail = level.min(1.0 - level).max(1e-300);
    let t = (-2.0 * tail.ln()).sqrt();
    let top = 2.515517 + t * (0.802853 + t * 0.010328);
    let bottom = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    let z = t - top / bottom;
    if level < 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(mean: f64, dispersion: f64) -> Count {
        Count::new(Demand { mean, dispersion }).unwrap()
    }

    /// Sums the distribution from zero, with log-gamma probabilities: slow, and independent of the recursion.
    fn summed(mean: f64, dispersion: f64, n: u64) -> (f64, f64) {
        let size = mean / (dispersion - 1.0);
        let log_p = |k: f64| {
            ln_gamma(size + k) - ln_gamma(size) - ln_gamma(k + 1.0) - size * dispersion.ln()
                + k * (1.0 - 1.0 / dispersion).ln()
        };
        let (mut below, mut sales) = (0.0, 0.0);
        for k in 0..=n {
            let p = log_p(k as f64).exp();
            below += p;
            sales += p * k as f64;
        }
        (below, sales + n as f64 * (1.0 - below))
    }

    #[test]
    fn cumulative_and_sales_agree_with_summing_the_distribution() {
        for mean in [0.05, 0.7, 4.0, 31.0, 90.0, 700.0, 10_000.0] {
            for dispersion in [1.05, 1.5, 3.0, 10.0] {
                for share in [0.0, 0.3, 0.9, 1.0, 1.2, 2.5] {
                    let n = (mean * share + 1.0) as u64;
                    let (below, sales) = summed(mean, dispersion, n);
                    let at = count(mean, dispersion).at(n);
                    // Log-gamma of ten thousand keeps about ten digits.
                    let tolerance = 2e-9 * mean.max(1.0);
                    assert!((at.below - below).abs() < 1e-8, "{mean} {dispersion} {n}: {} {below}", at.below);
                    assert!((at.sales - sales).abs() < tolerance, "{mean} {dispersion} {n}: {} {sales}", at.sales);
                }
            }
        }
    }

    #[test]
    fn a_dispersion_just_over_one_is_nearly_poisson() {
        for mean in [0.5, 40.0, 900.0] {
            let n = (mean * 1.1) as u64;
            let (poisson, nearly) = (count(mean, 1.0).at(n), count(mean, 1.0 + 1e-7).at(n));
            assert!((poisson.below - nearly.below).abs() < 1e-6);
            assert!((poisson.sales - nearly.sales).abs() < 1e-6 * mean);
        }
    }

    #[test]
    fn poisson_probabilities_match_published_tables() {
        // Pearson and Hartley (1966), Biometrika Tables for Statisticians I, table 39: m = 5, k = 5; m = 10, k = 15.
        assert!((count(5.0, 1.0).probability(5) - 0.175_467).abs() < 5e-7);
        assert!((count(10.0, 1.0).probability(15) - 0.034_718).abs() < 5e-7);
    }

    #[test]
    fn the_quantile_is_the_smallest_stock_that_reaches_the_level() {
        for (mean, dispersion) in [(0.05, 4.0), (3.0, 1.0), (47.0, 2.5), (5000.0, 8.0)] {
            for level in [0.01, 0.2, 0.5, 0.8333, 0.95, 0.999] {
                let demand = count(mean, dispersion);
                let (n, below, sales) = demand.quantile(level);
                let at = demand.at(n);
                assert!(at.below >= level - 1e-12, "{mean} {dispersion} {level}");
                assert!((at.below - below).abs() < 1e-10 && (at.sales - sales).abs() < 1e-9 * mean.max(1.0));
                assert!(n == 0 || demand.at(n - 1).below < level + 1e-12, "{mean} {dispersion} {level}");
            }
        }
    }
}
