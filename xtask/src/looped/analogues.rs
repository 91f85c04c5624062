//! Row 6: the ten promotions that are most like an offer, among a million past ones that were made up with seeds: skewed
//! categories and items, campaigns that run alike in many regions. The program measures itself (`endcap analogues --rehearse`).

use super::Options;
use crate::goals::{Case, Goal, Row, Table};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const ROW: u32 = 6;
const CASES: usize = 1_000_000;
const QUESTIONS: usize = 2_000;

/// Asks the same questions at one thread and at two.
pub fn measure(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let cases = if options.quick { CASES / 50 } else { CASES };
    let (one, two) = (rehearsed(endcap, cases, 1)?, rehearsed(endcap, cases, 2)?);
    let micros = |told: &Value, name: &str| -> Vec<f64> {
        told[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let queries = micros(&one, "query_microseconds");
    ensure!(queries.len() == QUESTIONS, "endcap answered {} of {QUESTIONS} questions", queries.len());
    let same = one["answers"].is_string() && one["answers"] == two["answers"];
    let millis = |share| percentile(&queries, share).map(|micros| micros / 1000.0);
    let of = format!("ten nearest of {cases} past promotions");
    let rows = vec![
        Row::number(ROW, &format!("{of}: p95 in ms"), millis(0.95), Goal::AtMost(5.0)),
        Row::number(
            ROW,
            &format!("{of}: recall against a look at every one"),
            one["recall_at_10"].as_f64(),
            Goal::AtLeast(0.95),
        ),
        Row::number(
            ROW,
            "same answers at one thread and two (1: yes)",
            Some(f64::from(u8::from(same))),
            Goal::AtLeast(1.0),
        ),
        Row::number(ROW, "laying them out, two threads: s", two["build_seconds"].as_f64(), Goal::Shown),
    ];
    let exact = micros(&one, "exact_microseconds");
    let told = |share| {
        Some([percentile(&queries, share)?, percentile(&exact, share)?].map(|micros| format!("{:.3}", micros / 1000.0)))
    };
    let line = |name: &str, share| {
        let [search, look] = told(share).unwrap_or_default();
        vec![name.to_owned(), search, look]
    };
    let table = Table {
        about: format!(
            "Milliseconds a question, {QUESTIONS} questions, half of them near doubles of known promotions."
        ),
        columns: ["", "search", "look at every one"].map(str::to_owned).into(),
        rows: vec![line("p50", 0.5), line("p95", 0.95), line("p99", 0.99), line("slowest", 1.0)],
    };
    Ok(Case { rows, table: Some(table) })
}

fn rehearsed(endcap: &Path, cases: usize, threads: usize) -> anyhow::Result<Value> {
    let mut command = Command::new(endcap);
    command.args(["analogues", "--json", "--rehearse", &cases.to_string(), "--questions", &QUESTIONS.to_string()]);
    let output = command.args(["--threads", &threads.to_string()]).output().context("endcap could not be started")?;
    ensure!(output.status.success(), "endcap analogues ended badly: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get((share * values.len().checked_sub(1)? as f64).ceil() as usize).copied()
}
