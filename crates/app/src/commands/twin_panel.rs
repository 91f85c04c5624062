//! `endcap twin --panel`: writes a simulated history as a retailer would observe it, and the answer key to it.

use crate::console::{Console, Ending};
use anyhow::Context;
use endcap_adapters::tables::{self, Column};
use endcap_model::{Calendar, Panel};
use endcap_twin::{EventTruth, KnownTruth, TwinScenario, WorldSpec, known_truth};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The result, for programs, and what `truth.json` holds. Units are expected pieces.
#[derive(Serialize)]
struct Written {
    scenario: String,
    seed: u64,
    items: usize,
    rows: usize,
    promoted_share: f64,
    stockout_share: f64,
    mean_elasticity: f64,
    events: usize,
    own_incremental: f64,
    cannibalised: f64,
    halo: f64,
    dip: f64,
    net_incremental: f64,
    files: Vec<PathBuf>,
}

/// Makes the panel of the scenario's first seed and writes it.
pub fn run(scenario: &TwinScenario, spec: &WorldSpec, folder: &Path, console: &Console) -> anyhow::Result<Ending> {
    let truth = known_truth(spec, &scenario.response, &scenario.panel, scenario.response.seed)?;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let file = |name: &str| folder.join(name);
    let files =
        ["panel.parquet", "truth_items.csv", "truth_cross.csv", "truth_events.csv", "truth.json"].map(file).to_vec();
    tables::write_parquet(&files[0], &panel_columns(&truth.panel))?;
    tables::write_csv(&files[1], &item_columns(&truth))?;
    tables::write_csv(&files[2], &cross_columns(&truth))?;
    tables::write_csv(&files[3], &event_columns(&truth.events, spec.calendar()))?;
    let written = told(scenario, &truth, files);
    tables::write_json(&written.files[4], &written)?;
    console.result(&written, for_people)?;
    Ok(Ending::Done)
}

fn told(scenario: &TwinScenario, truth: &KnownTruth, files: Vec<PathBuf>) -> Written {
    let columns = truth.panel.columns();
    let rows = truth.panel.len();
    let share = |of: &dyn Fn(usize) -> bool| (0..rows).filter(|&row| of(row)).count() as f64 / rows as f64;
    let sum = |of: fn(&EventTruth) -> f64| truth.events.iter().map(of).sum::<f64>();
    let elasticities: f64 = truth.items.iter().map(|item| item.own_elasticity).sum();
    Written {
        scenario: scenario.name.clone(),
        seed: scenario.response.seed,
        items: truth.items.len(),
        rows,
        promoted_share: share(&|row| columns.price[row] < columns.base_price[row]),
        stockout_share: share(&|row| columns.stockout_share[row] > 0.0),
        mean_elasticity: elasticities / truth.items.len() as f64,
        events: truth.events.len(),
        own_incremental: sum(|event| event.own_incremental),
        cannibalised: sum(|event| event.cannibalised),
        halo: sum(|event| event.halo),
        dip: sum(|event| event.dip),
        net_incremental: sum(|event| event.net_incremental),
        files,
    }
}

fn panel_columns(panel: &Panel) -> Vec<(&'static str, Column)> {
    let c = panel.columns();
    let (calendar, rows) = (panel.calendar(), 0..panel.len());
    let sku = |row: usize| &panel.skus()[c.sku[row] as usize];
    let place = |row: usize| &panel.places()[c.place[row] as usize];
    let text = |of: &dyn Fn(usize) -> String| Column::Text(rows.clone().map(of).collect());
    let period = match calendar {
        Calendar::Index => Column::Whole(c.period.iter().map(|period| i64::from(period.0)).collect()),
        Calendar::Day | Calendar::Week => text(&|row| calendar.format(c.period[row])),
    };
    vec![
        ("unit_id", text(&|row| sku(row).sku.as_str().to_owned())),
        ("place_id", text(&|row| place(row).place.as_str().to_owned())),
        ("period", period),
        ("units", Column::Number(c.units.clone())),
        ("price", Column::Number(c.price.clone())),
        ("base_price", Column::Number(c.base_price.clone())),
        ("feature", Column::Number(c.feature.clone())),
        ("display", Column::Number(c.display.clone())),
        ("stockout_share", Column::Number(c.stockout_share.clone())),
        ("group_id", text(&|row| sku(row).group.as_str().to_owned())),
        ("region_id", text(&|row| place(row).region.clone())),
    ]
}

fn item_columns(truth: &KnownTruth) -> Vec<(&'static str, Column)> {
    let items = &truth.items;
    vec![
        ("unit_id", Column::Text(items.iter().map(|item| item.sku.as_str().to_owned()).collect())),
        ("own_elasticity", Column::Number(items.iter().map(|item| item.own_elasticity).collect())),
        ("elasticity_at_list", Column::Number(items.iter().map(|item| item.elasticity_at_list).collect())),
        ("feature_log_lift", Column::Number(items.iter().map(|item| item.feature_log_lift).collect())),
        ("display_log_lift", Column::Number(items.iter().map(|item| item.display_log_lift).collect())),
    ]
}

fn cross_columns(truth: &KnownTruth) -> Vec<(&'static str, Column)> {
    let pairs = &truth.cross;
    vec![
        ("unit_id", Column::Text(pairs.iter().map(|pair| pair.sku.as_str().to_owned()).collect())),
        ("other_id", Column::Text(pairs.iter().map(|pair| pair.other.as_str().to_owned()).collect())),
        ("cross_elasticity", Column::Number(pairs.iter().map(|pair| pair.cross_elasticity).collect())),
    ]
}

fn event_columns(events: &[EventTruth], calendar: Calendar) -> Vec<(&'static str, Column)> {
    let number = |of: fn(&EventTruth) -> f64| Column::Number(events.iter().map(of).collect());
    let text = |of: &dyn Fn(&EventTruth) -> String| Column::Text(events.iter().map(of).collect());
    vec![
        ("unit_id", text(&|event| event.sku.as_str().to_owned())),
        ("region_id", text(&|event| event.region.clone())),
        ("first_period", text(&|event| calendar.format(event.span.start))),
        ("last_period", text(&|event| calendar.format(event.span.end.plus(-1)))),
        ("depth", number(|event| event.depth)),
        ("places", Column::Whole(events.iter().map(|event| event.stores as i64).collect())),
        ("baseline", number(|event| event.baseline_units)),
        ("own", number(|event| event.own_incremental)),
        ("cannibalised", number(|event| event.cannibalised)),
        ("pulled_forward", number(|event| event.dip)),
        ("halo", number(|event| event.halo)),
        ("net", number(|event| event.net_incremental)),
    ]
}

fn for_people(written: &Written) -> String {
    let Written { scenario, seed, items, rows, events, net_incremental, .. } = written;
    let names: Vec<String> = written.files.iter().map(|file| file.display().to_string()).collect();
    format!(
        "{scenario}, seed {seed}: {items} items, {rows} rows, {events} past promotions worth {net_incremental:.0} pieces net \
         ({:.0} of their own)\nWritten: {}",
        written.own_incremental,
        names.join(", ")
    )
}
