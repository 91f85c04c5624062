//! Estimate: demand expected from the sales history alone, where no forecast is given.
//!
//! Level of each cell: discounted sum of demand over discounted sum of season factors, which is the likelihood
//! estimate of a Poisson rate that drifts (simple exponential smoothing with a growing start; Hyndman and Athanasopoulos
//! 2021, section 8.1). The half-life is the one of a few that forecast the cover of an order best in the history
//! itself, over all cells. A period that ran out of stock counts with the demand expected at or above what was sold,
//! given the level before it: taken as it is, it would teach that demand is what was there. Dispersion is measured on
//! those forecasts and drawn towards that of cells with similar sales; so is the persistence of deviations.
//!
//! Never sees prices or offers: whoever promotes should hand a forecast that knows them.

use crate::Demand;
use crate::error::SupplyError;
use crate::history::{SalesHistory, Seen, Series};
use crate::limited::expected_above;
use crate::season::Season;
use endcap_model::{Forecast, ForecastRow, Group, Period, Place, Sku};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Half-lives that are tried, in periods.
const HALF_LIVES: [f64; 6] = [3.5, 7.0, 14.0, 28.0, 56.0, 112.0];
/// Periods before the first forecast that is scored.
const WARM_UP: usize = 8;
/// Scored periods that weigh as much as the cells with similar sales.
const PRIOR_PERIODS: f64 = 20.0;
/// Dispersion that the first pass assumes where stock ran out.
const DISPERSION_START: f64 = 2.0;

/// What to estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct EstimateSettings {
    /// First period to forecast; history from it on is not looked at.
    pub start: Period,
    /// Periods to forecast.
    pub horizon: usize,
    /// Periods that an order has to cover, lead time included: errors are measured on their sum.
    pub cover_periods: usize,
    /// Quantile levels of the forecast.
    pub levels: Vec<f64>,
}

/// Demand estimated from sales.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandEstimate {
    /// One row per cell and period.
    pub forecast: Forecast,
    /// Correlation of the deviations of two periods of one cover.
    pub persistence: f64,
    /// Half-life that forecast best, in periods.
    pub half_life: f64,
    /// Cells without a period in which demand was met: nothing can be said of them, and they have no rows.
    pub without_history: Vec<(Sku, Place)>,
}

/// A series with its season, ready to be smoothed.
struct Seasonal {
    series: Series,
    mean: f64,
    factors: Vec<f64>,
}

/// Errors of one cell's forecasts.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    /// Periods scored, their forecasts and squared errors.
    periods: f64,
    forecast: f64,
    squares: f64,
    /// Whole covers: squared errors of the sums, and the same period by period.
    covers: f64,
    cover_squares: f64,
    cover_period_squares: f64,
}

/// Estimates the demand of cells from their sales.
///
/// # Errors
/// [`SupplyError`] for sales that are no count and for a cell with two rows of one period.
pub fn estimate(
    history: &SalesHistory,
    cells: &[(Sku, Place)],
    group_of: &BTreeMap<Sku, Group>,
    settings: &EstimateSettings,
) -> Result<DemandEstimate, SupplyError> {
    let series = history.series(settings.start)?;
    let season = Season::estimate(history.calendar, &series, group_of);
    let mut known: BTreeMap<(Sku, Place), Seasonal> = series
        .into_iter()
        .filter_map(|series| Seasonal::new(series, &season, group_of, settings.horizon))
        .map(|seasonal| ((seasonal.series.sku.clone(), seasonal.series.place.clone()), seasonal))
        .collect();
    let (mut wanted, mut without_history) = (Vec::new(), Vec::new());
    for cell in cells {
        match known.remove(cell) {
            Some(seasonal) => wanted.push(seasonal),
            None => without_history.push(cell.clone()),
        }
    }
    let (half_life, errors) = best_half_life(&wanted, settings.cover_periods);
    let dispersions = dispersions(&wanted, &errors);
    let persistence = persistence(&wanted, &errors, settings.cover_periods);
    let rows: Vec<Vec<ForecastRow>> = wanted
        .par_iter()
        .zip(&dispersions)
        .map(|(seasonal, &dispersion)| seasonal.forecast(half_life, dispersion, settings))
        .collect();
    let mut rows: Vec<ForecastRow> = rows.into_iter().flatten().collect();
    rows.sort_by(|a, b| (&a.sku, &a.place, a.period).cmp(&(&b.sku, &b.place, b.period)));
    let forecast = Forecast { calendar: history.calendar, levels: settings.levels.clone(), rows };
    Ok(DemandEstimate { forecast, persistence, half_life, without_history })
}

