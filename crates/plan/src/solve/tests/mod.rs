//! The proof by tests that the core is right: against exhaustive search on small problems (`small`), against its own
//! bounds and independent arithmetic on larger ones (`medium`), and on input that is wrong or strange (`input`).
//!
//! Nothing here may use what the core computes to judge it: plans are judged from the description of the problem (`raw`)
//! and, a second time, by `check`.

mod exhaustive;
mod generate;
mod input;
mod medium;
mod raw;
mod shaped;
mod small;

use super::check::check;
use super::problem::Problem;
use super::{Settings, Solution, Solve, solve};
use endcap_model::SolveStatus;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use raw::Raw;

/// The same cases in every run, unless `PROPTEST_RNG_SEED` asks for others.
fn config(cases: u32) -> Config {
    let asked = Config::default().rng_seed;
    let rng_seed = if asked == RngSeed::Random { RngSeed::Fixed(3) } else { asked };
    Config { cases, rng_seed, failure_persistence: None, ..Config::default() }
}

fn settings(gap: f64) -> Settings {
    Settings { gap, ..Settings::default() }
}

fn on_threads(threads: usize, gap: f64) -> Settings {
    Settings { threads: Some(threads), ..settings(gap) }
}

fn solved(problem: &Problem, settings: &Settings) -> Solution {
    found(solve(problem, settings, &|| false))
}

fn found(outcome: Solve) -> Solution {
    match outcome {
        Solve::Solved(solution) => solution,
        other => panic!("no plan: {other:?}"),
    }
}

/// What every solution must be, however the search ended.
fn sound(raw: &Raw, problem: &Problem, gap: f64, solution: &Solution) -> Result<(), TestCaseError> {
    prop_assert_eq!(raw.judge(&raw.plan(problem, &solution.choice)), Ok(solution.objective));
    prop_assert_eq!(check(problem, &solution.choice), Ok(solution.objective));
    prop_assert!(solution.objective <= solution.bound, "plan {} over bound {}", solution.objective, solution.bound);
    prop_assert_eq!(solution.prices.len(), raw.limits.len());
    for (price, limit) in solution.prices.iter().zip(&raw.limits) {
        prop_assert!(price.is_finite() && (*price >= 0.0 || limit.0 > 0), "price {} of {:?}", price, limit);
    }
    let status = match solution.status {
        SolveStatus::Optimal => solution.objective == solution.bound,
        SolveStatus::WithinGap => solution.gap() <= gap,
        SolveStatus::Feasible => solution.objective < solution.bound,
    };
    prop_assert!(status, "{:?} at gap {}", solution.status, solution.gap());
    Ok(())
}
