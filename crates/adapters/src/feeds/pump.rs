//! From a source to `records.db`: messages are read, what cannot be read is set aside, and both are kept with where we stand.

use super::lost;
use super::settings::FeedSettings;
use crate::records::feeds::{Aside, Origin, Step};
use crate::records::{self, Kept, Record, Records};
use endcap_agent::feed::{Arrival, Batch, is_late};
use endcap_agent::ports::{Feed, PortError};
use endcap_ingest::Rules;
use endcap_model::{FactKind, Period};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Unknown items that are named; the others are counted.
const NAMED_MAX: usize = 5;

/// A feed with where it leads.
pub struct Pump {
    settings: FeedSettings,
    rules: Rules,
    feed: Box<dyn Feed>,
    records: Records,
    runtime: Handle,
    /// Whether the source is open.
    open: bool,
    /// Whether a fault of it is kept.
    faulty: bool,
    /// Whether it was ever opened by this process.
    begun: bool,
}

/// What came in one turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Messages.
    pub messages: usize,
    /// Records that were new.
    pub new: usize,
    /// Records that took the place of an earlier one.
    pub replaced: usize,
    /// Records that were there word for word.
    pub repeated: usize,
    /// Messages and records that were set aside.
    pub aside: usize,
    /// What people should know, a sentence each.
    pub told: Vec<String>,
}

/// A record on its way, with where it came from.
struct Read {
    origin: Origin,
    value: Value,
}

impl Pump {
    /// Puts a feed before the records of its project; `runtime` is one that goes on running.
    pub fn new(
        settings: FeedSettings,
        rules: Rules,
        feed: Box<dyn Feed>,
        (records, runtime): (Records, Handle),
    ) -> Self {
        Self { settings, rules, feed, records, runtime, open: false, faulty: true, begun: false }
    }

    /// The feed's settings.
    pub fn settings(&self) -> &FeedSettings {
        &self.settings
    }

    /// Takes what comes next, waiting no longer than `patience` for it. `known` are the items of the last facts, where there
    /// are any. After a failure the next turn opens the source again.
    ///
    /// # Errors
    /// [`PortError`] when the source cannot be read, or the disk refuses; then nothing of the turn is kept, and all of it
    /// comes again.
    pub fn turn(
        &mut self,
        patience: Duration,
        known: Option<&HashSet<Arc<str>>>,
        now: &dyn Fn() -> Timestamp,
    ) -> Result<Turn, PortError> {
        let taken = self.taken(patience, known, now);
        if let Err(error) = &taken {
            self.open = false;
            let fault = Some(error.reason.clone());
            let step = Step { feed: self.settings.name.clone(), fault, ..Step::default() };
            // Where the disk is what refuses, its own message tells.
            self.faulty = self.keep(vec![], step, now()).is_ok() || self.faulty;
        }
        taken
    }

    fn taken(
        &mut self,
        patience: Duration,
        known: Option<&HashSet<Arc<str>>>,
        now: &dyn Fn() -> Timestamp,
    ) -> Result<Turn, PortError> {
        let step = Step { feed: self.settings.name.clone(), ..Step::default() };
        if !self.open {
            let marks = self.runtime.block_on(self.records.marks(&self.settings.name)).map_err(lost)?;
            self.feed.resume(&marks)?;
            if self.faulty || !self.begun {
                self.keep(vec![], step.clone(), now())?;
            }
            (self.open, self.faulty, self.begun) = (true, false, true);
        }
        let batch = self.feed.next(patience)?;
        if batch.is_empty() {
            return Ok(Turn::default());
        }
        let now = now();
        let Batch { arrivals, marks, over, told } = batch;
        let (messages, heard) = (arrivals.len(), !arrivals.is_empty());
        let (read, mut aside) = self.read(arrivals);
        let (good, origins) = self.checked(read, &mut aside, now, (known, told))?;
        let ((good, told), unreadable) = (good, aside.len());
        let step = Step { marks, over, origins, aside, heard, ..step };
        let kept = self.keep(good, step, now)?;
        self.feed.kept()?;
        let count = |what| kept.iter().filter(|kept| **kept == what).count();
        Ok(Turn {
            messages,
            new: count(Kept::New),
            replaced: count(Kept::Replaced),
            repeated: count(Kept::Repeated),
            aside: unreadable + count(Kept::Other),
            told,
        })
    }

    fn keep(&self, batch: Vec<Record>, step: Step, at: Timestamp) -> Result<Vec<Kept>, PortError> {
        self.runtime.block_on(self.records.take(self.settings.carries, batch, step, at)).map_err(lost)
    }

    /// The records of messages; a message that is none is set aside whole.
    fn read(&self, arrivals: Vec<Arrival>) -> (Vec<Read>, Vec<Aside>) {
        let (mut read, mut aside) = (Vec::with_capacity(arrivals.len()), vec![]);
        for Arrival { part, position, content } in arrivals {
            let of = |record| Origin { part: part.clone(), position, record };
            let values = match &content {
                Ok(content) => values(content).map_err(|reason| (reason, String::from_utf8_lossy(content).into())),
                Err(reason) => Err((reason.clone(), String::new())),
            };
            match values {
                Ok(values) => read.extend(
                    values.into_iter().enumerate().map(|(at, value)| Read { origin: of(at), value: self.named(value) }),
                ),
                Err((reason, content)) => aside.push(Aside { origin: of(0), reason, content }),
            }
        }
        (read, aside)
    }

