//! The best calendar of one unit under given prices: an exact dynamic program for spacing and required periods; the
//! unit's own stock by a price on it (line search) for the bound and by depth-first search for the plan.
//!
//! All arithmetic is in whole numbers: "grains", minor units times a power of two. Every rounding goes up, so that
//! what is called a bound is one.
//!
//! # Source
//! Lagrangian relaxation with the subproblem solved to optimality: Geoffrion (1974), Fisher (1981); the price of a
//! single knapsack row by intersecting lines: Handler and Zang (1980).

use super::problem::{NONE, Problem};

/// A reduced value of a column that may not be chosen.
pub const BLOCKED: i64 = i64::MIN;
/// A calendar that cannot be completed.
const NEVER: i64 = -(1 << 61);

/// The best calendar of a unit under prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// No calendar of the unit is worth more, in grains.
    pub bound: i64,
    /// Weight of [`Desk::high`] in the convex combination that attains the bound of the priced stock; 0 when
    /// [`Desk::low`] alone is the answer.
    pub high_weight: f64,
}

/// How hard to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Stock only priced: the bound of the linear relaxation, and two calendars that mix to it.
    Priced,
    /// Stock exact, by a search of at most so many nodes.
    Exact(usize),
}

/// Work space for one unit at a time.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    /// Reduced value of each column of the unit, in grains.
    pub reduced: Vec<i64>,
    /// The best calendar that keeps the stock: a column per period or [`NONE`].
    pub low: Vec<u32>,
    /// A calendar that needs more than the stock, when the stock is priced and binds.
    pub high: Vec<u32>,
    /// Price of stock at the last call, in grains per piece.
    pub stock_price: i64,
    completion: Vec<i64>,
    pick: Vec<u32>,
    required: Vec<bool>,
    next: Vec<usize>,
    path: Vec<u32>,
}

impl Desk {
    /// Finds the best calendar for the reduced values that the caller has put in [`Desk::reduced`]; nothing when
    /// the rules of the unit leave no calendar. `stock_price` is a guess (0 for none).
    pub fn best(&mut self, problem: &Problem, unit: usize, depth: Depth, stock_price: i64) -> Option<Best> {
        self.prepare(problem, unit);
        self.stock_price = 0;
        let free = self.backward(problem, unit, 0);
        if free <= NEVER / 2 {
            return None;
        }
        let used = self.trace(problem, unit, Side::Low);
        let Some(stock) = problem.units()[unit].stock.filter(|&stock| used > stock) else {
            return Some(Best { bound: free, high_weight: 0.0 });
        };
        self.with_stock(problem, unit, depth, stock, (free, used), stock_price)
    }

    /// Sums reduced values and stock of a calendar.
    fn line(&self, problem: &Problem, unit: usize, calendar: &[u32]) -> (i64, i64) {
        let first = problem.columns_of(unit).start;
        calendar.iter().filter(|&&column| column != NONE).fold((0, 0), |(value, stock), &column| {
            (value + self.reduced[column as usize - first], stock + problem.column(column).stock)
        })
    }

    fn prepare(&mut self, problem: &Problem, unit: usize) {
        let periods = problem.periods();
        self.completion.resize(periods + 1, 0);
        self.pick.resize(periods, NONE);
        self.low.resize(periods, NONE);
        self.high.resize(periods, NONE);
        let rules = &problem.units()[unit];
        self.required.clear();
        self.required.resize(periods, false);
        rules.required.iter().for_each(|&period| self.required[period] = true);
        self.next.clear();
        // Where a column may continue: past its spacing, unless a required period lies between.
        self.next.extend((0..periods).map(|period| {
            let next = (period + rules.spacing).min(periods);
            if self.required[period + 1..next].iter().any(|&required| required) { usize::MAX } else { next }
        }));
    }

