//! Calendars of a unit that are nearly as good as its best, found depth first with the best that can follow as bound.

use super::{BLOCKED, Best, Desk};
use crate::solve::graph::Graph;
use crate::solve::problem::Problem;

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

impl Desk {
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

    /// Some calendar that never uses stock before it arrives, searched with all columns worth nothing.
    pub(super) fn any_in_time(&mut self, problem: &Problem, unit: usize) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let mut keep = Keeper { found: &mut found, most: 1, floor: BLOCKED, full: true, whole: false };
        self.backward(problem, unit, 0.0);
        let mut path = Vec::new();
        let mut search = self.search(problem, unit, 0.0, 1 << 22, &mut path);
        search.visit(search.graph.root, 0.0, 0, &mut keep);
        found.pop().map(|near| near.columns)
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
