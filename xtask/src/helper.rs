//! Helper programs of the benchmarks: Python, started so that it leaves nothing behind and takes one thread.

use anyhow::{Context, ensure};
use std::process::Command;

/// Variables that say how many threads numeric libraries take.
const THREADS: [&str; 3] = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"];

/// Python that leaves no compiled files behind and takes one thread.
pub fn python() -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONDONTWRITEBYTECODE", "1").envs(THREADS.map(|name| (name, "1")));
    python
}

/// The packages among these that Python does not find.
pub fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let found = |package: &&&str| {
        let import = format!("import {package}");
        Command::new("python3").args(["-c", &import]).output().is_ok_and(|output| output.status.success())
    };
    packages.iter().filter(|package| !found(package)).copied().collect()
}

/// Runs a program to its end and returns what it wrote to standard output; fails when it does.
pub fn answer(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?} could not be started"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {}", error.trim());
    Ok(String::from_utf8(output.stdout)?)
}
