//! What each lock costs: the goal solved again without it.
//!
//! Never below 0: what is possible under a lock is possible without it, and the search without it starts from the plan
//! under it.

use super::{Best, BestLevers, Goal, Grid, LeverError, LeverSettings, solve};
use serde::Serialize;

/// The price of a lock for one goal, in minor units of its E12.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LockPrice {
    /// What is fixed.
    pub lock: String,
    /// What the best plan found without it is worth more.
    pub price: i64,
    /// It costs at least this, whatever was not found.
    pub at_least: i64,
    /// It costs at most this.
    pub at_most: i64,
}

/// The price of each lock of the scenario, in its order; where there are several, last that of all together.
///
/// `best` is the plan under all locks. A goal that asks for sales is held to the pieces that plan had to sell.
///
/// # Errors
/// None that the grid did not have before.
pub fn lock_prices(
    grid: &Grid,
    goal: &Goal,
    best: &BestLevers,
    settings: &LeverSettings,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<LockPrice>, LeverError> {
    let goal = as_under_the_locks(grid, goal, best);
    let locks = &grid.scenario().locks;
    let one_by_one = locks.iter().enumerate().map(|(at, lock)| (lock.describe(), Some(at)));
    let all = (locks.len() > 1).then(|| ("all of them".to_owned(), None));
    let mut prices = Vec::new();
    for (lock, left_out) in one_by_one.chain(all) {
        let free = grid.without_locks(|at| left_out.is_none_or(|left_out| left_out == at))?;
        let known = std::slice::from_ref(&best.levers);
        if let Best::Found(found) = solve(&free, &goal, known, settings, stop) {
            prices.push(LockPrice {
                lock,
                price: (found.objective - best.objective).max(0),
                at_least: (found.objective - best.bound).max(0),
                at_most: (found.bound - best.objective).max(0),
            });
        }
    }
    Ok(prices)
}

fn as_under_the_locks(grid: &Grid, goal: &Goal, best: &BestLevers) -> Goal {
    let stock: f64 = grid.stocks().iter().sum();
    let sell_through_min = (best.pieces_min > 0.0).then(|| (best.pieces_min / stock).min(1.0));
    Goal { sell_through_first: false, sell_through_min, ..goal.clone() }
}
