//! The same errors by how far ahead was looked, and of sums: what an order per item, place or chain would have met.
//!
//! Sums hold the scored cells in stock of one period, promoted sums the promoted ones of them, so that every row adds
//! up to the same units. Intervals of sums come from [`totals`]; those of cells are the published ones.
//!
//! Source: errors by horizon, Tashman (2000); by level of aggregation, Zotteri, Kalchschmidt and Caniato (2005).

use super::score::Errors;
use super::{LEVELS, NAMES, Scored};
use crate::fit::Fitted;
use crate::sums::totals;
use endcap_model::{Forecast, ForecastRow, Group, Panel, Period, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most bands of periods ahead.
const BANDS_MAX: usize = 4;
/// Name of a set of cells, and which belong to it.
type Set = (&'static str, fn(&Scored) -> bool);
/// Name of a level, and the name under which a cell is summed there.
type Level = (&'static str, fn(&ForecastRow, &Group) -> String);
/// The sets that are told apart.
const SETS: [Set; 2] = [("all", Scored::in_stock), ("promoted", |cell| cell.in_stock() && cell.promoted)];
/// Levels of sums.
const SUMS: [Level; 4] = [
    ("item", |row, _| row.sku.to_string()),
    ("group", |_, group| group.to_string()),
    ("place", |row, _| row.place.to_string()),
    ("chain", |_, _| String::new()),
];

/// Scores of our forecast so many periods ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LagScore {
    /// First period ahead; 1 is the first that was forecast.
    pub from: usize,
    /// Last period ahead.
    pub to: usize,
    /// Which cells: all or promoted, in stock.
    pub cells: String,
    /// Number of cells.
    pub count: usize,
    /// Units sold.
    pub units: f64,
    /// Sum of absolute errors over sum of units.
    pub wape: f64,
    /// Sum of errors over sum of units: above 0 forecasts too much.
    pub bias: f64,
}

/// Scores of one forecast on sums of the cells of a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelScore {
    /// What is summed: cell (nothing), item (over places), group, place or chain.
    pub level: String,
    /// Which cells: all or promoted, in stock.
    pub cells: String,
    /// Whose forecast.
    pub forecast: String,
    /// Number of sums.
    pub count: usize,
    /// Units sold.
    pub units: f64,
    /// Sum of absolute errors over sum of units.
    pub wape: f64,
    /// Sum of errors over sum of units: above 0 forecasts too much.
    pub bias: f64,
    /// Share of sums inside the 90 % interval, for our forecast.
    pub coverage90: Option<f64>,
    /// WAPE of a reference less that of our forecast: above 0 ours adds value.
    pub value_added: Option<f64>,
}

/// Sales and forecasts of the cells of one period that are summed under one name.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    /// Indexes in [`SUMS`] and [`SETS`].
    level: usize,
    set: usize,
    units: f64,
    points: [f64; NAMES.len()],
    inside: bool,
}

/// Scores our forecast by periods ahead, in at most four bands of about the same length.
pub(super) fn lag_scores(cells: &[Scored], horizon: usize) -> Vec<LagScore> {
    let bands = horizon.min(BANDS_MAX);
    let before = |band: usize| (band * horizon).div_ceil(bands);
    let mut scores = Vec::new();
    for (name, belongs) in SETS {
        for (from, to) in (0..bands).map(|band| (before(band) + 1, before(band + 1))) {
            let chosen = cells.iter().filter(|cell| belongs(cell) && (from..=to).contains(&cell.lag));
            let errors = Errors::of(chosen.map(|cell| (cell.points[0], cell.units)));
            let Errors { count, units, .. } = errors;
            if count > 0 {
                let (wape, bias) = (errors.wape(), errors.bias());
                scores.push(LagScore { from, to, cells: name.to_owned(), count, units, wape, bias });
            }
        }
    }
    scores
}

/// Sums the cells of one origin at every level.
pub(super) fn sums(fitted: &Fitted, future: &Panel, cells: &[Scored]) -> Vec<Sum> {
    let groups: BTreeMap<&Sku, &Group> = future.skus().iter().map(|entry| (&entry.sku, &entry.group)).collect();
    let mut all = Vec::new();
    for (set, (_, belongs)) in SETS.into_iter().enumerate() {
        let chosen: Vec<&Scored> = cells.iter().filter(|cell| belongs(cell)).collect();
        let rows = chosen.iter().map(|cell| cell.row.clone()).collect();
        let ahead = Forecast { calendar: future.calendar(), levels: LEVELS.to_vec(), rows };
        for (level, (_, name)) in SUMS.into_iter().enumerate() {
            let key = |row: &ForecastRow| (row.period, name(row, groups[&row.sku]));
            let mut sums: BTreeMap<(Period, String), Sum> = BTreeMap::new();
            for cell in &chosen {
                let sum = sums.entry(key(&cell.row)).or_insert(Sum { level, set, ..Sum::default() });
                sum.units += cell.units;
                sum.points.iter_mut().zip(cell.points).for_each(|(sum, point)| *sum += point);
            }
            let spread = totals(fitted, &ahead, |sku| Some(groups[sku].clone()), |row| Some(key(row)), &LEVELS);
            // Both maps have the same keys: those of the chosen cells.
            for (sum, total) in sums.values_mut().zip(spread.values()) {
                sum.inside = total.quantiles[0] <= sum.units && sum.units <= total.quantiles[LEVELS.len() - 1];
            }
            all.extend(sums.into_values());
        }
    }
    all
}

/// Scores all forecasts on cells and on their sums.
pub(super) fn level_scores(cells: &[Scored], sums: &[Sum]) -> Vec<LevelScore> {
    let mut scores = Vec::new();
    for (set, (name, belongs)) in SETS.into_iter().enumerate() {
        let single =
            |cell: &Scored| Sum { units: cell.units, points: cell.points, inside: cell.inside(), ..Sum::default() };
        let singles: Vec<Sum> = cells.iter().filter(|cell| belongs(cell)).map(single).collect();
        scores.extend(of_level("cell", name, &singles));
        for (level, (title, _)) in SUMS.into_iter().enumerate() {
            let chosen: Vec<Sum> = sums.iter().filter(|sum| (sum.level, sum.set) == (level, set)).copied().collect();
            scores.extend(of_level(title, name, &chosen));
        }
    }
    scores
}

/// Scores of every forecast on the sums of one level; none where there are no sums.
fn of_level(level: &str, cells: &str, sums: &[Sum]) -> Vec<LevelScore> {
    let errors = |forecast: usize| Errors::of(sums.iter().map(|sum| (sum.points[forecast], sum.units)));
    let inside = sums.iter().filter(|sum| sum.inside).count() as f64;
    let score = |(forecast, name): (usize, &&str)| {
        let (own, ours) = (errors(forecast), forecast == 0);
        LevelScore {
            level: level.to_owned(),
            cells: cells.to_owned(),
            forecast: (*name).to_owned(),
            count: own.count,
            units: own.units,
            wape: own.wape(),
            bias: own.bias(),
            coverage90: ours.then(|| inside / sums.len() as f64),
            value_added: (!ours).then(|| own.wape() - errors(0).wape()),
        }
    };
    if sums.is_empty() { Vec::new() } else { NAMES.iter().enumerate().map(score).collect() }
}
