//! Files that other systems pick up, in a folder here or on a server: one for each message, and a manifest after it.
//!
//! A file's name is its subject, generation and key, so that the same message has the same file. The manifest is written last
//! and holds the file's hash: what has no manifest is not there yet. Who picks files up may move both to the folder `taken`.

use super::notice::{Notice, short_name};
use endcap_agent::outbox::{Heard, Held, Message};
use endcap_agent::reconcile::{Extra, Extras};
use endcap_govern::gate::Intent;
use endcap_model::{ContentHash, canonical_json, hash_bytes};
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Folder, within the drop, to which files may be moved once they were taken.
pub(super) const TAKEN: &str = "taken";

/// How the files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    Csv,
    Json,
    Xml,
}

/// What says that a file is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    file: String,
    sha256: ContentHash,
    bytes: usize,
    key: ContentHash,
    generation: u64,
}

/// A file and its manifest.
pub(super) struct Parcel {
    pub file: String,
    pub bytes: Vec<u8>,
    pub manifest: String,
    pub manifest_bytes: Vec<u8>,
}

/// A place that holds files.
pub(super) trait Shelf {
    /// Names of the files in the drop (`None`) or in a folder of it.
    fn names(&mut self, folder: Option<&str>) -> Result<Vec<String>, Heard>;
    /// The content of a file.
    fn read(&mut self, folder: Option<&str>, name: &str) -> Result<Vec<u8>, Heard>;
    /// Writes a file whole or not at all.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Heard>;
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Xml => "xml",
        }
    }

    /// Writes a notice.
    pub fn write(self, notice: &Notice) -> Vec<u8> {
        match self {
            Self::Json => notice.json(),
            Self::Csv => csv_of(&notice.fields()).expect("Invariant: memory can be written to"),
            Self::Xml => xml_of(&notice.fields()).expect("Invariant: memory can be written to"),
        }
    }

    /// Reads a notice; nothing where it is none.
    pub fn read(self, bytes: &[u8]) -> Option<Notice> {
        match self {
            Self::Json => serde_json::from_slice(bytes).ok(),
            Self::Csv => Notice::from_fields(&fields_of_csv(bytes)?),
            Self::Xml => Notice::from_fields(&fields_of_xml(std::str::from_utf8(bytes).ok()?)?),
        }
    }
}

/// The files of a message.
pub(super) fn parcel(message: &Message, intent: &Intent, format: Format) -> Parcel {
    let notice = Notice::of(message, intent);
    let stem = format!("{}-{:010}-{}", subject_name(message), message.generation, message.key().short());
    let (file, bytes) = (format!("{stem}.{}", format.ending()), format.write(&notice));
    let manifest = Manifest {
        file: file.clone(),
        sha256: hash_bytes(&bytes),
        bytes: bytes.len(),
        key: message.key(),
        generation: message.generation,
    };
    let manifest_bytes = canonical_json(&manifest).into_bytes();
    Parcel { file, bytes, manifest: format!("{stem}.manifest"), manifest_bytes }
}

/// Puts a message on a shelf unless it or a later one lies there.
pub(super) fn put(shelf: &mut dyn Shelf, message: &Message, parcel: &Parcel) -> Heard {
    let newest = match newest(shelf, message) {
        Ok(newest) => newest,
        // Nothing was written yet.
        Err(_) => return Heard::Unreachable,
    };
    match newest {
        Some((_, name, _)) if name == parcel.manifest => {}
        Some((generation, _, _)) if generation > message.generation => return Heard::Older,
        _ => {
            let written = shelf
                .write(&parcel.file, &parcel.bytes)
                .and_then(|()| shelf.write(&parcel.manifest, &parcel.manifest_bytes));
            if let Err(heard) = written {
                return heard;
            }
        }
    }
    Heard::Acknowledged { reference: parcel.manifest.clone() }
}

