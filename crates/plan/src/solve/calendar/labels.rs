//! The exact best calendar within a unit's stock: labels (value, stock used) spread through the graph of its rules.
//!
//! # Source
//! Label setting for resource-constrained paths: Desrochers and Soumis (1988).

use super::{BLOCKED, Best, Desk, Line, TOLERANCE, walk};
use crate::solve::problem::Problem;

/// The beginning of a calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
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

impl Desk {
    /// Exact best calendar within the stock: labels (value, stock used) spread through the graph, of which those that
    /// are dominated or cannot beat the best so far are dropped. At most so many labels are kept; `low` holds the
    /// incumbent.
    pub(super) fn label(&mut self, problem: &Problem, unit: usize, (bound, floor): (f64, f64), most: usize) -> Best {
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
}
