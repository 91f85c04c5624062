//! Input that is wrong, empty, contradictory or huge: refused in words, or solved with a true bound; never a panic.

use super::super::graph::{Rules, Window};
use super::super::problem::{Arrival, Builder, NONE, ProblemError, Unit};
use super::super::{Solve, solve};
use super::raw::{Raw, RawColumn, RawUnit};
use super::{Settings, check, found, settings, solved, sound};
use std::time::Duration;

/// What the builder says to a problem of two periods.
fn refusal(write: impl FnOnce(&mut Builder)) -> String {
    let mut builder = Builder::new(2);
    write(&mut builder);
    builder.build().unwrap_err().to_string()
}

fn with_unit(rules: Rules) -> String {
    refusal(|builder| _ = builder.unit(Unit { rules, stock: None }))
}

fn with_stock(period: usize, amount: i64) -> String {
    refusal(|builder| {
        _ = builder.unit(Unit { rules: Rules::default(), stock: Some(vec![Arrival { period, amount }]) });
    })
}

fn with_column(period: usize, option: u32, value: i64, stock: i64, uses: &[(usize, i64)]) -> String {
    refusal(|builder| {
        builder.limit("budget", 10);
        builder.unit(Unit::default());
        builder.column(period, option, value, stock, uses);
    })
}

fn with_pair(first: usize, second: usize, penalty: i64) -> String {
    refusal(|builder| {
        (0..2).for_each(|_| _ = builder.unit(Unit::default()));
        builder.pair(first, second, penalty);
    })
}

#[test]
fn numbers_outside_their_range_are_named() {
    let said = [
        (refusal(|builder| _ = builder.limit("budget", -1)), "capacity of budget is -1: expected 0 or more"),
        (refusal(|builder| _ = builder.limit("budget", i64::MIN)), "capacity of budget"),
        (refusal(|builder| _ = builder.range("slots", -2, 5)), "least use of slots is -2: expected 0 to the capacity"),
        (refusal(|builder| _ = builder.range("slots", 6, 5)), "least use of slots is 6: expected 0 to the capacity"),
        (with_unit(Rules { spacing: 0, ..Rules::default() }), "spacing of unit 0 is 0: expected 1 or more"),
        (with_unit(Rules { run: 0, ..Rules::default() }), "shortest run of unit 0 is 0"),
        (
            with_unit(Rules { windows: vec![Window { periods: 0, most: 1 }], ..Rules::default() }),
            "window of unit 0 is 0",
        ),
        (with_unit(Rules { before: vec![2, 0], ..Rules::default() }), "period before the horizon of unit 0 is 0"),
        (with_unit(Rules { before: vec![usize::MAX], ..Rules::default() }), "period before the horizon of unit 0"),
        (with_unit(Rules { required: vec![0, 2], ..Rules::default() }), "required period of unit 0 is 2"),
        (with_unit(Rules { required: vec![usize::MAX], ..Rules::default() }), "required period of unit 0"),
        (with_stock(0, -1), "stock of unit 0 is -1: expected 0 or more"),
        (with_stock(2, 1), "arrival of unit 0 is 2: expected a period of the horizon"),
        (
            with_column(2, 0, 1, 0, &[]),
            "period of a column of unit 0 in period 2 is 2: expected a period of the horizon",
        ),
        (with_column(usize::MAX, 0, 1, 0, &[]), "expected a period of the horizon"),
        (with_column(0, 1 << 16, 1, 0, &[]), "option of a column of unit 0 in period 0 is 65536"),
        (with_column(0, 0, 1 << 40, 0, &[]), "value of a column of unit 0 in period 0"),
        (with_column(0, 0, i64::MIN, 0, &[]), "value of a column of unit 0 in period 0"),
        (with_column(0, 0, i64::MAX, 0, &[]), "value of a column of unit 0 in period 0"),
        (with_column(0, 0, 1, -1, &[]), "stock use of a column of unit 0 in period 0 is -1"),
        (with_column(0, 0, 1, 1 << 32, &[]), "stock use of a column of unit 0 in period 0"),
        (with_column(0, 0, 1, 0, &[(0, -1)]), "use of a limit of a column of unit 0 in period 0 is -1"),
        (with_column(0, 0, 1, 0, &[(0, i64::MAX)]), "use of a limit of a column of unit 0 in period 0"),
        (with_column(0, 0, 1, 0, &[(0, 1), (0, 2)]), "expected each limit once"),
        (with_column(0, 0, 1, 0, &[(1, 1)]), "a column of unit 0 uses limit 1, but there are 1"),
        (with_pair(0, 0, 5), "expected two different units"),
        (with_pair(0, 2, 5), "expected units of the problem"),
        (with_pair(1 << 32, 1, 5), "unit of the pair"),
        (with_pair(usize::MAX, 1, 5), "unit of the pair"),
        (with_pair(0, 1, 1 << 40), "penalty of the pair 0, 1"),
        (with_pair(0, 1, i64::MIN), "penalty of the pair 0, 1"),
        (with_pair(0, 1, -5), "expected pairs that gain before the units they join"),
        (refusal(|builder| builder.column(0, 0, 1, 0, &[])), "expected a unit before its columns"),
        (
            Builder::new(0).build().unwrap_err().to_string(),
            "number of periods of the problem is 0: expected 1 to 65535",
        ),
        (Builder::new(usize::MAX).build().unwrap_err().to_string(), "number of periods of the problem"),
    ];
    for (found, expected) in said {
        assert!(found.contains(expected), "{found:?} does not say {expected:?}");
    }
}

