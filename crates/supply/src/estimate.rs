//! Estimate: demand expected from the sales history alone, where no forecast is given.
//!
//! A forecast is season times level (`season`, `memory`), a mean of several of each. The length of the memories is the
//! one of a few that forecast the cover of an order best in the history itself, over all cells. Then the past is
//! forecast from origin to origin as it was known there, seasons and all, and what came tells dispersion and
//! persistence (`spread`): errors against a season that has seen them would look too small.
//!
//! Never sees prices or offers: whoever promotes should hand a forecast that knows them.

use crate::Demand;
use crate::error::SupplyError;
use crate::history::{SalesHistory, Seen, Series};
use crate::memory::{Factors, Memory, SEASONS, walk};
use crate::season::{Season, slot};
use crate::spread::{DISPERSION_START, Errors, Past, dispersions, of_period, persistence, sharpen};
use endcap_model::{Calendar, Forecast, ForecastRow, Group, Period, Place, Sku};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// Half-lives of the middle memory that are tried, in periods.
const HALF_LIVES: [f64; 5] = [3.5, 7.0, 14.0, 28.0, 56.0];
/// Periods before the first forecast that is scored.
const WARM_UP: usize = 8;
/// Periods of the past that are forecast as they were known: a year of weeks.
const SCORED: usize = 52;
/// Periods for which a season of the past is used before it is estimated again.
const REFRESHED: usize = 4;

/// What to estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct EstimateSettings {
    /// First period to forecast; history from it on is not looked at.
    pub start: Period,
    /// Periods to forecast.
    pub horizon: usize,
    /// Periods that an order has to cover, lead time included: errors are measured on their sum.
    pub cover_periods: usize,
    /// Probability with which orders are to cover demand: the spread is to be right there.
    pub service_level: f64,
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
    /// Half-life of the middle memory that forecast best, in periods.
    pub half_life: f64,
    /// Cells without a period in which demand was met: nothing can be said of them, and they have no rows.
    pub without_history: Vec<(Sku, Place)>,
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
    let known = Known::new(history, group_of, settings)?;
    let half_life = known.best_half_life();
    let (errors, pasts) = known.replay(half_life);
    let mut spread = dispersions(&known.means, &errors);
    let persistence = persistence(&known.means, &errors, settings.cover_periods);
    sharpen(&mut spread, &errors, &pasts, settings.service_level);
    let forecast = known.forecast(half_life, &spread, &errors);
    let mut by_cell: BTreeMap<(&Sku, &Place), Vec<ForecastRow>> =
        known.series.iter().zip(forecast).map(|(series, rows)| ((&series.sku, &series.place), rows)).collect();
    let (mut rows, mut without_history) = (Vec::new(), Vec::new());
    for (sku, place) in cells {
        match by_cell.remove(&(sku, place)) {
            Some(found) => rows.extend(found),
            None => without_history.push((sku.clone(), place.clone())),
        }
    }
    rows.sort_by(|a, b| (&a.sku, &a.place, a.period).cmp(&(&b.sku, &b.place, b.period)));
    let forecast = Forecast { calendar: history.calendar, levels: settings.levels.clone(), rows };
    Ok(DemandEstimate { forecast, persistence, half_life, without_history })
}

/// The history of all cells whose demand was ever met.
struct Known<'a> {
    calendar: Calendar,
    group_of: &'a BTreeMap<Sku, Group>,
    settings: &'a EstimateSettings,
    /// Sorted by item and place.
    series: Vec<Series>,
    /// Series of each item.
    items: Vec<Range<usize>>,
    means: Vec<f64>,
    /// Dispersions by a first, plain look.
    rough: Vec<f64>,
    first: Period,
    /// Periods of the history, and their slots of the season with those of the horizon.
    periods: usize,
    slots: Vec<usize>,
}

