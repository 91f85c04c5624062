//! Identifiers: newtypes over shared text, so that a bare string never stands for a SKU or a place.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String))]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as given; the source decides the form of its ids.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

id!(
    /// The retailer's own item number, at the level that is sold.
    Sku
);
id!(
    /// A store, a web shop or a warehouse; also a cluster of stores (a city) where offers are set for all of them.
    Place
);
id!(
    /// A set of items that substitute for each other.
    Group
);
id!(
    /// Where an offer is shown and sold: store, web, app.
    Channel
);
id!(
    /// Who delivers an item.
    Supplier
);
id!(
    /// Content hash of everything a plan was made from: snapshot, model, scenario, policy and code.
    PlanId
);
id!(
    /// Content hash of the facts of one data load.
    SnapshotId
);
