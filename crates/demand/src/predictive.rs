//! Effects as they forecast best: the regressors of the estimate, fitted once more to what was sold, whatever caused it.
//!
//! An effect that decisions rest on is freed from what merely went along with a promotion, item by item, and pays for
//! that in precision. A forecast of cells whose plan looks like past plans may keep it: slopes are those of the group,
//! items differ from it by little, and a year ago counts half. Never shown as an effect, never asked what an offer
//! causes.
//!
//! Sources: quasi-likelihood of Poisson form, McCullagh and Nelder (1989), chapter 9; items as random departures from
//! their group, penalised, Breslow and Clayton (1993); levels of series are profiled out.

use crate::columns::{DIP, DISPLAY, FEATURE, LiftTerms, OWN, SIGNAL};
use crate::fit::FittedItem;
use crate::level::{SkuBase, log_expected};
use crate::linear::Symmetric;
use crate::partners::members;
use crate::prepare::{Evidence, Frame, Prepared};
use endcap_model::Calendar;
use rayon::prelude::*;
use std::ops::Range;

/// Columns in which items depart from their group.
const OWN_COLUMNS: [usize; 3] = [OWN, FEATURE, DISPLAY];
/// Variance of an item's departure from its group, and of a group's from the estimated effects.
const ITEM_VARIANCE: f64 = 0.5;
const GROUP_VARIANCE: f64 = 1.0;
/// Rows that are read, at most: of larger panels, some series of every item.
const ROWS_MOST: usize = 300_000;
/// Most steps of Newton's method, and the relative gain below which it ends.
const STEPS: usize = 12;
const GAIN_MIN: f64 = 1e-6;

/// Rows of one item.
struct Item {
    /// Regressors, row by row.
    lines: Vec<f64>,
    /// Demand, and time on sale, both times the row's weight.
    demand: Vec<f64>,
    exposure: Vec<f64>,
    series: Vec<Range<usize>>,
}

/// Objective of an item with its slope and curvature in all columns.
struct Bend {
    loss: f64,
    slope: Vec<f64>,
    curvature: Symmetric,
}

/// Slopes of a group and the departures of its items.
#[derive(Clone)]
struct Slopes {
    group: Vec<f64>,
    items: Vec<Departure>,
}

/// How far an item departs from its group, by [`OWN_COLUMNS`].
type Departure = [f64; OWN_COLUMNS.len()];

/// Fits the effects that forecast best, SKU by SKU in the order of the panel.
pub(crate) fn learn(prepared: &Prepared, items: &[FittedItem], carry: f64) -> Vec<Vec<f64>> {
    let every = prepared.panel.len().div_ceil(ROWS_MOST).max(1);
    let groups: Vec<Vec<usize>> = members(prepared.panel).into_values().collect();
    let fitted: Vec<Vec<Vec<f64>>> = groups.par_iter().map(|skus| group(prepared, items, skus, carry, every)).collect();
    let mut all = vec![Vec::new(); items.len()];
    for (sku, effects) in groups.iter().flatten().zip(fitted.into_iter().flatten()) {
        all[*sku] = effects;
    }
    all
}

/// Fits the items of one group, in their order.
fn group(prepared: &Prepared, items: &[FittedItem], skus: &[usize], carry: f64, every: usize) -> Vec<Vec<f64>> {
    let columns = prepared.frame.columns();
    let read: Vec<Item> = skus.par_iter().map(|&sku| Item::of(prepared, &items[sku], sku, carry, every)).collect();
    let mut centre = vec![0.0; columns];
    for &sku in skus {
        let effects = items[sku].forecast_effects(prepared.frame);
        centre.iter_mut().zip(effects).for_each(|(sum, effect)| *sum += effect / skus.len() as f64);
    }
    let mut slopes = Slopes { group: centre.clone(), items: vec![[0.0; OWN_COLUMNS.len()]; skus.len()] };
    let mut bends = slopes.bends(&read);
    for _ in 0..STEPS {
        let before = slopes.loss(&bends, &centre);
        let step = slopes.step(&bends, &centre);
        let tried = [1.0, 0.5, 0.25, 0.0625].into_iter().find_map(|share| {
            let next = slopes.moved(&step, share);
            let bends = next.bends(&read);
            (next.loss(&bends, &centre) < before).then_some((next, bends))
        });
        let Some((next, at)) = tried else { break };
        (slopes, bends) = (next, at);
        if before - slopes.loss(&bends, &centre) < GAIN_MIN * before.abs() {
            break;
        }
    }
    (0..skus.len()).map(|at| slopes.of(at)).collect()
}