    /// Fills `completion[t]`, the best priced value of periods t and later, with stock at a price.
    fn backward(&mut self, problem: &Problem, unit: usize, price: i64) -> i64 {
        let first = problem.columns_of(unit).start;
        let periods = problem.periods();
        self.completion[periods] = 0;
        for period in (0..periods).rev() {
            let skip = if self.required[period] { NEVER } else { self.completion[period + 1] };
            let (mut best, mut pick) = (skip, NONE);
            if self.next[period] != usize::MAX {
                let after = self.completion[self.next[period]];
                for column in problem.columns_at(unit, period) {
                    let reduced = self.reduced[column - first];
                    if reduced == BLOCKED {
                        continue;
                    }
                    let worth = priced(reduced, price, problem.column(column as u32).stock) + after;
                    if worth > best {
                        (best, pick) = (worth, column as u32);
                    }
                }
            }
            self.completion[period] = best.max(NEVER);
            self.pick[period] = pick;
        }
        self.completion[0]
    }

    /// Walks the picks of the last backward pass and returns the stock they use.
    fn trace(&mut self, problem: &Problem, unit: usize, side: Side) -> i64 {
        let calendar = match side {
            Side::Low => &mut self.low,
            Side::High => &mut self.high,
        };
        calendar.fill(NONE);
        let spacing = problem.units()[unit].spacing;
        let (mut period, mut used) = (0, 0);
        while period < self.pick.len() {
            let column = self.pick[period];
            calendar[period] = column;
            if column == NONE {
                period += 1;
            } else {
                used += problem.column(column).stock;
                period += spacing;
            }
        }
        used
    }

    fn picked_stock(&self, problem: &Problem, unit: usize) -> i64 {
        let spacing = problem.units()[unit].spacing;
        let (mut period, mut used) = (0, 0);
        while period < self.pick.len() {
            match self.pick[period] {
                NONE => period += 1,
                column => {
                    used += problem.column(column).stock;
                    period += spacing;
                }
            }
        }
        used
    }

    /// The free calendar needs more than the stock: price it, then search if asked to.
    fn with_stock(
        &mut self,
        problem: &Problem,
        unit: usize,
        depth: Depth,
        stock: i64,
        (free, free_used): (i64, i64),
        guess: i64,
    ) -> Option<Best> {
        std::mem::swap(&mut self.low, &mut self.high);
        let mut over = (free, free_used);
        let mut under = self.leanest(problem, unit, stock)?;
        let mut price = if guess > 0 { guess } else { slope(over, under) };
        let mut bound = i128::from(free);
        let mut best_price = 0;
        for step in 0..100 {
            let value = self.backward(problem, unit, price);
            let at_price = i128::from(value) + i128::from(price) * i128::from(stock);
            if at_price < bound {
                (bound, best_price) = (at_price, price);
            }
            let used = self.picked_stock(problem, unit);
            let (side, known) = if used <= stock { (Side::Low, &mut under) } else { (Side::High, &mut over) };
            let before = *known;
            self.trace(problem, unit, side);
            let line = self.line(problem, unit, if used <= stock { &self.low } else { &self.high });
            *known = line;
            let steeper = slope(over, under);
            if used == stock || steeper == price || (step > 0 && line == before) {
                break;
            }
            price = steeper;
        }
        self.stock_price = best_price;
        let bound = bound.min(i128::from(free)) as i64;
        match depth {
            Depth::Priced => {
                let spread = (over.1 - under.1).max(1) as f64;
                Some(Best { bound, high_weight: ((stock - under.1) as f64 / spread).clamp(0.0, 1.0) })
            }
            Depth::Exact(nodes) => {
                let exact = self.search(problem, unit, stock, under.0, nodes);
                Some(Best { bound: exact.min(bound), high_weight: 0.0 })
            }
        }
    }

    /// Puts into `low` the calendar of required periods that uses least stock; the empty one when nothing is required.
    fn leanest(&mut self, problem: &Problem, unit: usize, stock: i64) -> Option<(i64, i64)> {
        if problem.units()[unit].required.is_empty() {
            self.low.fill(NONE);
            return Some((0, 0));
        }
        let heavy = (1_i64 << 60)
            / (problem.columns_of(unit).map(|c| problem.column(c as u32).stock).max()?.max(1))
            / (problem.periods() as i64 + 1);
        let kept = std::mem::take(&mut self.reduced);
        self.reduced = kept.iter().map(|&reduced| if reduced == BLOCKED { BLOCKED } else { 0 }).collect();
        self.backward(problem, unit, heavy.max(1));
        let used = self.trace(problem, unit, Side::Low);
        self.reduced = kept;
        (used <= stock).then(|| self.line(problem, unit, &self.low))
    }

