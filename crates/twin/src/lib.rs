//! A seeded world of shoppers and supply in which policies of action are tried.
//!
//! It takes [`Actions`] (offers, orders, transfers) and returns an [`Observation`]: only what a retailer could see.
//! What moves it stays hidden: its shoppers answer to prices by a law of their own (a saturating choice with a memory
//! for past prices, see `shoppers`), its deliveries come late or short. It never calls the crates that estimate,
//! supply or plan: it must be able to prove them wrong.
//!
//! Every policy meets the same shoppers: all draws are addressed by (seed, period, cell), so no action shifts them
//! (common random numbers; Glasserman and Yao 1992), and [`compare`] pairs policies by seed.

mod action;
mod adjust;
mod asked;
mod choice;
mod compare;
mod course;
mod draws;
mod error;
mod habits;
mod history;
mod kpi;
mod law;
mod ledger;
mod listed;
mod logistics;
mod normal;
mod page;
mod planner;
mod policies;
mod rivals;
mod scenario;
#[cfg(test)]
mod scenario_tests;
mod seasons;
mod shipments;
mod shock;
mod shoppers;
mod spec;
mod stock;
mod synthetic;
mod ties;
mod truth;
mod world;

pub use action::{Actions, CellOrder, CellSeen, Fault, Note, Observation, Policy};
pub use adjust::{Adjustment, adjustments};
pub use choice::{LoopTerms, OfferTerms, OrderingChoice, PolicyChoice, RuleWeights, SeasonTerms, SizeRules};
pub use compare::{PolicyMaker, Trials, compare, try_all};
pub use course::{Course, Coverage, Fan, Film, Told, fans, told};
pub use error::TwinError;
pub use habits::Habits;
pub use history::{Economics, shown_responses};
pub use kpi::{Better, Kpi, Measure, Summary, kpis, quantile};
pub use law::Law;
pub use listed::{Listed, ListedItem, ListedPlace};
pub use logistics::{Dock, Expedite, Logistics};
pub use page::{Page, PageKpis, PageLift, PageOffer, PageTerms};
pub use planner::PanelTerms;
pub use policies::{ProcessPolicy, shipped};
pub use scenario::{CostTerms, HistoryChoice, TwinScenario, WorldChoice};
pub use seasons::{Season, seasons};
pub use shock::{Moment, Shock, ShockKind};
pub use spec::{CellKey, CellSpec, Costs, Past, Shown, WorldSpec, WorldTerms, WriteDown};
pub use synthetic::{SizeTerms, Synthetic};
pub use ties::{Halo, RunState, SizeOf, SizeRuns};
pub use truth::{CrossTruth, EventTruth, ItemTruth, KnownTruth, known_truth};
pub use world::World;
