//! Drift: sales of a place, a region or all places that move slowly away from what they were.
//!
//! A place is measured against the others, so that what moves everything moves nothing here; all together by what they sold
//! in the same slots before.

use super::cells::Cells;
use super::grid::Grid;
use super::measures::{centre_and_spread, median};
use super::{Alarm, AlarmKind, Doubts, Terms};
use crate::Loaded;
use endcap_model::Period;
use std::collections::{BTreeMap, BTreeSet};

/// Periods that the sum is held against, and the least of them.
const BEFORE: usize = 28;
const BEFORE_MIN: usize = 14;
/// Deviation, in standard deviations, that is no drift.
const SLACK: f64 = 0.5;
/// Largest deviation that one period counts for: one wild day is no drift.
const STEP_MAX: f64 = 2.5;
/// Least standard deviation of a share, in logs.
const SPREAD_MIN: f64 = 0.02;
/// Mean deviation below which a drift does no harm, in logs, and periods after which it is what is usual: by day, and by week,
/// where a drift of 2 % a day is one of 15 % a period.
const BY_DAY: Harm = Harm { least: 0.04, lasts: 28 };
const BY_WEEK: Harm = Harm { least: 0.1, lasts: 6 };

/// What a drift is.
#[derive(Clone, Copy)]
struct Harm {
    least: f64,
    lasts: usize,
}

/// Finds drifts that stand at the end of the history.
pub(super) fn find(sales: &Loaded, cells: &Cells, grid: &Grid, doubts: &Doubts, terms: &Terms<'_>) -> Vec<Alarm> {
    let numbers = terms.beside.numbers(sales);
    let chain = Chain::of(&totals(cells, doubts), grid.window().season);
    let mut scopes: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for &place in chain.size.keys() {
        let name = sales.texts_of("place")[place as usize].to_string();
        let region = terms.beside.region(numbers.place(place)).map(|region| format!("region {region}"));
        for scope in [Some(name), region].into_iter().flatten() {
            scopes.entry(scope).or_default().insert(place);
        }
    }
    let harm = if grid.window().season > 1 { BY_DAY } else { BY_WEEK };
    let mut alarms = vec![];
    let mut look = |scope: &str, places: &BTreeSet<u32>| {
        let answered = terms.answers.last_answered(AlarmKind::Drift, scope);
        let apart = chain.apart(places);
        let Some((since, until, mean)) = standing(&apart, (terms.rules.drift_max, harm), answered) else { return };
        let way = if mean > 0.0 { "up" } else { "down" };
        let reason = format!(
            "sales drift {way} since {}, by {:.0} % on average: ask whether that is so",
            terms.calendar.format(Period(since)),
            100.0 * (mean.exp() - 1.0).abs()
        );
        let sold: f64 = places.iter().map(|place| chain.size[place]).sum();
        let all: f64 = chain.size.values().sum();
        let named = places.iter().map(|&place| sales.texts_of("place")[place as usize].to_string());
        alarms.push(Alarm {
            kind: AlarmKind::Drift,
            scope: scope.to_owned(),
            places: if places.len() == chain.size.len() { vec![] } else { named.collect() },
            since: Period(since),
            until: Period(until),
            share: sold / all.max(1.0),
            reason,
        });
    };
    look("all places", &chain.size.keys().copied().collect());
    for (scope, places) in scopes.iter().filter(|(_, places)| places.len() < chain.size.len()) {
        look(scope, places);
    }
    alarms
}

/// How all places sold, period by period, apart from what repeats every season.
struct Chain {
    /// Pieces of each place over the whole history.
    size: BTreeMap<u32, f64>,
    /// Log of the pieces of each place that has any in a period, less what is usual in the slot.
    by_period: BTreeMap<i32, Vec<(u32, f64)>>,
}

