//! From a goal to its best plan, by the published search and by the proven one.

use super::exact::{Found, search};
use super::goal::Worth;
use super::greedy::Climber;
use super::{Goal, Grid, LeverSettings, Levers, Season, season};
use endcap_model::SolveStatus;

/// Share of the most pieces that a goal keeps which asks for sales first. The last pieces cost more than they are worth
/// showing: to sell every single one, each group must be given away to draw visits for the slowest.
const KEPT: f64 = 0.995;

/// A plan for a goal, with its proof. Money in whole minor units.
#[derive(Clone, Debug, PartialEq)]
pub struct BestLevers {
    /// The plan.
    pub levers: Levers,
    /// What it comes to.
    pub season: Season,
    /// Its E12, rounded down.
    pub objective: i64,
    /// No plan that keeps the locks and sells enough has an E12 above this, rounded up.
    pub bound: i64,
    /// Whether nothing, little or something may be left to gain.
    pub status: SolveStatus,
    /// Parts of the grid that were looked into.
    pub parts: usize,
    /// Pieces that it had to sell; 0 where the goal asks for none.
    pub pieces_min: f64,
    /// Pieces that no plan can sell more than; only where the goal asks for sales first or for a share of them.
    pub pieces_bound: Option<f64>,
}

/// What can be said of a goal.
#[derive(Clone, Debug, PartialEq)]
pub enum Best {
    /// A plan.
    Found(Box<BestLevers>),
    /// No plan sells the share asked for.
    OutOfReach {
        /// The share that the best plan for sales sells.
        reached: f64,
        /// No plan sells a larger share.
        bound: f64,
        /// Whether it is proven that the share asked for cannot be reached.
        proven: bool,
    },
}

impl BestLevers {
    /// What may be left to gain, as a share of the bound.
    pub fn gap(&self) -> f64 {
        (self.bound - self.objective) as f64 / self.bound.unsigned_abs().max(1) as f64
    }
}

impl Best {
    /// The plan, where there is one.
    pub fn plan(&self) -> Option<&BestLevers> {
        match self {
            Self::Found(best) => Some(best),
            Self::OutOfReach { .. } => None,
        }
    }
}

/// The plan that the published greedy search ends with, from the lowest value of every lever.
///
/// A goal that asks for sales first is climbed twice: for pieces, then for its weights without losing pieces.
pub fn greedy(grid: &Grid, goal: &Goal) -> (Levers, Season) {
    let mut worth = Worth::of(goal, grid);
    let mut levers = Levers::lowest(grid);
    if goal.sell_through_first {
        let pieces = Worth::pieces(grid);
        let mut climber = Climber::new(grid, &pieces, levers);
        climber.climb();
        levers = climber.levers;
        worth.pieces_min = KEPT * season(grid, &levers).sold();
    }
    let mut climber = Climber::new(grid, &worth, levers);
    climber.climb();
    let season = season(grid, &climber.levers);
    (climber.levers, season)
}

/// The best plan for a goal, with a bound that no plan of the grid exceeds.
///
/// `known` are plans to start from, such as that of the same goal under more locks.
pub fn solve(grid: &Grid, goal: &Goal, known: &[Levers], settings: &LeverSettings, stop: &dyn Fn() -> bool) -> Best {
    let mut worth = Worth::of(goal, grid);
    let mut known = known.to_vec();
    known.push(greedy(grid, goal).0);
    let mut pieces_bound = None;
    if goal.sell_through_first || worth.pieces_min > 0.0 {
        let most = search(grid, &Worth::pieces(grid), &known, settings, stop);
        let (sold, stock) = (season(grid, &most.levers).sold(), grid.stocks().iter().sum::<f64>());
        let bound = (most.bound + stock).clamp(sold.min(stock), stock);
        if goal.sell_through_first {
            worth.pieces_min = worth.pieces_min.max(KEPT * sold);
        }
        if sold < worth.pieces_min * (1.0 - 1e-9) {
            let (reached, bound, proven) = (sold / stock, bound / stock, bound < worth.pieces_min);
            return Best::OutOfReach { reached, bound, proven };
        }
        known.push(most.levers);
        pieces_bound = Some(bound);
    }
    let found = search(grid, &worth, &known, settings, stop);
    Best::Found(Box::new(proven(grid, &worth, found, settings, pieces_bound)))
}

fn proven(grid: &Grid, worth: &Worth, found: Found, settings: &LeverSettings, pieces_bound: Option<f64>) -> BestLevers {
    let season = season(grid, &found.levers);
    let room = 1e-9 * (1.0 + found.bound.abs());
    let value = worth.value(&season);
    let share = (found.bound - value) / found.bound.abs().max(1.0);
    let status = match share {
        share if share <= 2e-9 => SolveStatus::Optimal,
        share if share <= settings.gap => SolveStatus::WithinGap,
        _ => SolveStatus::Feasible,
    };
    BestLevers {
        objective: value.floor() as i64,
        bound: (found.bound + room).ceil() as i64,
        status,
        parts: found.parts,
        pieces_min: worth.pieces_min,
        pieces_bound,
        season,
        levers: found.levers,
    }
}
