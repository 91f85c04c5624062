//! The file drop on a server of somebody else: the same files over SFTP, to a server whose key is known beforehand.

use super::config::Place;
use super::drop::{Format, Shelf, extras, look, look_at_all, parcel, put};
use super::runtime::{runtime, within};
use crate::AdapterError;
use endcap_agent::outbox::{Heard, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_agent::reconcile::Extras;
use endcap_govern::Approved;
use endcap_govern::gate::Intent;
use russh::client::{Config, Handle, Handler, connect};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKey, decode_secret_key};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    host: String,
    #[serde(default = "ssh_port")]
    port: u16,
    user: String,
    /// File of our secret key.
    key: PathBuf,
    /// The server's public key, as its `ssh_host_ed25519_key.pub` has it.
    host_key: String,
    folder: String,
    format: Format,
}

fn ssh_port() -> u16 {
    22
}

/// Drops files on a server.
struct Sftp {
    to: (String, u16),
    user: String,
    key: Arc<PrivateKey>,
    host_key: PublicKey,
    folder: String,
    format: Format,
    runtime: Runtime,
}

/// Makes the channel of its fields.
pub(super) fn open(place: &Place, table: toml::Table) -> Result<Box<dyn Outlet>, AdapterError> {
    let fields: Fields = place.fields(table)?;
    let secret = place.secret(&fields.key)?;
    let key = std::str::from_utf8(secret.expose()).ok().and_then(|text| decode_secret_key(text, None).ok());
    let key =
        key.ok_or_else(|| place.wrong("key", "a file of another form", "a secret key of OpenSSH without a password"))?;
    let expected = "the server's public key, such as 'ssh-ed25519 AAAA...'";
    let host_key = PublicKey::from_openssh(fields.host_key.trim())
        .map_err(|_| place.wrong("host_key", format!("'{}'", fields.host_key), expected))?;
    let runtime = runtime().map_err(|error| place.wrong("kind", error, "a runtime that the system gives"))?;
    Ok(Box::new(Sftp {
        to: (fields.host, fields.port),
        user: fields.user,
        key: Arc::new(key),
        host_key,
        folder: fields.folder.trim_end_matches('/').to_owned(),
        format: fields.format,
        runtime,
    }))
}

/// Takes one server's key for good and no other.
struct Pinned(PublicKey);

impl Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => Ok(key.key_data() == self.0.key_data()),
            PublicKeyOrCertificate::Certificate(_) => Ok(false),
        }
    }
}

/// A connection that is used once; both ends have to be held.
struct Session<'a> {
    runtime: &'a Runtime,
    folder: &'a str,
    sftp: SftpSession,
    _connection: Handle<Pinned>,
}

impl Sftp {
    fn connected(&self) -> Option<Session<'_>> {
        let work = async {
            let (host, port) = (self.to.0.as_str(), self.to.1);
            let mut connection =
                connect(Arc::new(Config::default()), (host, port), Pinned(self.host_key.clone())).await.ok()?;
            let key = PrivateKeyWithHashAlg::new(self.key.clone(), None);
            if !connection.authenticate_publickey(&self.user, key).await.ok()?.success() {
                return None;
            }
            let channel = connection.channel_open_session().await.ok()?;
            channel.request_subsystem(true, "sftp").await.ok()?;
            Some((SftpSession::new(channel.into_stream()).await.ok()?, connection))
        };
        let (sftp, connection) = within(&self.runtime, work).flatten()?;
        Some(Session { runtime: &self.runtime, folder: &self.folder, sftp, _connection: connection })
    }
}

impl Session<'_> {
    fn path(&self, folder: Option<&str>, name: &str) -> String {
        match folder {
            Some(folder) => format!("{}/{folder}/{name}", self.folder),
            None => format!("{}/{name}", self.folder),
        }
    }
}

impl Shelf for Session<'_> {
    fn names(&mut self, folder: Option<&str>) -> Result<Vec<String>, Heard> {
        let path = self.path(folder, "");
        match within(self.runtime, self.sftp.read_dir(path)) {
            Some(Ok(entries)) => Ok(entries.map(|entry| entry.file_name()).collect()),
            Some(Err(Error::Status(status))) if folder.is_some() && status.status_code == StatusCode::NoSuchFile => {
                Ok(vec![])
            }
            _ => Err(Heard::Unreachable),
        }
    }

    fn read(&mut self, folder: Option<&str>, name: &str) -> Result<Vec<u8>, Heard> {
        let path = self.path(folder, name);
        within(self.runtime, self.sftp.read(path)).and_then(Result::ok).ok_or(Heard::Unread)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Heard> {
        let (path, temporary) = (self.path(None, name), self.path(None, &format!(".{name}.tmp")));
        let written = within(self.runtime, async {
            let mut file = self.sftp.create(temporary.as_str()).await.ok()?;
            file.write_all(bytes).await.ok()?;
            file.sync_all().await.ok()?;
            file.close().await.ok()
        });
        if written.flatten().is_none() {
            return Err(Heard::Unreachable);
        }
        let named = within(self.runtime, async {
            // The name is that of this very content: what has it already was written before its manifest could be.
            if self.sftp.try_exists(path.as_str()).await? {
                self.sftp.remove_file(path.as_str()).await?;
            }
            self.sftp.rename(temporary, path).await
        });
        match named {
            Some(Ok(())) => Ok(()),
            _ => Err(Heard::Silence),
        }
    }
}

impl Outlet for Sftp {
    fn promises(&self) -> Promises {
        // A request that is lost on its way may still be done, so that what is older is told but not refused for certain.
        Promises { reads_back: true, keeps_time: true, ..Promises::default() }
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        match self.connected() {
            Some(mut session) => put(&mut session, message, &parcel(message, intent.get(), self.format)),
            None => Heard::Unreachable,
        }
    }

    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        match self.connected() {
            Some(mut session) => look(&mut session, message, self.format),
            None => Heard::Unread,
        }
    }

    fn read_all(&mut self, asked: &[(&Message, &Intent)]) -> Vec<Heard> {
        match self.connected() {
            Some(mut session) => look_at_all(&mut session, asked, self.format),
            None => asked.iter().map(|_| Heard::Unread).collect(),
        }
    }

    fn extras(&mut self, known: &[(&Message, &Intent)]) -> Extras {
        match self.connected() {
            Some(mut session) => extras(&mut session, known, self.format),
            None => Extras::Unread,
        }
    }

    fn rehearse(&mut self, _: &Message, _: &Intent) -> Result<(), String> {
        let (host, port) = &self.to;
        let mut session = self.connected().ok_or_else(|| {
            format!("{host}:{port} lets nobody in: check address, user, key, and that host_key is the server's")
        })?;
        let folder = &self.folder;
        session
            .names(None)
            .map(|_| ())
            .map_err(|_| format!("{folder} at {host} cannot be read: check folder and rights"))
    }
}
