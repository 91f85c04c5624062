//! `cargo xtask bench twin`: does it pay to plan promotions and supply in one loop? Runs the built program on the shipped
//! grocery year, times a shock and the world itself, and writes its section of docs/BENCHMARKS.md.
//!
//! It never tunes: the scored seeds are fixed here, and what was tuned was tuned on others.

pub mod paired;
mod shocks;
mod table;

use crate::goals::{Case, Goal, Paired, Row};
use crate::measure;
use crate::store::{self, Results, Shelf, Stored};
use anyhow::{Context, ensure};
use paired::Outcomes;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const HEADING: &str = "The loop in the simulated world";
pub const SCENARIO: &str = "examples/scenarios/grocery-year.toml";
/// The fashion season at its full size, and its worlds.
const SEASON: (&str, &str) = ("examples/scenarios/pittarosso-season.toml", "2");
/// Worlds whose bytes are compared at one and two threads.
const COMPARED: &str = "2";

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Only cases whose name contains one of these words, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Worlds of the comparison.
    #[arg(long, default_value_t = 100)]
    worlds: u32,
    /// Seed of the first of them.
    #[arg(long, default_value_t = 1001)]
    seed: u64,
    /// Worlds of each shock of the library.
    #[arg(long, default_value_t = 5)]
    shock_worlds: u32,
    /// SKUs of the shock whose computing is timed.
    #[arg(long, default_value_t = 5000)]
    skus: u32,
    /// A built `endcap` to measure; the release build is made when not given.
    #[arg(long)]
    endcap: Option<PathBuf>,
}

type Measure = fn(&Path, &Options) -> anyhow::Result<Case>;

/// The cases in the order of the page.
const CASES: [(&str, Measure); 6] = [
    ("comparison", comparison),
    ("a delivery cut", delivery_cut),
    ("season", season),
    ("speed", speed),
    ("bytes", same_bytes),
    ("shocks", library),
];

/// Names of all cases in the order of the page.
pub fn names() -> Vec<String> {
    CASES.map(|(name, _)| name.to_owned()).to_vec()
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let endcap = crate::bench::endcap(options.endcap.as_deref())?;
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()));
    let mut results = Results::open(Shelf::of(options.endcap.is_some(), "")?)?;
    let mut failures = Vec::new();
    for (name, measure) in CASES.into_iter().filter(|(name, _)| wanted(name)) {
        eprintln!("bench: {name}");
        let case = measure(&endcap, options).with_context(|| name.to_owned())?;
        store::keep(&mut results, Some(Stored::new(name, case, vec![])), &mut failures, |results| &mut results.twin)?;
    }
    let section = table::section(&results.newest()?.twin);
    println!("{section}");
    crate::page::write_section(HEADING, &section)?;
    Ok(ExitCode::SUCCESS)
}

/// Every policy of the scenario in every world: rows 2 and 3, and every figure.
fn comparison(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let (worlds, seed) = (options.worlds.to_string(), options.seed.to_string());
    let told = tried(twin(endcap, SCENARIO).args(["--worlds", &worlds, "--seed", &seed]))?;
    let outcomes = Outcomes::read(&serde_json::from_str(&told)?)?;
    Ok(Case { rows: goals(&outcomes), table: Some(table::of_outcomes(&outcomes, options)) })
}

/// `endcap twin` of a scenario.
pub fn twin(endcap: &Path, scenario: &str) -> Command {
    let mut program = Command::new(endcap);
    program.current_dir(crate::root()).args(["twin", scenario, "--json"]);
    program
}

/// What `endcap twin` told.
pub fn tried(program: &mut Command) -> anyhow::Result<String> {
    let ended = measure::run(program.stderr(Stdio::inherit()), None)?;
    ensure!(ended.success, "`endcap twin` ended badly");
    Ok(ended.stdout)
}

/// Row 5: what is sold of a season, and how many pairs move for it.
fn season(endcap: &Path, _: &Options) -> anyhow::Result<Case> {
    let (scenario, worlds) = SEASON;
    let told: Value = serde_json::from_str(&tried(twin(endcap, scenario).args(["--worlds", worlds]))?)?;
    let level = |policy: &str, measure: &str| {
        let mut kpis = told["kpis"].as_array().into_iter().flatten();
        kpis.find(|kpi| kpi["policy"] == policy && kpi["measure"] == measure)?["level"]["mean"].as_f64()
    };
    let sold = |policy: &str, goal| {
        let found = level(policy, "sell_through").map(|mean| Paired { mean, low: mean, high: mean });
        Row::share(5, &format!("fashion season of 200 stores: sell-through, {policy}"), found, goal)
    };
    let moved = Row::number(5, "the same: pairs moved between stores, Endcap", level("Endcap", "moved"), Goal::Shown);
    let others = ["no system", "markdowns only", "transfers and markdowns"].map(|policy| sold(policy, Goal::Shown));
    Ok(Case { rows: [sold("Endcap", Goal::AtLeast(0.83)), moved].into_iter().chain(others).collect(), table: None })
}

