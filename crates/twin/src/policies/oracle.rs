//! The ceiling: knows the hidden response of every item and the usual demand, not the draws to come; shocks where it is told.
//!
//! Offers are searched for by what the shoppers will truly do and by what their stock costs, orders go up to the level at which
//! a piece more costs what it saves under the true demand. A local search is not proven to be optimal: it is a ceiling for
//! estimates, not a proven one for plans. One that sees shocks plans for what shoppers and competitors will do under them, and
//! orders as much more as suppliers will cut; late deliveries come to it as to anybody.

mod foresight;
mod search;

use super::cover::Cover;
use crate::choice::OfferTerms;
use crate::draws::Draws;
use crate::shock::Shock;
use crate::shoppers::{Shoppers, Tag};
use crate::{Actions, CellOrder, Observation, Policy, World, WorldSpec, WorldTerms};
use endcap_model::{Depth, Mechanic, Offer, Period, Span, SupplyTerms, Support, TwinTerms};
use foresight::{Change, Foresight};
use search::{Calendar, Candidate, Search};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};
use std::collections::BTreeMap;
use std::ops::Range;

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
    sees_shocks: bool,
    /// Shocks that it sees.
    shocks: Vec<Shock>,
    /// What it ordered and will not get: when it was due, the cell, pieces.
    missing: Vec<(Period, usize, i64)>,
    offers: BTreeMap<Period, Vec<Offer>>,
    /// By period from the first, then cell: pieces expected to be wanted.
    expected: Vec<Vec<f64>>,
    /// By period from the first, then cell: whether it is on offer.
    on_offer: Vec<Vec<bool>>,
    /// By cell.
    costs: Vec<Costs>,
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
        Self {
            name,
            spec,
            terms,
            limits,
            cover,
            budget,
            sees_shocks: false,
            shocks: Vec::new(),
            missing: Vec::new(),
            offers,
            expected,
            on_offer,
            costs: costs(spec, supply),
        }
    }

    /// The same, which sees the world's shocks come.
    pub(super) fn that_sees_shocks(self) -> Self {
        Self { sees_shocks: true, ..self }
    }

    /// Cells of each item and region.
    fn pairs(&self) -> Vec<Vec<usize>> {
        let mut pairs = vec![Vec::new(); self.spec.index.pairs];
        self.spec.index.pair_of.iter().enumerate().for_each(|(cell, &pair)| pairs[pair as usize].push(cell));
        pairs
    }

    /// A search that begins without offers.
    fn nothing<'s>(
        &'s self,
        quiet: &'s WorldSpec,
        terms: &'s TwinTerms,
        seed: u64,
        pairs: &'s [Vec<usize>],
    ) -> Search<'s> {
        Search {
            limits: self.limits,
            budget: self.budget,
            region_of: pairs.iter().map(|cells| self.spec.index.region_of[cells[0]]).collect(),
            foresight: Foresight::new(quiet, terms, seed, pairs, self.limits.periods),
            calendar: Calendar::new(),
        }
    }

    /// The calendar that local search ends with.
    fn search(&self, quiet: &WorldSpec, terms: &TwinTerms, seed: u64) -> Calendar {
        let pairs = self.pairs();
        let mut search = self.nothing(quiet, terms, seed, &pairs);
        let shoppers = Shoppers::new(quiet, terms, Draws::new(seed));
        let candidates = self.candidates(&shoppers, &pairs, &search.foresight);
        search.take_greedily(&candidates);
        search.improve(&candidates);
        search.calendar
    }

    /// Every offer that pays when no other runs.
    fn candidates(&self, shoppers: &Shoppers, pairs: &[Vec<usize>], nothing: &Foresight) -> Vec<Candidate> {
        let (spec, periods) = (self.spec, self.limits.periods);
        // What cannot be ordered in time is not promoted.
        let first = spec.lead_time_periods() - 1;
        let mut found = Vec::new();
        for from in (first..spec.span().len().saturating_sub(periods - 1)).step_by(periods) {
            for (pair, cells) in pairs.iter().enumerate() {
                for &depth in &self.limits.depths {
                    let item = spec.index.sku_of[cells[0]] as usize;
                    let (multiple, run) = (shoppers.fresh_answer(item, depth.share(), 0.0), from..from + periods);
                    let cost = self.cost(cells, &run, multiple);
                    let alone = nothing.gain(&[Change { pair, from, depth: Some(depth) }]) - cost;
                    let given_away = self.given_away(cells, &run, multiple, depth);
                    found.push(Candidate { pair, from, depth, cost, given_away, alone });
                }
            }
        }
        found.retain(|candidate| candidate.alone > 0.0);
        found
    }

    /// Money that an offer gives away, minor units.
    fn given_away(&self, cells: &[usize], run: &Range<usize>, multiple: f64, depth: Depth) -> f64 {
        let units = |cell: usize| run.clone().map(|at| self.mean(cell, at)).sum::<f64>() * multiple;
        let list_value = |&cell: &usize| units(cell) * self.spec.cells()[cell].list_price as f64;
        let own_share = 1.0 - self.spec.terms().costs.vendor_funding_share;
        depth.share() * own_share * cells.iter().map(list_value).sum::<f64>()
    }

    /// Fixed cost of an offer, and what the stock of its last cover costs more with it than without.
    fn cost(&self, cells: &[usize], run: &Range<usize>, multiple: f64) -> f64 {
        let fixed = self.spec.terms().costs.fixed_cost as f64 * run.len() as f64;
        let of_cell = |&cell: &usize| {
            let from = run.end.saturating_sub(self.cover.periods());
            let least = |multiple: f64, offer_ends: bool| {
                let wanted = |at| self.mean(cell, at) * if run.contains(&at) { multiple } else { 1.0 };
                let exposure = self.exposure(cell, from, wanted, offer_ends);
                let costs = self.costs[cell];
                costs.of(&exposure, costs.level(&exposure))
            };
            least(multiple, true) - least(1.0, false)
        };
        fixed + cells.iter().map(of_cell).sum::<f64>()
    }

    /// Usual demand of a cell in a period from the first, under the shocks that it sees.
    fn mean(&self, cell: usize, at: usize) -> f64 {
        let period = self.spec.span().start.plus(at as i32);
        let factors = self.hits(cell, period).filter_map(Shock::demand_factor);
        self.spec.index.means_of(self.slot(at))[cell] * factors.product::<f64>()
    }

    /// Shocks seen that hit a cell in a period.
    fn hits(&self, cell: usize, period: Period) -> impl Iterator<Item = &Shock> {
        let hit = move |shock: &&Shock| shock.is_on(self.spec, period) && shock.hits(&self.spec.cells()[cell]);
        self.shocks.iter().filter(hit)
    }

    /// Orders up to the levels of a period, and as much more as will be cut.
    fn orders(&mut self, seen: &Observation, at: usize) -> Vec<CellOrder> {
        self.missing.retain(|(due, ..)| *due >= seen.period);
        let mut lost: BTreeMap<usize, i64> = BTreeMap::new();
        self.missing.iter().for_each(|&(_, cell, pieces)| *lost.entry(cell).or_default() += pieces);
        let lost = |cell: usize| lost.get(&cell).copied().unwrap_or(0) as f64;
        let mut orders = self.cover.orders(seen, |cell| self.level(cell, at) + lost(cell), |_| 0.0);
        let due = seen.period.plus(self.spec.lead_time_periods() as i32 - 1);
        for order in &mut orders {
            let cuts = self.hits(order.cell, seen.period).filter_map(Shock::missing_share);
            let comes: f64 = cuts.map(|share| 1.0 - share).product();
            if comes > 0.0 && comes < 1.0 {
                order.pieces = self.cover.batch(order.pieces as f64 / comes);
                let missing = order.pieces - (order.pieces as f64 * comes).round() as i64;
                self.missing.push((due, order.cell, missing));
            }
        }
        orders
    }

    fn put_in_force(&mut self, calendar: Calendar) {
        let pairs = self.pairs();
        self.offers = BTreeMap::new();
        for chosen in calendar.values() {
            let key = &self.spec.cells()[pairs[chosen.pair][0]];
            let offer = Offer {
                sku: key.sku.clone(),
                place: key.region.clone(),
                span: Span::of_length(self.spec.span().start.plus(chosen.from as i32), self.limits.periods),
                mechanic: Mechanic::Tpr,
                depth: chosen.depth,
                support: Support::default(),
            };
            offer.span.iter().for_each(|period| self.offers.entry(period).or_default().push(offer.clone()));
        }
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

    /// What a level of a cell's stock from a period on is exposed to, when so much is wanted in every period and an offer
    /// ends with the cover or not.
    fn exposure(&self, cell: usize, from: usize, wanted: impl Fn(usize) -> f64, offer_ends: bool) -> Exposure {
        let end = from + self.cover.periods();
        let demand = |periods: Range<usize>| self.demand(periods.map(&wanted));
        let life = self.spec.cells()[cell].shelf_life;
        let normal = self.spec.terms().costs.write_down.filter(|_| offer_ends);
        Exposure {
            late: self.terms.late_probability,
            cover: demand(from..end),
            longer: demand(from..end + 1),
            life: life.map(|life| demand(from..from + self.cover.ahead - 1 + life)),
            normal: normal.map(|terms| terms.cover_periods * self.mean(cell, end)),
        }
    }

    /// Level up to which a cell is ordered before a period.
    fn level(&self, cell: usize, from: usize) -> f64 {
        let end = from + self.cover.periods();
        let offer_ends = self.on_offer.get(end - 1).is_some_and(|on_offer| on_offer[cell]);
        let last = self.expected.len() - 1;
        let exposure = self.exposure(cell, from, |at| self.expected[at.min(last)][cell], offer_ends);
        self.costs[cell].level(&exposure)
    }

    fn slot(&self, at: usize) -> usize {
        self.spec.slot_of(self.spec.span().start.plus(at as i32))
    }

    /// Mean and standard deviation of demand over periods of which each is expected to want so much.
    fn demand(&self, expected: impl Iterator<Item = f64>) -> (f64, f64) {
        let habits = &self.spec.terms().habits;
        let shared = self.terms.shock_sd.powi(2) + habits.region_shock_sd.powi(2);
        let (mean, variance) = expected.fold((0.0, 0.0), |(mean, variance), expected| {
            (mean + expected, variance + habits.dispersion * expected + shared * expected * expected)
        });
        (mean, variance.sqrt())
    }
}

