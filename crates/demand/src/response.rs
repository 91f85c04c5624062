//! The response of one SKU: generalised estimating equations for counts with a log link.
//!
//! Expected units are `on_sale * exp(place + x b)`, every place with a level of its own, so that effects come from what
//! changes inside a SKU and place. The working variance is `phi mu + kappa mu^2` with a shock common to all places of
//! a period (variance `sigma^2` of the log), because prices move chain-wide and so do surprises. The estimate is
//! consistent whatever that shock really is; the shock only says how much a further store of the same period adds.
//!
//! Standard errors are the sandwich clustered by period, with the small-sample correction and the degrees of freedom
//! from how evenly the periods inform an effect, robust to shocks that last over neighbouring periods, and steadied
//! by what the working model implies, since a sandwich of few periods is itself uncertain.
//!
//! Sources: Liang and Zeger (1986) for the estimating equations; McCullagh and Nelder (1989), chapter 9, for
//! quasi-likelihood; MacKinnon, Nielsen and Webb (2023, CV3) and Carter, Schnepel and Steigerwald (2017) for few clusters; Driscoll
//! and Kraay (1998) for lasting shocks; Dempster, Laird and Rubin (1977) and Louis (1982) for censored rows.

use crate::columns::{CROSS, DIP, DISPLAY, FEATURE, LiftTerms, OWN, SIGNAL};
use crate::dispersion::{Dispersion, Moments};
use crate::distribution::given_at_least;
use crate::linear::{Cells, Factor, Parts, Reduced, Ridges, Symmetric};
use crate::partners::Alongside;
use crate::pool::Believed;
use crate::prepare::{Evidence, Prepared};
use crate::signal::Unseen;
use crate::stability::{Moved, largest_move};
use std::collections::BTreeMap;
use std::ops::Range;

/// Precision of the normal prior on every effect: so weak (standard deviation 10 in log units) that it only keeps a
/// column without any variation from being infinite.
const FAINT: f64 = 0.01;
/// Variance of the prior on an effect that is taken as known.
const SURE: f64 = 1e-8;
/// Precision of the prior on the level of a place.
const LEVEL: f64 = 1e-8;
/// Newton steps at most.
const STEPS_MAX: usize = 25;
/// Largest change of a row's log expectation at which the estimate has settled.
const SETTLED: f64 = 1e-4;
/// Largest change of a row's log expectation in one step.
const STRIDE: f64 = 1.5;
/// Degrees of freedom that the variance implied by the working model is worth beside the sandwich.
const MODEL_FREEDOM: f64 = 3.0;
/// Largest common shock, in log units, that a censored row is completed with.
const SHOCK_MAX: f64 = 1.0;
/// Least share of a censored row's information that is taken to be left.
const INFORMATION_MIN: f64 = 0.02;

/// The rows of one SKU that say something, as regressors and counts.
pub(crate) struct SkuRows {
    /// Rows of the panel.
    pub(crate) rows: Vec<usize>,
    /// Regressors: those of the frame, one per listed substitute, and what [`Unseen::Apart`] adds.
    pub(crate) columns: usize,
    /// Positions of the listed substitutes' prices.
    pub(crate) partners: Range<usize>,
    /// Whether the price index holds substitutes that are not listed.
    rest: bool,
    /// Position of the trend, and where the controls behind it end.
    adjusted: (usize, usize),
    /// Mean and precision of the normal prior on every effect.
    priors: Vec<(f64, f64)>,
    /// Regressors, row by row.
    pub(crate) x: Vec<f64>,
    pub(crate) units: Vec<f64>,
    pub(crate) log_exposure: Vec<f64>,
    pub(crate) censored: Vec<bool>,
    pub(crate) place: Vec<u32>,
    pub(crate) places: usize,
    pub(crate) time: Vec<u32>,
    pub(crate) times: usize,
}

