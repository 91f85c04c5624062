//! Roll-out: an approved plan reaches the stores in stages. The first is a canary; the next opens once the guardrail of the
//! one before was read and is clear, and harm stops all of it.
//!
//! What happened is a series of steps, each with its record in the audit trail; what holds follows from them. Pure: stores are
//! drawn by the plan's name, times and facts are arguments.

mod begin;
mod canary;
mod course;
mod expected;
mod read;
mod steps;
#[cfg(test)]
mod tests;

pub use begin::begin;
pub use canary::{Size, drawn};
pub use course::{Course, Next, course, course_of};
pub use expected::{Expected, Offered, expected};
pub use read::{Observed, Reading, Says, observed, reading};
pub use steps::{Begun, Rollout, Rollouts, Step, Taken, recorded};

/// The plan that an offer's name says it belongs to: the name is the plan's with the offer's number.
pub fn plan_of(offer: &str) -> Option<&str> {
    let (plan, number) = offer.rsplit_once('-')?;
    (!plan.is_empty() && number.parse::<u32>().is_ok()).then_some(plan)
}
