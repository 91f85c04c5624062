//! One reading of the channels: ask each what it holds, compare, keep what came and what went.

use super::compare::extra;
use super::expected::{Holdings, expected};
use super::{Contact, Extras, Finding, Kind, Noted, Open, difference};
use crate::outbox::{Heard, Known, Promises, Wanted};
use crate::ports::{Findings, Outbox, Outlet, PortError};
use endcap_govern::audit::{Entry, Ruling, Told};
use endcap_govern::gate::Intent;
use endcap_model::Channel;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a reading came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Each channel that was read, or could not be.
    pub channels: Vec<Contact>,
    /// Differences that are open now, at all channels.
    pub findings: Vec<Open>,
    /// How many of them are new.
    pub new: usize,
    /// Differences that were open before and are gone.
    pub gone: usize,
}

impl Report {
    /// Whether every channel that was read holds what it must, and nobody's word is missing.
    pub fn is_well(&self) -> bool {
        let silent = self.channels.iter().any(|contact| contact.unread > 0 || contact.problem.is_some());
        self.findings.is_empty() && !silent
    }
}

/// One channel while it is read.
struct Read {
    holdings: Holdings,
    found: Vec<Finding>,
    /// Subjects that answered.
    heard: BTreeSet<String>,
    /// Whether what is listed is all that it holds.
    listed: bool,
    contact: Contact,
}

/// Reads channels, all or one, and keeps what was found. What changes while it is read is left for the next reading.
///
/// # Errors
/// [`PortError`] when the outbox cannot be read, or what was found cannot be kept.
pub fn reconcile<B: Outbox + Findings>(
    book: &mut B,
    outlets: &mut BTreeMap<Channel, Box<dyn Outlet + '_>>,
    only: Option<&Channel>,
    now: &dyn Fn() -> Timestamp,
) -> Result<Report, PortError> {
    let all = book.all()?;
    let before = book.open_findings()?;
    let last: BTreeMap<Channel, Contact> =
        book.contacts()?.into_iter().map(|contact| (contact.channel.clone(), contact)).collect();
    let mut reads = vec![];
    for channel in channels(&all, outlets, only) {
        let read = match outlets.get_mut(&channel) {
            Some(outlet) => read(&channel, outlet.as_mut(), &all, last.get(&channel), now),
            None => unnamed(&channel, &all, last.get(&channel), now()),
        };
        reads.push(read);
    }
    if reads.iter().any(|read| !read.found.is_empty()) {
        let anew = book.all()?;
        reads.iter_mut().for_each(|read| forget_what_changed(read, &anew, outlets, now()));
    }
    let noted = noted(&reads, &before);
    let at = now();
    book.note(&noted, at)?;
    let findings = book.open_findings()?;
    let findings = findings.into_iter().filter(|open| only.is_none_or(|only| open.finding.channel == *only)).collect();
    let (new, gone) = (noted.new.len(), noted.gone.len());
    Ok(Report { channels: noted.contacts, findings, new, gone })
}

/// Channels that were sent to, or are named.
fn channels(
    all: &[(Intent, Option<Known>)],
    outlets: &BTreeMap<Channel, Box<dyn Outlet + '_>>,
    only: Option<&Channel>,
) -> BTreeSet<Channel> {
    let sent = all.iter().filter(|(_, known)| known.is_some()).map(|(intent, _)| intent.channel.clone());
    sent.chain(outlets.keys().cloned()).filter(|channel| only.is_none_or(|only| only == channel)).collect()
}

fn read(
    channel: &Channel,
    outlet: &mut dyn Outlet,
    all: &[(Intent, Option<Known>)],
    last: Option<&Contact>,
    now: &dyn Fn() -> Timestamp,
) -> Read {
    let (promises, after) = (outlet.promises(), last.and_then(|last| last.read));
    let holdings = expected(channel, all, &promises, now());
    let mut read = Read::new(channel, holdings, promises, after, now());
    if !promises.reads_back {
        return read;
    }
    let asked: Vec<_> = read.holdings.settled.values().map(|one| (&one.message, &one.intent)).collect();
    let heard = outlet.read_all(&asked);
    let tried = now();
    for (expected, heard) in read.holdings.settled.values().zip(heard) {
        let Heard::Holds(held) = heard else {
            read.contact.unread += 1;
            continue;
        };
        read.heard.insert(expected.message.subject.clone());
        match difference(expected, held.as_ref(), after, tried) {
            Some(finding) => read.found.push(finding),
            None => read.contact.agree += 1,
        }
    }
    let known: Vec<_> = read.holdings.known.values().map(|(message, intent)| (message, intent)).collect();
    match outlet.extras(&known) {
        Extras::CannotTell => {}
        Extras::Unread => {
            read.contact.lists = true;
            read.contact.problem = Some("what it holds could not be listed".into());
        }
        Extras::Found(extras) => {
            (read.contact.lists, read.listed) = (true, true);
            read.found.extend(extras.into_iter().map(|one| extra(channel, one, after, tried)));
        }
    }
    if read.contact.unread > 0 {
        let Contact { unread, expected, .. } = read.contact;
        read.contact.problem = Some(format!("{unread} of {expected} subjects were not answered for"));
    }
    if read.contact.problem.is_none() {
        read.contact.read = Some(tried);
    }
    read
}

