//! Intents: one thing that somebody or something wants to send to one channel, with everything it was decided on.

use crate::law::Shown;
use crate::stop::Scope;
use endcap_model::{Channel, ContentHash, Currency, Place, Sku, SnapshotId, Supplier, hash_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing to send. Money is in whole minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// What is to happen.
    pub action: Action,
    /// The item.
    pub sku: Sku,
    /// Its category.
    pub category: String,
    /// The store, or the warehouse that an order or a transfer goes to.
    pub place: Place,
    /// The channel that is to carry it out.
    pub channel: Channel,
    /// Whose business it is.
    pub tenant: String,
    /// The agent or person that wants it.
    pub agent: String,
    /// Currency of every amount in it.
    pub currency: Currency,
    /// From when it holds.
    pub from: Timestamp,
    /// Until when, excluded; open when absent.
    pub until: Option<Timestamp>,
    /// Grows with every effect on the same item, place and channel.
    pub generation: u64,
    /// Epoch of the stop when it was decided.
    pub epoch: u64,
    /// Hash of the limits that it was decided under.
    pub limits: ContentHash,
    /// What it was decided on.
    pub inputs: Inputs,
    /// What shoppers are shown beside the price.
    #[serde(default)]
    pub shown: Shown,
}

/// What an intent does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Set the price without an end.
    SetPrice {
        /// New price per piece.
        price: i64,
    },
    /// Begin an offer.
    StartOffer {
        /// Name of the offer, or of the roll-out that it belongs to.
        offer: String,
        /// Price per piece during it.
        price: i64,
    },
    /// Change an offer that runs.
    ChangeOffer {
        /// Name of the offer.
        offer: String,
        /// Price per piece from now on.
        price: i64,
    },
    /// End an offer: back to the base price that people approved last.
    EndOffer {
        /// Name of the offer.
        offer: String,
        /// That base price.
        price: i64,
    },
    /// Order from a supplier.
    Order {
        /// Who delivers.
        supplier: Supplier,
        /// Pieces.
        pieces: i64,
        /// The supplier's price per piece.
        unit_cost: i64,
    },
    /// Move stock between places.
    Transfer {
        /// Where it lies.
        origin: Place,
        /// Pieces.
        pieces: i64,
    },
}

/// Where the numbers behind an intent come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Snapshot of the facts.
    pub snapshot: SnapshotId,
    /// When the newest of them were known.
    pub known_at: Timestamp,
    /// Whether any of them stood in quarantine.
    pub quarantined: bool,
    /// Whether data about a person shaped it.
    pub personal_data: bool,
}

impl Action {
    /// The name in files and policies.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SetPrice { .. } => "set_price",
            Self::StartOffer { .. } => "start_offer",
            Self::ChangeOffer { .. } => "change_offer",
            Self::EndOffer { .. } => "end_offer",
            Self::Order { .. } => "order",
            Self::Transfer { .. } => "transfer",
        }
    }

    /// The price that shoppers would pay, where it sets one.
    pub fn price(&self) -> Option<i64> {
        match self {
            Self::SetPrice { price }
            | Self::StartOffer { price, .. }
            | Self::ChangeOffer { price, .. }
            | Self::EndOffer { price, .. } => Some(*price),
            Self::Order { .. } | Self::Transfer { .. } => None,
        }
    }

    /// The price, where it is a new one and not the way back to the base price.
    pub fn new_price(&self) -> Option<i64> {
        if self.only_reverts() { None } else { self.price() }
    }

    /// Whether it only restores what people approved; a stop lets it through and no limit on pace holds it up.
    pub fn only_reverts(&self) -> bool {
        matches!(self, Self::EndOffer { .. })
    }

    /// The offer that it is about.
    pub fn offer(&self) -> Option<&str> {
        match self {
            Self::StartOffer { offer, .. } | Self::ChangeOffer { offer, .. } | Self::EndOffer { offer, .. } => {
                Some(offer)
            }
            Self::SetPrice { .. } | Self::Order { .. } | Self::Transfer { .. } => None,
        }
    }

    /// Pieces that it orders or moves.
    pub fn pieces(&self) -> Option<i64> {
        match self {
            Self::Order { pieces, .. } | Self::Transfer { pieces, .. } => Some(*pieces),
            _ => None,
        }
    }
}

impl Intent {
    /// The key that its effect carries: the same content has the same key at any time and on any machine.
    pub fn key(&self) -> ContentHash {
        hash_json(self)
    }

    /// Whether two do the same to the same, whatever they were decided on: the second is a double.
    pub fn does_the_same_as(&self, other: &Self) -> bool {
        let span = (self.from, self.until) == (other.from, other.until);
        let shelf = (&self.sku, &self.place, &self.channel) == (&other.sku, &other.place, &other.channel);
        shelf && span && self.action == other.action
    }

    /// The scopes of the stop that it falls under.
    pub fn scopes(&self) -> [Scope; 5] {
        [
            Scope::Global,
            Scope::Tenant(self.tenant.clone()),
            Scope::Category(self.category.clone()),
            Scope::Channel(self.channel.clone()),
            Scope::Agent(self.agent.clone()),
        ]
    }

    /// What a person reads in a refusal.
    pub fn describe(&self) -> String {
        format!("{} of {} at {} in {}", self.action.name().replace('_', " "), self.sku, self.place, self.channel)
    }
}
