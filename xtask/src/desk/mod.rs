//! `cargo xtask bench desk`: the desk under load, on the shipped example, with its callers on the same machine: the time to
//! the first page, reads, sales sent in batches, and both at once for as long as is asked, with a count afterwards; and
//! edits of boards over made-up shops in a browser.

mod client;
mod edits;
mod load;
pub mod server;

use crate::page;
use crate::store::{self, Results, Shelf, Stored};
use anyhow::{Context, ensure};
use client::Client;
use load::{BATCH, Load, Pace, opening, reading, sending};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::Desk;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

const HEADING: &str = "The desk";
/// Seconds of the loads that come before the one that is held.
const SHORT: u64 = 30;
/// Sales a second while reads are held.
const SALES: usize = 5000;
/// Cases in the order of the page.
const CASES: [&str; 5] = ["start", "reads", "sales", "held", "edits"];

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// The program to measure; a release build when not given.
    #[arg(long)]
    endcap: Option<PathBuf>,
    /// Seconds for which reads and sales are held at once.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Callers that read at once.
    #[arg(long, default_value_t = 32)]
    readers: usize,
    /// Callers that send sales at once.
    #[arg(long, default_value_t = 4)]
    senders: usize,
    /// Measure only edits in the browser.
    #[arg(long)]
    edits: bool,
}

/// A case as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    figures: Vec<Figure>,
    /// Programs that wanted a core when the case ended, mean of a minute; callers and desk are some of them.
    load_average: f64,
}

/// A figure beside what was to be reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figure {
    what: String,
    reach: String,
    found: String,
}

impl Figure {
    fn new(what: impl Into<String>, reach: &str, found: impl Into<String>) -> Self {
        Self { what: what.into(), reach: reach.to_owned(), found: found.into() }
    }

    fn reads(what: impl Into<String>, reach: &str, load: &Load) -> Self {
        let found = format!(
            "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            load.per_second(),
            load.percentile(0.5),
            load.percentile(0.99)
        );
        Self::new(what, reach, found)
    }

    fn sales(what: impl Into<String>, load: &Load) -> Self {
        let sales = load.per_second() * BATCH as f64;
        Self::new(what, "5,000/s", format!("{sales:.0}/s, p99 of a batch {:.0} ms", load.percentile(0.99)))
    }
}

/// Names of all cases in the order of the page.
pub fn names() -> Vec<String> {
    CASES.map(str::to_owned).to_vec()
}

