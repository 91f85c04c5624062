//! Recovery of known truth, hard panels, and the same bytes at any thread count.
//!
//! The worlds are made here, by rules that the estimator does not know: chain-wide promotions that not every store
//! obeys, demand that follows a season which promotions follow too, shocks common to all stores of a week, gamma noise
//! per cell, cupboards that fill up, and shelves that run empty.

use endcap_demand::{BacktestSettings, DemandError, FitSettings, Fitted, backtest, events, fit, forecast, totals};
use endcap_model::{
    Calendar, Control, EffectKind, EffectStatus, Panel, PanelColumns, Period, PlaceEntry, SkuEntry, Span,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Normal, Poisson};

/// Own and cross elasticity, feature lift and dip of every SKU of a world.
struct Truth {
    own: Vec<f64>,
    feature: Vec<f64>,
    dip: f64,
    net: f64,
}

struct World {
    skus: usize,
    places: usize,
    weeks: i32,
    dip: f64,
    /// Supply as a multiple of expected unpromoted demand; nothing runs out without.
    supply: Option<f64>,
}

const SMALL: World = World { skus: 12, places: 8, weeks: 90, dip: 0.2, supply: None };

fn quiet(_: usize, _: usize) {}

fn skus(n: usize, per_group: usize) -> Vec<SkuEntry> {
    let entry = |at: usize| SkuEntry {
        sku: format!("sku{at:03}").as_str().into(),
        group: format!("group{}", at / per_group).as_str().into(),
        tier: String::new(),
    };
    (0..n).map(entry).collect()
}

fn places(n: usize) -> Vec<PlaceEntry> {
    (0..n).map(|at| PlaceEntry { place: format!("place{at:03}").as_str().into(), region: String::new() }).collect()
}

fn world(seed: u64, shape: &World) -> (Panel, Truth) {
    let mut g = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let own: Vec<f64> = (0..shape.skus).map(|_| -2.0 + 0.5 * normal.sample(&mut g)).collect();
    let feature: Vec<f64> = (0..shape.skus).map(|_| 0.3 + 0.1 * normal.sample(&mut g)).collect();
    let level: Vec<f64> = (0..shape.skus).map(|_| 3.0 + 0.4 * normal.sample(&mut g)).collect();
    let at_place: Vec<f64> = (0..shape.places).map(|_| 0.3 * normal.sample(&mut g)).collect();
    let mut c =
        PanelColumns { controls: vec![Control { name: "holiday".into(), values: vec![] }], ..Default::default() };
    let mut net = 0.0;
    for sku in 0..shape.skus {
        // Household stock per place, and what each past promotion holds of it.
        let mut stock = vec![0.0; shape.places];
        let mut held: Vec<Vec<f64>> = vec![Vec::new(); shape.places];
        for week in 0..shape.weeks {
            let season = (std::f64::consts::TAU * f64::from(week) / 52.0 + (sku / 4) as f64).sin();
            let holiday = f64::from(u8::from(week % 13 == 5));
            let chance = 1.0 / (1.0 + (1.7 - 1.0 * season - 1.5 * holiday).exp());
            let on = g.random::<f64>() < chance;
            let depth = [0.1, 0.2, 0.3, 0.4][g.random_range(0..4)];
            let advertised = g.random::<f64>() < 0.5;
            let shock = 0.12 * normal.sample(&mut g);
            for place in 0..shape.places {
                let obeys = on && g.random::<f64>() < 0.8;
                let price = if obeys { 1.0 - depth } else { 1.0 };
                let featured = f64::from(u8::from(obeys && advertised));
                let lift = own[sku] * f64::ln(price) + feature[sku] * featured;
                let base = level[sku] + at_place[place] + 0.3 * season + 0.4 * holiday + shock;
                let mean = (base + lift - shape.dip * stock[place]).exp();
                // Every promotion taken away alone: its own units, and what it takes from later weeks.
                net += mean * (1.0 - (-lift).exp());
                net += held[place].iter().map(|part| mean * (1.0 - (shape.dip * part).exp())).sum::<f64>();
                stock[place] = 0.5 * stock[place] + lift.max(0.0);
                held[place].iter_mut().for_each(|part| *part *= 0.5);
                held[place].push(lift.max(0.0));
                let noise = Gamma::new(8.0, 1.0 / 8.0).unwrap().sample(&mut g);
                let demand: f64 = Poisson::new(mean * noise).unwrap().sample(&mut g);
                let planned = (base - shock).exp() * if obeys { 1.0 + 2.5 * depth } else { 1.0 };
                let supply = shape.supply.map_or(f64::INFINITY, |s| (s * planned).ceil());
                c.sku.push(sku as u32);
                c.place.push(place as u32);
                c.period.push(Period(week));
                c.units.push(demand.min(supply));
                c.price.push(2.0 * price);
                c.base_price.push(2.0);
                c.feature.push(featured);
                c.display.push(0.0);
                c.stockout_share.push(f64::from(u8::from(demand > supply)));
                c.controls[0].values.push(holiday);
            }
        }
    }
    let panel = Panel::new(Calendar::Index, skus(shape.skus, 4), places(shape.places), c).unwrap();
    (panel, Truth { own, feature, dip: shape.dip, net })
}

