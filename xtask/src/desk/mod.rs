//! `cargo xtask bench desk`: the desk under load, on the shipped example, with its callers on the same machine: reads,
//! sales sent in batches while pages are read, what is there afterwards, memory, and the time to the first page.

mod client;
mod edits;

use crate::measure::peak_of;
use anyhow::{Context, bail, ensure};
use client::Client;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Sales in a batch.
const BATCH: usize = 500;
/// What pages ask for.
const READS: [&str; 5] =
    ["/api/v1/project", "/api/v1/session", "/api/v1/data/sources", "/api/v1/data/readiness?limit=20", "/api/v1/boards"];

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// The program to measure; a release build when not given.
    #[arg(long)]
    endcap: Option<PathBuf>,
    /// Seconds of each load.
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

/// The desk in a process of its own.
struct Desk {
    process: Child,
    address: String,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Desk {
    fn start(endcap: &Path, folder: &Path, more: &[&str]) -> anyhow::Result<Self> {
        let mut process = Command::new(endcap)
            .args(["serve", "--listen", "127.0.0.1:0", "--requests-per-second", "1000000"])
            .args(more)
            .arg(folder)
            .env("ENDCAP_LOG", "warn")
            .stderr(Stdio::piped())
            .spawn()
            .context("the desk could not be started")?;
        let mut lines = BufReader::new(process.stderr.take().context("standard error is piped")?).lines();
        let said = lines.by_ref().map_while(Result::ok).find(|line| line.contains("Endcap is at http://"));
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("desk: {line}")));
        let address = said.as_deref().and_then(|line| line.split("http://").nth(1)?.split(' ').next());
        let address = address.context("the desk did not say where it is")?.to_owned();
        Ok(Self { process, address })
    }

    /// Signs in to the demo and makes a token.
    fn token(&self) -> anyhow::Result<String> {
        let mut client = Client::new(&self.address, "Content-Type: application/json\r\n")?;
        let role = json!({ "role": "data_scientist" }).to_string();
        let signed_in = client.ask("POST", "/api/v1/session/demo", role.as_bytes())?;
        let csrf = signed_in.json()?["csrf"].as_str().context("a session has a CSRF token")?.to_owned();
        let cookie = signed_in.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).context("a session has a cookie")?;
        write!(client.headers, "Cookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\n")?;
        let wanted = json!({ "name": "bench", "roles": ["data_scientist"], "days": 1 }).to_string();
        let made = client.ask("POST", "/api/v1/tokens", wanted.as_bytes())?.json()?;
        Ok(made["token"].as_str().context("a token has a value")?.to_owned())
    }

    fn client(&self, token: &str) -> anyhow::Result<Client> {
        Client::new(&self.address, &format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"))
    }

    fn wait_until_ready(&self, token: &str) -> anyhow::Result<()> {
        let mut client = self.client(token)?;
        for _ in 0..1200 {
            match client.ask("GET", "/api/v1/project", b"")?.json()?["state"].as_str() {
                Some("ready") => return Ok(()),
                Some("failed") => bail!("the example could not be read"),
                _ => thread::sleep(Duration::from_millis(500)),
            }
        }
        bail!("the example was not ready after 10 minutes")
    }
}

/// What a load took.
#[derive(Default)]
struct Load {
    /// Milliseconds of each answer.
    took: Vec<f64>,
    seconds: f64,
}

