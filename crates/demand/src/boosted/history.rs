//! What one series sold before an origin, in the few figures that a forecaster would look at.

use super::features::Horizon;
use crate::columns::{DIP, LiftTerms};
use crate::distribution::given_at_least;
use crate::fit::FittedItem;
use crate::level::log_expected;
use crate::prepare::{Evidence, Prepared};
use std::ops::Range;

/// Upper ends of the classes of depth, as shares off the price.
const DEPTHS: [f64; 4] = [0.05, 0.15, 0.25, 0.35];
/// Rows without promotion that make a base.
const BASE_ROWS_MIN: usize = 3;
/// Feature share from which a row counts as promoted without a price cut.
const FEATURED: f64 = 0.25;
/// Units and expected units that a level starts from.
const LEVEL_PRIOR: f64 = 0.2;
/// Added to units before their logarithm is taken.
const HALF: f64 = 0.5;

/// One row of a series.
#[derive(Clone)]
struct Point {
    period: i32,
    /// Units that would have sold on a full shelf; nothing where the row says nothing.
    sold: Option<f64>,
    promoted: bool,
    depth: usize,
    log_price: f64,
    /// Units that predictive effects expect at level 1.
    expected: f64,
}

/// Effects that a series is read with.
pub(crate) struct Lens {
    terms: LiftTerms,
    predictive: Vec<f64>,
    carry: f64,
}

impl Lens {
    pub(crate) fn of(prepared: &Prepared, item: Option<&FittedItem>, carry: f64) -> Self {
        let terms = item.map_or_else(LiftTerms::default, |item| LiftTerms::of(&item.effects));
        let nothing = || vec![0.0; prepared.frame.columns()];
        Self { terms, predictive: item.map_or_else(nothing, |item| item.predictive.clone()), carry }
    }
}

/// A series as far as features need it.
#[derive(Clone)]
pub(crate) struct Series {
    rows: Range<usize>,
    points: Vec<Point>,
}

/// The figures at one origin.
pub(crate) struct Past {
    end: usize,
    /// Recent level, freed from promotions, prices and season by the predictive effects.
    pub(crate) level: f64,
    /// Log ratios of mean units to the level: usual without promotion, recent windows, all promoted, the most.
    pub(crate) usual: f32,
    pub(crate) recent: [f32; 4],
    pub(crate) promoted: f32,
    pub(crate) most: f32,
    /// Share of promoted rows lately.
    pub(crate) promoted_share: f32,
    /// Log of the lowest price so far.
    pub(crate) lowest: f64,
}

impl Series {
    /// Reads a series as known before `end`.
    pub(crate) fn of(prepared: &Prepared, rows: Range<usize>, end: i32, lens: &Lens) -> Self {
        let c = prepared.panel.columns();
        let mut points: Vec<Point> = rows
            .clone()
            .map(|row| Point {
                period: c.period[row].0,
                sold: (prepared.evidence[row] == Evidence::Counted).then(|| c.units[row] / prepared.exposure[row]),
                promoted: prepared.is_promoted(row) || c.feature[row] >= FEATURED,
                depth: DEPTHS.partition_point(|&end| end <= 1.0 - prepared.own[row].exp()),
                log_price: c.price[row].ln(),
                expected: 1.0,
            })
            .collect();
        let mut line = vec![0.0; prepared.frame.columns()];
        prepared.household_stock(rows.clone(), lens.terms, lens.carry, 0.0, |row, stock| {
            prepared.write_row(row, &mut line);
            line[DIP] = stock;
            points[row - rows.start].expected = log_expected(&line, &lens.predictive).exp();
        });
        Self { rows, points }.known_at(prepared, end, lens)
    }

    /// The same series as it was known before `end`: what would have sold where the shelf was empty is told from what had sold
    /// by then. A feature of an earlier origin must not know more than it did.
    pub(crate) fn known_at(mut self, prepared: &Prepared, end: i32, lens: &Lens) -> Self {
        let is_censored = |row: usize| prepared.evidence[row] == Evidence::Censored;
        let usual = self.points.iter().zip(self.rows.clone());
        let usual = usual.filter(|(point, row)| point.period < end && !point.promoted && !is_censored(*row));
        let known: Vec<f64> = usual.filter_map(|(point, _)| point.sold).collect();
        let usual = known.iter().sum::<f64>() / known.len().max(1) as f64;
        let units = &prepared.panel.columns().units;
        for (point, row) in self.points.iter_mut().zip(self.rows.clone()).filter(|(_, row)| is_censored(*row)) {
            let mean = (usual * prepared.log_lift(row, lens.terms).exp()).max(HALF);
            point.sold = Some(given_at_least(mean, 2.0 * mean, units[row]).0);
        }
        self
    }

