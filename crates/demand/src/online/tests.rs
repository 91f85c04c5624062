//! A world with known truth: shocks that all places share, promotions that not every place runs, cupboards that fill up.

use super::*;
use crate::fit::{FitSettings, Opinion, fit};
use crate::forecast::{forecast, histories};
use crate::further::{Clusters, HaloLink, PriceMemory};
use endcap_model::{CLUSTER, Calendar, Control, Input, MECHANIC, PanelColumns, Period, PlaceEntry, SkuEntry, Span};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};

const ITEMS: usize = 12;
const PLACES: usize = 6;
const WEEKS: i32 = 80;
/// Periods that arrive after the fit, and those that are forecast then.
const SINCE: i32 = 8;
const AHEAD: i32 = 4;

struct World {
    panel: Panel,
    own: Vec<f64>,
}

/// `grown` is added to the log level of every item from the end of the fit on.
fn world(seed: u64, grown: f64) -> World {
    let mut g = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let own: Vec<f64> = (0..ITEMS).map(|_| -2.0 + 0.5 * normal.sample(&mut g)).collect();
    let mut c =
        PanelColumns { controls: vec![Control { name: "holiday".into(), values: vec![] }], ..Default::default() };
    for (item, own) in own.iter().enumerate() {
        let level = 2.8 + 0.4 * normal.sample(&mut g);
        let mut stock = [0.0; PLACES];
        for week in 0..WEEKS + SINCE + AHEAD {
            let on = g.random::<f64>() < 0.25;
            let depth = [0.1, 0.2, 0.3, 0.4][g.random_range(0..4)];
            let advertised = g.random::<f64>() < 0.5;
            let shock = 0.12 * normal.sample(&mut g);
            let holiday = f64::from(u8::from(week % 13 == 5));
            for (place, stock) in stock.iter_mut().enumerate() {
                let obeys = on && g.random::<f64>() < 0.8;
                let price: f64 = if obeys { 1.0 - depth } else { 1.0 };
                let feature = f64::from(u8::from(obeys && advertised));
                let lift = own * price.ln() + 0.3 * feature;
                let later = if week >= WEEKS { grown } else { 0.0 };
                let log = level + 0.1 * place as f64 + 0.4 * holiday + shock + lift - 0.2 * *stock + later;
                *stock = 0.5 * *stock + lift.max(0.0);
                let noise = 0.3 * normal.sample(&mut g) - 0.045;
                c.sku.push(item as u32);
                c.place.push(place as u32);
                c.period.push(Period(week));
                c.units.push(Poisson::new((log + noise).exp()).unwrap().sample(&mut g));
                c.price.push(2.0 * price);
                c.base_price.push(2.0);
                c.feature.push(feature);
                c.display.push(0.0);
                c.stockout_share.push(0.0);
                c.controls[0].values.push(holiday);
            }
        }
    }
    let sku = |at: usize| SkuEntry {
        sku: format!("item{at:02}").as_str().into(),
        group: format!("group{}", at / 4).as_str().into(),
        tier: String::new(),
    };
    let place = |at: usize| PlaceEntry { place: format!("place{at}").as_str().into(), region: String::new() };
    let (skus, places) = ((0..ITEMS).map(sku).collect(), (0..PLACES).map(place).collect());
    World { panel: Panel::new(Calendar::Index, skus, places, c).unwrap(), own }
}

impl World {
    fn between(&self, start: i32, end: i32) -> Panel {
        self.panel.within(Span { start: Period(start), end: Period(end) })
    }

    fn history(&self) -> Panel {
        self.between(0, WEEKS)
    }

    fn future(&self) -> Panel {
        self.between(WEEKS + SINCE, WEEKS + SINCE + AHEAD)
    }

    fn sales(&self) -> Vec<Sale> {
        let since = self.between(WEEKS, WEEKS + SINCE);
        let c = since.columns();
        let in_frame = |control: &&Control| !matches!(Input::of(&control.name), Input::Cluster(_));
        (0..since.len())
            .map(|row| Sale {
                sku: since.skus()[c.sku[row] as usize].sku.clone(),
                place: since.places()[c.place[row] as usize].place.clone(),
                period: c.period[row],
                units: c.units[row],
                price: c.price[row],
                base_price: Some(c.base_price[row]),
                feature: c.feature[row],
                display: c.display[row],
                stockout_share: c.stockout_share[row],
                passed: 1.0,
                controls: c.controls.iter().filter(in_frame).map(|control| Some(control.values[row])).collect(),
            })
            .collect()
    }
}

