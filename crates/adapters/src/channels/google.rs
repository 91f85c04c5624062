//! Google's promotions feed: one file with all offers that stand, which Google fetches or is sent.
//!
//! The feed is written anew from a list beside it whenever an offer changes; both are whole at any time, and where they differ
//! the next message mends the feed. What Google makes of it cannot be read back here: what is read is the feed.
//!
//! # Source
//! Google Merchant Center, promotion data specification: names of the attributes and lengths.

use super::config::Place;
use super::notice::{Notice, decimal, short_name};
use crate::{AdapterError, files};
use endcap_agent::outbox::{Heard, Message, Promises, Wanted};
use endcap_agent::ports::Outlet;
use endcap_agent::reconcile::{Extra, Extras};
use endcap_govern::Approved;
use endcap_govern::gate::{Action, Intent};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Longest title, in characters.
const LONGEST_TITLE: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The feed; its list lies beside it.
    file: PathBuf,
    /// The place that sells online.
    place: String,
}

struct Feed {
    file: PathBuf,
    place: String,
}

/// An offer in the list: what was said of it last, and what it takes off.
#[derive(Serialize, Deserialize)]
struct Listed {
    notice: Notice,
    /// In minor units; nothing once it is over.
    off: Option<i64>,
}

type List = BTreeMap<String, Listed>;

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    if fields.file.extension().is_none_or(|ending| ending != "xml") {
        return Err(place.wrong("file", format!("'{}'", fields.file.display()), "a file that ends in .xml"));
    }
    Ok(Box::new(Feed { file: place.path(&fields.file), place: fields.place }))
}

impl Feed {
    fn list_file(&self) -> PathBuf {
        self.file.with_extension("json")
    }

    fn list(&self) -> Option<List> {
        match fs::read(self.list_file()) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(List::new()),
            Err(_) => None,
        }
    }

    /// What an intent lists: an offer with what it takes off, or its end.
    fn listed(&self, message: &Message, intent: &Intent) -> Result<Listed, String> {
        if intent.place.as_str() != self.place {
            return Err(format!("this feed is for '{}' and not '{}'", self.place, intent.place));
        }
        let reference = intent.shown.reduction.as_ref().and_then(|reduction| reduction.reference);
        let off = match (&intent.action, reference, intent.until) {
            (Action::EndOffer { .. }, _, _) => None,
            (Action::StartOffer { price, .. } | Action::ChangeOffer { price, .. }, Some(earlier), Some(_))
                if earlier > *price =>
            {
                Some(earlier - price)
            }
            (Action::StartOffer { .. } | Action::ChangeOffer { .. }, _, _) => {
                return Err("Google wants an offer with an end and an announced reduction from an earlier price".into());
            }
            _ => return Err("Google's promotions feed takes offers alone".into()),
        };
        Ok(Listed { notice: Notice::of(message, intent), off })
    }
}

/// The feed of a list.
fn feed(list: &List) -> std::io::Result<Vec<u8>> {
    let mut writer = Writer::new(vec![]);
    let open = |name: &str| Event::Start(BytesStart::new(name.to_owned()));
    let close = |name: &str| Event::End(BytesEnd::new(name.to_owned()));
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root =
        BytesStart::new("rss").with_attributes([("version", "2.0"), ("xmlns:g", "http://base.google.com/ns/1.0")]);
    writer.write_event(Event::Start(root))?;
    writer.write_event(open("channel"))?;
    for (id, listed) in list {
        let Some(fields) = promotion(id, listed) else { continue };
        writer.write_event(open("item"))?;
        for (name, text) in fields {
            writer.write_event(open(name))?;
            writer.write_event(Event::Text(BytesText::new(&text)))?;
            writer.write_event(close(name))?;
        }
        writer.write_event(close("item"))?;
    }
    writer.write_event(close("channel"))?;
    writer.write_event(close("rss"))?;
    Ok(writer.into_inner())
}

/// The attributes of an offer that stands.
fn promotion(id: &str, listed: &Listed) -> Option<Vec<(&'static str, String)>> {
    let Wanted::Price { sku, currency, from, until, .. } = &listed.notice.wanted else { return None };
    let (off, until) = (listed.off?, (*until)?);
    let amount = format!("{} {}", decimal(off, *currency), currency.code());
    let title: String = format!("{amount} off {sku}").chars().take(LONGEST_TITLE).collect();
    Some(vec![
        ("g:promotion_id", id.to_owned()),
        ("g:product_applicability", "SPECIFIC_PRODUCTS".into()),
        ("g:item_id", sku.to_string()),
        ("g:offer_type", "NO_CODE".into()),
        ("g:long_title", title),
        ("g:promotion_effective_dates", format!("{from}/{until}")),
        ("g:redemption_channel", "ONLINE".into()),
        ("g:coupon_value_type", "MONEY_OFF".into()),
        ("g:money_off_amount", amount),
    ])
}

fn promotion_id(message: &Message) -> String {
    short_name(message, 24)
}

impl Outlet for Feed {
    fn promises(&self) -> Promises {
        Promises { refuses_older: true, reads_back: true, keeps_time: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        let listed = match self.listed(message, intent.get()) {
            Ok(listed) => listed,
            Err(reason) => return Heard::Refused { reason },
        };
        let Some(mut list) = self.list() else { return Heard::Unreachable };
        let id = promotion_id(message);
        if list.get(&id).is_some_and(|there| there.notice.generation > message.generation) {
            return Heard::Older;
        }
        list.insert(id.clone(), listed);
        let bytes = serde_json::to_vec_pretty(&list).expect("Invariant: a list is JSON");
        if files::write_atomic(&self.list_file(), &bytes).is_err() {
            return Heard::Unreachable;
        }
        let bytes = feed(&list).expect("Invariant: memory can be written to");
        match files::write_atomic(&self.file, &bytes) {
            Ok(()) => Heard::Acknowledged { reference: id },
            Err(_) => Heard::Silence,
        }
    }

    fn read_back(&mut self, message: &Message, intent: &Intent) -> Heard {
        self.read_all(&[(message, intent)]).pop().unwrap_or(Heard::Unread)
    }

    fn read_all(&mut self, asked: &[(&Message, &Intent)]) -> Vec<Heard> {
        let Some(list) = self.list() else { return asked.iter().map(|_| Heard::Unread).collect() };
        let there = fs::read(&self.file).ok();
        let whole = list.is_empty() && there.is_none() || there == feed(&list).ok();
        let held = |message: &Message| list.get(&promotion_id(message)).map(|listed| listed.notice.held());
        asked.iter().map(|(message, _)| Heard::Holds(held(message).filter(|_| whole))).collect()
    }

    fn extras(&mut self, known: &[(&Message, &Intent)]) -> Extras {
        let Some(list) = self.list() else { return Extras::Unread };
        let known: BTreeSet<String> = known.iter().map(|(message, _)| promotion_id(message)).collect();
        let foreign = list.into_iter().filter(|(id, listed)| listed.off.is_some() && !known.contains(id));
        let extra = |(name, listed): (String, Listed)| Extra {
            name,
            generation: Some(listed.notice.generation),
            held: Some(listed.notice.wanted),
        };
        Extras::Found(foreign.map(extra).collect())
    }

    fn rehearse(&mut self, message: &Message, intent: &Intent) -> Result<(), String> {
        self.listed(message, intent)?;
        let folder = files::folder_of(&self.file);
        match (folder.is_dir(), self.list()) {
            (false, _) => Err(format!("{} is no folder: make it", folder.display())),
            (_, None) => Err(format!("{} is no list of offers: move it away", self.list_file().display())),
            _ => Ok(()),
        }
    }
}
