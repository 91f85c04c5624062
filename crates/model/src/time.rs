//! Time: periods of a calendar, half-open spans of them, and the moment at which something was known.

use jiff::civil::{Date, ISOWeekDate, Weekday, date};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How time is cut into periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// Days; period 0 is 1 January 1970. Written `2024-03-28`.
    Day,
    /// ISO weeks; period 0 begins on Monday 5 January 1970. Written `2024-W13`.
    Week,
    /// Numbered periods without a date. Written as whole numbers.
    Index,
}

/// Adds to a moment; what lies past the end of time is its end.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// One period of a [`Calendar`]: when something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Period(pub i32);

/// A half-open run of periods: `start` is in it, `end` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Span {
    /// First period of the span.
    pub start: Period,
    /// First period after the span.
    pub end: Period,
}

/// When we knew: every read of facts is cut at one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
#[serde(transparent)]
pub struct AsOf(pub Timestamp);

/// Text that names no period of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a period of the {calendar} calendar: expected {expected}")]
pub struct TimeError {
    /// The text as given.
    pub text: String,
    /// The calendar it was read in.
    pub calendar: Calendar,
    /// A form that would have been read.
    pub expected: &'static str,
}

const FIRST_DAY: Date = date(1970, 1, 1);
/// Days from 1 January 1970 (a Thursday) to the Monday that begins week 0.
const FIRST_MONDAY: i32 = 4;

impl Calendar {
    /// Recognises the calendar that a text is written in.
    pub fn recognise(text: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Index].into_iter().find(|calendar| calendar.parse(text).is_ok())
    }

    /// Reads a period: a date, an ISO week or a whole number, as the calendar says. A week calendar also takes a
    /// date and returns the week that holds it.
    ///
    /// # Errors
    /// [`TimeError`] when the text is none of these or the date does not exist.
    pub fn parse(self, text: &str) -> Result<Period, TimeError> {
        let text = text.trim();
        let read = match self {
            Self::Day => parse_date(text).map(|day| self.period_of(day)),
            Self::Week => parse_week(text).or_else(|| parse_date(text)).map(|day| self.period_of(day)),
            Self::Index => text.parse().ok().map(Period),
        };
        read.ok_or_else(|| TimeError { text: text.to_owned(), calendar: self, expected: self.example() })
    }

    /// Writes a period in the form that [`Calendar::parse`] reads.
    pub fn format(self, period: Period) -> String {
        match (self, self.start_date(period)) {
            (Self::Day, Some(day)) => day.to_string(),
            (Self::Week, Some(day)) => {
                let week = day.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            _ => period.0.to_string(),
        }
    }

    /// Returns the period that holds a date; on an [`Calendar::Index`] calendar, days since 1970.
    pub fn period_of(self, day: Date) -> Period {
        let days = (day - FIRST_DAY).get_days();
        match self {
            Self::Week => Period((days - FIRST_MONDAY).div_euclid(7)),
            _ => Period(days),
        }
    }

    /// Returns the first day of a period, or nothing where the calendar has no dates.
    pub fn start_date(self, period: Period) -> Option<Date> {
        let days = match self {
            Self::Day => i64::from(period.0),
            Self::Week => i64::from(period.0) * 7 + i64::from(FIRST_MONDAY),
            Self::Index => return None,
        };
        FIRST_DAY.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
    }

    /// Returns how many periods a season of the calendar has: 7 days or 52 weeks; nothing without dates.
    pub fn season_length(self) -> Option<usize> {
        match self {
            Self::Day => Some(7),
            Self::Week => Some(52),
            Self::Index => None,
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Day => "a date such as 2024-03-28",
            Self::Week => "an ISO week such as 2024-W13, or a date in it",
            Self::Index => "a whole number",
        }
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Index => "index",
        })
    }
}

/// Reads the date of `2024-03-28`, `2024-03-28T…` or `2024-03-28 …`.
fn parse_date(text: &str) -> Option<Date> {
    let head = text.get(..10)?;
    let rest = text.get(10..)?;
    if !(rest.is_empty() || rest.starts_with(['T', ' '])) {
        return None;
    }
    head.parse().ok()
}

fn parse_week(text: &str) -> Option<Date> {
    let (year, week) = text.split_once("-W").or_else(|| text.split_once('W'))?;
    let week = ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, Weekday::Monday).ok()?;
    Some(week.date())
}

impl Period {
    /// Returns the period so many later (or earlier, when negative).
    pub fn plus(self, periods: i32) -> Self {
        Self(self.0 + periods)
    }
}

impl Span {
    /// Makes the span of `length` periods from `start`.
    pub fn of_length(start: Period, length: usize) -> Self {
        Self { start, end: start.plus(length as i32) }
    }

    /// Returns whether the period lies in the span.
    pub fn contains(self, period: Period) -> bool {
        self.start <= period && period < self.end
    }

    /// Returns whether the two spans share a period.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end && !self.is_empty() && !other.is_empty()
    }

    /// Returns the number of periods.
    pub fn len(self) -> usize {
        (self.end.0 - self.start.0).max(0) as usize
    }

    /// Returns whether the span holds no period.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Iterates over the periods in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Period> + Clone {
        (self.start.0..self.end.0).map(Period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weeks_begin_on_monday_and_years_follow_iso() {
        let week = |text: &str| Calendar::Week.parse(text).unwrap();
        assert_eq!(week("2024-12-30"), week("2025-W01"));
        assert_eq!(week("2021-01-03"), week("2020-W53"));
        assert_eq!(Calendar::Week.parse("1970-01-05").unwrap(), Period(0));
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in ["2023-02-29", "2024-13-01", "20240328", "2024-W54", "2024-03-28x", "", "yesterday"] {
            assert!(Calendar::Day.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_calendar_is_recognised_from_the_text() {
        assert_eq!(Calendar::recognise("2024-03-28"), Some(Calendar::Day));
        assert_eq!(Calendar::recognise("2024-W13"), Some(Calendar::Week));
        assert_eq!(Calendar::recognise("17"), Some(Calendar::Index));
        assert_eq!(Calendar::recognise("soon"), None);
    }

    proptest! {
        #[test]
        fn a_period_survives_its_text(ordinal in -20_000i32..60_000) {
            for calendar in [Calendar::Day, Calendar::Index] {
                let period = Period(ordinal);
                prop_assert_eq!(calendar.parse(&calendar.format(period)).unwrap(), period);
            }
            let week = Period(ordinal / 7);
            prop_assert_eq!(Calendar::Week.parse(&Calendar::Week.format(week)).unwrap(), week);
        }

        #[test]
        fn spans_that_touch_do_not_overlap(start in -100i32..100, first in 0usize..20, second in 0usize..20) {
            let a = Span::of_length(Period(start), first);
            let b = Span::of_length(a.end, second);
            prop_assert!(!a.overlaps(b));
            prop_assert_eq!(a.iter().count(), a.len());
            prop_assert!(a.iter().all(|period| a.contains(period) && !b.contains(period)));
        }
    }
}
