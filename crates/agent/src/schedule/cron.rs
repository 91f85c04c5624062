//! Times as cron writes them: minute, hour, day of the month, month, day of the week.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Days that are looked through for the next time: every 29 February comes within them.
const DAYS: i32 = 366 * 9;

const NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A time that comes again and again.
pub(super) struct Cron {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    weekdays: Vec<i8>,
    /// Whether a day is named by its date and its weekday: either of them is enough then.
    either: bool,
}

impl Cron {
    /// Reads it; the error says what was expected.
    pub fn read(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err("five fields: minute, hour, day, month, weekday, such as 30 5 * * 1".to_owned());
        };
        let mut weekdays = numbers(weekday, 0, 7, "weekday")?;
        weekdays.iter_mut().filter(|day| **day == 7).for_each(|day| *day = 0);
        let cron = Self {
            minutes: numbers(minute, 0, 59, "minute")?,
            hours: numbers(hour, 0, 23, "hour")?,
            days: numbers(day, 1, 31, "day")?,
            months: numbers(month, 1, 12, "month")?,
            weekdays,
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        let (leap, zone) = (Timestamp::UNIX_EPOCH, TimeZone::UTC);
        if cron.next(leap, &zone).is_none() { Err("a day that there is".to_owned()) } else { Ok(cron) }
    }

    /// The first time after a moment, by the clock of a zone.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // A clock that is put forward at midnight moves a time to the day after.
        let mut day = after.to_zoned(zone.clone()).date().checked_sub(1.day()).ok()?;
        for _ in 0..DAYS {
            if self.is_on(day) {
                // On days on which the clock is put forward a later time may come before an earlier one.
                let first = self.times(day, zone).filter(|at| *at > after).min();
                if first.is_some() {
                    return first;
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn times(&self, day: Date, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        let of_hour = move |hour: &i8| {
            let hour = *hour;
            self.minutes.iter().map(move |minute| day.at(hour, *minute, 0, 0))
        };
        self.hours.iter().flat_map(of_hour).filter_map(|at| zone.to_ambiguous_timestamp(at).compatible().ok())
    }

    fn is_on(&self, day: Date) -> bool {
        let weekday = self.weekdays.contains(&day.weekday().to_sunday_zero_offset());
        let date = self.days.contains(&day.day());
        let on = if self.either { weekday || date } else { weekday && date };
        on && self.months.contains(&day.month())
    }
}

/// The numbers of a field: `*`, `4`, `1-5`, `*/15`, `1-9/2`, and several of these with commas.
fn numbers(field: &str, from: i8, to: i8, what: &str) -> Result<Vec<i8>, String> {
    let wrong = || format!("{what}: a number from {from} to {to}, *, a-b, */n or several with commas, found '{field}'");
    let mut all = vec![];
    for part in field.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, step.parse::<i8>().ok().filter(|step| *step > 0).ok_or_else(wrong)?),
            None => (part, 1),
        };
        let number = |text: &str| {
            let named = || NAMES.iter().position(|name| to == 7 && text.eq_ignore_ascii_case(name));
            let number = text.parse::<i8>().ok().or_else(|| i8::try_from(named()?).ok());
            number.filter(|number| (from..=to).contains(number)).ok_or_else(wrong)
        };
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => (from, to),
            Some((first, last)) => (number(first)?, number(last)?),
            None if part.contains('/') => (number(span)?, to),
            None => (number(span)?, number(span)?),
        };
        if first > last {
            return Err(wrong());
        }
        all.extend((first..=last).step_by(usize::try_from(step).unwrap_or(1)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn following(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let (cron, zone) = (Cron::read(cron).unwrap(), TimeZone::get(zone).unwrap());
        let mut at: Timestamp = from.parse().unwrap();
        let mut next = || {
            at = cron.next(at, &zone).unwrap();
            at.to_zoned(zone.clone()).strftime("%a %F %H:%M %:z").to_string()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn times_come_as_the_clock_on_the_wall_shows_them() {
        let monday = following("30 5 * * 1", "Europe/Berlin", "2026-03-25T12:00:00Z", 2);
        assert_eq!(monday, ["Mon 2026-03-30 05:30 +02:00", "Mon 2026-04-06 05:30 +02:00"]);
        let quarter = following("*/15 8-9 * * mon-fri", "UTC", "2026-03-27T09:40:00Z", 2);
        assert_eq!(quarter, ["Fri 2026-03-27 09:45 +00:00", "Mon 2026-03-30 08:00 +00:00"]);
        // A date and a weekday: either of them.
        let either = following("0 0 13 * 5", "UTC", "2026-02-06T12:00:00Z", 3);
        assert_eq!(
            either.iter().map(|at| &at[..14]).collect::<Vec<_>>(),
            ["Fri 2026-02-13", "Fri 2026-02-20", "Fri 2026-02-27"]
        );
        assert_eq!(following("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["Tue 2028-02-29 00:00 +00:00"]);
    }

    #[test]
    fn every_day_has_its_time_once_also_where_clocks_change() {
        for zone in
            ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Africa/Cairo"]
        {
            for cron in ["0 0 * * *", "30 1 * * *", "30 2 * * *", "15 3 * * *"] {
                let days = following(cron, zone, "2026-01-01T12:00:00Z", 364);
                let mut dates: Vec<&str> = days.iter().map(|at| &at[4..14]).collect();
                dates.dedup();
                assert_eq!(dates.len(), 364, "{zone} {cron}");
            }
        }
        // 02:30 is skipped on 29 March, and comes as much later as the clock is put forward; on 25 October it comes twice.
        let spring = following("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["Sun 2026-03-29 03:30 +02:00", "Mon 2026-03-30 02:30 +02:00"]);
        let autumn = following("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["Sun 2026-10-25 02:30 +02:00", "Mon 2026-10-26 02:30 +01:00"]);
    }

    #[test]
    fn what_is_no_time_is_told() {
        for (text, expected) in [
            ("30 5 * *", "five fields"),
            ("60 5 * * *", "minute: a number from 0 to 59"),
            ("* * * * fry", "weekday"),
            ("5-1 * * * *", "minute"),
            ("*/0 * * * *", "minute"),
            ("0 0 31 2 *", "a day that there is"),
        ] {
            assert!(Cron::read(text).err().unwrap().contains(expected), "{text}");
        }
    }
}
