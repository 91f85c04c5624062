//! Times what a batch of sales sets going: the online update of a fitted model of many items, then the stock paths under
//! the forecast that it refreshed; prints milliseconds as JSON.
//!
//! `refresh_timing ITEMS` makes a panel of 2 places and 80 weeks by a seeded law. A fit of all of it would take minutes and
//! say nothing about the update, so 500 items are fitted and their model is given to all others under their own names.
//! The 8 weeks after it are kept forecast. A month of sales comes in before batches of 10,000 cells of the week that runs
//! are timed: running totals of cells drawn at random, each batch for a later part of the week. Set
//! `RAYON_NUM_THREADS=1` to time one core.

use endcap_demand::online::{Online, Sale, Start};
use endcap_demand::{FitSettings, Fitted, fit};
use endcap_model::{Calendar, Forecast, Panel, PanelColumns, Period, Pieces, PlaceEntry, Sku, SkuEntry, StockState};
use endcap_supply::{CellTerms, SupplySettings, supply};
use rand::seq::index;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use std::time::Instant;

const PLACES: usize = 2;
const WEEKS: i32 = 80;
/// Weeks that came in before the one that is timed.
const BEFORE: i32 = 4;
/// Weeks ahead that are kept forecast.
const AHEAD: i32 = 8;
/// Cells of a batch, and batches that are timed.
const BATCH: usize = 10_000;
const BATCHES: usize = 40;
/// Items of a group.
const GROUP: usize = 10;
/// Items that are fitted.
const FITTED: usize = 500;

fn name(item: usize) -> String {
    format!("item{item:05}")
}

/// One cell: promoted or not, and what it sells.
fn cell(rng: &mut ChaCha8Rng, item: usize, place: usize) -> (f64, f64) {
    let promoted = rng.random::<f64>() < 0.15;
    let price: f64 = if promoted { 0.75 } else { 1.0 };
    let item = item % FITTED;
    let level = 3.0 + 20.0 * ((item * 7_919 % 101) as f64 / 101.0) * (1.0 + place as f64);
    let noise = 0.5 + rng.random::<f64>();
    let mean = level * noise * price.powf(-1.5 - (item % 7) as f64 / 7.0);
    let units = Poisson::new(mean).expect("Invariant: means are positive").sample(rng);
    (price, units)
}

fn panel(items: usize, weeks: std::ops::Range<i32>) -> Panel {
    let mut rng = ChaCha8Rng::seed_from_u64(weeks.start.unsigned_abs().into());
    let rows = items * PLACES * weeks.len();
    let mut c = PanelColumns::default();
    for item in 0..items {
        for place in 0..PLACES {
            for week in weeks.clone() {
                let (price, units) = cell(&mut rng, item, place);
                c.sku.push(item as u32);
                c.place.push(place as u32);
                c.period.push(Period(week));
                c.units.push(units);
                c.price.push(price);
            }
        }
    }
    c.base_price = vec![1.0; rows];
    (c.feature, c.display, c.stockout_share) = (vec![0.0; rows], vec![0.0; rows], vec![0.0; rows]);
    let sku = |at: usize| SkuEntry {
        sku: name(at).as_str().into(),
        group: format!("group{:04}", at / GROUP).as_str().into(),
        tier: String::new(),
    };
    let place = |at: usize| PlaceEntry { place: format!("place{at}").as_str().into(), region: String::new() };
    let (skus, places) = ((0..items).map(sku).collect(), (0..PLACES).map(place).collect());
    Panel::new(Calendar::Week, skus, places, c).expect("Invariant: a made panel is one")
}

/// Sales of some rows of a panel when so much of the period has passed.
fn sales(panel: &Panel, rows: impl Iterator<Item = usize>, passed: f64) -> Vec<Sale> {
    let c = panel.columns();
    let sale = |row: usize| Sale {
        sku: panel.skus()[c.sku[row] as usize].sku.clone(),
        place: panel.places()[c.place[row] as usize].place.clone(),
        period: c.period[row],
        units: (passed * c.units[row]).round(),
        price: c.price[row],
        base_price: None,
        feature: 0.0,
        display: 0.0,
        stockout_share: 0.0,
        passed,
        controls: Vec::new(),
    };
    rows.map(sale).collect()
}

/// CPU seconds of all threads so far, as the scheduler counts them.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// Memory in gigabytes: `VmRSS` now, `VmHWM` at most.
fn gigabytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default();
    line.split_whitespace().next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e6
}

/// Gives the model of the fitted items to all: item 501 answers like item 1.
fn spread(fitted: &Fitted, items: usize) -> Fitted {
    let mut all = fitted.clone();
    let place = |sku: &Sku| sku.as_str()[4..].parse::<usize>().expect("Invariant: items are numbered");
    for copy in 1..items.div_ceil(FITTED) {
        let renamed = |sku: &Sku| Sku::new(name(place(sku) + copy * FITTED));
        for (item, response) in fitted.items.iter().zip(&fitted.lift.responses) {
            let sku = renamed(&item.sku);
            let mut response = response.clone();
            response.partners.iter_mut().for_each(|partner| partner.partner = renamed(&partner.partner));
            let mut partners = fitted.frame.partners[&item.sku].clone();
            partners.listed.iter_mut().for_each(|(partner, _)| *partner = renamed(partner));
            all.frame.shares.insert(sku.clone(), fitted.frame.shares[&item.sku]);
            all.frame.regular.insert(sku.clone(), fitted.frame.regular[&item.sku]);
            all.frame.partners.insert(sku.clone(), partners);
            response.sku = sku.clone();
            all.lift.responses.push(response);
            let mut item = item.clone();
            item.sku = sku;
            all.items.push(item);
        }
    }
    all
}

