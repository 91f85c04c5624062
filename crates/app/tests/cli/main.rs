//! The `endcap` command as its users meet it: real runs on real files, a real browser, bad input.

mod acting;
mod analysis;
mod approve;
mod ask;
mod audit;
mod authority;
mod bad_input;
mod browser;
mod collapse;
mod commands;
mod compare;
mod demo;
mod desk;
mod drift;
mod erasure;
mod experiments;
mod explain;
mod flight;
mod forecast;
#[cfg(unix)]
mod inputs;
mod judgement;
mod known_truth;
mod lineage;
mod looked;
mod models;
mod objectives;
mod operations;
mod replan;
#[allow(dead_code, reason = "tests of adapters use more of it")]
#[path = "../../../adapters/tests/support/server.rs"]
mod server;
mod shop;
mod staging;
mod stop;
mod supply_input;
#[cfg(feature = "otel")]
mod traces;
mod twin;
mod update;
mod watch;

use assert_cmd::Command;

/// The binary under test.
fn endcap() -> Command {
    Command::new(env!("CARGO_BIN_EXE_endcap"))
}

/// What a run printed to standard output, and its exit status.
fn run(arguments: &[&str]) -> (String, String, i32) {
    let output = endcap().args(arguments).output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code().expect("the run ends by itself"))
}
