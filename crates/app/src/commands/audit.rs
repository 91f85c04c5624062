//! `endcap audit`: the trail of decisions, for whoever runs Endcap, for witnesses, and for those who check both.

mod checkpoint;
mod key;
mod trail;
mod verify;

use crate::console::{Console, Ending};
use anyhow::ensure;
use endcap_adapters::ledger::{FILE_NAME, Ledger};
use endcap_adapters::tables;
use std::path::{Path, PathBuf};

/// Show, export and verify the trail of decisions; sign it, and have others sign it.
///
/// docs/audit.md describes the formats and how to verify them with tools of your own.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap audit show shop --last 5
  endcap audit key new /etc/endcap/log.key --name shop.example/log
  endcap audit checkpoint shop --key /etc/endcap/log.key --to today.checkpoint
  endcap audit export shop --to trail.jsonl
  endcap audit verify trail.jsonl --checkpoint today.checkpoint --public-key log.key.pub")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Show(trail::ShowArgs),
    Export(trail::ExportArgs),
    Verify(verify::VerifyArgs),
    Checkpoint(checkpoint::CheckpointArgs),
    Witness(checkpoint::WitnessArgs),
    Keep(checkpoint::KeepArgs),
    Key(key::KeyArgs),
    Erase(trail::EraseArgs),
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let runtime = super::serve::runtime()?;
    runtime.block_on(async {
        match &args.what {
            What::Show(args) => trail::show(args, console).await,
            What::Export(args) => trail::export(args, console).await,
            What::Verify(args) => verify::verify(args, console).await,
            What::Checkpoint(args) => checkpoint::checkpoint(args, console).await,
            What::Witness(args) => checkpoint::witness(args, console),
            What::Keep(args) => checkpoint::keep(args, console).await,
            What::Key(args) => key::run(args, console),
            What::Erase(args) => trail::erase(args, console).await,
        }
    })
}

/// 32 random bytes of the system.
///
/// # Panics
/// When the system has none to give: nothing may be signed or salted then.
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("Invariant: the system gives random bytes");
    bytes
}

/// The trail of a project that has one.
async fn opened(folder: &Path) -> anyhow::Result<Ledger> {
    let path = folder.join(FILE_NAME);
    ensure!(
        endcap_adapters::database::is_kept(&path),
        "{} has no audit trail yet: `endcap plan`, `halt` and `resume` begin one",
        folder.display()
    );
    Ok(Ledger::open(&path, random).await?)
}

/// Prints a text in its one form, or writes it to a file.
fn hand_over(text: &str, to: Option<&PathBuf>, console: &Console) -> anyhow::Result<()> {
    match to {
        Some(path) => Ok(tables::write_atomic(path, text.as_bytes())?),
        None => console.text(text.trim_end_matches('\n')),
    }
}
