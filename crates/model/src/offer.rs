//! Offers: what is promoted where, when, how deep and with what support.

use crate::{Depth, Place, Sku, Span};
use serde::{Deserialize, Serialize};

/// How a promotion works at the till.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mechanic {
    /// Temporary price reduction: a share off the list price.
    Tpr,
}

impl Mechanic {
    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tpr => "tpr",
        }
    }
}

/// What is done beside the price, recorded apart from depth so that the lifts can be told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Support {
    /// Advertised: circular, web page, promotion activity.
    pub feature: bool,
    /// On a display: endcap, secondary location.
    pub display: bool,
}

/// One promotion of one SKU at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Offer {
    /// The item.
    pub sku: Sku,
    /// A store, or a region whose stores all run it.
    pub place: Place,
    /// When it runs, half-open.
    pub span: Span,
    /// How it works at the till.
    pub mechanic: Mechanic,
    /// Share of the list price taken off.
    pub depth: Depth,
    /// What is done beside the price.
    pub support: Support,
}

impl PartialOrd for Span {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Span {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.start, self.end).cmp(&(other.start, other.end))
    }
}