fn fitted(panel: &Panel) -> Fitted {
    fit(panel, &FitSettings::default(), &quiet).unwrap()
}

/// Errors of the own elasticities and whether each lies in its interval.
fn own_errors(panel: &Panel, truth: &Truth) -> Vec<(f64, bool)> {
    let lift = fitted(panel).lift;
    let of = |(response, &own): (&endcap_model::Response, &f64)| {
        let e = &response.own_price;
        (e.mean - own, e.lo95 <= own && own <= e.hi95)
    };
    lift.responses.iter().zip(&truth.own).map(of).collect()
}

fn summarise(errors: &[(f64, bool)]) -> (f64, f64, f64) {
    let n = errors.len() as f64;
    let bias = errors.iter().map(|e| e.0).sum::<f64>() / n;
    let rmse = (errors.iter().map(|e| e.0 * e.0).sum::<f64>() / n).sqrt();
    let covered = errors.iter().filter(|e| e.1).count() as f64 / n;
    (bias, rmse, covered)
}

#[test]
fn known_elasticities_lie_in_their_intervals_about_as_often_as_claimed() {
    let errors: Vec<_> = (1..=16)
        .flat_map(|seed| {
            let (panel, truth) = world(seed, &SMALL);
            own_errors(&panel, &truth)
        })
        .collect();
    let (bias, rmse, covered) = summarise(&errors);
    eprintln!("own price over {} items: bias {bias:+.3}, rmse {rmse:.3}, covered {covered:.3}", errors.len());
    assert!(bias.abs() < 0.08 && rmse < 0.3, "bias {bias}, rmse {rmse}");
    assert!((0.90..=0.99).contains(&covered), "covered {covered}");
}

#[test]
fn feature_and_dip_are_recovered() {
    let (mut feature, mut dip) = (Vec::new(), Vec::new());
    for seed in 11..15 {
        let (panel, truth) = world(seed, &SMALL);
        for (response, expected) in fitted(&panel).lift.responses.iter().zip(&truth.feature) {
            feature.push(response.feature.mean - expected);
            dip.push(response.dip.mean + truth.dip);
        }
    }
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(mean(&feature).abs() < 0.05, "feature {}", mean(&feature));
    assert!(mean(&dip).abs() < 0.07, "dip {}", mean(&dip));
}

