//! Approvals by people: a chain of functions, each with its number of people, its time and its stand-ins.
//!
//! A person signs the hashes of the proposal, the limits, the policy and the data, with an end and a number that is used
//! once; whoever changes any of these starts anew. The proposer never approves, an agent never does, and nobody does twice.
//! No answer in time is a no. Every signature is checked from scratch whenever an approval is looked at, with the roles that
//! people have then, so that there is no state that could be edited into an approval. Never sends, never reads a clock or a
//! source of randomness.
//!
//! # Source
//! Separation of duties: Clark and Wilson, 1987; signatures: RFC 8032 (Ed25519), verified strictly.

mod break_glass;
mod key;
mod register;
mod request;
mod signature;
mod staff;
#[cfg(test)]
mod tests;

pub use endcap_model::{Chain, ChainError, Step, Tier};

pub use break_glass::{BREAK_GLASS_MAX, BreakGlass, BreakGlassSignature, NotBroken};
pub use key::{ApprovalKey, NoApprovalKey, PublicApprovalKey};
pub use register::{AlreadyUsed, Register, SPLIT_WINDOW};
pub use request::{FRESH, Request, Stage, Wish};
pub use signature::{Answer, NotCounted, Signature, Subject};
pub use staff::{Person, Staff, StandIn};
