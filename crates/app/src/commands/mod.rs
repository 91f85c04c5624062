//! One file per command.

pub mod backtest;
pub mod check;
pub mod completions;
pub mod demo;
pub mod diff;
pub mod explain;
pub mod fit;
pub mod forecast;
pub mod ingest;
pub mod init;
pub mod plan;
pub mod solve;
pub mod supply;
pub mod twin;
