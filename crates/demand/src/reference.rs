//! Forecasts that any planner could make in a spreadsheet: what ours must beat.

use crate::prepare::PROMOTED_RATIO;
use endcap_model::{Calendar, Panel, Period};
use std::collections::BTreeMap;

/// Largest stock-out share of a row whose sales stand for demand.
pub(crate) const IN_STOCK_MAX: f64 = 0.1;
/// Upper ends of the depth classes of the mean lift.
const DEPTHS: [f64; 5] = [0.05, 0.15, 0.25, 0.35, 0.5];
/// Seasons (weeks of days), or periods where there is no season, that count as recent.
const RECENT_SEASONS: i32 = 4;
const RECENT_PERIODS: i32 = 8;

/// What the reference forecasts know: one value per series, by SKU and place.
pub(crate) struct Reference {
    base: BTreeMap<(u32, u32), f64>,
    lifts: [f64; DEPTHS.len() + 1],
    last: BTreeMap<(u32, u32, i32), f64>,
    latest: BTreeMap<(u32, u32), f64>,
    season: i32,
}

impl Reference {
    /// Learns from the rows before `origin`.
    pub(crate) fn of(history: &Panel, origin: Period) -> Self {
        let c = history.columns();
        let season = match history.calendar() {
            Calendar::Day => 7,
            Calendar::Week => 52,
            Calendar::Index => 1,
        };
        let recent = if history.calendar() == Calendar::Day { RECENT_SEASONS * season } else { RECENT_PERIODS };
        let mut base = BTreeMap::new();
        let (mut last, mut latest) = (BTreeMap::new(), BTreeMap::new());
        let mut sums = [(0.0, 0.0); DEPTHS.len() + 1];
        for sku in 0..history.skus().len() {
            for series in history.series_of(sku) {
                let key = (c.sku[series.start], c.place[series.start]);
                let usable: Vec<usize> = series.filter(|&row| c.stockout_share[row] <= IN_STOCK_MAX).collect();
                let unpromoted = |row: &&usize| depth(history, **row) < DEPTHS[0];
                let new = |row: &&usize| c.period[**row].0 >= origin.0 - recent;
                let level = mean(history, usable.iter().filter(unpromoted).filter(new))
                    .or_else(|| mean(history, usable.iter().filter(unpromoted)))
                    .or_else(|| mean(history, usable.iter()));
                let Some(level) = level else { continue };
                for &row in &usable {
                    let sum = &mut sums[class(depth(history, row))];
                    sum.0 += c.units[row];
                    sum.1 += level;
                    last.insert((key.0, key.1, c.period[row].0.rem_euclid(season)), c.units[row]);
                    latest.insert(key, c.units[row]);
                }
                base.insert(key, level);
            }
        }
        let lifts = sums.map(|(sold, usual)| if usual > 0.0 { sold / usual } else { 1.0 });
        Self { base, lifts, last, latest, season }
    }

    /// Recent unpromoted mean of the series times the mean lift of the depth class over all series.
    pub(crate) fn mean_lift(&self, future: &Panel, row: usize) -> Option<f64> {
        let c = future.columns();
        Some(self.base.get(&(c.sku[row], c.place[row]))? * self.lifts[class(depth(future, row))])
    }

    /// Sales of the same weekday (or week of the year) when the series was last in stock on one.
    pub(crate) fn last_season(&self, future: &Panel, row: usize) -> Option<f64> {
        let c = future.columns();
        let slot = c.period[row].0.rem_euclid(self.season);
        let last = self.last.get(&(c.sku[row], c.place[row], slot));
        last.or_else(|| self.latest.get(&(c.sku[row], c.place[row]))).copied()
    }
}

/// Share of the price taken off in a row.
pub(crate) fn depth(panel: &Panel, row: usize) -> f64 {
    let c = panel.columns();
    (1.0 - c.price[row] / c.base_price[row]).max(0.0)
}

/// Whether a row counts as promoted.
pub(crate) fn is_promoted(panel: &Panel, row: usize) -> bool {
    depth(panel, row) >= 1.0 - PROMOTED_RATIO - 1e-9
}

fn class(depth: f64) -> usize {
    DEPTHS.partition_point(|&end| end <= depth)
}

fn mean<'a>(panel: &Panel, rows: impl Iterator<Item = &'a usize>) -> Option<f64> {
    let (sum, n) = rows.fold((0.0, 0usize), |(sum, n), &row| (sum + panel.columns().units[row], n + 1));
    (n > 0).then(|| sum / n as f64)
}