/// What a level of stock is exposed to: demand as mean and standard deviation.
#[derive(Clone, Copy, Debug)]
struct Exposure {
    /// Probability that the next delivery is late.
    late: f64,
    /// Demand of the cover, and of one period more, for when it is late.
    cover: (f64, f64),
    longer: (f64, f64),
    /// Demand over the shelf life.
    life: Option<(f64, f64)>,
    /// Pieces that may be left without loss, where an offer ends.
    normal: Option<f64>,
}

/// Probability that a normal demand is at most `level`.
fn below((mean, deviation): (f64, f64), level: f64) -> f64 {
    if deviation > 0.0 {
        Normal::standard().cdf((level - mean) / deviation)
    } else {
        f64::from(u8::from(level >= mean))
    }
}

/// Expected pieces of a normal demand that `level` leaves over.
fn left((mean, deviation): (f64, f64), level: f64) -> f64 {
    if deviation > 0.0 {
        let z = (level - mean) / deviation;
        let normal = Normal::standard();
        deviation * (z * normal.cdf(z) + normal.pdf(z))
    } else {
        (level - mean).max(0.0)
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

impl Costs {
    /// Level at which one piece more would cost as much as it saves over a cover: it saves a sale where demand is above it,
    /// in the cover or, when the next delivery is late, one period longer; it is held where demand is below, lost where that is
    /// so over the shelf life, written down where it is left of an offer above normal cover.
    fn level(self, exposed: &Exposure) -> f64 {
        let Exposure { late, cover, longer, life, normal } = *exposed;
        let costs_more = |level: f64| {
            let covered = (1.0 - late) * below(cover, level) + late * below(longer, level);
            let spoils = life.map_or(0.0, |life| self.lost * below(life, level));
            let writes = normal.map_or(0.0, |normal| self.written * below(cover, level - normal));
            covered * self.held + spoils + writes > (1.0 - covered) * self.short
        };
        let most = longer.0 + 4.0 * longer.1;
        let (mut low, mut high) = (0.0, most);
        for _ in 0..STEPS {
            let middle = (low + high) / 2.0;
            if costs_more(middle) { high = middle } else { low = middle }
        }
        high
    }

    /// Expected cost of a level.
    fn of(self, exposed: &Exposure, level: f64) -> f64 {
        let over = |demand: (f64, f64)| {
            let left = left(demand, level);
            self.held * left + self.short * (left + demand.0 - level)
        };
        (1.0 - exposed.late) * over(exposed.cover)
            + exposed.late * over(exposed.longer)
            + exposed.life.map_or(0.0, |life| self.lost * left(life, level))
            + exposed.normal.map_or(0.0, |normal| self.written * left(exposed.cover, level - normal))
    }
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
        if self.sees_shocks {
            self.shocks = world.spec.terms().shocks.clone();
        }
        let terms = WorldTerms { habits, shocks: self.shocks.clone(), ..self.spec.terms().clone() };
        let quiet = self.spec.clone().under(terms);
        let calm = TwinTerms { shock_sd: 0.0, ..self.terms.clone() };
        let calendar = self.search(&quiet, &calm, world.seed);
        self.put_in_force(calendar);
        self.foresee(&quiet, &calm, world.seed);
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        let at = (seen.period.0 - self.spec.span().start.0) as usize;
        let offers = self.offers.get(&seen.period).cloned().unwrap_or_default();
        let mut actions = Actions { offers, expected: self.expected[at].clone(), ..Actions::default() };
        if self.cover.reviews(self.spec, seen) {
            actions.cell_orders = self.orders(seen, at);
        }
        actions
    }
}

#[cfg(test)]
#[path = "oracle/tests.rs"]
mod tests;
