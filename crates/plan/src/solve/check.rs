//! Whether a plan keeps every rule, and what it earns: read from the words of the rules, in whole numbers.
//!
//! Never trusts the search: it uses nothing that the search computes, not even the graphs of the calendar rules, so that
//! a mistake there is found here.

use super::graph::Window;
use super::problem::{NONE, Problem};

/// A rule that a plan breaks, with the numbers. Periods before the horizon count down from -1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A plan of another problem.
    #[error("the plan has {found} choices: expected {expected}, one for each unit and period")]
    Length {
        /// Choices of the plan.
        found: usize,
        /// Units times periods.
        expected: usize,
    },
    /// A choice that is not one of the unit's columns in the period.
    #[error("unit {unit} has column {column} in period {period}, where it has no such column")]
    Column {
        /// The unit.
        unit: usize,
        /// The period.
        period: usize,
        /// The column.
        column: u32,
    },
    /// Two columns too near to each other.
    #[error(
        "unit {unit} has columns in periods {earlier} and {period}: expected {spacing} periods or more between them"
    )]
    Spacing {
        /// The unit.
        unit: usize,
        /// Period of the later column.
        period: usize,
        /// Period of the earlier column.
        earlier: i64,
        /// Periods from one to the next, at least.
        spacing: usize,
    },
    /// Too many columns in consecutive periods.
    #[error("unit {unit} has {count} columns in the {} periods up to {period}: expected {} or fewer", .window.periods, .window.most)]
    Window {
        /// The unit.
        unit: usize,
        /// Last of the consecutive periods.
        period: usize,
        /// Columns in them.
        count: usize,
        /// The rule.
        window: Window,
    },
    /// A run that is too short.
    #[error("unit {unit} has a run of {length} from period {from}: expected {least} or more")]
    Run {
        /// The unit.
        unit: usize,
        /// First period of the run.
        from: i64,
        /// Periods of the run.
        length: usize,
        /// Shortest run.
        least: usize,
    },
    /// Too few periods without a column between two runs.
    #[error("unit {unit} rests {length} periods before its run from period {period}: expected {least} or more")]
    Rest {
        /// The unit.
        unit: usize,
        /// First period of the later run.
        period: usize,
        /// Periods between the runs.
        length: usize,
        /// Shortest rest.
        least: usize,
    },
    /// No column where one must be chosen.
    #[error("unit {unit} has no column in period {period}, where it must have one")]
    Required {
        /// The unit.
        unit: usize,
        /// The period.
        period: usize,
    },
    /// More used of a unit's stock than has arrived.
    #[error("unit {unit} uses {used} of its stock up to period {period}: by then {arrived} have arrived")]
    Stock {
        /// The unit.
        unit: usize,
        /// The period.
        period: usize,
        /// Used up to the end of the period.
        used: i64,
        /// Arrived up to the period.
        arrived: i64,
    },
    /// Too much or too little used of a limit.
    #[error("limit {limit} is used by {used}: expected {least} to {capacity}")]
    Limit {
        /// The limit.
        limit: usize,
        /// Used in all.
        used: i128,
        /// Least use.
        least: i64,
        /// How much there is.
        capacity: i64,
    },
    /// A plan that earns more than 64 bits can say.
    #[error("the plan earns {value}: expected a number of 64 bits")]
    Value {
        /// What it earns.
        value: i128,
    },
}

/// Checks a plan (a column or [`NONE`] per unit and period, unit by unit) and returns what it earns, pairs paid.
///
/// # Errors
/// Every rule that the plan breaks.
pub fn check(problem: &Problem, choice: &[u32]) -> Result<i64, Vec<Broken>> {
    let expected = problem.units() * problem.periods();
    if choice.len() != expected {
        return Err(vec![Broken::Length { found: choice.len(), expected }]);
    }
    let mut broken = strangers(problem, choice);
    if !broken.is_empty() {
        return Err(broken);
    }
    for (unit, chosen) in choice.chunks(problem.periods()).enumerate() {
        calendar(problem, unit, chosen, &mut broken);
        stock(problem, unit, chosen, &mut broken);
    }
    limits(problem, choice, &mut broken);
    let value = earned(problem, choice);
    match i64::try_from(value) {
        Ok(value) if broken.is_empty() => return Ok(value),
        Ok(_) => {}
        Err(_) => broken.push(Broken::Value { value }),
    }
    Err(broken)
}

