//! The generic core: units choose columns under limits that they share and calendar rules of their own. It knows no
//! retail.
//!
//! Never returns a plan that breaks a rule or a bound below what some plan earns; never depends on the number of
//! threads. The clock is read only to stop at the time limit.
//!
//! Method: prices on the shared limits split the problem into one small calendar problem per unit, solved exactly
//! (`calendar`). The prices with the least total are a proven bound (`dual`); their calendars, repaired and improved
//! by taking units out and putting them back, are the plan (`repair`, `improve`); for small problems what lies between
//! the two is searched to the end (`exact`).

mod calendar;
mod conflict;
mod dual;
mod exact;
mod improve;
mod prices;
mod problem;
mod repair;
mod slate;

pub use conflict::Conflict;
pub use problem::{Builder, Column, Limit, NONE, Pair, Partner, Problem, ProblemError, Unit};

#[cfg(test)]
mod tests;

use calendar::Depth;
use dual::Dual;
use endcap_model::{LimitPrice, SolveStatus};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slate::Slate;
use std::time::{Duration, Instant};

/// How long and how well to search.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Stop once (bound - objective) / bound is at most this; default 0.0001.
    pub gap: f64,
    /// Stop after this time with the best plan and bound so far; default none. With a limit the result may differ
    /// between runs; without one it never does.
    pub time_limit: Option<Duration>,
    /// Threads; default all. The result does not depend on it.
    pub threads: Option<usize>,
    /// Seed of the random choices in the local search; default 1.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gap: 1e-4, time_limit: None, threads: None, seed: 1 }
    }
}

/// A plan with its proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// A column of [`Problem::columns`] or [`NONE`] per unit and period, unit by unit.
    pub choice: Vec<u32>,
    /// What the plan earns, pairs paid.
    pub objective: i64,
    /// No plan earns more.
    pub bound: i64,
    /// Price of one more unit of each limit.
    pub prices: Vec<f64>,
    /// How the search ended.
    pub status: SolveStatus,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Solve {
    /// With a plan.
    Solved(Solution),
    /// No plan keeps all rules.
    Infeasible(Conflict),
    /// No plan was found, nor proof that there is none: only when units must choose.
    NotFound {
        /// No plan earns more.
        bound: i64,
    },
}

impl Solution {
    /// Returns (bound - objective) / bound; 0 when they are equal.
    pub fn gap(&self) -> f64 {
        gap(self.objective, self.bound)
    }

    /// Returns every limit with its use and price.
    pub fn limits(&self, problem: &Problem) -> Vec<LimitPrice> {
        let mut used = vec![0i64; problem.limits().len()];
        for &column in self.choice.iter().filter(|&&column| column != NONE) {
            for &(limit, amount) in problem.uses(problem.column(column)) {
                used[limit as usize] += amount;
            }
        }
        let limits = problem.limits().iter().zip(used).zip(&self.prices);
        limits
            .map(|((limit, used), &price)| LimitPrice {
                limit: limit.name.clone(),
                used,
                available: limit.capacity,
                price,
            })
            .collect()
    }

    /// Returns the column that a unit has in a period.
    pub fn column(&self, problem: &Problem, unit: usize, period: usize) -> Option<u32> {
        let column = self.choice[unit * problem.periods() + period];
        (column != NONE).then_some(column)
    }
}

fn gap(objective: i64, bound: i64) -> f64 {
    if bound <= objective { 0.0 } else { (bound - objective) as f64 / (bound.unsigned_abs().max(1)) as f64 }
}

/// Solves a problem. `interrupt` is asked often; once it says true, the best so far is returned.
pub fn solve(problem: &Problem, settings: &Settings, interrupt: &(dyn Fn() -> bool + Sync)) -> Solve {
    let pool = settings.threads.and_then(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok());
    match pool {
        Some(pool) => pool.install(|| run(problem, settings, interrupt)),
        None => run(problem, settings, interrupt),
    }
}

