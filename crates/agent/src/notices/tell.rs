//! Who is told what, and when: one message for each step, until there are too many; then one digest of all that are left.

use super::{Notice, Severity, Step};
use endcap_model::{Currency, Money, Sku, later};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Notices that a digest names one by one; of the others it tells how many there are.
const LINES: usize = 50;
/// Minutes between digests as long as an emergency waits.
const DIGEST_MINUTES_EMERGENCY: u32 = 5;

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Its name, unique.
    pub name: String,
    /// The least severe that is told.
    pub from: Severity,
    /// Whether it is only told of what nobody answered.
    pub escalations: bool,
    /// Messages in an hour beside digests.
    pub most_per_hour: u32,
    /// Minutes between two digests.
    pub digest_minutes: u32,
}

/// A time of the day at which only the most severe is told; the rest is told afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// Its begin.
    pub from: Time,
    /// Its end; before the begin where it goes over midnight.
    pub until: Time,
    /// Told all the same from this on.
    pub except_from: Severity,
    /// Where that time is.
    pub zone: TimeZone,
}

/// What a named person does not want to be told for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// The kind; all when not given.
    #[serde(default)]
    pub kind: Option<String>,
    /// The item; all when not given.
    #[serde(default)]
    pub sku: Option<Sku>,
    /// The place; all when not given.
    #[serde(default)]
    pub place: Option<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who wants that.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A step that a receiver has not been told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Number of the step.
    pub step: i64,
    /// What happened.
    pub what: Step,
    /// The notice as it stands now.
    pub notice: Notice,
}

/// What a receiver was sent before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages of the last hour, beside digests.
    pub last_hour: u32,
    /// The last digest.
    pub last_digest: Option<Timestamp>,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// Its name: the same for every try.
    pub key: String,
    /// Who is told.
    pub receiver: String,
    /// The most severe of it.
    pub severity: Severity,
    /// Steps that it tells of.
    pub steps: Vec<i64>,
    /// In a line.
    pub subject: String,
    /// In full.
    pub text: String,
    /// Whether it is a digest.
    pub digest: bool,
}

/// What follows for a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tellings {
    /// What is told now.
    pub now: Vec<Telling>,
    /// Steps that nobody has to be told of any more: muted, or over before they could be told.
    pub dropped: Vec<i64>,
}

/// How all of it is told.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Times without messages.
    pub quiet: &'a [Quiet],
    /// What people do not want to hear.
    pub mutes: &'a [Mute],
    /// Currency of the money at stake.
    pub currency: Currency,
    /// The desk's address; nothing where it is not known.
    pub desk: Option<&'a str>,
}

impl Receiver {
    /// Whether it wants to know of a step.
    pub fn wants(&self, notice: &Notice, step: &Step) -> bool {
        let fits = if self.escalations {
            *step == Step::Escalated || *step == Step::Over && notice.escalated.is_some()
        } else {
            *step != Step::Escalated
        };
        step.is_told() && fits && notice.severity >= self.from
    }
}

impl Quiet {
    /// Whether it is quiet now.
    pub fn holds(&self, now: Timestamp) -> bool {
        let time = now.to_zoned(self.zone.clone()).time();
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }
}

impl Mute {
    /// Whether it holds for a notice now.
    pub fn holds(&self, notice: &Notice, now: Timestamp) -> bool {
        let signal = &notice.signal;
        let place = signal.place.as_ref().map(ToString::to_string);
        self.from <= now
            && now < self.until
            && self.kind.as_ref().is_none_or(|kind| *kind == signal.kind)
            && self.sku.as_ref().is_none_or(|sku| Some(sku) == signal.sku.as_ref())
            && self.place.as_ref().is_none_or(|wanted| Some(wanted) == place.as_ref())
    }
}

