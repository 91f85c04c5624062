//! The bound: what the plan could earn if limits were paid for at prices instead of kept.
//!
//! For any prices of 0 or more, limits at their prices plus the best priced calendar of every unit is at least what
//! any plan earns (weak duality). Every evaluation is exact in whole numbers, so the best one seen is a proven bound,
//! whatever steps led to it. A pair's price lies between 0 and its penalty, is charged to both units and given back
//! once: with neither or both that loses, with one it is even.
//!
//! # Source
//! Geoffrion (1974) for the bound; projected limited-memory quasi-Newton steps: Byrd, Lu, Nocedal and Zhu (1995),
//! simplified to a projected search along the two-loop direction; polishing by deflected subgradient steps: Camerini,
//! Fratta and Maffioli (1975).

use super::calendar::{Depth, Desk};
use super::prices::Prices;
use super::problem::{NONE, Problem};
use rayon::prelude::*;
use std::collections::VecDeque;

/// Units evaluated together; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 32;

/// What one evaluation of prices gave.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The prices.
    pub prices: Prices,
    /// No plan is worth more, in grains.
    pub bound: i128,
    /// Slope of the bound by price of each limit (capacity less use) and of each pair and period.
    pub slope: Vec<f64>,
}

/// Searches for the prices with the least bound and remembers what it saw.
pub struct Dual<'a> {
    problem: &'a Problem,
    /// The best exact evaluation so far.
    pub best: Option<Evaluation>,
    /// Calendars of all units at the last evaluation, `units x periods`.
    pub calendars: Vec<u32>,
    /// Calendars of all units at the best evaluation.
    pub best_calendars: Vec<u32>,
    stock_prices: Vec<i64>,
    scale: Vec<f64>,
    top: Vec<f64>,
}

struct Part {
    bound: i128,
    used: Vec<f64>,
    on: Vec<f32>,
}

impl<'a> Dual<'a> {
    /// Begins a search.
    pub fn new(problem: &'a Problem) -> Self {
        let cells = problem.units().len() * problem.periods();
        let (scale, top) = scales(problem);
        Self {
            problem,
            best: None,
            calendars: vec![NONE; cells],
            best_calendars: vec![NONE; cells],
            stock_prices: vec![0; problem.units().len()],
            scale,
            top,
        }
    }

    /// Returns the best proven bound in whole minor units: no plan earns more.
    pub fn bound(&self) -> i64 {
        let best = self.best.as_ref().expect("Invariant: the search begins with an evaluation");
        (best.bound >> best.prices.grain_bits).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// Returns the prices with the best bound.
    pub fn prices(&self) -> &Prices {
        &self.best.as_ref().expect("Invariant: the search begins with an evaluation").prices
    }

    /// Evaluates prices exactly and keeps the best.
    pub fn evaluate(&mut self, values: &[f64], depth: Depth) -> Evaluation {
        let problem = self.problem;
        let prices = Prices::round(problem, values);
        let periods = problem.periods().max(1);
        let pairs = !problem.pairs().is_empty();
        let parts: Vec<Part> = self
            .calendars
            .par_chunks_mut(CHUNK * periods)
            .zip(self.stock_prices.par_chunks_mut(CHUNK))
            .enumerate()
            .map_init(Desk::default, |desk, (chunk, (calendars, guesses))| {
                evaluate_chunk(problem, &prices, depth, desk, chunk * CHUNK, calendars, guesses)
            })
            .collect();
        let bound = prices.constant(problem) + parts.iter().map(|part| part.bound).sum::<i128>();
        let mut slope: Vec<f64> = problem.limits().iter().map(|limit| limit.capacity as f64).collect();
        for part in &parts {
            slope.iter_mut().zip(&part.used).for_each(|(slope, used)| *slope -= used);
        }
        if pairs {
            let on: Vec<f32> = parts.iter().flat_map(|part| part.on.iter().copied()).collect();
            let both = |pair: &super::problem::Pair, period: usize| {
                f64::from(on[pair.first as usize * periods + period] + on[pair.second as usize * periods + period])
            };
            slope.extend(problem.pairs().iter().flat_map(|pair| (0..periods).map(move |t| 1.0 - both(pair, t))));
        }
        let evaluation = Evaluation { prices, bound, slope };
        if self.best.as_ref().is_none_or(|best| bound < best.bound) {
            self.best = Some(evaluation.clone());
            self.best_calendars.clone_from(&self.calendars);
        }
        evaluation
    }

    /// Projected quasi-Newton steps from the best prices, at most so many evaluations. The first `fixed_from..`
    /// prices move, later ones stay.
    pub fn quasi_newton(&mut self, depth: Depth, evaluations: usize, moving: usize, stop: &dyn Fn(i64) -> bool) {
        let Some(start) = self.best.clone() else { return };
        let mut at = self.scaled(&start.prices.values());
        let mut here = self.evaluate(&self.unscaled(&at), depth);
        let mut memory: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
        let mut left = evaluations;
        while left > 0 && !stop(self.bound()) {
            let gradient = self.gradient(&here, moving);
            let free = self.free(&at, &gradient);
            let direction = two_loop(&memory, &gradient, &free);
            let budget = (left, memory.is_empty());
            let Some((next, there, tried)) = self.search(&at, &here, &gradient, &direction, depth, budget) else {
                break;
            };
            left = left.saturating_sub(tried);
            let step: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
            let change: Vec<f64> = self.gradient(&there, moving).iter().zip(&gradient).map(|(a, b)| a - b).collect();
            let curvature = dot(&step, &change);
            if curvature > 1e-10 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
                memory.push_back((step, change, 1.0 / curvature));
                if memory.len() > 10 {
                    memory.pop_front();
                }
            }
            let gain = (here.bound - there.bound) as f64;
            (at, here) = (next, there);
            if gain.abs() < 1e-8 * here.bound.unsigned_abs() as f64 {
                break;
            }
        }
    }

