//! `endcap veto`: what was decided and has not left never will.

use crate::console::{Console, Ending};
use anyhow::ensure;
use endcap_adapters::ledger::{FILE_NAME, Ledger, LedgerError};
use endcap_agent::outbox::{Everything, Revision, Voided, Waiting, shelf};
use endcap_agent::rollout::plan_of;
use endcap_govern::audit::Told;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What whoever looks at the outbox reads.
const VOID: &str = "vetoed by a person: the audit trail says by whom and why";

/// Veto what was decided and has not left: it is void, and is not decided again from the same plan.
///
/// On the rung *act with veto* every decision waits for that, `veto_minutes` of policy.toml (240 where it says none); what waits for
/// its time, a stage or a condition can be vetoed as well. `endcap outbox` shows numbers and times.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap outbox shop --open
  endcap veto shop 12 13 --as Ada --reason \"the supplier is on strike\"
  endcap veto shop --plan 5b1c2d3e4f50 --as Ada --reason \"the wrong week\"

Exit status: 0 done, 1 some of it had left or was void before, 2 bad input.")]
pub struct Args {
    /// The project's folder.
    folder: PathBuf,
    /// Numbers of the decisions.
    #[arg(value_name = "NUMBER", required_unless_present_any = ["plan", "all"])]
    numbers: Vec<i64>,
    /// All that waits of one plan.
    #[arg(long, value_name = "PLAN", conflicts_with = "numbers")]
    plan: Option<String>,
    /// All that waits.
    #[arg(long, conflicts_with_all = ["numbers", "plan"])]
    all: bool,
    /// Who vetoes.
    #[arg(long = "as", alias = "by", id = "by", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What is vetoed.
pub enum Which {
    /// Decisions by their numbers.
    Numbers(Vec<i64>),
    /// All of a plan.
    Plan(String),
    /// All.
    All,
}

/// What a veto came to.
#[derive(Serialize)]
pub struct Vetoed {
    /// Decisions that are void.
    pub void: usize,
    /// Numbers that name nothing that waits.
    pub gone: Vec<i64>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    super::stop::is_project(&args.folder)?;
    let (by, reason) = (args.by.trim(), args.reason.trim());
    ensure!(!by.is_empty() && !reason.is_empty(), "a veto needs a named person and a reason: give --as and --reason");
    let which = match (&args.plan, args.all) {
        (Some(plan), _) => Which::Plan(plan.clone()),
        (None, true) => Which::All,
        (None, false) => Which::Numbers(args.numbers.clone()),
    };
    let told = super::serve::runtime()?.block_on(async {
        let ledger = Ledger::open(&args.folder.join(FILE_NAME), super::audit::random).await?;
        let told = vetoed(&ledger, &which, by, reason, Timestamp::now()).await;
        ledger.close().await;
        told
    })?;
    console.result(&told, |told| {
        let gone: Vec<String> = told.gone.iter().map(i64::to_string).collect();
        let gone = match gone.is_empty() {
            true => String::new(),
            false => format!(" Not waiting any more: {}; `endcap revert` takes back what has left.", gone.join(", ")),
        };
        format!("{} decisions are void.{gone}", told.void)
    })?;
    Ok(if told.gone.is_empty() { Ending::Done } else { Ending::Refused })
}

/// Voids what waits, together with its records.
pub async fn vetoed(
    ledger: &Ledger,
    which: &Which,
    by: &str,
    reason: &str,
    at: Timestamp,
) -> Result<Vetoed, LedgerError> {
    let mut gone = vec![];
    let revision = ledger
        .revise(at, |all| {
            let void = chosen(all, which);
            if let Which::Numbers(numbers) = which {
                gone = numbers.iter().copied().filter(|number| !void.iter().any(|one| one.number == *number)).collect();
            }
            let reasons = || vec![Told::personal(reason)];
            let void = void.into_iter().map(|one| Voided::of(one, Told::personal(by), VOID, reasons())).collect();
            Revision { void, ..Revision::default() }
        })
        .await?;
    Ok(Vetoed { void: revision.void.len(), gone })
}

/// What waits and was named; the end of an offer goes with its beginning, and never alone.
fn chosen<'a>(all: &'a Everything, which: &Which) -> Vec<&'a Waiting> {
    let named = |one: &Waiting| match which {
        Which::Numbers(numbers) => numbers.contains(&one.number),
        Which::Plan(plan) => one.intent.action.offer().and_then(plan_of) == Some(plan),
        Which::All => true,
    };
    let waits = || all.waiting.iter().filter(|one| one.void.is_none());
    let begins = |one: &&Waiting| !one.intent.action.only_reverts();
    let starts: BTreeSet<_> = waits().filter(begins).filter(|one| named(one)).map(|one| shelf(&one.intent)).collect();
    let goes = |one: &&Waiting| {
        if one.intent.action.only_reverts() { starts.contains(&shelf(&one.intent)) } else { named(one) }
    };
    waits().filter(goes).collect()
}
