//! The hidden shoppers: how many pieces they want.
//!
//! Their law is not the one that is estimated from it. Out of a hidden purchase share `q` at list price, demand is
//! multiplied by `m = e / (1 - q + q e)`, `e = exp(b g + u)`: a binary logit choice (McFadden 1974) in the discount
//! `g` that shoppers perceive and the utility `u` of adverts and displays. `b = |elasticity at list price| / (1 - q)`,
//! so the law has the drawn elasticity at list price and saturates at `1 / q` for deep cuts; where a history shows how an
//! item answered at some depth, `b` is the one that gives this answer at this depth. The perceived discount is
//! the price cut less what they have come to expect: they remember past prices exponentially (adaptive reference
//! price; Winer 1986), so frequent discounts wear out. Extra pieces come partly from substitutes in the same place and
//! group at the same time, and partly from later periods, through a stock in the households that is used up first
//! (Blattberg, Eppen and Lieberman 1981).

use crate::draws::{Draws, Stream, count, normal, shock};
use crate::{Shown, WorldSpec};
use endcap_model::{Period, TwinTerms};

/// Part of the saturation level up to which a shown multiple is believed.
const SATURATION_SHOWN_MAX: f64 = 0.9;
/// Smallest share of its own demand that substitutes and household stock together leave to an item.
const LEAST_SHARE: f64 = 0.1;

/// What shoppers see on the shelf of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tag {
    /// Price to pay over list price.
    pub ratio: f64,
    /// Utility of adverts and displays.
    pub utility: f64,
    /// Whether an offer runs.
    pub promoted: bool,
}

impl Tag {
    /// No offer.
    pub(crate) const LIST: Self = Self { ratio: 1.0, utility: 0.0, promoted: false };
}

/// The shoppers of one world.
#[derive(Clone, Debug)]
pub(crate) struct Shoppers<'a> {
    spec: &'a WorldSpec,
    terms: &'a TwinTerms,
    draws: Draws,
    /// By item: utility per share of the list price.
    sensitivity: Vec<f64>,
    /// By item: share of shoppers who buy at list price.
    share: Vec<f64>,
    /// By cell: remembered price over list price.
    remembered: Vec<f64>,
    /// By cell: pieces in households that were bought ahead.
    household: Vec<f64>,
    /// By cell, for the present period: expected pieces without any offer.
    plain: Vec<f64>,
    /// By cell, for the present period: what the offer multiplies them by.
    multiple: Vec<f64>,
    /// By cell, for the present period: expected pieces.
    expected: Vec<f64>,
    words: Vec<u64>,
    item_words: Vec<u64>,
    region_words: Vec<u64>,
    basket_plain: Vec<f64>,
    basket_taken: Vec<f64>,
}

/// Utility per share of the list price under which the law multiplies demand at the shown depth by what was shown; at
/// no depth, the one with the shown elasticity at list price.
fn sensitivity(shown: Shown, share: f64) -> f64 {
    if shown.depth <= 0.0 {
        return -shown.elasticity / (1.0 - share);
    }
    let multiple = (1.0 - shown.depth).powf(shown.elasticity).min(SATURATION_SHOWN_MAX / share);
    (multiple * (1.0 - share) / (1.0 - share * multiple)).ln() / shown.depth
}

impl<'a> Shoppers<'a> {
    /// Draws the hidden traits of the items.
    pub(crate) fn new(spec: &'a WorldSpec, terms: &'a TwinTerms, draws: Draws) -> Self {
        let cells = spec.cells().len();
        let items = spec.index.skus.len();
        let mut traits = vec![0; 2 * items];
        draws.fill(Stream::Traits, 0, &mut traits);
        let habits = &spec.terms().habits;
        let share: Vec<f64> = (0..items)
            .map(|item| habits.purchase_share * (habits.purchase_share_sd * normal(traits[2 * item + 1])).exp())
            .map(|share| share.min(0.9))
            .collect();
        let unknown = Shown { elasticity: terms.elasticity_mean, depth: 0.0, sd: terms.elasticity_sd };
        let sensitivity = (0..items)
            .map(|item| {
                let shown = spec.shown(&spec.index.skus[item].0).unwrap_or(unknown);
                let elasticity = (shown.elasticity + shown.sd * normal(traits[2 * item])).min(0.0);
                sensitivity(Shown { elasticity, ..shown }, share[item])
            })
            .collect();
        Self {
            spec,
            terms,
            draws,
            sensitivity,
            share,
            remembered: vec![1.0; cells],
            household: vec![0.0; cells],
            plain: vec![0.0; cells],
            multiple: vec![1.0; cells],
            expected: vec![0.0; cells],
            words: vec![0; cells],
            item_words: vec![0; items],
            region_words: vec![0; spec.index.regions],
            basket_plain: vec![0.0; spec.index.baskets],
            basket_taken: vec![0.0; spec.index.baskets],
        }
    }

