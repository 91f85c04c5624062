//! The ceiling: knows the hidden response of every item and the usual demand, not the shocks and draws to come.
//!
//! Offers are chosen greedily by their true value over the full profit and loss, orders go up to the newsvendor level of
//! the true demand under them. Greedy is not optimal: it is a ceiling for estimates, not a proven one for plans.

use super::cover::Cover;
use crate::choice::OfferTerms;
use crate::draws::Draws;
use crate::shoppers::{Shoppers, Tag};
use crate::{Actions, Observation, Policy, World, WorldSpec, WorldTerms};
use endcap_model::{Depth, Mechanic, Offer, Period, Span, SupplyTerms, Support, TwinTerms};
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// Largest probability with which demand over a cover is to be met.
const SERVICE_MAX: f64 = 0.998;

/// The policy.
pub(super) struct Oracle<'a> {
    name: &'a str,
    spec: &'a WorldSpec,
    terms: &'a TwinTerms,
    limits: &'a OfferTerms,
    cover: Cover,
    /// Money that may be given away, minor units.
    budget: f64,
    offers: BTreeMap<Period, Vec<Offer>>,
    /// By period from the first, then cell: pieces expected to be wanted.
    expected: Vec<Vec<f64>>,
    /// By period from the first, then cell: whether it is on offer.
    on_offer: Vec<Vec<bool>>,
    /// By cell: standard normal quantiles of the newsvendor levels: a piece too many is held on, thrown away, or written
    /// down after an offer.
    safety: Vec<[f64; 3]>,
}

/// An offer that could be made: an item in a region in some periods.
struct Candidate {
    pair: usize,
    from: usize,
    depth: Depth,
    value: f64,
    given_away: f64,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(
        name: &'a str,
        spec: &'a WorldSpec,
        terms: &'a TwinTerms,
        limits: &'a OfferTerms,
        supply: &'a SupplyTerms,
        minor_units: f64,
    ) -> Self {
        let cover = Cover::new(spec, supply, Some(0.0));
        let (offers, expected, on_offer) = (BTreeMap::new(), Vec::new(), Vec::new());
        let budget = limits.budget.map_or(f64::INFINITY, |budget| budget * minor_units);
        Self { name, spec, terms, limits, cover, budget, offers, expected, on_offer, safety: safety(spec, supply) }
    }

    /// True value of every offer that pays.
    fn candidates(&self, shoppers: &Shoppers, pairs: &[Vec<usize>]) -> Vec<Candidate> {
        let (spec, periods) = (self.spec, self.limits.periods);
        let means = |at: usize| spec.index.means_of(spec.slot_of(spec.span().start.plus(at as i32)));
        // What cannot be ordered in time is not promoted.
        let first = spec.lead_time_periods() - 1;
        let mut found = Vec::new();
        for (pair, cells) in pairs.iter().enumerate() {
            for from in (first..spec.span().len().saturating_sub(periods - 1)).step_by(periods) {
                let units = |cell: usize| (from..from + periods).map(|at| means(at)[cell]).sum::<f64>();
                let units: Vec<f64> = cells.iter().map(|&cell| units(cell)).collect();
                for &depth in &self.limits.depths {
                    let (value, given_away) = self.value(shoppers, cells, &units, depth);
                    if value > 0.0 {
                        found.push(Candidate { pair, from, depth, value, given_away });
                    }
                }
            }
        }
        found
    }

    /// Profit that an offer adds and money that it gives away, minor units.
    fn value(&self, shoppers: &Shoppers, cells: &[usize], units: &[f64], depth: Depth) -> (f64, f64) {
        let (spec, costs) = (self.spec, &self.spec.terms().costs);
        let item = spec.index.sku_of[cells[0]] as usize;
        let multiple = shoppers.fresh_answer(item, depth.share(), 0.0);
        let (mut value, mut given_away) = (-(costs.fixed_cost as f64) * self.limits.periods as f64, 0.0);
        for (&cell, units) in cells.iter().zip(units) {
            let sold = &spec.cells()[cell];
            let (price, cost) = (sold.list_price as f64, sold.unit_cost as f64);
            let (discount, margin, extra) = (depth.share() * price, price - cost, units * (multiple - 1.0));
            given_away += discount * units * multiple * (1.0 - costs.vendor_funding_share);
            // What substitutes lose is taken at the item's own margin, as is what later periods lose.
            let elsewhere = self.terms.substitution_share + self.terms.pull_forward_share;
            value += extra * margin * (1.0 - elsewhere);
        }
        (value - given_away, given_away)
    }

