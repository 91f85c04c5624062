//! Limits on a single order or transfer, and on what was ordered for the same shelf.

use super::case::{Case, Found};
use super::traffic::{DAY, shelf};
use super::{Action, Intent};

/// An order is not larger than orders are, and with what was ordered before not larger than the forecast needs; a transfer
/// moves no more than its origin can give.
pub fn is_no_larger_than_an_order_may_be(case: &Case, found: &mut Found) {
    let Some(pieces) = case.intent.action.pieces() else { return };
    found.at_most("order_pieces_max", pieces, case.limits.order_pieces_max);
    if let Some(value) = value(case.intent) {
        found.at_most("order_value_max", value, case.limits.order_value_max);
    }
    let before: i64 = case
        .sent(&shelf(case.intent), DAY)
        .fold(0, |sum, sent| sum.saturating_add(sent.intent.action.pieces().unwrap_or(0)));
    let all = before.saturating_add(pieces);
    if let Action::Transfer { .. } = case.intent.action {
        let there = case.standing.supply.transferable_pieces;
        if let Some(there) = found.need("transferable pieces", there, "what the origin can give") {
            found.at_most("transferable pieces", pieces, there);
        }
    }
    if let Some(cover) = found.need("order_cover_max", case.standing.supply.cover_pieces, "what the forecast needs") {
        found.within_share("order_cover_max", all, cover.max(0), case.limits.order_cover_max);
    }
}

/// Value of an order at the supplier's price; saturates.
pub fn value(intent: &Intent) -> Option<i64> {
    match intent.action {
        Action::Order { pieces, unit_cost, .. } => Some(pieces.saturating_mul(unit_cost)),
        _ => None,
    }
}