struct Clock<'a> {
    begun: Instant,
    settings: &'a Settings,
    interrupt: &'a (dyn Fn() -> bool + Sync),
}

impl Clock<'_> {
    /// Returns whether this share of the time is over.
    fn over(&self, share: f64) -> bool {
        let late = self.settings.time_limit.is_some_and(|limit| self.begun.elapsed() >= limit.mul_f64(share));
        late || (self.interrupt)()
    }

    /// Returns whether to stop improving: near enough to the bound, or late.
    fn near(&self, slate: &Slate, dual: &Dual) -> bool {
        self.over(0.85) || gap(slate.value, dual.bound()) <= self.settings.gap
    }
}

/// Nodes of the first search for a proof.
const PROOF_NODES: usize = 3_000_000;

fn run(problem: &Problem, settings: &Settings, interrupt: &(dyn Fn() -> bool + Sync)) -> Solve {
    if let Some(conflict) = conflict::find(problem) {
        return Solve::Infeasible(conflict);
    }
    let clock = Clock { begun: Instant::now(), settings, interrupt };
    let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut dual = Dual::new(problem);
    price(&mut dual, problem, settings, &clock);
    let Some(mut slate) = first_plan(problem, &dual, &mut random, &clock) else {
        return Solve::NotFound { bound: dual.bound() };
    };
    let mut nodes = PROOF_NODES;
    let proven = loop {
        improve_plan(problem, &mut dual, &mut slate, settings, &mut random, &clock);
        let proven = prove(problem, &mut dual, &mut slate, settings, nodes, &clock);
        // Without a time limit one turn must do, so that the result never depends on the machine.
        if proven || settings.time_limit.is_none() || clock.near(&slate, &dual) {
            break proven;
        }
        nodes = nodes.saturating_mul(4);
    };
    Solve::Solved(finish(problem, &dual, slate, settings, proven))
}

/// Finds good prices: first with stock priced, which is smooth, then with stock exact, which is stronger.
fn price(dual: &mut Dual, problem: &Problem, settings: &Settings, clock: &Clock) {
    let limits = problem.limits().len();
    let all = limits + problem.pairs().len() * problem.periods();
    dual.evaluate(&vec![0.0; all], Depth::Priced);
    let stop = |_: i64| clock.over(0.4);
    dual.quasi_newton(Depth::Priced, 60, limits, &stop);
    if all > limits {
        dual.quasi_newton(Depth::Priced, 60, usize::MAX, &stop);
    }
    if clock.over(0.4) {
        return;
    }
    let stop = |_: i64| clock.over(0.55);
    dual.quasi_newton(Depth::Exact(NODES), 25, usize::MAX, &stop);
    let small = problem.columns().len() < 50_000;
    let target = dual.bound() - (dual.bound().abs() as f64 * settings.gap.max(2e-4)) as i64;
    dual.polish(Depth::Exact(NODES), if small { 600 } else { 40 }, target, &stop);
    sharpen(dual, clock);
}

/// Nodes of the search inside a unit while prices are sought.
const NODES: usize = 3_000;
/// Nodes inside a unit for the bound that is reported.
const SHARP_NODES: usize = 200_000;

/// Evaluates the best prices once more with a longer search inside each unit.
fn sharpen(dual: &mut Dual, clock: &Clock) {
    if !clock.over(0.8) {
        let values = dual.prices().values();
        dual.evaluate(&values, Depth::Exact(SHARP_NODES));
    }
}

fn first_plan<'a>(problem: &'a Problem, dual: &Dual, random: &mut ChaCha8Rng, clock: &Clock) -> Option<Slate<'a>> {
    repair::repair(problem, dual.prices(), &dual.best_calendars, random, &|| clock.over(0.7))
}

/// Weights of the prices in the sweeps: what is left of the limits goes first to those who pay almost full price.
const WEIGHTS: [f64; 14] = [1.0, 0.998, 0.995, 0.99, 0.985, 0.98, 0.97, 0.95, 0.92, 0.88, 0.8, 0.6, 0.3, 0.0];

