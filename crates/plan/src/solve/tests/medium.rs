//! Problems too large to try every plan: what must hold between a problem and one that is like it, and sums that are
//! known by other arithmetic.

use super::super::{NONE, Problem, Solution, Solve, solve, solve_from};
use super::raw::{Raw, RawColumn, RawUnit};
use super::shaped::Extra::{Arrivals, Gains, Least, Locks, Pairs, Runs, Windows};
use super::shaped::{Extra, Shape};
use super::{Settings, found, on_threads, settings, solved, sound};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A gap that is soon reached.
const NEAR: f64 = 0.002;

/// Kinds of problems with twice the gap that was measured, about.
const KINDS: [(&[Extra], f64); 8] = [
    (&[], 0.004),
    (&[Pairs], 0.004),
    (&[Least], 0.004),
    (&[Arrivals], 0.004),
    (&[Windows], 0.004),
    (&[Runs], 0.004),
    (&[Pairs, Gains, Arrivals, Locks], 0.008),
    (&[Least, Locks, Arrivals, Windows], 0.004),
];

fn shape(units: usize, periods: usize, extras: &'static [Extra], seed: u64) -> Raw {
    Shape { units, periods, extras, seed }.draw()
}

/// Solves and judges.
fn judged(raw: &Raw, settings: &Settings) -> (Problem, Solution) {
    let problem = raw.problem();
    let solution = solved(&problem, settings);
    sound(raw, &problem, settings.gap, &solution).unwrap();
    (problem, solution)
}

#[test]
fn larger_problems_of_every_kind_come_near_their_bound() {
    for (extras, most) in KINDS {
        for (units, periods, seed) in [(100, 13, 1), (200, 10, 2), (120, 26, 3)] {
            let (_, solution) = judged(&shape(units, periods, extras, seed), &settings(NEAR));
            let gap = solution.gap();
            eprintln!("{units} x {periods} {extras:?}: gap {gap:.5}, {:?}", solution.status);
            assert!(gap <= most, "{units} x {periods} {extras:?}: gap {gap}");
        }
    }
}

#[test]
fn threads_and_repeats_give_the_same_bytes() {
    for extras in [&[][..], &[Pairs, Gains], &[Least, Windows, Arrivals]] {
        let raw = shape(100, 13, extras, 5);
        let at = |threads| format!("{:?}", solve(&raw.problem(), &on_threads(threads, NEAR), &|| false));
        let one = at(1);
        assert!([1, 2, 4].into_iter().all(|threads| at(threads) == one), "{extras:?}");
    }
}

/// Two ways to write the same problem: the plan of one is under the bound of the other.
fn same(one: &Raw, other: &Raw, factor: i64) {
    let (first, second) = (judged(one, &settings(NEAR)).1, judged(other, &settings(NEAR)).1);
    assert!(first.objective * factor <= second.bound, "{first:?} {second:?}");
    assert!(second.objective <= first.bound * factor, "{first:?} {second:?}");
}

#[test]
fn the_order_of_units_options_limits_and_columns_does_not_matter() {
    for (extras, _) in KINDS {
        let raw = shape(60, 12, extras, 7);
        let mut random = ChaCha8Rng::seed_from_u64(8);
        let mut units: Vec<usize> = (0..raw.units.len()).collect();
        let mut limits: Vec<usize> = (0..raw.limits.len()).collect();
        units.shuffle(&mut random);
        limits.shuffle(&mut random);
        let at = |order: &[usize], old: usize| order.iter().position(|&other| other == old).unwrap();
        let mut other = Raw {
            limits: limits.iter().map(|&old| raw.limits[old]).collect(),
            units: units.iter().map(|&old| raw.units[old].clone()).collect(),
            pairs: raw.pairs.iter().map(|&(a, b, lost)| (at(&units, b), at(&units, a), lost)).collect(),
            ..raw
        };
        for column in other.units.iter_mut().flat_map(|unit| &mut unit.columns) {
            column.option = 60_000 - 11 * column.option;
            column.uses.iter_mut().for_each(|used| used.0 = at(&limits, used.0));
            column.uses.shuffle(&mut random);
        }
        other.units.iter_mut().for_each(|unit| unit.columns.shuffle(&mut random));
        same(&raw, &other, 1);
    }
}

#[test]
fn values_in_another_currency_give_the_same_plans() {
    for extras in [&[][..], &[Pairs], &[Least, Locks]] {
        let raw = shape(60, 12, extras, 9);
        let mut other = raw.clone();
        other.units.iter_mut().flat_map(|unit| &mut unit.columns).for_each(|column| column.value *= 1000);
        other.pairs.iter_mut().for_each(|pair| pair.2 *= 1000);
        same(&raw, &other, 1000);
    }
}