    /// Takes the most valuable offers that keep slots, spacing and budget.
    fn choose(&self, mut candidates: Vec<Candidate>, pairs: &[Vec<usize>]) -> Vec<Offer> {
        let (spec, limits) = (self.spec, self.limits);
        candidates.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| (a.pair, a.from).cmp(&(b.pair, b.from))));
        let mut left = self.budget;
        let mut used: BTreeMap<(u32, usize), usize> = BTreeMap::new();
        let mut runs: Vec<Vec<usize>> = vec![Vec::new(); pairs.len()];
        let mut offers = Vec::new();
        for candidate in candidates {
            let cell = pairs[candidate.pair][0];
            let slot = used.entry((spec.index.region_of[cell], candidate.from)).or_default();
            let apart = |&run: &usize| run.abs_diff(candidate.from) >= limits.spacing.max(limits.periods);
            if *slot >= limits.slots || candidate.given_away > left || !runs[candidate.pair].iter().all(apart) {
                continue;
            }
            *slot += 1;
            left -= candidate.given_away;
            runs[candidate.pair].push(candidate.from);
            let key = &spec.cells()[cell];
            offers.push(Offer {
                sku: key.sku.clone(),
                place: key.region.clone(),
                span: Span::of_length(spec.span().start.plus(candidate.from as i32), limits.periods),
                mechanic: Mechanic::Tpr,
                depth: candidate.depth,
                support: Support::default(),
            });
        }
        offers
    }

    /// Runs the shoppers along the horizon under the offers, everybody buying what they are expected to.
    fn foresee(&mut self, quiet: &WorldSpec, terms: &TwinTerms, seed: u64) {
        let mut shoppers = Shoppers::new(quiet, terms, Draws::new(seed));
        (self.expected, self.on_offer) = (Vec::new(), Vec::new());
        for period in quiet.span().iter() {
            let mut tags = vec![Tag::LIST; quiet.cells().len()];
            for offer in self.offers.get(&period).into_iter().flatten() {
                let region = quiet.index.region_number(&offer.place);
                for cell in quiet.cells_of(&offer.sku).filter(|&cell| Some(quiet.index.region_of[cell]) == region) {
                    tags[cell] = Tag { ratio: offer.depth.price_ratio(), utility: 0.0, promoted: true };
                }
            }
            shoppers.expect(period, &tags);
            let wanted: Vec<f64> = (0..tags.len()).map(|cell| shoppers.expected(cell)).collect();
            (0..tags.len()).for_each(|cell| shoppers.remember(cell, wanted[cell], tags[cell]));
            self.expected.push(wanted);
            self.on_offer.push(tags.iter().map(|tag| tag.promoted).collect());
        }
    }

    /// Level that covers a cell's demand from a period on with the newsvendor's probability: what is left over the cover
    /// is held on, what is left over the shelf life is lost, what is left of an offer above normal cover is written down.
    fn level(&self, cell: usize, from: usize) -> f64 {
        let [held, lost, written] = self.safety[cell];
        let end = from + self.cover.periods();
        let mut level = self.quantile(cell, from..end, held);
        if let Some(life) = self.spec.cells()[cell].shelf_life {
            level = level.min(self.quantile(cell, from..from + self.cover.ahead - 1 + life, lost));
        }
        if let Some(terms) = self.spec.terms().costs.write_down
            && self.on_offer.get(end - 1).is_some_and(|on_offer| on_offer[cell])
        {
            let normal = terms.cover_periods * self.spec.index.means_of(0)[cell];
            level = level.min(self.quantile(cell, from..end, written) + normal);
        }
        level
    }

    /// Normal quantile of a cell's demand over some periods, the last of them again where the delivery may be late.
    fn quantile(&self, cell: usize, periods: std::ops::Range<usize>, z: f64) -> f64 {
        let habits = &self.spec.terms().habits;
        let shared = self.terms.shock_sd.powi(2) + habits.region_shock_sd.powi(2);
        let last = self.expected.len() - 1;
        let late = self.terms.late_probability * self.expected[(periods.end - 1).min(last)][cell].powi(2);
        let expected = periods.map(|at| self.expected[at.min(last)][cell]);
        let (mean, variance) = expected.fold((0.0, 0.0), |(mean, variance), expected| {
            (mean + expected, variance + habits.dispersion * expected + shared * expected * expected)
        });
        mean + z * (variance + late).sqrt()
    }
}

/// By cell: standard normal quantiles of margin over margin and the cost of a piece too many: held over the review,
/// thrown away, written down.
fn safety(spec: &WorldSpec, supply: &SupplyTerms) -> Vec<[f64; 3]> {
    let normal = Normal::standard();
    let of = |cell: &crate::CellSpec| {
        let cost = cell.unit_cost as f64;
        let short = (cell.list_price as f64 - cost).max(1.0);
        let held = spec.terms().costs.holding_rate * cost * supply.review_periods as f64;
        let lost = cost * (1.0 + supply.waste_rate);
        let written = spec.terms().costs.write_down.map_or(0.0, |terms| terms.rate) * cost;
        [held, lost, held + written].map(|over| normal.inverse_cdf((short / (short + over)).min(SERVICE_MAX)))
    };
    spec.cells().iter().map(of).collect()
}

impl Policy for Oracle<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn meet(&mut self, world: &World<'_>) {
        let habits = crate::Habits {
            region_shock_sd: 0.0,
            rival_offer_probability: 0.0,
            rival_follow_probability: 0.0,
            ..self.spec.terms().habits
        };
        let terms = WorldTerms { habits, shocks: Vec::new(), ..self.spec.terms().clone() };
        let quiet = self.spec.clone().under(terms);
        let calm = TwinTerms { shock_sd: 0.0, ..self.terms.clone() };
        let mut pairs = vec![Vec::new(); self.spec.index.pairs];
        self.spec.index.pair_of.iter().enumerate().for_each(|(cell, &pair)| pairs[pair as usize].push(cell));
        let shoppers = Shoppers::new(&quiet, &calm, Draws::new(world.seed));
        let candidates = self.candidates(&shoppers, &pairs);
        self.offers = BTreeMap::new();
        for offer in self.choose(candidates, &pairs) {
            offer.span.iter().for_each(|period| self.offers.entry(period).or_default().push(offer.clone()));
        }
        self.foresee(&quiet, &calm, world.seed);
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        let at = (seen.period.0 - self.spec.span().start.0) as usize;
        let offers = self.offers.get(&seen.period).cloned().unwrap_or_default();
        let mut actions = Actions { offers, expected: self.expected[at].clone(), ..Actions::default() };
        if self.cover.reviews(self.spec, seen) {
            actions.cell_orders = self.cover.orders(seen, |cell| self.level(cell, at), |_| 0.0);
        }
        actions
    }
}
