//! Plans beside one another: their figures with the differences, the offers in which they differ, and what each leaves out
//! that another one runs.
//!
//! Reads what the plans say of themselves; never values an offer again.

use super::drawn::SupplyState;
use crate::ground::Ground;
use endcap_model::{Because, Depth, Explanation, Period, Place, PlanReport, RejectedOffer, Sku};
use serde::Serialize;
use std::collections::BTreeMap;

/// Plans beside one another, in the order in which they were handed in; differences are against the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    /// Periods in which any of them runs an offer, and all between, as their calendar writes them.
    pub periods: Vec<String>,
    /// Figures.
    pub figures: Vec<BesideFigure>,
    /// Items in regions of which any plan runs an offer: those that differ most first.
    pub rows: Vec<BesideRow>,
    /// Cells in which they differ.
    pub differing: usize,
    /// By plan, what it leaves out that another one runs, the most valuable first.
    pub left_out: Vec<Vec<LeftOutOffer>>,
}

/// A figure of every plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BesideFigure {
    /// Its name: `value`, `bound`, `gap`, `profit`, `revenue`, `pieces`, `offers`, `budget_used`, `budget`, `stockout`, or a
    /// cause of profit and loss.
    pub figure: String,
    /// What it counts.
    pub unit: FigureUnit,
    /// By plan; nothing where a plan has no such figure.
    pub values: Vec<Option<f64>>,
    /// The same less that of the first plan.
    pub differences: Vec<Option<f64>>,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FigureUnit {
    /// Minor units of money.
    Money,
    /// Points of the plans' goal, or of several goals: not to be compared as money.
    Points,
    /// Pieces or offers.
    Count,
    /// A share.
    Share,
}

/// An item in a region.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BesideRow {
    /// The item.
    pub sku: Sku,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The region.
    pub place: Place,
    /// Cells in which the plans differ.
    pub differing: usize,
    /// By period.
    pub cells: Vec<BesideCell>,
}

/// An item in a region and period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BesideCell {
    /// Whether the plans differ.
    pub differs: bool,
    /// By plan, what it offers; nothing for no offer.
    pub offers: Vec<Option<BesideOffer>>,
}

/// What a plan offers in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BesideOffer {
    /// How deep.
    pub depth: Depth,
    /// What it earns, in minor units.
    pub value: i64,
    /// How supply stands.
    pub supply: SupplyState,
    /// Expected share of the region's stores that run out.
    pub stockout: f64,
}

/// An offer that another plan runs and this one leaves out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeftOutOffer {
    /// The item.
    pub sku: Sku,
    /// Its name, where the facts have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The region.
    pub place: Place,
    /// The period.
    pub period: String,
    /// The depth at which the other plan runs it.
    pub depth: Depth,
    /// What it earns there, in minor units.
    pub value: i64,
    /// Why this plan leaves it out: `because` and what belongs to it; nothing where the plan does not say.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(value_type = super::drawn::MaybeBecause))]
    pub because: Option<Because>,
}

/// A cell: item, region and period.
type At<'a> = (&'a Sku, &'a Place, Period);

/// Sets plans beside one another; their periods are of the ground's calendar.
pub fn beside(ground: &Ground, plans: &[&PlanReport]) -> Beside {
    let offers: Vec<BTreeMap<At, &Explanation>> = plans.iter().map(|plan| by_cell(plan)).collect();
    let all = || offers.iter().flat_map(BTreeMap::keys);
    let (first, last) = (all().map(|at| at.2).min(), all().map(|at| at.2).max());
    let periods: Vec<Period> = match (first, last) {
        (Some(first), Some(last)) => (first.0..=last.0).map(Period).collect(),
        _ => Vec::new(),
    };
    let mut rows: Vec<BesideRow> = {
        let mut items: Vec<(&Sku, &Place)> = all().map(|at| (at.0, at.1)).collect();
        items.sort();
        items.dedup();
        items.into_iter().map(|item| row(ground, item, &periods, &offers)).collect()
    };
    rows.sort_by_key(|row| std::cmp::Reverse(row.differing));
    let calendar = ground.baseline.calendar;
    Beside {
        periods: periods.iter().map(|period| calendar.format(*period)).collect(),
        figures: figures(plans),
        differing: rows.iter().map(|row| row.differing).sum(),
        left_out: (0..plans.len()).map(|plan| left_out(ground, plans[plan], plan, &offers)).collect(),
        rows,
    }
}

fn by_cell(plan: &PlanReport) -> BTreeMap<At<'_>, &Explanation> {
    let offers = plan.offers.iter().flat_map(|e| e.offer.span.iter().map(move |period| (e, period)));
    offers.map(|(e, period)| ((&e.offer.sku, &e.offer.place, period), e)).collect()
}