/// Choices that are no column of their unit and period.
fn strangers(problem: &Problem, choice: &[u32]) -> Vec<Broken> {
    let cells = choice.iter().enumerate().filter(|(_, column)| **column != NONE);
    let strange = cells.filter_map(|(cell, &column)| {
        let (unit, period) = (cell / problem.periods(), cell % problem.periods());
        let known = problem.columns_at(unit, period).contains(&(column as usize));
        (!known).then_some(Broken::Column { unit, period, column })
    });
    strange.collect()
}

/// The calendar rules of a unit.
fn calendar(problem: &Problem, unit: usize, chosen: &[u32], broken: &mut Vec<Broken>) {
    let rules = problem.rules(unit);
    for &period in rules.required.iter().filter(|&&period| chosen[period] == NONE) {
        broken.push(Broken::Required { unit, period });
    }
    let mut days: Vec<i64> = rules.before.iter().map(|&back| -signed(back)).collect();
    days.sort_unstable();
    days.dedup();
    days.extend((0..chosen.len()).filter(|&period| chosen[period] != NONE).map(signed));
    spacing(unit, &days, rules.spacing, broken);
    rules.windows.iter().for_each(|window| in_window(unit, &days, *window, broken));
    runs(unit, &days, chosen.len(), (rules.run, rules.rest), broken);
}

fn spacing(unit: usize, days: &[i64], spacing: usize, broken: &mut Vec<Broken>) {
    let near = days.windows(2).filter(|two| two[1] >= 0 && two[1] - two[0] < signed(spacing));
    broken.extend(near.map(|two| Broken::Spacing { unit, period: two[1] as usize, earlier: two[0], spacing }));
}

fn in_window(unit: usize, days: &[i64], window: Window, broken: &mut Vec<Broken>) {
    for &day in days.iter().filter(|&&day| day >= 0) {
        let count = days.iter().filter(|&&other| other <= day && day - other < signed(window.periods)).count();
        if count > window.most {
            broken.push(Broken::Window { unit, period: day as usize, count, window });
        }
    }
}

/// Shortest run and shortest rest. What ended before the period just before the horizon is past, and the end of the
/// horizon may cut a run short.
fn runs(unit: usize, days: &[i64], periods: usize, (run, rest): (usize, usize), broken: &mut Vec<Broken>) {
    let stretches: Vec<&[i64]> = days.chunk_by(|day, next| next - day == 1).collect();
    for stretch in &stretches {
        let (from, last) = (stretch[0], stretch[stretch.len() - 1]);
        if stretch.len() < run && last >= -1 && last + 1 < signed(periods) {
            broken.push(Broken::Run { unit, from, length: stretch.len(), least: run });
        }
    }
    for two in stretches.windows(2) {
        let (next, last) = (two[1][0], two[0][two[0].len() - 1]);
        let length = (next - last - 1) as usize;
        if next >= 0 && length < rest {
            broken.push(Broken::Rest { unit, period: next as usize, length, least: rest });
        }
    }
}

/// Stock over time: what is used so far has arrived.
fn stock(problem: &Problem, unit: usize, chosen: &[u32], broken: &mut Vec<Broken>) {
    let Some(supply) = problem.supply(unit) else { return };
    let mut used = 0;
    for (period, &column) in chosen.iter().enumerate().filter(|(_, column)| **column != NONE) {
        used += problem.stock_use(column);
        let arrived = supply.iter().rfind(|arrival| arrival.0 as usize <= period).map_or(0, |arrival| arrival.1);
        if used > arrived {
            broken.push(Broken::Stock { unit, period, used, arrived });
        }
    }
}

