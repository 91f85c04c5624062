//! `endcap audit key`: keys that sign the trail.

use crate::console::{Console, Ending};
use endcap_adapters::ledger::{read_key, write_key};
use endcap_govern::audit::{PublicKey, Purpose, SecretKey};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Make a key that signs the trail, or show what others check it with.
///
/// The secret key is written to a file for its owner alone and is never shown. Keep it with another user than the one
/// that runs Endcap, best on another machine.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap audit key new /etc/endcap/log.key --name shop.example/log
  endcap audit key new witness.key --name partner.example --witness
  endcap audit key show /etc/endcap/log.key")]
pub struct KeyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a key; its public half goes to FILE.pub.
    New {
        /// File for the secret key; it must not be there yet.
        file: PathBuf,
        /// Whose key it is; of a log, the name that its checkpoints bear.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The key of a witness, who signs what a log says.
        #[arg(long)]
        witness: bool,
    },
    /// Print the public half of a key.
    Show {
        /// File of the secret key.
        file: PathBuf,
    },
}

#[derive(Serialize)]
struct Shown<'a> {
    file: &'a Path,
    name: &'a str,
    public_key: String,
}

/// Runs the command.
pub fn run(args: &KeyArgs, console: &Console) -> anyhow::Result<Ending> {
    match &args.what {
        What::New { file, name, witness } => {
            let purpose = if *witness { Purpose::Witness } else { Purpose::Log };
            let key = SecretKey::new(name, purpose, &super::random())?;
            write_key(file, &key)?;
            show(file, key.public(), console)
        }
        What::Show { file } => show(file, read_key(file)?.public(), console),
    }
}

fn show(file: &Path, key: &PublicKey, console: &Console) -> anyhow::Result<Ending> {
    let shown = Shown { file, name: key.name(), public_key: key.to_string() };
    console.result(&shown, |shown| shown.public_key.clone())?;
    Ok(Ending::Done)
}
