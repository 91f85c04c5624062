//! What a request is about: the plan beside the one in force, and what the simulated worlds said of it.

use crate::commands::ground::in_force;
use anyhow::Context;
use endcap_adapters::tables::read_json;
use endcap_agent::approve::stress_of;
use endcap_agent::stress::{ENDCAP, NO_PROMOTIONS, Trial};
use endcap_model::{Decision, Plan, Verdict};
use endcap_plan::{OfferChange, diff};
use endcap_twin::Measure;
use serde::Serialize;
use std::path::Path;
use utoipa::ToSchema;

/// Changed offers that are shown.
const SHOWN: usize = 200;
/// Figures of the worlds that are shown.
const FIGURES: [Measure; 4] = [Measure::Profit, Measure::Revenue, Measure::Discount, Measure::StockoutRatePromoted];

/// What a request is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RequestDetails)]
pub struct Details {
    /// Value of the plan against no promotion, in minor units.
    pub value: i64,
    /// No plan can be worth more.
    pub bound: i64,
    /// First and last period.
    pub periods: Vec<String>,
    /// What it changes against the plan in force.
    pub changes: Changes,
    /// What the simulated worlds said.
    pub stress: Option<Stress>,
    /// Limits of the policy that it breaks.
    pub breaches: Vec<String>,
}

/// What a plan changes against the one in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RequestChanges)]
pub struct Changes {
    /// The plan in force; nothing where none is.
    pub against: Option<String>,
    /// Its value, in minor units.
    pub value_before: i64,
    /// Offers that change.
    pub all: usize,
    /// Orders that change.
    pub orders: usize,
    /// The offers that change most, by what the change is worth.
    pub offers: Vec<Change>,
}

/// One offer that changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RequestChange)]
pub struct Change {
    /// `added`, `removed`, `changed` or `revalued`.
    pub what: &'static str,
    /// The item.
    pub sku: String,
    /// The region.
    pub place: String,
    /// First period.
    pub start: String,
    /// Depth before; nothing where there was no offer.
    pub before: Option<f64>,
    /// Depth after; nothing where there is none any more.
    pub after: Option<f64>,
    /// What the change is worth, in minor units.
    pub value: i64,
}

/// What the simulated worlds said.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RequestStress)]
pub struct Stress {
    /// Mean share of promoted items, places and periods with unmet demand.
    pub stockout_rate_promoted: f64,
    /// Mean of the worst twentieth of worlds, against no promotion, in minor units.
    pub tail_value: f64,
    /// Worlds.
    pub worlds: usize,
    /// Figures over the worlds.
    pub figures: Vec<Figure>,
}

/// One figure over the worlds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RequestFigure)]
pub struct Figure {
    /// The figure.
    #[schema(value_type = String)]
    pub measure: Measure,
    /// Mean under the plan.
    pub mean: f64,
    /// The value that one world in twenty is worse than.
    pub tail: f64,
    /// Mean difference to no promotion in the same world.
    pub difference: Option<f64>,
}

/// Reads what is kept of a plan.
pub fn details(folder: &Path, plan: &str) -> anyhow::Result<Details> {
    let place = folder.join("plans").join(plan);
    let plan: Plan = read_json(&place.join("plan.json")).context("the plan that is asked about is gone")?;
    let before: Option<Plan> = in_force(folder)?.map(|path| read_json(&path)).transpose()?;
    let trial = place.join("trial.json");
    let trial: Option<Trial> = if trial.is_file() { Some(read_json(&trial)?) } else { None };
    let decision: Decision = read_json(&place.join("decision.json"))?;
    let breaches = match &decision.verdict {
        Verdict::Refused { breaches } => breaches.iter().map(ToString::to_string).collect(),
        Verdict::Approved | Verdict::NeedsPerson { .. } => vec![],
    };
    let ends = [plan.span.start, plan.span.end];
    Ok(Details {
        value: plan.report.value,
        bound: plan.report.bound,
        periods: ends.iter().map(|period| plan.calendar.format(*period)).collect(),
        changes: changes(before.as_ref(), &plan),
        stress: trial.as_ref().map(stress),
        breaches,
    })
}

fn changes(before: Option<&Plan>, plan: &Plan) -> Changes {
    let nothing = || {
        let mut none = plan.clone();
        (none.offers, none.orders, none.report.offers, none.report.value) = (vec![], vec![], vec![], 0);
        none
    };
    // Plans of another calendar or currency cannot be held against one another: all of it is new then.
    let before = before.filter(|before| before.calendar == plan.calendar && before.currency == plan.currency);
    let difference = diff(&before.cloned().unwrap_or_else(nothing), plan);
    let mut offers: Vec<Change> = difference.offers.iter().map(|change| shown(change, plan)).collect();
    offers.sort_by_key(|change| std::cmp::Reverse(change.value.unsigned_abs()));
    let all = offers.len();
    offers.truncate(SHOWN);
    Changes {
        against: before.map(|before| before.id.to_string()),
        value_before: difference.value_before,
        all,
        orders: difference.orders.len(),
        offers,
    }
}

fn shown(change: &OfferChange, plan: &Plan) -> Change {
    let (what, offer, before, after) = match change {
        OfferChange::Added { offer, .. } => ("added", offer, None, Some(offer.depth)),
        OfferChange::Removed { offer, .. } => ("removed", offer, Some(offer.depth), None),
        OfferChange::Changed { before, offer, .. } => ("changed", offer, Some(*before), Some(offer.depth)),
        OfferChange::Revalued { offer, .. } => ("revalued", offer, Some(offer.depth), Some(offer.depth)),
    };
    Change {
        what,
        sku: offer.sku.to_string(),
        place: offer.place.to_string(),
        start: plan.calendar.format(offer.span.start),
        before: before.map(|depth| depth.share()),
        after: after.map(|depth| depth.share()),
        value: change.value(),
    }
}

fn stress(trial: &Trial) -> Stress {
    let judged = stress_of(&trial.outcomes, ENDCAP, NO_PROMOTIONS);
    let against = trial.comparisons.iter().find(|against| against.reference == NO_PROMOTIONS);
    let ours: Vec<_> =
        against.into_iter().flat_map(|against| &against.kpis).filter(|kpi| kpi.policy == ENDCAP).collect();
    let figure = |kpi: &&endcap_twin::Kpi| Figure {
        measure: kpi.measure,
        mean: kpi.level.mean,
        tail: kpi.level.tail05,
        difference: kpi.difference.as_ref().map(|difference| difference.mean),
    };
    Stress {
        stockout_rate_promoted: judged.stockout_rate_promoted,
        tail_value: judged.tail_value,
        worlds: ours.iter().map(|kpi| kpi.worlds).max().unwrap_or(0),
        figures: ours.iter().filter(|kpi| FIGURES.contains(&kpi.measure)).map(figure).collect(),
    }
}