/// What the data of one SKU say by themselves.
#[derive(Clone, Debug)]
pub(crate) struct SkuEstimate {
    /// Effects under all that is believed, in the order of the columns; the price index holds the substitutes that are
    /// not listed.
    pub(crate) effects: Vec<f64>,
    /// What the data of the SKU say of each effect where all effects but that one are believed.
    pub(crate) own: Vec<f64>,
    /// The same of all substitutes together.
    pub(crate) cross: f64,
    /// Sampling variances of the estimates, at the price index of [`Self::cross`].
    pub(crate) sampling: Vec<Sampling>,
    /// Variances that the working model gives the estimates without any belief: what the SKU's data tell apart.
    pub(crate) alone: Vec<f64>,
    /// By how much each estimate would move if demand in promoted periods were higher by one log unit unseen.
    pub(crate) leverage: Vec<f64>,
    /// Correlations of own price with advert, own price with display, advert with display.
    pub(crate) related: [f64; 3],
    /// How far the own-price effect hangs on one kind of adjustment.
    pub(crate) moved: Moved,
    /// Positions of the listed substitutes' effects.
    pub(crate) partners: Range<usize>,
    /// Log level per place of the rows.
    pub(crate) levels: Vec<f64>,
    /// Sums behind the variance of the counts.
    pub(crate) moments: Moments,
}

/// How far an estimate may be off by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) variance: f64,
    /// Quantile of the t distribution over that of the normal one: how much wider few periods make an interval.
    pub(crate) widening: f64,
}

/// Expectation, completed demand and weight of every row at one set of effects.
pub(crate) struct Working {
    pub(crate) mean: Vec<f64>,
    /// Relative residual `(units - mean) / mean`, scaled up by the information that censoring left.
    residual: Vec<f64>,
    pub(crate) weight: Vec<f64>,
    /// Completed demand less its expectation.
    pub(crate) difference: Vec<f64>,
    /// Variance that censoring hides, added to the squared difference.
    pub(crate) hidden: Vec<f64>,
    /// By how much completed demand would rise with the period's common shock: what all hidden demand shares.
    pub(crate) slack: Vec<f64>,
}

/// The substitutes of one SKU as its regressors read them.
struct Substitutes {
    listed: Vec<(Alongside, f64)>,
    rest: f64,
}

impl Substitutes {
    fn of(prepared: &Prepared, sku: usize) -> Self {
        let partners = prepared.frame.partners.get(&prepared.panel.skus()[sku].sku);
        let listed = partners.map_or_else(Vec::new, |partners| partners.positions(&prepared.positions));
        Self {
            listed: listed.into_iter().map(|(sku, weight)| (Alongside::of(prepared.panel, sku), weight)).collect(),
            rest: partners.map_or(1.0, |partners| partners.rest),
        }
    }

    /// Writes the log price ratios of the listed substitutes and returns the index of the others; rows come in their order.
    fn write(&mut self, prepared: &Prepared, row: usize, out: &mut [f64]) -> f64 {
        let mut others = prepared.cross[row];
        for ((partner, weight), x) in self.listed.iter_mut().zip(out) {
            *x = partner.at(prepared.panel, row).map_or(0.0, |at| prepared.own[at]);
            others -= *weight * *x;
        }
        if self.rest > 0.0 { others / self.rest } else { 0.0 }
    }
}

impl SkuRows {
    /// Picks the rows that say something, without the series that never sold.
    pub(crate) fn of(prepared: &Prepared, sku: usize, unseen: Unseen) -> Self {
        let c = prepared.panel.columns();
        let mut substitutes = Substitutes::of(prepared, sku);
        let frame_columns = prepared.frame.columns();
        let partners = frame_columns..frame_columns + substitutes.listed.len();
        let columns = partners.end + usize::from(unseen == Unseen::Apart);
        let mut priors = vec![(0.0, FAINT); columns];
        if let Unseen::Known { mean, variance } = unseen {
            priors[SIGNAL] = (mean, 1.0 / variance.max(SURE));
        }
        let mut picked = Self {
            rows: Vec::new(),
            columns,
            partners: partners.clone(),
            rest: substitutes.rest > 0.0 || substitutes.listed.is_empty(),
            adjusted: (prepared.frame.trend(), prepared.frame.trend() + 1 + prepared.frame.controls.len()),
            priors,
            x: Vec::new(),
            units: Vec::new(),
            log_exposure: Vec::new(),
            censored: Vec::new(),
            place: Vec::new(),
            places: 0,
            time: Vec::new(),
            times: 0,
        };
        let mut line = vec![0.0; columns];
        let mut times = BTreeMap::new();
        for series in prepared.panel.series_of(sku) {
            let usable: Vec<usize> = series.filter(|&row| prepared.evidence[row] != Evidence::Nothing).collect();
            if usable.iter().all(|&row| c.units[row] == 0.0) {
                continue;
            }
            for row in usable {
                prepared.write_row(row, &mut line[..frame_columns]);
                line[CROSS] = substitutes.write(prepared, row, &mut line[partners.clone()]);
                if unseen == Unseen::Apart && prepared.is_promoted(row) {
                    line[columns - 1] = line[SIGNAL];
                    line[SIGNAL] = 0.0;
                } else if unseen == Unseen::Apart {
                    line[columns - 1] = 0.0;
                }
                picked.x.extend_from_slice(&line);
                picked.rows.push(row);
                picked.units.push(c.units[row]);
                picked.log_exposure.push(prepared.exposure[row].ln());
                picked.censored.push(prepared.evidence[row] == Evidence::Censored);
                picked.place.push(picked.places as u32);
                times.insert(c.period[row], 0u32);
            }
            picked.places += 1;
        }
        times.values_mut().enumerate().for_each(|(at, index)| *index = at as u32);
        picked.time = picked.rows.iter().map(|&row| times[&c.period[row]]).collect();
        picked.times = times.len();
        picked
    }

