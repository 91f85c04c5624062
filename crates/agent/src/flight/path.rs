//! Where running offers are on their path: what they sold against what the plan expected, and whether the shelf lasts.

use super::stage::Stage;
use crate::pace::{Course, Running};
use endcap_model::{Forecast, ForecastRow, Offer, Period, Place, Sku};
use endcap_supply::{Demand, stockout_probability};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An offer that runs now or begins next, in its region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = RunningOffer))]
pub struct Standing {
    /// The item.
    pub sku: Sku,
    /// The region.
    pub place: Place,
    /// Depth.
    pub depth: f64,
    /// First period.
    #[cfg_attr(feature = "schema", schema(value_type = i32))]
    pub start: Period,
    /// The period after the last.
    #[cfg_attr(feature = "schema", schema(value_type = i32))]
    pub end: Period,
    /// What it sold since the plan began beside what the plan expected; nothing where it has not begun.
    pub path: Option<SoFar>,
    /// Pieces wanted until it ends, by what is believed now.
    pub wanted: f64,
    /// Pieces on hand and due until then.
    pub available: f64,
    /// Stores of the region, and those whose shelf probably runs empty before it ends.
    pub stores: usize,
    /// Stores whose shelf runs empty with a probability above a half.
    pub short: usize,
    /// Mean probability over the stores.
    pub stockout: f64,
}

/// Sales beside expectation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = SoldSoFar))]
pub struct SoFar {
    /// Pieces sold.
    pub sold: f64,
    /// Pieces expected.
    pub expected: f64,
    /// 95 % interval of these.
    pub lo95: f64,
    /// 95 % interval of these.
    pub hi95: f64,
    /// What follows.
    pub course: Course,
}

/// Says where each offer is that covers the first period of the stage; `forecast` is what is believed now, with the offers.
pub fn standings(stage: &Stage, forecast: &Forecast, offers: &[Offer], running: &[Running]) -> Vec<Standing> {
    let now = stage.span().start;
    let mut cells: BTreeMap<(&Sku, &Place), Vec<&ForecastRow>> = BTreeMap::new();
    for row in forecast.rows.iter().filter(|row| row.period >= now) {
        cells.entry((&row.sku, &row.place)).or_default().push(row);
    }
    let standing = |offer: &Offer| {
        let line = running.iter().find(|line| line.sku == offer.sku && line.place == offer.place);
        let path = line.map(|line| {
            let Running { sold, expected, lo95, hi95, course, .. } = *line;
            SoFar { sold, expected, lo95, hi95, course }
        });
        let (mut wanted, mut available, mut stockout, mut short, mut stores) = (0.0, 0.0, 0.0, 0, 0);
        for store in stage.stores(&offer.place) {
            let Some(shelf) = stage.shelf(&offer.sku, store) else { continue };
            let rows = cells.get(&(&offer.sku, store)).into_iter().flatten();
            let rows = rows.filter(|row| row.period < offer.span.end);
            let (mean, variance) =
                rows.fold((0.0, 0.0), |(mean, var), row| (mean + row.mean, var + row.mean * row.dispersion));
            let periods = (offer.span.end.0 - now.0).max(0) as usize;
            let due: i64 = shelf.arrivals.iter().take(periods).sum();
            let there = (shelf.on_hand + due) as f64;
            let probability = stockout_probability(
                Demand { mean, dispersion: if mean > 0.0 { variance / mean } else { 1.0 } },
                there,
            );
            (wanted, available, stockout) = (wanted + mean, available + there, stockout + probability);
            short += usize::from(probability > 0.5);
            stores += 1;
        }
        Standing {
            sku: offer.sku.clone(),
            place: offer.place.clone(),
            depth: offer.depth.share(),
            start: offer.span.start,
            end: offer.span.end,
            path,
            wanted,
            available,
            stores,
            short,
            stockout: if stores > 0 { stockout / stores as f64 } else { 0.0 },
        }
    };
    offers.iter().filter(|offer| offer.span.contains(now)).map(standing).collect()
}
