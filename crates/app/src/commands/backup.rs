//! `endcap backup` and `endcap restore`: a project as it is at one moment, and back.

use crate::console::{Console, Ending};
use anyhow::{bail, ensure};
use endcap_adapters::backup::{self, Backup, Rows};
use serde::Serialize;
use std::path::PathBuf;

/// Copy a whole project, also while the desk runs: facts, imports, records, boards, accounts and plans.
///
/// A folder of backups keeps unchanged files once, however many backups it holds; a file holds one backup, and is a tar.
/// Files outside the project's folder that endcap.toml names are not copied: the facts that were read from them are.
#[derive(clap::Args)]
#[command(
    group = clap::ArgGroup::new("where").args(["to", "file"]).required(true),
    after_help = "Examples:\n  endcap backup shop --to /mnt/backups/shop\n  endcap backup shop --file /mnt/backups/shop-monday.tar\n  endcap backup shop --to /mnt/backups/shop --json | jq .name"
)]
pub struct BackupArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Folder of backups, outside the project; made when it is not there.
    #[arg(long)]
    to: Option<PathBuf>,
    /// New file outside the project, in the place of a folder.
    #[arg(long)]
    file: Option<PathBuf>,
}

/// Bring a project back from a backup, whole or not at all.
///
/// Every file is checked first: a damaged backup is refused with the name of the file. Stop the desk before its project is
/// replaced.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap restore /mnt/backups/shop --to shop\n  endcap restore /mnt/backups/shop-monday.tar --to shop\n  endcap restore /mnt/backups/shop --check\n  endcap restore /mnt/backups/shop --name 20260301T120000.000000Z --to shop --force\n  endcap restore /mnt/backups/shop-monday.tar --to shop2 --postgres postgres://endcap@db.example/endcap --schema shop2"
)]
pub struct RestoreArgs {
    /// Folder of backups, as `endcap backup --to` wrote it, or file, as `endcap backup --file` did.
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
    /// Put journal and ledger into this new schema of PostgreSQL, at the address that endcap.toml names or --postgres.
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// Address of the PostgreSQL server for --schema: postgres://user@host:5432/database, without a password.
    #[arg(long, value_name = "ADDRESS", requires = "schema")]
    postgres: Option<String>,
    /// Put journal and ledger into files, also where the project had them in PostgreSQL.
    #[arg(long, conflicts_with_all = ["schema", "postgres"])]
    files: bool,
    /// Only check that the backup is whole.
    #[arg(long, conflicts_with_all = ["to", "force", "schema", "files"])]
    check: bool,
}

impl RestoreArgs {
    fn rows(&self) -> Rows {
        match &self.schema {
            Some(schema) => Rows::InPostgres { address: self.postgres.clone(), schema: schema.clone() },
            None if self.files => Rows::InFiles,
            None => Rows::AsBefore,
        }
    }
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
    let (sign, now) = (console.spinner("backup"), jiff::Timestamp::now());
    let (made, place) = match (&args.file, &args.to) {
        (Some(file), _) => (backup::back_up_as_file(&args.folder, file, now), file),
        (None, Some(to)) => (backup::back_up(&args.folder, to, now), to),
        (None, None) => bail!("expected --to or --file"),
    };
    sign.finish_and_clear();
    console.result(&Told::of(&made?), |told| {
        format!("backup {} of {} files, {} bytes, in {}", told.name, told.files, told.bytes, place.display())
    })?;
    Ok(Ending::Done)
}

/// Runs `endcap restore`.
pub fn restore(args: &RestoreArgs, console: &Console) -> anyhow::Result<Ending> {
    let found = backup::find(&args.backups, args.name.as_deref())?;
    let done = match &args.to {
        Some(to) => {
            found.restore_with(to, args.force, &args.rows())?;
            format!("is back in {}", to.display())
        }
        None => {
            found.check()?;
            "is whole".to_owned()
        }
    };
    console.result(&Told::of(&found.backup), |told| format!("backup {} of {} files {done}", told.name, told.files))?;
    Ok(Ending::Done)
}
