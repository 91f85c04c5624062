//! `endcap backup` and `endcap restore`: a project as it is at one moment, and back.

use crate::console::{Console, Ending};
use anyhow::ensure;
use endcap_adapters::backup::{self, Backup};
use serde::Serialize;
use std::path::PathBuf;

/// Copy a whole project, also while the desk runs: facts, imports, records, boards, accounts and plans.
///
/// A folder of backups keeps unchanged files once, however many backups it holds. Files outside the project's folder
/// that endcap.toml names are not copied: the facts that were read from them are.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap backup shop --to /mnt/backups/shop\n  endcap backup shop --to /mnt/backups/shop --json | jq .name"
)]
pub struct BackupArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Folder of backups, outside the project; made when it is not there.
    #[arg(long)]
    to: PathBuf,
}

/// Bring a project back from a backup, whole or not at all.
///
/// Every file is checked first: a damaged backup is refused with the name of the file. Stop the desk before its project is
/// replaced.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap restore /mnt/backups/shop --to shop\n  endcap restore /mnt/backups/shop --check\n  endcap restore /mnt/backups/shop --name 20260301T120000.000000Z --to shop --force"
)]
pub struct RestoreArgs {
    /// Folder of backups, as `endcap backup --to` wrote it.
    backups: PathBuf,
    /// Folder that the project is brought back into.
    #[arg(long, required_unless_present = "check")]
    to: Option<PathBuf>,
    /// Name of the backup; the latest when not given.
    #[arg(long)]
    name: Option<String>,
    /// Put the backup in the place of what the folder holds.
    #[arg(long)]
    force: bool,
    /// Only check that the backup is whole.
    #[arg(long, conflicts_with_all = ["to", "force"])]
    check: bool,
}

#[derive(Serialize)]
struct Told {
    name: String,
    at: jiff::Timestamp,
    files: usize,
    bytes: u64,
}

impl Told {
    fn of(backup: &Backup) -> Self {
        Self { name: backup.name(), at: backup.at, files: backup.files.len(), bytes: backup.bytes() }
    }
}

/// Runs `endcap backup`.
pub fn back_up(args: &BackupArgs, console: &Console) -> anyhow::Result<Ending> {
    ensure!(args.folder.is_dir(), "{} is no folder: name a project's", args.folder.display());
    let sign = console.spinner("backup");
    let backup = backup::back_up(&args.folder, &args.to, jiff::Timestamp::now())?;
    sign.finish_and_clear();
    console.result(&Told::of(&backup), |told| {
        format!("backup {} of {} files, {} bytes, in {}", told.name, told.files, told.bytes, args.to.display())
    })?;
    Ok(Ending::Done)
}

/// Runs `endcap restore`.
pub fn restore(args: &RestoreArgs, console: &Console) -> anyhow::Result<Ending> {
    let backup = backup::read(&args.backups, args.name.as_deref())?;
    let done = match &args.to {
        Some(to) => {
            backup::restore(&args.backups, &backup, to, args.force)?;
            format!("is back in {}", to.display())
        }
        None => {
            backup::check(&args.backups, &backup)?;
            "is whole".to_owned()
        }
    };
    console.result(&Told::of(&backup), |told| format!("backup {} of {} files {done}", told.name, told.files))?;
    Ok(Ending::Done)
}
