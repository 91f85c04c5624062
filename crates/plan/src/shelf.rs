//! What limited supply does to an offer: what can be sold, and what the stock for it costs.
//!
//! Periods before the first order placed now can arrive sell from what is on hand and under way: an offer there eats
//! into what the following periods would have sold at full price. Later periods are ordered for: the newsvendor
//! quantity of the promoted demand against that of the baseline. A piece left over is held for a period, and wasted
//! as far as the baseline of its remaining shelf life does not take it. Where the scenario bounds the probability of a
//! stock-out, promoted demand is ordered for at least up to that probability (a chance constraint: Charnes and Cooper
//! 1959), and pays for it; on stock that cannot be ordered for, the probability is what it is.
//!
//! Where the scenario writes down what is left above normal cover when an offer ends, stock is ordered by the rule that
//! orders follow (`endcap_supply::levels`), whole cases and that loss included, so that an item whose leftovers cost more
//! is promoted less, or less deeply. Each period's offer is valued as one that ends with it.

use crate::cells::{Cell, Line};
use endcap_model::{Place, Scenario, Sku, WriteDown};
use endcap_supply::{
    CellTerms, CoverRules, Demand, QuantityTerms, best_quantity, expected_sales, levels, stockout_probability,
};
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
    /// Holding, waste, write-down and shortage cost with the offer less without it, in minor units.
    pub extra_cost: f64,
    /// Cost of waste alone, likewise.
    pub extra_waste: f64,
    /// Loss of value of what the offer leaves above normal cover.
    pub written_down: f64,
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
    /// What leftovers of offers lose; nothing for items that are not ordered again, whose leftovers count at the end.
    pub write_down: Option<WriteDown>,
    pub unit_cost: f64,
    pub case_pack: i64,
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
            write_down: supply.write_down.filter(|_| line.run_out.is_none()),
            unit_cost: cost,
            case_pack: supply.case_pack,
        }
    }

    /// Pieces that may be left of an offer in a period without loss, and the loss of each one above.
    fn above(&self, cell: &Cell, period: usize) -> Option<(f64, f64)> {
        let next = (period + 1).min(cell.baseline.len() - 1);
        self.write_down.map(|terms| terms.above(cell.baseline[next], self.unit_cost))
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
    let before = without
        .get_or_init(|| ordered(cell, period, plain, plain_margin, &ShelfTerms { service: 0.0, ..*terms }, None));
    let after = ordered(cell, period, promoted, margin, terms, terms.above(cell, period));
    Shelf {
        plain_sales: before.sales,
        promoted_sales: after.sales,
        later_loss: 0.0,
        extra_cost: after.cost - before.cost,
        extra_waste: after.waste - before.waste,
        written_down: after.written_down,
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
    /// The part of it that an offer's leftovers lose.
    written_down: f64,
    stockout: f64,
}

/// Orders for a period; `above` is what may be left of the offer in it, and what more than that loses.
fn ordered(
    cell: &Cell,
    period: usize,
    demand: Demand,
    margin: f64,
    terms: &ShelfTerms,
    above: Option<(f64, f64)>,
) -> Ordered {
    let wasted = terms.waste * wasted_share(cell, period, demand, terms);
    let overage = terms.holding + wasted;
    let (quantity, sales) = match terms.write_down {
        None => in_pieces(demand, margin, overage, terms),
        Some(_) => in_cases(demand, margin, overage, terms, above),
    };
    let (left, lost) = ((quantity - sales).max(0.0), (demand.mean.max(0.0) - sales).max(0.0));
    let written_down = above.map_or(0.0, |above| written_down(demand, quantity, above));
    Ordered {
        sales,
        cost: left * overage + lost * terms.shortage + written_down,
        waste: left * wasted,
        written_down,
        stockout: stockout_probability(demand, quantity),
    }
}

/// The newsvendor quantity, or what covers the demand as often as it has to, and its expected sales.
fn in_pieces(demand: Demand, margin: f64, overage: f64, terms: &ShelfTerms) -> (f64, f64) {
    let quantity = QuantityTerms {
        unit_margin: margin.max(0.0),
        overage_cost: overage,
        shortage_cost: terms.shortage,
        available_max: f64::INFINITY,
    };
    let best = best_quantity(demand, &quantity);
    let covering = demand.quantile(terms.service);
    match best.quantity < covering {
        true => (covering, expected_sales(demand, covering)),
        false => (best.quantity, best.sales),
    }
}

/// The middle of the stocks that whole cases bring about under the rule of orders, and its expected sales.
fn in_cases(demand: Demand, margin: f64, overage: f64, terms: &ShelfTerms, above: Option<(f64, f64)>) -> (f64, f64) {
    let cell = CellTerms {
        sku: Sku::new(""),
        place: Place::new(""),
        case_pack: terms.case_pack,
        minimum_order: 0,
        shelf_life: None,
        maximum_stock: None,
        volume: 1.0,
        supplier: None,
        feed: None,
        unit_margin: margin.max(0.0),
        unit_cost: terms.unit_cost,
        holding_cost: overage,
        shortage_cost: terms.shortage,
        waste_cost: 0.0,
    };
    let service_level_min = (terms.service > 0.0).then_some(terms.service);
    let rules = CoverRules { review_periods: 1, service_level_min, life: None, late: None, left: above };
    let quantity = levels(demand, &cell, &rules).order_up_to + (terms.case_pack - 1) as f64 / 2.0;
    (quantity, expected_sales(demand, quantity))
}

/// Expected loss of value of what `quantity` pieces leave above the pieces that may be left.
fn written_down(demand: Demand, quantity: f64, (normal, loss): (f64, f64)) -> f64 {
    let above = (quantity - normal).max(0.0);
    loss * (above - expected_sales(demand, above))
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
    let written_down = terms.above(cell, period).map_or(0.0, |above| written_down(promoted, there(period), above));
    Shelf {
        plain_sales,
        promoted_sales,
        later_loss: later_loss.max(0.0),
        extra_cost: lost(promoted, promoted_sales) - lost(plain, plain_sales) + written_down,
        extra_waste: 0.0,
        written_down,
        stockout: stockout_probability(promoted, there(period)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_supply::Demand;

    const PLACE: &str = "north";

    fn cell(place: &Place, dispersion: f64) -> Cell<'_> {
        let (baseline, supplied) = (vec![10.0; 4], vec![40.0; 4]);
        Cell { store: place, baseline, dispersion: vec![dispersion; 4], supplied }
    }

    /// A piece costs 100, holding it 1, a lost sale 20 beyond its margin; orders arrive from period 1 on.
    fn terms(write_down: Option<WriteDown>, case_pack: i64, service: f64) -> ShelfTerms {
        ShelfTerms {
            first_arrival: 1,
            holding: 1.0,
            waste: 100.0,
            shortage: 20.0,
            shelf_life: None,
            service,
            write_down,
            unit_cost: 100.0,
            case_pack,
        }
    }

    /// The value of one offer, nothing kept from another.
    fn alone(cell: &Cell, period: usize, ratio: f64, margins: (f64, f64), terms: &ShelfTerms) -> Shelf {
        shelf(cell, period, ratio, margins, terms, &OnceCell::new())
    }

    fn rate(cover_periods: f64) -> Option<WriteDown> {
        Some(WriteDown { cover_periods, rate: 0.4 })
    }

    #[test]
    fn what_an_offer_leaves_of_stock_that_is_there_is_written_down_above_normal_cover() {
        // 40 pieces are there, 20 are wanted in period 0, so that about 20 are left: 10 above a cover of 10, at 40 each.
        let place = Place::new(PLACE);
        let of = |cover| alone(&cell(&place, 1.0), 0, 2.0, (50.0, 40.0), &terms(rate(cover), 1, 0.0)).written_down;
        // More than 30 are rarely wanted: 10 less the mean of what is wanted below 30 is 10.03.
        assert!((of(1.0) - 401.3).abs() < 0.1, "{}", of(1.0));
        assert!(of(4.0) < 1e-9, "a cover of 40 is never left above");
        let without = alone(&cell(&place, 1.0), 0, 2.0, (50.0, 40.0), &terms(None, 1, 0.0));
        let with = alone(&cell(&place, 1.0), 0, 2.0, (50.0, 40.0), &terms(rate(1.0), 1, 0.0));
        assert_eq!((without.written_down, with.promoted_sales), (0.0, without.promoted_sales));
        assert!((with.extra_cost - without.extra_cost - with.written_down).abs() < 1e-9);
    }

    #[test]
    fn an_order_for_an_offer_costs_least_of_all_whole_positions() {
        let place = Place::new(PLACE);
        for (ratio, cover, dispersion) in [(2.0, 0.0, 1.5), (3.0, 0.5, 2.0), (2.5, 1.0, 3.0), (1.5, 2.0, 1.0)] {
            let cell = cell(&place, dispersion);
            let (plain, promoted) = (shelf_cost(&cell, 1.0, 50.0, None), shelf_cost(&cell, ratio, 40.0, rate(cover)));
            let found = alone(&cell, 1, ratio, (50.0, 40.0), &terms(rate(cover), 1, 0.0));
            // Margin that is not earned counts in the choice, not in the extra cost.
            let lost = |ratio: f64, sales: f64, margin: f64| margin * (10.0 * ratio - sales);
            let of = found.extra_cost + lost(ratio, found.promoted_sales, 40.0) - lost(1.0, found.plain_sales, 50.0);
            assert!((of - (promoted - plain)).abs() < 1e-6, "{ratio} {cover}: {of}, {}", promoted - plain);
        }
    }

    /// The least expected cost of any whole stock for period 1, lost margin included.
    fn shelf_cost(cell: &Cell, ratio: f64, margin: f64, write_down: Option<WriteDown>) -> f64 {
        let demand = Demand { mean: cell.baseline[1] * ratio, dispersion: cell.dispersion[1] };
        let over = |stock: f64| stock.max(0.0) - expected_sales(demand, stock);
        let cost = |stock: f64| {
            let written = write_down.map_or(0.0, |terms| 40.0 * over(stock - terms.cover_periods * cell.baseline[2]));
            over(stock) + written + (margin + 20.0) * (demand.mean - expected_sales(demand, stock))
        };
        (0..200).map(|stock| cost(f64::from(stock))).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn less_is_left_where_leftovers_lose_value_and_cases_leave_more() {
        let place = Place::new(PLACE);
        let of = |cover, case_pack, service| {
            alone(&cell(&place, 2.0), 1, 2.0, (50.0, 40.0), &terms(rate(cover), case_pack, service))
        };
        let (dear, free) = (of(0.5, 1, 0.0), of(20.0, 1, 0.0));
        assert!(dear.promoted_sales < free.promoted_sales && dear.stockout > free.stockout);
        assert!(free.written_down < 1e-9 && dear.written_down > 0.0);
        assert!(of(0.5, 12, 0.9).written_down > of(0.5, 1, 0.9).written_down);
        assert!(of(0.5, 1, 0.99).stockout <= 0.01, "a bounded stock-out is kept, whatever it costs");
        assert!(of(0.5, 1, 0.99).written_down > dear.written_down);
    }
}
