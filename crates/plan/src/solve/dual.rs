//! The bound: what the plan could earn if limits were paid for at prices instead of kept.
//!
//! For any prices, limits at their prices plus the best priced calendar of every unit is at least what any plan earns
//! (weak duality), so the best evaluation seen is a proven bound, whatever steps led to it. Worths are floating-point
//! numbers; [`Dual::bound`] adds an allowance for all their roundings.
//!
//! # Source
//! Geoffrion (1974) for the bound; projected limited-memory quasi-Newton steps: Byrd, Lu, Nocedal and Zhu (1995),
//! simplified to a projected search along the two-loop direction; rounding allowance: Higham (2002), section 4.2.

use super::calendar::{Depth, Desk};
use super::calendars::{Calendars, used, write};
use super::pool::Pool;
use super::prices::Prices;
use super::problem::Problem;
use super::quasi_newton::Curvature;
use rayon::prelude::*;

/// Units evaluated together, at least; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 32;

/// The search for prices ends when so many steps have lowered the bound by less than a little part of it: this one,
/// or this part of the gap asked for.
const STEADY: usize = 5;
const LITTLE: f64 = 3e-7;
const LITTLE_OF_GAP: f64 = 0.05;

/// A step whose end falls more than this part as steeply as its beginning was too short; the next is at most so many
/// times as long.
const STEEP: f64 = 0.7;
const FURTHER: f64 = 20.0;

/// What one evaluation of prices gave.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The prices as numbers; see [`Prices::new`].
    pub values: Vec<f64>,
    /// No plan is worth more, but for rounding.
    pub bound: f64,
    /// Slope of the bound by price.
    pub slope: Vec<f64>,
    depth: Depth,
}

/// Searches for the prices with the least bound and remembers what it saw.
pub struct Dual<'a> {
    problem: &'a Problem,
    /// Units that are evaluated; all of them, but for a sample.
    units: Vec<u32>,
    /// What part of all units that is.
    share: f64,
    /// The best evaluation so far.
    pub best: Option<Evaluation>,
    /// What was learnt of how the bound bends, over scaled prices.
    curvature: Curvature,
    /// Calendars at the last evaluation that kept stock exactly.
    pub calendars: Calendars,
    /// Whether that was the best evaluation.
    at_best: bool,
    stock_prices: Vec<f64>,
    scale: Vec<f64>,
    top: Vec<f64>,
    /// Calendars seen with stock kept exactly, if they are to be kept.
    pub pool: Option<Pool>,
    lowered: f64,
    little: f64,
}

struct Part {
    bound: f64,
    used: Vec<f64>,
    on: Vec<f32>,
}

impl<'a> Dual<'a> {
    /// Begins a search over all units.
    pub fn new(problem: &'a Problem) -> Self {
        Self::over(problem, (0..problem.units() as u32).collect())
    }

    /// Begins a search over a sample of units, with limits to scale. For problems without pairs.
    pub fn over(problem: &'a Problem, units: Vec<u32>) -> Self {
        let (scale, top) = scales(problem);
        let share = units.len() as f64 / problem.units().max(1) as f64;
        Self {
            problem,
            share,
            best: None,
            curvature: Curvature::default(),
            calendars: Calendars::empty(problem),
            at_best: false,
            stock_prices: vec![0.0; units.len()],
            units,
            scale,
            top,
            pool: None,
            lowered: f64::INFINITY,
            little: LITTLE,
        }
    }

    /// Looks for prices no better than a plan within this gap of the bound needs.
    pub fn within(mut self, gap: f64) -> Self {
        self.little = LITTLE.max(LITTLE_OF_GAP * gap);
        self
    }

    /// Looks for better prices than before.
    pub fn sharpen(&mut self) {
        self.little = LITTLE.max(LITTLE_OF_GAP * self.little);
    }

    /// Returns what was learnt of how the bound bends, for a search over other units or limits. Nothing with pairs, whose
    /// prices are too many to keep.
    pub fn curvature(&self) -> Curvature {
        if !self.problem.pairs().is_empty() {
            return Curvature::default();
        }
        let unscale: Vec<f64> = self.scale.iter().map(|scale| 1.0 / scale).collect();
        self.curvature.clone().times(1.0 / self.share).over(&unscale)
    }

    /// Begins with what another search learnt, or forgets what this one did.
    pub fn bend(&mut self, curvature: &Curvature) {
        self.curvature = curvature.clone().fitting(self.scale.len()).times(self.share).over(&self.scale);
    }

    /// Number of prices: limits, least uses, pairs by period.
    pub fn dimension(&self) -> usize {
        self.scale.len()
    }

