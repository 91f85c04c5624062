//! Raw rows in, facts out, with every row that cannot be read set aside with its reason; and the readiness report.
//!
//! Never drops a row silently: rows read are rows loaded plus rows set aside plus duplicates, and [`Counts`] says so.
//! Never opens a file: arrays come in, canonical record batches go out.

mod column;
mod counts;
pub mod doubt;
mod error;
mod facts;
mod intake;
mod intern;
mod period;
mod prices;
mod readiness;
mod settle;
#[cfg(test)]
mod tests;
mod values;

pub use counts::Counts;
pub use error::IngestError;
pub use facts::{Loaded, schema};
pub use intake::{Intake, RawBatch, RawColumn, Rules};
pub use prices::{KnownPrices, complete_prices};
pub use readiness::{Readiness, ReadinessVerdict, readiness};
