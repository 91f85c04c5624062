//! What one offer is worth against running none: the full profit and loss, part by part, the page formula, and what it
//! brings in revenue, pieces and stock sold.
//!
//! Baseline b, lift ratio r = exp(log lift), depth d, list price p, margin m, sums over the region's stores:
//!
//! | part | minor units |
//! | --- | --- |
//! | discount on baseline | −d p b |
//! | lift | (m − d p) b (r − 1) |
//! | vendor funding | share · d p · promoted sales |
//! | cannibalised | −Σ_j m_j b_j (1 − exp(ε_ji ln(1 − d))), j the group's other items in the region, ε_ji their elasticity to this item's price: its own effect where it has one, else its weight in the price index of the rest times the effect of the rest |
//! | pulled forward | −Σ_k m b_{t+k} (1 − exp(δ c^{k−1} log r)), δ the dip, c its carry, also past the horizon |
//! | halo, taken elsewhere | see `outlets` |
//! | leftover avoided | (cost − salvage) · pieces cleared, of items that are not ordered again |
//! | wear-out | see `wear` |
//! | supply | what limited stock and the cost of stock make different |
//! | fixed | −fixed cost, for promotions |
//!
//! Each part is rounded to whole minor units, half to even, and the total is their sum. The page formula keeps the lift
//! and the cannibalised part only. Two offers of one group in the same region and period are valued each as if alone:
//! what they do to each other is of second order (a product of two log effects, of the sign of `(m − d p) r − m`, so
//! that it can also be a gain) and no pair penalty is charged for it.

use crate::cells::Line;
use crate::outlets::{Moved, Outlet};
use crate::shelf::{Ordered, ShelfTerms, shelf};
use crate::wear::wear_out;
use endcap_model::{Depth, LiftModel, Objective, OfferKind, Outcomes, ProfitAndLoss, Scenario};
use std::cell::OnceCell;

/// What an offer is worth and what it uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Worth {
    pub pnl: ProfitAndLoss,
    /// Value under the page formula.
    pub page: i64,
    pub outcomes: Outcomes,
    /// Money it takes from the budget, in the objective's sense.
    pub budget: i64,
    /// Money given away: discount on all promoted units and fixed cost, less vendor money.
    pub spend: i64,
    /// Extra pieces that supply must carry.
    pub extra: i64,
    /// Pieces beyond the baseline that it takes from stock in the period.
    pub stock: i64,
    /// Own pieces sold more by the end, what is lost before and after it taken off.
    pub own_extra: i64,
    pub baseline_units: f64,
    pub promoted_units: f64,
    /// Expected share of the region's stores that run out.
    pub stockout: f64,
}

/// One of the group's other items in stores of the region that sell both, as an offer of one item touches it.
#[derive(Clone, Debug)]
pub(crate) struct Substitute {
    /// Baseline units by period.
    pub baseline: Vec<f64>,
    pub margin: f64,
    pub list_price: f64,
    /// Log units per log of this item's price ratio.
    pub elasticity: f64,
}

/// An offer of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut {
    pub period: usize,
    pub depth: Depth,
    pub kind: OfferKind,
    /// Whether the vendor pays its share.
    pub funded: bool,
}

/// Values offers of one line.
pub(crate) struct Valuer<'a> {
    pub line: &'a Line<'a>,
    pub substitutes: Vec<Substitute>,
    pub outlets: Vec<Outlet>,
    pub scenario: &'a Scenario,
    pub lift: &'a LiftModel,
    pub season: Option<usize>,
    pub fixed_cost: i64,
    /// What periods that are ordered for are without an offer, by store and period, once it was needed.
    pub without: Vec<Vec<OnceCell<Ordered>>>,
}

/// Promoted sales, and what supply changes against selling all demand at no cost of stock.
#[derive(Clone, Copy, Debug, Default)]
struct Sold {
    promoted: f64,
    plain: f64,
    later_loss: f64,
    change: f64,
    wasted: f64,
    written_down: f64,
    stockout: f64,
}

impl Sold {
    /// Own pieces more than without the offer, before later periods.
    fn extra(&self) -> f64 {
        self.promoted - self.plain - self.later_loss
    }
}

