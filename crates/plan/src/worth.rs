//! What one offer is worth against running none: the full profit and loss, part by part, and the page formula.
//!
//! Baseline b, lift ratio r = exp(log lift), depth d, list price p, margin m, sums over the region's stores:
//!
//! | part | minor units |
//! | --- | --- |
//! | discount on baseline | −d p b |
//! | lift | (m − d p) b (r − 1) |
//! | vendor funding | share · d p · promoted sales |
//! | cannibalised | −Σ_j m_j b_j (1 − exp(ε_j s_i ln(1 − d))), j the group's other items in the region, ε_j their cross elasticity, s_i this item's weight in the price index that they see in a store |
//! | pulled forward | −Σ_k m b_{t+k} (1 − exp(δ c^{k−1} log r)), δ the dip, c its carry, also past the horizon |
//! | supply | what limited stock and the cost of stock make different |
//! | fixed | −fixed cost |
//!
//! Each part is rounded to whole minor units, half to even, and the total is their sum. The page formula keeps the lift
//! and the cannibalised part only. Two offers of one group in the same region and period are valued each as if alone:
//! what they do to each other is of second order (a product of two log effects, of the sign of `(m − d p) r − m`, so
//! that it can also be a gain) and no pair penalty is charged for it.

use crate::cells::Line;
use crate::shelf::{ShelfTerms, shelf};
use endcap_model::{Depth, LiftModel, Objective, ProfitAndLoss, Scenario};

/// What an offer is worth and what it uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Worth {
    pub pnl: ProfitAndLoss,
    /// Value under the page formula.
    pub page: i64,
    /// Money it takes from the budget, in the objective's sense.
    pub budget: i64,
    /// Money given away: discount on all promoted units and fixed cost, less vendor money.
    pub spend: i64,
    /// Extra pieces that supply must carry.
    pub extra: i64,
    pub baseline_units: f64,
    pub promoted_units: f64,
}

impl Worth {
    /// Value in the objective that is maximised.
    pub fn value(&self, objective: Objective) -> i64 {
        match objective {
            Objective::Full => self.pnl.total(),
            Objective::Page => self.page,
        }
    }
}

/// One of the group's other items in stores of the region that sell both, as an offer of one item touches it.
#[derive(Clone, Debug)]
pub(crate) struct Substitute {
    /// Baseline units by period.
    pub baseline: Vec<f64>,
    pub margin: f64,
    /// Log units per log of this item's price ratio.
    pub elasticity: f64,
}

/// Values offers of one line.
pub(crate) struct Valuer<'a> {
    pub line: &'a Line<'a>,
    pub substitutes: &'a [Substitute],
    pub scenario: &'a Scenario,
    pub lift: &'a LiftModel,
    pub season: Option<usize>,
    pub fixed_cost: i64,
}

impl Valuer<'_> {
    /// Values an offer; `shift` moves the log lift by so many standard errors.
    pub fn worth(&self, period: usize, depth: Depth, shift: f64) -> Worth {
        let (log_lift, error) = self.line.response.log_lift(depth, 0.0, 0.0);
        let log_lift = log_lift + shift * error;
        let ratio = log_lift.exp();
        let margin = self.line.margin();
        let discount = self.line.item.list_price as f64 * depth.share();
        let baseline = self.line.baseline(period, self.season);
        let lift_units = baseline * (ratio - 1.0);
        let (promoted, supply) = self.supply(period, ratio, discount);
        let vendor = self.scenario.items.vendor_funding_share * discount * promoted;
        let round = |value: f64| value.round_ties_even() as i64;
        let pnl = ProfitAndLoss {
            discount_on_baseline: -round(discount * baseline),
            lift: round((margin - discount) * lift_units),
            cannibalised: round(self.cannibalised(period, depth)),
            pulled_forward: round(self.pulled_forward(period, log_lift)),
            vendor_funding: round(vendor),
            supply: round(supply),
            fixed: -self.fixed_cost,
        };
        let spend = (round(discount * promoted) + self.fixed_cost - pnl.vendor_funding).max(0);
        let budget = match self.scenario.objective {
            Objective::Full => spend,
            Objective::Page => round(discount * lift_units),
        };
        Worth {
            pnl,
            page: pnl.lift + pnl.cannibalised,
            budget: budget.max(0),
            spend,
            extra: (promoted - baseline).max(0.0).ceil() as i64,
            baseline_units: baseline,
            promoted_units: promoted,
        }
    }

    /// Promoted sales, and what supply changes against selling all demand at no cost of stock.
    fn supply(&self, period: usize, ratio: f64, discount: f64) -> (f64, f64) {
        let terms = ShelfTerms::of(self.line, &self.scenario.supply);
        let margin = self.line.margin();
        let (mut promoted, mut change) = (0.0, 0.0);
        for cell in &self.line.stores {
            let shelf = shelf(cell, period, ratio, (margin, margin - discount), &terms);
            let base = cell.baseline[period];
            let sold = (margin - discount) * shelf.promoted_sales - margin * shelf.plain_sales;
            let wanted = (margin - discount) * base * ratio - margin * base;
            promoted += shelf.promoted_sales;
            change += sold - wanted - margin * shelf.later_loss - shelf.extra_cost;
        }
        (promoted, change)
    }

    fn cannibalised(&self, period: usize, depth: Depth) -> f64 {
        let log_price = depth.price_ratio().ln();
        let lost = |other: &Substitute| other.margin * other.baseline[period] * (other.elasticity * log_price).exp_m1();
        self.substitutes.iter().map(lost).sum()
    }

    /// Margin lost in later periods, until the household stock is down to a hundredth. A dip above 0 (sales that outlast
    /// the promotion) is not credited: an item's own momentum is easily taken for it.
    fn pulled_forward(&self, period: usize, log_lift: f64) -> f64 {
        let carry = self.lift.dip_carry.clamp(0.0, 0.99);
        let mut stock = log_lift;
        let mut lost = 0.0;
        let mut later = period + 1;
        while stock.abs() > 0.01 * log_lift.abs() && stock != 0.0 {
            let effect = (self.line.response.dip.mean.min(0.0) * stock).exp_m1();
            lost += self.line.margin() * self.line.baseline(later, self.season) * effect;
            stock *= carry;
            later += 1;
        }
        lost
    }
}
