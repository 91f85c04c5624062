//! Forecasts that are kept up to date: cells of a plan, each moved by the ratio of what the effects and levels of now
//! expect of it to what those of the fit did.
//!
//! The ratio is applied to the whole forecast, all of its opinions included: predictive effects and boosted trees tell
//! rates around the recent sales of a series, which move as its level does. Spread and quantiles are made anew from the new mean.

use super::rows::{Carried, Carries};
use super::sensed::Sensed;
use crate::columns::LiftTerms;
use crate::distribution::quantiles;
use crate::error::DemandError;
use crate::fit::Fitted;
use crate::level::log_expected;
use crate::prepare::Prepared;
use endcap_model::{Forecast, ForecastRow, Panel, Period, Place, Sku};
use std::collections::HashMap;

/// Largest change of a forecast, in log units.
const MOVE_MAX: f64 = 5.0;

/// The cells of a plan with their forecasts.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    pub(crate) forecast: Forecast,
    /// Per item of the model: its cells, sorted by series and period.
    items: Vec<Vec<Watched>>,
    /// Regressors that a promotion moves in its own period.
    promotion: Vec<usize>,
}

/// A cell ahead, with its forecast at the fit.
#[derive(Clone, Debug)]
struct Watched {
    series: usize,
    period: i32,
    /// Row of the forecast.
    row: usize,
    line: Vec<f64>,
    log_lift: f64,
    discount: f64,
    promoted: bool,
    mean: f64,
    baseline: f64,
    /// Log of what effects and level of the fit expect, as planned and without the promotion.
    expected: [f64; 2],
}

/// What is known of one item now.
pub(crate) struct Known<'a> {
    /// Effects that forecasts use, and their variances.
    pub(crate) effects: &'a [f64],
    pub(crate) variances: &'a [f64],
    pub(crate) levels: &'a [Sensed],
    /// Per series.
    pub(crate) carried: &'a [Carried],
}

/// Refreshed cells.
#[derive(Default)]
pub(crate) struct Fresh {
    cells: Vec<FreshCell>,
    /// Quantiles, cell by cell.
    quantiles: Vec<f64>,
}

/// A refreshed cell.
struct FreshCell {
    row: usize,
    mean: f64,
    baseline: f64,
    dispersion: f64,
}

impl Fresh {
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}

impl Watched {
    /// The last argument is the row of the forecast that it gets, and what the fit forecast of it.
    fn new(
        fitted: &Fitted,
        prepared: &Prepared,
        row: usize,
        (item, series): (usize, usize),
        (at, given): (usize, Option<&ForecastRow>),
    ) -> Self {
        let mut line = vec![0.0; fitted.frame.columns()];
        prepared.write_row(row, &mut line);
        let (mean, baseline) = given.map_or((f64::NAN, f64::NAN), |given| (given.mean, given.baseline));
        Self {
            series,
            period: prepared.panel.columns().period[row].0,
            row: at,
            line,
            log_lift: prepared.log_lift(row, LiftTerms::of(&fitted.items[item].effects)),
            discount: 1.0 - prepared.own[row].exp(),
            promoted: prepared.is_promoted(row),
            mean,
            baseline,
            expected: [0.0; 2],
        }
    }
}