#[test]
fn the_first_of_many_mistakes_is_told_and_the_rest_is_ignored() {
    let mut builder = Builder::new(0);
    builder.range("budget", 5, -5);
    builder.pair(3, 3, i64::MIN);
    builder.unit(Unit::simple(0, Some(-4)));
    builder.column(7, 70_000, i64::MAX, -1, &[(9, -9), (9, -9)]);
    builder.unit(Unit { rules: Rules { required: vec![9], ..Rules::default() }, stock: None });
    assert!(builder.build().unwrap_err().to_string().starts_with("number of periods"));
}

#[test]
fn an_option_twice_in_a_period_is_refused_and_in_two_periods_is_not() {
    let write = |periods: [usize; 3]| {
        let mut builder = Builder::new(2);
        builder.unit(Unit::default());
        (0..).zip(periods).for_each(|(at, period)| builder.column(period, [4, 7, 4][at], 5, 0, &[]));
        builder.build()
    };
    assert_eq!(write([1, 1, 1]).unwrap_err(), ProblemError::Twice { unit: 0, period: 1, option: 4 });
    assert!(write([0, 1, 1]).is_ok());
}

#[test]
fn rules_that_remember_too_much_are_refused() {
    let rules = Rules { windows: vec![Window { periods: 60, most: 20 }], ..Rules::default() };
    let mut builder = Builder::new(120);
    builder.unit(Unit { rules, stock: None });
    assert_eq!(builder.build().unwrap_err(), ProblemError::Rules { unit: 0 });
}

#[test]
fn rules_of_any_length_are_taken() {
    let most = usize::MAX;
    let rules = [
        Rules { spacing: most, before: vec![3], ..Rules::default() },
        Rules { windows: vec![Window { periods: most, most: 1 }, Window { periods: 1, most }], ..Rules::default() },
        Rules { run: most, rest: most, ..Rules::default() },
        Rules { rest: most, before: vec![1, 60_000], ..Rules::default() },
    ];
    for rules in rules {
        let columns = (0..6).map(|period| column(period, 0, 7)).collect();
        let unit = RawUnit { rules, columns, stock: None };
        exactly(&Raw { periods: 6, units: vec![unit], ..Raw::default() });
    }
}

fn column(period: usize, option: u32, value: i64) -> RawColumn {
    RawColumn { period, option, value, stock: 1, uses: vec![] }
}

