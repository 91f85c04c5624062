//! Proof for small problems: every plan better than the one at hand loses less, against the bound, than their distance.
//! So only calendars with a smaller loss than that matter; they are listed per unit and searched depth first.
//!
//! The loss of a plan is the sum of what its calendars fall short of their unit's best at the prices, of what unused
//! limits are worth, and of what pairs cost beyond their prices: all 0 or more.
//!
//! # Source
//! Reduced-cost fixing: Crowder, Johnson and Padberg (1983); enumeration inside the gap: Baldacci, Christofides and
//! Mingozzi (2008).

use super::calendar::{BLOCKED, Depth, Desk};
use super::dual::Dual;
use super::prices::Prices;
use super::problem::{NONE, Problem};
use super::slate::Slate;

const CALENDARS_PER_UNIT: usize = 20_000;
const CALENDARS: usize = 400_000;
const UNITS: usize = 1_500;
const NODES_INSIDE: usize = 1_000_000;

/// A calendar that a better plan could use.
struct Candidate {
    loss: i64,
    columns: Vec<u32>,
}

struct Unsettled {
    unit: usize,
    candidates: Vec<Candidate>,
}

/// Searches all plans that could beat the slate and replaces it by the best. True when the search was complete, so
/// that the slate is proven optimal.
pub fn settle<'p>(
    dual: &Dual,
    slate: &mut Slate<'p>,
    problem: &'p Problem,
    nodes: usize,
    stop: &dyn Fn() -> bool,
) -> bool {
    let Some(evaluation) = &dual.best else { return false };
    let prices = &evaluation.prices;
    let Some((mut units, spare)) = candidates(problem, prices, slate.value, stop) else { return false };
    if spare < 0 {
        return true;
    }
    units.sort_by_key(|unsettled| (unsettled.candidates.len(), unsettled.unit));
    if units.iter().filter(|unsettled| unsettled.candidates.len() > 1).count() > UNITS {
        return false;
    }
    if units.iter().any(|unsettled| unsettled.candidates.is_empty()) {
        return true;
    }
    let mut search = Search::new(problem, prices, &units, slate.value, spare, nodes, stop);
    let settled = units.iter().take_while(|unsettled| unsettled.candidates.len() == 1).count();
    let mut loss = 0;
    for at in 0..settled {
        let Some(more) = search.place(at, 0) else { return true };
        loss += more;
    }
    search.visit(settled, loss);
    let complete = search.nodes_left > 0 && !search.stopped;
    if let Some(best) = search.best.take() {
        *slate = best;
    }
    complete
}

/// Lists per unit the calendars whose loss is below the distance between bound and plan; also returns that distance
/// in grains, less what a plan must gain to be better.
fn candidates(
    problem: &Problem,
    prices: &Prices,
    value: i64,
    stop: &dyn Fn() -> bool,
) -> Option<(Vec<Unsettled>, i64)> {
    let mut desk = Desk::default();
    let mut bounds = Vec::with_capacity(problem.units().len());
    for unit in 0..problem.units().len() {
        let mut reduced = std::mem::take(&mut desk.reduced);
        prices.reduce(problem, unit, &mut reduced);
        desk.reduced = reduced;
        bounds.push(desk.best(problem, unit, Depth::Exact(NODES_INSIDE), 0)?.bound);
        if stop() {
            return None;
        }
    }
    let bound = prices.constant(problem) + bounds.iter().map(|&bound| i128::from(bound)).sum::<i128>();
    let spare = bound - ((i128::from(value) + 1) << prices.grain_bits);
    let spare = i64::try_from(spare).ok()?;
    let mut total = 0;
    let mut units = Vec::with_capacity(bounds.len());
    for (unit, &bound) in bounds.iter().enumerate() {
        let candidates = if spare < 0 { Vec::new() } else { list(problem, prices, unit, bound, spare)? };
        total += candidates.len();
        if total > CALENDARS || stop() {
            return None;
        }
        units.push(Unsettled { unit, candidates });
    }
    Some((units, spare))
}

