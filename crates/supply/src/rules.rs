//! Order rules: when to order one cell and up to which level.
//!
//! The expected cost of having x pieces for a cover is
//! `G(x) = overage · E[x − D]⁺ + underage · E[D − x]⁺ + waste loss · E[x − D(shelf life)]⁺`, convex in x. Where pieces
//! come in batches of Q, the best rule keeps the position in `[k, k + Q)` with `G(k) = G(k + Q)` (Veinott 1965, "The
//! optimal inventory policy for batch ordering", Operations Research 13(3)); with Q = 1 and no waste, k is the
//! newsvendor quantity at the critical ratio (Hadley and Whitin 1963, section 6-2). Never looks past the cover: the
//! next order does that; where it may come late, G is its mean over both covers, the usual and the longer one.

use crate::limited::{critical_ratio, expected_sales};
use crate::{CellTerms, Demand};
use endcap_model::Pieces;

/// Overage as a share of underage where holding a piece costs nothing: what is covered is 0.9999 of the cases.
const FREE_HOLDING: f64 = 1e-4;
/// Half a piece short is not worth another batch: expected positions are fractional, orders are whole.
const HALF_A_PIECE: f64 = 0.5;

/// What an order has to cover beside its cell's terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoverRules {
    /// Periods between two orders: how long a piece too many is held before the next decision.
    pub review_periods: usize,
    /// Least probability of covering the demand, where costs would ask for less.
    pub service_level_min: Option<f64>,
    /// Demand over the shelf life of what is ordered; nothing where it keeps.
    pub life: Option<Demand>,
    /// Probability that the next order comes late, and the demand that the stock has to last for then.
    pub late: Option<(f64, Demand)>,
    /// Pieces that may be left of the cover without loss, and the loss of each one above; nothing where no offer ends.
    pub left: Option<(f64, f64)>,
}

/// Levels that an order rule keeps, in pieces of stock position (on hand and under way).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderLevels {
    /// Order-up-to level less the expected demand of the cover.
    pub safety_stock: f64,
    /// A position below this one orders; minus infinity where no sale is worth an order.
    pub reorder_point: f64,
    /// An order lifts the position at least to this level, and by less than a case above.
    pub order_up_to: f64,
}

/// Levels with the packs they are reached in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OrderRule {
    pub reorder_point: f64,
    pub order_up_to: f64,
    pub case_pack: i64,
    pub batch: i64,
    /// Most pieces that an order may have, where a capacity cut it.
    pub most: Option<i64>,
    /// Mean share of an order that comes.
    pub delivered: f64,
}

/// Expected cost of a stock over a cover, in minor units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoverCost {
    cover: Demand,
    life: Option<Demand>,
    late: Option<(f64, Demand)>,
    left: Option<(f64, f64)>,
    service: f64,
    overage: f64,
    underage: f64,
    waste: f64,
}

/// Levels for a cover of lead time and review: reorder point and order-up-to level by costs, and the safety stock
/// in them.
pub fn levels(cover: Demand, terms: &CellTerms, rules: &CoverRules) -> OrderLevels {
    let rule = OrderRule::new(cover, terms, rules);
    OrderLevels {
        safety_stock: rule.order_up_to - cover.mean,
        reorder_point: rule.reorder_point,
        order_up_to: rule.order_up_to,
    }
}

/// Pieces to order now for one cell: whole cases, nothing or at least the minimum.
///
/// `position` is what is on hand and under way, and `cover` the demand that it has to last for: lead time and
/// review. With an order placed at the end of a period these are `lead_time + review − 1` periods.
pub fn order_quantity(cover: Demand, position: f64, terms: &CellTerms, rules: &CoverRules) -> Pieces {
    Pieces(OrderRule::new(cover, terms, rules).order(position))
}

impl OrderRule {
    /// Finds the levels that cost least for a cover.
    pub fn new(cover: Demand, terms: &CellTerms, rules: &CoverRules) -> Self {
        let (case_pack, batch) = (terms.case_pack.max(1), terms.batch());
        let never =
            Self { reorder_point: f64::NEG_INFINITY, order_up_to: 0.0, case_pack, batch, most: None, delivered: 1.0 };
        let Some(cost) = CoverCost::new(cover, terms, rules) else { return never };
        let order_up_to = cost.level(case_pack);
        let by_cost = if batch == case_pack { order_up_to } else { cost.level(batch) };
        let reorder_point = if by_cost < 1.0 && cost.empty_shelf_costs_more(batch) { 1.0 } else { by_cost };
        let rule = Self { reorder_point, order_up_to, ..never };
        terms.maximum_stock.map_or(rule, |most| rule.within(most as f64))
    }

