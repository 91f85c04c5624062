//! How a roll-out begins: stores drawn, and what the plan expects of them written down.

use super::{Begun, drawn, expected};
use crate::ground::Ground;
use endcap_model::{Forecast, Plan, RolloutRules, Sku};

/// Draws the stages of a plan's roll-out; its canary holds no more than `canary_max` stores. Without the plan's forecast nothing
/// is expected, so that no reading clears a stage and people open them.
pub fn begin(
    plan: &Plan,
    forecast: Option<&Forecast>,
    ground: &Ground,
    rules: &RolloutRules,
    canary_max: i64,
) -> Begun {
    let nothing = Forecast { calendar: plan.calendar, levels: vec![], rows: vec![] };
    let terms = |sku: &Sku| ground.items.get(sku).map(|item| (item.list_price, item.unit_cost));
    let regions = &ground.facts.regions;
    let (offered, expected, sizes) = expected(&plan.offers, forecast.unwrap_or(&nothing), &terms, regions);
    let stages = drawn(sizes, &rules.stages, canary_max, plan.id.as_str());
    Begun { stages, rules: rules.clone(), offered, regions: regions.clone(), expected }
}