/// Says what a receiver is told now of what it has not been told.
pub fn tellings(receiver: &Receiver, due: &[Due], traffic: Traffic, terms: &Terms, now: Timestamp) -> Tellings {
    let mut told = Tellings::default();
    let mut waiting: Vec<&Due> = vec![];
    for one in due {
        // What was over before anybody heard of it is no news, and neither is its end.
        let passed = one.notice.over.is_some() && one.what != Step::Over;
        let unheard = one.what == Step::Over
            && due.iter().any(|other| other.notice.id == one.notice.id && other.what == Step::Opened);
        if passed || unheard || terms.mutes.iter().any(|mute| mute.holds(&one.notice, now)) {
            told.dropped.push(one.step);
        } else if !terms.quiet.iter().any(|quiet| quiet.holds(now) && one.notice.severity < quiet.except_from) {
            waiting.push(one);
        }
    }
    waiting.sort_by(|a, b| a.notice.order(&b.notice).then(a.step.cmp(&b.step)));
    let room = receiver.most_per_hour.saturating_sub(traffic.last_hour) as usize;
    if waiting.len() <= room {
        told.now = waiting.iter().map(|one| alone(receiver, one, terms)).collect();
        return told;
    }
    let worst = waiting.iter().map(|one| one.notice.severity).max();
    let minutes = match worst {
        Some(Severity::Emergency) => receiver.digest_minutes.min(DIGEST_MINUTES_EMERGENCY),
        _ => receiver.digest_minutes,
    };
    let rested = |last: Timestamp| now >= later(last, SignedDuration::from_mins(minutes.into()));
    if traffic.last_digest.is_none_or(rested) {
        told.now.push(digest(receiver, &waiting, terms));
    }
    told
}

fn alone(receiver: &Receiver, due: &Due, terms: &Terms) -> Telling {
    let signal = &due.notice.signal;
    let line = line(due, terms.currency);
    let page = match (terms.desk, &signal.page) {
        (Some(desk), Some(page)) => format!("\n\nLook: {desk}{page}"),
        _ => String::new(),
    };
    let text = format!("{line}\n\nWhat to do: {}{page}\n\nNotice {}", signal.advice, due.notice.id);
    Telling {
        key: key(receiver, &[due.step]),
        receiver: receiver.name.clone(),
        severity: due.notice.severity,
        steps: vec![due.step],
        subject: subject(due),
        text,
        digest: false,
    }
}

fn digest(receiver: &Receiver, due: &[&Due], terms: &Terms) -> Telling {
    let steps: Vec<i64> = due.iter().map(|one| one.step).collect();
    let severity = due.iter().map(|one| one.notice.severity).max().unwrap_or(Severity::Warning);
    let count = |severity: Severity| due.iter().filter(|one| one.notice.severity == severity).count();
    let counts: Vec<String> = [Severity::Emergency, Severity::Critical, Severity::Warning]
        .into_iter()
        .filter(|severity| count(*severity) > 0)
        .map(|severity| format!("{} {}", count(severity), severity.name()))
        .collect();
    let mut text = String::from("More happened than is told one by one. The most severe first:\n\n");
    for one in due.iter().take(LINES) {
        text += &format!("- {}\n", line(one, terms.currency));
    }
    if due.len() > LINES {
        text += &format!("... and {} more.\n", due.len() - LINES);
    }
    if let Some(desk) = terms.desk {
        text += &format!("\nLook: {desk}/notices\n");
    }
    let subject = format!("Endcap: {} notices ({})", due.len(), counts.join(", "));
    Telling {
        key: key(receiver, &steps),
        receiver: receiver.name.clone(),
        severity,
        steps,
        subject,
        text,
        digest: true,
    }
}

fn subject(due: &Due) -> String {
    let about = &due.notice.signal.about;
    match due.what {
        Step::Over => format!("Endcap: over: {about}"),
        Step::Escalated => format!("Endcap: nobody answers: {}: {about}", due.notice.severity.name()),
        _ => format!("Endcap: {}: {about}", due.notice.severity.name()),
    }
}

fn line(due: &Due, currency: Currency) -> String {
    let signal = &due.notice.signal;
    let money = signal.money.map(|money| format!(" At stake: {}.", Money::new(money, currency))).unwrap_or_default();
    format!("{} ({}): {}{money}", due.notice.severity.name(), due.what.word(), signal.text)
}

/// The name of a telling follows from whom it is for and what it tells, so that a second look makes no second message.
fn key(receiver: &Receiver, steps: &[i64]) -> String {
    endcap_model::hash_json(&(&receiver.name, steps)).as_str()[..32].to_owned()
}
