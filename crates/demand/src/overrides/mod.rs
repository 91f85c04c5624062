//! Planner overrides of forecasts: kept with their reason, applied beside the model, scored afterwards.
//!
//! People's changes help when they know something that the model does not; large ones often do, small ones and
//! upward ones often hurt, and what a promotion brings is easily counted twice (Fildes, Goodwin, Lawrence and Nikolopoulos
//! 2009; Trapero, Pedregal, Fildes and Kourentzes 2013). So each override is kept with its author, warned of where the promotion
//! is in the forecast already, and compared with the model once sales are known.
//!
//! Never changes the model or what it learns: the forecast of the model stays, beside the one that was overridden. Never
//! reads a clock or a file: days and lines are arguments.

mod apply;
mod log;
mod score;

pub use apply::{Change, Overridden, Override, OverrideRefusal, meets, override_alike, override_forecast};
pub use log::{Entry, Log, LogError, Proposed, State};
pub use score::{DirectionScore, OverrideScore, Scored, score};
