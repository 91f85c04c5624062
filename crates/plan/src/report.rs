//! The report of a plan: books, limits with their prices, and a computed cause for every offer that stands or falls.

use crate::calendar::keeps_apart;
use crate::choices::{Choice, Choices, Picked};
use crate::columns::Columns;
use crate::instead::instead;
use crate::ledger::LastStock;
use crate::reference::offer;
use crate::solve::Solution;
use crate::worth::Cut;
use endcap_model::{
    Because, Explanation, Goal, Objective, OfferKind, Outcomes, PlanReport, ProfitAndLoss, RejectedOffer,
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Rejected offers that the report of a plan keeps.
pub(crate) const REJECTED: usize = 200;
/// Standard errors to either end of a 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

/// What picks bring, whatever the goal.
pub(crate) fn outcomes(choices: &Choices, picks: &[Picked]) -> Outcomes {
    let sum: Outcomes = picks.iter().map(|&picked| choices.choice(picked).worth.outcomes).sum();
    let stock = LastStock::of(choices);
    let sold = (stock.sold + sum.cleared as f64) / stock.pieces;
    Outcomes { sell_through: (stock.pieces > 0.0).then_some(sold.min(1.0)), ..sum }
}

pub(crate) struct Reporter<'a> {
    pub choices: &'a Choices<'a>,
    pub columns: &'a Columns,
    pub solution: &'a Solution,
    pub goal: &'a Goal,
    /// Points that promises cost which the plan does not keep, counted from all of them dropped.
    pub promises: i64,
}

