//! The restricted master: the calendars seen while prices were sought, from which one per unit is chosen so that the
//! limits are kept.
//!
//! # Source
//! Column generation with a restricted master problem: Dantzig and Wolfe (1960); its heuristic use: Joncour, Michel,
//! Sadykov, Sverdlov and Vanderbeck (2010).

use super::calendar::{Depth, Desk, Near, Reach};
use super::calendars::Calendars;
use super::menu::Menu;
use super::prices::Prices;
use super::problem::Problem;
use super::slate::Slate;
use rayon::prelude::*;

/// With more units than this, only some of them are kept: they are enough to keep the limits.
const MOST_UNITS: usize = 50_000;

/// Calendars seen, per unit, each kept once.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Of every unit whose number is a multiple of `step`.
    seen: Vec<Vec<Vec<u32>>>,
    step: usize,
}

/// A menu of a pool with the way back to calendars.
pub struct Listed {
    /// The choice: candidates of the units that have more than one, under what the others leave of the limits.
    pub menu: Menu,
    /// Unit of each group.
    pub units: Vec<u32>,
    columns: Vec<u32>,
    column_starts: Vec<u32>,
}

impl Pool {
    /// Begins with nothing.
    pub fn new(problem: &Problem) -> Self {
        let step = problem.units().div_ceil(MOST_UNITS).max(1);
        Self { seen: vec![Vec::new(); problem.units().div_ceil(step)], step }
    }

    /// Adds the calendar of each unit.
    pub fn add(&mut self, calendars: &Calendars) {
        for (at, seen) in self.seen.iter_mut().enumerate() {
            add_to(seen, calendars.of(at * self.step));
        }
    }

    /// Number of calendars.
    pub fn len(&self) -> usize {
        self.seen.iter().map(Vec::len).sum()
    }

    /// Adds the calendars of each unit that are within reach of its best at the prices. Returns whether that was all of
    /// them.
    pub fn add_near(&mut self, problem: &Problem, prices: &Prices, reach: Reach) -> bool {
        let step = self.step;
        let add = |(desk, near): &mut (Desk, Vec<Near>), (at, seen): (usize, &mut Vec<Vec<u32>>)| {
            let unit = at * step;
            prices.reduce(problem, unit, &mut desk.reduced);
            let best = desk.best(problem, unit, Depth::Exact(reach.nodes), 0.0, &[]);
            let best = best.expect("Invariant: units without a calendar are refused first");
            let complete = desk.near(problem, unit, &best, reach, near);
            // The near ones differ from each other: only those known before need a look.
            let known = seen.len();
            for near in near.iter() {
                if seen[..known].iter().all(|seen| *seen != near.columns) {
                    seen.push(near.columns.clone());
                }
            }
            complete
        };
        let seen = self.seen.par_iter_mut().enumerate();
        let complete: Vec<bool> = seen.map_init(|| (Desk::default(), Vec::new()), add).collect();
        complete.into_iter().all(|complete| complete)
    }

    /// Lists candidates beside the calendars of a slate. Units of which only one calendar was seen keep what they have.
    pub fn list(&self, problem: &Problem, prices: &Prices, slate: &Slate) -> Listed {
        let mut listed = Listed {
            menu: empty_menu(problem, prices, slate),
            units: Vec::new(),
            columns: Vec::new(),
            column_starts: vec![0],
        };
        let mut group_of = vec![u32::MAX; problem.units()];
        let open = self.seen.iter().enumerate().filter(|(_, seen)| seen.len() > 1);
        for (group, (at, _)) in open.clone().enumerate() {
            group_of[at * self.step] = group as u32;
        }
        let mut worths = Vec::new();
        for (at, seen) in open {
            prices.reduce(problem, at * self.step, &mut worths);
            listed.add(problem, slate, at * self.step, seen, &worths, &group_of);
        }
        for pair in problem.pairs() {
            let (first, second) = (group_of[pair.first as usize], group_of[pair.second as usize]);
            if first != u32::MAX && second != u32::MAX {
                listed.menu.pairs.push((first.min(second), first.max(second), pair.penalty));
            }
        }
        listed.menu.tighten();
        listed
    }
}

