//! One tree: which bins of which column go left, and what its leaves add to the score.

use super::bins::Binned;
use serde::{Deserialize, Serialize};

/// Rows walked through one tree after the other while their bins are at hand.
pub(crate) const BLOCK: usize = 1024;
/// Rows walked side by side, so that one's waiting is another's work.
pub(crate) const LANES: usize = 8;

/// Bins that go left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Rule {
    /// Known values up to a bin, and missing values where said.
    UpTo { bin: u8, missing: bool },
    /// Listed bins.
    Among(Vec<u8>),
}

/// A node; the first is the root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Node {
    Leaf(f32),
    Split { column: u32, rule: Rule, left: u32, right: u32 },
}

/// A tree over the columns that are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

/// A node as it is walked: leaves lead to themselves.
#[derive(Clone, Copy)]
struct Step {
    goes_left: [u64; 4],
    column: u32,
    next: [u32; 2],
}

/// A tree made ready to walk.
pub(crate) struct Walk {
    steps: Vec<Step>,
    values: Vec<f32>,
}

impl Rule {
    /// Returns one bit per bin: whether it goes left.
    pub(crate) fn goes_left(&self) -> [u64; 4] {
        let mut bits = [0; 4];
        match self {
            Self::UpTo { bin, missing } => {
                let (word, last) = (usize::from(bin >> 6), bin & 63);
                bits[..word].fill(u64::MAX);
                bits[word] = u64::MAX >> (63 - last);
                bits[0] &= !u64::from(!missing);
            }
            Self::Among(bins) => bins.iter().for_each(|bin| bits[usize::from(bin >> 6)] |= 1 << (bin & 63)),
        }
        bits
    }
}

impl Tree {
    /// Makes the tree ready to walk.
    pub(crate) fn walk(&self) -> Walk {
        let step = |(at, node): (usize, &Node)| match node {
            Node::Leaf(_) => Step { goes_left: [0; 4], column: 0, next: [at as u32; 2] },
            Node::Split { column, rule, left, right } => {
                Step { goes_left: rule.goes_left(), column: *column, next: [*right, *left] }
            }
        };
        let value = |node: &Node| if let Node::Leaf(value) = node { *value } else { f32::NAN };
        Walk {
            steps: self.nodes.iter().enumerate().map(step).collect(),
            values: self.nodes.iter().map(value).collect(),
        }
    }
}

impl Walk {
    /// Adds the tree's values to the scores of some rows.
    pub(crate) fn add_to(&self, binned: &Binned, rows: &[u32], scores: &mut [f32]) {
        for (rows, scores) in rows.chunks(LANES).zip(scores.chunks_mut(LANES)) {
            let mut nodes = [0; LANES];
            self.leaves_of(binned, rows, &mut nodes);
            scores.iter_mut().zip(nodes).for_each(|(score, node)| *score += self.values[node as usize]);
        }
    }

    /// Finds the leaf of each of at most [`LANES`] rows.
    pub(crate) fn leaves_of(&self, binned: &Binned, rows: &[u32], nodes: &mut [u32; LANES]) {
        if self.steps.len() == 1 {
            return;
        }
        let mut lines: [&[u8]; LANES] = [&[]; LANES];
        for (line, &row) in lines.iter_mut().zip(rows) {
            *line = &binned.by_row[row as usize * binned.width..][..binned.width];
        }
        loop {
            let before = *nodes;
            for (node, line) in nodes.iter_mut().zip(&lines[..rows.len()]) {
                let step = &self.steps[*node as usize];
                let bin = line[step.column as usize];
                let left = step.goes_left[usize::from(bin >> 6)] >> (bin & 63) & 1;
                *node = step.next[left as usize];
            }
            if *nodes == before {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_say_which_bins_go_left() {
        let left = |rule: Rule, bin: usize| rule.goes_left()[bin / 64] >> (bin % 64) & 1 == 1;
        let up_to = |missing| Rule::UpTo { bin: 70, missing };
        assert!(left(up_to(false), 70) && left(up_to(false), 1) && !left(up_to(false), 71));
        assert!(!left(up_to(false), 0) && left(up_to(true), 0));
        assert!(left(Rule::Among(vec![0, 255]), 255) && !left(Rule::Among(vec![0, 255]), 1));
    }
}
