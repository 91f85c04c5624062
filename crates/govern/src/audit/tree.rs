//! The Merkle tree over the trail: append with the roots of whole subtrees alone, and short proofs.
//!
//! Two proofs matter. *Inclusion*: a record is the n-th of a tree. *Consistency*: a tree is an earlier one with records
//! added behind it, and nothing else. Leaves are numbered from 0 here, records of the trail from 1.
//!
//! # Source
//! RFC 9162 (Laurie, Messeri, Stradling, 2021), section 2.1, the same tree as RFC 6962's.

use super::Digest32;

/// Hashes the content of a leaf.
pub fn leaf(content: &[u8]) -> Digest32 {
    Digest32::of(&[&[0], content])
}

fn node(left: &Digest32, right: &Digest32) -> Digest32 {
    Digest32::of(&[&[1], &left.0, &right.0])
}

/// A tree that can only grow: its size and the roots of its whole subtrees, at most 64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of whole subtrees, largest first: one for each bit of the size.
    peaks: Vec<Digest32>,
}

impl Tree {
    /// Brings back a tree from its parts; nothing when they do not fit each other.
    pub fn from_parts(size: u64, peaks: Vec<Digest32>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len()).then_some(Self { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of whole subtrees, largest first.
    pub fn peaks(&self) -> &[Digest32] {
        &self.peaks
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest32) {
        let mut root = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("Invariant: a peak for each bit of the size");
            root = node(&left, &root);
        }
        self.peaks.push(root);
        self.size += 1;
    }

    /// The root; of a tree without leaves, the hash of nothing.
    pub fn root(&self) -> Digest32 {
        let folded = self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right));
        folded.unwrap_or_else(|| Digest32::of(&[]))
    }
}

