//! From plan, stress report and policy to a verdict; the only place that can create [`Approved`].
//!
//! [`judge`] judges a plan as a whole; the [`gate`] each single thing before it is sent, with the [`law`] of its market.
//! [`who_may`] says who may do what, [`approval`] who has to sign, the [`ladder`] how far the machine goes by itself, the
//! [`stop`] whether anything goes at all, the [`edition`] by which limits; [`objectives`] say what for. [`audit`] is the trail that every decision leaves.
//!
//! Never depends on `plan`: the checker is not the maker, and shares no code with it. A number that is missing or
//! not finite is a refusal, never a pass (a missing floor has sold goods at a penny before).

pub mod anytime;
pub mod approval;
mod approved;
pub mod audit;
pub mod edition;
pub mod gate;
pub mod guardrail;
mod judge;
pub mod ladder;
pub mod law;
mod limits;
pub mod objectives;
mod roles;
pub mod stop;
pub mod succession;
pub mod who_may;

pub use approved::{Approved, NotApproved, Present, approve, approve_signed, approve_under_broken_glass, plan_hash};
pub use endcap_model::Function;
pub use judge::{judge, policy_hash};
pub use limits::{Case, Stress, Terms};
pub use roles::{Right, Role, may};
