//! Roll-outs over seeded stores: how often one that does no harm is stopped, and how many stores one that does has reached by
//! then. Stores differ for good, days move all of them, weekends sell more, shelves run empty by chance.

use endcap_agent::rollout::{Begun, Expected, Next, Observed, Rollout, Size, course_of, drawn};
use endcap_model::{Period, Place, RolloutRules};
use jiff::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Days that the offers of a plan run.
const DAYS: i32 = 42;
/// Items on offer in a store.
const ITEMS: u32 = 12;
/// Share of items that are out of stock on a day.
const OUT: f64 = 0.04;

/// What an offer does to the stores that have it, beside what the plan expects.
#[derive(Clone, Copy)]
struct Effect {
    margin: f64,
    stockouts: f64,
}

const NONE: Effect = Effect { margin: 1.0, stockouts: 1.0 };

/// How a roll-out ended.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Ended {
    Stopped { reached: f64, day: i32 },
    AllStores { day: i32 },
    Unfinished { reached: f64 },
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random_range(1e-12..1.0), rng.random_range(0.0..1.0));
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Number of stores, what each is expected to earn, and how far its own level lies from that for good.
fn begun(stores: usize, rng: &mut ChaCha8Rng) -> (Begun, BTreeMap<Place, f64>) {
    let sizes: Vec<Size> = (0..stores)
        .map(|number| Size {
            place: Place::new(format!("s{number:03}")),
            region: Place::new(format!("r{}", number % 7)),
            earns: 50_000.0 * (0.5 * normal(rng)).exp(),
        })
        .collect();
    let day = |size: &Size, day: i32| {
        let without = size.earns * if day % 7 >= 5 { 1.4 } else { 1.0 };
        Expected { place: size.place.clone(), period: Period(day), planned: without * 1.15, without }
    };
    let expected = sizes.iter().flat_map(|size| (0..DAYS).map(move |number| day(size, number))).collect();
    let levels = sizes.iter().map(|size| (size.place.clone(), (0.06 * normal(rng)).exp())).collect();
    let rules = RolloutRules::default();
    let stages = drawn(sizes, &rules.stages, i64::MAX, "plan");
    (Begun { stages, rules, offered: vec![], regions: BTreeMap::new(), expected }, levels)
}

fn rolled_out(stores: usize, effect: Effect, seed: u64) -> Ended {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (begun, levels) = begun(stores, &mut rng);
    let mut today: BTreeMap<Period, Vec<Expected>> = BTreeMap::new();
    begun.expected.iter().for_each(|one| today.entry(one.period).or_default().push(one.clone()));
    let stage_of: BTreeMap<Place, usize> = begun
        .stages
        .iter()
        .enumerate()
        .flat_map(|(at, stage)| stage.iter().map(move |place| (place.clone(), at)))
        .collect();
    let opened = vec![Timestamp::UNIX_EPOCH];
    let mut rollout = Rollout { plan: "plan".into(), begun, opened, last: None, stopped: None };
    let mut seen: Vec<Observed> = vec![];
    let share = |rollout: &Rollout| rollout.reached() as f64 / stores as f64;
    for (day, expected) in today {
        let weather = (0.1 * normal(&mut rng)).exp();
        for one in expected {
            let has = stage_of[&one.place] <= rollout.stage();
            let (usual, margin, out) =
                if has { (one.planned, effect.margin, OUT * effect.stockouts) } else { (one.without, 1.0, OUT) };
            let chance = 1.0 + 0.2 * normal(&mut rng);
            let empty = (0..ITEMS).filter(|_| rng.random_bool(out)).count();
            seen.push(Observed {
                margin: usual * levels[&one.place] * weather * chance * margin,
                stockouts: empty as f64 / f64::from(ITEMS),
                place: one.place,
                period: one.period,
            });
        }
        match course_of(&rollout, &seen).next {
            Next::Wait(_) => {}
            Next::Stop(_) => return Ended::Stopped { reached: share(&rollout), day: day.0 + 1 },
            Next::Open(_) => {
                rollout.opened.push(Timestamp::UNIX_EPOCH);
                // What was seen under a stage says nothing of the next.
                seen.clear();
                if rollout.is_over() {
                    return Ended::AllStores { day: day.0 + 1 };
                }
            }
        }
    }
    Ended::Unfinished { reached: share(&rollout) }
}

