//! The file drop: files in a folder, in each format.

use super::suite::{CHANNEL, World, accepts};
use endcap_adapters::channels::{FILE_NAME, Notice, open};
use endcap_agent::outbox::{Message, Wanted};
use endcap_agent::ports::Outlet;
use endcap_govern::gate::Intent;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;

struct Drop {
    project: TempDir,
    format: &'static str,
}

impl Drop {
    fn new(format: &'static str) -> Self {
        let drop = Self { project: tempfile::tempdir().unwrap(), format };
        fs::create_dir(drop.folder()).unwrap();
        drop
    }

    fn folder(&self) -> PathBuf {
        self.project.path().join("drop")
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder()) else { return vec![] };
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "taken")
            .collect();
        names.sort();
        names
    }
}

/// The number behind a name, wherever a format puts it.
fn number_behind(text: &str, format: &str, name: &str) -> Option<i64> {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    match format {
        "json" => digits(text.split_once(&format!("\"{name}\":"))?.1),
        "xml" => digits(text.split_once(&format!("<{name}>"))?.1),
        _ => {
            let mut lines = text.lines();
            let column = lines.next()?.split(',').position(|column| column == name)?;
            // The subject is the one field with commas in it: it stands before all others but the key.
            let row = lines.next()?;
            let behind = row.rsplit_once("\"\"]\",").map_or(row, |(_, behind)| behind);
            digits(behind.split(',').nth(column - 2)?)
        }
    }
}

impl World for Drop {
    fn outlet(&mut self, _: Option<SocketAddr>) -> Box<dyn Outlet> {
        let format = self.format;
        let text = format!(
            "[[channel]]\nname = \"{CHANNEL}\"\nkind = \"file_drop\"\ncarries = [\"prices\", \"transfers\"]\n\
             folder = \"drop\"\nformat = \"{format}\"\n"
        );
        fs::write(self.project.path().join(FILE_NAME), text).unwrap();
        open(self.project.path()).unwrap().remove(&CHANNEL.into()).unwrap()
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }

    fn mark(&self) -> &'static [u8] {
        b""
    }

    fn stop(&mut self) {
        fs::rename(self.folder(), self.project.path().join("away")).unwrap();
        // A file where the folder was: nothing can be made there.
        fs::write(self.folder(), "").unwrap();
    }

    fn start(&mut self) {
        fs::remove_file(self.folder()).unwrap();
        fs::rename(self.project.path().join("away"), self.folder()).unwrap();
    }

    fn state(&mut self) -> String {
        let file = |name: String| format!("{name}\n{}\n", fs::read_to_string(self.folder().join(&name)).unwrap());
        self.names().into_iter().map(file).collect()
    }

    fn held(&mut self, _: &Message, _: &Intent) -> Option<i64> {
        let manifests = self.names().into_iter().filter(|name| name.ends_with(".manifest"));
        let last = manifests.max_by_key(|name| name.split('-').nth(1).unwrap().to_owned())?;
        let file = last.replace(".manifest", &format!(".{}", self.format));
        number_behind(&fs::read_to_string(self.folder().join(file)).unwrap(), self.format, "price")
    }

    fn shelf(&self) -> (&'static str, &'static str) {
        ("north", "milk & \"cream\"")
    }

    fn takes_orders(&self) -> bool {
        false
    }
}

#[test]
fn a_file_drop_of_json_is_accepted() {
    accepts(&mut Drop::new("json"));
}

#[test]
fn a_file_drop_of_xml_is_accepted() {
    accepts(&mut Drop::new("xml"));
}

#[test]
fn a_file_drop_of_csv_is_accepted() {
    accepts(&mut Drop::new("csv"));
}

#[test]
fn a_file_without_its_manifest_is_not_there_and_files_that_were_taken_are() {
    use super::approved::{approved, intent};
    use endcap_agent::outbox::Heard;
    use endcap_govern::gate::Action;
    let mut world = Drop::new("json");
    let offer = Action::StartOffer { offer: "o1".into(), price: 150 };
    let intent = intent(CHANNEL, "north", "milk", offer, 1);
    let mut outlet = world.outlet(None);
    let message = Message::of(&intent, &outlet.promises());
    outlet.send(&message, &approved(&intent));
    let [file, manifest] = world.names().try_into().unwrap();
    let notice: Notice = serde_json::from_str(&fs::read_to_string(world.folder().join(&file)).unwrap()).unwrap();
    assert_eq!((&notice.key, &notice.wanted), (&message.key(), &Wanted::of(&intent)));
    let taken = world.folder().join("taken");
    fs::create_dir(&taken).unwrap();
    for name in [&file, &manifest] {
        fs::rename(world.folder().join(name), taken.join(name)).unwrap();
    }
    let held = outlet.read_back(&message, &intent);
    assert!(matches!(&held, Heard::Holds(Some(held)) if held.content == message.content), "{held:?}");
    assert!(matches!(outlet.send(&message, &approved(&intent)), Heard::Acknowledged { .. }));
    assert!(world.names().is_empty(), "what was taken is not put there again");
    let forged = fs::read_to_string(taken.join(&file)).unwrap().replace("150", "15");
    fs::write(taken.join(&file), forged).unwrap();
    assert_eq!(outlet.read_back(&message, &intent), Heard::Unread, "the file is not what its manifest says");
    fs::remove_file(taken.join(&manifest)).unwrap();
    assert_eq!(outlet.read_back(&message, &intent), Heard::Holds(None));
}
