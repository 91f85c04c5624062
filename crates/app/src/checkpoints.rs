//! Signing the audit trail again and again beside the desk and the sender, and telling when that does not happen.

use crate::commands::audit::random;
use endcap_adapters::ledger::{Ledger, LedgerError};
use endcap_adapters::notary::{Notary, Settings, Ticked};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the trail is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long a notary that could not begin waits before it tries again.
const BEGIN_AGAIN: Duration = Duration::from_secs(30);
/// How many times the longest wait a record may be without a checkpoint before that is told.
const PATIENCE: i32 = 3;

/// A notary at work, until this is dropped.
pub struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whatever it says, it has ended.
            let _ = thread.join();
        }
    }
}

/// Signs in the background where the project has `checkpoints.toml`; `tell` hears what goes wrong, once as long as it is the same.
///
/// # Errors
/// What is wrong with the settings or a key: a log that is to be signed and cannot be is no secret.
pub fn keep_signing(project: &Path, tell: impl Fn(&str) + Send + 'static) -> anyhow::Result<Option<Keeper>> {
    if Settings::read(project)?.is_none() {
        return Ok(None);
    }
    let (stop, project) = (Arc::new(AtomicBool::new(false)), project.to_owned());
    let stopped = stop.clone();
    let thread = std::thread::Builder::new().name("notary".into()).spawn(move || work(&project, &stopped, &tell))?;
    Ok(Some(Keeper { stop, thread: Some(thread) }))
}

fn work(project: &Path, stopped: &AtomicBool, tell: &dyn Fn(&str)) {
    let (mut notary, mut told, mut next) = (None, String::new(), Instant::now());
    while !stopped.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            let said = round(project, &mut notary);
            next = Instant::now() + if notary.is_some() { EVERY } else { BEGIN_AGAIN };
            let fault = said.unwrap_or_default();
            if !fault.is_empty() && fault != told {
                tell(&fault);
            }
            told = fault;
        }
        std::thread::sleep(EVERY / 4);
    }
}

/// One look; returns what is wrong.
fn round(project: &Path, notary: &mut Option<Notary>) -> Option<String> {
    if notary.is_none() {
        match Notary::open(project, random) {
            Ok(opened) => *notary = opened,
            Err(error) => return Some(format!("no checkpoint is signed: {:#}", anyhow::Error::from(error))),
        }
    }
    match notary.as_mut()?.tick(Timestamp::now()) {
        Ok(Ticked { faults, .. }) if faults.is_empty() => None,
        Ok(Ticked { faults, .. }) => Some(faults.join("; ")),
        Err(error) => {
            *notary = None;
            Some(format!("no checkpoint is signed: {:#}", anyhow::Error::from(error)))
        }
    }
}

/// Why the trail is not covered by checkpoints as it is to be; nothing while it is, or where nobody wants it to be. Whoever lowers
/// the machine's rungs on a missed checkpoint asks this.
///
/// # Errors
/// [`LedgerError`] when the trail cannot be read.
pub async fn missed(project: &Path, ledger: &Ledger, now: Timestamp) -> Result<Option<String>, LedgerError> {
    let settings = match Settings::read(project) {
        Ok(None) => return Ok(None),
        Ok(Some(settings)) => settings,
        Err(error) => return Ok(Some(format!("{:#}", anyhow::Error::from(error)))),
    };
    let Some((record, at)) = ledger.first_uncovered().await? else { return Ok(None) };
    let waited = now.duration_since(at);
    if waited <= settings.every() * PATIENCE {
        return Ok(None);
    }
    let last = ledger.last_checkpoint().await?;
    let last = last.map_or("none was ever signed".to_owned(), |(size, _, at)| {
        format!("the last covers {size} records and was signed at {at:.0}")
    });
    Ok(Some(format!(
        "no checkpoint covers record {record} of {at:.0}, {} seconds later: {last}; see the log of the desk and the sender",
        waited.as_secs()
    )))
}
