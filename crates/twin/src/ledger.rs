//! The books of one run: everything counted in whole pieces and minor units, rounded once at the end.

use crate::{Costs, RunState};
use endcap_model::Outcome;

/// Sums over cells and periods. Money in 128 bits, so that no world can overflow them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    revenue: i128,
    cost_of_sold: i128,
    discount: i128,
    promo_revenue: i128,
    /// Unit cost of the pieces held at the end of each period.
    held: i128,
    /// Unit cost of the pieces thrown away.
    wasted: i128,
    /// Unit cost of the pieces that were left above normal cover when their offer ended.
    left_over: i128,
    /// Unit cost of the pieces that were asked for faster.
    expedited: i128,
    sold: i64,
    sold_promoted: i64,
    lost: i64,
    waste: i64,
    moved: i64,
    supplied: i64,
    /// Items on promotion, by region and period.
    offers: i64,
    periods: i64,
    cells: i64,
    cells_short: i64,
    promoted: i64,
    promoted_short: i64,
    in_time: i64,
    in_time_short: i64,
    errors: Errors,
    runs: Runs,
}

/// Sums of a policy's forecast errors for what it promoted.
#[derive(Clone, Debug, Default, PartialEq)]
struct Errors {
    by_place: f64,
    by_item: f64,
    wanted: f64,
}

/// Sums of the state of the size runs.
#[derive(Clone, Debug, Default, PartialEq)]
struct Runs {
    periods: f64,
    core_coverage: f64,
    fragmentation: f64,
}

/// What happened to the pieces of one cell in one period.
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
}

/// Prices of one cell in one period, minor units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellPrices {
    pub list_price: i64,
    pub paid: i64,
    pub unit_cost: i64,
    pub promoted: bool,
    /// Whether an order of the world's first moment could have come in time.
    pub in_time: bool,
}

impl CellBooks {
    /// Returns whether every piece is accounted for.
    pub(crate) fn balance(&self) -> bool {
        self.opening + self.moved + self.arrivals == self.sold + self.waste + self.closing && self.closing >= 0
    }
}

impl Ledger {
    /// Enters the pieces that the world begins with.
    pub(crate) fn open(&mut self, pieces: i64) {
        self.supplied += pieces;
    }

    /// Enters a cell's period.
    #[inline]
    pub(crate) fn enter(&mut self, books: &CellBooks, prices: CellPrices) {
        assert!(books.balance(), "Invariant: pieces neither appear nor vanish: {books:?}");
        let (sold, unit_cost) = (i128::from(books.sold), i128::from(prices.unit_cost));
        let revenue = sold * i128::from(prices.paid);
        self.revenue += revenue;
        self.cost_of_sold += sold * unit_cost;
        self.held += i128::from(books.closing) * unit_cost;
        self.wasted += i128::from(books.waste) * unit_cost;
        self.sold += books.sold;
        self.lost += books.wanted - books.sold;
        self.waste += books.waste;
        self.supplied += books.arrivals;
        let short = i64::from(books.wanted > books.sold);
        self.cells += 1;
        self.cells_short += short;
        if prices.promoted {
            self.discount += sold * i128::from(prices.list_price - prices.paid);
            self.promo_revenue += revenue;
            self.sold_promoted += books.sold;
            self.promoted += 1;
            self.promoted_short += short;
            self.in_time += i64::from(prices.in_time);
            self.in_time_short += short * i64::from(prices.in_time);
        }
    }

    /// Enters pieces that were wanted of one item and bought of another.
    pub(crate) fn enter_switched(&mut self, pieces: i64) {
        self.lost -= pieces;
    }

    /// Enters pieces left above normal cover when their offer ended, at cost.
    pub(crate) fn enter_left_over(&mut self, pieces: i64, unit_cost: i64) {
        self.left_over += i128::from(pieces) * i128::from(unit_cost);
    }

    /// Enters pieces asked for faster, at cost.
    pub(crate) fn enter_expedited(&mut self, pieces: i64, unit_cost: i64) {
        self.expedited += i128::from(pieces) * i128::from(unit_cost);
    }

    /// Enters pieces moved between places, and those of them whose time was over on the way.
    pub(crate) fn enter_moved(&mut self, pieces: i64) {
        self.moved += pieces;
    }

    /// Enters a promoted cell's forecast and what was wanted.
    pub(crate) fn enter_forecast(&mut self, expected: f64, wanted: i64) {
        self.errors.by_place += (expected - wanted as f64).abs();
        self.errors.wanted += wanted as f64;
    }

    /// Sum of the errors of forecasts of promoted cells, and of what was wanted there.
    pub(crate) fn forecasts_off(&self) -> [f64; 2] {
        [self.errors.by_place, self.errors.wanted]
    }

    /// Enters the error of an item's forecast over all places that promoted it.
    pub(crate) fn enter_item_forecast(&mut self, error: f64) {
        self.errors.by_item += error.abs();
    }

    /// Enters the state of the size runs at the end of a period.
    pub(crate) fn enter_runs(&mut self, state: RunState) {
        self.runs.periods += 1.0;
        self.runs.core_coverage += state.core_coverage;
        self.runs.fragmentation += state.fragmentation;
    }

