//! The generic core: units choose columns under limits that they share and calendar rules of their own. It knows no
//! retail.
//!
//! Never returns a plan that breaks a rule or a bound below what some plan earns; never depends on the number of
//! threads. The clock is read only to stop at the time limit.
//!
//! Method: prices on the shared limits split the problem into one small calendar problem per unit, solved exactly
//! (`calendar`). The prices with the least total are a proven bound (`dual`). Of the calendars seen on the way (`pool`)
//! one per unit is chosen so that the limits are kept (`balance`, in small problems `select`), and the plan improved by
//! taking units out and putting them back (`improve`). What then lies between plan and bound is settled by branch and
//! bound where it is little (`settle`).

pub mod answers;
mod balance;
mod calendar;
mod calendars;
mod check;
mod conflict;
mod dual;
mod graph;
mod improve;
mod menu;
mod narrow;
mod pool;
mod prices;
mod problem;
mod quasi_newton;
mod relaxed;
mod repair;
mod run;
mod select;
mod settle;
mod simplex;
mod slate;

pub use check::{Broken, check};
pub use conflict::Conflict;
pub use graph::{Rules, Window};
pub use problem::{Arrival, Builder, Column, Edit, Limit, NONE, Pair, Partner, Problem, ProblemError, Unit};
pub use quasi_newton::Curvature;

#[cfg(test)]
mod tests;

use endcap_model::{LimitPrice, SolveStatus};
use std::time::Duration;

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

/// Where to begin: what an earlier solution of the same or a similar problem knew. Whatever it says, plan and bound
/// are as true as without it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Warm {
    /// Price of each limit; missing ones begin at 0.
    pub prices: Vec<f64>,
    /// Option number per unit and period; what does not fit is left out.
    pub choice: Vec<Option<u32>>,
    /// How the bound bends around the prices; what does not fit is left out.
    pub curvature: Curvature,
}

/// A plan with its proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// A column of the problem or [`NONE`] per unit and period, unit by unit.
    pub choice: Vec<u32>,
    /// What the plan earns, pairs paid.
    pub objective: i64,
    /// No plan earns more.
    pub bound: i64,
    /// Price of one more unit of each limit; below 0 where its least use binds.
    pub prices: Vec<f64>,
    /// How the search ended.
    pub status: SolveStatus,
    /// How the bound bends around the prices: what a later search needs beside them to move them in few steps.
    pub curvature: Curvature,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Solve {
    /// With a plan.
    Solved(Solution),
    /// No plan keeps all rules.
    Infeasible(Conflict),
    /// No plan was found, nor proof that there is none.
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
            problem.uses(column).for_each(|(limit, amount)| used[limit] += amount);
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

    /// Returns what a later search can begin from.
    pub fn warm(&self, problem: &Problem) -> Warm {
        let option = |&column: &u32| (column != NONE).then(|| problem.option(column));
        let choice = self.choice.iter().map(option).collect();
        Warm { prices: self.prices.clone(), choice, curvature: self.curvature.clone() }
    }
}

fn gap(objective: i64, bound: i64) -> f64 {
    if bound <= objective { 0.0 } else { (bound - objective) as f64 / (bound.unsigned_abs().max(1)) as f64 }
}

/// Solves a problem. `interrupt` is asked often; once it says true, the best so far is returned.
pub fn solve(problem: &Problem, settings: &Settings, interrupt: &(dyn Fn() -> bool + Sync)) -> Solve {
    solve_from(problem, &Warm::default(), settings, interrupt)
}

/// Solves a problem, beginning from what an earlier solution knew.
pub fn solve_from(problem: &Problem, warm: &Warm, settings: &Settings, interrupt: &(dyn Fn() -> bool + Sync)) -> Solve {
    let pool = settings.threads.and_then(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok());
    match pool {
        Some(pool) => pool.install(|| run::run(problem, warm, settings, interrupt)),
        None => run::run(problem, warm, settings, interrupt),
    }
}
