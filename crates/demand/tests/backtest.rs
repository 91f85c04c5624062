//! What a backtest says beside the plain scores: the noise floor, rows by lag and by level, old results.
//!
//! Sales are negative binomial around means that are known here: level x season of the item x lift x shock of the week.

use endcap_demand::{Backtest, BacktestSettings, Score, backtest};
use endcap_model::{Calendar, Panel, PanelColumns, Period, PlaceEntry, SkuEntry};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Normal, Poisson};

const ITEMS: usize = 16;
const PLACES: usize = 10;
const WEEKS: i32 = 110;
/// Origins and horizon.
const TESTED: (usize, usize) = (5, 6);

/// A panel, and the mean of every one of its rows.
fn world(seed: u64, noise: f64) -> (Panel, Vec<f64>) {
    let mut g = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let at_place: Vec<f64> = (0..PLACES).map(|_| 0.3 * normal.sample(&mut g)).collect();
    let mut c = PanelColumns::default();
    let mut means = Vec::new();
    for sku in 0..ITEMS {
        let level = 2.5 + 0.5 * normal.sample(&mut g);
        let weeks: Vec<(f64, f64)> = (0..WEEKS)
            .map(|_| (if g.random::<f64>() < 0.25 { 0.75 } else { 1.0 }, 0.08 * normal.sample(&mut g)))
            .collect();
        for (place, at_place) in at_place.iter().enumerate() {
            for (week, (price, shock)) in weeks.iter().enumerate() {
                let mean = f64::exp(level + at_place + shock) * price.powf(-2.0);
                let gamma: f64 = Gamma::new(1.0 / noise, noise).unwrap().sample(&mut g);
                // Some cells are not scored, so that rows have something to leave out.
                let on_sale = if (sku + place + week) % 17 == 0 { 0.5 } else { 1.0 };
                c.sku.push(sku as u32);
                c.place.push(place as u32);
                c.period.push(Period(week as i32));
                c.units.push(Poisson::new(on_sale * mean * gamma).unwrap().sample(&mut g));
                c.price.push(2.0 * price);
                c.base_price.push(2.0);
                c.feature.push(0.0);
                c.display.push(0.0);
                c.stockout_share.push(1.0 - on_sale);
                means.push(mean);
            }
        }
    }
    let sku = |at: usize| SkuEntry {
        sku: format!("sku{at:03}").as_str().into(),
        group: format!("group{}", at / 4).as_str().into(),
        tier: String::new(),
    };
    let place = |at: usize| PlaceEntry { place: format!("place{at}").as_str().into(), region: String::new() };
    let panel = Panel::new(Calendar::Index, (0..ITEMS).map(sku).collect(), (0..PLACES).map(place).collect(), c);
    (panel.unwrap(), means)
}

fn tested(panel: &Panel) -> Backtest {
    let settings = BacktestSettings { origins: TESTED.0, horizon: Some(TESTED.1), ..BacktestSettings::default() };
    backtest(panel, &settings, &|_, _| ()).unwrap()
}

fn ours<'a>(scored: &'a Backtest, cells: &str) -> &'a Score {
    scored.scores.iter().find(|score| score.forecast == "endcap" && score.cells == cells).unwrap()
}

/// WAPE that the true means had in the tested weeks, over cells in stock.
fn wape_of_truth(panel: &Panel, means: &[f64], promoted_only: bool) -> f64 {
    let c = panel.columns();
    let first = WEEKS - (TESTED.0 * TESTED.1) as i32;
    let chosen = |row: &usize| {
        c.period[*row].0 >= first && c.stockout_share[*row] == 0.0 && (!promoted_only || c.price[*row] < 1.9)
    };
    let sum = |of: &dyn Fn(usize) -> f64| (0..panel.len()).filter(chosen).map(of).sum::<f64>();
    sum(&|row| (c.units[row] - means[row]).abs()) / sum(&|row| c.units[row])
}