    /// Makes rows of sums over several SKUs: their regressors, the trend last, their units with the logs of what is expected
    /// of them, and the place and period of each.
    pub(crate) fn of_cells(
        columns: usize,
        x: Vec<f64>,
        (units, log_exposure): (Vec<f64>, Vec<f64>),
        places: &[u32],
        periods: &[i32],
    ) -> Self {
        fn numbered<T: Ord + Copy>(values: &[T]) -> (Vec<u32>, usize) {
            let known: BTreeMap<T, u32> = values.iter().map(|value| (*value, 0)).collect();
            let known: BTreeMap<T, u32> = known.into_keys().zip(0..).collect();
            (values.iter().map(|value| known[value]).collect(), known.len())
        }
        let ((place, places), (time, times)) = (numbered(places), numbered(periods));
        Self {
            rows: (0..units.len()).collect(),
            columns,
            partners: columns..columns,
            rest: true,
            adjusted: (columns - 1, columns),
            priors: vec![(0.0, FAINT); columns],
            x,
            censored: vec![false; units.len()],
            units,
            log_exposure,
            place,
            places,
            time,
            times,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn line(&self, at: usize) -> &[f64] {
        &self.x[at * self.columns..(at + 1) * self.columns]
    }

    /// Takes what the other SKUs say of every regressor up to the controls; the signal stays what it is, and of substitutes
    /// as a whole nothing is taken where some have an effect of their own. Further effects are left free as those of single
    /// substitutes are: believed beside each other they would be drawn together too closely.
    pub(crate) fn believe(&mut self, beliefs: impl Iterator<Item = Believed>) {
        let apart = !self.partners.is_empty();
        for (column, belief) in beliefs.enumerate().take(self.adjusted.1) {
            if column != SIGNAL && !(column == CROSS && apart) {
                self.priors[column] = (belief.mean, 1.0 / belief.variance.max(SURE));
            }
        }
    }

    /// Adds regressors; `write` gets a row of the panel and its line with the new ones at its end.
    pub(crate) fn widen(&mut self, more: usize, write: impl Fn(usize, &mut [f64])) {
        let columns = self.columns + more;
        let mut x = vec![0.0; self.rows.len() * columns];
        for (at, line) in x.chunks_mut(columns).enumerate() {
            line[..self.columns].copy_from_slice(self.line(at));
            write(self.rows[at], line);
        }
        self.x = x;
        self.columns = columns;
        self.priors.resize(columns, (0.0, FAINT));
    }

    /// Fills the dip column with the household stock that these lift terms leave.
    pub(crate) fn fill_dip(&mut self, prepared: &Prepared, sku: usize, terms: LiftTerms, carry: f64) {
        let mut at = 0;
        for series in prepared.panel.series_of(sku) {
            prepared.household_stock(series, terms, carry, 0.0, |row, stock| {
                if self.rows.get(at) == Some(&row) {
                    self.x[at * self.columns + DIP] = stock;
                    at += 1;
                }
            });
        }
    }

    /// Levels that each place would have without any effect.
    fn plain_levels(&self) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.places];
        for at in 0..self.rows.len() {
            let sum = &mut sums[self.place[at] as usize];
            sum.0 += self.units[at];
            sum.1 += self.log_exposure[at].exp();
        }
        sums.iter().map(|&(units, time)| ((units + 0.1) / (time + 0.1)).ln()).collect()
    }

