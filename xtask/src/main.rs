//! Chores of the repository: `cargo xtask test` and `cargo xtask bench`.

mod bench;
mod measure;

use anyhow::{Context, bail};
use std::process::Command;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("test") => test(),
        Some("bench") => bench::run(),
        other => bail!("unknown chore {}: expected test or bench", other.unwrap_or("(none)")),
    }
}

/// Runs every test; fetches the browser that the report's test needs.
fn test() -> anyhow::Result<()> {
    ensure_browser();
    run(Command::new(env!("CARGO")).args(["test", "--workspace", "--locked"]))
}

/// Installs Chromium where a Debian system lacks it; without it the browser test says loudly that it was skipped.
fn ensure_browser() {
    if found("chromium") {
        return;
    }
    eprintln!("xtask: Chromium is not installed; trying apt-get (needs root)");
    let install = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium";
    if let Err(error) = run(Command::new("sh").args(["-c", install])) {
        eprintln!("xtask: no browser ({error:#}): the browser test will be SKIPPED");
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} could not be started"))?;
    if !status.success() {
        bail!("{command:?} failed with {status}");
    }
    Ok(())
}
