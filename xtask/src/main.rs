//! Chores of the repository: `cargo xtask test`, `cargo xtask torture`, and `cargo xtask bench` with its parts `plan`, `demand`, `supply`, `desk`,
//! `twin` and `loop`.

mod bench;
mod contract;
mod demand;
mod desk;
mod goals;
mod helper;
mod looped;
mod measure;
mod page;
mod plan;
mod programs;
mod store;
mod supply;
mod torture;
mod twin;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the repository")]
enum Chore {
    /// Run every test; fetch the browser and the other programs that tests need.
    Test,
    /// Measure the product on this machine and write docs/BENCHMARKS.md.
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        part: Option<Part>,
    },
    /// Check the API of the binary that was built last against its description; `test` does it too.
    Contract,
    /// Prove what is promised at long sizes and write docs/RELIABILITY.md.
    Torture(torture::Options),
}

#[derive(Subcommand)]
enum Part {
    /// Measure the optimiser on generated and public instances, check every plan, compare with public solvers.
    Plan(plan::Options),
    /// Measure effects and forecasts on worlds with known truth and on real panels, beside other models.
    Demand(demand::Options),
    /// Measure orders on a published inventory game, and the speed of projection and orders.
    Supply(supply::Options),
    /// Measure the desk under load: reads, sales sent over the API, memory, first page.
    Desk(desk::Options),
    /// Measure in simulated worlds whether planning promotions and supply in one loop pays.
    Twin(twin::Options),
    /// Measure the loop: offers changed in flight, learning, drift, analogues, the journal.
    Loop(looped::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    match Chore::parse() {
        Chore::Test => test()?,
        Chore::Contract => contract()?,
        Chore::Torture(options) => {
            return Ok(if torture::run(&options)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Chore::Bench { part: None } => bench::run()?,
        Chore::Bench { part: Some(Part::Plan(options)) } => return plan::run(options),
        Chore::Bench { part: Some(Part::Demand(options)) } => return demand::run(options),
        Chore::Bench { part: Some(Part::Supply(options)) } => return supply::run(options),
        Chore::Bench { part: Some(Part::Desk(options)) } => return desk::run(&options),
        Chore::Bench { part: Some(Part::Twin(options)) } => return twin::run(&options),
        Chore::Bench { part: Some(Part::Loop(options)) } => return looped::run(&options),
    }
    Ok(ExitCode::SUCCESS)
}

/// The workspace's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("Invariant: xtask lies in the workspace")
}

/// Every test, with the traces that are not built by default: one build serves all. A failure hides no other.
const TESTS: [&str; 6] = ["test", "--workspace", "--locked", "--no-fail-fast", "--features", "endcap/otel"];

fn test() -> anyhow::Result<()> {
    ensure_browser();
    let folder = built("channels")?;
    // What others wrote is fetched while ours is built.
    let programs = std::thread::scope(|scope| {
        let fetched = scope.spawn(|| programs::ensure_for_channels(&folder));
        run(Command::new(env!("CARGO")).args(TESTS).arg("--no-run"))?;
        anyhow::Ok(fetched.join().expect("Invariant: what is missing is told, not thrown"))
    })?;
    let mut tests = Command::new(env!("CARGO"));
    tests.args(TESTS).envs(programs.map(|folder| ("ENDCAP_PROGRAMS", folder)));
    run(&mut tests)?;
    // Both wait most of the time, for a browser and for answers.
    std::thread::scope(|scope| {
        let contract = scope.spawn(contract);
        let desk = desk();
        desk.and(contract.join().expect("Invariant: what fails is told, not thrown"))
    })
}

/// Builds the desk's pages anew, compares them with those that are stored, and drives the desk with a browser.
fn desk() -> anyhow::Result<()> {
    install("npm", "nodejs npm");
    if !found("npm") || !found("chromium") {
        eprintln!("SKIPPED: the desk's pages are neither built nor driven: that needs npm and Chromium");
        return Ok(());
    }
    let shots = built("desk")?;
    run(Command::new("sh").arg(root().join("crates/app/web/test.sh")).arg(built("endcap")?).arg(shots))
}

/// Checks the API against its description.
fn contract() -> anyhow::Result<()> {
    let work = built("contract")?;
    std::fs::create_dir_all(&work)?;
    contract::check(&built("endcap")?, &work)
}

/// What lies beside this program: the tests have built the others there.
fn built(name: &str) -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe().context("the folder of xtask is not known")?.with_file_name(name))
}

/// Installs Chromium where a Debian system lacks it; without it the browser tests say loudly that they were skipped.
fn ensure_browser() {
    install("chromium", "chromium");
}

/// Installs packages where a Debian system lacks a program.
fn install(program: &str, packages: &str) {
    if found(program) {
        return;
    }
    eprintln!("xtask: {program} is not installed; trying apt-get (needs root)");
    let install = format!("apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q {packages}");
    if let Err(error) = run(Command::new("sh").args(["-c", &install])) {
        eprintln!("xtask: no {program} ({error:#}): what needs it will be SKIPPED");
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
