//! The generic core: units choose columns under limits that they share and calendar rules of their own. It knows no
//! retail.
//!
//! Never returns a plan that breaks a rule or a bound below what some plan earns; never depends on the number of
//! threads. The clock is read only to stop at the time limit.
//!
//! Method: prices on the shared limits split the problem into one small calendar problem per unit, solved exactly
//! ([`calendar`]). The prices with the least total are a proven bound ([`dual`]); their calendars, repaired and improved
//! by taking units out and putting them back, are the plan ([`improve`]); for small problems what lies between the two
//! is searched to the end ([`exact`]).

mod calendar;
mod conflict;
mod dual;
mod exact;
mod force;
mod improve;
mod prices;
mod problem;
mod slate;

pub use conflict::Conflict;
pub use problem::{Builder, Column, Limit, NONE, Pair, Partner, Problem, ProblemError, Unit};

#[cfg(test)]
mod tests;

use calendar::Depth;
use dual::Dual;
use endcap_model::{LimitPrice, SolveStatus};
use rand::SeedableRng;
use rand::seq::SliceRandom;
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
}

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
    if std::env::var("DBG").is_ok() { eprintln!("DBG first plan: value {} bound {} gap {:.6} at {:.2}", slate.value, dual.bound(), gap(slate.value, dual.bound()), clock.begun.elapsed().as_secs_f64()); }
    improve_plan(problem, &mut dual, &mut slate, settings, &mut random, &clock);
    if std::env::var("DBG").is_ok() { eprintln!("DBG before proof: value {} bound {} gap {:.6} at {:.2}", slate.value, dual.bound(), gap(slate.value, dual.bound()), clock.begun.elapsed().as_secs_f64()); }
    let proven = prove(problem, &mut dual, &mut slate, settings, &clock);
    Solve::Solved(finish(problem, &dual, slate, settings, proven))
}

/// Finds good prices: first with stock priced, which is smooth, then with stock exact, which is stronger.
fn price(dual: &mut Dual, problem: &Problem, settings: &Settings, clock: &Clock) {
    let limits = problem.limits().len();
    let all = limits + problem.pairs().len() * problem.periods();
    dual.evaluate(&vec![0.0; all], Depth::Priced);
    let stop = |_: i64| clock.over(0.25);
    dual.quasi_newton(Depth::Priced, 60, limits, &stop);
    if all > limits {
        dual.quasi_newton(Depth::Priced, 60, usize::MAX, &stop);
    }
    if clock.over(0.25) {
        return;
    }
    let stop = |_: i64| clock.over(0.4);
    dual.quasi_newton(Depth::Exact(300), 25, usize::MAX, &stop);
    let small = problem.columns().len() < 50_000;
    let target = dual.bound() - (dual.bound().abs() as f64 * settings.gap.max(2e-4)) as i64;
    dual.polish(Depth::Exact(300), if small { 600 } else { 40 }, target, &stop);
}

fn first_plan<'a>(problem: &'a Problem, dual: &Dual, random: &mut ChaCha8Rng, clock: &Clock) -> Option<Slate<'a>> {
    let prices = &dual.best.as_ref().expect("Invariant: prices were evaluated").prices;
    let stop = || clock.over(0.9);
    improve::construct(problem, prices, &dual.best_calendars, &stop)
        .or_else(|| force::force(problem, prices, &dual.best_calendars, 2000, random, &|| clock.over(1.0)))
}

fn improve_plan<'p>(
    problem: &'p Problem,
    dual: &mut Dual,
    slate: &mut Slate<'p>,
    settings: &Settings,
    random: &mut ChaCha8Rng,
    clock: &Clock,
) {
    let mut order: Vec<usize> = (0..problem.units().len()).collect();
    let prices = dual.best.as_ref().expect("Invariant: prices were evaluated").prices.clone();
    for _ in 0..6 {
        let enough = gap(slate.value, dual.bound()) <= settings.gap;
        if enough || improve::sweep(slate, &prices, &order, &|| clock.over(0.7)) == 0 {
            break;
        }
        order.shuffle(random);
        if std::env::var("DBG").is_ok() { eprintln!("DBG sweep: value {} gap {:.6} at {:.2}", slate.value, gap(slate.value, dual.bound()), clock.begun.elapsed().as_secs_f64()); }
    }
    let rounds = (problem.units().len() * 40).clamp(4_000, 200_000);
    for _ in 0..3 {
        let bound = dual.bound();
        if clock.over(0.85) || gap(slate.value, bound) <= settings.gap {
            return;
        }
        let enough = |value: i64| clock.over(0.85) || gap(value, bound) <= settings.gap;
        let prices = dual.best.as_ref().expect("Invariant: prices were evaluated").prices.clone();
        improve::ruin_and_recreate(slate, problem, &prices, rounds / 3, random, &enough);
        if std::env::var("DBG").is_ok() { eprintln!("DBG lns: value {} gap {:.6} at {:.2}", slate.value, gap(slate.value, dual.bound()), clock.begun.elapsed().as_secs_f64()); }
        let near = gap(slate.value, dual.bound()) <= settings.gap;
        if !near {
            let value = slate.value;
            let stop = |bound: i64| clock.over(0.85) || gap(value, bound) <= settings.gap;
            let small = problem.columns().len() < 50_000;
            dual.polish(Depth::Exact(2000), if small { 400 } else { 10 }, value, &stop);
        }
    }
}

/// Searches what lies between plan and bound; true when nothing is left.
fn prove<'p>(
    problem: &'p Problem,
    dual: &mut Dual,
    slate: &mut Slate<'p>,
    settings: &Settings,
    clock: &Clock,
) -> bool {
    if slate.value >= dual.bound() {
        return true;
    }
    if gap(slate.value, dual.bound()) <= settings.gap || clock.over(0.9) {
        return false;
    }
    exact::settle(dual, slate, problem, 3_000_000, &|| clock.over(1.0))
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