impl Read {
    fn new(channel: &Channel, holdings: Holdings, promises: Promises, read: Option<Timestamp>, now: Timestamp) -> Self {
        let contact = Contact {
            channel: channel.clone(),
            tried: now,
            read,
            promises,
            reads_back: promises.reads_back,
            lists: false,
            expected: holdings.settled.len(),
            agree: 0,
            unread: 0,
            differ: 0,
            problem: None,
        };
        Self { holdings, found: vec![], heard: BTreeSet::new(), listed: false, contact }
    }
}

/// A channel that was sent to and that nothing names any more.
fn unnamed(channel: &Channel, all: &[(Intent, Option<Known>)], last: Option<&Contact>, now: Timestamp) -> Read {
    let holdings = expected(channel, all, &Default::default(), now);
    let mut read = Read::new(channel, holdings, Promises::default(), last.and_then(|last| last.read), now);
    read.contact.problem = Some("channels.toml names it no more".into());
    read
}

/// What was decided or settled while the channel was read is not compared with what it held before.
fn forget_what_changed(
    read: &mut Read,
    anew: &[(Intent, Option<Known>)],
    outlets: &BTreeMap<Channel, Box<dyn Outlet + '_>>,
    now: Timestamp,
) {
    let channel = read.contact.channel.clone();
    let promises = outlets.get(&channel).map(|outlet| outlet.promises()).unwrap_or_default();
    let anew = expected(&channel, anew, &promises, now);
    let (settled, known) = (&read.holdings.settled, &anew.known);
    read.found.retain(|finding| match finding.kind {
        Kind::Extra => !known.contains_key(&finding.subject),
        _ => anew.settled.get(&finding.subject) == settled.get(&finding.subject),
    });
    read.holdings.open.extend(anew.open);
}

/// What came and what went since the findings that were open before.
fn noted(reads: &[Read], before: &[Open]) -> Noted {
    let mut noted = Noted::default();
    for read in reads {
        let channel = &read.contact.channel;
        let of_channel: Vec<&Open> = before.iter().filter(|open| open.finding.channel == *channel).collect();
        let mut contact = read.contact.clone();
        contact.differ = read.found.len();
        for finding in &read.found {
            let known = of_channel.iter().find(|open| open.finding.subject == finding.subject);
            match known {
                Some(open) if open.finding.is_the_same_as(finding) => {}
                Some(open) => {
                    // It differs otherwise than before: since when is known from then.
                    let finding = Finding { after: open.finding.after, ..finding.clone() };
                    noted.gone.push((open.id, recorded(&open.finding, "drift gone", "it differs in another way now")));
                    let record = recorded(&finding, "drift found", "");
                    noted.new.push((finding, record));
                }
                None => noted.new.push((finding.clone(), recorded(finding, "drift found", ""))),
            }
        }
        for open in of_channel {
            if read.found.iter().any(|finding| finding.subject == open.finding.subject) {
                continue;
            }
            match why_gone(read, open) {
                Some(why) => noted.gone.push((open.id, recorded(&open.finding, "drift gone", why))),
                None => contact.differ += 1,
            }
        }
        noted.contacts.push(contact);
    }
    noted
}

/// Why a finding is over; nothing while that is not known.
fn why_gone(read: &Read, open: &Open) -> Option<&'static str> {
    let subject = &open.finding.subject;
    if open.finding.kind == Kind::Extra {
        return read.listed.then_some("the channel holds it no more");
    }
    if read.heard.contains(subject) {
        return Some("the channel holds what it must");
    }
    let waits = read.holdings.open.contains(subject) || read.holdings.settled.contains_key(subject);
    (!waits).then_some("nothing has to be held for it any more")
}

fn recorded(finding: &Finding, action: &str, why: &str) -> Entry<Told> {
    let ruling = if action == "drift found" { Ruling::NeedsPerson } else { Ruling::Allowed };
    let mut entry = Entry::new(Told::open("reconcile"), action, Told::open(finding.describe()), ruling);
    let words = |what: &str, wanted: &Option<Wanted>| {
        wanted.as_ref().map(|wanted| Told::open(format!("{what} {}", wanted.describe())))
    };
    entry.reasons.extend(words("expected", &finding.expected));
    entry.reasons.extend(words("held", &finding.held));
    entry.reasons.extend((!why.is_empty()).then(|| Told::open(why)));
    entry.effect = finding.key.as_ref().map(ToString::to_string);
    entry.answer = finding.answer.clone();
    entry
}