impl Item {
    fn of(prepared: &Prepared, item: &FittedItem, sku: usize, carry: f64, every: usize) -> Self {
        let frame = prepared.frame;
        let c = prepared.panel.columns();
        let terms = LiftTerms::of(&item.effects);
        let (base, _) = SkuBase::of(prepared, sku, (terms, &item.forecast_effects(frame)), item.dispersion, carry);
        let half_life = half_life(frame);
        let mut read = Self { lines: vec![], demand: vec![], exposure: vec![], series: vec![] };
        let mut line = vec![0.0; frame.columns()];
        let mut used = 0;
        for (number, series) in prepared.panel.series_of(sku).enumerate() {
            let (first, start) = (used, read.demand.len());
            let taken = number.is_multiple_of(every);
            prepared.household_stock(series, terms, carry, 0.0, |row, stock| {
                if prepared.evidence[row] == Evidence::Nothing {
                    return;
                }
                used += 1;
                if taken {
                    prepared.write_row(row, &mut line);
                    line[DIP] = stock;
                    line[SIGNAL] = 0.0;
                    line[frame.trend()] = 0.0;
                    read.lines.extend(&line);
                    let fade = (-f64::from(frame.span.end.0 - c.period[row].0) / half_life).exp2();
                    read.demand.push(fade * base.demand[used - 1]);
                    read.exposure.push(fade * prepared.exposure[row]);
                }
            });
            if start < read.demand.len() {
                let mean = base.demand[first..used].iter().sum::<f64>() / (used - first) as f64;
                let weight = 1.0 / (item.dispersion.variance(mean) / mean.max(1e-9)).max(item.dispersion.counting);
                read.demand[start..].iter_mut().chain(&mut read.exposure[start..]).for_each(|value| *value *= weight);
                read.series.push(start..read.demand.len());
            }
        }
        read
    }

    /// Loss, slope and curvature at these effects, every series at the level that suits them best.
    fn bend(&self, effects: &[f64]) -> Bend {
        let columns = effects.len();
        let mut bend = Bend { loss: 0.0, slope: vec![0.0; columns], curvature: Symmetric::zeros(columns) };
        let line = |row: usize| &self.lines[row * columns..(row + 1) * columns];
        let (mut centre, mut away) = (vec![0.0; columns], vec![0.0; columns]);
        for series in &self.series {
            let demand: f64 = self.demand[series.clone()].iter().sum();
            let logs: Vec<f64> = series.clone().map(|row| log_expected(line(row), effects)).collect();
            let mut means: Vec<f64> =
                logs.iter().zip(&self.exposure[series.clone()]).map(|(log, exposure)| exposure * log.exp()).collect();
            let level = demand / means.iter().sum::<f64>().max(1e-12);
            if level <= 0.0 {
                continue;
            }
            means.iter_mut().for_each(|mean| *mean *= level);
            centre.fill(0.0);
            for (row, mean) in series.clone().zip(&means) {
                centre.iter_mut().zip(line(row)).for_each(|(sum, x)| *sum += mean / demand * x);
            }
            for ((row, mean), log) in series.clone().zip(&means).zip(&logs) {
                away.iter_mut().zip(line(row)).zip(&centre).for_each(|((away, x), centre)| *away = x - centre);
                bend.curvature.add_outer(*mean, &away);
                let left = self.demand[row] - mean;
                bend.slope.iter_mut().zip(&away).for_each(|(sum, x)| *sum += left * x);
                bend.loss += mean - self.demand[row] * (level.ln() + log);
            }
        }
        bend
    }
}

/// Periods until a row weighs half: a year.
fn half_life(frame: &Frame) -> f64 {
    if frame.calendar() == Calendar::Day { 365.0 } else { 52.0 }
}

