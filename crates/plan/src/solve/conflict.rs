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
    /// The calendar rules of a unit leave none of the calendars in which it chooses where it must.
    Calendar {
        /// The unit.
        unit: usize,
    },
    /// The columns that a unit must have need more than its stock, or need it before it arrives.
    Stock {
        /// The unit.
        unit: usize,
        /// Least that they need.
        needed: i64,
        /// What there is in all.
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
    /// A limit's least use is more than all units together can come to.
    Least {
        /// The limit.
        limit: usize,
        /// What must be used.
        least: i64,
        /// Most that could be used.
        possible: i64,
    },
    /// Every rule can be kept, but not all limits together: all plans were searched.
    Together,
}

impl Conflict {
    /// Says which rules clash, with the numbers of units and periods.
    pub fn describe(&self, problem: &Problem) -> String {
        match self {
            Self::Together => "each rule can be kept, but no plan keeps all limits together".to_owned(),
            Self::NoColumn { unit, period } => {
                format!("unit {unit} must choose in period {period}, but none of its choices fits the limits by itself")
            }
            Self::Calendar { unit } => {
                let rules = problem.rules(*unit);
                format!(
                    "the calendar rules of unit {unit} clash with the periods in which it must choose, {:?}",
                    rules.required
                )
            }
            Self::Stock { unit, needed, available } => {
                format!(
                    "what unit {unit} must choose needs {needed} of its stock of {available}, or needs it before it arrives"
                )
            }
            Self::Limit { limit, needed, available, from } => {
                let name = &problem.limits()[*limit].name;
                let count = from.len();
                format!("{name}: {count} choices that must be made need at least {needed}, there are {available}")
            }
            Self::Least { limit, least, possible } => {
                let name = &problem.limits()[*limit].name;
                format!("{name}: at least {least} must be used, all units together can use {possible}")
            }
        }
    }
}

/// Finds rules that cannot all be kept: one unit at a time, then one limit at a time.
pub fn find(problem: &Problem) -> Option<Conflict> {
    let mut desk = Desk::default();
    let bound = |unit: &usize| !problem.rules(*unit).required.is_empty() || problem.rules(*unit).run > 1;
    let of_units = (0..problem.units()).filter(bound).find_map(|unit| of_unit(problem, unit, &mut desk));
    of_units.or_else(|| of_required(problem)).or_else(|| of_least(problem, &mut desk))
}

fn of_unit(problem: &Problem, unit: usize, desk: &mut Desk) -> Option<Conflict> {
    let rules = problem.rules(unit);
    if let Some(&period) = rules.required.iter().find(|&&period| problem.columns_at(unit, period).is_empty()) {
        return Some(Conflict::NoColumn { unit, period });
    }
    if problem.has_no_calendar(unit) {
        return Some(Conflict::Calendar { unit });
    }
    desk.reduced.clear();
    desk.reduced.resize(problem.columns_of(unit).len(), 0.0);
    if desk.best(problem, unit, Depth::Priced, 0.0, &[]).is_some() {
        return None;
    }
    let leanest = |&period: &usize| {
        problem.columns_at(unit, period).map(|column| problem.stock_use(column as u32)).min().unwrap_or(0)
    };
    let needed: i64 = rules.required.iter().map(leanest).sum();
    match problem.supply(unit) {
        Some(supply) => Some(Conflict::Stock { unit, needed, available: supply.last().map_or(0, |last| last.1) }),
        None => Some(Conflict::Calendar { unit }),
    }
}

fn of_required(problem: &Problem) -> Option<Conflict> {
    let mut needed: BTreeMap<usize, (i64, Vec<(usize, usize)>)> = BTreeMap::new();
    for unit in 0..problem.units() {
        for &period in &problem.rules(unit).required {
            for (limit, amount) in least_uses(problem, unit, period) {
                let entry = needed.entry(limit).or_default();
                entry.0 += amount;
                entry.1.push((unit, period));
            }
        }
    }
    needed.into_iter().find_map(|(limit, (needed, from))| {
        let available = problem.limits()[limit].capacity;
        (needed > available).then_some(Conflict::Limit { limit, needed, available, from })
    })
}

/// Least use of each limit over the columns of a unit in a period, where over 0.
fn least_uses(problem: &Problem, unit: usize, period: usize) -> BTreeMap<usize, i64> {
    let columns = problem.columns_at(unit, period);
    let mut least: BTreeMap<usize, (i64, usize)> = BTreeMap::new();
    for column in columns.clone() {
        for (limit, amount) in problem.uses(column as u32) {
            let entry = least.entry(limit).or_insert((i64::MAX, 0));
            *entry = (entry.0.min(amount), entry.1 + 1);
        }
    }
    least.into_iter().filter(|(_, (_, count))| *count == columns.len()).map(|(l, (a, _))| (l, a)).collect()
}

/// A least use that even the calendars with the most use do not reach.
fn of_least(problem: &Problem, desk: &mut Desk) -> Option<Conflict> {
    let limits = problem.limits().iter().enumerate().filter(|(_, limit)| limit.least > 0);
    for (at, limit) in limits {
        let mut possible = 0.0;
        for unit in 0..problem.units() {
            desk.reduced.clear();
            desk.reduced.extend(problem.columns_of(unit).map(|column| {
                problem.uses(column as u32).find(|(used, _)| *used == at).map_or(0.0, |(_, amount)| amount as f64)
            }));
            possible += desk.best(problem, unit, Depth::Priced, 0.0, &[]).map_or(0.0, |best| best.bound);
        }
        // Stock at a price makes sums of fractions: never below what whole columns come to.
        let possible = (possible * (1.0 + 1e-9) + 1e-6).floor() as i64;
        if possible < limit.least {
            return Some(Conflict::Least { limit: at, least: limit.least, possible });
        }
    }
    None
}
