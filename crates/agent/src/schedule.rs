//! When the loop runs by itself: at times of a clock on the wall, when new facts came, when conditions hold, or after something
//! else was done. Pure: the clock is an argument, and what was done is kept by whoever asks.
//!
//! A time of day is one where the shop stands: each comes once a day, also on days on which clocks change. One that the clock
//! skips comes as much later as the clock is put forward; one that comes twice counts the first time.

mod cron;

use crate::launch::{Condition, What};
use cron::Cron;
use endcap_model::{Place, Sku};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// First pause after a failure; it doubles with each further one.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Longest pause after a failure.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// Something that is done by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Its name; what was done is kept under it.
    pub name: String,
    /// What is done: `load` takes what came into the facts, `plan` does that and runs the loop on them, `flight`
    /// sets the plan in force beside them, `adopt` lets what that proposes take over where policy and people allow it,
    /// `deploy` decides what the plan in force asks of each channel.
    pub run: Task,
    /// At which times: minute, hour, day of the month, month and day of the week, as cron writes them.
    #[serde(default)]
    pub at: Option<String>,
    /// Where the clock hangs: an IANA name, such as Europe/Berlin. Needed with `at`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// When new facts came: at most once in so many minutes.
    #[serde(default)]
    pub on_facts_minutes: Option<u32>,
    /// When all of these begin to hold in the facts.
    #[serde(default)]
    pub when: Vec<When>,
    /// When the one of this name was done.
    #[serde(default)]
    pub after: Option<String>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// What came becomes facts.
    Load,
    /// The same, and the loop runs on them.
    Plan,
    /// What came becomes facts, and the plan that was published last is looked at beside them.
    Flight,
    /// The same, and what is proposed takes over where simulated worlds, policy and people allow it.
    Adopt,
    /// What the plan that was published last asks of each channel is decided.
    Deploy,
}

/// A condition on an item at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The item.
    pub unit_id: Sku,
    /// The place.
    pub place: Place,
    /// What of it.
    pub what: What,
    /// In which direction.
    pub is: crate::launch::Is,
    /// Pieces, or minor units.
    pub value: i64,
}

/// What is known of something that is done by itself; kept from one process to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// When it was done last, or seen first.
    pub at: Timestamp,
    /// The last record that was in the facts then.
    pub record: i64,
    /// Whether its conditions held when they were looked at last.
    pub held: bool,
    /// How often it failed since.
    pub failures: u32,
    /// When it failed last.
    pub failed: Option<Timestamp>,
    /// How often it was done; others count on it.
    pub times: u64,
    /// How often the one before it had been done when this was.
    pub before: u64,
}

/// What was done, by name.
pub type Ledger = BTreeMap<String, Done>;

/// How things stand when it is asked what is due.
pub struct Standing<'a> {
    /// Now.
    pub now: Timestamp,
    /// The last record that came.
    pub last_record: i64,
    /// Reads the facts for an item at a place.
    pub read: &'a dyn Fn(What, &Sku, &Place) -> Option<i64>,
}

/// Field, what was found, and what was expected.
type Wrong = (String, String, String);

impl ScheduleSettings {
    /// Checks that the fields fit each other.
    ///
    /// # Errors
    /// The field, what it holds, and what was expected.
    pub fn check(&self) -> Result<(), Wrong> {
        let wrong = |field: &str, found: &str, expected: &str| {
            Err((format!("schedule '{}', {field}", self.name), found.to_owned(), expected.to_owned()))
        };
        if self.name.trim().is_empty() {
            return wrong("name", "empty", "a name, under which what was done is kept");
        }
        let given = [self.at.is_some(), self.on_facts_minutes.is_some(), !self.when.is_empty(), self.after.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return wrong("at", "not the one thing that starts it", "one of at, on_facts_minutes, when and after");
        }
        if let Some(at) = &self.at
            && let Err(expected) = Cron::read(at)
        {
            return wrong("at", at, &expected);
        }
        match (&self.at, &self.time_zone) {
            (Some(_), None) => wrong("time_zone", "missing", "an IANA name, such as Europe/Berlin"),
            (None, Some(zone)) => wrong("time_zone", zone, "no time_zone: only `at` needs one"),
            (Some(_), Some(zone)) if TimeZone::get(zone).is_err() => {
                wrong("time_zone", zone, "an IANA name, such as Europe/Berlin")
            }
            _ if self.after.as_ref() == Some(&self.name) => wrong("after", &self.name, "the name of another schedule"),
            _ => Ok(()),
        }
    }

