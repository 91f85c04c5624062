//! One file per command.

pub mod account;
pub mod analogues;
pub mod analyse;
pub mod approve;
pub mod ask;
pub mod audit;
pub mod backtest;
pub mod backup;
pub mod check;
pub mod coefficients;
pub mod compact;
pub mod compare;
pub mod completions;
pub mod demo;
pub mod deploy;
pub mod diff;
pub mod drift;
pub mod earlier;
pub mod explain;
pub mod feeds;
pub mod fit;
pub mod flight;
pub mod forecast;
pub mod ground;
pub mod halt;
pub mod ingest;
pub mod init;
pub mod ladder;
pub mod lever;
pub mod lineage;
mod lineage_events;
pub mod models;
pub mod notices;
pub mod objectives;
pub mod overrides;
pub mod plan;
mod plan_rows;
pub mod policy;
pub mod quarantine;
pub mod reconcile;
pub mod replan;
pub mod replay;
pub mod revert;
pub mod rollout;
pub mod send;
pub mod serve;
pub mod solve;
pub mod stop;
pub mod supply;
pub mod test;
pub mod twin;
pub mod twin_panel;
pub mod twin_train;
pub mod update;
pub mod value;
pub mod veto;
pub mod watch;

/// Reads a number of threads.
pub fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| (1..=256).contains(threads));
    threads.ok_or_else(|| "expected 1 to 256 threads".to_owned())
}