impl Valuer<'_> {
    /// Values an offer; `shift` moves the log lift by so many standard errors.
    pub fn worth(&self, cut: Cut, shift: f64) -> Worth {
        let Cut { period, depth, .. } = cut;
        let (log_lift, error) = self.line.log_lift(depth);
        let log_lift = log_lift + shift * error;
        let ratio = log_lift.exp();
        let margin = self.line.margin();
        let discount = self.line.item.list_price as f64 * depth.share();
        let baseline = self.line.baseline(period, self.season);
        let lift_units = baseline * (ratio - 1.0);
        let sold = self.supply(period, ratio, discount);
        let lost = self.cannibalised(period, depth);
        let pulled = self.pulled_forward(period, log_lift);
        let moved = self.moved(period, sold.promoted - baseline);
        let own_extra = (sold.extra() + pulled).max(0.0);
        let cleared = if self.line.run_out.is_some() { own_extra } else { 0.0 };
        let later_discount = if cut.kind == OfferKind::Markdown { discount } else { 0.0 };
        let vendor = if cut.funded { self.line.funding.share * discount * sold.promoted } else { 0.0 };
        let pnl = ProfitAndLoss {
            discount_on_baseline: -round(discount * baseline),
            lift: round((margin - discount) * lift_units),
            cannibalised: round(lost.margin),
            pulled_forward: round((margin - later_discount) * pulled),
            vendor_funding: round(vendor),
            supply: round(sold.change),
            fixed: if cut.kind == OfferKind::Promotion { -self.fixed_cost } else { 0 },
            halo: round(moved.gained),
            taken_elsewhere: round(moved.lost),
            leftover_avoided: round(cleared * self.stranded_cost()),
            wear_out: round(wear_out(&self.scenario.wear_out, self.line, period, depth, self.season)),
            changes: 0,
        };
        let spend = (round(discount * sold.promoted) - pnl.fixed - pnl.vendor_funding).max(0);
        let budget = match self.scenario.objective {
            Objective::Full => spend,
            Objective::Page => round(discount * lift_units),
        };
        let list = self.line.item.list_price as f64;
        let revenue = (list - discount) * sold.promoted - list * (sold.plain + sold.later_loss)
            + (list - later_discount) * pulled
            + lost.revenue
            + moved.revenue;
        let outcomes = Outcomes {
            profit: pnl.total(),
            revenue: round(revenue),
            pieces: sold.extra() + pulled + lost.pieces + moved.pieces,
            cleared: cleared.floor() as i64,
            cleared_value: round(list * cleared.floor()),
            wasted: round(sold.wasted),
            written_down: round(sold.written_down),
            sell_through: None,
        };
        Worth {
            pnl,
            page: pnl.lift + pnl.cannibalised,
            outcomes,
            budget: budget.max(0),
            spend,
            extra: (sold.promoted - baseline).max(0.0).ceil() as i64,
            stock: (sold.promoted - sold.plain).max(0.0).ceil() as i64,
            own_extra: own_extra.floor() as i64,
            baseline_units: baseline,
            promoted_units: sold.promoted,
            stockout: sold.stockout,
        }
    }

    /// What a piece left at the end cost beyond what it still brings; 0 for items that are ordered again.
    fn stranded_cost(&self) -> f64 {
        self.line.run_out.map_or(0.0, |terms| self.line.item.unit_cost as f64 * (1.0 - terms.salvage_share))
    }

    fn supply(&self, period: usize, ratio: f64, discount: f64) -> Sold {
        let terms = ShelfTerms::of(self.line, self.scenario);
        let margin = self.line.margin();
        let mut all = Sold::default();
        for (cell, without) in self.line.stores.iter().zip(&self.without) {
            let shelf = shelf(cell, period, ratio, (margin, margin - discount), &terms, &without[period]);
            let base = cell.baseline[period];
            let sold = (margin - discount) * shelf.promoted_sales - margin * shelf.plain_sales;
            let wanted = (margin - discount) * base * ratio - margin * base;
            all.promoted += shelf.promoted_sales;
            all.plain += shelf.plain_sales;
            all.later_loss += shelf.later_loss;
            all.change += sold - wanted - margin * shelf.later_loss - shelf.extra_cost;
            all.wasted += shelf.extra_waste;
            all.written_down += shelf.written_down;
            all.stockout += shelf.stockout / self.line.stores.len() as f64;
        }
        all
    }

    fn cannibalised(&self, period: usize, depth: Depth) -> Lost {
        let log_price = depth.price_ratio().ln();
        let mut lost = Lost::default();
        for other in &self.substitutes {
            let share = (other.elasticity * log_price).exp_m1();
            lost.pieces += other.baseline[period] * share;
            lost.margin += other.margin * other.baseline[period] * share;
            lost.revenue += other.list_price * other.baseline[period] * share;
        }
        lost
    }

    /// Pieces lost in later periods, until the household stock is down to a hundredth. A dip above 0 (sales that outlast
    /// the promotion) is not credited: an item's own momentum is easily taken for it.
    fn pulled_forward(&self, period: usize, log_lift: f64) -> f64 {
        let carry = self.lift.dip_carry.clamp(0.0, 0.99);
        let mut stock = log_lift;
        let mut lost = 0.0;
        let mut later = period + 1;
        while stock.abs() > 0.01 * log_lift.abs() && stock != 0.0 {
            let effect = (self.line.response.dip.mean.min(0.0) * stock).exp_m1();
            lost += self.line.baseline(later, self.season) * effect;
            stock *= carry;
            later += 1;
        }
        lost
    }

    fn moved(&self, period: usize, extra: f64) -> Moved {
        let mut all = Moved::default();
        for outlet in &self.outlets {
            let moved = outlet.moved(period, extra.max(0.0), self.season);
            all.pieces += moved.pieces;
            all.gained += moved.gained;
            all.lost += moved.lost;
            all.revenue += moved.revenue;
        }
        all
    }
}

/// What substitutes lose; 0 or less.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    pieces: f64,
    margin: f64,
    revenue: f64,
}

fn round(value: f64) -> i64 {
    value.round_ties_even() as i64
}
