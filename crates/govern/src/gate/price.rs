//! Limits on a price: floor, ceiling, cost, law, and how far it may move at once.

use super::Action;
use super::case::{Case, Found};
use crate::law;

/// The price stays between what people allow and leaves the least margin; the way back leads to the approved base price.
pub fn stays_between_floor_and_ceiling_and_above_cost(case: &Case, found: &mut Found) {
    let Some(price) = case.intent.action.price() else { return };
    let shelf = &case.standing.shelf;
    if let Some(floor) = found.need("floor", shelf.floor, "the lowest price that people allow")
        && (price < floor || floor <= 0)
    {
        found.refuse("floor", price, format!("{floor} or more, and a floor above 0"));
    }
    if let Some(ceiling) = found.need("ceiling", shelf.ceiling, "the highest price that people allow") {
        found.at_most("ceiling", price, ceiling);
    }
    if let Some(cost) = found.need("margin_rate_min", shelf.unit_cost.filter(|cost| *cost >= 0), "the unit cost") {
        leaves_the_least_margin(price, cost, case, found);
    }
    if let Action::EndOffer { price, .. } = case.intent.action
        && let Some(base) = found.need("base price", shelf.base_price, "the approved base price")
        && price != base
    {
        found.refuse("base price", price, format!("{base}, the base price that people approved"));
    }
}

fn leaves_the_least_margin(price: i64, cost: i64, case: &Case, found: &mut Found) {
    let margin = i128::from(price) - i128::from(cost);
    let least = i128::from(case.limits.margin_rate_min.basis_points()) * i128::from(price);
    if margin * 10_000 < least {
        let allowed = format!("{} of the price", case.limits.margin_rate_min);
        found.refuse("margin_rate_min", format!("{price} at a cost of {cost}"), allowed);
    }
}

/// What shoppers are shown keeps the law of the market.
pub fn keeps_the_law(case: &Case, found: &mut Found) {
    let Some(price) = case.intent.action.price() else { return };
    let Some(market) = found.need("price law", case.standing.market.as_ref(), "the law of the market") else { return };
    let tag = law::Tag {
        price,
        currency: case.intent.currency,
        from: case.intent.from,
        uses_personal_data: case.intent.inputs.personal_data,
        shown: &case.intent.shown,
    };
    law::breaches(&tag, market).into_iter().for_each(|broken| found.refuse(broken.rule, broken.found, broken.allowed));
}

/// The price moves little against the confirmed one, and stays near the base price that people approved; an order's cost
/// stays near the known one.
pub fn moves_little_at_once(case: &Case, found: &mut Found) {
    let (shelf, limits) = (&case.standing.shelf, case.limits);
    if let Some(price) = case.intent.action.new_price() {
        if let Some(confirmed) = found.need("price_step_max", known(shelf.confirmed_price), "the last confirmed price")
        {
            found.within_share("price_step_max", distance(price, confirmed), confirmed, limits.price_step_max);
        }
        if let Some(base) = found.need("price_walk_max", known(shelf.base_price), "the approved base price") {
            found.within_share("price_walk_max", distance(price, base), base, limits.price_walk_max);
        }
    }
    if let Action::Order { unit_cost, .. } = case.intent.action
        && let Some(cost) = found.need("price_step_max", known(shelf.unit_cost), "the unit cost")
    {
        found.within_share("price_step_max", distance(unit_cost, cost), cost, limits.price_step_max);
    }
}

fn known(price: Option<i64>) -> Option<i64> {
    price.filter(|price| *price > 0)
}

fn distance(a: i64, b: i64) -> i64 {
    i64::try_from(a.abs_diff(b)).unwrap_or(i64::MAX)
}
