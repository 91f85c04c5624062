//! `checkpoints.toml`: with which key the trail is signed, how often, and who witnesses it.

use crate::{AdapterError, tables};
use endcap_govern::audit::{PublicKey, SecretKey};
use jiff::SignedDuration;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file.
pub const FILE_NAME: &str = "checkpoints.toml";

/// How the trail is signed by itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// File of the log's secret key, of mode 600 and best handed over by the service manager from another user.
    log_key: PathBuf,
    /// The next key, while it takes the other's place.
    #[serde(default)]
    next_log_key: Option<PathBuf>,
    /// Records without a checkpoint at which one is signed; 1000 when not given.
    #[serde(default = "a_thousand")]
    pub every_records: u64,
    /// Seconds after which a record is covered at the latest; 60 when not given.
    #[serde(default = "a_minute")]
    pub every_seconds: u32,
    /// Who witnesses it; two at least make it worth something.
    #[serde(default)]
    pub witness: Vec<WitnessSettings>,
}

/// A witness, reached through a folder that both see, or at an address that speaks C2SP `tlog-witness`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// What it is called here.
    pub name: String,
    /// Its public key, or the file that holds it.
    pub public_key: String,
    /// Folder on another machine or in another's hands: `offer.txt` goes there, `signed.checkpoint` comes back.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Its address for `add-checkpoint`.
    #[serde(default)]
    pub url: Option<String>,
}

fn a_thousand() -> u64 {
    1_000
}

fn a_minute() -> u32 {
    60
}

impl Settings {
    /// Reads the file; nothing where there is none.
    ///
    /// # Errors
    /// [`AdapterError`] with the field that cannot be used.
    pub fn read(project: &Path) -> Result<Option<Self>, AdapterError> {
        let path = project.join(FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let settings: Self = tables::read_toml(&path)?;
        let wrong = |field: String, found: String, expected: &str| {
            Err(AdapterError::Configuration { path: path.clone(), field, found, expected: expected.to_owned() })
        };
        if settings.every_records == 0 {
            return wrong("every_records".into(), "0".into(), "1 or more");
        }
        if settings.every_seconds == 0 {
            return wrong("every_seconds".into(), "0".into(), "1 or more");
        }
        for one in &settings.witness {
            if one.folder.is_some() == one.url.is_some() {
                let found = if one.url.is_some() { "both" } else { "neither" };
                return wrong(format!("witness '{}'", one.name), found.into(), "either folder or url");
            }
        }
        Ok(Some(settings))
    }

    /// Longest time for which a record is covered by no checkpoint.
    pub fn every(&self) -> SignedDuration {
        SignedDuration::from_secs(self.every_seconds.into())
    }

    /// Reads the keys, of which there are two while one takes the other's place.
    ///
    /// # Errors
    /// What `read` says, or that they are of different logs.
    pub(super) fn keys(
        &self,
        project: &Path,
        read: impl Fn(&Path) -> Result<SecretKey, AdapterError>,
    ) -> Result<Vec<SecretKey>, AdapterError> {
        let files = std::iter::once(&self.log_key).chain(&self.next_log_key);
        let keys = files.map(|file| read(&project.join(file))).collect::<Result<Vec<_>, _>>()?;
        let name = |key: &SecretKey| key.public().name().to_owned();
        if keys.iter().any(|key| name(key) != name(&keys[0])) {
            return Err(AdapterError::Configuration {
                path: project.join(FILE_NAME),
                field: "next_log_key".into(),
                found: "a key of another log".into(),
                expected: "one of the same name".into(),
            });
        }
        Ok(keys)
    }
}

impl WitnessSettings {
    /// The witness's key.
    pub(super) fn key(&self, project: &Path) -> Result<PublicKey, AdapterError> {
        let file = project.join(&self.public_key);
        let given = if file.is_file() { file.display().to_string() } else { self.public_key.clone() };
        crate::ledger::read_public_key(&given)
    }
}
