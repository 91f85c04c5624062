//! `cargo xtask bench demand`: the benchmark of effects and forecasts. Runs the built program through its documented
//! commands on worlds with known truth and on held-out weeks of real panels, has its files scored by programs that are
//! not ours where there are any, keeps the results under `bench/results` by commit and writes its section of
//! docs/BENCHMARKS.md.
//!
//! It never shows the program anything after a forecast's origin, never tunes on the scored origins, and never passes
//! over a part in silence: what was not measured stands in the table with its reason.

mod cells;
mod elasticities;
mod engine;
pub mod figure;
mod peers;
mod program;
mod table;
mod worlds;

use crate::helper::missing;
use crate::measure::Cost;
use crate::store::{self, Results, Shelf, Stored};
use anyhow::{Context, bail};
use figure::Figure;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Packages that make inputs and score.
const PACKAGES: [&str; 4] = ["numpy", "pandas", "pyarrow", "duckdb"];

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Only cases whose name contains one of these words, separated by commas; --list shows the names.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seeds of the worlds.
    #[arg(long, value_delimiter = ',')]
    seeds: Vec<u32>,
    /// Forecast from earlier origins, which are for tuning. Kept apart, and the page stays as it is.
    #[arg(long)]
    tune: bool,
    /// A built `endcap` to measure; the release build is made when not given.
    #[arg(long)]
    endcap: Option<PathBuf>,
    /// Folder with `bench/demand` and `data`; `../shared` beside the project when not given.
    #[arg(long)]
    shared: Option<PathBuf>,
    /// Show the names of the cases and measure nothing.
    #[arg(long)]
    list: bool,
}

/// What all measurements need.
struct Bench {
    options: Options,
    endcap: PathBuf,
    shared: PathBuf,
    /// Inputs made and files written; can be thrown away at any time.
    scratch: PathBuf,
    /// Our Python programs.
    scripts: PathBuf,
}

/// A case as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    figures: Vec<Figure>,
    /// The dearest run of each command.
    costs: Vec<(String, Cost)>,
}

/// What a case came to.
#[derive(Debug, Default)]
struct Measured {
    figures: Vec<Figure>,
    costs: Vec<(String, Cost)>,
    /// Checks that failed, and commands that ended badly where they should not.
    failures: Vec<String>,
}

impl Measured {
    /// Notes the cost of a run; of several runs of a command the dearest stays.
    fn cost(&mut self, command: &str, cost: Cost) {
        match self.costs.iter_mut().find(|(name, _)| name == command) {
            Some((_, dearest)) if dearest.cpu >= cost.cpu => {}
            Some((_, dearest)) => *dearest = cost,
            None => self.costs.push((command.to_owned(), cost)),
        }
    }
}

impl Bench {
    fn seeds(&self) -> Vec<u32> {
        if self.options.seeds.is_empty() { worlds::SEEDS.to_vec() } else { self.options.seeds.clone() }
    }
}

/// A case: its name, and what measures it.
type Case = (String, Box<dyn Fn(&Bench) -> anyhow::Result<Measured>>);

/// What measures a case that stands alone.
type Measure = fn(&Bench) -> anyhow::Result<Measured>;

/// All cases in the order of the page.
fn cases() -> Vec<Case> {
    let worlds = worlds::worlds();
    let worlds = worlds.map(|world| -> Case { (world.name(), Box::new(move |bench| worlds::measure(bench, &world))) });
    let panels = cells::panels();
    let panels =
        panels.map(|panel| -> Case { (panel.name.to_owned(), Box::new(move |bench| cells::measure(bench, &panel))) });
    let others: [(&str, Measure); 8] = [
        ("orange juice elasticities", elasticities::orange_juice),
        ("tuna", elasticities::tuna),
        ("cold start", cells::cold_start),
        ("FreshRetailNet", elasticities::fresh),
        ("double machine learning", engine::double_ml),
        ("micro-batch", engine::micro_batch),
        ("same bytes", engine::same_bytes),
        ("crisis", engine::crisis),
    ];
    let others = others.map(|(name, measure)| -> Case { (name.to_owned(), Box::new(measure)) });
    worlds.into_iter().chain(panels).chain(others).collect()
}

/// Names of all cases in the order of the page.
pub fn names() -> Vec<String> {
    cases().into_iter().map(|(name, _)| name).collect()
}

/// Runs the benchmark; ends badly when a check fails or a command ends badly where it should not.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()));
    let cases: Vec<Case> = cases().into_iter().filter(|(name, _)| wanted(name)).collect();
    if options.list {
        cases.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    }
    let shelf = Shelf::of(options.endcap.is_some(), if options.tune { "tune" } else { "" })?;
    let bench = prepare(options)?;
    let mut results = Results::open(shelf.clone())?;
    let mut failures = Vec::new();
    for (name, measure) in cases {
        eprintln!("bench: {name}");
        let measured = measure(&bench).with_context(|| name.clone())?;
        let row = Row { figures: measured.figures, costs: measured.costs };
        let stored = Some(Stored::new(&name, row, measured.failures));
        store::keep(&mut results, stored, &mut failures, |results| &mut results.demand)?;
    }
    let section = table::section(&results.newest()?);
    println!("{section}");
    if !shelf.is_apart() {
        crate::page::write_section(table::HEADING, &section)?;
    }
    failures.iter().for_each(|failure| eprintln!("FAILED: {failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn prepare(options: Options) -> anyhow::Result<Bench> {
    let shared = crate::bench::shared(options.shared.as_deref())?;
    let lacking = missing(&PACKAGES).join(" ");
    if !lacking.is_empty() {
        bail!("python3 with {} is needed to make inputs and score: pip install {lacking}", PACKAGES.join(", "));
    }
    let endcap = crate::bench::endcap(options.endcap.as_deref())?;
    let scratch = crate::root().join("target/bench-demand");
    fs::create_dir_all(&scratch)?;
    Ok(Bench { endcap, shared, scratch, scripts: crate::root().join("bench"), options })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_case_has_its_own_name() {
        let names = names();
        let distinct: HashSet<&String> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{names:#?}");
    }

    #[test]
    fn the_dearest_run_of_a_command_is_kept() {
        let mut measured = Measured::default();
        for cpu in [1.0, 3.0, 2.0] {
            measured.cost("fit", Cost { cpu, ..Cost::default() });
        }
        assert_eq!(measured.costs.len(), 1);
        assert!((measured.costs[0].1.cpu - 3.0).abs() < 1e-12);
    }
}
