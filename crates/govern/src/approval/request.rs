//! A request for approval and how far it has come.

use super::signature::{Answer, NotCounted};
use super::{Chain, Signature, Staff, Step, Subject};
use crate::Function;
use endcap_model::{ContentHash, SnapshotId, hash_json, later};
use jiff::{SignedDuration, Timestamp};

/// How long a login is fresh.
pub const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Hours for which an approval can be used once the chain's own time is over.
const TO_USE_HOURS: i64 = 24;

/// Somebody asks for approval.
#[derive(Clone, Debug)]
pub struct Request {
    /// What for.
    pub subject: Subject,
    /// Who asks.
    pub proposer: String,
    /// When.
    pub asked: Timestamp,
    /// Money at risk with everything that counts with it ([`super::Register::at_risk`]), in minor units.
    pub at_risk: i64,
    /// Who has to sign.
    pub chain: Chain,
    /// Who signed, in order.
    pub signatures: Vec<Signature>,
}

/// How far a request has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// People of a function have to sign.
    Waiting {
        /// Which function.
        function: Function,
        /// Which may sign as well, where the first let its time pass.
        escalated_to: Option<Function>,
        /// How many people are missing.
        people: u32,
        /// Until when, excluded.
        until: Timestamp,
    },
    /// All have signed; holds until the subject expires.
    Granted {
        /// Who signed.
        by: Vec<String>,
    },
    /// Somebody said no.
    Refused {
        /// Who.
        by: String,
    },
    /// Nobody answered in time, which is a no.
    Expired,
}

/// Where a chain stands between two signatures.
struct Progress<'a> {
    /// Steps that still need people, the present one first.
    steps: Vec<&'a Step>,
    /// When the present one began.
    began: Timestamp,
    /// People who signed the present one.
    have: u32,
    refused_by: Option<&'a str>,
}

/// What somebody wants approved, before anybody was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Hash of the canonical proposal.
    pub proposal: ContentHash,
    /// Hash of the limits.
    pub limits: ContentHash,
    /// Hash of the policy.
    pub policy: ContentHash,
    /// Snapshot of the data that it was decided on.
    pub data: SnapshotId,
    /// Who asks.
    pub proposer: String,
    /// Money at risk with everything that counts with it ([`super::Register::at_risk`]), in minor units.
    pub at_risk: i64,
    /// Who has to sign.
    pub chain: Chain,
}

impl Request {
    /// Asks. The number that is used once is drawn from `salt` (32 random bytes) and from who asks, when, how much is at risk
    /// and who has to sign: whoever signs the subject signs these as well.
    pub fn ask(wish: Wish, asked: Timestamp, salt: &[u8; 32]) -> Self {
        let Wish { proposal, limits, policy, data, proposer, at_risk, chain } = wish;
        let nonce = nonce(&proposer, asked, at_risk, &chain, salt);
        let expires = later(asked, SignedDuration::from_hours(i64::from(chain.hours()).saturating_add(TO_USE_HOURS)));
        let subject = Subject { proposal, limits, policy, data, expires, nonce };
        Self { subject, proposer, asked, at_risk, chain, signatures: vec![] }
    }

    /// Whether everything beside the signatures is as it was when it was asked.
    ///
    /// # Errors
    /// [`NotCounted::OtherTerms`] when it is not.
    pub fn is_as_asked(&self, salt: &[u8; 32]) -> Result<(), NotCounted> {
        let as_asked = self.subject.nonce == nonce(&self.proposer, self.asked, self.at_risk, &self.chain, salt);
        if as_asked { Ok(()) } else { Err(NotCounted::OtherTerms) }
    }

    /// The function for which somebody could sign now: the one whose turn it is, or the one that it escalated to.
    ///
    /// # Errors
    /// Why nobody of that name can.
    pub fn function_of(&self, name: &str, staff: &Staff, now: Timestamp) -> Result<Function, NotCounted> {
        let (function, escalated_to) = match self.stage(staff, now) {
            Ok(Stage::Waiting { function, escalated_to, .. }) => (function, escalated_to),
            Ok(Stage::Expired) => return Err(NotCounted::TooLate),
            Ok(Stage::Granted { .. } | Stage::Refused { .. }) => return Err(NotCounted::Decided),
            Err((_, why)) => return Err(why),
        };
        let person = staff.people.get(name).ok_or(NotCounted::UnknownPerson)?;
        let signs = |one: &Function| staff.signs_for(name, *one, now, &self.proposer);
        let own = Some(function).into_iter().chain(escalated_to).find(signs);
        match () {
            () if !person.human => Err(NotCounted::Agent),
            () if name == self.proposer => Err(NotCounted::Proposer),
            () if self.signatures.iter().any(|other| other.person == name) => Err(NotCounted::Twice),
            () => own.ok_or(NotCounted::NoFunction),
        }
    }

    /// Whether the step whose turn it is wants a person who has just signed in.
    pub fn needs_fresh_login(&self, function: Function) -> bool {
        let fits = |step: &&Step| step.function == function || step.escalates_to == Some(function);
        self.chain.steps.iter().filter(fits).any(|step| self.at_risk > step.fresh_login_above)
    }

