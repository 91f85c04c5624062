//! Worths of offers that were found before, for plans that differ in limits, locks, rules or goal only.
//!
//! To value every offer takes far longer than to choose among them, and of all that a planner changes while looking at
//! a plan only few things change what an offer is worth. Never keeps a worth once anything that it could depend on has
//! changed: what the scenario says is compared as a whole, without what is known not to matter.

use crate::cells::Line;
use crate::shop::Shop;
use crate::worth::{Cut, Valuer, Worth};
use endcap_model::{Goal, ReplanTerms, Scenario};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// Worths of a line's offers.
pub(crate) type LineWorths = BTreeMap<Cut, Worth>;

/// Worths of all lines of one set of facts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worths {
    /// The scenario under which they hold, without what no worth depends on.
    terms: Option<Scenario>,
    lines: Vec<LineWorths>,
}

impl Worths {
    /// Returns what is known under a scenario, one entry for each line.
    pub fn under(&mut self, scenario: &Scenario, lines: usize) -> &mut [LineWorths] {
        let terms = what_worths_depend_on(scenario);
        if self.terms.as_ref() != Some(&terms) || self.lines.len() != lines {
            self.lines = vec![LineWorths::new(); lines];
            self.terms = Some(terms);
        }
        &mut self.lines
    }
}

/// The scenario without what decides which offers may be made, and what they are for.
fn what_worths_depend_on(scenario: &Scenario) -> Scenario {
    let mut terms = scenario.clone();
    terms.name.clear();
    terms.assumptions.clear();
    terms.depths.clear();
    terms.goal = Goal::default();
    terms.replan = ReplanTerms::default();
    let limits = &mut terms.limits;
    (limits.budget, limits.slots, limits.spacing) = (0.0, 0, 1);
    (limits.margin_rate_min, limits.capacity_share) = (0.0, 0.0);
    limits.locks.clear();
    limits.pools.clear();
    limits.rules.clear();
    limits.together.clear();
    limits.clear.clear();
    terms
}

/// Values the offers of a line, or remembers what they are worth.
pub(crate) struct Appraiser<'s, 'a> {
    pub shop: &'s Shop<'a>,
    /// The line in the shop.
    pub at: usize,
    valuer: OnceCell<Valuer<'s>>,
    kept: Option<&'s mut LineWorths>,
}

impl<'s, 'a> Appraiser<'s, 'a> {
    pub fn new(shop: &'s Shop<'a>, at: usize, kept: Option<&'s mut LineWorths>) -> Self {
        Self { shop, at, valuer: OnceCell::new(), kept }
    }

    pub fn line(&self) -> &'s Line<'a> {
        &self.shop.lines[self.at]
    }

    /// What an offer is worth with the scenario's caution.
    pub fn worth(&mut self, cut: Cut) -> Worth {
        let value = || {
            let valuer = self.valuer.get_or_init(|| self.shop.valuer(self.at));
            valuer.worth(cut, -self.shop.input.scenario.caution)
        };
        match &mut self.kept {
            Some(kept) => *kept.entry(cut).or_insert_with(value),
            None => value(),
        }
    }
}
