//! Messages in simulated channels that lose, delay and repeat, with senders that die at any moment.

use super::*;
use endcap_model::hash_bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

const PATIENCE: Patience = Patience {
    first_wait: SignedDuration::from_secs(1),
    longest_wait: SignedDuration::from_secs(30),
    under_way: SignedDuration::from_secs(60),
    give_up: SignedDuration::from_hours(12),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn message(subject: u32, generation: u64) -> Message {
    Message {
        channel: "tills".into(),
        subject: format!("item {subject}"),
        generation,
        content: hash_bytes(format!("{subject} at {generation}").as_bytes()),
    }
}

/// A channel with what really happened in it.
struct Channel {
    promises: Promises,
    holds: BTreeMap<String, Message>,
    /// Every effect, in the order in which it happened.
    effects: Vec<Message>,
    keys: BTreeMap<ContentHash, Timestamp>,
    /// Requests that arrive later, and nobody waits for their answer.
    late: Vec<(Timestamp, Message)>,
}

impl Channel {
    fn take(&mut self, message: &Message, now: Timestamp) -> Heard {
        let acknowledged = Heard::Acknowledged { reference: message.key().short().into() };
        if let (Some(life), Some(first)) = (self.promises.knows_key_for, self.keys.get(&message.key()))
            && now < *first + life
        {
            return acknowledged;
        }
        let held = self.holds.get(&message.subject);
        if self.promises.refuses_second && held.is_some_and(|held| held.generation == message.generation) {
            return Heard::AlreadyThere;
        }
        if self.promises.refuses_older && held.is_some_and(|held| held.generation > message.generation) {
            return Heard::Older;
        }
        self.keys.insert(message.key(), now);
        self.holds.insert(message.subject.clone(), message.clone());
        self.effects.push(message.clone());
        acknowledged
    }

    fn let_late_ones_arrive(&mut self, now: Timestamp) {
        self.late.sort();
        while self.late.first().is_some_and(|(when, _)| *when <= now) {
            let (when, message) = self.late.remove(0);
            self.take(&message, when);
        }
    }

    fn read(&self, subject: &str) -> Option<Held> {
        self.holds.get(subject).map(|held| Held {
            generation: self.promises.refuses_older.then_some(held.generation),
            content: held.content.clone(),
            told: None,
        })
    }

    fn effects_of(&self, message: &Message) -> usize {
        self.effects.iter().filter(|effect| *effect == message).count()
    }
}

/// Sends everything until nothing is left to do; faults end after an hour. Returns what is known and what happened.
fn lived_through(seed: u64, promises: Promises) -> (Vec<Known>, Channel) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut channel =
        Channel { promises, holds: BTreeMap::new(), effects: vec![], keys: BTreeMap::new(), late: vec![] };
    let mut all: Vec<Known> = vec![];
    for second in 0..13 * 3600 {
        let now = at(second);
        channel.let_late_ones_arrive(now);
        if second < 600 && rng.random_bool(0.01) {
            let subject = rng.random_range(0..3);
            let of_subject = |known: &&Known| known.message.subject == format!("item {subject}");
            let newest = all.iter().filter(of_subject).map(|known| known.message.generation).max().unwrap_or(0);
            all.push(Known::decided(message(subject, newest + 1), now));
        }
        for index in 0..all.len() {
            let known = all[index].clone();
            let same = all.iter().filter(|other| other.message.subject == known.message.subject);
            let line = Line::of(known.message.generation, same, &promises, &PATIENCE);
            all[index] = done(known, &line, &mut channel, &mut rng, now, second < 3600);
        }
        if second > 3600 && all.iter().all(|known| known.stage.is_final()) && channel.late.is_empty() {
            break;
        }
    }
    (all, channel)
}

/// Does what is next for one message; where the sender dies, only what was stored before stands.
fn done(known: Known, line: &Line, channel: &mut Channel, rng: &mut ChaCha8Rng, now: Timestamp, faulty: bool) -> Known {
    let promises = channel.promises;
    let mut fault = |probability: f64| faulty && rng.random_bool(probability);
    match next(&known, line, &promises, &PATIENCE, now) {
        Next::Nothing | Next::Rest { .. } => known,
        Next::Settle(stage) => Known { stage, ..known },
        Next::ReadBack if fault(0.2) => known.after(Heard::Unread, &promises, &PATIENCE, now),
        Next::ReadBack => {
            let held = channel.read(&known.message.subject);
            known.after(Heard::Holds(held), &promises, &PATIENCE, now)
        }
        Next::Send if fault(0.1) => known.leaves(now).after(Heard::Unreachable, &promises, &PATIENCE, now),
        Next::Send => {
            let stored = known.leaves(now);
            if fault(0.1) {
                return stored;
            }
            let heard = if fault(0.3) {
                let arrives = now + SignedDuration::from_secs(i64::from(rng.random_range(0..60u32)));
                channel.late.push((arrives, stored.message.clone()));
                Heard::Silence
            } else if fault(0.2) {
                Heard::Silence
            } else {
                channel.take(&stored.message, now)
            };
            let mut fault = |probability: f64| faulty && rng.random_bool(probability);
            match heard {
                _ if fault(0.1) => stored,
                heard if fault(0.2) && !matches!(heard, Heard::Silence) => {
                    stored.after(Heard::Silence, &promises, &PATIENCE, now)
                }
                heard => stored.after(heard, &promises, &PATIENCE, now),
            }
        }
    }
}

fn every_kind_of_channel() -> impl Strategy<Value = Promises> {
    let life = prop_oneof![Just(None), (61i64..7200).prop_map(|life| Some(SignedDuration::from_secs(life)))];
    (life, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(knows_key_for, older, second, reads_back)| {
        Promises { knows_key_for, refuses_older: older, refuses_second: second, reads_back, keeps_time: false }
    })
}

