//! The hidden shoppers: how many pieces they want.
//!
//! An offer multiplies the demand for its own item by the scenario's law of response (see `law`), at the price that
//! shoppers perceive against the one they remember: they remember past prices exponentially (adaptive reference price;
//! Winer 1986), so frequent discounts wear out. Extra pieces come partly from substitutes in the same place and group
//! at the same time, and partly from later periods, through a stock in the households that is used up first (Blattberg,
//! Eppen and Lieberman 1981); they bring sales to complements. Where offers were frequent some wait for the next one
//! (Coase 1972; Su 2007). Competitors' prices move all of it (see `rivals`).
//!
//! Everything is laid out in columns by cell, so that a period is a few passes over memory in order.

use crate::draws::{Counts, Draws, Stream, normal, shock};
use crate::law::{Answer, Response};
use crate::rivals::Rivals;
use crate::{Shown, WorldSpec};
use endcap_model::{Period, TwinTerms};

/// Smallest share of its own demand that substitutes, household stock and waiting each leave to an item.
const LEAST_SHARE: f64 = 0.1;
/// Traces of past offers below which a cell is as if there had been none.
const FORGOTTEN: f64 = 1e-9;

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
    response: Response,
    counts: Counts,
    rivals: Rivals,
    /// By item: how it answers.
    answers: Vec<Answer>,
    /// By item, for the present period: what a break of regime multiplies its strength by.
    broken: Vec<f64>,
    /// By cell: remembered price over list price.
    remembered: Vec<f64>,
    /// By cell: pieces in households that were bought ahead.
    household: Vec<f64>,
    /// By cell: how much of the time it was on offer lately; empty where nobody waits.
    hope: Vec<f64>,
    /// By cell: pieces wanted by those who wait for an offer.
    waiting: Vec<f64>,
    /// By cell, for the present period: expected pieces without any offer.
    plain: Vec<f64>,
    /// By cell, for the present period: what the offer multiplies them by.
    multiple: Vec<f64>,
    /// By cell, for the present period: expected pieces.
    expected: Vec<f64>,
    /// Cells whose demand an offer lifts in the present period.
    lifted: Vec<u32>,
    words: Vec<u64>,
    item_words: Vec<u64>,
    region_words: Vec<u64>,
    item_factor: Vec<f64>,
    region_factor: Vec<f64>,
    basket_plain: Vec<f64>,
    basket_taken: Vec<f64>,
    basket_gain: Vec<f64>,
}

impl<'a> Shoppers<'a> {
    /// Draws the hidden traits of the items.
    pub(crate) fn new(spec: &'a WorldSpec, terms: &'a TwinTerms, draws: Draws) -> Self {
        let cells = spec.cells().len();
        let items = spec.index.skus.len();
        let mut traits = vec![0; 2 * items];
        draws.fill(Stream::Traits, 0, &mut traits);
        let habits = &spec.terms().habits;
        let response = Response::of(habits);
        let unknown = Shown { elasticity: terms.elasticity_mean, depth: 0.0, sd: terms.elasticity_sd };
        let answer = |item: usize| {
            let share = habits.purchase_share * (habits.purchase_share_sd * normal(traits[2 * item + 1])).exp();
            let shown = spec.shown(&spec.index.skus[item].0).unwrap_or(unknown);
            let elasticity = (shown.elasticity + shown.sd * normal(traits[2 * item])).min(0.0);
            response.tune(Shown { elasticity, ..shown }, share.min(0.9))
        };
        let waiting = if habits.waiting_share > 0.0 { cells } else { 0 };
        Self {
            spec,
            terms,
            draws,
            response,
            counts: Counts::new(habits.dispersion),
            rivals: Rivals::new(items),
            answers: (0..items).map(answer).collect(),
            broken: vec![1.0; items],
            remembered: vec![1.0; cells],
            household: vec![0.0; cells],
            hope: vec![0.0; waiting],
            waiting: vec![0.0; waiting],
            plain: vec![0.0; cells],
            multiple: vec![1.0; cells],
            expected: vec![0.0; cells],
            lifted: Vec::new(),
            words: vec![0; cells],
            item_words: vec![0; items],
            region_words: vec![0; spec.index.regions.len()],
            item_factor: vec![1.0; items],
            region_factor: vec![1.0; spec.index.regions.len()],
            basket_plain: vec![0.0; spec.index.baskets],
            basket_taken: vec![0.0; spec.index.baskets],
            basket_gain: vec![0.0; if spec.index.halos.is_empty() { 0 } else { spec.index.baskets }],
        }
    }

