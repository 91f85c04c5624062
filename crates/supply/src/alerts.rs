//! Alerts: cells that people should look at, with what is at stake, how sure and how urgent it is, what to do, and who
//! has to look.
//!
//! Run-out dates are those without any further order, so that an alert says what an order has to prevent; what is at
//! stake is taken from the projection, which has the orders. What the plan already remedies is done without asking,
//! unless much is at stake; what no order can remedy is an exception. Never proposes an offer; an overstock alert says
//! how many pieces one would have to move.

use crate::cells::{Cell, period_of};
use crate::limited::stockout_probability;
use crate::odd::remedy;
use crate::{OrderAdvice, SupplySettings};
use endcap_model::{Period, Place, ProjectionRow, Sku, Span};
use serde::Serialize;

/// A run-out is likely from this probability on.
const LIKELY: f64 = 0.5;
/// Stock is too much when demand reaches it with less than this probability within the horizon.
const UNLIKELY: f64 = 0.05;
/// A supplier is a risk from this probability of a late or cut delivery on.
const SHAKY: f64 = 0.1;
/// Fewer expected pieces than this are not worth a person's time.
const PIECES_MIN: f64 = 1.0;

/// What is wrong with the stock of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// It runs out before an order of now can arrive: only a transfer or an expedited delivery helps.
    RunsOutBeforeAnyOrder,
    /// It runs out in the cover of the order of now: the order must not be missed.
    RunsOutWithoutThisOrder,
    /// What is on hand and under way lies below the safety stock.
    BelowSafetyStock,
    /// It runs out where the supplier is late or short.
    SupplierRisk,
    /// More than the horizon is likely to sell: a case for a promotion, a markdown or a transfer.
    Overstock,
    /// Pieces are expected to pass their shelf life: reprice or move them.
    Expiry,
    /// The last period sold far more than was to be expected.
    SalesAboveForecast,
    /// The last period sold far less than was to be expected.
    SalesBelowForecast,
    /// It stopped selling although the books say that it is there.
    PhantomStock,
}

/// How soon something must be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Now: an ordinary order comes too late, or must go out today.
    Now,
    /// Before the next order.
    Soon,
    /// Within the horizon.
    Later,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take what the plan moves or expedites.
    FollowPlan,
    /// Place the order of the plan.
    PlaceOrder,
    /// Find pieces elsewhere: no order of the plan comes in time or in full.
    FindPieces,
    /// Ask for another supplier or an earlier date.
    SecureSupply,
    /// Sell more of it: promote, mark down or move.
    SellOrMove,
    /// Lower its price or move it before it spoils.
    RepriceOrMove,
    /// Find out why before orders answer to it.
    CheckCause,
    /// Count the shelf and correct the books.
    CountStock,
}

/// Who has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// Nobody: the plan remedies it.
    Auto,
    /// A planner confirms.
    Review,
    /// A person must find a way that the plan does not have.
    Exception,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// The item.
    pub sku: Sku,
    /// The place.
    pub place: Place,
    /// What is wrong.
    pub kind: AlertKind,
    /// When: the run-out, the first waste, or the end of the horizon.
    pub period: Period,
    /// Expected pieces lost, wasted or too many over the horizon.
    pub units: f64,
    /// What they cost, in minor units.
    pub value: f64,
    /// Probability that it comes so where nothing is done.
    pub confidence: f64,
    /// How soon something must be done.
    pub urgency: Urgency,
    /// What to do.
    pub action: Action,
    /// Who has to look.
    pub handling: Handling,
}

/// One cell with what the plan does for it.
#[derive(Clone, Copy)]
pub(crate) struct Looked<'a> {
    pub cell: &'a Cell<'a>,
    pub rows: &'a [ProjectionRow],
    /// The order of now; nothing where there is no review now.
    pub advice: Option<&'a OrderAdvice>,
    /// Whether pieces are moved or expedited to it.
    pub helped: bool,
    pub span: Span,
    pub settings: &'a SupplySettings,
}

/// Alerts of one cell from its stock before any order and its projected rows.
pub(crate) fn alerts_of(looked: Looked) -> Vec<Alert> {
    let run_out = looked.run_out();
    let shortage = run_out.or_else(|| looked.below_safety_stock()).or_else(|| looked.supplier_risk());
    [shortage, looked.overstock(), looked.expiry()].into_iter().flatten().collect()
}

