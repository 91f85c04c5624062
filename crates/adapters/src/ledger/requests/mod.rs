//! Requests for approval in the ledger: what was asked, who answered, what was used up.
//!
//! Every step is one transaction with its record in the audit trail, and so is every step that is refused. Nothing that lies
//! here counts by itself: when a request is read, each row is held against the record that it was written with, the request
//! against the number that its signatures are under, and every signature is checked anew with the roles of the day. A row
//! that was written by hand is a request that nobody can sign or use.

mod answer;
mod ask;
mod emergency;
mod rows;
mod told;
mod use_up;

use endcap_govern::approval::{Chain, NotCounted, Request, Staff, Stage, Subject};
use endcap_govern::audit::{Digest32, Ruling};
use endcap_govern::{NotApproved, approval::NotBroken};
use endcap_model::{ContentHash, Currency, PlanId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use answer::{Answered, By};
pub use ask::Asker;
pub use emergency::Glass;
pub use use_up::Use;

/// What a record about a request tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Approval was asked for.
    Asked,
    /// Somebody approved.
    Signed,
    /// Somebody said no.
    TurnedDown,
    /// Somebody wrote a question or an answer beside it.
    AskedBack,
    /// The approval was used up.
    Used,
}

/// What all actions of approvals begin with in the trail.
const ACTION: &str = "approval: ";

impl Step {
    const ALL: [Self; 5] = [Self::Asked, Self::Signed, Self::TurnedDown, Self::AskedBack, Self::Used];

    /// The action in the trail.
    pub fn action(self) -> &'static str {
        match self {
            Self::Asked => "approval: asked",
            Self::Signed => "approval: signed",
            Self::TurnedDown => "approval: turned down",
            Self::AskedBack => "approval: asked back",
            Self::Used => "approval: used",
        }
    }
}

/// Something that happened to a request, or was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// Number of its record.
    pub record: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: Step,
    /// Who; nothing once their name was erased.
    pub who: Option<String>,
    /// Whether it was done; otherwise it was tried and refused.
    pub done: bool,
    /// Why it was refused, or what was written with it; nothing of what was erased.
    pub words: Vec<String>,
}

/// A request as it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    plan: PlanId,
    subject: Subject,
    proposer: String,
    asked: Timestamp,
    at_risk: i64,
    chain: Chain,
    salt: Digest32,
    money: BTreeMap<String, i64>,
    currency: Currency,
    reasons: Vec<String>,
}

/// That an approval was used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    /// When.
    pub at: Timestamp,
    /// Key of the effect that it was used for.
    pub effect: String,
    /// Events that the loop's journal held then: the effect comes after them.
    pub journal: u64,
}

/// Why a request is not what it was when it was asked, or its answers are not those that were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// No record tells of it.
    #[error("the audit trail knows nothing of it: it was put in by hand")]
    NotRecorded,
    /// The record tells of another content.
    #[error("it is not as it was asked: it was edited")]
    Edited,
    /// Answers are missing, or there are too many.
    #[error("its answers are not those that the audit trail tells of: one was put in, changed or taken away")]
    Answers,
}

/// Why something was not done with a request. It is in the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// There is no such request.
    #[error("there is no such request")]
    Missing,
    /// It was tampered with.
    #[error(transparent)]
    NotGenuine(#[from] NotGenuine),
    /// The answer does not count.
    #[error(transparent)]
    NotCounted(#[from] NotCounted),
    /// The approval does not carry what it is to be used for.
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    /// The glass is whole.
    #[error(transparent)]
    NotBroken(#[from] NotBroken),
    /// Something else happened to it since it was read.
    #[error("it changed since it was read: read it again, then decide")]
    Stale {
        /// Its version now.
        version: u64,
    },
    /// A program tried to answer.
    #[error("an agent never approves: a person must sign in and answer")]
    Program,
    /// Whoever tried has no role that answers requests.
    #[error("only those who approve for a function answer requests")]
    NoRight,
    /// Somebody who was asked before said no to the same.
    #[error("{by} said no to this: change it, or have a named person ask again")]
    SaidNo {
        /// Who.
        by: String,
    },
    /// The loop does not act.
    #[error("nothing goes out: {0}")]
    Stopped(String),
    /// A stand-in whom the one who is away did not name, or who has no time.
    #[error("a stand-in needs an end after the beginning and the signature of somebody who approves")]
    NoStandIn,
}

/// A request with all that happened to it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// The plan that it is about.
    pub plan: PlanId,
    /// What is signed, and by whom.
    pub request: Request,
    /// Money that the plan itself gives away by category, in minor units.
    pub money: BTreeMap<String, i64>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Why people are asked.
    pub reasons: Vec<String>,
    /// What happened to it, oldest first.
    pub happened: Vec<Happened>,
    /// Whether it was used up.
    pub used: Option<Used>,
    genuine: Result<(), NotTaken>,
}

impl Kept {
    /// Number of things that were done with it: 1 when asked, one more with each answer, comment or use.
    pub fn version(&self) -> u64 {
        self.happened.iter().filter(|one| one.done).count() as u64
    }

    /// Says how far it has come, with everything checked anew.
    ///
    /// # Errors
    /// [`NotTaken`] when it was tampered with or a signature under it does not count any more.
    pub fn stage(&self, staff: &Staff, now: Timestamp) -> Result<Stage, NotTaken> {
        self.genuine.clone()?;
        self.request.stage(staff, now).map_err(|(_, why)| why.into())
    }

    /// Money that the plan itself gives away, in minor units.
    pub fn own_money(&self) -> i64 {
        self.money.values().fold(0, |sum, money| sum.saturating_add(*money))
    }

    /// Whether it asks for the same: proposal, limits, policy and data.
    fn is_about(&self, subject: &Subject) -> bool {
        let of = |subject: &Subject| -> [ContentHash; 3] {
            [subject.proposal.clone(), subject.limits.clone(), subject.policy.clone()]
        };
        of(&self.request.subject) == of(subject) && self.request.subject.data == subject.data
    }
}

/// Whether a record tells of something that was done; a no is a ruling of its own, told apart from a refused try by the hash of
/// the answer.
fn is_done(step: Step, ruling: Ruling, has_answer: bool) -> bool {
    match step {
        Step::TurnedDown => has_answer,
        Step::Asked => ruling == Ruling::NeedsPerson,
        Step::Signed | Step::AskedBack | Step::Used => ruling == Ruling::Allowed,
    }
}
