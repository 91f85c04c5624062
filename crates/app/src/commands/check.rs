//! `endcap check`: whether the history of each category can carry an estimate.

use crate::console::{Console, Ending, table};
use endcap_adapters::facts::{PanelQuery, Snapshot, Store};
use endcap_ingest::{Readiness, ReadinessVerdict, readiness};
use endcap_model::{AsOf, Panel};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Say per category whether the history can carry an estimate, what is missing and what would help.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap check shop\n  endcap check shop --json | jq '.categories[] | select(.verdict != \"ready\")'\n\nExit status 1 when no category can be estimated."
)]
pub struct Args {
    /// Folder with endcap.toml and loaded facts.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Judge the facts as they were known then, as RFC 3339; the latest when not given.
    #[arg(long)]
    as_of: Option<Timestamp>,
}

#[derive(Serialize)]
struct Report {
    snapshot: String,
    as_of: Timestamp,
    ready: usize,
    thin: usize,
    not_ready: usize,
    categories: Vec<Readiness>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let store = Store::open(&args.folder)?;
    let snapshot = store.require(args.as_of.map(AsOf))?;
    let sign = console.spinner("check");
    let (_, categories) = judged(&store, &snapshot)?;
    sign.finish_and_clear();
    let count = |verdict| categories.iter().filter(|category| category.verdict == verdict).count();
    let report = Report {
        snapshot: snapshot.id.to_string(),
        as_of: snapshot.as_of.0,
        ready: count(ReadinessVerdict::Ready),
        thin: count(ReadinessVerdict::Thin),
        not_ready: count(ReadinessVerdict::NotReady),
        categories,
    };
    console.result(&report, for_people)?;
    if report.ready + report.thin == 0 {
        console.note("refused: no category can be estimated; see what is missing");
        return Ok(Ending::Refused);
    }
    Ok(Ending::Done)
}

/// The history of a snapshot, and whether that of each category can carry an estimate.
pub fn judged(store: &Store, snapshot: &Snapshot) -> anyhow::Result<(Panel, Vec<Readiness>)> {
    let query = PanelQuery { fill_zero: snapshot.absent_sales_are_zero, ..PanelQuery::default() };
    let panel = store.panel(snapshot, &query)?;
    let items = store.items(snapshot)?;
    let category_of = items.into_iter().filter_map(|item| Some((item.sku, item.category?))).collect();
    let categories = readiness(&panel, &category_of);
    Ok((panel, categories))
}

fn for_people(report: &Report) -> String {
    let headings =
        ["category", "items", "series", "periods", "promoted", "price moves", "in stock", "verdict", "missing"];
    let mut shown = table(&headings);
    for category in &report.categories {
        shown.add_row(vec![
            category.category.clone(),
            category.skus.to_string(),
            category.series.to_string(),
            category.periods.to_string(),
            category.promoted_periods.to_string(),
            format!("{:.1} %", 100.0 * category.price_variation),
            format!("{:.0} %", 100.0 * category.in_stock_share),
            word(category.verdict).to_owned(),
            category.missing.join("\n"),
        ]);
    }
    let helps: BTreeSet<&str> = report.categories.iter().flat_map(|c| c.helps.iter().map(String::as_str)).collect();
    let helps: String = helps.iter().map(|help| format!("\n- {help}")).collect();
    let helps = if helps.is_empty() { helps } else { format!("\nwhat would help:{helps}") };
    format!("{shown}\n{} ready, {} thin, {} not ready{helps}", report.ready, report.thin, report.not_ready)
}

fn word(verdict: ReadinessVerdict) -> &'static str {
    match verdict {
        ReadinessVerdict::Ready => "ready",
        ReadinessVerdict::Thin => "thin",
        ReadinessVerdict::NotReady => "not ready",
    }
}
