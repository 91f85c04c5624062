//! The table that the booster reads: what is known at an origin about a cell to come.
//!
//! Units count only before the origin; prices and support count at all times, since a plan says them.

use super::history::{Past, Series};
use crate::booster::{Column, MISSING_CATEGORY, Table};
use crate::prepare::Prepared;
use endcap_model::{Calendar, Panel};
use serde::{Deserialize, Serialize};

/// How far back and ahead features look, in periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Horizon {
    /// Window of the base.
    pub(crate) base: i32,
    /// Periods until an observation counts half in the level.
    pub(crate) level: i32,
    /// Windows of recent means.
    pub(crate) recent: [i32; 4],
    /// Distances to the origin that are learnt, rising.
    pub(crate) steps: Vec<i32>,
    /// Periods before the first origin.
    pub(crate) history: i32,
}

/// Codes of the categories, by name. Items and tiers are none: trees would learn by heart what each sold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Codes {
    groups: Vec<String>,
    places: Vec<String>,
}

/// Cells with their features, cell by cell.
pub(crate) struct Cells {
    /// Rows of the panel.
    pub(crate) rows: Vec<usize>,
    /// Log of the level: what the booster starts from.
    pub(crate) base: Vec<f32>,
    /// Demand where it is known.
    pub(crate) sold: Vec<f32>,
    numbers: Vec<f32>,
    width: usize,
    categories: Vec<[u32; 2]>,
}

/// Cells column by column.
pub(crate) struct Columns {
    numbers: Vec<Vec<f32>>,
    categories: [Vec<u32>; 2],
}

impl Horizon {
    pub(crate) fn of(calendar: Calendar) -> Self {
        match calendar {
            Calendar::Day => {
                Self { base: 28, level: 84, recent: [3, 7, 14, 28], steps: vec![1, 2, 4, 7, 10, 14, 28], history: 28 }
            }
            _ => Self { base: 13, level: 12, recent: [1, 4, 8, 13], steps: vec![1, 2, 3, 4, 8], history: 12 },
        }
    }

    /// Farthest distance that is learnt.
    pub(crate) fn farthest(&self) -> i32 {
        self.steps.last().copied().unwrap_or(1)
    }
}

impl Codes {
    pub(crate) fn of(panel: &Panel) -> Self {
        let listed = |names: &mut dyn Iterator<Item = String>| {
            let mut names: Vec<String> = names.collect();
            names.sort();
            names.dedup();
            names
        };
        Self {
            groups: listed(&mut panel.skus().iter().map(|entry| entry.group.to_string())),
            places: listed(&mut panel.places().iter().map(|entry| entry.place.to_string())),
        }
    }

    fn of_cell(&self, panel: &Panel, sku: usize, place: u32) -> [u32; 2] {
        let (group, place) = (&panel.skus()[sku].group, &panel.places()[place as usize].place);
        [code(&self.groups, &group.to_string()), code(&self.places, &place.to_string())]
    }
}

fn code(names: &[String], name: &str) -> u32 {
    names.binary_search_by(|known| known.as_str().cmp(name)).map_or(MISSING_CATEGORY, |at| at as u32)
}

impl Cells {
    pub(crate) fn new() -> Self {
        Self { rows: vec![], base: vec![], sold: vec![], numbers: vec![], width: 0, categories: vec![] }
    }

    /// Adds a cell of a series as seen from an origin; bare, as if it were not promoted itself.
    pub(crate) fn push(
        &mut self,
        prepared: &Prepared,
        (series, at, row, sold): (&Series, usize, usize, Option<f64>),
        (past, origin): (&Past, i32),
        (horizon, bare): (&Horizon, bool),
        (codes, sku): (&Codes, usize),
    ) {
        let c = prepared.panel.columns();
        let before = self.numbers.len();
        let numbers = &mut self.numbers;
        let ahead = series.period(at) - origin + 1;
        let planned = |value: f64| if bare { 0.0 } else { value as f32 };
        numbers.push(ahead as f32);
        numbers.extend(past.recent);
        let level = past.level.ln() as f32;
        numbers.extend([level, past.usual, past.promoted, past.most, past.promoted_share]);
        numbers.extend(series.alike(past, at, bare, horizon));
        numbers.extend([
            planned(prepared.own[row]),
            prepared.regular[row] as f32,
            (c.price[row].ln() - if bare { prepared.own[row] } else { 0.0 } - past.lowest) as f32,
            prepared.cross[row] as f32,
            prepared.cross_regular[row] as f32,
            planned(c.feature[row]),
            planned(c.display[row]),
            series.since_promoted(at, horizon.base),
        ]);
        for back in [1, 2] {
            let other = series.before(at, back);
            let value = |values: &[f64]| other.map_or(f32::NAN, |other| values[other] as f32);
            numbers.extend([value(&prepared.own), value(&c.feature), value(&c.display)]);
        }
        let control = |at: usize| if bare && prepared.is_of_promotion(at) { 0.0 } else { prepared.control(at, row) };
        numbers.extend((0..prepared.frame.controls.len()).map(|at| control(at) as f32));
        let mut season = vec![0.0; prepared.frame.season.terms()];
        prepared.frame.season.write(c.period[row], &mut season);
        numbers.extend(season.iter().map(|&term| term as f32));
        self.width = self.numbers.len() - before;
        self.categories.push(codes.of_cell(prepared.panel, sku, c.place[row]));
        self.rows.push(row);
        self.base.push(level);
        self.sold.push(sold.map_or(f32::NAN, |sold| sold as f32));
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Everything that the booster reads of each cell, bit for bit, by row of the panel.
    #[cfg(test)]
    pub(crate) fn bits(&self) -> Vec<(usize, Vec<u32>)> {
        let bits = |at: usize| {
            let numbers = &self.numbers[at * self.width..(at + 1) * self.width];
            let numbers = numbers.iter().chain([&self.base[at]]).map(|value| value.to_bits());
            (self.rows[at], numbers.chain(self.categories[at]).collect())
        };
        (0..self.len()).map(bits).collect()
    }

    /// Puts the cells of many SKUs together, column by column.
    pub(crate) fn columns(parts: &[Self]) -> Columns {
        let width = parts.iter().map(|part| part.width).max().unwrap_or(0);
        let cells = || parts.iter().flat_map(|part| part.numbers.chunks_exact(width.max(1)));
        let numbers = (0..width).map(|column| cells().map(|cell| cell[column]).collect()).collect();
        let category = |column: usize| {
            parts.iter().flat_map(|part| &part.categories).map(|cell| cell[column]).collect::<Vec<u32>>()
        };
        Columns { numbers, categories: [0, 1].map(category) }
    }
}

impl Columns {
    pub(crate) fn table(&self) -> Table<'_> {
        let numbers = self.numbers.iter().map(|values| Column::Number(values));
        let categories = self.categories.iter().map(|codes| Column::Category(codes));
        Table::new(numbers.chain(categories).collect()).expect("Invariant: columns were filled cell by cell")
    }
}
