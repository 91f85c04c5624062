//! Row 4: made-up seasons in which the gate for models is tried. Seeds 1 to 30 were for tuning; those here were never looked at.

use super::Options;
use crate::goals::{Case, Goal, Row};
use crate::measure;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// The first seed, and seasons of each kind: in full, and to see that it runs.
const SEED: &str = "1001";
const SEASONS: [u32; 2] = [200, 6];
/// Weeks within which a better challenger is to pass.
const SOON: u64 = 6;

/// Goes through the seasons of every kind.
pub fn measured(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let seasons = SEASONS[usize::from(options.quick)];
    let of = |kind: &str| -> anyhow::Result<Vec<Value>> {
        let mut program = Command::new(endcap);
        program.args([
            "models",
            "rehearse",
            "--kind",
            kind,
            "--seed",
            SEED,
            "--seasons",
            &seasons.to_string(),
            "--json",
        ]);
        let ended = measure::run(program.stderr(Stdio::inherit()), None)?;
        ensure!(ended.success, "`endcap models rehearse` ended badly");
        serde_json::from_str(&ended.stdout).with_context(|| format!("what it told of {kind} seasons"))
    };
    let sum = |seasons: &[Value], of: fn(&Value) -> f64| Some(seasons.iter().map(of).sum::<f64>());
    let swaps = |season: &Value| season["swaps"].as_array().map_or(0.0, |swaps| swaps.len() as f64);
    let clean = of("clean")?;
    let harmful = |season: &Value| season["harmful"].as_f64().unwrap_or(1.0);
    let mut rows = vec![
        Row::number(4, &format!("{seasons} clean seasons: harmful swaps"), sum(&clean, harmful), Goal::AtMost(0.0)),
        Row::number(4, "the same: swaps", sum(&clean, swaps), Goal::Shown),
        Row::number(
            4,
            "the same: challengers that the gate looked at",
            sum(&clean, |season| season["challengers"].as_f64().unwrap_or(0.0)),
            Goal::Shown,
        ),
    ];
    for kind in ["poisoned", "overfitted", "stale"] {
        let passed = sum(&of(kind)?, swaps);
        rows.push(Row::number(4, &format!("{seasons} {kind} challengers: passed"), passed, Goal::AtMost(0.0)));
    }
    let better = of("better")?;
    let soon = |season: &Value| {
        let first = season["swaps"].as_array().and_then(|swaps| swaps.first()).and_then(Value::as_u64);
        f64::from(u8::from(first.is_some_and(|week| week <= SOON)))
    };
    let share = sum(&better, soon).map(|passed| passed / f64::from(seasons));
    let found = share.map(|mean| crate::goals::Paired { mean, low: mean, high: mean });
    let figure = format!("{seasons} better challengers: passed within {SOON} weeks");
    rows.push(Row::share(4, &figure, found, Goal::AtLeast(0.9)));
    Ok(Case { rows, table: None })
}