/// Reads what lies on a shelf for a message's subject.
pub(super) fn look(shelf: &mut dyn Shelf, message: &Message, format: Format) -> Heard {
    let Ok(newest) = newest(shelf, message) else { return Heard::Unread };
    let Some((_, name, folder)) = newest else { return Heard::Holds(None) };
    let Ok(bytes) = shelf.read(folder, &name) else { return Heard::Unread };
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) else { return Heard::Unread };
    let Ok(bytes) = shelf.read(folder, &manifest.file) else { return Heard::Unread };
    let notice = format.read(&bytes).filter(|_| hash_bytes(&bytes) == manifest.sha256);
    notice.map_or(Heard::Unread, |notice| Heard::Holds(Some(notice.held())))
}

/// Reads what lies on a shelf for each of many messages, with one look at its names. A file that somebody changed is told as it
/// is: whoever picks it up may not look at the manifest.
pub(super) fn look_at_all(shelf: &mut dyn Shelf, asked: &[(&Message, &Intent)], format: Format) -> Vec<Heard> {
    let Ok(all) = All::of(shelf) else { return asked.iter().map(|_| Heard::Unread).collect() };
    asked.iter().map(|(message, _)| all.held(shelf, &subject_name(message), format)).collect()
}

/// Lists what lies there to be picked up and is about none of these messages.
pub(super) fn extras(shelf: &mut dyn Shelf, known: &[(&Message, &Intent)], format: Format) -> Extras {
    let Ok(all) = All::of(shelf) else { return Extras::Unread };
    let known: BTreeSet<String> = known.iter().map(|(message, _)| subject_name(message)).collect();
    let mut found = vec![];
    for (subject, (generation, name, folder)) in &all.newest {
        if folder.is_some() || known.contains(subject) {
            continue;
        }
        let held = match all.held(shelf, subject, format) {
            Heard::Holds(Some(held)) => held.told.map(|told| *told),
            _ => None,
        };
        found.push(Extra { name: name.clone(), held, generation: Some(*generation) });
    }
    Extras::Found(found)
}

/// Everything that lies on a shelf, by name.
struct All {
    names: BTreeSet<(Option<&'static str>, String)>,
    newest: BTreeMap<String, Found>,
}

impl All {
    fn of(shelf: &mut dyn Shelf) -> Result<Self, Heard> {
        let (mut names, mut newest) = (BTreeSet::new(), BTreeMap::<String, Found>::new());
        for folder in [None, Some(TAKEN)] {
            for name in shelf.names(folder)? {
                if let Some((subject, generation)) = read_name(&name)
                    && newest.get(subject).is_none_or(|(newest, _, _)| generation > *newest)
                {
                    newest.insert(subject.to_owned(), (generation, name.clone(), folder));
                }
                names.insert((folder, name));
            }
        }
        Ok(Self { names, newest })
    }

