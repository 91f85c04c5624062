//! `endcap account`: accounts of the desk, for whoever runs it.

use crate::approvals::Office;
use crate::commands::serve::runtime;
use crate::console::{Console, Ending, table};
use crate::serve::{password, sign_in};
use anyhow::{Context, anyhow, bail, ensure};
use endcap_adapters::desk::{Desk, NewAccount};
use endcap_adapters::ledger::stops::StopBook;
use endcap_adapters::ledger::{Erasure, Kept};
use endcap_govern::Role;
use serde::Serialize;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

/// Manage who may sign in to the desk, from the machine that it runs on.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap account add ada --role planner shop\n  endcap account password ada shop < secret.txt\n  endcap account list shop --json"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make an account; its password is asked for, or read as the first line of standard input.
    Add {
        /// Its name.
        name: String,
        /// A role; may be given several times.
        #[arg(long = "role", required = true)]
        roles: Vec<Role>,
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Set an account's password; its sessions end.
    Password {
        /// Its name.
        name: String,
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Erase a person: name, password, sessions, tokens and keys of the account, and the name in the audit trail and the stops.
    ///
    /// Whoever asked for or signed an approval is kept: without the name no signature verifies. Reasons in their own words are
    /// longer values, which `endcap audit erase --within` erases; backups hold all of it until they expire.
    Erase {
        /// Its name.
        name: String,
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Who erases it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why, without the name.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Seal the approval keys that the desk keeps for people under a new key, and forget the old one (desk.key).
    RenewSeal {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Let somebody sign in to an account at the provider that desk.toml names.
    Link {
        /// Its name.
        name: String,
        /// What the provider calls them for good (the `sub` claim); the desk shows it to whom it refuses.
        #[arg(long)]
        subject: String,
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// List accounts and their roles.
    List {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
}

#[derive(Serialize)]
struct Listed {
    name: String,
    roles: Vec<Role>,
    disabled: bool,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    runtime()?.block_on(async {
        match &args.what {
            What::Add { name, roles, folder } => {
                let desk = open(folder).await?;
                let hash = asked(name)?;
                let new = NewAccount { name: name.clone(), roles: roles.clone(), password: Some(hash), subject: None };
                desk.add_account(&new, jiff::Timestamp::now()).await?;
                console.note(format!("{name} may sign in."));
            }
            What::Password { name, folder } => {
                let desk = open(folder).await?;
                let hash = asked(name)?;
                if !desk.set_password(name, &hash).await? {
                    bail!("there is no account '{name}': `endcap account list` shows all");
                }
                console.note(format!("{name} has a new password."));
            }
            What::Erase { name, folder, by, reason } => return erase(folder, name, (by, reason), console).await,
            What::RenewSeal { folder } => {
                let sealed = open(folder).await?.renew_seal(super::audit::random).await?;
                console.note(format!("{sealed} keys are sealed anew; the old seal opens nothing any more."));
            }
            What::Link { name, subject, folder } => link(name, subject, folder, console).await?,
            What::List { folder } => {
                let accounts = open(folder).await?.accounts().await?;
                let listed = |account: endcap_adapters::desk::Account| Listed {
                    name: account.name,
                    roles: account.roles,
                    disabled: account.disabled,
                };
                let listed: Vec<Listed> = accounts.into_iter().map(listed).collect();
                console.result(&listed, |listed| {
                    let mut shown = table(&["account", "roles", "kept out"]);
                    for account in listed {
                        let roles: Vec<&str> = account.roles.iter().map(|role| role.name()).collect();
                        shown.add_row([
                            account.name.as_str(),
                            &roles.join(", "),
                            if account.disabled { "yes" } else { "" },
                        ]);
                    }
                    shown.to_string()
                })?;
            }
        }
        Ok(Ending::Done)
    })
}

async fn link(name: &str, subject: &str, folder: &Path, console: &Console) -> anyhow::Result<()> {
    let desk = open(folder).await?;
    let provider = sign_in::read(folder)?;
    let provider = provider.with_context(|| format!("{} names no provider to sign in at", sign_in::FILE_NAME))?;
    let subject = provider.linked(subject);
    match desk.account_by_subject(&subject).await? {
        Some(other) if !other.name.eq_ignore_ascii_case(name) => {
            bail!("{subject} signs in as '{}' already", other.name)
        }
        _ => {}
    }
    if !desk.link_account(name, &subject).await? {
        bail!("there is no account '{name}': `endcap account list` shows all");
    }
    console.note(format!("{name} may sign in at {}.", provider.name));
    Ok(())
}

async fn open(folder: &Path) -> anyhow::Result<Desk> {
    if !folder.is_dir() {
        bail!("{} is no folder: make a project with `endcap init {0}`", folder.display());
    }
    Ok(Desk::open(&folder.join("desk.db")).await?)
}

/// Hash of the password that the person at the terminal gives.
fn asked(name: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        eprint!("Password for {name} (it is shown as you type): ");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the password could not be read")?;
    let given = line.trim_end_matches(['\r', '\n']);
    password::check(name, given).map_err(anyhow::Error::msg)?;
    password::hash(given).map_err(|error| anyhow!("the password could not be hashed ({error})"))
}

/// Erases a person from what the desk keeps, the trail and the stops.
async fn erase(folder: &Path, name: &str, (by, reason): (&str, &str), console: &Console) -> anyhow::Result<Ending> {
    let named = [name, by, reason].into_iter().all(|text| !text.trim().is_empty());
    ensure!(named, "an erasure needs an account, a named person and a reason: give --by and --reason");
    let office = Office::open(folder).await?;
    let account = office.account(name).await?;
    let about = |kept: &Kept| {
        let signed = kept.request.signatures.iter().any(|signature| signature.person == account.name);
        kept.request.proposer == account.name || signed
    };
    let requests = office.ledger.requests().await?.iter().filter(|kept| about(kept)).count();
    if requests > 0 {
        console.note(format!(
            "{} stands under {requests} requests for approval, which are evidence and do not verify without the name: nothing was \
             erased. Keep the account out with `endcap serve`'s page of accounts until they may go.",
            account.name
        ));
        return Ok(Ending::Refused);
    }
    // The trail first: it refuses a reason that holds the name, and tells of the erasure.
    let erasure = Erasure { value: &account.name, within: false, by, reason };
    let erased = office.ledger.erase(erasure, jiff::Timestamp::now()).await?;
    StopBook::new(folder, super::audit::random).forget(|text| text == account.name).await?;
    office.desk.erase_account(&account.name).await?;
    office.close().await;
    let left = match erased.left {
        0 => String::new(),
        left => format!(" It is still part of {left} longer values: `endcap audit erase --within` erases those."),
    };
    console.note(format!("The account is erased, and {} values in the trail with it.{left}", erased.values));
    Ok(Ending::Done)
}
