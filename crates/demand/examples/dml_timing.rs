//! Times double machine learning: rows x 20 controls, 2 folds; prints CPU seconds, peak memory and the estimate as JSON.
//!
//! `dml_timing ROWS` makes data whose effect is known: elasticity -2 - 0.5 x, confounded through five of twenty
//! controls. Set `RAYON_NUM_THREADS=1` to compare CPU seconds of one thread.

use endcap_demand::booster::{Column, Table};
use endcap_demand::dml::{DmlSettings, Rows, estimate};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Controls of each row.
const CONTROLS: usize = 20;
/// Weeks that the rows are spread over.
const WEEKS: usize = 104;
/// Clock ticks in a second, as Linux counts CPU time for programs.
const TICKS: f64 = 100.0;

/// Columns and what was made of them.
struct Made {
    controls: Vec<Vec<f32>>,
    treatment: Vec<f64>,
    outcome: Vec<f64>,
    week: Vec<i32>,
}

fn make(rows: usize) -> Made {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let controls: Vec<Vec<f32>> = (0..CONTROLS).map(|_| (0..rows).map(|_| normal() as f32).collect()).collect();
    let (treatment, outcome) = (0..rows)
        .map(|row| {
            let x = |at: usize| f64::from(controls[at][row]);
            let shared = x(0).sin() + 0.5 * x(1) * f64::from(u8::from(x(2) > 0.0)) + 0.3 * x(3);
            let treated = -0.15 * shared + 0.12 * normal();
            (treated, 3.0 + 0.6 * shared + (-2.0 - 0.5 * x(5)) * treated + 0.4 * normal())
        })
        .unzip();
    let week = (0..rows).map(|row| (row % WEEKS) as i32).collect();
    Made { controls, treatment, outcome, week }
}

/// CPU seconds of all threads so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / TICKS
}

/// Most memory held at once, in gigabytes.
fn peak_gigabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e6
}

fn main() {
    let rows = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(300_000);
    let made = make(rows);
    let start = cpu_seconds();
    let controls = made.controls.iter().map(|column| Column::Number(column)).collect();
    let table = Table::new(controls).expect("Invariant: columns of one length and finite");
    let found = estimate(
        &Rows {
            outcome: &made.outcome,
            treatment: &made.treatment,
            controls: &table,
            unit: None,
            week: &made.week,
            segment: None,
        },
        &DmlSettings::for_many_rows(),
        &mut ChaCha8Rng::seed_from_u64(1),
    );
    let seconds = cpu_seconds() - start;
    match found {
        Ok(found) => {
            let found = found.overall;
            println!(
                r#"{{"rows":{rows},"cpu_s":{seconds},"peak_gb":{},"estimate":{},"se":{},"lo95":{},"hi95":{}}}"#,
                peak_gigabytes(),
                found.mean,
                found.standard_error,
                found.low,
                found.high
            );
        }
        Err(refusal) => {
            eprintln!("refused: {refusal}");
            std::process::exit(1);
        }
    }
}
