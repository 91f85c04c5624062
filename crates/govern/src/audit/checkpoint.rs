//! Checkpoints: what the log says of itself at one moment, in three signed lines.
//!
//! # Source
//! C2SP `tlog-checkpoint`.

use super::note::Signed;
use super::{Digest32, Note, PublicKey, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// Which log, how many records, and the root of the tree over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log, which is that of its keys.
    pub origin: String,
    /// Number of records.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest32,
}

/// Why a note is no checkpoint that can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is no checkpoint at all.
    #[error("the checkpoint cannot be read: expected the lines origin, size and root, an empty line and signatures")]
    Form,
    /// No key that was given has signed it.
    #[error("the checkpoint of '{origin}' is signed by none of the keys that were given")]
    Unsigned {
        /// The log that it names.
        origin: String,
    },
    /// A signature does not hold.
    #[error("the checkpoint bears a signature of '{name}' that is not by that key: it was changed or forged")]
    Forged {
        /// Whose name was used.
        name: String,
    },
    /// The key is that of another log.
    #[error("the checkpoint is of the log '{origin}', the key of '{name}'")]
    OtherLog {
        /// The log that it names.
        origin: String,
        /// Whose key signed.
        name: String,
    },
}

impl Checkpoint {
    /// Signs the checkpoint with all keys that are valid now: two while one takes the place of the other.
    pub fn sign(&self, keys: &[SecretKey], now: Timestamp) -> Note {
        let mut note = Note::new(self.to_string());
        keys.iter().for_each(|key| note.sign(key, now));
        note
    }

    /// Reads a checkpoint that at least one of the log's keys has signed.
    ///
    /// # Errors
    /// [`Untrusted`] when none has, a signature does not hold, or the key is that of another log.
    pub fn trusted(note: &Note, log: &[PublicKey]) -> Result<Self, Untrusted> {
        let checkpoint: Self = note.text().parse()?;
        let origin = || checkpoint.origin.clone();
        let mut signed = false;
        for key in log {
            let name = || key.name().to_owned();
            match note.signed_by(key) {
                Signed::No => {}
                Signed::Forged => return Err(Untrusted::Forged { name: name() }),
                Signed::Yes(_) if key.name() != checkpoint.origin => {
                    return Err(Untrusted::OtherLog { origin: origin(), name: name() });
                }
                Signed::Yes(_) => signed = true,
            }
        }
        if signed { Ok(checkpoint) } else { Err(Untrusted::Unsigned { origin: origin() }) }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root.0))
    }
}

impl FromStr for Checkpoint {
    type Err = Untrusted;

    fn from_str(text: &str) -> Result<Self, Untrusted> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(Untrusted::Form);
        };
        let size: u64 = whole(size).ok_or(Untrusted::Form)?;
        let root = decoded(root).ok_or(Untrusted::Form)?;
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(Untrusted::Form);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// Reads a number in its one spelling: digits without leading zeros.
pub(super) fn whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// Reads a hash in base64.
pub(super) fn decoded(text: &str) -> Option<Digest32> {
    Some(Digest32(STANDARD.decode(text).ok()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Purpose, Tree, leaf};

    fn key(name: &str, seed: u8) -> SecretKey {
        SecretKey::new(name, Purpose::Log, &[seed; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        let mut tree = Tree::default();
        tree.push(leaf(b"one"));
        Checkpoint { origin: "shop.example/log".into(), size: 1, root: tree.root() }
    }

    #[test]
    fn the_specifications_example_is_read() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let read: Checkpoint = text.parse().unwrap();
        assert_eq!((read.origin.as_str(), read.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn while_a_key_is_replaced_either_will_do() {
        let (old, new) = (key("shop.example/log", 1), key("shop.example/log", 2));
        let (old_public, new_public) = (old.public().clone(), new.public().clone());
        assert_ne!(old_public.id(), new_public.id());
        let note = checkpoint().sign(&[old, new], Timestamp::UNIX_EPOCH);
        for known in [vec![old_public.clone()], vec![new_public.clone()], vec![old_public, new_public]] {
            assert_eq!(Checkpoint::trusted(&note, &known).as_ref(), Ok(&checkpoint()));
        }
    }

    #[test]
    fn nothing_is_believed_that_the_log_has_not_signed() {
        let (ours, other) = (key("shop.example/log", 1), key("shop.example/log", 3));
        let (public, elsewhere) = (ours.public().clone(), key("elsewhere", 4));
        let note = checkpoint().sign(&[ours], Timestamp::UNIX_EPOCH);
        let trusted = |note: &Note, key: &PublicKey| Checkpoint::trusted(note, std::slice::from_ref(key));
        assert!(matches!(trusted(&note, other.public()), Err(Untrusted::Unsigned { .. })));
        let larger: Note = note.to_string().replacen("\n1\n", "\n2\n", 1).parse().unwrap();
        assert!(matches!(trusted(&larger, &public), Err(Untrusted::Forged { .. })));
        let by_another = elsewhere.public().clone();
        let note = checkpoint().sign(&[elsewhere], Timestamp::UNIX_EPOCH);
        assert!(matches!(trusted(&note, &by_another), Err(Untrusted::OtherLog { .. })));
        for text in ["log\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "log\n1\nCsUY\n", "\n1\n", "log\n"] {
            assert_eq!(text.parse::<Checkpoint>(), Err(Untrusted::Form), "{text:?}");
        }
    }
}
