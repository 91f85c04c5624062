//! What limited supply does to an offer: what can be sold, and what the stock for it costs.
//!
//! Periods before the first order placed now can arrive sell from what is on hand and under way: an offer there eats
//! into what the following periods would have sold at full price. Later periods are ordered for: the newsvendor
//! quantity of the promoted demand against that of the baseline. A piece left over is held for a period, and wasted
//! as far as the baseline of its remaining shelf life does not take it. Where the scenario bounds the probability of a
//! stock-out, promoted demand is ordered for at least up to that probability (a chance constraint: Charnes and Cooper
//! 1959), and pays for it; on stock that cannot be ordered for, the probability is what it is.

use crate::cells::{Cell, Line};
use endcap_model::Scenario;
use endcap_supply::{Demand, QuantityTerms, best_quantity, expected_sales, stockout_probability};
use std::cell::OnceCell;

/// What supply makes of an offer in one store.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Shelf {
    /// Expected units sold in the period without the offer.
    pub plain_sales: f64,
    /// Expected units sold in the period with it.
    pub promoted_sales: f64,
    /// Units that later periods before the first delivery no longer sell.
    pub later_loss: f64,
    /// Holding, waste and shortage cost with the offer less without it, in minor units.
    pub extra_cost: f64,
    /// Cost of waste alone, likewise.
    pub extra_waste: f64,
    /// Probability that the promoted demand is more than is there.
    pub stockout: f64,
}

/// Terms of supply of one item, in minor units per piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShelfTerms {
    /// First period of the span that an order placed now can reach.
    pub first_arrival: usize,
    pub holding: f64,
    pub waste: f64,
    pub shortage: f64,
    pub shelf_life: Option<usize>,
    /// Least probability of covering promoted demand, where costs would ask for less.
    pub service: f64,
}

impl ShelfTerms {
    pub fn of(line: &Line, scenario: &Scenario) -> Self {
        let cost = line.item.unit_cost as f64;
        let supply = &scenario.supply;
        Self {
            // Now is the period before the span: an order of now arrives lead time later.
            first_arrival: match line.run_out {
                None => supply.lead_time_periods.saturating_sub(1),
                Some(_) => usize::MAX,
            },
            holding: cost * supply.holding_rate,
            waste: cost * (1.0 + supply.waste_rate),
            shortage: line.item.list_price as f64 * supply.shortage_rate,
            shelf_life: line.item.shelf_life.or(supply.shelf_life),
            service: 1.0 - scenario.limits.stockout_probability_max,
        }
    }
}

/// Values supply for an offer that multiplies the period's demand by `ratio` and sells at `margin` where the list
/// price earns `plain_margin`; `without` keeps what the period is without an offer, the same for all its depths.
pub(crate) fn shelf(
    cell: &Cell,
    period: usize,
    ratio: f64,
    (plain_margin, margin): (f64, f64),
    terms: &ShelfTerms,
    without: &OnceCell<Ordered>,
) -> Shelf {
    let plain = Demand { mean: cell.baseline[period], dispersion: cell.dispersion[period] };
    let promoted = Demand { mean: plain.mean * ratio, ..plain };
    if period < terms.first_arrival {
        return from_stock(cell, period, plain, promoted, terms);
    }
    let before =
        without.get_or_init(|| ordered(cell, period, plain, plain_margin, &ShelfTerms { service: 0.0, ..*terms }));
    let after = ordered(cell, period, promoted, margin, terms);
    Shelf {
        plain_sales: before.sales,
        promoted_sales: after.sales,
        later_loss: 0.0,
        extra_cost: after.cost - before.cost,
        extra_waste: after.waste - before.waste,
        stockout: after.stockout,
    }
}

/// A period that is ordered for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordered {
    sales: f64,
    cost: f64,
    /// The part of the cost that is thrown away.
    waste: f64,
    stockout: f64,
}

fn ordered(cell: &Cell, period: usize, demand: Demand, margin: f64, terms: &ShelfTerms) -> Ordered {
    let wasted = terms.waste * wasted_share(cell, period, demand, terms);
    let overage = terms.holding + wasted;
    let quantity = QuantityTerms {
        unit_margin: margin.max(0.0),
        overage_cost: overage,
        shortage_cost: terms.shortage,
        available_max: f64::INFINITY,
    };
    let best = best_quantity(demand, &quantity);
    let covering = demand.quantile(terms.service);
    let (quantity, sales) = match best.quantity < covering {
        true => (covering, expected_sales(demand, covering)),
        false => (best.quantity, best.sales),
    };
    let (left, lost) = ((quantity - sales).max(0.0), (demand.mean.max(0.0) - sales).max(0.0));
    Ordered {
        sales,
        cost: left * overage + lost * terms.shortage,
        waste: left * wasted,
        stockout: stockout_probability(demand, quantity),
    }
}

/// Share of a usual leftover, one standard deviation of demand, that the rest of its shelf life does not sell.
fn wasted_share(cell: &Cell, period: usize, demand: Demand, terms: &ShelfTerms) -> f64 {
    let Some(life) = terms.shelf_life else { return 0.0 };
    let left = demand.deviation();
    if left <= 0.0 {
        return 0.0;
    }
    let next = (period + 1).min(cell.baseline.len() - 1);
    let later = Demand { mean: cell.baseline[next] * life.saturating_sub(1) as f64, dispersion: cell.dispersion[next] };
    if later.mean <= 0.0 {
        return 1.0;
    }
    (1.0 - expected_sales(later, left) / left).clamp(0.0, 1.0)
}

/// Sales of a period that lives on what is there, and what the periods up to the first delivery lose by it.
fn from_stock(cell: &Cell, period: usize, plain: Demand, promoted: Demand, terms: &ShelfTerms) -> Shelf {
    let sold_before: f64 = cell.baseline[..period].iter().sum();
    let there = |at: usize| (cell.supplied[at] - sold_before).max(0.0);
    let last = terms.first_arrival.min(cell.baseline.len()) - 1;
    let rest = (period + 1..=last).fold(Demand { mean: 0.0, dispersion: plain.dispersion }, |sum, at| {
        sum.and(Demand { mean: cell.baseline[at], dispersion: cell.dispersion[at] })
    });
    let (plain_sales, promoted_sales) = (expected_sales(plain, there(period)), expected_sales(promoted, there(period)));
    let window = |demand: Demand| expected_sales(demand.and(rest), there(last));
    let later_loss =
        if rest.mean > 0.0 { (window(plain) - plain_sales) - (window(promoted) - promoted_sales) } else { 0.0 };
    let lost = |demand: Demand, sales: f64| terms.shortage * (demand.mean - sales).max(0.0);
    Shelf {
        plain_sales,
        promoted_sales,
        later_loss: later_loss.max(0.0),
        extra_cost: lost(promoted, promoted_sales) - lost(plain, plain_sales),
        extra_waste: 0.0,
        stockout: stockout_probability(promoted, there(period)),
    }
}
