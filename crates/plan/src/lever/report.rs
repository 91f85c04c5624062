//! Everything there is to say about a goal: its plan and proof, what greedy search loses, its penalty, its locks, and
//! what was published.

use super::calibrate::compare;
use super::goal::Worth;
use super::grid::Grid;
use super::{
    Best, BestLevers, Comparison, Goal, LeverError, LeverSettings, Levers, LockPrice, PenaltyEffect, Season,
    consistent_from, greedy, lock_prices, penalty_effect, solve,
};
use endcap_model::SolveStatus;
use serde::Serialize;

/// A goal and its best plan. Money in whole minor units of the scenario's currency, pieces rounded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GoalReport {
    /// The goal.
    pub goal: Goal,
    /// The answer.
    #[serde(flatten)]
    pub answer: GoalAnswer,
    /// What the published greedy search comes to.
    pub greedy: Figures,
    /// The least money per unsold piece, in minor units, at which the published figures of this goal are the best of
    /// all that were published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_needs_per_piece: Option<f64>,
}

/// The answer to a goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum GoalAnswer {
    /// A plan.
    Plan(Box<PlanReport>),
    /// No plan sells the share asked for.
    OutOfReach {
        /// The largest share that a plan found sells.
        reached: f64,
        /// No plan sells a larger share.
        bound: f64,
        /// Whether it is proven that the share asked for cannot be reached.
        proven: bool,
    },
}

/// A plan with its proof.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanReport {
    /// What it comes to.
    pub figures: Figures,
    /// No plan has an E12 above this.
    pub bound: i64,
    /// What may be left to gain, as a share of the bound.
    pub gap: f64,
    /// What is proven.
    pub status: SolveStatus,
    /// Parts of the grid that were looked into.
    pub parts: usize,
    /// What greedy search loses against this plan, as a share of its E12; nothing where greedy search sells too little.
    pub greedy_loss: Option<f64>,
    /// Every figure that was published for the goal.
    pub published: Vec<Comparison>,
    /// What the penalty does.
    pub penalty: Option<PenaltyEffect>,
    /// What each lock costs.
    pub locks: Vec<LockPrice>,
    /// The levers, month by month.
    pub months: Vec<MonthReport>,
    /// What each group comes to.
    pub groups: Vec<GroupReport>,
}

/// What a season comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeverFigures))]
pub struct Figures {
    /// E12 (step 10).
    pub objective: i64,
    /// Revenue.
    pub revenue: i64,
    /// Margin.
    pub margin: i64,
    /// Marketing spend.
    pub spend: i64,
    /// Pieces sold.
    pub sold: i64,
    /// Pieces left.
    pub unsold: i64,
    /// Share of the opening stock that was sold.
    pub sell_through: f64,
}

/// The levers of a month and its market.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeverMonth))]
pub struct MonthReport {
    /// The month.
    pub month: String,
    /// Level of spend.
    pub spend: String,
    /// Promotion.
    pub promotion: String,
    /// Visits (step 3).
    pub visits: f64,
    /// Conversion (step 4).
    pub conversion: f64,
    /// Units per receipt (step 2).
    pub units_per_receipt: f64,
    /// The groups, in the order of the scenario.
    pub groups: Vec<CellReport>,
}

/// A group in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeverCell))]
pub struct CellReport {
    /// The group.
    pub group: String,
    /// Its markdown, as a share.
    pub markdown: f64,
    /// What is paid for a piece (step 1), in minor units.
    pub paid_price: i64,
    /// Pieces sold (step 6).
    pub sold: i64,
}

/// What a group comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeverGroupTotal))]
pub struct GroupReport {
    /// The group.
    pub group: String,
    /// Pieces sold.
    pub sold: i64,
    /// Pieces left.
    pub unsold: i64,
    /// Revenue.
    pub revenue: i64,
    /// Margin.
    pub margin: i64,
}

impl Figures {
    /// The figures of a season under a goal.
    pub fn of(grid: &Grid, goal: &Goal, season: &Season) -> Self {
        Self {
            objective: Worth::of(goal, grid).value(season).floor() as i64,
            revenue: whole(season.revenue),
            margin: whole(season.margin),
            spend: whole(season.spend),
            sold: whole(season.sold()),
            unsold: whole(season.unsold()),
            sell_through: season.sell_through(),
        }
    }
}

