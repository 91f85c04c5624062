//! Why no plan can keep all rules, where that can be told from the rules themselves.

use super::calendar::{Depth, Desk};
use super::problem::Problem;
use std::collections::BTreeMap;

/// Rules that cannot all be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A unit must have a column in a period, but none can be used.
    NoColumn {
        /// The unit.
        unit: usize,
        /// The period.
        period: usize,
    },
    /// A unit must have columns in two periods that its spacing keeps apart.
    Spacing {
        /// The unit.
        unit: usize,
        /// One period.
        first: usize,
        /// The other.
        second: usize,
    },
    /// The columns that a unit must have need more than its stock.
    Stock {
        /// The unit.
        unit: usize,
        /// Least that they need.
        needed: i64,
        /// What there is.
        available: i64,
    },
    /// What must be chosen needs more of a limit than there is.
    Limit {
        /// The limit.
        limit: usize,
        /// Least that is needed.
        needed: i64,
        /// What there is.
        available: i64,
        /// Units and periods that must be chosen and use it.
        from: Vec<(usize, usize)>,
    },
}

impl Conflict {
    /// Says which rules clash, with the numbers of units and periods.
    pub fn describe(&self, problem: &Problem) -> String {
        match self {
            Self::NoColumn { unit, period } => {
                format!("unit {unit} must choose in period {period}, but none of its choices fits the limits by itself")
            }
            Self::Spacing { unit, first, second } => {
                format!("unit {unit} must choose in periods {first} and {second}, which its spacing keeps apart")
            }
            Self::Stock { unit, needed, available } => {
                format!("what unit {unit} must choose needs {needed} of its stock of {available}")
            }
            Self::Limit { limit, needed, available, from } => {
                let name = &problem.limits()[*limit].name;
                let count = from.len();
                format!("{name}: {count} choices that must be made need at least {needed}, there are {available}")
            }
        }
    }
}

/// Finds rules that cannot all be kept: one unit at a time, then one limit at a time.
pub fn find(problem: &Problem) -> Option<Conflict> {
    let locked = (0..problem.units().len()).filter(|&unit| !problem.units()[unit].required.is_empty());
    let mut desk = Desk::default();
    for unit in locked {
        if let Some(conflict) = of_unit(problem, unit, &mut desk) {
            return Some(conflict);
        }
    }
    of_limits(problem)
}

fn of_unit(problem: &Problem, unit: usize, desk: &mut Desk) -> Option<Conflict> {
    let rules = &problem.units()[unit];
    if let Some(&period) = rules.required.iter().find(|&&period| problem.columns_at(unit, period).is_empty()) {
        return Some(Conflict::NoColumn { unit, period });
    }
    if let Some(two) = rules.required.windows(2).find(|two| two[1] - two[0] < rules.spacing) {
        return Some(Conflict::Spacing { unit, first: two[0], second: two[1] });
    }
    desk.reduced.clear();
    desk.reduced.resize(problem.columns_of(unit).len(), 0);
    if desk.best(problem, unit, Depth::Priced, 0).is_some() {
        return None;
    }
    let leanest = |&period: &usize| {
        problem.columns_at(unit, period).map(|column| problem.column(column as u32).stock).min().unwrap_or(0)
    };
    let needed = rules.required.iter().map(leanest).sum();
    Some(Conflict::Stock { unit, needed, available: rules.stock.unwrap_or(i64::MAX) })
}

fn of_limits(problem: &Problem) -> Option<Conflict> {
    let mut needed: BTreeMap<u32, (i64, Vec<(usize, usize)>)> = BTreeMap::new();
    for (unit, rules) in problem.units().iter().enumerate() {
        for &period in &rules.required {
            for (limit, amount) in least_uses(problem, unit, period) {
                let entry = needed.entry(limit).or_default();
                entry.0 += amount;
                entry.1.push((unit, period));
            }
        }
    }
    needed.into_iter().find_map(|(limit, (needed, from))| {
        let available = problem.limits()[limit as usize].capacity;
        (needed > available).then_some(Conflict::Limit { limit: limit as usize, needed, available, from })
    })
}

/// Least use of each limit over the columns of a unit in a period, where over 0.
fn least_uses(problem: &Problem, unit: usize, period: usize) -> BTreeMap<u32, i64> {
    let columns = problem.columns_at(unit, period);
    let mut least: BTreeMap<u32, (i64, usize)> = BTreeMap::new();
    for column in columns.clone() {
        for &(limit, amount) in problem.uses(problem.column(column as u32)) {
            let entry = least.entry(limit).or_insert((i64::MAX, 0));
            *entry = (entry.0.min(amount), entry.1 + 1);
        }
    }
    least.into_iter().filter(|(_, (_, count))| *count == columns.len()).map(|(l, (a, _))| (l, a)).collect()
}
