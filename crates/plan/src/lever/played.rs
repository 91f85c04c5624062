//! A season as a person plays it: some levers held by hand, the rest set by a rule or a search.
//!
//! Levers held by hand are the scenario's locks. Never says what a lock costs: that takes a search for each
//! ([`super::report()`]).

use super::report::{group_reports, month_report, published};
use super::{
    Best, BestLevers, Comparison, Figures, Goal, Grid, GroupReport, LeverSettings, Levers, MonthReport, greedy, season,
    solve,
};
use endcap_model::SolveStatus;
use serde::{Deserialize, Serialize};

/// What sets the levers that nobody holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The lowest value of each: no markdown, the first spend, the first promotion.
    Lowest,
    /// The published greedy search.
    Greedy,
    /// The proven search.
    #[default]
    Best,
}

/// A season that was played. Money in whole minor units of the scenario's currency, pieces rounded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeverSeason))]
pub struct Played {
    /// The goal.
    pub goal: Goal,
    /// What it comes to.
    pub figures: Figures,
    /// What is proven of it; nothing where nothing was searched for with a proof.
    pub proof: Option<LeverProof>,
    /// Every figure that was published for the goal.
    pub published: Vec<Comparison>,
    /// The levers, month by month.
    pub months: Vec<MonthReport>,
    /// What each group comes to.
    pub groups: Vec<GroupReport>,
}

/// How good a season is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeverProof {
    /// No plan that keeps what is held has an E12 above this.
    pub bound: i64,
    /// What may be left to gain, as a share of the bound.
    pub gap: f64,
    /// What is proven.
    pub status: SolveStatus,
}

/// No plan sells the share of the stock that the goal asks for.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "no plan found sells enough: the best sells {:.1} % of the stock, no plan more than {:.1} %; ask for less or let go of a \
     lever",
    100.0 * .reached,
    100.0 * .bound
)]
pub struct OutOfReach {
    /// The share that the best plan for sales sells.
    pub reached: f64,
    /// No plan sells a larger share.
    pub bound: f64,
}

/// Plays a season: what the locks of the scenario leave open is filled.
///
/// # Errors
/// [`OutOfReach`] where the proven search finds no plan that sells the share asked for.
pub fn play(
    grid: &Grid,
    goal: &Goal,
    fill: Fill,
    settings: &LeverSettings,
    stop: &dyn Fn() -> bool,
) -> Result<Played, OutOfReach> {
    Ok(match fill {
        Fill::Lowest => played(grid, goal, &Levers::lowest(grid), None),
        Fill::Greedy => played(grid, goal, &greedy(grid, goal).0, None),
        Fill::Best => match solve(grid, goal, &[], settings, stop) {
            Best::Found(best) => played(grid, goal, &best.levers, Some(proof(&best))),
            Best::OutOfReach { reached, bound, .. } => return Err(OutOfReach { reached, bound }),
        },
    })
}

fn proof(best: &BestLevers) -> LeverProof {
    LeverProof { bound: best.bound, gap: best.gap(), status: best.status }
}

fn played(grid: &Grid, goal: &Goal, levers: &Levers, proof: Option<LeverProof>) -> Played {
    let season = season(grid, levers);
    Played {
        goal: goal.clone(),
        figures: Figures::of(grid, goal, &season),
        proof,
        published: published(grid, goal, &season),
        months: (0..grid.months()).map(|month| month_report(grid, levers, &season, month)).collect(),
        groups: group_reports(grid, &season),
    }
}