impl Chain {
    fn of(totals: &BTreeMap<(u32, i32), f64>, season: usize) -> Self {
        let slot = |period: i32| period.rem_euclid(season as i32);
        let mut size: BTreeMap<u32, f64> = BTreeMap::new();
        let mut slots: BTreeMap<(u32, i32), Vec<f32>> = BTreeMap::new();
        for (&(place, period), total) in totals {
            *size.entry(place).or_default() += total;
            slots.entry((place, slot(period))).or_default().push((total + 1.0).ln() as f32);
        }
        let usual: BTreeMap<(u32, i32), f32> =
            slots.into_iter().filter_map(|(at, mut logs)| Some((at, median(&mut logs)?))).collect();
        let mut by_period: BTreeMap<i32, Vec<(u32, f64)>> = BTreeMap::new();
        for (&(place, period), total) in totals {
            let apart = (total + 1.0).ln() - f64::from(usual[&(place, slot(period))]);
            by_period.entry(period).or_default().push((place, apart));
        }
        Self { size, by_period }
    }

    /// How far some places lie from the others in each period in which both report; all of them from what is usual. Each
    /// counts for what it sells, and one that does not report for nothing.
    fn apart(&self, places: &BTreeSet<u32>) -> Vec<(i32, f64)> {
        let all = places.len() == self.size.len();
        let of = |(&period, found): (&i32, &Vec<(u32, f64)>)| {
            let (mut own, mut others) = ((0.0, 0.0), (0.0, 0.0));
            for (place, apart) in found {
                let sum = if places.contains(place) { &mut own } else { &mut others };
                *sum = (sum.0 + self.size[place] * apart, sum.1 + self.size[place]);
            }
            let other = if all { Some(0.0) } else { (others.1 > 0.0).then(|| others.0 / others.1) };
            (own.1 > 0.0).then(|| Some((period, own.0 / own.1 - other?))).flatten()
        };
        self.by_period.iter().filter_map(of).collect()
    }
}

/// Pieces of each place and period, without cells in doubt.
fn totals(cells: &Cells, doubts: &Doubts) -> BTreeMap<(u32, i32), f64> {
    let mut totals = BTreeMap::new();
    for cell in &cells.cells {
        if doubts.is_empty() || !cell.rows.clone().any(|row| doubts.contains_key(&(row as usize))) {
            *totals.entry((cell.place, cell.period)).or_default() += f64::from(cell.units);
        }
    }
    totals
}

/// The drift that stands at the end, either way: since when, until when, and its mean deviation in logs.
fn standing(series: &[(i32, f64)], limits: (f64, Harm), answered: Option<Period>) -> Option<(i32, i32, f64)> {
    [1.0, -1.0].into_iter().find_map(|way| {
        let turned: Vec<(i32, f64)> = series.iter().map(|(period, value)| (*period, way * value)).collect();
        rising(&turned, limits, answered).map(|(since, until, mean)| (since, until, way * mean))
    })
}

/// One-sided CUSUM; what it is held against stays as it was before the sum began, for as long as that many periods.
fn rising(series: &[(i32, f64)], (height, harm): (f64, Harm), answered: Option<Period>) -> Option<(i32, i32, f64)> {
    let (mut sum, mut began, mut usual) = (0.0, 0, None);
    for at in 0..series.len() {
        if answered.is_some_and(|answered| series[at].0 <= answered.0) || at - began >= harm.lasts {
            sum = 0.0;
        }
        if sum == 0.0 {
            began = at;
            usual = before(&series[at.saturating_sub(BEFORE)..at]);
        }
        let Some((centre, spread)) = usual else { continue };
        let step = ((series[at].1 - centre) / spread).min(STEP_MAX);
        sum = f64::max(0.0, sum + step - SLACK);
    }
    let (centre, _) = usual?;
    let run = &series[began..];
    let mean = run.iter().map(|(_, value)| value - centre).sum::<f64>() / run.len() as f64;
    (sum > height && mean >= harm.least).then(|| (run[0].0, run[run.len() - 1].0, mean))
}

fn before(series: &[(i32, f64)]) -> Option<(f64, f64)> {
    if series.len() < BEFORE_MIN {
        return None;
    }
    let mut values: Vec<f32> = series.iter().map(|(_, value)| *value as f32).collect();
    let (centre, spread) = centre_and_spread(&mut values)?;
    Some((f64::from(centre), f64::from(spread).max(SPREAD_MIN)))
}
