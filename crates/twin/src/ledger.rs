//! The books of one run: everything counted in whole pieces and minor units, rounded once at the end.

use crate::Costs;
use endcap_model::Outcome;

/// Sums over cells and periods. Money in 128 bits, so that no world can overflow them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    revenue: i128,
    cost_of_sold: i128,
    discount: i128,
    /// Unit cost of the pieces held at the end of each period.
    held: i128,
    /// Unit cost of the pieces thrown away.
    wasted: i128,
    sold: i64,
    sold_promoted: i64,
    lost: i64,
    waste: i64,
    /// Items on promotion, by region and period.
    offers: i64,
    cells: i64,
    cells_short: i64,
    promoted: i64,
    promoted_short: i64,
}

/// What happened in one cell in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CellBooks {
    pub opening: i64,
    /// Pieces that came by transfer less those that left.
    pub moved: i64,
    pub arrivals: i64,
    pub wanted: i64,
    pub sold: i64,
    pub waste: i64,
    pub closing: i64,
    pub list_price: i64,
    pub paid: i64,
    pub unit_cost: i64,
    pub promoted: bool,
}

impl CellBooks {
    /// Returns whether every piece is accounted for.
    pub(crate) fn balance(&self) -> bool {
        self.opening + self.moved + self.arrivals == self.sold + self.waste + self.closing && self.closing >= 0
    }
}

impl Ledger {
    /// Enters a cell's period.
    pub(crate) fn enter(&mut self, books: &CellBooks) {
        assert!(books.balance(), "Invariant: pieces neither appear nor vanish: {books:?}");
        let sold = i128::from(books.sold);
        self.revenue += sold * i128::from(books.paid);
        self.cost_of_sold += sold * i128::from(books.unit_cost);
        self.discount += sold * i128::from(books.list_price - books.paid);
        self.held += i128::from(books.closing) * i128::from(books.unit_cost);
        self.wasted += i128::from(books.waste) * i128::from(books.unit_cost);
        self.sold += books.sold;
        self.lost += books.wanted - books.sold;
        self.waste += books.waste;
        let short = i64::from(books.wanted > books.sold);
        self.cells += 1;
        self.cells_short += short;
        if books.promoted {
            self.sold_promoted += books.sold;
            self.promoted += 1;
            self.promoted_short += short;
        }
    }

    /// Enters the offers of a period, counted by item and region.
    pub(crate) fn enter_offers(&mut self, offers: i64) {
        self.offers += offers;
    }

    /// Closes the books: profit is margin plus vendor money less holding, waste and fixed cost of offers. Stock that is
    /// left is neither gain nor loss.
    pub(crate) fn close(&self, costs: &Costs, policy: &str, seed: u64, left: i64) -> Outcome {
        let margin = self.revenue - self.cost_of_sold;
        let funding = share_of(self.discount, costs.vendor_funding_share);
        let holding = share_of(self.held, costs.holding_rate);
        let waste_cost = self.wasted + share_of(self.wasted, costs.waste_rate);
        let fixed = i128::from(self.offers) * i128::from(costs.fixed_cost);
        Outcome {
            policy: policy.to_owned(),
            seed,
            revenue: minor(self.revenue),
            margin: minor(margin),
            profit: minor(margin + funding - holding - waste_cost - fixed),
            discount: minor(self.discount),
            sold: self.sold,
            sold_promoted: self.sold_promoted,
            lost: self.lost,
            waste: self.waste,
            left,
            stockout_rate: rate(self.cells_short, self.cells, 0.0),
            stockout_rate_promoted: rate(self.promoted_short, self.promoted, 0.0),
            fill_rate: rate(self.sold, self.sold + self.lost, 1.0),
        }
    }
}

fn share_of(amount: i128, share: f64) -> i128 {
    (amount as f64 * share).round_ties_even() as i128
}

fn minor(amount: i128) -> i64 {
    amount.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

fn rate(part: i64, whole: i64, of_nothing: f64) -> f64 {
    if whole == 0 { of_nothing } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profit_is_the_sum_of_its_parts() {
        let mut ledger = Ledger::default();
        let full = CellBooks {
            opening: 10,
            arrivals: 5,
            wanted: 12,
            sold: 12,
            waste: 1,
            closing: 2,
            list_price: 200,
            paid: 200,
            unit_cost: 120,
            ..CellBooks::default()
        };
        let cut = CellBooks {
            opening: 4,
            wanted: 6,
            sold: 4,
            arrivals: 0,
            waste: 0,
            closing: 0,
            paid: 150,
            promoted: true,
            ..full
        };
        ledger.enter(&full);
        ledger.enter(&cut);
        ledger.enter_offers(1);
        let costs = Costs { holding_rate: 0.05, waste_rate: 0.5, fixed_cost: 7, vendor_funding_share: 0.25 };
        let outcome = ledger.close(&costs, "mine", 3, 2);
        assert_eq!(outcome.revenue, 12 * 200 + 4 * 150);
        assert_eq!(outcome.margin, outcome.revenue - 16 * 120);
        assert_eq!(outcome.discount, 4 * 50);
        let parts = outcome.margin + 50 - 12 - (120 + 60) - 7;
        assert_eq!(outcome.profit, parts);
        assert_eq!((outcome.sold, outcome.sold_promoted, outcome.lost, outcome.waste), (16, 4, 2, 1));
        assert_eq!((outcome.stockout_rate, outcome.stockout_rate_promoted), (0.5, 1.0));
        assert!((outcome.fill_rate - 16.0 / 18.0).abs() < 1e-12);
    }

    #[test]
    #[should_panic(expected = "Invariant")]
    fn a_piece_from_nowhere_is_not_entered() {
        Ledger::default().enter(&CellBooks { sold: 1, ..CellBooks::default() });
    }
}
