//! What keeps a supply plan from being made.

use endcap_model::{Period, Place, Sku};

/// Input that supply cannot be planned from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SupplyError {
    /// A setting outside its range.
    #[error("{field} is {found}: expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What it holds.
        found: f64,
        /// What would have been taken.
        expected: &'static str,
    },
    /// A term of an item outside its range.
    #[error("item {sku} at place {place}: {field} is {found}: expected {expected}")]
    Terms {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The term.
        field: &'static str,
        /// What it holds.
        found: f64,
        /// What would have been taken.
        expected: &'static str,
    },
    /// Fewer than 0 pieces on hand or under way.
    #[error(
        "item {sku} at place {place}: {what} is {found} pieces: expected 0 or more; count the shelf again or set it to 0"
    )]
    Negative {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// Stock or delivery.
        what: &'static str,
        /// The pieces.
        found: i64,
    },
    /// A delivery that should have arrived already.
    #[error(
        "item {sku} at place {place}: a delivery of {quantity} pieces arrives in period {arrives}, before the first period to plan \
         ({first}): add it to the stock on hand or give it a later period"
    )]
    PastDelivery {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// When it was to arrive, as the calendar writes it.
        arrives: String,
        /// First period of the plan, as the calendar writes it.
        first: String,
        /// Its pieces.
        quantity: i64,
    },
    /// The same item at the same place twice.
    #[error("item {sku} at place {place} is twice in the {table}: add the rows up or drop one")]
    Twice {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// Terms, stock or forecast.
        table: &'static str,
    },
    /// The same item twice.
    #[error("item {sku} is twice in the items: the first row is used; drop one")]
    TwiceItem {
        /// The item.
        sku: Sku,
    },
    /// A place with two warehouses.
    #[error("place {place} is fed twice: the first row is used; drop one")]
    FedTwice {
        /// The place.
        place: Place,
    },
    /// A feed without a usable lead time.
    #[error(
        "place {place}: the lead time from its warehouse is {found} periods: expected 1 to 1000; the place is not planned"
    )]
    FeedLeadTime {
        /// The place.
        place: Place,
        /// What it holds.
        found: i64,
    },
    /// A feed whose pack has no pieces.
    #[error(
        "place {place}: its warehouse ships packs of {found} pieces: expected 1 or more, or nothing; the place is not planned"
    )]
    FeedPack {
        /// The place.
        place: Place,
        /// What it holds.
        found: i64,
    },
    /// Places that feed each other.
    #[error("places feed each other in a circle ({way}): let one of them be fed by suppliers; none of them is planned")]
    FeedCycle {
        /// The places, each fed from the next.
        way: String,
    },
    /// A warehouse that is fed by a warehouse.
    #[error(
        "place {place} is fed over two warehouses ({way}): plan the upper warehouse by itself and drop its row here; the \
         place is not planned"
    )]
    ThirdEchelon {
        /// The place.
        place: Place,
        /// The places, each fed from the next.
        way: String,
    },
    /// A place that cannot be planned because of its feed.
    #[error("place {place} is not planned, because row {row} of the feeds cannot be used: correct it there")]
    Feed {
        /// The place.
        place: Place,
        /// Row of the feeds.
        row: usize,
    },
    /// An item whose warehouse does not list it.
    #[error(
        "item {sku} at place {place} comes from {warehouse}, whose stock of it is not in the stock table: add it there, 0 if \
         there is none"
    )]
    NoSource {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The warehouse.
        warehouse: Place,
    },
    /// An item at a place that one table knows and another does not.
    #[error("item {sku} at place {place} is in the {table} but not in the {missing}: add it there or drop it here")]
    Unknown {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// Where it is.
        table: &'static str,
        /// Where it is not.
        missing: &'static str,
    },
    /// A case or minimum order that never fits.
    #[error(
        "item {sku} at place {place}: the smallest order is {pieces} pieces, but only {room} fit on the shelf or dock in a \
         period: order smaller cases or give it more room"
    )]
    CaseTooLarge {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// Pieces of the smallest order.
        pieces: i64,
        /// Pieces that fit.
        room: i64,
    },
    /// An item that nobody is said to deliver, where suppliers differ.
    #[error(
        "item {sku} has no supplier: it is planned with the reliability stated for all; name its supplier in the items"
    )]
    NoSupplier {
        /// The item.
        sku: Sku,
    },
    /// A period without forecast.
    #[error(
        "item {sku} at place {place} has no forecast for period {period}: the forecast must cover every period of the horizon"
    )]
    Gap {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The period, as the calendar writes it.
        period: String,
    },
    /// A forecast that is no demand.
    #[error(
        "item {sku} at place {place}, period {period}: the forecast's {field} is {found}: expected a number of 0 or more"
    )]
    Forecast {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The period, as the calendar writes it.
        period: String,
        /// Mean or dispersion.
        field: &'static str,
        /// What it holds.
        found: f64,
    },
    /// Sales that are no count.
    #[error(
        "item {sku} at place {place}, period {period}: units sold are {found}: expected a number from 0 to 100 million"
    )]
    Sales {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The period, as the calendar writes it.
        period: String,
        /// The units.
        found: f64,
    },
    /// Nothing to plan.
    #[error("the forecast has no rows: nothing can be planned without expected demand")]
    Empty,
    /// Neither sales nor a forecast.
    #[error("there are no sales rows and no forecast: demand can be expected from neither")]
    NoSales,
    /// A forecast that ends before an order of today could arrive.
    #[error(
        "the forecast covers {horizon} periods, but an order placed now arrives only after {lead_time}: forecast at \
         least {lead_time} periods"
    )]
    Short {
        /// Periods of the forecast.
        horizon: usize,
        /// Lead time in periods.
        lead_time: usize,
    },
}

/// Where a cell stands, for errors.
pub(crate) fn at(sku: &Sku, place: &Place) -> (Sku, Place) {
    (sku.clone(), place.clone())
}

/// Checks that a setting lies in a range.
pub(crate) fn in_range(
    field: &'static str,
    found: f64,
    low: f64,
    high: f64,
    expected: &'static str,
) -> Result<(), SupplyError> {
    if (low..=high).contains(&found) { Ok(()) } else { Err(SupplyError::Setting { field, found, expected }) }
}

/// Returns the last period that counts as past when the plan begins with `first`.
pub(crate) fn before(first: Period) -> Period {
    first.plus(-1)
}
