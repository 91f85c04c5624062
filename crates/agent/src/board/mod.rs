//! The plan board: a draft plan that people change step by step, with a new plan and its reasons after every step.
//!
//! A [`Board`] holds all that people decided: the scenario with its locks and limits, and notes. [`Edit`]s change it;
//! a [`Workbench`] draws it. Never stores, approves or publishes a plan, never reads a clock: whoever serves boards keeps
//! their contents and says when to stop.

mod beside;
mod conflict;
mod drawn;
mod edit;
mod grid;
mod past;
mod ready;
mod slider;
mod stock;
mod supply;
mod why;
mod workbench;

pub use beside::{Beside, BesideCell, BesideFigure, BesideOffer, BesideRow, FigureUnit, LeftOutOffer, beside};
pub use conflict::{Conflict, ConflictKind, Spot};
pub use drawn::{Cell, Drawn, Row, SlotUse, SupplyRisk, SupplyState, Totals};
pub use edit::{Edit, EditError};
pub use past::{PastPromotion, SeenIn, nearest_past};
pub use ready::{PageBoard, PageCalendar, PageInputs, PageItem, PageLevel, PageRow, page_board};
pub use slider::{Level, Slider, SliderCurve};
pub use stock::{StockPath, StockPeriod};
pub use supply::{
    BoardSupply, StyleCover, StyleMove, StylePlace, SupplyAlert, SupplyCell, SupplyGlance, SupplyPeriod, board_supply,
};
pub use why::{Evidence, LiftPoint, Source, Why};
pub use workbench::{BoardError, Drawing, Workbench};

use endcap_model::{AsOf, Place, Scenario, Sku};
use serde::{Deserialize, Serialize};

/// A draft plan as people decided it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// Limits, locks, goal and assumptions.
    pub scenario: Scenario,
    /// What people wrote beside cells.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// What a person wrote beside a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Note {
    /// The item.
    pub sku: Sku,
    /// The region.
    pub place: Place,
    /// The period, as its calendar writes it.
    pub period: String,
    /// The text.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: AsOf,
}

impl Board {
    /// Begins a board.
    pub fn new(scenario: Scenario) -> Self {
        Self { scenario, notes: Vec::new() }
    }
}
