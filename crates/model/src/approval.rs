//! Who has to sign: functions of a company, and the chain in which they do. Read from `[approval]` in `policy.toml`, so that
//! a policy's hash covers it.

use serde::{Deserialize, Serialize};

/// A function that signs plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Category management.
    Category,
    /// Finance.
    Finance,
    /// Supply.
    Supply,
    /// Law and compliance.
    Legal,
}

impl Function {
    /// The name in files and over the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Finance => "finance",
            Self::Supply => "supply",
            Self::Legal => "legal",
        }
    }
}

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Start values: one of category management signs everything, a second one and one of finance large sums; nobody in two
    /// days is a no.
    pub fn cautious() -> Self {
        let step = |function, tiers: &[(i64, u32)], fresh_login_above| Step {
            function,
            tiers: tiers.iter().map(|&(from, people)| Tier { from, people }).collect(),
            hours: 48,
            escalates_to: None,
            fresh_login_above,
        };
        Self {
            version: "1".into(),
            steps: vec![
                step(Function::Category, &[(0, 1), (2_000_000, 2)], 500_000),
                step(Function::Finance, &[(0, 0), (1_000_000, 1)], 0),
            ],
        }
    }

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

impl Chain {
    /// The longest that all of it can take, in hours.
    pub fn hours(&self) -> u32 {
        let of = |step: &Step| step.hours.saturating_mul(if step.escalates_to.is_some() { 2 } else { 1 });
        self.steps.iter().map(of).fold(0, u32::saturating_add)
    }
}

impl Step {
    /// Different people who sign for this much money at risk.
    pub fn people(&self, at_risk: i64) -> u32 {
        self.tiers.iter().filter(|tier| tier.from <= at_risk).map(|tier| tier.people).max().unwrap_or(0)
    }
}
