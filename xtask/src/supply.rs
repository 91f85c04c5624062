//! `cargo xtask bench supply`: orders on the published inventory game beside its organiser's benchmark policy, the speed of
//! projection and orders, and whether bytes depend on threads. Keeps the results under `bench/results` by commit and writes
//! its section of docs/BENCHMARKS.md.
//!
//! It never tunes: the origins and which of them are held out are written in the example that plays the game.

use crate::demand::figure::{Figure, Reach, rounded};
use crate::helper::{answer, missing, python};
use crate::measure::{self, Cost};
use crate::page::table;
use crate::store::{self, Results, Shelf, Stored};
use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Heading of the section.
const HEADING: &str = "Supply";
/// Writes the game's tables as CSV.
const TO_CSV: &str = "import sys, pandas\nfor name in ['history', 'initial_state', 'master']:\n    \
                      pandas.read_parquet(f'{sys.argv[1]}/{name}.parquet').to_csv(f'{sys.argv[2]}/{name}.csv', index=False)";

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Only cases whose name contains one of these words, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Folder with `data/vn2_inventory`; `../shared` beside the project when not given.
    #[arg(long)]
    shared: Option<PathBuf>,
}

/// A case as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    figures: Vec<Figure>,
    costs: Vec<(String, Cost)>,
}

type Measure = fn(&Options) -> anyhow::Result<(Row, Vec<String>)>;

/// The cases in the order of the page.
const CASES: [(&str, Measure); 2] = [("inventory game", inventory_game), ("speed", speed)];

/// Names of all cases in the order of the page.
pub fn names() -> Vec<String> {
    CASES.map(|(name, _)| name.to_owned()).to_vec()
}

