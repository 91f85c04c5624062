//! What the twin cannot read or will not do.

use endcap_model::{Place, Sku};

/// A world that cannot be built, or an action that the world refuses; the world is then unchanged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TwinError {
    /// There is nothing to simulate.
    #[error("the world has no cells: expected at least one item at one place with demand")]
    NoCells,
    /// The horizon is empty.
    #[error("the world has no periods: expected a horizon of 1 or more")]
    NoPeriods,
    /// Two cells for the same item and place.
    #[error("{sku} at {place} is given twice: keep one")]
    DoubledCell {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
    },
    /// A number outside what the world can run with.
    #[error("{sku} at {place}: {field} is {found}: expected {expected}")]
    Cell {
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// The field.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What would have been taken.
        expected: &'static str,
    },
    /// A setting outside its range.
    #[error("{field} is {found}: expected {expected}")]
    Setting {
        /// The field, with its table.
        field: String,
        /// What it holds.
        found: String,
        /// What would have been taken.
        expected: &'static str,
    },
    /// A shock is to be switched on that the scenario does not have.
    #[error("the scenario has no [[shock]] named '{found}': expected {}", one_of(.known))]
    UnknownShock {
        /// The name.
        found: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// An action names an item that nothing in the world sells.
    #[error("{action} names item {sku}, which the world does not sell: use an item of the world")]
    UnknownSku {
        /// Offer, order or transfer.
        action: &'static str,
        /// The item.
        sku: Sku,
    },
    /// An action names a known item at a place (store or region) that does not sell it.
    #[error("{action} names {sku} at {place}, where it is not sold: use a store or region that sells it")]
    UnknownPlace {
        /// Offer, order or transfer.
        action: &'static str,
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
    },
    /// An order or transfer of no or negative pieces.
    #[error("{action} of {sku} at {place} is for {found} pieces: expected 1 or more")]
    Quantity {
        /// Order or transfer.
        action: &'static str,
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// Its pieces.
        found: i64,
    },
    /// An order or transfer for another moment than now.
    #[error(
        "{action} of {sku} at {place} is for period {found}, but now is the end of period {expected}: send it then"
    )]
    Moment {
        /// Order or transfer.
        action: &'static str,
        /// The item.
        sku: Sku,
        /// The place.
        place: Place,
        /// Period that it names, as the calendar writes it.
        found: String,
        /// Period that has just ended.
        expected: String,
    },
    /// The world has run its horizon.
    #[error("the world has run all its periods: start a new one")]
    Over,
    /// The run was given no policy.
    #[error("there is no policy to try: expected at least one")]
    NoPolicies,
    /// Two policies with the same name could not be told apart.
    #[error("two policies are called {0}: give each its own name")]
    DoubledPolicy(String),
}

fn one_of(names: &[String]) -> String {
    if names.is_empty() {
        return "a scenario with shocks".to_owned();
    }
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" or ")
}
