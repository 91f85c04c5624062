//! Transfers: pieces that move between places of a region because they sell sooner there.
//!
//! A piece moves when what it is expected to earn at the place that runs out before an order can arrive exceeds what
//! it would have earned where it lies, over that place's own cover, and the cost of moving it. No other set of moves
//! gains more within the item and region (`flow`).
//! Moved pieces leave at the end of the period before the plan and can be sold from its first period on.

use crate::Demand;
use crate::SupplySettings;
use crate::cells::{Cell, period_of};
use crate::flow::{Exchange, Flow};
use crate::limited::stockout_probability;
use endcap_model::{Pieces, Place, Sku, Span, Transfer};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Transfers and what they are expected to gain after their cost, in minor units.
#[derive(Default)]
pub(crate) struct Moves {
    pub transfers: Vec<Transfer>,
    pub gain: f64,
}

/// One place of a region, as giver and as taker of one item.
struct Side {
    cell: usize,
    place: Place,
    underage: f64,
    /// Pieces on hand.
    on_hand: i64,
    /// Demand and stock until an order of now arrives.
    exposed: (Demand, f64),
    /// Demand and stock over the whole cover.
    covered: (Demand, f64),
}

/// Moves pieces between the cells of each item and region, changing what is on hand there.
pub(crate) fn transfer(cells: &mut [Cell], span: Span, settings: &SupplySettings) -> Moves {
    let mut moves = Moves::default();
    let Some(cost) = settings.transfer_cost else { return moves };
    let groups: Vec<Vec<usize>> = groups(cells, settings).into_values().filter(|group| group.len() > 1).collect();
    let flows: Vec<(Vec<Side>, Flow)> = groups
        .par_iter()
        .map(|group| {
            let sides: Vec<Side> = group.iter().map(|&cell| Side::new(cell, &cells[cell], settings)).collect();
            let flow = exchange(&sides, settings, cost);
            (sides, flow)
        })
        .collect();
    for (sides, flow) in flows {
        moves.gain += flow.gain;
        for ((from, to), pieces) in flow.moves {
            let (from, to) = (sides[from].cell, sides[to].cell);
            cells[from].on_hand -= pieces;
            cells[to].on_hand += pieces;
            moves.transfers.push(Transfer {
                sku: cells[from].terms.sku.clone(),
                from: cells[from].terms.place.clone(),
                to: cells[to].terms.place.clone(),
                period: period_of(span, 0).plus(-1),
                quantity: Pieces(pieces),
            });
        }
    }
    moves
}

fn groups(cells: &[Cell], settings: &SupplySettings) -> BTreeMap<(Sku, Place), Vec<usize>> {
    let mut groups: BTreeMap<(Sku, Place), Vec<usize>> = BTreeMap::new();
    for (at, cell) in cells.iter().enumerate() {
        if let Some(region) = settings.regions.get(&cell.terms.place) {
            groups.entry((cell.terms.sku.clone(), region.clone())).or_default().push(at);
        }
    }
    groups
}

fn exchange(sides: &[Side], settings: &SupplySettings, cost: f64) -> Flow {
    let between = |from: usize, to: usize| {
        if settings.transfer_cost_between.is_empty() {
            return Some(cost);
        }
        let stated = settings.transfer_cost_between.get(&(sides[from].place.clone(), sides[to].place.clone()));
        Some(stated.copied().unwrap_or(cost))
    };
    let ways: Vec<Option<f64>> =
        (0..sides.len()).flat_map(|from| (0..sides.len()).map(move |to| between(from, to))).collect();
    Exchange {
        places: sides.len(),
        loss: |side: usize, given: i64| sides[side].loss(given),
        gain: |side: usize, taken: i64| sides[side].gain(taken),
        cost: |from: usize, to: usize| ways[from * sides.len() + to],
    }
    .best()
}

impl Side {
    fn new(at: usize, cell: &Cell, settings: &SupplySettings) -> Self {
        let exposed = cell.lead_time - 1;
        let covered = exposed + settings.review_periods;
        let stand = |periods: usize| {
            let arriving: i64 = cell.arrivals[..periods.min(cell.arrivals.len())].iter().sum();
            (cell.demand_over(0..periods, settings.persistence), (cell.on_hand + arriving) as f64)
        };
        Self {
            cell: at,
            place: cell.terms.place.clone(),
            underage: cell.terms.underage_cost().max(0.0),
            on_hand: cell.on_hand,
            exposed: stand(exposed),
            covered: stand(covered),
        }
    }

    /// Earned by one more piece before an order can arrive, after so many.
    fn gain(&self, taken: i64) -> f64 {
        self.underage * stockout_probability(self.exposed.0, self.exposed.1 + taken as f64)
    }

    /// Earned here by the last piece over the cover, where it stays; infinite where there is none left to give.
    fn loss(&self, given: i64) -> f64 {
        if given >= self.on_hand {
            return f64::INFINITY;
        }
        self.underage * stockout_probability(self.covered.0, self.covered.1 - (given + 1) as f64)
    }
}
