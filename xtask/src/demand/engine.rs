//! What the engine costs and whether its bytes depend on threads: double machine learning on many rows, refreshes,
//! the same input at one and at two threads.

use super::cells::panels;
use super::figure::{Figure, Reach};
use super::program::{Inputs, Ran, json, number};
use super::{Bench, Measured};
use crate::bench::example;
use crate::measure;
use anyhow::ensure;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Rows of the large estimate.
const ROWS: &str = "3000000";
/// Items of the model that learns on.
const ITEMS: &str = "20000";
/// True mean effect in that example, and what the estimate may be off by to count.
const TRUE_EFFECT: f64 = -2.0;
const OFF_MOST: f64 = 0.01;

/// Parts of the crisis, with the name of each in the example's lines.
const PARTS: [(&str, &str); 6] = [
    ("(a)", "flagged_and_widened"),
    ("(b)", "items_differ"),
    ("(c)", "test_without_discount"),
    ("(d)", "not_deepened"),
    ("(e)", "told_after_undiscounted_weeks"),
    ("old casual", "not_price"),
];

/// Double machine learning: 3 million rows, 20 controls, 2 folds, one thread.
pub fn double_ml(_: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let goals = [("3 M rows x 20: CPU s", Reach::AtMost(60.0)), ("3 M rows x 20: peak GB", Reach::AtMost(1.5))];
    let mut program = example("endcap-demand", "dml_timing")?;
    let ended = measure::run(program.env("RAYON_NUM_THREADS", "1").arg(ROWS).stderr(Stdio::inherit()), None)?;
    ensure!(ended.success, "the example dml_timing ended badly");
    let told: Value = json(&ended.stdout)?;
    let values = [number(&told, "/cpu_s").unwrap_or(ended.cost.cpu), ended.cost.peak_mib / 1000.0 * 1.048_576];
    measured
        .figures
        .extend(goals.iter().zip(values).map(|((name, reach), value)| Figure::new(13, *name, Some(value), *reach)));
    let off = number(&told, "/estimate").map(|estimate| estimate - TRUE_EFFECT);
    measured.figures.push(Figure::new(13, "3 M rows x 20: estimate less the truth", off, Reach::near_zero(OFF_MOST)));
    measured.cost("3 M rows x 20, making the data included", ended.cost);
    Ok(measured)
}

/// A micro-batch of sales in a fitted model, on one core: CPU milliseconds.
pub fn micro_batch(_: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let mut program = example("endcap-agent", "refresh_timing")?;
    let ended = measure::run(program.env("RAYON_NUM_THREADS", "1").arg(ITEMS).stderr(Stdio::inherit()), None)?;
    ensure!(ended.success, "the example refresh_timing ended badly");
    let told: Value = json(&ended.stdout)?;
    let goals = [
        ("10,000 sales into a model of 20,000 SKUs: ms", "/median_ms", 200.0),
        ("the same, 95th percentile: ms", "/p95_ms", 200.0),
        ("the same, memory of the model: GB", "/memory_gb", 1.0),
    ];
    let figure = |(name, at, most): (&str, &str, f64)| Figure::new(14, name, number(&told, at), Reach::AtMost(most));
    measured.figures.extend(goals.map(figure));
    measured.cost("10,000 sales, fitting the model included", ended.cost);
    Ok(measured)
}

/// The retailer's crisis, step by step: each part has to be right with every seed.
pub fn crisis(_: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let mut program = example("endcap-demand", "crisis")?;
    let ended = measure::run(program.stderr(Stdio::inherit()), None)?;
    ensure!(ended.success, "the example crisis ended badly");
    let seeds: Vec<Value> = ended.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let right = |part: &str| seeds.iter().all(|seed| seed[part] == true);
    let parts = PARTS.iter().map(|&(letter, part)| (letter, f64::from(u8::from(!seeds.is_empty() && right(part)))));
    let (letters, right): (Vec<&str>, Vec<f64>) = parts.unzip();
    for (letter, _) in letters.iter().zip(&right).filter(|(_, right)| **right == 0.0) {
        measured.failures.push(format!("crisis 1: part {letter} is wrong"));
    }
    let named = "crisis 1, parts (a) to (e) right";
    let letters: f64 = right[..5].iter().sum();
    measured.figures.push(Figure::new(16, named, Some(letters), Reach::AtLeast(5.0)).of(right[..5].to_vec()));
    let casual = "crisis 1, old casual shoes: price does not move this";
    measured.figures.push(Figure::new(16, casual, Some(right[5]), Reach::AtLeast(1.0)));
    measured.cost("crisis 1, five seeds, two fits each", ended.cost);
    Ok(measured)
}

/// Fits and forecasts at one thread, at two, and again at one; every file has to be the same.
pub fn same_bytes(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let (cj, oj) = (&panels()[0], &panels()[1]);
    let sets = [cj.inputs(bench, Some(cj.first_tuned()))?, oj.inputs(bench, Some(oj.first_tuned()))?];
    let mut different = 0;
    for inputs in &sets {
        let runs = [("one", 1), ("two", 2), ("again", 1)];
        let all = runs.map(|(name, threads)| files(bench, inputs, name, threads, &mut measured));
        let [one, two, again] = all;
        let (one, two, again) = (one?, two?, again?);
        for (at, (name, bytes)) in one.iter().enumerate() {
            if [&two, &again].iter().any(|other| other[at].1 != *bytes) {
                different += 1;
                let panel = inputs.folder.file_name().unwrap_or_default().to_string_lossy();
                measured.failures.push(format!("{panel}: {name} depends on threads or on chance"));
            }
        }
    }
    let figure =
        Figure::new(15, "files that differ at 1 and 2 threads", Some(f64::from(different)), Reach::AtMost(0.0));
    measured.figures.push(figure);
    Ok(measured)
}

/// Everything that fit and forecast write, by name.
fn files(
    bench: &Bench,
    inputs: &Inputs,
    name: &str,
    threads: usize,
    measured: &mut Measured,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let out = inputs.folder.join(format!("threads-{name}"));
    fs::create_dir_all(&out)?;
    let ran = [
        bench.fit(inputs, &out.join("fit"), threads)?,
        bench.forecast(inputs, &out.join("forecast.parquet"), threads)?,
    ];
    for (command, ran) in ["fit", "forecast"].iter().zip(ran) {
        if let Ran::Refused(reason) = ran {
            measured.failures.push(format!("`endcap {command}` ended badly: {reason}"));
        }
    }
    let mut read = Vec::new();
    for file in ["fit/effects.csv", "fit/events.csv", "fit/model.json", "forecast.parquet"] {
        read.push((file.to_owned(), bytes(&out.join(file))));
    }
    Ok(read)
}

/// What a file holds; nothing where it was not written.
fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}