    fn cells<'a>(&'a self, by_time: bool) -> Cells<'a> {
        let (time, place) = ((&self.time, self.times), (&self.place, self.places));
        let (eliminated, kept) = if by_time { (time, place) } else { (place, time) };
        Cells {
            columns: self.columns,
            x: &self.x,
            eliminated: eliminated.0,
            eliminated_levels: eliminated.1,
            kept: kept.0,
            kept_levels: kept.1,
        }
    }

    /// Log of the expected units of a row.
    pub(crate) fn log_mean(&self, at: usize, levels: &[f64], effects: &[f64]) -> f64 {
        let dot: f64 = self.line(at).iter().zip(effects).map(|(x, b)| x * b).sum();
        (levels[self.place[at] as usize] + dot + self.log_exposure[at]).clamp(-20.0, 20.0)
    }

    /// `shocks` are what is known of each period's common shock: it says how much more was wanted than a shelf held.
    fn working(&self, levels: &[f64], effects: &[f64], dispersion: &Dispersion, shocks: &[f64]) -> Working {
        let n = self.rows.len();
        let mut working = Working {
            mean: Vec::with_capacity(n),
            residual: Vec::with_capacity(n),
            weight: Vec::with_capacity(n),
            difference: Vec::with_capacity(n),
            hidden: vec![0.0; n],
            slack: vec![0.0; n],
        };
        for at in 0..n {
            let mean = self.log_mean(at, levels, effects).exp();
            let mut weight = dispersion.weight(mean);
            let mut difference = self.units[at] - mean;
            let mut residual = difference / mean;
            if self.censored[at] {
                let shocked = mean * shocks[self.time[at] as usize].clamp(-SHOCK_MAX, SHOCK_MAX).exp();
                let variance = dispersion.variance_in_period(shocked).max(shocked);
                let (expected, left) = given_at_least(shocked, variance, self.units[at]);
                let information = (1.0 - left / variance).clamp(INFORMATION_MIN, 1.0);
                difference = expected - mean;
                residual = (shocked - mean + (expected - shocked) / information) / mean;
                weight *= information;
                working.hidden[at] = left;
                working.slack[at] = shocked * (left / variance).min(1.0);
            }
            working.mean.push(mean);
            working.weight.push(weight);
            working.residual.push(residual);
            working.difference.push(difference);
        }
        working
    }

    fn right_side(&self, working: &Working, effects: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let (mut time, mut place) = (vec![0.0; self.times], vec![0.0; self.places]);
        let pulls = self.priors.iter().zip(effects);
        let mut columns: Vec<f64> = pulls.map(|((mean, precision), b)| precision * (mean - b)).collect();
        for at in 0..self.rows.len() {
            let pull = working.weight[at] * working.residual[at];
            time[self.time[at] as usize] += pull;
            place[self.place[at] as usize] += pull;
            columns.iter_mut().zip(self.line(at)).for_each(|(sum, x)| *sum += pull * x);
        }
        (time, place, columns)
    }
}

/// The normal equations of one SKU; knows which of time and place it eliminated.
struct Equations {
    by_time: bool,
    reduced: Reduced,
}

impl Equations {
    fn new(rows: &SkuRows, weights: &[f64], dispersion: &Dispersion) -> Self {
        let by_time = rows.places <= rows.times;
        let shock = 1.0 / dispersion.shock.max(1e-9);
        let (eliminated, kept) = if by_time { (shock, LEVEL) } else { (LEVEL, shock) };
        let columns: Vec<f64> = rows.priors.iter().map(|(_, precision)| *precision).collect();
        let reduced = Reduced::new(&rows.cells(by_time), weights, &Ridges { eliminated, kept, columns: &columns });
        Self { by_time, reduced }
    }

    /// Returns levels of places and effects that solve for a right-hand side.
    fn solve(&self, time: Vec<f64>, place: Vec<f64>, columns: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let (eliminated, kept) = if self.by_time { (time, place) } else { (place, time) };
        let solved = self.reduced.solve(&Parts { eliminated, kept, columns });
        (if self.by_time { solved.kept } else { solved.eliminated }, solved.columns)
    }
}