    /// Whether any of its rows ran out of stock.
    pub(crate) fn ran_out(&self, prepared: &Prepared) -> bool {
        self.rows.clone().any(|row| prepared.evidence[row] == Evidence::Censored)
    }

    /// Rows of the panel with the place in the series.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.rows.clone().enumerate()
    }

    /// Period of a row.
    pub(crate) fn period(&self, at: usize) -> i32 {
        self.points[at].period
    }

    /// Demand of a row, where it is known.
    pub(crate) fn sold(&self, at: usize) -> Option<f64> {
        self.points[at].sold
    }

    /// The figures at an origin: nothing when nothing was known by then.
    pub(crate) fn past(&self, origin: i32, horizon: &Horizon) -> Option<Past> {
        let end = self.points.partition_point(|point| point.period < origin);
        let known = |from: i32| {
            let points = self.points[..end].iter().filter(move |point| point.period >= from);
            points.filter_map(|point| point.sold.map(|sold| (point, sold)))
        };
        let base = [horizon.base, 2 * horizon.base, i32::MAX >> 1].into_iter().find_map(|window| {
            let usual = known(origin - window).filter(|(point, _)| !point.promoted).map(|(_, sold)| sold);
            mean(usual, BASE_ROWS_MIN)
        });
        let base = base.or_else(|| mean(known(i32::MIN >> 1).map(|(_, sold)| sold), 1))?;
        let (mut sold, mut expected) = (LEVEL_PRIOR, LEVEL_PRIOR);
        for (point, units) in known(i32::MIN >> 1) {
            let fade = (-f64::from(origin - point.period) / f64::from(horizon.level)).exp2();
            sold += fade * units;
            expected += fade * point.expected;
        }
        let level = sold / expected;
        let ratio = |units: Option<f64>| units.map_or(f32::NAN, |units| log_ratio(units, level));
        let lately = || self.points[..end].iter().filter(|point| point.period >= origin - horizon.base);
        Some(Past {
            end,
            level,
            usual: ratio(Some(base)),
            recent: horizon.recent.map(|window| ratio(mean(known(origin - window).map(|(_, sold)| sold), 1))),
            promoted: ratio(mean(
                known(origin - 2 * horizon.base).filter(|(point, _)| point.promoted).map(|(_, sold)| sold),
                1,
            )),
            most: ratio(known(i32::MIN >> 1).map(|(_, sold)| sold).reduce(f64::max)),
            promoted_share: lately().filter(|point| point.promoted).count() as f32 / lately().count().max(1) as f32,
            lowest: self.points[..end].iter().map(|point| point.log_price).fold(f64::INFINITY, f64::min),
        })
    }

    /// Log ratios to the level of what sold at the depth of a row, and of the last row that was promoted alike; or as if
    /// the row were not promoted.
    pub(crate) fn alike(&self, past: &Past, at: usize, bare: bool, horizon: &Horizon) -> [f32; 2] {
        let here = &self.points[at];
        let (depth, promoted) = if bare { (0, false) } else { (here.depth, here.promoted) };
        let from = here.period - 3 * horizon.base;
        let before = &self.points[..past.end];
        let alike = before.iter().filter(|point| point.period >= from && point.depth == depth);
        let depth = mean(alike.filter_map(|point| point.sold), 1);
        let last = before.iter().rev().filter(|point| point.promoted == promoted).find_map(|point| point.sold);
        [depth, last].map(|units| units.map_or(f32::NAN, |units| log_ratio(units, past.level)))
    }

    /// The row so many periods before another, if there is one.
    pub(crate) fn before(&self, at: usize, periods: i32) -> Option<usize> {
        let wanted = self.points[at].period - periods;
        let other = at.checked_sub(periods as usize)?;
        (self.points[other].period == wanted).then_some(self.rows.start + other)
    }

    /// Periods since the row before was promoted last, at most so many.
    pub(crate) fn since_promoted(&self, at: usize, most: i32) -> f32 {
        let here = self.points[at].period;
        let last = self.points[..at].iter().rev().find(|point| point.promoted || here - point.period > most);
        last.map_or(most, |point| (here - point.period).min(most)) as f32
    }
}

fn mean(values: impl Iterator<Item = f64>, least: usize) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
    (n >= least).then(|| sum / n as f64)
}

/// Log of units over a level.
fn log_ratio(units: f64, level: f64) -> f32 {
    ((units + HALF) / (level + HALF)).ln() as f32
}
