//! The best calendar of one unit under given prices: an exact dynamic program over the graph of its rules; the unit's
//! own stock by a price on it (line search) for the bound, and by depth-first search for the plan.
//!
//! # Source
//! Lagrangian relaxation with the subproblem solved to optimality: Geoffrion (1974), Fisher (1981); the price of a
//! single knapsack row by intersecting lines: Handler and Zang (1980).

use super::graph::Graph;
use super::problem::Problem;

/// What a column that may not be chosen is worth.
pub const BLOCKED: f64 = f64::NEG_INFINITY;

/// Minor units by which a calendar must be better to be worth finding; part of every bound.
pub const TOLERANCE: f64 = 1e-6;

/// How hard to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Stock only priced: the bound of the linear relaxation, and two calendars that mix to it.
    Priced,
    /// Stock exact, by a search of at most so many nodes.
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

/// A calendar that is nearly best.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// What it is worth.
    pub value: f64,
    /// Its columns, by period.
    pub columns: Vec<u32>,
}

/// Which nearly best calendars to list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// Most that a calendar may fall short of the best.
    pub spare: f64,
    /// Most calendars.
    pub most: usize,
    /// Most nodes of the search.
    pub nodes: usize,
    /// Whether a list that is not complete is of no use.
    pub whole: bool,
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
            Depth::Exact(nodes) => Some(self.exact(problem, unit, (bound, under), known, nodes)),
        }
    }

    /// Lists calendars that keep rules and stock and fall short of the best by no more than the reach allows, best first.
    /// Call after [`Desk::best`]. False when the search was cut short, so that others may be missing.
    pub fn near(&mut self, problem: &Problem, unit: usize, best: &Best, reach: Reach, found: &mut Vec<Near>) -> bool {
        found.clear();
        let price = self.stock_price;
        self.backward(problem, unit, price);
        if problem.supply(unit).is_none() {
            self.arrived.clear();
            self.arrived.resize(problem.periods(), i64::MAX);
        }
        let mut path = std::mem::take(&mut self.path);
        path.clear();
        let floor = best.value - reach.spare;
        let mut keep = Keeper { found, most: reach.most, floor, full: true, whole: reach.whole };
        let mut search = self.search(problem, unit, price, reach.nodes, &mut path);
        search.visit(search.graph.root, 0.0, 0, &mut keep);
        let complete = search.nodes_left > 0 && keep.full;
        self.path = path;
        found.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.columns.cmp(&b.columns)));
        complete
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
            let at_price = value + price * total as f64;
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

    /// Some calendar that never uses stock before it arrives, searched with all columns worth nothing.
    fn any_in_time(&mut self, problem: &Problem, unit: usize) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let mut keep = Keeper { found: &mut found, most: 1, floor: BLOCKED, full: true, whole: false };
        self.backward(problem, unit, 0.0);
        let mut path = Vec::new();
        let mut search = self.search(problem, unit, 0.0, 1 << 22, &mut path);
        search.visit(search.graph.root, 0.0, 0, &mut keep);
        found.pop().map(|near| near.columns)
    }

    /// Returns whether the rules allow to choose nothing at all.
    fn path_of_nothing(&self, graph: &Graph) -> bool {
        let mut at = graph.root;
        while let Some(node) = graph.nodes.get(at as usize) {
            at = node.off;
        }
        at == graph.end()
    }

    /// Exact best calendar within the stock by depth-first search.
    fn exact(
        &mut self,
        problem: &Problem,
        unit: usize,
        (bound, under): (f64, Line),
        known: &[u32],
        nodes: usize,
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
        self.label(problem, unit, (bound, floor), nodes)
    }

    /// Exact best calendar within the stock: labels (value, stock used) spread through the graph, of which those that
    /// are dominated or cannot beat the best so far are dropped. At most so many labels are kept; `low` holds the
    /// incumbent.
    fn label(&mut self, problem: &Problem, unit: usize, (bound, floor): (f64, f64), most: usize) -> Best {
        let price = self.stock_price;
        self.backward(problem, unit, price);
        let graph = problem.graph(unit);
        let cells = problem.cells(unit);
        let total = self.arrived.last().copied().unwrap_or(0);
        let end = graph.end() as usize;
        let (mut best, mut best_end) = (floor, None);
        let at_once = problem.supply(unit).is_some_and(|supply| supply.len() == 1 && supply[0].0 == 0);
        if at_once {
            self.complete(problem, unit);
        }
        let labels = &mut self.labels;
        labels.clear();
        self.waiting.resize(end + 2, Vec::new());
        self.waiting.iter_mut().for_each(Vec::clear);
        let reach =
            |value: f64, used: i64, node: u32| value + self.completion[node as usize] + price * (total - used) as f64;
        labels.push(Label { value: 0.0, used: 0, column: 0, before: u32::MAX });
        self.waiting[graph.root as usize].push(0);
        let mut open = BLOCKED;
        for at in 0..end {
            let mut here = std::mem::take(&mut self.waiting[at]);
            drop_dominated(&mut here, labels);
            let node = graph.nodes[at];
            let period = node.period as usize;
            for &label in &here {
                let Label { value, used, .. } = labels[label as usize];
                if reach(value, used, at as u32) <= best + TOLERANCE {
                    continue;
                }
                if labels.len() > most {
                    open = open.max(reach(value, used, at as u32));
                    continue;
                }
                if reach(value, used, node.off) > best + TOLERANCE {
                    self.waiting[node.off as usize].push(label);
                }
                let room = self.arrived[period] - used;
                for column in cells[period]..cells[period + 1] {
                    let stock = problem.stock_use(column);
                    let value = value + self.reduced[(column - cells[0]) as usize];
                    if stock > room || reach(value, used + stock, node.on) <= best + TOLERANCE {
                        continue;
                    }
                    let used = used + stock;
                    labels.push(Label { value, used, column, before: label });
                    let fresh = labels.len() as u32 - 1;
                    self.waiting[node.on as usize].push(fresh);
                    if at_once {
                        // What would follow at the price of stock may already fit.
                        let rest = self.completes[node.on as usize];
                        if used + rest.used <= total && value + rest.value > best + TOLERANCE {
                            (best, best_end) = (value + rest.value, Some((fresh, node.on)));
                        }
                    }
                }
            }
            self.waiting[at] = here;
            for &label in &self.waiting[end] {
                // Stock left over is worth nothing, whatever its price says.
                if labels[label as usize].value > best + TOLERANCE {
                    (best, best_end) = (labels[label as usize].value, Some((label, graph.end())));
                }
            }
            self.waiting[end].clear();
        }
        if let Some((mut label, at)) = best_end {
            self.low.clear();
            while labels[label as usize].before != u32::MAX {
                self.low.push(labels[label as usize].column);
                label = labels[label as usize].before;
            }
            self.low.reverse();
            walk(graph, &self.chosen, at, |period| self.low.push(self.best[period].1));
        }
        Best { bound: bound.min(open.max(best + TOLERANCE)), value: best, high_weight: 0.0 }
    }

    /// Sums, per node, what the choices of the last backward pass are worth and use from there on.
    fn complete(&mut self, problem: &Problem, unit: usize) {
        let graph = problem.graph(unit);
        let first = problem.columns_of(unit).start;
        self.completes.resize(graph.nodes.len() + 2, Line { value: 0.0, used: 0 });
        self.completes[graph.end() as usize] = Line { value: 0.0, used: 0 };
        self.completes[graph.dead() as usize] = Line { value: BLOCKED, used: 0 };
        for (at, node) in graph.nodes.iter().enumerate().rev() {
            self.completes[at] = if self.chosen[at] {
                let column = self.best[node.period as usize].1;
                let rest = self.completes[node.on as usize];
                let value = rest.value + self.reduced[column as usize - first];
                Line { value, used: rest.used + problem.stock_use(column) }
            } else {
                self.completes[node.off as usize]
            };
        }
    }

    fn search<'a>(
        &'a self,
        problem: &'a Problem,
        unit: usize,
        price: f64,
        nodes: usize,
        path: &'a mut Vec<u32>,
    ) -> Search<'a> {
        let total = self.arrived.last().copied().unwrap_or(0);
        // Without a limit on stock its price is 0, and what is left of it is worth nothing.
        let total = if price > 0.0 { total } else { 0 };
        let (graph, cells) = (problem.graph(unit), problem.cells(unit));
        Search { problem, desk: self, graph, cells, price, total, path, open: BLOCKED, nodes_left: nodes }
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