impl Seasonal {
    /// Pairs a series with its factors, also for the horizon; nothing where demand was never met.
    fn new(series: Series, season: &Season, group_of: &BTreeMap<Sku, Group>, horizon: usize) -> Option<Self> {
        let mean = series.mean()?;
        let periods = series.seen.len() + horizon;
        let factors = season.factors(group_of.get(&series.sku), series.first, periods);
        Some(Self { series, mean, factors })
    }

    /// Level after each period, as known at its end.
    fn levels(&self, half_life: f64, dispersion: f64) -> Vec<f64> {
        let keep = 0.5f64.powf(1.0 / half_life);
        let (mut demand, mut exposure) = (0.0, 0.0);
        let learn = |(seen, &factor): (&Seen, &f64)| {
            let level = if exposure > 0.0 { demand / exposure } else { 0.0 };
            let seen = match *seen {
                Seen::Nothing => None,
                Seen::Demand(units) => Some(units),
                Seen::AtLeast(_) if exposure == 0.0 => None,
                Seen::AtLeast(units) => Some(expected_above(Demand { mean: level * factor, dispersion }, units)),
            };
            demand *= keep;
            exposure *= keep;
            if let Some(units) = seen {
                demand += units;
                exposure += factor;
            }
            if exposure > 0.0 { demand / exposure } else { 0.0 }
        };
        self.series.seen.iter().zip(&self.factors).map(learn).collect()
    }

    /// Errors of forecasts from every period of the history for the periods of a cover after it.
    fn errors(&self, half_life: f64, dispersion: f64, cover: usize) -> Errors {
        let levels = self.levels(half_life, dispersion);
        let mut errors = Errors::default();
        let scored = self.series.seen.len().saturating_sub(cover);
        for (now, level) in levels.iter().enumerate().take(scored).skip(WARM_UP) {
            let (mut met, mut sum, mut squares) = (0, 0.0, 0.0);
            for at in now + 1..=now + cover {
                if let Seen::Demand(units) = self.series.seen[at] {
                    let forecast = level * self.factors[at];
                    let error = units - forecast;
                    met += 1;
                    sum += error;
                    squares += error * error;
                    errors.forecast += forecast;
                }
            }
            errors.periods += f64::from(met);
            errors.squares += squares;
            if met as usize == cover {
                errors.covers += 1.0;
                errors.cover_squares += sum * sum;
                errors.cover_period_squares += squares;
            }
        }
        errors
    }

    fn forecast(&self, half_life: f64, dispersion: f64, settings: &EstimateSettings) -> Vec<ForecastRow> {
        let level = self.levels(half_life, dispersion).last().copied().unwrap_or(self.mean);
        let known = self.series.seen.len();
        let row = |n: usize| {
            let mean = level * self.factors[known + n];
            let demand = Demand { mean, dispersion };
            ForecastRow {
                sku: self.series.sku.clone(),
                place: self.series.place.clone(),
                period: settings.start.plus(n as i32),
                mean,
                baseline: mean,
                dispersion,
                quantiles: settings.levels.iter().map(|&level| demand.quantile(level)).collect(),
            }
        };
        (0..settings.horizon).map(row).collect()
    }
}

/// The half-life with the least squared error of covers, each cell weighed by one over its mean.
fn best_half_life(wanted: &[Seasonal], cover: usize) -> (f64, Vec<Errors>) {
    let tried = HALF_LIVES.map(|half_life| {
        let errors: Vec<Errors> =
            wanted.par_iter().map(|seasonal| seasonal.errors(half_life, DISPERSION_START, cover)).collect();
        let score: f64 =
            errors.iter().zip(wanted).map(|(errors, cell)| errors.cover_squares / cell.mean.max(0.01)).sum();
        (score, half_life, errors)
    });
    let best = tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let (_, half_life, errors) = best.expect("Invariant: half-lives are tried");
    (half_life, errors)
}

/// Dispersion of each cell: its own, drawn towards what cells with similar forecasts show.
///
/// The common relation is log dispersion linear in log forecast (a power of the mean; Taylor 1961), scaled so that
/// it explains as many squared errors as there were.
fn dispersions(wanted: &[Seasonal], errors: &[Errors]) -> Vec<f64> {
    let scored: Vec<&Errors> = errors.iter().filter(|errors| errors.forecast > 0.0 && errors.squares > 0.0).collect();
    let mean = |errors: &Errors| errors.forecast / errors.periods;
    let points: Vec<(f64, f64)> =
        scored.iter().map(|errors| (mean(errors).ln(), (errors.squares / errors.forecast).ln())).collect();
    let (start, slope) = line(&points);
    let raw = |mean: f64| (start + slope * mean.max(1e-3).ln()).exp();
    let explained: f64 = scored.iter().map(|errors| raw(mean(errors)) * errors.forecast).sum();
    let found: f64 = scored.iter().map(|errors| errors.squares).sum();
    let scale = if explained > 0.0 { found / explained } else { 1.0 };
    let one = |(cell, errors): (&Seasonal, &Errors)| {
        let common = if points.is_empty() { DISPERSION_START } else { scale * raw(cell.mean) };
        let own = if errors.forecast > 0.0 { errors.squares / errors.forecast } else { common };
        ((own * errors.periods + common * PRIOR_PERIODS) / (errors.periods + PRIOR_PERIODS)).max(1.0)
    };
    wanted.iter().zip(errors).map(one).collect()
}

