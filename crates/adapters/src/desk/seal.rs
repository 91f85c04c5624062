//! The seal on secrets that the desk keeps for people: whoever reads `desk.db` alone, or a copy of it, cannot sign with them.
//!
//! The sealing keys lie in a file of their own, of mode 600, beside the database or where `ENDCAP_DESK_KEY` says: the first of
//! them seals, all of them open. It is in no backup. Where it is lost, people get new keys, and what they signed before still holds.
//!
//! # Source
//! ChaCha20-Poly1305, RFC 8439; whose key it is is bound to it, so that none can be put in another's place.

use super::DeskError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use endcap_govern::audit::SecretText;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::path::{Path, PathBuf};

/// What a sealed text begins with.
const SEALED: &str = "SEALED+";
/// Where the file lies, if not beside the database.
const PLACE: &str = "ENDCAP_DESK_KEY";

/// Keys that open, the first of which seals.
pub(super) struct Seal {
    keys: Vec<(String, LessSafeKey)>,
}

/// Name of the file beside the database.
pub const FILE_NAME: &str = "desk.key";

/// The file of a desk.
pub(super) fn file_of(desk: &Path) -> PathBuf {
    std::env::var_os(PLACE).map_or_else(|| desk.with_extension("key"), PathBuf::from)
}

impl Seal {
    /// Reads the file, or makes it with a first key.
    pub fn open(path: &Path, random: fn() -> [u8; 32]) -> Result<Self, DeskError> {
        if !path.exists() {
            write(path, &[line(&random())])?;
        }
        let lines = lines(path)?;
        let keys = lines.iter().map(|line| key(line)).collect::<Option<Vec<_>>>();
        let keys = keys.filter(|keys| !keys.is_empty());
        keys.map(|keys| Self { keys }).ok_or_else(|| unusable(path, "is no file of sealing keys"))
    }

    /// Puts a new key before the others.
    pub fn renew(path: &Path, random: fn() -> [u8; 32]) -> Result<Self, DeskError> {
        let mut all = if path.exists() { lines(path)? } else { vec![] };
        all.insert(0, line(&random()));
        write(path, &all)?;
        Self::open(path, random)
    }

    /// Keeps the first key alone: nothing is sealed with the others any more.
    pub fn forget_old(path: &Path) -> Result<(), DeskError> {
        let first: Vec<String> = lines(path)?.into_iter().take(1).collect();
        write(path, &first)
    }

    /// Seals a secret for whom it belongs to.
    pub fn close(&self, secret: &SecretText, whose: &str, random: fn() -> [u8; 32]) -> String {
        let (id, key) = &self.keys[0];
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&random()[..NONCE_LEN]);
        let mut bytes = secret.expose().to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(whose.as_bytes()), &mut bytes)
            .expect("Invariant: a key's text is short enough to be sealed");
        format!("{SEALED}{id}+{}", STANDARD.encode([&nonce[..], &bytes].concat()))
    }

    /// Opens what was sealed; a text that never was is handed back. Nothing where no key here opens it.
    pub fn reveal(&self, text: &str, whose: &str) -> Option<SecretText> {
        let Some(sealed) = text.strip_prefix(SEALED) else { return Some(SecretText::new(text.as_bytes().to_vec())) };
        let (id, bytes) = sealed.split_once('+')?;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id)?;
        let bytes = STANDARD.decode(bytes).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = key.open_in_place(nonce, Aad::from(whose.as_bytes()), &mut sealed).ok()?;
        Some(SecretText::new(plain.to_vec()))
    }

    /// Whether a text is sealed with the first key.
    pub fn is_current(&self, text: &str) -> bool {
        text.strip_prefix(SEALED).is_some_and(|sealed| sealed.starts_with(&format!("{}+", self.keys[0].0)))
    }
}

/// A key as the file holds it: its id, and the key itself.
fn line(bytes: &[u8; 32]) -> String {
    let id = endcap_model::hash_bytes(&[b"endcap sealing key", &bytes[..]].concat());
    format!("{}:{}", id.short(), STANDARD.encode(bytes))
}

fn key(line: &str) -> Option<(String, LessSafeKey)> {
    let (id, bytes) = line.split_once(':')?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &STANDARD.decode(bytes).ok()?).ok()?;
    Some((id.to_owned(), LessSafeKey::new(key)))
}

fn lines(path: &Path) -> Result<Vec<String>, DeskError> {
    #[cfg(unix)]
    {
        let read = std::fs::metadata(path).map_err(|error| unusable(path, error))?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&read.permissions());
        if mode & 0o077 != 0 {
            let why = format!("may be read or written by others (mode {:03o}): give it mode 600", mode & 0o777);
            return Err(unusable(path, why));
        }
    }
    let text = std::fs::read_to_string(path).map_err(|error| unusable(path, error))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Writes the file whole or not at all, for its owner alone.
fn write(path: &Path, lines: &[String]) -> Result<(), DeskError> {
    use std::io::Write;
    let new = path.with_extension("key.new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&new).and_then(|mut file| {
        file.write_all(format!("{}\n", lines.join("\n")).as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&new, path)).map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> DeskError {
    DeskError::Unreadable { what: "keys of people, whose seal", reason: format!("{}: {why}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random() -> [u8; 32] {
        use std::sync::atomic::{AtomicU8, Ordering};
        static NEXT: AtomicU8 = AtomicU8::new(1);
        [NEXT.fetch_add(1, Ordering::Relaxed); 32]
    }

    #[test]
    fn what_is_sealed_is_opened_for_its_owner_with_its_key_and_by_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.key");
        let seal = Seal::open(&path, random).unwrap();
        let secret = SecretText::new(b"PRIVATE+APPROVAL+KEY+ada".to_vec());
        let text = seal.close(&secret, "1 ada", random);
        assert!(!text.contains("ada") && seal.is_current(&text));
        let opened = |seal: &Seal, text: &str, whose: &str| seal.reveal(text, whose).map(|text| text.expose().to_vec());
        assert_eq!(opened(&seal, &text, "1 ada"), Some(secret.expose().to_vec()));
        assert_eq!(opened(&seal, &text, "2 bob"), None, "it was put in another's place");
        assert_eq!(opened(&seal, &text.replace("SEALED+", "SEALED+x"), "1 ada"), None);
        let other = Seal::open(&folder.path().join("other.key"), random).unwrap();
        assert_eq!(opened(&other, &text, "1 ada"), None, "another key");

        let renewed = Seal::renew(&path, random).unwrap();
        assert_eq!(opened(&renewed, &text, "1 ada"), Some(secret.expose().to_vec()), "two keys while it changes");
        assert!(!renewed.is_current(&text));
        Seal::forget_old(&path).unwrap();
        assert_eq!(opened(&Seal::open(&path, random).unwrap(), &text, "1 ada"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.key");
        Seal::open(&path, random).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let why = Seal::open(&path, random).err().unwrap().to_string();
        assert!(why.contains("mode 644"), "{why}");
    }
}
