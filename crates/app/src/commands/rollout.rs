//! `endcap rollout`: how far the offers of a plan have come, what was read of them, and what comes next.

use crate::console::{Console, Ending, table};
use anyhow::{bail, ensure};
use endcap_adapters::ledger::{FILE_NAME, Ledger};
use endcap_agent::outbox::Revision;
use endcap_agent::revert::{Scope, Wanted, revert};
use endcap_agent::rollout::{Rollout, Rollouts, Says, Step, Taken, recorded};
use endcap_govern::audit::Told;
use endcap_govern::guardrail::Interval;
use jiff::Timestamp;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show how far the offers of plans have come: stages, the last reading of the guardrail with its intervals, what comes next.
///
/// `endcap deploy` begins a roll-out with a few stores; `endcap send` reads the guardrail whenever it has read new facts, opens the
/// next stage when it is clear, and takes everything back when it does harm. The section rollout of policy.toml holds stages and bounds.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap rollout show shop
  endcap rollout open shop --plan 5b1c2d3e4f50 --as Ada --reason \"too few stores to compare\"
  endcap rollout stop shop --plan 5b1c2d3e4f50 --as Ada --reason \"customers complain\"

Exit status: 0 done, 1 a roll-out was stopped (show), or nothing was opened (the reason is printed), 2 bad input.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Show stages and readings.
    Show(Show),
    /// Open the next stage, whatever the guardrail says: a person answers for it.
    Open(By),
    /// Stop it and take back what it has brought.
    Stop(By),
}