    /// Works out what every cell expects in a period, given what is on the shelves.
    pub(crate) fn look(&mut self, period: Period, tags: &[Tag]) {
        self.come(period);
        self.weigh(tags);
        self.substitute();
        self.use_up();
        self.draws.fill(Stream::Demand, period.0, &mut self.words);
    }

    /// Expected demand before any offer: the season's mean under the period's shocks.
    fn come(&mut self, period: Period) {
        let slot = self.spec.slot_of(period);
        self.draws.fill(Stream::Item, period.0, &mut self.item_words);
        self.draws.fill(Stream::Region, period.0, &mut self.region_words);
        let region_sd = self.spec.terms().habits.region_shock_sd;
        let item: Vec<f64> = self.item_words.iter().map(|&word| shock(word, self.terms.shock_sd)).collect();
        let region: Vec<f64> = self.region_words.iter().map(|&word| shock(word, region_sd)).collect();
        let index = &self.spec.index;
        for (cell, spec) in self.spec.cells().iter().enumerate() {
            let common = item[index.sku_of[cell] as usize] * region[index.region_of[cell] as usize];
            self.plain[cell] = spec.mean_demand[slot] * common;
        }
        for hit in self.spec.terms().shocks.iter().filter(|shock| shock.is_on(self.spec.span(), period)) {
            let Some(factor) = hit.demand_factor() else { continue };
            for (plain, cell) in self.plain.iter_mut().zip(self.spec.cells()) {
                if hit.hits(cell) {
                    *plain *= factor;
                }
            }
        }
    }

    /// What each offer multiplies its own item's demand by.
    fn weigh(&mut self, tags: &[Tag]) {
        for (cell, &tag) in tags.iter().enumerate() {
            self.multiple[cell] = self.answer(cell, tag);
            self.expected[cell] = self.plain[cell] * self.multiple[cell];
        }
    }

    /// Returns what an offer would multiply a cell's demand by at present.
    pub(crate) fn answer(&self, cell: usize, tag: Tag) -> f64 {
        if !tag.promoted {
            return 1.0;
        }
        let item = self.spec.index.sku_of[cell] as usize;
        let worn = self.spec.terms().habits.reference_weight;
        let perceived = (1.0 - tag.ratio - worn * (1.0 - self.remembered[cell])).max(0.0);
        choice_multiple(self.share[item], self.sensitivity[item] * perceived + tag.utility)
    }

    /// Returns what shoppers with their memories at list price multiply an item's demand by.
    pub(crate) fn fresh_answer(&self, item: usize, depth: f64, utility: f64) -> f64 {
        choice_multiple(self.share[item], self.sensitivity[item] * depth + utility)
    }

    /// Returns the elasticity of an item at list price.
    pub(crate) fn elasticity_at_list(&self, item: usize) -> f64 {
        -self.sensitivity[item] * (1.0 - self.share[item])
    }

    /// Returns the share of a substitute's pieces that an offer of this cell takes in the present period.
    pub(crate) fn taken_share(&self, cell: usize) -> f64 {
        let others = self.basket_plain[self.spec.index.basket_of[cell] as usize] - self.plain[cell];
        let extra = self.plain[cell] * (self.multiple[cell] - 1.0);
        if others > 1e-9 { self.terms.substitution_share * extra / others } else { 0.0 }
    }

    /// Takes the substituted share of the extra pieces from the other items of each place and group, in proportion
    /// to what they sell without offers.
    fn substitute(&mut self) {
        let baskets = &self.spec.index.basket_of;
        self.basket_plain.fill(0.0);
        self.basket_taken.fill(0.0);
        for (cell, &basket) in baskets.iter().enumerate() {
            self.basket_plain[basket as usize] += self.plain[cell];
        }
        let per_piece = |of_all: f64, plain: f64, multiple: f64| {
            let others = of_all - plain;
            if others > 1e-9 { self.terms.substitution_share * plain * (multiple - 1.0) / others } else { 0.0 }
        };
        for (cell, &basket) in baskets.iter().enumerate() {
            if self.multiple[cell] > 1.0 {
                let of_all = self.basket_plain[basket as usize];
                self.basket_taken[basket as usize] += per_piece(of_all, self.plain[cell], self.multiple[cell]);
            }
        }
        for (cell, &basket) in baskets.iter().enumerate() {
            let taken = self.basket_taken[basket as usize];
            if taken > 0.0 {
                let of_all = self.basket_plain[basket as usize];
                let own = per_piece(of_all, self.plain[cell], self.multiple[cell]);
                let lost = self.plain[cell] * (taken - own).max(0.0);
                self.expected[cell] -= lost.min((1.0 - LEAST_SHARE) * self.expected[cell]);
            }
        }
    }

