//! `channels.toml`: the channels of a project, each with the fields of its kind and no others.

use super::carrier::Carrier;
use super::{folder, google, mail, mqtt, nats, sap, secret, sftp, vendure, webhook, x12};
use crate::{AdapterError, tables};
use endcap_agent::ports::Outlet;
use endcap_govern::audit::SecretText;
use endcap_govern::gate::Action;
use endcap_model::Channel;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file that names a project's channels.
pub const FILE_NAME: &str = "channels.toml";

/// What a channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cargo {
    /// Prices and offers.
    Prices,
    /// Purchase orders.
    Orders,
    /// Transfers between places.
    Transfers,
}

impl Cargo {
    /// What an action is.
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Order { .. } => Self::Orders,
            Action::Transfer { .. } => Self::Transfers,
            _ => Self::Prices,
        }
    }

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prices => "prices",
            Self::Orders => "orders",
            Self::Transfers => "transfers",
        }
    }
}

/// A kind of channel: what it can carry at all, and how it is made of its fields.
struct Kind {
    name: &'static str,
    carries: &'static [Cargo],
    make: Make,
}

type Make = fn(&Place, toml::Table) -> Result<Box<dyn Outlet>, AdapterError>;

const ALL: &[Cargo] = &[Cargo::Prices, Cargo::Orders, Cargo::Transfers];

const KINDS: [Kind; 10] = [
    Kind { name: "file_drop", carries: ALL, make: folder::open },
    Kind { name: "x12", carries: &[Cargo::Orders], make: x12::open },
    Kind { name: "sap", carries: &[Cargo::Orders], make: sap::open },
    Kind { name: "webhook", carries: ALL, make: webhook::open },
    Kind { name: "nats", carries: ALL, make: nats::open },
    Kind { name: "mqtt", carries: &[Cargo::Prices], make: mqtt::open },
    Kind { name: "vendure", carries: &[Cargo::Prices], make: vendure::open },
    Kind { name: "sftp", carries: ALL, make: sftp::open },
    Kind { name: "mail", carries: ALL, make: mail::open },
    Kind { name: "google_promotions", carries: &[Cargo::Prices], make: google::open },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    channel: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    kind: String,
    carries: Vec<Cargo>,
}

/// Where a channel is named, for paths that are relative to it and for messages.
pub(super) struct Place<'a> {
    project: &'a Path,
    file: &'a Path,
    /// The channel's name.
    pub name: &'a str,
}

impl Place<'_> {
    /// Reads the fields of a kind.
    pub fn fields<T: DeserializeOwned>(&self, table: toml::Table) -> Result<T, AdapterError> {
        table.try_into().map_err(|error: toml::de::Error| {
            let problem = format!("channel '{}': {}", self.name, error.message());
            AdapterError::form(self.file, problem, "the fields of its kind, as docs/formats.md lists them")
        })
    }

    /// Says that a field cannot be used.
    pub fn wrong(&self, field: &str, found: impl ToString, expected: &str) -> AdapterError {
        AdapterError::Configuration {
            path: self.file.to_owned(),
            field: format!("channel '{}', {field}", self.name),
            found: found.to_string(),
            expected: expected.to_owned(),
        }
    }

    /// A path as the project means it.
    pub fn path(&self, given: &Path) -> PathBuf {
        self.project.join(given)
    }

    /// Reads a secret of the form `user:password`.
    pub fn login(&self, given: Option<&Path>) -> Result<Option<SecretText>, AdapterError> {
        let Some(given) = given else { return Ok(None) };
        let secret = self.secret(given)?;
        match secret::login(&secret) {
            Some(_) => Ok(Some(secret)),
            None => Err(self.wrong("login", "a file of another form", "a file that holds user:password")),
        }
    }

    /// Reads a secret.
    pub fn secret(&self, given: &Path) -> Result<SecretText, AdapterError> {
        secret::read(&self.path(given))
    }
}

/// Opens the channels of a project; none where it has no `channels.toml`. Nothing is sent and nobody is asked.
///
/// # Errors
/// [`AdapterError`] with file, channel and field for the first thing that cannot be used.
pub fn open(project: &Path) -> Result<BTreeMap<Channel, Box<dyn Outlet>>, AdapterError> {
    let path = project.join(FILE_NAME);
    let mut outlets: BTreeMap<Channel, Box<dyn Outlet>> = BTreeMap::new();
    if !path.exists() {
        return Ok(outlets);
    }
    for table in tables::read_toml::<File>(&path)?.channel {
        let (channel, outlet) = opened(project, &path, table)?;
        if outlets.insert(channel.clone(), outlet).is_some() {
            return Err(AdapterError::form(&path, format!("names channel '{channel}' twice"), "a name for each"));
        }
    }
    Ok(outlets)
}

fn opened(project: &Path, file: &Path, mut table: toml::Table) -> Result<(Channel, Box<dyn Outlet>), AdapterError> {
    let name = table.get("name").and_then(|name| name.as_str()).unwrap_or("without a name").to_owned();
    let place = Place { project, file, name: &name };
    let mut head = toml::Table::new();
    for field in ["name", "kind", "carries"] {
        head.extend(table.remove(field).map(|value| (field.to_owned(), value)));
    }
    let head: Head = place.fields(head)?;
    if head.name.trim().is_empty() {
        return Err(place.wrong("name", "empty", "the name that policies and intents use"));
    }
    let Some(kind) = KINDS.iter().find(|kind| kind.name == head.kind) else {
        let names = KINDS.map(|kind| kind.name).join(", ");
        return Err(place.wrong("kind", format!("'{}'", head.kind), &format!("one of {names}")));
    };
    if head.carries.is_empty() {
        return Err(place.wrong("carries", "empty", "what it carries: prices, orders or transfers"));
    }
    if let Some(cargo) = head.carries.iter().find(|cargo| !kind.carries.contains(cargo)) {
        let can: Vec<&str> = kind.carries.iter().map(|cargo| cargo.name()).collect();
        let expected = format!("of {}, which is what {} can carry", can.join(", "), kind.name);
        return Err(place.wrong("carries", format!("'{}'", cargo.name()), &expected));
    }
    let outlet = (kind.make)(&place, table)?;
    let channel = Channel::new(&head.name);
    Ok((channel.clone(), Box::new(Carrier::new(channel, head.carries, outlet))))
}
