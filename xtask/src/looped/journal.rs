//! A journal of a million events, replayed twice: how long, and whether the state is the same byte for byte.

use super::Options;
use crate::goals::{Case, Goal, Row};
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Command;

#[derive(Deserialize)]
struct Replayed {
    events: usize,
    seconds: f64,
    state_hash: String,
}

/// Replays it.
pub fn measure(endcap: &Path, options: &Options) -> anyhow::Result<Case> {
    let events = if options.quick { 20_000 } else { 1_000_000 };
    let folder = std::env::temp_dir().join(format!("endcap-bench-journal-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let first = replayed(endcap, &folder, &["--made-up", &events.to_string()]);
    let second = first.and_then(|first| Ok((first, replayed(endcap, &folder, &[])?)));
    fs::remove_dir_all(&folder)?;
    let (first, second) = second?;
    ensure!(first.events == events && second.events == events, "only {} events were replayed", second.events);
    let same = f64::from(u8::from(first.state_hash == second.state_hash));
    Ok(Case {
        rows: vec![
            Row::number(7, &format!("seconds to replay {events} events"), Some(second.seconds), Goal::AtMost(20.0)),
            Row::number(7, "the same state, byte for byte (1 yes)", Some(same), Goal::AtLeast(1.0)),
        ],
        table: None,
    })
}

fn replayed(endcap: &Path, folder: &Path, more: &[&str]) -> anyhow::Result<Replayed> {
    let output = Command::new(endcap).arg("replay").arg(folder).args(more).arg("--json").output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "endcap replay failed: {said}");
    serde_json::from_slice(&output.stdout).context("endcap replay --json")
}
