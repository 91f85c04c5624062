//! The stage that changes are tried on: shelves as they are, demand as it is forecast, what a piece earns under the offers.

use super::trial::{Effect, Luck, Play, Shelf, tried};
use crate::plan::{cell_terms, opening_stock};
use crate::sense::Facts;
use endcap_model::{Depth, Forecast, ForecastRow, Mechanic, Offer, Period, Place, Scenario, Sku, Span, Support};
use endcap_plan::ItemEconomics;
use endcap_supply::Demand;
use std::collections::{BTreeMap, BTreeSet};

/// A cell: an item at a place.
pub type Cell = (Sku, Place);

/// Everything that trials of one moment share.
pub struct Stage<'a> {
    facts: &'a Facts,
    items: BTreeMap<Sku, ItemEconomics>,
    /// Share of a discount that vendors pay back.
    funded: f64,
    /// How often a shelf may run empty under an offer, as the scenario limits it.
    stockout_max: f64,
    span: Span,
    shelves: BTreeMap<Cell, Shelf>,
    luck: Luck,
}

/// What would sell, and what it earns, under some offers.
pub struct Course(BTreeMap<Cell, Play>);

/// The periods from `start` on that no order of the period before it reaches: their stock is what is there and under way.
pub fn before_orders(scenario: &Scenario, start: Period) -> Span {
    Span::of_length(start, scenario.supply.lead_time_periods.saturating_sub(1).max(1))
}

impl<'a> Stage<'a> {
    /// Sets it up for so many periods of a forecast from its first one on.
    pub fn new(facts: &'a Facts, scenario: &Scenario, forecast: &Forecast, span: Span, seed: u64) -> Self {
        let terms = cell_terms(facts, forecast, scenario);
        let costs: BTreeMap<(&Sku, &Place), (f64, f64)> =
            terms.iter().map(|cell| ((&cell.sku, &cell.place), (cell.holding_cost, cell.shortage_cost))).collect();
        let shelf = |state: &endcap_model::StockState| {
            let (holding_cost, shortage_cost) = *costs.get(&(&state.sku, &state.place))?;
            let mut arrivals = vec![0; span.len()];
            for (due, pieces) in &state.pipeline {
                // What is overdue is reckoned with when it is there.
                if span.contains(*due) {
                    arrivals[(due.0 - span.start.0) as usize] += pieces.0;
                }
            }
            let shelf = Shelf { on_hand: state.on_hand.0, arrivals, holding_cost, shortage_cost };
            Some(((state.sku.clone(), state.place.clone()), shelf))
        };
        Self {
            facts,
            items: facts.economics(scenario),
            funded: scenario.items.vendor_funding_share,
            stockout_max: scenario.limits.stockout_probability_max,
            span,
            shelves: opening_stock(facts, forecast, scenario).iter().filter_map(shelf).collect(),
            luck: Luck::new(seed, span.len()),
        }
    }

    /// The periods that are played.
    pub fn span(&self) -> Span {
        self.span
    }

    /// How often a shelf may run empty under an offer: 1 where the scenario sets no limit.
    pub fn stockout_max(&self) -> f64 {
        self.stockout_max
    }

    /// The course of some items under offers, by a forecast that knows them.
    pub fn course(&self, forecast: &Forecast, offers: &[Offer], skus: &BTreeSet<&Sku>) -> Course {
        let mut running: BTreeMap<&Sku, Vec<&Offer>> = BTreeMap::new();
        offers.iter().filter(|offer| skus.contains(&offer.sku)).for_each(|offer| {
            running.entry(&offer.sku).or_default().push(offer);
        });
        let mut plays: BTreeMap<Cell, Play> = BTreeMap::new();
        for row in forecast.rows.iter().filter(|row| self.span.contains(row.period) && skus.contains(&row.sku)) {
            let here = |offer: &&&Offer| self.covers(offer, row);
            let depth = running.get(&row.sku).and_then(|offers| offers.iter().filter(here).map(|o| o.depth).max());
            let play = plays.entry((row.sku.clone(), row.place.clone())).or_default();
            play.demand.push(Demand { mean: row.mean, dispersion: row.dispersion });
            play.margin.push(self.margin(&row.sku, depth.map_or(0.0, |depth| depth.share())));
        }
        Course(plays)
    }

    fn covers(&self, offer: &Offer, row: &ForecastRow) -> bool {
        offer.span.contains(row.period)
            && (offer.place == row.place || self.facts.regions.get(&row.place) == Some(&offer.place))
    }

    /// What a piece sold at a depth earns, vendor money included.
    pub fn margin(&self, sku: &Sku, depth: f64) -> f64 {
        let Some(item) = self.items.get(sku) else { return 0.0 };
        let (list, cost) = (item.list_price as f64, item.unit_cost as f64);
        list * (1.0 - depth * (1.0 - self.funded)) - cost
    }

    /// The category of an item, else its group.
    pub fn category(&self, sku: &Sku) -> &str {
        self.items.get(sku).map_or("", |item| item.category.as_deref().unwrap_or(item.group.as_str()))
    }

    /// Places of a region, or the store itself.
    pub fn stores<'s>(&'s self, place: &'s Place) -> impl Iterator<Item = &'s Place> {
        let regions = self.facts.regions.iter();
        regions.filter(move |(store, region)| *store == place || *region == place).map(|(store, _)| store)
    }

    /// The region of a store; nothing for a store that the facts do not know.
    pub fn region(&self, store: &Place) -> Option<&Place> {
        self.facts.regions.get(store)
    }

    /// An offer of the first period in a region, without support.
    pub fn offer(&self, sku: Sku, place: Place, depth: Depth) -> Offer {
        let span = Span::of_length(self.span.start, 1);
        Offer { sku, place, span, mechanic: Mechanic::Tpr, depth, support: Support::default() }
    }

    /// What a shelf holds.
    pub fn shelf(&self, sku: &Sku, place: &Place) -> Option<&Shelf> {
        self.shelves.get(&(sku.clone(), place.clone()))
    }

    /// Plays an item at some places without and with a change.
    pub fn tried<'p>(
        &self,
        sku: &Sku,
        places: impl IntoIterator<Item = &'p Place>,
        (without, with): (&Course, &Course),
    ) -> Effect {
        let cells = places.into_iter().filter_map(|place| {
            let cell = (sku.clone(), place.clone());
            Some((self.shelves.get(&cell)?, without.0.get(&cell)?, with.0.get(&cell)?))
        });
        tried(cells.collect::<Vec<_>>(), &self.luck)
    }
}

impl Course {
    /// Pieces wanted of a cell in the first period.
    pub fn wanted_first(&self, sku: &Sku, place: &Place) -> f64 {
        let play = self.0.get(&(sku.clone(), place.clone()));
        play.and_then(|play| play.demand.first()).map_or(0.0, |demand| demand.mean)
    }

    /// The same with the first period at list price, which a forecast's baseline tells.
    pub fn without_first(&self, stage: &Stage, forecast: &Forecast, first: Period) -> Self {
        let mut plays = self.0.clone();
        for row in forecast.rows.iter().filter(|row| row.period == first) {
            let Some(play) = plays.get_mut(&(row.sku.clone(), row.place.clone())) else { continue };
            play.demand[0].mean = row.baseline;
            play.margin[0] = stage.margin(&row.sku, 0.0);
        }
        Self(plays)
    }
}
