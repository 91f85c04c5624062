//! Everything outside: files, stored facts, journals and connectors.
//!
//! Never contains a business rule: what a row of facts must be is `endcap_ingest`'s to say, what a plan may do is
//! `endcap_govern`'s. Heavy libraries (the query engine, the database) are named here and nowhere else.

mod csv_rows;
mod error;
pub mod files;
mod source;
pub mod tables;

pub use error::AdapterError;
