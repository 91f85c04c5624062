//! Everything outside: files, stored facts, journals and connectors.
//!
//! Never contains a business rule: what a row of facts must be is `endcap_ingest`'s to say, what a plan may do is
//! `endcap_govern`'s. Heavy libraries (the query engine, the database) are named here and nowhere else.

pub mod analogues;
pub mod artifacts;
pub mod backup;
pub mod channels;
pub mod conditions;
mod csv_rows;
pub mod database;
mod delivery;
pub mod desk;
mod error;
mod expressions;
mod fact_store;
pub mod facts;
pub mod feeds;
pub mod file_drop;
pub mod files;
pub mod goods;
pub mod imports;
pub mod instances;
pub mod journal;
pub mod ledger;
pub mod load;
mod lookup;
pub mod mlflow;
#[cfg(test)]
mod mutated;
pub mod notary;
pub mod notices;
mod panel;
pub mod presets;
pub mod project;
pub mod quarantine;
mod query;
pub mod recognise;
pub mod records;
pub mod sift;
mod snapshot;
pub mod source;
mod sql;
pub mod tables;

pub use error::AdapterError;
