//! The whole way from decision to confirmation in simulated time: channels that lose, delay and repeat, senders that die at any
//! step, stops that are pressed and lifted, people who change their minds, take prices back and veto, base prices that change; the
//! same seed gives the same trace.

#[path = "simulated/memory.rs"]
mod memory;
#[path = "simulated/world.rs"]
mod world;

use endcap_agent::outbox::Patience;
use endcap_agent::ports::Outbox;
use endcap_agent::revert::{Scope, revert};
use endcap_agent::send::{Sender, Step};
use endcap_govern::stop;
use memory::Memory;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use world::{Counterpart, Shop, at, gate, promises};

/// What a dying sender is known by.
struct Died;

/// Lives through one seed; returns everything that happened, in order.
fn lived(seed: u64) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let promises = promises(rng.random_range(0..5));
    let (memory, shop) = (RefCell::new(Memory::default()), Shop::new());
    let (clock, trace) = (Cell::new(0_i64), RefCell::new(vec![]));
    let channel = RefCell::new(Counterpart::new(promises, seed));
    let gate = gate();
    let (mut decided, mut frozen) = (0, None);
    for round in 0..4_000 {
        let faulty = round < 200;
        if faulty && decided < 8 && rng.random_bool(0.08) {
            decided += 1;
            let all = world::decided(&mut rng, promises, &shop.stops(), at(clock.get()));
            memory.borrow_mut().decide(all, at(clock.get())).unwrap();
        }
        if faulty && rng.random_bool(0.01) {
            let (scope, now) = (stop::Scope::Category("food".into()), at(clock.get()));
            frozen = match frozen {
                None => Some(channel.borrow().effects.len()),
                Some(_) => None,
            };
            shop.order(scope, frozen.is_some(), now);
            trace.borrow_mut().push(format!("{}: stop {}", clock.get(), frozen.is_some()));
        }
        if faulty && rng.random_bool(0.02) {
            let base = rng.random_range(180..=220);
            shop.base_price.set(base);
            channel.borrow_mut().base_price = base;
        }
        if faulty && rng.random_bool(0.03) {
            let scope = [Scope::Global, Scope::Offer("o1".into()), Scope::Category("food".into())];
            let scope = scope[rng.random_range(0..3)].clone();
            trace.borrow_mut().push(format!("{}: revert {scope}", clock.get()));
            let wanted = world::taken_back(scope, at(clock.get()));
            memory.borrow_mut().revise(at(clock.get()), &mut |all| revert(&wanted, all)).unwrap();
        }
        if faulty && rng.random_bool(0.03) {
            trace.borrow_mut().push(format!("{}: veto", clock.get()));
            memory.borrow_mut().revise(at(clock.get()), &mut world::vetoed).unwrap();
        }
        channel.borrow_mut().faulty = faulty;
        channel.borrow_mut().let_late_ones_arrive(clock.get());
        let dies = (faulty && rng.random_bool(0.1)).then(|| rng.random_range(1..6));
        let steps = Cell::new(0);
        let watch = |step: Step| {
            trace.borrow_mut().push(format!("{}: {step:?}", clock.get()));
            steps.set(steps.get() + 1);
            if dies == Some(steps.get()) {
                panic_any(Died);
            }
        };
        let now = || at(clock.get());
        let done = catch_unwind(AssertUnwindSafe(|| {
            let mut outbox = memory.borrow_mut();
            let outlets = BTreeMap::from([("till".into(), Counterpart::outlet(&channel, &clock))]);
            let patience = Patience { give_up: jiff::SignedDuration::from_hours(200), ..Patience::default() };
            let ports = (&mut *outbox as &mut dyn Outbox, &shop as _);
            Sender::open(&gate, patience, outlets, ports, &now, &watch).unwrap().round().unwrap()
        }));
        match done {
            Ok(done)
                if !faulty && done.waiting == 0 && memory.borrow().is_settled() && channel.borrow().late.is_empty() =>
            {
                break;
            }
            Err(died) if !died.is::<Died>() => std::panic::resume_unwind(died),
            _ => {}
        }
        // What was pressed is heeded: no new effect but the way back and what was under way when it was pressed.
        if let Some(before) = frozen {
            let channel = channel.borrow();
            let new = channel.effects[before..].iter().filter(|effect| !effect.reverts && !effect.was_late);
            assert_eq!(new.count(), 0, "seed {seed}: an effect after the stop");
        }
        if !faulty && frozen.take().is_some() {
            shop.order(stop::Scope::Category("food".into()), false, at(clock.get()));
        }
        clock.set(clock.get() + if faulty { rng.random_range(1..60) } else { 600 });
    }
    let (memory, channel) = (memory.into_inner(), channel.into_inner());
    world::nothing_is_lost_doubled_or_overtaken(seed, promises, &memory, &channel);
    let mut trace = trace.into_inner();
    trace.extend(channel.effects.iter().map(|effect| format!("{} {}", effect.at, effect.key)));
    trace.extend(memory.messages().map(|(known, _)| serde_json::to_string(known).unwrap()));
    trace
}

#[test]
fn many_lives_and_each_the_same_again() {
    let seeds: u64 = std::env::var("ENDCAP_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    std::panic::set_hook(Box::new(|info| {
        if !info.payload().is::<Died>() {
            eprintln!("{info}");
        }
    }));
    let began = std::time::Instant::now();
    let events: usize = (0..seeds)
        .into_par_iter()
        .map(|seed| {
            let trace = lived(seed);
            if seed % 50 == 0 {
                assert_eq!(trace, lived(seed), "seed {seed} was not the same again");
            }
            trace.len()
        })
        .sum();
    eprintln!(
        "measured: R4 | {seeds} simulated lives with crashes, lost, late and doubled messages, stops, reverts, vetoes and new base prices | {events} events, 0 violations, every 50th lived again byte for byte | {:.0} s",
        began.elapsed().as_secs_f64()
    );
}

#[test]
fn every_stage_is_reached() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for line in (0..300).flat_map(lived) {
        for stage in ["confirmed", "refused", "held_back", "superseded"] {
            *seen.entry(stage).or_default() += usize::from(line.contains(&format!("\"stage\":\"{stage}\"")));
        }
    }
    assert!(seen["confirmed"] > 100 && seen["held_back"] > 10 && seen["superseded"] > 10, "{seen:?}");
}
