//! Growing one tree: the leaf that gains most is split next, until there are enough leaves.
//!
//! Sources: Shi (2007) for best-first growth; Ke et al. (2017) for summing only the smaller child and taking it from
//! its parent for the larger.

use super::bins::Binned;
use super::histogram::{Cell, Entry, Histogram, Scale, Sums, histogram, take_away};
use super::split::{Candidate, Search};
use super::tree::{Node, Tree};
use std::ops::Range;

/// How far a tree may grow.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    pub(crate) leaves: usize,
    pub(crate) rows_min: usize,
    pub(crate) curvature_min: f64,
    pub(crate) ridge: f64,
    pub(crate) gain_min: f64,
    pub(crate) category_smoothing: f64,
}

/// A leaf of a finished tree: its node, the run of entries in it, and their sums.
pub(crate) struct Leaf {
    pub(crate) node: usize,
    pub(crate) run: Range<usize>,
    pub(crate) sums: Sums,
}

/// A leaf that may still be split.
struct Open<C> {
    leaf: Leaf,
    histogram: Histogram<C>,
    best: Option<Candidate>,
}

/// Grows a tree over the entries, which it sorts into runs by leaf; leaf values are left at 0.
pub(crate) fn grow<C: Cell>(
    binned: &Binned,
    columns: &[usize],
    entries: &mut [Entry<C::Derivative>],
    scale: Scale,
    growth: &Growth,
) -> (Tree, Vec<Leaf>) {
    let mut scratch = Vec::with_capacity(entries.len());
    let mut nodes = vec![Node::Leaf(0.0)];
    let sums_of = |entries: &[Entry<C::Derivative>]| {
        let mut total = C::default();
        entries.iter().for_each(|entry| total += C::of(entry.derivative));
        total.sums()
    };
    let open = |node: usize, run: Range<usize>, sums: Sums, histogram: Histogram<C>| {
        let best = Search { growth, scale, whole: sums }.best(binned, columns, &histogram);
        Open { leaf: Leaf { node, run, sums }, histogram, best }
    };
    let whole = sums_of(entries);
    let mut leaves = vec![open(0, 0..entries.len(), whole, histogram(binned, entries))];
    while leaves.len() < growth.leaves {
        let Some((at, candidate)) = next_to_split(&leaves) else { break };
        let Open { leaf: Leaf { node, run, sums }, histogram: mut larger, .. } = leaves.swap_remove(at);
        let goes_left = candidate.rule.goes_left();
        let middle =
            run.start + divide(&mut entries[run.clone()], &mut scratch, binned.column(candidate.column), goes_left);
        let (left, right) = (nodes.len(), nodes.len() + 1);
        nodes.extend([Node::Leaf(0.0), Node::Leaf(0.0)]);
        let Candidate { column, rule, left: left_sums, .. } = candidate;
        nodes[node] = Node::Split { column: column as u32, rule, left: left as u32, right: right as u32 };
        let mut sides = [(left, run.start..middle, left_sums), (right, middle..run.end, sums.less(left_sums))];
        sides.sort_by_key(|(_, run, _)| run.len());
        let [small, large] = sides;
        let smaller = histogram(binned, &entries[small.1.clone()]);
        take_away(&mut larger, &smaller);
        leaves.push(open(small.0, small.1, small.2, smaller));
        leaves.push(open(large.0, large.1, large.2, larger));
    }
    (Tree { nodes }, leaves.into_iter().map(|open| open.leaf).collect())
}

/// Picks the leaf that gains most, the one of the lower node where two gain alike.
fn next_to_split<C>(leaves: &[Open<C>]) -> Option<(usize, Candidate)> {
    let gains = leaves.iter().enumerate().filter_map(|(at, open)| open.best.as_ref().map(|best| (at, best)));
    let (at, best) = gains.max_by(|(a, x), (b, y)| {
        x.gain.total_cmp(&y.gain).then_with(|| leaves[*b].leaf.node.cmp(&leaves[*a].leaf.node))
    })?;
    Some((at, best.clone()))
}

/// Sorts entries into those that go left and those that go right, each in their old order; returns how many go left.
fn divide<D: Copy>(entries: &mut [Entry<D>], scratch: &mut Vec<Entry<D>>, bins: &[u8], goes_left: [u64; 4]) -> usize {
    let Some(&first) = entries.first() else { return 0 };
    if scratch.len() < entries.len() {
        scratch.resize(entries.len(), first);
    }
    let (mut left, mut right) = (0, 0);
    for at in 0..entries.len() {
        let entry = entries[at];
        let bin = bins[entry.row as usize];
        let is_left = (goes_left[usize::from(bin >> 6)] >> (bin & 63) & 1) as usize;
        entries[left] = entry;
        scratch[right] = entry;
        left += is_left;
        right += 1 - is_left;
    }
    entries[left..].copy_from_slice(&scratch[..right]);
    left
}
