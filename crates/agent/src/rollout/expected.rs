//! What a plan expects of its items in every store, kept when a roll-out begins: what it is read against later.

use super::canary::Size;
use endcap_model::{Forecast, Offer, Period, Place, Sku, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An item on offer in a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The item.
    pub sku: Sku,
    /// Its region.
    pub region: Place,
    /// When.
    pub span: Span,
    /// What a piece costs, in minor units.
    pub unit_cost: i64,
    /// What it is sold at without the offer, in minor units.
    pub list_price: i64,
}

/// Margin of all items that a store is to have on offer in a period, in minor units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The store.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// With the offers.
    pub planned: f64,
    /// Without them.
    pub without: f64,
}

/// Adds up what the plan's forecast says of the cells that have an offer, by store and period; `terms` are list price and unit cost of an item, and
/// `regions` the region of each store. Tells the stores with their sizes as well.
pub fn expected(
    offers: &[Offer],
    forecast: &Forecast,
    terms: &dyn Fn(&Sku) -> Option<(i64, i64)>,
    regions: &BTreeMap<Place, Place>,
) -> (Vec<Offered>, Vec<Expected>, Vec<Size>) {
    let (mut offered, mut prices) = (vec![], BTreeMap::new());
    for offer in offers {
        let Some((list_price, unit_cost)) = terms(&offer.sku) else { continue };
        prices.insert((&offer.sku, &offer.place, offer.span.start), offer.depth.price_ratio() * list_price as f64);
        let (sku, region) = (offer.sku.clone(), offer.place.clone());
        offered.push(Offered { sku, region, span: offer.span, unit_cost, list_price });
    }
    let mut by_item: BTreeMap<(&Sku, &Place), Vec<&Offered>> = BTreeMap::new();
    offered.iter().for_each(|one| by_item.entry((&one.sku, &one.region)).or_default().push(one));
    let mut sums: BTreeMap<(&Place, Period), (f64, f64)> = BTreeMap::new();
    for row in &forecast.rows {
        let Some(region) = regions.get(&row.place) else { continue };
        let running = by_item.get(&(&row.sku, region)).or_else(|| by_item.get(&(&row.sku, &row.place)));
        let Some(offer) = running.and_then(|all| all.iter().find(|one| one.span.contains(row.period))) else {
            continue;
        };
        let Some(price) = prices.get(&(&offer.sku, &offer.region, offer.span.start)) else { continue };
        let (cost, list_price) = (offer.unit_cost as f64, offer.list_price as f64);
        let sum = sums.entry((&row.place, row.period)).or_default();
        sum.0 += row.mean * (price - cost);
        sum.1 += row.baseline * (list_price - cost);
    }
    let stores = regions.keys().filter(|store| reaches(offers, store, regions));
    // An offer may name a place that no facts put in a region: a store of its own.
    let alone = offers.iter().map(|offer| &offer.place).filter(|place| !regions.values().any(|of| of == *place));
    let mut sizes: BTreeMap<&Place, f64> = stores.chain(alone).map(|store| (store, 0.0)).collect();
    sums.iter().for_each(|((store, _), sum)| *sizes.entry(*store).or_default() += sum.1);
    let size = |(place, earns): (&Place, f64)| {
        let region = regions.get(place).unwrap_or(place).clone();
        Size { place: place.clone(), region, earns }
    };
    let sizes = sizes.into_iter().map(size).collect();
    let row = |((place, period), (planned, without)): ((&Place, Period), (f64, f64))| Expected {
        place: place.clone(),
        period,
        planned,
        without,
    };
    let rows = sums.into_iter().map(row).collect();
    (offered, rows, sizes)
}

/// Whether anything is offered at a store.
fn reaches(offers: &[Offer], store: &Place, regions: &BTreeMap<Place, Place>) -> bool {
    let region = regions.get(store);
    offers.iter().any(|offer| offer.place == *store || Some(&offer.place) == region)
}
