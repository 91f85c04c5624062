//! Small random problems with every rule switched on and off, against exhaustive search.

use super::super::problem::Problem;
use super::super::{Curvature, Solve, Warm, solve, solve_from};
use super::exhaustive::optimum;
use super::generate::{Feature, Features, problem, problems};
use super::raw::Raw;
use super::{config, on_threads, settings, sound};
use endcap_model::SolveStatus;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What every outcome must be, however the search ended.
fn faithful(raw: &Raw, problem: &Problem, gap: f64, outcome: &Solve) -> Result<Option<i64>, TestCaseError> {
    let best = optimum(raw);
    match outcome {
        Solve::Solved(solution) => {
            sound(raw, problem, gap, solution)?;
            let Some(best) = best else { return Err(TestCaseError::fail("a plan where there is none")) };
            prop_assert!(solution.objective <= best, "plan {} over the optimum {}", solution.objective, best);
            prop_assert!(best <= solution.bound, "bound {} below the optimum {}", solution.bound, best);
        }
        Solve::Infeasible(conflict) => prop_assert_eq!(best, None, "{:?}", conflict),
        Solve::NotFound { bound } => {
            prop_assert!(best.is_none_or(|best| best <= *bound), "bound {} below the optimum {:?}", bound, best);
            prop_assert!(raw.judge(&raw.empty_plan()).is_err(), "choosing nothing is a plan");
        }
    }
    Ok(best)
}

/// What an outcome must be when nothing hurried it.
fn exact(raw: &Raw, problem: &Problem, outcome: &Solve) -> Result<(), TestCaseError> {
    let best = faithful(raw, problem, 0.0, outcome)?;
    match outcome {
        Solve::Solved(solution) => {
            prop_assert_eq!((Some(solution.objective), solution.bound), (best, solution.objective));
            prop_assert_eq!(solution.status, SolveStatus::Optimal);
        }
        other => prop_assert_eq!(best, None, "{:?}", other),
    }
    Ok(())
}

/// The same problem after a change: other capacities, values, columns or rules.
fn changed(raw: &Raw, change: u8) -> Raw {
    let has = |bit: u8| change & (1 << bit) != 0;
    let mut raw = raw.clone();
    for (least, capacity) in raw.limits.iter_mut().filter(|_| has(0)) {
        (*least, *capacity) = (*least / 2, *capacity / 2);
    }
    for unit in &mut raw.units {
        if has(1) && !unit.columns.is_empty() {
            unit.columns.remove(0);
        }
        unit.columns.iter_mut().filter(|_| has(2)).for_each(|column| column.value = 40 - column.value / 2);
        unit.rules.spacing += usize::from(has(3));
        unit.rules.required.clear();
        unit.stock = unit.stock.take().filter(|_| has(4));
    }
    raw.pairs.retain(|_| has(5));
    raw
}

/// Prices and choices of any length and worth.
fn nonsense() -> impl Strategy<Value = Warm> {
    let price = prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(-0.0),
        -1e18..1e18f64,
        -50.0..50.0f64
    ];
    let choice = prop::option::of(prop_oneof![3 => 0u32..4, 1 => any::<u32>()]);
    (prop::collection::vec(price, 0..6), prop::collection::vec(choice, 0..40)).prop_map(|(prices, choice)| Warm {
        curvature: bent(&prices),
        prices,
        choice,
    })
}