fn list(problem: &Problem, prices: &Prices, unit: usize, bound: i64, spare: i64) -> Option<Vec<Candidate>> {
    let mut reduced = Vec::new();
    prices.reduce(problem, unit, &mut reduced);
    let completion = completion(problem, unit, &reduced);
    let mut listing =
        Listing { problem, unit, reduced, completion, bound, spare, path: Vec::new(), found: Vec::new(), steps: 0 };
    listing.visit(0, 0, 0)?;
    let mut found = listing.found;
    found.sort_by(|a, b| (a.loss, &a.columns).cmp(&(b.loss, &b.columns)));
    Some(found)
}

/// Best reduced value from each period on, without regard to stock.
fn completion(problem: &Problem, unit: usize, reduced: &[i64]) -> Vec<i64> {
    let periods = problem.periods();
    let rules = &problem.units()[unit];
    let first = problem.columns_of(unit).start;
    let never = -(1i64 << 60);
    let mut completion = vec![0i64; periods + 1];
    for period in (0..periods).rev() {
        let required = rules.required.binary_search(&period).is_ok();
        let after = completion[(period + rules.spacing).min(periods)];
        let best =
            problem.columns_at(unit, period).map(|column| reduced[column - first]).filter(|&r| r != BLOCKED).max();
        let take = best.map_or(never, |best| best + after);
        completion[period] = take.max(if required { never } else { completion[period + 1] }).max(never);
    }
    completion
}

struct Listing<'a> {
    problem: &'a Problem,
    unit: usize,
    reduced: Vec<i64>,
    completion: Vec<i64>,
    bound: i64,
    spare: i64,
    path: Vec<u32>,
    found: Vec<Candidate>,
    steps: usize,
}

impl Listing<'_> {
    fn visit(&mut self, from: usize, value: i64, stock: i64) -> Option<()> {
        let rules = &self.problem.units()[self.unit];
        for period in from..=self.problem.periods() {
            let loss = self.bound - (value + self.completion[period]);
            if loss > self.spare {
                return Some(());
            }
            self.steps += 1;
            if self.found.len() >= CALENDARS_PER_UNIT || self.steps > 50 * CALENDARS_PER_UNIT {
                return None;
            }
            if period == self.problem.periods() {
                self.found.push(Candidate { loss, columns: self.path.clone() });
                return Some(());
            }
            let next = period + rules.spacing;
            let skips_required = rules.required.iter().any(|&required| required > period && required < next);
            if !skips_required {
                self.take(period, next, value, stock)?;
            }
            if rules.required.binary_search(&period).is_ok() {
                return Some(());
            }
        }
        Some(())
    }

    fn take(&mut self, period: usize, next: usize, value: i64, stock: i64) -> Option<()> {
        let first = self.problem.columns_of(self.unit).start;
        let limit = self.problem.units()[self.unit].stock.unwrap_or(i64::MAX);
        for column in self.problem.columns_at(self.unit, period) {
            let used = stock + self.problem.column(column as u32).stock;
            if used <= limit {
                self.path.push(column as u32);
                let done = self.visit(next.min(self.problem.periods()), value + self.reduced[column - first], used);
                self.path.pop();
                done?;
            }
        }
        Some(())
    }
}

struct Search<'a, 'p> {
    problem: &'p Problem,
    prices: &'a Prices,
    units: &'a [Unsettled],
    slate: Slate<'p>,
    placed: Vec<bool>,
    /// Most and least that the units from one on can still use of each limit.
    most: Vec<Vec<i64>>,
    least: Vec<Vec<i64>>,
    spare: i64,
    value: i64,
    best: Option<Slate<'p>>,
    nodes_left: usize,
    stopped: bool,
    stop: &'a dyn Fn() -> bool,
}

impl<'a, 'p> Search<'a, 'p> {
    fn new(
        problem: &'p Problem,
        prices: &'a Prices,
        units: &'a [Unsettled],
        value: i64,
        spare: i64,
        nodes: usize,
        stop: &'a dyn Fn() -> bool,
    ) -> Self {
        let (most, least) = ranges(problem, units);
        Self {
            problem,
            prices,
            units,
            slate: Slate::empty(problem),
            placed: vec![false; problem.units().len()],
            most,
            least,
            spare,
            value,
            best: None,
            nodes_left: nodes,
            stopped: false,
            stop,
        }
    }