fn newest(all: &[Known]) -> BTreeMap<&str, &Known> {
    let mut newest: BTreeMap<&str, &Known> = BTreeMap::new();
    for known in all {
        let held = newest.entry(&known.message.subject).or_insert(known);
        if known.message.generation > held.message.generation {
            *held = known;
        }
    }
    newest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_doubled_or_overtaken(seed: u64, promises in every_kind_of_channel()) {
        let (all, channel) = lived_through(seed, promises);
        for known in &all {
            let effects = channel.effects_of(&known.message);
            prop_assert!(known.stage.is_final(), "{known:?}");
            match known.stage {
                Stage::Confirmed => prop_assert!(effects >= 1, "confirmed without effect: {known:?}"),
                Stage::HeldBack { .. } | Stage::Refused { .. } => prop_assert_eq!(effects, 0),
                _ => {}
            }
            let names_its_effects = !promises.refuses_older || promises.refuses_second;
            if names_its_effects {
                prop_assert!(effects <= 1, "{effects} effects of {known:?}");
            }
        }
        for (subject, known) in newest(&all) {
            let generations: Vec<u64> =
                channel.effects.iter().filter(|effect| effect.subject == subject).map(|effect| effect.generation).collect();
            prop_assert!(generations.is_sorted(), "an old one came over a newer one: {generations:?}");
            let can_be_told = promises.reads_back || promises.refuses_second || promises.refuses_older;
            if can_be_told {
                prop_assert_eq!(&known.stage, &Stage::Confirmed);
                prop_assert_eq!(&channel.holds[subject], &known.message);
            }
        }
    }
}

#[test]
fn a_channel_without_promises_is_sent_to_once_and_silence_is_told_to_a_person() {
    let none = Promises::default();
    let known = Known::decided(message(1, 1), at(0));
    let line = Line { newest: 1, older_until: None };
    assert_eq!(next(&known, &line, &none, &PATIENCE, at(0)), Next::Send);
    let silent = known.leaves(at(0)).after(Heard::Silence, &none, &PATIENCE, at(1));
    assert!(matches!(next(&silent, &line, &none, &PATIENCE, at(10)), Next::Settle(Stage::Unclear { .. })));
}

#[test]
fn a_key_is_not_relied_on_past_its_life() {
    let keyed = Promises { knows_key_for: Some(SignedDuration::from_secs(600)), ..Promises::default() };
    let line = Line { newest: 1, older_until: None };
    let silent = Known::decided(message(1, 1), at(0)).leaves(at(0)).after(Heard::Silence, &keyed, &PATIENCE, at(0));
    assert_eq!(next(&silent, &line, &keyed, &PATIENCE, at(539)), Next::Send);
    assert!(matches!(next(&silent, &line, &keyed, &PATIENCE, at(540)), Next::Settle(Stage::Unclear { .. })));
}

#[test]
fn what_was_held_back_after_it_may_have_happened_is_unclear() {
    let reading = Promises { reads_back: true, ..Promises::default() };
    let fresh = Known::decided(message(1, 1), at(0));
    let shut = || Heard::HeldBack { reason: "stopped".into() };
    assert!(matches!(fresh.clone().after(shut(), &reading, &PATIENCE, at(0)).stage, Stage::HeldBack { .. }));
    let sent = fresh.leaves(at(0)).after(Heard::Silence, &reading, &PATIENCE, at(0));
    assert!(matches!(sent.after(shut(), &reading, &PATIENCE, at(5)).stage, Stage::Unclear { .. }));
}

#[test]
fn an_acknowledgement_that_is_not_true_is_found_out() {
    let reading = Promises { reads_back: true, ..Promises::default() };
    let line = Line { newest: 1, older_until: None };
    let reference = "4500000113".to_owned();
    let known = Known::decided(message(1, 1), at(0)).leaves(at(0));
    let known = known.after(Heard::Acknowledged { reference }, &reading, &PATIENCE, at(0));
    assert_eq!(next(&known, &line, &reading, &PATIENCE, at(0)), Next::ReadBack);
    let early = known.after(Heard::Holds(None), &reading, &PATIENCE, at(1));
    assert!(matches!(early.stage, Stage::Acknowledged { .. }));
    let late = early.after(Heard::Holds(None), &reading, &PATIENCE, at(61));
    assert!(matches!(late.stage, Stage::Unclear { .. }));
}

#[test]
fn a_later_generation_waits_until_the_older_one_can_no_longer_arrive() {
    let plain = Promises { reads_back: true, ..Promises::default() };
    let old = Known::decided(message(1, 1), at(0)).leaves(at(0)).after(Heard::Silence, &plain, &PATIENCE, at(0));
    let new = Known::decided(message(1, 2), at(5));
    let line = Line::of(2, [&old, &new], &plain, &PATIENCE);
    assert_eq!(next(&new, &line, &plain, &PATIENCE, at(6)), Next::Rest { until: at(60) });
    assert_eq!(next(&new, &line, &plain, &PATIENCE, at(60)), Next::Send);
    let sorting = Promises { refuses_older: true, ..plain };
    let line = Line::of(2, [&old, &new], &sorting, &PATIENCE);
    assert_eq!(next(&new, &line, &sorting, &PATIENCE, at(6)), Next::Send);
}

#[test]
fn every_message_has_a_key_of_its_own() {
    let keys: BTreeSet<_> =
        (0..5).flat_map(|subject| (1..5).map(move |generation| message(subject, generation).key())).collect();
    assert_eq!(keys.len(), 20);
}
