//! What double machine learning must get right on data whose effect is known.

use super::*;
use crate::booster::{Column, Table};
use endcap_model::{Calendar, Panel, PanelColumns, Period, PlaceEntry, SkuEntry};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Normal, Poisson};

/// Rows whose treatment follows the controls, as the outcome does.
pub(super) struct Made {
    pub(super) outcome: Vec<f64>,
    pub(super) treatment: Vec<f64>,
    pub(super) controls: Vec<Vec<f32>>,
    pub(super) unit: Vec<u32>,
    pub(super) week: Vec<i32>,
}

pub(super) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Units over weeks; `effect` by unit; a shock of a week moves treatment and outcome of all units, apart.
pub(super) fn made(seed: u64, units: u32, weeks: i32, effect: impl Fn(u32) -> f64) -> Made {
    let mut g = rng(seed);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let mut made = Made { outcome: vec![], treatment: vec![], controls: vec![vec![]; 3], unit: vec![], week: vec![] };
    let shocks: Vec<[f64; 2]> = (0..weeks).map(|_| [normal.sample(&mut g), normal.sample(&mut g)]).collect();
    for unit in 0..units {
        let level = 2.0 * normal.sample(&mut g);
        for week in 0..weeks {
            let x: [f64; 3] = std::array::from_fn(|_| normal.sample(&mut g));
            let confounder = x[0].sin() + 0.5 * x[1] * f64::from(u8::from(x[2] > 0.0));
            let [t_shock, y_shock] = shocks[week as usize];
            let treatment = -0.15 * confounder + 0.08 * t_shock + 0.08 * normal.sample(&mut g) + 0.1 * level;
            let noise = 0.15 * y_shock + 0.3 * normal.sample(&mut g);
            made.outcome.push(level + 0.6 * confounder + effect(unit) * treatment + noise);
            made.treatment.push(treatment);
            made.controls.iter_mut().zip(x).for_each(|(column, x)| column.push(x as f32));
            made.unit.push(unit);
            made.week.push(week);
        }
    }
    made
}

impl Made {
    pub(super) fn table(&self) -> Table<'_> {
        Table::new(self.controls.iter().map(|column| Column::Number(column)).collect()).unwrap()
    }

    pub(super) fn rows<'a>(&'a self, controls: &'a Table<'a>) -> Rows<'a> {
        Rows {
            outcome: &self.outcome,
            treatment: &self.treatment,
            controls,
            unit: Some(&self.unit),
            week: &self.week,
            segment: None,
        }
    }
}

pub(super) fn quick() -> DmlSettings {
    let usual = DmlSettings::default();
    DmlSettings { folds: 3, booster: crate::booster::Settings { trees: 60, leaves: 12, ..usual.booster }, ..usual }
}

fn refused(made: &Made, settings: &DmlSettings) -> DmlError {
    let table = made.table();
    estimate(&made.rows(&table), settings, &mut rng(1)).unwrap_err()
}

#[test]
fn intervals_hold_the_effect_about_as_often_as_they_say() {
    let mut covered = 0;
    let mut off = 0.0;
    for seed in 0..20 {
        let made = made(seed, 12, 96, |_| -2.0);
        let table = made.table();
        let found = estimate(&made.rows(&table), &quick(), &mut rng(1)).unwrap().overall;
        covered += u32::from(found.low <= -2.0 && -2.0 <= found.high);
        off += (found.mean + 2.0) / 20.0;
    }
    assert!(covered >= 17, "{covered} of 20");
    assert!(off.abs() < 0.1, "{off}");
}

#[test]
fn segments_have_effects_of_their_own() {
    let made = made(40, 16, 104, |unit| if unit % 2 == 0 { -1.0 } else { -3.0 });
    let table = made.table();
    let segment: Vec<u32> = made.unit.iter().map(|unit| unit % 2 + 7).collect();
    let rows = Rows { segment: Some(&segment), ..made.rows(&table) };
    let found = estimate(&rows, &quick(), &mut rng(1)).unwrap();
    assert_eq!(found.segments.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [7, 8]);
    for ((_, effect), truth) in found.segments.iter().zip([-1.0, -3.0]) {
        let effect = effect.as_ref().unwrap();
        assert!((effect.mean - truth).abs() < 0.4 && effect.high - effect.low < 1.5, "{effect:?}");
    }
    assert!((found.overall.mean + 2.0).abs() < 0.3);
}