/// Correlation of two errors of a cover, from the variance of its sum over the sum of its variances.
fn persistence(wanted: &[Seasonal], errors: &[Errors], cover: usize) -> f64 {
    let total = |part: fn(&Errors) -> f64| -> f64 {
        errors.iter().zip(wanted).map(|(errors, cell)| part(errors) / cell.mean.max(0.01)).sum()
    };
    let (sums, periods) = (total(|errors| errors.cover_squares), total(|errors| errors.cover_period_squares));
    if cover < 2 || periods <= 0.0 {
        return 0.0;
    }
    ((sums / periods - 1.0) / (cover - 1) as f64).clamp(0.0, 0.95)
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
    use crate::draw::{CountTable, generator};
    use endcap_model::Calendar;
    use rand_distr::{Distribution, StandardNormal};

    fn settings(start: i32) -> EstimateSettings {
        EstimateSettings { start: Period(start), horizon: 3, cover_periods: 3, levels: vec![0.5] }
    }

    /// Sales of a known demand; a shelf of `shelf` pieces each period.
    fn sold(mean: f64, dispersion: f64, shelf: f64, periods: i32, sku: &str) -> Vec<SalesRow> {
        let table = CountTable::new(Demand { mean, dispersion });
        let mut random = generator(3, &sku.into(), &"north".into());
        (0..periods)
            .map(|period| {
                let deviate: f64 = StandardNormal.sample(&mut random);
                let demand = table.at(deviate) as f64;
                let (sku, place) = (sku.into(), "north".into());
                SalesRow { sku, place, period: Period(period), units: demand.min(shelf), in_stock: demand < shelf }
            })
            .collect()
    }

    use crate::history::SalesRow;

    fn estimated(rows: Vec<SalesRow>, skus: &[&str]) -> DemandEstimate {
        let cells: Vec<(Sku, Place)> = skus.iter().map(|&sku| (sku.into(), "north".into())).collect();
        let history = SalesHistory { calendar: Calendar::Index, rows };
        estimate(&history, &cells, &BTreeMap::new(), &settings(400)).unwrap()
    }

    #[test]
    fn a_steady_demand_is_recovered() {
        let found = estimated(sold(12.0, 3.0, f64::INFINITY, 400, "milk"), &["milk"]);
        let row = &found.forecast.rows[0];
        assert!((row.mean - 12.0).abs() < 1.5, "{row:?}");
        assert!((row.dispersion - 3.0).abs() < 0.7, "{row:?}");
        assert!(found.persistence < 0.1, "{}", found.persistence);
    }

    #[test]
    fn demand_beyond_the_shelf_is_not_taken_for_the_shelf() {
        // Mean 12, and the shelf holds 12: four periods in ten run out, sales average about 10.
        let rows = sold(12.0, 3.0, 12.0, 400, "milk");
        let average = rows.iter().map(|row| row.units).sum::<f64>() / 400.0;
        let found = estimated(rows, &["milk"]).forecast.rows[0].mean;
        assert!(average < 10.3 && (found - 12.0).abs() < 1.2, "sold {average}, found {found}");
    }

    #[test]
    fn what_was_never_in_stock_is_named() {
        let mut rows = sold(5.0, 1.0, f64::INFINITY, 400, "milk");
        rows.extend((0..50).map(|period| SalesRow {
            sku: "butter".into(),
            place: "north".into(),
            period: Period(period),
            units: 0.0,
            in_stock: false,
        }));
        let found = estimated(rows, &["butter", "jam", "milk"]);
        let named: Vec<&str> = found.without_history.iter().map(|(sku, _)| sku.as_str()).collect();
        assert_eq!(named, ["butter", "jam"]);
        assert_eq!(found.forecast.rows.len(), 3);
    }

    #[test]
    fn history_after_the_present_is_not_looked_at() {
        let rows = sold(5.0, 2.0, f64::INFINITY, 500, "milk");
        let known = rows.iter().filter(|row| row.period < Period(400)).cloned().collect();
        assert_eq!(estimated(rows, &["milk"]), estimated(known, &["milk"]));
    }
}