/// The beginning of a calendar.
#[derive(Clone, Copy, Debug)]
struct Label {
    value: f64,
    used: i64,
    column: u32,
    before: u32,
}

/// Keeps of the labels at one node those that no other equals in value with as little stock.
fn drop_dominated(here: &mut Vec<u32>, labels: &[Label]) {
    here.sort_unstable_by(|&a, &b| {
        let (one, other) = (&labels[a as usize], &labels[b as usize]);
        one.used.cmp(&other.used).then(other.value.total_cmp(&one.value)).then(a.cmp(&b))
    });
    let mut most = BLOCKED;
    here.retain(|&label| {
        let better = labels[label as usize].value > most;
        most = most.max(labels[label as usize].value);
        better
    });
}

/// Keeps the `most` best above a floor.
struct Keeper<'a> {
    found: &'a mut Vec<Near>,
    most: usize,
    floor: f64,
    full: bool,
    whole: bool,
}

impl Keeper<'_> {
    fn take(&mut self, value: f64, columns: &[u32]) {
        if self.found.len() >= self.most {
            self.full = false;
            if self.whole {
                self.floor = f64::INFINITY;
                return;
            }
            let least = (0..self.found.len()).min_by(|&a, &b| self.found[a].value.total_cmp(&self.found[b].value));
            self.found.swap_remove(least.expect("Invariant: a full list is not empty"));
        }
        self.found.push(Near { value, columns: columns.to_vec() });
        if self.found.len() >= self.most && !self.whole {
            self.floor = self.found.iter().fold(f64::INFINITY, |least, near| least.min(near.value)).max(self.floor);
        }
    }
}