impl<'a> Known<'a> {
    fn new(
        history: &SalesHistory,
        group_of: &'a BTreeMap<Sku, Group>,
        settings: &'a EstimateSettings,
    ) -> Result<Self, SupplyError> {
        let series = history.series(settings.start)?.into_iter();
        let (series, means): (Vec<Series>, Vec<f64>) =
            series.filter_map(|series| series.mean().map(|mean| (series, mean))).unzip();
        let first = series.iter().map(|series| series.first).min().unwrap_or(settings.start);
        let periods = (settings.start.0 - first.0) as usize;
        let slots = (0..periods + settings.horizon).map(|n| slot(history.calendar, first.plus(n as i32))).collect();
        let mut items: Vec<Range<usize>> = Vec::new();
        for (at, series_at) in series.iter().enumerate() {
            match items.last_mut() {
                Some(item) if series[item.start].sku == series_at.sku => item.end = at + 1,
                _ => items.push(at..at + 1),
            }
        }
        let rough = vec![DISPERSION_START; series.len()];
        let calendar = history.calendar;
        Ok(Self { calendar, group_of, settings, series, items, means, rough, first, periods, slots }.looked_over())
    }

    /// Takes the dispersions of a first look: one memory of a middle length and the season of all items.
    fn looked_over(mut self) -> Self {
        let season = self.season(self.settings.start);
        let errors = self.errors_of_memory(&season, HALF_LIVES[HALF_LIVES.len() / 2]);
        self.rough = dispersions(&self.means, &errors);
        self
    }

    fn season(&self, until: Period) -> Season {
        Season::estimate(self.calendar, &self.series, &self.rough, self.group_of, until)
    }

    fn factors(&self, season: &Season, item: &Range<usize>) -> Factors {
        season.of(&self.series[item.start].sku).map(|by_slot| self.slots.iter().map(|&slot| by_slot[slot]).collect())
    }

    /// The half-life with the least squared error of covers, each cell weighed by one over its mean.
    fn best_half_life(&self) -> f64 {
        let season = self.season(self.settings.start);
        let score = |half_life: f64| -> f64 {
            let errors = self.errors_of_memory(&season, half_life);
            errors.iter().zip(&self.means).map(|(errors, mean)| errors.cover_squares / mean.max(0.01)).sum()
        };
        let tried = HALF_LIVES.map(|half_life| (score(half_life), half_life));
        let best = tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        best.map_or(HALF_LIVES[0], |(_, half_life)| half_life)
    }

    fn errors_of_memory(&self, season: &Season, half_life: f64) -> Vec<Errors> {
        let of_cell = |(series, &dispersion): (&Series, &f64)| {
            let by_slot = season.of(&series.sku)[0];
            let begin = (series.first.0 - self.first.0) as usize;
            let factors: Vec<f64> = self.slots[begin..].iter().map(|&slot| by_slot[slot]).collect();
            let (mut errors, mut memory) = (Errors::default(), Memory::new(half_life));
            for (now, &seen) in series.seen.iter().enumerate() {
                if now >= WARM_UP {
                    let level = memory.level();
                    errors.score(self.cover(series, begin + now, |at| level * factors[at - begin]));
                }
                memory.learn(seen, factors[now], dispersion);
            }
            errors
        };
        self.series.par_iter().zip(&self.rough).map(of_cell).collect()
    }

