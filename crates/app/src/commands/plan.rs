//! `endcap plan`: from the latest facts of a project to a judged plan, its orders and its report.

use crate::approvals::Office;
use crate::commands::ground::latest;
use crate::console::{Console, Ending, table};
use crate::project::{Finished, Made, Run, read_scenario};
use anyhow::Context;
use endcap_adapters::facts::Store;
use endcap_agent::run::Ended;
use endcap_model::{Currency, Event, Halt, Money};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Plan offers and the supply behind them from the latest facts, try the plan in the twin, and judge it.
///
/// Steps that were done before on the same facts, scenario, policy and seed are not done again.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap plan shop\n  endcap plan shop --scenario easter.toml --gap 0.001 --json\n  endcap plan shop --by ada"
)]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The scenario; FOLDER/scenario.toml when not given.
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// The policy; FOLDER/policy.toml when not given.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Seed of everything random outside the twin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop once the plan is proven to be within this share of the best possible.
    #[arg(long, default_value_t = 0.0001, value_parser = share)]
    gap: f64,
    /// Stop searching after so many seconds, with the best plan so far and its true bound.
    ///
    /// A limit in time makes the plan depend on the machine; without it the same input gives the same bytes.
    #[arg(long)]
    time_limit: Option<f64>,
    /// Threads to use; all cores when not given. The result does not depend on it.
    #[arg(long, value_parser = crate::commands::threads)]
    threads: Option<usize>,
    /// Account of the person who proposes the plan; where people have to sign it, that person cannot.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Reads a share from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to 1, such as 0.001".to_owned())
}

impl Args {
    /// What the demo plans with: everything at its default.
    pub fn demo(folder: PathBuf, threads: Option<usize>) -> Self {
        Self { folder, scenario: None, policy: None, seed: 1, gap: 0.0001, time_limit: None, threads, by: None }
    }
}

/// The result of a plan run, for programs. Money in whole minor units of `currency`.
#[derive(Serialize)]
struct Summary {
    status: &'static str,
    reasons: Vec<String>,
    /// Where people have to sign: the request that they answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    plan: String,
    snapshot: String,
    currency: Currency,
    objective: String,
    value: i64,
    bound: i64,
    gap: f64,
    pnl: Vec<(&'static str, i64)>,
    page_value: i64,
    spend: i64,
    offers: usize,
    promoted_items: usize,
    stockout_probability: f64,
    orders: usize,
    transfers: usize,
    /// Numbers of the edits and overrides that it uses.
    edits: Vec<u32>,
    overrides: Vec<u32>,
    references: Vec<(String, i64)>,
    twin: Vec<endcap_agent::stress::Against>,
    report: PathBuf,
    folder: PathBuf,
}

/// What is left of a run that ended before a plan was judged, for programs.
#[derive(Serialize)]
struct Unplanned {
    status: &'static str,
    reasons: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    check_person(args)?;
    let scenario = args.scenario.clone().unwrap_or_else(|| args.folder.join("scenario.toml"));
    read_scenario(&scenario)?;
    let store = Store::open(&args.folder)?;
    from_facts(args, latest(&store, &args.folder)?, console)
}

/// Who asks must be known before the work is done.
fn check_person(args: &Args) -> anyhow::Result<()> {
    let Some(name) = &args.by else { return Ok(()) };
    super::serve::runtime()?.block_on(async {
        let office = Office::open(&args.folder).await?;
        office.account(name).await?;
        office.close().await;
        Ok(())
    })
}

/// Plans from the event that facts have landed.
pub fn from_facts(args: &Args, first: Event, console: &Console) -> anyhow::Result<Ending> {
    let in_folder = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| args.folder.join(name));
    let run = Run {
        folder: &args.folder,
        scenario: &in_folder(&args.scenario, "scenario.toml"),
        policy: &in_folder(&args.policy, "policy.toml"),
        seed: args.seed,
        solve: endcap_plan::solve::Settings {
            gap: args.gap,
            time_limit: args.time_limit.map(Duration::try_from_secs_f64).transpose().context("--time-limit")?,
            ..endcap_plan::solve::Settings::default()
        },
        by: args.by.as_deref(),
        shadow: false,
    };
    let finished = match args.threads {
        None => run.run(first, console)?,
        Some(threads) => {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build()?.install(|| run.run(first, console))?
        }
    };
    show(finished, console)
}