    /// Works out what every cell expects in a period, given what is on the shelves.
    pub(crate) fn look(&mut self, period: Period, tags: &[Tag]) {
        self.expect(period, tags);
        self.draws.fill(Stream::Demand, period.0, &mut self.words);
    }

    /// As [`Shoppers::look`], for expectations alone.
    pub(crate) fn expect(&mut self, period: Period, tags: &[Tag]) {
        self.come(period);
        self.weigh(tags);
        if !self.lifted.is_empty() {
            self.substitute();
            self.spread_halo();
        }
        self.use_up();
        self.wait(tags);
    }

    /// Expected demand before any offer: the season's mean under the period's shocks and competitors' prices.
    fn come(&mut self, period: Period) {
        self.draws.fill(Stream::Item, period.0, &mut self.item_words);
        self.draws.fill(Stream::Region, period.0, &mut self.region_words);
        self.rivals.move_prices(self.spec, &self.draws, period);
        let habits = &self.spec.terms().habits;
        let words = self.item_words.iter().zip(self.rivals.ratios());
        for (factor, (&word, &ratio)) in self.item_factor.iter_mut().zip(words) {
            let rival = if ratio == 1.0 { 1.0 } else { ratio.powf(habits.rival_elasticity) };
            *factor = shock(word, self.terms.shock_sd) * rival;
        }
        for (factor, &word) in self.region_factor.iter_mut().zip(&self.region_words) {
            *factor = shock(word, habits.region_shock_sd);
        }
        let index = &self.spec.index;
        let means = index.means_of(self.spec.slot_of(period));
        let numbers = means.iter().zip(&index.sku_of).zip(&index.region_of);
        for (plain, ((mean, &item), &region)) in self.plain.iter_mut().zip(numbers) {
            *plain = mean * self.item_factor[item as usize] * self.region_factor[region as usize];
        }
        self.be_hit(period);
    }

    /// Shocks of demand and breaks of regime.
    fn be_hit(&mut self, period: Period) {
        let shocks = &self.spec.terms().shocks;
        if shocks.is_empty() {
            return;
        }
        self.broken.fill(1.0);
        for hit in shocks.iter().filter(|shock| shock.is_on(self.spec, period)) {
            if let Some(factor) = hit.demand_factor() {
                for (plain, cell) in self.plain.iter_mut().zip(self.spec.cells()) {
                    if hit.hits(cell) {
                        *plain *= factor;
                    }
                }
            }
            if let Some(factor) = hit.response_factor() {
                for (broken, (_, cells)) in self.broken.iter_mut().zip(&self.spec.index.skus) {
                    if hit.hits(&self.spec.cells()[cells.start]) {
                        *broken *= factor;
                    }
                }
            }
        }
    }

    /// What each offer multiplies its own item's demand by.
    fn weigh(&mut self, tags: &[Tag]) {
        let resents = self.response.resents();
        self.lifted.clear();
        self.expected.copy_from_slice(&self.plain);
        for (cell, &tag) in tags.iter().enumerate() {
            if tag.promoted || (resents && self.remembered[cell] < 1.0 - FORGOTTEN) {
                self.multiple[cell] = self.answer(cell, tag);
                self.expected[cell] *= self.multiple[cell];
                if self.multiple[cell] > 1.0 {
                    self.lifted.push(cell as u32);
                }
            } else {
                self.multiple[cell] = 1.0;
            }
        }
    }

    /// Returns what an offer would multiply a cell's demand by at present.
    pub(crate) fn answer(&self, cell: usize, tag: Tag) -> f64 {
        if !tag.promoted && !self.response.resents() {
            return 1.0;
        }
        let item = self.spec.index.sku_of[cell] as usize;
        self.response.multiple(self.answer_of(item), tag.ratio, tag.utility, self.remembered[cell])
    }

    fn answer_of(&self, item: usize) -> Answer {
        let answer = self.answers[item];
        Answer { strength: answer.strength * self.broken[item], ..answer }
    }

    /// Returns what shoppers with their memories at list price multiply an item's demand by.
    pub(crate) fn fresh_answer(&self, item: usize, depth: f64, utility: f64) -> f64 {
        self.response.multiple(self.answer_of(item), 1.0 - depth, utility, 1.0)
    }

    /// Returns the elasticity of an item at list price.
    pub(crate) fn elasticity_at_list(&self, item: usize) -> f64 {
        self.response.elasticity_at_list(self.answers[item])
    }