fn whole(value: f64) -> i64 {
    value.round_ties_even() as i64
}

/// Solves a goal and says everything there is to say about it.
///
/// # Errors
/// None that the grid did not have before.
pub fn report(
    grid: &Grid,
    goal: &Goal,
    settings: &LeverSettings,
    stop: &dyn Fn() -> bool,
) -> Result<GoalReport, LeverError> {
    let (_, climbed) = greedy(grid, goal);
    let answer = match solve(grid, goal, &[], settings, stop) {
        Best::OutOfReach { reached, bound, proven } => GoalAnswer::OutOfReach { reached, bound, proven },
        Best::Found(best) => GoalAnswer::Plan(Box::new(PlanReport {
            greedy_loss: greedy_loss(grid, goal, &best, &climbed),
            published: published(grid, goal, &best.season),
            penalty: penalty_effect(grid, goal, &best, settings, stop),
            locks: lock_prices(grid, goal, &best, settings, stop)?,
            ..plan_report(grid, goal, &best)
        })),
    };
    Ok(GoalReport {
        answer,
        greedy: Figures::of(grid, goal, &climbed),
        published_needs_per_piece: consistent_from(goal, &grid.scenario().published)
            .filter(|least| *least > 0.0)
            .map(|least| least * grid.minor_units()),
        goal: goal.clone(),
    })
}

/// The plan and its proof, without what takes further searches.
pub fn plan_report(grid: &Grid, goal: &Goal, best: &BestLevers) -> PlanReport {
    PlanReport {
        figures: Figures::of(grid, goal, &best.season),
        bound: best.bound,
        gap: best.gap(),
        status: best.status,
        parts: best.parts,
        greedy_loss: None,
        published: vec![],
        penalty: None,
        locks: vec![],
        months: (0..grid.months()).map(|month| month_report(grid, &best.levers, &best.season, month)).collect(),
        groups: group_reports(grid, &best.season),
    }
}

fn greedy_loss(grid: &Grid, goal: &Goal, best: &BestLevers, climbed: &Season) -> Option<f64> {
    let worth = Worth::of(goal, grid);
    let value = worth.value(&best.season);
    let sells_enough = climbed.sold() >= best.pieces_min * (1.0 - 1e-9);
    sells_enough.then(|| ((value - worth.value(climbed)) / value.abs().max(1.0)).max(0.0))
}

pub(super) fn published(grid: &Grid, goal: &Goal, season: &Season) -> Vec<Comparison> {
    let rows = grid.scenario().published.iter().filter(|row| row.objective == goal.name);
    rows.flat_map(|row| compare(row, season, grid.minor_units())).collect()
}

pub(super) fn month_report(grid: &Grid, levers: &Levers, season: &Season, month: usize) -> MonthReport {
    let scenario = grid.scenario();
    let promotion = usize::from(levers.promotions[month]);
    let funnel = season.months[month].funnel;
    let cell = |(group, level): (usize, &u8)| CellReport {
        group: scenario.groups[group].name.clone(),
        markdown: grid.markdown((*level).into()),
        paid_price: whole(grid.price(promotion, group)[usize::from(*level)]),
        sold: whole(season.months[month].sold[group]),
    };
    MonthReport {
        month: scenario.months[month].clone(),
        spend: scenario.spends[usize::from(levers.spends[month])].name.clone(),
        promotion: scenario.promotions[promotion].name.clone(),
        visits: funnel.visits,
        conversion: funnel.conversion,
        units_per_receipt: funnel.units_per_receipt,
        groups: levers.markdowns_of(month).iter().enumerate().map(cell).collect(),
    }
}

pub(super) fn group_reports(grid: &Grid, season: &Season) -> Vec<GroupReport> {
    let groups = grid.scenario().groups.iter().zip(&season.groups);
    let report = |(group, it): (&super::LeverGroup, &super::GroupSeason)| GroupReport {
        group: group.name.clone(),
        sold: whole(it.sold),
        unsold: whole(it.unsold),
        revenue: whole(it.revenue),
        margin: whole(it.margin),
    };
    groups.map(report).collect()
}
