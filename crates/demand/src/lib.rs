//! Causal response and forecast of demand: what an offer causes, and what will be sold.
//!
//! Never reads a store: it is handed a panel cut at the moment that it may know. Never gives a confident number
//! where the data cannot tell: every effect carries its interval and its status. Methods and sources are named in the
//! modules; the order of work is `prepare` -> `response` (each SKU) -> `signal`, `pool`, `pairs` (all SKUs) -> `curve` ->
//! `sensitivity` -> `predictive`, `level`, `boosted`, `opinions`, `newcomers` -> `tail` (what held-out periods teach) -> `forecast` -> `sums`.

mod advice;
mod again;
mod ahead;
pub mod analogues;
mod analysis;
mod backtest;
mod boosted;
pub mod booster;
mod card;
mod changes;
pub mod coefficients;
mod columns;
mod contest;
mod curve;
mod dispersion;
mod distribution;
pub mod dml;
mod drift;
pub mod drill;
mod effects;
mod error;
mod events;
pub mod experiment;
mod fit;
mod forecast;
pub mod funnel;
mod further;
mod held_out;
mod identify;
mod level;
mod linear;
mod never_ran;
mod newcomers;
mod next_time;
pub mod online;
mod opinions;
pub mod overrides;
mod pairs;
mod partners;
mod playbook;
mod pool;
mod predictive;
mod prepare;
mod recalibrate;
mod reconcile;
mod recovered;
mod reference;
mod regime;
mod response;
mod rollup;
mod season;
mod second_opinion;
mod sensitivity;
mod shift;
mod shrink;
mod signal;
mod stability;
mod stockouts;
mod sums;
mod tail;
#[cfg(test)]
mod test_support;
mod watch;

pub use advice::{PriceAdvice, price_advice};
pub use again::forecast_again;
pub use analysis::{Analysed, Analysis, Cost, Economics, ItemTotal, Money, MoneyParts, PlannedUnits, Verdict, analyse};
pub use backtest::{Backtest, BacktestSettings, LagScore, LevelScore, Score, backtest};
pub use boosted::Boosted;
pub use card::{
    CardItem, DataCut, Distribution, GroupEffect, ItemEffect, Known, LiftPoint, ModelCard, QUANTILES, Refused,
    SourceRows, input_columns, lift_points, model_card,
};
pub use changes::{EffectChange, changes};
pub use contest::{Contest, ContestSet, block_of, contest, unseen, unsound};
pub use dispersion::Dispersion;
pub use drift::{Drift, ErrorDrift, InputDrift, PeriodError, error_drift, input_drift, period_errors};
pub use error::DemandError;
pub use events::{PromotionEvent, Split, events};
pub use fit::{FitSettings, Fitted, FittedItem, fit};
pub use forecast::forecast;
pub use further::{Anticipation, BeforePromotions, Clusters, FurtherFrame, HaloLink, PriceMemory};
pub use held_out::{HeldOutScore, HeldOutSet};
pub use level::Memory;
pub use never_ran::{NeverRan, never_ran};
pub use next_time::{Advice, NextTime, next_time};
pub use opinions::Shares;
pub use partners::Partners;
pub use playbook::{Lesson, Play, Playbook, PlayedOffer, playbook};
pub use prepare::{ControlScale, Frame, PROMOTED_RATIO};
pub use recalibrate::Recalibration;
pub use reconcile::{Reconcile, Reconciled, SumLevel};
pub use recovered::recovered;
pub use regime::{Regime, RegimeRules, regime, regime_after, regime_of};
pub use rollup::{By, Measure, RollUp, RolledUp, roll_up};
pub use season::Season;
pub use second_opinion::{SecondOpinion, second_opinion};
pub use shift::Measured;
pub use shrink::{Measurement, Shrunk, towards_whole};
pub use stockouts::Stockouts;
pub use sums::{Together, Total, totals};
pub use watch::{Watch, WatchedErrors, input_distributions, newest, watch};
