//! Proposes a plan: values every offer that could be made, lets the core choose, and says why.
//!
//! Offers carry no feature or display: the scenario prices neither, so that the price cut has to earn its keep alone
//! and the lift is that of price alone, even where past promotions were also advertised.

use crate::choices::{Revaluer, choices};
use crate::columns::{columns, explain};
use crate::reference::{Picked, greedy_picks, offer, offers, rotate, value};
use crate::report::Reporter;
use crate::solve::{self, NONE, Solve};
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Offer, PlanReport};
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
    let choices = choices(input)?;
    let columns = columns(input, &choices)?;
    let solution = match solve::solve(&columns.problem, settings, interrupt) {
        Solve::Solved(solution) => solution,
        Solve::Infeasible(conflict) => {
            return Ok(Proposed::Infeasible { conflict: explain(&conflict, input, &choices, &columns.problem) });
        }
        Solve::NotFound { .. } => {
            return Ok(Proposed::Infeasible { conflict: vec!["no plan that keeps every lock was found".to_owned()] });
        }
    };
    let picks = picks(&columns.problem, &solution.choice);
    let greedy = greedy_picks(input, &choices);
    let rotation = rotate(input, &choices);
    let references = vec![
        ("greedy".to_owned(), value(input, &choices, &greedy)),
        ("rotation".to_owned(), value(input, &choices, &rotation)),
    ];
    let revaluer = Revaluer::new(input)?;
    let reporter = Reporter { input, choices: &choices, columns: &columns, solution: &solution, revaluer: &revaluer };
    let report = reporter.report(&picks, references);
    let mut chosen: Vec<Offer> = picks.iter().map(|&picked| offer(input, &choices, picked)).collect();
    chosen.sort();
    let references = vec![
        ("greedy".to_owned(), offers(input, &choices, &greedy)),
        ("rotation".to_owned(), offers(input, &choices, &rotation)),
    ];
    Ok(Proposed::Plan(Proposal { offers: chosen, report, references }))
}

fn picks(problem: &solve::Problem, choice: &[u32]) -> Vec<Picked> {
    let chosen = choice.iter().enumerate().filter(|&(_, &column)| column != NONE);
    chosen
        .map(|(at, &column)| Picked { line: at / problem.periods(), choice: problem.column(column).option as usize })
        .collect()
}
