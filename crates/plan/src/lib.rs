//! The optimiser: offers that maximise value under limits, with a proven bound and a computed reason for each.
//!
//! Never approves, publishes or reads a store. [`propose`] is the retail layer: it values every offer that could be
//! made with the full profit and loss and supply, and hands whole numbers to the generic core [`solve`], which knows
//! columns and limits and no retail.

mod calendar;
mod cells;
mod choices;
mod clashes;
mod columns;
mod cover;
mod diff;
pub mod formats;
mod instead;
mod ledger;
pub mod lever;
mod locks;
mod outlets;
mod pareto;
mod propose;
mod reason;
mod reference;
mod replan;
mod report;
mod score;
mod shelf;
mod shop;
pub mod solve;
mod table;
mod terms;
#[cfg(test)]
mod tests;
mod wear;
mod which;
mod why;
mod worth;
mod worths;

pub use clashes::{Broken, LockClash, lock_clashes};
pub use cover::{Cover, PeriodCover};
pub use diff::{OfferChange, OrderChange, PlanDiff, diff, offer_changes};
pub use pareto::{GoalPoint, UnderGoal, compare, pareto};
pub use propose::{Proposal, Proposed, propose, propose_until};
pub use reason::{LimitCost, MustChange, OptionReason, Reason, Stands};
pub use reference::{greedy, rotation};
pub use replan::{Change, Paces, Replanned, Revised, Revision, replan};
pub use table::{Sketch, Sketched, Table};
pub use terms::{ItemEconomics, PlanError, PlanInput};
pub use why::{LeftOut, NearestOffer, why_not};
