//! One calendar per unit, as the columns it chooses by period.

use super::problem::{NONE, Problem};

/// Calendars of all units, each a row of columns ended by [`NONE`] or the row's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendars {
    width: usize,
    columns: Vec<u32>,
}

impl Calendars {
    /// Begins with nothing chosen.
    pub fn empty(problem: &Problem) -> Self {
        let width =
            (0..problem.graphs().len()).map(|graph| problem.graphs()[graph].longest()).max().unwrap_or(0).max(1);
        Self { width, columns: vec![NONE; width * problem.units()] }
    }

    /// Returns the columns of a unit, by period.
    pub fn of(&self, unit: usize) -> &[u32] {
        used(&self.columns[unit * self.width..(unit + 1) * self.width])
    }

    /// Sets the columns of a unit.
    pub fn set(&mut self, unit: usize, columns: &[u32]) {
        write(&mut self.columns[unit * self.width..(unit + 1) * self.width], columns);
    }

    /// Reads option numbers per unit and period; units whose options make no calendar that keeps their rules and stock
    /// keep the calendar they have in `instead`.
    pub fn read(problem: &Problem, options: &[Option<u32>], instead: &Self) -> Self {
        let mut calendars = instead.clone();
        if options.len() != problem.units() * problem.periods() {
            return calendars;
        }
        for (unit, options) in options.chunks(problem.periods()).enumerate() {
            let column = |(period, option): (usize, &Option<u32>)| {
                let option = (*option)?;
                let cell = problem.columns_at(unit, period);
                Some(cell.map(|column| column as u32).find(|&column| problem.option(column) == option))
            };
            let columns: Option<Vec<u32>> = options.iter().enumerate().filter_map(column).collect();
            if let Some(columns) = columns.filter(|columns| problem.allows(unit, columns)) {
                calendars.set(unit, &columns);
            }
        }
        calendars
    }

    /// Returns the length of a row and all rows, to be written by [`write`].
    pub fn rows_mut(&mut self) -> (usize, &mut [u32]) {
        (self.width, &mut self.columns)
    }
}

/// The columns in a row.
pub fn used(row: &[u32]) -> &[u32] {
    let length = row.iter().position(|&column| column == NONE).unwrap_or(row.len());
    &row[..length]
}

/// Writes columns into a row.
pub fn write(row: &mut [u32], columns: &[u32]) {
    row[..columns.len()].copy_from_slice(columns);
    row[columns.len()..].fill(NONE);
}
