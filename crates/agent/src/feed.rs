//! Feeds: facts that come by themselves, message by message, while the loop runs.
//!
//! What a feed brings has its effect exactly once: each sale is named by its event, and where we stand in the source is kept in
//! the same transaction as what came. A source is resumed at the very message that was taken last; where it holds another one
//! there, it was made anew, or has forgotten what it had acknowledged, and is read from its beginning. Pure: words and
//! judgements; sources are ports ([`crate::ports::Feed`]).

use endcap_model::{Calendar, Period};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The message that was taken last from a part of a source: a file, a stream, a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where it stands; in a file, where it ends.
    pub position: u64,
    /// What tells it from any other that may stand there later.
    pub hash: String,
}

/// Where we stand in each part of a source.
pub type Marks = BTreeMap<String, Mark>;

/// A message as the source holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The part of the source.
    pub part: String,
    /// Where it stands there.
    pub position: u64,
    /// Its content, or why the source cannot give it.
    pub content: Result<Vec<u8>, String>,
}

/// What came at once, in the order in which the source holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The messages.
    pub arrivals: Vec<Arrival>,
    /// Where we stand once they are kept.
    pub marks: Marks,
    /// Parts that are over and that nobody will ask for again.
    pub over: Vec<String>,
    /// What people should know: messages that are gone, a source that was made anew.
    pub told: Vec<String>,
}

impl Batch {
    /// Whether nothing has to be kept or told.
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty() && self.marks.is_empty() && self.over.is_empty() && self.told.is_empty()
    }
}

/// For how long a feed has been silent, where that is longer than it may be; counted from its first day where it never spoke.
pub fn silence(
    begun: Timestamp,
    heard: Option<Timestamp>,
    allowed: SignedDuration,
    now: Timestamp,
) -> Option<SignedDuration> {
    let quiet = now.duration_since(heard.unwrap_or(begun));
    (quiet > allowed).then_some(quiet)
}

/// Whether a period ended more than so many days before today.
pub fn is_late(calendar: Calendar, period: Period, allowed_days: u32, today: Date) -> bool {
    let Some(after) = calendar.start_date(period.plus(1)) else { return false };
    let days = jiff::Span::new().days(i64::from(allowed_days));
    after.checked_add(days).is_ok_and(|limit| limit < today)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_after_what_is_allowed_and_counts_from_the_first_day() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (begun, hour) = (at("2026-03-01T00:00:00Z"), SignedDuration::from_hours(1));
        assert_eq!(silence(begun, None, hour, at("2026-03-01T01:00:00Z")), None);
        assert_eq!(silence(begun, None, hour, at("2026-03-01T01:30:00Z")), Some(SignedDuration::from_mins(90)));
        let heard = Some(at("2026-03-01T01:00:00Z"));
        assert_eq!(silence(begun, heard, hour, at("2026-03-01T01:30:00Z")), None);
        // A clock that was put back is no silence.
        assert_eq!(silence(begun, heard, hour, at("2026-02-01T00:00:00Z")), None);
    }

    #[test]
    fn a_day_is_late_once_it_is_over_for_longer_than_allowed() {
        let day = |text: &str| Calendar::Day.parse(text).unwrap();
        let today: Date = "2026-03-10".parse().unwrap();
        for (of, late) in [("2026-03-10", false), ("2026-03-02", false), ("2026-03-01", true), ("2027-01-01", false)] {
            assert_eq!(is_late(Calendar::Day, day(of), 7, today), late, "{of}");
        }
        let week = Calendar::Week.parse("2026-W09").unwrap();
        assert!(!is_late(Calendar::Week, week, 8, today) && is_late(Calendar::Week, week, 7, today));
    }
}
