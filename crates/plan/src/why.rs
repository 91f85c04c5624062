//! Why an item is not promoted in a period: what its best offer would earn, what it would pay for limits at the plan's
//! prices, and what the plan would lose with it.
//!
//! Never searches for a plan: everything is read from prices, one item at a time, so that the loss may be too small,
//! never too large.

use crate::choices::Choices;
use crate::columns::{Columns, columns};
use crate::ledger::Ledger;
use crate::score::Scorer;
use crate::solve::answers::{Case, Cause, Flipping, Pricing, WhyNot};
use crate::solve::{Curvature, NONE, Settings, Solution, check};
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Depth, OfferKind, Period, Place, Plan, PlanReport, Sku};
use serde::Serialize;
use std::collections::BTreeMap;

/// An item that is not promoted in a region and period, and why. Amounts are points of the goal, in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeftOut {
    /// The item.
    pub sku: Sku,
    /// The region.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// Whether the list price would come back.
    pub kind: OfferKind,
    /// Why, in a sentence without a full stop.
    pub because: String,
    /// The offer that comes nearest; nothing where none can be made.
    pub nearest: Option<NearestOffer>,
}

/// The offer that comes nearest to being made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NearestOffer {
    /// Its depth.
    pub depth: Depth,
    /// What it earns.
    pub value: i64,
    /// What it pays for each limit: name, amount used, price paid.
    pub limits: Vec<(String, i64, f64)>,
    /// What is left after it has paid.
    pub left: f64,
    /// What the bound at the plan's prices loses when it must run.
    pub regret: f64,
    /// No plan with it has more.
    pub bound_with: i64,
    /// What the item would run with it.
    pub calendar: Vec<(Period, Depth)>,
}

/// Says why an item is not promoted, in each region and period in which it is not, or in the given ones; nothing when the
/// plan was not made from this input.
///
/// # Errors
/// [`PlanError`] as for [`crate::propose`].
pub fn why_not(
    input: &PlanInput,
    plan: &Plan,
    (sku, place, period): (&Sku, Option<&Place>, Option<Period>),
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Vec<LeftOut>>, PlanError> {
    let choices = Choices::new(input)?;
    let goal = &input.scenario.goal;
    let columns = columns(&choices, Ledger::new(&choices, goal, &[])?, Scorer::new(input.scenario, goal))?;
    let Some(solution) = solution(&choices, &columns, &plan.report) else { return Ok(None) };
    let settings = Settings::default();
    let case = Case { problem: &columns.problem, solution: &solution, settings: &settings, interrupt };
    let pricing = case.pricing();
    let asked = Asked { choices: &choices, columns: &columns, pricing: &pricing, bound: solution.bound };
    let mut left_out = Vec::new();
    for (unit, lists) in choices.units.iter().enumerate() {
        let of =
            |&list: &usize| choices.lists[list].sku == *sku && place.is_none_or(|p| *p == choices.lists[list].region);
        let Some(&list) = lists.iter().find(|list| of(list)) else { continue };
        for at in 0..columns.problem.periods() {
            let wanted = period.is_none_or(|period| period == input.span.start.plus(at as i32));
            if wanted && solution.column(&columns.problem, unit, at).is_none() {
                left_out.push(asked.left_out(list, &case.why_not(&pricing, unit, at, None)));
            }
        }
    }
    Ok(Some(left_out))
}

/// The plan of a report as a solution of the problem; nothing when it earns something else there or breaks a rule.
pub(crate) fn solution(choices: &Choices, columns: &Columns, report: &PlanReport) -> Option<Solution> {
    let problem = &columns.problem;
    let mut promised: BTreeMap<(&Sku, &Place, OfferKind, Period), (Depth, bool)> = BTreeMap::new();
    for e in &report.offers {
        promised.insert(
            (&e.offer.sku, &e.offer.place, e.kind, e.offer.span.start),
            (e.offer.depth, e.pnl.vendor_funding > 0),
        );
    }
    let mut choice = vec![NONE; problem.units() * problem.periods()];
    for (unit, lists) in choices.units.iter().enumerate() {
        let list = &choices.lists[lists[0]];
        for at in 0..problem.periods() {
            let period = choices.input().span.start.plus(at as i32);
            let Some(&(depth, funded)) = promised.get(&(&list.sku, &list.region, list.kind, period)) else { continue };
            let like = |column: &usize| {
                let choice = &list.at(at)[problem.option(*column as u32) as usize];
                (choice.depth == depth).then_some(choice.funded == funded)
            };
            let same = problem.columns_at(unit, at).filter(|column| like(column).is_some());
            choice[unit * problem.periods() + at] = same.max_by_key(like)? as u32;
        }
    }
    let prices: BTreeMap<&str, f64> = report.limits.iter().map(|limit| (limit.limit.as_str(), limit.price)).collect();
    let price = |limit: &crate::solve::Limit| prices.get(limit.name.as_str()).copied().unwrap_or(0.0);
    let earns = check(problem, &choice).ok()? == report.value;
    earns.then(|| Solution {
        objective: report.value,
        bound: report.bound,
        prices: problem.limits().iter().map(price).collect(),
        status: report.status,
        curvature: Curvature::default(),
        choice,
    })
}

pub(crate) struct Asked<'a> {
    pub choices: &'a Choices<'a>,
    pub columns: &'a Columns,
    pub pricing: &'a Pricing<'a>,
    /// No plan has more.
    pub bound: i64,
}

