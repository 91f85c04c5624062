//! Reading the stop many times a second: the file at each time, the ledger as a thread of its own saw it last.

use super::{LEDGER, file, table};
use crate::database::{Connection, Home};
use endcap_govern::stop::{Place, Places, Stops};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often the ledger is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// Age from which what the ledger said counts as not known.
const STALE: Duration = Duration::from_secs(1);
/// Time after which a ledger that does not answer is asked anew.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// What is stopped, for senders. Ages are measured on a clock that nobody sets.
pub struct StopReader {
    folder: PathBuf,
    seen: Arc<Mutex<Seen>>,
    /// Its end ends the thread.
    _alive: Sender<()>,
}

/// What the ledger said, and when it was asked.
struct Seen {
    at: Instant,
    database: Place,
}

impl StopReader {
    /// Begins to watch a project's stops; returns once the ledger was looked at.
    ///
    /// # Errors
    /// What the system says when there can be no thread.
    pub fn start(folder: &Path) -> std::io::Result<Self> {
        let begun = Seen { at: Instant::now(), database: Place::Unreadable("it was not read yet".into()) };
        let seen = Arc::new(Mutex::new(begun));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (alive, ended) = mpsc::channel();
        let (looked, first) = mpsc::channel();
        let mut watch = Watch { path: folder.join(LEDGER), open: None };
        let shared = seen.clone();
        thread::Builder::new().name("stops".into()).spawn(move || {
            loop {
                let at = Instant::now();
                let database = runtime.block_on(watch.look());
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = Seen { at, database };
                let _ = looked.send(());
                // Whoever reads has gone once the other end has.
                if ended.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        })?;
        let _ = first.recv_timeout(STALE);
        Ok(Self { folder: folder.to_owned(), seen, _alive: alive })
    }

    /// What is stopped; nothing when that is not known, and then nothing may be sent.
    pub fn read(&self) -> Option<Stops> {
        self.places().known()
    }

    /// What both places say.
    pub fn places(&self) -> Places {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match seen.at.elapsed() {
            age if age > STALE => Place::Unreadable("it has not answered for a second".into()),
            _ => seen.database.clone(),
        };
        drop(seen);
        Places { database, file: file::read(&self.folder) }
    }
}

/// A connection that is kept for as long as the file is the same, or the server answers.
struct Watch {
    path: PathBuf,
    open: Option<(Identity, Connection)>,
}

impl Watch {
    /// What the ledger says; where that takes too long the connection is given up.
    async fn look(&mut self) -> Place {
        match tokio::time::timeout(GIVEN_UP, self.looked()).await {
            Ok(Ok(place)) => place,
            Ok(Err(why)) => {
                self.open = None;
                Place::Unreadable(why)
            }
            Err(_) => {
                self.open = None;
                Place::Unreadable("it does not answer".into())
            }
        }
    }

    async fn looked(&mut self) -> Result<Place, String> {
        let home = Home::of(&self.path).map_err(|error| error.to_string())?;
        let identity = match &home {
            Home::Postgres(server) => Identity::Schema(server.schema.clone()),
            Home::File(path) => match identity(path) {
                Ok(identity) => Identity::File(identity),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.open = None;
                    return Ok(Place::Empty);
                }
                Err(error) => return Err(error.to_string()),
            },
        };
        if self.open.as_ref().is_none_or(|(known, _)| *known != identity) {
            if let Some((_, old)) = self.open.take() {
                let _ = old.close().await;
            }
            let connection = table::open(&home).await.map_err(|error| error.to_string())?;
            self.open = Some((identity, connection));
        }
        let Some((_, connection)) = &mut self.open else { return Ok(Place::Empty) };
        table::rows(connection).await.map_err(|error| error.to_string())
    }
}

/// What tells what is open from another that was put in its place.
#[derive(PartialEq, Eq)]
enum Identity {
    File(FileIdentity),
    Schema(String),
}

/// What tells a file from another that was put in its place.
#[cfg(unix)]
type FileIdentity = (u64, u64);

#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<FileIdentity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// What tells a file from another that was put in its place.
#[cfg(not(unix))]
type FileIdentity = std::time::SystemTime;

#[cfg(not(unix))]
fn identity(path: &Path) -> std::io::Result<FileIdentity> {
    std::fs::metadata(path)?.created()
}