fn using(limit: usize, amount: i64, value: i64) -> RawColumn {
    RawColumn { uses: vec![(limit, amount)], ..column(0, 0, value) }
}

fn unit(columns: Vec<RawColumn>) -> RawUnit {
    RawUnit { columns, ..RawUnit::default() }
}

/// Solves to the end and compares with every plan.
fn exactly(raw: &Raw) -> Option<i64> {
    let expected = super::exhaustive::optimum(raw);
    let problem = raw.problem();
    match solve(&problem, &settings(0.0), &|| false) {
        Solve::Solved(solution) => {
            sound(raw, &problem, 0.0, &solution).unwrap();
            assert_eq!((Some(solution.objective), solution.bound), (expected, solution.objective), "{raw:?}");
        }
        _ => assert_eq!(expected, None, "{raw:?}"),
    }
    expected
}

#[test]
fn empty_sets_have_the_empty_plan() {
    let nothing = Raw { periods: 3, ..Raw::default() };
    assert_eq!(exactly(&nothing), Some(0));
    assert_eq!(exactly(&Raw { limits: vec![(0, 0), (0, 5)], ..nothing.clone() }), Some(0));
    assert_eq!(exactly(&Raw { units: vec![unit(vec![]), unit(vec![])], ..nothing.clone() }), Some(0));
    assert_eq!(exactly(&Raw { units: vec![unit(vec![column(2, 9, 5)])], ..nothing.clone() }), Some(5));
    assert_eq!(exactly(&Raw { limits: vec![(1, 5)], ..nothing.clone() }), None);
    assert_eq!(exactly(&Raw { units: vec![unit(vec![]), unit(vec![])], pairs: vec![(0, 1, -5)], ..nothing }), Some(0));
}

#[test]
fn limits_that_cannot_be_kept_have_no_plan() {
    let raw = |limits: Vec<(i64, i64)>, columns| Raw { periods: 1, limits, units: vec![unit(columns)], pairs: vec![] };
    assert_eq!(exactly(&raw(vec![(6, 9)], vec![using(0, 5, 3)])), None);
    assert_eq!(exactly(&raw(vec![(6, 9)], vec![using(0, 10, 3)])), None);
    assert_eq!(exactly(&raw(vec![(6, 9)], vec![using(0, 7, -3)])), Some(-3));
    let both = RawColumn { uses: vec![(0, 5), (1, 5)], ..column(0, 0, 8) };
    assert_eq!(exactly(&raw(vec![(5, 9), (0, 4)], vec![both.clone()])), None);
    assert_eq!(exactly(&raw(vec![(5, 9), (0, 5)], vec![both])), Some(8));
}

#[test]
fn required_columns_over_a_limit_or_a_stock_have_no_plan() {
    let required = |stock: Option<i64>, columns: Vec<RawColumn>| RawUnit {
        rules: Rules { required: vec![0], ..Rules::default() },
        stock: stock.map(|amount| vec![(0, amount)]),
        columns,
    };
    let raw = |capacity, units| Raw { periods: 2, limits: vec![(0, capacity)], units, pairs: vec![] };
    assert_eq!(exactly(&raw(4, vec![required(None, vec![using(0, 5, 3)])])), None);
    assert_eq!(exactly(&raw(5, vec![required(None, vec![using(0, 5, 3)])])), Some(3));
    assert_eq!(
        exactly(&raw(9, vec![required(None, vec![using(0, 5, 3)]), required(None, vec![using(0, 5, 3)])])),
        None
    );
    assert_eq!(exactly(&raw(9, vec![required(Some(0), vec![using(0, 5, 3)])])), None);
    assert_eq!(exactly(&raw(9, vec![required(Some(1), vec![using(0, 5, -3)])])), Some(-3));
    assert_eq!(exactly(&raw(9, vec![required(None, vec![])])), None);
    let late = RawUnit { stock: Some(vec![(1, 5)]), ..required(None, vec![using(0, 5, 3)]) };
    assert_eq!(exactly(&raw(9, vec![late])), None);
}

