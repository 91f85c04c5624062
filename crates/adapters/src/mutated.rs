//! Broken copies of real small files, for tests of whatever reads files and answers from outside.
//!
//! The same seed gives the same copies; a failing one is named by its number.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

/// The longest that one broken file may take.
const TIME_MAX: Duration = Duration::from_secs(2);

thread_local!(static SILENT: Cell<bool> = const { Cell::new(false) });

/// What became of broken copies.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub files: usize,
    /// Read, with whatever was left in them.
    pub read: usize,
    /// Panics that were caught.
    pub panics: usize,
    pub slowest: Duration,
}

/// How many copies to try: as many as `ENDCAP_MUTATIONS` says, else a usual number.
pub(crate) fn copies(usual: usize) -> usize {
    std::env::var("ENDCAP_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Hands broken copies of some files to a reader, which says whether it could read them. A panic is counted; whether one is
/// allowed is for the caller to say.
pub(crate) fn each(name: &str, files: &[Vec<u8>], copies: usize, read: impl Fn(&[u8]) -> bool) -> Outcome {
    quiet();
    let mut outcome = Outcome::default();
    for number in 0..copies {
        let bytes = broken(&files[number % files.len()], number as u64);
        let began = Instant::now();
        SILENT.set(true);
        let ended = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
        SILENT.set(false);
        let took = began.elapsed();
        assert!(took < TIME_MAX, "{name}: copy {number} took {took:?}");
        outcome.files += 1;
        outcome.read += usize::from(matches!(ended, Ok(true)));
        outcome.panics += usize::from(ended.is_err());
        outcome.slowest = outcome.slowest.max(took);
    }
    println!(
        "measured: I1 | {name}, {} broken copies | {} read, {} panics caught, slowest {:?}",
        outcome.files, outcome.read, outcome.panics, outcome.slowest
    );
    outcome
}

/// Panics that are expected say nothing.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !SILENT.get() {
                usual(panic);
            }
        }));
    });
}

/// A copy with one to eight faults, or cut short.
pub(crate) fn broken(file: &[u8], seed: u64) -> Vec<u8> {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
    let mut bytes = file.to_vec();
    for _ in 0..=chance.below(8) {
        if bytes.is_empty() {
            break;
        }
        let (at, length) = (chance.below(bytes.len()), 1 + chance.below(16));
        let end = (at + length).min(bytes.len());
        match chance.below(8) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = chance.next() as u8,
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\n', b','][chance.below(8)],
            3 => drop(bytes.drain(at..end)),
            4 => {
                let part = bytes[at..end].to_vec();
                let into = chance.below(bytes.len());
                bytes.splice(into..into, part);
            }
            5 => bytes[at..end].fill(0xff),
            6 if chance.below(4) == 0 => bytes.truncate(at),
            _ => {
                let new: Vec<u8> = (0..length).map(|_| chance.next() as u8).collect();
                bytes.splice(at..at, new);
            }
        }
    }
    bytes
}

/// Numbers by chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::check;
    use endcap_ingest::Rules;
    use endcap_model::{Calendar, Currency, FactKind};
    use serde_json::Value;

    #[test]
    fn broken_records_are_checked_or_refused() {
        let rules = Rules { calendar: Calendar::Day, currency: Currency::EUR, items: None, places: None };
        let whole = br#"[{"id":"1","sku":"a","place":"x","period":"2024-01-01","units":3,"price":1.99},{"id":"2"}]"#;
        let read = |bytes: &[u8]| {
            let Ok(Value::Array(batch)) = serde_json::from_slice(bytes) else { return false };
            check(FactKind::Sales, &rules, &batch, Some("k")).iter().any(Result::is_ok)
        };
        let outcome = each("records", &[whole.to_vec()], copies(20_000), read);
        assert_eq!(outcome.panics, 0);
    }
}
