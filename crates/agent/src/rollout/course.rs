//! What follows from the facts for a roll-out: wait, open the next stage, or stop.

use super::{Observed, Reading, Rollout, Says, Taken, observed, reading};
use crate::deploy::begins;
use crate::sense::Facts;
use endcap_model::{Calendar, Period, Span};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What is to happen next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing yet, and why.
    Wait(String),
    /// The next stage opens.
    Open(usize),
    /// Everything is taken back.
    Stop(String),
}

/// A reading with what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The reading, of periods that were whole; nothing before the first.
    pub taken: Option<Taken>,
    /// What follows.
    pub next: Next,
}

/// Reads what the facts tell of a roll-out that is under way. Only periods count that began after its stage opened and ended, at
/// every store, before the facts were known.
pub fn course(rollout: &Rollout, facts: &Facts, known_at: Timestamp, zones: &[TimeZone]) -> Course {
    let whole = whole_periods(rollout, facts, known_at, zones);
    course_of(rollout, &whole.map_or_else(Vec::new, |span| observed(facts, &rollout.begun, span)))
}

/// The same of what was observed.
pub fn course_of(rollout: &Rollout, observed: &[Observed]) -> Course {
    let reading = reading(rollout, observed);
    let next = match &reading.says {
        Says::Harm { what } => Next::Stop(format!(
            "{what}; {} stores with the offers beside {} without, {} periods",
            reading.stores, reading.others, reading.periods
        )),
        Says::Clear => Next::Open(rollout.stage() + 1),
        Says::NotYet { why } => Next::Wait(why.clone()),
    };
    let through = observed.iter().map(|one| one.period).max();
    let taken = |reading: Reading| through.map(|through| Taken { stage: rollout.stage(), through, reading });
    Course { taken: taken(reading), next }
}

fn whole_periods(rollout: &Rollout, facts: &Facts, known_at: Timestamp, zones: &[TimeZone]) -> Option<Span> {
    let (calendar, span) = (facts.panel.calendar(), facts.panel.span()?);
    let opened = *rollout.opened.last()?;
    let first = rollout.begun.expected.iter().map(|one| one.period).min()?;
    let begun =
        |period: &Period| moments(calendar, *period, zones).is_some_and(|begins| begins.iter().all(|at| *at >= opened));
    let ended = |period: &Period| {
        moments(calendar, period.plus(1), zones).is_some_and(|ends| ends.iter().all(|at| *at <= known_at))
    };
    let within = Span { start: first.max(span.start), end: span.end };
    let start = within.iter().find(begun)?;
    let end = within.iter().rfind(ended)?.plus(1);
    (start < end).then_some(Span { start, end })
}

/// When a period begins in each zone.
fn moments(calendar: Calendar, period: Period, zones: &[TimeZone]) -> Option<Vec<Timestamp>> {
    let day = calendar.start_date(period)?;
    zones.iter().map(|zone| begins(day, zone)).collect()
}
