//! What more or less of a limit would earn: plan, bound and price at several capacities.
//!
//! A plan for a smaller capacity is one for a larger, and no bound for a larger capacity is below that for a smaller:
//! both are carried over, so that plans and bounds never fall from left to right.

use super::super::problem::{NONE, Problem};
use super::bounds::{self, Priced};
use super::{Case, Options, known, options};

/// Capacities of the default grid, in hundredths of what there is.
const GRID: [i64; 11] = [50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150];

/// What is known at one capacity.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// How much there is of the limit.
    pub capacity: i64,
    /// What the best plan found earns; nothing when none was found.
    pub objective: Option<i64>,
    /// No plan earns more; nothing when it is proven that there is no plan.
    pub bound: Option<i64>,
    /// Price of one more unit; 0 when there is no plan.
    pub price: f64,
    /// How much of the limit the plan uses.
    pub used: i64,
}

/// Value of a limit by its capacity.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The limit.
    pub limit: usize,
    /// The capacities, rising.
    pub points: Vec<Point>,
    /// False when it was interrupted, so that points are missing.
    pub complete: bool,
}

impl Case<'_> {
    /// Returns plan, bound and price of a limit at the given capacities, or at 50 % to 150 % of what there is when none
    /// are given.
    pub fn curve(&self, limit: usize, capacities: &[i64]) -> Curve {
        self.within(|case| case.curve_here(limit, capacities))
    }

    fn curve_here(&self, limit: usize, capacities: &[i64]) -> Curve {
        let capacity = self.problem.limits()[limit].capacity;
        let mut wanted = capacities.to_vec();
        if wanted.is_empty() {
            wanted.extend(GRID.map(|share| (i128::from(capacity) * i128::from(share) / 100) as i64));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut curve = Curve { limit, points: Vec::new(), complete: true };
        let own = self.options();
        let mut best = own.clone();
        let mut prices = self.solution.prices.clone();
        let mut lines: Vec<(i64, Priced)> = Vec::new();
        for capacity in wanted {
            if self.stopped() {
                curve.complete = false;
                break;
            }
            let point = self.point(limit, capacity, (&own, &mut best), &mut prices);
            if let (true, Some(problem)) = (point.objective.is_some(), self.at_capacity(limit, capacity)) {
                lines.push((capacity, bounds::complete(&problem, &prices, self.interrupt)));
            }
            curve.points.push(point);
        }
        curve.smooth(self, &lines);
        curve
    }

    fn at_capacity(&self, limit: usize, capacity: i64) -> Option<Problem> {
        self.problem.edit().limit(limit, self.problem.limits()[limit].least, capacity).build().ok()
    }

    /// One point, from the plan and the prices of the point before, which it replaces.
    fn point(
        &self,
        limit: usize,
        capacity: i64,
        (own, best): (&Options, &mut Options),
        prices: &mut Vec<f64>,
    ) -> Point {
        let none = Point { capacity, objective: None, bound: None, price: 0.0, used: 0 };
        let same = capacity == self.problem.limits()[limit].capacity;
        let Some(problem) = self.at_capacity(limit, capacity) else { return none };
        let found = match same {
            true => Some((Some(self.solution.clone()), self.solution.bound)),
            false => known(self.resolve_at(&problem, &[own, best], prices)),
        };
        let Some((solution, bound)) = found else { return none };
        let Some(mut solution) = solution else { return Point { bound: Some(bound), ..none } };
        if let Some((value, choice)) = super::fit(&problem, best).filter(|(value, _)| *value > solution.objective) {
            (solution.objective, solution.choice) = (value, choice);
        }
        let chosen = solution.choice.iter().filter(|&&column| column != NONE);
        let uses = chosen.flat_map(|&column| problem.uses(column)).filter(|(used, _)| *used == limit);
        let used = uses.map(|(_, amount)| amount).sum();
        *best = options(&problem, &solution.choice);
        prices.clone_from(&solution.prices);
        let bound = Some(bound.max(solution.objective));
        Point { objective: Some(solution.objective), bound, price: solution.prices[limit], used, ..none }
    }
}

impl Curve {
    /// Lowers bounds to those that the prices of other points prove, and to those of larger capacities.
    fn smooth(&mut self, case: &Case, lines: &[(i64, Priced)]) {
        let capacity = case.problem.limits()[self.limit].capacity;
        // Where a least use is paid back as well, the price alone does not say how the bound moves.
        let lines = if case.problem.limits()[self.limit].least > 0 { &[] } else { lines };
        for point in &mut self.points {
            let line = |(from, priced): &(i64, Priced)| {
                let moved = priced.limits[self.limit] * (point.capacity - from) as f64;
                priced.bound.saturating_add(moved.ceil() as i64 + 1)
            };
            // Columns that are too large for a smaller capacity are not priced there.
            let larger = lines.iter().filter(|(from, _)| *from >= point.capacity);
            let best = larger.map(line).min().unwrap_or(i64::MAX);
            let objective = point.objective.unwrap_or(i64::MIN);
            point.bound = point.bound.map(|bound| bound.min(best).max(objective));
        }
        let mut least = i64::MAX;
        for point in self.points.iter_mut().rev() {
            if point.capacity <= capacity {
                least = least.min(case.solution.bound);
            }
            if let Some(bound) = &mut point.bound {
                *bound = (*bound).min(least);
                least = *bound;
            }
        }
    }
}