impl Load {
    fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.seconds
    }

    fn percentile(&mut self, share: f64) -> f64 {
        self.took.sort_by(f64::total_cmp);
        let at = (self.took.len() as f64 * share) as usize;
        self.took.get(at.min(self.took.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

/// Lets callers ask, each as often as it can, and fails with the first answer that is no success.
fn load<C>(callers: usize, span: Duration, make: impl Fn(usize) -> anyhow::Result<C> + Sync) -> anyhow::Result<Load>
where
    C: FnMut() -> anyhow::Result<()>,
{
    let begun = Instant::now();
    let took = thread::scope(|scope| {
        let make = &make;
        let caller = |of: usize| {
            scope.spawn(move || {
                let (mut ask, mut took) = (make(of)?, vec![]);
                while begun.elapsed() < span {
                    let asked = Instant::now();
                    ask()?;
                    took.push(asked.elapsed().as_secs_f64() * 1000.0);
                }
                Ok::<_, anyhow::Error>(took)
            })
        };
        let callers: Vec<_> = (0..callers).map(caller).collect();
        let ended = callers.into_iter().map(|caller| caller.join().expect("Invariant: callers do not panic"));
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    Ok(Load { took: took.concat(), seconds: begun.elapsed().as_secs_f64() })
}

fn reading(desk: &Desk, token: &str, callers: usize, span: Duration) -> anyhow::Result<Load> {
    load(callers, span, |of| {
        let (mut client, mut at) = (desk.client(token)?, of);
        Ok(move || {
            at += 1;
            let answer = client.ask("GET", READS[at % READS.len()], b"")?;
            ensure!(answer.status == 200, "{} answered {}", READS[at % READS.len()], answer.status);
            Ok(())
        })
    })
}

fn sending(desk: &Desk, token: &str, callers: usize, span: Duration) -> anyhow::Result<Load> {
    load(callers, span, |of| {
        let (mut client, mut batch) = (desk.client(token)?, 0_u64);
        Ok(move || {
            batch += 1;
            let sale = |at: usize| {
                json!({
                    "id": format!("{of}-{batch}-{at}"), "sku": "191", "place": "5", "period": "2024-06-26T10:15:00Z",
                    "units": 1, "price": 4.5,
                })
            };
            let body = Value::from((0..BATCH).map(sale).collect::<Vec<_>>()).to_string();
            let taken = client.ask("POST", "/api/v1/sales", body.as_bytes())?.json()?;
            ensure!(taken["new"] == BATCH, "a batch was not kept: {taken}");
            Ok(())
        })
    })
}

/// Runs the measurement and writes the section; ends badly when a sale was lost.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let endcap = crate::bench::endcap(options.endcap.as_deref())?;
    let scratch = std::env::temp_dir().join(format!("endcap-bench-desk-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    if !options.edits {
        under_load(options, &endcap, &scratch)?;
    }
    edits::run(&endcap, &scratch)?;
    std::fs::remove_dir_all(&scratch)?;
    Ok(ExitCode::SUCCESS)
}

/// Measures the desk under load and writes its section.
fn under_load(options: &Options, endcap: &Path, scratch: &Path) -> anyhow::Result<()> {
    let folder = scratch.join("demo");
    let span = Duration::from_secs(options.seconds);
    // The first start makes the example and reads it, so that the second one is that of every day.
    let first = Desk::start(endcap, &folder, &["--demo"])?;
    first.wait_until_ready(&first.token()?)?;
    drop(first);

    let begun = Instant::now();
    let desk = Desk::start(endcap, &folder, &["--demo"])?;
    let page = Client::new(&desk.address, "")?.ask("GET", "/", b"")?;
    ensure!(page.status == 200, "the first page answered {}", page.status);
    let first_page = begun.elapsed().as_secs_f64();
    let token = desk.token()?;
    desk.wait_until_ready(&token)?;
    let ready = begun.elapsed().as_secs_f64();

    let mut reads = reading(&desk, &token, options.readers, span)?;
    let (mut batches, mut beside) = thread::scope(|scope| {
        let pages = scope.spawn(|| reading(&desk, &token, 2, span));
        let batches = sending(&desk, &token, options.senders, span)?;
        let pages = pages.join().expect("Invariant: callers do not panic")?;
        Ok::<_, anyhow::Error>((batches, pages))
    })?;
    let peak = peak_of(desk.process.id()).context("the desk's memory can be read")?;
    drop(desk);
    let (sent, there) = (batches.took.len() * BATCH, kept(endcap, &folder)?);

    let mut page = format!(
        "`cargo xtask bench desk`: the shipped example, {} s of each load, callers on the same two cores; the desk is killed\n\
         at the end and `endcap ingest` counts.\n\n| what | target | measured |\n| --- | --- | --- |\n",
        options.seconds
    );
    let rows = [
        ("start to first page", "1 s", format!("{first_page:.2} s")),
        ("start to a board, facts fitted before", "-", format!("{ready:.1} s")),
        (
            &*format!("reads over the API, {} callers", options.readers),
            "3,000/s, p99 50 ms",
            format!(
                "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
                reads.per_second(),
                reads.percentile(0.5),
                reads.percentile(0.99)
            ),
        ),
        (
            &*format!("sales in batches of {BATCH}, {} callers", options.senders),
            "5,000/s",
            format!("{:.0}/s, p99 of a batch {:.0} ms", batches.per_second() * BATCH as f64, batches.percentile(0.99)),
        ),
        (
            "reads meanwhile, 2 callers",
            "p99 50 ms",
            format!(
                "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
                beside.per_second(),
                beside.percentile(0.5),
                beside.percentile(0.99)
            ),
        ),
        ("sales acknowledged, and there after a kill", "all", format!("{sent}, {there}")),
        ("peak memory of the desk", "500 MB", format!("{:.0} MB", peak * 1.048_576)),
    ];
    for (what, target, measured) in rows {
        writeln!(page, "| {what} | {target} | {measured} |")?;
    }
    println!("{page}");
    crate::page::write_section("The desk", &page)?;
    // A caller that was cut off by the end may have sent one batch more than it was told of.
    ensure!(there >= sent, "{} sales were lost", sent - there);
    Ok(())
}

/// Sales that came over the API and that a load finds.
fn kept(endcap: &Path, folder: &Path) -> anyhow::Result<usize> {
    let output = Command::new(endcap).arg("ingest").arg(folder).arg("--json").output()?;
    let told: Value = serde_json::from_slice(&output.stdout).context("ingest tells what it loaded")?;
    let sources = told["sources"].as_array().context("ingest names its sources")?;
    let records = sources.iter().find(|of| of["kind"] == "sales" && of["source"] == "records.db");
    Ok(records.and_then(|of| of["read"].as_u64()).unwrap_or(0) as usize)
}
