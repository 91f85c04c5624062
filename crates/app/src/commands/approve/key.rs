//! `endcap approve key`: keys that people sign approvals with and keep themselves.

use crate::approvals::Office;
use crate::commands::audit::random;
use crate::console::{Console, Ending};
use endcap_adapters::ledger::{read_approval_key, write_approval_key};
use endcap_govern::approval::{ApprovalKey, PublicApprovalKey};
use endcap_govern::audit::{Entry, Ruling, Told};
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Make a key for an account, or show what others check it with.
///
/// The desk makes a key by itself for whoever signs there. This one lies in a file of the person's own and signs on the
/// command line. It is not a key of the audit trail.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap approve key new ada.key --as ada shop
  endcap approve key new ada.key --as ada --only shop
  endcap approve key show ada.key")]
pub struct KeyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a key; its public half goes to FILE.pub and to the desk's accounts.
    New {
        /// File for the secret key; it must not be there yet.
        file: PathBuf,
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// The account that signs with it.
        #[arg(long = "as", value_name = "NAME")]
        name: String,
        /// Take back the account's other keys: what was signed with them no longer counts.
        #[arg(long)]
        only: bool,
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
    account: &'a str,
    public_key: String,
}

/// Runs the command.
pub async fn run(args: &KeyArgs, console: &Console) -> anyhow::Result<Ending> {
    match &args.what {
        What::New { file, folder, name, only } => {
            let office = Office::open(folder).await?;
            let account = office.account(name).await?;
            let key = ApprovalKey::new(&account.name, &random());
            write_approval_key(file, &key)?;
            let now = Timestamp::now();
            office.desk.add_approval_key(&account, &key.public(), *only, now).await?;
            office.ledger.record(now, made(&account.name, &key.public(), *only)).await?;
            office.close().await;
            show(file, &key.public(), console)
        }
        What::Show { file } => show(file, &read_approval_key(file)?.public(), console),
    }
}

/// What the trail tells of a new key.
pub fn made(account: &str, key: &PublicApprovalKey, only: bool) -> Entry<Told> {
    let mut entry = Entry::new(Told::personal(account), "approval: key made", Told::personal(account), Ruling::Allowed);
    entry.reasons = vec![Told::personal(key)];
    if only {
        entry.reasons.push(Told::open("the account's other keys no longer count"));
    }
    entry
}

fn show(file: &Path, key: &PublicApprovalKey, console: &Console) -> anyhow::Result<Ending> {
    let shown = Shown { file, account: key.name(), public_key: key.to_string() };
    console.result(&shown, |shown| shown.public_key.clone())?;
    Ok(Ending::Done)
}
