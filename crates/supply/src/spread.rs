//! Spread: how far demand lies from its forecast, measured on forecasts of the past.
//!
//! Dispersion of each cell is its own squared error over its forecasts, drawn towards that of cells that sell as much
//! (a power of the mean; Taylor 1961). The whole is scaled so that the quantile that orders are placed at costs least
//! in the past (pinball loss; Koenker and Bassett 1978): squared errors overrate the spread where few weeks of a sale
//! bring most of them. Persistence is the correlation of two errors of one cover. Never makes a forecast.

use crate::Demand;

/// Scored periods that weigh as much as the cells with similar sales.
const PRIOR_PERIODS: f64 = 20.0;
/// Dispersion where nothing is known.
pub(crate) const DISPERSION_START: f64 = 2.0;
/// Shares of the measured excess over Poisson that are tried.
const SHARES: [f64; 5] = [1.0, 0.8, 0.6, 0.4, 0.25];
/// Fewest pasts that a share can be chosen on: with fewer, the quantile is what chance made of it.
const PASTS_MIN: usize = 1000;
/// Most pasts that the share is chosen on.
const PASTS_MAX: usize = 200_000;
/// A level beyond this one is not seen in a few thousand pasts.
const LEVEL_MAX: f64 = 0.98;

/// Errors of one cell's forecasts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Errors {
    /// Periods scored, their forecasts and squared errors.
    pub periods: f64,
    pub forecast: f64,
    pub squares: f64,
    /// Squared errors of the sums of whole covers, and the same period by period.
    pub cover_squares: f64,
    pub cover_period_squares: f64,
}

/// A forecast of the past and what came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub mean: f64,
    pub units: f64,
}

impl Errors {
    /// Scores the periods of one cover: forecast and demand, nothing where demand is not known.
    pub fn score(&mut self, cover: impl Iterator<Item = Option<Past>>) {
        let (mut whole, mut sum, mut squares) = (true, 0.0, 0.0);
        for past in cover {
            let Some(Past { mean, units }) = past else {
                whole = false;
                continue;
            };
            let error = units - mean;
            sum += error;
            squares += error * error;
            self.periods += 1.0;
            self.forecast += mean;
        }
        self.squares += squares;
        if whole {
            self.cover_squares += sum * sum;
            self.cover_period_squares += squares;
        }
    }

    /// Adds the errors of other origins.
    pub fn add(&mut self, other: &Self) {
        self.periods += other.periods;
        self.forecast += other.forecast;
        self.squares += other.squares;
        self.cover_squares += other.cover_squares;
        self.cover_period_squares += other.cover_period_squares;
    }

    /// Mean forecast of the scored periods; nothing where there are none.
    pub fn typical(&self) -> Option<f64> {
        (self.forecast > 0.0).then(|| self.forecast / self.periods)
    }
}

/// Dispersion of each cell of a mean: its own, drawn towards what cells with similar forecasts show.
pub(crate) fn dispersions(means: &[f64], errors: &[Errors]) -> Vec<f64> {
    let scored = || errors.iter().filter(|errors| errors.forecast > 0.0 && errors.squares > 0.0);
    let typical = |errors: &Errors| errors.forecast / errors.periods;
    let points: Vec<(f64, f64)> =
        scored().map(|errors| (typical(errors).ln(), (errors.squares / errors.forecast).ln())).collect();
    let (start, slope) = line(&points);
    let raw = |mean: f64| (start + slope * mean.max(1e-3).ln()).exp();
    let explained: f64 = scored().map(|errors| raw(typical(errors)) * errors.forecast).sum();
    let found: f64 = scored().map(|errors| errors.squares).sum();
    let scale = if explained > 0.0 { found / explained } else { 1.0 };
    let one = |(&mean, errors): (&f64, &Errors)| {
        let common = if points.is_empty() { DISPERSION_START } else { scale * raw(mean) };
        let own = if errors.forecast > 0.0 { errors.squares / errors.forecast } else { common };
        ((own * errors.periods + common * PRIOR_PERIODS) / (errors.periods + PRIOR_PERIODS)).max(1.0)
    };
    means.iter().zip(errors).map(one).collect()
}

