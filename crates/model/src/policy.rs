//! Policy: the limits that people set, and what was decided under them.

use crate::scenario::in_range;
use crate::{Chain, ContentHash, GateLimits, RiseRule, RolloutRules, ScenarioError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far the machine may go by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Does nothing.
    Halted,
    /// Shows what it would do.
    Advise,
    /// Proposes; a person sends.
    Propose,
    /// Acts after a time in which a person may stop it.
    ActWithVeto,
    /// Acts inside the limits and reports.
    Act,
}

/// Limits on what a plan may do, read from `policy.toml`. A limit that is missing is an error, never a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Version that people give it.
    pub version: String,
    /// How far the machine may go by itself.
    pub autonomy: Autonomy,
    /// Deepest price cut, as a share of the list price.
    pub depth_max: f64,
    /// Least margin after discount, as a share of the paid price.
    pub margin_rate_min: f64,
    /// Most money given away over the plan, in major units.
    pub spend_max: f64,
    /// Largest probability that a promoted item runs out in a period, as the mean over the promoted cells.
    pub stockout_probability_max: f64,
    /// Largest share of the item-places that is promoted in any one period.
    pub promoted_share_max: f64,
    /// Worst outcome in the twin that is acceptable, in major units against no promotion: the 5 % tail over seeds.
    pub tail_value_min: f64,
    /// Money given away above which a named person must sign, in major units.
    pub person_above: f64,
    /// Whether a planner's override of a forecast is used only once somebody else has approved it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overrides_need_approval: bool,
    /// Limits on each single thing that leaves the house; without them nothing is sent to channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateLimits>,
    /// What is needed to let the machine go further by itself (`endcap ladder raise`); without a rule it does not rise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rise: Vec<RiseRule>,
    /// Who signs a plan that needs a person. Without it nobody can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Chain>,
    /// How an offer reaches the stores in stages; the start values of [`RolloutRules`] where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutRules>,
    /// Minutes for which a decision waits on the rung *act with veto*; [`VETO_MINUTES`] where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub veto_minutes: Option<u32>,
}

/// Minutes in which a person may veto what the machine decided, where policy says no other.
pub const VETO_MINUTES: u32 = 240;

impl Policy {
    /// Checks every limit's range.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first limit outside its range.
    pub fn check(&self) -> Result<(), ScenarioError> {
        for (field, share) in [
            ("depth_max", self.depth_max),
            ("margin_rate_min", self.margin_rate_min),
            ("stockout_probability_max", self.stockout_probability_max),
            ("promoted_share_max", self.promoted_share_max),
        ] {
            in_range(field, share, 0.0, 1.0, "a share from 0 to 1")?;
        }
        in_range("spend_max", self.spend_max, 0.0, 1e12, "an amount from 0 to 1e12")?;
        in_range("person_above", self.person_above, 0.0, 1e12, "an amount from 0 to 1e12")?;
        in_range("tail_value_min", self.tail_value_min, -1e12, 1e12, "an amount from -1e12 to 1e12")?;
        RiseRule::check(&self.rise)?;
        self.rollout.as_ref().map_or(Ok(()), RolloutRules::check)?;
        if self.veto_minutes == Some(0) {
            return Err(ScenarioError { field: "veto_minutes", found: "0".into(), expected: "1 minute or more" });
        }
        self.approval.as_ref().map_or(Ok(()), Chain::check).map_err(|flaw| ScenarioError {
            field: "approval",
            found: flaw.to_string(),
            expected: "a chain in which every amount is signed by somebody",
        })?;
        self.gate.as_ref().map_or(Ok(()), GateLimits::check)
    }
}

/// One limit that a plan breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// Name of the limit in the policy.
    pub limit: String,
    /// What the plan would do.
    pub found: String,
    /// What the policy allows.
    pub allowed: String,
    /// Where: the offer, item or period, or `plan`.
    pub at: String,
}

/// What policy says of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// May go ahead without a person.
    Approved,
    /// May go ahead once a named person signs; the reasons say why.
    NeedsPerson {
        /// Why a person is asked.
        reasons: Vec<String>,
    },
    /// May not go ahead.
    Refused {
        /// The limits that it breaks.
        breaches: Vec<Breach>,
    },
}

/// A named person's signature under exactly one content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    /// Who signs.
    pub person: String,
    /// Hash of what is signed.
    pub content: ContentHash,
    /// Hash of the policy it was judged under.
    pub policy: ContentHash,
}

/// A verdict with what it was given on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Hash of what was judged.
    pub content: ContentHash,
    /// Hash of the policy.
    pub policy: ContentHash,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Who signed, where a person had to.
    pub signed: Option<SignOff>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at {}, allowed {}", self.limit, self.found, self.at, self.allowed)
    }
}
