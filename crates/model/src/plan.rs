//! Plans: offers and the supply behind them, with value, proven bound, the price of each limit and the reasons.

use crate::{
    AsOf, Calendar, ContentHash, Currency, Depth, Offer, OfferKind, Outcomes, Period, Place, PlanId, Sku, SnapshotId,
    Span, SupplyOrder, Transfer,
};
use serde::{Deserialize, Serialize};

/// A plan. Immutable; a change makes a new plan that names this one as its parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Hash of snapshot, model, scenario, policy and code.
    pub id: PlanId,
    /// The plan that this one changes.
    pub parent: Option<PlanId>,
    /// Version of the objectives that it serves, by hash; nothing where the project has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<ContentHash>,
    /// Facts it was made from.
    pub snapshot: SnapshotId,
    /// When those facts were known.
    pub as_of: AsOf,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Periods that are planned.
    pub span: Span,
    /// Currency of all amounts.
    pub currency: Currency,
    /// What is promoted, sorted.
    pub offers: Vec<Offer>,
    /// What is ordered, sorted.
    pub orders: Vec<SupplyOrder>,
    /// What is moved, sorted.
    pub transfers: Vec<Transfer>,
    /// Why, and how good.
    pub report: PlanReport,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SolveStatus {
    /// No plan can be better.
    Optimal,
    /// Within the gap that was asked for.
    WithinGap,
    /// Feasible, with a true bound; the search ended before the gap was reached.
    Feasible,
}

/// Expected profit and loss against running no promotion, in whole minor units; losses are negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProfitAndLoss {
    /// Discount given on units that would have sold anyway.
    pub discount_on_baseline: i64,
    /// Margin, after discount, of the extra units.
    pub lift: i64,
    /// Margin lost on substitutes.
    pub cannibalised: i64,
    /// Margin lost in later periods.
    pub pulled_forward: i64,
    /// Money that vendors pay.
    pub vendor_funding: i64,
    /// Holding, waste, expedite and what short stock keeps from being sold.
    pub supply: i64,
    /// Media, display and labour for each offer.
    pub fixed: i64,
    /// Margin gained on items of other categories or in other channels.
    #[serde(default)]
    pub halo: i64,
    /// Margin lost on items of other categories or in other channels, now or later: pantry loading, a shift of channel.
    #[serde(default)]
    pub taken_elsewhere: i64,
    /// Cost, above what it still brings, of stock that would else be left at the end of the horizon.
    #[serde(default)]
    pub leftover_avoided: i64,
    /// What the discount costs in the long run: a lower remembered price, a hurt brand.
    #[serde(default)]
    pub wear_out: i64,
    /// What changes to a plan in force cost.
    #[serde(default)]
    pub changes: i64,
}

/// What one more unit of a limit is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LimitPrice {
    /// Name of the limit, such as `budget` or `slots 2024-06-27 city 5`.
    pub limit: String,
    /// How much of it the plan uses.
    pub used: i64,
    /// How much of it there is.
    pub available: i64,
    /// Minor units gained by one more unit of the limit, from the bound's multipliers.
    pub price: f64,
}

/// Why an offer stands or falls: a computed cause, not a narrative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Because {
    /// It is worth more than what it uses costs at the plan's limit prices.
    PaysForItsLimits,
    /// A person locked it.
    Locked,
    /// It would lose money even with every limit free.
    LosesMoney,
    /// It earns, but less than the limits it would use are worth elsewhere.
    LimitsWorthMoreElsewhere,
    /// Another period or depth of the same item is better under its calendar rules.
    OtherChoiceBetter {
        /// The period that is chosen instead.
        #[serde(rename = "instead_period")]
        period: Period,
        /// The depth that is chosen instead.
        #[serde(rename = "instead_depth")]
        depth: Depth,
    },
    /// Stock cannot cover it in time.
    ShortSupply {
        /// What would earn more than nothing instead.
        instead: Option<Instead>,
    },
    /// Missing sizes, not the price, make the style slow there: move stock and rebuild sizes instead.
    SizesMissing {
        /// Share of the style's demand in the region whose size is there.
        covered: f64,
    },
    /// A rule forbids it: floor, blackout or a lock.
    Forbidden {
        /// The rule.
        rule: String,
    },
}

/// What serves where stock cannot cover an offer in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Instead {
    /// The same offer later, when a delivery is there.
    Wait {
        /// When.
        until: Period,
        /// What it would then earn by itself, in minor units.
        value: i64,
    },
    /// The same offer after moving stock that another region does not need before its own next delivery.
    Move {
        /// The region that gives.
        from: Place,
        /// Pieces.
        pieces: i64,
        /// What it would then earn by itself, less the cost of moving, in minor units.
        value: i64,
    },
}

impl Instead {
    /// Returns what it would earn, in minor units.
    pub fn value(&self) -> i64 {
        match self {
            Self::Wait { value, .. } | Self::Move { value, .. } => *value,
        }
    }
}

