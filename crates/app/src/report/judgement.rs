//! What people know better than the data, laid out for a page.

use super::data::short;
use endcap_demand::coefficients::{Applied, State};
use endcap_demand::overrides::{Change, Overridden};
use serde_json::{Value, json};

/// Edits beside what the data say, in the order of their numbers.
pub(super) fn edits(edits: &[Applied]) -> Vec<Value> {
    let edit = |applied: &Applied| {
        let draft = &applied.edit.draft;
        let approver = match &applied.state {
            State::InForce { approver } => Some(approver),
            _ => None,
        };
        let item = |item: &endcap_demand::coefficients::AppliedItem| {
            json!({
                "item": item.sku,
                "mean": short(item.estimated.mean),
                "lo": short(item.estimated.lo95),
                "hi": short(item.estimated.hi95),
                "in_use": item.in_use,
                "contradicts": item.contradicts,
            })
        };
        json!({
            "id": applied.edit.id,
            "effect": draft.effect.name(),
            "of": draft.target.to_string(),
            "value": draft.value,
            "lo": draft.lo95,
            "hi": draft.hi95,
            "reason": draft.reason,
            "author": draft.author,
            "approver": approver,
            "expires": draft.expires,
            "state": applied.state.to_string(),
            "used": applied.items.iter().any(|item| item.in_use),
            "items": applied.items.iter().map(item).collect::<Vec<_>>(),
        })
    };
    edits.iter().map(edit).collect()
}

/// Overrides with what they came to.
pub(super) fn overrides(overrides: &[Overridden]) -> Vec<Value> {
    let one = |told: &Overridden| {
        let planned = &told.change;
        let name = |period| planned.calendar.format(period);
        let change = match planned.change {
            Change::Factor(factor) => format!("× {factor}"),
            Change::Units(units) => format!("{units} units"),
        };
        json!({
            "id": planned.id,
            "item": planned.sku,
            "place": planned.place,
            "first": name(planned.span.start),
            "last": name(planned.span.end.plus(-1)),
            "change": change,
            "model": short(told.model_units),
            "planner": short(told.planner_units),
            "author": planned.author,
            "reason": planned.reason,
            "expires": planned.expires,
            "warning": told.warning,
        })
    };
    overrides.iter().map(one).collect()
}