    /// Ends a period with these offers, counted by item and region.
    pub(crate) fn end_period(&mut self, offers: i64) {
        self.offers += offers;
        self.periods += 1;
    }

    /// Closes the books over `left` pieces of `left_cost`.
    pub(crate) fn close(&self, costs: &Costs, expedite_rate: f64, left: (i64, i128)) -> Outcome {
        let margin = self.revenue - self.cost_of_sold;
        let funding = share_of(self.discount, costs.vendor_funding_share);
        let holding = share_of(self.held, costs.holding_rate);
        let waste_cost = self.wasted + share_of(self.wasted, costs.waste_rate);
        let fixed = i128::from(self.offers) * i128::from(costs.fixed_cost);
        let write_down = share_of(self.left_over, costs.write_down.map_or(0.0, |terms| terms.rate));
        let expedite_cost = share_of(self.expedited, expedite_rate);
        let transfer_cost = (self.moved as f64 * costs.transfer_cost).round_ties_even() as i128;
        let end_loss = costs.end_value_rate.map_or(0, |rate| share_of(left.1, 1.0 - rate));
        let spent = holding + waste_cost + fixed + write_down + expedite_cost + transfer_cost + end_loss;
        let Errors { by_place, by_item, wanted } = self.errors;
        let error = |sum: f64| (wanted > 0.0).then(|| sum / wanted);
        let run = |sum: f64| (self.runs.periods > 0.0).then(|| sum / self.runs.periods);
        Outcome {
            revenue: minor(self.revenue),
            margin: minor(margin),
            profit: minor(margin + funding - spent),
            discount: minor(self.discount),
            sold: self.sold,
            sold_promoted: self.sold_promoted,
            lost: self.lost,
            waste: self.waste,
            left: left.0,
            stockout_rate: rate(self.cells_short, self.cells, 0.0),
            stockout_rate_promoted: rate(self.promoted_short, self.promoted, 0.0),
            stockout_rate_in_time: (self.in_time > 0).then(|| rate(self.in_time_short, self.in_time, 0.0)),
            fill_rate: rate(self.sold, self.sold + self.lost, 1.0),
            promo_revenue: minor(self.promo_revenue),
            write_down: minor(write_down),
            waste_cost: minor(waste_cost),
            expedite_cost: minor(expedite_cost),
            transfer_cost: minor(transfer_cost),
            moved: self.moved,
            supplied: self.supplied,
            stock_cost: minor(self.held / i128::from(self.periods.max(1))),
            forecast_error_place: error(by_place),
            forecast_error_item: error(by_item),
            core_coverage: run(self.runs.core_coverage),
            fragmentation: run(self.runs.fragmentation),
            ..Outcome::default()
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
    use crate::WriteDown;

    #[test]
    fn profit_is_the_sum_of_its_parts() {
        let mut ledger = Ledger::default();
        let full = CellBooks { opening: 10, arrivals: 5, wanted: 12, sold: 12, waste: 1, closing: 2, moved: 0 };
        let cut = CellBooks { opening: 4, wanted: 6, sold: 4, ..CellBooks::default() };
        let prices = CellPrices { list_price: 200, paid: 200, unit_cost: 120, promoted: false, in_time: true };
        ledger.enter(&full, prices);
        ledger.enter(&cut, CellPrices { paid: 150, promoted: true, ..prices });
        ledger.enter_left_over(3, 120);
        ledger.enter_expedited(10, 120);
        ledger.enter_moved(6);
        ledger.end_period(1);
        let costs = Costs {
            holding_rate: 0.05,
            waste_rate: 0.5,
            fixed_cost: 7,
            vendor_funding_share: 0.25,
            transfer_cost: 2.5,
            write_down: Some(WriteDown { cover_periods: 1.0, rate: 0.5, after_periods: 0 }),
            end_value_rate: Some(0.4),
        };
        let outcome = ledger.close(&costs, 0.1, (2, 240));
        assert_eq!(outcome.revenue, 12 * 200 + 4 * 150);
        assert_eq!(outcome.margin, outcome.revenue - 16 * 120);
        assert_eq!(outcome.discount, 4 * 50);
        let parts = outcome.margin + 50 - 12 - (120 + 60) - 7 - 180 - 120 - 15 - 144;
        assert_eq!(outcome.profit, parts);
        assert_eq!((outcome.write_down, outcome.expedite_cost, outcome.transfer_cost), (180, 120, 15));
        assert_eq!((outcome.sold, outcome.sold_promoted, outcome.lost, outcome.waste), (16, 4, 2, 1));
        assert_eq!((outcome.stockout_rate, outcome.stockout_rate_promoted), (0.5, 1.0));
        assert!((outcome.fill_rate - 16.0 / 18.0).abs() < 1e-12);
    }

    #[test]
    #[should_panic(expected = "Invariant")]
    fn a_piece_from_nowhere_is_not_entered() {
        let prices = CellPrices { list_price: 200, paid: 200, unit_cost: 120, promoted: false, in_time: true };
        Ledger::default().enter(&CellBooks { sold: 1, ..CellBooks::default() }, prices);
    }
}