fn add_to(seen: &mut Vec<Vec<u32>>, calendar: &[u32]) {
    if seen.iter().all(|known| known != calendar) {
        seen.push(calendar.to_vec());
    }
}

impl Listed {
    fn add(
        &mut self,
        problem: &Problem,
        slate: &Slate,
        unit: usize,
        seen: &[Vec<u32>],
        worths: &[f64],
        group_of: &[u32],
    ) {
        let first = problem.columns_of(unit).start;
        let worth = |calendar: &[u32]| calendar.iter().map(|&column| worths[column as usize - first]).sum::<f64>();
        let best = seen.iter().map(|calendar| worth(calendar)).fold(f64::NEG_INFINITY, f64::max);
        // Partners outside the pool stay as they are.
        let outside = |column: u32| -> i64 {
            let period = problem.period_of(unit, column);
            let partners = problem.partners(unit).iter().filter(|p| group_of[p.unit as usize] == u32::MAX);
            partners.filter(|p| slate.is_on(p.unit as usize, period)).map(|p| p.penalty).sum()
        };
        let mut uses: Vec<(u32, i64)> = Vec::new();
        for calendar in seen {
            uses.clear();
            uses.extend(calendar.iter().flat_map(|&c| problem.uses(c)).map(|(l, amount)| (l as u32, amount)));
            uses.sort_unstable_by_key(|(limit, _)| *limit);
            uses.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0 };
                same
            });
            let menu = &mut self.menu;
            menu.values.push(calendar.iter().map(|&column| problem.value(column) - outside(column)).sum());
            menu.losses.push(best - worth(calendar));
            menu.uses.extend_from_slice(&uses);
            menu.use_starts.push(menu.uses.len() as u32);
            if menu.words > 0 {
                let from = menu.on.len();
                menu.on.resize(from + menu.words, 0);
                for &column in calendar {
                    let period = problem.period_of(unit, column);
                    menu.on[from + period / 64] |= 1 << (period % 64);
                }
            }
            self.columns.extend_from_slice(calendar);
            self.column_starts.push(self.columns.len() as u32);
        }
        for &column in slate.calendars.of(unit) {
            for (limit, amount) in problem.uses(column) {
                self.menu.most[limit] += amount;
                self.menu.least[limit] += amount;
            }
        }
        self.units.push(unit as u32);
        self.menu.starts.push(self.menu.values.len() as u32);
    }

    /// Returns the columns of a candidate.
    pub fn columns(&self, candidate: u32) -> &[u32] {
        let range =
            self.column_starts[candidate as usize] as usize..self.column_starts[candidate as usize + 1] as usize;
        &self.columns[range]
    }

    /// Returns the candidate that each group has in the calendars, or its best one.
    pub fn choice(&self, calendars: &Calendars) -> Vec<u32> {
        let of = |group: usize| {
            let own = calendars.of(self.units[group] as usize);
            let candidates = self.menu.candidates(group);
            let start = candidates.start as u32;
            candidates.map(|candidate| candidate as u32).find(|&c| self.columns(c) == own).unwrap_or(start)
        };
        (0..self.units.len()).map(of).collect()
    }

    /// Puts the chosen candidates into a slate.
    pub fn apply(&self, choice: &[u32], slate: &mut Slate) {
        for (&unit, &candidate) in self.units.iter().zip(choice) {
            let columns = self.columns(candidate);
            if slate.calendars.of(unit as usize) != columns {
                slate.take_out(unit as usize);
                slate.put_in(unit as usize, columns);
            }
        }
    }
}

/// A menu without groups: limits less what all units of the slate use.
fn empty_menu(problem: &Problem, prices: &Prices, slate: &Slate) -> Menu {
    let left = |amount: fn(&super::problem::Limit) -> i64| {
        problem.limits().iter().zip(&slate.used).map(|(limit, used)| amount(limit) - used).collect()
    };
    Menu {
        starts: vec![0],
        use_starts: vec![0],
        words: if problem.pairs().is_empty() { 0 } else { problem.periods().div_ceil(64) },
        least: left(|limit| limit.least),
        most: left(|limit| limit.capacity),
        prices: prices.limits.clone(),
        ..Menu::default()
    }
}
