//! Past promotions that are nearest to an offer, with the lift that they had.

use endcap_demand::{PromotionEvent, Split};
use endcap_model::{Calendar, Depth, Place, Sku};
use serde::Serialize;
use std::cmp::Reverse;

/// Past promotions that are shown beside an offer.
const SHOWN: usize = 5;

/// A past promotion.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PastPromotion {
    /// How near it is.
    pub seen_in: SeenIn,
    /// The item.
    pub sku: Sku,
    /// The region, empty where places have none.
    pub region: String,
    /// First and last period, as the calendar writes them.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// Deepest price cut.
    pub depth: Depth,
    /// Places in which it ran.
    pub places: usize,
    /// Sold over expected without it, with the 95 % interval: lower end, middle, upper end. Nothing where nothing was
    /// expected.
    pub lift: Option<(f64, f64, f64)>,
    /// Pieces that it brought after what substitutes and later periods lost.
    pub net: Split,
}

/// How near a past promotion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SeenIn {
    /// The item in the region.
    Here,
    /// The item elsewhere.
    Elsewhere,
    /// Another item of the group.
    Group,
}

/// Returns the past promotions nearest to an offer: those of the item first, in the region before others, else those of
/// its group; by depth, then the latest.
pub fn nearest_past(
    past: &[PromotionEvent],
    (sku, place): (&Sku, &Place),
    is_substitute: &dyn Fn(&Sku) -> bool,
    depth: Depth,
    calendar: Calendar,
) -> Vec<PastPromotion> {
    let seen = |event: &PromotionEvent| match event.sku == *sku {
        true if event.region == place.as_str() => Some(SeenIn::Here),
        true => Some(SeenIn::Elsewhere),
        false => is_substitute(&event.sku).then_some(SeenIn::Group),
    };
    let mut near: Vec<(SeenIn, &PromotionEvent)> =
        past.iter().filter_map(|event| Some((seen(event)?, event))).collect();
    if near.iter().any(|(seen, _)| *seen != SeenIn::Group) {
        near.retain(|(seen, _)| *seen != SeenIn::Group);
    }
    let apart = |event: &PromotionEvent| event.depth.basis_points().abs_diff(depth.basis_points());
    near.sort_by_key(|(seen, event)| (*seen, apart(event), Reverse(event.span.start), event.sku.clone()));
    near.into_iter().take(SHOWN).map(|(seen, event)| shown(seen, event, calendar)).collect()
}

fn shown(seen_in: SeenIn, event: &PromotionEvent, calendar: Calendar) -> PastPromotion {
    let over = |units: f64| (event.baseline + units) / event.baseline;
    let lift = (over(event.own.lo95), over(event.own.units), over(event.own.hi95));
    PastPromotion {
        seen_in,
        sku: event.sku.clone(),
        region: event.region.clone(),
        from: calendar.format(event.span.start),
        to: calendar.format(event.span.end.plus(-1)),
        depth: event.depth,
        places: event.places,
        lift: (event.baseline > 0.0).then_some(lift),
        net: event.net,
    }
}