#[test]
fn the_noise_floor_is_the_error_that_the_true_means_leave() {
    for (seed, noise) in [(1, 0.02), (2, 0.12), (3, 0.4)] {
        let (panel, means) = world(seed, noise);
        let scored = tested(&panel);
        for (cells, promoted_only) in [("all", false), ("promoted", true)] {
            let (score, truth) = (ours(&scored, cells), wape_of_truth(&panel, &means, promoted_only));
            let floor = score.noise_floor.unwrap();
            eprintln!(
                "noise {noise}, {cells}: WAPE {:.4}, bias {:+.4}, floor {floor:.4}, true means {truth:.4}",
                score.wape, score.bias
            );
            assert!((floor / truth - 1.0).abs() < 0.05, "noise {noise}, {cells}: {floor} against {truth}");
            assert!(floor < score.wape, "noise {noise}, {cells}: {floor} against {}", score.wape);
        }
    }
}

#[test]
fn rows_by_lag_and_by_level_hold_the_same_cells_and_units() {
    let (panel, _) = world(4, 0.1);
    let scored = tested(&panel);
    for cells in ["all", "promoted"] {
        let score = ours(&scored, cells);
        let lags: Vec<_> = scored.lags.iter().filter(|lag| lag.cells == cells).collect();
        assert_eq!(lags.iter().map(|lag| (lag.from, lag.to)).collect::<Vec<_>>(), [(1, 2), (3, 3), (4, 5), (6, 6)]);
        assert_eq!(lags.iter().map(|lag| lag.count).sum::<usize>(), score.count);
        let levels: Vec<_> =
            scored.levels.iter().filter(|level| level.cells == cells && level.forecast == "endcap").collect();
        let names: Vec<&str> = levels.iter().map(|level| level.level.as_str()).collect();
        assert_eq!(names, ["cell", "item", "group", "place", "chain"]);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * b.abs().max(1.0);
        let units = levels[0].units;
        assert!(close(lags.iter().map(|lag| lag.units).sum(), units));
        assert!(close(lags.iter().map(|lag| lag.wape * lag.units).sum(), score.wape * units));
        assert!(close(lags.iter().map(|lag| lag.bias * lag.units).sum(), score.bias * units));
        assert!(levels.iter().all(|level| close(level.units, units) && close(level.bias, score.bias)));
        assert!((levels[0].count, levels[0].wape, levels[0].coverage90) == (score.count, score.wape, score.coverage90));
        for (fine, coarse) in [(0, 1), (1, 2), (2, 4), (0, 3), (3, 4)] {
            assert!(levels[coarse].wape <= levels[fine].wape && levels[coarse].count < levels[fine].count);
        }
        assert!(levels.iter().all(|level| level.coverage90.is_some_and(|share| share > 0.7)), "{levels:?}");
    }
}

#[test]
fn value_added_is_the_error_of_the_reference_less_ours() {
    let (panel, _) = world(5, 0.1);
    let scored = tested(&panel);
    for score in scored.scores.iter().filter(|score| score.forecast != "endcap") {
        let added = score.value_added.unwrap();
        assert_eq!(added, score.wape - ours(&scored, &score.cells).wape, "{}, {}", score.forecast, score.cells);
        assert!(score.noise_floor.is_none());
    }
    let blind = |score: &&Score| score.forecast == "endcap without promotions" && score.cells == "promoted";
    assert!(scored.scores.iter().find(blind).unwrap().value_added.unwrap() > 0.0);
}

#[test]
fn results_of_earlier_versions_can_still_be_read() {
    let old = r#"{"origins":[86],"horizon":6,"cells_left_out":1,"note":"n","scores":[{"forecast":"endcap","cells":"all",
        "count":2,"wape":0.5,"bias":0.1,"pinball":null,"coverage90":null}]}"#;
    let read: Backtest = serde_json::from_str(old).unwrap();
    assert!(read.lags.is_empty() && read.levels.is_empty());
    assert_eq!((read.scores[0].wape, read.scores[0].rmse, read.scores[0].noise_floor), (0.5, None, None));
}
