//! Network: the orders of all cells, decided period by period under the limits that they share.
//!
//! At the end of a period the warehouses ship what their places wish, as far as it goes; then places without a warehouse,
//! and warehouses for all their places, order from suppliers. Never draws at random.

use crate::capacity::{LimitPrices, Room, split};
use crate::cells::Cell;
use crate::echelon::Pool;
use crate::outlook::{Outlook, Wish};
use crate::supply::OrderAdvice;
use crate::trucks::fill;
use crate::{CellTerms, SupplySettings};
use endcap_model::Pieces;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The outlooks of all cells.
pub(crate) struct Network<'a> {
    pub outlooks: Vec<Outlook<'a>>,
    pools: &'a [Pool],
    /// Of each pool, the outlook of warehouse and places as one.
    wholes: Vec<Outlook<'a>>,
    /// The pool of a warehouse.
    pool_of: BTreeMap<usize, usize>,
    settings: &'a SupplySettings,
}

/// What was decided for one period.
#[derive(Default)]
pub(crate) struct Ordered {
    /// By cell; nothing where no sale is worth an order.
    pub advice: Vec<Option<OrderAdvice>>,
    pub prices: LimitPrices,
}

impl<'a> Network<'a> {
    /// Starts from what is on hand; `wholes` are the cells of the pools.
    pub fn new(cells: &'a [Cell<'a>], pools: &'a [Pool], wholes: &'a [Cell<'a>], settings: &'a SupplySettings) -> Self {
        let begin = |cells: &'a [Cell<'a>]| cells.iter().map(|cell| Outlook::new(cell, settings)).collect();
        let pool_of = pools.iter().enumerate().map(|(at, pool)| (pool.warehouse, at)).collect();
        Self { outlooks: begin(cells), pools, wholes: begin(wholes), pool_of, settings }
    }

    /// Decides the orders that are placed at the end of the period before `period`.
    pub fn order(&mut self, period: usize) -> Ordered {
        if !period.is_multiple_of(self.settings.review_periods) {
            return Ordered::default();
        }
        let wishes = self.wishes(period);
        let terms: Vec<&'a CellTerms> = self.outlooks.iter().map(|outlook| outlook.cell.terms).collect();
        let mut room = self.room(period, false);
        let mut granted = split(&wishes, &terms, &mut room);
        fill(&mut granted.pieces, &wishes, &terms, self.settings, &mut room);
        let shipped = split(&wishes, &terms, &mut self.room(period, true));
        let mut prices = granted.prices;
        prices.warehouse = shipped.prices.warehouse;
        prices.place = prices.place.max(shipped.prices.place);
        let mut advice = Vec::new();
        for (cell, wish) in wishes.into_iter().enumerate() {
            let quantity = granted.pieces[cell] + shipped.pieces[cell];
            if period == 0 {
                advice.push(wish.map(|wish| OrderAdvice::of(terms[cell], &wish, quantity)));
            }
            if let Some(wish) = wish {
                self.grant(cell, period, wish, quantity);
            }
        }
        for pool in self.pools {
            let shipped = pool.places.iter().map(|&place| shipped.pieces[place]).sum();
            self.outlooks[pool.warehouse].ship(shipped);
        }
        Ordered { advice, prices }
    }

    /// What every cell wishes, warehouses for all their places; nothing where it would come after the horizon.
    fn wishes(&self, period: usize) -> Vec<Option<Wish>> {
        let wish = |cell: usize| {
            let outlook = self.pool_of.get(&cell).map_or(&self.outlooks[cell], |&pool| &self.wholes[pool]);
            let comes = period + outlook.cell.lead_time <= outlook.cell.demand.len();
            comes.then(|| outlook.wish(period, self.settings)).flatten()
        };
        (0..self.outlooks.len()).into_par_iter().map(wish).collect()
    }

    fn grant(&mut self, cell: usize, period: usize, wish: Wish, quantity: i64) {
        match self.pool_of.get(&cell) {
            None => self.outlooks[cell].grant(period, wish, quantity),
            Some(&pool) => {
                self.wholes[pool].grant(period, wish, quantity);
                self.outlooks[cell].rules[period] = self.wholes[pool].rules[period];
                self.outlooks[cell].order(period, quantity);
            }
        }
    }

    /// What can arrive of the orders of a period beside what is already under way: from suppliers, or from warehouses.
    fn room(&self, period: usize, fed: bool) -> Room<'a> {
        let settings = self.settings;
        let places = settings.capacity_by_place.iter().map(|(place, &pieces)| (place, pieces));
        let mut room = Room {
            all: settings.capacity.filter(|_| !fed),
            by_place: places.collect(),
            money: settings.budget.filter(|_| !fed),
            fed,
            by_source: BTreeMap::new(),
        };
        for cell in self.outlooks.iter().map(|outlook| outlook.cell) {
            let arriving = cell.arrivals.get(period + cell.lead_time - 1).copied().unwrap_or(0);
            room.all = room.all.map(|pieces| pieces - arriving);
            if let Some(pieces) = room.by_place.get_mut(&cell.terms.place) {
                *pieces -= arriving;
            }
        }
        for pool in self.pools.iter().filter(|_| fed) {
            let outlook = &self.outlooks[pool.warehouse];
            let terms = outlook.cell.terms;
            room.by_source.insert((&terms.sku, &terms.place), outlook.there());
        }
        room
    }

    /// Lets a period pass.
    pub fn advance(&mut self, period: usize) {
        let all = self.outlooks.par_iter_mut().chain(&mut self.wholes);
        all.for_each(|outlook| outlook.advance(period, self.settings));
    }
}

impl OrderAdvice {
    fn of(terms: &CellTerms, wish: &Wish, quantity: i64) -> Self {
        Self {
            sku: terms.sku.clone(),
            place: terms.place.clone(),
            position: wish.stock,
            safety_stock: wish.rule.order_up_to - wish.cover.mean,
            reorder_point: wish.rule.reorder_point,
            order_up_to: wish.rule.order_up_to,
            wished: Pieces(wish.quantity),
            quantity: Pieces(quantity),
            saves: wish.cost.of(wish.stock) - wish.cost.of(wish.stock + quantity as f64),
        }
    }
}