    /// Splits prices of limits, below 0 for what is paid back, into the prices of [`Prices::new`]; those of pairs stay.
    pub fn split(&self, limits: &[f64], values: &mut [f64]) {
        // No price can matter that is dearer than all there is to earn.
        let all: f64 = self.problem.values(0..self.problem.columns()).iter().map(|value| value.abs() as f64).sum();
        let mut back = limits.len();
        for (at, (&price, limit)) in limits.iter().zip(self.problem.limits()).enumerate() {
            let price = price.clamp(-all - 1.0, all + 1.0);
            values[at] = price.max(0.0);
            if limit.least > 0 {
                values[back] = (-price).max(0.0);
                back += 1;
            }
        }
    }

    /// Number of prices of limits; those of pairs follow.
    pub fn limit_prices(&self) -> usize {
        self.scale.len() - self.problem.pairs().len() * self.problem.periods()
    }

    /// Returns the best proven bound in whole minor units: no plan earns more.
    pub fn bound(&self) -> i64 {
        self.proven().floor() as i64
    }

    /// Returns the best proven bound.
    pub fn proven(&self) -> f64 {
        self.proven_by_prices().min(self.lowered)
    }

    /// Returns the best bound that prices prove: what calendars lose is measured against this one.
    pub fn proven_by_prices(&self) -> f64 {
        let best = self.best.as_ref().expect("Invariant: the search begins with an evaluation");
        best.bound + allowance(self.problem, &self.prices(), best.bound)
    }

    /// Takes a bound that was proven by other means.
    pub fn lower(&mut self, bound: f64) {
        self.lowered = self.lowered.min(bound);
    }

    /// Returns the best bound, but for rounding.
    pub fn about(&self) -> f64 {
        self.about_best().min(self.lowered)
    }

