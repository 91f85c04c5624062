//! Questions to a solved problem: what a limit or a lock is worth, why a column is or is not chosen, what else would be
//! as good, which rules clash, what a change of plan earns.
//!
//! Never changes the problem or the solution, and never says more than was found: every value comes with the bound
//! beside it, so that a difference that is smaller than the gap can be seen to be one. Gap and time limit of the settings
//! hold for each new plan that is looked for, the interrupt for the whole answer; answers that must come at once ask for
//! a gap of a few thousandths.

mod bounds;
mod clash;
mod curve;
mod diff;
mod locks;
mod others;
mod range;
mod regrets;
mod slot;
#[cfg(test)]
mod tests;
mod why;

pub use clash::{Certainty, Clash, Relaxed, Rule, clash};
pub use curve::{Curve, Point};
pub use diff::{Change, Diff, diff};
pub use locks::{Lock, LockPrice, LockPrices};
pub use others::Other;
pub use range::{Range, RangeAsk};
pub use regrets::Pricing;
pub use slot::{Slot, Taker, Takers};
pub use why::{Cause, Cost, Flip, Flipping, Margin, Obstacle, Why, WhyNot};

use super::check::check;
use super::problem::{NONE, Problem};
use super::{Curvature, Settings, Solution, Solve, Warm, gap, solve_from};
use endcap_model::SolveStatus;

/// A solved problem that questions are put to.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// Its solution.
    pub solution: &'a Solution,
    /// How long and how well to search for each new plan.
    pub settings: &'a Settings,
    /// Asked often; once it says true, what is known so far is the answer.
    pub interrupt: &'a (dyn Fn() -> bool + Sync),
}

/// A plan as option numbers per unit and period, which problems that differ a little have in common.
pub type Options = Vec<Option<u32>>;

impl<'a> Case<'a> {
    /// Solves a changed problem, beginning from what is known of this one. A known plan that fits it and earns more
    /// than the one found is returned instead.
    fn resolve(&self, problem: &Problem, known: &[&Options]) -> Solve {
        self.resolve_at(problem, known, &self.solution.prices)
    }

    fn resolve_at(&self, problem: &Problem, known: &[&Options], prices: &[f64]) -> Solve {
        let mut prices = prices.to_vec();
        prices.resize(problem.limits().len(), 0.0);
        let fitting = known.iter().filter_map(|options| fit(problem, options));
        let best = fitting.max_by_key(|(value, _)| *value);
        let choice = match &best {
            Some((_, choice)) => options(problem, choice),
            None => known.first().map_or_else(Vec::new, |options| (*options).clone()),
        };
        // Nearer to its bound than the solution is, a new plan would say no more about the difference.
        let settings = Settings { gap: self.settings.gap.max(self.solution.gap()), ..self.settings.clone() };
        let warm = Warm { prices: prices.clone(), choice, curvature: self.solution.curvature.clone() };
        let found = solve_from(problem, &warm, &settings, self.interrupt);
        match (found, best) {
            (Solve::Solved(found), Some((value, choice))) if value > found.objective => {
                Solve::Solved(with_plan(value, choice, found.bound, found.prices, self.settings))
            }
            (Solve::NotFound { bound }, Some((value, choice))) => {
                Solve::Solved(with_plan(value, choice, bound, prices, self.settings))
            }
            (found, _) => found,
        }
    }

    /// The plan of the solution.
    fn options(&self) -> Options {
        options(self.problem, &self.solution.choice)
    }

    /// What the plan uses of each limit.
    fn used(&self) -> Vec<i64> {
        let mut used = vec![0i64; self.problem.limits().len()];
        for &column in self.solution.choice.iter().filter(|&&column| column != NONE) {
            self.problem.uses(column).for_each(|(limit, amount)| used[limit] += amount);
        }
        used
    }

    fn stopped(&self) -> bool {
        (self.interrupt)()
    }

    /// Runs in a pool of as many threads as the settings say.
    fn within<T: Send>(&self, answer: impl FnOnce(&Case) -> T + Send) -> T {
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
        match self.settings.threads.and_then(pool) {
            Some(pool) => {
                let settings = Settings { threads: None, ..self.settings.clone() };
                pool.install(|| answer(&Case { settings: &settings, ..*self }))
            }
            None => answer(self),
        }
    }
}

/// Reads a plan as option numbers.
fn options(problem: &Problem, choice: &[u32]) -> Options {
    choice.iter().map(|&column| (column != NONE).then(|| problem.option(column))).collect()
}

/// Finds a plan in a problem; nothing when it does not keep all rules there.
fn fit(problem: &Problem, options: &Options) -> Option<(i64, Vec<u32>)> {
    let choice = columns(problem, options)?;
    check(problem, &choice).ok().map(|value| (value, choice))
}

/// Finds the columns of a plan in a problem; nothing when one is missing.
fn columns(problem: &Problem, options: &Options) -> Option<Vec<u32>> {
    if options.len() != problem.units() * problem.periods() {
        return None;
    }
    let find = |(cell, option): (usize, &Option<u32>)| {
        let Some(option) = *option else { return Some(NONE) };
        let mut columns = problem.columns_at(cell / problem.periods(), cell % problem.periods());
        columns.find(|&column| problem.option(column as u32) == option).map(|column| column as u32)
    };
    options.iter().enumerate().map(find).collect()
}

fn with_plan(objective: i64, choice: Vec<u32>, bound: i64, prices: Vec<f64>, settings: &Settings) -> Solution {
    let bound = bound.max(objective);
    let status = match gap(objective, bound) {
        0.0 => SolveStatus::Optimal,
        near if near <= settings.gap => SolveStatus::WithinGap,
        _ => SolveStatus::Feasible,
    };
    Solution { choice, objective, bound, prices, status, curvature: Curvature::default() }
}

/// The plan and the bound of an outcome: nothing where no plan keeps all rules.
fn known(outcome: Solve) -> Option<(Option<Solution>, i64)> {
    match outcome {
        Solve::Solved(solution) => {
            let bound = solution.bound;
            Some((Some(solution), bound))
        }
        Solve::NotFound { bound } => Some((None, bound)),
        Solve::Infeasible(_) => None,
    }
}
