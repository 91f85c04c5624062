//! An edit: what is to be used in place of an estimate, by whom, why and until when.

use endcap_model::{EffectKind, Group, Response, Sku};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Largest effect that is taken for meant: beyond it a decimal point is missing.
const EFFECT_MAX: f64 = 10.0;

/// What an edit is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One item.
    Sku(Sku),
    /// Every item of a group, also those that join it.
    Group(Group),
}

/// An edit as its author proposes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Effect that is edited.
    pub effect: EffectKind,
    /// Items that it is edited for.
    pub target: Target,
    /// Value to use.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub lo95: f64,
    /// Upper end of its 95 % interval.
    pub hi95: f64,
    /// Why the author knows better.
    pub reason: String,
    /// Who proposes it.
    pub author: String,
    /// Day on which it was proposed.
    pub made: Date,
    /// First day on which it is no longer used.
    pub expires: Date,
    /// Version of the model that the author saw.
    pub version: String,
}

/// An edit with its number in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// Number, 1 the first.
    pub id: u32,
    /// What was proposed.
    #[serde(flatten)]
    pub draft: Draft,
}

/// An edit, approval or end that the store does not take.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum EditRefusal {
    /// No item of the model is meant.
    #[error("{target} is not in the model: name an item or a group that it lists")]
    NoSuchItem {
        /// What was named.
        target: Target,
    },
    /// A text that must not be empty.
    #[error("{what} is missing: an edit needs a reason and the names of those who answer for it")]
    Blank {
        /// What is missing.
        what: String,
    },
    /// A value or interval that cannot be meant.
    #[error("{value} with the interval {lo95} to {hi95} cannot be used: expected {expected}")]
    Value {
        /// The value.
        value: f64,
        /// Lower end.
        lo95: f64,
        /// Upper end.
        hi95: f64,
        /// What would have been taken.
        expected: String,
    },
    /// An end that is not after the beginning.
    #[error("the edit would end on {expires}, on or before {made}: give a later day")]
    Dates {
        /// Day of the edit.
        made: Date,
        /// Its end.
        expires: Date,
    },
    /// Another open edit covers the same effect of the same item.
    #[error(
        "edit {id} by {author} sets {} of {sku} to {value} until {expires}: end it first, or wait until it expires",
        effect.name()
    )]
    Overlaps {
        /// The other edit.
        id: u32,
        /// Its author.
        author: String,
        /// Effect of both.
        effect: EffectKind,
        /// First item that both cover.
        sku: Sku,
        /// Value that the other sets.
        value: f64,
        /// When the other ends.
        expires: Date,
    },
    /// No edit of this number.
    #[error("there is no edit {id}: see the list of edits")]
    NoSuchEdit {
        /// The number.
        id: u32,
    },
    /// The author approves the own edit.
    #[error("{by} proposed edit {id} and cannot approve it: somebody else must")]
    OwnEdit {
        /// The edit.
        id: u32,
        /// The author.
        by: String,
    },
    /// An edit in the wrong state.
    #[error("edit {id} is {state}: {expected}")]
    State {
        /// The edit.
        id: u32,
        /// Its state, in words.
        state: String,
        /// What would have been possible.
        expected: String,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sku(sku) => write!(f, "item {sku}"),
            Self::Group(group) => write!(f, "group {group}"),
        }
    }
}

impl Target {
    /// Returns whether an item is meant.
    pub fn covers(&self, response: &Response) -> bool {
        match self {
            Self::Sku(sku) => response.sku == *sku,
            Self::Group(group) => response.group == *group,
        }
    }
}

impl Draft {
    /// Checks everything that can be checked without the model and the other edits.
    pub(crate) fn check(&self) -> Result<(), EditRefusal> {
        for (what, text) in [("the reason", &self.reason), ("the author", &self.author)] {
            named(what, text)?;
        }
        if self.expires <= self.made {
            return Err(EditRefusal::Dates { made: self.made, expires: self.expires });
        }
        let ordered = self.lo95 <= self.value && self.value <= self.hi95 && self.lo95 < self.hi95;
        if !ordered || self.lo95.abs().max(self.hi95.abs()) > EFFECT_MAX {
            return Err(self.bad_value(&format!("lower end, value, upper end in this order, within {EFFECT_MAX} of 0")));
        }
        if self.effect == EffectKind::OwnPrice && self.value >= 0.0 {
            return Err(self.bad_value("a value below 0, for a price cut sells more"));
        }
        Ok(())
    }

    fn bad_value(&self, expected: &str) -> EditRefusal {
        let Self { value, lo95, hi95, .. } = *self;
        EditRefusal::Value { value, lo95, hi95, expected: expected.to_owned() }
    }

    /// Standard error that the interval stands for.
    pub(crate) fn se(&self) -> f64 {
        (self.hi95 - self.lo95) / (2.0 * 1.959_964)
    }
}

/// Refuses a text of nothing but spaces.
pub(crate) fn named(what: &str, text: &str) -> Result<(), EditRefusal> {
    if text.trim().is_empty() { Err(EditRefusal::Blank { what: what.to_owned() }) } else { Ok(()) }
}

/// Returns whether two names are those of one person.
pub(crate) fn same_person(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}
