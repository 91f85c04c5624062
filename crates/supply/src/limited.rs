//! Sales under limited stock: what a stock sells of an uncertain demand, how likely it runs out, and the quantity
//! that earns most.
//!
//! Never decides an offer or an order; the planner and the order rules call it. Demand is a negative binomial count
//! given by mean and variance-to-mean ratio, evaluated exactly (see `count`), so that results are accurate from a
//! mean of 0.05 up, rise with mean and stock, and cost about a microsecond at a mean of a hundred. A fractional stock
//! interpolates between whole ones, which is exact for a count.
//!
//! Source: loss functions and the newsvendor in Hadley and Whitin (1963), Analysis of Inventory Systems, section 6-2,
//! and Zipkin (2000), Foundations of Inventory Management, sections 6.4 and C.2.

use crate::count::Count;

/// Level that stands for "all demand" where holding costs nothing.
const ALL_BUT: f64 = 0.9999;

/// Demand of one period or one cover of several periods.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// Expected pieces.
    pub mean: f64,
    /// Variance over mean; 1 is Poisson, more is over-dispersed, less counts as 1.
    pub dispersion: f64,
}

impl Demand {
    /// Takes a demand from its mean and its 5 % and 95 % quantiles, as wide as a normal demand with those.
    pub fn of_interval(mean: f64, q05: f64, q95: f64) -> Self {
        const WIDTH: f64 = 2.0 * 1.644_853_626_951_472_7;
        let deviation = (q95 - q05).max(0.0) / WIDTH;
        let dispersion = if mean > 0.0 { (deviation * deviation / mean).max(1.0) } else { 1.0 };
        Self { mean, dispersion }
    }

    /// Adds a demand that is independent of this one: means and variances add.
    pub fn and(self, other: Self) -> Self {
        let mean = self.mean + other.mean;
        if mean <= 0.0 {
            return Self { mean: 0.0, dispersion: 1.0 };
        }
        let variance = self.mean * self.dispersion + other.mean * other.dispersion;
        Self { mean, dispersion: variance / mean }
    }

    /// Returns the standard deviation in pieces.
    pub fn deviation(self) -> f64 {
        (self.mean.max(0.0) * self.dispersion.max(1.0)).sqrt()
    }

    /// Returns the fewest whole pieces that cover the demand with probability `level`, which is cut to 0.9999.
    pub fn quantile(self, level: f64) -> f64 {
        match Count::new(self) {
            Some(count) if level > 0.0 => count.quantile(level.min(ALL_BUT)).0 as f64,
            _ => 0.0,
        }
    }
}

/// Expected pieces sold of a demand when `available` pieces can be: E[min(D, available)].
///
/// Between 0 and the smaller of mean and available; rises with both.
pub fn expected_sales(demand: Demand, available: f64) -> f64 {
    let Some(count) = Count::new(demand) else { return 0.0 };
    if available.is_nan() || available <= 0.0 {
        return 0.0;
    }
    if available >= most(demand) {
        return demand.mean;
    }
    let whole = available.floor();
    let at = count.at(whole as u64);
    (at.sales + (available - whole) * at.above).min(demand.mean).min(available)
}

/// Expected demand when all that is known is that it was at least `sold` whole pieces: E[D | D >= sold].
pub(crate) fn expected_above(demand: Demand, sold: f64) -> f64 {
    let Some(count) = Count::new(demand) else { return sold };
    let at = count.at(sold.max(0.0) as u64);
    let reached = at.above + at.probability;
    if reached > 1e-12 { sold + (demand.mean - at.sales).max(0.0) / reached } else { sold }
}

/// Mean and variance of what is left of `available` pieces: max(available - D, 0).
pub(crate) fn leftover(demand: Demand, available: f64) -> (f64, f64) {
    if available.is_nan() || available <= 0.0 {
        return (0.0, 0.0);
    }
    let Some(count) = Count::new(demand) else { return (available, 0.0) };
    if available >= most(demand) {
        return (available - demand.mean, demand.deviation().powi(2));
    }
    let whole = available.floor();
    let part = available - whole;
    let at = count.at(whole as u64);
    let left = (whole - at.sales).max(0.0);
    let mean = left + part * at.below;
    let square = at.left_square + part * (2.0 * left + part * at.below);
    (mean, (square - mean * mean).max(0.0))
}

