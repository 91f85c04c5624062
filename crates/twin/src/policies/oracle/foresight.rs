//! What a calendar of offers earns when everybody buys what they are expected to, and what changes of it would.
//!
//! The true shoppers run along the horizon without chance, and without shocks but those that are seen; substitution,
//! households' stocks, memories of prices and halo are in it because the shoppers have them. The state before every period
//! is kept, so that a change is followed from where it begins until its traces have faded. Never looks at stock.

use crate::WorldSpec;
use crate::draws::Draws;
use crate::shoppers::{Shoppers, Tag};
use endcap_model::{Depth, TwinTerms};
use std::collections::BTreeMap;

/// Difference in a period, minor units, below which the traces of a change have faded.
const FADED: f64 = 1.0;

/// An offer that is put in, made deeper or shallower, or, without a depth, taken out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub pair: usize,
    pub from: usize,
    pub depth: Option<Depth>,
}

/// A calendar with what it earns.
pub(super) struct Foresight<'a> {
    spec: &'a WorldSpec,
    /// Cells of each item and region.
    pairs: &'a [Vec<usize>],
    /// Periods that an offer runs.
    length: usize,
    /// By period: what is on the shelves.
    tags: Vec<Vec<Tag>>,
    /// By period: the shoppers before it.
    before: Vec<Shoppers<'a>>,
    /// By period, minor units: margin and vendor money.
    earned: Vec<f64>,
}

impl<'a> Foresight<'a> {
    /// Begins without offers.
    pub(super) fn new(
        spec: &'a WorldSpec,
        terms: &'a TwinTerms,
        seed: u64,
        pairs: &'a [Vec<usize>],
        length: usize,
    ) -> Self {
        let periods = spec.span().len();
        let shoppers = Shoppers::new(spec, terms, Draws::new(seed));
        let tags = vec![vec![Tag::LIST; spec.cells().len()]; periods];
        let mut foresight =
            Self { spec, pairs, length, tags, before: vec![shoppers; periods], earned: vec![0.0; periods] };
        foresight.run_from(0);
        foresight
    }

    /// Money earned over the horizon.
    #[cfg(test)]
    pub(super) fn earned(&self) -> f64 {
        self.earned.iter().sum()
    }

    /// What changes would earn more.
    pub(super) fn gain(&self, changes: &[Change]) -> f64 {
        let changed = self.retagged(changes);
        let (Some((&first, _)), Some((&last, _))) = (changed.first_key_value(), changed.last_key_value()) else {
            return 0.0;
        };
        let mut shoppers = self.before[first].clone();
        let mut gain = 0.0;
        for at in first..self.tags.len() {
            let more = self.pass(&mut shoppers, at, changed.get(&at).unwrap_or(&self.tags[at])) - self.earned[at];
            gain += more;
            if at > last && more.abs() < FADED {
                break;
            }
        }
        gain
    }

    /// Makes changes.
    pub(super) fn change(&mut self, changes: &[Change]) {
        let changed = self.retagged(changes);
        let Some((&first, _)) = changed.first_key_value() else { return };
        changed.into_iter().for_each(|(at, tags)| self.tags[at] = tags);
        self.run_from(first);
    }

    /// What is on the shelves of the periods that change.
    fn retagged(&self, changes: &[Change]) -> BTreeMap<usize, Vec<Tag>> {
        let mut changed: BTreeMap<usize, Vec<Tag>> = BTreeMap::new();
        for change in changes {
            let tag = change.depth.map_or(Tag::LIST, |depth| Tag {
                ratio: depth.price_ratio(),
                utility: 0.0,
                promoted: true,
            });
            for at in change.from..change.from + self.length {
                let tags = changed.entry(at).or_insert_with(|| self.tags[at].clone());
                self.pairs[change.pair].iter().for_each(|&cell| tags[cell] = tag);
            }
        }
        changed
    }

    fn run_from(&mut self, first: usize) {
        let mut shoppers = self.before[first].clone();
        for at in first..self.tags.len() {
            self.before[at].clone_from(&shoppers);
            self.earned[at] = self.pass(&mut shoppers, at, &self.tags[at]);
        }
    }

    /// Lets the shoppers buy what they are expected to in a period; returns what that earns.
    fn pass(&self, shoppers: &mut Shoppers, at: usize, tags: &[Tag]) -> f64 {
        shoppers.expect(self.spec.span().start.plus(at as i32), tags);
        let (index, funding) = (&self.spec.index, self.spec.terms().costs.vendor_funding_share);
        let mut earned = 0.0;
        for (cell, &tag) in tags.iter().enumerate() {
            let (price, cost) = (index.list_price[cell] as f64, index.unit_cost[cell] as f64);
            let wanted = shoppers.expected(cell);
            earned += wanted * (price - cost - (1.0 - funding) * (1.0 - tag.ratio) * price);
            shoppers.remember(cell, wanted, tag);
        }
        earned
    }
}