impl Extend<Digest32> for Tree {
    fn extend<I: IntoIterator<Item = Digest32>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

fn root_of(leaves: &[Digest32]) -> Digest32 {
    let mut tree = Tree::default();
    tree.extend(leaves.iter().copied());
    tree.root()
}

/// Leaves of the left subtree: the largest power of two below the number of leaves.
fn left_of(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

/// Proves that a leaf is in the tree over all leaves; nothing when there is no such leaf.
pub fn prove_inclusion(leaves: &[Digest32], index: usize) -> Option<Vec<Digest32>> {
    (index < leaves.len()).then(|| path(leaves, index))
}

fn path(leaves: &[Digest32], index: usize) -> Vec<Digest32> {
    if leaves.len() == 1 {
        return vec![];
    }
    let (left, right) = leaves.split_at(left_of(leaves.len()));
    let (mut proof, other) = match index.checked_sub(left.len()) {
        Some(index) => (path(right, index), left),
        None => (path(left, index), right),
    };
    proof.push(root_of(other));
    proof
}

/// Proves that the tree over all leaves continues that over the first `old`; nothing unless `old` is from 1 to all.
pub fn prove_consistency(leaves: &[Digest32], old: usize) -> Option<Vec<Digest32>> {
    (1..=leaves.len()).contains(&old).then(|| subproof(leaves, old, true))
}

fn subproof(leaves: &[Digest32], old: usize, known: bool) -> Vec<Digest32> {
    if old == leaves.len() {
        return if known { vec![] } else { vec![root_of(leaves)] };
    }
    let (left, right) = leaves.split_at(left_of(leaves.len()));
    let (mut proof, other) = match old.checked_sub(left.len()) {
        Some(old) if old > 0 => (subproof(right, old, false), left),
        _ => (subproof(left, old, known), right),
    };
    proof.push(root_of(other));
    proof
}

/// Whether a proof shows that a leaf is in the tree of a size and root (RFC 9162, section 2.1.3.2).
pub fn included(leaf: Digest32, index: u64, size: u64, root: &Digest32, proof: &[Digest32]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(step, &hash);
            to_left_child(&mut at, &mut last);
        } else {
            hash = node(&hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether a proof shows that a tree continues an older one (RFC 9162, section 2.1.4.2).
pub fn consistent(old: (u64, &Digest32), new: (u64, &Digest32), proof: &[Digest32]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size >= new_size {
        return old_size == new_size && old_root == new_root && proof.is_empty();
    }
    let mut steps = proof.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    let shift = at.trailing_ones();
    (at, last) = (at >> shift, last >> shift);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node(step, &old_hash);
            new_hash = node(step, &new_hash);
            to_left_child(&mut at, &mut last);
        } else {
            new_hash = node(&new_hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// Skips the levels at which a node has no sibling to its right.
fn to_left_child(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        (*at, *last) = (*at >> 1, *last >> 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    fn contents(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|at| format!("record {at}").into_bytes()).collect()
    }

    fn leaves(count: usize) -> Vec<Digest32> {
        contents(count).iter().map(|content| leaf(content)).collect()
    }

    fn oracle(count: usize) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        contents(count).into_iter().for_each(|content| tree.push(content));
        tree
    }

    fn joined(proof: &[Digest32]) -> Vec<u8> {
        proof.iter().flat_map(|digest| digest.0).collect()
    }

    #[test]
    fn roots_are_those_of_the_published_log() {
        // The test vectors of RFC 6962's reference implementation (certificate-transparency, merkletree tests).
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let mut tree = Tree::default();
        assert_eq!(tree.root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        tree.extend(inputs.map(leaf));
        assert_eq!(tree.root().to_string(), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn every_small_tree_agrees_with_the_oracle() {
        for size in 1..=70 {
            let (leaves, oracle) = (leaves(size), oracle(size));
            let mut tree = Tree::default();
            tree.extend(leaves.iter().copied());
            assert_eq!(tree.root().0, <[u8; 32]>::from(*oracle.root().as_bytes()), "{size}");
            for index in 0..size {
                let proof = prove_inclusion(&leaves, index).unwrap();
                assert_eq!(joined(&proof), oracle.prove_inclusion(index).as_bytes(), "leaf {index} of {size}");
                assert!(included(leaves[index], index as u64, size as u64, &tree.root(), &proof));
            }
            for old in 1..size {
                let proof = prove_consistency(&leaves, old).unwrap();
                assert_eq!(joined(&proof), oracle.prove_consistency(size - old).as_bytes(), "{old} to {size}");
                let old_root = root_of(&leaves[..old]);
                assert!(consistent((old as u64, &old_root), (size as u64, &tree.root()), &proof), "{old} to {size}");
            }
        }
    }

    #[test]
    fn a_tree_comes_back_from_its_parts() {
        let mut tree = Tree::default();
        for leaf in leaves(40) {
            let mut back = Tree::from_parts(tree.size(), tree.peaks().to_vec()).unwrap();
            tree.push(leaf);
            back.push(leaf);
            assert_eq!(back, tree);
        }
        assert_eq!(Tree::from_parts(3, vec![]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn large_trees_agree_with_the_oracle(size in 70_usize..900, pick in 0.0..1.0_f64) {
            let (leaves, oracle) = (leaves(size), oracle(size));
            let index = (pick * size as f64) as usize;
            let expected = oracle.prove_inclusion(index);
            prop_assert_eq!(joined(&prove_inclusion(&leaves, index).unwrap()), expected.as_bytes());
            let old = index.max(1);
            let expected = oracle.prove_consistency(size - old);
            prop_assert_eq!(joined(&prove_consistency(&leaves, old).unwrap()), expected.as_bytes());
        }

        #[test]
        fn a_proof_of_something_else_is_none(size in 2_usize..200, pick in 0.0..1.0_f64, bit in 0_usize..256) {
            let leaves = leaves(size);
            let index = (pick * size as f64) as usize;
            let root = root_of(&leaves);
            let proof = prove_inclusion(&leaves, index).unwrap();
            let flip = |digest: &Digest32| {
                let mut flipped = *digest;
                flipped.0[bit / 8] ^= 1 << (bit % 8);
                flipped
            };
            let (at, all) = (index as u64, size as u64);
            prop_assert!(!included(flip(&leaves[index]), at, all, &root, &proof));
            prop_assert!(!included(leaves[index], at, all, &flip(&root), &proof));
            prop_assert!(!included(leaves[index], (at + 1) % all, all, &root, &proof));
            prop_assert!(!included(leaves[index], at, all, &root, &proof[1..]));
            let old = index.max(1);
            let old_root = root_of(&leaves[..old]);
            let mut proof = prove_consistency(&leaves, old).unwrap();
            prop_assert!(consistent((old as u64, &old_root), (all, &root), &proof));
            prop_assert!(!consistent((old as u64, &flip(&old_root)), (all, &root), &proof));
            prop_assert!(!consistent((old as u64, &old_root), (all, &flip(&root)), &proof));
            proof.push(root);
            prop_assert!(!consistent((old as u64, &old_root), (all, &root), &proof));
        }
    }
}
