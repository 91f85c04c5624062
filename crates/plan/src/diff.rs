//! What changed from one plan to another, and what each change is worth.

use endcap_model::{Depth, Offer, Period, Place, Plan, PlanReport, Sku, SupplyOrder};
use serde::Serialize;
use std::collections::BTreeMap;

/// An offer that is in one plan only, or at another depth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum OfferChange {
    /// Only in the later plan.
    Added {
        /// The offer.
        offer: Offer,
        /// What it adds, in minor units.
        value: i64,
    },
    /// Only in the earlier plan.
    Removed {
        /// The offer.
        offer: Offer,
        /// What its loss adds, in minor units.
        value: i64,
    },
    /// In both, at different depths or with different support.
    Changed {
        /// The earlier depth.
        before: Depth,
        /// The later offer.
        offer: Offer,
        /// What the change adds, in minor units.
        value: i64,
    },
    /// The same offer in both, valued differently because data or scenario changed.
    Revalued {
        /// The offer.
        offer: Offer,
        /// What the new valuation adds, in minor units.
        value: i64,
    },
}

/// An order that is in one plan only, or for another quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderChange {
    /// Where.
    pub place: Place,
    /// The item.
    pub sku: Sku,
    /// When it is placed.
    pub order_period: Period,
    /// When it arrives.
    pub arrives: Period,
    /// Pieces in the earlier plan; 0 when it had none.
    pub before: i64,
    /// Pieces in the later plan; 0 when it has none.
    pub after: i64,
}

/// What changed from one plan to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanDiff {
    /// Value of the earlier plan, in minor units.
    pub value_before: i64,
    /// Value of the later plan.
    pub value_after: i64,
    /// Changed offers; their values add up to the difference of the plans' values.
    pub offers: Vec<OfferChange>,
    /// Changed orders.
    pub orders: Vec<OrderChange>,
}

impl OfferChange {
    /// What the change adds, in minor units.
    pub fn value(&self) -> i64 {
        match self {
            Self::Added { value, .. }
            | Self::Removed { value, .. }
            | Self::Changed { value, .. }
            | Self::Revalued { value, .. } => *value,
        }
    }
}

/// Compares two plans, offer by offer and order by order.
pub fn diff(before: &Plan, after: &Plan) -> PlanDiff {
    PlanDiff {
        value_before: before.report.value,
        value_after: after.report.value,
        offers: changes(&cells(before), &cells(after)),
        orders: order_changes(before, after),
    }
}

type Cell = (Sku, Place, endcap_model::Span);

type Cells<'a> = BTreeMap<Cell, (&'a Offer, i64)>;

fn cell(offer: &Offer) -> Cell {
    (offer.sku.clone(), offer.place.clone(), offer.span)
}

fn cells(plan: &Plan) -> Cells<'_> {
    let values: BTreeMap<&Offer, i64> = plan.report.offers.iter().map(|e| (&e.offer, e.value)).collect();
    plan.offers.iter().map(|offer| (cell(offer), (offer, values.get(offer).copied().unwrap_or(0)))).collect()
}

fn reported(report: &PlanReport) -> Cells<'_> {
    report.offers.iter().map(|e| (cell(&e.offer), (&e.offer, e.value))).collect()
}

/// Compares the offers of two plans. The values of the changes add up to the difference of the plans' values.
pub fn offer_changes(before: &PlanReport, after: &PlanReport) -> Vec<OfferChange> {
    changes(&reported(before), &reported(after))
}

fn changes(old: &Cells, new: &Cells) -> Vec<OfferChange> {
    let mut changes = Vec::new();
    for (cell, &(offer, value)) in old {
        match new.get(cell) {
            None => changes.push(OfferChange::Removed { offer: offer.clone(), value: -value }),
            Some(&(later, later_value)) => {
                let value = later_value - value;
                if later != offer {
                    changes.push(OfferChange::Changed { before: offer.depth, offer: later.clone(), value });
                } else if value != 0 {
                    changes.push(OfferChange::Revalued { offer: later.clone(), value });
                }
            }
        }
    }
    let added = new.iter().filter(|(cell, _)| !old.contains_key(*cell));
    changes.extend(added.map(|(_, &(offer, value))| OfferChange::Added { offer: offer.clone(), value }));
    changes
}

fn order_changes(before: &Plan, after: &Plan) -> Vec<OrderChange> {
    type Key = (Place, Sku, Period, Period);
    let key = |order: &SupplyOrder| (order.place.clone(), order.sku.clone(), order.order_period, order.arrives);
    let mut quantities: BTreeMap<Key, (i64, i64)> = BTreeMap::new();
    before.orders.iter().for_each(|order| quantities.entry(key(order)).or_default().0 += order.quantity.0);
    after.orders.iter().for_each(|order| quantities.entry(key(order)).or_default().1 += order.quantity.0);
    let changed = quantities.into_iter().filter(|(_, (before, after))| before != after);
    changed
        .map(|((place, sku, order_period, arrives), (before, after))| OrderChange {
            place,
            sku,
            order_period,
            arrives,
            before,
            after,
        })
        .collect()
}
