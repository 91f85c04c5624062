//! What changed from one plan of a problem to another, and what each change earns. The parts sum to the whole: what a
//! pair loses or gains goes to the change that caused it, and is halved where two did.

use super::super::problem::{NONE, Problem};

/// One change of a unit's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A column where there was none.
    Added {
        /// The column.
        column: u32,
        /// What the change earns.
        value: i64,
    },
    /// None where there was a column.
    Dropped {
        /// The column.
        column: u32,
        /// What the change earns.
        value: i64,
    },
    /// Another column in the same period.
    Other {
        /// The earlier column.
        from: u32,
        /// The later column.
        to: u32,
        /// What the change earns.
        value: i64,
    },
    /// A column dropped in one period and one added in another.
    Moved {
        /// The earlier column.
        from: u32,
        /// The later column.
        to: u32,
        /// What the change earns.
        value: i64,
    },
}

/// All changes from one plan to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The changes, by unit and period.
    pub changes: Vec<Change>,
    /// What they earn in all.
    pub total: i64,
}

impl Change {
    /// Returns what the change earns.
    pub fn value(&self) -> i64 {
        match *self {
            Self::Added { value, .. } | Self::Dropped { value, .. } => value,
            Self::Other { value, .. } | Self::Moved { value, .. } => value,
        }
    }
}

/// A cell that changed.
#[derive(Clone, Copy)]
struct Cell {
    period: usize,
    from: u32,
    to: u32,
    value: i64,
}

/// Compares two plans of a problem: a column or [`NONE`] per unit and period.
pub fn diff(problem: &Problem, before: &[u32], after: &[u32]) -> Diff {
    let mut values = values(problem, before, after);
    pairs(problem, before, after, &mut values);
    let mut changes = Vec::new();
    for unit in 0..problem.units() {
        let cells = unit * problem.periods()..(unit + 1) * problem.periods();
        let changed = cells.clone().filter(|&cell| before[cell] != after[cell]);
        let cell =
            |cell: usize| Cell { period: cell - cells.start, from: before[cell], to: after[cell], value: values[cell] };
        join(changed.map(cell).collect(), &mut changes);
    }
    Diff { changes, total: values.iter().sum() }
}

/// What each cell earns more, pairs left out.
fn values(problem: &Problem, before: &[u32], after: &[u32]) -> Vec<i64> {
    let worth = |column: u32| if column == NONE { 0 } else { problem.value(column) };
    before.iter().zip(after).map(|(&from, &to)| worth(to) - worth(from)).collect()
}

/// Adds what pairs lose or gain to the cells that were switched on or off.
fn pairs(problem: &Problem, before: &[u32], after: &[u32], values: &mut [i64]) {
    for pair in problem.pairs() {
        for period in 0..problem.periods() {
            let [one, other] = [pair.first, pair.second].map(|unit| unit as usize * problem.periods() + period);
            let both = |plan: &[u32]| i64::from(plan[one] != NONE && plan[other] != NONE);
            let change = pair.penalty * (both(before) - both(after));
            let switched = |cell: usize| (before[cell] == NONE) != (after[cell] == NONE);
            match (switched(one), switched(other)) {
                (true, true) => {
                    values[one] += change - change / 2;
                    values[other] += change / 2;
                }
                (true, false) => values[one] += change,
                (false, _) => values[other] += change,
            }
        }
    }
}

/// Joins each dropped column of a unit with the nearest added one that is still free.
fn join(cells: Vec<Cell>, changes: &mut Vec<Change>) {
    let mut added: Vec<Cell> = cells.iter().copied().filter(|cell| cell.from == NONE).collect();
    let mut joined: Vec<(usize, Change)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.from != NONE) {
        let Cell { period, from, to, value } = *cell;
        let nearest = (0..added.len()).min_by_key(|&at| added[at].period.abs_diff(period));
        let change = match (to, nearest) {
            (NONE, Some(at)) => {
                let other = added.remove(at);
                Change::Moved { from, to: other.to, value: value + other.value }
            }
            (NONE, None) => Change::Dropped { column: from, value },
            (to, _) => Change::Other { from, to, value },
        };
        joined.push((period, change));
    }
    joined.extend(added.iter().map(|cell| (cell.period, Change::Added { column: cell.to, value: cell.value })));
    joined.sort_by_key(|(period, _)| *period);
    changes.extend(joined.into_iter().map(|(_, change)| change));
}
