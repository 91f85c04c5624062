//! What new rows of one item say about its effects: a Gaussian approximation around the posterior of the fit.
//!
//! The fit's posterior is the prior. Rows are counts with the fit's working variance, around levels of their places that
//! are what the fit left them (regressors are measured from their means at the place, so that a level that moves with
//! the effects stays where its sales were). The shock that all places of a period share is integrated out, so that a
//! period with three hundred places says no more than its shock lets it. The new log likelihood is tempered by how much
//! wider the fit's sandwich is than its working model.
//!
//! Sources: Laplace (1774) and Lindley (1980) for the approximation; Fahrmeir and Tutz (2001), chapter 8, for its
//! Fisher scoring; Grunwald and van Ommen (2017) for the tempering of a likelihood that is not quite right.

use crate::dispersion::Dispersion;
use crate::distribution::given_at_least;
use crate::linear::{Symmetric, dot};

/// Fisher steps at most.
const STEPS_MAX: usize = 5;
/// Largest change of a row's log expectation in the last step: what a further one would change is about its square.
const SETTLED: f64 = 0.05;
/// Largest change of a row's log expectation in one step.
const STRIDE: f64 = 1.0;
/// Least share of a censored row's information that is taken to be left.
const INFORMATION_MIN: f64 = 0.02;

/// A row that came after the fit, as the estimate reads it.
pub(crate) struct Row<'a> {
    pub(crate) period: i32,
    /// Regressors, measured from their means at the place.
    pub(crate) line: &'a [f64],
    /// Log of the units expected at the effects of the fit.
    pub(crate) log_mean: f64,
    /// What the fit knows about the level of the place, as the weight of rows.
    pub(crate) level_weight: f64,
    pub(crate) units: f64,
    pub(crate) censored: bool,
}

/// Effects as the fit left them: mean and packed lower triangle of the precision.
pub(crate) struct Prior<'a> {
    pub(crate) mean: &'a [f64],
    pub(crate) precision: &'a [f64],
}

/// Returns mean and variances of the effects after rows that are sorted by period.
pub(crate) fn update(prior: &Prior, rows: &[Row], dispersion: &Dispersion, temper: f64) -> (Vec<f64>, Vec<f64>) {
    let n = prior.mean.len();
    let mut moved = vec![0.0; n];
    let mut step = 0;
    loop {
        let (precision, mut pull) = equations(prior, rows, &moved, dispersion, temper);
        let factor = precision.factor();
        factor.solve(&mut pull);
        let change = rows.iter().map(|row| dot(row.line, &pull).abs()).fold(0.0, f64::max);
        let stride = (STRIDE / change.max(1e-12)).min(1.0);
        moved.iter_mut().zip(&pull).for_each(|(moved, step)| *moved += stride * step);
        step += 1;
        if change < SETTLED || step == STEPS_MAX {
            let mean = prior.mean.iter().zip(&moved).map(|(mean, moved)| mean + moved).collect();
            return (mean, factor.inverse_diagonal());
        }
    }
}

/// Precision and score at effects that moved by so much.
fn equations(
    prior: &Prior,
    rows: &[Row],
    moved: &[f64],
    dispersion: &Dispersion,
    temper: f64,
) -> (Symmetric, Vec<f64>) {
    let n = moved.len();
    let mut precision = Symmetric::zeros(n);
    let mut pull = vec![0.0; n];
    let mut packed = prior.precision.iter();
    for row in 0..n {
        for (column, value) in (0..=row).zip(&mut packed) {
            *precision.at(row, column) = *value;
            pull[row] -= value * moved[column];
            if column < row {
                pull[column] -= value * moved[row];
            }
        }
    }
    let shock = 1.0 / dispersion.shock.max(1e-9);
    let mut shared = vec![0.0; n];
    for period in rows.chunk_by(|a, b| a.period == b.period) {
        shared.fill(0.0);
        let (mut weights, mut surprises) = (0.0, 0.0);
        for row in period {
            let (weight, residual) = working(row, dot(row.line, moved), dispersion);
            let weight = 1.0 / (1.0 / weight.max(1e-12) + 1.0 / row.level_weight);
            precision.add_outer(weight / temper, row.line);
            for ((pull, shared), x) in pull.iter_mut().zip(&mut shared).zip(row.line) {
                *pull += weight * residual / temper * x;
                *shared += weight * x;
            }
            weights += weight;
            surprises += weight * residual;
        }
        let common = 1.0 / (weights + shock);
        precision.add_outer(-common / temper, &shared);
        pull.iter_mut().zip(&shared).for_each(|(pull, shared)| *pull -= common * surprises / temper * shared);
    }
    (precision, pull)
}

/// Weight and relative residual of a row; a censored one is completed by what was expected beyond its units.
fn working(row: &Row, moved: f64, dispersion: &Dispersion) -> (f64, f64) {
    let mean = (row.log_mean + moved).clamp(-20.0, 20.0).exp();
    let weight = dispersion.weight(mean);
    if !row.censored {
        return (weight, (row.units - mean) / mean);
    }
    let variance = dispersion.variance(mean).max(mean);
    let (expected, left) = given_at_least(mean, variance, row.units);
    let information = (1.0 - left / variance).clamp(INFORMATION_MIN, 1.0);
    (weight * information, (expected - mean) / information / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISPERSION: Dispersion = Dispersion { counting: 1.0, cells: 0.05, shock: 0.02 };

    /// Variance of the only effect after one period in so many places, all promoted alike.
    fn after(places: usize, temper: f64) -> (f64, f64) {
        let line = [-0.3];
        let row = || Row { period: 1, line: &line, log_mean: 3.6, level_weight: 1e9, units: 45.0, censored: false };
        let rows: Vec<Row> = (0..places).map(|_| row()).collect();
        let (mean, variance) = update(&Prior { mean: &[-2.0], precision: &[4.0] }, &rows, &DISPERSION, temper);
        (mean[0], variance[0])
    }

    #[test]
    fn a_day_in_three_hundred_places_does_not_settle_an_effect() {
        // The shock leaves at most line^2 / shock of information: 0.09 / 0.02.
        let (_, one) = after(1, 1.0);
        let (mean, many) = after(300, 1.0);
        assert!(many < one && 1.0 / many < 4.0 + 0.09 / 0.02, "{many}");
        assert!(mean < -2.0, "sales above what was expected make the answer stronger: {mean}");
        assert!(after(300, 2.0).1 > many);
    }

    #[test]
    fn without_rows_nothing_moves() {
        let (mean, variance) = update(&Prior { mean: &[-2.0], precision: &[4.0] }, &[], &DISPERSION, 1.0);
        assert!(mean == [-2.0] && (variance[0] - 0.25).abs() < 1e-12);
    }

    #[test]
    fn one_promoted_row_among_shared_shocks_says_what_generalised_least_squares_says() {
        // Two rows of one period: V = diag(1 / w) + shock, so the precision of b is x' V^-1 x.
        let (a, b) = ([-0.3], [0.0]);
        let row = |line| Row { period: 1, line, log_mean: 3.0, level_weight: 1e12, units: 20.0855, censored: false };
        let (_, variance) = update(&Prior { mean: &[0.0], precision: &[1e-9] }, &[row(&a), row(&b)], &DISPERSION, 1.0);
        let noise = (DISPERSION.counting + DISPERSION.cells * 20.0855) / 20.0855;
        let determinant = (noise + 0.02) * (noise + 0.02) - 0.02 * 0.02;
        let expected = determinant / (0.09 * (noise + 0.02));
        assert!((variance[0] / expected - 1.0).abs() < 1e-3, "{} {expected}", variance[0]);
    }
}
