//! Revenue, margin and sales traded off: the plans of many weights, without those that another one beats in all three.

use super::{Best, BestLevers, Goal, Grid, LeverSettings, Levers, solve};

/// A plan that no other plan found beats in revenue, margin and pieces sold at once.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontierPlan {
    /// The goal that led to it.
    pub goal: Goal,
    /// The plan, with its proof for that goal.
    pub best: BestLevers,
}

/// Shares of weight on revenue that are tried.
const WEIGHTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Shares of the full penalty, counted in units, that are tried.
const PENALTIES: [f64; 6] = [0.0, 0.02, 0.05, 0.1, 0.25, 1.0];

/// The plans of 30 mixes of weights and penalties that are not beaten by another one, the highest margin first.
pub fn frontier(grid: &Grid, settings: &LeverSettings, stop: &dyn Fn() -> bool) -> Vec<FrontierPlan> {
    let mut plans: Vec<FrontierPlan> = Vec::new();
    let mut known: Vec<Levers> = Vec::new();
    for revenue in WEIGHTS {
        for penalty in PENALTIES {
            let name = format!("revenue {:.0} %, penalty {:.0} %", revenue * 100.0, penalty * 100.0);
            let goal = Goal::weighing(name, revenue, penalty);
            if let Best::Found(best) = solve(grid, &goal, &known, settings, stop) {
                known.push(best.levers.clone());
                plans.push(FrontierPlan { goal, best: *best });
            }
        }
    }
    let figures = |plan: &FrontierPlan| [plan.best.season.revenue, plan.best.season.margin, plan.best.season.sold()];
    let all: Vec<[f64; 3]> = plans.iter().map(figures).collect();
    let mut seen: Vec<Levers> = Vec::new();
    plans.retain(|plan| {
        let kept = !all.iter().any(|other| beats(other, &figures(plan))) && !seen.contains(&plan.best.levers);
        seen.push(plan.best.levers.clone());
        kept
    });
    plans.sort_by(|one, other| other.best.season.margin.total_cmp(&one.best.season.margin));
    plans
}

/// Whether one is at least as good everywhere and better somewhere.
fn beats(one: &[f64; 3], other: &[f64; 3]) -> bool {
    one.iter().zip(other).all(|(one, other)| one >= other) && one != other
}