/// Estimates the effects of one SKU from its own rows, from a start that is kept where there is one.
pub(crate) fn estimate(rows: &SkuRows, dispersion: &Dispersion, start: Option<&SkuEstimate>) -> SkuEstimate {
    let mut levels = start.map_or_else(|| rows.plain_levels(), |s| s.levels.clone());
    let mut effects = start.map_or_else(Vec::new, |s| s.effects.clone());
    effects.resize(rows.columns, 0.0);
    let mut working = rows.working(&levels, &effects, dispersion, &vec![0.0; rows.times]);
    let mut equations = Equations::new(rows, &working.weight, dispersion);
    for _ in 0..STEPS_MAX {
        let (time, place, columns) = rows.right_side(&working, &effects);
        let (level_step, effect_step) = equations.solve(time, place, columns);
        let change = (0..rows.rows.len())
            .map(|at| {
                let dot: f64 = rows.line(at).iter().zip(&effect_step).map(|(x, b)| x * b).sum();
                (level_step[rows.place[at] as usize] + dot).abs()
            })
            .fold(0.0, f64::max);
        if !change.is_finite() {
            break;
        }
        let stride = (STRIDE / change.max(1e-12)).min(1.0);
        levels.iter_mut().zip(&level_step).for_each(|(level, step)| *level += stride * step);
        effects.iter_mut().zip(&effect_step).for_each(|(effect, step)| *effect += stride * step);
        working = rows.working(&levels, &effects, dispersion, &shocks(rows, &working, dispersion));
        if change < SETTLED {
            break;
        }
        equations = Equations::new(rows, &working.weight, dispersion);
    }
    let directions = Directions::of(rows, &equations);
    let sampling = sampling(rows, &working, &directions, dispersion);
    let moments = Moments::of(rows, &working, dispersion);
    let mut own: Vec<f64> = directions.all.iter().map(|direction| direction.own(rows, &effects)).collect();
    let cross = std::mem::replace(&mut own[CROSS], effects[CROSS]);
    let leverage = directions.all.iter().map(|direction| direction.leverage).collect();
    let partners = rows.partners.clone();
    let (related, moved, alone) = (directions.related, directions.moved(rows, &effects), directions.alone(rows));
    SkuEstimate { effects, own, cross, sampling, alone, leverage, related, moved, partners, levels, moments }
}

/// By how much the household stock at each carry would raise the quasi-likelihood: the score statistic of the dip
/// (Rao 1948), negative where it would say that promotions raise later sales.
pub(crate) fn dip_gain(rows: &SkuRows, at: &SkuEstimate, dispersion: &Dispersion) -> f64 {
    let working = rows.working(&at.levels, &at.effects, dispersion, &vec![0.0; rows.times]);
    let equations = Equations::new(rows, &working.weight, dispersion);
    let (time, place, columns) = rows.right_side(&working, &at.effects);
    let shocks = shocks(rows, &working, dispersion);
    let pull = columns[DIP]
        - (0..rows.rows.len())
            .map(|row| working.weight[row] * shocks[rows.time[row] as usize] * rows.line(row)[DIP])
            .sum::<f64>();
    let (_, steps) = equations.solve(time, place, columns);
    -steps[DIP] * pull.abs()
}

/// Best guess of each period's common shock, in log units.
fn shocks(rows: &SkuRows, working: &Working, dispersion: &Dispersion) -> Vec<f64> {
    let mut sums = vec![(0.0, 1.0 / dispersion.shock.max(1e-9)); rows.times];
    for at in 0..rows.rows.len() {
        let sum = &mut sums[rows.time[at] as usize];
        sum.0 += working.weight[at] * working.residual[at];
        sum.1 += working.weight[at];
    }
    sums.iter().map(|&(pull, weight)| pull / weight).collect()
}

/// How one effect follows from the data, where everything but that effect is believed as it is.
struct Direction {
    /// The effect as a combination of regressors' effects.
    unit: Vec<f64>,
    /// Precision of the beliefs about this effect, which are left out.
    left_out: Vec<f64>,
    /// Row of the inverse that yields the effect: levels and effects.
    levels: Vec<f64>,
    effects: Vec<f64>,
    leverage: f64,
}

/// What each effect is made of.
struct Directions {
    all: Vec<Direction>,
    /// See [`SkuEstimate::related`].
    related: [f64; 3],
    information: Symmetric,
}