/// Runs the measurement and writes the section; ends badly when a request failed or a sale was lost.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let endcap = crate::bench::endcap(options.endcap.as_deref())?;
    let scratch = std::env::temp_dir().join(format!("endcap-bench-desk-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let (mut results, mut failures) = (Results::open(Shelf::of(options.endcap.is_some(), "")?)?, Vec::new());
    let measured = measured(&endcap, &scratch, options, &mut |name, figures, failed| {
        let case = Case { figures, load_average: load_average()? };
        store::keep(&mut results, Some(Stored::new(name, case, failed)), &mut failures, |results| &mut results.desk)
    });
    std::fs::remove_dir_all(&scratch)?;
    measured?;
    let section = section(&results.newest()?.desk);
    println!("{section}");
    page::write_section(HEADING, &section)?;
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes a case that was measured, with what failed.
type Keep<'a> = dyn FnMut(&str, Vec<Figure>, Vec<String>) -> anyhow::Result<()> + 'a;

fn measured(endcap: &Path, scratch: &Path, options: &Options, keep: &mut Keep<'_>) -> anyhow::Result<()> {
    if !options.edits {
        under_load(endcap, &scratch.join("demo"), options, keep)?;
    }
    match edits::measured(endcap, scratch)? {
        figures if figures.is_empty() => Ok(()),
        figures => keep("edits", figures, vec![]),
    }
}

fn under_load(endcap: &Path, folder: &Path, options: &Options, keep: &mut Keep<'_>) -> anyhow::Result<()> {
    // The first start makes the example and reads it, so that the second one is that of every day.
    let first = Desk::start(endcap, folder)?;
    first.wait_until_ready(&first.token("data_scientist")?)?;
    drop(first);

    let begun = Instant::now();
    let desk = Desk::start(endcap, folder)?;
    let page = Client::new(&desk.address, "")?.ask("GET", "/", b"")?;
    ensure!(page.status == 200, "the first page answered {}", page.status);
    let first_page = begun.elapsed().as_secs_f64();
    let token = desk.token("data_scientist")?;
    desk.wait_until_ready(&token)?;
    let ready = begun.elapsed().as_secs_f64();
    let start = vec![
        Figure::new("start to first page", "1 s", format!("{first_page:.2} s")),
        Figure::new("start to a board, facts fitted before", "-", format!("{ready:.1} s")),
    ];
    keep("start", start, vec![])?;

    let short = Pace { span: Duration::from_secs(SHORT.min(options.seconds)), every: Duration::ZERO };
    let reads = reading(&desk, &token, options.readers, short)?;
    let what = format!("reads over the API, {} callers", options.readers);
    keep("reads", vec![Figure::reads(what, "3,000/s, p99 50 ms", &reads)], vec![])?;
    let sales = sending(&desk, &token, "fast", options.senders, short)?;
    let what = format!("sales in batches of {BATCH}, {} callers", options.senders);
    keep("sales", vec![Figure::sales(what, &sales)], vec![])?;
    held(endcap, folder, desk, &token, options, &sales, keep)
}

/// Holds reads, sales and a page every second at once, kills the desk and counts.
fn held(
    endcap: &Path,
    folder: &Path,
    desk: Desk,
    token: &str,
    options: &Options,
    before: &Load,
    keep: &mut Keep<'_>,
) -> anyhow::Result<()> {
    let span = Duration::from_secs(options.seconds);
    let at_once = Pace { span, every: Duration::ZERO };
    let each_second = Pace { span, every: Duration::from_secs(1) };
    let held = Pace { span, every: Duration::from_secs_f64((options.senders * BATCH) as f64 / SALES as f64) };
    let begin = desk.peak_mb()?;
    let (reads, sales, pages) = thread::scope(|scope| {
        let reads = scope.spawn(|| reading(&desk, token, options.readers, at_once));
        let pages = scope.spawn(|| opening(&desk, each_second));
        let sales = sending(&desk, token, "held", options.senders, held);
        let joined = "Invariant: callers do not panic";
        Ok::<_, anyhow::Error>((reads.join().expect(joined)?, sales?, pages.join().expect(joined)?))
    })?;
    let peak = desk.peak_mb()?;
    drop(desk);
    let (sent, there) = ((before.answers() + sales.answers()) * BATCH, kept(endcap, folder)?);
    let seconds = options.seconds;
    let figures = vec![
        Figure::reads(format!("{seconds} s at once: reads, {} callers", options.readers), "3,000/s, p99 50 ms", &reads),
        Figure::sales(format!("{seconds} s at once: sales, held at {SALES}/s"), &sales),
        Figure::reads(format!("{seconds} s at once: the first page, once a second"), "1 s", &pages),
        Figure::new(
            "requests that failed, of all at once",
            "0",
            format!("0 of {}", reads.answers() + sales.answers() + pages.answers()),
        ),
        Figure::new("sales acknowledged, and there after a kill", "all", format!("{sent}, {there}")),
        Figure::new("peak memory of the desk, before and after", "500 MB", format!("{begin:.0} MB, {peak:.0} MB")),
    ];
    // A caller that was cut off by the end may have sent one batch more than it was told of.
    let lost = if there < sent { vec![format!("{} sales were lost", sent - there)] } else { vec![] };
    keep("held", figures, lost)
}

/// Sales that came over the API and that a load finds.
fn kept(endcap: &Path, folder: &Path) -> anyhow::Result<usize> {
    let output = Command::new(endcap).arg("ingest").arg(folder).arg("--json").output()?;
    let told: Value = serde_json::from_slice(&output.stdout).context("ingest tells what it loaded")?;
    let sources = told["sources"].as_array().context("ingest names its sources")?;
    let records = sources.iter().find(|of| of["kind"] == "sales" && of["source"] == "records.db");
    Ok(records.and_then(|of| of["read"].as_u64()).unwrap_or(0) as usize)
}

fn load_average() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().context("a load average")?.parse()?)
}

fn section(cases: &[Stored<Case>]) -> String {
    let about = "`cargo xtask bench desk`: the shipped example, with the callers on the same two cores. An answer that is no \
                 success ends the measurement; the desk is killed at the end and `endcap ingest` counts. The load average \
                 counts the desk and its callers, and whatever else ran. Edits: shops made by `examples/twin/known-truth.toml` \
                 at two sizes, 3 stores, two years of weeks; 24 edits in Chromium (offers locked away, locked deeper, unlocked), \
                 median/95th percentile.";
    let row = |case: &Stored<Case>, figure: &Figure| {
        let Figure { what, reach, found } = figure.clone();
        vec![what, reach, found, format!("{:.1}", case.row.load_average), case.commit.clone()]
    };
    let rows = cases.iter().flat_map(|case| case.row.figures.iter().map(move |figure| row(case, figure)));
    page::table(about, &["what", "reach", "found", "load average"], rows.collect()).unwrap_or_default()
}
