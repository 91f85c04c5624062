//! Alarms: what is wrong with a source or a place as a whole.

use super::{Doubts, Terms};
use crate::Loaded;
use crate::intake::origin;
use endcap_model::Period;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Rows of a source below which a share in doubt says nothing.
const ROWS_MIN: u64 = 50;

/// What kind of alarm it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Sales move slowly away from what they were.
    Drift,
    /// A place that sold has reported nothing.
    Silence,
    /// Many rows of a source are in doubt.
    ManyDoubts,
}

/// Something is wrong with a source or a place as a whole; no row of it is set aside for that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// What kind it is.
    pub kind: AlarmKind,
    /// The place, `region NAME`, `all places` or the source.
    pub scope: String,
    /// Places that it touches; all when there is none.
    pub places: Vec<String>,
    /// First period that it is about.
    pub since: Period,
    /// Last period that it is about.
    pub until: Period,
    /// Share of all pieces sold that it touches, from 0 to 1.
    pub share: f64,
    /// What was found, for people.
    pub reason: String,
}

/// Share of all pieces sold from which on what is wrong moves the model.
const MODEL_SHARE_MIN: f64 = 0.05;

impl Alarm {
    /// Whether no model may learn from these facts: the last good one goes on.
    pub fn holds_the_model(&self) -> bool {
        self.kind != AlarmKind::Silence && self.share >= MODEL_SHARE_MIN
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.scope, self.reason)
    }
}

/// Rows of one source that are in doubt.
struct Doubtful<'a> {
    rows: u64,
    since: i32,
    until: i32,
    causes: BTreeMap<&'a str, u64>,
}

/// Sources of which more rows are in doubt than errors explain.
pub(crate) fn many(loaded: &Loaded, doubts: &Doubts, terms: &Terms<'_>) -> Vec<Alarm> {
    let mut found: BTreeMap<usize, Doubtful> = BTreeMap::new();
    let periods = loaded.periods();
    for (&at, doubt) in doubts {
        let row = loaded.rows[at] as usize;
        let nothing = || Doubtful { rows: 0, since: i32::MAX, until: i32::MIN, causes: BTreeMap::new() };
        let of = found.entry(origin(loaded.origins[row]).0).or_insert_with(nothing);
        of.rows += 1;
        of.since = of.since.min(periods[row]);
        of.until = of.until.max(periods[row]);
        *of.causes.entry(doubt.cause).or_default() += 1;
    }
    let all: u64 = loaded.sources.iter().map(|source| source.counts.loaded).sum();
    let too_many = |(source, Doubtful { rows, since, until, causes }): (usize, Doubtful)| {
        let of = &loaded.sources[source];
        let loaded = of.counts.loaded;
        if loaded < ROWS_MIN || rows as f64 <= terms.rules.doubtful_share_max * loaded as f64 {
            return None;
        }
        let causes: Vec<String> = causes.iter().map(|(cause, rows)| format!("{cause} {rows}")).collect();
        Some(Alarm {
            kind: AlarmKind::ManyDoubts,
            scope: of.name.clone(),
            places: vec![],
            since: Period(since),
            until: Period(until),
            share: loaded as f64 / all.max(1) as f64,
            reason: format!("{rows} of {loaded} rows are in doubt ({}): ask whoever sends them", causes.join(", ")),
        })
    };
    found.into_iter().filter_map(too_many).collect()
}