    fn visit(&mut self, at: usize, loss: i64) {
        if at == self.units.len() {
            if self.slate.value > self.value {
                let gain = self.slate.value - self.value;
                self.spare -= gain << self.prices.grain_bits;
                self.value = self.slate.value;
                self.best = Some(self.slate.clone());
            }
            return;
        }
        for candidate in 0..self.units[at].candidates.len() {
            if loss + self.units[at].candidates[candidate].loss > self.spare || self.nodes_left == 0 || self.stopped {
                return;
            }
            self.nodes_left -= 1;
            if self.nodes_left.is_multiple_of(4096) {
                self.stopped = (self.stop)();
            }
            let Some(more) = self.place(at, candidate) else { continue };
            let total = loss + more;
            if total <= self.spare && total + self.unused(at + 1) <= self.spare {
                self.visit(at + 1, total);
            }
            self.unplace(at);
        }
    }

    /// Puts a candidate in and returns its loss with that of its pairs; nothing when it does not fit.
    fn place(&mut self, at: usize, candidate: usize) -> Option<i64> {
        let Unsettled { unit, candidates } = &self.units[at];
        let Candidate { loss, columns } = &candidates[candidate];
        let mut calendar = vec![NONE; self.problem.periods()];
        for &column in columns {
            calendar[self.problem.column(column).period as usize] = column;
        }
        self.slate.put_in(*unit, &calendar);
        self.placed[*unit] = true;
        let fits = (0..self.slate.left.len()).all(|limit| self.slate.left[limit] >= self.least[at + 1][limit]);
        if !fits {
            self.unplace(at);
            return None;
        }
        Some(loss + self.pair_loss(*unit))
    }

    fn unplace(&mut self, at: usize) {
        let unit = self.units[at].unit;
        self.slate.take_out(unit);
        self.placed[unit] = false;
    }

    /// What the pairs of a unit with units already placed lose beyond their prices.
    fn pair_loss(&self, unit: usize) -> i64 {
        let periods = self.problem.periods();
        let mut loss = 0;
        for partner in self.problem.partners(unit).iter().filter(|partner| self.placed[partner.unit as usize]) {
            let other = self.slate.calendar(partner.unit as usize);
            for (period, (&own, &other)) in self.slate.calendar(unit).iter().zip(other).enumerate() {
                let price = self.prices.pairs[partner.pair as usize * periods + period];
                loss += match (own == NONE, other == NONE) {
                    (true, true) => price,
                    (false, false) => (partner.penalty << self.prices.grain_bits) - price,
                    _ => 0,
                };
            }
        }
        loss
    }

    /// What the limits that must stay unused are worth, in grains, rounded down.
    fn unused(&self, from: usize) -> i64 {
        let worth = self
            .slate
            .left
            .iter()
            .zip(&self.most[from])
            .zip(&self.prices.limits)
            .map(|((left, most), &price)| i128::from((left - most).max(0)) * i128::from(price));
        let worth = worth.sum::<i128>() >> (32 - self.prices.grain_bits);
        i64::try_from(worth).unwrap_or(i64::MAX / 4)
    }
}

/// Most and least use of each limit by the units from each one on.
fn ranges(problem: &Problem, units: &[Unsettled]) -> (Vec<Vec<i64>>, Vec<Vec<i64>>) {
    let limits = problem.limits().len();
    let mut most = vec![vec![0i64; limits]; units.len() + 1];
    let mut least = most.clone();
    for at in (0..units.len()).rev() {
        let (mut high, mut low) = (vec![0i64; limits], vec![i64::MAX; limits]);
        for candidate in &units[at].candidates {
            let mut used = vec![0i64; limits];
            for &column in &candidate.columns {
                for &(limit, amount) in problem.uses(problem.column(column)) {
                    used[limit as usize] += amount;
                }
            }
            for limit in 0..limits {
                high[limit] = high[limit].max(used[limit]);
                low[limit] = low[limit].min(used[limit]);
            }
        }
        for limit in 0..limits {
            most[at][limit] = most[at + 1][limit].saturating_add(high[limit]);
            least[at][limit] = least[at + 1][limit].saturating_add(low[limit]);
        }
    }
    (most, least)
}
