//! Why an item runs or does not run in a region and period of a plan: every depth with its profit and loss, its lift and
//! what it would pay for limits, the next best, and what must change.
//!
//! Never searches for a plan: everything is read from the prices of the plan that is asked about, see [`crate::why_not`].

use crate::choices::{Choice, Choices};
use crate::columns::Columns;
use crate::solve::answers::{Case, Flip, Why};
use crate::solve::{Settings, Solution};
use crate::why::{Asked, LeftOut};
use endcap_model::{Depth, OfferKind, Period, Place, PlanReport, ProfitAndLoss, Sku};
use serde::Serialize;

/// Standard errors from the middle to the 5 % and 95 % quantiles.
const Z90: f64 = 1.644_853_626_951_472_2;

/// Why an item runs or does not run in a region and period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reason {
    /// Every depth that could run, shallow ones first; twice where the vendor's money is capped.
    pub options: Vec<OptionReason>,
    /// Why the offer stands, where one runs.
    pub stands: Option<Stands>,
    /// Why none runs, where none does; with what must change for the nearest to run.
    pub left_out: Option<(LeftOut, Option<MustChange>)>,
}

/// One depth with all that is known of it. Amounts in minor units; under another goal than profit `value` is in points.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OptionReason {
    /// The depth.
    pub depth: Depth,
    /// Whether the list price comes back.
    pub kind: OfferKind,
    /// Whether the vendor pays its share.
    pub funded: bool,
    /// Whether it runs in the plan.
    pub runs: bool,
    /// What it earns.
    pub value: i64,
    /// The same by cause.
    pub pnl: ProfitAndLoss,
    /// Promoted over baseline demand: 5 % quantile, median, 95 % quantile.
    pub lift: (f64, f64, f64),
    /// Expected units without it.
    pub baseline_units: f64,
    /// Expected units sold with it.
    pub promoted_units: f64,
    /// Expected share of the region's stores that run out.
    pub stockout: f64,
    /// The rule that forbids it.
    pub forbidden: Option<String>,
    /// What it uses of limits that have a price, and what that costs.
    pub limits: Vec<LimitCost>,
    /// What is left after it has paid for limits.
    pub left: f64,
}

/// What an offer pays for a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LimitCost {
    /// The limit.
    pub limit: String,
    /// How much of it the offer uses.
    pub used: i64,
    /// What one more unit is worth.
    pub price: f64,
    /// What the offer pays.
    pub paid: f64,
}

/// Why an offer stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Stands {
    /// By how much its value may fall before the item's next-best calendar is better; nothing when it must run, 0 or less
    /// when prices alone would not choose it: it fills what the limits leave.
    pub may_fall: Option<f64>,
    /// The next-best depth in the period, and what is lost with it at the prices.
    pub next_depth: Option<(Depth, f64)>,
    /// What the item would run without it.
    pub without: Option<Vec<(Period, Depth)>>,
}

/// What must change for an offer to run, all else equal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MustChange {
    /// By how much its value must rise.
    pub rise: f64,
    /// The limit that it pays most for, and its price.
    pub limit: Option<(String, f64)>,
    /// The price of that limit at which it is as good as what runs; nothing when no price is low enough.
    pub price: Option<f64>,
}

/// Finds the reason of a cell; nothing where the plan has no such item in the region.
pub(crate) fn reason(
    choices: &Choices,
    columns: &Columns,
    (solution, report): (&Solution, &PlanReport),
    (sku, place, period): (&Sku, &Place, Period),
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Option<Reason> {
    let own = |list: &usize| choices.lists[*list].sku == *sku && choices.lists[*list].region == *place;
    let lists: Vec<usize> = (0..choices.lists.len()).filter(own).collect();
    let span = choices.input().span;
    if lists.is_empty() || !span.contains(period) {
        return None;
    }
    let at = (period.0 - span.start.0) as usize;
    let runs = |list: usize, choice: &Choice| {
        report.offers.iter().any(|e| {
            let cell = e.offer.sku == *sku && e.offer.place == *place && e.offer.span.start == period;
            let funded = e.pnl.vendor_funding > 0 || choice.worth.pnl.vendor_funding == 0;
            cell && e.kind == choices.lists[list].kind && e.offer.depth == choice.depth && choice.funded == funded
        })
    };
    let settings = Settings::default();
    let case = Case { problem: &columns.problem, solution, settings: &settings, interrupt };
    let pricing = case.pricing();
    let asked = Asked { choices, columns, pricing: &pricing, bound: solution.bound };
    let unit_of = |list: usize| choices.units.iter().position(|lists| lists.contains(&list));
    let mut found = Reason { options: Vec::new(), stands: None, left_out: None };
    for list in lists {
        let Some(unit) = unit_of(list) else { continue };
        let options = choices.lists[list].at(at).iter();
        found.options.extend(options.map(|choice| asked.option(solution, list, choice, runs(list, choice))));
        match solution.column(&columns.problem, unit, at) {
            Some(column) => found.stands = Some(asked.stands(&case.why(&pricing, column))),
            None if found.left_out.is_none() => {
                let why = case.why_not(&pricing, unit, at, None);
                let change = why.nearest.as_ref().map(|nearest| asked.must_change(&nearest.flip));
                found.left_out = Some((asked.left_out(list, &why), change));
            }
            None => {}
        }
    }
    if found.stands.is_some() {
        found.left_out = None;
    }
    Some(found)
}

impl Asked<'_> {
    fn option(&self, solution: &Solution, list: usize, choice: &Choice, runs: bool) -> OptionReason {
        let (choices, of) = (self.choices, &self.choices.lists[list]);
        let (mean, error) = choices.line(list).log_lift(choice.depth);
        let worth = &choice.worth;
        let value = self.columns.scorer.value(worth);
        let uses = self.columns.ledger.uses(choices, list, choice).into_iter();
        let priced = uses.filter(|&(limit, amount)| solution.prices[limit] != 0.0 && amount != 0);
        let cost = |(limit, used): (usize, i64)| {
            let price = solution.prices[limit];
            LimitCost { limit: self.limit(limit), used, price, paid: price * used as f64 }
        };
        let limits: Vec<LimitCost> = priced.map(cost).collect();
        OptionReason {
            depth: choice.depth,
            kind: of.kind,
            funded: choice.funded,
            runs,
            value,
            pnl: worth.pnl,
            lift: ((mean - Z90 * error).exp(), mean.exp(), (mean + Z90 * error).exp()),
            baseline_units: worth.baseline_units,
            promoted_units: worth.promoted_units,
            stockout: worth.stockout,
            forbidden: choice.forbidden.clone(),
            left: value as f64 - limits.iter().map(|cost| cost.paid).sum::<f64>(),
            limits,
        }
    }

    fn stands(&self, why: &Why) -> Stands {
        let calendar = |columns: &Vec<u32>| columns.iter().map(|&column| self.offer(column)).collect();
        Stands {
            may_fall: why.may_fall,
            next_depth: why.option.map(|(column, lost)| (self.offer(column).1, lost)),
            without: why.calendar.as_ref().map(calendar),
        }
    }

    fn must_change(&self, flip: &Flip) -> MustChange {
        let limit = flip.limit.map(|(limit, price)| (self.limit(limit), price));
        MustChange { rise: flip.rise, limit, price: flip.price }
    }
}
