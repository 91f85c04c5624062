//! The optimiser: offers that maximise value under limits, with a proven bound and a computed reason for each.
//!
//! Never approves, publishes or reads a store. [`propose`] is the retail layer: it values every offer that could be
//! made with the full profit and loss and supply, and hands whole numbers to the generic core [`solve`], which knows
//! columns and limits and no retail.

mod cells;
mod choices;
mod columns;
mod diff;
pub mod formats;
mod propose;
mod reference;
mod report;
mod shelf;
pub mod solve;
mod terms;
#[cfg(test)]
mod tests;
mod worth;

pub use diff::{OfferChange, OrderChange, PlanDiff, diff};
pub use propose::{Proposal, Proposed, propose, propose_until};
pub use reference::{greedy, rotation};
pub use terms::{ItemEconomics, PlanError, PlanInput};