impl Directions {
    fn of(rows: &SkuRows, equations: &Equations) -> Self {
        let information = equations.reduced.information();
        let all = (0..rows.columns).map(|column| Direction::of(rows, equations, &information, column)).collect();
        let factor = information.clone().factor();
        let [own, feature, display] = [OWN, FEATURE, DISPLAY].map(|column| solved(&factor, rows.columns, column));
        let correlation =
            |ab: f64, a: f64, b: f64| if a * b > 0.0 { (ab / (a * b).sqrt()).clamp(-1.0, 1.0) } else { 0.0 };
        let related = [
            correlation(own[FEATURE], own[OWN], feature[FEATURE]),
            correlation(own[DISPLAY], own[OWN], display[DISPLAY]),
            correlation(feature[DISPLAY], feature[FEATURE], display[DISPLAY]),
        ];
        Self { all, related, information }
    }

    /// Variances without any belief but that about the signal.
    fn alone(&self, rows: &SkuRows) -> Vec<f64> {
        let mut information = self.information.clone();
        for (column, (_, precision)) in rows.priors.iter().enumerate().filter(|(column, _)| *column != SIGNAL) {
            *information.at(column, column) -= precision - FAINT;
        }
        let factor = information.factor();
        let variance = |direction: &Direction| {
            let mut x = direction.unit.clone();
            factor.solve(&mut x);
            direction.unit.iter().zip(&x).map(|(u, x)| u * x).sum()
        };
        self.all.iter().map(variance).collect()
    }

    /// How far the own-price effect, without beliefs about itself, moves when one kind of adjustment is left out.
    fn moved(&self, rows: &SkuRows, believed: &[f64]) -> Moved {
        let own = &self.all[OWN];
        let pulled = own.left_out[OWN] * (believed[OWN] - rows.priors[OWN].0);
        let effects: Vec<f64> = believed.iter().zip(&own.effects).map(|(b, x)| b + pulled * x).collect();
        let mut information = self.information.clone();
        *information.at(OWN, OWN) -= own.left_out[OWN];
        largest_move(&information, &effects, OWN, rows.adjusted)
    }
}

/// One column of the inverse.
fn solved(factor: &Factor, columns: usize, column: usize) -> Vec<f64> {
    let mut unit = vec![0.0; columns];
    unit[column] = 1.0;
    factor.solve(&mut unit);
    unit
}

impl Direction {
    fn of(rows: &SkuRows, equations: &Equations, information: &Symmetric, column: usize) -> Self {
        let mut unit = vec![0.0; rows.columns];
        unit[column] = 1.0;
        if column == CROSS {
            unit[CROSS] = f64::from(u8::from(rows.rest));
            unit[rows.partners.clone()].fill(1.0);
        }
        let prior = |j: usize| if unit[j] != 0.0 && j != SIGNAL { rows.priors[j].1 - FAINT } else { 0.0 };
        let left_out: Vec<f64> = (0..rows.columns).map(prior).collect();
        let mut without = information.clone();
        left_out.iter().enumerate().for_each(|(j, precision)| *without.at(j, j) -= precision);
        let factor = without.factor();
        let mut direction = unit.clone();
        factor.solve(&mut direction);
        let right = unit.iter().zip(&left_out).zip(&direction).map(|((u, d), x)| u + d * x).collect();
        let (levels, effects) = equations.solve(vec![0.0; rows.times], vec![0.0; rows.places], right);
        let signal = solved(&factor, rows.columns, SIGNAL);
        let moved: f64 = unit.iter().zip(&signal).map(|(u, x)| u * x).sum();
        let leverage = if signal[SIGNAL] > 0.0 { moved / signal[SIGNAL] } else { 0.0 };
        Self { unit, left_out, levels, effects, leverage }
    }

    /// The effect without the beliefs about itself.
    fn own(&self, rows: &SkuRows, believed: &[f64]) -> f64 {
        let off = rows.priors.iter().zip(believed).map(|((mean, _), b)| b - mean);
        let pulled = self.left_out.iter().zip(&self.effects).zip(off).map(|((d, x), off)| d * x * off).sum::<f64>();
        self.unit.iter().zip(believed).map(|(u, b)| u * b).sum::<f64>() + pulled
    }

    /// Variance by the working model.
    fn variance(&self) -> f64 {
        self.unit.iter().zip(&self.effects).map(|(u, x)| u * x).sum()
    }

