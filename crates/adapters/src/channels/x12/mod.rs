//! Purchase orders as X12 documents over HTTP: 850 for an order, 860 for a change of it; 997, 855 and 865 come back to a mailbox.
//!
//! The order number is derived from what the order is about, so that a second 850 for it is refused by whoever keeps order
//! numbers unique. The control number is drawn anew for every attempt: a partner that knows one again would refuse a change too.
//! What was sent and what came is kept as files, written before it leaves and before it is taken out of the mailbox.
//!
//! # Source
//! ASC X12 release 004010: 850, 855, 856, 860, 865, 997; TA1 for the interchange.

mod archive;
mod read;
mod write;

use super::config::Place;
use super::http::{self, Answer, Http, Outcome};
use super::notice::{decimal, short_name};
use super::secret;
use crate::AdapterError;
use archive::Archive;
use endcap_agent::outbox::{Heard, Held, Message, Promises, Wanted};
use endcap_agent::ports::Outlet;
use endcap_govern::Approved;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::Intent;
use endcap_model::{ContentHash, Money};
use jiff::{SignedDuration, Timestamp};
use read::{Standing, standing};
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use std::path::PathBuf;
use write::{Change, Order, Partners};

const ORDER: &str = "850";
const CHANGE: &str = "860";

/// Digits of the order number after its letter: X12 gives it 22 characters.
const NUMBER_DIGITS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    send: String,
    mailbox: String,
    folder: PathBuf,
    sender: String,
    receiver: String,
    #[serde(default = "mutually_defined")]
    sender_qualifier: String,
    #[serde(default = "mutually_defined")]
    receiver_qualifier: String,
    login: Option<PathBuf>,
}

fn mutually_defined() -> String {
    "ZZ".into()
}

/// Orders at a supplier that speaks X12.
struct X12 {
    http: Http,
    send: Url,
    mailbox: Url,
    login: Option<SecretText>,
    partners: Partners,
    archive: Archive,
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    let url = |field, given: &str| {
        http::address(given, |_| false).map_err(|expected| place.wrong(field, format!("'{given}'"), expected))
    };
    let (send, mailbox) = (url("send", &fields.send)?, url("mailbox", &fields.mailbox)?);
    let partners = Partners {
        sender: (fields.sender_qualifier, fields.sender),
        receiver: (fields.receiver_qualifier, fields.receiver),
    };
    partners.check().map_err(|(field, found)| {
        place.wrong(field, format!("'{found}'"), "a qualifier of 2 and a name of up to 15 plain characters")
    })?;
    let login = place.login(fields.login.as_deref())?;
    let local = http::is_local(&send) && http::is_local(&mailbox);
    let http = Http::new(local).map_err(|problem| place.wrong("send", problem, "a working TLS"))?;
    let archive = Archive::new(place.path(&fields.folder));
    Ok(Box::new(X12 { http, send, mailbox, login, partners, archive }))
}

