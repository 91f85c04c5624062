//! `endcap audit verify`: is the trail whole, and on whose word?

use super::checkpoint::read_note;
use crate::console::{Console, Ending};
use anyhow::ensure;
use endcap_adapters::ledger::{self, LedgerFault, read_public_key};
use endcap_govern::audit::{Anchors, Verified};
use serde::Serialize;
use std::path::PathBuf;

/// Verify a trail offline: every record, the chain, and the checkpoints that are given or lie with it.
///
/// Exit status 1 when it is not whole; the first bad record is named. Without a checkpoint from elsewhere a trail says only
/// that it hangs together, without a witness only that its owner says so.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap audit verify shop
  endcap audit verify trail.jsonl --checkpoint today.checkpoint --public-key log.key.pub
  endcap audit verify trail.jsonl --checkpoint signed.checkpoint --public-key log.key.pub --witness witness.key.pub")]
pub struct VerifyArgs {
    /// A project's folder, a ledger.db or an export.
    #[arg(default_value = ".")]
    trail: PathBuf,
    /// A checkpoint that was kept elsewhere; may be given several times.
    #[arg(long = "checkpoint", value_name = "FILE", requires = "log")]
    checkpoints: Vec<PathBuf>,
    /// A public key of the log, or the file that holds it; may be given several times.
    #[arg(long = "public-key", id = "log", value_name = "KEY")]
    log: Vec<String>,
    /// A public key of a witness who must have signed, or the file that holds it; may be given several times.
    #[arg(long = "witness", value_name = "KEY", requires = "log")]
    witnesses: Vec<String>,
}

#[derive(Serialize)]
struct Found {
    whole: bool,
    #[serde(flatten)]
    verified: Option<Verified>,
    first_bad: Option<u64>,
    reason: Option<String>,
}

impl Found {
    fn of(verified: Result<Verified, LedgerFault>) -> Self {
        match verified {
            Ok(verified) => Self { whole: true, verified: Some(verified), first_bad: None, reason: None },
            Err(fault) => {
                Self { whole: false, verified: None, first_bad: fault.first_bad(), reason: Some(fault.to_string()) }
            }
        }
    }
}

/// Runs the command.
pub async fn verify(args: &VerifyArgs, console: &Console) -> anyhow::Result<Ending> {
    ensure!(
        args.trail.exists(),
        "{} is not there: name a project's folder, a ledger or an export",
        args.trail.display()
    );
    let keys = |given: &[String]| given.iter().map(|key| read_public_key(key)).collect::<Result<Vec<_>, _>>();
    let anchors = Anchors {
        checkpoints: args.checkpoints.iter().map(|path| read_note(path)).collect::<anyhow::Result<_>>()?,
        log: keys(&args.log)?,
        witnesses: keys(&args.witnesses)?,
    };
    let found = Found::of(ledger::verify(&args.trail, &anchors).await?);
    console.result(&found, told)?;
    Ok(if found.whole { Ending::Done } else { Ending::Refused })
}

fn told(found: &Found) -> String {
    let Some(verified) = &found.verified else {
        let first = found.first_bad.map(|first| format!("\nFirst bad record: {first}")).unwrap_or_default();
        return format!("Not whole: {}.{first}", found.reason.as_deref().unwrap_or_default());
    };
    let signed = match verified.signed {
        0 => "No checkpoint was given: that nothing is missing at the end cannot be told.".to_owned(),
        signed => format!("Signed by the log up to record {signed}."),
    };
    let witnessed = |by: &endcap_govern::audit::Witnessed| {
        format!("Witnessed by {} up to record {}, on {}.", by.by, by.records, by.at)
    };
    let witnessed = match verified.witnessed.as_slice() {
        [] => "Self-attested: no witness has signed.".to_owned(),
        said => said.iter().map(witnessed).collect::<Vec<_>>().join("\n"),
    };
    format!("Whole: {} records, root {}.\n{signed}\n{witnessed}", verified.records, verified.root)
}
