//! Approval as a type: a value that passed policy and, where one was asked, a named person.

use crate::policy_hash;
use endcap_model::{ContentHash, Decision, Plan, Policy, Verdict, hash_json};
use std::fmt;

/// Something that may go ahead. Only this crate can make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved<T> {
    inner: T,
    decision: Decision,
}

/// Why something may not go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotApproved {
    /// Policy refused it.
    Refused,
    /// A person must sign and none has.
    Unsigned,
    /// The decision or the signature speaks of other content; any edit voids both.
    OtherContent,
    /// The decision or the signature was given under another policy.
    OtherPolicy,
}

impl<T> Approved<T> {
    /// Returns what was approved.
    pub fn get(&self) -> &T {
        &self.inner
    }

    /// Returns the decision behind it.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// Hashes everything in a plan, so that a decision holds for exactly this content.
pub fn plan_hash(plan: &Plan) -> ContentHash {
    hash_json(plan)
}

/// Turns a plan into an approved one when the decision carries it.
///
/// # Errors
/// [`NotApproved`] when policy refused, a person has not signed, or plan or policy differ from what was decided on.
pub fn approve(plan: Plan, decision: &Decision, policy: &Policy) -> Result<Approved<Plan>, NotApproved> {
    let (content, policy) = (plan_hash(&plan), policy_hash(policy));
    if decision.content != content {
        return Err(NotApproved::OtherContent);
    }
    if decision.policy != policy {
        return Err(NotApproved::OtherPolicy);
    }
    match (&decision.verdict, &decision.signed) {
        (Verdict::Refused { .. }, _) => Err(NotApproved::Refused),
        (Verdict::NeedsPerson { .. }, None) => Err(NotApproved::Unsigned),
        (Verdict::NeedsPerson { .. }, Some(signed)) if signed.content != content => Err(NotApproved::OtherContent),
        (Verdict::NeedsPerson { .. }, Some(signed)) if signed.policy != policy => Err(NotApproved::OtherPolicy),
        _ => Ok(Approved { inner: plan, decision: decision.clone() }),
    }
}

impl fmt::Display for NotApproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "policy refuses it",
            Self::Unsigned => "a named person must sign it first",
            Self::OtherContent => "it was changed after it was decided on: judge it again",
            Self::OtherPolicy => "policy was changed after it was decided on: judge it again",
        })
    }
}

impl std::error::Error for NotApproved {}