    /// What the uncertainty of all other beliefs adds to the variance.
    fn believed(&self, rows: &SkuRows) -> f64 {
        let left = rows.priors.iter().zip(&self.left_out).map(|((_, precision), out)| precision - out);
        left.zip(&self.effects).map(|(precision, x)| precision * x * x).sum()
    }
}

/// Sampling variances of all effects; see the module. What is not known of all other effects adds to them.
fn sampling(rows: &SkuRows, working: &Working, directions: &Directions, dispersion: &Dispersion) -> Vec<Sampling> {
    let k = rows.columns;
    let shocks = shocks(rows, working, dispersion);
    let mut weight_sums = vec![1.0 / dispersion.shock.max(1e-9); rows.times];
    (0..rows.rows.len()).for_each(|at| weight_sums[rows.time[at] as usize] += working.weight[at]);
    // Per period and effect: influence, sum of w a^2, sum of w a.
    let mut influence = vec![[0.0f64; 3]; rows.times * k];
    for at in 0..rows.rows.len() {
        let (t, place) = (rows.time[at] as usize, rows.place[at] as usize);
        let (w, line) = (working.weight[at], rows.line(at));
        let surprise = working.residual[at] - shocks[t];
        for (j, direction) in directions.all.iter().enumerate() {
            let a = direction.levels[place] + line.iter().zip(&direction.effects).map(|(x, d)| x * d).sum::<f64>();
            let cell = &mut influence[t * k + j];
            cell[0] += w * a * surprise;
            cell[1] += w * a * a;
            cell[2] += w * a;
        }
    }
    let variance = |(j, direction): (usize, &Direction)| {
        let (model, believed) = (direction.variance(), direction.believed(rows));
        let found = clustered(|t| influence[t * k + j], &weight_sums, (model - believed).max(0.0));
        Sampling { variance: found.variance + believed, ..found }
    };
    directions.all.iter().enumerate().map(variance).collect()
}

/// Variance of one effect from its influence by period, and its degrees of freedom.
fn clustered(cell: impl Fn(usize) -> [f64; 3], weight_sums: &[f64], model: f64) -> Sampling {
    let times = weight_sums.len();
    let information: Vec<f64> =
        (0..times).map(|t| (cell(t)[1] - cell(t)[2].powi(2) / weight_sums[t]).max(0.0)).collect();
    let total: f64 = information.iter().sum();
    if total <= 0.0 || !total.is_finite() {
        return Sampling { variance: 1.0 / FAINT, widening: 1.0 };
    }
    let share = |t: usize| (information[t] / total).min(0.9);
    let corrected: Vec<f64> = (0..times).map(|t| cell(t)[0] / (1.0 - share(t))).collect();
    let sandwich: f64 = corrected.iter().map(|v| v * v).sum::<f64>() + lasting(&corrected);
    let freedom = (1.0 / (0..times).map(|t| share(t).powi(2)).sum::<f64>() - 1.0).max(0.0);
    let variance = (freedom * sandwich + MODEL_FREEDOM * model) / (freedom + MODEL_FREEDOM);
    Sampling { variance, widening: t_quantile(freedom + MODEL_FREEDOM) / 1.959_964 }
}

/// What shocks that last over neighbouring periods add to the variance: Bartlett-weighted products of influences,
/// less a quarter of their standard error, since products of unrelated influences are not exactly nothing.
fn lasting(influence: &[f64]) -> f64 {
    let times = influence.len();
    let lags = (times as f64).sqrt().round() as usize;
    let (mut sum, mut noise) = (0.0, 0.0);
    for lag in 1..=lags.min(times.saturating_sub(1)) {
        let weight = 2.0 * (1.0 - lag as f64 / (lags + 1) as f64);
        for t in lag..times {
            let product = weight * influence[t] * influence[t - lag];
            sum += product;
            noise += product * product;
        }
    }
    (sum - 0.25 * noise.sqrt()).max(0.0)
}

/// 97.5 % quantile of Student's t distribution for one degree of freedom or more (Hill 1970 through the expansion of
/// Abramowitz and Stegun 26.7.5, exact to 1 % from 3 on).
fn t_quantile(freedom: f64) -> f64 {
    let v = freedom.max(2.0);
    let z: f64 = 1.959_964;
    z + (z.powi(3) + z) / (4.0 * v)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v * v)
        + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * v.powi(3))
}
