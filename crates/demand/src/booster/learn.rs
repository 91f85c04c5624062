//! Tree after tree: where the loss slopes, a tree that follows, a step that way.

use super::bins::Binned;
use super::grow::{Leaf, grow};
use super::histogram::{Cell, Entry, Scale, dither};
use super::loss::{Loss, quantile};
use super::settings::{Sample, Settings};
use super::tree::{BLOCK, Node, Tree};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Largest step of one tree for a loss with a log link, before the learning rate: factors of 2 up or down.
const LOG_STEP_MAX: f64 = 0.7;
/// Rows whose derivatives are worked out together.
const CHUNK: usize = 1 << 14;

/// A booster while it learns.
pub(crate) struct Learner<'a> {
    pub(crate) binned: &'a Binned,
    pub(crate) sample: &'a Sample<'a>,
    pub(crate) loss: Loss,
    pub(crate) settings: &'a Settings,
    /// Rows to learn from.
    pub(crate) rows: Vec<u32>,
    /// Score of every row of the table, offset included.
    pub(crate) scores: Vec<f32>,
}

impl Learner<'_> {
    /// Grows the trees.
    pub(crate) fn learn<C: Cell>(mut self, rng: &mut ChaCha8Rng) -> Vec<Tree> {
        let draws = self.settings.row_share < 1.0 || self.settings.column_share < 1.0;
        let mut trees = Vec::new();
        let (mut best, mut best_at) = (self.held_out_loss(), 0);
        while trees.len() < self.settings.trees {
            let bag = self.draw_rows(rng);
            let columns = draw_columns(self.binned.width, self.settings.column_share, rng);
            let tree = self.next_tree::<C>(&bag, &columns, rng.random());
            if tree.nodes.len() == 1 && !draws {
                break;
            }
            trees.push(tree);
            let Some(patience) = self.settings.patience.filter(|_| self.sample.held_out.is_some()) else { continue };
            let loss = self.held_out_loss();
            if loss < best {
                (best, best_at) = (loss, trees.len());
            } else if trees.len() - best_at >= patience {
                break;
            }
        }
        if self.settings.patience.is_some() && self.sample.held_out.is_some() {
            trees.truncate(best_at);
        }
        trees
    }

    fn draw_rows(&self, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let share = self.settings.row_share;
        if share == 1.0 {
            return self.rows.clone();
        }
        self.rows.iter().copied().filter(|_| rng.random_bool(share)).collect()
    }

    fn next_tree<C: Cell>(&mut self, bag: &[u32], columns: &[usize], salt: u32) -> Tree {
        let derivatives = self.derivatives(bag);
        let most = |pick: fn(&(f32, f32)) -> f32| derivatives.iter().map(pick).fold(0.0, f32::max);
        let scale = if self.evenly() {
            Scale { curvature: 1.0, ..Scale::of(bag.len(), most(|d| d.0.abs()), 1.0) }
        } else {
            Scale::of(bag.len(), most(|d| d.0.abs()), most(|d| d.1))
        };
        let mut entries: Vec<Entry<C::Derivative>> = bag
            .iter()
            .zip(&derivatives)
            .map(|(&row, &(slope, curvature))| Entry {
                row,
                derivative: C::round(slope, curvature, &scale, dither(row, salt)),
            })
            .collect();
        drop(derivatives);
        let (mut tree, leaves) = grow::<C>(self.binned, columns, &mut entries, scale, &self.settings.growth());
        for leaf in &leaves {
            let run = &entries[leaf.run.clone()];
            let value = self.settings.learning_rate * self.step(leaf, &scale, run.iter().map(|entry| entry.row));
            tree.nodes[leaf.node] = Node::Leaf(value);
            run.iter().for_each(|entry| self.scores[entry.row as usize] += value);
        }
        self.score_others(&tree, bag);
        tree
    }

    fn evenly(&self) -> bool {
        self.loss.curves_evenly() && self.sample.weight.is_none()
    }

    /// Works out slope and curvature of the loss at every row of the bag.
    fn derivatives(&self, bag: &[u32]) -> Vec<(f32, f32)> {
        let mut derivatives = vec![(0.0, 0.0); bag.len()];
        derivatives.par_chunks_mut(CHUNK).zip(bag.par_chunks(CHUNK)).for_each(|(derivatives, rows)| {
            for (derivative, &row) in derivatives.iter_mut().zip(rows) {
                let at = row as usize;
                let (slope, curvature) = self.loss.derivatives(self.sample.target[at], self.scores[at]);
                let weight = self.sample.weight(row);
                *derivative = (weight * slope, weight * curvature);
            }
        });
        derivatives
    }

    /// Returns a leaf's step: Newton's, or for a quantile that of what is left in the leaf.
    fn step(&self, leaf: &Leaf, scale: &Scale, rows: impl Iterator<Item = u32>) -> f32 {
        if let Loss::Pinball(level) = self.loss {
            let left = |row: u32| self.sample.target[row as usize] - self.scores[row as usize];
            return quantile(&mut rows.map(|row| (left(row), self.sample.weight(row))).collect::<Vec<_>>(), level);
        }
        let curvature = leaf.sums.curvature(scale) + self.settings.ridge;
        let step = if curvature > 0.0 { -leaf.sums.slope(scale) / curvature } else { 0.0 };
        if self.loss.has_log_link() { step.clamp(-LOG_STEP_MAX, LOG_STEP_MAX) as f32 } else { step as f32 }
    }

    /// Adds a tree's values to rows that it was not grown on, but whose scores matter.
    fn score_others(&mut self, tree: &Tree, bag: &[u32]) {
        let out_of_bag = if bag.len() < self.rows.len() { missing_from(bag, &self.rows) } else { Vec::new() };
        let walk = tree.walk();
        for rows in [out_of_bag.as_slice(), self.sample.held_out.unwrap_or_default()] {
            let added: Vec<Vec<f32>> = rows
                .par_chunks(BLOCK)
                .map(|rows| {
                    let mut added = vec![0.0; rows.len()];
                    walk.add_to(self.binned, rows, &mut added);
                    added
                })
                .collect();
            rows.iter().zip(added.iter().flatten()).for_each(|(&row, add)| self.scores[row as usize] += add);
        }
    }

    fn held_out_loss(&self) -> f64 {
        let rows = self.sample.held_out.unwrap_or_default();
        let loss = |&row: &u32| {
            let at = row as usize;
            f64::from(self.sample.weight(row)) * self.loss.value(self.sample.target[at], self.scores[at])
        };
        rows.iter().map(loss).sum()
    }
}

/// Lists the entries of `all` that `some`, a part of it in the same order, leaves out.
fn missing_from(some: &[u32], all: &[u32]) -> Vec<u32> {
    let mut taken = some.iter().peekable();
    all.iter().copied().filter(|row| taken.next_if_eq(&row).is_none()).collect()
}

fn draw_columns(width: usize, share: f64, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..width).collect();
    if share < 1.0 {
        columns.shuffle(rng);
        columns.truncate(((width as f64 * share).ceil() as usize).max(1));
        columns.sort_unstable();
    }
    columns
}
