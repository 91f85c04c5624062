//! Signed notes: a text, an empty line, and a line for each signature.
//!
//! # Source
//! C2SP `signed-note`; of witnesses, `tlog-cosignature` (version 1).

use super::key::{Purpose, is_name};
use super::{PublicKey, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A text with its signatures, none of them checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// Why a text is no signed note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no signed note: expected a text, an empty line and lines that begin with '\u{2014} '")]
pub struct NotANote;

/// What a key says of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Nothing: it has not signed.
    No,
    /// It has signed; of a witness, at that second.
    Yes(Option<Timestamp>),
    /// There is a signature in its name that is not by it.
    Forged,
}

impl Note {
    /// Begins a note without signatures; the text ends in a line break.
    pub fn new(text: String) -> Self {
        Self { text, signatures: vec![] }
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a signature; those of witnesses hold the second at which it was made.
    pub fn sign(&mut self, key: &SecretKey, now: Timestamp) {
        let bytes = match key.public().purpose() {
            Purpose::Log => key.sign(self.text.as_bytes()).to_vec(),
            Purpose::Witness => {
                let second = now.as_second().unsigned_abs();
                let mut bytes = second.to_be_bytes().to_vec();
                bytes.extend(key.sign(&self.cosigned(second)));
                bytes
            }
        };
        let (name, id) = (key.public().name().to_owned(), key.public().id());
        self.signatures.push(NoteSignature { name, id, bytes });
    }

    /// What a witness signs.
    fn cosigned(&self, second: u64) -> Vec<u8> {
        format!("cosignature/v1\ntime {second}\n{}", self.text).into_bytes()
    }

    /// Checks all signatures in a key's name.
    pub fn signed_by(&self, key: &PublicKey) -> Signed {
        let mut answer = Signed::No;
        for signature in self.signatures.iter().filter(|given| given.name == key.name() && given.id == key.id()) {
            answer = match self.check(key, &signature.bytes) {
                Some(at) => Signed::Yes(at),
                None => return Signed::Forged,
            };
        }
        answer
    }

    fn check(&self, key: &PublicKey, bytes: &[u8]) -> Option<Option<Timestamp>> {
        match key.purpose() {
            Purpose::Log => key.signed(self.text.as_bytes(), bytes).then_some(None),
            Purpose::Witness => {
                let (second, signature) = bytes.split_first_chunk::<8>()?;
                let second = u64::from_be_bytes(*second);
                let at = Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
                key.signed(&self.cosigned(second), signature).then_some(Some(at))
            }
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for NoteSignature { name, id, bytes } in &self.signatures {
            writeln!(f, "\u{2014} {name} {}", STANDARD.encode([&id[..], bytes].concat()))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NotANote;

    fn from_str(text: &str) -> Result<Self, NotANote> {
        if text.chars().any(|letter| letter < ' ' && letter != '\n') {
            return Err(NotANote);
        }
        let (text, signatures) = text.rsplit_once("\n\n").ok_or(NotANote)?;
        let signatures = signatures.strip_suffix('\n').ok_or(NotANote)?;
        let signatures = signatures.split('\n').map(signature).collect::<Option<_>>().ok_or(NotANote)?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    is_name(name).then(|| NoteSignature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::SecretText;

    /// golang.org/x/mod sumdb/note, its example with two signatures.
    const PETER_AND_ENOCH: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n\
        \u{2014} EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

    /// A checkpoint of a public log, signed by the log and five witnesses.
    const WITNESSED: &str = "arche2025h1.staging.ct.transparency.dev\n1432088532\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n\
        \u{2014} arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n\
        \u{2014} transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==\n\
        \u{2014} remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n\
        \u{2014} witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==\n";

    fn key(text: &str) -> PublicKey {
        text.parse().unwrap()
    }

    #[test]
    fn a_published_note_is_made_letter_for_letter_and_both_signatures_hold() {
        let peter = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let peter = SecretKey::from_file(&SecretText::new(peter.into())).unwrap();
        let note: Note = PETER_AND_ENOCH.parse().unwrap();
        assert_eq!(note.to_string(), PETER_AND_ENOCH);
        let mut ours = Note::new(note.text().to_owned());
        ours.sign(&peter, Timestamp::UNIX_EPOCH);
        assert!(PETER_AND_ENOCH.starts_with(&ours.to_string()), "{ours}");
        assert_eq!(note.signed_by(peter.public()), Signed::Yes(None));
        let enoch = key("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop");
        assert_eq!(note.signed_by(&enoch), Signed::Yes(None));
    }

    #[test]
    fn witnesses_of_a_public_log_are_believed_with_their_time() {
        let note: Note = WITNESSED.parse().unwrap();
        let at = Signed::Yes(Some("2026-05-23T21:50:24Z".parse().unwrap()));
        for witness in [
            "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
            "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
            "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
        ] {
            assert_eq!(note.signed_by(&key(witness)), at, "{witness}");
        }
        let log = key("arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f");
        assert_eq!(note.signed_by(&log), Signed::Yes(None));
    }

    #[test]
    fn a_changed_text_is_a_forgery_and_an_unknown_key_says_nothing() {
        let peter = key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        let changed: Note = PETER_AND_ENOCH.replace("problem is", "solution is").parse().unwrap();
        assert_eq!(changed.signed_by(&peter), Signed::Forged);
        let foo = key("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
        assert_eq!(changed.signed_by(&foo), Signed::No);
    }

    #[test]
    fn what_has_another_form_is_no_note() {
        for text in [
            "",
            "text\n",
            "text\n\n",
            "text\n\nPeterNeumann x08g\n",
            "text\n\n\u{2014} Peter !\n",
            "a\tb\n\n\u{2014} P x08go/ZJ\n",
        ] {
            assert_eq!(text.parse::<Note>(), Err(NotANote), "{text:?}");
        }
    }
}