    /// Lets households use up what they bought ahead.
    fn use_up(&mut self) {
        let used = self.spec.terms().habits.stock_use;
        for (household, expected) in self.household.iter_mut().zip(&mut self.expected) {
            if *household > 0.0 {
                let release = (used * *household).min((1.0 - LEAST_SHARE) * *expected);
                *household -= release;
                *expected -= release;
            }
        }
    }

    /// Returns the expected pieces of a cell in the present period.
    pub(crate) fn expected(&self, cell: usize) -> f64 {
        self.expected[cell]
    }

    /// Draws the pieces that are wanted of a cell in the present period.
    pub(crate) fn want(&self, cell: usize) -> i64 {
        count(self.words[cell], self.expected[cell], self.spec.terms().habits.dispersion)
    }

    /// Takes note of what was bought and at what price: households stock up, memories of prices move.
    pub(crate) fn remember(&mut self, cell: usize, sold: f64, tag: Tag) {
        let habits = &self.spec.terms().habits;
        if self.multiple[cell] > 1.0 {
            let extra = sold * (1.0 - 1.0 / self.multiple[cell]);
            self.household[cell] += self.terms.pull_forward_share * extra;
        }
        let remembered = &mut self.remembered[cell];
        *remembered = habits.reference_carry * *remembered + (1.0 - habits.reference_carry) * tag.ratio;
    }
}

/// Returns what a gain in utility multiplies demand by, out of a purchase share without it.
fn choice_multiple(share: f64, gain: f64) -> f64 {
    let odds = gain.min(700.0).exp();
    odds / (1.0 - share + share * odds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::{spec_of, terms};
    use proptest::prelude::*;

    #[test]
    fn the_law_answers_at_the_shown_depth_as_shown() {
        let (share, shown) = (0.2, Shown { elasticity: -2.5, depth: 0.3, sd: 0.0 });
        let utility = (sensitivity(shown, share) * shown.depth).exp();
        let multiple = utility / (1.0 - share + share * utility);
        assert!((multiple - 0.7f64.powf(-2.5)).abs() < 1e-9, "{multiple}");
        let beyond = sensitivity(Shown { elasticity: -9.0, depth: 0.5, sd: 0.0 }, share);
        assert!(beyond.is_finite() && beyond > 0.0);
    }

    #[test]
    fn the_law_has_the_elasticity_asked_for_at_list_price_and_saturates() {
        let (share, elasticity) = (0.2, 2.0);
        let sensitivity = elasticity / (1.0 - share);
        let step = 1e-6;
        let slope = (choice_multiple(share, sensitivity * step) - 1.0) / step;
        assert!((slope - elasticity).abs() < 1e-4, "{slope}");
        assert!((choice_multiple(share, 1e9) - 1.0 / share).abs() < 1e-9);
        let log_linear = 0.5f64.powf(-elasticity);
        assert!(choice_multiple(share, sensitivity * 0.5) < log_linear);
    }

    #[test]
    fn frequent_discounts_wear_out() {
        let spec = spec_of(&[("a", "x")], 30);
        let terms = TwinTerms { pull_forward_share: 0.0, shock_sd: 0.0, ..terms() };
        let mut shoppers = Shoppers::new(&spec, &terms, Draws::new(1));
        let tag = Tag { ratio: 0.7, utility: 0.0, promoted: true };
        let mut multiples = Vec::new();
        for period in spec.span().iter() {
            shoppers.look(period, &[tag]);
            multiples.push(shoppers.multiple[0]);
            shoppers.remember(0, 10.0, tag);
        }
        assert!(multiples.windows(2).all(|pair| pair[1] < pair[0]));
        assert!(multiples[29] > 1.0 && multiples[29] < 0.8 * multiples[0], "{multiples:?}");
    }

    proptest! {
        #[test]
        fn a_deeper_discount_never_lowers_the_expected_demand_of_its_item(
            seed in 0u64..50, before in 0.0f64..0.6, depth in 0.0f64..0.8, deeper in 0.0f64..0.19, sold in 0i64..60,
        ) {
            let spec = spec_of(&[("a", "x"), ("b", "x"), ("c", "x")], 5);
            let terms = terms();
            let mut shoppers = Shoppers::new(&spec, &terms, Draws::new(seed));
            let cut = |depth: f64| Tag { ratio: 1.0 - depth, utility: 0.0, promoted: true };
            let [first, second] = [spec.span().start, spec.span().start.plus(1)];
            shoppers.look(first, &[cut(before); 3]);
            (0..3).for_each(|cell| shoppers.remember(cell, sold as f64, cut(before)));
            let mut other = shoppers.clone();
            shoppers.look(second, &[cut(depth), cut(before), Tag::LIST]);
            other.look(second, &[cut(depth + deeper), cut(before), Tag::LIST]);
            prop_assert!(other.expected(0) >= shoppers.expected(0) - 1e-9);
            prop_assert!(other.expected(2) <= shoppers.expected(2) + 1e-9);
        }
    }
}