/// Probability that demand exceeds what is available: P(D > available).
///
/// Between two whole stocks it is interpolated, so that it falls without steps.
pub fn stockout_probability(demand: Demand, available: f64) -> f64 {
    let Some(count) = Count::new(demand) else { return 0.0 };
    if available >= most(demand) {
        return 0.0;
    }
    let available = available.max(0.0);
    let whole = available.floor();
    let at = count.at(whole as u64);
    let next = at.probability * count.ratio(whole as u64);
    (at.above - (available - whole) * next).clamp(0.0, 1.0)
}

/// Terms of a quantity that is chosen once; minor units per piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantityTerms {
    /// Earned on a piece sold.
    pub unit_margin: f64,
    /// Lost on a piece left over: holding, write-down, waste.
    pub overage_cost: f64,
    /// Lost on a piece wanted and not there, beyond its margin.
    pub shortage_cost: f64,
    /// Most pieces that can be there; infinite where nothing limits them.
    pub available_max: f64,
}

/// The quantity that earns most and what it is expected to bring.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BestQuantity {
    /// Pieces to have: whole, unless the most that can be there is not.
    pub quantity: f64,
    /// Expected pieces sold.
    pub sales: f64,
    /// Expected pieces left over.
    pub left: f64,
    /// Expected pieces wanted and not there.
    pub lost: f64,
    /// Expected margin less costs, in minor units.
    pub profit: f64,
}

/// Share of cases in which the quantity should cover the demand: underage cost over underage and overage cost.
///
/// 0 where a sale earns nothing, 1 where a piece left over costs nothing.
pub fn critical_ratio(underage_cost: f64, overage_cost: f64) -> f64 {
    if underage_cost.is_nan() || underage_cost <= 0.0 {
        return 0.0;
    }
    underage_cost / (underage_cost + overage_cost.max(0.0))
}

/// Chooses the newsvendor quantity, at most what can be there.
///
/// The profit is `unit_margin · sales − overage_cost · left − shortage_cost · lost` and concave in the quantity, so
/// that the cap binds where the free choice is above it.
pub fn best_quantity(demand: Demand, terms: &QuantityTerms) -> BestQuantity {
    let cap = terms.available_max.max(0.0);
    let level = critical_ratio(terms.unit_margin + terms.shortage_cost, terms.overage_cost);
    let (quantity, sales) = match Count::new(demand) {
        Some(count) if level > 0.0 && (level < 1.0 || cap.is_infinite()) => {
            let (quantity, _, sales) = count.quantile(level.min(ALL_BUT));
            if quantity as f64 <= cap { (quantity as f64, sales) } else { (cap, expected_sales(demand, cap)) }
        }
        Some(_) if level >= 1.0 => (cap, expected_sales(demand, cap)),
        _ => (0.0, 0.0),
    };
    let (left, lost) = ((quantity - sales).max(0.0), (demand.mean.max(0.0) - sales).max(0.0));
    let profit = terms.unit_margin * sales - terms.overage_cost * left - terms.shortage_cost * lost;
    BestQuantity { quantity, sales, left, lost, profit }
}