    /// Returns the best bound of prices, but for rounding.
    pub fn about_best(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.bound)
    }

    /// Returns the prices with the best bound.
    pub fn prices(&self) -> Prices {
        let best = self.best.as_ref().expect("Invariant: the search begins with an evaluation");
        Prices::new(self.problem, &best.values)
    }

    /// Evaluates prices and keeps the best.
    pub fn evaluate(&mut self, values: &[f64], depth: Depth) -> Evaluation {
        let problem = self.problem;
        let prices = Prices::new(problem, values);
        let chunk = CHUNK.max(self.units.len() / 1024);
        let whole = self.share == 1.0;
        let (width, rows) = self.calendars.rows_mut();
        let parts: Vec<Part> = if whole {
            rows.par_chunks_mut(chunk * width)
                .zip(self.stock_prices.par_chunks_mut(chunk))
                .zip(self.units.par_chunks(chunk))
                .map_init(Desk::default, |desk, ((rows, guesses), units)| {
                    evaluate_chunk(problem, &prices, depth, desk, units, guesses, Some((width, rows)))
                })
                .collect()
        } else {
            self.stock_prices
                .par_chunks_mut(chunk)
                .zip(self.units.par_chunks(chunk))
                .map_init(Desk::default, |desk, (guesses, units)| {
                    evaluate_chunk(problem, &prices, depth, desk, units, guesses, None)
                })
                .collect()
        };
        if let (Some(pool), Depth::Exact(_)) = (&mut self.pool, depth) {
            pool.add(&self.calendars);
        }
        let bound = prices.constant * self.share + parts.iter().map(|part| part.bound).sum::<f64>();
        let evaluation = Evaluation { values: values.to_vec(), bound, slope: self.slope(&parts), depth };
        self.at_best &= depth == Depth::Priced;
        if self.best.as_ref().is_none_or(|best| bound < best.bound) {
            self.best = Some(evaluation.clone());
            self.at_best = depth != Depth::Priced;
        }
        evaluation
    }

    /// Brings the calendars to the best prices.
    pub fn show_best(&mut self, depth: Depth) {
        if !self.at_best {
            let values = self.prices_as_values();
            self.evaluate(&values, depth);
        }
    }

    /// Turns to exact stock at the best prices so far.
    pub fn turn_to(&mut self, depth: Depth) {
        let values = self.prices_as_values();
        self.best = None;
        self.evaluate(&values, depth);
    }

    fn prices_as_values(&self) -> Vec<f64> {
        self.best.as_ref().map(|best| best.values.clone()).expect("Invariant: the search begins with an evaluation")
    }

    fn slope(&self, parts: &[Part]) -> Vec<f64> {
        let (problem, periods) = (self.problem, self.problem.periods());
        let mut used = vec![0.0; problem.limits().len()];
        for part in parts {
            used.iter_mut().zip(&part.used).for_each(|(sum, used)| *sum += used);
        }
        let limits = problem.limits().iter().zip(&used);
        let mut slope: Vec<f64> =
            limits.clone().map(|(limit, used)| limit.capacity as f64 * self.share - used).collect();
        let least = limits.filter(|(limit, _)| limit.least > 0);
        slope.extend(least.map(|(limit, used)| used - limit.least as f64 * self.share));
        if !problem.pairs().is_empty() {
            let on: Vec<f32> = parts.iter().flat_map(|part| part.on.iter().copied()).collect();
            for pair in problem.pairs() {
                let (first, second) = (pair.first as usize * periods, pair.second as usize * periods);
                slope.extend((0..periods).map(|period| {
                    let (one, other) = (f64::from(on[first + period]), f64::from(on[second + period]));
                    if pair.penalty >= 0 { 1.0 - one - other } else { one - other }
                }));
            }
        }
        slope
    }

    /// Projected quasi-Newton steps from the best prices, at most so many evaluations. Only the first `moving` prices
    /// move.
    pub fn quasi_newton(&mut self, depth: Depth, evaluations: usize, moving: usize, stop: &dyn Fn(f64) -> bool) {
        let Some(start) = self.best.clone() else { return };
        let mut at = self.scaled(&start.values);
        let mut here = if start.depth == depth { start } else { self.evaluate(&start.values, depth) };
        let mut left = evaluations;
        let mut bounds = vec![here.bound];
        while left > 0 && !stop(self.about_best()) {
            let gradient = self.gradient(&here, moving);
            let free = self.free(&at, &gradient);
            let direction = self.curvature.direction(&gradient, &free);
            let budget = (left, self.curvature.is_empty());
            let Some((next, there, tried)) = self.search(&at, &here, &gradient, &direction, depth, budget) else {
                break;
            };
            left = left.saturating_sub(tried);
            let step: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
            let change: Vec<f64> = self.gradient(&there, moving).iter().zip(&gradient).map(|(a, b)| a - b).collect();
            self.curvature.learn(step, change);
            (at, here) = (next, there);
            bounds.push(here.bound);
            let before = bounds.len().checked_sub(STEADY + 1).map(|earlier| bounds[earlier]);
            if before.is_some_and(|before| before - here.bound < self.little * here.bound.abs()) {
                break;
            }
        }
    }

    /// Goes back along a direction until the bound falls enough, then on while it still falls steeply.
    fn search(
        &mut self,
        at: &[f64],
        here: &Evaluation,
        gradient: &[f64],
        direction: &[f64],
        depth: Depth,
        (left, first): (usize, bool),
    ) -> Option<(Vec<f64>, Evaluation, usize)> {
        let largest = direction.iter().fold(0.0f64, |max, d| max.max(d.abs()));
        let reach = here.bound.abs().max(1.0) / self.share;
        if largest <= 0.0 {
            return None;
        }
        // The first direction is a bare gradient, without a sense of distance: begin with a small part of the prices, or
        // a twentieth of the bound where there are none.
        let dearest = at.iter().fold(0.0f64, |most, price| most.max(*price));
        let longest = 0.25 * reach / largest;
        let mut length = match (first, dearest > 0.0) {
            (true, true) => 0.02 * dearest / largest,
            (true, false) => 0.05 * reach / largest,
            (false, _) => longest.min(1.0),
        };
        let mut found: Option<(Vec<f64>, Evaluation)> = None;
        for tried in 1..=left.min(12) {
            let next: Vec<f64> =
                (0..at.len()).map(|i| (at[i] + length * direction[i]).clamp(0.0, self.top[i])).collect();
            let there = self.evaluate(&self.unscaled(&next), depth);
            let along = |slope: &[f64]| -> f64 { next.iter().zip(at).zip(slope).map(|((a, b), g)| (a - b) * g).sum() };
            let (expected, fall) = (along(gradient), here.bound - there.bound);
            match &found {
                Some((_, before)) if there.bound >= before.bound => {
                    return found.map(|(next, there)| (next, there, tried));
                }
                None if fall <= 0.0 || fall < -1e-4 * expected => length *= if tried == 1 { 0.3 } else { 0.25 },
                _ => {
                    let steepness = along(&self.gradient(&there, usize::MAX)) / expected;
                    found = Some((next, there));
                    if steepness < STEEP || length >= longest {
                        return found.map(|(next, there)| (next, there, tried));
                    }
                    length = (length * (1.0 / (1.0 - steepness)).clamp(1.0, FURTHER)).min(longest);
                }
            }
        }
        found.map(|(next, there)| (next, there, left.min(12)))
    }

    fn scaled(&self, values: &[f64]) -> Vec<f64> {
        values.iter().zip(&self.scale).map(|(value, scale)| value * scale).collect()
    }

    fn unscaled(&self, values: &[f64]) -> Vec<f64> {
        values.iter().zip(&self.scale).map(|(value, scale)| value / scale).collect()
    }

    fn gradient(&self, here: &Evaluation, moving: usize) -> Vec<f64> {
        let slopes = here.slope.iter().zip(&self.scale).enumerate();
        slopes.map(|(i, (slope, scale))| if i < moving { slope / scale } else { 0.0 }).collect()
    }

    fn free(&self, at: &[f64], gradient: &[f64]) -> Vec<bool> {
        (0..at.len())
            .map(|i| !((at[i] <= 0.0 && gradient[i] > 0.0) || (at[i] >= self.top[i] && gradient[i] < 0.0)))
            .collect()
    }
}

