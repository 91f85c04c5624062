//! A place in a period as a whole: all quantities too high, none at all, or those of another place.

use super::cells::{Cell, Cells};
use super::grid::{Grid, ONE};
use super::measures::median;
use super::replay::misfit;
use super::rows::lift_allowed;
use super::{Alarm, AlarmKind, Doubts, Terms, doubt};
use crate::Loaded;
use endcap_model::Period;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Cells of a place and period that tell something of it.
const CELLS_MIN: usize = 5;
/// Cells of a place and period by which another place is recognised.
const SWAPPED_CELLS_MIN: usize = 8;
/// How much better another place must explain them.
const SWAPPED_FIT: f32 = 0.6;
/// Times its usual misfit from which on a place and period may be that of another place.
const ODD: f32 = 1.0;
/// How much better two places must explain each other than themselves, times the root of their cells: on public panels chance
/// does so in one of a thousand store-days.
const EXCHANGED: f32 = 1.0;
/// Times what is usual that all quantities of a place may be at once.
const SCALED_MIN: f32 = 3.0;
/// Seasons that a place is looked back at to tell whether it is open.
const SEASONS: i32 = 3;

/// Finds them.
pub(super) fn find(sales: &Loaded, cells: &Cells, grid: &Grid, terms: &Terms<'_>, doubts: &mut Doubts) {
    let numbers = terms.beside.numbers(sales);
    let mut silent: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    let mut places_open: BTreeMap<i32, usize> = BTreeMap::new();
    for day in 0..grid.days.len() {
        let of: Vec<usize> = grid.by_day[grid.days[day].clone()].iter().map(|&at| at as usize).collect();
        let Cell { place, period, .. } = cells.cells[of[0]];
        *places_open.entry(period).or_default() += 1;
        if terms.beside.event(numbers.place(place), period) {
            continue;
        }
        if is_silent(cells, grid, &of, terms) {
            silent.entry(period).or_default().push(day);
        }
        if let Some(times) = times_usual(cells, grid, &of).filter(|times| *times > SCALED_MIN) {
            for row in of.iter().flat_map(|&at| cells.cells[at].rows.clone()) {
                doubt(doubts, row as usize, "scaled", || {
                    format!(
                        "all quantities of the place are about {times:.1} times what is usual: looks like another unit"
                    )
                });
            }
        }
    }
    for (period, days) in silent {
        // Where most places sold nothing they were shut.
        if 2 * days.len() > places_open[&period] && places_open[&period] > 1 {
            continue;
        }
        for &at in days.iter().flat_map(|&day| &grid.by_day[grid.days[day].clone()]) {
            for row in cells.cells[at as usize].rows.clone() {
                doubt(doubts, row as usize, "silent", || {
                    "nothing was sold of anything in a place that always sells: no report rather than no sales"
                        .to_owned()
                });
            }
        }
    }
    swapped(sales, cells, grid, doubts);
}

fn is_silent(cells: &Cells, grid: &Grid, of: &[usize], terms: &Terms<'_>) -> bool {
    let expected = |&at: &usize| {
        let known = !grid.expected[at].is_nan() && cells.cells[at].stockout < 0.5;
        if known { grid.expected[at] } else { 0.0 }
    };
    of.len() >= CELLS_MIN.min(3)
        && of.iter().all(|&at| cells.cells[at].units == 0.0)
        && of.iter().map(expected).sum::<f32>() >= terms.rules.silent_pieces_min as f32
}

/// How many times what is usual the quantities of a place and period are, without what promotions explain.
fn times_usual(cells: &Cells, grid: &Grid, of: &[usize]) -> Option<f32> {
    let telling = of.iter().filter(|&&at| grid.expected[at] >= 2.0);
    let mut logs: Vec<f32> = telling
        .map(|&at| grid.residual(cells, at) - lift_allowed(&cells.cells[at], grid.series_of[at], grid))
        .collect();
    if logs.len() < CELLS_MIN { None } else { median(&mut logs).map(f32::exp) }
}

