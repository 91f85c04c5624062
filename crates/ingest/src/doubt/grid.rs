//! The grid: what each cell of sales was expected to be, and what lies together in a place and a period.

use super::Terms;
use super::cells::{Cell, Cells};
use super::level::{Window, levels};
use super::measures::{centre_and_spread, median};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Added to pieces before ratios are taken, so that 0 has one.
pub(crate) const ONE: f32 = 1.0;
/// Least level of a series that tells something of a day.
const LEVEL_MIN: f32 = 4.0;
/// Cells that a factor of a day or a weekday needs.
const CELLS_MIN: usize = 10;
/// Places that must tell what happened to an item.
const PLACES_MIN: usize = 5;
/// Largest log of such a factor: what is wrong with many rows is no holiday.
const FACTOR_MAX: f32 = 0.7;
/// Periods back from its last that a series is judged in: one date that is a slip must not make it endless.
const PERIODS_MAX: i32 = 4_000;
/// Least spread of a series, in logs.
const SPREAD_MIN: f32 = 0.25;

/// What is usual, cell by cell.
pub(crate) struct Grid {
    /// Pieces expected; NaN where the history is too short.
    pub expected: Vec<f32>,
    /// Standard deviation of the log of pieces over expected ones, by series.
    pub spread: Vec<f32>,
    /// Usual cut of the price, by series.
    pub usual_cut: Vec<f32>,
    /// Usual support, by series.
    pub usual_support: Vec<u8>,
    /// The series of each cell.
    pub series_of: Vec<u32>,
    /// Cells in the order of places and periods.
    pub by_day: Vec<u32>,
    /// Where each place and period lies in that order.
    pub days: Vec<Range<usize>>,
    series_at: HashMap<(u32, u32), u32>,
    levels: Vec<Vec<f32>>,
    factors: Factors,
    window: Window,
    /// How far an item lay above what was expected in a period at half of its places or more, in logs.
    items: HashMap<(u32, i32), f32>,
}

/// How busy a day was everywhere, and each weekday at each place, in logs.
#[derive(Default)]
struct Factors {
    day: BTreeMap<i32, f32>,
    slot: HashMap<(u32, usize), f32>,
}

impl Factors {
    fn of(&self, place: u32, period: i32, window: Window) -> f32 {
        let slot = self.slot.get(&(place, window.slot(period))).copied().unwrap_or(0.0);
        self.day.get(&period).copied().unwrap_or(0.0) + slot
    }
}

impl Grid {
    /// Works out what is usual.
    pub fn of(of: &Cells, terms: &Terms<'_>) -> Self {
        let Cells { cells, series } = of;
        let window = Window::of(terms.calendar);
        let levels: Vec<Vec<f32>> = series.iter().map(|rows| level_of(&cells[rows.clone()], window, terms)).collect();
        let mut series_of = vec![0; cells.len()];
        for (number, rows) in series.iter().enumerate() {
            series_of[rows.clone()].fill(number as u32);
        }
        let level = |at: usize| {
            let number = series_of[at] as usize;
            let first = first_of(&cells[series[number].clone()]);
            level_at(&levels[number], cells[at].period - first).unwrap_or(f32::NAN)
        };
        let levels_of_cells: Vec<f32> = (0..cells.len()).map(level).collect();
        let factors = factors(cells, &levels_of_cells, window);
        let expected: Vec<f32> = cells
            .iter()
            .zip(&levels_of_cells)
            .map(|(cell, level)| level * factors.of(cell.place, cell.period, window).exp())
            .collect();
        let items = items(cells, &expected);
        let by_day = by_day(cells);
        let days = days(cells, &by_day);
        let spread = series.iter().map(|rows| spread(&cells[rows.clone()], &expected[rows.clone()])).collect();
        Self {
            spread,
            usual_cut: series.iter().map(|rows| usual_cut(&cells[rows.clone()])).collect(),
            usual_support: series.iter().map(|rows| usual_support(&cells[rows.clone()])).collect(),
            series_at: series
                .iter()
                .enumerate()
                .map(|(number, rows)| ((cells[rows.start].sku, cells[rows.start].place), number as u32))
                .collect(),
            expected,
            series_of,
            by_day,
            days,
            levels,
            factors,
            window,
            items,
        }
    }

    /// How far an item lay above what was expected at half of its places or more, in logs: what happens to it everywhere is
    /// no slip of one till.
    pub fn everywhere(&self, cell: &Cell) -> f32 {
        self.items.get(&(cell.sku, cell.period)).copied().unwrap_or(0.0)
    }

    /// What an item was expected to sell at a place in a period, where its history tells.
    pub fn expected_at(&self, cells: &Cells, (sku, place, period): (u32, u32, i32)) -> Option<f32> {
        let number = *self.series_at.get(&(sku, place))? as usize;
        let first = first_of(&cells.cells[cells.series[number].clone()]);
        let level = level_at(&self.levels[number], period - first)?;
        (!level.is_nan()).then(|| level * self.factors.of(place, period, self.window).exp())
    }

    /// How far a cell lies from what was expected, in logs; NaN where nothing was.
    pub fn residual(&self, cells: &Cells, at: usize) -> f32 {
        ((cells.cells[at].units + ONE) / (self.expected[at] + ONE)).ln()
    }

