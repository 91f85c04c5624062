//! Evidence for the ladder: what the audit trail tells of the machine's decisions since it stands on its rung.
//!
//! A decision was kept where the plan that was judged is the one that was published: its name is the hash of all that it was
//! made from. Plans are judged as a whole, so that the same evidence stands for every category, channel and action. What they
//! earned is not read off the trail: only stores without the offers tell it (`value::tested_low`). Pure: from records to figures.

use endcap_govern::audit::{Held, Record, Ruling};
use endcap_govern::ladder::Evidence;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Counts decisions, record by record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    since: Option<Timestamp>,
    first: Option<Timestamp>,
    /// Plans by name, with whether they were kept.
    judged: BTreeMap<String, bool>,
    breaches: u32,
}

impl Tally {
    /// Counts what was decided from a moment on; everything where there is none.
    pub fn since(since: Option<Timestamp>) -> Self {
        Self { since, ..Self::default() }
    }

    /// Takes the next record of the trail.
    pub fn take(&mut self, record: &Record) {
        let Held::Open(subject) = &record.entry.subject else { return };
        if self.since.is_some_and(|since| record.at < since) {
            return;
        }
        match record.entry.action.as_str() {
            "plan judged" => {
                self.first = self.first.or(Some(record.at));
                if record.entry.ruling == Ruling::Refused && !self.judged.contains_key(subject) {
                    self.breaches += u32::try_from(record.entry.reasons.len()).unwrap_or(u32::MAX).max(1);
                }
                self.judged.entry(subject.clone()).or_insert(false);
            }
            "plan published" => {
                if let Some(kept) = self.judged.get_mut(subject) {
                    *kept = true;
                }
            }
            _ => {}
        }
    }

    /// What was measured until now. Days count from the first decision: without one nothing is measured.
    pub fn evidence(&self, now: Timestamp) -> Evidence {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let days = self.first.map_or(0, |first| now.duration_since(first).as_secs().max(0) / DAY);
        Evidence {
            days: u32::try_from(days).unwrap_or(u32::MAX),
            decisions: count(self.judged.len()),
            kept: count(self.judged.values().filter(|kept| **kept).count()),
            breaches: self.breaches,
            value_low: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_govern::audit::{Digest32, Entry};
    use jiff::SignedDuration;

    fn record(day: i64, action: &str, plan: &str, ruling: Ruling, breaches: usize) -> Record {
        let mut entry = Entry::new(Held::Open("endcap".into()), action, Held::Open(plan.into()), ruling);
        entry.reasons = vec![Held::Open("a limit".into()); breaches];
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
        Record { sequence: 1, at, entry, previous: Digest32::default() }
    }

    fn records() -> Vec<Record> {
        vec![
            record(1, "plan judged", "a", Ruling::Allowed, 0),
            record(1, "plan published", "a", Ruling::Allowed, 0),
            record(2, "plan judged", "b", Ruling::NeedsPerson, 1),
            record(2, "plan judged", "a", Ruling::Allowed, 0),
            record(3, "plan judged", "c", Ruling::Refused, 2),
            record(3, "plan judged", "c", Ruling::Refused, 2),
            record(3, "loop halted", "loop", Ruling::Allowed, 0),
            record(4, "plan published", "elsewhere", Ruling::Allowed, 0),
        ]
    }

    fn measured(since: Option<i64>, until: i64) -> Evidence {
        let day = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        let mut tally = Tally::since(since.map(day));
        records().iter().for_each(|record| tally.take(record));
        tally.evidence(day(until))
    }

    #[test]
    fn each_plan_counts_once_and_is_kept_where_it_was_published_as_it_is() {
        let all = Evidence { days: 29, decisions: 3, kept: 1, breaches: 2, value_low: None };
        assert_eq!(measured(None, 30), all);
        let later = Evidence { days: 28, decisions: 3, kept: 0, breaches: 2, value_low: None };
        assert_eq!(measured(Some(2), 30), later, "what was published before the rung says nothing of it");
    }

    #[test]
    fn without_a_decision_nothing_is_measured_however_long_it_was() {
        assert_eq!(measured(Some(9), 400), Evidence::default());
        assert_eq!(measured(None, -9).days, 0, "a clock that was set back measures nothing");
    }
}
