//! Keys that people sign approvals with, and the texts in which they are kept.
//!
//! A secret key is never shown: it has no `Debug`, and its only way out is [`ApprovalKey::to_file`], for the file of its owner
//! or the store that holds it for them. It signs approvals and nothing else: a key of the audit trail is none.

use crate::audit::SecretText;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::fmt;
use std::str::FromStr;

const SECRET: &str = "PRIVATE+APPROVAL+KEY+";
const PUBLIC: &str = "APPROVAL+KEY+";

/// A text that is no key of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an approval key, as `endcap approve key` writes it")]
pub struct NoApprovalKey;

/// A key that only its owner, or the desk in their name, may use.
pub struct ApprovalKey {
    name: String,
    key: SigningKey,
}

impl ApprovalKey {
    /// Makes a person's key out of 32 random bytes.
    pub fn new(name: &str, seed: &[u8; 32]) -> Self {
        Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) }
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What signs.
    pub fn signing(&self) -> &SigningKey {
        &self.key
    }

    /// What others check its signatures with.
    pub fn public(&self) -> PublicApprovalKey {
        PublicApprovalKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Reads a key from the text of its file.
    ///
    /// # Errors
    /// [`NoApprovalKey`] when it is none.
    pub fn from_file(text: &SecretText) -> Result<Self, NoApprovalKey> {
        let text = std::str::from_utf8(text.expose()).map_err(|_| NoApprovalKey)?.trim();
        let (name, seed) = parts(text.strip_prefix(SECRET).ok_or(NoApprovalKey)?)?;
        Ok(Self::new(name, &seed))
    }

    /// Writes the key for the file of its owner.
    pub fn to_file(&self) -> SecretText {
        SecretText::new(format!("{SECRET}{}+{}\n", self.name, STANDARD.encode(self.key.as_bytes())).into_bytes())
    }
}

/// A key that anybody may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicApprovalKey {
    name: String,
    key: VerifyingKey,
}

impl PublicApprovalKey {
    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What signatures are checked with.
    pub fn verifying(&self) -> VerifyingKey {
        self.key
    }
}

impl fmt::Display for PublicApprovalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}+{}", self.name, STANDARD.encode(self.key.as_bytes()))
    }
}

impl FromStr for PublicApprovalKey {
    type Err = NoApprovalKey;

    fn from_str(text: &str) -> Result<Self, NoApprovalKey> {
        let (name, bytes) = parts(text.trim().strip_prefix(PUBLIC).ok_or(NoApprovalKey)?)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NoApprovalKey)?;
        Ok(Self { name: name.to_owned(), key })
    }
}

fn parts(text: &str) -> Result<(&str, [u8; 32]), NoApprovalKey> {
    let (name, bytes) = text.split_once('+').filter(|(name, _)| !name.is_empty()).ok_or(NoApprovalKey)?;
    let bytes = STANDARD.decode(bytes).map_err(|_| NoApprovalKey)?;
    Ok((name, bytes.try_into().map_err(|_| NoApprovalKey)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_read_back_and_neither_passes_for_the_other() {
        let key = ApprovalKey::new("ada", &[7; 32]);
        let text = key.to_file();
        assert_eq!(ApprovalKey::from_file(&text).unwrap().public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        let public = SecretText::new(key.public().to_string().into_bytes());
        assert!(ApprovalKey::from_file(&public).is_err());
        for other in ["", "APPROVAL+KEY+ada", "APPROVAL+KEY++AAAA", "APPROVAL+KEY+ada+AAAA", "shop+1a2b3c4d+AbC"] {
            assert_eq!(other.parse::<PublicApprovalKey>(), Err(NoApprovalKey), "{other}");
        }
    }
}