/// A stock that no demand of this mean and dispersion reaches in practice (below 1e-12, by Bernstein's bound).
fn most(demand: Demand) -> f64 {
    let dispersion = demand.dispersion.max(1.0);
    demand.mean + 12.0 * demand.deviation() + 60.0 * dispersion
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand(mean: f64, dispersion: f64) -> Demand {
        Demand { mean, dispersion }
    }

    #[test]
    fn a_stock_of_one_sells_when_anybody_comes() {
        // P(D > 0) of a Poisson count with mean 0.05 is 1 - exp(-0.05).
        assert!((expected_sales(demand(0.05, 1.0), 1.0) - (1.0 - (-0.05f64).exp())).abs() < 1e-15);
    }

    #[test]
    fn large_counts_follow_the_normal_loss_function() {
        // E[min(D, μ)] = μ - σ φ(0) for a normal demand (Zipkin 2000, C.2.5); a count of 10,000 is nearly one.
        let demand = demand(10_000.0, 4.0);
        let normal = 10_000.0 - 200.0 / std::f64::consts::TAU.sqrt();
        assert!((expected_sales(demand, 10_000.0) - normal).abs() < 0.05);
    }

    #[test]
    fn no_demand_and_no_stock_sell_nothing() {
        assert_eq!(expected_sales(demand(0.0, 1.0), 5.0), 0.0);
        assert_eq!(expected_sales(demand(5.0, 1.0), 0.0), 0.0);
        assert_eq!(expected_sales(demand(5.0, 2.0), f64::INFINITY), 5.0);
        assert_eq!(stockout_probability(demand(5.0, 2.0), f64::INFINITY), 0.0);
        assert_eq!(expected_sales(demand(f64::NAN, 2.0), 5.0), 0.0);
    }

    #[test]
    fn the_newsvendor_of_the_textbook_is_met() {
        // Hadley and Whitin (1963), section 6-2, Poisson demand: the optimum is the smallest h with
        // P(h) >= (margin) / (margin + loss). Here margin 3, loss 2, mean 10: ratio 0.6, P(10) = 0.5830,
        // P(11) = 0.6968 (Poisson tables), so 11 pieces.
        let terms = QuantityTerms { unit_margin: 3.0, overage_cost: 2.0, shortage_cost: 0.0, available_max: 1e9 };
        assert_eq!(best_quantity(demand(10.0, 1.0), &terms).quantity, 11.0);
    }

    #[test]
    fn a_sale_that_earns_nothing_is_not_stocked() {
        let terms = QuantityTerms { unit_margin: -1.0, overage_cost: 2.0, shortage_cost: 0.0, available_max: 1e9 };
        assert_eq!(best_quantity(demand(10.0, 1.0), &terms).quantity, 0.0);
    }

    proptest! {
        #[test]
        fn sales_stay_below_demand_and_stock(mean in 0.05f64..10_000.0, phi in 1.0f64..10.0, share in 0.0f64..3.0) {
            let (demand, stock) = (demand(mean, phi), mean * share);
            let sales = expected_sales(demand, stock);
            prop_assert!((0.0..=mean.min(stock)).contains(&sales));
        }

        #[test]
        fn more_stock_never_lowers_service(
            mean in 0.05f64..3000.0, phi in 1.0f64..10.0, share in 0.0f64..3.0, more in 0.0f64..50.0,
        ) {
            let (demand, stock) = (demand(mean, phi), mean * share);
            let slack = 1e-10 * mean;
            prop_assert!(expected_sales(demand, stock + more) >= expected_sales(demand, stock) - slack);
            prop_assert!(stockout_probability(demand, stock + more) <= stockout_probability(demand, stock) + 1e-10);
        }

        #[test]
        fn more_demand_never_lowers_sales(
            mean in 0.05f64..3000.0, phi in 1.0f64..10.0, stock in 0.0f64..4000.0, more in 0.0f64..50.0,
        ) {
            let (less, more) = (demand(mean, phi), demand(mean + more, phi));
            prop_assert!(expected_sales(more, stock) >= expected_sales(less, stock) - 1e-10 * mean);
        }

        #[test]
        fn the_next_piece_sells_less_than_the_last(mean in 0.05f64..300.0, phi in 1.0f64..10.0, n in 1u32..400) {
            let (demand, n) = (demand(mean, phi), f64::from(n));
            let sales = |stock: f64| expected_sales(demand, stock);
            prop_assert!(sales(n + 1.0) - sales(n) <= sales(n) - sales(n - 1.0) + 1e-10 * mean);
        }

        #[test]
        fn no_other_quantity_earns_more(
            mean in 0.05f64..200.0, phi in 1.0f64..10.0, margin in 0.1f64..50.0, overage in 0.1f64..50.0,
            shortage in 0.0f64..20.0, cap in 0.0f64..300.0, other in 0.0f64..1.0,
        ) {
            let demand = demand(mean, phi);
            let terms = |cap| QuantityTerms {
                unit_margin: margin, overage_cost: overage, shortage_cost: shortage, available_max: cap,
            };
            let best = best_quantity(demand, &terms(cap));
            let quantity = other * cap;
            let sales = expected_sales(demand, quantity);
            let profit = margin * sales - overage * (quantity - sales) - shortage * (mean - sales);
            prop_assert!(best.quantity <= cap);
            prop_assert!(best.profit >= profit - 1e-8 * (1.0 + profit.abs()));
            prop_assert!((best.quantity - best.sales - best.left).abs() < 1e-9);
        }
    }
}
