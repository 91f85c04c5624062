//! Expedited orders: pieces that come before an ordinary order can, where the sales they save are worth their cost.
//!
//! A piece more on the shelf until the ordinary order arrives saves a sale with the probability that demand exceeds
//! what is there; it costs the expediting, and holding where it is not sold (a newsvendor over the exposed periods with
//! two sources; Whittemore and Saunders 1977). What is left then serves instead of an ordinary piece. Where an offer runs in
//! the exposed periods and a least service is asked for, a sale counts as much as it takes to keep that service. Never
//! expedites what a transfer already brought.

use crate::SupplySettings;
use crate::cells::{Cell, period_of};
use crate::limited::{expected_sales, leftover};
use crate::{Demand, Expedite};
use endcap_model::{Pieces, Span, SupplyOrder};

/// Raises the expedited orders of now and counts them to what is under way.
pub(crate) fn expedite(cells: &mut [Cell], span: Span, settings: &SupplySettings) -> Vec<SupplyOrder> {
    let Some(terms) = &settings.expedite else { return Vec::new() };
    let order = |cell: &mut Cell| {
        let quantity = quantity(cell, terms, settings);
        let arrives = terms.lead_time_periods - 1;
        cell.arrivals[arrives] += quantity;
        (quantity > 0).then(|| SupplyOrder {
            place: cell.terms.place.clone(),
            sku: cell.terms.sku.clone(),
            supplier: terms.supplier.clone().or_else(|| cell.terms.supplier.clone()),
            order_period: period_of(span, 0).plus(-1),
            arrives: period_of(span, arrives),
            quantity: Pieces(quantity),
        })
    };
    cells.iter_mut().filter_map(order).collect()
}

fn quantity(cell: &Cell, terms: &Expedite, settings: &SupplySettings) -> i64 {
    let (arrives, ordinary) = (terms.lead_time_periods - 1, cell.lead_time - 1);
    if arrives >= ordinary {
        return 0;
    }
    let costs = terms.cost + terms.cost_rate * cell.terms.unit_cost + cell.terms.holding_cost;
    let on_offer = cell.lifted[arrives..ordinary].contains(&true);
    let served = settings.service_level_min.filter(|_| on_offer).map_or(0.0, |level| costs / (1.0 - level));
    let underage = cell.terms.underage_cost().max(served);
    if underage <= costs {
        return 0;
    }
    let arriving = |periods: std::ops::Range<usize>| cell.arrivals[periods].iter().sum::<i64>() as f64;
    let before = cell.demand_over(0..arrives, settings.persistence);
    let (left, variance) = leftover(before, cell.on_hand as f64 + arriving(0..arrives));
    let stock = left + arriving(arrives..ordinary);
    let exposed = cell.demand_over(arrives..ordinary, settings.persistence);
    if exposed.mean <= 0.0 {
        return 0;
    }
    let exposed = Demand { dispersion: exposed.dispersion + variance / exposed.mean, ..exposed };
    let gain = |pieces: i64| {
        underage * (expected_sales(exposed, stock + pieces as f64) - expected_sales(exposed, stock))
            - costs * pieces as f64
    };
    let wanted = exposed.quantile(1.0 - costs / underage) - stock;
    let cases = (wanted.max(0.0) / cell.terms.case_pack as f64).floor() as i64;
    let options = [0, cases, cases + 1].map(|cases| cases * cell.terms.case_pack);
    let allowed = options.into_iter().filter(|&pieces| pieces == 0 || pieces >= cell.terms.minimum_order);
    allowed.max_by(|&a, &b| gain(a).total_cmp(&gain(b)).then(b.cmp(&a))).unwrap_or(0)
}