impl Looked<'_> {
    fn alert(&self, kind: AlertKind, at: usize, units: f64, (cost, confidence): (f64, f64)) -> Alert {
        let value = units * cost.max(0.0);
        let urgency = self.urgency(kind, at);
        let (action, handling) = self.remedy(kind, value, urgency);
        let (sku, place) = (self.cell.terms.sku.clone(), self.cell.terms.place.clone());
        Alert {
            sku,
            place,
            kind,
            period: period_of(self.span, at),
            units,
            value,
            confidence,
            urgency,
            action,
            handling,
        }
    }

    fn urgency(&self, kind: AlertKind, at: usize) -> Urgency {
        let ordered_now = matches!(kind, AlertKind::RunsOutBeforeAnyOrder | AlertKind::RunsOutWithoutThisOrder);
        if ordered_now || kind == AlertKind::Expiry && at < self.settings.review_periods {
            Urgency::Now
        } else if at < self.cover() {
            Urgency::Soon
        } else {
            Urgency::Later
        }
    }

    fn remedy(&self, kind: AlertKind, value: f64, urgency: Urgency) -> (Action, Handling) {
        let much = self.settings.review_value.is_some_and(|limit| value > limit);
        let unless_much = if much { Handling::Review } else { Handling::Auto };
        let ordered = self.advice.is_some_and(|advice| advice.quantity.0 > 0);
        let cut = self.advice.is_some_and(|advice| advice.quantity < advice.wished);
        match kind {
            AlertKind::RunsOutBeforeAnyOrder if self.helped => (Action::FollowPlan, Handling::Review),
            AlertKind::RunsOutBeforeAnyOrder => (Action::FindPieces, Handling::Exception),
            _ if cut && kind < AlertKind::Overstock => (Action::FindPieces, Handling::Exception),
            AlertKind::RunsOutWithoutThisOrder | AlertKind::BelowSafetyStock if ordered => {
                (Action::PlaceOrder, unless_much)
            }
            AlertKind::RunsOutWithoutThisOrder | AlertKind::BelowSafetyStock => (Action::FindPieces, Handling::Review),
            AlertKind::SupplierRisk => (Action::SecureSupply, Handling::Review),
            AlertKind::Overstock => (Action::SellOrMove, unless_much),
            AlertKind::Expiry if urgency == Urgency::Now => (Action::RepriceOrMove, Handling::Exception),
            AlertKind::Expiry => (Action::RepriceOrMove, Handling::Review),
            AlertKind::SalesAboveForecast | AlertKind::SalesBelowForecast | AlertKind::PhantomStock => remedy(kind),
        }
    }

    fn cover(&self) -> usize {
        (self.lead_time() + self.settings.review_periods - 1).min(self.cell.demand.len())
    }

    fn lead_time(&self) -> usize {
        self.cell.lead_time
    }

    fn lost(&self) -> f64 {
        self.rows.iter().map(|row| row.lost).sum()
    }

    /// Run-out, up to the end of the cover of an order of now, that is likely without one.
    fn run_out(&self) -> Option<Alert> {
        let probability = self.probabilities();
        let at = probability.iter().position(|&probability| probability >= LIKELY)?;
        let kind = if at + 1 < self.lead_time() {
            AlertKind::RunsOutBeforeAnyOrder
        } else {
            AlertKind::RunsOutWithoutThisOrder
        };
        Some(self.alert(kind, at, self.lost(), (self.cell.terms.underage_cost(), probability[at])))
    }

    /// Probability, by period of the cover, that demand so far exceeds what is there without an order.
    fn probabilities(&self) -> Vec<f64> {
        let mut available = self.cell.on_hand as f64;
        let by_period = |period: usize| {
            available += self.cell.arrivals[period] as f64;
            stockout_probability(self.cell.demand_over(0..period + 1, self.settings.persistence), available)
        };
        (0..self.cover()).map(by_period).collect()
    }

    fn below_safety_stock(&self) -> Option<Alert> {
        let advice = self.advice.filter(|advice| advice.position < advice.safety_stock)?;
        let confidence = self.probabilities().last().copied()?;
        let missing = advice.safety_stock - advice.position;
        let underage = self.cell.terms.underage_cost();
        let kind = AlertKind::BelowSafetyStock;
        Some(self.alert(kind, self.cover() - 1, missing * confidence, (underage, confidence)))
    }

    fn supplier_risk(&self) -> Option<Alert> {
        let reliability = self.settings.reliability_of(self.cell.terms);
        let late: f64 = reliability.late.iter().sum();
        let fails = late + reliability.cut_probability - late * reliability.cut_probability;
        let worst = self.rows.iter().enumerate().take(self.cover() + 1);
        let (at, row) = worst.max_by(|a, b| a.1.stockout_probability.total_cmp(&b.1.stockout_probability))?;
        let counts = fails >= SHAKY && row.stockout_probability >= SHAKY && self.lost() >= PIECES_MIN;
        let cost = (self.cell.terms.underage_cost(), row.stockout_probability);
        counts.then(|| self.alert(AlertKind::SupplierRisk, at, self.lost(), cost))
    }

    fn overstock(&self) -> Option<Alert> {
        let cell = self.cell;
        let demand = cell.demand_over(0..cell.demand.len(), self.settings.persistence);
        let stock = (cell.on_hand + cell.arrivals.iter().sum::<i64>()) as f64;
        let reached = stockout_probability(demand, stock);
        let surplus = stock - demand.quantile(1.0 - UNLIKELY);
        let counts = reached < UNLIKELY && surplus >= PIECES_MIN;
        let end = cell.demand.len() - 1;
        counts.then(|| self.alert(AlertKind::Overstock, end, surplus, (cell.terms.unit_cost, 1.0 - reached)))
    }

    fn expiry(&self) -> Option<Alert> {
        let waste: f64 = self.rows.iter().map(|row| row.waste).sum();
        let first = self.rows.iter().position(|row| row.waste > 0.0)?;
        let life = self.cell.terms.shelf_life?.min(self.cell.demand.len());
        let stays = self.cell.demand_over(0..life, self.settings.persistence);
        let confidence = 1.0 - stockout_probability(stays, self.cell.on_hand as f64);
        let cost = (self.cell.terms.waste_loss(), confidence);
        (waste >= PIECES_MIN).then(|| self.alert(AlertKind::Expiry, first, waste, cost))
    }
}

impl std::fmt::Display for AlertKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::RunsOutBeforeAnyOrder => "runs out before any order can arrive",
            Self::RunsOutWithoutThisOrder => "runs out without this order",
            Self::BelowSafetyStock => "below its safety stock",
            Self::SupplierRisk => "runs out if the supplier is late or short",
            Self::Overstock => "more than the horizon sells",
            Self::Expiry => "will pass its shelf life",
            Self::SalesAboveForecast => "sold far more than expected",
            Self::SalesBelowForecast => "sold far less than expected",
            Self::PhantomStock => "sells nothing though in stock by the books",
        })
    }
}

impl std::fmt::Display for Handling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Review => "review",
            Self::Exception => "exception",
        })
    }
}
