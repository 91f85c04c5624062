//! Levels of the looks at a test that is read more than once.
//!
//! The number of looks is settled before the test. Each spends a part of the test's level, little at first: O'Brien-Fleming
//! type spending (Lan and DeMets 1983), each side `2 - 2 Phi(z / sqrt(t))` with z at a quarter of the level. The boundaries follow from
//! the distribution of a sum with independent increments, integrated from look to look (Armitage, McPherson and Rowe
//! 1969). Sales of one place keep their shocks over weeks, so that looks are more alike than such sums: the level
//! kept is then below the one stated.

use super::normal::{above, quantile};

/// Points at which the density of the sum is kept between looks.
const POINTS: usize = 800;

/// Returns the two-sided level of each of `looks` equally spaced looks, which together keep `level`.
pub(crate) fn levels(looks: usize, level: f64) -> Vec<f64> {
    let mut density = Density { half: 0.0, at: vec![1.0] };
    let mut spent = 0.0;
    (1..=looks)
        .map(|look| {
            let time = look as f64 / looks as f64;
            let spends = spent_by(time, level) - spent;
            spent += spends;
            let boundary = density.boundary(spends, 1.0 / looks as f64, time);
            density = density.after(boundary, 1.0 / looks as f64);
            2.0 * above(boundary / time.sqrt())
        })
        .collect()
}

/// Probability that one side may have spent at a share of the test.
fn spent_by(time: f64, level: f64) -> f64 {
    2.0 * above(quantile(1.0 - level / 4.0) / time.sqrt())
}

/// Density of the sum, symmetric, among tests that go on: from `-half` to `half` at even steps; a point at first.
struct Density {
    half: f64,
    at: Vec<f64>,
}

impl Density {
    /// Sums `weigh(value) * density` over the values (trapezoid rule).
    fn integrate(&self, weigh: impl Fn(f64) -> f64) -> f64 {
        let last = self.at.len() - 1;
        if last == 0 {
            return self.at[0] * weigh(0.0);
        }
        let step = 2.0 * self.half / last as f64;
        let end = |at: usize| if at == 0 || at == last { 0.5 } else { 1.0 };
        let value = |at: usize| -self.half + step * at as f64;
        self.at.iter().enumerate().map(|(at, density)| step * end(at) * density * weigh(value(at))).sum()
    }

    /// Finds the value that the sum passes upwards with this probability after a step of this variance.
    fn boundary(&self, probability: f64, variance: f64, time: f64) -> f64 {
        let passes = |value: f64| self.integrate(|from| above((value - from) / variance.sqrt()));
        let (mut low, mut high) = (0.0, 12.0 * time.sqrt());
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if passes(middle) > probability { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// Density after a step of this variance, among sums inside the boundary.
    fn after(&self, boundary: f64, variance: f64) -> Self {
        let scale = (2.0 * std::f64::consts::PI * variance).sqrt();
        let step = |from: f64, to: f64| (-(to - from).powi(2) / (2.0 * variance)).exp() / scale;
        let to = |at: usize| -boundary + 2.0 * boundary * at as f64 / POINTS as f64;
        Self { half: boundary, at: (0..=POINTS).map(|at| self.integrate(|from| step(from, to(at)))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_match_the_published_ones() {
        // Two-sided 5 %, five equal looks, O'Brien-Fleming type spending: 4.8769, 3.3569, 2.6803, 2.2898, 2.0310
        // (Reboussin, DeMets, Kim and Lan 2000, Controlled Clinical Trials 21, table of the program's example).
        let boundaries: Vec<f64> = levels(5, 0.05).iter().map(|level| quantile(1.0 - level / 2.0)).collect();
        for (found, published) in boundaries.iter().zip([4.8769, 3.3569, 2.6803, 2.2898, 2.0310]) {
            assert!((found - published).abs() < 2e-3, "{boundaries:?}");
        }
    }

    #[test]
    fn one_look_spends_it_all() {
        assert!((levels(1, 0.05)[0] - 0.05).abs() < 1e-9);
    }

    #[test]
    fn levels_rise_and_the_last_keeps_most() {
        for looks in 2..8 {
            let levels = levels(looks, 0.05);
            assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{levels:?}");
            assert!(levels[looks - 1] > 0.035 && levels[looks - 1] < 0.05, "{levels:?}");
        }
    }
}
