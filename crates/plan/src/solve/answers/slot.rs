//! Who else could take a slot: other units made to choose in the same period, ranked by the plans that are found.
//!
//! Units are tried by their regret; once no untried unit can earn more than the last one listed, the list is proven.

use super::super::problem::Edit;
use super::{Case, Diff, diff, known};

/// The slot that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The period.
    pub period: usize,
    /// The unit that gives it up; nothing to keep all that is chosen free to stay.
    pub unit: Option<usize>,
}

/// A unit that could take the slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Taker {
    /// The unit.
    pub unit: usize,
    /// What the best plan found with it earns.
    pub objective: i64,
    /// No plan with it earns more.
    pub bound: i64,
    /// That plan, in the columns of the problem.
    pub choice: Vec<u32>,
    /// What it changes in the solution.
    pub changes: Diff,
}

/// Units that could take a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Takers {
    /// The units, best plan first.
    pub takers: Vec<Taker>,
    /// How many units were tried.
    pub tried: usize,
    /// How many could be.
    pub candidates: usize,
    /// No unit that was not tried can earn more than this; nothing when all were tried.
    pub rest: Option<i64>,
}

impl Takers {
    /// Returns whether no unit that was not tried can earn more than those listed.
    pub fn proven(&self) -> bool {
        let least = self.takers.last().map_or(i64::MIN, |taker| taker.objective);
        self.rest.is_none_or(|rest| rest <= least)
    }
}

impl Case<'_> {
    /// Finds the `most` best units to take a slot, with at most `tries` new plans.
    pub fn takers(&self, slot: Slot, most: usize, tries: usize) -> Takers {
        self.within(|case| case.takers_here(slot, most, tries))
    }

    fn takers_here(&self, slot: Slot, most: usize, tries: usize) -> Takers {
        let pricing = self.pricing();
        let chosen = |unit: usize| self.solution.column(self.problem, unit, slot.period).is_some();
        let regret = |unit: usize| {
            let first = self.problem.columns_of(unit).start;
            let regrets = pricing.regrets_of(unit);
            let cell = self.problem.columns_at(unit, slot.period);
            cell.map(|column| regrets[column - first]).fold(f64::INFINITY, f64::min)
        };
        let free = (0..self.problem.units()).filter(|&unit| Some(unit) != slot.unit && !chosen(unit));
        let mut candidates: Vec<(f64, usize)> = free.map(|unit| (regret(unit), unit)).collect();
        candidates.retain(|(regret, _)| regret.is_finite());
        candidates.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut found = Takers { takers: Vec::new(), tried: 0, candidates: candidates.len(), rest: None };
        for &(regret, unit) in &candidates {
            let ceiling = pricing.ceiling(regret);
            let full = found.takers.len() >= most;
            let hopeless = full && found.takers.last().is_none_or(|last| ceiling <= last.objective);
            if hopeless || found.tried == tries || self.stopped() {
                found.rest = Some(ceiling);
                break;
            }
            found.tried += 1;
            found.takers.extend(self.take(slot, unit, ceiling));
            found.takers.sort_by_key(|taker| (-taker.objective, taker.unit));
            found.takers.truncate(most);
        }
        found
    }

    /// The best plan in which a unit takes the slot.
    fn take(&self, slot: Slot, unit: usize, ceiling: i64) -> Option<Taker> {
        let mut edit: Edit = self.problem.edit();
        if let Some(giver) = slot.unit {
            edit.require(giver, slot.period, false).close(giver, slot.period);
        }
        let problem = edit.require(unit, slot.period, true).build().ok()?;
        let (solution, bound) = known(self.resolve(&problem, &[&self.options()]))?;
        let solution = solution?;
        let options = super::options(&problem, &solution.choice);
        // Where the giver had to choose, the plan keeps all rules but that one.
        let choice = super::columns(self.problem, &options)?;
        let changes = diff(self.problem, &self.solution.choice, &choice);
        let objective = solution.objective;
        Some(Taker { unit, objective, bound: bound.min(ceiling).max(objective), choice, changes })
    }
}
