//! `endcap compact`: less room for the sales that came over the API.

use crate::console::{Console, Ending};
use anyhow::ensure;
use endcap_adapters::{facts::Store, records};
use serde::Serialize;
use std::path::PathBuf;

/// Pack the sales that programs sent and that are facts already; every load reads them as before.
///
/// The desk may run. A stop at any point loses nothing: run it again. Once a night is often enough.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap compact shop\n  endcap compact shop --json | jq .after")]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Told {
    sales: u64,
    before: u64,
    after: u64,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    ensure!(args.folder.is_dir(), "{} is no folder: name a project's", args.folder.display());
    let sign = console.spinner("compact");
    let known = Store::open(&args.folder)?.latest(None)?;
    let records::Packed { sales, before, after } =
        records::pack(&args.folder, known.map_or(0, |snapshot| snapshot.last_record))?;
    sign.finish_and_clear();
    console.result(&Told { sales, before, after }, |told| {
        format!("{} sales packed; records take {} bytes, {} before", told.sales, told.after, told.before)
    })?;
    Ok(Ending::Done)
}
