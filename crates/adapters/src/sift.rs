//! Rows that no panel and no plan can use: each is set aside with its reason, and the rest goes on.
//!
//! Never changes a value, and never guesses what was meant.

use crate::AdapterError;
use crate::tables::Table;
use endcap_model::{Calendar, Period};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// From this ratio, either way, two prices of an item are not in one unit: no discount is deeper, and cents are a hundred.
pub const UNIT_RATIO: f64 = 25.0;
/// Periods from the middle of a history beyond which a period is a slip: thirty years of days.
const APART_MAX: i32 = 30 * 366;

/// A row that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Row, 1 the first row of data.
    pub row: u64,
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
    /// What would have been read.
    pub expected: String,
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "row {}: {} is '{}': expected {}", self.row, self.column, self.value, self.expected)
    }
}

/// What values of a column can be used.
pub enum Check<'a> {
    /// A text.
    Text(&'a str),
    /// A number over 0.
    Price(&'a str),
    /// A number over 0, or none.
    PriceIfAny(&'a str),
    /// A number of 0 or more.
    Units(&'a str),
    /// A number from 0 to 1.
    Share(&'a str),
    /// A number.
    Number(&'a str),
    /// A period of a calendar.
    Period(&'a str, Calendar),
}

impl Check<'_> {
    fn column(&self) -> &str {
        match self {
            Self::Text(column)
            | Self::Price(column)
            | Self::PriceIfAny(column)
            | Self::Units(column)
            | Self::Share(column)
            | Self::Number(column)
            | Self::Period(column, _) => column,
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Text(_) => "a text".to_owned(),
            Self::Price(_) => "a price over 0".to_owned(),
            Self::PriceIfAny(_) => "a price over 0, or nothing".to_owned(),
            Self::Units(_) => "0 or more".to_owned(),
            Self::Share(_) => "a share from 0 to 1, such as 0.3 for 30 %".to_owned(),
            Self::Number(_) => "a number".to_owned(),
            Self::Period(_, calendar) => format!("a period of a {calendar} calendar, such as {}", example(*calendar)),
        }
    }

    fn fits(&self, text: Option<&str>) -> bool {
        let number = |fits: fn(f64) -> bool| text.and_then(number).is_some_and(fits);
        match self {
            Self::Text(_) => text.is_some(),
            Self::Price(_) => number(|v| v > 0.0),
            Self::PriceIfAny(_) => text.is_none() || number(|v| v > 0.0 || v.is_nan()),
            Self::Units(_) => number(|v| v >= 0.0),
            Self::Share(_) => number(|v| (0.0..=1.0).contains(&v)),
            Self::Number(_) => number(f64::is_finite),
            Self::Period(_, calendar) => text.is_some_and(|text| calendar.parse(text).is_ok()),
        }
    }
}

fn example(calendar: Calendar) -> &'static str {
    match calendar {
        Calendar::Day => "2024-03-28",
        Calendar::Week => "2024-W13",
        Calendar::Index => "17",
    }
}

/// Reads a number as a table does.
fn number(text: &str) -> Option<f64> {
    match text {
        "true" | "True" | "TRUE" => Some(1.0),
        "false" | "False" | "FALSE" => Some(0.0),
        text => text.parse().ok().filter(|number: &f64| !number.is_infinite()),
    }
}

impl Table {
    /// Sets aside the rows that fail a check, once each. Columns that the table lacks are not checked.
    ///
    /// # Errors
    /// [`AdapterError`] when a column is of a kind that cannot be shown.
    pub fn sift(&mut self, checks: &[Check]) -> Result<Vec<SetAside>, AdapterError> {
        let mut faults = BTreeMap::new();
        for check in checks.iter().filter(|check| self.has(check.column())) {
            let texts = self.optional_text(check.column())?;
            for (row, text) in texts.iter().enumerate().filter(|(_, text)| !check.fits(text.as_deref())) {
                let value = text.clone().unwrap_or_default();
                faults.entry(row).or_insert_with(|| self.fault(row, check.column(), &value, &check.expected()));
            }
        }
        Ok(self.set_aside(faults))
    }

    /// Sets aside rows that give a cell again: a repeated row once, rows that contradict each other all.
    ///
    /// # Errors
    /// [`AdapterError`] when a column is of a kind that cannot be shown.
    pub fn sift_repeated(&mut self, keys: &[&str]) -> Result<Vec<SetAside>, AdapterError> {
        let texts = |name: &str| self.optional_text(name);
        let keyed = keys.iter().map(|&key| texts(key)).collect::<Result<Vec<_>, _>>()?;
        let whole = self.names().iter().map(|name| texts(name)).collect::<Result<Vec<_>, _>>()?;
        let mut cells: BTreeMap<Vec<&Option<String>>, Vec<usize>> = BTreeMap::new();
        for row in 0..self.len() {
            cells.entry(keyed.iter().map(|column| &column[row]).collect()).or_default().push(row);
        }
        let mut faults = BTreeMap::new();
        for (key, rows) in cells.iter().filter(|(_, rows)| rows.len() > 1) {
            let same = rows.iter().all(|&row| whole.iter().all(|column| column[row] == column[rows[0]]));
            let cell = key.iter().map(|text| text.as_deref().unwrap_or_default()).collect::<Vec<_>>().join(", ");
            let first = self.number_of(rows[0]);
            for &row in &rows[usize::from(same)..] {
                let expected = if same {
                    format!("one row per cell: the same as row {first}, which is used")
                } else {
                    format!(
                        "one row per cell: {} rows differ, none is used: add them up or drop all but one",
                        rows.len()
                    )
                };
                faults.insert(row, self.fault(row, &keys.join(", "), &cell, &expected));
            }
        }
        Ok(self.set_aside(faults))
    }

    /// Sets aside rows whose period lies thirty years of days and more from the middle of the table's.
    pub(crate) fn sift_slips(&mut self, column: &str, calendar: Calendar) -> Result<Vec<SetAside>, AdapterError> {
        let periods = self.periods_of(column, calendar)?;
        let mut sorted = periods.clone();
        sorted.sort_unstable();
        let Some(&middle) = sorted.get(sorted.len() / 2) else { return Ok(vec![]) };
        let slipped = |row: &usize| slip(periods[*row], middle, calendar);
        let expected = format!("a period of the same years as the others, around {}", calendar.format(middle));
        let fault = |row: usize| (row, self.fault(row, column, &calendar.format(periods[row]), &expected));
        let faults = (0..self.len()).filter(slipped).map(fault).collect();
        Ok(self.set_aside(faults))
    }

    /// Sets aside rows that another reader finds at fault; `faults` counts rows from 0.
    pub fn set_aside(&mut self, faults: BTreeMap<usize, SetAside>) -> Vec<SetAside> {
        if !faults.is_empty() {
            let keep: Vec<bool> = (0..self.len()).map(|row| !faults.contains_key(&row)).collect();
            self.keep(&keep);
        }
        faults.into_values().collect()
    }

    /// What is wrong with a value; `row` counts from 0.
    pub fn fault(&self, row: usize, column: &str, value: &str, expected: &str) -> SetAside {
        let (column, value, expected) = (column.to_owned(), value.to_owned(), expected.to_owned());
        SetAside { row: self.number_of(row), column, value, expected }
    }
}

/// The middle one of some prices; nothing of none.
pub(crate) fn middle(mut prices: Vec<f64>) -> Option<f64> {
    prices.sort_by(f64::total_cmp);
    prices.get(prices.len() / 2).copied()
}

/// Whether a period lies thirty years of days and more from the middle of a table's.
pub(crate) fn slip(period: Period, middle: Period, calendar: Calendar) -> bool {
    (period.0 - middle.0).abs() > APART_MAX / if calendar == Calendar::Week { 7 } else { 1 }
}

/// Whether two prices cannot be in one unit.
pub fn other_unit(price: f64, usual: f64) -> bool {
    !(1.0 / UNIT_RATIO..=UNIT_RATIO).contains(&(price / usual))
}

/// Whether a period is one of `periods` after the last of a history, as far ahead as it is long or a year.
pub fn within_reach(period: Period, end: Period, periods: usize, calendar: Calendar) -> bool {
    let year = if calendar == Calendar::Week { 53 } else { 366 };
    (0..(periods as i32).max(year)).contains(&(period.0 - end.0))
}
