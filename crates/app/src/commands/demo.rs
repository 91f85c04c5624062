//! `endcap demo`: the whole way on the data that ship with the product.

use crate::commands::{ingest, plan};
use crate::console::{Console, Ending};
use crate::example;
use std::path::{Path, PathBuf};

/// Go the whole way on the shipped data: from real sales to a supplied, proven plan and its report.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap demo\n  endcap demo /tmp/try --json\n\nThe data are an extract of FreshRetailNet-50K (Dingdong-Inc, CC BY 4.0); the folder's CREDITS.md says more."
)]
pub struct Args {
    /// New folder for data, facts, plan and report; ./endcap-demo, or the next free name, when not given.
    folder: Option<PathBuf>,
    /// When the facts were known, as RFC 3339; the same moment gives the same bytes.
    #[arg(long, default_value = example::AS_OF)]
    as_of: jiff::Timestamp,
    /// Threads to use; all cores when not given. The result does not depend on it.
    #[arg(long, value_parser = crate::commands::threads)]
    threads: Option<usize>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let folder = args.folder.clone().unwrap_or_else(free_folder);
    example::write(&folder)?;
    console.note(format!("Endcap demo in {}", folder.display()));
    let first = ingest::load(&folder, args.as_of, console)?;
    plan::from_facts(&plan::Args::demo(folder, args.threads), first, console)
}

/// Returns `endcap-demo`, or the first of `endcap-demo-2`, `-3`, … that is free.
fn free_folder() -> PathBuf {
    let named = |n: usize| PathBuf::from(if n == 1 { "endcap-demo".into() } else { format!("endcap-demo-{n}") });
    (1..).map(named).find(|folder: &PathBuf| !Path::exists(folder)).expect("Invariant: some name is free")
}
