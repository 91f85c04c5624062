//! What people learn with: the sandbox's world, and the model's answers to drills, kept while the desk runs.

use super::problem::{Answer, Fault, Problem};
use super::workspace::Project;
use crate::project::CODE_VERSION;
use endcap_agent::drill::{DrillError, blind_answers};
use endcap_agent::sandbox::{Sandbox, SandboxError};
use endcap_demand::FitSettings;
use endcap_demand::drill::{Drill, Guess};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, TryLockError};

/// The scenario that the sandbox plays.
const PRACTICE: &str = include_str!("../../../../examples/scenarios/practice.toml");

/// Drills whose answers are kept in memory at most.
const KEPT_MAX: usize = 100;

/// The sandbox, set up when it is first asked for.
pub fn sandbox() -> Answer<&'static Sandbox> {
    static SANDBOX: OnceLock<Result<Sandbox, String>> = OnceLock::new();
    let made = SANDBOX.get_or_init(|| {
        let scenario = toml::from_str(PRACTICE).map_err(|error| error.to_string())?;
        Sandbox::new(scenario).map_err(|error| error.to_string())
    });
    made.as_ref().map_err(Problem::broken)
}

/// The model's answers to drills: each drill is answered once, however many ask, and one at a time, so that pages stay quick.
#[derive(Debug, Default)]
pub struct Answers {
    kept: Mutex<BTreeMap<String, Arc<OnceLock<Answered>>>>,
    turn: Mutex<()>,
}

type Answered = Result<Vec<Guess>, DrillError>;

impl Answers {
    /// Begins to answer a drill, unless another one is being answered: whoever waits for an answer goes first.
    pub fn begin(&self, project: &Project, drill: &Drill) {
        if !matches!(self.turn.try_lock(), Err(TryLockError::WouldBlock)) {
            // Why there is no answer is told to whoever asks for it.
            let _ = self.of(project, drill);
        }
    }

    /// The answers to a drill; may take seconds the first time.
    pub fn of(&self, project: &Project, drill: &Drill) -> Answered {
        let name = endcap_model::canonical_json(drill);
        let slot = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT_MAX {
                kept.pop_first();
            }
            kept.entry(name).or_default().clone()
        };
        let settings = FitSettings { code_version: CODE_VERSION.to_owned(), ..FitSettings::default() };
        let answer = || {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            blind_answers(&project.ground.facts, drill, &settings)
        };
        slot.get_or_init(answer).clone()
    }
}

impl From<SandboxError> for Problem {
    fn from(error: SandboxError) -> Self {
        match &error {
            SandboxError::Played { .. } | SandboxError::Over | SandboxError::NotOver { .. } => Self::conflict(error),
            SandboxError::Offer { at, .. } => {
                let fault = Fault { at: format!("/offers/{at}"), detail: error.to_string() };
                Self::unprocessable("The plan breaks a limit of the practice shop.").with(vec![fault])
            }
            SandboxError::Order { sku, .. } => {
                let fault = Fault { at: format!("/orders/{sku}"), detail: error.to_string() };
                Self::unprocessable("An order cannot be placed.").with(vec![fault])
            }
            SandboxError::Weeks { .. } => Self::unprocessable(error),
            SandboxError::Twin(_) | SandboxError::Orders(_) => Self::broken(error),
        }
    }
}
