//! `cargo xtask bench twin`: does it pay to plan promotions and supply in one loop? Runs the built program on the shipped
//! grocery year, times a shock and the world itself, and writes its section of docs/BENCHMARKS.md.
//!
//! It never tunes: the scored seeds are fixed here, and what was tuned was tuned on others.

mod paired;
mod shocks;
mod table;

use crate::measure::{self, Cost};
use anyhow::{Context, ensure};
use paired::{Outcomes, Paired};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::UNIX_EPOCH;
use table::{Goal, Row};

const HEADING: &str = "The loop in the simulated world";
const SCENARIO: &str = "examples/scenarios/grocery-year.toml";
/// The fashion season at its full size, and its worlds.
const SEASON: (&str, &str) = ("examples/scenarios/pittarosso-season.toml", "2");
/// Worlds whose bytes are compared at one and two threads.
const COMPARED: &str = "2";

/// What is measured beside the comparison of policies.
const PARTS: [&str; 5] = ["shock", "season", "speed", "bytes", "library"];

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
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
    /// Beside the comparison only these parts, separated by commas; the section then lacks the others.
    #[arg(long, value_delimiter = ',', value_parser = PARTS)]
    only: Option<Vec<String>>,
    /// A built `endcap` to measure; the release build is made when not given.
    #[arg(long)]
    endcap: Option<PathBuf>,
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let endcap = crate::bench::endcap(options.endcap.as_deref())?;
    eprintln!("bench: {} worlds of {SCENARIO}", options.worlds);
    let (outcomes, cost) = compared(&endcap, options)?;
    let mut rows = goals(&outcomes);
    let wanted = |part: &str| {
        let wanted = options.only.as_ref().is_none_or(|only| only.iter().any(|word| word == part));
        if wanted {
            eprintln!("bench: {part}");
        }
        wanted
    };
    if wanted("shock") {
        rows.push(shock(options)?);
    }
    if wanted("season") {
        rows.extend(season(&endcap)?);
    }
    if wanted("speed") {
        rows.push(speed()?);
    }
    if wanted("bytes") {
        rows.push(same_bytes(&endcap)?);
    }
    let shocks = if wanted("library") { shocks::measured(&endcap, SCENARIO, options)? } else { Vec::new() };
    let section = table::section(&rows, &outcomes, &shocks, options, cost)?;
    println!("{section}");
    crate::page::write_section(HEADING, &section)?;
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn told(&self) -> String {
        format!("{} worlds from seed {}", self.worlds, self.seed)
    }
}

/// Every policy of the scenario in every world.
fn compared(endcap: &Path, options: &Options) -> anyhow::Result<(Outcomes, Cost)> {
    let (worlds, seed) = (options.worlds.to_string(), options.seed.to_string());
    let (told, cost) = tried(twin(endcap, SCENARIO).args(["--worlds", &worlds, "--seed", &seed]))?;
    Ok((Outcomes::read(&serde_json::from_str(&told)?)?, cost))
}

fn twin(endcap: &Path, scenario: &str) -> Command {
    let mut program = Command::new(endcap);
    program.current_dir(crate::root()).args(["twin", scenario, "--json"]);
    program
}

/// What `endcap twin` told, and what it cost. The same program is not asked the same twice: answers are kept under
/// `target/bench-twin`, so that a bench that was cut off goes on where it stopped.
fn tried(program: &mut Command) -> anyhow::Result<(String, Cost)> {
    let folder = crate::root().join("target/bench-twin");
    fs::create_dir_all(&folder)?;
    let file = folder.join(kept_as(program)?);
    if let Ok(kept) = fs::read(&file) {
        return serde_json::from_slice(&kept).with_context(|| format!("{}: remove it", file.display()));
    }
    let ended = measure::run(program.stderr(Stdio::inherit()), None)?;
    ensure!(ended.success, "`endcap twin` ended badly");
    let told = (ended.stdout, ended.cost);
    fs::write(&file, serde_json::to_vec(&told)?)?;
    Ok(told)
}

/// A file's name for what a program was asked: its arguments, its threads, and its size and age, which a new build changes.
fn kept_as(program: &Command) -> anyhow::Result<String> {
    let built = fs::metadata(program.get_program())?;
    let age = built.modified()?.duration_since(UNIX_EPOCH)?.as_secs();
    let settings = program.get_envs().filter_map(|(_, value)| value);
    let words: Vec<String> =
        program.get_args().chain(settings).map(|word| word.to_string_lossy().replace(['/', ' '], "-")).collect();
    Ok(format!("{}-{}-{age}.json", words.join("_"), built.len()))
}

/// Row 5: what is sold of a season, and how many pairs move for it.
fn season(endcap: &Path) -> anyhow::Result<Vec<Row>> {
    let (scenario, worlds) = SEASON;
    let told: Value = serde_json::from_str(&tried(twin(endcap, scenario).args(["--worlds", worlds]))?.0)?;
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
    Ok([sold("Endcap", Goal::AtLeast(0.83)), moved].into_iter().chain(others).collect())
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
fn shock(options: &Options) -> anyhow::Result<Row> {
    let told = example("shock", &[&options.skus.to_string()])?;
    let figure =
        format!("half a promoted delivery cut, {} SKUs: CPU s to a changed plan with its orders", options.skus);
    Ok(Row::number(4, &figure, told["cpu_s"].as_f64(), Goal::AtMost(2.0)))
}

/// Row 6: item-place-periods per CPU second.
fn speed() -> anyhow::Result<Row> {
    let told = example("twin_timing", &[])?;
    let millions = told["per_second"].as_f64().map(|per_second| per_second / 1e6);
    let figure = "million item-place-periods of the weekly world per CPU second";
    Ok(Row::number(6, figure, millions, Goal::AtLeast(10.0)))
}

/// Row 7: outputs of the same seeds that differ at one and two threads.
fn same_bytes(endcap: &Path) -> anyhow::Result<Row> {
    let at =
        |threads: &str| tried(twin(endcap, SCENARIO).env("RAYON_NUM_THREADS", threads).args(["--worlds", COMPARED]));
    let different = f64::from(u8::from(at("1")?.0 != at("2")?.0));
    Ok(Row::number(7, "outputs that differ at 1 and 2 threads", Some(different), Goal::AtMost(0.0)))
}

/// Builds an example and reads the JSON that it prints, on one core.
fn example(name: &str, arguments: &[&str]) -> anyhow::Result<Value> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(crate::root()).args(["build", "--release", "--locked", "--workspace", "--example", name]);
    crate::run(&mut build)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    let mut program = Command::new(target.join("release/examples").join(name));
    let ended = measure::run(program.env("RAYON_NUM_THREADS", "1").args(arguments).stderr(Stdio::inherit()), None)?;
    ensure!(ended.success, "the example {name} ended badly");
    serde_json::from_str(&ended.stdout).with_context(|| format!("what the example {name} printed"))
}