impl Reporter<'_> {
    /// Writes the report of the picks, with so many of the best offers that were not chosen.
    pub fn report(&self, picks: &[Picked], references: Vec<(String, i64)>, rejected: usize) -> PlanReport {
        let mut explained: Vec<Explanation> = picks.iter().map(|&picked| self.explain(picked)).collect();
        explained.sort_by(|a, b| a.offer.cmp(&b.offer));
        let mut pnl: ProfitAndLoss = explained.iter().map(|explanation| explanation.pnl).sum();
        let page_value = picks.iter().map(|&picked| self.choice(picked).worth.page).sum();
        let solution = self.solution;
        let own: i64 = picks.iter().map(|&picked| self.value(self.choice(picked))).sum();
        let kept: i64 = picks.iter().map(|&picked| self.choice(picked).kept).sum();
        assert_eq!(own + kept, solution.objective, "Invariant: the offers' values add up to the plan's");
        let dropped = kept - self.promises;
        pnl.changes += dropped;
        let mut outcomes = outcomes(self.choices, picks);
        outcomes.profit += dropped;
        let (value, bound) = (own + dropped, solution.bound - self.promises);
        PlanReport {
            objective: self.objective().to_owned(),
            goal: self.goal.to_string(),
            outcomes,
            value,
            bound,
            gap: if bound <= value { 0.0 } else { (bound - value) as f64 / bound.unsigned_abs().max(1) as f64 },
            status: solution.status,
            pnl,
            page_value,
            limits: solution.limits(&self.columns.problem),
            offers: explained,
            rejected: self.rejected(picks, rejected),
            references,
        }
    }

    fn objective(&self) -> &'static str {
        match self.choices.input().scenario.objective {
            Objective::Full => "full",
            Objective::Page => "page",
        }
    }

    fn choice(&self, picked: Picked) -> &Choice {
        self.choices.choice(picked)
    }

    fn value(&self, choice: &Choice) -> i64 {
        self.columns.scorer.value(&choice.worth)
    }

    /// What an offer earns after paying for its limits.
    fn priced(&self, list: usize, choice: &Choice) -> f64 {
        let uses = self.columns.ledger.uses(self.choices, list, choice);
        let paid: f64 = uses.iter().map(|&(limit, amount)| self.solution.prices[limit] * amount as f64).sum();
        (self.value(choice) + choice.kept) as f64 - paid
    }

    fn explain(&self, picked: Picked) -> Explanation {
        let list = &self.choices.lists[picked.list];
        let choice = self.choice(picked);
        let (low, high) = self.range_of(picked);
        let others = list.at(choice.period).iter().filter(|other| other.depth != choice.depth);
        let next_best = others.filter(|other| other.forbidden.is_none()).max_by_key(|other| self.value(other));
        let locked = list.rules.required.contains(&choice.period);
        let value = self.value(choice);
        Explanation {
            offer: offer(self.choices, picked),
            baseline_units: choice.worth.baseline_units,
            promoted_units: choice.worth.promoted_units,
            pnl: choice.worth.pnl,
            value,
            kind: list.kind,
            stockout_probability: choice.worth.stockout,
            total_95: (low.min(high).min(value), low.max(high).max(value)),
            budget_use: choice.worth.budget,
            spend: choice.worth.spend,
            priced_margin: self.priced(picked.list, choice),
            because: if locked { Because::Locked } else { Because::PaysForItsLimits },
            next_best: next_best.map(|other| (other.depth, self.value(other))),
        }
    }

    /// Values with the lift at either end of its 95 % interval.
    fn range_of(&self, picked: Picked) -> (i64, i64) {
        let list = &self.choices.lists[picked.list];
        let &Choice { period, depth, funded, ref worth, .. } = self.choice(picked);
        let cut = Cut { period, depth, kind: list.kind, funded };
        let valuer = self.choices.shop.valuer(list.line);
        let at = |shift: f64| self.columns.scorer.value(&valuer.worth(cut, shift)) + worth.pnl.changes;
        (at(-Z95), at(Z95))
    }

    /// Best offers that were not chosen: per item, region and period the depth with the most left after its limits.
    fn rejected(&self, picks: &[Picked], most: usize) -> Vec<RejectedOffer> {
        let mut running: BTreeMap<usize, Vec<&Choice>> = BTreeMap::new();
        for &picked in picks {
            running.entry(picked.list).or_default().push(self.choice(picked));
        }
        let of_list = |at: usize| {
            let own = running.get(&at).map_or(&[][..], Vec::as_slice);
            let mut periods: Vec<usize> = self.choices.lists[at].choices.iter().map(|choice| choice.period).collect();
            periods.dedup();
            let free = periods.into_iter().filter(move |period| own.iter().all(|choice| choice.period != *period));
            free.filter_map(move |period| self.reject(at, period, own))
        };
        let lists = (0..self.choices.lists.len()).into_par_iter();
        let mut rejected: Vec<RejectedOffer> = lists.flat_map_iter(of_list).collect();
        rejected.sort_by(|a, b| {
            let near = b.priced_margin.total_cmp(&a.priced_margin).then(b.total.cmp(&a.total));
            near.then_with(|| (&a.sku, &a.place, a.period).cmp(&(&b.sku, &b.place, b.period)))
        });
        rejected.truncate(most);
        rejected
    }

    fn reject(&self, at: usize, period: usize, own: &[&Choice]) -> Option<RejectedOffer> {
        let list = &self.choices.lists[at];
        let options = list.at(period).iter();
        let allowed = options.clone().filter(|choice| choice.forbidden.is_none());
        let left = allowed.map(|choice| (self.priced(at, choice), choice));
        let (priced, best) = match left.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some(best) => best,
            None => {
                let best = options.max_by_key(|choice| self.value(choice))?;
                (self.priced(at, best), best)
            }
        };
        let near: Vec<&&Choice> = own.iter().filter(|choice| self.apart(at, choice.period, period)).collect();
        let displaced: f64 = near.iter().map(|choice| self.priced(at, choice)).sum();
        Some(RejectedOffer {
            sku: list.sku.clone(),
            place: list.region.clone(),
            period: self.choices.input().span.start.plus(period as i32),
            depth: best.depth,
            kind: list.kind,
            total: self.value(best),
            priced_margin: (priced - displaced.max(0.0)).min(0.0),
            because: self.cause(at, best, priced, near.first().map(|choice| **choice)),
        })
    }

    /// Returns whether the calendar rules keep two periods apart that are each allowed alone.
    fn apart(&self, list: usize, one: usize, other: usize) -> bool {
        let periods = self.choices.input().span.len();
        let rules = &self.choices.lists[list].rules;
        let widest = rules.windows.iter().map(|window| window.periods).max().unwrap_or(1);
        let near = one.abs_diff(other) < widest.max(rules.spacing).max(rules.rest + 2);
        near && !keeps_apart(rules, &[one.min(other), one.max(other)], periods) && keeps_apart(rules, &[other], periods)
    }

    fn cause(&self, list: usize, choice: &Choice, priced: f64, near: Option<&Choice>) -> Because {
        let value = self.value(choice);
        let of = &self.choices.lists[list];
        let periods = self.choices.input().span.len();
        if let Some(covered) = choice.sizes_missing {
            return Because::SizesMissing { covered };
        }
        if let Some(rule) = &choice.forbidden {
            return Because::Forbidden { rule: rule.clone() };
        }
        if of.kind == OfferKind::Promotion && !keeps_apart(&of.rules, &[choice.period], periods) {
            return Because::Forbidden { rule: "too soon after what was published before the plan".to_owned() };
        }
        if value <= 0 && self.columns.scorer.is_profit() && value - choice.worth.pnl.supply > 0 {
            return Because::ShortSupply { instead: instead(self.choices, &self.columns.scorer, list, choice) };
        }
        if value <= 0 {
            return Because::LosesMoney;
        }
        match near {
            Some(other) if priced > 0.0 => Because::OtherChoiceBetter {
                period: self.choices.input().span.start.plus(other.period as i32),
                depth: other.depth,
            },
            _ => Because::LimitsWorthMoreElsewhere,
        }
    }
}