/// Builds the model with its watched forecast.
fn build(items: usize) -> Online {
    let fitted = fit(&panel(FITTED, 0..WEEKS), &FitSettings::default(), &|_, _| ());
    let fitted = spread(&fitted.expect("Invariant: the panel has rows"), items);
    let future = panel(items, WEEKS + BEFORE + 1..WEEKS + BEFORE + 1 + AHEAD);
    let start = Start::of(&fitted, &panel(items, 0..WEEKS)).expect("Invariant: the history has all items");
    let mut online = Online::new(fitted, start).expect("Invariant: the start is of this fit");
    online.watch(&future, None, &[0.05, 0.5, 0.95]).expect("Invariant: the calendars are the same");
    online
}

/// Shelves with three weeks of what is forecast for the first, and what their pieces cost.
fn shelves(forecast: &Forecast) -> (Vec<StockState>, Vec<CellTerms>) {
    let first = forecast.rows.iter().map(|row| row.period).min().expect("Invariant: something is forecast");
    let cells = forecast.rows.iter().filter(|row| row.period == first);
    let shelf = |row: &endcap_model::ForecastRow| {
        let (sku, place, on_hand) = (row.sku.clone(), row.place.clone(), Pieces((3.0 * row.mean).ceil() as i64));
        let state = StockState { sku: sku.clone(), place: place.clone(), on_hand, pipeline: vec![] };
        let terms = CellTerms {
            sku,
            place,
            case_pack: 6,
            minimum_order: 1,
            shelf_life: None,
            maximum_stock: None,
            volume: 1.0,
            feed: None,
            supplier: None,
            unit_margin: 130.0,
            unit_cost: 220.0,
            holding_cost: 1.0,
            shortage_cost: 35.0,
            waste_cost: 0.0,
        };
        (state, terms)
    };
    cells.map(shelf).unzip()
}

/// The value below which so many hundredths of some others lie.
fn percentile(values: &mut [f64], hundredths: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() * hundredths / 100]
}

fn main() {
    let items: usize = std::env::args().nth(1).and_then(|items| items.parse().ok()).unwrap_or(20_000);
    assert!(items > 0 && items.is_multiple_of(FITTED), "give a multiple of {FITTED} items");
    let begun = cpu_seconds();
    let mut online = build(items);
    let built = cpu_seconds() - begun;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let before = panel(items, WEEKS..WEEKS + BEFORE);
    online.absorb(&sales(&before, 0..before.len(), 1.0));
    let memory = gigabytes("VmRSS");
    let (states, terms) = shelves(online.forecast().expect("Invariant: the weeks ahead are watched"));
    let settings = SupplySettings { lead_time_periods: 2, ..SupplySettings::default() };
    let week = panel(items, WEEKS + BEFORE..WEEKS + BEFORE + 1);
    let (mut update, mut both, mut refreshed, mut cells, mut paths) = (Vec::new(), Vec::new(), 0, 0, 0);
    for batch in 0..BATCHES {
        let rows = index::sample(&mut rng, week.len(), BATCH.min(week.len()));
        let sales = sales(&week, rows.into_iter(), (batch + 1) as f64 / BATCHES as f64);
        let (clock, begun) = (Instant::now(), cpu_seconds());
        let absorbed = online.absorb(&sales);
        update.push(1e3 * (cpu_seconds() - begun));
        let forecast = online.forecast().expect("Invariant: the weeks ahead are watched");
        let supplied = supply(forecast, &states, &terms, &settings, &|_, _| {});
        both.push(1e3 * clock.elapsed().as_secs_f64());
        assert!(absorbed.set_aside.is_empty(), "Invariant: sales of the week can be used");
        paths = supplied.expect("Invariant: each cell has its shelf").projection.rows.len();
        refreshed += absorbed.items;
        cells += absorbed.cells;
    }
    println!(
        r#"{{"items":{items},"batch":{BATCH},"batches":{BATCHES},"median_ms":{:.1},"p95_ms":{:.1},"with_stock_median_ms":{:.1},"with_stock_p95_ms":{:.1},"refreshed_items":{},"refreshed_cells":{},"stock_rows":{paths},"build_cpu_s":{built:.0},"memory_gb":{memory:.2},"peak_gb":{:.2}}}"#,
        percentile(&mut update, 50),
        percentile(&mut update, 95),
        percentile(&mut both, 50),
        percentile(&mut both, 95),
        refreshed / BATCHES,
        cells / BATCHES,
        gigabytes("VmHWM"),
    );
}
