//! Content hashes: the same content has the same name everywhere.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};

/// SHA-256 of some content, as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Returns all 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first 16 digits, which name files and plans.
    pub fn short(&self) -> &str {
        &self.0[..16]
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Hashes content that comes in pieces, each framed by its length so that pieces cannot run together.
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds one piece.
    pub fn add(&mut self, piece: impl AsRef<[u8]>) -> &mut Self {
        let piece = piece.as_ref();
        self.0.update((piece.len() as u64).to_be_bytes());
        self.0.update(piece);
        self
    }

    /// Returns the hash of all pieces.
    pub fn finish(self) -> ContentHash {
        hexadecimal(&self.bytes())
    }

    /// Returns the same as 32 bytes.
    pub fn bytes(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Hashes plain bytes, as `sha256sum` does.
pub fn hash_bytes(bytes: &[u8]) -> ContentHash {
    hexadecimal(&Sha256::digest(bytes))
}

/// Writes a value as JSON without white space and with the keys of every object in order.
///
/// # Panics
/// When the value cannot be JSON (a map with keys that are no text): our own types always can.
pub fn canonical_json(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("Invariant: our types are JSON");
    sorted(value).to_string()
}

/// Hashes the canonical JSON of a value.
pub fn hash_json(value: &impl Serialize) -> ContentHash {
    hash_bytes(canonical_json(value).as_bytes())
}

fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn hexadecimal(digest: &[u8]) -> ContentHash {
    ContentHash(digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_the_hash() {
        let a: serde_json::Value = serde_json::from_str(r#"{"b": [1, {"y": 2, "x": 3}], "a": null}"#).unwrap();
        let b: serde_json::Value = serde_json::from_str(r#"{"a": null, "b": [1, {"x": 3, "y": 2}]}"#).unwrap();
        assert_eq!(canonical_json(&a), r#"{"a":null,"b":[1,{"x":3,"y":2}]}"#);
        assert_eq!(hash_json(&a), hash_json(&b));
    }

    #[test]
    fn plain_bytes_hash_as_sha256sum_does() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash_bytes(b"").as_str(), empty);
    }

    #[test]
    fn pieces_do_not_run_together() {
        let hash = |pieces: &[&str]| {
            let mut hasher = Hasher::default();
            pieces.iter().for_each(|piece| {
                hasher.add(piece);
            });
            hasher.finish()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