    /// Exact best calendar within the stock by depth-first search; `low` holds the incumbent. Returns a bound, which
    /// is the value of the best calendar when the search was not cut short.
    fn search(&mut self, problem: &Problem, unit: usize, stock: i64, incumbent: i64, nodes: usize) -> i64 {
        let price = self.stock_price;
        self.backward(problem, unit, price);
        self.path.clear();
        let mut path = std::mem::take(&mut self.path);
        let mut low = std::mem::take(&mut self.low);
        let mut search = Search {
            problem,
            unit,
            desk: self,
            first: problem.columns_of(unit).start,
            price,
            stock,
            best: incumbent,
            calendar: &mut low,
            path: &mut path,
            bound: i64::MIN,
            nodes_left: nodes,
        };
        search.visit(0, 0, 0);
        let bound = search.bound.max(search.best.saturating_add(TOLERANCE));
        self.path = path;
        self.low = low;
        bound
    }
}

/// Grains by which a calendar must be better to be worth finding; added to the bound.
const TOLERANCE: i64 = 16;

#[derive(Clone, Copy)]
enum Side {
    Low,
    High,
}

struct Search<'a> {
    problem: &'a Problem,
    unit: usize,
    desk: &'a Desk,
    first: usize,
    price: i64,
    stock: i64,
    best: i64,
    calendar: &'a mut [u32],
    path: &'a mut Vec<u32>,
    bound: i64,
    nodes_left: usize,
}

impl Search<'_> {
    /// Best that a calendar can still come to that has this value and stock so far and goes on at a period.
    fn reach(&self, value: i64, used: i64, period: usize) -> i64 {
        let left = i128::from(self.price) * i128::from(self.stock - used);
        let reach = i128::from(value) + i128::from(self.desk.completion[period]) + left;
        reach.clamp(i128::from(NEVER), i128::from(i64::MAX)) as i64
    }

    fn visit(&mut self, from: usize, value: i64, used: i64) {
        let periods = self.problem.periods();
        for period in from..=periods {
            if period == periods {
                // Stock left over is worth nothing here, whatever its price says.
                if value > self.best {
                    self.keep(value);
                }
                return;
            }
            let reach = self.reach(value, used, period);
            if reach <= self.best.saturating_add(TOLERANCE) {
                return;
            }
            if self.nodes_left == 0 {
                self.bound = self.bound.max(reach);
                return;
            }
            self.nodes_left -= 1;
            self.take(period, value, used);
            if self.desk.required[period] {
                return;
            }
        }
    }

    fn take(&mut self, period: usize, value: i64, used: i64) {
        let next = self.desk.next[period];
        if next == usize::MAX {
            return;
        }
        for column in self.problem.columns_at(self.unit, period) {
            let reduced = self.desk.reduced[column - self.first];
            let stock = self.problem.column(column as u32).stock;
            if reduced == BLOCKED || (reduced <= 0 && !self.desk.required[period]) || used + stock > self.stock {
                continue;
            }
            if self.reach(value + reduced, used + stock, next) > self.best.saturating_add(TOLERANCE) {
                self.path.push(column as u32);
                self.visit(next, value + reduced, used + stock);
                self.path.pop();
            }
        }
    }

    fn keep(&mut self, value: i64) {
        self.best = value;
        self.calendar.fill(NONE);
        for &column in self.path.iter() {
            self.calendar[self.problem.column(column).period as usize] = column;
        }
    }
}

/// Reduced value less the price of its stock; never so low that a sum over periods could wrap.
fn priced(reduced: i64, price: i64, stock: i64) -> i64 {
    reduced.saturating_sub(price.saturating_mul(stock)).max(NEVER / 1024)
}

/// Price at which two calendars, one over the stock and one within it, are worth the same; rounded down, 1 or more.
fn slope(over: (i64, i64), under: (i64, i64)) -> i64 {
    ((over.0 - under.0) / (over.1 - under.1).max(1)).max(1)
}
