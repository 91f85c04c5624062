//! Why an item runs or does not run: all that is known of one cell of a board, gathered for a page.

use super::Board;
use super::past::{PastPromotion, nearest_past};
use super::stock::{StockPath, stock_path};
use super::workbench::{BoardError, Workbench};
use endcap_demand::PromotionEvent;
use endcap_demand::coefficients::Applied;
use endcap_model::{Depth, EffectKind, Estimate, Explanation, Period, Place, PlanReport, Sku};
use endcap_plan::Reason;
use serde::Serialize;
use std::collections::BTreeMap;

/// All that is known of one cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Why {
    /// The item.
    pub sku: Sku,
    /// The region.
    pub place: Place,
    /// The period, as its calendar writes it.
    pub period: String,
    /// The offer that runs, with its interval and its cause; nothing for no offer.
    pub offer: Option<Explanation>,
    /// Every depth with profit and loss by cause and what it pays for limits; why the offer stands, or what must change.
    #[serde(flatten)]
    pub reason: Reason,
    /// Lift by depth.
    pub lift: Vec<LiftPoint>,
    /// What the lift rests on.
    pub evidence: Option<Evidence>,
    /// How stock runs with the offer, or the one that comes nearest, and without it; nothing where the item has none, or
    /// the horizon is too short for an order.
    pub stock: Option<StockPath>,
    /// Past promotions that are nearest.
    pub past: Vec<PastPromotion>,
}

/// Promoted over baseline demand at a depth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LiftPoint {
    /// The depth.
    pub depth: Depth,
    /// 5 % quantile.
    pub q05: f64,
    /// Median.
    pub q50: f64,
    /// 95 % quantile.
    pub q95: f64,
    /// Whether the item's history has seen so deep a cut.
    pub seen: bool,
}

/// What a lift rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// The elasticity that is used, with its interval, the number of promoted periods and how far it can be trusted.
    pub own_price: Estimate,
    /// Largest depth in the item's history.
    pub depth_seen_max: Depth,
    /// Where the elasticity comes from.
    pub source: Source,
}

/// Where an effect comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = EffectSource))]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Source {
    /// The data.
    Estimate,
    /// A person, in place of what the data say.
    Edit {
        /// Number of the edit.
        id: u32,
        /// Who proposed it.
        author: String,
        /// Why.
        reason: String,
        /// What the data say.
        estimated: Box<Estimate>,
    },
}

/// Gathers what is known of a cell.
pub(super) fn why(
    bench: &mut Workbench,
    board: &Board,
    plan: &PlanReport,
    (sku, place, period): (&Sku, &Place, Period),
    past: &[PromotionEvent],
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<Why, BoardError> {
    let input = bench.ground.input_with(&board.scenario);
    let reason = bench.table.why(&input, plan, (sku, place, period), interrupt)?.ok_or(BoardError::OtherPlan)?;
    let ground = &bench.ground;
    let own = |e: &&Explanation| e.offer.sku == *sku && e.offer.place == *place;
    let offers: Vec<&Explanation> = plan.offers.iter().filter(own).collect();
    let offer = offers.iter().find(|e| e.offer.span.start == period).map(|&e| e.clone());
    let depth = offer.as_ref().map(|e| e.offer.depth).or_else(|| nearest_depth(&reason));
    let evidence = ground.fitted.lift.response(sku).map(|response| Evidence {
        own_price: response.own_price.clone(),
        depth_seen_max: response.depth_seen_max,
        source: source(&ground.edits, sku),
    });
    let lift = lift(&reason, evidence.as_ref().map(|evidence| evidence.depth_seen_max));
    let mut lifts: BTreeMap<Period, f64> =
        offers.iter().map(|e| (e.offer.span.start, lift_of(&lift, e.offer.depth, e))).collect();
    let asked = depth.and_then(|depth| lift.iter().find(|point| point.depth == depth));
    lifts.extend(asked.map(|point| (period, point.q50)));
    let group = ground.items.get(sku).map(|item| &item.group);
    let is_substitute = |other: &Sku| ground.items.get(other).map(|item| &item.group) == group;
    Ok(Why {
        stock: stock_path(ground, &board.scenario, (sku, place), &lifts, period)?,
        past: nearest_past(past, (sku, place), &is_substitute, depth.unwrap_or_default(), bench.grid.calendar),
        sku: sku.clone(),
        place: place.clone(),
        period: bench.grid.name(period),
        offer,
        reason,
        lift,
        evidence,
    })
}

/// The depth that comes nearest to running: that of the answer, else the one that earns most.
fn nearest_depth(reason: &Reason) -> Option<Depth> {
    let nearest = reason.left_out.as_ref().and_then(|(left_out, _)| left_out.nearest.as_ref());
    let best = || reason.options.iter().max_by_key(|option| option.value).map(|option| option.depth);
    nearest.map(|nearest| nearest.depth).or_else(best)
}

fn lift(reason: &Reason, seen: Option<Depth>) -> Vec<LiftPoint> {
    let mut points: Vec<LiftPoint> = Vec::new();
    for option in &reason.options {
        let (q05, q50, q95) = option.lift;
        let seen = seen.is_some_and(|deepest| option.depth <= deepest);
        points.push(LiftPoint { depth: option.depth, q05, q50, q95, seen });
    }
    points.sort_by_key(|point| point.depth);
    points.dedup_by_key(|point| point.depth);
    points
}

/// Lift of an offer of another period, whose depth may be locked there alone.
fn lift_of(lift: &[LiftPoint], depth: Depth, e: &Explanation) -> f64 {
    let known = lift.iter().find(|point| point.depth == depth).map(|point| point.q50);
    known.unwrap_or(e.promoted_units / e.baseline_units.max(1e-9))
}

fn source(edits: &[Applied], sku: &Sku) -> Source {
    let used = edits.iter().filter(|applied| applied.edit.draft.effect == EffectKind::OwnPrice);
    let used = used.flat_map(|applied| applied.items.iter().map(move |item| (applied, item)));
    match used.into_iter().find(|(_, item)| item.sku == *sku && item.in_use) {
        None => Source::Estimate,
        Some((applied, item)) => Source::Edit {
            id: applied.edit.id,
            author: applied.edit.draft.author.clone(),
            reason: applied.edit.draft.reason.clone(),
            estimated: Box::new(item.estimated.clone()),
        },
    }
}
