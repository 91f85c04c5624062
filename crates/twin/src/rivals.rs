//! Competitors: what they charge for the same items, over what they usually charge.
//!
//! They run offers of their own at random, may answer ours, and attack when the scenario says so. A retailer can see
//! their prices, so policies do; what these do to demand they have to find out.

use crate::WorldSpec;
use crate::draws::{Draws, Stream, uniform};
use crate::shoppers::Tag;
use endcap_model::Period;

/// The competitors of one world, taken together.
#[derive(Clone, Debug)]
pub(crate) struct Rivals {
    /// By item: their price over its usual level.
    ratios: Vec<f64>,
    /// By item: whether we had it on offer in the last period.
    provoked: Vec<bool>,
    words: Vec<u64>,
}

impl Rivals {
    pub(crate) fn new(items: usize) -> Self {
        Self { ratios: vec![1.0; items], provoked: vec![false; items], words: Vec::new() }
    }

    /// Returns their prices over the usual ones, by item.
    pub(crate) fn ratios(&self) -> &[f64] {
        &self.ratios
    }

    /// Sets their prices for a period.
    pub(crate) fn move_prices(&mut self, spec: &WorldSpec, draws: &Draws, period: Period) {
        let habits = &spec.terms().habits;
        let moves = habits.rival_offer_probability > 0.0 || habits.rival_follow_probability > 0.0;
        let attacks = || spec.terms().shocks.iter().filter_map(|shock| Some((shock, shock.rival_ratio()?)));
        if !moves && attacks().next().is_none() {
            return;
        }
        self.ratios.fill(1.0);
        if moves {
            self.words.resize(2 * self.ratios.len(), 0);
            draws.fill(Stream::Rival, period.0, &mut self.words);
            for (item, ratio) in self.ratios.iter_mut().enumerate() {
                let of_their_own = uniform(self.words[2 * item]) < habits.rival_offer_probability;
                let answers = uniform(self.words[2 * item + 1]) < habits.rival_follow_probability;
                if of_their_own || (self.provoked[item] && answers) {
                    *ratio = 1.0 - habits.rival_depth;
                }
            }
        }
        for (shock, attacked) in attacks().filter(|(shock, _)| shock.is_on(spec, period)) {
            for (ratio, (_, cells)) in self.ratios.iter_mut().zip(&spec.index.skus) {
                if shock.hits(&spec.cells()[cells.start]) {
                    *ratio = ratio.min(attacked);
                }
            }
        }
    }

    /// Takes note of our offers of the period that ends.
    pub(crate) fn watch(&mut self, spec: &WorldSpec, tags: &[Tag]) {
        if spec.terms().habits.rival_follow_probability <= 0.0 {
            return;
        }
        for (provoked, (_, cells)) in self.provoked.iter_mut().zip(&spec.index.skus) {
            *provoked = tags[cells.clone()].iter().any(|tag| tag.promoted && tag.ratio < 1.0);
        }
    }
}