#[test]
fn shocks_of_weeks_widen_the_interval() {
    let made = made(41, 30, 96, |_| -2.0);
    let table = made.table();
    let found = estimate(&made.rows(&table), &quick(), &mut rng(1)).unwrap();
    let apart: Vec<u32> = (0..made.outcome.len() as u32).collect();
    let by_row = effect(&found.residuals, &apart, &apart, apart.len(), 0.95).unwrap();
    let ratio = found.overall.standard_error / by_row.standard_error;
    assert!(ratio > 1.2, "{ratio}");
}

#[test]
fn a_result_is_the_same_at_any_number_of_threads() {
    let made = made(42, 40, 96, |_| -2.0);
    let table = made.table();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| estimate(&made.rows(&table), &quick(), &mut rng(1)).unwrap())
    };
    let (one, two) = (on(1), on(2));
    assert_eq!(one.residuals, two.residuals);
    assert_eq!(one.overall, two.overall);
}

#[test]
fn a_forest_tells_rows_of_different_effect_apart() {
    let made = made(46, 48, 104, |unit| if unit % 2 == 0 { -1.0 } else { -3.0 });
    let table = made.table();
    let kind: Vec<u32> = made.unit.iter().map(|unit| unit % 2).collect();
    let rows = Rows { segment: Some(&kind), ..made.rows(&table) };
    let residuals = estimate(&rows, &quick(), &mut rng(1)).unwrap().residuals;
    let noise: Vec<f32> = made.controls[0].clone();
    let features = Table::new(vec![Column::Category(&kind), Column::Number(&noise)]).unwrap();
    let settings = ForestSettings { leaves: 4, ..ForestSettings::default() };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| CausalForest::grow(&residuals, &features, &made.week, &settings, &mut rng(2)).unwrap())
    };
    let at = Table::new(vec![Column::Category(&[0, 1]), Column::Number(&[0.0, 0.0])]).unwrap();
    let found = on(1).effects(&at).unwrap();
    assert_eq!(found, on(2).effects(&at).unwrap());
    for (effect, truth) in found.iter().zip([-1.0, -3.0]) {
        assert!((effect.mean - truth).abs() < 0.4 && effect.high - effect.low < 1.5, "{found:?}");
    }
    assert!(found[0].low > found[1].high, "{found:?}");
    let few: Vec<i32> = made.week.iter().map(|week| week % 8).collect();
    let refused = CausalForest::grow(&residuals, &features, &few, &settings, &mut rng(2)).unwrap_err();
    assert!(matches!(refused, DmlError::TooFewWeeks { weeks: 8, .. }));
}

#[test]
fn what_cannot_be_told_is_refused_by_name() {
    let settings = quick();
    let short = made(43, 4, 20, |_| -2.0);
    assert!(matches!(refused(&short, &settings), DmlError::TooFewWeeks { weeks: 20, needed: 24, .. }));
    let usual = made(44, 4, 48, |_| -2.0);
    let still =
        Made { treatment: usual.unit.iter().map(|&unit| f64::from(unit)).collect(), ..made(44, 4, 48, |_| -2.0) };
    assert_eq!(refused(&still, &settings), DmlError::Constant);
    let driven =
        Made { treatment: usual.controls[1].iter().map(|&x| f64::from(x)).collect(), ..made(44, 4, 48, |_| -2.0) };
    assert!(matches!(refused(&driven, &settings), DmlError::NoOverlap { .. }));
    let mut once = made(44, 4, 48, |_| -2.0);
    once.controls.iter_mut().flatten().for_each(|x| *x = 0.0);
    once.treatment = once.week.iter().map(|&week| f64::from(u8::from(week == 9))).collect();
    assert!(matches!(refused(&once, &settings), DmlError::TooFewMoves { .. }));
    let mut unknown = made(44, 4, 48, |_| -2.0);
    unknown.outcome[5] = f64::NAN;
    assert!(matches!(refused(&unknown, &settings), DmlError::Value { what: "outcome", row: 5, .. }));
    let ragged = Made { week: vec![1, 2], ..made(44, 4, 48, |_| -2.0) };
    assert!(matches!(refused(&ragged, &settings), DmlError::Ragged { .. }));
    assert!(matches!(refused(&usual, &DmlSettings { folds: 1, ..settings }), DmlError::Setting { name: "folds", .. }));
}

