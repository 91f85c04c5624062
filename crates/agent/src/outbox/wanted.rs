//! What a channel is to hold for a subject, in words that all channels share: what was sent and what is read back compare
//! by it.

use super::{Message, Promises};
use endcap_govern::gate::{Action, Intent};
use endcap_model::{ContentHash, Currency, Money, Place, Sku, Supplier, canonical_json, hash_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a channel is to hold. Money is in whole minor units.
///
/// A channel that cannot express a part (a shelf label knows no end) takes that part as given when it is read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Wanted {
    /// A price.
    Price {
        /// The item.
        sku: Sku,
        /// Where.
        place: Place,
        /// Per piece.
        price: i64,
        /// Its currency.
        currency: Currency,
        /// From when.
        from: Timestamp,
        /// Until when, excluded; open when absent.
        until: Option<Timestamp>,
    },
    /// A purchase order.
    Order {
        /// Who delivers.
        supplier: Supplier,
        /// The item.
        sku: Sku,
        /// To where.
        place: Place,
        /// How many.
        pieces: i64,
        /// The supplier's price per piece.
        unit_cost: i64,
        /// Its currency.
        currency: Currency,
    },
    /// A transfer.
    Transfer {
        /// The item.
        sku: Sku,
        /// From where.
        origin: Place,
        /// To where.
        place: Place,
        /// How many.
        pieces: i64,
    },
}

impl Wanted {
    /// What an intent wants its channel to hold.
    pub fn of(intent: &Intent) -> Self {
        let (sku, place, currency) = (intent.sku.clone(), intent.place.clone(), intent.currency);
        match intent.action.clone() {
            Action::SetPrice { price }
            | Action::StartOffer { price, .. }
            | Action::ChangeOffer { price, .. }
            | Action::EndOffer { price, .. } => {
                Self::Price { sku, place, price, currency, from: intent.from, until: intent.until }
            }
            Action::Order { supplier, pieces, unit_cost } => {
                Self::Order { supplier, sku, place, pieces, unit_cost, currency }
            }
            Action::Transfer { origin, pieces } => Self::Transfer { sku, origin, place, pieces },
        }
    }

    /// The item and the place that it is about.
    pub fn shelf(&self) -> (&Sku, &Place) {
        match self {
            Self::Price { sku, place, .. } | Self::Order { sku, place, .. } | Self::Transfer { sku, place, .. } => {
                (sku, place)
            }
        }
    }

    /// What a person reads, without item and place.
    pub fn describe(&self) -> String {
        let money = |minor: &i64, currency: &Currency| Money::new(*minor, *currency).to_string();
        match self {
            Self::Price { price, currency, from, until, .. } => {
                let until = until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
                format!("{} from {from:.0}{until}", money(price, currency))
            }
            Self::Order { supplier, pieces, unit_cost, currency, .. } => {
                format!("{pieces} pieces from {supplier} at {} each", money(unit_cost, currency))
            }
            Self::Transfer { origin, pieces, .. } => format!("{pieces} pieces from {origin}"),
        }
    }

    /// Names it.
    pub fn hash(&self) -> ContentHash {
        hash_json(self)
    }
}

impl Message {
    /// The message that carries an intent about a subject.
    pub fn about(intent: &Intent, subject: String) -> Self {
        let (channel, generation) = (intent.channel.clone(), intent.generation);
        Self { channel, subject, generation, content: Wanted::of(intent).hash() }
    }

    /// The message that carries an intent to a channel with these promises.
    pub fn of(intent: &Intent, promises: &Promises) -> Self {
        Self::about(intent, subject(intent, promises))
    }
}

/// What an intent changes: an offer where the channel keeps offers with their times, else the price of an item; an order
/// or a transfer is a subject of its own.
pub(super) fn subject(intent: &Intent, promises: &Promises) -> String {
    let (sku, place, from) = (&intent.sku, &intent.place, intent.from);
    match &intent.action {
        Action::StartOffer { offer, .. } | Action::ChangeOffer { offer, .. } | Action::EndOffer { offer, .. }
            if promises.keeps_time =>
        {
            canonical_json(&("offer", place, sku, offer))
        }
        Action::Order { supplier, .. } => canonical_json(&("order", supplier, place, sku, from)),
        Action::Transfer { origin, .. } => canonical_json(&("transfer", origin, place, sku, from)),
        _ => canonical_json(&("price", place, sku)),
    }
}