    fn held(&self, shelf: &mut dyn Shelf, subject: &str, format: Format) -> Heard {
        let Some((generation, name, folder)) = self.newest.get(subject) else { return Heard::Holds(None) };
        let Ok(bytes) = shelf.read(*folder, name) else { return Heard::Unread };
        let manifest = serde_json::from_slice::<Manifest>(&bytes).ok();
        let Some(manifest) = manifest.filter(|manifest| manifest.generation == *generation) else {
            let content = hash_bytes(&bytes);
            return Heard::Holds(Some(Held { generation: Some(*generation), content, told: None }));
        };
        if !self.names.contains(&(*folder, manifest.file.clone())) {
            return Heard::Holds(None);
        }
        let Ok(bytes) = shelf.read(*folder, &manifest.file) else { return Heard::Unread };
        let notice = format.read(&bytes);
        if hash_bytes(&bytes) == manifest.sha256
            && let Some(notice) = &notice
        {
            return Heard::Holds(Some(notice.held()));
        }
        let told = notice.map(|notice| Box::new(notice.wanted));
        Heard::Holds(Some(Held { generation: Some(*generation), content: hash_bytes(&bytes), told }))
    }
}

/// Subject and generation in the name of a manifest.
fn read_name(name: &str) -> Option<(&str, u64)> {
    let (subject, rest) = name.strip_suffix(".manifest")?.split_once('-')?;
    Some((subject, rest.split_once('-')?.0.parse().ok()?))
}

type Found = (u64, String, Option<&'static str>);

/// The manifest of the latest generation about a message's subject, and the folder it lies in.
fn newest(shelf: &mut dyn Shelf, message: &Message) -> Result<Option<Found>, Heard> {
    let subject = subject_name(message);
    let mut newest: Option<Found> = None;
    for folder in [None, Some(TAKEN)] {
        for name in shelf.names(folder)? {
            let generation = generation_of(&name, &subject);
            if let Some(generation) = generation
                && newest.as_ref().is_none_or(|(newest, _, _)| generation > *newest)
            {
                newest = Some((generation, name, folder));
            }
        }
    }
    Ok(newest)
}

fn generation_of(name: &str, subject: &str) -> Option<u64> {
    let rest = name.strip_suffix(".manifest")?.strip_prefix(subject)?.strip_prefix('-')?;
    rest.split_once('-')?.0.parse().ok()
}

fn subject_name(message: &Message) -> String {
    short_name(message, 24)
}

fn csv_of(fields: &[(String, String)]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(fields.iter().map(|(name, _)| name))?;
    writer.write_record(fields.iter().map(|(_, text)| text))?;
    Ok(writer.into_inner().expect("Invariant: a vector of bytes can always be written to"))
}

fn fields_of_csv(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let names = reader.headers().ok()?.clone();
    let row = reader.records().next()?.ok()?;
    Some(names.iter().map(str::to_owned).zip(row.iter().map(str::to_owned)).collect())
}

fn xml_of(fields: &[(String, String)]) -> std::io::Result<Vec<u8>> {
    let mut writer = quick_xml::Writer::new(vec![]);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.write_event(Event::Start(BytesStart::new("notice")))?;
    for (name, text) in fields {
        writer.write_event(Event::Start(BytesStart::new(name.as_str())))?;
        writer.write_event(Event::Text(BytesText::new(text)))?;
        writer.write_event(Event::End(BytesEnd::new(name.as_str())))?;
    }
    writer.write_event(Event::End(BytesEnd::new("notice")))?;
    Ok(writer.into_inner())
}

fn fields_of_xml(text: &str) -> Option<BTreeMap<String, String>> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut fields, mut name) = (BTreeMap::new(), None::<String>);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.name().as_ref() == "notice" => {}
            Event::Start(start) => name = Some(start.name().as_ref().to_owned()),
            Event::Text(text) => {
                if let Some(name) = &name {
                    fields.entry(name.clone()).or_insert_with(String::new).push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let letter = match reference.resolve_char_ref().ok()? {
                    Some(letter) => letter.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference)?.to_owned(),
                };
                fields.entry(name.clone()?).or_insert_with(String::new).push_str(&letter);
            }
            Event::End(_) => name = None,
            Event::Eof => return Some(fields),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutated;
    use endcap_agent::outbox::Wanted;

    #[test]
    fn every_format_keeps_every_letter() {
        let wanted = Wanted::Transfer {
            sku: "a,\"b\" & <c> 'd' ü\n;".into(),
            origin: "nord & süd".into(),
            place: "]]>".into(),
            pieces: 12,
        };
        let notice = Notice {
            key: hash_bytes(b"k"),
            subject: "[\"transfer\"]".into(),
            generation: 7,
            action: "transfer".into(),
            offer: None,
            wanted,
        };
        for format in [Format::Csv, Format::Json, Format::Xml] {
            let bytes = format.write(&notice);
            assert_eq!(format.read(&bytes).as_ref(), Some(&notice), "{}", String::from_utf8_lossy(&bytes));
            assert_eq!(format.read(&bytes[..bytes.len() / 2]), None, "half a file is no file");
        }
    }

    #[test]
    fn broken_notices_are_read_or_left_out() {
        let wanted =
            Wanted::Transfer { sku: "a & b".into(), origin: "north".into(), place: "s\u{fc}d".into(), pieces: 12 };
        let notice = Notice {
            key: hash_bytes(b"k"),
            subject: "[\"transfer\"]".into(),
            generation: 7,
            action: "transfer".into(),
            offer: None,
            wanted,
        };
        for (name, format) in [("JSON", Format::Json), ("XML", Format::Xml), ("CSV notices", Format::Csv)] {
            let whole = format.write(&notice);
            let read = |bytes: &[u8]| format.read(bytes).is_some();
            assert_eq!(mutated::each(name, &[whole], mutated::copies(20_000), read).panics, 0);
        }
    }
}
