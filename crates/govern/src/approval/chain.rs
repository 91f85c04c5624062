//! The chain: which functions sign, in which order, how many people of each, and in what time.

use crate::Function;
use serde::{Deserialize, Serialize};

/// Functions that sign one after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Version that people give it.
    pub version: String,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// One function's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Who signs.
    pub function: Function,
    /// How many people, by money at risk; the highest tier that is reached holds.
    pub tiers: Vec<Tier>,
    /// Hours from the step before in which they must have signed.
    pub hours: u32,
    /// Function that may sign as well, for as many hours again, once that time is over; without one it is a no.
    pub escalates_to: Option<Function>,
    /// Money at risk above which a person must have signed in within the last ten minutes, in minor units.
    pub fresh_login_above: i64,
}

/// How many people sign from an amount on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Money at risk from which it holds, in minor units.
    pub from: i64,
    /// Different people who sign; 0 leaves the step out.
    pub people: u32,
}

/// A chain that would let something through unsigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// At some amount nobody signs.
    #[error("chain {version}: at {at} minor units at risk nobody signs: give every amount a step with people")]
    Unsigned {
        /// The chain.
        version: String,
        /// The amount.
        at: i64,
    },
    /// More money needs fewer people.
    #[error("chain {version}, step {step}: tiers must start at 0 and need no fewer people for more money")]
    Tiers {
        /// The chain.
        version: String,
        /// Number of the step, from 1.
        step: usize,
    },
    /// A step without time.
    #[error("chain {version}, step {step}: hours must be 1 or more")]
    Hours {
        /// The chain.
        version: String,
        /// Number of the step, from 1.
        step: usize,
    },
}

impl Chain {
    /// Checks that everything is signed by somebody and that more money never needs fewer people.
    ///
    /// # Errors
    /// [`ChainError`] for the first flaw.
    pub fn check(&self) -> Result<(), ChainError> {
        let version = || self.version.clone();
        for (step, number) in self.steps.iter().zip(1..) {
            let rising =
                step.tiers.windows(2).all(|pair| pair[0].from < pair[1].from && pair[0].people <= pair[1].people);
            if !rising || step.tiers.first().is_none_or(|tier| tier.from != 0) {
                return Err(ChainError::Tiers { version: version(), step: number });
            }
            if step.hours == 0 {
                return Err(ChainError::Hours { version: version(), step: number });
            }
        }
        if self.steps.iter().all(|step| step.people(0) == 0) {
            return Err(ChainError::Unsigned { version: version(), at: 0 });
        }
        Ok(())
    }
}

impl Step {
    /// Different people who sign for this much money at risk.
    pub fn people(&self, at_risk: i64) -> u32 {
        self.tiers.iter().filter(|tier| tier.from <= at_risk).map(|tier| tier.people).max().unwrap_or(0)
    }
}