    /// A record under our names.
    fn named(&self, value: Value) -> Value {
        let Value::Object(mut given) = value else { return value };
        if self.settings.fields.is_empty() {
            return Value::Object(given);
        }
        let mut fields = Map::new();
        for name in self.settings.carries.fields().iter().map(|field| field.name).chain(["id"]) {
            let theirs = self.settings.fields.get(name).map_or(name, String::as_str);
            if let Some(value) = given.remove(theirs) {
                fields.insert(name.to_owned(), value);
            }
        }
        Value::Object(fields)
    }

    /// Records that can be kept with where they came from, and what there is to say of them; the others are set aside.
    #[allow(clippy::type_complexity, reason = "two pairs that belong together")]
    fn checked(
        &self,
        read: Vec<Read>,
        aside: &mut Vec<Aside>,
        now: Timestamp,
        (known, mut told): (Option<&HashSet<Arc<str>>>, Vec<String>),
    ) -> Result<((Vec<Record>, Vec<String>), Vec<Origin>), PortError> {
        let (origins, values): (Vec<Origin>, Vec<Value>) =
            read.into_iter().map(|Read { origin, value }| (origin, value)).unzip();
        let checked = records::check(self.settings.carries, &self.rules, &values, None);
        let (mut good, mut places, mut noted) = (vec![], vec![], Noted::default());
        for ((record, origin), value) in checked.into_iter().zip(origins).zip(values) {
            match record {
                Ok(record) => {
                    self.note(&value, known, now, &mut noted);
                    good.push(record);
                    places.push(origin);
                }
                Err(fault) => {
                    let at = if fault.field.is_empty() { String::new() } else { format!("{}: ", fault.field) };
                    // A feed has nothing but the id to tell a sale that comes again from another one.
                    let reason = match fault.field.as_str() {
                        "id" => "id is missing or too long: expected 1 to 200 bytes that name the sale for ever".into(),
                        _ => format!("{at}{}", fault.reason),
                    };
                    aside.push(Aside { origin, reason, content: value.to_string() });
                }
            }
        }
        let place = |aside: &Aside| (aside.origin.part.clone(), aside.origin.position, aside.origin.record);
        aside.sort_by_key(place);
        told.extend(noted.told(&self.settings.name, self.settings.late_after_days));
        Ok(((good, told), places))
    }

    /// Notes what is odd about a sale that counts all the same.
    fn note(&self, value: &Value, known: Option<&HashSet<Arc<str>>>, now: Timestamp, noted: &mut Noted) {
        if self.settings.carries != FactKind::Sales {
            return;
        }
        if let (Some(known), Some(sku)) = (known, value["sku"].as_str())
            && !known.contains(sku.trim())
        {
            *noted.unknown.entry(sku.trim().to_owned()).or_default() += 1;
        }
        let calendar = self.rules.calendar;
        if let (Some(days), Some(Ok(period))) =
            (self.settings.late_after_days, value["period"].as_str().map(|text| calendar.parse(text)))
            && is_late(calendar, period, days, now.to_zoned(TimeZone::UTC).date())
        {
            noted.late += 1;
            noted.periods.insert(period);
            noted.oldest = noted.periods.first().map(|period| calendar.format(*period)).unwrap_or_default();
        }
    }
}

/// What is odd about sales that count all the same.
#[derive(Default)]
struct Noted {
    /// Sales of items that the facts do not know.
    unknown: BTreeMap<String, usize>,
    /// Sales of periods that were over long ago.
    late: usize,
    periods: BTreeSet<Period>,
    oldest: String,
}

impl Noted {
    fn told(self, feed: &str, days: Option<u32>) -> Vec<String> {
        let mut told = vec![];
        if !self.unknown.is_empty() {
            let sales: usize = self.unknown.values().sum();
            let named: Vec<&str> = self.unknown.keys().take(NAMED_MAX).map(String::as_str).collect();
            let more = self.unknown.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            told.push(format!(
                "{feed}: {sales} sales of items that the facts do not know ({}{more}): they are kept; send these items, so \
                 that they can be planned",
                named.join(", ")
            ));
        }
        if let (true, Some(days)) = (self.late > 0, days) {
            told.push(format!(
                "{feed}: {} sales came more than {days} days after their period, the oldest of {}: they are kept, and change \
                 what the next facts say of it",
                self.late, self.oldest
            ));
        }
        told
    }
}

/// The records of a message: a JSON object, an array of them, or one after another.
fn values(content: &[u8]) -> Result<Vec<Value>, String> {
    let mut values = vec![];
    for value in serde_json::Deserializer::from_slice(content).into_iter::<Value>() {
        match value.map_err(|error| format!("it is no JSON ({error}): expected an object, or an array of them"))? {
            Value::Array(many) => values.extend(many),
            one => values.push(one),
        }
    }
    if values.is_empty() {
        return Err("it is empty: expected a JSON object, or an array of them".to_owned());
    }
    Ok(values)
}
