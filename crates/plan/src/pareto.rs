//! Plans under several goals on the same data, and those that no other beats: what profit, revenue and volume cost each
//! other.
//!
//! Every offer is valued once; each goal is a solve of its own. The Pareto set comes from a grid of weights on the three,
//! each scaled by its range between the plans that favour one alone (weighted sums: Zadeh 1963; Das and Dennis 1997 on
//! what they miss: plans inside the convex hull, which a least use of a pool can ask for). Plans that another beats or
//! equals in all three are dropped. Same input, same set.

use crate::choices::Choices;
use crate::columns::columns;
use crate::ledger::Ledger;
use crate::propose::Desk;
use crate::report::outcomes;
use crate::score::Scorer;
use crate::solve::{self, Warm};
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Goal, Outcomes, SolveStatus, Weights};
use serde::{Deserialize, Serialize};

/// A plan under one goal, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoalPoint {
    /// The goal.
    pub goal: Goal,
    /// What the plan brings.
    pub outcomes: Outcomes,
    /// Money given away, in minor units.
    pub spend: i64,
    /// Number of offers.
    pub offers: usize,
    /// Points under the goal, in minor units.
    pub value: i64,
    /// No plan under the same limits has more.
    pub bound: i64,
    /// How the search ended.
    pub status: SolveStatus,
}

impl GoalPoint {
    /// Returns (bound - value) / bound; 0 when they are equal.
    pub fn gap(&self) -> f64 {
        if self.bound <= self.value {
            0.0
        } else {
            (self.bound - self.value) as f64 / self.bound.unsigned_abs().max(1) as f64
        }
    }
}

/// What came of one goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnderGoal {
    /// A plan.
    Plan(GoalPoint),
    /// No plan keeps the rules and the goal's floor; the sentences name those that clash.
    Infeasible {
        /// The goal.
        goal: Goal,
        /// The rules.
        conflict: Vec<String>,
    },
}

/// Plans under each goal in turn on the same data and limits, such as the presets side by side.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`]; a goal out of range is one.
pub fn compare(
    input: &PlanInput,
    goals: &[Goal],
    settings: &solve::Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<UnderGoal>, PlanError> {
    let choices = Choices::new(input)?;
    goals.iter().map(|goal| under(&choices, goal, settings, interrupt)).collect()
}

/// The plans that no other beats in profit, revenue and pieces together, most profit first. `steps` is the number of
/// steps in which weight moves from one to another: n steps are (n + 1)(n + 2) / 2 plans to solve.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`].
pub fn pareto(
    input: &PlanInput,
    steps: usize,
    settings: &solve::Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<GoalPoint>, PlanError> {
    let choices = Choices::new(input)?;
    let floor = input.scenario.goal.sell_through_min;
    let solve = |weights: Weights| {
        let goal = Goal { weights: Some(weights), sell_through_min: floor, ..Goal::default() };
        under(&choices, &goal, settings, interrupt)
    };
    let none = Weights::default();
    let ends = [Weights { margin: 1.0, ..none }, Weights { revenue: 1.0, ..none }, Weights { piece: 1.0, ..none }];
    let mut points = Vec::new();
    for end in ends {
        points.extend(plan_of(solve(end)?));
    }
    let Some(ranges) = ranges(&points) else { return Ok(Vec::new()) };
    let minor = input.scenario.money(1.0).minor as f64;
    for mixture in mixtures(steps).into_iter().filter(|mixture| mixture.iter().all(|share| *share < 1.0)) {
        points.extend(plan_of(solve(weights(mixture, ranges, minor))?));
    }
    Ok(unbeaten(points))
}

fn under(
    choices: &Choices,
    goal: &Goal,
    settings: &solve::Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<UnderGoal, PlanError> {
    goal.check()?;
    let ledger = Ledger::new(choices, goal, &[])?;
    let columns = columns(choices, ledger, Scorer::new(choices.input().scenario, goal))?;
    let desk = Desk { choices, columns: &columns, goal, promises: 0 };
    Ok(match desk.choose(&Warm::default(), settings, interrupt) {
        Err(conflict) => UnderGoal::Infeasible { goal: goal.clone(), conflict },
        Ok(solution) => {
            let picks = desk.picks(&solution);
            UnderGoal::Plan(GoalPoint {
                goal: goal.clone(),
                outcomes: outcomes(choices, &picks),
                spend: picks.iter().map(|&picked| choices.choice(picked).worth.spend).sum(),
                offers: picks.len(),
                value: solution.objective,
                bound: solution.bound,
                status: solution.status,
            })
        }
    })
}

fn plan_of(under: UnderGoal) -> Option<GoalPoint> {
    match under {
        UnderGoal::Plan(point) => Some(point),
        UnderGoal::Infeasible { .. } => None,
    }
}

fn axes(outcomes: &Outcomes) -> [f64; 3] {
    [outcomes.profit as f64, outcomes.revenue as f64, outcomes.pieces]
}

/// Range of each axis over the points, 1 where there is none; nothing without points.
fn ranges(points: &[GoalPoint]) -> Option<[f64; 3]> {
    let axis = |at: usize| points.iter().map(move |point| axes(&point.outcomes)[at]);
    let range = |at: usize| axis(at).fold(f64::MIN, f64::max) - axis(at).fold(f64::MAX, f64::min);
    (!points.is_empty()).then(|| [0, 1, 2].map(|at| if range(at) > 0.0 { range(at) } else { 1.0 }))
}

/// Every mixture of three shares in so many steps.
fn mixtures(steps: usize) -> Vec<[f64; 3]> {
    let share = |part: usize| part as f64 / steps as f64;
    (0..=steps)
        .rev()
        .flat_map(|first| (0..=steps - first).rev().map(move |second| [first, second, steps - first - second]))
        .map(|parts| parts.map(share))
        .collect()
}

/// Weights on profit, revenue and pieces of a mixture of scaled axes; `minor` minor units are one major unit.
fn weights(mixture: [f64; 3], ranges: [f64; 3], minor: f64) -> Weights {
    let [margin, revenue, piece] = [0, 1, 2].map(|at| mixture[at] / ranges[at]);
    let money = margin + revenue;
    let margin = margin / money;
    Weights { margin, revenue: 1.0 - margin, piece: piece / money / minor, ..Weights::default() }
}

/// Points that no other beats or, coming before it, equals; most profit first.
fn unbeaten(mut points: Vec<GoalPoint>) -> Vec<GoalPoint> {
    points.sort_by(|a, b| {
        let (a, b) = (axes(&a.outcomes), axes(&b.outcomes));
        b[0].total_cmp(&a[0]).then(b[1].total_cmp(&a[1])).then(b[2].total_cmp(&a[2]))
    });
    let mut kept: Vec<GoalPoint> = Vec::new();
    for point in points {
        let mine = axes(&point.outcomes);
        let beaten =
            kept.iter().any(|other| axes(&other.outcomes).iter().zip(&mine).all(|(theirs, mine)| theirs >= mine));
        if !beaten {
            kept.push(point);
        }
    }
    kept
}