    /// Backtracks along a direction until the bound falls enough.
    fn search(
        &mut self,
        at: &[f64],
        here: &Evaluation,
        gradient: &[f64],
        direction: &[f64],
        depth: Depth,
        (left, first): (usize, bool),
    ) -> Option<(Vec<f64>, Evaluation, usize)> {
        let grain = (1i64 << here.prices.grain_bits) as f64;
        let largest = direction.iter().fold(0.0f64, |max, d| max.max(d.abs()));
        let reach = here.bound.unsigned_abs() as f64 / grain;
        if largest <= 0.0 {
            return None;
        }
        // The first direction is a bare gradient, without a sense of distance: begin with a twentieth of the bound.
        let mut length =
            if first { 0.05 * reach.max(1.0) / largest } else { (0.25 * reach.max(1.0) / largest).min(1.0) };
        for tried in 1..=left.min(12) {
            let next: Vec<f64> =
                (0..at.len()).map(|i| (at[i] + length * direction[i]).clamp(0.0, self.scaled_top(i))).collect();
            let there = self.evaluate(&self.unscaled(&next), depth);
            let expected: f64 = next.iter().zip(at).zip(gradient).map(|((a, b), g)| (a - b) * g).sum();
            let fall = (here.bound - there.bound) as f64 / grain;
            if fall > 0.0 && fall >= -1e-4 * expected {
                return Some((next, there, tried));
            }
            length *= if tried == 1 { 0.3 } else { 0.25 };
        }
        None
    }

    /// Deflected subgradient steps around the best prices, aiming at `target` (a value that a plan reaches).
    pub fn polish(&mut self, depth: Depth, evaluations: usize, target: i64, stop: &dyn Fn(i64) -> bool) {
        let mut boldness = 1.0;
        let mut direction: Vec<f64> = Vec::new();
        let mut since = 0;
        let Some(start) = self.best.clone() else { return };
        let mut at = self.scaled(&start.prices.values());
        let mut known = start.bound;
        for _ in 0..evaluations {
            if stop(self.bound()) || boldness < 1e-4 {
                return;
            }
            let here = self.evaluate(&self.unscaled(&at), depth);
            let gradient = self.gradient(&here, usize::MAX);
            direction = match direction.is_empty() {
                true => gradient,
                false => gradient.iter().zip(&direction).map(|(g, d)| 0.3 * g + 0.7 * d).collect(),
            };
            if here.bound < known {
                (known, since) = (here.bound, 0);
            } else {
                since += 1;
                if since % 8 == 0 {
                    boldness *= 0.75;
                    let best = self.best.as_ref().expect("Invariant: an evaluation was kept");
                    at = self.scaled(&best.prices.values());
                }
            }
            let grain = (1i64 << here.prices.grain_bits) as f64;
            let above = (here.bound as f64 / grain - target as f64).max(1e-9 * target.abs() as f64 + 0.5);
            let length = boldness * above / dot(&direction, &direction).max(1e-12);
            for i in 0..at.len() {
                at[i] = (at[i] - length * direction[i]).clamp(0.0, self.scaled_top(i));
            }
        }
    }

