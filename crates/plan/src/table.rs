//! A table to work at a plan: every change of limits, locks, rules or goal gives a new plan at once.
//!
//! What does not change between two plans is kept: what each offer is worth. What the plan before knew, prices of limits
//! and offers, is where the next search begins. Never depends on what was asked before: the same input with the same plan
//! before gives the same plan, whatever the table remembers; plan and bound are as true as those of [`crate::propose`].

use crate::choices::Choices;
use crate::columns::{Columns, columns};
use crate::cover::{Cover, cover};
use crate::ledger::Ledger;
use crate::propose::{Desk, Proposal};
use crate::reason::{Reason, reason};
use crate::reference::offers;
use crate::score::Scorer;
use crate::solve::{self, Limit, Problem, Solve, Warm};
use crate::terms::{PlanError, PlanInput};
use crate::why::solution;
use crate::worths::Worths;
use endcap_model::{Depth, OfferKind, Period, Place, PlanReport, Sku};
use std::collections::BTreeMap;

/// What is kept from plan to plan. One table is for one set of facts: lift model, forecast, items, stock and regions of
/// all input must be the same.
#[derive(Clone, Debug, Default)]
pub struct Table {
    worths: Worths,
}

/// A plan as people work at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// Offers and report. The report names the best offer of every period in which an item is not promoted; reference
    /// policies are left out.
    pub proposal: Proposal,
    /// How stock stands, by item and region.
    pub cover: Vec<Cover>,
}

/// What came of sketching.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one value per edit: a box would only hinder matching")]
pub enum Sketched {
    /// A plan.
    Plan(Sketch),
    /// No plan keeps every rule and lock; the sentences name those that clash.
    Infeasible {
        /// The rules.
        conflict: Vec<String>,
    },
}

impl Table {
    /// Plans, beginning from what the plan before knew.
    ///
    /// # Errors
    /// [`PlanError`] as for [`crate::propose`].
    pub fn sketch(
        &mut self,
        input: &PlanInput,
        before: Option<&PlanReport>,
        settings: &solve::Settings,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Sketched, PlanError> {
        let choices = Choices::keeping(input, &mut self.worths)?;
        let columns = laid_out(&choices)?;
        let warm = before.map(|report| known(&choices, &columns.problem, report)).unwrap_or_default();
        let desk = Desk { choices: &choices, columns: &columns, goal: &input.scenario.goal, promises: 0 };
        let solution = match desk.choose(&warm, settings, interrupt) {
            Ok(solution) => solution,
            Err(conflict) => return Ok(Sketched::Infeasible { conflict }),
        };
        let picks = desk.picks(&solution);
        let report = desk.reporter(&solution).report(&picks, Vec::new(), usize::MAX);
        let proposal = Proposal { offers: offers(&choices, &picks), report, references: Vec::new() };
        Ok(Sketched::Plan(Sketch { proposal, cover: cover(&choices, &picks, &mut self.worths) }))
    }
}

impl Table {
    /// Returns what the best plan found is worth, and what none is worth more than; nothing where none was found. Begins
    /// from what a plan knew.
    ///
    /// # Errors
    /// [`PlanError`] as for [`crate::propose`].
    pub fn value(
        &mut self,
        input: &PlanInput,
        before: &PlanReport,
        settings: &solve::Settings,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<(i64, i64)>, PlanError> {
        let choices = Choices::keeping(input, &mut self.worths)?;
        let columns = laid_out(&choices)?;
        let warm = known(&choices, &columns.problem, before);
        Ok(match solve::solve_from(&columns.problem, &warm, settings, interrupt) {
            Solve::Solved(solution) => Some((solution.objective, solution.bound)),
            Solve::Infeasible(_) | Solve::NotFound { .. } => None,
        })
    }

    /// Says why an item runs or does not run in a region and period of a plan; nothing when the plan has no such cell or
    /// was not made from this input.
    ///
    /// # Errors
    /// [`PlanError`] as for [`crate::propose`].
    pub fn why(
        &mut self,
        input: &PlanInput,
        report: &PlanReport,
        cell: (&Sku, &Place, Period),
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Reason>, PlanError> {
        let choices = Choices::keeping(input, &mut self.worths)?;
        let columns = laid_out(&choices)?;
        let Some(solution) = solution(&choices, &columns, report) else { return Ok(None) };
        Ok(reason(&choices, &columns, (&solution, report), cell, interrupt))
    }
}

/// The core's problem of the choices.
pub(crate) fn laid_out(choices: &Choices) -> Result<Columns, PlanError> {
    let (scenario, goal) = (choices.input().scenario, &choices.input().scenario.goal);
    Ok(columns(choices, Ledger::new(choices, goal, &[])?, Scorer::new(scenario, goal))?)
}

/// What an earlier plan knew: prices of limits by their names, offers by item, region, period, depth and funding.
fn known(choices: &Choices, problem: &Problem, report: &PlanReport) -> Warm {
    let prices: BTreeMap<&str, f64> = report.limits.iter().map(|limit| (limit.limit.as_str(), limit.price)).collect();
    let price = |limit: &Limit| prices.get(limit.name.as_str()).copied().unwrap_or(0.0);
    let mut ran: BTreeMap<(&Sku, &Place, OfferKind, Period), (Depth, bool)> = BTreeMap::new();
    for e in &report.offers {
        let at = (&e.offer.sku, &e.offer.place, e.kind, e.offer.span.start);
        ran.insert(at, (e.offer.depth, e.pnl.vendor_funding > 0));
    }
    let mut choice = vec![None; problem.units() * problem.periods()];
    for (unit, lists) in choices.units.iter().enumerate() {
        let list = &choices.lists[lists[0]];
        for at in 0..problem.periods() {
            let period = choices.input().span.start.plus(at as i32);
            let Some(&(depth, funded)) = ran.get(&(&list.sku, &list.region, list.kind, period)) else { continue };
            let like = list.at(at).iter().enumerate().filter(|(_, choice)| choice.depth == depth);
            let same = like.max_by_key(|(_, choice)| choice.funded == funded);
            choice[unit * problem.periods() + at] = same.map(|(option, _)| option as u32);
        }
    }
    Warm { prices: problem.limits().iter().map(price).collect(), choice, ..Warm::default() }
}
