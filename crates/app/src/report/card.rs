//! The page of a model card: what the card says, laid out by index.

use super::curve::estimate;
use super::data::short;
use super::judgement;
use endcap_demand::{CardItem, ItemEffect, ModelCard};
use endcap_model::UnseenDemand;
use serde_json::{Value, json};

/// Items on the page, those that sell most; all of them stand in model-card.json and effects.csv.
const ITEMS_SHOWN: usize = 500;

/// Lays the card out.
pub(super) fn of(card: &ModelCard) -> Value {
    let mut data = json!({
        "currency": {"code": "", "digits": 0},
        "periods": {"calendar": card.data.calendar, "first": 0, "labels": []},
        "code": card.code_version,
        "seed": card.seed,
        "cut": card.data,
        "dip_carry": short(card.dip_carry),
        "groups": card.groups,
        "items": card.items.iter().take(ITEMS_SHOWN).map(item).collect::<Vec<_>>(),
        "all_items": card.items.len(),
        "refused": card.refused,
        "held_out": card.held_out,
        "drift": card.drift,
        "drift_levels": card.drift_levels,
        "edits": judgement::edits(&card.edits),
        "overrides": [],
    });
    if let Some(held_out) = &card.held_out {
        let name = |period| card.data.calendar.format(period);
        data["held_out"]["first"] = json!(name(held_out.span.start));
        data["held_out"]["last"] = json!(name(held_out.span.end.plus(-1)));
    }
    data
}

fn item(item: &CardItem) -> Value {
    let lift = item.lift.iter().map(|at| json!([at.depth, short(at.median), short(at.lo95), short(at.hi95)]));
    json!({
        "item": item.sku,
        "group": item.group,
        "units": short(item.units),
        "seen": item.depth_seen_max,
        "effects": item.effects.iter().map(effect).collect::<Vec<_>>(),
        "lift": lift.collect::<Vec<_>>(),
    })
}

fn effect(effect: &ItemEffect) -> Value {
    let sensitivity = effect.estimate.sensitivity;
    let mut value = estimate(&effect.estimate);
    value["edited"] = json!(effect.edited);
    value["unseen"] = json!(sensitivity.map(|sensitivity| UnseenDemand::name(sensitivity.unseen)));
    value["overturned"] = json!(sensitivity.and_then(|sensitivity| sensitivity.overturned_by).map(short));
    value
}
