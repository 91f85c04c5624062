//! What a policy may do in the world and what it gets to see of it.

use crate::CellKey;
use endcap_model::{Offer, Period, Pieces, SupplyOrder, Transfer};
use std::sync::Arc;

/// What is done before a period begins.
///
/// Offers run for the period where their span holds it; others are left aside. Where two offers meet in one cell, the
/// deeper one runs. Orders and transfers belong to the end of the period before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actions {
    /// Offers; the place is a store or a region whose stores all run it.
    pub offers: Vec<Offer>,
    /// Orders placed at the end of the period before. The world's own lead time says when they come.
    pub orders: Vec<SupplyOrder>,
    /// Transfers that leave at the end of the period before and can be sold from the start of this one.
    pub transfers: Vec<Transfer>,
}

/// What a retailer sees of one cell (an item at a place) before a period begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellSeen {
    /// Pieces that can be sold, before the period's arrivals.
    pub on_hand: Pieces,
    /// Pieces under way, as announced; what comes may be less.
    pub on_order: Pieces,
    /// Pieces sold in the last period.
    pub sold: Pieces,
    /// Price of one piece in the last period, in minor units.
    pub paid: i64,
    /// Whether the shelf was empty when the last period closed. Says nothing of how much was wanted.
    pub stocked_out: bool,
}

/// What a retailer sees before a period begins. Demand that was not met is not in it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The period that is about to begin.
    pub period: Period,
    /// The period that has just ended; nothing before the first. Until then `sold` is 0 without meaning.
    pub last: Option<Period>,
    /// Who the cells are, sorted by item and place.
    pub keys: Arc<[CellKey]>,
    /// The cells, in the order of the keys.
    pub cells: Vec<CellSeen>,
    /// Pieces announced for the start of each of the next periods, cell by cell; see [`Observation::pipeline`].
    pub(crate) announced: Vec<i64>,
}

impl Observation {
    /// Iterates over what is announced for a cell, by the period at whose start it should come.
    pub fn pipeline(&self, cell: usize) -> impl Iterator<Item = (Period, Pieces)> + '_ {
        let width = self.announced.len() / self.cells.len().max(1);
        let first = self.period;
        let row = &self.announced[cell * width..(cell + 1) * width];
        row.iter()
            .enumerate()
            .filter(|&(_, &pieces)| pieces > 0)
            .map(move |(ahead, &pieces)| (first.plus(ahead as i32), Pieces(pieces)))
    }
}

/// A way to act: sees the world period by period and answers with actions.
pub trait Policy {
    /// Returns the name under which its outcomes are kept.
    fn name(&self) -> &str;

    /// Decides what is done before the observed period begins.
    fn act(&mut self, seen: &Observation) -> Actions;
}
