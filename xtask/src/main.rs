//! Chores of the repository: `cargo xtask test`, and `cargo xtask bench` with its parts `plan`, `demand` and `supply`.

mod bench;
mod demand;
mod helper;
mod measure;
mod page;
mod plan;
mod store;
mod supply;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use std::path::Path;
use std::process::{Command, ExitCode};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the repository")]
enum Chore {
    /// Run every test; fetch the browser that the report's test needs.
    Test,
    /// Measure the product on this machine and write docs/BENCHMARKS.md.
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        part: Option<Part>,
    },
}

#[derive(Subcommand)]
enum Part {
    /// Measure the optimiser on generated and public instances, check every plan, compare with public solvers.
    Plan(plan::Options),
    /// Measure effects and forecasts on worlds with known truth and on real panels, beside other models.
    Demand(demand::Options),
    /// Measure orders on a published inventory game, and the speed of projection and orders.
    Supply(supply::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    match Chore::parse() {
        Chore::Test => test()?,
        Chore::Bench { part: None } => bench::run()?,
        Chore::Bench { part: Some(Part::Plan(options)) } => return plan::run(options),
        Chore::Bench { part: Some(Part::Demand(options)) } => return demand::run(options),
        Chore::Bench { part: Some(Part::Supply(options)) } => return supply::run(options),
    }
    Ok(ExitCode::SUCCESS)
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("Invariant: xtask lies in the workspace")
}

fn test() -> anyhow::Result<()> {
    ensure_browser();
    run(Command::new(env!("CARGO")).args(["test", "--workspace", "--locked"]))
}

/// Installs Chromium where a Debian system lacks it; without it the browser test says loudly that it was skipped.
fn ensure_browser() {
    if found("chromium") {
        return;
    }
    eprintln!("xtask: Chromium is not installed; trying apt-get (needs root)");
    let install = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium";
    if let Err(error) = run(Command::new("sh").args(["-c", install])) {
        eprintln!("xtask: no browser ({error:#}): the browser test will be SKIPPED");
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} could not be started"))?;
    if !status.success() {
        bail!("{command:?} failed with {status}");
    }
    Ok(())
}
