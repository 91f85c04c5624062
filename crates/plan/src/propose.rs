//! Proposes a plan: values every offer that could be made, lets the core choose, and says why.
//!
//! Offers carry no feature or display: the scenario prices neither, so that the price cut has to earn its keep alone
//! and the lift is that of price alone, even where past promotions were also advertised.

use crate::choices::{Choices, Picked};
use crate::columns::{Columns, columns, explain};
use crate::ledger::Ledger;
use crate::reference::{greedy_picks, offers, rotate, value};
use crate::report::{REJECTED, Reporter};
use crate::score::Scorer;
use crate::solve::{self, NONE, Solution, Solve, Warm};
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Goal, Offer, PlanReport};
use serde::{Deserialize, Serialize};

/// A proposed plan; `place` of each offer is a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// What is promoted, sorted.
    pub offers: Vec<Offer>,
    /// Why, and how good.
    pub report: PlanReport,
    /// Offers of the reference policies under the same limits, by name: `greedy`, `rotation`.
    pub references: Vec<(String, Vec<Offer>)>,
}

/// What came of proposing.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "one value per run: a box would only hinder matching")]
pub enum Proposed {
    /// A plan.
    Plan(Proposal),
    /// No plan keeps every rule and lock; the sentences name those that clash.
    Infeasible {
        /// The rules.
        conflict: Vec<String>,
    },
}

/// Proposes the offers that earn most under the scenario's limits.
///
/// # Errors
/// [`PlanError`] for input that cannot be planned. Rules that clash are an answer, not an error.
pub fn propose(input: &PlanInput, settings: &solve::Settings) -> Result<Proposed, PlanError> {
    propose_until(input, settings, &|| false)
}

/// As [`propose`], ending with the best plan so far once `interrupt` says true.
///
/// # Errors
/// As [`propose`].
pub fn propose_until(
    input: &PlanInput,
    settings: &solve::Settings,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<Proposed, PlanError> {
    let choices = Choices::new(input)?;
    let goal = &input.scenario.goal;
    let columns = columns(&choices, Ledger::new(&choices, goal, &[])?, Scorer::new(input.scenario, goal))?;
    let desk = Desk { choices: &choices, columns: &columns, goal, promises: 0 };
    Ok(desk.plan(&Warm::default(), settings, interrupt))
}

/// A problem on the desk, from columns to the report.
pub(crate) struct Desk<'a> {
    pub choices: &'a Choices<'a>,
    pub columns: &'a Columns,
    pub goal: &'a Goal,
    /// Points that keeping every promise of a plan in force spares.
    pub promises: i64,
}

impl Desk<'_> {
    /// Chooses and reports.
    pub fn plan(&self, warm: &Warm, settings: &solve::Settings, interrupt: &(dyn Fn() -> bool + Sync)) -> Proposed {
        match self.choose(warm, settings, interrupt) {
            Ok(solution) => Proposed::Plan(self.proposal(&solution)),
            Err(conflict) => Proposed::Infeasible { conflict },
        }
    }

    /// Chooses; the error is the set of rules that clash.
    pub fn choose(
        &self,
        warm: &Warm,
        settings: &solve::Settings,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<Solution, Vec<String>> {
        match solve::solve_from(&self.columns.problem, warm, settings, interrupt) {
            Solve::Solved(solution) => Ok(solution),
            Solve::Infeasible(conflict) => Err(explain(&conflict, self.choices, self.columns)),
            Solve::NotFound { .. } => {
                Err(vec!["no plan that keeps every lock and every least use was found".to_owned()])
            }
        }
    }

    /// What a solution runs.
    pub fn picks(&self, solution: &Solution) -> Vec<Picked> {
        let problem = &self.columns.problem;
        let chosen = solution.choice.iter().enumerate().filter(|&(_, &column)| column != NONE);
        let picks = chosen.flat_map(|(at, &column)| {
            let (unit, period) = (at / problem.periods(), at % problem.periods());
            let picks = self.choices.picks(unit, period, problem.option(column) as usize);
            picks.expect("Invariant: a column stands for choices of every member")
        });
        let mut picks: Vec<Picked> = picks.collect();
        picks.sort();
        picks
    }

    /// Writes reports of a solution.
    pub fn reporter<'r>(&'r self, solution: &'r Solution) -> Reporter<'r> {
        let (choices, columns, goal) = (self.choices, self.columns, self.goal);
        Reporter { choices, columns, solution, goal, promises: self.promises }
    }

    fn proposal(&self, solution: &Solution) -> Proposal {
        let (choices, columns) = (self.choices, self.columns);
        let picks = self.picks(solution);
        let references = [
            ("greedy", greedy_picks(choices, &columns.ledger, &columns.scorer)),
            ("rotation", rotate(choices, &columns.ledger, &columns.scorer)),
        ];
        let values =
            references.iter().map(|(name, picks)| ((*name).to_owned(), value(choices, &columns.scorer, picks)));
        Proposal {
            offers: offers(choices, &picks),
            report: self.reporter(solution).report(&picks, values.collect(), REJECTED),
            references: references.iter().map(|(name, picks)| ((*name).to_owned(), offers(choices, picks))).collect(),
        }
    }
}
