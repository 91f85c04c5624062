//! `cargo xtask bench`: measures the product on this machine and writes docs/BENCHMARKS.md.

use crate::measure::{Cost, measure};
use anyhow::Context;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs every measurement and writes the page.
pub fn run() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    crate::run(Command::new(env!("CARGO")).current_dir(root).args(["build", "--release", "--locked"]))?;
    let endcap = root.join("target/release/endcap");
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
    let page = page(&rows);
    println!("{page}");
    fs::write(root.join("docs/BENCHMARKS.md"), page).context("docs/BENCHMARKS.md could not be written")
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

fn page(rows: &[Row]) -> String {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`. Measured in one run on the machine at hand; compare runs on one\n\
         machine, and CPU seconds rather than wall time where it is shared.\n\n\
         | what | target | wall s | CPU s | peak MiB |\n| --- | --- | --- | --- | --- |\n",
    );
    for (what, target, cost) in rows {
        let _ = writeln!(page, "| {what} | {target} | {:.1} | {:.1} | {:.0} |", cost.wall, cost.cpu, cost.peak_mib);
    }
    page
}
