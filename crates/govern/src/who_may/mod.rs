//! Who may do what: policies in Cedar behind a wrapper in which whatever goes wrong is a no.
//!
//! Cedar skips a policy that cannot be evaluated, so a `forbid` that meets a missing attribute would let things pass. Here
//! only policies load that the strict validator accepts, and any error while they are evaluated denies. The limits are not
//! policies: nothing that is written here loosens them.
//!
//! # Source
//! Cedar: Cutler et al., OOPSLA 2024.

mod fault;
mod matrix;
mod question;
#[cfg(test)]
mod tests;

pub use fault::Fault;
pub use matrix::{Cells, matrix, rows};
pub use question::{Act, Actor, Circumstances, Field, Question};

use crate::gate::Permit;
use cedar_policy::{Authorizer, Decision, Entities, PolicyId, PolicySet, Request, Schema, ValidationMode, Validator};
use endcap_model::{ContentHash, Hasher};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

const SCHEMA: &str = include_str!("schema.cedarschema");
const DEFAULT: &str = include_str!("default.cedar");

/// Policies that were read and validated.
#[derive(Clone, Debug)]
pub struct WhoMay {
    schema: Schema,
    policies: PolicySet,
    hash: ContentHash,
}

/// Why policies are not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLoaded {
    /// It is no text of policies.
    #[error("the policies cannot be read: {}", fault::listed(.0))]
    Unreadable(Vec<Fault>),
    /// The strict validator refuses them.
    #[error("the policies are not valid, so none is loaded: {}", fault::listed(.0))]
    Invalid(Vec<Fault>),
    /// There are none; everything would be denied, the stop as well.
    #[error("there is no policy: expected at least one permit")]
    Empty,
}

/// What the policies say, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is allowed; never with an error.
    pub allowed: bool,
    /// Policies that decided, by their `@id`.
    pub because: Vec<String>,
    /// What went wrong.
    pub errors: Vec<String>,
}

/// A question with the answer that is expected, as tests of policies are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What is tested, in words.
    pub name: String,
    /// The question.
    pub question: Question,
    /// Whether it should be allowed.
    pub allowed: bool,
}

impl NotLoaded {
    /// Everything that is wrong, with its place.
    pub fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Unreadable(faults) | Self::Invalid(faults) => faults.clone(),
            Self::Empty => vec![Fault { line: None, column: None, what: self.to_string() }],
        }
    }
}

impl WhoMay {
    /// The policies that Endcap ships with.
    pub fn shipped() -> Self {
        Self::load(DEFAULT).expect("Invariant: the shipped policies are loaded by a test")
    }

    /// Loads policies, if the strict validator accepts all of them without a warning.
    ///
    /// # Errors
    /// [`NotLoaded`] with everything that is wrong; then none is loaded.
    pub fn load(text: &str) -> Result<Self, NotLoaded> {
        let (schema, _) =
            Schema::from_cedarschema_str(SCHEMA).expect("Invariant: the shipped schema is loaded by a test");
        let policies =
            PolicySet::from_str(text).map_err(|errors| NotLoaded::Unreadable(fault::parsing(&errors, text)))?;
        if policies.is_empty() {
            return Err(NotLoaded::Empty);
        }
        let validated = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        let wrong = fault::validation(&validated, &policies, text);
        if !wrong.is_empty() {
            return Err(NotLoaded::Invalid(wrong));
        }
        let mut hasher = Hasher::default();
        hasher.add(SCHEMA).add(text);
        Ok(Self { schema, policies, hash: hasher.finish() })
    }

    /// How many policies there are.
    pub fn count(&self) -> usize {
        self.policies.num_of_policies()
    }

    /// Names schema and policies; every decision carries it.
    pub fn hash(&self) -> &ContentHash {
        &self.hash
    }

    /// Asks the policies.
    pub fn ask(&self, question: &Question) -> Answer {
        let (request, entities) = match question.posed(&self.schema) {
            Ok(posed) => posed,
            Err(error) => return Answer { allowed: false, because: vec![], errors: vec![error] },
        };
        self.answer(&request, &entities)
    }

    /// Runs tests of policies; returns those that fail, with what the policies say instead.
    pub fn test<'a>(&self, tests: &'a [Expectation]) -> Vec<(&'a Expectation, Answer)> {
        let answers = tests.iter().map(|test| (test, self.ask(&test.question)));
        answers.filter(|(test, answer)| test.allowed != answer.allowed || !answer.errors.is_empty()).collect()
    }

    /// Tells in words what the policies say and which of them decided.
    pub fn explain(&self, question: &Question) -> String {
        let answer = self.ask(question);
        let said = if answer.allowed { "may" } else { "may not" };
        let because = match (answer.errors.as_slice(), answer.because.as_slice()) {
            ([], []) => "no policy permits it".to_owned(),
            ([], because) => because.join(", "),
            (errors, _) => format!("it could not be decided, which is a no: {}", errors.join("; ")),
        };
        format!("{} {said} {}: {because}", question.actor.name, question.act.name().replace('_', " "))
    }

    fn answer(&self, request: &Request, entities: &Entities) -> Answer {
        let response = Authorizer::new().is_authorized(request, &self.policies, entities);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let mut because: Vec<String> = response.diagnostics().reason().map(|id| self.name(id)).collect();
        because.sort();
        Answer { allowed: response.decision() == Decision::Allow && errors.is_empty(), because, errors }
    }

    fn name(&self, id: &PolicyId) -> String {
        self.policies.annotation(id, "id").map_or_else(|| id.to_string(), str::to_owned)
    }
}

impl Answer {
    /// Hands it on to the gate.
    pub fn permit(&self) -> Permit {
        let why = [self.because.as_slice(), self.errors.as_slice()].concat().join("; ");
        match () {
            () if self.allowed => Permit::Allowed,
            () if why.is_empty() => Permit::Denied("no policy permits it".into()),
            () => Permit::Denied(why),
        }
    }
}