#[test]
fn rules_that_leave_no_calendar_have_no_plan() {
    let columns = || (0..4).map(|period| column(period, 0, 7)).collect();
    let raw =
        |rules| Raw { periods: 4, units: vec![RawUnit { rules, columns: columns(), stock: None }], ..Raw::default() };
    let required = vec![1, 2];
    assert_eq!(exactly(&raw(Rules { spacing: 2, required: required.clone(), ..Rules::default() })), None);
    let window = Window { periods: 1, most: 0 };
    assert_eq!(exactly(&raw(Rules { windows: vec![window], required, ..Rules::default() })), None);
    assert_eq!(exactly(&raw(Rules { windows: vec![window], ..Rules::default() })), Some(0));
    assert_eq!(exactly(&raw(Rules { run: 2, spacing: 2, before: vec![1], ..Rules::default() })), None);
}

#[test]
fn equal_columns_leave_one_of_them() {
    let uses = [vec![(0, 1), (1, 3)], vec![(1, 3), (0, 1)], vec![(1, 3), (0, 1), (2, 0)]];
    let columns = (0..).zip(uses).map(|(option, uses)| RawColumn { uses, ..column(0, option, 9) }).collect();
    let raw = Raw { periods: 1, limits: vec![(0, 2), (0, 5), (0, 1)], units: vec![unit(columns)], pairs: vec![] };
    assert_eq!(exactly(&raw), Some(9));
}

#[test]
fn many_columns_in_a_period_are_all_considered() {
    let columns = (0..200).map(|option| RawColumn {
        uses: vec![(0, i64::from(option) * 37 % 200)],
        ..column(0, option, i64::from(option) * 91 % 199)
    });
    let raw = Raw { periods: 1, limits: vec![(20, 90)], units: vec![unit(columns.collect())], pairs: vec![] };
    let best =
        raw.units[0].columns.iter().filter(|column| (20..=90).contains(&column.uses[0].1)).map(|c| c.value).max();
    assert_eq!(exactly(&raw), best);
}

#[test]
fn the_same_pair_counts_as_often_as_it_is_written() {
    let units = || (0..2).map(|_| unit(vec![column(0, 0, 10)])).collect();
    let raw = |pairs| Raw { periods: 1, limits: vec![], units: units(), pairs };
    assert_eq!(exactly(&raw(vec![(0, 1, 4), (1, 0, 3)])), Some(13));
    assert_eq!(exactly(&raw(vec![(0, 1, 4), (1, 0, 8)])), Some(10));
    assert_eq!(exactly(&raw(vec![(0, 1, -4), (1, 0, 8)])), Some(16));
    assert_eq!(exactly(&raw(vec![(0, 1, 9), (1, 0, 9), (0, 1, -9), (1, 0, -9)])), Some(20));
}

#[test]
fn columns_of_no_value_cost_nothing() {
    let worthless = |period: usize| (0..100).map(move |option| column(period, option, -i64::from(option % 3)));
    let mut units: Vec<RawUnit> = (0..100).map(|_| unit((0..10).flat_map(worthless).collect())).collect();
    let raw = Raw { periods: 10, limits: vec![(0, 5)], units: units.clone(), pairs: vec![(0, 1, 3)] };
    let problem = raw.problem();
    assert_eq!(problem.columns(), 0);
    let solution = solved(&problem, &settings(0.0));
    assert_eq!((solution.objective, solution.bound), (0, 0));
    units[50].columns.push(RawColumn { uses: vec![(0, 5)], ..column(3, 200, 1) });
    let problem = Raw { units, ..raw }.problem();
    let solution = solved(&problem, &settings(0.0));
    assert_eq!((problem.columns(), solution.objective, solution.bound), (1, 1, 1));
}

