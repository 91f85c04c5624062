//! Which items and regions a rule of the scenario speaks of.

use crate::terms::{ItemEconomics, PlanInput};
use endcap_model::{Market, OfferKind, Place, Which};
use std::collections::BTreeMap;

/// What an item in a region is known by.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'a> {
    item: &'a ItemEconomics,
    region: Place,
    channels: Vec<&'a str>,
    segments: Vec<&'a str>,
}

impl<'a> Tags<'a> {
    pub fn of(input: &PlanInput<'a>, item: &'a ItemEconomics, region: &Place) -> Self {
        Self {
            item,
            region: region.clone(),
            channels: names(&input.scenario.channels, region),
            segments: names(&input.scenario.segments, region),
        }
    }

    /// Returns whether a rule speaks of the item in the region, promoted or marked down as it may be.
    pub fn fit(&self, which: &Which) -> bool {
        let named = |list: &[String], name: Option<&String>| list.is_empty() || name.is_some_and(|n| list.contains(n));
        let among =
            |list: &[String], names: &[&str]| list.is_empty() || list.iter().any(|n| names.contains(&n.as_str()));
        (which.skus.is_empty() || which.skus.contains(&self.item.sku))
            && (which.groups.is_empty() || which.groups.contains(&self.item.group))
            && (which.places.is_empty() || which.places.contains(&self.region))
            && named(&which.categories, self.item.category.as_ref())
            && named(&which.vendors, self.item.vendor.as_ref())
            && among(&which.channels, &self.channels)
            && among(&which.segments, &self.segments)
    }
}

/// Returns whether a rule speaks of this kind of offer.
pub(crate) fn fits_kind(which: &Which, kind: OfferKind) -> bool {
    which.kind.is_none_or(|wanted| wanted == kind)
}

/// Own-price elasticity of a region's channels and segments over that of the lift model.
pub(crate) fn own_price_factor(input: &PlanInput, region: &Place) -> f64 {
    let markets = input.scenario.channels.values().chain(input.scenario.segments.values());
    markets.filter(|market| market.places.contains(region)).map(|market| market.own_price_factor).product()
}

fn names<'a>(markets: &'a BTreeMap<String, Market>, region: &Place) -> Vec<&'a str> {
    markets.iter().filter(|(_, market)| market.places.contains(region)).map(|(name, _)| name.as_str()).collect()
}
