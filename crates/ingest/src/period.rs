//! Periods as sources write them: dates, weeks, day numbers from an origin; and the partition each belongs to.

use crate::values::Value;
use endcap_model::{Calendar, Period};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Days and weeks from 1970 to 2100; anything else is a slip.
fn plausible(calendar: Calendar) -> RangeInclusive<i64> {
    match calendar {
        Calendar::Day => 0..=47_846,
        Calendar::Week => 0..=6_835,
        Calendar::Index => -1_000_000_000..=1_000_000_000,
    }
}

/// Reads the periods of one column.
#[derive(Debug)]
pub(crate) struct PeriodReader {
    calendar: Calendar,
    seen: HashMap<Box<str>, i32>,
    last: Option<(Box<str>, i32)>,
}

impl PeriodReader {
    pub fn new(calendar: Calendar) -> Self {
        Self { calendar, seen: HashMap::new(), last: None }
    }

    /// Reads one value; `origin` is the period that the number 0 stands for.
    pub fn read(&mut self, value: Value<'_>, origin: Option<Period>) -> Result<i32, String> {
        match value {
            Value::Text(text) => self.text(text, origin),
            Value::Day(day) => self.checked(match self.calendar {
                Calendar::Week => (i64::from(day) - 4).div_euclid(7),
                _ => i64::from(day),
            }),
            Value::Whole(whole) => self.number(whole, origin),
            Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e9 => self.number(number as i64, origin),
            Value::Number(_) | Value::Flag(_) => Err(self.expected()),
        }
    }

    fn text(&mut self, text: &str, origin: Option<Period>) -> Result<i32, String> {
        if let Some((last, period)) = &self.last
            && &**last == text
        {
            return Ok(*period);
        }
        let period = match (self.seen.get(text), origin, text.parse::<i64>()) {
            (Some(&period), _, _) => period,
            (None, Some(_), Ok(number)) => return self.number(number, origin),
            _ => {
                let parsed = self.calendar.parse(text).map_err(|_| self.expected())?;
                let period = self.checked(i64::from(parsed.0))?;
                self.seen.insert(text.into(), period);
                period
            }
        };
        self.last = Some((text.into(), period));
        Ok(period)
    }

    fn number(&self, number: i64, origin: Option<Period>) -> Result<i32, String> {
        match (origin, self.calendar) {
            (Some(origin), _) => self.checked(number.saturating_add(i64::from(origin.0))),
            (None, Calendar::Index) => self.checked(number),
            (None, _) => Err(format!(
                "a number where {} was expected: set period_origin to the {} that 0 stands for",
                self.form(),
                self.calendar
            )),
        }
    }

    fn checked(&self, period: i64) -> Result<i32, String> {
        let range = plausible(self.calendar);
        if range.contains(&period) {
            return Ok(period as i32);
        }
        Err(format!("lies outside 1970 to 2100: expected {}", self.form()))
    }

    fn expected(&self) -> String {
        format!("not a {} of the calendar: expected {}", self.calendar, self.form())
    }

    fn form(&self) -> &'static str {
        match self.calendar {
            Calendar::Day => "a date such as 2024-03-28",
            Calendar::Week => "an ISO week such as 2024-W13, or a date",
            Calendar::Index => "a whole number",
        }
    }
}

/// Returns the partition of a period: its month, the year of its week, or its thousand; rising with the period.
pub(crate) fn partition(calendar: Calendar, period: i32) -> String {
    match (calendar, calendar.start_date(Period(period))) {
        (Calendar::Day, Some(day)) => format!("{:04}-{:02}", day.year(), day.month()),
        (Calendar::Week, Some(_)) => calendar.format(Period(period))[..4].to_owned(),
        _ => format!("{}", period.div_euclid(1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_their_origin() {
        let mut days = PeriodReader::new(Calendar::Day);
        let origin = Calendar::Day.parse("2024-03-28").unwrap();
        assert_eq!(days.read(Value::Whole(89), Some(origin)), Ok(Calendar::Day.parse("2024-06-25").unwrap().0));
        assert_eq!(days.read(Value::Text("1"), Some(origin)), Ok(origin.0 + 1));
        assert_eq!(days.read(Value::Text("2024-03-28"), Some(origin)), Ok(origin.0));
        assert!(days.read(Value::Whole(89), None).unwrap_err().contains("period_origin"));
    }

    #[test]
    fn impossible_dates_are_named_as_such() {
        let mut days = PeriodReader::new(Calendar::Day);
        for text in ["2023-02-29", "9999-01-01", "1024-03-28", "tomorrow"] {
            assert!(days.read(Value::Text(text), None).is_err(), "{text}");
        }
        let mut weeks = PeriodReader::new(Calendar::Week);
        assert_eq!(weeks.read(Value::Day(4), None), Ok(0));
        assert_eq!(weeks.read(Value::Text("2024-03-28"), None), weeks.read(Value::Text("2024-W13"), None));
    }

    #[test]
    fn partitions_rise_with_their_periods() {
        let weeks: Vec<String> = (2000..2200).map(|week| partition(Calendar::Week, week)).collect();
        assert!(weeks.is_sorted());
        assert_eq!(partition(Calendar::Day, 19_810), "2024-03");
    }
}