fn show(finished: Finished, console: &Console) -> anyhow::Result<Ending> {
    let (status, reasons) = told(finished.ended);
    let refused = status == "refused" || status == "halted";
    let request = finished.request.map(|kept| kept.id);
    match finished.made {
        Some(made) => console.result(&Summary { request, ..summary(made, status, reasons) }, for_people)?,
        None => console
            .result(&Unplanned { status, reasons }, |none| format!("{}: {}", none.status, none.reasons.join("; ")))?,
    }
    Ok(if refused { Ending::Refused } else { Ending::Done })
}

/// How a run ended, in words.
pub fn told(ended: Ended) -> (&'static str, Vec<String>) {
    match ended {
        Ended::Done => ("published", vec![]),
        Ended::Asks { reasons } => ("needs a person", reasons),
        Ended::Withheld => ("withheld in shadow", vec!["`endcap resume` lets approved plans go out again".to_owned()]),
        Ended::Halted { halt } => ("halted", halted(&halt)),
        Ended::Stopped { reason } => ("refused", vec![reason]),
    }
}

/// Why nothing was planned, and what people go on with.
fn halted(halt: &Halt) -> Vec<String> {
    let plan =
        halt.plan.as_ref().map(|plan| format!("plan {plan} stays in force; manual/ holds it for changes by hand"));
    let why = format!("halted by {}: {}", halt.by, halt.reason);
    let next = "`endcap resume FOLDER --shadow --by NAME --reason TEXT` lets it run again".to_owned();
    [Some(why), plan, Some(next)].into_iter().flatten().collect()
}

fn summary(made: Made, status: &'static str, reasons: Vec<String>) -> Summary {
    let report = &made.plan.report;
    Summary {
        status,
        reasons,
        request: None,
        plan: made.plan.id.to_string(),
        snapshot: made.plan.snapshot.to_string(),
        currency: made.plan.currency,
        objective: report.objective.clone(),
        value: report.value,
        bound: report.bound,
        gap: report.gap,
        pnl: report.pnl.parts().to_vec(),
        page_value: report.page_value,
        spend: made.digest.spend,
        offers: made.plan.offers.len(),
        promoted_items: made.digest.promoted_items,
        stockout_probability: made.digest.stockout_probability,
        orders: made.plan.orders.len(),
        transfers: made.plan.transfers.len(),
        edits: made.edits,
        overrides: made.overrides,
        references: report.references.clone(),
        twin: made.trial.comparisons,
        report: made.report,
        folder: made.folder,
    }
}

fn for_people(summary: &Summary) -> String {
    let money = |minor: i64| Money::new(minor, summary.currency).to_string();
    let mut rows = table(&["plan", &summary.plan]);
    rows.add_row(["value over no promotion", &money(summary.value)]);
    rows.add_row(["no plan can earn more than", &money(summary.bound)]);
    rows.add_row(["gap", &format!("{:.4} %", summary.gap * 100.0)]);
    for (cause, amount) in &summary.pnl {
        rows.add_row([format!("  {}", cause.replace('_', " ")), money(*amount)]);
    }
    rows.add_row(["page formula would say", &money(summary.page_value)]);
    for (name, value) in &summary.references {
        rows.add_row([format!("{name} would earn"), money(*value)]);
    }
    rows.add_row(["money given away", &money(summary.spend)]);
    rows.add_row(["offers", &format!("{} on {} items", summary.offers, summary.promoted_items)]);
    rows.add_row([
        "projected stock-out risk of promoted items",
        &format!("{:.1} %", summary.stockout_probability * 100.0),
    ]);
    rows.add_row(["orders", &summary.orders.to_string()]);
    let numbers = |of: &[u32]| of.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    for (what, of) in [("edits of effects in use", &summary.edits), ("overrides in use", &summary.overrides)] {
        if !of.is_empty() {
            rows.add_row([what, &numbers(of)]);
        }
    }
    rows.add_row(["policy", summary.status]);
    let reasons: String = summary.reasons.iter().map(|reason| format!("\n{reason}")).collect();
    format!("{rows}{reasons}\nFiles:  {}\nReport: {}", summary.folder.display(), summary.report.display())
}