/// Units that each may choose one column, so many of them at most.
fn row(values: impl Iterator<Item = i64>, amount: i64, capacity: i64) -> Raw {
    let units = values.map(|value| unit(vec![using(0, amount, value)])).collect();
    Raw { periods: 1, limits: vec![(0, capacity)], units, pairs: vec![] }
}

#[test]
fn the_largest_numbers_are_added_without_loss() {
    let most = (1i64 << 40) - 1;
    let amount = (1i64 << 40) - 1;
    for (capacity, chosen) in [(amount * 30, 30), (amount * 30 - 1, 29), (i64::MAX, 100)] {
        let raw = row((0..100).map(|at| most - at), amount, capacity);
        let problem = raw.problem();
        let solution = solved(&problem, &settings(0.0));
        sound(&raw, &problem, 0.0, &solution).unwrap();
        let expected: i64 = (0..chosen).map(|at| most - at).sum();
        assert!(solution.objective <= expected && expected <= solution.bound, "{expected}: {solution:?}");
        assert!(solution.gap() < 1e-6, "{}", solution.gap());
    }
}

#[test]
fn sums_that_no_longer_fit_are_refused_and_do_not_wrap() {
    let most = (1i64 << 40) - 1;
    let periods = 65_535;
    let columns =
        |builder: &mut Builder| (0..periods).for_each(|period| builder.column(period, 0, most, 0, &[(0, most)]));
    let mut values = Builder::new(periods);
    values.limit("budget", i64::MAX);
    for _ in 0..140 {
        values.unit(Unit::default());
        columns(&mut values);
    }
    let mut pairs = Builder::new(periods);
    pairs.limit("budget", i64::MAX);
    for _ in 0..2 {
        pairs.unit(Unit::default());
        columns(&mut pairs);
    }
    (0..300).for_each(|_| pairs.pair(0, 1, most));
    for builder in [values, pairs] {
        let Err(refused) = builder.build() else { panic!("taken, though its sums do not fit into 64 bits") };
        assert!(!refused.to_string().is_empty());
    }
}

#[test]
fn a_stock_of_everything_is_no_limit() {
    let stock = Some(vec![(0, i64::MAX), (1, i64::MAX), (1, i64::MAX)]);
    let columns = (0..3).map(|period| RawColumn { stock: (1 << 32) - 1, ..column(period, 0, 5) }).collect();
    let raw = Raw { periods: 3, units: vec![RawUnit { stock, columns, ..RawUnit::default() }], ..Raw::default() };
    let problem = raw.problem();
    let solution = solved(&problem, &settings(0.0));
    assert_eq!((check(&problem, &solution.choice), solution.bound), (Ok(15), 15));
}

#[test]
fn settings_of_any_kind_leave_a_plan_that_fits_and_a_true_bound() {
    let raw = row((0..40).map(|at| 20 + at * 7 % 13), 3, 48);
    let problem = raw.problem();
    let best = solved(&problem, &settings(0.0)).objective;
    for gap in [0.0, -1.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for time_limit in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
            for threads in [None, Some(0), Some(1), Some(64)] {
                let settings = Settings { gap, time_limit, threads, seed: u64::MAX };
                let solution = found(solve(&problem, &settings, &|| false));
                assert_eq!(raw.judge(&raw.plan(&problem, &solution.choice)), Ok(solution.objective), "{settings:?}");
                assert!(solution.objective <= best && best <= solution.bound, "{settings:?}: {solution:?}");
            }
        }
    }
}

#[test]
fn a_problem_of_one_choice_has_one_plan() {
    let raw = Raw { periods: 1, units: vec![unit(vec![column(0, 65_535, 1)])], ..Raw::default() };
    let problem = raw.problem();
    let solution = solved(&problem, &settings(0.0));
    assert_eq!((solution.choice.as_slice(), solution.objective, solution.bound), (&[0][..], 1, 1));
    let raw = Raw { periods: 1, units: vec![unit(vec![column(0, 65_535, 0)])], ..Raw::default() };
    assert_eq!(solved(&raw.problem(), &settings(0.0)).choice, [NONE]);
}
