//! Approval as a type: a value that passed policy and, where one was asked, the people who had to sign.

use crate::approval::{BreakGlass, NotBroken, NotCounted, Register, Request, Staff, Stage};
use crate::policy_hash;
use crate::stop::Scope;
use endcap_model::{ContentHash, Decision, Plan, Policy, SignOff, SnapshotId, Verdict, hash_json};
use jiff::Timestamp;
use serde::Serialize;
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
    /// The approval was given under other limits.
    OtherLimits,
    /// The approval was given on other data.
    OtherData,
    /// Its people have not all signed.
    NotGranted,
    /// Somebody said no.
    SaidNo,
    /// Its time is over; no answer in time is a no.
    Expired,
    /// It was used before.
    AlreadyUsed,
    /// A signature under it does not count.
    NotCounted(NotCounted),
    /// The glass that is to stand in for it is whole.
    NotBroken(NotBroken),
    /// The glass was broken for something else.
    OtherScope,
}

/// What holds when an approval is used, from its own sources and not from the request.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// Hash of the limits in force.
    pub limits: &'a ContentHash,
    /// Snapshot of the data in force.
    pub data: &'a SnapshotId,
    /// People as they are now.
    pub staff: &'a Staff,
    /// The time.
    pub now: Timestamp,
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
    let content = plan_hash(&plan);
    judged_as_it_is(&content, decision, policy)?;
    match (&decision.verdict, &decision.signed) {
        (Verdict::NeedsPerson { .. }, None) => Err(NotApproved::Unsigned),
        (Verdict::NeedsPerson { .. }, Some(signed)) if signed.content != content => Err(NotApproved::OtherContent),
        (Verdict::NeedsPerson { .. }, Some(signed)) if signed.policy != decision.policy => {
            Err(NotApproved::OtherPolicy)
        }
        _ => Ok(Approved { inner: plan, decision: decision.clone() }),
    }
}

/// Turns anything into an approved one when the people of its chain have signed exactly this, under what is in force now.
///
/// The approval is used up by it.
///
/// # Errors
/// [`NotApproved`] when policy refused, when anything differs from what was signed, or the signatures do not carry it.
pub fn approve_signed<T: Serialize>(
    proposal: T,
    decision: &Decision,
    request: &Request,
    present: Present,
    register: &mut Register,
) -> Result<Approved<T>, NotApproved> {
    let content = hash_json(&proposal);
    if request.subject.proposal != content {
        return Err(NotApproved::OtherContent);
    }
    judged_as_it_is(&content, decision, present.policy)?;
    if request.subject.policy != decision.policy {
        return Err(NotApproved::OtherPolicy);
    }
    if request.subject.limits != *present.limits {
        return Err(NotApproved::OtherLimits);
    }
    if request.subject.data != *present.data {
        return Err(NotApproved::OtherData);
    }
    let by = match request.stage(present.staff, present.now) {
        Ok(Stage::Granted { by }) => by,
        Ok(Stage::Waiting { .. }) => return Err(NotApproved::NotGranted),
        Ok(Stage::Refused { .. }) => return Err(NotApproved::SaidNo),
        Ok(Stage::Expired) => return Err(NotApproved::Expired),
        Err((_, why)) => return Err(NotApproved::NotCounted(why)),
    };
    register.use_up(&request.subject, present.now).map_err(|_| NotApproved::AlreadyUsed)?;
    Ok(Approved { inner: proposal, decision: signed(decision, &by) })
}

/// Turns something into an approved one in an emergency that two people declared, for something of its scopes.
///
/// # Errors
/// [`NotApproved`] when policy refused, when it was judged as something else, or the glass is whole or was broken for
/// something else.
pub fn approve_under_broken_glass<T: Serialize>(
    proposal: T,
    decision: &Decision,
    (proposer, scopes): (&str, &[Scope]),
    glass: &BreakGlass,
    present: Present,
) -> Result<Approved<T>, NotApproved> {
    judged_as_it_is(&hash_json(&proposal), decision, present.policy)?;
    if !scopes.contains(&glass.scope) {
        return Err(NotApproved::OtherScope);
    }
    glass.holds(proposer, present.staff, present.now).map_err(NotApproved::NotBroken)?;
    let by: Vec<String> = glass.signatures.iter().map(|signature| signature.person.clone()).collect();
    Ok(Approved { inner: proposal, decision: signed(decision, &by) })
}

/// Passes on what the gate let through, with the limits in the place of a policy.
pub(crate) fn let_through<T>(inner: T, content: ContentHash, limits: ContentHash) -> Approved<T> {
    Approved { inner, decision: Decision { content, policy: limits, verdict: Verdict::Approved, signed: None } }
}

fn judged_as_it_is(content: &ContentHash, decision: &Decision, policy: &Policy) -> Result<(), NotApproved> {
    match decision {
        _ if decision.content != *content => Err(NotApproved::OtherContent),
        _ if decision.policy != policy_hash(policy) => Err(NotApproved::OtherPolicy),
        Decision { verdict: Verdict::Refused { .. }, .. } => Err(NotApproved::Refused),
        _ => Ok(()),
    }
}

fn signed(decision: &Decision, by: &[String]) -> Decision {
    let (content, policy) = (decision.content.clone(), decision.policy.clone());
    Decision { signed: Some(SignOff { person: by.join(", "), content, policy }), ..decision.clone() }
}

impl fmt::Display for NotApproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "policy refuses it",
            Self::Unsigned => "a named person must sign it first",
            Self::OtherContent => "it was changed after it was decided on: judge it again",
            Self::OtherPolicy => "policy was changed after it was decided on: judge it again",
            Self::OtherLimits => "the limits were changed after it was signed: ask again",
            Self::OtherData => "there are newer data than those it was signed on: ask again",
            Self::NotGranted => "not everybody who has to has signed it",
            Self::SaidNo => "somebody who was asked said no: change it and ask again",
            Self::Expired => "nobody signed it in time, or the approval has expired: ask again",
            Self::AlreadyUsed => "the approval was used before, and holds once: ask again",
            Self::NotCounted(why) => return write!(f, "a signature does not count: {why}"),
            Self::NotBroken(why) => return write!(f, "the glass is not broken: {why}"),
            Self::OtherScope => "the glass was broken for something else",
        })
    }
}

impl std::error::Error for NotApproved {}