#[test]
fn units_hidden_by_empty_shelves_do_not_flatten_the_elasticity() {
    let scarce = World { supply: Some(1.5), ..SMALL };
    let (mut with, mut blind) = (Vec::new(), Vec::new());
    for seed in 21..25 {
        let (panel, truth) = world(seed, &scarce);
        with.extend(own_errors(&panel, &truth));
        let c = panel.columns().clone();
        let unaware = PanelColumns { stockout_share: vec![0.0; panel.len()], ..c };
        let unaware = Panel::new(panel.calendar(), panel.skus().to_vec(), panel.places().to_vec(), unaware).unwrap();
        blind.extend(own_errors(&unaware, &truth));
    }
    let ((bias, _, covered), (blind_bias, _, _)) = (summarise(&with), summarise(&blind));
    eprintln!("with stock-outs: bias {bias:+.3}, covered {covered:.3}; taken as demand: bias {blind_bias:+.3}");
    assert!(bias.abs() < 0.1 && bias.abs() < 0.5 * blind_bias.abs(), "bias {bias}, blind {blind_bias}");
    assert!(covered >= 0.88, "covered {covered}");
}

#[test]
fn net_units_of_past_promotions_add_up_to_what_they_really_brought() {
    let (mut reported, mut net) = (0.0, 0.0);
    for seed in 31..34 {
        let (panel, truth) = world(seed, &SMALL);
        let split = events(&fitted(&panel), &panel);
        assert!(split.iter().all(|e| e.own.lo95 <= e.own.units && e.own.units <= e.own.hi95));
        // No item of this world takes from another, so what is cannibalised is noise around nothing.
        reported += split.iter().map(|e| e.own.units + e.pulled_forward.units).sum::<f64>();
        net += truth.net;
    }
    assert!((reported / net - 1.0).abs() < 0.1, "reported {reported:.0}, true {net:.0}");
}

#[test]
fn forecasts_beat_the_spreadsheet_and_their_intervals_hold() {
    let (panel, _) = world(41, &World { skus: 16, places: 10, weeks: 110, ..SMALL });
    let scored = backtest(&panel, &BacktestSettings { origins: 4, ..BacktestSettings::default() }, &quiet).unwrap();
    let score = |forecast: &str, cells: &str| {
        scored.scores.iter().find(|s| s.forecast.starts_with(forecast) && s.cells == cells).unwrap()
    };
    for cells in ["all", "promoted"] {
        let (ours, bar) = (score("endcap", cells), score("recent mean", cells));
        assert!(ours.wape < bar.wape, "{cells}: {} against {}", ours.wape, bar.wape);
    }
    let covered = score("endcap", "all").coverage90.unwrap();
    assert!((0.84..0.95).contains(&covered), "{covered}");
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let (panel, _) = world(51, &SMALL);
    let future = panel.within(Span { start: Period(80), end: Period(90) });
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = fitted(&panel);
            let ahead = forecast(&model, &panel, &future, &[0.05, 0.5, 0.95]).unwrap();
            serde_json::to_string(&(&model, &ahead, events(&model, &panel))).unwrap()
        })
    };
    assert!(run(1) == run(2));
}

