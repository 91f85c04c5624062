//! What a penalty on unsold stock does: money per piece, and whether it changes the plan at all.
//!
//! A penalty without a money unit says nothing: with revenue and pieces both in millions, the published plan for least
//! stock is beaten by the one for most revenue under its own objective.
//!
//! Source: Eisner and Severance (1976) for the search for the least penalty that changes a plan.

use super::{Best, BestLevers, Goal, Grid, LeverSettings, Levers, Published, Season, Unsold, solve};
use serde::Serialize;

/// What a goal's penalty does. Money in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PenaltyEffect {
    /// What an unsold piece costs: the same for every piece, or the least and most over the groups.
    pub per_piece: (f64, f64),
    /// Pieces fewer unsold than in the best plan found without the penalty.
    pub pieces_fewer: f64,
    /// What each of them costs in revenue and margin, by their weights; nothing where there are none.
    pub cost_per_piece: Option<f64>,
    /// Whether the plan with the penalty is better for the goal than the one without it.
    pub binds: bool,
    /// The least share of the full penalty found at which the plan changes, above 1 where the full penalty is not
    /// enough; nothing where no penalty changes it. Only looked for where the penalty does not bind.
    pub binds_from: Option<f64>,
}

impl PenaltyEffect {
    /// The warning to show for a penalty that does not bind. `money` writes an amount in minor units.
    pub fn warning(&self, money: impl Fn(f64) -> String) -> Option<String> {
        if self.binds {
            return None;
        }
        let per_piece = money(self.per_piece.1);
        Some(match self.binds_from {
            Some(share) => format!(
                "the penalty cannot bind: at up to {per_piece} for an unsold piece the best plan without it stays best; \
                 the plan changes from {:.0} % of the full penalty on",
                share * 100.0
            ),
            None => format!(
                "the penalty cannot bind: at up to {per_piece} for an unsold piece, and at any higher price, the best \
                 plan without it stays best"
            ),
        })
    }
}

/// What the penalty of a goal does; nothing for a goal without one. `best` is the goal's own plan.
pub fn penalty_effect(
    grid: &Grid,
    goal: &Goal,
    best: &BestLevers,
    settings: &LeverSettings,
    stop: &dyn Fn() -> bool,
) -> Option<PenaltyEffect> {
    if goal.penalty <= 0.0 {
        return None;
    }
    let lens = Lens { grid, goal, settings, stop };
    let without = lens.solved(0.0, &best.levers)?;
    let (earned, left) = lens.of(&without.season);
    let (earned_with, left_with) = lens.of(&best.season);
    let better = (earned_with - goal.penalty * left_with) - (earned - goal.penalty * left);
    let binds = left_with < left && better > 1e-9 * earned.abs();
    let pieces_fewer = without.season.unsold() - best.season.unsold();
    let costs = (0..grid.groups()).map(|group| goal.penalty * lens.full(group));
    Some(PenaltyEffect {
        per_piece: costs.fold((f64::INFINITY, 0.0), |(least, most), cost| (cost.min(least), cost.max(most))),
        pieces_fewer,
        cost_per_piece: (binds && pieces_fewer > 0.0).then(|| (earned - earned_with) / pieces_fewer),
        binds,
        binds_from: if binds { None } else { lens.binds_from(&without) },
    })
}

/// A goal seen as what it earns, and what its unsold stock costs at the full penalty.
struct Lens<'a> {
    grid: &'a Grid,
    goal: &'a Goal,
    settings: &'a LeverSettings,
    stop: &'a dyn Fn() -> bool,
}

impl Lens<'_> {
    /// What an unsold piece of the group costs at the full penalty.
    fn full(&self, group: usize) -> f64 {
        match self.goal.unsold {
            Unsold::Units => self.grid.penalty_per_piece(),
            Unsold::Value => self.grid.costs()[group],
        }
    }

    fn of(&self, season: &Season) -> (f64, f64) {
        let earned = self.goal.revenue * season.revenue + self.goal.margin * season.margin;
        let left = season.groups.iter().enumerate().map(|(group, it)| it.unsold * self.full(group)).sum();
        (earned, left)
    }

    fn solved(&self, penalty: f64, known: &Levers) -> Option<BestLevers> {
        let goal = Goal { penalty, ..self.goal.clone() };
        match solve(self.grid, &goal, std::slice::from_ref(known), self.settings, self.stop) {
            Best::Found(best) => Some(*best),
            Best::OutOfReach { .. } => None,
        }
    }

    /// Where the line of the plan without a penalty is first crossed by that of another plan.
    fn binds_from(&self, without: &BestLevers) -> Option<f64> {
        let (earned, left) = self.of(&without.season);
        let most = Goal { sell_through_first: true, ..self.goal.clone() };
        let most = solve(self.grid, &most, std::slice::from_ref(&without.levers), self.settings, self.stop);
        let mut other = most.plan().cloned()?;
        let mut crossing = None;
        loop {
            let (other_earned, other_left) = self.of(&other.season);
            if other_left >= left * (1.0 - 1e-9) {
                return crossing;
            }
            let share = (earned - other_earned).max(0.0) / (left - other_left);
            if crossing.is_some_and(|crossing| share >= crossing * (1.0 - 1e-6)) || share == 0.0 || (self.stop)() {
                return crossing.or(Some(share));
            }
            crossing = Some(share);
            other = self.solved(share, &other.levers)?;
        }
    }
}

/// The least cost of an unsold piece, in major units, at which the published plan of a goal beats every other published
/// plan under its own objective; nothing where it leaves no less unsold than one that earns more.
pub fn consistent_from(goal: &Goal, published: &[Published]) -> Option<f64> {
    let own = published.iter().find(|row| row.objective == goal.name)?;
    let earned = |row: &Published| goal.revenue * row.revenue + goal.margin * row.margin;
    let least = |row: &Published| match (earned(row) - earned(own), row.unsold - own.unsold) {
        (lost, _) if lost <= 0.0 => Some(0.0),
        (lost, fewer) if fewer > 0.0 => Some(lost / fewer),
        _ => None,
    };
    published.iter().map(least).try_fold(0.0_f64, |most, least| Some(most.max(least?)))
}