impl X12 {
    fn with_login(&self, request: RequestBuilder) -> RequestBuilder {
        match self.login.as_ref().and_then(secret::login) {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    /// Takes everything out of the mailbox: looked at, kept, and only then taken.
    fn collect(&self) -> Result<(), Heard> {
        for query in ["raw&leave", "raw"] {
            let mut url = self.mailbox.clone();
            url.set_query(Some(query));
            match self.http.ask(self.with_login(self.http.client().get(url))) {
                Outcome::Answered(answer) if answer.is_success() => {
                    self.archive.keep_received(&answer.body).map_err(|_| Heard::Unread)?;
                }
                _ => return Err(Heard::Unread),
            }
        }
        Ok(())
    }

    fn standing(&self, number: &str) -> Result<Standing, Heard> {
        let received = self.archive.received(number).map_err(|_| Heard::Unread)?;
        Ok(standing(&received, number))
    }

    /// The document that a message needs now: a change where the supplier has the order, else the order.
    fn document(&self, message: &Message, intent: &Intent, control: u32) -> Result<Document, String> {
        let number = short_name(message, NUMBER_DIGITS);
        let order = order_of(intent, number.clone())?;
        let has_it = self.standing(&number).is_ok_and(|standing| matches!(standing, Standing::Accepted { .. }));
        let accepted = self.archive.was_accepted(&number);
        let now = Timestamp::now();
        let (kind, text) = if has_it || accepted {
            let change = Change { order, sequence: message.generation };
            (CHANGE, write::change(&self.partners, control, now, &change)?)
        } else {
            (ORDER, write::order(&self.partners, control, now, &order)?)
        };
        Ok(Document { control, number, key: message.key(), kind, text })
    }
}

/// A document that is about to leave.
struct Document {
    control: u32,
    number: String,
    key: ContentHash,
    kind: &'static str,
    text: String,
}

fn order_of(intent: &Intent, number: String) -> Result<Order, String> {
    let Wanted::Order { supplier: _, sku, place, pieces, unit_cost, currency } = Wanted::of(intent) else {
        return Err("X12 channels carry orders alone".into());
    };
    Ok(Order {
        number,
        sku: sku.to_string(),
        place: place.to_string(),
        pieces,
        unit_cost: decimal(unit_cost, currency),
        currency: currency.code().into(),
    })
}

/// What a partner that answers with a summary says at once; the documents in the mailbox say the same later.
#[derive(Deserialize)]
struct Summary {
    accepted: bool,
    #[serde(default)]
    refusals: Vec<Refusal>,
    #[serde(default)]
    queued: Vec<Queued>,
}

#[derive(Deserialize)]
struct Refusal {
    order: String,
    reason: String,
}

#[derive(Deserialize)]
struct Queued {
    code: String,
}

impl Outlet for X12 {
    fn promises(&self) -> Promises {
        Promises { refuses_second: true, reads_back: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        let number = short_name(message, NUMBER_DIGITS);
        if self.archive.taken(&number, message.key().short()).is_some() {
            return Heard::AlreadyThere;
        }
        let unwritten = |_| Heard::Unreachable;
        let control = match self.archive.next_control(Timestamp::now()).map_err(unwritten) {
            Ok(control) => control,
            Err(heard) => return heard,
        };
        let document = match self.document(message, intent.get(), control) {
            Ok(document) => document,
            Err(reason) => return Heard::Refused { reason },
        };
        let Document { number, key, text, .. } = &document;
        if let Err(heard) = self.archive.keep_sent(control, number, key.short(), text).map_err(unwritten) {
            return heard;
        }
        let request = self.http.client().post(self.send.clone()).header("content-type", "application/edi-x12");
        match self.http.ask(self.with_login(request).body(text.clone())) {
            Outcome::Unreachable => Heard::Unreachable,
            Outcome::Silence => Heard::Silence,
            Outcome::Answered(answer) if !answer.is_success() => answer.refusal(),
            Outcome::Answered(answer) => self.answered(&answer, &document),
        }
    }

    fn read_back(&mut self, message: &Message, intent: &Intent) -> Heard {
        let number = short_name(message, NUMBER_DIGITS);
        let standing = match self.collect().and_then(|()| self.standing(&number)) {
            Ok(standing) => standing,
            Err(heard) => return heard,
        };
        let taken = self.archive.taken(&number, message.key().short());
        match standing {
            Standing::Unanswered if taken.is_some() => Heard::Unread,
            Standing::Unanswered | Standing::Rejected => Heard::Holds(None),
            Standing::Accepted { pieces, unit_cost, sequence } => {
                // A change that was taken and is not answered yet.
                let waits = taken.as_deref() == Some(CHANGE) && sequence < Some(message.generation);
                let held = held(message, intent, pieces, &unit_cost, sequence).filter(|_| !waits);
                held.map_or(Heard::Unread, |held| Heard::Holds(Some(held)))
            }
        }
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        self.document(message, intent, 1)?;
        let mut url = self.mailbox.clone();
        url.set_query(Some("raw&leave"));
        match self.http.ask(self.with_login(self.http.client().get(url))) {
            Outcome::Answered(answer) if answer.is_success() => Ok(()),
            Outcome::Answered(answer) => {
                Err(format!("the mailbox cannot be read, {}: check login and address", answer.told()))
            }
            _ => Err(format!("{} does not answer: check the address", self.mailbox)),
        }
    }
}

impl X12 {
    fn answered(&self, answer: &Answer, document: &Document) -> Heard {
        let Ok(summary) = serde_json::from_slice::<Summary>(&answer.body) else { return self.taken(document) };
        if let Some(refusal) = summary.refusals.iter().find(|refusal| refusal.order == document.number) {
            return if refusal.reason.contains("already in use") {
                Heard::AlreadyThere
            } else {
                Heard::Refused { reason: http::excerpt(refusal.reason.as_bytes()) }
            };
        }
        if summary.accepted {
            return self.taken(document);
        }
        // Refused as an envelope: a control number that was used before. The next attempt has another.
        if summary.queued.iter().any(|queued| queued.code == "TA1") {
            return Heard::Busy { wait: SignedDuration::from_secs(1) };
        }
        Heard::Refused { reason: answer.told() }
    }

    fn taken(&self, document: &Document) -> Heard {
        let Document { control, number, key, kind, .. } = document;
        match self.archive.keep_answer(*control, number, key.short(), kind) {
            Ok(()) => Heard::Acknowledged { reference: number.clone() },
            Err(_) => Heard::Silence,
        }
    }
}

/// What the supplier confirmed, in the words of the intent.
fn held(message: &Message, intent: &Intent, pieces: i64, unit_cost: &str, sequence: Option<u64>) -> Option<Held> {
    let Wanted::Order { supplier, sku, place, currency, .. } = Wanted::of(intent) else { return None };
    let unit_cost = Money::parse(unit_cost, currency).ok()?.minor;
    let wanted = Wanted::Order { supplier, sku, place, pieces, unit_cost, currency };
    let content = wanted.hash();
    // An 855 names no generation; where it confirms this very content it is this one.
    let generation = sequence.or_else(|| (content == message.content).then_some(message.generation));
    Some(Held { generation, content, told: Some(Box::new(wanted)) })
}