/// Depth-first search over the calendars of a unit.
struct Search<'a> {
    problem: &'a Problem,
    desk: &'a Desk,
    graph: &'a Graph,
    cells: &'a [u32],
    price: f64,
    total: i64,
    path: &'a mut Vec<u32>,
    /// Best that a branch that was cut short could still have come to.
    open: f64,
    nodes_left: usize,
}

impl Search<'_> {
    /// Best that a calendar can still come to that has this value and stock so far and goes on at a node.
    fn reach(&self, value: f64, used: i64, node: u32) -> f64 {
        value + self.desk.completion[node as usize] + self.price * (self.total - used) as f64
    }

    fn visit(&mut self, mut at: u32, value: f64, used: i64, found: &mut Keeper) {
        let (problem, desk) = (self.problem, self.desk);
        loop {
            let Some(node) = self.graph.nodes.get(at as usize) else {
                // Stock left over is worth nothing here, whatever its price says.
                if at == self.graph.end() && value > found.floor {
                    found.take(value, self.path);
                }
                return;
            };
            let reach = self.reach(value, used, at);
            if reach <= found.floor {
                return;
            }
            if self.nodes_left == 0 {
                self.open = self.open.max(reach);
                return;
            }
            self.nodes_left -= 1;
            let period = node.period as usize;
            let room = desk.arrived[period] - used;
            for column in self.cells[period]..self.cells[period + 1] {
                let worth = desk.reduced[(column - self.cells[0]) as usize];
                let stock = problem.stock_use(column);
                if stock > room || self.reach(value + worth, used + stock, node.on) <= found.floor {
                    continue;
                }
                self.path.push(column);
                self.visit(node.on, value + worth, used + stock, found);
                self.path.pop();
            }
            at = node.off;
        }
    }
}

/// Price at which two calendars, one over the stock and one within it, are worth the same.
fn slope(over: Line, under: Line) -> f64 {
    ((over.value - under.value) / (over.used - under.used).max(1) as f64).max(1e-9)
}