    /// Checks every signature from scratch and says how far the request has come.
    ///
    /// # Errors
    /// The first signature that does not count, by its place in the list: somebody tampered with it, or a person lost the
    /// role that they signed with.
    pub fn stage(&self, staff: &Staff, now: Timestamp) -> Result<Stage, (usize, NotCounted)> {
        let progress = self.progress(staff, now)?;
        if let Some(by) = progress.refused_by {
            return Ok(Stage::Refused { by: by.to_owned() });
        }
        if now >= self.subject.expires {
            return Ok(Stage::Expired);
        }
        let Some(step) = progress.steps.first() else {
            let by = self.signatures.iter().map(|signature| signature.person.clone()).collect();
            return Ok(Stage::Granted { by });
        };
        let (first, last) = deadlines(step, progress.began);
        if now >= last {
            return Ok(Stage::Expired);
        }
        Ok(Stage::Waiting {
            function: step.function,
            escalated_to: step.escalates_to.filter(|_| now >= first),
            people: step.people(self.at_risk) - progress.have,
            until: last.min(self.subject.expires),
        })
    }

    /// Adds a signature.
    ///
    /// # Errors
    /// Why it does not count; nothing is changed then.
    pub fn sign(&mut self, signature: Signature, staff: &Staff, now: Timestamp) -> Result<(), NotCounted> {
        self.signatures.push(signature);
        let counted = self.progress(staff, now).map(drop).map_err(|(_, why)| why);
        if counted.is_err() {
            self.signatures.pop();
        }
        counted
    }

    fn progress(&self, staff: &Staff, now: Timestamp) -> Result<Progress<'_>, (usize, NotCounted)> {
        let steps = self.chain.steps.iter().filter(|step| step.people(self.at_risk) > 0).collect();
        let mut progress = Progress { steps, began: self.asked, have: 0, refused_by: None };
        for (place, signature) in self.signatures.iter().enumerate() {
            self.is_genuine(signature, staff, now).map_err(|why| (place, why))?;
            self.is_in_turn(place, &progress).map_err(|why| (place, why))?;
            progress.count(signature, self.at_risk);
        }
        Ok(progress)
    }

    /// Is it this person's signature under this subject, and may the person sign for that function?
    fn is_genuine(&self, signature: &Signature, staff: &Staff, now: Timestamp) -> Result<(), NotCounted> {
        let person = staff.people.get(&signature.person).ok_or(NotCounted::UnknownPerson)?;
        let signs = staff.signs_for(&signature.person, signature.function, signature.at, &self.proposer);
        match () {
            () if signature.subject != self.subject.hash() => Err(NotCounted::OtherSubject),
            () if !signature.verifies(person) => Err(NotCounted::Forged),
            () if !person.human => Err(NotCounted::Agent),
            () if signature.person == self.proposer => Err(NotCounted::Proposer),
            () if !signs => Err(NotCounted::NoFunction),
            () if signature.at > now || signature.signed_in > signature.at => Err(NotCounted::WrongTime),
            () if signature.at >= self.subject.expires => Err(NotCounted::TooLate),
            () => Ok(()),
        }
    }

    /// Does it come when it should: the right function, in time, by somebody who has not signed?
    fn is_in_turn(&self, place: usize, progress: &Progress) -> Result<(), NotCounted> {
        let signature = &self.signatures[place];
        let Some(step) = progress.steps.first().filter(|_| progress.refused_by.is_none()) else {
            return Err(NotCounted::Decided);
        };
        let (first, last) = deadlines(step, progress.began);
        let escalated = signature.at >= first && step.escalates_to == Some(signature.function);
        let fresh = signature.at.duration_since(signature.signed_in) < FRESH;
        match () {
            () if self.signatures[..place].iter().any(|other| other.person == signature.person) => {
                Err(NotCounted::Twice)
            }
            () if signature.function != step.function && !escalated => Err(NotCounted::NotTheirTurn),
            () if signature.at < progress.began => Err(NotCounted::WrongTime),
            () if signature.at >= last => Err(NotCounted::TooLate),
            () if self.at_risk > step.fresh_login_above && !fresh => Err(NotCounted::StaleLogin),
            () => Ok(()),
        }
    }
}

impl<'a> Progress<'a> {
    fn count(&mut self, signature: &'a Signature, at_risk: i64) {
        if signature.answer == Answer::Refuse {
            self.refused_by = Some(&signature.person);
            return;
        }
        self.have += 1;
        if self.have == self.steps[0].people(at_risk) {
            self.steps.remove(0);
            (self.have, self.began) = (0, signature.at);
        }
    }
}

fn nonce(proposer: &str, asked: Timestamp, at_risk: i64, chain: &Chain, salt: &[u8; 32]) -> String {
    hash_json(&("endcap request 1", proposer, asked, at_risk, chain, salt)).to_string()
}

/// When a step's own time ends, and when all is over.
fn deadlines(step: &Step, began: Timestamp) -> (Timestamp, Timestamp) {
    let hours = SignedDuration::from_hours(step.hours.into());
    let first = later(began, hours);
    (first, if step.escalates_to.is_some() { later(first, hours) } else { first })
}
