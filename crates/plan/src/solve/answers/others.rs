//! Other plans that are nearly as good, each with at least so many choices that those before do not have.

use super::super::problem::{NONE, Problem};
use super::{Case, Diff, Options, diff, fit, known, options};

/// Another plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// The plan, in the columns of the problem.
    pub choice: Vec<u32>,
    /// What it earns.
    pub objective: i64,
    /// No plan that differs as much earns more.
    pub bound: i64,
    /// The fewest choices of an earlier plan that it does not have.
    pub differs: usize,
    /// What it changes in the solution.
    pub changes: Diff,
}

impl Case<'_> {
    /// Finds up to `count` plans, each without at least `differ` of the choices of the solution and of every plan before
    /// it, best first. Fewer when no more are found.
    pub fn others(&self, count: usize, differ: usize) -> Vec<Other> {
        self.within(|case| case.others_here(count, differ))
    }

    fn others_here(&self, count: usize, differ: usize) -> Vec<Other> {
        let mut plans: Vec<Vec<u32>> = vec![chosen(&self.solution.choice)];
        let mut others: Vec<Other> = Vec::new();
        let mut last: Options = self.options();
        while others.len() < count && !self.stopped() {
            let Some(problem) = self.unlike(&plans, differ) else { break };
            let Some((Some(solution), bound)) = known(self.resolve(&problem, &[&last])) else { break };
            last = options(&problem, &solution.choice);
            let Some((objective, choice)) = fit(self.problem, &last) else { break };
            let own = chosen(&choice);
            let gone = |plan: &Vec<u32>| plan.iter().filter(|column| own.binary_search(column).is_err()).count();
            let differs = plans.iter().map(gone).min().unwrap_or(0);
            let bound = bound.min(self.solution.bound).max(objective);
            let changes = diff(self.problem, &self.solution.choice, &choice);
            others.push(Other { choice, objective, bound, differs, changes });
            plans.push(own);
        }
        others.sort_by(|a, b| b.objective.cmp(&a.objective).then_with(|| a.choice.cmp(&b.choice)));
        others
    }

    /// The problem without plans that have more of an earlier one than they may; nothing when that cannot be asked.
    fn unlike(&self, plans: &[Vec<u32>], differ: usize) -> Option<Problem> {
        let mut edit = self.problem.edit();
        for (number, plan) in plans.iter().enumerate() {
            let most = plan.len().checked_sub(differ)?;
            edit.count(format!("choices of plan {number}"), most as i64, plan);
        }
        edit.build().ok()
    }
}

fn chosen(choice: &[u32]) -> Vec<u32> {
    choice.iter().copied().filter(|&column| column != NONE).collect()
}