#[test]
fn units_that_cannot_choose_and_limits_that_nothing_uses_change_nothing() {
    let raw = shape(60, 12, &[Pairs, Arrivals], 11);
    let mut other = raw.clone();
    other.limits.extend([(0, 0), (0, i64::MAX)]);
    other.units.push(RawUnit::default());
    other.pairs.push((0, raw.units.len(), 5000));
    same(&raw, &other, 1);
}

/// The same problem with one thing allowed that was not.
fn looser(raw: &Raw, number: usize) -> Raw {
    let mut raw = raw.clone();
    match number {
        0 => raw.limits[0].1 += raw.limits[0].1 / 20,
        1 => raw.limits.iter_mut().for_each(|limit| limit.1 += 1),
        2 => raw.limits.iter_mut().for_each(|limit| limit.0 /= 2),
        3 => raw.units.iter_mut().for_each(|unit| unit.stock = None),
        4 => raw.units.iter_mut().step_by(3).for_each(|unit| unit.rules.required.clear()),
        5 => raw.units.iter_mut().for_each(|unit| {
            unit.rules.spacing = unit.rules.spacing.saturating_sub(1).max(1);
            unit.rules.rest = unit.rules.rest.saturating_sub(1);
            unit.rules.windows.iter_mut().for_each(|window| window.most += 1);
        }),
        6 => raw.pairs.retain(|pair| pair.2 < 0),
        _ => raw
            .units
            .iter_mut()
            .flat_map(|unit| &mut unit.columns)
            .for_each(|column| column.value += column.value.abs() / 50),
    }
    raw
}

#[test]
fn what_is_allowed_more_never_costs() {
    for extras in [&[Pairs, Locks][..], &[Least, Arrivals, Windows], &[Runs, Gains]] {
        let raw = shape(40, 10, extras, 13);
        let (problem, tight) = judged(&raw, &settings(NEAR));
        for number in 0..8 {
            let other = looser(&raw, number);
            let (_, loose) = judged(&other, &settings(NEAR));
            assert!(tight.objective <= loose.bound, "{extras:?} {number}: {} > {}", tight.objective, loose.bound);
            let again = other.problem();
            let warm = found(solve_from(&again, &tight.warm(&problem), &settings(NEAR), &|| false));
            sound(&other, &again, NEAR, &warm).unwrap();
            assert!(
                warm.objective >= tight.objective,
                "{extras:?} {number}: {} lost from a warm start",
                warm.objective
            );
            assert!(warm.objective <= loose.bound && loose.objective <= warm.bound, "{extras:?} {number}");
        }
    }
}

#[test]
fn an_interrupt_at_any_moment_leaves_a_plan_that_fits_and_a_true_bound() {
    for extras in [&[][..], &[Pairs, Gains, Arrivals], &[Windows], &[Runs]] {
        let raw = shape(50, 10, extras, 17);
        let calls = AtomicUsize::new(0);
        let problem = raw.problem();
        let whole =
            found(solve(&problem, &on_threads(1, NEAR), &|| calls.fetch_add(1, Ordering::Relaxed) == usize::MAX));
        let all = calls.load(Ordering::Relaxed);
        for moment in [0, 1, 2, 3, 5, 8, all / 16, all / 8, all / 4, all / 2, all - all / 4, all.saturating_sub(1)] {
            let calls = AtomicUsize::new(0);
            let late = || calls.fetch_add(1, Ordering::Relaxed) >= moment;
            let hurried = found(solve(&problem, &on_threads(1, NEAR), &late));
            sound(&raw, &problem, NEAR, &hurried).unwrap();
            assert!(whole.objective <= hurried.bound, "{extras:?}: interrupted at {moment} of {all}");
            assert!(hurried.objective <= whole.bound, "{extras:?}: interrupted at {moment} of {all}");
        }
    }
}

#[test]
fn an_interrupt_with_rules_that_ask_for_columns_leaves_a_true_bound() {
    let raw = shape(80, 12, &[Least, Locks, Arrivals], 19);
    let problem = raw.problem();
    let whole = solved(&problem, &settings(NEAR));
    for moment in [0, 1, 2, 4, 8, 16, 32, 64, 128] {
        let calls = AtomicUsize::new(0);
        match solve(&problem, &on_threads(1, NEAR), &|| calls.fetch_add(1, Ordering::Relaxed) >= moment) {
            Solve::Solved(hurried) => {
                sound(&raw, &problem, NEAR, &hurried).unwrap();
                assert!(whole.objective <= hurried.bound && hurried.objective <= whole.bound);
            }
            Solve::NotFound { bound } => assert!(whole.objective <= bound),
            Solve::Infeasible(conflict) => panic!("there is a plan: {conflict:?}"),
        }
    }
}

#[test]
fn a_time_limit_is_kept() {
    let raw = shape(400, 26, &[Pairs], 23);
    let problem = raw.problem();
    for milliseconds in [0, 50, 300] {
        let limit = Duration::from_millis(milliseconds);
        let begun = Instant::now();
        let hurried = solved(&problem, &Settings { time_limit: Some(limit), ..settings(0.0) });
        let took = begun.elapsed();
        sound(&raw, &problem, 0.0, &hurried).unwrap();
        assert!(took < limit + Duration::from_secs(3), "{took:?} instead of {limit:?}");
    }
}

