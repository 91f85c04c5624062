//! What reference policies are made of when no planner and no estimate is at hand.

use endcap_model::{Depth, Forecast, ForecastRow, Mechanic, Offer, Place, Sku, Span, SupplyTerms, Support, TwinTerms};
use endcap_supply::CellTerms;
use endcap_twin::{CellSpec, WorldSpec};
use std::collections::{BTreeMap, BTreeSet};

/// Puts every item on promotion in turn: in each region, `slots` items at one depth for `periods` periods, then the
/// next ones. Regions begin at different items, as where each has its own leaflet.
pub fn rotation(spec: &WorldSpec, depth: Depth, slots: usize, periods: usize) -> Vec<Offer> {
    let mut items: BTreeMap<&Place, BTreeSet<&Sku>> = BTreeMap::new();
    for cell in spec.cells() {
        items.entry(&cell.region).or_default().insert(&cell.sku);
    }
    let span = spec.span();
    let mut offers = Vec::new();
    for (number, (region, items)) in items.into_iter().enumerate() {
        let items: Vec<&Sku> = items.into_iter().collect();
        let slots = slots.min(items.len());
        for (turn, start) in (span.start.0..span.end.0).step_by(periods.max(1)).enumerate() {
            let end = (start + periods.max(1) as i32).min(span.end.0);
            for slot in 0..slots {
                offers.push(Offer {
                    sku: items[((number + turn) * slots + slot) % items.len()].clone(),
                    place: region.clone(),
                    span: Span { start: endcap_model::Period(start), end: endcap_model::Period(end) },
                    mechanic: Mechanic::Tpr,
                    depth,
                    support: Support::default(),
                });
            }
        }
    }
    offers.sort();
    offers
}

/// What a retailer believes demand will be who knows its usual demand by season, how much it varies, and one
/// elasticity for all items: log-linear, so wrong in form. No substitution, no pull-forward.
pub fn believed_forecast(spec: &WorldSpec, terms: &TwinTerms, offers: &[Offer], elasticity: f64) -> Forecast {
    let mut by_sku: BTreeMap<&Sku, Vec<&Offer>> = BTreeMap::new();
    for offer in offers {
        by_sku.entry(&offer.sku).or_default().push(offer);
    }
    let habits = &spec.terms().habits;
    let common = terms.shock_sd.powi(2) + habits.region_shock_sd.powi(2);
    let mut rows = Vec::with_capacity(spec.cells().len() * spec.span().len());
    for cell in spec.cells() {
        let offers = by_sku.get(&cell.sku).map_or(&[][..], Vec::as_slice);
        for period in spec.span().iter() {
            let baseline = cell.mean_demand[spec.slot_of(period)];
            let runs = |offer: &&&Offer| {
                (offer.place == cell.place || offer.place == cell.region) && offer.span.contains(period)
            };
            let depth = offers.iter().filter(runs).map(|offer| offer.depth).max().unwrap_or(Depth::ZERO);
            let mean = baseline * depth.price_ratio().powf(elasticity);
            rows.push(ForecastRow {
                sku: cell.sku.clone(),
                place: cell.place.clone(),
                period,
                mean,
                baseline,
                dispersion: habits.dispersion + mean * common,
                quantiles: Vec::new(),
            });
        }
    }
    Forecast { calendar: spec.calendar(), levels: Vec::new(), rows }
}

/// Supply terms of every cell of a world whose items differ in price and cost only.
pub fn cell_terms(spec: &WorldSpec, supply: &SupplyTerms) -> Vec<CellTerms> {
    let of = |cell: &CellSpec| {
        let (price, cost) = (cell.list_price as f64, cell.unit_cost as f64);
        CellTerms {
            sku: cell.sku.clone(),
            place: cell.place.clone(),
            case_pack: supply.case_pack,
            minimum_order: supply.minimum_order,
            shelf_life: cell.shelf_life,
            maximum_stock: None,
            volume: 1.0,
            supplier: None,
            feed: None,
            unit_margin: price - cost,
            unit_cost: cost,
            holding_cost: supply.holding_rate * cost,
            shortage_cost: supply.shortage_rate * price,
            waste_cost: supply.waste_rate * cost,
        }
    };
    spec.cells().iter().map(of).collect()
}