/// Scales prices so that a step of one means about as much money everywhere, and says how high each may go.
fn scales(problem: &Problem) -> (Vec<f64>, Vec<f64>) {
    let limits = problem.limits().iter().map(|limit| (limit.capacity.max(1) as f64, f64::INFINITY));
    let least = problem.limits().iter().filter(|limit| limit.least > 0);
    let least = least.map(|limit| (limit.least as f64, f64::INFINITY));
    let total: f64 = problem.values(0..problem.columns()).iter().map(|&value| value.max(0) as f64).sum();
    let typical = (total * 0.002).max(1.0);
    let pairs = problem.pairs().iter().flat_map(|pair| {
        // As the limits are scaled by capacity, a pair is scaled by the money it can move.
        let most = pair.penalty.unsigned_abs().max(1) as f64;
        let scale = (typical / most).sqrt().max(1e-6);
        (0..problem.periods()).map(move |_| (scale, pair.penalty.unsigned_abs() as f64 * scale))
    });
    limits.chain(least).chain(pairs).unzip()
}

/// What the roundings of an evaluation can have hidden: every worth is a value less a sum of products, every calendar
/// a sum of worths, the bound a sum over units, each operation off by at most half a unit in the last place.
fn allowance(problem: &Problem, prices: &Prices, bound: f64) -> f64 {
    let most_uses = problem.patterns().iter().map(|pattern| pattern.ones.len() + pattern.varying.len()).max();
    let operations = (3 * most_uses.unwrap_or(0) + 3 * problem.periods() + 16) as f64;
    let size = |unit: usize| -> f64 {
        let of = |column: u32| {
            let paid: f64 = problem.uses(column).map(|(l, amount)| prices.limits[l].abs() * amount as f64).sum();
            problem.value(column).abs() as f64 + paid
        };
        let cells = problem.cells(unit).windows(2);
        let charges = prices.charges.get(unit * problem.periods()..).unwrap_or(&[]).iter().map(|charge| charge.abs());
        cells.map(|cell| (cell[0]..cell[1]).map(of).fold(0.0, f64::max)).sum::<f64>()
            + charges.take(problem.periods()).sum::<f64>()
    };
    let sizes: Vec<f64> = (0..problem.units()).into_par_iter().map(size).collect();
    let summed = (problem.units() + problem.limits().len() + problem.pairs().len() * problem.periods()) as f64;
    let total = prices.constant_size + bound.abs();
    f64::EPSILON * (operations * sizes.iter().sum::<f64>() + 2.0 * summed * total)
}

fn evaluate_chunk(
    problem: &Problem,
    prices: &Prices,
    depth: Depth,
    desk: &mut Desk,
    units: &[u32],
    guesses: &mut [f64],
    mut rows: Option<(usize, &mut [u32])>,
) -> Part {
    let periods = problem.periods();
    let on = vec![0f32; if problem.pairs().is_empty() { 0 } else { units.len() * periods }];
    let mut part = Part { bound: 0.0, used: vec![0.0; problem.limits().len()], on };
    for (at, (&unit, guess)) in units.iter().zip(guesses.iter_mut()).enumerate() {
        let unit = unit as usize;
        prices.reduce(problem, unit, &mut desk.reduced);
        let known = rows.as_ref().map_or(&[][..], |(width, rows)| used(&rows[at * width..(at + 1) * width]));
        let best = desk
            .best(problem, unit, depth, *guess, known)
            .expect("Invariant: units without a calendar are refused first");
        *guess = desk.stock_price;
        if let (Some((width, rows)), Depth::Exact(_)) = (&mut rows, depth) {
            write(&mut rows[at * *width..(at + 1) * *width], &desk.low);
        }
        part.bound += best.bound;
        part.add(problem, (at, unit), &desk.low, 1.0 - best.high_weight);
        if best.high_weight > 0.0 {
            part.add(problem, (at, unit), &desk.high, best.high_weight);
        }
    }
    part
}

impl Part {
    fn add(&mut self, problem: &Problem, (at, unit): (usize, usize), calendar: &[u32], weight: f64) {
        for &column in calendar {
            for (limit, amount) in problem.uses(column) {
                self.used[limit] += amount as f64 * weight;
            }
            if !self.on.is_empty() {
                self.on[at * problem.periods() + problem.period_of(unit, column)] += weight as f32;
            }
        }
    }
}
