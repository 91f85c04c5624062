//! Master data: what is sold and where, as the facts state it; what they leave out is `None`.

use crate::{Money, Place, Sku, Supplier};
use serde::{Deserialize, Serialize};

/// An item that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Item number.
    pub sku: Sku,
    /// Name shown to people.
    pub name: Option<String>,
    /// Items that substitute for each other.
    pub group: Option<String>,
    /// Quality or price tier.
    pub tier: Option<String>,
    /// Category that is managed together.
    pub category: Option<String>,
    /// List price of one piece.
    pub list_price: Option<Money>,
    /// Cost of one piece.
    pub unit_cost: Option<Money>,
    /// Pieces in a case.
    pub case_pack: Option<i64>,
    /// Fewest pieces in an order.
    pub minimum_order: Option<i64>,
    /// Periods until a piece can no longer be sold.
    pub shelf_life: Option<usize>,
    /// Who delivers it.
    pub supplier: Option<Supplier>,
    /// What it is a size of.
    pub size: Option<ItemSize>,
}

/// A size of a style.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemSize {
    /// The style.
    pub style: String,
    /// The size.
    pub size: String,
    /// Whether a place must have it to show the style.
    pub core: bool,
}

/// A place that sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceFact {
    /// The place.
    pub place: Place,
    /// Name shown to people.
    pub name: Option<String>,
    /// Places that are promoted together.
    pub region: Option<Place>,
    /// Store format: places of one format may answer to price alike.
    pub format: Option<String>,
}
