//! What a policy may do in the world and what it gets to see of it.

use crate::{CellKey, World};
use endcap_model::{Offer, Period, Pieces, Sku, SupplyOrder, Transfer};
use std::sync::Arc;

/// What is done before a period begins.
///
/// Offers run for the period where their span holds it; others are left aside. Where two offers meet in one cell, the
/// deeper one runs. Orders and transfers belong to the end of the period before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actions {
    /// Offers; the place is a store or a region whose stores all run it.
    pub offers: Vec<Offer>,
    /// Orders placed at the end of the period before. The world's own lead time says when they come; where it offers
    /// expedited orders, one that is to arrive earlier than that is expedited.
    pub orders: Vec<SupplyOrder>,
    /// Further orders of the same moment, by number of the cell: for policies that order everywhere every period.
    pub cell_orders: Vec<CellOrder>,
    /// Transfers that leave at the end of the period before and can be sold from the start of this one.
    pub transfers: Vec<Transfer>,
    /// Pieces that the policy expects to be wanted of each cell in the period that begins, in the order of the cells;
    /// empty when it does not say. It is scored against what was wanted, which only the world knows.
    pub expected: Vec<f64>,
}

/// An order for a cell, by its number in [`Observation::cells`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellOrder {
    /// Number of the cell.
    pub cell: usize,
    /// Pieces, 1 or more.
    pub pieces: i64,
    /// Whether it is to come faster for more money, where the world offers that.
    pub expedite: bool,
}

/// What a retailer sees of one cell (an item at a place) before a period begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
    /// Share of the last period until the shelf ran empty; 1 where it did not.
    pub on_sale: f32,
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
    /// Competitors' prices over their usual ones in the last period, by item in sorted order.
    pub rival_prices: Vec<f64>,
    /// Pieces announced for the start of each of the next periods, period by period; see [`Observation::pipeline`].
    pub(crate) announced: Vec<i64>,
}

impl Observation {
    /// Iterates over what is announced for a cell, by the period at whose start it should come.
    pub fn pipeline(&self, cell: usize) -> impl Iterator<Item = (Period, Pieces)> + '_ {
        let first = self.period;
        let column = self.announced.iter().skip(cell).step_by(self.cells.len().max(1));
        column
            .enumerate()
            .filter(|&(_, &pieces)| pieces > 0)
            .map(move |(ahead, &pieces)| (first.plus(ahead as i32), Pieces(pieces)))
    }
}

/// A way to act: sees the world period by period and answers with actions.
pub trait Policy {
    /// Returns the name under which its outcomes are kept.
    fn name(&self) -> &str;

    /// Meets the world before its first period. For policies of this crate that know what is hidden; to all others the
    /// world shows nothing beyond [`World::observe`] and the records of its [`World::past`].
    fn meet(&mut self, _world: &World<'_>) {}

    /// Spreads what was bought for the opening over the cells: pieces by cell, as many of every item as were bought.
    /// Nothing leaves it as the world has it.
    fn allot(&mut self) -> Option<Vec<i64>> {
        None
    }

    /// Decides what is done before the observed period begins.
    fn act(&mut self, seen: &Observation) -> Actions;

    /// Own elasticities of the items that it has estimated so far; they are scored against what is hidden.
    fn elasticities(&self) -> Vec<(Sku, f64)> {
        Vec::new()
    }

    /// Hands over what went wrong since it was last asked.
    fn faults(&mut self) -> Vec<Fault> {
        Vec::new()
    }

    /// Hands over what it found worth telling since it was last asked; the comparison fills in the seed.
    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

/// Something that a policy found out and tells people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Name of the policy.
    pub policy: String,
    /// Seed of the world.
    pub seed: u64,
    /// The period that was about to begin, as the calendar writes it.
    pub period: String,
    /// What kind of note it is: one word by which notes are counted.
    pub kind: &'static str,
    /// What it says, in words with figures.
    pub text: String,
}

/// Something that a policy did wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Name of the policy.
    pub policy: String,
    /// Seed of the world.
    pub seed: u64,
    /// The period that was about to begin, as the calendar writes it.
    pub period: String,
    /// What was wrong, in words.
    pub reason: String,
    /// Whether the policy did nothing more from then on in this world.
    pub ended: bool,
}
