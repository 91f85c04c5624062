//! `endcap approve publish`: sends a plan that people have approved.

use crate::approvals::{Wanted, publish as send};
use crate::console::{Console, Ending};
use std::path::PathBuf;

/// Send an approved plan, once: checked anew against policy, limits, data and the plan itself as they are now.
///
/// Exit status 1 when it may not go out; the reason is printed and in the audit trail. Sending that was cut off goes on when
/// it is repeated, without a second effect.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap approve publish 1f2e3d4c5b6a7980 shop
  endcap approve publish b2d61f0c2f1a4c55 shop --json
  endcap approve publish b2d61f0c2f1a4c55 shop --glass 77aa")]
pub struct PublishArgs {
    /// Id of the request, or of the plan.
    what: String,
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Number of a broken glass that stands in for the chain in an emergency.
    #[arg(long, value_name = "NUMBER")]
    glass: Option<String>,
}

/// Runs the command.
pub fn publish(args: &PublishArgs, console: &Console) -> anyhow::Result<Ending> {
    match send(Wanted { folder: &args.folder, what: &args.what, glass: args.glass.as_deref() })? {
        Ok(sent) => {
            console.result(&sent, |sent| {
                format!("Plan {} went out, approved by {}.\nFiles: {}", sent.plan, sent.by, sent.folder.display())
            })?;
            Ok(Ending::Done)
        }
        Err(why) => {
            console.result(&serde_json::json!({ "refused": why.to_string() }), |_| format!("Not sent: {why}."))?;
            Ok(Ending::Refused)
        }
    }
}
