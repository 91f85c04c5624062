//! The file drop for messages: files in a folder here, for systems that pick files up.

use super::config::Place;
use super::drop::{Format, Shelf, extras, look, look_at_all, parcel, put};
use crate::{AdapterError, files};
use endcap_agent::outbox::{Heard, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_agent::reconcile::Extras;
use endcap_govern::Approved;
use endcap_govern::gate::Intent;
use serde::Deserialize;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    folder: PathBuf,
    format: Format,
}

/// Drops files into a folder.
struct FolderDrop {
    folder: Folder,
    format: Format,
}

struct Folder(PathBuf);

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    Ok(Box::new(FolderDrop { folder: Folder(place.path(&fields.folder)), format: fields.format }))
}

impl Outlet for FolderDrop {
    fn promises(&self) -> Promises {
        // Files come one after the other and lie there at once, so that what is older can be told and left.
        Promises { refuses_older: true, reads_back: true, keeps_time: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        put(&mut self.folder, message, &parcel(message, intent.get(), self.format))
    }

    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        look(&mut self.folder, message, self.format)
    }

    fn read_all(&mut self, asked: &[(&Message, &Intent)]) -> Vec<Heard> {
        look_at_all(&mut self.folder, asked, self.format)
    }

    fn extras(&mut self, known: &[(&Message, &Intent)]) -> Extras {
        extras(&mut self.folder, known, self.format)
    }

    fn rehearse(&mut self, _: &Message, _: &Intent) -> Result<(), String> {
        let folder = self.folder.0.display();
        match fs::metadata(&self.folder.0) {
            Err(error) => {
                Err(format!("{folder} cannot be used ({error}): make the folder that files are picked up from"))
            }
            Ok(found) if !found.is_dir() => Err(format!("{folder} is no folder")),
            Ok(found) if found.permissions().readonly() => Err(format!("{folder} may not be written to")),
            Ok(_) => Ok(()),
        }
    }
}

impl Folder {
    fn within(&self, folder: Option<&str>) -> PathBuf {
        folder.map_or_else(|| self.0.clone(), |folder| self.0.join(folder))
    }
}

impl Shelf for Folder {
    fn names(&mut self, folder: Option<&str>) -> Result<Vec<String>, Heard> {
        let entries = match fs::read_dir(self.within(folder)) {
            Err(error) if folder.is_some() && error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            entries => entries.map_err(|_| Heard::Unreachable)?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<Result<_, _>>().map_err(|_| Heard::Unreachable)
    }

    fn read(&mut self, folder: Option<&str>, name: &str) -> Result<Vec<u8>, Heard> {
        fs::read(self.within(folder).join(name)).map_err(|_| Heard::Unread)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Heard> {
        // The name is given last: until then nobody has seen anything. After it only the folder's own sync can fail.
        let path = self.0.join(name);
        files::write_atomic(&path, bytes).map_err(|_| if path.exists() { Heard::Silence } else { Heard::Unreachable })
    }
}
