//! Whatever is done to a trail is found, and found where it was done.

use super::*;
use jiff::Timestamp;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::ops::RangeInclusive;

const LOG: &str = "shop.example/log";
const RECORDS: u64 = 60;
/// Sizes at which the log signed; the witness signed at the last but one.
const SIGNED: [u64; 4] = [20, 40, 59, 60];

fn log_key() -> SecretKey {
    SecretKey::new(LOG, Purpose::Log, &[1; 32]).unwrap()
}

fn witness_key() -> SecretKey {
    SecretKey::new("partner.example", Purpose::Witness, &[2; 32]).unwrap()
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A trail as it is exported, with its checkpoints. Histories with another name differ from `fork` on.
struct Exported {
    lines: Vec<String>,
    checkpoints: Vec<Note>,
}

fn export(name: &str, fork: u64) -> Exported {
    let mut trail = Trail::default();
    let (mut lines, mut checkpoints) = (vec![], vec![]);
    let mut salts = 0_u64;
    for sequence in 1..=RECORDS {
        let said = if sequence >= fork { name } else { "as ever" };
        let mut entry = Entry::new(Told::personal("Ada"), "plan judged", Told::open(sequence), Ruling::Allowed);
        entry.reasons = vec![Told::open(format!("„{said}“"))];
        let mut random = || {
            salts += 1;
            Digest32::of(&[&salts.to_be_bytes()]).0
        };
        lines.push(trail.append(now(), entry, &mut random).unwrap().content + "\n");
        if SIGNED.contains(&sequence) {
            let checkpoint = Checkpoint { origin: LOG.into(), size: sequence, root: trail.tree.root() };
            let mut note = checkpoint.sign(&[log_key()], now());
            if sequence == 59 {
                note.sign(&witness_key(), now());
            }
            checkpoints.push(note);
        }
    }
    Exported { lines, checkpoints }
}

fn verified(bytes: &[u8], checkpoints: &[Note], witnesses: &[PublicKey]) -> Result<Verified, Fault> {
    let anchors = Anchors {
        checkpoints: checkpoints.to_vec(),
        log: vec![log_key().public().clone()],
        witnesses: witnesses.to_vec(),
    };
    let mut verifier = Verifier::new(&anchors)?;
    bytes.split_inclusive(|&byte| byte == b'\n').try_for_each(|line| verifier.take_line(line))?;
    verifier.finish()
}

/// The records that a fault names.
fn named(fault: &Fault) -> RangeInclusive<u64> {
    let first = fault.first_bad().unwrap_or_else(|| panic!("names no record: {fault}"));
    match fault {
        Fault::Rewritten { last, .. } => first..=*last,
        _ => first..=first,
    }
}

/// One change to an export, with the first record that is no longer as it was.
fn tamper(lines: &[String], random: &mut TestRng) -> (String, Vec<u8>, u64) {
    let mut pick = |below: usize| (random.next_u64() % below as u64) as usize;
    let mut changed: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
    let at = pick(lines.len());
    let (what, first) = match pick(7) {
        0 => {
            changed.remove(at);
            ("drop", at)
        }
        1 => {
            let original = pick(lines.len());
            changed.insert(at, changed[original].clone());
            // Beside its original, it is that number which is there twice.
            ("copy", if at == original + 1 { original } else { at })
        }
        2 => {
            let other = (at + 1 + pick(lines.len() - 1)) % lines.len();
            changed.swap(at, other);
            ("swap", at.min(other))
        }
        3 => {
            changed.insert(at, forged(&lines[at]));
            ("forge", at)
        }
        4 => {
            changed[at].truncate(pick(lines[at].len()));
            changed.truncate(at + 1);
            ("cut off", at)
        }
        _ => {
            let (byte, bit) = (pick(lines[at].len()), pick(8));
            changed[at][byte] ^= 1 << bit;
            ("flip", at)
        }
    };
    (format!("{what} at {}", at + 1), changed.concat(), first as u64 + 1)
}

/// Another record for the same place in the chain.
fn forged(line: &str) -> Vec<u8> {
    let mut record: Record = serde_json::from_str(line).unwrap();
    record.entry.ruling = Ruling::Refused;
    (record.canonical().unwrap() + "\n").into_bytes()
}

fn find_all(changes: u64) {
    let whole = export("a", 1);
    let checkpoints = &whole.checkpoints;
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    for number in 0..changes {
        let (what, bytes, first) = tamper(&whole.lines, &mut random);
        let fault = verified(&bytes, checkpoints, &[]).expect_err(&format!("change {number}: {what} was not found"));
        assert_eq!(named(&fault), first..=first, "change {number}: {what}: {fault}");
    }
    eprintln!("measured: S4 | {changes} changes, one at a time | all found, each at its place");
}

#[test]
fn a_whole_trail_verifies_and_says_who_vouches_for_it() {
    let whole = export("a", 1);
    let bytes = whole.lines.concat().into_bytes();
    let alone = verified(&bytes, &[], &[]).unwrap();
    assert_eq!((alone.records, alone.signed, alone.witnessed), (RECORDS, 0, vec![]));
    let itself = verified(&bytes, &whole.checkpoints[..2], &[]).unwrap();
    assert_eq!((itself.signed, itself.witnessed), (40, vec![]));
    let witness = witness_key().public().clone();
    let witnessed = verified(&bytes, &whole.checkpoints, std::slice::from_ref(&witness)).unwrap();
    assert_eq!(witnessed.witnessed, [Witnessed { by: "partner.example".into(), records: 59, at: now() }]);
    let silent = verified(&bytes, &whole.checkpoints[..2], &[witness]);
    assert_eq!(silent, Err(Fault::Unwitnessed { name: "partner.example".into() }));
}

#[test]
fn thousands_of_changes_are_found_where_they_were_made() {
    find_all(4_000);
}

#[test]
#[ignore = "takes a minute: the long run"]
fn a_hundred_thousand_changes_are_found_where_they_were_made() {
    find_all(100_000);
}

#[test]
fn without_a_checkpoint_all_but_the_end_is_still_found() {
    let lines = export("a", 1).lines;
    for at in 0..lines.len() - 2 {
        let mut changed = lines.clone();
        changed[at] = changed[at].replace("as ever", "as never").replace("„a“", "„b“");
        let fault = verified(changed.concat().as_bytes(), &[], &[]).unwrap_err();
        assert_eq!(fault, Fault::Record { sequence: at as u64 + 1, what: Wrong::Changed });
    }
}

#[test]
fn a_trail_written_anew_with_the_key_is_found_by_what_the_witness_signed() {
    let witness = [witness_key().public().clone()];
    for fork in [1, 20, 21, 30, 59] {
        let (whole, anew) = (export("a", fork), export("b", fork));
        let bytes = anew.lines.concat().into_bytes();
        let own = verified(&bytes, &[anew.checkpoints[3].clone()], &[]).unwrap();
        assert!(own.witnessed.is_empty(), "it vouches for itself alone");
        let fault =
            verified(&bytes, &[whole.checkpoints[2].clone(), anew.checkpoints[3].clone()], &witness).unwrap_err();
        assert_eq!(fault, Fault::Rewritten { first: 1, last: 59 }, "from {fork} on");
        // Every checkpoint that somebody kept narrows it down.
        let fault = verified(&bytes, &whole.checkpoints, &witness).unwrap_err();
        assert!(named(&fault).contains(&fork) && fault.first_bad().unwrap() + 20 > fork, "from {fork} on: {fault}");
    }
}

#[test]
fn two_histories_of_one_log_cannot_both_hold() {
    let (one, other) = (export("a", 41), export("b", 41));
    let both = [one.checkpoints[3].clone(), other.checkpoints[3].clone()];
    for trail in [&one, &other] {
        let fault = verified(trail.lines.concat().as_bytes(), &both, &[]).unwrap_err();
        assert_eq!(named(&fault).end(), &RECORDS, "{fault}");
    }
}

#[test]
fn no_bit_of_a_checkpoint_can_be_changed() {
    let whole = export("a", 1);
    let bytes = whole.lines.concat().into_bytes();
    let note = whole.checkpoints[2].to_string().into_bytes();
    let witness = [witness_key().public().clone()];
    for at in 0..note.len() * 8 {
        let mut changed = note.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let Ok(changed) = changed.parse::<Note>() else { continue };
        assert!(verified(&bytes, &[changed], &witness).is_err(), "bit {at}");
    }
}