    /// The pattern of a season that periods are compared in.
    pub fn window(&self) -> Window {
        self.window
    }
}

/// The first period of a series that is judged.
fn first_of(cells: &[Cell]) -> i32 {
    cells[0].period.max(cells[cells.len() - 1].period - PERIODS_MAX)
}

fn level_at(levels: &[f32], at: i32) -> Option<f32> {
    levels.get(usize::try_from(at).ok()?).copied()
}

/// Levels of a series, from its first to its last period; none where its history is too short.
fn level_of(cells: &[Cell], window: Window, terms: &Terms<'_>) -> Vec<f32> {
    if cells.len() < terms.rules.history_min {
        return vec![];
    }
    let first = first_of(cells);
    let cells = &cells[cells.partition_point(|cell| cell.period < first)..];
    let absent = if terms.absent_is_zero { 0.0 } else { f32::NAN };
    let mut units = vec![absent; (cells[cells.len() - 1].period - first) as usize + 1];
    for cell in cells {
        // What sold while there was stock says what sells; what stood empty does not.
        let known = cell.stockout < 0.5;
        units[(cell.period - first) as usize] = if known { cell.units } else { f32::NAN };
    }
    if units.iter().filter(|units| !units.is_nan()).count() < terms.rules.history_min {
        for cell in cells {
            units[(cell.period - first) as usize] = cell.units;
        }
    }
    levels(&units, window)
}

fn factors(cells: &[Cell], levels: &[f32], window: Window) -> Factors {
    let mut factors = Factors::default();
    let residual = |at: usize, factor: f32| ((cells[at].units + ONE) / (levels[at] * factor.exp() + ONE)).ln();
    let mut by_day: BTreeMap<i32, Vec<f32>> = BTreeMap::new();
    let telling: Vec<usize> = (0..cells.len()).filter(|&at| levels[at] >= LEVEL_MIN).collect();
    for &at in &telling {
        by_day.entry(cells[at].period).or_default().push(residual(at, 0.0));
    }
    let enough = |residuals: &mut Vec<f32>| {
        let factor = if residuals.len() < CELLS_MIN { None } else { median(residuals) };
        factor.unwrap_or(0.0).clamp(-FACTOR_MAX, FACTOR_MAX)
    };
    factors.day = by_day.into_iter().map(|(period, mut residuals)| (period, enough(&mut residuals))).collect();
    if window.season > 1 {
        let mut by_slot: HashMap<(u32, usize), Vec<f32>> = HashMap::new();
        for &at in &telling {
            let Cell { place, period, .. } = cells[at];
            by_slot.entry((place, window.slot(period))).or_default().push(residual(at, factors.day[&period]));
        }
        factors.slot = by_slot.into_iter().map(|(at, mut residuals)| (at, enough(&mut residuals))).collect();
    }
    factors
}

fn items(cells: &[Cell], expected: &[f32]) -> HashMap<(u32, i32), f32> {
    let mut residuals: HashMap<(u32, i32), Vec<f32>> = HashMap::new();
    for (cell, expected) in cells.iter().zip(expected).filter(|(_, expected)| **expected >= 1.0) {
        residuals.entry((cell.sku, cell.period)).or_default().push(((cell.units + ONE) / (expected + ONE)).ln());
    }
    let raised = |(at, mut residuals): ((u32, i32), Vec<f32>)| {
        let enough = residuals.len() >= PLACES_MIN;
        median(&mut residuals).filter(|lift| enough && *lift > 0.0).map(|lift| (at, lift))
    };
    residuals.into_iter().filter_map(raised).collect()
}

fn spread(cells: &[Cell], expected: &[f32]) -> f32 {
    let mut residuals: Vec<f32> = cells
        .iter()
        .zip(expected)
        .filter(|(cell, expected)| !expected.is_nan() && cell.stockout < 0.5)
        .map(|(cell, expected)| ((cell.units + ONE) / (expected + ONE)).ln())
        .collect();
    centre_and_spread(&mut residuals).map_or(f32::NAN, |(_, spread)| spread.max(SPREAD_MIN))
}

fn usual_cut(cells: &[Cell]) -> f32 {
    let mut cuts: Vec<f32> = cells.iter().map(|cell| cell.cut).filter(|cut| cut.is_finite()).collect();
    median(&mut cuts).unwrap_or(0.0)
}

/// Support that at least half of the cells have.
fn usual_support(cells: &[Cell]) -> u8 {
    let mut support: Vec<u8> = cells.iter().map(|cell| cell.support).collect();
    let middle = support.len() / 2;
    *support.select_nth_unstable(middle).1
}

fn by_day(cells: &[Cell]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..cells.len() as u32).collect();
    let key = |at: u32| {
        let Cell { place, period, sku, .. } = cells[at as usize];
        (place, period, sku)
    };
    order.sort_unstable_by_key(|&at| key(at));
    order
}

fn days(cells: &[Cell], order: &[u32]) -> Vec<Range<usize>> {
    let mut days: Vec<Range<usize>> = vec![];
    let key = |at: usize| (cells[order[at] as usize].place, cells[order[at] as usize].period);
    for at in 0..order.len() {
        match days.last_mut() {
            Some(day) if key(day.start) == key(at) => day.end = at + 1,
            _ => days.push(at..at + 1),
        }
    }
    days
}