/// Turns between better plans (restarts at jittered prices, then local search) and a better bound.
fn improve_plan<'p>(
    problem: &'p Problem,
    dual: &mut Dual,
    slate: &mut Slate<'p>,
    settings: &Settings,
    random: &mut ChaCha8Rng,
    clock: &Clock,
) {
    sweep_down(problem, dual, slate, random, clock);
    let small = problem.columns().len() < 50_000;
    let rounds = (problem.units().len() * 14).clamp(2_000, 14_000);
    for _ in 0..3 {
        for restart in 0..if small { 12 } else { 2 } {
            if clock.near(slate, dual) {
                return;
            }
            restart_plan(problem, dual, slate, JITTER[restart % JITTER.len()], random, clock);
        }
        let bound = dual.bound();
        let enough = |value: i64| clock.over(0.85) || gap(value, bound) <= settings.gap;
        let prices = dual.prices().clone();
        improve::ruin_and_recreate(slate, problem, &prices, rounds, random, &enough);
        if clock.near(slate, dual) {
            return;
        }
        let value = slate.value;
        let stop = |bound: i64| clock.over(0.85) || gap(value, bound) <= settings.gap;
        dual.polish(Depth::Exact(NODES), if small { 400 } else { 12 }, value, &stop);
        sharpen(dual, clock);
    }
}

/// Relative noise on the prices from restart to restart.
const JITTER: [f64; 4] = [0.003, 0.01, 0.001, 0.03];

/// Makes another plan from the calendars at jittered prices and keeps it if it is better.
fn restart_plan<'p>(
    problem: &'p Problem,
    dual: &mut Dual,
    slate: &mut Slate<'p>,
    jitter: f64,
    random: &mut ChaCha8Rng,
    clock: &Clock,
) {
    let mut values = dual.prices().values();
    values.iter_mut().for_each(|value| *value *= 1.0 + jitter * random.random_range(-1.7..1.7));
    dual.evaluate(&values, Depth::Exact(NODES));
    let prices = dual.prices().clone();
    let repaired = repair::repair(problem, &prices, &dual.calendars, random, &|| clock.over(0.85));
    if let Some(mut other) = repaired {
        sweep_down(problem, dual, &mut other, random, clock);
        if other.value > slate.value {
            *slate = other;
        }
    }
}

/// Sweeps with falling weights of the prices.
fn sweep_down(problem: &Problem, dual: &Dual, slate: &mut Slate, random: &mut ChaCha8Rng, clock: &Clock) {
    let mut order: Vec<usize> = (0..problem.units().len()).collect();
    for weight in WEIGHTS {
        order.shuffle(random);
        improve::sweep(slate, dual.prices(), weight, &order, &|| clock.over(0.85));
    }
}

/// Searches what lies between plan and bound; true when nothing is left.
fn prove<'p>(
    problem: &'p Problem,
    dual: &mut Dual,
    slate: &mut Slate<'p>,
    settings: &Settings,
    nodes: usize,
    clock: &Clock,
) -> bool {
    if slate.value >= dual.bound() {
        return true;
    }
    if gap(slate.value, dual.bound()) <= settings.gap || clock.over(0.95) {
        return false;
    }
    exact::settle(dual, slate, problem, nodes, &|| clock.over(1.0))
}

fn finish(problem: &Problem, dual: &Dual, slate: Slate, settings: &Settings, proven: bool) -> Solution {
    assert!(slate.fits(), "Invariant: a plan that is returned keeps every limit");
    let best = dual.best.as_ref().expect("Invariant: prices were evaluated");
    let bound = if proven { slate.value } else { dual.bound().max(slate.value) };
    let status = match bound {
        bound if bound == slate.value => SolveStatus::Optimal,
        bound if gap(slate.value, bound) <= settings.gap => SolveStatus::WithinGap,
        _ => SolveStatus::Feasible,
    };
    let prices = (0..problem.limits().len()).map(|limit| best.prices.of_limit(limit)).collect();
    Solution { objective: slate.value, bound, prices, status, choice: slate.choice }
}
