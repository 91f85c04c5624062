//! Transfers: pieces that move between places of a region because they sell sooner there.
//!
//! A piece moves when what it is expected to earn at the place that runs out before an order can arrive exceeds what
//! it would have earned where it lies, over that place's own cover, and the cost of moving it. Piece by piece, the
//! best gain first: with concave expected sales no other set of as many pieces gains more within the item and region.
//! Moved pieces leave at the end of the period before the plan and can be sold from its first period on.

use crate::Demand;
use crate::SupplySettings;
use crate::cells::{Cell, period_of};
use crate::limited::stockout_probability;
use endcap_model::{Pieces, Place, Sku, Span, Transfer};
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
    underage: f64,
    /// Pieces on hand that have not been given away.
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
    if settings.lead_time_periods < 2 {
        return moves;
    }
    for group in groups(cells, settings).into_values() {
        let mut sides: Vec<Side> = group.into_iter().map(|cell| Side::new(cell, &cells[cell], settings)).collect();
        for ((from, to), pieces) in best_moves(&mut sides, cost, &mut moves.gain) {
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

fn best_moves(sides: &mut [Side], cost: f64, gain: &mut f64) -> BTreeMap<(usize, usize), i64> {
    let mut moved: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    loop {
        let from = (0..sides.len())
            .filter(|&side| sides[side].on_hand > 0)
            .min_by(|&a, &b| sides[a].loss().total_cmp(&sides[b].loss()));
        let to = (0..sides.len()).max_by(|&a, &b| sides[a].gain().total_cmp(&sides[b].gain()));
        let (Some(from), Some(to)) = (from, to) else { return moved };
        let gained = sides[to].gain() - sides[from].loss() - cost;
        if from == to || gained <= 0.0 {
            return moved;
        }
        *gain += gained;
        sides[from].shift(-1);
        sides[to].shift(1);
        *moved.entry((sides[from].cell, sides[to].cell)).or_default() += 1;
    }
}

impl Side {
    fn new(at: usize, cell: &Cell, settings: &SupplySettings) -> Self {
        let exposed = settings.lead_time_periods - 1;
        let covered = exposed + settings.review_periods;
        let stand = |periods: usize| {
            let arriving: i64 = cell.arrivals[..periods.min(cell.arrivals.len())].iter().sum();
            (cell.demand_over(0..periods, settings.persistence), (cell.on_hand + arriving) as f64)
        };
        Self {
            cell: at,
            underage: cell.terms.underage_cost().max(0.0),
            on_hand: cell.on_hand,
            exposed: stand(exposed),
            covered: stand(covered),
        }
    }

    /// Earned by one more piece before an order can arrive.
    fn gain(&self) -> f64 {
        self.underage * stockout_probability(self.exposed.0, self.exposed.1)
    }

    /// Earned here by the last piece over the cover, where it stays.
    fn loss(&self) -> f64 {
        self.underage * stockout_probability(self.covered.0, self.covered.1 - 1.0)
    }

    fn shift(&mut self, pieces: i64) {
        self.on_hand += pieces;
        self.exposed.1 += pieces as f64;
        self.covered.1 += pieces as f64;
    }
}
