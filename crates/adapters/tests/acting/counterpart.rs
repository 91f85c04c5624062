//! The outside company: a channel that keeps every effect in a file, loses answers and lets senders die around an effect.

use endcap_agent::outbox::{Heard, Held, Message, Promises};
use endcap_agent::ports::Outlet;
use endcap_govern::Approved;
use endcap_govern::gate::Intent;
use endcap_model::hash_bytes;
use jiff::SignedDuration;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What goes wrong.
#[derive(Clone, Copy)]
pub struct Faults {
    /// Draws them; 0 is no fault at all.
    pub seed: u64,
    /// Whether the sender dies right after the first effect.
    pub dies_after_effect: bool,
}

impl Faults {
    pub fn none() -> Self {
        Self { seed: 0, dies_after_effect: false }
    }
}

/// The channel, with all that it ever did in `effects`, one line each: key, generation, content, subject.
pub struct Counterpart {
    file: PathBuf,
    promises: Promises,
    faults: Faults,
    drawn: u64,
}

struct Effect {
    key: String,
    generation: u64,
    content: String,
    subject: String,
}

impl Counterpart {
    pub fn open(folder: &Path, promises: Promises, faults: Faults) -> Self {
        Self { file: folder.join("effects"), promises, faults, drawn: 0 }
    }

    /// Keys of all effects in the order in which they happened.
    pub fn effects(folder: &Path) -> Vec<String> {
        let all = Self::open(folder, Promises::default(), Faults::none()).all();
        all.into_iter().map(|effect| effect.key).collect()
    }

    fn all(&self) -> Vec<Effect> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let line = |line: &str| {
            let mut parts = line.splitn(4, '\t').map(str::to_owned);
            let mut next = || parts.next().unwrap();
            Effect { key: next(), generation: next().parse().unwrap(), content: next(), subject: next() }
        };
        text.lines().map(line).collect()
    }

    /// One of so many, or nothing where there are no faults.
    fn draw(&mut self, of: u8) -> Option<u8> {
        self.drawn += 1;
        let hash = hash_bytes(format!("{} {}", self.faults.seed, self.drawn).as_bytes());
        let number = u8::from_str_radix(&hash.as_str()[..2], 16).unwrap();
        (self.faults.seed != 0).then_some(number % of)
    }

    fn take(&mut self, message: &Message) -> Heard {
        let (key, all) = (message.key().to_string(), self.all());
        let reference = key[..8].to_owned();
        if self.promises.knows_key_for.is_some() && all.iter().any(|effect| effect.key == key) {
            return Heard::Acknowledged { reference };
        }
        let held = all.iter().rfind(|effect| effect.subject == message.subject);
        if self.promises.refuses_second && held.is_some_and(|held| held.generation == message.generation) {
            return Heard::AlreadyThere;
        }
        if self.promises.refuses_older && held.is_some_and(|held| held.generation > message.generation) {
            return Heard::Older;
        }
        let line = format!("{key}\t{}\t{}\t{}\n", message.generation, message.content, message.subject);
        OpenOptions::new().create(true).append(true).open(&self.file).unwrap().write_all(line.as_bytes()).unwrap();
        if self.faults.dies_after_effect {
            std::process::abort();
        }
        Heard::Acknowledged { reference }
    }
}

impl Outlet for Counterpart {
    fn promises(&self) -> Promises {
        self.promises
    }

    fn send(&mut self, message: &Message, intent: &Approved<Intent>) -> Heard {
        assert_eq!(intent.get().generation, message.generation);
        match self.draw(8) {
            Some(0) => Heard::Unreachable,
            Some(1) => Heard::Busy { wait: SignedDuration::from_secs(7) },
            Some(2) => Heard::Silence,
            Some(3) => {
                self.take(message);
                Heard::Silence
            }
            _ => self.take(message),
        }
    }

    fn read_back(&mut self, message: &Message, _: &Intent) -> Heard {
        if self.draw(5) == Some(0) {
            return Heard::Unread;
        }
        let held = self.all().into_iter().rfind(|effect| effect.subject == message.subject);
        Heard::Holds(held.map(|held| Held {
            generation: self.promises.refuses_older.then_some(held.generation),
            content: serde_json::from_value(serde_json::Value::String(held.content)).unwrap(),
            told: None,
        }))
    }

    fn rehearse(&mut self, _: &Message, _: &Intent) -> Result<(), String> {
        Ok(())
    }
}