fn limits(problem: &Problem, choice: &[u32], broken: &mut Vec<Broken>) {
    let mut used = vec![0i128; problem.limits().len()];
    for &column in choice.iter().filter(|&&column| column != NONE) {
        problem.uses(column).for_each(|(limit, amount)| used[limit] += i128::from(amount));
    }
    for (limit, (used, rule)) in used.into_iter().zip(problem.limits()).enumerate() {
        let (least, capacity) = (rule.least, rule.capacity);
        if used < least.into() || used > capacity.into() {
            broken.push(Broken::Limit { limit, used, least, capacity });
        }
    }
}

fn earned(problem: &Problem, choice: &[u32]) -> i128 {
    let columns = choice.iter().filter(|&&column| column != NONE);
    let values: i128 = columns.map(|&column| i128::from(problem.value(column))).sum();
    let on = |unit: u32, period: usize| choice[unit as usize * problem.periods() + period] != NONE;
    let lost = problem.pairs().iter().map(|pair| {
        let both = (0..problem.periods()).filter(|&period| on(pair.first, period) && on(pair.second, period));
        i128::from(pair.penalty) * both.count() as i128
    });
    values - lost.sum::<i128>()
}

fn signed(periods: usize) -> i64 {
    i64::try_from(periods).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::graph::Rules;
    use super::super::problem::{Arrival, Builder, Unit};
    use super::*;

    const PERIODS: usize = 8;

    /// One unit that may choose the column with the number of the period, using as much stock and of a limit.
    fn problem(rules: Rules, stock: Option<Vec<Arrival>>, least: i64, capacity: i64) -> Problem {
        let mut builder = Builder::new(PERIODS);
        builder.range("budget", least, capacity);
        builder.unit(Unit { rules, stock });
        (0..PERIODS).for_each(|period| builder.column(period, 0, 10, 3, &[(0, 2)]));
        builder.build().unwrap()
    }

    fn plan(on: &[usize]) -> Vec<u32> {
        (0..PERIODS).map(|period| if on.contains(&period) { period as u32 } else { NONE }).collect()
    }

    fn broken(rules: Rules, on: &[usize]) -> Vec<Broken> {
        check(&problem(rules, None, 0, 100), &plan(on)).err().unwrap_or_default()
    }

    #[test]
    fn a_plan_that_keeps_every_rule_earns_its_columns_less_its_pairs() {
        let mut builder = Builder::new(2);
        let units = [0, 1].map(|_| {
            let unit = builder.unit(Unit::default());
            (0..2).for_each(|period| builder.column(period, 5, 10, 0, &[]));
            unit
        });
        builder.pair(units[0], units[1], 3);
        builder.pair(units[1], units[0], 4);
        let problem = builder.build().unwrap();
        assert_eq!(check(&problem, &[0, 1, 2, NONE]), Ok(30 - 7));
        assert_eq!(check(&problem, &[0, NONE, NONE, 3]), Ok(20));
        assert_eq!(check(&problem, &[NONE; 4]), Ok(0));
    }

    #[test]
    fn plans_of_another_problem_are_named() {
        let problem = problem(Rules::default(), None, 0, 100);
        assert_eq!(check(&problem, &[NONE]), Err(vec![Broken::Length { found: 1, expected: 8 }]));
        let mut strange = plan(&[]);
        (strange[2], strange[4]) = (3, 99);
        let named = |period, column| Broken::Column { unit: 0, period, column };
        assert_eq!(check(&problem, &strange), Err(vec![named(2, 3), named(4, 99)]));
    }

    #[test]
    fn spacing_counts_from_one_column_to_the_next_and_from_what_was_published() {
        let rules = |before| Rules { spacing: 3, before, ..Rules::default() };
        let named = |earlier, period| Broken::Spacing { unit: 0, period, earlier, spacing: 3 };
        assert_eq!(broken(rules(vec![]), &[0, 3, 6]), []);
        assert_eq!(broken(rules(vec![]), &[0, 2, 3]), [named(0, 2), named(2, 3)]);
        assert_eq!(broken(rules(vec![1, 2]), &[1]), [named(-1, 1)]);
        assert_eq!(broken(rules(vec![1, 2]), &[2]), []);
    }

    #[test]
    fn windows_count_all_columns_in_consecutive_periods() {
        let window = Window { periods: 4, most: 2 };
        let rules = |before| Rules { windows: vec![window], before, ..Rules::default() };
        let named = |period, count| Broken::Window { unit: 0, period, count, window };
        assert_eq!(broken(rules(vec![]), &[0, 1, 4, 5]), []);
        assert_eq!(broken(rules(vec![]), &[0, 1, 3]), [named(3, 3)]);
        assert_eq!(broken(rules(vec![1, 3, 3]), &[0]), [named(0, 3)]);
        assert_eq!(broken(rules(vec![1, 3]), &[1]), []);
        let none = Rules { windows: vec![Window { periods: 1, most: 0 }], ..Rules::default() };
        assert_eq!(broken(none, &[7]).len(), 1);
    }

    #[test]
    fn runs_and_rests_have_their_length_but_at_the_end_of_the_horizon() {
        let rules = |before| Rules { run: 2, rest: 2, before, ..Rules::default() };
        assert_eq!(broken(rules(vec![]), &[0, 1, 4, 5]), []);
        assert_eq!(broken(rules(vec![]), &[7]), []);
        assert_eq!(broken(rules(vec![]), &[6]), [Broken::Run { unit: 0, from: 6, length: 1, least: 2 }]);
        assert_eq!(broken(rules(vec![]), &[0, 1, 3, 4]), [Broken::Rest { unit: 0, period: 3, length: 1, least: 2 }]);
        assert_eq!(broken(rules(vec![1]), &[]), [Broken::Run { unit: 0, from: -1, length: 1, least: 2 }]);
        assert_eq!(broken(rules(vec![1]), &[0]), []);
        assert_eq!(broken(rules(vec![2]), &[]), []);
        assert_eq!(broken(rules(vec![2]), &[0, 1]), [Broken::Rest { unit: 0, period: 0, length: 1, least: 2 }]);
    }

    #[test]
    fn required_periods_without_a_column_are_named() {
        let rules = Rules { required: vec![1, 5], ..Rules::default() };
        assert_eq!(broken(rules, &[0, 5]), [Broken::Required { unit: 0, period: 1 }]);
    }

    #[test]
    fn stock_is_there_once_it_has_arrived_and_until_it_is_used() {
        let arrivals = [(4, 3), (1, 4)].map(|(period, amount)| Arrival { period, amount });
        let problem = problem(Rules::default(), Some(arrivals.to_vec()), 0, 100);
        let named = |period, used, arrived| Broken::Stock { unit: 0, period, used, arrived };
        assert_eq!(check(&problem, &plan(&[3, 7])), Ok(20));
        assert_eq!(check(&problem, &plan(&[0, 7])), Err(vec![named(0, 3, 0)]));
        assert_eq!(check(&problem, &plan(&[1, 2, 5])), Err(vec![named(2, 6, 4), named(5, 9, 7)]));
    }

    #[test]
    fn limits_have_two_sides() {
        let problem = problem(Rules::default(), None, 4, 6);
        let named = |used| Err(vec![Broken::Limit { limit: 0, used, least: 4, capacity: 6 }]);
        assert_eq!(check(&problem, &plan(&[0])), named(2));
        assert_eq!(check(&problem, &plan(&[0, 1])), Ok(20));
        assert_eq!(check(&problem, &plan(&[0, 1, 2])), Ok(30));
        assert_eq!(check(&problem, &plan(&[0, 1, 2, 3])), named(8));
    }

    #[test]
    fn every_broken_rule_says_where_and_by_how_much() {
        let said = broken(Rules { windows: vec![Window { periods: 4, most: 1 }], ..Rules::default() }, &[2, 3]);
        assert_eq!(said[0].to_string(), "unit 0 has 2 columns in the 4 periods up to 3: expected 1 or fewer");
        let said = check(&problem(Rules::default(), None, 4, 6), &plan(&[])).unwrap_err();
        assert_eq!(said[0].to_string(), "limit 0 is used by 0: expected 4 to 6");
    }
}