    /// Lowers the levels so that no order lifts the position above what there is room for.
    fn within(self, most: f64) -> Self {
        Self {
            reorder_point: self.reorder_point.min(most - self.batch as f64 + 1.0),
            order_up_to: self.order_up_to.min(most - self.case_pack as f64 + 1.0),
            ..self
        }
    }

    /// Pieces to order at a stock position.
    pub fn order(&self, position: f64) -> i64 {
        if position >= self.reorder_point - HALF_A_PIECE || self.reorder_point == f64::NEG_INFINITY {
            return 0;
        }
        let missing = self.order_up_to - HALF_A_PIECE - position;
        let case = self.delivered * self.case_pack as f64;
        // Dividing is what costs most on a projected path, and most items come in single pieces.
        let cases = if case == 1.0 { missing } else { missing / case };
        let wanted = self.batch.max((cases as i64 + i64::from(cases > (cases as i64) as f64)) * self.case_pack);
        match self.most {
            Some(most) if most < wanted => self.whole_cases(most),
            _ => wanted,
        }
    }

    /// Pieces to order at each of many whole stock positions, as [`Self::order`] says for one.
    pub fn orders(&self, positions: &[i64]) -> Vec<i64> {
        let single = self.case_pack == 1 && self.delivered == 1.0 && self.most.is_none();
        if !single || self.reorder_point == f64::NEG_INFINITY {
            return positions.iter().map(|&position| self.order(position as f64)).collect();
        }
        let enough = (self.reorder_point - HALF_A_PIECE).ceil() as i64;
        let up_to = (self.order_up_to - HALF_A_PIECE).ceil() as i64;
        let order = |&position: &i64| if position >= enough { 0 } else { self.batch.max(up_to - position) };
        positions.iter().map(order).collect()
    }

    /// Moves the levels along the position.
    pub fn shifted(self, by: f64) -> Self {
        Self { reorder_point: self.reorder_point + by, order_up_to: self.order_up_to + by, ..self }
    }

    fn whole_cases(&self, most: i64) -> i64 {
        let whole = most.max(0) / self.case_pack * self.case_pack;
        if whole < self.batch { 0 } else { whole }
    }
}

impl CoverCost {
    /// Takes the costs of a cell; nothing where no sale is worth an order.
    pub fn new(cover: Demand, terms: &CellTerms, rules: &CoverRules) -> Option<Self> {
        let earned = terms.underage_cost();
        if !(earned > 0.0 && cover.mean > 0.0) {
            return None;
        }
        let held = terms.holding_cost * rules.review_periods as f64;
        let overage = if held > 0.0 { held } else { earned * FREE_HOLDING };
        let level = rules.service_level_min.unwrap_or(0.0);
        let underage = earned.max(overage * level / (1.0 - level));
        Some(Self {
            cover,
            life: rules.life,
            late: rules.late,
            left: rules.left,
            service: level,
            overage,
            underage,
            waste: terms.waste_loss(),
        })
    }

    /// Cost of having `stock` pieces; below 0 where pieces are owed.
    pub fn of(&self, stock: f64) -> f64 {
        let there = stock.max(0.0);
        let over = |cover: Demand| {
            let sales = expected_sales(cover, there);
            self.overage * (there - sales) + self.underage * (cover.mean - sales + (there - stock))
        };
        let expected = match self.late {
            None => over(self.cover),
            Some((probability, late)) => (1.0 - probability) * over(self.cover) + probability * over(late),
        };
        expected + self.waste * self.wasted(there) + self.written_down(there)
    }

    fn written_down(&self, stock: f64) -> f64 {
        self.left.map_or(0.0, |(normal, loss)| {
            let above = (stock - normal).max(0.0);
            loss * (above - expected_sales(self.cover, above))
        })
    }

    fn wasted(&self, stock: f64) -> f64 {
        self.life.map_or(0.0, |life| stock - expected_sales(life, stock))
    }