#[test]
fn a_segment_that_cannot_be_told_stops_no_other() {
    let mut made = made(45, 8, 60, |_| -2.0);
    let segment: Vec<u32> = made.unit.iter().map(|&unit| u32::from(unit == 3)).collect();
    made.controls.push(vec![0.0; made.unit.len()]);
    let still = made.unit.iter().zip(&made.week).map(|(&unit, &week)| unit == 3 && week != 8);
    made.treatment.iter_mut().zip(still).filter(|(_, still)| *still).for_each(|(t, _)| *t = 0.0);
    let flat = made.unit.iter().map(|&unit| unit != 3).collect::<Vec<_>>();
    for column in &mut made.controls {
        column.iter_mut().zip(&flat).filter(|(_, moves)| !**moves).for_each(|(x, _)| *x = 0.0);
    }
    let table = made.table();
    let rows = Rows { segment: Some(&segment), ..made.rows(&table) };
    let found = estimate(&rows, &quick(), &mut rng(1)).unwrap();
    assert!(found.segments[0].1.is_ok());
    assert!(matches!(found.segments[1].1, Err(DmlError::TooFewMoves { .. })), "{:?}", found.segments[1]);
}

/// Items promoted chain-wide, of which the last never is.
fn panel(seed: u64, elasticity: &[f64]) -> Panel {
    let mut g = rng(seed);
    let mut c = PanelColumns::default();
    for (sku, slope) in elasticity.iter().enumerate() {
        let cuts: Vec<f64> = (0..104)
            .map(|_| if g.random_bool(0.25) { [0.1, 0.2, 0.3][g.random_range(0..3usize)] } else { 0.0 })
            .collect();
        for place in 0..6 {
            for (week, cut) in cuts.iter().enumerate() {
                let price = if sku + 1 == elasticity.len() { 2.0 } else { 2.0 * (1.0 - cut) };
                let rate: f64 = 20.0 * (price / 2.0f64).powf(*slope);
                c.sku.push(sku as u32);
                c.place.push(place);
                c.period.push(Period(week as i32));
                c.units.push(Poisson::new(rate).unwrap().sample(&mut g));
                c.price.push(price);
                c.base_price.push(2.0);
                c.feature.push(0.0);
                c.display.push(0.0);
                c.stockout_share.push(0.0);
            }
        }
    }
    let entry =
        |at: usize| SkuEntry { sku: format!("sku{at}").as_str().into(), group: "group".into(), tier: String::new() };
    let place = |at: usize| PlaceEntry { place: format!("place{at}").as_str().into(), region: String::new() };
    Panel::new(Calendar::Index, (0..elasticity.len()).map(entry).collect(), (0..6).map(place).collect(), c).unwrap()
}

#[test]
fn elasticities_of_a_panel_are_found_and_an_item_without_promotion_borrows() {
    let truth = [-1.5, -2.5, -3.5, -2.0];
    let found = estimate_panel(&panel(47, &truth), &DmlSettings::for_panels(), &mut rng(1)).unwrap();
    for (item, truth) in found.items.iter().zip(truth).take(3) {
        let own = item.own.as_ref().unwrap();
        assert!((own.mean - truth).abs() < 0.4 && own.high - own.low < 1.5, "{item:?}");
    }
    let last = &found.items[3];
    assert_eq!(last.own, Err(DmlError::Constant));
    assert!(last.pooled.own_weight == 0.0 && last.pooled.deviation > 0.3, "{last:?}");
}