/// Correlation of two errors of a cover, from the variance of its sum over the sum of its variances.
pub(crate) fn persistence(means: &[f64], errors: &[Errors], cover: usize) -> f64 {
    let total = |part: fn(&Errors) -> f64| -> f64 {
        errors.iter().zip(means).map(|(errors, mean)| part(errors) / mean.max(0.01)).sum()
    };
    let (sums, periods) = (total(|errors| errors.cover_squares), total(|errors| errors.cover_period_squares));
    if cover < 2 || periods <= 0.0 {
        return 0.0;
    }
    ((sums / periods - 1.0) / (cover - 1) as f64).clamp(0.0, 0.95)
}

/// Dispersion of a period whose mean is not the typical one: the size parameter of the negative binomial stays, so
/// that a peak is as uncertain, in proportion, as an ordinary period.
pub(crate) fn of_period(dispersion: f64, mean: f64, typical: f64) -> f64 {
    const RANGE: (f64, f64) = (0.2, 5.0);
    let over = if typical > 0.0 { (mean / typical).clamp(RANGE.0, RANGE.1) } else { 1.0 };
    1.0 + (dispersion - 1.0) * over
}

/// Draws the dispersions together so that their quantile at `level` cost least in the past.
pub(crate) fn sharpen(dispersions: &mut [f64], errors: &[Errors], pasts: &[Vec<Past>], level: f64) {
    let level = level.clamp(1.0 - LEVEL_MAX, LEVEL_MAX);
    let known = pasts.iter().map(Vec::len).sum::<usize>();
    if known < PASTS_MIN {
        return;
    }
    let every = (known / PASTS_MAX).max(1);
    let loss = |share: f64| -> f64 {
        let cells = dispersions.iter().zip(errors).zip(pasts);
        let of_cell = |((&dispersion, errors), pasts): ((&f64, &Errors), &Vec<Past>)| -> f64 {
            let excess = 1.0 + (dispersion - 1.0) * share;
            let typical = errors.typical().unwrap_or(0.0);
            pasts.iter().map(|past| past.loss(of_period(excess, past.mean, typical), level)).sum()
        };
        cells.step_by(every).map(of_cell).sum()
    };
    let tried = SHARES.map(|share| (loss(share), share));
    let best = tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, share)| share);
    for dispersion in dispersions {
        *dispersion = 1.0 + (*dispersion - 1.0) * best;
    }
}

impl Past {
    /// Pinball loss of the quantile at a level.
    fn loss(&self, dispersion: f64, level: f64) -> f64 {
        let short = self.units - Demand { mean: self.mean, dispersion }.quantile(level);
        if short > 0.0 { level * short } else { (level - 1.0) * short }
    }
}

/// Least-squares line through points; flat through their mean where they do not spread.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len().max(1) as f64;
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = if spread > 1e-9 { points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread } else { 0.0 };
    (y - slope * x, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_that_a_few_wild_weeks_blew_up_is_drawn_in() {
        // Nineteen of twenty weeks bring the mean, one brings three times as much: the 83 % quantile is the mean.
        let pasts: Vec<Past> =
            (0..1000).map(|week| Past { mean: 20.0, units: if week % 20 == 7 { 60.0 } else { 20.0 } }).collect();
        let mut errors = Errors::default();
        pasts.iter().for_each(|&past| errors.score([Some(past)].into_iter()));
        let mut found = dispersions(&[20.0], &[errors]);
        let wild = found[0];
        sharpen(&mut found, &[errors], &[pasts], 0.83);
        assert!(wild > 3.0 && found[0] < 0.6 * wild, "{wild} {}", found[0]);
    }

    #[test]
    fn errors_that_stay_through_a_cover_are_persistent() {
        let mut errors = Errors::default();
        for sign in [-3.0, 3.0, -3.0, 3.0] {
            errors.score((0..3).map(|_| Some(Past { mean: 10.0, units: 10.0 + sign })));
        }
        assert!(persistence(&[10.0], &[errors], 3) > 0.94);
        let mut turning = Errors::default();
        turning.score([4.0, -4.0, 0.0].into_iter().map(|off| Some(Past { mean: 10.0, units: 10.0 + off })));
        assert_eq!(persistence(&[10.0], &[turning], 3), 0.0);
    }

    #[test]
    fn a_peak_is_as_uncertain_in_proportion_as_an_ordinary_period() {
        assert_eq!(of_period(3.0, 10.0, 10.0), 3.0);
        assert_eq!(of_period(3.0, 20.0, 10.0), 5.0);
        assert_eq!(of_period(1.0, 90.0, 10.0), 1.0);
    }
}
