//! Demand behind empty shelves: series whose demand is known are censored by hand, and what is recovered is held against
//! what was censored, beside the two usual treatments.

use endcap_demand::{FitSettings, fit, recovered};
use endcap_model::{Calendar, Panel, PanelColumns, Period, PlaceEntry, SkuEntry};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};

const ITEMS: usize = 8;
const PLACES: usize = 8;
const WEEKS: i32 = 90;

/// Demand of every cell, in the order of the panel's rows, and the cells' price cuts.
fn demand(rng: &mut ChaCha8Rng) -> (Vec<f64>, Vec<f64>) {
    let normal = Normal::new(0.0, 1.0).unwrap();
    let (mut units, mut depths) = (Vec::new(), Vec::new());
    for item in 0..ITEMS {
        let set: Vec<f64> = (0..WEEKS)
            .map(|_| if rng.random::<f64>() < 0.2 { 0.1 * f64::from(rng.random_range(1..5)) } else { 0.0 })
            .collect();
        let shocks: Vec<f64> = (0..WEEKS).map(|_| 0.12 * normal.sample(rng)).collect();
        for place in 0..PLACES {
            for week in 0..WEEKS as usize {
                let depth = if rng.random::<f64>() < 0.8 { set[week] } else { 0.0 };
                let log = 3.0 + 0.1 * item as f64 - 0.1 * place as f64 + shocks[week] - 2.2 * (1.0 - depth).ln();
                let noise = 0.3 * normal.sample(rng) - 0.045;
                units.push(Poisson::new((log + noise).exp()).unwrap().sample(rng));
                depths.push(depth);
            }
        }
    }
    (units, depths)
}

fn panel(units: Vec<f64>, out: Vec<f64>, depths: &[f64]) -> Panel {
    let cells = || (0..ITEMS).flat_map(|i| (0..PLACES).flat_map(move |p| (0..WEEKS).map(move |w| (i, p, w))));
    let n = depths.len();
    let columns = PanelColumns {
        sku: cells().map(|cell| cell.0 as u32).collect(),
        place: cells().map(|cell| cell.1 as u32).collect(),
        period: cells().map(|cell| Period(cell.2)).collect(),
        units,
        price: depths.iter().map(|depth| 1.0 - depth).collect(),
        base_price: vec![1.0; n],
        feature: vec![0.0; n],
        display: vec![0.0; n],
        stockout_share: out,
        controls: vec![],
    };
    let sku = |at: usize| SkuEntry {
        sku: format!("item{at}").as_str().into(),
        group: format!("group{}", at / 4).as_str().into(),
        tier: String::new(),
    };
    let place = |at: usize| PlaceEntry { place: format!("place{at}").as_str().into(), region: String::new() };
    Panel::new(Calendar::Index, (0..ITEMS).map(sku).collect(), (0..PLACES).map(place).collect(), columns).unwrap()
}

/// How the time without stock is known.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Share,
    ThatItRanOut,
}

/// Censors a third of the cells by stock of 40 to 130 % of what the item usually sells there; returns how far recovered
/// totals and cells are from the truth over the cells that ran out, and the same of the mean of the series in stock.
fn scored(seed: u64, known: Known) -> ([f64; 2], [f64; 2], f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (truth, depths) = demand(&mut rng);
    let (mut units, mut out) = (truth.clone(), vec![0.0; truth.len()]);
    for series in 0..ITEMS * PLACES {
        let range = series * WEEKS as usize..(series + 1) * WEEKS as usize;
        let usual = truth[range.clone()].iter().sum::<f64>() / f64::from(WEEKS);
        for row in range {
            let stock = (usual * (0.4 + 0.9 * rng.random::<f64>())).round().max(1.0);
            if rng.random::<f64>() < 0.33 && truth[row] > stock {
                units[row] = stock;
                out[row] = if known == Known::Share { 1.0 - stock / truth[row] } else { 1.0 };
            }
        }
    }
    let panel = panel(units.clone(), out.clone(), &depths);
    let model = fit(&panel, &FitSettings::default(), &|_, _| ()).unwrap();
    let found = recovered(&model, &panel);
    let ran_out: Vec<usize> = (0..truth.len()).filter(|&row| out[row] > 0.0).collect();
    assert!(found.iter().zip(&units).all(|(found, sold)| found >= sold));
    assert!((0..truth.len()).all(|row| out[row] > 0.0 || (found[row] - units[row]).abs() < 1e-9));
    let total = |values: &dyn Fn(usize) -> f64| ran_out.iter().map(|&row| values(row)).sum::<f64>();
    let score = |values: &dyn Fn(usize) -> f64| {
        let all = total(&|row| truth[row]);
        [total(values) / all - 1.0, total(&|row| (values(row) - truth[row]).abs()) / all]
    };
    let in_stock = |row: usize| {
        let series = row / WEEKS as usize * WEEKS as usize;
        let rows: Vec<usize> = (series..series + WEEKS as usize).filter(|&at| out[at] == 0.0).collect();
        rows.iter().map(|&at| units[at]).sum::<f64>() / rows.len() as f64
    };
    let sold = score(&|row| units[row]);
    (score(&|row| found[row]), score(&in_stock), sold[0])
}

#[test]
fn demand_is_recovered_from_the_time_on_sale_better_than_by_either_usual_treatment() {
    let ([bias, error], [_, usual_error], sold) = scored(5, Known::Share);
    assert!(bias.abs() < 0.05, "bias {bias}");
    assert!(sold < -0.25, "sales alone are short by {sold}");
    assert!(error < 0.6 * usual_error && error < 0.5 * sold.abs(), "{error} {usual_error} {sold}");
}

#[test]
fn demand_is_recovered_where_it_is_only_known_that_stock_ran_out() {
    let ([bias, error], [usual_bias, usual_error], sold) = scored(6, Known::ThatItRanOut);
    assert!(bias.abs() < 0.07, "bias {bias}");
    assert!(usual_bias < -0.15 && sold < -0.25, "{usual_bias} {sold}");
    assert!(error < 0.8 * usual_error && error < 0.8 * sold.abs(), "{error} {usual_error} {sold}");
}