/// Why a chosen offer was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The offer.
    pub offer: Offer,
    /// Expected units without the offer.
    pub baseline_units: f64,
    /// Expected units sold with it.
    pub promoted_units: f64,
    /// Its share of the plan's profit and loss.
    pub pnl: ProfitAndLoss,
    /// What it adds to the plan's value under its goal, in minor units.
    #[serde(default)]
    pub value: i64,
    /// Whether the list price comes back.
    #[serde(default)]
    pub kind: OfferKind,
    /// Expected share of the region's stores that run out while it runs.
    #[serde(default)]
    pub stockout_probability: f64,
    /// 95 % interval of its value in minor units, from the uncertainty of the lift alone.
    pub total_95: (i64, i64),
    /// Money it takes from the budget, in minor units.
    pub budget_use: i64,
    /// Money given away, in minor units: discount on all promoted units and fixed cost, less vendor money. What policy
    /// judges, whatever the objective counts against the budget.
    pub spend: i64,
    /// Minor units that remain after paying for the limits it uses at their prices.
    pub priced_margin: f64,
    /// Cause.
    #[serde(flatten)]
    pub because: Because,
    /// The next-best depth for the same item and period, with its total; nothing when no other depth is allowed.
    pub next_best: Option<(Depth, i64)>,
}

/// An offer that was not chosen though it came near.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectedOffer {
    /// The item.
    pub sku: Sku,
    /// The store or region.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// The best depth for it.
    pub depth: Depth,
    /// Whether the list price would come back.
    #[serde(default)]
    pub kind: OfferKind,
    /// Its total profit in minor units.
    pub total: i64,
    /// Minor units by which it misses after paying for its limits; 0 or less.
    pub priced_margin: f64,
    /// Cause.
    #[serde(flatten)]
    pub because: Because,
}

/// How good a plan is, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Which profit is maximised: `full` or `page`.
    pub objective: String,
    /// What the plan was to bring: the name of a preset, or weights.
    #[serde(default)]
    pub goal: String,
    /// What it brings, whatever the goal.
    #[serde(default)]
    pub outcomes: Outcomes,
    /// Profit over no promotion, in minor units; under another goal than profit, points of that goal.
    pub value: i64,
    /// No plan under the same limits can earn more than this, in minor units.
    pub bound: i64,
    /// (bound - value) / bound; 0 when the bound is 0.
    pub gap: f64,
    /// How the search ended.
    pub status: SolveStatus,
    /// Profit and loss by cause; its total is `value` in the full objective and the goal of most profit.
    pub pnl: ProfitAndLoss,
    /// Value under the page formula, which charges the discount on the lift only, for comparison.
    pub page_value: i64,
    /// Every limit with its price.
    pub limits: Vec<LimitPrice>,
    /// Every chosen offer, in the plan's order.
    pub offers: Vec<Explanation>,
    /// Best offers that were not chosen, best first.
    pub rejected: Vec<RejectedOffer>,
    /// Value of reference policies under the same limits: name and minor units.
    pub references: Vec<(String, i64)>,
}

impl ProfitAndLoss {
    /// Returns the parts with their names, in the order of the report.
    pub fn parts(&self) -> [(&'static str, i64); 12] {
        [
            ("lift", self.lift),
            ("vendor_funding", self.vendor_funding),
            ("halo", self.halo),
            ("leftover_avoided", self.leftover_avoided),
            ("discount_on_baseline", self.discount_on_baseline),
            ("cannibalised", self.cannibalised),
            ("pulled_forward", self.pulled_forward),
            ("taken_elsewhere", self.taken_elsewhere),
            ("wear_out", self.wear_out),
            ("supply", self.supply),
            ("fixed", self.fixed),
            ("changes", self.changes),
        ]
    }

    /// Returns the sum of all parts.
    pub fn total(&self) -> i64 {
        self.parts().iter().map(|(_, amount)| amount).sum()
    }
}

impl std::iter::Sum for ProfitAndLoss {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |a, b| Self {
            discount_on_baseline: a.discount_on_baseline + b.discount_on_baseline,
            lift: a.lift + b.lift,
            cannibalised: a.cannibalised + b.cannibalised,
            pulled_forward: a.pulled_forward + b.pulled_forward,
            vendor_funding: a.vendor_funding + b.vendor_funding,
            supply: a.supply + b.supply,
            fixed: a.fixed + b.fixed,
            halo: a.halo + b.halo,
            taken_elsewhere: a.taken_elsewhere + b.taken_elsewhere,
            leftover_avoided: a.leftover_avoided + b.leftover_avoided,
            wear_out: a.wear_out + b.wear_out,
            changes: a.changes + b.changes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_offer_survives_its_json_beside_the_choice_made_instead() {
        let depth = |share| Depth::from_share(share).unwrap();
        let rejected = RejectedOffer {
            sku: "17".into(),
            place: "city 5".into(),
            period: Period(3),
            depth: depth(0.2),
            kind: OfferKind::Promotion,
            total: 120,
            priced_margin: -3.5,
            because: Because::OtherChoiceBetter { period: Period(4), depth: depth(0.3) },
        };
        let text = serde_json::to_string(&rejected).unwrap();
        assert_eq!(serde_json::from_str::<RejectedOffer>(&text).unwrap(), rejected);
    }
}