/// Rows 2 and 3: against the siloed policy, the spreadsheet and the ceiling.
fn goals(outcomes: &Outcomes) -> Vec<Row> {
    let integrated = |measure: &str| outcomes.levels("integrated", measure);
    let against = |other: &str, measure: &str| outcomes.paired("integrated", other, measure);
    let over = |other: &str, measure: &str| outcomes.change("integrated", other, measure);
    let in_time = Paired::of(&integrated("stockout_rate_in_time"));
    let kept = outcomes.share_of_gain("integrated", "oracle", "no promotions", "profit");
    let row = |row, figure: &str, found: Option<Paired>, goal| Row::share(row, figure, found, goal);
    vec![
        row(2, "stock-out rate on promotion where supply can be ordered in time", in_time, Goal::AtMost(0.02)),
        row(2, "stock-outs against siloed", over("siloed", "stockout_rate"), Goal::Below(-0.4)),
        row(2, "stock-outs on promotion against siloed", over("siloed", "stockout_rate_promoted"), Goal::Below(-0.4)),
        row(2, "write-down over promo revenue less that of siloed", against("siloed", "write_down_share"), Goal::Shown),
        row(2, "write-down against siloed", over("siloed", "write_down"), Goal::Below(-0.5)),
        row(2, "margin against siloed", over("siloed", "margin"), Goal::Above(0.0)),
        row(2, "profit against siloed", over("siloed", "profit"), Goal::Above(0.0)),
        row(2, "margin against the spreadsheet", over("spreadsheet", "margin"), Goal::Above(0.05)),
        row(2, "profit against the spreadsheet", over("spreadsheet", "profit"), Goal::Shown),
        row(3, "share of the oracle's gain in profit over no promotions", kept, Goal::Above(0.85)),
    ]
}

/// Row 4: CPU seconds from the news of a cut delivery to a changed plan with its orders, on one core.
fn delivery_cut(_: &Path, options: &Options) -> anyhow::Result<Case> {
    let told = example("endcap-agent", "shock", &[&options.skus.to_string()])?;
    let figure =
        format!("half a promoted delivery cut, {} SKUs: CPU s to a changed plan with its orders", options.skus);
    Ok(Row::number(4, &figure, told["cpu_s"].as_f64(), Goal::AtMost(2.0)).into())
}

/// Row 6: item-place-periods per CPU second.
fn speed(_: &Path, _: &Options) -> anyhow::Result<Case> {
    let told = example("endcap-twin", "twin_timing", &[])?;
    let millions = told["per_second"].as_f64().map(|per_second| per_second / 1e6);
    let figure = "million item-place-periods of the weekly world per CPU second";
    Ok(Row::number(6, figure, millions, Goal::AtLeast(10.0)).into())
}

/// Row 7: outputs of the same seeds that differ at one and two threads.
fn same_bytes(endcap: &Path, _: &Options) -> anyhow::Result<Case> {
    let at =
        |threads: &str| tried(twin(endcap, SCENARIO).env("RAYON_NUM_THREADS", threads).args(["--worlds", COMPARED]));
    let different = f64::from(u8::from(at("1")? != at("2")?));
    Ok(Row::number(7, "outputs that differ at 1 and 2 threads", Some(different), Goal::AtMost(0.0)).into())
}

/// Time to adjust to every shock of the library.
fn library(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let shocks = shocks::measured(endcap, SCENARIO, options)?;
    Ok(Case { rows: Vec::new(), table: Some(table::of_shocks(&shocks, options)) })
}

impl From<Row> for Case {
    fn from(row: Row) -> Self {
        Self { rows: vec![row], table: None }
    }
}

/// Builds an example and reads the JSON that it prints, on one core.
fn example(package: &str, name: &str, arguments: &[&str]) -> anyhow::Result<Value> {
    let mut program = crate::bench::example(package, name)?;
    let ended = measure::run(program.env("RAYON_NUM_THREADS", "1").args(arguments).stderr(Stdio::inherit()), None)?;
    ensure!(ended.success, "the example {name} ended badly");
    serde_json::from_str(&ended.stdout).with_context(|| format!("what the example {name} printed"))
}
