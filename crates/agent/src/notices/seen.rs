//! What follows from what a source sees for the notices that are open.

use super::{Judging, Notice, Severity, Signal, Step};
use endcap_model::later;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// What a source sees at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The source.
    pub source: &'a str,
    /// What it sees.
    pub signals: &'a [Signal],
    /// Whether that is all: then what it saw before and does not see now is over.
    pub whole: bool,
}

/// Takes what a source sees; returns the notices that changed, each with what became of it, where that is more than "seen again".
pub fn step(open: &[Notice], seen: &Seen, judging: &Judging, now: Timestamp) -> Vec<(Notice, Option<Step>)> {
    let mut wanted: BTreeMap<String, (Severity, &Signal)> = BTreeMap::new();
    for signal in seen.signals {
        let Some(severity) = judging.of(signal) else { continue };
        let key = signal.key();
        // Of several signals about the same thing the worst is told.
        if wanted.get(&key).is_none_or(|(known, other)| (severity, signal.money) > (*known, other.money)) {
            wanted.insert(key, (severity, signal));
        }
    }
    let mut changed = vec![];
    for notice in open.iter().filter(|notice| notice.over.is_none()) {
        match wanted.remove(&notice.key) {
            Some((severity, signal)) => changed.push(again(notice, severity, signal, now)),
            None if seen.whole && notice.signal.source == seen.source && is_over(notice, judging, now) => {
                changed.push((Notice { over: Some(now), ..notice.clone() }, Some(Step::Over)));
            }
            None => {}
        }
    }
    changed.extend(wanted.into_iter().map(|(key, (severity, signal))| {
        let notice = Notice {
            id: format!("{key}-{}", now.as_millisecond()),
            key,
            signal: signal.clone(),
            severity,
            opened: now,
            seen: now,
            times: 1,
            acknowledged: None,
            escalated: None,
            over: None,
        };
        (notice, Some(Step::Opened))
    }));
    changed
}

fn again(notice: &Notice, severity: Severity, signal: &Signal, now: Timestamp) -> (Notice, Option<Step>) {
    let next =
        Notice { signal: signal.clone(), severity, seen: now, times: notice.times.saturating_add(1), ..notice.clone() };
    match severity.cmp(&notice.severity) {
        std::cmp::Ordering::Equal => (next, None),
        std::cmp::Ordering::Less => (next, Some(Step::Milder { from: notice.severity })),
        // Whoever said "I take care of it" said it of something smaller.
        std::cmp::Ordering::Greater => {
            let next = Notice { acknowledged: None, escalated: None, ..next };
            (next, Some(Step::Worse { from: notice.severity }))
        }
    }
}

/// What comes and goes from one look to the next is no news each time.
fn is_over(notice: &Notice, judging: &Judging, now: Timestamp) -> bool {
    now >= later(notice.seen, SignedDuration::from_mins(judging.over_minutes.into()))
}

/// The notices that nobody answered in time, escalated.
pub fn escalated(open: &[Notice], judging: &Judging, now: Timestamp) -> Vec<(Notice, Step)> {
    let patience = SignedDuration::from_mins(judging.escalate_minutes.into());
    let since = |notice: &Notice| later(notice.opened, patience);
    let waits = |notice: &&Notice| {
        let unanswered = notice.over.is_none() && notice.acknowledged.is_none() && notice.escalated.is_none();
        unanswered && notice.severity >= Severity::Critical && now >= since(notice)
    };
    let escalated = |notice: &Notice| (Notice { escalated: Some(now), ..notice.clone() }, Step::Escalated);
    open.iter().filter(waits).map(escalated).collect()
}
