//! `cargo xtask bench plan`: the optimiser's benchmark. Solves generated and public instances with `endcap solve`, checks
//! every plan with a program that is not ours, holds every bound against every plan known, runs public solvers beside
//! it where asked, keeps the results under `bench/results` by commit and writes the optimiser's section of
//! docs/BENCHMARKS.md.
//!
//! It never trusts what the solver says of its own plan, and never lets a failed check pass with status 0.

mod cases;
mod instance;
mod ledger;
mod peers;
mod promotion;
mod public;
mod replan;
mod solver;
mod table;
mod threads;

use crate::helper::missing;
use crate::store::{self, Results, Shelf, Stored};
use anyhow::{Context, bail};
use ledger::Ledger;
use peers::{Peer, Peers};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

pub use promotion::PromotionRow;
pub use public::PublicRow;
pub use replan::ReplanRow;
pub use threads::ThreadsRow;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Small sizes, one seed, short limits: a few minutes. Kept apart, and the page stays as it is.
    #[arg(long)]
    quick: bool,
    /// Only rows whose name contains one of these words, separated by commas; --list shows the names.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seeds of the generated instances, in place of each row's own.
    #[arg(long, value_delimiter = ',')]
    seeds: Vec<u32>,
    /// Run public solvers too (slow), on the first seed of each row that they can do anything with. Which ones after
    /// `=`, separated by commas; highs, its LP bound and the greedy rule when not said.
    #[arg(long, num_args = 0..=1, require_equals = true, value_delimiter = ',',
          default_missing_values = ["highs-lp", "highs", "greedy"])]
    peers: Option<Vec<Peer>>,
    /// A built `endcap` to measure; the release build is made when not given.
    #[arg(long)]
    endcap: Option<PathBuf>,
    /// Folder with `bench/plan` and `data/orlib`; `../shared` beside the project when not given.
    #[arg(long)]
    shared: Option<PathBuf>,
    /// Every problem of the large public sets that are otherwise sampled.
    #[arg(long)]
    all_problems: bool,
    /// Seconds for each problem of the public sets.
    #[arg(long, default_value_t = 60.0)]
    public_limit: f64,
    /// Show the names of the rows and measure nothing.
    #[arg(long)]
    list: bool,
}

impl Options {
    fn wants(&self, name: &str, quick: bool) -> bool {
        let named = self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()));
        named && (quick || !self.quick)
    }

    fn seeds(&self, usual: &[u32]) -> Vec<u32> {
        match (self.seeds.is_empty(), self.quick) {
            (false, _) => self.seeds.clone(),
            (true, true) => usual[..1].to_vec(),
            (true, false) => usual.to_vec(),
        }
    }
}

/// What all measurements need.
struct Bench {
    options: Options,
    endcap: PathBuf,
    shared: PathBuf,
    /// Instances made and plans found; can be thrown away at any time.
    scratch: PathBuf,
    /// Our Python programs.
    scripts: PathBuf,
    peers: Peers,
    ledger: Ledger,
    shelf: Shelf,
}

/// Runs the benchmark; ends badly when a plan breaks a rule or a bound is wrong.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    if options.list {
        let rows = names().into_iter().filter(|(name, quick)| options.wants(name, *quick));
        rows.for_each(|(name, _)| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut bench = prepare(options)?;
    let mut results = Results::open(bench.shelf.clone())?;
    let failures = measure_all(&mut bench, &mut results)?;
    let section = table::section(&results.newest()?);
    println!("{section}");
    if !bench.options.quick {
        crate::page::write_section(table::HEADING, &section)?;
    }
    failures.iter().for_each(|failure| eprintln!("FAILED: {failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Names of all rows in the order of the page, and whether a quick run measures them.
pub fn names() -> Vec<(String, bool)> {
    let promotion = cases::promotion().into_iter().map(|case| (case.name(), case.quick));
    let threads = cases::threads().into_iter().map(|case| (case.name(), case.quick));
    let replan = cases::replan().into_iter().map(|case| (case.name(), case.quick));
    let public = cases::public().into_iter().map(|case| (case.name(), true));
    promotion.chain(threads).chain(replan).chain(public).collect()
}

fn prepare(options: Options) -> anyhow::Result<Bench> {
    let root = crate::root();
    let shared = crate::bench::shared(options.shared.as_deref())?;
    if !missing(&["numpy"]).is_empty() {
        bail!("python3 with numpy is needed to make and check instances: pip install numpy");
    }
    let endcap = crate::bench::endcap(options.endcap.as_deref())?;
    let scratch = root.join("target/bench-plan");
    fs::create_dir_all(&scratch)?;
    let peers = Peers::new(options.peers.as_deref().unwrap_or_default());
    let shelf = Shelf::of(options.endcap.is_some(), if options.quick { "quick" } else { "" })?;
    let (scripts, ledger) = (root.join("bench"), Ledger::default());
    Ok(Bench { endcap, shared, scratch, scripts, peers, ledger, shelf, options })
}

/// Measures row by row and keeps each as soon as it is known; returns what failed.
fn measure_all(bench: &mut Bench, results: &mut Results) -> anyhow::Result<Vec<String>> {
    let mut failures = Vec::new();
    for case in cases::promotion() {
        let row = wanted(bench, &case.name(), case.quick, |bench| promotion::measure(bench, &case))?;
        store::keep(results, row, &mut failures, |results| &mut results.promotion)?;
    }
    for case in cases::threads() {
        let row = wanted(bench, &case.name(), case.quick, |bench| threads::measure(bench, &case))?;
        store::keep(results, row, &mut failures, |results| &mut results.threads)?;
    }
    for case in cases::replan() {
        let row = wanted(bench, &case.name(), case.quick, |bench| replan::measure(bench, &case))?;
        store::keep(results, row, &mut failures, |results| &mut results.replan)?;
    }
    for case in cases::public() {
        let row = wanted(bench, &case.name(), true, |bench| public::measure(bench, &case))?;
        store::keep(results, row, &mut failures, |results| &mut results.public)?;
    }
    Ok(failures)
}

/// A row and the checks that failed on the way.
struct Measured<R> {
    row: R,
    failures: Vec<String>,
}

fn wanted<R>(
    bench: &mut Bench,
    name: &str,
    quick: bool,
    measure: impl FnOnce(&mut Bench) -> anyhow::Result<Option<Measured<R>>>,
) -> anyhow::Result<Option<Stored<R>>> {
    if !bench.options.wants(name, quick) {
        return Ok(None);
    }
    eprintln!("bench: {name}");
    let measured = measure(bench).with_context(|| name.to_owned())?;
    Ok(measured.map(|measured| Stored::new(name, measured.row, measured.failures)))
}
