//! Registry: how a model came to be, how it did, and which one the loop uses.

use crate::{AsOf, Calendar, ContentHash, SnapshotId, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is kept of a model when it is made: enough to make it again, and to tell whether it may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// Hash of the model, which names its file.
    pub model: ContentHash,
    /// What made it: the loop, or a command.
    pub made_by: String,
    /// Facts that it was fitted to.
    pub snapshot: Option<SnapshotId>,
    /// Fingerprint of the sales, prices and support that it was fitted to.
    pub data: ContentHash,
    /// When those facts were known.
    pub as_of: Option<AsOf>,
    /// Calendar of its history.
    pub calendar: Calendar,
    /// Its history.
    pub span: Span,
    /// Version of the code that fitted it.
    pub code_version: String,
    /// Seed of whatever was random.
    pub seed: u64,
    /// The champion when it was made; nothing for the first model.
    pub parent: Option<ContentHash>,
    /// Figures by name: of the backtest and of the held-out end of the history.
    pub metrics: BTreeMap<String, f64>,
    /// What is wrong with its effects as numbers; empty where they are sane.
    pub unsound: Vec<String>,
}

/// What the gate says of a challenger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Succession {
    /// It becomes the champion.
    Passed,
    /// It goes on in shadow: there is too little evidence.
    Waits,
    /// It never becomes the champion by the gate.
    Refused,
}

/// How much less a challenger errs than the champion, as a share of the champion's error, with an interval that holds at
/// all looks together; ends are infinite where too little is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// Mean over blocks of periods.
    pub mean: f64,
    /// Lower end; nothing where it is not known.
    pub low: Option<f64>,
    /// Upper end; nothing where it is not known.
    pub high: Option<f64>,
    /// Blocks of periods that it rests on.
    pub blocks: usize,
}

/// What the gate found at one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contested {
    /// The challenger.
    pub challenger: ContentHash,
    /// The champion that it was set beside; nothing for the first model of a project.
    pub champion: Option<ContentHash>,
    /// Facts that both forecast.
    pub snapshot: SnapshotId,
    /// What follows.
    pub ruling: Succession,
    /// Why.
    pub reasons: Vec<String>,
    /// Gain on all cells; nothing without a champion or before there is anything to compare.
    pub all: Option<Gain>,
    /// Gain on promoted cells alone.
    pub promoted: Option<Gain>,
    /// Bias of champion and challenger: sum of errors over sum of units, above 0 forecasts too much.
    pub bias: Option<[f64; 2]>,
    /// Hash of the comparison by block of periods, which names its file.
    pub contest: Option<ContentHash>,
}

/// Why the loop asks for another fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefitCause {
    /// So many periods have passed since the last one.
    Schedule,
    /// Forecasts err beyond what was usual, and beyond chance.
    Error,
    /// Sales have left the range that the model knew.
    Regime,
    /// The facts that the model was fitted to have been corrected since.
    Corrected,
}

/// What the loop found when new facts had landed: does the champion still hold?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// The facts.
    pub snapshot: SnapshotId,
    /// The champion that they were set beside.
    pub champion: ContentHash,
    /// Periods since its history.
    pub periods: usize,
    /// Judgement: `steady`, `watch` or `drifted`.
    pub verdict: String,
    /// Units sold over units expected, over the same ratio as it used to be: value, lower and upper end.
    pub shift: Option<[Option<f64>; 3]>,
    /// Sales above what was expected, in minor units: value, lower and upper end. Nothing where prices are no money.
    pub money: Option<[Option<f64>; 3]>,
    /// Inputs that are no longer what they were.
    pub inputs: Vec<String>,
    /// Why another fit is asked for; nothing where it is not.
    pub refit: Option<RefitCause>,
    /// The same in words.
    pub told: String,
}

/// A change of champion that a person ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointed {
    /// The champion from now on.
    pub model: ContentHash,
    /// The one until now.
    pub former: Option<ContentHash>,
    /// The person.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Whether it was champion before.
    pub back: bool,
}

impl Succession {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Waits => "waits",
            Self::Refused => "refused",
        }
    }
}

impl RefitCause {
    /// The words for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "by schedule",
            Self::Error => "because forecasts err",
            Self::Regime => "because sales left the range that the model knew",
            Self::Corrected => "because the facts behind the model were corrected",
        }
    }
}