/// Values from a seed.
fn values(count: usize, seed: u64) -> Vec<i64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| random.random_range(1..1000)).collect()
}

fn column(period: usize, value: i64, uses: &[(usize, i64)]) -> RawColumn {
    RawColumn { period, option: 0, value, stock: 0, uses: uses.to_vec() }
}

#[test]
fn the_best_of_many_are_chosen_exactly() {
    let values = values(2000, 29);
    let unit = |&value| RawUnit { columns: vec![column(0, value, &[(0, 1)])], ..RawUnit::default() };
    let raw = Raw { periods: 1, limits: vec![(0, 300)], units: values.iter().map(unit).collect(), pairs: vec![] };
    let mut falling = values.clone();
    falling.sort_unstable_by_key(|value| -value);
    let (_, solution) = judged(&raw, &settings(0.0));
    assert_eq!((solution.objective, solution.bound), (falling[..300].iter().sum(), solution.objective));
}

#[test]
fn the_least_loss_is_chosen_when_a_use_must_be_reached() {
    let values = values(500, 31);
    let unit = |&value: &i64| RawUnit { columns: vec![column(0, -value, &[(0, 1)])], ..RawUnit::default() };
    let raw = Raw { periods: 1, limits: vec![(70, 100)], units: values.iter().map(unit).collect(), pairs: vec![] };
    let mut rising = values.clone();
    rising.sort_unstable();
    let (_, solution) = judged(&raw, &settings(0.0));
    assert_eq!((solution.objective, solution.bound), (-rising[..70].iter().sum::<i64>(), solution.objective));
    assert!(solution.prices[0] < 0.0, "{:?}", solution.prices);
}

/// Best value with so many periods between columns, by the textbook recursion.
fn spaced(values: &[i64], spacing: usize) -> i64 {
    let mut best = vec![0; values.len() + spacing];
    for at in (0..values.len()).rev() {
        best[at] = best[at + 1].max(values[at] + best[at + spacing]);
    }
    best[0]
}

#[test]
fn units_without_shared_limits_are_solved_exactly() {
    let of_unit: Vec<Vec<i64>> = (0..200).map(|seed| values(40, 100 + seed)).collect();
    let unit = |(number, values): (usize, &Vec<i64>)| RawUnit {
        rules: super::super::Rules { spacing: 1 + number % 5, ..Default::default() },
        columns: (0..).zip(values).map(|(period, &value)| column(period, value, &[])).collect(),
        ..RawUnit::default()
    };
    let units = of_unit.iter().enumerate().map(unit).collect();
    let raw = Raw { periods: 40, limits: vec![], units, pairs: vec![] };
    let expected: i64 = of_unit.iter().enumerate().map(|(number, values)| spaced(values, 1 + number % 5)).sum();
    let (_, solution) = judged(&raw, &settings(0.0));
    assert_eq!((solution.objective, solution.bound), (expected, expected));
}

/// Best value of a knapsack, by the textbook recursion.
fn knapsack(items: &[(i64, i64)], room: usize) -> i64 {
    let mut best = vec![0; room + 1];
    for &(value, weight) in items {
        for left in (weight as usize..=room).rev() {
            best[left] = best[left].max(value + best[left - weight as usize]);
        }
    }
    best[room]
}

#[test]
fn stock_alone_is_solved_exactly() {
    let mut raw = Raw { periods: 20, limits: vec![], units: vec![], pairs: vec![] };
    let mut expected = 0;
    for seed in 0..40 {
        let (worth, weights) = (values(20, 400 + seed), values(20, 500 + seed));
        let items: Vec<(i64, i64)> =
            worth.iter().zip(&weights).map(|(&value, &weight)| (value, 1 + weight / 10)).collect();
        expected += knapsack(&items, 300);
        let columns =
            (0..).zip(&items).map(|(period, &(value, stock))| RawColumn { stock, ..column(period, value, &[]) });
        raw.units.push(RawUnit { stock: Some(vec![(0, 300)]), columns: columns.collect(), ..RawUnit::default() });
    }
    let (_, solution) = judged(&raw, &settings(0.0));
    assert_eq!((solution.objective, solution.bound), (expected, expected));
}

#[test]
fn a_unit_that_must_choose_what_it_cannot_is_never_planned() {
    let mut raw = shape(60, 12, &[Locks], 37);
    raw.units[30].rules.required = vec![5];
    raw.units[30].columns.retain(|column| column.period != 5);
    match solve(&raw.problem(), &settings(NEAR), &|| false) {
        Solve::Solved(solution) => panic!("planned: {:?}", solution.choice[30 * 12 + 5] == NONE),
        Solve::Infeasible(_) | Solve::NotFound { .. } => {}
    }
}
