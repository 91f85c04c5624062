//! The report of a plan: books, limits with their prices, and a computed cause for every offer that stands or falls.

use crate::choices::{Choice, Choices, LineChoices, Revaluer};
use crate::columns::Columns;
use crate::reference::{Picked, offer};
use crate::solve::Solution;
use crate::terms::PlanInput;
use endcap_model::{Because, Explanation, Objective, PlanReport, ProfitAndLoss, RejectedOffer};
use std::collections::{BTreeMap, BTreeSet};

/// Rejected offers that a report keeps.
const REJECTED: usize = 200;
/// Standard errors to either end of a 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

pub(crate) struct Reporter<'a> {
    pub input: &'a PlanInput<'a>,
    pub choices: &'a Choices,
    pub columns: &'a Columns,
    pub solution: &'a Solution,
    pub revaluer: &'a Revaluer<'a>,
}

impl Reporter<'_> {
    /// Writes the report of the picks.
    pub fn report(&self, picks: &[Picked], references: Vec<(String, i64)>) -> PlanReport {
        let mut explained: Vec<Explanation> = picks.iter().map(|&picked| self.explain(picked)).collect();
        explained.sort_by(|a, b| a.offer.cmp(&b.offer));
        let pnl: ProfitAndLoss = explained.iter().map(|explanation| explanation.pnl).sum();
        let page_value = picks.iter().map(|&picked| self.choice(picked).worth.page).sum();
        let solution = self.solution;
        let value: i64 = picks.iter().map(|&picked| self.value(self.choice(picked))).sum();
        assert_eq!(value, solution.objective, "Invariant: the offers' values add up to the plan's");
        PlanReport {
            objective: self.objective().to_owned(),
            value,
            bound: solution.bound,
            gap: solution.gap(),
            status: solution.status,
            pnl,
            page_value,
            limits: solution.limits(&self.columns.problem),
            offers: explained,
            rejected: self.rejected(picks),
            references,
        }
    }

    fn objective(&self) -> &'static str {
        match self.input.scenario.objective {
            Objective::Full => "full",
            Objective::Page => "page",
        }
    }

    fn choice(&self, picked: Picked) -> &Choice {
        &self.choices.lines[picked.line].choices[picked.choice]
    }

    fn value(&self, choice: &Choice) -> i64 {
        choice.worth.value(self.input.scenario.objective)
    }

    fn uses(&self, line: &LineChoices, choice: &Choice) -> Vec<(usize, i64)> {
        let region =
            self.choices.regions.binary_search(&line.region).expect("Invariant: every line's region is listed");
        self.columns.limits.uses(region, choice.period, choice.worth.budget, choice.worth.extra)
    }

    /// What an offer earns after paying for its limits.
    fn priced(&self, line: &LineChoices, choice: &Choice) -> f64 {
        let paid: f64 =
            self.uses(line, choice).iter().map(|&(limit, amount)| self.solution.prices[limit] * amount as f64).sum();
        self.value(choice) as f64 - paid
    }

    fn explain(&self, picked: Picked) -> Explanation {
        let line = &self.choices.lines[picked.line];
        let choice = self.choice(picked);
        let at = |shift: f64| self.value_of(picked, shift);
        let (low, high) = (at(-Z95), at(Z95));
        let others = line.at(choice.period).iter().filter(|other| other.depth != choice.depth);
        let next_best = others.filter(|other| other.forbidden.is_none()).max_by_key(|other| self.value(other));
        let locked = line.required.contains(&choice.period);
        Explanation {
            offer: offer(self.input, self.choices, picked),
            baseline_units: choice.worth.baseline_units,
            promoted_units: choice.worth.promoted_units,
            pnl: choice.worth.pnl,
            total_95: (low.min(high).min(self.value(choice)), low.max(high).max(self.value(choice))),
            budget_use: choice.worth.budget,
            spend: choice.worth.spend,
            priced_margin: self.priced(line, choice),
            because: if locked { Because::Locked } else { Because::PaysForItsLimits },
            next_best: next_best.map(|other| (other.depth, self.value(other))),
        }
    }

    fn value_of(&self, picked: Picked, shift: f64) -> i64 {
        let choice = self.choice(picked);
        self.revaluer.worth(picked.line, choice.period, choice.depth, shift).value(self.input.scenario.objective)
    }

    /// Best offers that were not chosen: per item, region and period the depth with the most left after its limits.
    fn rejected(&self, picks: &[Picked]) -> Vec<RejectedOffer> {
        let mut running: BTreeMap<usize, Vec<&Choice>> = BTreeMap::new();
        for &picked in picks {
            running.entry(picked.line).or_default().push(self.choice(picked));
        }
        let mut rejected = Vec::new();
        for (at, line) in self.choices.lines.iter().enumerate() {
            let own = running.get(&at).map_or(&[][..], Vec::as_slice);
            let periods: BTreeSet<usize> = line.choices.iter().map(|choice| choice.period).collect();
            for period in periods.into_iter().filter(|period| own.iter().all(|choice| choice.period != *period)) {
                rejected.extend(self.reject(line, period, own));
            }
        }
        rejected.sort_by(|a, b| {
            let near = b.priced_margin.total_cmp(&a.priced_margin).then(b.total.cmp(&a.total));
            near.then_with(|| (&a.sku, &a.place, a.period).cmp(&(&b.sku, &b.place, b.period)))
        });
        rejected.truncate(REJECTED);
        rejected
    }

    fn reject(&self, line: &LineChoices, period: usize, own: &[&Choice]) -> Option<RejectedOffer> {
        let options = line.at(period).iter();
        let allowed = |choice: &&Choice| choice.forbidden.is_none();
        let best = options.clone().filter(allowed).max_by(|a, b| self.priced(line, a).total_cmp(&self.priced(line, b)));
        let best = match best {
            Some(best) => best,
            None => options.max_by_key(|choice| self.value(choice))?,
        };
        let spacing = self.input.scenario.limits.spacing.max(1);
        let near: Vec<&&Choice> = own.iter().filter(|choice| choice.period.abs_diff(period) < spacing).collect();
        let priced = self.priced(line, best);
        let displaced: f64 = near.iter().map(|choice| self.priced(line, choice)).sum();
        Some(RejectedOffer {
            sku: line.sku.clone(),
            place: line.region.clone(),
            period: self.input.span.start.plus(period as i32),
            depth: best.depth,
            total: self.value(best),
            priced_margin: (priced - displaced.max(0.0)).min(0.0),
            because: self.cause(best, priced, near.first().map(|choice| **choice)),
        })
    }

    fn cause(&self, choice: &Choice, priced: f64, near: Option<&Choice>) -> Because {
        let value = self.value(choice);
        if let Some(rule) = &choice.forbidden {
            return Because::Forbidden { rule: rule.clone() };
        }
        if value <= 0 && self.input.scenario.objective == Objective::Full && value - choice.worth.pnl.supply > 0 {
            return Because::ShortSupply;
        }
        if value <= 0 {
            return Because::LosesMoney;
        }
        match near {
            Some(other) if priced > 0.0 => Because::OtherChoiceBetter {
                period: self.input.span.start.plus(other.period as i32),
                depth: other.depth,
            },
            _ => Because::LimitsWorthMoreElsewhere,
        }
    }
}