impl Ahead {
    /// Watches the cells of a plan whose forecast at the fit is `given`, or is made of effects and levels alone.
    ///
    /// `find` returns item and series of a name, `known` what the fit knows of an item.
    pub(crate) fn new<'a>(
        fitted: &Fitted,
        future: &Panel,
        given: Option<&Forecast>,
        levels: &[f64],
        find: impl Fn(&Sku, &Place) -> Option<(usize, usize)>,
        known: impl Fn(usize) -> Known<'a>,
    ) -> Result<Self, DemandError> {
        if future.calendar() != fitted.frame.calendar() {
            return Err(DemandError::Calendars { history: fitted.frame.calendar(), future: future.calendar() });
        }
        let prepared = fitted.frame.prepare(future);
        let c = future.columns();
        let levels = given.map_or_else(|| levels.to_vec(), |given| given.levels.clone());
        let key = |row: &ForecastRow| (row.sku.clone(), row.place.clone(), row.period);
        let rows: HashMap<(Sku, Place, Period), &ForecastRow> =
            given.iter().flat_map(|given| &given.rows).map(|row| (key(row), row)).collect();
        let mut ahead = Self {
            forecast: Forecast { calendar: future.calendar(), levels, rows: Vec::new() },
            items: vec![Vec::new(); fitted.items.len()],
            promotion: fitted.frame.promotion(),
        };
        for row in 0..future.len() {
            let sku = &future.skus()[c.sku[row] as usize].sku;
            let place = &future.places()[c.place[row] as usize].place;
            let given = rows.get(&(sku.clone(), place.clone(), c.period[row])).copied();
            let found = find(sku, place).filter(|&(item, series)| known(item).carried[series].last < c.period[row].0);
            let Some((item, series)) = found else {
                ahead.forecast.rows.extend(given.cloned());
                continue;
            };
            let watched = Watched::new(fitted, &prepared, row, (item, series), (ahead.forecast.rows.len(), given));
            ahead.items[item].push(watched);
            ahead.forecast.rows.push(given.cloned().unwrap_or_else(|| ForecastRow {
                sku: sku.clone(),
                place: place.clone(),
                period: c.period[row],
                mean: 0.0,
                baseline: 0.0,
                dispersion: 1.0,
                quantiles: vec![0.0; ahead.forecast.levels.len()],
            }));
        }
        ahead.take_stock(fitted, known);
        Ok(ahead)
    }

    /// Notes what the fit expects of every cell; cells without a forecast get that one, and then their quantiles.
    fn take_stock<'a>(&mut self, fitted: &Fitted, known: impl Fn(usize) -> Known<'a>) {
        for item in 0..self.items.len() {
            let known = known(item);
            self.items[item].sort_by_key(|cell| (cell.series, cell.period));
            let mut found = Vec::new();
            self.each(fitted, item, &known, |cell, expected, _| found.push((cell.row, expected)));
            for cell in &mut self.items[item] {
                if let Some((_, expected)) = found.iter().find(|(row, _)| *row == cell.row) {
                    cell.expected = *expected;
                    if cell.mean.is_nan() {
                        (cell.mean, cell.baseline) = (expected[0].exp(), expected[1].exp());
                    }
                }
            }
            let fresh = self.refreshed(fitted, item, &known);
            self.take(&fresh);
        }
    }

    /// Forecasts the cells of one item from what is known of it now.
    pub(crate) fn refreshed(&self, fitted: &Fitted, item: usize, known: &Known) -> Fresh {
        let dispersion = &fitted.items[item].dispersion;
        let cells = self.items[item].len();
        let mut fresh = Fresh {
            cells: Vec::with_capacity(cells),
            quantiles: Vec::with_capacity(cells * self.forecast.levels.len()),
        };
        self.each(fitted, item, known, |cell, expected, unsure| {
            let times = |at: usize| (expected[at] - cell.expected[at]).clamp(-MOVE_MAX, MOVE_MAX).exp();
            let mean = cell.mean * times(0);
            let variance = dispersion.variance(mean) + unsure * mean * mean;
            let level = |&level: &f64| fitted.recalibration.level(cell.promoted, mean, level);
            quantiles(mean, variance, self.forecast.levels.iter().map(level), &mut fresh.quantiles);
            fresh.cells.push(FreshCell {
                row: cell.row,
                mean,
                baseline: cell.baseline * times(1),
                dispersion: (variance / mean.max(1e-12)).max(fitted.dispersion.counting.min(1.0)),
            });
        });
        fresh
    }

    /// Puts refreshed cells into the forecast.
    pub(crate) fn take(&mut self, fresh: &Fresh) {
        let levels = self.forecast.levels.len();
        for (at, cell) in fresh.cells.iter().enumerate() {
            let row = &mut self.forecast.rows[cell.row];
            (row.mean, row.baseline, row.dispersion) = (cell.mean, cell.baseline, cell.dispersion);
            row.quantiles.copy_from_slice(&fresh.quantiles[at * levels..(at + 1) * levels]);
        }
    }

    /// Calls `seen` with every cell of an item whose period is not over: log of what is expected, as planned and without
    /// the promotion, and the relative variance of level and lift.
    fn each(&self, fitted: &Fitted, item: usize, known: &Known, mut seen: impl FnMut(&Watched, [f64; 2], f64)) {
        let carries = Carries::of(fitted);
        let mut line = Vec::new();
        for series in self.items[item].chunk_by(|a, b| a.series == b.series) {
            let at = series[0].series;
            let (Sensed { level, variance }, mut carried) = (known.levels[at], known.carried[at]);
            let log_level = level.max(1e-12).ln();
            for cell in series.iter().filter(|cell| cell.period > known.carried[at].last) {
                carried = carried.at(cell.period, carries);
                line.clone_from(&cell.line);
                carried.write(&fitted.frame, &mut line);
                let sum = |of: &dyn Fn(usize) -> f64| self.promotion.iter().map(|&at| of(at)).sum::<f64>();
                let lift = sum(&|at| line[at] * known.effects[at]);
                let unsure = sum(&|at| line[at].powi(2) * known.variances[at]);
                let expected = log_level + log_expected(&line, known.effects);
                seen(cell, [expected, expected - lift], variance + unsure.min(1.0));
                carried = carried.after(cell.log_lift, cell.discount, carries);
            }
        }
    }
}