fn fitted(panel: &Panel) -> Fitted {
    fit(panel, &FitSettings::default(), &|_, _| ()).unwrap()
}

fn online(world: &World) -> Online {
    let (history, future) = (world.history(), world.future());
    let model = fitted(&history);
    let given = forecast(&model, &history, &future, &[0.05, 0.5, 0.95]).unwrap();
    let start = Start::of(&model, &history).unwrap();
    let mut online = Online::new(model, start).unwrap();
    online.watch(&future, Some(&given), &[]).unwrap();
    online
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// The same with a kind of promotion, a competitor's price and two clusters of places.
fn with_inputs(world: World) -> World {
    let panel = &world.panel;
    let mut c = panel.columns().clone();
    let rows = 0..panel.len();
    let week = |row: usize| c.period[row].0;
    let kind = |row: usize| (c.price[row] < 2.0 && week(row) % 3 > 0).then(|| "two for one".to_owned());
    let rival = |row: usize| (week(row) % 7 > 0).then(|| 1.5 + 0.1 * f64::from((week(row) + c.sku[row] as i32) % 5));
    let cluster = |row: usize| Some(if c.place[row] < 3 { "city" } else { "country" }.to_owned());
    let mut inputs = Control::flags(MECHANIC, &rows.clone().map(kind).collect::<Vec<_>>());
    inputs.push(Control::competitor_price(&rows.clone().map(rival).collect::<Vec<_>>()));
    inputs.extend(Control::flags(CLUSTER, &rows.map(cluster).collect::<Vec<_>>()));
    c.controls.extend(inputs);
    let panel = Panel::new(panel.calendar(), panel.skus().to_vec(), panel.places().to_vec(), c).unwrap();
    World { panel, ..world }
}

/// A model that has every further effect, whether or not its history asks for them.
fn with_every_effect(history: &Panel) -> Fitted {
    let mut model = fitted(history);
    let further = &mut model.frame.further;
    further.memory = Some(PriceMemory { carry: 0.8, usual: 0.05, moves_sales: true, moves_elasticity: true });
    further.halo = vec![HaloLink { from: "group0".into(), to: "group2".into() }];
    let of_place = history.places().iter().enumerate().map(|(at, entry)| (entry.place.clone(), at / 3)).collect();
    let factors = model.items.iter().map(|item| (item.sku.clone(), vec![(0.8, 0.01), (1.2, 0.01)])).collect();
    further.clusters = Clusters { names: vec!["city".into(), "country".into()], of_place, factors };
    let columns = model.frame.columns();
    // Both opinions say the same and there is no third, so that a forecast is what the effects alone say.
    (model.boosted, model.memories) = (None, [model.memories[0]; 2]);
    for item in &mut model.items {
        item.effects.resize(columns, -0.2);
        item.variances.resize(columns, 0.01);
        item.predictive = item.forecast_effects(&model.frame);
    }
    model
}

#[test]
fn rows_are_read_as_the_fit_reads_them() {
    let world = with_inputs(world(1, 0.0));
    let history = world.history();
    let model = with_every_effect(&history);
    let start = Start::of(&model, &history).unwrap();
    let mut online = Online::new(model, start).unwrap();
    online.absorb(&world.sales());
    let (model, whole) = (&online.fitted, world.between(0, WEEKS + SINCE));
    let prepared = model.frame.prepare(&whole);
    let trend = model.frame.trend();
    let mut moved = vec![false; model.frame.columns()];
    for (item, of_fit) in model.items.iter().enumerate() {
        let (at, terms) = (prepared.positions[&of_fit.sku], LiftTerms::of(&of_fit.effects));
        let mut theirs = Vec::new();
        for series in whole.series_of(at) {
            prepared.household_stock(series, terms, model.lift.dip_carry, 0.0, |row, stock| {
                let mut line = vec![0.0; model.frame.columns()];
                prepared.write_row(row, &mut line);
                line[DIP] = stock;
                theirs.push((row, line));
            });
        }
        theirs.retain(|(row, _)| whole.columns().period[*row].0 >= WEEKS);
        let cells = &online.live[item].cells;
        let (ours, _) = lines(cells, &online.start.items[item], terms, model);
        assert_eq!(ours.len(), theirs.len() * moved.len());
        for ((cell, ours), (row, theirs)) in cells.iter().zip(ours.chunks(moved.len())).zip(theirs) {
            for column in (0..moved.len()).filter(|&column| column != trend) {
                let (theirs, ours) = (theirs[column], ours[column]);
                assert!((theirs - ours).abs() < 1e-9, "column {column}: {theirs} {ours}");
                moved[column] |= ours != 0.0;
            }
            assert_eq!((prepared.evidence[row], prepared.exposure[row]), (cell.evidence, cell.exposure));
        }
    }
    // A holiday, a kind of promotion, a competitor's price, two effects of a memory, another group.
    assert_eq!(moved.len(), trend + 1 + 6);
    assert!(moved[trend + 1..].iter().all(|moved| *moved), "{moved:?}");
}

#[test]
fn without_a_forecast_to_move_cells_are_what_the_effects_alone_say() {
    let world = with_inputs(world(1, 0.0));
    let (history, future) = (world.history(), world.future());
    let model = with_every_effect(&history);
    let given = forecast(&model, &history, &future, &[0.05, 0.95]).unwrap();
    let start = Start::of(&model, &history).unwrap();
    let mut online = Online::new(model, start).unwrap();
    online.watch(&future, None, &[0.05, 0.95]).unwrap();
    let ours = online.forecast().unwrap();
    assert_eq!(given.rows.len(), ours.rows.len());
    for (theirs, ours) in given.rows.iter().zip(&ours.rows) {
        let pairs = [(theirs.mean, ours.mean), (theirs.baseline, ours.baseline), (theirs.dispersion, ours.dispersion)];
        assert!(pairs.into_iter().all(|(theirs, ours)| (theirs / ours - 1.0).abs() < 1e-6), "{theirs:?} {ours:?}");
    }
}

#[test]
fn what_a_person_set_stays_as_it_was_set() {
    let world = world(7, 0.0);
    let mut online = online(&world);
    let said = online.fitted();
    let mut used = said.clone();
    (used.items[0].effects[OWN], used.items[0].variances[OWN]) = (-4.0, 0.01);
    online.edit(&used);
    online.absorb(&world.sales());
    assert_eq!((online.live[0].now.used.0[OWN], online.live[0].now.used.1[OWN]), (-4.0, 0.01));
    let learnt = online.fitted().items[0].effects[OWN];
    assert!(learnt != said.items[0].effects[OWN] && learnt != -4.0, "beside it the data go on speaking: {learnt}");

    used.items[0].edited = true;
    used.lift.responses[0].own_price.mean = -4.0;
    let start = Start::of(&used, &world.history()).unwrap();
    let mut online = Online::new(used.clone(), start).unwrap();
    online.absorb(&world.sales());
    let after = online.fitted();
    assert_eq!((&after.items[0], &after.lift.responses[0]), (&used.items[0], &used.lift.responses[0]));
    assert_ne!(after.items[1], used.items[1]);
}

#[test]
fn before_any_news_everything_is_as_it_was_fitted() {
    let world = world(2, 0.0);
    let online = online(&world);
    let history = world.history();
    let prepared = online.fitted.frame.prepare(&history);
    let of_fit = histories(&online.fitted, &prepared, Opinion::Estimated);
    for (item, live) in online.live.iter().enumerate() {
        let at = prepared.positions[&online.fitted.items[item].sku];
        let levels = of_fit[at].base.levels(&online.fitted.memories[0], WEEKS);
        for (theirs, ours) in levels.iter().zip(&live.now.levels) {
            assert!((theirs.level / ours.level - 1.0).abs() < 1e-9, "{theirs:?} {ours:?}");
            assert!((theirs.variance / ours.variance - 1.0).abs() < 1e-9, "{theirs:?} {ours:?}");
        }
        let packed = &online.start.items[item].precision;
        let mut matrix = crate::linear::Symmetric::zeros(live.now.variances.len());
        let mut values = packed.iter();
        for row in 0..matrix.size {
            (0..=row).for_each(|column| *matrix.at(row, column) = *values.next().unwrap());
        }
        for (ours, theirs) in matrix.factor().inverse_diagonal().iter().zip(&live.now.variances) {
            assert!((ours / theirs.max(1e-9) - 1.0).abs() < 1e-6, "{ours} {theirs}");
        }
    }
    let given = forecast(&online.fitted, &history, &world.future(), &[0.05, 0.5, 0.95]).unwrap();
    for (theirs, ours) in given.rows.iter().zip(&online.forecast().unwrap().rows) {
        assert!((theirs.mean - ours.mean).abs() < 1e-9 && (theirs.baseline - ours.baseline).abs() < 1e-9);
        assert!((theirs.dispersion / ours.dispersion - 1.0).abs() < 0.02, "{theirs:?} {ours:?}");
    }
}

#[test]
fn neither_order_nor_batches_nor_repeats_change_the_result() {
    let world = world(3, 0.0);
    let (mut whole, mut parts) = (online(&world), online(&world));
    let mut sales = world.sales();
    let absorbed = whole.absorb(&sales);
    assert_eq!((absorbed.new, absorbed.set_aside.len(), absorbed.items), (sales.len(), 0, ITEMS));
    assert_eq!(absorbed.cells, ITEMS * PLACES * AHEAD as usize);
    sales.shuffle(&mut ChaCha8Rng::seed_from_u64(9));
    for batch in sales.chunks(37) {
        parts.absorb(batch);
    }
    assert_eq!(whole.fitted(), parts.fitted());
    assert_eq!(whole.forecast(), parts.forecast());
    let again = parts.absorb(&sales);
    assert_eq!((again.known, again.new, again.items, again.moved.len()), (sales.len(), 0, 0, 0));
    assert_eq!(whole.fitted(), parts.fitted());
}

#[test]
fn a_corrected_cell_replaces_the_former_one() {
    let world = world(4, 0.0);
    let (mut right, mut corrected) = (online(&world), online(&world));
    let sales = world.sales();
    let mut wrong = sales.clone();
    wrong[10].units = 400.0;
    wrong[20].price = 1.0;
    right.absorb(&sales);
    corrected.absorb(&wrong);
    assert_ne!(right.fitted(), corrected.fitted());
    assert_eq!(corrected.absorb(&[sales[10].clone(), sales[20].clone()]).replaced, 2);
    assert_eq!(right.fitted(), corrected.fitted());
    assert_eq!(right.forecast(), corrected.forecast());
}

#[test]
fn rows_that_cannot_be_used_are_set_aside_by_name_and_the_rest_goes_on() {
    let world = world(5, 0.0);
    let mut online = online(&world);
    let good = world.sales()[0].clone();
    let bad: Vec<Sale> = vec![
        Sale { sku: "nothing".into(), ..good.clone() },
        Sale { place: "nowhere".into(), ..good.clone() },
        Sale { units: -1.0, ..good.clone() },
        Sale { price: 0.0, ..good.clone() },
        Sale { period: Period(-1), ..good.clone() },
        Sale { period: Period(WEEKS - 1), ..good.clone() },
        Sale { period: Period(3 * WEEKS), ..good.clone() },
        good.clone(),
        good.clone(),
        Sale { passed: 0.5, units: 1.0, ..good.clone() },
        Sale { period: Period(WEEKS + 1), ..good.clone() },
        Sale { period: Period(WEEKS + 1), units: 1e3, ..good.clone() },
    ];
    let absorbed = online.absorb(&bad);
    assert_eq!((absorbed.new, absorbed.items), (1, 1));
    let names: Vec<String> = absorbed.set_aside.iter().map(|(_, fault)| fault.to_string()).collect();
    let expected = [
        "not in the model",
        "not in the model",
        "units is -1",
        "price is 0",
        "older than the history",
        "fitted already",
        "further from the fit",
        "duplicate",
        "later reading",
        "another row of this cell",
        "another row of this cell",
    ];
    assert_eq!(names.len(), expected.len(), "{names:?}");
    names.iter().zip(expected).for_each(|(name, expected)| assert!(name.contains(expected), "{name}: {expected}"));
    let morning = Sale { passed: 0.5, units: 1.0, ..good };
    assert_eq!(online.absorb(&[morning]).set_aside[0].1, Fault::Overtaken);
}

#[test]
fn half_a_period_with_half_of_its_sales_is_no_news() {
    let world = world(6, 0.0);
    let level = |passed: f64, units: f64| {
        let mut online = online(&world);
        let sale = world.sales()[0].clone();
        let usual = online.live[0].now.levels[0].level;
        online.absorb(&[Sale { passed, units: units * usual, price: 2.0, feature: 0.0, controls: vec![None], ..sale }]);
        online.live[0].now.levels[0].level / usual
    };
    let (on_course, low, whole) = (level(0.5, 0.5), level(1.0, 0.5), level(1.0, 1.0));
    assert!((on_course / whole - 1.0).abs() < 0.02, "{on_course} {whole}");
    assert!(low < on_course - 0.005, "{low} {on_course}");
}

/// Own elasticities and forecasts of the fit, after the online update, and of a new fit.
struct Compared {
    /// Mean error, and whether the interval holds the truth, by item: fit, update, new fit.
    own: [Vec<(f64, f64, bool)>; 3],
    /// Sum of absolute errors and of signed errors over the units sold.
    forecast: [(f64, f64); 3],
    /// Mean distance of the updated forecast from that of the new fit, over its mean.
    apart: f64,
    /// Share of cells inside the 90 % interval.
    covered: [f64; 2],
}

fn compare(seed: u64, grown: f64) -> Compared {
    let world = world(seed, grown);
    let mut online = online(&world);
    let (before, stale) = (online.fitted(), online.forecast().unwrap().clone());
    online.absorb(&world.sales());
    let known = world.between(0, WEEKS + SINCE);
    let refit = fitted(&known);
    let fresh = forecast(&refit, &known, &world.future(), &[0.05, 0.5, 0.95]).unwrap();
    let own = [before, online.fitted(), refit].map(|model| {
        let all = model.lift.responses.iter().map(|response| &response.own_price);
        all.zip(&world.own)
            .map(|(own, truth)| (own.mean - truth, own.se, own.lo95 <= *truth && *truth <= own.hi95))
            .collect()
    });
    let updated = online.forecast().unwrap();
    let future = world.future();
    let sold = &future.columns().units;
    let total: f64 = sold.iter().sum();
    let score = |forecast: &Forecast| {
        let errors = forecast.rows.iter().zip(sold).map(|(row, sold)| row.mean - sold);
        errors.fold((0.0, 0.0), |(size, bias), error| (size + error.abs() / total, bias + error / total))
    };
    let apart = fresh.rows.iter().zip(&updated.rows).map(|(a, b)| (a.mean - b.mean).abs()).sum::<f64>()
        / fresh.rows.iter().map(|row| row.mean).sum::<f64>();
    let covered = [updated, &fresh].map(|forecast| {
        let inside = |(row, sold): (&endcap_model::ForecastRow, &f64)| {
            f64::from(u8::from(row.quantiles[0] <= *sold && *sold <= row.quantiles[2]))
        };
        mean(forecast.rows.iter().zip(sold).map(inside))
    });
    Compared { own, forecast: [score(&stale), score(updated), score(&fresh)], apart, covered }
}

#[test]
fn after_eight_periods_the_update_is_about_as_good_and_as_honest_as_a_new_fit() {
    let all: Vec<Compared> = (10..20).map(|seed| compare(seed, 0.0)).collect();
    let [rmse, se, covered] = [
        |own: &(f64, f64, bool)| own.0 * own.0,
        |own: &(f64, f64, bool)| own.1,
        |own: &(f64, f64, bool)| f64::from(u8::from(own.2)),
    ]
    .map(|of| [0, 1, 2].map(|at| mean(all.iter().flat_map(|one| &one.own[at]).map(of))));
    let rmse = rmse.map(f64::sqrt);
    let apart = mean(all.iter().flat_map(|one| one.own[1].iter().zip(&one.own[2])).map(|(a, b)| (a.0 - b.0).abs()));
    let wape = [0, 1, 2].map(|at| mean(all.iter().map(|one| one.forecast[at].0)));
    let inside = [0, 1].map(|at| mean(all.iter().map(|one| one.covered[at])));
    let forecasts_apart = mean(all.iter().map(|one| one.apart));
    eprintln!("own price: rmse {rmse:.3?}, standard error {se:.3?}, covered {covered:.3?} (fit, update, new fit)");
    eprintln!("own price: update and new fit differ by {apart:.4}");
    eprintln!("forecast: WAPE {wape:.4?} (fit, update, new fit), {forecasts_apart:.4} apart, covered {inside:.3?}");
    assert!(apart < 0.5 * se[2], "{apart}");
    assert!(se[1] < se[0] && (se[1] / se[2] - 1.0).abs() < 0.1, "{se:?}");
    assert!(rmse[1] < rmse[2] + 0.02, "{rmse:?}");
    assert!((covered[1] - covered[2]).abs() < 0.05 && covered[1] > 0.88, "{covered:?}");
    assert!(wape[1] < wape[2] + 0.01 && forecasts_apart < 0.08, "{wape:?} {forecasts_apart}");
    assert!((inside[0] - inside[1]).abs() < 0.05, "{inside:?}");
}

#[test]
fn a_lasting_change_of_demand_is_sensed() {
    let all: Vec<Compared> = (30..33).map(|seed| compare(seed, 0.5)).collect();
    let bias = [0, 1, 2].map(|at| mean(all.iter().map(|one| one.forecast[at].1)));
    eprintln!("after demand rose by two thirds: bias {bias:.3?} (fit, update, new fit)");
    assert!(bias[0] < -0.3 && bias[1].abs() < bias[2].abs() + 0.1, "{bias:?}");
}