#[derive(clap::Args)]
struct Show {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

#[derive(clap::Args)]
struct By {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The plan.
    #[arg(long, value_name = "PLAN")]
    plan: String,
    /// Who.
    #[arg(long = "as", alias = "by", id = "by", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// A roll-out, for programs.
#[derive(Serialize)]
struct Shown {
    plan: String,
    begun: Timestamp,
    /// The stage that is open, 1 the canary.
    stage: usize,
    /// Stores of each stage.
    stages: Vec<usize>,
    /// Stores that have the offers.
    reached: usize,
    stores: usize,
    /// `under way`, `over` or `stopped`.
    state: &'static str,
    /// When and why it was stopped.
    stopped: Option<Stopped>,
    /// The last reading.
    last: Option<Taken>,
    /// What comes next, in words.
    next: String,
}

#[derive(Serialize)]
struct Stopped {
    at: Timestamp,
    reason: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let runtime = super::serve::runtime()?;
    match &args.what {
        What::Show(args) => {
            super::stop::is_project(&args.folder)?;
            let rollouts = runtime.block_on(async {
                let ledger = opened(&args.folder).await?;
                let rollouts = ledger.rollouts().await;
                ledger.close().await;
                anyhow::Ok(rollouts?)
            })?;
            show(&rollouts, console)
        }
        What::Open(by) => runtime.block_on(open(by, console)),
        What::Stop(by) => runtime.block_on(stop(by, console)),
    }
}

fn show(rollouts: &Rollouts, console: &Console) -> anyhow::Result<Ending> {
    let all: Vec<Shown> = rollouts.iter().rev().map(Shown::of).collect();
    let stopped = all.first().is_some_and(|newest| newest.stopped.is_some());
    console.result(&all, |all| {
        if all.is_empty() {
            return "No plan is rolled out in stages: `endcap deploy` begins one.".to_owned();
        }
        let mut rows = table(&["plan", "stage", "stores", "margin against plan", "time out of stock", "next"]);
        for one in all {
            let reading = one.last.as_ref().map(|taken| &taken.reading);
            let told = |of: Option<&Interval>| of.map(told).unwrap_or_default();
            rows.add_row([
                one.plan.clone(),
                format!("{} of {}", one.stage, one.stages.len()),
                format!("{} of {}", one.reached, one.stores),
                told(reading.and_then(|reading| reading.margin.as_ref())),
                told(reading.and_then(|reading| reading.stockouts.as_ref())),
                one.next.clone(),
            ]);
        }
        rows.to_string()
    })?;
    Ok(if stopped { Ending::Refused } else { Ending::Done })
}

fn told(interval: &Interval) -> String {
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    format!("{} ({} to {})", percent(interval.estimate), percent(interval.low), percent(interval.high))
}

async fn open(by: &By, console: &Console) -> anyhow::Result<Ending> {
    let (name, reason) = by.named()?;
    let (ledger, now) = (opened(&by.folder).await?, Timestamp::now());
    let mut said = Err(format!("plan {} has no roll-out", by.plan));
    ledger
        .revise(now, |all| {
            said = next_of(all.rollouts.of(&by.plan), &by.plan);
            let Ok(stage) = said else { return Revision::default() };
            let step = Step::Opened { plan: by.plan.clone(), at: now, stage, by_person: true };
            let mut record = recorded(&step, Told::personal(name));
            record.reasons.push(Told::personal(reason));
            Revision { steps: vec![(step, record)], ..Revision::default() }
        })
        .await?;
    ledger.close().await;
    match said {
        Ok(stage) => {
            let shown = serde_json::json!({ "plan": by.plan, "stage": stage + 1 });
            console.result(&shown, |_| format!("Stage {} is open: `endcap send` sends it.", stage + 1))?;
            Ok(Ending::Done)
        }
        Err(why) => {
            console.result(&serde_json::json!({ "refused": why }), |_| format!("Nothing was opened: {why}."))?;
            Ok(Ending::Refused)
        }
    }
}

/// The stage that can be opened next.
fn next_of(rollout: Option<&Rollout>, plan: &str) -> Result<usize, String> {
    let rollout = rollout.ok_or_else(|| format!("plan {plan} has no roll-out"))?;
    match &rollout.stopped {
        Some((at, reason)) => Err(format!("it was stopped at {at:.0} ({reason}): plan again")),
        None if rollout.is_over() => Err("every stage is open".to_owned()),
        None => Ok(rollout.stage() + 1),
    }
}

async fn stop(by: &By, console: &Console) -> anyhow::Result<Ending> {
    let (name, reason) = by.named()?;
    let (ledger, now) = (opened(&by.folder).await?, Timestamp::now());
    if ledger.rollouts().await?.of(&by.plan).is_none() {
        bail!("plan {} has no roll-out: `endcap rollout show` lists them", by.plan);
    }
    let wanted = Wanted {
        scope: Scope::Plan(by.plan.clone()),
        by: Told::personal(name),
        reason: Told::personal(reason),
        told: super::revert::BY_PERSON.to_owned(),
        at: now,
    };
    let revision = ledger.revise(now, |all| revert(&wanted, all)).await?;
    ledger.close().await;
    let (back, void) = (revision.decide.len(), revision.void.len());
    console.result(&serde_json::json!({ "plan": by.plan, "reverted": back, "void": void }), |_| {
        format!("Stopped: {back} prices lead back to base prices, {void} decisions are void. `endcap send` tells the channels.")
    })?;
    Ok(Ending::Done)
}

async fn opened(folder: &Path) -> anyhow::Result<Ledger> {
    super::stop::is_project(folder)?;
    Ok(Ledger::open(&folder.join(FILE_NAME), super::audit::random).await?)
}

impl By {
    fn named(&self) -> anyhow::Result<(&str, &str)> {
        let (by, reason) = (self.by.trim(), self.reason.trim());
        ensure!(!by.is_empty() && !reason.is_empty(), "this needs a named person and a reason: give --as and --reason");
        Ok((by, reason))
    }
}

impl Shown {
    fn of(rollout: &Rollout) -> Self {
        let stages: Vec<usize> = rollout.begun.stages.iter().map(Vec::len).collect();
        let state = match &rollout.stopped {
            Some(_) => "stopped",
            None if rollout.is_over() => "over",
            None => "under way",
        };
        let next = match (&rollout.stopped, &rollout.last) {
            (Some((_, reason)), _) => format!("stopped: {reason}"),
            (None, _) if rollout.is_over() => "every stage is open".to_owned(),
            (None, Some(Taken { stage, reading, .. })) if *stage == rollout.stage() => match &reading.says {
                Says::NotYet { why } => format!("waits: {why}"),
                Says::Clear => "the next stage opens".to_owned(),
                Says::Harm { what } => format!("harm: {what}"),
            },
            (None, _) => "waits for whole periods of sales under this stage".to_owned(),
        };
        Self {
            plan: rollout.plan.clone(),
            begun: rollout.opened[0],
            stage: rollout.stage() + 1,
            reached: rollout.reached(),
            stores: stages.iter().sum(),
            stages,
            state,
            stopped: rollout.stopped.clone().map(|(at, reason)| Stopped { at, reason }),
            last: rollout.last.clone(),
            next,
        }
    }
}
