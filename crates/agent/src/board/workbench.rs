//! The workbench: boards are changed, drawn and asked about on one set of facts.

use super::Board;
use super::conflict::{Conflict, conflicts};
use super::drawn::{Drawn, Names, drawn};
use super::edit::{Desk, Edit, EditError};
use super::grid::Grid;
use super::slider::{Slider, SliderCurve, curve};
use super::why::{Why, why};
use crate::ground::Ground;
use crate::jobs::JobError;
use endcap_demand::PromotionEvent;
use endcap_model::{Offer, Place, Plan, PlanReport, Scenario, Sku};
use endcap_plan::{PlanError, Sketched, Table, solve};
use serde::Serialize;

/// Facts with all that is kept between two edits. One workbench serves boards that share horizon, prices, costs and supply
/// terms, one after the other.
pub struct Workbench {
    pub(super) ground: Ground,
    pub(super) grid: Grid,
    pub(super) table: Table,
    /// How each plan is searched for.
    pub(super) settings: solve::Settings,
}

/// A board that cannot be drawn or asked about.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The board has other terms than the workbench.
    #[error("the board's {field} differs from that of the facts it is drawn on: open it anew")]
    OtherTerms {
        /// What differs.
        field: &'static str,
    },
    /// A name that the board does not have.
    #[error(transparent)]
    Name(#[from] EditError),
    /// The plan is not that of the board.
    #[error("the plan is not that of this board: draw the board first")]
    OtherPlan,
    /// The scenario cannot be planned.
    #[error("the board cannot be planned")]
    Plan(#[from] PlanError),
    /// A slider of a limit that the board does not set.
    #[error("the board sets no {limit}: set one before asking what more of it is worth")]
    NoLimit {
        /// The limit.
        limit: String,
    },
    /// Stock could not be projected.
    #[error("stock cannot be projected")]
    Job(#[from] JobError),
}

/// What came of drawing a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "drawing", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "one value per edit: a box would only hinder matching")]
pub enum Drawing {
    /// A plan.
    Plan(Drawn),
    /// No plan keeps every rule and lock; the sentences name those that clash.
    Infeasible {
        /// The rules.
        conflict: Vec<String>,
    },
}

impl Workbench {
    /// Sets up a workbench for boards under the scenario's terms. `settings` say how near each plan must come to the best:
    /// a gap of a thousandth answers at once. Without a time limit a drawing depends on its arguments alone.
    pub fn new(ground: &Ground, scenario: &Scenario, settings: solve::Settings) -> Self {
        let ground = ground.under(scenario);
        Self { grid: Grid::of(&ground), table: Table::default(), ground, settings }
    }

    /// The facts that boards are drawn on.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Returns the board after an edit. `running` are the offers of its plan, which `shift` moves.
    ///
    /// # Errors
    /// [`EditError`] when the edit cannot be made.
    pub fn apply(&self, board: &Board, edit: &Edit, running: &[Offer]) -> Result<Board, EditError> {
        Desk { grid: &self.grid, items: &self.ground.items, running }.apply(board, edit)
    }

    /// Plans a board, beginning from the plan before, and says what changed against it.
    ///
    /// The same board with the same plan before is drawn the same, whatever was drawn in between.
    ///
    /// # Errors
    /// [`BoardError`] when the board cannot be planned on these facts.
    pub fn draw(
        &mut self,
        board: &Board,
        before: Option<&PlanReport>,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Drawing, BoardError> {
        self.check(&board.scenario)?;
        let input = self.ground.input_with(&board.scenario);
        Ok(match self.table.sketch(&input, before, &self.settings, interrupt)? {
            Sketched::Infeasible { conflict } => Drawing::Infeasible { conflict },
            Sketched::Plan(sketch) => {
                let names = Names { facts: &self.ground.facts, items: &self.ground.items };
                Drawing::Plan(drawn(board, &self.grid, &names, sketch, before))
            }
        })
    }

    /// Finds what on a board is at odds, without a search: locks with rules, substitutes promoted together, offers of
    /// other plans in the same cells. `offers` are those of the board's plan.
    ///
    /// # Errors
    /// [`BoardError`] for locks that cannot be read.
    pub fn conflicts(&self, board: &Board, offers: &[Offer], published: &[Plan]) -> Result<Vec<Conflict>, BoardError> {
        let input = self.ground.input_with(&board.scenario);
        Ok(conflicts(&input, &self.grid, board, offers, published)?)
    }

    /// What the board's plan would be worth at about nine positions of a slider.
    ///
    /// # Errors
    /// [`BoardError`] when the board cannot be planned on these facts.
    pub fn curve(
        &mut self,
        board: &Board,
        plan: &PlanReport,
        slider: &Slider,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<SliderCurve, BoardError> {
        self.check(&board.scenario)?;
        curve(self, board, plan, slider, interrupt)
    }

    /// Says why an item runs or does not run in a region and period. `past` are the promotions of the history, which are
    /// found once for all questions ([`Self::past`]).
    ///
    /// # Errors
    /// [`BoardError`] for names that the board does not have and for a plan that is not that of the board.
    pub fn why(
        &mut self,
        board: &Board,
        plan: &PlanReport,
        (sku, place, period): (&Sku, &Place, &str),
        past: &[PromotionEvent],
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Why, BoardError> {
        self.check(&board.scenario)?;
        let cell = (sku, &self.grid.region(sku, place)?, self.grid.period(period)?);
        why(self, board, plan, cell, past, interrupt)
    }

    /// Every promotion of the history with what it came to.
    pub fn past(&self) -> Vec<PromotionEvent> {
        endcap_demand::events(&self.ground.fitted, &self.ground.facts.panel)
    }

    fn check(&self, scenario: &Scenario) -> Result<(), BoardError> {
        let own = &self.ground.scenario;
        let terms = [
            ("currency", scenario.currency == own.currency),
            ("horizon", scenario.horizon == self.grid.span.len()),
            ("items", scenario.items == own.items),
            ("supply", scenario.supply == own.supply),
        ];
        match terms.into_iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(BoardError::OtherTerms { field }),
            None => Ok(()),
        }
    }
}