impl Slopes {
    /// Effects of one item.
    fn of(&self, item: usize) -> Vec<f64> {
        let mut effects = self.group.clone();
        OWN_COLUMNS.iter().zip(self.items[item]).for_each(|(&at, own)| effects[at] += own);
        effects
    }

    fn bends(&self, items: &[Item]) -> Vec<Bend> {
        items.par_iter().enumerate().map(|(at, item)| item.bend(&self.of(at))).collect()
    }

    fn loss(&self, bends: &[Bend], centre: &[f64]) -> f64 {
        let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
        bends.iter().map(|bend| bend.loss).sum::<f64>()
            + 0.5 / GROUP_VARIANCE * squares(&mut self.group.iter().zip(centre).map(|(slope, centre)| slope - centre))
            + 0.5 / ITEM_VARIANCE * squares(&mut self.items.iter().flatten().copied())
    }

    fn moved(&self, step: &Self, share: f64) -> Self {
        let mut next = self.clone();
        let to = next.group.iter_mut().chain(next.items.iter_mut().flatten());
        to.zip(step.group.iter().chain(step.items.iter().flatten())).for_each(|(value, step)| *value += share * step);
        next
    }

    /// Newton's step: the items' departures are eliminated from the equations of the group.
    fn step(&self, bends: &[Bend], centre: &[f64]) -> Self {
        let columns = self.group.len();
        let mut slope: Vec<f64> =
            self.group.iter().zip(centre).map(|(slope, centre)| (centre - slope) / GROUP_VARIANCE).collect();
        let mut curvature = Symmetric::zeros(columns);
        (0..columns).for_each(|at| *curvature.at(at, at) += 1.0 / GROUP_VARIANCE);
        let own: Vec<Eliminated> = bends.iter().zip(&self.items).map(|(bend, own)| bend.eliminate(own)).collect();
        bends.iter().zip(&own).for_each(|(bend, own)| bend.add_what_is_left(own, &mut slope, &mut curvature));
        curvature.factor().solve(&mut slope);
        let items = own.into_iter().map(|Eliminated { mut alone, answers }| {
            for (step, answer) in slope.iter().zip(&answers) {
                alone.iter_mut().zip(answer).for_each(|(own, answer)| *own -= answer * step);
            }
            alone
        });
        let items = items.collect();
        Self { group: slope, items }
    }
}

/// The departures of one item as its group's slopes leave them.
struct Eliminated {
    /// Their step if the group's slopes stay.
    alone: Departure,
    /// Per column: how much less they move for a step of the group's slope.
    answers: Vec<Departure>,
}

impl Bend {
    fn curvature(&self, a: usize, b: usize) -> f64 {
        self.curvature.get(a.max(b), a.min(b))
    }

    fn eliminate(&self, departure: &Departure) -> Eliminated {
        let mut block = Symmetric::zeros(OWN_COLUMNS.len());
        for (a, &column) in OWN_COLUMNS.iter().enumerate() {
            (0..=a).for_each(|b| *block.at(a, b) = self.curvature(column, OWN_COLUMNS[b]));
            *block.at(a, a) += 1.0 / ITEM_VARIANCE;
        }
        let block = block.factor();
        let solved = |mut right: Departure| {
            block.solve(&mut right);
            right
        };
        Eliminated {
            alone: solved(std::array::from_fn(|a| self.slope[OWN_COLUMNS[a]] - departure[a] / ITEM_VARIANCE)),
            answers: (0..self.slope.len())
                .map(|column| solved(OWN_COLUMNS.map(|own| self.curvature(own, column))))
                .collect(),
        }
    }

    fn add_what_is_left(&self, own: &Eliminated, slope: &mut [f64], curvature: &mut Symmetric) {
        let times = |column: usize, with: &Departure| -> f64 {
            OWN_COLUMNS.iter().zip(with).map(|(&own, value)| self.curvature(column, own) * value).sum()
        };
        for (row, slope) in slope.iter_mut().enumerate() {
            *slope += self.slope[row] - times(row, &own.alone);
            for column in 0..=row {
                *curvature.at(row, column) += self.curvature(row, column) - times(row, &own.answers[column]);
            }
        }
    }
}
