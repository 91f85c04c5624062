//! The best calendar of one unit under given prices: an exact dynamic program over the graph of its rules; the unit's
//! own stock by a price on it (line search), and then exactly (`labels`). `listing` finds the calendars that are nearly
//! as good.
//!
//! # Source
//! Lagrangian relaxation with the subproblem solved to optimality: Geoffrion (1974), Fisher (1981); the price of a
//! single knapsack row by intersecting lines: Handler and Zang (1980).

mod labels;
mod listing;

pub use listing::{Near, Reach};

use super::graph::Graph;
use super::problem::Problem;
use labels::Label;

/// What a column that may not be chosen is worth.
pub const BLOCKED: f64 = f64::NEG_INFINITY;

/// Minor units by which a calendar must be better to be worth finding; part of every bound.
pub const TOLERANCE: f64 = 1e-6;

/// How hard to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Stock only priced: the bound of the linear relaxation, and two calendars that mix to it.
    Priced,
    /// Stock exact, with at most so many labels.
    Exact(usize),
}

/// The best calendar of a unit under prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// No calendar of the unit is worth more.
    pub bound: f64,
    /// What [`Desk::low`] is worth.
    pub value: f64,
    /// Weight of [`Desk::high`] in the convex combination that attains the bound of the priced stock; 0 when
    /// [`Desk::low`] alone is the answer.
    pub high_weight: f64,
}

/// Work space for one unit at a time.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    /// What each column of the unit is worth after paying the prices.
    pub reduced: Vec<f64>,
    /// The best calendar that keeps the stock: its columns, by period.
    pub low: Vec<u32>,
    /// A calendar that needs more than the stock, when the stock is priced and binds.
    pub high: Vec<u32>,
    /// Price of stock at the last call.
    pub stock_price: f64,
    /// Per node, the best that can follow.
    completion: Vec<f64>,
    /// Per period, the best column and what it is worth.
    best: Vec<(f64, u32)>,
    chosen: Vec<bool>,
    path: Vec<u32>,
    /// Per period, the stock that has arrived.
    arrived: Vec<i64>,
    /// Per node, what follows at the price of stock.
    completes: Vec<Line>,
    labels: Vec<Label>,
    /// Per node, labels that wait there.
    waiting: Vec<Vec<u32>>,
}

/// What a unit's stock leaves at a calendar: value and use.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    value: f64,
    used: i64,
}

impl Desk {
    /// Finds the best calendar for the worths that the caller has put in [`Desk::reduced`]; nothing when rules and stock
    /// leave none. `guess` is a likely price of stock (0 for none), `known` a calendar that keeps all rules and stock.
    pub fn best(&mut self, problem: &Problem, unit: usize, depth: Depth, guess: f64, known: &[u32]) -> Option<Best> {
        self.stock_price = 0.0;
        let free = self.backward(problem, unit, 0.0);
        if free == BLOCKED {
            return None;
        }
        let used = self.trace(problem, unit);
        std::mem::swap(&mut self.low, &mut self.path);
        let Some(supply) = problem.supply(unit) else {
            return Some(Best { bound: free, value: free, high_weight: 0.0 });
        };
        let total = supply.last().map_or(0, |last| last.1);
        self.arrive(problem.periods(), supply);
        if used <= total && (supply.len() == 1 && supply[0].0 == 0 || self.in_time(problem, unit, &self.low)) {
            return Some(Best { bound: free, value: free, high_weight: 0.0 });
        }
        std::mem::swap(&mut self.low, &mut self.high);
        let (bound, under, over) = self.price_stock(problem, unit, total, Line { value: free, used }, guess)?;
        match depth {
            Depth::Priced => {
                let spread = (over.used - under.used).max(1) as f64;
                let high_weight = ((total - under.used) as f64 / spread).clamp(0.0, 1.0);
                Some(Best { bound, value: under.value, high_weight })
            }
            Depth::Exact(labels) => Some(self.exact(problem, unit, (bound, under), known, labels)),
        }
    }

    fn arrive(&mut self, periods: usize, supply: &[(u32, i64)]) {
        self.arrived.clear();
        self.arrived.resize(periods, 0);
        for (at, &(period, sum)) in supply.iter().enumerate() {
            let to = supply.get(at + 1).map_or(periods, |next| next.0 as usize);
            self.arrived[period as usize..to].fill(sum);
        }
    }

    /// Returns whether a calendar never uses stock before it arrives. The unit's arrivals must be laid out.
    fn in_time(&self, problem: &Problem, unit: usize, calendar: &[u32]) -> bool {
        let mut used = 0;
        calendar.iter().all(|&column| {
            used += problem.stock_use(column);
            used <= self.arrived[problem.period_of(unit, column)]
        })
    }

    /// Sums what a calendar is worth and uses.
    fn line(&self, problem: &Problem, unit: usize, calendar: &[u32]) -> Line {
        let first = problem.columns_of(unit).start;
        calendar.iter().fold(Line { value: 0.0, used: 0 }, |line, &column| Line {
            value: line.value + self.reduced[column as usize - first],
            used: line.used + problem.stock_use(column),
        })
    }

