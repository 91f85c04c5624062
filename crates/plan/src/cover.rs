//! How stock stands by item, region and period under a plan, without random paths: quick enough for every edit.
//!
//! Until the first delivery that can still be ordered the stores live on what they have: expected sales, those of the
//! plan's offers too, are taken off it period by period. Afterwards every period is ordered for, as offers are valued.
//! Never says what is ordered or how stock is spread around its mean: that is what the projection of a plan is for.

use crate::choices::{Choice, Choices, Picked};
use crate::shelf::ShelfTerms;
use crate::worth::Cut;
use crate::worths::{Appraiser, Worths};
use endcap_model::{Depth, OfferKind, Place, Sku};
use endcap_supply::{Demand, expected_sales, stockout_probability};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// How stock of an item in a region stands under a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// The item.
    pub sku: Sku,
    /// The region.
    pub place: Place,
    /// By period of the span.
    pub periods: Vec<PeriodCover>,
}

/// How stock stands in a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeriodCover {
    /// Expected units without an offer.
    pub baseline: f64,
    /// Expected share of the region's stores that run out.
    pub stockout: f64,
    /// Pieces expected to be left at the end; nothing for periods that are ordered for.
    pub left: Option<f64>,
}

/// Returns the cover of every line under the picks of a plan.
pub(crate) fn cover(choices: &Choices, picks: &[Picked], worths: &mut Worths) -> Vec<Cover> {
    let mut running: BTreeMap<(usize, usize), &Choice> = BTreeMap::new();
    for &picked in picks {
        let choice = choices.choice(picked);
        running.insert((choices.lists[picked.list].line, choice.period), choice);
    }
    let shop = &choices.shop;
    let kept = worths.under(shop.input.scenario, shop.lines.len());
    let of_line = |(at, kept)| of_line(&mut Appraiser::new(shop, at, Some(kept)), &running);
    kept.par_iter_mut().enumerate().map(of_line).collect()
}

fn of_line(appraiser: &mut Appraiser, running: &BTreeMap<(usize, usize), &Choice>) -> Cover {
    let (line, scenario) = (appraiser.line(), appraiser.shop.input.scenario);
    let first_arrival = ShelfTerms::of(line, scenario).first_arrival.min(line.periods());
    let mut sold = vec![0.0; line.stores.len()];
    let mut cover = Cover { sku: line.sku.clone(), place: line.region.clone(), periods: Vec::new() };
    for period in 0..line.periods() {
        let offer = running.get(&(appraiser.at, period));
        let baseline = line.baseline(period, None);
        let of_period = if period < first_arrival {
            let lift = offer.map_or(0.0, |choice| {
                let (log_lift, error) = line.log_lift(choice.depth);
                log_lift - scenario.caution * error
            });
            let (stockout, left) = from_stock(appraiser, period, lift.exp(), &mut sold);
            PeriodCover { baseline, stockout, left: Some(left) }
        } else {
            let plain = Cut { period, depth: Depth::ZERO, kind: OfferKind::Promotion, funded: true };
            let stockout = offer.map_or_else(|| appraiser.worth(plain).stockout, |choice| choice.worth.stockout);
            PeriodCover { baseline, stockout, left: None }
        };
        cover.periods.push(of_period);
    }
    cover
}

/// Share of the stores that run out in a period that lives on what is there, and pieces left in all of them.
fn from_stock(appraiser: &Appraiser, period: usize, ratio: f64, sold: &mut [f64]) -> (f64, f64) {
    let stores = &appraiser.line().stores;
    let (mut stockout, mut left) = (0.0, 0.0);
    for (cell, sold) in stores.iter().zip(sold) {
        let there = (cell.supplied[period] - *sold).max(0.0);
        let demand = Demand { mean: cell.baseline[period] * ratio, dispersion: cell.dispersion[period] };
        let sales = expected_sales(demand, there);
        *sold += sales;
        left += there - sales;
        stockout += stockout_probability(demand, there) / stores.len() as f64;
    }
    (stockout, left)
}
