//! How things stand when an intent is checked, from sources that the planner has no hand in.
//!
//! Whatever is not known is `None`, and whatever needs it refuses.

use crate::law::Market;
use crate::stop::{Lease, Stops};
use endcap_model::Currency;
use jiff::Timestamp;

/// Everything that a check looks at beside the intent, the limits and what was sent.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The present time.
    pub now: Timestamp,
    /// Stops in force, where database and file could both be read.
    pub stops: Option<Stops>,
    /// The sender's lease.
    pub lease: Option<Lease>,
    /// Currency in which the place sells.
    pub currency: Option<Currency>,
    /// The item at its place and channel.
    pub shelf: Shelf,
    /// The business as a whole.
    pub business: Business,
    /// What is known of supply.
    pub supply: Supply,
    /// Law and past prices of the market that the place belongs to.
    pub market: Option<Market>,
    /// What the guardrail of this offer says of the place.
    pub guardrail: Guardrail,
    /// Until when a person may veto it, where one may.
    pub veto_until: Option<Timestamp>,
    /// Whether a person approved exactly this intent or the plan that it belongs to.
    pub approved_by_a_person: bool,
    /// What the policies on who may do what said.
    pub permit: Option<Permit>,
}

/// An item at a place and channel; money in minor units per piece.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// Base price that people approved last.
    pub base_price: Option<i64>,
    /// Price that the channel confirmed last.
    pub confirmed_price: Option<i64>,
    /// Lowest price that people allow.
    pub floor: Option<i64>,
    /// Highest price that people allow.
    pub ceiling: Option<i64>,
    /// Unit cost.
    pub unit_cost: Option<i64>,
    /// Pieces expected to sell per day, by the last good forecast.
    pub pieces_per_day: Option<i64>,
    /// Generation of the last effect that was sent.
    pub generation: u64,
    /// Whether rows about it stand in quarantine.
    pub quarantined: bool,
}

/// The business as a whole.
#[derive(Clone, Debug, Default)]
pub struct Business {
    /// Items that it sells.
    pub skus: Option<i64>,
    /// Places that it sells at.
    pub places: Option<i64>,
    /// Revenue expected per day.
    pub revenue_per_day: Option<i64>,
}

/// What is known of supply of the item at the place.
#[derive(Clone, Debug, Default)]
pub struct Supply {
    /// Pieces that the forecast needs over the time an order has to cover, less what is there or under way.
    pub cover_pieces: Option<i64>,
    /// How far that forecast moved since the one before, in hundredths of a median absolute deviation.
    pub forecast_change_hundredths: Option<i64>,
    /// Pieces that the origin of a transfer can give.
    pub transferable_pieces: Option<i64>,
}

/// What the guardrail of an offer says of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Guardrail {
    /// Nothing yet: it was not read.
    #[default]
    Unread,
    /// It was read, and is clear.
    Clear,
    /// The place may not have the offer, and why.
    Closed(String),
}

/// An answer of the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Allowed.
    Allowed,
    /// Not allowed, and why.
    Denied(String),
}
