//! `endcap revert`: prices lead back to the base prices that people approved, and what has not begun does not begin.

use crate::console::{Console, Ending};
use anyhow::ensure;
use endcap_adapters::ledger::{FILE_NAME, Ledger};
use endcap_agent::outbox::{Revision, Stage};
use endcap_agent::revert::{Scope, Wanted, revert};
use endcap_govern::audit::Told;
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Take prices back: every offer of the scope ends, at the base price that people approve when it does, and none begins.
///
/// It is a decision like any other, of a higher generation than what it takes back, and leaves with the sender (`endcap send`), also
/// while sending is stopped. What a channel cannot be told now it is told once it is back. Orders and transfers stay. `endcap stop`
/// keeps new prices from leaving and takes nothing back.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap revert shop --as Ada --reason \"prices are wrong\"                       everything
  endcap revert shop --channel tills --as Ada --reason \"the tills misread\"
  endcap revert shop --plan 5b1c2d3e4f50 --as Ada --reason \"the wrong week\"
  endcap revert shop --offer 5b1c2d3e4f50-3 --as Ada --reason \"recall\"

Exit status: 0 done, 2 bad input, or it could not be kept: then `endcap stop`, which needs no database.")]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    of: Of,
    /// Who takes them back.
    #[arg(long = "as", alias = "by", id = "by", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What to take back; everything when none is given.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Of {
    /// One category only.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// One channel only.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// The offers of one plan only.
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// One offer only, as `endcap outbox` names it.
    #[arg(long, value_name = "OFFER")]
    offer: Option<String>,
}

/// What whoever looks at a roll-out reads.
pub const BY_PERSON: &str = "taken back by a person: the audit trail says by whom and why";

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reverted {
    /// What, in words.
    pub what: String,
    /// Prices that lead back to base prices.
    pub reverted: usize,
    /// Decisions that had not begun and are void.
    pub void: usize,
    /// Prices that a channel may hold and nobody knows: a person has to look.
    pub unclear: usize,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    super::stop::is_project(&args.folder)?;
    let (by, reason) = (args.by.trim(), args.reason.trim());
    ensure!(!by.is_empty() && !reason.is_empty(), "a revert needs a named person and a reason: give --as and --reason");
    let wanted = Wanted {
        scope: args.of.scope(),
        by: Told::personal(by),
        reason: Told::personal(reason),
        told: BY_PERSON.to_owned(),
        at: Timestamp::now(),
    };
    let reverted = super::serve::runtime()?.block_on(kept(&args.folder, &wanted))?;
    console.result(&reverted, |reverted| {
        let Reverted { what, reverted, void, unclear } = reverted;
        let unclear = match unclear {
            0 => String::new(),
            count => format!(" Of {count} it is not known what the channel holds: `endcap outbox --open`."),
        };
        format!(
            "{what}: {reverted} prices lead back to base prices, {void} decisions that had not begun are void.{unclear} \
             `endcap send` tells the channels."
        )
    })?;
    Ok(Ending::Done)
}

async fn kept(folder: &Path, wanted: &Wanted) -> anyhow::Result<Reverted> {
    let ledger = Ledger::open(&folder.join(FILE_NAME), super::audit::random).await?;
    let reverted = reverted(&ledger, wanted).await;
    ledger.close().await;
    Ok(reverted?)
}

/// Takes prices back, together with the record of it.
pub async fn reverted(ledger: &Ledger, wanted: &Wanted) -> Result<Reverted, endcap_adapters::ledger::LedgerError> {
    let mut unclear = 0;
    let Revision { decide, void, .. } = ledger
        .revise(wanted.at, |all| {
            let of_scope = all.messages.iter().filter(|(_, intent)| wanted.scope.holds(intent));
            unclear = of_scope.filter(|(known, _)| matches!(known.stage, Stage::Unclear { .. })).count();
            revert(wanted, all)
        })
        .await?;
    Ok(Reverted { what: wanted.scope.to_string(), reverted: decide.len(), void: void.len(), unclear })
}

impl Of {
    fn scope(&self) -> Scope {
        match (&self.category, &self.channel, &self.plan, &self.offer) {
            (Some(of), ..) => Scope::Category(of.clone()),
            (_, Some(of), ..) => Scope::Channel(of.as_str().into()),
            (_, _, Some(of), _) => Scope::Plan(of.clone()),
            (.., Some(of)) => Scope::Offer(of.clone()),
            _ => Scope::Global,
        }
    }
}
