//! `cargo xtask bench loop`: is a plan mended in flight, is the next one better, is the loop quick enough? Writes its section of
//! docs/BENCHMARKS.md. One file per case.

mod analogues;
mod flight;
mod journal;
mod refresh;
mod succession;

use crate::goals::{self, Case};
use crate::store::{self, Results, Shelf, Stored};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HEADING: &str = "The loop in flight";

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Only cases whose name contains one of these words, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Small sizes, to see that it runs; kept apart from the page.
    #[arg(long)]
    quick: bool,
    /// Worlds in which policies are compared.
    #[arg(long, default_value_t = 100)]
    worlds: u32,
    /// Worlds of each shock.
    #[arg(long, default_value_t = 20)]
    shock_worlds: u32,
    /// A built `endcap` to measure; the release build is made when not given.
    #[arg(long)]
    endcap: Option<PathBuf>,
}

type Measure = fn(&Path, &Options) -> anyhow::Result<Case>;

/// The cases in the order of the page.
const CASES: [(&str, Measure); 9] = [
    ("in flight", flight::paired),
    ("shocks", flight::shocks),
    ("seasons", flight::seasons),
    ("succession", succession::measured),
    ("refresh", refresh::measure),
    ("analogues", analogues::measure),
    ("journal", journal::measure),
    ("exploration", flight::explored),
    ("learned", flight::learned),
];

/// Names of all cases in the order of the page.
pub fn names() -> Vec<String> {
    CASES.map(|(name, _)| name.to_owned()).to_vec()
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let endcap = crate::bench::endcap(options.endcap.as_deref())?;
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()));
    let apart = if options.quick { "quick" } else { "" };
    let mut results = Results::open(Shelf::of(options.endcap.is_some(), apart)?)?;
    let mut failures = Vec::new();
    for (name, measure) in CASES.into_iter().filter(|(name, _)| wanted(name)) {
        eprintln!("bench: {name}");
        let case = measure(&endcap, options).with_context(|| name.to_owned())?;
        store::keep(&mut results, Some(Stored::new(name, case, vec![])), &mut failures, |results| &mut results.looped)?;
    }
    let about = "What the loop does between two plans; each row says where it was measured. The oracle of row 2 knows how shoppers answer \
                 and sees the shock come (it did not before commit 55b1806): where it loses more than the plan, nothing is told of what could be \
                 recovered.\n";
    let section = goals::section(about, &results.newest()?.looped);
    println!("{section}");
    if !results.is_apart() {
        crate::page::write_section(HEADING, &section)?;
    }
    Ok(ExitCode::SUCCESS)
}