#[test]
fn a_model_survives_its_file() {
    let (panel, _) = world(61, &World { skus: 4, places: 3, weeks: 40, ..SMALL });
    let model = fitted(&panel);
    let text = serde_json::to_string(&model).unwrap();
    let read: Fitted = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

/// A panel of one group whose price and sales are given by functions of SKU, place and period.
fn simple(
    items: usize,
    stores: usize,
    periods: i32,
    units: impl Fn(usize, usize, i32) -> f64,
    price: impl Fn(usize, i32) -> f64,
) -> PanelColumns {
    let mut c = PanelColumns::default();
    for sku in 0..items {
        for place in 0..stores {
            for period in 0..periods {
                c.sku.push(sku as u32);
                c.place.push(place as u32);
                c.period.push(Period(period));
                c.units.push(units(sku, place, period));
                c.price.push(price(sku, period));
                c.base_price.push(1.0);
                c.feature.push(0.0);
                c.display.push(0.0);
                c.stockout_share.push(0.0);
            }
        }
    }
    c
}

fn panel_of(items: usize, stores: usize, columns: PanelColumns) -> Panel {
    Panel::new(Calendar::Day, skus(items, items.max(1)), places(stores), columns).unwrap()
}

/// Fits, forecasts the last periods again and checks that every number is one.
fn all_finite(panel: &Panel) -> Fitted {
    let model = fitted(panel);
    for response in &model.lift.responses {
        for kind in EffectKind::ALL {
            let e = response.effect(kind);
            assert!([e.mean, e.se, e.lo95, e.hi95].iter().all(|v| v.is_finite()), "{kind:?} {e:?}");
            assert!(e.lo95 < e.hi95);
        }
    }
    let ahead = forecast(&model, panel, panel, &[0.05, 0.95]).unwrap();
    assert!(ahead.rows.iter().all(|r| r.mean.is_finite() && r.mean >= 0.0 && r.quantiles[0] <= r.quantiles[1]));
    assert!(events(&model, panel).iter().all(|e| e.net.units.is_finite() && e.net.hi95.is_finite()));
    model
}

fn is_unknown(status: &EffectStatus) -> bool {
    matches!(status, EffectStatus::NotIdentified(_))
}

#[test]
fn constant_prices_tell_nothing_about_the_elasticity() {
    let model = all_finite(&panel_of(3, 4, simple(3, 4, 60, |s, p, t| (s + p + t as usize % 5) as f64, |_, _| 1.0)));
    for response in &model.lift.responses {
        assert!(is_unknown(&response.own_price.status), "{:?}", response.own_price);
        assert!(response.own_price.hi95 - response.own_price.lo95 > 4.0);
    }
}

#[test]
fn an_item_that_was_never_promoted_borrows_from_its_group() {
    let price = |sku: usize, t: i32| -> f64 { if sku > 0 && (t + sku as i32) % 6 == 0 { 0.75 } else { 1.0 } };
    let units = |sku: usize, place: usize, t: i32| {
        (8.0 * (1.0 + place as f64 / 4.0) * price(sku, t).powf(-2.0)).round() + ((t * 7 + sku as i32) % 3) as f64
    };
    let model = all_finite(&panel_of(4, 5, simple(4, 5, 60, units, price)));
    let never = &model.lift.responses[0].own_price;
    assert!(matches!(&never.status, EffectStatus::Borrowed(reason) if reason.contains("never promoted")), "{never:?}");
    assert!((never.mean + 2.0).abs() < 0.5, "{never:?}");
    assert!(never.se > model.lift.responses[1].own_price.se);
}

#[test]
fn an_item_never_seen_at_list_price_is_flagged_and_widened() {
    let price = |sku: usize, t: i32| -> f64 {
        let cut = (t * (2 * sku as i32 + 3)) % 11 < 3;
        match (sku, cut) {
            (0, true) => 0.6,
            (0, false) => 0.8,
            (_, true) => 0.75,
            (_, false) => 1.0,
        }
    };
    let units = |sku: usize, place: usize, t: i32| {
        ((20.0 + place as f64) * price(sku, t).powf(-1.5)).round() + f64::from((t * 13) % 5)
    };
    let model = all_finite(&panel_of(3, 4, simple(3, 4, 80, units, price)));
    let always = &model.lift.responses[0].own_price;
    assert!(matches!(&always.status, EffectStatus::Borrowed(r) if r.contains("no undiscounted")), "{always:?}");
}

#[test]
fn thin_and_twisted_panels_give_wide_intervals_and_no_panic() {
    let price = |_: usize, t: i32| if t % 3 == 0 { 0.8 } else { 1.0 };
    let units = |s: usize, p: usize, t: i32| ((s + 2 * p) as i32 + 5 * t % 7) as f64;
    // Three periods; one store; one row; nothing sold; all stock-outs; advert and control that repeat the price.
    all_finite(&panel_of(2, 3, simple(2, 3, 3, units, price)));
    all_finite(&panel_of(2, 1, simple(2, 1, 50, units, price)));
    all_finite(&panel_of(1, 1, simple(1, 1, 1, units, price)));
    all_finite(&panel_of(2, 3, simple(2, 3, 40, |_, _, _| 0.0, price)));
    let mut out = simple(2, 3, 40, units, price);
    out.stockout_share.fill(1.0);
    all_finite(&panel_of(2, 3, out.clone()));
    out.units.fill(0.0);
    all_finite(&panel_of(2, 3, out));
    let mut twisted = simple(2, 3, 60, units, price);
    twisted.feature = twisted.price.iter().map(|&p| f64::from(u8::from(p < 1.0))).collect();
    twisted.display = twisted.feature.clone();
    twisted.controls = vec![
        Control { name: "price again".into(), values: twisted.price.clone() },
        Control { name: "constant".into(), values: vec![3.0; twisted.price.len()] },
    ];
    let model = all_finite(&panel_of(2, 3, twisted));
    assert!(
        model.lift.responses.iter().all(|r| r.feature.status != EffectStatus::Estimated),
        "{:?}",
        model.lift.responses[0]
    );
}

#[test]
fn an_empty_panel_a_strange_item_and_wrong_levels_are_refused() {
    let none = panel_of(1, 1, PanelColumns::default());
    assert_eq!(fit(&none, &FitSettings::default(), &quiet), Err(DemandError::Empty));
    let known = panel_of(1, 2, simple(1, 2, 30, |_, _, t| f64::from(t % 4), |_, _| 1.0));
    let model = fitted(&known);
    let stranger = panel_of(2, 2, simple(2, 2, 3, |_, _, _| 0.0, |_, _| 1.0));
    assert!(matches!(forecast(&model, &known, &stranger, &[0.5]), Err(DemandError::UnknownSku(_))));
    assert!(matches!(forecast(&model, &known, &known, &[0.9, 0.1]), Err(DemandError::Levels(_))));
    let settings = BacktestSettings { origins: 3, horizon: Some(14), ..BacktestSettings::default() };
    assert!(matches!(backtest(&known, &settings, &quiet), Err(DemandError::TooShort { .. })));
}

#[test]
fn a_promotion_ahead_lifts_its_periods_and_lowers_the_ones_after() {
    let (panel, _) = world(71, &World { dip: 0.4, ..SMALL });
    let model = fitted(&panel);
    let ahead = |price_of: &dyn Fn(i32) -> f64| {
        let mut c = simple(1, 1, 6, |_, _, _| 0.0, |_, t| price_of(t));
        c.period.iter_mut().for_each(|period| *period = period.plus(90));
        let panel_ahead = Panel::new(Calendar::Index, skus(1, 1), places(1), c).unwrap();
        forecast(&model, &panel, &panel_ahead, &[]).unwrap().rows
    };
    let (plain, promoted) = (ahead(&|_| 1.0), ahead(&|t| if t == 2 { 0.7 } else { 1.0 }));
    assert!(promoted[2].mean > 1.3 * plain[2].mean);
    assert!((promoted[2].baseline / plain[2].mean - 1.0).abs() < 1e-9);
    assert!(promoted[3].mean < plain[3].mean && promoted[1].mean == plain[1].mean);
}

/// The rows of a panel for which a condition holds.
fn rows_where(panel: &Panel, keep: impl Fn(usize) -> bool) -> Panel {
    let c = panel.columns();
    let rows: Vec<usize> = (0..panel.len()).filter(|&row| keep(row)).collect();
    let pick = |values: &[f64]| rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
    let columns = PanelColumns {
        sku: rows.iter().map(|&row| c.sku[row]).collect(),
        place: rows.iter().map(|&row| c.place[row]).collect(),
        period: rows.iter().map(|&row| c.period[row]).collect(),
        units: pick(&c.units),
        price: pick(&c.price),
        base_price: pick(&c.base_price),
        feature: pick(&c.feature),
        display: pick(&c.display),
        stockout_share: pick(&c.stockout_share),
        controls: c.controls.iter().map(|k| Control { name: k.name.clone(), values: pick(&k.values) }).collect(),
    };
    Panel::new(panel.calendar(), panel.skus().to_vec(), panel.places().to_vec(), columns).unwrap()
}

#[test]
fn an_item_without_history_is_forecast_from_its_likes() {
    let (mut inside, mut cells) = (0, 0);
    for seed in 81..84 {
        let (panel, _) = world(seed, &World { skus: 16, ..SMALL });
        let c = panel.columns();
        let known = rows_where(&panel, |row| c.sku[row] != 0);
        let mut others = known.skus().to_vec();
        others.remove(0);
        let mut columns = known.columns().clone();
        columns.sku.iter_mut().for_each(|sku| *sku -= 1);
        let known = Panel::new(known.calendar(), others, known.places().to_vec(), columns).unwrap();
        let model = fitted(&known);
        let new = rows_where(&panel, |row| c.sku[row] == 0 && c.period[row].0 >= 60);
        let rows = forecast(&model, &known, &new, &[0.05, 0.95]).unwrap().rows;
        assert_eq!(rows.len(), new.len());
        let sold: f64 = new.columns().units.iter().sum();
        let expected: f64 = rows.iter().map(|row| row.mean).sum();
        assert!((0.4..2.5).contains(&(expected / sold)), "{expected} for {sold}");
        let both = rows.iter().zip(&new.columns().units);
        inside += both.filter(|(row, units)| (row.quantiles[0]..=row.quantiles[1]).contains(*units)).count();
        cells += rows.len();
        let lift = |promoted: bool| {
            let of = rows.iter().zip(&new.columns().price).filter(|(_, price)| (**price < 1.9) == promoted);
            let (sum, n) = of.fold((0.0, 0.0), |(sum, n), (row, _)| (sum + row.mean, n + 1.0));
            sum / n
        };
        assert!(lift(true) > 1.2 * lift(false));
    }
    // The cells of one item are inside or outside together.
    assert!(inside * 10 > 7 * cells, "{inside} of {cells}");
}

#[test]
fn sums_of_cells_are_covered_where_their_own_spreads_would_be_too_narrow() {
    let (mut inside, mut narrow, mut periods) = (0, 0, 0);
    for seed in 91..95 {
        let (panel, _) = world(seed, &World { skus: 8, places: 6, weeks: 96, dip: 0.2, supply: None });
        let c = panel.columns();
        let past = rows_where(&panel, |row| c.period[row].0 < 88);
        let ahead = rows_where(&panel, |row| c.period[row].0 >= 88);
        let model = fitted(&past);
        let told = forecast(&model, &past, &ahead, &[0.05, 0.95]).unwrap();
        let group = |sku: &endcap_model::Sku| panel.skus().iter().find(|e| e.sku == *sku).map(|e| e.group.clone());
        for (period, total) in totals(&model, &told, group, |row| Some(row.period), &[0.05, 0.95]) {
            let of = ahead.columns().period.iter().zip(&ahead.columns().units).filter(|(at, _)| **at == period);
            let sold: f64 = of.map(|(_, units)| units).sum();
            let alone: f64 = told.rows.iter().filter(|r| r.period == period).map(|r| r.mean * r.dispersion).sum();
            inside += usize::from((total.quantiles[0]..=total.quantiles[1]).contains(&sold));
            narrow += usize::from((sold - total.mean).abs() <= 1.645 * alone.sqrt());
            periods += 1;
        }
    }
    assert!(inside * 100 >= 75 * periods && narrow < inside, "{inside} and {narrow} of {periods}");
}
