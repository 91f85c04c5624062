//! Sliders: what the plan would be worth with less or more of a limit.
//!
//! Each position is a plan of its own, begun from that of the board. A plan for less is one for more, and no bound for
//! more is below that for less: both are carried over, so that values and bounds never fall from left to right.

use super::workbench::{BoardError, Workbench};
use super::{Board, Edit};
use endcap_model::{PlanReport, Scenario};
use serde::{Deserialize, Serialize};

/// Positions of a slider as shares of where it is.
const SHARES: [f64; 9] = [0.5, 0.625, 0.75, 0.875, 1.0, 1.125, 1.25, 1.375, 1.5];
/// Slots to either side.
const SLOTS: i64 = 4;

/// A limit that can be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "slider", rename_all = "snake_case")]
pub enum Slider {
    /// The budget.
    Budget,
    /// Slots per region and period.
    Slots,
    /// What supply can carry, as a share of the mean baseline.
    CapacityShare,
    /// The most of a pool.
    Pool {
        /// Its name.
        name: String,
    },
}

/// What a plan would be worth by the position of a slider.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SliderCurve {
    /// The slider.
    #[serde(flatten)]
    pub slider: Slider,
    /// Where it is, in the units of its edit: money in major units.
    pub at: f64,
    /// Positions, rising.
    pub levels: Vec<Level>,
    /// False when it was interrupted, so that positions are missing.
    pub complete: bool,
}

/// One position. Values in minor units, or points of the goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SliderLevel))]
pub struct Level {
    /// The position.
    pub amount: f64,
    /// What the best plan found is worth; nothing where none was found.
    pub value: Option<i64>,
    /// No plan is worth more; nothing where no plan was found.
    pub bound: Option<i64>,
}

impl Slider {
    /// Where the slider is; nothing where the scenario sets no such limit.
    fn at(&self, scenario: &Scenario) -> Option<f64> {
        let limits = &scenario.limits;
        match self {
            Self::Budget => Some(limits.budget),
            Self::Slots => Some(limits.slots as f64),
            Self::CapacityShare => Some(limits.capacity_share).filter(|share| share.is_finite()),
            Self::Pool { name } => limits.pools.iter().find(|pool| pool.name == *name)?.most,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Budget => "budget".to_owned(),
            Self::Slots => "slots".to_owned(),
            Self::CapacityShare => "limit on what supply can carry".to_owned(),
            Self::Pool { name } => format!("most of a pool '{name}'"),
        }
    }

    fn positions(&self, at: f64) -> Vec<f64> {
        match self {
            Self::Slots => (-SLOTS..=SLOTS).map(|step| at + step as f64).filter(|slots| *slots >= 0.0).collect(),
            _ => SHARES.iter().map(|share| at * share).collect(),
        }
    }

    /// The edit that moves it.
    pub fn edit(&self, amount: f64) -> Edit {
        match self {
            Self::Budget => Edit::Budget { amount },
            Self::Slots => Edit::Slots { slots: amount.max(0.0).round() as usize },
            Self::CapacityShare => Edit::CapacityShare { share: Some(amount) },
            Self::Pool { name } => Edit::Pool { name: name.clone(), most: Some(amount), least: None },
        }
    }
}

/// Plans every position.
pub(super) fn curve(
    bench: &mut Workbench,
    board: &Board,
    plan: &PlanReport,
    slider: &Slider,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<SliderCurve, BoardError> {
    let at = slider.at(&board.scenario).ok_or_else(|| BoardError::NoLimit { limit: slider.name() })?;
    let mut curve = SliderCurve { slider: slider.clone(), at, levels: Vec::new(), complete: true };
    for amount in slider.positions(at) {
        if interrupt() {
            curve.complete = false;
            break;
        }
        let mut level = Level { amount, value: None, bound: None };
        // A pool with more to be used than there is has no plan.
        if amount == at {
            (level.value, level.bound) = (Some(plan.value), Some(plan.bound));
        } else if let Ok(moved) = bench.apply(board, &slider.edit(amount), &[]) {
            let input = bench.ground.input_with(&moved.scenario);
            let found = bench.table.value(&input, plan, &bench.settings, interrupt)?;
            (level.value, level.bound) = found.unzip();
        }
        curve.levels.push(level);
    }
    even_out(&mut curve.levels);
    Ok(curve)
}

/// Carries values to the right and bounds to the left.
fn even_out(levels: &mut [Level]) {
    let mut best = None;
    for level in levels.iter_mut() {
        level.value = level.value.max(best);
        best = level.value;
    }
    let mut least = None;
    for level in levels.iter_mut().rev() {
        let lower = level.bound.into_iter().chain(least).min();
        if level.bound.is_some() {
            level.bound = lower;
            least = lower;
        } else if level.value.is_some() {
            level.bound = least;
        }
    }
}
