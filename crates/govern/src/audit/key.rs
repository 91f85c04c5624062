//! Keys that sign the trail, in the text forms of the signed-note specification.
//!
//! A secret key is never shown: it has no `Debug`, its bytes are overwritten when it goes, and its only way out is
//! [`SecretKey::to_file`], for the file of its owner.
//!
//! # Source
//! C2SP `signed-note` and `tlog-cosignature`; the text of secret keys is that of Go's `sumdb/note`.

use super::Digest32;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

/// What a key signs for; a key of one purpose is no key of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The log itself: signs its own checkpoints.
    Log,
    /// A witness: signs checkpoints of others, with the time.
    Witness,
}

impl Purpose {
    /// The type of signature, as the specifications number it.
    fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Log, Self::Witness].into_iter().find(|purpose| purpose.byte() == byte)
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has another form.
    #[error("expected a key such as shop.example/log+1a2b3c4d+AbC..., as `endcap audit key show` prints it")]
    Form,
    /// It is a public key where a secret one is needed.
    #[error("expected a secret key, as `endcap audit key new` writes it to a file")]
    NotSecret,
    /// The id does not belong to name and key.
    #[error("its id does not belong to its name and key: it was copied wrong or changed")]
    OtherId,
    /// The name cannot stand in a signature.
    #[error("expected a name without spaces and plus signs, such as shop.example/log")]
    Name,
}

/// A key that anybody may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    purpose: Purpose,
    key: VerifyingKey,
}

impl PublicKey {
    /// Whose key it is: of a log, the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// First four bytes of the hash of name, purpose and key: with the name, it tells keys apart.
    pub fn id(&self) -> [u8; 4] {
        let digest = Digest32::of(&[self.name.as_bytes(), b"\n", &[self.purpose.byte()], self.key.as_bytes()]);
        [digest.0[0], digest.0[1], digest.0[2], digest.0[3]]
    }

    /// Whether a signature of a message is by this key.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.purpose.byte()];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hexadecimal(self.id()), STANDARD.encode(bytes))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, bytes) = parts(text.trim())?;
        let (purpose, key) = typed(&bytes)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyError::Form)?;
        let public = Self { name: name.to_owned(), purpose, key };
        if hexadecimal(public.id()) == id { Ok(public) } else { Err(KeyError::OtherId) }
    }
}

/// A key that only its owner may know.
pub struct SecretKey {
    key: SigningKey,
    public: PublicKey,
}

const SECRET: &str = "PRIVATE+KEY+";

impl SecretKey {
    /// Makes a key out of 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`] when the name cannot stand in a signature.
    pub fn new(name: &str, purpose: Purpose, seed: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey { name: name.to_owned(), purpose, key: key.verifying_key() };
        Ok(Self { key, public })
    }

    /// Reads a key from the text of its file.
    ///
    /// # Errors
    /// [`KeyError`] when it is none.
    pub fn from_file(text: &SecretText) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(&text.0).map_err(|_| KeyError::Form)?.trim();
        let (name, id, bytes) = parts(text.strip_prefix(SECRET).ok_or(KeyError::NotSecret)?)?;
        let bytes = SecretText(bytes);
        let (purpose, seed) = typed(&bytes.0)?;
        let secret = Self::new(name, purpose, seed)?;
        if hexadecimal(secret.public.id()) == id { Ok(secret) } else { Err(KeyError::OtherId) }
    }

    /// Writes the key for the file of its owner.
    pub fn to_file(&self) -> SecretText {
        let mut bytes = SecretText(vec![self.public.purpose.byte()]);
        bytes.0.extend_from_slice(self.key.as_bytes());
        let head = format!("{SECRET}{}+{}+", self.public.name, hexadecimal(self.public.id()));
        let mut text = SecretText(Vec::with_capacity(head.len() + 64));
        text.0.extend_from_slice(head.as_bytes());
        let key = SecretText(STANDARD.encode(&bytes.0).into_bytes());
        text.0.extend_from_slice(&key.0);
        text.0.push(b'\n');
        text
    }

    /// The key that others check its signatures with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

/// The bytes of a key's file; overwritten when they go.
pub struct SecretText(Vec<u8>);

impl SecretText {
    /// Takes the bytes of a file over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, to be written to the file of the key's owner and nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.fill(0);
        // Keeps the compiler from leaving out a write that nobody reads.
        black_box(&self.0);
    }
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '+')
}

/// Splits a key's text into its name, id and bytes.
fn parts(text: &str) -> Result<(&str, &str, Vec<u8>), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Form);
    };
    if !is_name(name) {
        return Err(KeyError::Name);
    }
    Ok((name, id, STANDARD.decode(bytes).map_err(|_| KeyError::Form)?))
}

fn typed(bytes: &[u8]) -> Result<(Purpose, &[u8; 32]), KeyError> {
    let (&byte, key) = bytes.split_first().ok_or(KeyError::Form)?;
    let purpose = Purpose::of(byte).ok_or(KeyError::Form)?;
    Ok((purpose, key.try_into().map_err(|_| KeyError::Form)?))
}

fn hexadecimal(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_keys_are_read_and_written_back_letter_for_letter() {
        // golang.org/x/mod sumdb/note; C2SP signed-note; a witness of the transparency.dev network; the Go checksum database.
        for key in [
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
            "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        ] {
            assert_eq!(key.parse::<PublicKey>().unwrap().to_string(), key);
        }
    }

    #[test]
    fn a_published_secret_key_is_read_and_written_back() {
        let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
        let key = SecretKey::from_file(&SecretText::new(text.into())).unwrap();
        assert_eq!(key.to_file().expose(), text.as_bytes());
        assert_eq!(key.public().to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let refused = |text: &str| text.parse::<PublicKey>().unwrap_err();
        assert_eq!(refused(""), KeyError::Form);
        assert_eq!(refused("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), KeyError::OtherId);
        assert_eq!(refused("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), KeyError::Name);
        assert_eq!(refused("PeterNeumann+c74f20a3+BRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), KeyError::Form);
        let public = SecretText::new(b"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".into());
        assert_eq!(SecretKey::from_file(&public).err(), Some(KeyError::NotSecret));
        assert_eq!(SecretKey::new("a b", Purpose::Log, &[1; 32]).err(), Some(KeyError::Name));
    }
}