    /// The next time after a moment; nothing where no clock starts it.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let (cron, zone) = (Cron::read(self.at.as_ref()?).ok()?, TimeZone::get(self.time_zone.as_ref()?).ok()?);
        cron.next(after, &zone)
    }

    /// Whether its conditions hold; without any they do not.
    pub fn holds(&self, read: &dyn Fn(What, &Sku, &Place) -> Option<i64>) -> bool {
        let met = |when: &When| {
            let condition = Condition { what: when.what, is: when.is, value: when.value };
            condition.holds(read(when.what, &when.unit_id, &when.place))
        };
        !self.when.is_empty() && self.when.iter().all(met)
    }

    /// Whether it is to be done now.
    fn is_due(&self, done: &Done, before: Option<&Done>, standing: &Standing) -> bool {
        let now = standing.now;
        if let Some(failed) = done.failed {
            return now >= endcap_model::later(failed, pause(done.failures));
        }
        if self.at.is_some() {
            return self.next(done.at).is_some_and(|next| next <= now);
        }
        if let Some(minutes) = self.on_facts_minutes {
            let rest = SignedDuration::from_mins(i64::from(minutes));
            return standing.last_record > done.record && (done.times == 0 || now.duration_since(done.at) >= rest);
        }
        if self.after.is_some() {
            return before.is_some_and(|before| before.times > done.before);
        }
        !done.held && self.holds(standing.read)
    }
}

/// The pause after so many failures in a row.
pub fn pause(failures: u32) -> SignedDuration {
    FIRST_PAUSE.checked_mul(1 << failures.saturating_sub(1).min(16)).map_or(LONGEST_PAUSE, |one| one.min(LONGEST_PAUSE))
}

/// What is due, in the order of the file. What was never seen before is noted, and counts from now.
pub fn due(schedules: &[ScheduleSettings], ledger: &mut Ledger, standing: &Standing) -> Vec<String> {
    let mut names = vec![];
    for schedule in schedules {
        let before = schedule.after.as_ref().and_then(|name| ledger.get(name)).cloned();
        let done = ledger.entry(schedule.name.clone()).or_insert_with(|| Done {
            at: standing.now,
            record: 0,
            held: false,
            failures: 0,
            failed: None,
            times: 0,
            before: before.as_ref().map_or(0, |before| before.times),
        });
        if schedule.is_due(done, before.as_ref(), standing) {
            names.push(schedule.name.clone());
        }
        if !schedule.when.is_empty() && done.failed.is_none() && !schedule.holds(standing.read) {
            done.held = false;
        }
    }
    names
}

/// Notes how something that was due went.
pub fn note(schedule: &ScheduleSettings, ledger: &mut Ledger, went_well: bool, (now, record): (Timestamp, i64)) {
    let before = schedule.after.as_ref().and_then(|name| ledger.get(name)).map_or(0, |before| before.times);
    let Some(done) = ledger.get_mut(&schedule.name) else { return };
    if went_well {
        let times = done.times + 1;
        *done = Done { at: now, record, held: true, failures: 0, failed: None, times, before };
    } else {
        (done.failures, done.failed) = (done.failures.saturating_add(1), Some(now));
    }
}

#[cfg(test)]
mod tests;