/// All ends of so many seeds.
fn ends(stores: usize, effect: Effect, runs: u64) -> Vec<Ended> {
    (0..runs).into_par_iter().map(|seed| rolled_out(stores, effect, seed)).collect()
}

fn runs() -> u64 {
    std::env::var("ENDCAP_ROLLOUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

fn stopped(ends: &[Ended]) -> Vec<(f64, i32)> {
    let stop = |end: &Ended| match end {
        Ended::Stopped { reached, day } => Some((*reached, *day)),
        _ => None,
    };
    ends.iter().filter_map(stop).collect()
}

fn median(mut values: Vec<i32>) -> i32 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(-1)
}

#[test]
fn roll_outs_that_do_no_harm_are_seldom_stopped_and_reach_all_stores() {
    for stores in [100, 30] {
        let all = ends(stores, NONE, runs());
        let (stops, runs) = (stopped(&all).len(), all.len());
        let reached: Vec<i32> =
            all.iter().filter_map(|end| if let Ended::AllStores { day } = end { Some(*day) } else { None }).collect();
        let unfinished = runs - stops - reached.len();
        println!(
            "measured: A6 | {runs} roll-outs without an effect over {stores} stores, looked at daily for {DAYS} days | {stops} stopped \
             ({:.1} %), {} reached all stores (median day {}), {unfinished} did not get so far",
            100.0 * stops as f64 / runs as f64,
            reached.len(),
            median(reached.clone()),
        );
        assert!(stops * 20 <= runs, "{stops} of {runs} false stops over {stores} stores");
        assert!(stores < 100 || reached.len() * 10 >= runs * 8, "{} of {runs} reached all stores", reached.len());
    }
}

#[test]
fn roll_outs_that_do_harm_are_stopped_in_few_stores() {
    let runs = (runs() / 2).clamp(50, 400);
    for (what, effect, most) in [
        ("20 % of the margin lost", Effect { margin: 0.8, ..NONE }, Some(0.1)),
        ("three times as many items out of stock", Effect { stockouts: 3.0, ..NONE }, Some(0.1)),
        ("10 % of the margin lost", Effect { margin: 0.9, ..NONE }, None),
        ("5 % of the margin lost", Effect { margin: 0.95, ..NONE }, None),
    ] {
        let all = ends(100, effect, runs);
        let stops = stopped(&all);
        let reached = all.iter().map(|end| match end {
            Ended::Stopped { reached, .. } | Ended::Unfinished { reached } => *reached,
            Ended::AllStores { .. } => 1.0,
        });
        let reached: Vec<f64> = reached.collect();
        let beyond = reached.iter().filter(|share| **share >= 0.1).count();
        println!(
            "measured: A6 | {runs} roll-outs with {what} over 100 stores | {} stopped by themselves (median day {}), {beyond} reached \
             10 % of the stores or more, on average {:.1} %",
            stops.len(),
            median(stops.iter().map(|(_, day)| *day).collect()),
            100.0 * reached.iter().sum::<f64>() / reached.len() as f64,
        );
        if let Some(most) = most {
            let within = reached.iter().filter(|share| **share < most).count();
            assert!(within * 100 >= reached.len() * 99, "{what}: {within} of {} within {most}", reached.len());
            assert!(stops.len() * 100 >= reached.len() * 95, "{what}: {} of {} stopped", stops.len(), reached.len());
        }
    }
}

#[test]
fn the_same_seed_rolls_out_the_same_way() {
    for seed in 0..5 {
        let effect = Effect { margin: 0.9, ..NONE };
        assert_eq!(rolled_out(60, effect, seed), rolled_out(60, effect, seed));
    }
}

#[test]
fn too_few_stores_to_compare_wait_for_a_person() {
    for stores in [2, 4] {
        let end = rolled_out(stores, NONE, 1);
        assert_eq!(end, Ended::Unfinished { reached: 1.0 / stores as f64 }, "of {stores}");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (begun, _) = begun(4, &mut rng);
    let rollout =
        Rollout { plan: "plan".into(), begun, opened: vec![Timestamp::UNIX_EPOCH], last: None, stopped: None };
    let sold =
        |one: &Expected| Observed { place: one.place.clone(), period: one.period, margin: one.planned, stockouts: 0.0 };
    let seen: Vec<Observed> = rollout.begun.expected.iter().map(sold).collect();
    let Next::Wait(why) = course_of(&rollout, &seen).next else { panic!("three stores tell no spread") };
    assert!(why.contains("a person has to open"), "{why}");
}
