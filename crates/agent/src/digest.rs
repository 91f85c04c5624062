//! Figures that are shown of a plan, worked out once so that no page or table has to.

use crate::sense::Facts;
use endcap_model::{Forecast, Offer, Place, Plan, Projection, ProjectionRow, Sku};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A plan in a few figures; money in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Digest {
    /// Money given away.
    pub spend: i64,
    /// Items on promotion, each counted once.
    pub promoted_items: usize,
    /// Item-region-periods on promotion.
    pub promoted_cells: usize,
    /// Mean probability over the promoted item-store-periods that stock runs out in a period; 0 without promotions.
    pub stockout_probability: f64,
    /// The same by offer, in the plan's order; nothing where no store of the region sells the item.
    pub stockout_by_offer: Vec<Option<f64>>,
}

/// Sums a plan up against its stock projection.
pub fn digest(plan: &Plan, projection: &Projection, regions: &BTreeMap<Place, Place>) -> Digest {
    let risk = Risk::new(projection, regions);
    let by_offer: Vec<(f64, usize)> = plan.offers.iter().map(|offer| risk.of(offer)).collect();
    let (sum, count) = by_offer.iter().fold((0.0, 0), |(sum, count), of| (sum + of.0, count + of.1));
    let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
    Digest {
        spend: plan.report.offers.iter().map(|offer| offer.spend).sum(),
        promoted_items: plan.offers.iter().map(|offer| &offer.sku).collect::<BTreeSet<_>>().len(),
        promoted_cells: plan.offers.iter().map(|offer| offer.span.len()).sum(),
        stockout_probability: mean((sum, count)).unwrap_or(0.0),
        stockout_by_offer: by_offer.into_iter().map(mean).collect(),
    }
}

/// Projection rows by item and region.
struct Risk<'a>(BTreeMap<(&'a Sku, &'a Place), Vec<&'a ProjectionRow>>);

impl<'a> Risk<'a> {
    fn new(projection: &'a Projection, regions: &'a BTreeMap<Place, Place>) -> Self {
        let mut rows: BTreeMap<_, Vec<&ProjectionRow>> = BTreeMap::new();
        for row in &projection.rows {
            rows.entry((&row.sku, regions.get(&row.place).unwrap_or(&row.place))).or_default().push(row);
        }
        Self(rows)
    }

    /// Sum and count of the stock-out probabilities of the store-periods that the offer covers.
    fn of(&self, offer: &Offer) -> (f64, usize) {
        let rows = self.0.get(&(&offer.sku, &offer.place)).map(Vec::as_slice).unwrap_or_default();
        let covered = rows.iter().filter(|row| offer.span.contains(row.period));
        covered.fold((0.0, 0), |(sum, count), row| (sum + row.stockout_probability, count + 1))
    }
}

/// Picks the series worth showing: for the most valuable offers, the region's store that sells most of the item.
pub fn series_to_show(plan: &Plan, facts: &Facts, baseline: &Forecast, most: usize) -> Vec<(Sku, Place)> {
    let mut volume: BTreeMap<(&Sku, &Place), f64> = BTreeMap::new();
    for row in &baseline.rows {
        *volume.entry((&row.sku, &row.place)).or_default() += row.mean;
    }
    let mut largest: BTreeMap<(&Sku, &Place), (&Place, f64)> = BTreeMap::new();
    for ((sku, place), units) in volume {
        let region = facts.regions.get(place).unwrap_or(place);
        let best = largest.entry((sku, region)).or_insert((place, units));
        if units > best.1 {
            *best = (place, units);
        }
    }
    let mut offers: Vec<_> = plan.report.offers.iter().collect();
    offers.sort_by_key(|explained| (std::cmp::Reverse(explained.pnl.total()), &explained.offer));
    let mut shown: Vec<(Sku, Place)> = Vec::new();
    for explained in offers {
        let offer = &explained.offer;
        let Some((place, _)) = largest.get(&(&offer.sku, &offer.place)) else { continue };
        let series = (offer.sku.clone(), (*place).clone());
        if shown.len() < most && !shown.contains(&series) {
            shown.push(series);
        }
    }
    shown.sort();
    shown
}
