//! How severe something is: by the money at stake, once it lies outside its usual range.

use super::Signal;
use serde::{Deserialize, Serialize};

/// Scale of a median absolute deviation to the standard deviation of a normal distribution.
const MAD_TO_SD: f64 = 1.4826;
/// Fewest values that tell a usual range.
const VALUES_MIN: usize = 6;
/// Times the usual range from which on something is one step more severe than its money says.
const FAR: f64 = 3.0;

/// How severe a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be looked at.
    Warning,
    /// To be dealt with today.
    Critical,
    /// To be dealt with now.
    Emergency,
}

/// From which money on something is how severe, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Judging {
    /// Least money at stake of a warning; less gives no notice.
    pub warning: i64,
    /// Least money of a critical one.
    pub critical: i64,
    /// Least money of an emergency.
    pub emergency: i64,
    /// Deviations from the median up to which a measurement is usual.
    pub deviations: f64,
    /// Minutes without an answer after which a critical notice or an emergency escalates.
    pub escalate_minutes: u32,
    /// Minutes for which something must not have been seen before it is over.
    pub over_minutes: u32,
}

impl Default for Judging {
    fn default() -> Self {
        Self {
            warning: 5_000,
            critical: 50_000,
            emergency: 500_000,
            deviations: 4.0,
            escalate_minutes: 60,
            over_minutes: 10,
        }
    }
}

/// The usual range of something: its median, and how far it usually lies from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = NoticeUsual))]
pub struct Usual {
    /// The median.
    pub middle: f64,
    /// One deviation: that of a count at least, and never 0.
    pub deviation: f64,
    /// Values that it was told from.
    pub values: usize,
}

/// What was measured beside what is usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = NoticeMeasure))]
pub struct Measured {
    /// What was measured.
    pub value: f64,
    /// What is usual.
    pub usual: Usual,
}

impl Usual {
    /// Tells the usual range of counts by median and median absolute deviation, which a few wild values do not move; nothing
    /// where there are too few. A count varies by chance by the root of its mean, so the range is never narrower.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.len() < VALUES_MIN {
            return None;
        }
        let middle = median(values.to_vec());
        let deviation = MAD_TO_SD * median(values.iter().map(|value| (value - middle).abs()).collect());
        Some(Self { middle, deviation: deviation.max(middle.max(0.0).sqrt()).max(1.0), values: values.len() })
    }
}

impl Measured {
    /// Deviations from what is usual.
    pub fn deviations(&self) -> f64 {
        (self.value - self.usual.middle).abs() / self.usual.deviation
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len().is_multiple_of(2) { f64::midpoint(values[half - 1], values[half]) } else { values[half] }
}

impl Judging {
    /// How severe a signal is; nothing where it is not worth a notice.
    pub fn of(&self, signal: &Signal) -> Option<Severity> {
        let apart = signal.measured.map(|measured| measured.deviations());
        if apart.is_some_and(|apart| apart <= self.deviations) {
            return None;
        }
        let severity = signal.money.and_then(|money| self.by_money(money)).max(signal.floor)?;
        let is_far = apart.is_some_and(|apart| apart > FAR * self.deviations);
        Some(if is_far { severity.next() } else { severity })
    }

    fn by_money(&self, money: i64) -> Option<Severity> {
        let steps = [
            (self.emergency, Severity::Emergency),
            (self.critical, Severity::Critical),
            (self.warning, Severity::Warning),
        ];
        steps.into_iter().find(|(from, _)| money >= *from).map(|(_, severity)| severity)
    }
}

impl Severity {
    /// One step more severe.
    fn next(self) -> Self {
        match self {
            Self::Warning => Self::Critical,
            Self::Critical | Self::Emergency => Self::Emergency,
        }
    }

    /// The name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Emergency => "emergency",
        }
    }
}