impl Asked<'_> {
    pub fn left_out(&self, list: usize, why: &WhyNot) -> LeftOut {
        let of = &self.choices.lists[list];
        LeftOut {
            sku: of.sku.clone(),
            place: of.region.clone(),
            period: self.period(why.period),
            kind: of.kind,
            because: self.because(list, why),
            nearest: why.nearest.as_ref().map(|nearest| self.nearest(nearest)),
        }
    }

    fn nearest(&self, nearest: &Flipping) -> NearestOffer {
        let margin = &nearest.margin;
        let limits = margin.limits.iter().map(|cost| (self.limit(cost.limit), cost.amount, cost.paid));
        NearestOffer {
            depth: self.offer(margin.column).1,
            value: margin.value,
            limits: limits.collect(),
            left: margin.left,
            regret: nearest.regret,
            bound_with: self.pricing.ceiling(nearest.regret).min(self.bound),
            calendar: nearest.calendar.iter().map(|&column| self.offer(column)).collect(),
        }
    }

    fn because(&self, list: usize, why: &WhyNot) -> String {
        match &why.cause {
            Cause::NoColumn(obstacles) => {
                let forbidden = self.choices.lists[list].at(why.period).iter();
                let mut reasons: Vec<String> = forbidden.filter_map(|choice| choice.forbidden.clone()).collect();
                reasons.extend(obstacles.iter().map(|obstacle| {
                    let limit = obstacle.limit.map_or_else(|| "its stock".to_owned(), |limit| self.limit(limit));
                    format!("{limit}: it alone needs {}, there are {}", obstacle.needed, obstacle.available)
                }));
                reasons.dedup();
                if reasons.is_empty() { "no depth earns anything".to_owned() } else { reasons.join("; ") }
            }
            Cause::WorthNothing => "its best depth earns nothing".to_owned(),
            Cause::Impossible => "no calendar of the item with it keeps its rules, locks and stock".to_owned(),
            Cause::Limits => "the limits it would use earn more elsewhere".to_owned(),
            Cause::Pairs => "it would lose more with others than it earns".to_owned(),
            Cause::Stock => "its stock earns more in other periods".to_owned(),
            Cause::Elsewhere(columns) => {
                let calendar = self.choices.input().calendar;
                let offer = |&column: &u32| {
                    let (period, depth) = self.offer(column);
                    format!("{depth} off on {}", calendar.format(period))
                };
                let offers: Vec<String> = columns.iter().map(offer).collect();
                format!("it would displace what earns more: {}", offers.join(", "))
            }
            Cause::NoRoom(limits) => {
                let limits: Vec<String> = limits.iter().map(|&limit| self.limit(limit)).collect();
                format!("it is as good as what runs, but there is no room left in {}", limits.join(", "))
            }
            Cause::Even => "it is as good as what runs: the plan does not need it".to_owned(),
        }
    }

    pub fn limit(&self, limit: usize) -> String {
        self.columns.problem.limits()[limit].name.clone()
    }

    fn period(&self, at: usize) -> Period {
        self.choices.input().span.start.plus(at as i32)
    }

    /// Period and depth of a column.
    pub fn offer(&self, column: u32) -> (Period, Depth) {
        let problem = &self.columns.problem;
        let (unit, at) = problem.cell_of(column);
        let list = &self.choices.lists[self.choices.units[unit][0]];
        (self.period(at), list.at(at)[problem.option(column) as usize].depth)
    }
}