    /// Returns competitors' prices over their usual ones, by item.
    pub(crate) fn rival_ratios(&self) -> &[f64] {
        self.rivals.ratios()
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
        for (&basket, plain) in baskets.iter().zip(&self.plain) {
            self.basket_plain[basket as usize] += plain;
        }
        let per_piece = |of_all: f64, plain: f64, multiple: f64| {
            let others = of_all - plain;
            if others > 1e-9 { self.terms.substitution_share * plain * (multiple - 1.0) / others } else { 0.0 }
        };
        for &cell in &self.lifted {
            let (cell, basket) = (cell as usize, baskets[cell as usize] as usize);
            let taken = per_piece(self.basket_plain[basket], self.plain[cell], self.multiple[cell]);
            self.basket_taken[basket] += taken;
        }
        for (cell, &basket) in baskets.iter().enumerate() {
            let taken = self.basket_taken[basket as usize];
            if taken > 0.0 {
                let of_all = self.basket_plain[basket as usize];
                let own = per_piece(of_all, self.plain[cell], self.multiple[cell].max(1.0));
                let lost = self.plain[cell] * (taken - own).max(0.0);
                self.expected[cell] -= lost.min((1.0 - LEAST_SHARE) * self.expected[cell]);
            }
        }
    }

    /// Brings each group's share of the extra pieces to its complements at the place.
    fn spread_halo(&mut self) {
        let index = &self.spec.index;
        if index.halos.is_empty() {
            return;
        }
        // What was taken is no longer needed: the room holds the extra pieces by basket.
        self.basket_taken.fill(0.0);
        self.basket_gain.fill(0.0);
        for &cell in &self.lifted {
            let cell = cell as usize;
            self.basket_taken[index.basket_of[cell] as usize] += self.plain[cell] * (self.multiple[cell] - 1.0);
        }
        for halo in &index.halos {
            let of_all = self.basket_plain[halo.to];
            if of_all > 0.0 {
                self.basket_gain[halo.to] += halo.share * self.basket_taken[halo.from] / of_all;
            }
        }
        for (cell, &basket) in index.basket_of.iter().enumerate() {
            self.expected[cell] += self.plain[cell] * self.basket_gain[basket as usize];
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
                if *household < FORGOTTEN {
                    *household = 0.0;
                }
            }
        }
    }

    /// Lets some wait for an offer, and buy when it comes.
    fn wait(&mut self, tags: &[Tag]) {
        let habits = &self.spec.terms().habits;
        for (cell, (hope, waiting)) in self.hope.iter().zip(&mut self.waiting).enumerate() {
            if tags[cell].promoted {
                self.expected[cell] += std::mem::take(waiting);
            } else if *hope > FORGOTTEN || *waiting > FORGOTTEN {
                let held = self.expected[cell] * (habits.waiting_share * hope).min(1.0 - LEAST_SHARE);
                self.expected[cell] -= held;
                *waiting = habits.waiting_patience * *waiting + held;
            }
        }
    }

    /// Lessens a cell's demand of the present period: what is not on the shelf is not seen.
    pub(crate) fn hide(&mut self, cell: usize, share_left: f64) {
        self.expected[cell] *= share_left;
    }

    /// Returns the expected pieces of a cell in the present period.
    pub(crate) fn expected(&self, cell: usize) -> f64 {
        self.expected[cell]
    }

    /// Draws the pieces that are wanted of a cell in the present period.
    #[inline]
    pub(crate) fn want(&self, cell: usize) -> i64 {
        self.counts.draw(self.words[cell], self.expected[cell])
    }

    /// Takes note of what was bought and at what price: households stock up, memories of prices move.
    #[inline]
    pub(crate) fn remember(&mut self, cell: usize, sold: f64, tag: Tag) {
        let habits = &self.spec.terms().habits;
        if self.multiple[cell] > 1.0 {
            let extra = sold * (1.0 - 1.0 / self.multiple[cell]);
            self.household[cell] += self.terms.pull_forward_share * extra;
        }
        let remembered = &mut self.remembered[cell];
        *remembered = habits.reference_carry * *remembered + (1.0 - habits.reference_carry) * tag.ratio;
        if let Some(hope) = self.hope.get_mut(cell) {
            *hope = habits.reference_carry * *hope + (1.0 - habits.reference_carry) * f64::from(u8::from(tag.promoted));
        }
    }

    /// Tells competitors which items were on offer in the period that ends.
    pub(crate) fn tell_rivals(&mut self, tags: &[Tag]) {
        self.rivals.watch(self.spec, tags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tests::{spec_of, terms};
    use proptest::prelude::*;

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
