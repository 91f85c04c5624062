//! How far demand spreads around its expectation: counting noise, noise of single cells, shocks common to a period.
//!
//! Method of moments on squared and crossed residuals, pooled over SKUs and shrunk towards the pool, since one SKU's
//! own residuals say little about it. Source: McCullagh and Nelder (1989), section 9.3; Gourieroux, Monfort and
//! Trognon (1984) for the quadratic variance.

use crate::response::{SkuRows, Working};
use serde::{Deserialize, Serialize};

/// How many rows (for the cells) and periods (for the shock) the pool is worth.
const POOL_WORTH: (f64, f64) = (100.0, 20.0);
/// Log of the share of the time on sale from which a row's residual is used: where stock ran out early it ran out
/// because demand was high, and the residual would say so.
const NEARLY_ALL_DAY: f64 = -0.11;
/// Squared standard deviations beyond which a residual is cut.
const OUTLIER: f64 = 16.0;
/// Bounds of the counting noise relative to Poisson.
const COUNTING: (f64, f64) = (0.005, 20.0);

/// Variance of units: `counting * mean + (cells + shock) * mean^2`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dispersion {
    /// Variance over mean of small counts: 1 for Poisson, more where shoppers buy several pieces at once.
    pub counting: f64,
    /// Relative variance of one cell.
    pub cells: f64,
    /// Relative variance of what is common to all places in a period.
    pub shock: f64,
}

/// Sums over the rows of one SKU (or of many) behind its dispersion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    rows: f64,
    mean: f64,
    mean_squared: f64,
    squares: f64,
    /// Weighted normal equations of `residual^2 / mean = counting + relative * mean`.
    line: [f64; 5],
    pairs: f64,
    pairs_expected: f64,
    periods: f64,
}

impl Dispersion {
    /// A start: Poisson with a third of relative noise and a tenth of common shock.
    pub(crate) const START: Self = Self { counting: 1.0, cells: 0.1, shock: 0.01 };

    /// Variance of the units around their expectation.
    pub(crate) fn variance(&self, mean: f64) -> f64 {
        self.counting * mean + (self.cells + self.shock) * mean * mean
    }

    /// Variance of the units around their expectation once the period's common shock is known.
    pub(crate) fn variance_in_period(&self, mean: f64) -> f64 {
        self.counting * mean + self.cells * mean * mean
    }

    /// Variance over mean of a cell, which its weight in a level divides by.
    pub(crate) fn noise(&self, mean: f64) -> f64 {
        self.counting + (self.cells + self.shock) * mean
    }

    /// Weight of a row's relative residual, beside the common shock.
    pub(crate) fn weight(&self, mean: f64) -> f64 {
        mean / (self.counting + self.cells * mean)
    }
}

impl Moments {
    /// Sums over the rows of one SKU: completed demand less its expectation, and the variance that censoring hides.
    ///
    /// Squares beyond [`OUTLIER`] times the variance in use are cut there: a bulk order is no spread of demand.
    /// Pairs of censored rows of a period get what their hidden demand shares on top.
    pub(crate) fn of(rows: &SkuRows, working: &Working, used: &Dispersion) -> Self {
        let mut sums = Self::default();
        let mut periods = vec![[0.0f64; 4]; rows.times];
        // Per period: weight of the rows beside the prior of the shock, slack, squared slack.
        let mut shared = vec![[1.0 / used.shock.max(1e-9), 0.0, 0.0]; rows.times];
        for at in 0..working.mean.len() {
            if rows.log_exposure[at] < NEARLY_ALL_DAY {
                continue;
            }
            let (m, difference, slack) = (working.mean[at].max(0.02), working.difference[at], working.slack[at]);
            let share = &mut shared[rows.time[at] as usize];
            [working.weight[at], slack, slack * slack].iter().zip(share).for_each(|(add, sum)| *sum += add);
            let square = (difference * difference + working.hidden[at]).min(OUTLIER * used.variance(m));
            sums.rows += 1.0;
            sums.mean += m;
            sums.mean_squared += m * m;
            sums.squares += square;
            let (weight, ratio) = ((1.0 + 0.2 * m).powi(-2), square / m);
            let line = [weight, weight * m, weight * m * m, weight * ratio, weight * ratio * m];
            sums.line.iter_mut().zip(line).for_each(|(sum, add)| *sum += add);
            let period = &mut periods[rows.time[at] as usize];
            let own = difference.abs().min((OUTLIER * used.variance(m)).sqrt()).copysign(difference);
            [own, own * own, m, m * m].iter().zip(period).for_each(|(add, sum)| *sum += add);
        }
        for ([sum, squares, means, means_squared], [weight, slack, slack_squares]) in periods.into_iter().zip(shared) {
            let expected = means * means - means_squared;
            if expected > 0.0 {
                sums.pairs += sum * sum - squares + (slack * slack - slack_squares) / weight;
                sums.pairs_expected += expected;
                sums.periods += 1.0;
            }
        }
        sums
    }

    /// Adds the sums of another SKU, scaled so that every SKU's pairs weigh by their number of periods.
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.mean += other.mean;
        self.mean_squared += other.mean_squared;
        self.squares += other.squares;
        self.line.iter_mut().zip(other.line).for_each(|(sum, add)| *sum += add);
        if other.pairs_expected > 0.0 {
            self.pairs += other.pairs / other.pairs_expected * other.periods;
            self.pairs_expected += other.periods;
            self.periods += other.periods;
        }
    }
}

/// Dispersion of every SKU: the pool's counting noise, and the two relative variances shrunk towards the pool.
pub(crate) fn dispersions(moments: &[Option<Moments>]) -> (Dispersion, Vec<Dispersion>) {
    let mut pool = Moments::default();
    moments.iter().flatten().for_each(|one| pool.add(one));
    let counting = counting(&pool);
    let relative =
        |sums: &Moments| ((sums.squares - counting * sums.mean) / sums.mean_squared.max(1e-9)).clamp(1e-4, 25.0);
    let shock = |sums: &Moments| (sums.pairs / sums.pairs_expected.max(1e-9)).clamp(0.0, 25.0);
    let each_relative: Vec<f64> = moments.iter().flatten().map(relative).collect();
    let pooled_relative = median(each_relative).unwrap_or(Dispersion::START.cells);
    let pooled_shock = if pool.pairs_expected > 0.0 { shock(&pool) } else { 0.0 };
    let build = |relative: f64, shock: f64| {
        let shock = shock.clamp(1e-5, 0.9 * relative.max(1e-4));
        Dispersion { counting, cells: (relative - shock).max(1e-5), shock }
    };
    let pooled = build(pooled_relative, pooled_shock);
    let own = |one: &Moments| {
        let blend = |own: f64, pool: f64, n: f64, worth: f64| (n * own + worth * pool) / (n + worth);
        build(
            blend(relative(one), pooled_relative, one.rows, POOL_WORTH.0),
            blend(if one.periods > 0.0 { shock(one) } else { 0.0 }, pooled_shock, one.periods, POOL_WORTH.1),
        )
    };
    (pooled, moments.iter().map(|one| one.as_ref().map_or(pooled, own)).collect())
}

/// Solves `residual^2 / mean = counting + relative * mean` over the whole pool.
fn counting(pool: &Moments) -> f64 {
    let [weight, mean, squared, ratio, crossed] = pool.line;
    let determinant = weight * squared - mean * mean;
    if weight <= 0.0 || determinant <= 1e-9 * weight * squared {
        return 1.0;
    }
    ((squared * ratio - mean * crossed) / determinant).clamp(COUNTING.0, COUNTING.1)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