    /// Forecast and demand of the cover that begins with a period; shorter where the history ends.
    fn cover<'b>(
        &'b self,
        series: &'b Series,
        now: usize,
        mean: impl Fn(usize) -> f64 + 'b,
    ) -> impl Iterator<Item = Option<Past>> + 'b {
        (now..now + self.settings.cover_periods).map(move |at| match series.at(self.first.plus(at as i32)) {
            Seen::Demand(units) => Some(Past { mean: mean(at), units }),
            Seen::Nothing | Seen::AtLeast(_) => None,
        })
    }

    /// Forecasts the last periods as they were known, and tells the errors; the second holds what came in the last
    /// period of covers.
    fn replay(&self, half_life: f64) -> (Vec<Errors>, Vec<Vec<Past>>) {
        let begin = WARM_UP.max(self.periods.saturating_sub(SCORED)).min(self.periods);
        let mut found = vec![(Errors::default(), Vec::new()); self.series.len()];
        for origin in (begin..self.periods).step_by(REFRESHED) {
            let season = self.season(self.first.plus(origin as i32));
            let end = (origin + REFRESHED).min(self.periods);
            let scored: Vec<Vec<(Errors, Vec<Past>)>> =
                self.items.par_iter().map(|item| self.scored(item, &season, half_life, origin..end)).collect();
            for (sum, (errors, pasts)) in found.iter_mut().zip(scored.into_iter().flatten()) {
                sum.0.add(&errors);
                sum.1.extend(pasts);
            }
        }
        found.into_iter().unzip()
    }

    fn scored(
        &self,
        item: &Range<usize>,
        season: &Season,
        half_life: f64,
        origins: Range<usize>,
    ) -> Vec<(Errors, Vec<Past>)> {
        let factors = self.factors(season, item);
        let mut found = vec![(Errors::default(), Vec::new()); item.len()];
        self.walk(item, &factors, half_life, origins.end - 1, |now, levels| {
            if !origins.contains(&now) {
                return;
            }
            for ((series, levels), (errors, pasts)) in self.series[item.clone()].iter().zip(levels).zip(&mut found) {
                if now < (series.first.0 - self.first.0) as usize + WARM_UP {
                    continue;
                }
                let cover = || self.cover(series, now, |at| mean(levels, &factors, at));
                errors.score(cover());
                pasts.extend(cover().last().flatten());
            }
        });
        found
    }

    fn walk(
        &self,
        item: &Range<usize>,
        factors: &Factors,
        half_life: f64,
        periods: usize,
        told: impl FnMut(usize, &[[f64; SEASONS]]),
    ) {
        let (places, rough) = (&self.series[item.clone()], &self.rough[item.clone()]);
        walk(places, rough, (factors, self.first), (half_life, periods), told);
    }

    fn forecast(&self, half_life: f64, spread: &[f64], errors: &[Errors]) -> Vec<Vec<ForecastRow>> {
        let season = self.season(self.settings.start);
        let of_item = |item: &Range<usize>| {
            let factors = self.factors(&season, item);
            let mut known = Vec::new();
            self.walk(item, &factors, half_life, self.periods, |now, levels| {
                if now == self.periods {
                    known = levels.to_vec();
                }
            });
            let rows = |(cell, levels): (usize, [f64; SEASONS])| {
                let typical = errors[cell].typical().unwrap_or(self.means[cell]);
                let means = (self.periods..self.slots.len()).map(|at| mean(&levels, &factors, at));
                means
                    .enumerate()
                    .map(|(n, mean)| self.row(cell, n, mean, of_period(spread[cell], mean, typical)))
                    .collect()
            };
            item.clone().zip(known).map(rows).collect::<Vec<Vec<ForecastRow>>>()
        };
        let rows: Vec<Vec<Vec<ForecastRow>>> = self.items.par_iter().map(of_item).collect();
        rows.into_iter().flatten().collect()
    }

    fn row(&self, cell: usize, n: usize, mean: f64, dispersion: f64) -> ForecastRow {
        let demand = Demand { mean, dispersion };
        ForecastRow {
            sku: self.series[cell].sku.clone(),
            place: self.series[cell].place.clone(),
            period: self.settings.start.plus(n as i32),
            mean,
            baseline: mean,
            dispersion,
            quantiles: self.settings.levels.iter().map(|&level| demand.quantile(level)).collect(),
        }
    }
}

/// Expected demand of a period: the mean over the seasons.
fn mean(levels: &[f64; SEASONS], factors: &Factors, period: usize) -> f64 {
    levels.iter().zip(factors).map(|(level, factors)| level * factors[period]).sum::<f64>() / SEASONS as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{counts, generator};
    use rand::seq::SliceRandom;

    fn settings(start: i32) -> EstimateSettings {
        EstimateSettings { start: Period(start), horizon: 3, cover_periods: 3, service_level: 0.8, levels: vec![0.5] }
    }

    /// Sales of a known demand; a shelf of `shelf` pieces each period.
    fn sold(mean: f64, dispersion: f64, shelf: f64, periods: i32, sku: &str) -> Vec<SalesRow> {
        let mut drawn = vec![0; periods as usize];
        counts(Demand { mean, dispersion }, 0.5, &mut drawn);
        drawn.shuffle(&mut generator(3, &sku.into(), &"north".into()));
        let row = |(period, demand): (i32, i64)| {
            let (sku, place, demand) = (sku.into(), "north".into(), demand as f64);
            SalesRow { sku, place, period: Period(period), units: demand.min(shelf), in_stock: demand < shelf }
        };
        (0..periods).zip(drawn).map(row).collect()
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