    /// The smallest whole k with G(k + batch) >= G(k).
    fn level(&self, batch: i64) -> f64 {
        let ratio = critical_ratio(self.underage, self.overage);
        let late = self.late.map_or(0.0, |(_, late)| late.quantile(ratio));
        let newsvendor = self.cover.quantile(ratio).max(late);
        let plain = self.life.is_none() && self.late.is_none() && self.left.is_none();
        if batch == 1 && plain {
            return newsvendor;
        }
        let mut high = newsvendor as i64;
        // Costs that nothing but the cover has a part in fall up to the newsvendor quantity.
        let mut low = if plain { high - batch } else { -batch };
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let rises = self.of((middle + batch) as f64) >= self.of(middle as f64);
            if rises { high = middle } else { low = middle }
        }
        (high as f64).max(self.least())
    }

    /// The fewest pieces that keep the service asked for, where the next order may be late or what is left over is written
    /// down; elsewhere the costs keep it. Where an offer ends, how much of what follows is there before is left to costs.
    fn least(&self) -> f64 {
        let cover = self.cover.quantile(self.service);
        match (self.left, self.late) {
            _ if self.service <= 0.0 => f64::NEG_INFINITY,
            (None, None) => f64::NEG_INFINITY,
            (None, Some((probability, late))) if probability > 1.0 - self.service => {
                late.quantile(1.0 - (1.0 - self.service) / probability).max(cover)
            }
            _ => cover,
        }
    }

    /// Whether nothing on the shelf for a cover loses more than a batch costs on the average of its sale: lost sales,
    /// unlike owed ones, do not pile up until a batch pays.
    fn empty_shelf_costs_more(&self, batch: i64) -> bool {
        let batch = batch as f64;
        self.underage * self.cover.mean > self.overage * batch / 2.0 + self.waste * self.wasted(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(margin: f64, holding: f64, case_pack: i64, minimum_order: i64) -> CellTerms {
        CellTerms {
            sku: "milk".into(),
            place: "north".into(),
            case_pack,
            minimum_order,
            shelf_life: None,
            maximum_stock: None,
            volume: 1.0,
            feed: None,
            supplier: None,
            unit_margin: margin,
            unit_cost: 6.0,
            holding_cost: holding,
            shortage_cost: 0.0,
            waste_cost: 0.0,
        }
    }

    const EVERY_PERIOD: CoverRules =
        CoverRules { review_periods: 1, service_level_min: None, life: None, late: None, left: None };

    #[test]
    fn order_up_to_is_the_base_stock_of_the_textbook() {
        // Base-stock level of Snyder and Shen (2019), Fundamentals of Supply Chain Theory, 2nd ed., example 4.3 (newsvendor of
        // section 4.3): h = 0.18, p = 0.70, demand N(50, 8^2): S = 56.6. A count of the same moments gives 57.
        let demand = Demand { mean: 50.0, dispersion: 64.0 / 50.0 };
        let levels = levels(demand, &terms(0.70, 0.18, 1, 0), &EVERY_PERIOD);
        assert!((levels.order_up_to - 56.6).abs() <= 1.0, "{levels:?}");
        assert_eq!(
            order_quantity(demand, 40.0, &terms(0.70, 0.18, 1, 0), &EVERY_PERIOD).0,
            levels.order_up_to as i64 - 40
        );
    }

    #[test]
    fn a_case_is_ordered_only_where_it_costs_less_than_waiting() {
        let demand = Demand { mean: 10.0, dispersion: 1.0 };
        let terms = terms(4.0, 1.0, 12, 0);
        let rule = OrderRule::new(demand, &terms, &EVERY_PERIOD);
        let cost = CoverCost::new(demand, &terms, &EVERY_PERIOD).unwrap();
        for position in 0..30 {
            let position = f64::from(position);
            let best = (0..5).min_by(|a, b| {
                let cost = |cases: i64| cost.of(position + (cases * 12) as f64);
                cost(*a).total_cmp(&cost(*b))
            });
            assert_eq!(rule.order(position), best.unwrap() * 12, "at position {position}");
        }
    }

    #[test]
    fn less_is_ordered_of_what_spoils() {
        let demand = Demand { mean: 20.0, dispersion: 3.0 };
        let life = Some(Demand { mean: 20.0, dispersion: 3.0 });
        let keeps = levels(demand, &terms(4.0, 0.01, 1, 0), &EVERY_PERIOD);
        let spoils = levels(demand, &terms(4.0, 0.01, 1, 0), &CoverRules { life, ..EVERY_PERIOD });
        assert!(spoils.order_up_to < keeps.order_up_to);
        // One period of life: the newsvendor of margin 4 against a loss of 6, so below the mean.
        assert!((spoils.order_up_to - demand.quantile(4.0 / 10.01)).abs() <= 1.0, "{spoils:?}");
    }

    #[test]
    fn a_service_level_lifts_the_order_and_never_lowers_it() {
        let demand = Demand { mean: 20.0, dispersion: 2.0 };
        let at =
            |level| levels(demand, &terms(1.0, 1.0, 1, 0), &CoverRules { service_level_min: level, ..EVERY_PERIOD });
        assert_eq!(at(Some(0.98)).order_up_to, demand.quantile(0.98));
        assert_eq!(at(Some(0.1)).order_up_to, at(None).order_up_to);
    }

    #[test]
    fn where_the_next_order_may_be_late_the_demand_until_then_is_there_if_that_pays() {
        let cover = Demand { mean: 10.0, dispersion: 1.0 };
        let late = Some((0.05, Demand { mean: 40.0, dispersion: 1.0 }));
        let at = |holding| levels(cover, &terms(4.0, holding, 1, 0), &CoverRules { late, ..EVERY_PERIOD }).order_up_to;
        // Holding costs 1 % of a sale: less than the 5 % of cases in which the piece is wanted. At 10 % it costs more.
        assert!(at(0.04) > 35.0, "{}", at(0.04));
        assert!(at(0.4) < 18.0, "{}", at(0.4));
    }

    #[test]
    fn what_an_offer_leaves_above_normal_cover_is_ordered_less() {
        let cover = Demand { mean: 40.0, dispersion: 4.0 };
        let at = |left| levels(cover, &terms(4.0, 0.02, 1, 0), &CoverRules { left, ..EVERY_PERIOD }).order_up_to;
        let (free, none_left) = (at(None), at(Some((0.0, 4.0))));
        // Nothing may be left: the newsvendor of a margin of 4 against a loss of 4.02.
        assert!((none_left - cover.quantile(4.0 / 8.02)).abs() <= 1.0, "{none_left}");
        assert!(none_left < at(Some((10.0, 4.0))) && at(Some((10.0, 4.0))) < free);
        assert_eq!(at(Some((200.0, 4.0))), free);
        let served = CoverRules { left: Some((0.0, 4.0)), service_level_min: Some(0.98), ..EVERY_PERIOD };
        assert_eq!(levels(cover, &terms(4.0, 0.02, 1, 0), &served).order_up_to, cover.quantile(0.98));
    }

    #[test]
    fn nothing_is_ordered_where_a_sale_earns_nothing() {
        let demand = Demand { mean: 20.0, dispersion: 2.0 };
        assert_eq!(order_quantity(demand, 0.0, &terms(0.0, 1.0, 1, 0), &EVERY_PERIOD).0, 0);
    }

    #[test]
    fn a_large_minimum_is_met_when_the_shelf_would_stand_empty() {
        // One piece a period at a margin of 5, held for 0.2: forty pieces cost 4 a period on average, an empty shelf 5.
        let demand = Demand { mean: 1.0, dispersion: 1.0 };
        assert_eq!(order_quantity(demand, 0.0, &terms(5.0, 0.2, 1, 40), &EVERY_PERIOD).0, 40);
        assert_eq!(order_quantity(demand, 0.0, &terms(3.0, 0.2, 1, 40), &EVERY_PERIOD).0, 0);
    }

    proptest! {
        #[test]
        fn no_order_lifts_the_stock_above_its_room(
            mean in 0.1f64..200.0, position in 0i64..300, case_pack in 1i64..30, minimum in 0i64..60, room in 0i64..250,
        ) {
            let terms = CellTerms { maximum_stock: Some(room), ..terms(5.0, 0.1, case_pack, minimum) };
            let quantity = order_quantity(Demand { mean, dispersion: 2.0 }, position as f64, &terms, &EVERY_PERIOD).0;
            prop_assert!(quantity == 0 || position + quantity <= room, "{quantity}");
        }

        #[test]
        fn orders_are_whole_cases_and_at_least_the_minimum(
            mean in 0.0f64..200.0, phi in 1.0f64..8.0, position in 0.0f64..300.0, margin in 0.0f64..9.0,
            holding in 0.0f64..3.0, case_pack in 1i64..30, minimum in 0i64..90, life in proptest::option::of(1.0f64..9.0),
        ) {
            let cover = Demand { mean, dispersion: phi };
            let rules = CoverRules { life: life.map(|n| Demand { mean: mean * n, ..cover }), ..EVERY_PERIOD };
            let quantity = order_quantity(cover, position, &terms(margin, holding, case_pack, minimum), &rules).0;
            prop_assert!(quantity >= 0);
            prop_assert_eq!(quantity % case_pack, 0);
            prop_assert!(quantity == 0 || quantity >= minimum);
        }

        #[test]
        fn orders_at_many_positions_are_those_at_each(
            mean in 0.1f64..200.0, shift in -40.0f64..40.0, case_pack in 1i64..4, minimum in 0i64..20,
            most in proptest::option::of(0i64..60),
        ) {
            let rule = OrderRule::new(Demand { mean, dispersion: 2.0 }, &terms(4.0, 0.5, case_pack, minimum), &EVERY_PERIOD);
            let rule = OrderRule { most, ..rule.shifted(shift) };
            let positions: Vec<i64> = (0..400).collect();
            let each: Vec<i64> = positions.iter().map(|&position| rule.order(position as f64)).collect();
            prop_assert_eq!(rule.orders(&positions), each);
        }

        #[test]
        fn more_on_hand_never_orders_more(
            mean in 0.1f64..200.0, phi in 1.0f64..8.0, position in 0.0f64..300.0, more in 0.0f64..40.0,
            case_pack in 1i64..30,
        ) {
            let (cover, terms) = (Demand { mean, dispersion: phi }, terms(4.0, 0.5, case_pack, 0));
            let order = |position: f64| order_quantity(cover, position, &terms, &EVERY_PERIOD).0;
            prop_assert!(order(position + more) <= order(position));
        }
    }
}