/// Places whose quantities of a period are those of another place.
fn swapped(sales: &Loaded, cells: &Cells, grid: &Grid, doubts: &mut Doubts) {
    let place_of = |day: usize| cells.cells[grid.by_day[grid.days[day].start] as usize].place;
    let misfits: Vec<f32> = (0..grid.days.len()).map(|day| misfit(cells, grid, day)).collect();
    let mut by_place: BTreeMap<u32, Vec<f32>> = BTreeMap::new();
    (0..grid.days.len()).for_each(|day| by_place.entry(place_of(day)).or_default().push(misfits[day]));
    let typical: BTreeMap<u32, f32> =
        by_place.into_iter().map(|(place, mut misfits)| (place, median(&mut misfits).unwrap_or(f32::MAX))).collect();
    let mut name = |day: usize, other: u32| {
        let name = &sales.texts_of("place")[other as usize];
        for &at in &grid.by_day[grid.days[day].clone()] {
            for row in cells.cells[at as usize].rows.clone() {
                doubt(doubts, row as usize, "swapped", || {
                    format!("the quantities of the period are not like this place's, and like those of {name}")
                });
            }
        }
    };
    let mut odd: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for (day, &own) in misfits.iter().enumerate() {
        let usual = typical[&place_of(day)];
        if grid.days[day].len() < SWAPPED_CELLS_MIN {
            continue;
        }
        if own > ODD * usual {
            odd.entry(cells.cells[grid.by_day[grid.days[day].start] as usize].period).or_default().push(day);
        }
        if own <= 2.0 * usual + 0.3 {
            continue;
        }
        let fit = |&place: &u32| (place, fit(cells, grid, day, place));
        let others = typical.keys().filter(|place| **place != place_of(day));
        let Some((other, fit)) = others.map(fit).min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        if fit > SWAPPED_FIT * own || fit > 1.5 * typical[&other] + 0.3 {
            continue;
        }
        name(day, other);
    }
    // Two places that were exchanged explain each other better than themselves.
    for days in odd.values() {
        for (number, &one) in days.iter().enumerate() {
            for &two in &days[number + 1..] {
                let least = grid.days[one].len().min(grid.days[two].len()) as f32;
                let gained = |day: usize, other: u32| misfits[day] - fit(cells, grid, day, other);
                if gained(one, place_of(two)) + gained(two, place_of(one)) > EXCHANGED / least.sqrt() {
                    name(one, place_of(two));
                    name(two, place_of(one));
                }
            }
        }
    }
}

/// How far the quantities of a place and period lie from what another place would have sold.
fn fit(cells: &Cells, grid: &Grid, day: usize, place: u32) -> f32 {
    let day = &grid.by_day[grid.days[day].clone()];
    let of = |&at: &u32| {
        let cell = &cells.cells[at as usize];
        let expected = grid.expected_at(cells, (cell.sku, place, cell.period));
        expected.map_or(3.0, |expected| ((cell.units + ONE) / (expected + ONE)).ln().abs().min(3.0))
    };
    day.iter().map(of).sum::<f32>() / day.len() as f32
}

/// Places that report nothing where they always did, up to the last period that others report.
pub(super) fn silences(sales: &Loaded, cells: &Cells, grid: &Grid, terms: &Terms<'_>) -> Vec<Alarm> {
    let (mut totals, mut all): (HashMap<(u32, i32), f32>, f32) = (HashMap::new(), 0.0);
    let (mut places, mut open): (BTreeSet<u32>, BTreeMap<i32, usize>) = (BTreeSet::new(), BTreeMap::new());
    for day in &grid.days {
        let of = grid.by_day[day.clone()].iter().map(|&at| &cells.cells[at as usize]);
        let Cell { place, period, .. } = cells.cells[grid.by_day[day.start] as usize];
        let total: f32 = of.map(|cell| cell.units).sum();
        totals.insert((place, period), total);
        all += total;
        places.insert(place);
        *open.entry(period).or_default() += 1;
    }
    let Some((&last, _)) = open.last_key_value() else { return vec![] };
    let season = grid.window().season as i32;
    let numbers = terms.beside.numbers(sales);
    let mut alarms = vec![];
    for &place in &places {
        // What the same slots of the seasons before sold there.
        let usual = |period: i32| {
            let before: Vec<f32> =
                (1..=SEASONS).filter_map(|n| totals.get(&(place, period - n * season)).copied()).collect();
            (before.len() as i32 >= SEASONS - 1).then(|| before.iter().sum::<f32>() / before.len() as f32)
        };
        let is_missing = |period: i32| {
            !totals.contains_key(&(place, period))
                && usual(period).is_some_and(|usual| usual >= terms.rules.silent_pieces_min as f32)
                && 2 * open.get(&period).copied().unwrap_or(0) > places.len()
                && !terms.beside.event(numbers.place(place), period)
        };
        let missing = (0..season.max(4)).take_while(|back| !totals.contains_key(&(place, last - back))).count() as i32;
        let since = last - missing + 1;
        if missing == 0 || !(since..=last).any(is_missing) {
            continue;
        }
        let name = sales.texts_of("place")[place as usize].to_string();
        let of_place: f32 = totals.iter().filter(|((of, _), _)| *of == place).map(|(_, total)| total).sum();
        alarms.push(Alarm {
            kind: AlarmKind::Silence,
            scope: name.clone(),
            places: vec![name],
            since: Period(since),
            until: Period(last),
            share: f64::from(of_place / all.max(1.0)),
            reason: format!(
                "no sales since {}, while other places report: ask whether it is shut or its report is late",
                terms.calendar.format(Period(since))
            ),
        });
    }
    alarms
}
