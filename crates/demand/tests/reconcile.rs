//! Reconciled forecasts: sums are what their cells come to, at every level, and follow what their own history says.

use endcap_demand::{FitSettings, Fitted, Reconcile, SumLevel, fit, forecast, totals};
use endcap_model::{Calendar, Forecast, ForecastRow, Panel, PanelColumns, Period, PlaceEntry, SkuEntry, Span};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};
use std::collections::BTreeMap;

const PLACES: usize = 12;
const WEEKS: i32 = 84;
const AHEAD: i32 = 4;
const LEVELS: [f64; 3] = [0.05, 0.5, 0.95];

/// Items whose demand drifts alike at all of their small places.
fn world(items: usize, seed: u64) -> Panel {
    let mut g = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let mut c = PanelColumns::default();
    for sku in 0..items {
        let mut drift = 0.0;
        let weeks: Vec<(f64, f64)> = (0..WEEKS)
            .map(|week| {
                drift = 0.97 * drift + 0.12 * normal.sample(&mut g);
                (if (week as usize + 3 * sku).is_multiple_of(8) { 1.5 } else { 2.0 }, drift)
            })
            .collect();
        for place in 0..PLACES {
            for (week, (price, drift)) in (0..).zip(&weeks) {
                let mean = f64::exp(0.7 + drift) * (price / 2.0_f64).powi(-2);
                c.sku.push(sku as u32);
                c.place.push(place as u32);
                c.period.push(Period(week));
                c.units.push(Poisson::new(mean).unwrap().sample(&mut g));
                c.price.push(*price);
            }
        }
    }
    let rows = c.sku.len();
    c.base_price = vec![2.0; rows];
    (c.feature, c.display, c.stockout_share) = (vec![0.0; rows], vec![0.0; rows], vec![0.0; rows]);
    let sku = |at: usize| SkuEntry {
        sku: format!("sku{at:02}").as_str().into(),
        group: format!("group{}", at / 5).as_str().into(),
        tier: format!("tier{}", at % 2),
    };
    let place = |at: usize| PlaceEntry { place: format!("place{at:02}").as_str().into(), region: String::new() };
    Panel::new(Calendar::Week, (0..items).map(sku).collect(), (0..PLACES).map(place).collect(), c).unwrap()
}

fn of(panel: &Panel, reconcile: Reconcile) -> (Fitted, Forecast) {
    let history = panel.within(Span { start: Period(0), end: Period(WEEKS - AHEAD) });
    let future = panel.within(Span { start: Period(WEEKS - AHEAD), end: Period(WEEKS) });
    let fitted = fit(&history, &FitSettings { reconcile, ..FitSettings::default() }, &|_, _| ()).unwrap();
    let ahead = forecast(&fitted, &history, &future, &LEVELS).unwrap();
    (fitted, ahead)
}

/// Forecast and sales of every item and week over its places.
fn items(panel: &Panel, ahead: &Forecast) -> BTreeMap<(String, i32), (f64, f64)> {
    let c = panel.columns();
    let mut sums: BTreeMap<(String, i32), (f64, f64)> = BTreeMap::new();
    for row in &ahead.rows {
        sums.entry((row.sku.to_string(), row.period.0)).or_default().0 += row.mean;
    }
    for row in 0..panel.len() {
        let sku = panel.skus()[c.sku[row] as usize].sku.to_string();
        sums.entry((sku, c.period[row].0)).and_modify(|sum| sum.1 += c.units[row]);
    }
    sums
}

fn error(sums: &BTreeMap<(String, i32), (f64, f64)>) -> f64 {
    sums.values().map(|(mean, units)| (mean - units).abs()).sum()
}

#[test]
fn sums_of_cells_are_the_sums_of_every_level_and_nothing_is_negative() {
    let panel = world(10, 31);
    let (fitted, ahead) = of(&panel, Reconcile::Mint);
    assert!(fitted.reconciled.iter().any(|of| of.level == SumLevel::Item && of.weight > 0.0), "nothing to reconcile");
    assert!(ahead.rows.iter().all(|row| row.mean >= 0.0 && row.baseline >= 0.0));
    let entry = |row: &ForecastRow| panel.skus().iter().find(|entry| entry.sku == row.sku).unwrap();
    let group = |sku: &endcap_model::Sku| Some(panel.skus().iter().find(|e| e.sku == *sku).unwrap().group.clone());
    let levels: [&dyn Fn(&ForecastRow) -> String; 6] = [
        &|row| format!("{} {}", row.sku, row.place),
        &|row| row.sku.to_string(),
        &|row| format!("{} {}", entry(row).group, entry(row).tier),
        &|row| entry(row).group.to_string(),
        &|row| row.place.to_string(),
        &|_| String::new(),
    ];
    for week in WEEKS - AHEAD..WEEKS {
        let chain: f64 = ahead.rows.iter().filter(|row| row.period.0 == week).map(|row| row.mean).sum();
        for level in levels {
            let key = |row: &ForecastRow| (row.period.0 == week).then(|| level(row));
            let sum: f64 = totals(&fitted, &ahead, group, key, &LEVELS).values().map(|total| total.mean).sum();
            assert!((sum - chain).abs() < 1e-9 * chain, "{sum} {chain}");
        }
    }
}

#[test]
fn items_that_drift_alike_everywhere_are_forecast_better_from_their_sums() {
    let (mut with, mut without) = (0.0, 0.0);
    for seed in 32..35 {
        let panel = world(10, seed);
        with += error(&items(&panel, &of(&panel, Reconcile::Mint).1));
        let (fitted, ahead) = of(&panel, Reconcile::BottomUp);
        assert!(fitted.reconciled.is_empty());
        without += error(&items(&panel, &ahead));
    }
    assert!(with < without, "{with} {without}");
}

#[test]
fn too_few_sums_say_nothing_and_the_same_input_gives_the_same_bytes() {
    let few = world(3, 36);
    assert_eq!(of(&few, Reconcile::Mint).1, of(&few, Reconcile::BottomUp).1);
    let panel = world(8, 37);
    let bytes = || serde_json::to_string(&of(&panel, Reconcile::Mint).0).unwrap();
    assert_eq!(bytes(), bytes());
}
