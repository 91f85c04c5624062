//! Feeds: folders, streams and topics that bring facts by themselves, into the same place as what comes over the API.
//!
//! A feed keeps where it stands in our own transaction, beside what it brought ([`Pump`]): whatever is killed, nothing is lost
//! and nothing counts twice. A source is never told that something is kept before it is. Nothing here decides what follows
//! from what came.

mod folder;
mod kafka;
mod nats;
mod pump;
mod settings;

pub use pump::{Pump, Turn};
pub use settings::{FeedKind, FeedSettings, Sasl};

use crate::AdapterError;
use crate::channels::secret;
use endcap_agent::ports::{Feed, PortError};
use endcap_govern::audit::SecretText;
use std::path::Path;

/// Messages that are taken at once, and kept with one sync to disk.
const AT_ONCE: usize = 4_096;

/// Bytes of messages that are taken at once, about.
const BYTES_AT_ONCE: usize = 8 << 20;

/// Opens the source of a feed; nobody is asked yet.
///
/// # Errors
/// [`AdapterError`] when a secret cannot be read.
pub fn open(project: &Path, settings: &FeedSettings) -> Result<Box<dyn Feed>, AdapterError> {
    Ok(match settings.kind {
        FeedKind::Folder => Box::new(folder::Folder::new(project, settings)),
        FeedKind::Nats => Box::new(nats::Nats::new(project, settings)?),
        FeedKind::Kafka => Box::new(kafka::Kafka::new(project, settings)?),
    })
}

/// Reads the secret that a source is opened with, where it needs one.
fn login(project: &Path, settings: &FeedSettings) -> Result<Option<SecretText>, AdapterError> {
    let Some(path) = settings.login.as_ref().map(|path| project.join(path)) else { return Ok(None) };
    let login = secret::read(&path)?;
    match secret::login(&login) {
        Some(_) => Ok(Some(login)),
        None => Err(AdapterError::form(&path, "has another form", "user:password in one line")),
    }
}

/// Says what is wrong with a source.
fn lost(reason: impl std::fmt::Display) -> PortError {
    PortError { port: "feed", reason: reason.to_string() }
}