    fn scaled(&self, values: &[f64]) -> Vec<f64> {
        values.iter().zip(&self.scale).map(|(value, scale)| value * scale).collect()
    }

    fn unscaled(&self, values: &[f64]) -> Vec<f64> {
        values.iter().zip(&self.scale).map(|(value, scale)| value / scale).collect()
    }

    fn scaled_top(&self, i: usize) -> f64 {
        self.top[i]
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
    let total: f64 = problem.columns().iter().map(|column| column.value.max(0) as f64).sum();
    let typical = (total * 0.002).max(1.0);
    let pairs = problem.pairs().iter().flat_map(|pair| {
        // As the limits are scaled by capacity, a pair is scaled by the money it can move.
        let scale = (typical / (pair.penalty.max(1) as f64)).sqrt().max(1e-6);
        (0..problem.periods()).map(move |_| (scale, pair.penalty as f64 * scale))
    });
    limits.chain(pairs).unzip()
}

fn evaluate_chunk(
    problem: &Problem,
    prices: &Prices,
    depth: Depth,
    desk: &mut Desk,
    first: usize,
    calendars: &mut [u32],
    guesses: &mut [i64],
) -> Part {
    let periods = problem.periods();
    let on = vec![0f32; if problem.pairs().is_empty() { 0 } else { calendars.len() }];
    let mut part = Part { bound: 0, used: vec![0.0; problem.limits().len()], on };
    for (at, (calendar, guess)) in calendars.chunks_mut(periods).zip(guesses.iter_mut()).enumerate() {
        let unit = first + at;
        let mut reduced = std::mem::take(&mut desk.reduced);
        prices.reduce(problem, unit, &mut reduced);
        desk.reduced = reduced;
        let best =
            desk.best(problem, unit, depth, *guess).expect("Invariant: units without a calendar are refused first");
        *guess = desk.stock_price;
        calendar.copy_from_slice(&desk.low);
        part.bound += i128::from(best.bound);
        part.add(problem, at, &desk.low, 1.0 - best.high_weight);
        if best.high_weight > 0.0 {
            part.add(problem, at, &desk.high, best.high_weight);
        }
    }
    part
}

impl Part {
    fn add(&mut self, problem: &Problem, at: usize, calendar: &[u32], weight: f64) {
        for (period, &column) in calendar.iter().enumerate().filter(|&(_, &column)| column != NONE) {
            for &(limit, amount) in problem.uses(problem.column(column)) {
                self.used[limit as usize] += amount as f64 * weight;
            }
            if !self.on.is_empty() {
                self.on[at * problem.periods() + period] += weight as f32;
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Two-loop recursion for the quasi-Newton direction over the free prices.
fn two_loop(memory: &VecDeque<(Vec<f64>, Vec<f64>, f64)>, gradient: &[f64], free: &[bool]) -> Vec<f64> {
    let mask = |mut v: Vec<f64>| {
        v.iter_mut().zip(free).for_each(|(v, &free)| *v = if free { *v } else { 0.0 });
        v
    };
    let mut q = mask(gradient.to_vec());
    let mut alphas = Vec::with_capacity(memory.len());
    for (step, change, rho) in memory.iter().rev() {
        let alpha = rho * dot(step, &q);
        q.iter_mut().zip(change).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    if let Some((step, change, _)) = memory.back() {
        let ratio = dot(step, change) / dot(change, change).max(1e-300);
        q.iter_mut().for_each(|q| *q *= ratio);
    }
    for ((step, change, rho), alpha) in memory.iter().zip(alphas.into_iter().rev()) {
        let beta = rho * dot(change, &q);
        q.iter_mut().zip(step).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    let direction = mask(q.iter().map(|q| -q).collect());
    if dot(&direction, gradient) < 0.0 { direction } else { mask(gradient.iter().map(|g| -g).collect()) }
}