fn row(
    ground: &Ground,
    (sku, place): (&Sku, &Place),
    periods: &[Period],
    offers: &[BTreeMap<At, &Explanation>],
) -> BesideRow {
    let offer = |e: &&Explanation| BesideOffer {
        depth: e.offer.depth,
        value: e.value,
        supply: SupplyState::of(e.stockout_probability),
        stockout: e.stockout_probability,
    };
    let cell = |&period: &Period| {
        let own = |of: &BTreeMap<At, &Explanation>| of.get(&(sku, place, period)).map(offer);
        let found: Vec<Option<BesideOffer>> = offers.iter().map(own).collect();
        let depths = || found.iter().map(|offer| offer.map(|offer| offer.depth));
        BesideCell { differs: depths().any(|depth| Some(depth) != depths().next()), offers: found }
    };
    let cells: Vec<BesideCell> = periods.iter().map(cell).collect();
    BesideRow {
        sku: sku.clone(),
        name: ground.facts.name(sku),
        place: place.clone(),
        differing: cells.iter().filter(|cell| cell.differs).count(),
        cells,
    }
}

/// What a plan leaves out that another one runs, with its own reason.
fn left_out(ground: &Ground, plan: &PlanReport, at: usize, offers: &[BTreeMap<At, &Explanation>]) -> Vec<LeftOutOffer> {
    let mut reasons: BTreeMap<At, &RejectedOffer> = BTreeMap::new();
    for rejected in &plan.rejected {
        // Best first, so that the first of a cell is its best.
        reasons.entry((&rejected.sku, &rejected.place, rejected.period)).or_insert(rejected);
    }
    let mut elsewhere: BTreeMap<At, &Explanation> = BTreeMap::new();
    for (cell, e) in offers.iter().flatten().filter(|(cell, _)| !offers[at].contains_key(*cell)) {
        let best = elsewhere.entry(*cell).or_insert(e);
        if e.value > best.value {
            *best = e;
        }
    }
    let one = |((sku, place, period), e): (At, &Explanation)| LeftOutOffer {
        sku: sku.clone(),
        name: ground.facts.name(sku),
        place: place.clone(),
        period: ground.baseline.calendar.format(period),
        depth: e.offer.depth,
        value: e.value,
        because: reasons.get(&(sku, place, period)).map(|rejected| rejected.because.clone()),
    };
    let mut left_out: Vec<LeftOutOffer> = elsewhere.into_iter().map(one).collect();
    left_out.sort_by_key(|offer| std::cmp::Reverse(offer.value));
    left_out
}

fn figures(plans: &[&PlanReport]) -> Vec<BesideFigure> {
    let figure = |name: &str, unit, of: &dyn Fn(&PlanReport) -> Option<f64>| {
        let values: Vec<Option<f64>> = plans.iter().map(|plan| of(plan)).collect();
        let first = values.first().copied().flatten();
        let differences = values.iter().map(|value| Some(value.as_ref()? - first?)).collect();
        BesideFigure { figure: name.to_owned(), unit, values, differences }
    };
    // The goal of most profit under the full objective is money; any other is points.
    let money = |plan: &&PlanReport| plan.objective == "full" && plan.value == plan.outcomes.profit;
    let worth = if plans.iter().all(money) { FigureUnit::Money } else { FigureUnit::Points };
    let budget = |plan: &PlanReport, of: fn(&endcap_model::LimitPrice) -> i64| {
        plan.limits.iter().find(|limit| limit.limit == "budget").map(|limit| of(limit) as f64)
    };
    let risk = |plan: &PlanReport| {
        let sum: f64 = plan.offers.iter().map(|e| e.stockout_probability).sum();
        sum / plan.offers.len().max(1) as f64
    };
    let mut all = vec![
        figure("value", worth, &|plan| Some(plan.value as f64)),
        figure("bound", worth, &|plan| Some(plan.bound as f64)),
        figure("gap", FigureUnit::Share, &|plan| Some(plan.gap)),
        figure("profit", FigureUnit::Money, &|plan| Some(plan.outcomes.profit as f64)),
        figure("revenue", FigureUnit::Money, &|plan| Some(plan.outcomes.revenue as f64)),
        figure("pieces", FigureUnit::Count, &|plan| Some(plan.outcomes.pieces)),
        figure("offers", FigureUnit::Count, &|plan| Some(plan.offers.len() as f64)),
        figure("budget_used", FigureUnit::Money, &|plan| budget(plan, |limit| limit.used)),
        figure("budget", FigureUnit::Money, &|plan| budget(plan, |limit| limit.available)),
        figure("stockout", FigureUnit::Share, &|plan| Some(risk(plan))),
    ];
    let causes = plans.iter().flat_map(|plan| plan.pnl.parts()).filter(|(_, amount)| *amount != 0);
    let mut named: Vec<&'static str> = Vec::new();
    for (cause, _) in causes {
        if !named.contains(&cause) {
            named.push(cause);
        }
    }
    let of_cause = |plan: &PlanReport, cause: &str| {
        plan.pnl.parts().into_iter().find(|(name, _)| *name == cause).map(|(_, amount)| amount as f64)
    };
    all.extend(named.into_iter().map(|cause| figure(cause, FigureUnit::Money, &|plan| of_cause(plan, cause))));
    all
}
