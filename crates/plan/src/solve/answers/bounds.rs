//! Prices and bound of a changed problem without a plan: a few evaluations from prices that are known to be good.

use super::super::calendar::Depth;
use super::super::dual::Dual;
use super::super::prices::Prices;
use super::super::problem::Problem;

/// Nodes of the search inside a unit.
pub const NODES: usize = 3_000;

/// Prices with the bound that they prove.
#[derive(Clone, Debug)]
pub struct Priced {
    /// Prices of limits, below 0 where use is paid back.
    pub limits: Vec<f64>,
    /// Prices of pairs by period.
    pub pairs: Vec<f64>,
    /// No plan earns more, but for rounding.
    pub about: f64,
    /// No plan earns more.
    pub bound: i64,
}

/// Evaluations for prices of pairs: with stock priced, which is smooth, then exact.
const OF_PAIRS: (usize, usize) = (60, 30);

/// Completes the prices of limits by those of pairs, which a solution does not carry.
pub fn complete(problem: &Problem, limits: &[f64], interrupt: &(dyn Fn() -> bool + Sync)) -> Priced {
    if problem.pairs().is_empty() {
        return better(problem, (limits, &[]), 0, f64::NEG_INFINITY, interrupt);
    }
    let mut dual = Dual::new(problem);
    let values = start(problem, &dual, limits, &[]);
    dual.evaluate(&values, Depth::Priced);
    dual.quasi_newton(Depth::Priced, OF_PAIRS.0, usize::MAX, &|_| interrupt());
    let Prices { limits, pairs, .. } = dual.prices();
    better(problem, (&limits, &pairs), OF_PAIRS.1, f64::NEG_INFINITY, interrupt)
}

/// Betters prices by so many evaluations, or until the bound falls below `enough`.
pub fn better(
    problem: &Problem,
    (limits, pairs): (&[f64], &[f64]),
    evaluations: usize,
    enough: f64,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Priced {
    let mut dual = Dual::new(problem);
    let values = start(problem, &dual, limits, pairs);
    dual.evaluate(&values, Depth::Exact(NODES));
    let stop = |about: f64| about < enough || interrupt();
    if evaluations == 0 {
        // The calendars of the first evaluation shorten the search inside the units in the second: it is sharper.
        dual.evaluate(&values, Depth::Exact(NODES));
    } else {
        dual.quasi_newton(Depth::Exact(NODES), evaluations, usize::MAX, &stop);
    }
    let Prices { limits, pairs, .. } = dual.prices();
    Priced { limits, pairs, about: dual.about(), bound: dual.bound() }
}

/// The prices as the dual counts them; what is not known begins at 0.
fn start(problem: &Problem, dual: &Dual, limits: &[f64], pairs: &[f64]) -> Vec<f64> {
    let mut values = vec![0.0; dual.dimension()];
    let mut signed: Vec<f64> = limits.iter().map(|&price| if price.is_finite() { price } else { 0.0 }).collect();
    signed.resize(problem.limits().len(), 0.0);
    dual.split(&signed, &mut values);
    let from = dual.dimension() - problem.pairs().len() * problem.periods();
    if pairs.len() == values.len() - from {
        values[from..].copy_from_slice(pairs);
    }
    values
}
