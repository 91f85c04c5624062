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

/// Halvings until a level is found.
const STEPS: usize = 20;

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
    /// By cell.
    costs: Vec<Costs>,
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
        Self { name, spec, terms, limits, cover, budget, offers, expected, on_offer, costs: costs(spec, supply) }
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

    /// Level at which one piece more would cost as much as it saves over a cell's cover from a period on: it saves a sale
    /// where demand is above it, in the cover or, when the next delivery is late, one period longer; it is held where demand
    /// is below, lost where that is so over the shelf life, written down where it is left of an offer above normal cover.
    fn level(&self, cell: usize, from: usize) -> f64 {
        let Costs { short, held, lost, written } = self.costs[cell];
        let (end, late) = (from + self.cover.periods(), self.terms.late_probability);
        let (cover, longer) = (self.demand(cell, from..end), self.demand(cell, from..end + 1));
        let life =
            self.spec.cells()[cell].shelf_life.map(|life| self.demand(cell, from..from + self.cover.ahead - 1 + life));
        let offer_ends = self.on_offer.get(end - 1).is_some_and(|on_offer| on_offer[cell]);
        let normal = self.spec.terms().costs.write_down.filter(|_| offer_ends);
        let normal = normal.map(|terms| terms.cover_periods * self.spec.index.means_of(self.slot(end))[cell]);
        let costs_more = |level: f64| {
            let covered = (1.0 - late) * below(cover, level) + late * below(longer, level);
            let spoils = life.map_or(0.0, |life| lost * below(life, level));
            let writes = normal.map_or(0.0, |normal| written * below(cover, level - normal));
            covered * held + spoils + writes > (1.0 - covered) * short
        };
        let most = longer.0 + 4.0 * longer.1;
        let (mut low, mut high) = (0.0, most);
        for _ in 0..STEPS {
            let middle = (low + high) / 2.0;
            if costs_more(middle) { high = middle } else { low = middle }
        }
        high
    }

    fn slot(&self, at: usize) -> usize {
        self.spec.slot_of(self.spec.span().start.plus(at as i32))
    }

    /// Mean and standard deviation of a cell's demand over some periods.
    fn demand(&self, cell: usize, periods: std::ops::Range<usize>) -> (f64, f64) {
        let habits = &self.spec.terms().habits;
        let shared = self.terms.shock_sd.powi(2) + habits.region_shock_sd.powi(2);
        let last = self.expected.len() - 1;
        let expected = periods.map(|at| self.expected[at.min(last)][cell]);
        let (mean, variance) = expected.fold((0.0, 0.0), |(mean, variance), expected| {
            (mean + expected, variance + habits.dispersion * expected + shared * expected * expected)
        });
        (mean, variance.sqrt())
    }
}

/// Probability that a normal demand is at most `level`.
fn below((mean, deviation): (f64, f64), level: f64) -> f64 {
    if deviation > 0.0 {
        Normal::standard().cdf((level - mean) / deviation)
    } else {
        f64::from(u8::from(level >= mean))
    }
}

/// What a piece costs: one too few, and one too many that is held over the review, thrown away, written down.
#[derive(Clone, Copy, Debug)]
struct Costs {
    short: f64,
    held: f64,
    lost: f64,
    written: f64,
}

fn costs(spec: &WorldSpec, supply: &SupplyTerms) -> Vec<Costs> {
    let of = |cell: &crate::CellSpec| {
        let cost = cell.unit_cost as f64;
        Costs {
            short: (cell.list_price as f64 - cost).max(1.0),
            held: spec.terms().costs.holding_rate * cost * supply.review_periods as f64,
            lost: cost * (1.0 + supply.waste_rate),
            written: spec.terms().costs.write_down.map_or(0.0, |terms| terms.rate) * cost,
        }
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