/// Runs the benchmark; ends badly when a check fails.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    build()?;
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()));
    let mut results = Results::open(Shelf::of(false, "")?)?;
    let mut failures = Vec::new();
    for (name, measure) in CASES.into_iter().filter(|(name, _)| wanted(name)) {
        eprintln!("bench: {name}");
        let (row, failed) = measure(&options).with_context(|| name.to_owned())?;
        store::keep(&mut results, Some(Stored::new(name, row, failed)), &mut failures, |results| &mut results.supply)?;
    }
    let section = section(&results.newest()?);
    println!("{section}");
    crate::page::write_section(HEADING, &section)?;
    failures.iter().for_each(|failure| eprintln!("FAILED: {failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn build() -> anyhow::Result<()> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(crate::root()).args(["build", "--release", "--locked", "-p", "endcap-supply"]);
    crate::run(build.args(["--example", "vn2", "--example", "supply_timing"]))
}

fn example(name: &str, threads: u32) -> Command {
    let mut program = Command::new(crate::bench::target().join("release/examples").join(name));
    program.env("RAYON_NUM_THREADS", threads.to_string());
    program
}

/// Plays the game from six origins at one thread and at two.
fn inventory_game(options: &Options) -> anyhow::Result<(Row, Vec<String>)> {
    let reach = Reach::AtLeast(0.12);
    let names = ["all six origins", "two held out", "four tuned on"];
    let name = |which: &str| format!("inventory game, {which}: share below the organiser's benchmark");
    let data = crate::bench::shared(options.shared.as_deref())?.join("data/vn2_inventory");
    let lacking = missing(&["pandas", "pyarrow"]);
    if !data.is_dir() || !lacking.is_empty() {
        let reason = if lacking.is_empty() { "no vn2_inventory among the data".to_owned() } else { lacking.join(", ") };
        let figures = names.map(|which| Figure::not_run(1, name(which), reach, &reason));
        return Ok((Row { figures: figures.into(), costs: Vec::new() }, Vec::new()));
    }
    let scratch = crate::root().join("target/bench-supply");
    fs::create_dir_all(&scratch)?;
    answer(python().args(["-c", TO_CSV]).arg(&data).arg(&scratch))?;
    let (one, cost) = played(&scratch, 1)?;
    let (two, _) = played(&scratch, 2)?;
    let failures = if one == two { Vec::new() } else { vec!["costs depend on threads".to_owned()] };
    let lines: Vec<Value> = one.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let figures = [None, Some(true), Some(false)].into_iter().zip(names).map(|(held_out, which)| {
        let of = lines.iter().filter(|line| line["origin"].is_string());
        let of: Vec<&Value> = of.filter(|line| held_out.is_none_or(|held| line["held_out"] == held)).collect();
        let sum = |player: &str| of.iter().filter_map(|line| line[player]["cost"].as_f64()).sum::<f64>();
        let parts = of.iter().filter_map(|line| line["below_benchmark"].as_f64()).collect();
        Figure::new(1, name(which), Some(1.0 - sum("endcap") / sum("benchmark")), reach).of(parts)
    });
    let costs = vec![("inventory game: 48 weeks of orders of 599 cells, three policies".to_owned(), cost)];
    Ok((Row { figures: figures.collect(), costs }, failures))
}

fn played(folder: &Path, threads: u32) -> anyhow::Result<(String, Cost)> {
    let ended = measure::run(example("vn2", threads).arg(folder), None)?;
    ensure!(ended.success, "the example vn2 ended badly");
    Ok((ended.stdout, ended.cost))
}

/// Orders and projection of 100,000 item-places over 13 weeks, at one thread and at two.
fn speed(_: &Options) -> anyhow::Result<(Row, Vec<String>)> {
    let run = |threads| -> anyhow::Result<(Value, Cost)> {
        let ended = measure::run(&mut example("supply_timing", threads), None)?;
        ensure!(ended.success, "the example supply_timing ended badly");
        Ok((serde_json::from_str(&ended.stdout)?, ended.cost))
    };
    let ((one, cost), (two, _)) = (run(1)?, run(2)?);
    let hash = |told: &Value| told["hash"].as_str().map(str::to_owned);
    if hash(&one).is_none() {
        bail!("the example supply_timing tells no hash");
    }
    let same = hash(&one) == hash(&two);
    let name = |what: &str| format!("projection and orders of 100,000 item-places x 13 weeks: {what}");
    let figures = vec![
        Figure::new(6, name("CPU s, one thread"), one["cpu_s"].as_f64(), Reach::AtMost(3.0)),
        Figure::new(7, name("same bytes at one thread and two"), Some(f64::from(u8::from(same))), Reach::AtLeast(1.0)),
    ];
    let failures = if same { Vec::new() } else { vec!["orders or projection depend on threads".to_owned()] };
    Ok((Row { figures, costs: vec![("the same, making the input included".to_owned(), cost)] }, failures))
}

fn section(results: &Results) -> String {
    let mut section = format!(
        "Measured on {}, {} cores. The inventory game is played as published (0.2 a unit held and week, 1 a lost sale, an\n\
         order of the end of week t there at the start of t + 3) for eight weeks each from six origins of its history, with\n\
         the code behind `endcap supply`; two origins were held out from every choice. Single: of each origin.\n",
        results.machine.cpu, results.machine.cores
    );
    let figures = results.supply.iter().flat_map(|row| row.row.figures.iter().map(move |figure| line(figure, row)));
    let costs = results.supply.iter().flat_map(|row| row.row.costs.iter().map(move |cost| cost_line(cost, row)));
    let parts = [
        table("Goals.", &["row", "figure", "Endcap", "single", "reach", "met"], figures.collect()),
        table("Costs, one thread.", &["run", "CPU s", "wall s", "peak MiB"], costs.collect()),
    ];
    parts.into_iter().flatten().for_each(|part| section.push_str(&part));
    section
}

fn line(figure: &Figure, row: &Stored<Row>) -> Vec<String> {
    let met = match figure.met() {
        _ if !row.failures.is_empty() => "FAILED",
        None => "-",
        Some(true) => "yes",
        Some(false) => "no",
    };
    let single: Vec<String> = figure.parts.iter().map(|part| rounded(*part)).collect();
    let reach = figure.reach.to_string();
    vec![
        figure.goal.to_string(),
        figure.name.clone(),
        figure.text(),
        single.join(" "),
        reach,
        met.to_owned(),
        row.commit.clone(),
    ]
}

fn cost_line((run, cost): &(String, Cost), row: &Stored<Row>) -> Vec<String> {
    vec![
        run.clone(),
        format!("{:.2}", cost.cpu),
        format!("{:.2}", cost.wall),
        format!("{:.0}", cost.peak_mib),
        row.commit.clone(),
    ]
}
