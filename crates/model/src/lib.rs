//! The words that every Endcap crate shares, one file per concept.
//!
//! Never does I/O, never reads a clock, never depends on another crate of ours. Randomness and time are
//! arguments. What happened is whole ([`Pieces`], [`Money`]); what is expected is fractional
//! ([`Units`], [`Value`]), so that the two cannot mix.

mod approval;
mod event;
mod facts;
mod forecast;
mod further;
mod gate;
mod goal;
mod hash;
mod ids;
mod inputs;
mod item;
mod lift;
mod market;
mod money;
mod offer;
mod pace;
mod panel;
mod plan;
mod policy;
mod quantity;
mod registry;
mod rise;
mod rollout;
mod rules;
mod scenario;
mod supply;
mod time;

pub use approval::{Chain, ChainError, Function, Step, Tier};
pub use event::{Event, Halt, Outcome, Receipt};
pub use facts::{FactField, FactKind, FieldKind, SetAside};
pub use forecast::{Forecast, ForecastRow};
pub use further::{Further, FurtherEffect, FurtherKind};
pub use gate::{GateLimits, Looser};
pub use goal::{Goal, Outcomes, Preset, Weights};
pub use hash::{ContentHash, Hasher, canonical_json, hash_bytes, hash_json};
pub use ids::{Channel, Group, Place, PlanId, Sku, SnapshotId, Supplier};
pub use inputs::{CLUSTER, COMPETITOR_PRICE, Input, MECHANIC};
pub use item::{Item, ItemSize, PlaceFact};
pub use lift::{
    CurveForm, DepthCurve, EffectKind, EffectStatus, Estimate, LiftModel, PartnerEffect, Response, Sensitivity,
    UnseenDemand,
};
pub use market::{CrossEffect, Funding, Market, ReplanTerms, RunOut, WearOut};
pub use money::{Currency, Money, MoneyError, Value};
pub use offer::{Mechanic, Offer, Support};
pub use pace::{HeldBack, Pace};
pub use panel::{Control, Panel, PanelColumns, PanelError, PlaceEntry, SkuEntry};
pub use plan::{
    Because, Explanation, Instead, LimitPrice, Plan, PlanReport, ProfitAndLoss, RejectedOffer, SolveStatus,
};
pub use policy::{Autonomy, Breach, Decision, Policy, SignOff, VETO_MINUTES, Verdict};
pub use quantity::{Depth, DepthError, Pieces, Share, ShareError, Units};
pub use registry::{Appointed, Contested, Gain, RefitCause, Registered, Succession, Watched};
pub use rise::RiseRule;
pub use rollout::RolloutRules;
pub use rules::{CalendarRule, Clearance, Counts, OfferKind, Pool, Stretch, Together, Which, WindowRule};
pub use scenario::{
    ItemTerms, Limits, Lock, Objective, OpeningStock, PriceTerms, Scenario, ScenarioError, SupplyTerms, TwinTerms,
    WriteDown,
};
pub use supply::{Projection, ProjectionRow, StockState, SupplyOrder, Transfer};
pub use time::{AsOf, Calendar, Period, Span, TimeError, later};
