//! The lever optimiser: markdown by group and month, spend and promotion by month, for a whole season.
//!
//! Never touches offers or the generic core: it is a model of its own, small enough to be searched with a proof. The
//! ten steps are [`season()`]; [`greedy()`] is the published search, [`solve`] the proven one.
//!
//! Source: the PittaRosso pricing and promotion lecture; both readings of its step 6 are kept apart by [`Reading`].

mod bound;
mod branch;
mod calibrate;
mod domain;
mod error;
mod exact;
mod frontier;
mod goal;
mod greedy;
mod grid;
mod locks;
mod master;
mod penalty;
mod played;
mod report;
mod scenario;
mod season;
mod solve;
#[cfg(test)]
mod tests;

pub use calibrate::{Calibration, Comparison, calibrate, compare};
pub use error::LeverError;
pub use exact::LeverSettings;
pub use frontier::{FrontierPlan, frontier};
pub use goal::{Goal, Unsold};
pub use grid::{Funnel, Grid};
pub use locks::{LockPrice, lock_prices};
pub use penalty::{PenaltyEffect, consistent_from, penalty_effect};
pub use played::{Fill, LeverProof, OutOfReach, Played, play};
pub use report::{
    CellReport, Figures, GoalAnswer, GoalReport, GroupReport, MonthReport, PlanReport, plan_report, report,
};
pub use scenario::{
    Aggregate, Baseline, Factors, LeverGroup, LeverLock, LeverScenario, Promotion, Published, Reading, Spend,
};
pub use season::{GroupSeason, Levers, MonthSeason, Season, season};
pub use solve::{Best, BestLevers, greedy, solve};
