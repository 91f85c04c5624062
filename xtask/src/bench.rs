//! `cargo xtask bench`: measures the product on this machine and writes its section of docs/BENCHMARKS.md.

use crate::measure::{Cost, measure};
use anyhow::Context;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs every measurement and writes the section.
pub fn run() -> anyhow::Result<()> {
    let root = crate::root();
    let endcap = build()?;
    let scratch = std::env::temp_dir().join(format!("endcap-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let mut rows = vec![demo(&endcap, &scratch)?];
    let shared = root.join("../shared/data");
    for (preset, what, target) in [
        (
            "completejourney",
            "`endcap ingest`, Complete Journey (1.47 M sale lines, 20.9 M promotion rows)",
            "60 s, 3 GB",
        ),
        ("freshretailnet50k", "`endcap ingest`, FreshRetailNet-50K (4.5 M rows)", "15 s"),
    ] {
        match ingest(&endcap, &scratch, &shared.join(preset), preset)? {
            Some(cost) => rows.push((what, target, cost)),
            None => eprintln!("SKIPPED: {what}: the data are not at {}", shared.join(preset).display()),
        }
    }
    fs::remove_dir_all(&scratch)?;
    let table = table(&rows);
    println!("{table}");
    crate::page::write_section("The product", &table)
}

/// The program to measure: the one given, or the release build.
pub fn endcap(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    match given {
        Some(path) => path.canonicalize().with_context(|| format!("--endcap {}", path.display())),
        None => build(),
    }
}

/// The folder with the benchmarks' data and programs that are not part of the project.
pub fn shared(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let shared = given.map_or_else(|| crate::root().join("../shared"), Path::to_path_buf);
    shared
        .canonicalize()
        .with_context(|| format!("{} is missing: it holds what the benchmarks are measured on", shared.display()))
}

/// Builds the program as it is shipped and says where it is.
pub fn build() -> anyhow::Result<PathBuf> {
    crate::run(Command::new(env!("CARGO")).current_dir(crate::root()).args(["build", "--release", "--locked"]))?;
    Ok(target().join("release/endcap"))
}

/// Builds an example of a crate as it would be shipped, and returns the command that runs it.
pub fn example(package: &str, name: &str) -> anyhow::Result<Command> {
    let build = ["build", "--release", "--locked", "-p", package, "--example", name];
    crate::run(Command::new(env!("CARGO")).current_dir(crate::root()).args(build))?;
    Ok(Command::new(target().join("release/examples").join(name)))
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from)
}

type Row = (&'static str, &'static str, Cost);

fn demo(endcap: &Path, scratch: &Path) -> anyhow::Result<Row> {
    let cost = measure(Command::new(endcap).arg("demo").arg(scratch.join("demo")))?;
    Ok(("`endcap demo`, the whole way on the shipped data", "60 s, 1.5 GB", cost))
}

fn ingest(endcap: &Path, scratch: &Path, data: &PathBuf, preset: &str) -> anyhow::Result<Option<Cost>> {
    if !data.is_dir() {
        return Ok(None);
    }
    let project = scratch.join(preset);
    crate::run(Command::new(endcap).arg("init").arg(&project).args(["--preset", preset, "--folder"]).arg(data))?;
    measure(Command::new(endcap).arg("ingest").arg(&project)).map(Some)
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from("| what | target | wall s | CPU s | peak MiB |\n| --- | --- | --- | --- | --- |\n");
    for (what, target, cost) in rows {
        let _ = writeln!(table, "| {what} | {target} | {:.1} | {:.1} | {:.0} |", cost.wall, cost.cpu, cost.peak_mib);
    }
    table
}
