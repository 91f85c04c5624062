//! Handing a checkpoint to a witness and taking back what it signed, by a folder or by C2SP `tlog-witness`.

use super::settings::{FILE_NAME, WitnessSettings};
use crate::channels::http::{self, Http, Outcome};
use crate::{AdapterError, files};
use endcap_govern::audit::{Checkpoint, Digest32, Note, Offer, PublicKey, Signed, prove_consistency};
use reqwest::Url;
use std::path::{Path, PathBuf};

/// What goes to a witness, and what comes back.
const OFFER: &str = "offer.txt";
const SIGNED: &str = "signed.checkpoint";

/// A witness, with how far it has signed.
pub(super) struct Witness {
    name: String,
    key: PublicKey,
    way: Way,
    /// Records that it has signed last, as far as is known.
    seen: u64,
    done: bool,
}

enum Way {
    Folder(PathBuf),
    Http { url: Url, http: Box<Http> },
}

impl Witness {
    pub fn open(project: &Path, settings: &WitnessSettings) -> Result<Self, AdapterError> {
        let wrong = |field: &str, found: String, expected: &str| AdapterError::Configuration {
            path: project.join(FILE_NAME),
            field: format!("witness '{}', {field}", settings.name),
            found,
            expected: expected.to_owned(),
        };
        let way = match (&settings.folder, &settings.url) {
            (Some(folder), _) => Way::Folder(project.join(folder)),
            (None, url) => {
                let url = url.clone().unwrap_or_default();
                let address =
                    http::address(&url, |_| false).map_err(|expected| wrong("url", format!("'{url}'"), expected))?;
                let http = Http::new(http::is_local(&address)).map_err(|why| wrong("url", why, "a working TLS"))?;
                Way::Http { url: address, http: Box::new(http) }
            }
        };
        Ok(Self { name: settings.name.clone(), key: settings.key(project)?, way, seen: 0, done: false })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Learns from a checkpoint that was kept how far the witness has signed.
    pub fn remember(&mut self, kept: &Note) {
        if let (Signed::Yes(_), Ok(checkpoint)) = (kept.signed_by(&self.key), kept.text().parse::<Checkpoint>()) {
            self.seen = self.seen.max(checkpoint.size);
        }
    }

    /// Whether it has signed the last checkpoint.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// There is a new checkpoint.
    pub fn ask_anew(&mut self) {
        self.done = false;
    }

    /// Hands the checkpoint over and takes back what it has signed, which may be an older one.
    pub fn ask(
        &mut self,
        checkpoint: &Checkpoint,
        note: &Note,
        leaves: &[Digest32],
        log: &[PublicKey],
    ) -> Result<Option<Note>, String> {
        let signed = match &self.way {
            Way::Folder(folder) => {
                let signed = taken_back(folder, log)?;
                let size = signed.as_ref().map_or(0, |(size, _)| *size).min(checkpoint.size);
                files::write_atomic(&folder.join(OFFER), offer(note, leaves, size).to_string().as_bytes())
                    .map_err(|error| error.to_string())?;
                signed
            }
            Way::Http { url, http } => match asked(url, http, &offer(note, leaves, self.seen))? {
                Told::Signed(lines) => Some((checkpoint.size, with(note, &lines)?)),
                // It remembers another size: from there on, once.
                Told::OtherSize(size) if size <= checkpoint.size && size != self.seen => {
                    self.seen = size;
                    match asked(url, http, &offer(note, leaves, size))? {
                        Told::Signed(lines) => Some((checkpoint.size, with(note, &lines)?)),
                        Told::OtherSize(_) => return Err("it does not say how far it has signed".into()),
                    }
                }
                Told::OtherSize(size) => {
                    return Err(format!("it has signed {size} records of this log, which has {}", checkpoint.size));
                }
            },
        };
        let Some((size, signed)) = signed else { return Ok(None) };
        if !matches!(signed.signed_by(&self.key), Signed::Yes(_)) {
            return Err("what came back is not signed by its key".into());
        }
        let news = size > self.seen || !self.done && size == checkpoint.size;
        (self.seen, self.done) = (size, size == checkpoint.size);
        Ok(news.then_some(signed))
    }
}

fn offer(note: &Note, leaves: &[Digest32], old: u64) -> Offer {
    let proof = usize::try_from(old).ok().and_then(|old| prove_consistency(leaves, old)).unwrap_or_default();
    Offer { old, proof, note: note.clone() }
}

/// What lies in a folder, if it is a checkpoint of this log.
fn taken_back(folder: &Path, log: &[PublicKey]) -> Result<Option<(u64, Note)>, String> {
    let path = folder.join(SIGNED);
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        Ok(text) => {
            let note: Note = text.parse().map_err(|_| format!("{} is no signed checkpoint", path.display()))?;
            let checkpoint = Checkpoint::trusted(&note, log).map_err(|why| format!("{}: {why}", path.display()))?;
            Ok(Some((checkpoint.size, note)))
        }
    }
}

enum Told {
    Signed(String),
    OtherSize(u64),
}

fn asked(url: &Url, http: &Http, offer: &Offer) -> Result<Told, String> {
    let request = http.client().post(url.clone()).header("content-type", "text/plain").body(offer.to_string());
    match http.ask(request) {
        Outcome::Answered(answer) if answer.is_success() => {
            String::from_utf8(answer.body).map(Told::Signed).map_err(|_| "its answer is no text".into())
        }
        Outcome::Answered(answer) if answer.status == 409 => {
            let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
            text.parse().map(Told::OtherSize).map_err(|_| "it refused, and told no size".into())
        }
        Outcome::Answered(answer) => Err(answer.told()),
        Outcome::Unreachable | Outcome::Silence => Err("it does not answer".into()),
    }
}

/// A note with the signatures that came back under it.
fn with(note: &Note, lines: &str) -> Result<Note, String> {
    let lines: String = lines.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    format!("{note}{lines}").parse().map_err(|_| "its answer holds no signature".into())
}