    /// Fills in the best that can follow each node, with stock at a price, and returns that of the root.
    fn backward(&mut self, problem: &Problem, unit: usize, price: f64) -> f64 {
        let cells = problem.cells(unit);
        let stocks = problem.stock_uses(problem.columns_of(unit));
        let first = cells[0];
        self.best.clear();
        self.best.extend(cells.windows(2).map(|cell| {
            let cell = (cell[0] - first) as usize..(cell[1] - first) as usize;
            let mut best = (BLOCKED, 0);
            for at in cell {
                let worth =
                    if price > 0.0 { self.reduced[at] - price * f64::from(stocks[at]) } else { self.reduced[at] };
                if worth > best.0 {
                    best = (worth, first + at as u32);
                }
            }
            best
        }));
        let graph = problem.graph(unit);
        let count = graph.nodes.len();
        self.completion.resize(count + 2, 0.0);
        self.chosen.resize(count, false);
        let completion = &mut self.completion[..count + 2];
        completion[count] = 0.0;
        completion[count + 1] = BLOCKED;
        for (at, node) in graph.nodes.iter().enumerate().rev() {
            let off = completion[node.off as usize];
            let on = self.best[node.period as usize].0 + completion[node.on as usize];
            self.chosen[at] = on > off;
            completion[at] = on.max(off);
        }
        completion[graph.root as usize]
    }

    /// Walks the choices of the last backward pass into `path` and returns the stock they use.
    fn trace(&mut self, problem: &Problem, unit: usize) -> i64 {
        let graph = problem.graph(unit);
        self.path.clear();
        let mut used = 0;
        walk(graph, &self.chosen, graph.root, |period| {
            let column = self.best[period].1;
            used += problem.stock_use(column);
            self.path.push(column);
        });
        used
    }

    /// The free calendar, in `high`, does not keep the stock: finds the price of stock with the least bound. Leaves a
    /// calendar that keeps it in `low`; nothing when there is none.
    fn price_stock(
        &mut self,
        problem: &Problem,
        unit: usize,
        total: i64,
        free: Line,
        guess: f64,
    ) -> Option<(f64, Line, Line)> {
        let mut over = free;
        let mut under = self.leanest(problem, unit)?;
        let mut bound = free.value;
        if free.used <= total {
            // Only arrivals hold it back: a price on the total says nothing.
            return Some((bound, under, over));
        }
        let mut price = if guess > 0.0 { guess } else { slope(over, under) };
        for step in 0..60 {
            let value = self.backward(problem, unit, price);
            // The price was paid piece by piece and is given back at once: whatever those roundings hide goes up.
            let paid = price * total as f64;
            let at_price = value + paid + f64::EPSILON * (problem.periods() + 4) as f64 * paid;
            if at_price < bound {
                (bound, self.stock_price) = (at_price, price);
            }
            let used = self.trace(problem, unit);
            let line = self.line(problem, unit, &self.path);
            let fits = used <= total;
            let before = if fits { under } else { over };
            if fits && !self.in_time(problem, unit, &self.path) {
                // Good for the bound, but no calendar to keep.
                break;
            }
            std::mem::swap(&mut self.path, if fits { &mut self.low } else { &mut self.high });
            *(if fits { &mut under } else { &mut over }) = line;
            let steeper = slope(over, under);
            if used == total || steeper == price || (step > 0 && line == before) {
                break;
            }
            price = steeper;
        }
        Some((bound, under, over))
    }

    /// Puts into `low` the calendar that uses least stock among those that rules leave; nothing when even that does not
    /// keep the stock.
    fn leanest(&mut self, problem: &Problem, unit: usize) -> Option<Line> {
        let graph = problem.graph(unit);
        self.low.clear();
        if self.path_of_nothing(graph) {
            return Some(Line { value: 0.0, used: 0 });
        }
        let kept = std::mem::take(&mut self.reduced);
        self.reduced = kept.iter().map(|&worth| if worth == BLOCKED { BLOCKED } else { 0.0 }).collect();
        let root = self.backward(problem, unit, 1.0);
        let mut lean = None;
        if root > BLOCKED {
            self.trace(problem, unit);
            if self.in_time(problem, unit, &self.path) {
                lean = Some(self.path.clone());
            } else {
                lean = self.any_in_time(problem, unit);
            }
        }
        self.reduced = kept;
        self.low = lean?;
        Some(self.line(problem, unit, &self.low))
    }

    /// Returns whether the rules allow to choose nothing at all.
    fn path_of_nothing(&self, graph: &Graph) -> bool {
        let mut at = graph.root;
        while let Some(node) = graph.nodes.get(at as usize) {
            at = node.off;
        }
        at == graph.end()
    }

    /// Exact best calendar within the stock, unless the price of stock has already found it.
    fn exact(
        &mut self,
        problem: &Problem,
        unit: usize,
        (bound, under): (f64, Line),
        known: &[u32],
        labels: usize,
    ) -> Best {
        let mut floor = under.value;
        if !known.is_empty() {
            let line = self.line(problem, unit, known);
            if line.value > floor {
                floor = line.value;
                self.low.clear();
                self.low.extend_from_slice(known);
            }
        }
        if bound <= floor + TOLERANCE {
            return Best { bound, value: floor, high_weight: 0.0 };
        }
        self.label(problem, unit, (bound, floor), labels)
    }
}

/// Follows the choices from a node to the end.
fn walk(graph: &Graph, chosen: &[bool], from: u32, mut on: impl FnMut(usize)) {
    let mut at = from;
    while let Some(node) = graph.nodes.get(at as usize) {
        at = if chosen[at as usize] {
            on(node.period as usize);
            node.on
        } else {
            node.off
        };
    }
}

/// Price at which two calendars, one over the stock and one within it, are worth the same.
fn slope(over: Line, under: Line) -> f64 {
    ((over.value - under.value) / (over.used - under.used).max(1) as f64).max(1e-9)
}