/// A curvature that has nothing to do with the problem.
fn bent(prices: &[f64]) -> Curvature {
    let mut curvature = Curvature::default();
    curvature.learn(prices.to_vec(), prices.iter().rev().copied().collect());
    curvature.learn(prices.to_vec(), prices.to_vec());
    curvature
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn the_optimum_is_found_and_proven(raw in problems()) {
        let problem = raw.problem();
        exact(&raw, &problem, &solve(&problem, &settings(0.0), &|| false))?;
    }
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn an_interrupt_at_any_moment_leaves_a_plan_that_fits_and_a_true_bound(raw in problems(), moment in any::<prop::sample::Index>()) {
        let problem = raw.problem();
        let calls = AtomicUsize::new(0);
        let counted = || { calls.fetch_add(1, Ordering::Relaxed); false };
        solve(&problem, &on_threads(1, 0.0), &counted);
        let moment = moment.index(calls.load(Ordering::Relaxed) + 1);
        for settings in [on_threads(1, 0.0), settings(0.0)] {
            let calls = AtomicUsize::new(0);
            let late = || calls.fetch_add(1, Ordering::Relaxed) >= moment;
            faithful(&raw, &problem, 0.0, &solve(&problem, &settings, &late))?;
        }
        faithful(&raw, &problem, 0.0, &solve(&problem, &settings(0.0), &|| true))?;
    }

    #[test]
    fn a_gap_that_is_asked_for_is_reached_and_true(raw in problems(), gap in 0.0..0.3f64) {
        let problem = raw.problem();
        let outcome = solve(&problem, &settings(gap), &|| false);
        let best = faithful(&raw, &problem, gap, &outcome)?;
        prop_assert_eq!(matches!(outcome, Solve::Solved(_)), best.is_some());
        if let Solve::Solved(solution) = outcome {
            prop_assert!(solution.gap() <= gap, "{} over {}", solution.gap(), gap);
        }
    }

    #[test]
    fn no_time_at_all_leaves_a_plan_that_fits_and_a_true_bound(raw in problems(), micros in 0..2000u64) {
        let problem = raw.problem();
        for time in [Duration::ZERO, Duration::from_micros(micros)] {
            let hurried = super::Settings { time_limit: Some(time), ..settings(0.0) };
            faithful(&raw, &problem, 0.0, &solve(&problem, &hurried, &|| false))?;
        }
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn a_warm_start_changes_no_optimum(raw in problems(), change in any::<u8>(), nonsense in nonsense()) {
        let problem = raw.problem();
        let from = |warm: &Warm| solve_from(&problem, warm, &settings(0.0), &|| false);
        exact(&raw, &problem, &from(&nonsense))?;
        if let Solve::Solved(solution) = solve(&problem, &settings(0.0), &|| false) {
            let warm = solution.warm(&problem);
            exact(&raw, &problem, &from(&warm))?;
            let late = solve_from(&problem, &warm, &settings(0.0), &|| true);
            faithful(&raw, &problem, 0.0, &late)?;
        }
        let other = changed(&raw, change).problem();
        if let Solve::Solved(solution) = solve(&other, &settings(0.0), &|| false) {
            exact(&raw, &problem, &from(&solution.warm(&other)))?;
        }
    }

    #[test]
    fn threads_and_repeats_give_the_same_bytes(raw in problems(), seed in any::<u64>()) {
        let at = |threads| {
            let settings = super::Settings { seed, ..on_threads(threads, 0.0) };
            format!("{:?}", solve(&raw.problem(), &settings, &|| false))
        };
        let one = at(1);
        prop_assert_eq!(&one, &at(1));
        prop_assert_eq!(&one, &at(2));
        prop_assert_eq!(&one, &at(4));
    }
}

/// Solves problems with the features given to the end.
fn with_features(bits: u32, cases: u32) {
    let mut runner = TestRunner::new(config(cases));
    let tried = runner.run(&problem(4, 3, 2, Features(bits)), |raw| {
        let problem = raw.problem();
        exact(&raw, &problem, &solve(&problem, &settings(0.0), &|| false))
    });
    tried.unwrap_or_else(|failed| panic!("features {bits:b}: {failed}"));
}

#[test]
fn every_two_rules_together_give_the_optimum() {
    let bit = |feature: Feature| 1 << feature as u32;
    let rich = bit(Feature::Capacities) | bit(Feature::ManyLimits) | bit(Feature::Losses);
    let rules = Features::ALL.count_ones();
    let pairs = (0..rules).flat_map(|one| (0..=one).map(move |other| 1 << one | 1 << other));
    pairs.for_each(|two: u32| with_features(rich | two, 3));
}

#[test]
fn every_rule_left_out_gives_the_optimum() {
    (0..Features::ALL.count_ones()).for_each(|rule| with_features(Features::ALL & !(1 << rule), 20));
}
